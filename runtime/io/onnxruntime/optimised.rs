//! Small networks as ONNX Runtime optimised them, kept from one start to the next:
//! reading, hashing and loading one takes less than half of what optimising it
//! anew does.
//!
//! A kept network is bound to the machine and the library that made it, so each
//! file says what it was made of and for, and its own hash; one that does not fit
//! is made anew. Nothing but time depends on the folder: it may be read-only,
//! full, or emptied at any time.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use concert_models::digest::sha256_hex;
use concert_models::{NetworkFile, own};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use serde::{Deserialize, Serialize};

use super::Provider;
use crate::io::library::Library;

/// Version of the files' own format.
const FORMAT: u32 = 1;
/// Longest first line of a file, in bytes.
const MAX_HEADER_BYTES: u64 = 4 << 10;
/// Largest network of which an optimised one is kept, in bytes. What is larger is
/// mostly weights: reading and hashing those twice takes longer than optimising
/// (13 MB: 31 against 17 ms of processor; 6 MB: equal; 0.3 MB: 2.6 against 5.7).
const MAX_NETWORK_BYTES: usize = 4 << 20;
/// Largest optimised network that is read, in bytes: some weights are stored
/// twice, in another order.
const MAX_OPTIMISED_BYTES: u64 = 4 * MAX_NETWORK_BYTES as u64;
/// Most bytes of all files together; the ones not used for longest go first.
const MAX_FOLDER_BYTES: u64 = 512 << 20;
/// Most of `/proc/cpuinfo` that is read: the first core says it all.
const CPUINFO_BYTES: u64 = 64 << 10;

/// A folder of optimised networks.
#[derive(Debug, Clone)]
pub struct OptimisedCache {
    folder: PathBuf,
    library: String,
    processor: String,
    max_bytes: u64,
}

/// Everything that an optimised network depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    format: u32,
    /// SHA-256 of the network as it was before.
    network: String,
    /// Version and size of the library.
    library: String,
    provider: String,
    /// Hash of the processor's kind and features.
    processor: String,
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    key: Key,
    /// SHA-256 of the rest of the file.
    sha256: String,
    /// Nodes per provider before they were joined.
    nodes: Vec<(String, usize)>,
}

/// A network from the cache.
pub(super) struct Optimised {
    whole: Vec<u8>,
    /// Where the network begins in `whole`.
    begin: usize,
    /// Nodes per provider, as the library told them when it optimised.
    pub(super) nodes: Vec<(String, usize)>,
}

impl Optimised {
    /// ONNX, with operators of the library's own.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.whole[self.begin..]
    }
}

impl OptimisedCache {
    /// The cache in `folder`, for what `library` makes on this processor; `None`
    /// where the processor does not say what it is.
    #[must_use]
    pub fn new(folder: PathBuf, library: &Library) -> Option<Self> {
        Some(Self {
            folder,
            library: identity(library)?,
            processor: processor()?,
            max_bytes: MAX_FOLDER_BYTES,
        })
    }

    /// Tells whether keeping an optimised network pays.
    pub(super) fn pays(file: &NetworkFile) -> bool {
        file.bytes.len() <= MAX_NETWORK_BYTES
    }

