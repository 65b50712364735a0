//! Execution settings that were measured to be best for a policy on this computer,
//! kept from one start to the next.
//!
//! A choice is bound to what it was measured with: processor and number of cores,
//! providers, policy, library, networks. Each file says all of it, and its own
//! hash; what does not fit is not used. Nothing but time depends on the folder: it
//! may be read-only, full, or emptied at any time.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use concert_models::digest::sha256_hex;
use concert_models::own;
use serde::{Deserialize, Serialize};

use super::Provider;
use super::optimised::{identity, processor};
use crate::execution::ExecutionSettings;
use crate::io::library::{Library, cache_folder};

/// Version of the files' own format.
const FORMAT: u32 = 1;
/// Largest file of a choice, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 10;
/// Most files; the oldest go first.
const MAX_FILES: usize = 256;

/// A folder of choices.
#[derive(Debug, Clone)]
pub struct TunedFolder(PathBuf);

/// What has to be known to look for a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedFor {
    format: u32,
    /// Hash of the processor's kind and features.
    processor: String,
    /// Processors that this process may use.
    processors: usize,
    /// Providers, in the order in which they are tried.
    providers: Vec<String>,
    /// Threads that somebody asked for.
    threads: Option<NonZeroUsize>,
    /// Hash of the policy.
    policy: String,
}

/// What a choice was measured with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedWith {
    /// Version and size of the library.
    pub library: String,
    /// Hash over the names and hashes of all networks.
    pub networks: String,
}

/// A choice, and what was measured of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    /// What it is for.
    pub of: TunedFor,
    /// What it was measured with.
    pub with: TunedWith,
    /// Name of the policy, for people.
    pub policy_name: String,
    /// What was chosen by, for people.
    pub goal: String,
    /// The choice.
    pub settings: ExecutionSettings,
    /// Median time of a frame, ms.
    pub frame_millis: f64,
    /// Processor time of a frame, ms.
    pub processor_millis: f64,
}

impl TunedFor {
    /// A policy (by its hash) on this computer; `None` where the processor does not
    /// say what it is.
    #[must_use]
    pub fn here(
        providers: &[Provider],
        threads: Option<NonZeroUsize>,
        policy: &str,
    ) -> Option<Self> {
        let names = providers.iter().map(|provider| provider.name().to_owned());
        Some(Self {
            format: FORMAT,
            processor: processor()?,
            processors: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            providers: names.collect(),
            threads,
            policy: policy.to_owned(),
        })
    }

    /// Tells whether both are of one computer.
    #[must_use]
    pub fn is_of_computer_of(&self, other: &Self) -> bool {
        let computer = |of: &Self| (of.format, of.processor.clone(), of.processors);
        computer(self) == computer(other)
    }

    fn file_name(&self) -> String {
        format!("{}.json", sha256_hex(format!("{self:?}").as_bytes()))
    }
}

impl TunedWith {
    /// A library, and networks by name and hash in any order; `None` where the
    /// library is not there.
    #[must_use]
    pub fn of(library: &Library, networks: &[(String, String)]) -> Option<Self> {
        Some(Self {
            library: identity(library)?,
            networks: hash_of_networks(networks),
        })
    }
}

/// Hash over the names and hashes of networks, in any order.
fn hash_of_networks(networks: &[(String, String)]) -> String {
    let mut networks = networks.to_vec();
    networks.sort();
    sha256_hex(format!("{networks:?}").as_bytes())
}

impl Tuned {
    /// Holds the networks of a policy to those that this was measured with.
    ///
    /// # Errors
    /// What is different.
    pub fn check_networks(&self, networks: &[(String, String)]) -> Result<(), String> {
        match hash_of_networks(networks) == self.with.networks {
            true => Ok(()),
            false => Err("it was measured with other networks".to_owned()),
        }
    }

