//! Reports of the search for the library: its progress, and why it failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::{LibraryOrigin, MINIMUM_MINOR};

/// Progress for a person who waits for the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryProgress {
    /// Another process is fetching the same library; this one waits for it.
    Waiting,
    /// A download has begun.
    Fetching {
        /// Package and version.
        package: String,
        /// Size of the download.
        size_bytes: u64,
    },
    /// The download is complete and verified, and is being unpacked.
    Unpacking {
        /// The folder it goes to.
        folder: PathBuf,
    },
    /// A library was found that cannot be used; the search goes on.
    Skipped {
        /// The library.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl fmt::Display for LibraryProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting for another process that fetches onnxruntime"),
            Self::Fetching {
                package,
                size_bytes,
            } => write!(f, "fetching {package} ({} MB)", size_bytes / 1_000_000),
            Self::Unpacking { folder } => write!(f, "unpacking into {}", folder.display()),
            Self::Skipped { path, reason } => write!(f, "not using {}: {reason}", path.display()),
        }
    }
}

/// Why there is no library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The library would send telemetry.
    #[error("onnxruntime is not loaded: {0}")]
    Telemetry(String),
    /// A named library does not exist.
    #[error("no onnxruntime library at {} ({origin})", path.display())]
    Missing {
        /// Path at which it should be.
        path: PathBuf,
        /// The place that names it.
        origin: LibraryOrigin,
    },
    /// The file is no ONNX Runtime, or cannot be loaded here.
    #[error("{} is not an onnxruntime library that can be loaded here: {reason}", path.display())]
    NotOnnxRuntime {
        /// The file.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// The library is older than this program can use.
    #[error(
        "onnxruntime {} is version {version}, but at least 1.{MINIMUM_MINOR} is needed",
        path.display()
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// Nothing was found and downloads are off.
    #[error(
        "no onnxruntime library was found (cache {}, system folders) and downloads are off; \
         run once with network access, or name a library with --onnxruntime PATH or CONCERT_ONNXRUNTIME",
        cache.display()
    )]
    Offline {
        /// The cache folder that was looked into.
        cache: PathBuf,
    },
    /// There is no published build for this machine.
    #[error(
        "no onnxruntime build is known for {system}; name a library with --onnxruntime PATH or CONCERT_ONNXRUNTIME"
    )]
    NoBuild {
        /// Operating system and processor.
        system: String,
    },
    /// Python or its pip, which fetch the library, are missing.
    #[error(
        "no onnxruntime library was found, and {python} with pip, which would fetch it, cannot be run ({reason}); \
         install python3-pip, or name a library with --onnxruntime PATH or CONCERT_ONNXRUNTIME"
    )]
    NoPip {
        /// The interpreter that was tried.
        python: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The download failed.
    #[error(
        "no onnxruntime library was found, and fetching {package} failed ({reason}); \
         check the network, or name a library with --onnxruntime PATH or CONCERT_ONNXRUNTIME"
    )]
    Fetch {
        /// Package and version.
        package: String,
        /// pip's last words.
        reason: String,
    },
    /// A file is not the one that was pinned.
    #[error("{} has sha256 {found}, but {expected} is pinned", path.display())]
    WrongHash {
        /// The file.
        path: PathBuf,
        /// The pinned hash.
        expected: String,
        /// The file's hash.
        found: String,
    },
    /// The wheel cannot be unpacked.
    #[error("cannot unpack {}: {reason}", path.display())]
    Unpack {
        /// The wheel.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The cache folder cannot be used.
    #[error("cannot use the cache at {}: {source}", path.display())]
    Cache {
        /// File or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// There is no home folder to keep a cache in.
    #[error("this user has no cache folder; set CONCERT_CACHE")]
    NoCacheFolder,
}
