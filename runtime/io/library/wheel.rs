//! The pinned wheels: what they are, how one is fetched, and how a cached one
//! is recognised.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::io::pip::{self, DOWNLOAD_LIMIT, Pip, PipError};
use concert_models::own;

use super::{LibraryError, LibraryProgress, PINNED_VERSION};
use crate::io::thread;

/// The provider library that makes a folder one for NVIDIA GPUs.
pub(super) const CUDA_PROVIDER: &str = "libonnxruntime_providers_cuda.so";
/// The library itself, inside a wheel and inside the cache.
const MAIN: &str = "libonnxruntime.so.1.31.1";
const SHARED_PROVIDER: &str = "libonnxruntime_providers_shared.so";
/// Time between looks at the lock of another process, and the longest wait.
const LOCK_TICK: Duration = Duration::from_millis(200);
const LOCK_TICKS: u32 = 10_000;
/// Beginning of the name of a folder that a download goes to.
const INCOMING: &str = "incoming";

/// One published wheel, with the files that are taken out of it.
#[derive(Debug)]
pub(super) struct Wheel {
    package: &'static str,
    /// Processor, as `std::env::consts::ARCH` names it.
    arch: &'static str,
    gpu: bool,
    platform: &'static str,
    size_bytes: u64,
    sha256: &'static str,
    /// File name and SHA-256.
    files: &'static [(&'static str, &'static str)],
}

const WHEELS: [Wheel; 4] = [
    Wheel {
        package: "onnxruntime",
        arch: "x86_64",
        gpu: false,
        platform: "manylinux_2_28_x86_64",
        size_bytes: 23_760_988,
        sha256: "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        files: &[
            (
                MAIN,
                "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
            ),
            (
                SHARED_PROVIDER,
                "086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d",
            ),
        ],
    },
    Wheel {
        package: "onnxruntime",
        arch: "aarch64",
        gpu: false,
        platform: "manylinux_2_28_aarch64",
        size_bytes: 21_420_803,
        sha256: "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
        files: &[
            (
                MAIN,
                "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
            ),
            (
                SHARED_PROVIDER,
                "3b6be288fbfb7dff8770d08a23defdde18e8f7e0f5a2b344a0e5e238c999ea88",
            ),
        ],
    },
    Wheel {
        package: "onnxruntime-gpu",
        arch: "x86_64",
        gpu: true,
        platform: "manylinux_2_28_x86_64",
        size_bytes: 255_569_273,
        sha256: "05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7",
        files: &[
            (
                MAIN,
                "5104254339ecadae808da771bd0b63b240f0dbd466514234905e54372435c303",
            ),
            (
                SHARED_PROVIDER,
                "086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d",
            ),
            (
                CUDA_PROVIDER,
                "8387867e857499e045caff5d13ac6a5de29571c801562fa2dde0e45f1f31de52",
            ),
            (
                "libonnxruntime_providers_tensorrt.so",
                "1882ee49fdb0e6fc2d272b00cfaf9a3310bf8580a34385c0eec4d82014ea172e",
            ),
        ],
    },
    // This build has no TensorRT provider.
    Wheel {
        package: "onnxruntime-gpu",
        arch: "aarch64",
        gpu: true,
        platform: "manylinux_2_34_aarch64",
        size_bytes: 212_341_829,
        sha256: "a0f1725c5a6d1ef82d63498b5ebc25e2c90c9560e91dc76db9be4a49162d4d33",
        files: &[
            (
                MAIN,
                "25430c15445a74ea480116a0da41533d83e59bceb1a18004c97e4873334afc90",
            ),
            (
                SHARED_PROVIDER,
                "1fc9a38c51a15164ae7d126f4e89447e718e47bd0a934eaa1a86bb60a6ec4955",
            ),
            (
                CUDA_PROVIDER,
                "bf506a34897f3bdbd9c162f4fd697d0073d2ed1e2a32b3d654b34f2e3bda04c2",
            ),
        ],
    },
];