    fn key(&self, file: &NetworkFile, provider: Provider) -> Key {
        Key {
            format: FORMAT,
            network: file.sha256.clone(),
            library: self.library.clone(),
            provider: provider.name().to_owned(),
            processor: self.processor.clone(),
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        let words = format!("{key:?}");
        self.folder
            .join(format!("{}.onnx", sha256_hex(words.as_bytes())))
    }

    /// The network as it was optimised before; `None` where that was not here, or
    /// the file is not what it says it is.
    pub(super) fn find(&self, file: &NetworkFile, provider: Provider) -> Option<Optimised> {
        let key = self.key(file, provider);
        let path = self.path(&key);
        match read(&path, &key) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let (network, path) = (&file.name, path.display());
                tracing::warn!(%network, "{path} is not used, but made anew: {error}");
                None
            }
        }
    }

    /// Lets `make` write the optimised network into a file, and keeps that; it also
    /// gives a session, and the nodes per provider. `None` where there can be no
    /// such file, or `make` fails; where it cannot be kept, the next start takes
    /// longer.
    pub(super) fn make<T>(
        &self,
        file: &NetworkFile,
        provider: Provider,
        make: impl FnOnce(&Path) -> Result<(T, Vec<(String, usize)>), String>,
    ) -> Option<(T, Vec<(String, usize)>)> {
        let not_kept = |reason: &dyn Display| {
            let folder = self.folder.display();
            tracing::debug!(network = %file.name, "not kept in {folder}: {reason}");
        };
        let written = own::make_folder(&self.folder, true).and_then(|()| self.temporary());
        let written = written.map_err(|error| not_kept(&error)).ok()?;
        let (made, nodes) = make(written.path())
            .map_err(|words| not_kept(&words))
            .ok()?;
        let key = self.key(file, provider);
        let kept = self.keep(key, written.path(), &nodes);
        let kept = kept.and_then(|()| self.shrink());
        kept.unwrap_or_else(|error| not_kept(&error));
        Some((made, nodes))
    }

    fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new()
            .prefix("new-")
            .tempfile_in(&self.folder)
    }

    fn keep(&self, key: Key, made: &Path, nodes: &[(String, usize)]) -> io::Result<()> {
        let bytes = fs::read(made)?;
        let path = self.path(&key);
        let header = Header {
            key,
            sha256: sha256_hex(&bytes),
            nodes: nodes.to_vec(),
        };
        let mut whole = self.temporary()?;
        serde_json::to_writer(&mut whole, &header)?;
        whole.write_all(b"\n")?;
        whole.write_all(&bytes)?;
        // In one go: nobody sees half a file.
        whole.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes what was not used for longest, until the rest is within bounds;
    /// what processes left that were ended is as old as any.
    fn shrink(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if total <= self.max_bytes {
                break;
            }
            fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

/// Reads a kept network and holds it to its key and its hash.
fn read(path: &Path, key: &Key) -> io::Result<Optimised> {
    let mut file = own::open(path)?;
    if file.metadata()?.len() > MAX_OPTIMISED_BYTES + MAX_HEADER_BYTES {
        return Err(io::Error::other("it is larger than any that is kept"));
    }
    let mut whole = Vec::new();
    file.read_to_end(&mut whole)?;
    let first = whole.iter().take(MAX_HEADER_BYTES as usize);
    let end = first.copied().position(|byte| byte == b'\n');
    let end = end.ok_or_else(|| io::Error::other("it has no first line"))?;
    let header: Header = serde_json::from_slice(&whole[..end])?;
    if header.key != *key {
        return Err(io::Error::other("it was made of or for something else"));
    }
    let begin = end + 1;
    let (found, expected) = (sha256_hex(&whole[begin..]), header.sha256);
    if found != expected {
        let reason = format!("its network has sha256 {found}, but {expected} was kept");
        return Err(io::Error::other(reason));
    }
    note_use(&file);
    Ok(Optimised {
        whole,
        begin,
        nodes: header.nodes,
    })
}

/// Makes it the file that was used last; where that is not allowed, it goes
/// sooner.
fn note_use(file: &File) {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    let _ = futimens(file, &times);
}

/// Version and size of a library; `None` where it is not there.
pub(super) fn identity(library: &Library) -> Option<String> {
    let size = fs::metadata(&library.path).ok()?.len();
    Some(format!("{} of {size} bytes", library.version))
}

/// Hash of the kind and the features of the first core, as the kernel tells them.
pub(super) fn processor() -> Option<String> {
    let file = File::open("/proc/cpuinfo").ok()?;
    let (mut bytes, mut text) = (Vec::new(), String::new());
    file.take(CPUINFO_BYTES).read_to_end(&mut bytes).ok()?;
    for line in String::from_utf8_lossy(&bytes)
        .lines()
        .take_while(|line| !line.is_empty())
    {
        let name = line.split(':').next().unwrap_or_default().trim();
        // x86-64, then aarch64.
        if [
            "model name",
            "flags",
            "Features",
            "CPU implementer",
            "CPU part",
        ]
        .contains(&name)
        {
            text.push_str(line);
        }
    }
    (!text.is_empty()).then(|| sha256_hex(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn cache(folder: &Path) -> OptimisedCache {
        OptimisedCache {
            folder: folder.join("optimised"),
            library: "1.31.1 of 5 bytes".to_owned(),
            processor: "a".to_owned(),
            max_bytes: 10_000,
        }
    }

    /// Keeps `bytes` as what was made of a network.
    fn keep(cache: &OptimisedCache, network: &str, bytes: &[u8]) -> Option<()> {
        let nodes = vec![("cpu".to_owned(), 3)];
        let write = |path: &Path| fs::write(path, bytes).map_err(|error| error.to_string());
        let made = cache.make(&NetworkFile::fake(network), Provider::Cpu, |path| {
            write(path).map(|()| ((), nodes))
        });
        made.map(drop)
    }

    fn found(cache: &OptimisedCache, network: &str) -> Option<Vec<u8>> {
        let found = cache.find(&NetworkFile::fake(network), Provider::Cpu)?;
        assert_eq!(found.nodes, [("cpu".to_owned(), 3)]);
        Some(found.bytes().to_vec())
    }

    fn files(cache: &OptimisedCache) -> Vec<PathBuf> {
        let entries = fs::read_dir(&cache.folder).unwrap().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    #[test]
    fn what_was_kept_is_found_by_the_same_network_library_provider_and_processor() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        assert_eq!(found(&cache, "deep"), None);
        keep(&cache, "deep", b"optimised\nnetwork").unwrap();
        assert_eq!(found(&cache, "deep").unwrap(), b"optimised\nnetwork");
        assert_eq!(files(&cache).len(), 1, "nothing else is left there");
        assert_eq!(found(&cache, "deeper"), None);
        let cuda = cache.find(&NetworkFile::fake("deep"), Provider::Cuda);
        assert!(cuda.is_none());
        for other in [
            OptimisedCache {
                library: "1.32.0 of 5 bytes".to_owned(),
                ..cache.clone()
            },
            OptimisedCache {
                processor: "b".to_owned(),
                ..cache.clone()
            },
        ] {
            assert_eq!(found(&other, "deep"), None);
        }
    }

    #[test]
    fn a_file_from_elsewhere_or_damaged_is_refused_and_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let elsewhere = OptimisedCache {
            processor: "b".to_owned(),
            ..cache.clone()
        };
        keep(&elsewhere, "deep", b"for another processor").unwrap();
        let foreign = files(&elsewhere).remove(0);
        keep(&cache, "deep", b"optimised").unwrap();
        let own = files(&cache)
            .into_iter()
            .find(|path| *path != foreign)
            .unwrap();
        let whole = fs::read(&own).unwrap();
        let flipped = |at: usize| {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            damaged
        };
        for damaged in [
            fs::read(&foreign).unwrap(),
            flipped(whole.len() - 1),
            flipped(20),
            whole[..whole.len() - 1].to_vec(),
            whole[..30].to_vec(),
            [&*whole, b"more"].concat(),
            Vec::new(),
            vec![b'x'; 10_000],
        ] {
            fs::write(&own, damaged).unwrap();
            assert_eq!(found(&cache, "deep"), None);
            keep(&cache, "deep", b"optimised").unwrap();
            assert_eq!(found(&cache, "deep").unwrap(), b"optimised");
        }
        fs::set_permissions(&own, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(found(&cache, "deep"), None, "everybody may write it");
    }

    #[test]
    fn what_was_not_used_for_longest_goes_where_there_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let cache = OptimisedCache {
            max_bytes: 800,
            ..cache(folder.path())
        };
        for network in ["first", "second"] {
            keep(&cache, network, &[0; 50]).unwrap();
        }
        let path =
            |network: &str| cache.path(&cache.key(&NetworkFile::fake(network), Provider::Cpu));
        let ago = |network: &str, seconds: u64| {
            let file = File::options().write(true).open(path(network)).unwrap();
            let long_ago =
                std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.set_modified(long_ago).unwrap();
        };
        ago("first", 1000);
        ago("second", 2000);
        found(&cache, "first").unwrap();
        keep(&cache, "third", &[0; 50]).unwrap();
        assert_eq!(files(&cache).len(), 2, "of three of some 350 bytes");
        assert!(path("first").exists() && path("third").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_only_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let cache = cache(&file);
        assert_eq!(keep(&cache, "deep", b"optimised"), None);
        assert_eq!(found(&cache, "deep"), None);
    }
}