    /// Holds a library to the one that this was measured with.
    ///
    /// # Errors
    /// Both, where they differ.
    pub fn check_library(&self, library: &Library) -> Result<(), String> {
        let found = identity(library).unwrap_or_default();
        match found == self.with.library {
            true => Ok(()),
            false => Err(format!(
                "it was measured with onnxruntime {}, but {found} runs",
                self.with.library
            )),
        }
    }
}

impl TunedFolder {
    /// The user's; `None` where there is no place for one.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let folder = cache_folder().ok()?;
        Some(Self::at(folder.join("tuned")))
    }

    /// The one at this path.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The choice that was kept; `None` where there is none.
    ///
    /// # Errors
    /// Why the file that is there is not used.
    pub fn find(&self, of: &TunedFor) -> io::Result<Option<Tuned>> {
        match read(&self.path(of)) {
            Ok(found) if found.of == *of => Ok(Some(found)),
            Ok(_) => Err(io::Error::other("it is for something else")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The file that a choice is kept in.
    #[must_use]
    pub fn path(&self, of: &TunedFor) -> PathBuf {
        self.0.join(of.file_name())
    }

    /// Keeps a choice, in the place of the one before; gives its file.
    ///
    /// # Errors
    /// Where the system does not let it; the one before stays then.
    pub fn keep(&self, tuned: &Tuned) -> io::Result<PathBuf> {
        own::make_folder(&self.0, true)?;
        let json = serde_json::to_vec(tuned)?;
        let mut whole = tempfile::Builder::new()
            .prefix("new-")
            .tempfile_in(&self.0)?;
        writeln!(whole, "{}", sha256_hex(&json))?;
        whole.write_all(&json)?;
        let path = self.path(&tuned.of);
        // In one go: nobody sees half a file.
        whole.persist(&path).map_err(|error| error.error)?;
        self.shrink()?;
        Ok(path)
    }

    /// All that is kept for this computer and can be used.
    #[must_use]
    pub fn list(&self, of: &TunedFor) -> Vec<Tuned> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let files = entries.take(2 * MAX_FILES).map(|entry| entry.path());
        let mut found: Vec<_> = files
            .filter_map(|path| read(&path).ok())
            .filter(|tuned| tuned.of.is_of_computer_of(of))
            .collect();
        found.sort_by(|one, other| one.policy_name.cmp(&other.policy_name));
        found
    }

    /// Removes the oldest files, until the rest is within bounds.
    fn shrink(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)?.flatten() {
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort();
        let surplus = files.len().saturating_sub(MAX_FILES);
        files[..surplus]
            .iter()
            .try_for_each(|(_, path)| fs::remove_file(path))
    }
}

/// Reads a kept choice and holds it to its hash.
fn read(path: &Path) -> io::Result<Tuned> {
    let file: File = own::open(path)?;
    let size = file.metadata()?.len();
    if size > MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "it has {size} bytes, but a choice has at most {MAX_FILE_BYTES}"
        )));
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    let (hash, json) = text
        .split_once('\n')
        .ok_or_else(|| io::Error::other("it has no first line"))?;
    let found = sha256_hex(json.as_bytes());
    if found != hash {
        return Err(io::Error::other(format!(
            "its choice has sha256 {found}, but {hash:.64} was kept"
        )));
    }
    Ok(serde_json::from_str(json)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::execution::{EncoderOrder, Spinning};
    use crate::io::library::LibraryOrigin;

    fn of(policy: &str) -> TunedFor {
        TunedFor::here(&[Provider::Cpu], None, policy).unwrap()
    }

    fn tuned(policy: &str) -> Tuned {
        let networks = [("xfeat".to_owned(), "12".to_owned())];
        Tuned {
            of: of(policy),
            with: TunedWith {
                library: "1.31.1 of 5 bytes".to_owned(),
                networks: hash_of_networks(&networks),
            },
            policy_name: policy.to_owned(),
            goal: "latency".to_owned(),
            settings: ExecutionSettings {
                encoders: Some(EncoderOrder::OneAfterTheOther),
                threads: NonZeroUsize::new(2),
                spinning: Spinning::Micros(100),
            },
            frame_millis: 25.25,
            processor_millis: 40.0,
        }
    }

    #[test]
    fn what_was_kept_is_found_by_the_same_policy_providers_threads_and_computer() {
        let folder = tempfile::tempdir().unwrap();
        let folder = TunedFolder(folder.path().join("tuned"));
        assert!(folder.find(&of("home")).unwrap().is_none());
        folder.keep(&tuned("home")).unwrap();
        assert_eq!(folder.find(&of("home")).unwrap(), Some(tuned("home")));
        let others = [
            of("away"),
            TunedFor::here(&[Provider::Cuda, Provider::Cpu], None, "home").unwrap(),
            TunedFor::here(&[Provider::Cpu], NonZeroUsize::new(1), "home").unwrap(),
            TunedFor {
                processors: 1000,
                ..of("home")
            },
            TunedFor {
                processor: "another".to_owned(),
                ..of("home")
            },
        ];
        for other in others {
            assert!(folder.find(&other).unwrap().is_none(), "{other:?}");
        }
        folder.keep(&tuned("away")).unwrap();
        let names = folder.list(&of("any")).into_iter();
        let names: Vec<_> = names.map(|tuned| tuned.policy_name).collect();
        assert_eq!(names, ["away", "home"]);
    }

    #[test]
    fn a_choice_is_held_to_its_networks_and_its_library() {
        let tuned = tuned("home");
        let networks = |hash: &str| [("xfeat".to_owned(), hash.to_owned())];
        assert_eq!(tuned.check_networks(&networks("12")), Ok(()));
        let other = tuned.check_networks(&networks("13")).unwrap_err();
        assert!(other.contains("other networks"), "{other}");
        let folder = tempfile::tempdir().unwrap();
        let library = |version: &str| {
            let path = folder.path().join("library.so");
            fs::write(&path, b"12345").unwrap();
            Library {
                path,
                version: version.to_owned(),
                origin: LibraryOrigin::Explicit,
            }
        };
        assert_eq!(tuned.check_library(&library("1.31.1")), Ok(()));
        let other = tuned.check_library(&library("1.32.0")).unwrap_err();
        assert!(
            other.contains("1.31.1") && other.contains("1.32.0"),
            "{other}"
        );
    }

    #[test]
    fn a_file_from_elsewhere_or_damaged_is_refused_and_replaced() {
        let place = tempfile::tempdir().unwrap();
        let folder = TunedFolder(place.path().join("tuned"));
        let path = folder.keep(&tuned("home")).unwrap();
        let whole = fs::read(&path).unwrap();
        let foreign = folder.keep(&tuned("away")).unwrap();
        let flipped = |at: usize| {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            damaged
        };
        let damages = [
            fs::read(foreign).unwrap(),
            flipped(3),
            flipped(whole.len() - 20),
            whole[..whole.len() - 1].to_vec(),
            whole[..40].to_vec(),
            [&*whole, b" "].concat(),
            vec![b'x'; 1 << 20],
            vec![0xff; 100],
            Vec::new(),
        ];
        for damaged in damages {
            fs::write(&path, damaged).unwrap();
            assert!(folder.find(&of("home")).is_err());
            folder.keep(&tuned("home")).unwrap();
            assert!(folder.find(&of("home")).unwrap().is_some());
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let error = folder.find(&of("home")).unwrap_err().to_string();
        assert!(error.contains("everybody may write"), "{error}");
    }

    #[test]
    fn the_folder_stays_small() {
        let place = tempfile::tempdir().unwrap();
        let folder = TunedFolder(place.path().join("tuned"));
        for policy in 0..MAX_FILES + 3 {
            folder.keep(&tuned(&policy.to_string())).unwrap();
        }
        let left = fs::read_dir(&folder.0).unwrap().count();
        assert_eq!(left, MAX_FILES);
        let newest = of(&(MAX_FILES + 2).to_string());
        assert!(folder.find(&newest).unwrap().is_some());
    }
}