impl Wheel {
    /// The wheel for the machine that this program was built for.
    ///
    /// # Errors
    /// [`LibraryError::NoBuild`].
    pub(super) fn for_this_machine(gpu: bool) -> Result<&'static Self, LibraryError> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        WHEELS
            .iter()
            .find(|wheel| os == "linux" && wheel.arch == arch && wheel.gpu == gpu)
            .ok_or_else(|| LibraryError::NoBuild {
                system: format!("{os} on {arch}"),
            })
    }

    /// The library in the cache, every file verified; `None` where it was never
    /// fetched.
    ///
    /// # Errors
    /// [`LibraryError::WrongHash`] where a file is not the pinned one,
    /// [`LibraryError::Cache`] where one cannot be read.
    pub(super) fn find_cached(&self, cache: &Path) -> Result<Option<PathBuf>, LibraryError> {
        let folder = self.folder(cache);
        match own::check_folder(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            checked => checked.map_err(at(&folder))?,
        }
        for (name, sha256) in self.files {
            self.check_hash(&folder.join(name), sha256)?;
        }
        Ok(Some(folder.join(MAIN)))
    }

    /// Fetches, verifies and unpacks the wheel; returns the library's path.
    /// Processes that do this at the same time wait for the first one.
    ///
    /// # Errors
    /// See [`LibraryError`].
    pub(super) fn fetch(
        &self,
        cache: &Path,
        python: &Path,
        progress: &mut dyn FnMut(LibraryProgress),
    ) -> Result<PathBuf, LibraryError> {
        own::make_folder(cache, true).map_err(at(cache))?;
        let _lock = lock(&cache.join("lock"), progress)?;
        if let Ok(Some(path)) = self.find_cached(cache) {
            return Ok(path);
        }
        // The lock is ours, so whatever lies here was left by a process that
        // was ended.
        remove_incoming(cache)?;
        let incoming = tempfile::Builder::new().prefix(INCOMING).tempdir_in(cache);
        let incoming = incoming.map_err(at(cache))?;
        let path = self.fetch_into(incoming.path(), cache, python, progress)?;
        incoming.close().map_err(at(cache))?;
        Ok(path)
    }

    fn fetch_into(
        &self,
        incoming: &Path,
        cache: &Path,
        python: &Path,
        progress: &mut dyn FnMut(LibraryProgress),
    ) -> Result<PathBuf, LibraryError> {
        progress(LibraryProgress::Fetching {
            package: self.requirement(),
            size_bytes: self.size_bytes,
        });
        let wheel = self.download(incoming, python)?;
        let unpacked = incoming.join("unpacked");
        own::make_folder(&unpacked, true).map_err(at(&unpacked))?;
        let folder = self.folder(cache);
        progress(LibraryProgress::Unpacking {
            folder: folder.clone(),
        });
        self.unpack(&wheel, &unpacked)?;
        remove_if_there(&folder)?;
        fs::rename(&unpacked, &folder).map_err(at(&folder))?;
        Ok(folder.join(MAIN))
    }

    /// The wheel, whose hash holds.
    fn download(&self, incoming: &Path, python: &Path) -> Result<PathBuf, LibraryError> {
        let pip = Pip {
            python,
            limit: DOWNLOAD_LIMIT,
            // The wheel itself, and what pip writes beside it.
            max_bytes: self.size_bytes * 3 + (64 << 20),
        };
        let selection = [
            "--implementation=cp",
            "--python-version=3.12",
            "--abi=cp312",
            "--platform",
            self.platform,
        ];
        let wheel = pip::Wheel {
            package: self.package,
            version: PINNED_VERSION,
            sha256: self.sha256,
            selection: &selection,
        };
        pip.download(&wheel, incoming, &mut |_| {})
            .map_err(|error| match error {
                PipError::NoPip(reason) => LibraryError::NoPip {
                    python: python.to_owned(),
                    reason,
                },
                error => self.refusal(error),
            })
    }

    fn refusal(&self, error: PipError) -> LibraryError {
        match error {
            PipError::File { path, source } => LibraryError::Cache { path, source },
            PipError::WrongHash {
                path,
                found,
                expected,
            } => LibraryError::WrongHash {
                path,
                expected,
                found,
            },
            other => LibraryError::Fetch {
                package: self.requirement(),
                reason: other.to_string(),
            },
        }
    }

    fn unpack(&self, wheel: &Path, folder: &Path) -> Result<(), LibraryError> {
        let refused = |reason: String| LibraryError::Unpack {
            path: wheel.to_owned(),
            reason,
        };
        let file = own::open(wheel).map_err(at(wheel))?;
        let mut archive = zip::ZipArchive::new(file).map_err(|error| refused(error.to_string()))?;
        for (name, sha256) in self.files {
            let mut entry = archive
                .by_name(&format!("onnxruntime/capi/{name}"))
                .map_err(|error| refused(format!("{name}: {error}")))?;
            let path = folder.join(name);
            let mut target = File::create_new(&path).map_err(at(&path))?;
            io::copy(&mut entry, &mut target).map_err(at(&path))?;
            target.sync_all().map_err(at(&path))?;
            self.check_hash(&path, sha256)?;
        }
        Ok(())
    }

    fn check_hash(&self, path: &Path, expected: &str) -> Result<(), LibraryError> {
        pip::hold_hash(path, expected).map_err(|error| self.refusal(error))
    }

    fn folder(&self, cache: &Path) -> PathBuf {
        let kind = if self.gpu { "gpu" } else { "cpu" };
        cache.join(format!("{kind}-{}", self.arch))
    }

    fn requirement(&self) -> String {
        format!("{}=={PINNED_VERSION}", self.package)
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> LibraryError {
    let path = path.to_owned();
    move |source| LibraryError::Cache {
        path: path.clone(),
        source,
    }
}

/// The lock of the cache; released where the file is closed.
fn lock(path: &Path, progress: &mut dyn FnMut(LibraryProgress)) -> Result<File, LibraryError> {
    let file = own::open_lock(path).map_err(at(path))?;
    for tick in 0..LOCK_TICKS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if tick == 0 => progress(LibraryProgress::Waiting),
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(error)) => return Err(at(path)(error)),
        }
        thread::sleep(LOCK_TICK);
    }
    let waited = LOCK_TICK * LOCK_TICKS;
    let reason = format!("another process has held it for {waited:?}");
    Err(at(path)(io::Error::other(reason)))
}

/// Removes what downloads left that were ended; what a link leads to stays.
fn remove_incoming(cache: &Path) -> Result<(), LibraryError> {
    for entry in fs::read_dir(cache).map_err(at(cache))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(INCOMING) {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => remove_if_there(&path)?,
                _ => fs::remove_file(&path).map_err(at(&path))?,
            }
        }
    }
    Ok(())
}

/// Removes a folder, or a link to one.
fn remove_if_there(folder: &Path) -> Result<(), LibraryError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pinned_hash_is_a_sha256_and_the_main_library_comes_first() {
        for wheel in &WHEELS {
            assert_eq!(wheel.files[0].0, MAIN);
            assert!(MAIN.ends_with(PINNED_VERSION));
            for hash in wheel.files.iter().map(|(_, hash)| *hash) {
                assert_eq!(hash.len(), 64);
                assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
            }
        }
    }

    #[test]
    fn a_cached_library_that_was_changed_is_refused_with_both_hashes() {
        let cache = tempfile::tempdir().unwrap();
        let wheel = Wheel::for_this_machine(false).unwrap();
        assert!(wheel.find_cached(cache.path()).unwrap().is_none());
        let folder = wheel.folder(cache.path());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(MAIN), b"changed").unwrap();
        let text = wheel.find_cached(cache.path()).unwrap_err().to_string();
        assert!(text.contains(wheel.files[0].1), "{text}");
        let found = concert_models::digest::sha256_hex(b"changed");
        assert!(text.contains(&found), "{text}");
    }

    #[test]
    fn a_planted_link_in_the_place_of_the_library_is_not_followed() {
        let cache = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("precious"), "precious").unwrap();
        let wheel = Wheel::for_this_machine(false).unwrap();
        for link in [wheel.folder(cache.path()), cache.path().join("incoming")] {
            std::os::unix::fs::symlink(elsewhere.path(), link).unwrap();
        }
        let text = wheel.find_cached(cache.path()).unwrap_err().to_string();
        assert!(text.contains("it is a link"), "{text}");
        remove_incoming(cache.path()).unwrap();
        assert!(!cache.path().join("incoming").exists());
        assert!(elsewhere.path().join("precious").exists());
    }

    #[test]
    fn a_lock_that_is_a_link_is_refused_and_what_is_behind_it_stays() {
        let cache = tempfile::tempdir().unwrap();
        let precious = cache.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        std::os::unix::fs::symlink(&precious, cache.path().join("lock")).unwrap();
        let wheel = Wheel::for_this_machine(false).unwrap();
        let python = Path::new("/nonexistent/python3");
        let error = wheel.fetch(cache.path(), python, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("it is a link"), "{error}");
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }
}
