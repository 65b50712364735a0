//! Finding the ONNX Runtime library, or fetching it, without asking anybody.
//!
//! The order: what the user names (`--onnxruntime`, then `CONCERT_ONNXRUNTIME`
//! and `ORT_DYLIB_PATH`), our cache, the system's folders, and at last the
//! pinned wheel, fetched with pip and verified before any of it is used.

mod report;
mod wheel;

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

pub use report::{LibraryError, LibraryProgress};

use super::onnxruntime::{must_be_off, version};

/// The version that is fetched where none is found.
pub const PINNED_VERSION: &str = "1.31.1";
/// The oldest minor version that fits (`1.MINIMUM_MINOR`).
pub const MINIMUM_MINOR: u32 = 24;

/// A search for the library: its kind, and the limits of the search.
#[derive(Debug, Clone, Default)]
pub struct LibraryRequest {
    /// A library file, or the folder it lies in, named by the user. Nothing
    /// else is tried then.
    pub explicit: Option<PathBuf>,
    /// The build for NVIDIA GPUs, with its provider libraries.
    pub gpu: bool,
    /// Never use the network.
    pub offline: bool,
}

/// A library that is there and new enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Absolute path of the shared object.
    pub path: PathBuf,
    /// Its version, as it reports itself.
    pub version: String,
    /// The way it was found.
    pub origin: LibraryOrigin,
}

/// The way a library was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibraryOrigin {
    /// Named by the user on the command line or in the configuration.
    Explicit,
    /// Named by an environment variable.
    Variable(&'static str),
    /// Fetched by an earlier run and verified again now.
    Cache,
    /// Installed on this system.
    System,
    /// Fetched by this run.
    Fetched,
}

impl fmt::Display for LibraryOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explicit => f.write_str("named explicitly"),
            Self::Variable(name) => write!(f, "named by {name}"),
            Self::Cache => f.write_str("from the cache"),
            Self::System => f.write_str("installed on this system"),
            Self::Fetched => f.write_str("fetched"),
        }
    }
}

/// Places of this machine: everything [`find_or_fetch`] reads from the
/// environment, gathered so that a test can say it instead.
#[derive(Debug, Clone)]
pub struct Places {
    /// Libraries named by environment variables, in order.
    pub variables: Vec<(&'static str, PathBuf)>,
    /// Our cache folder for ONNX Runtime.
    pub cache: PathBuf,
    /// Folders in which the system keeps shared libraries.
    pub system: Vec<PathBuf>,
    /// The Python interpreter whose pip fetches.
    pub python: PathBuf,
}

impl Places {
    /// The places of this machine and user.
    ///
    /// # Errors
    /// [`LibraryError::NoCacheFolder`].
    pub fn of_this_machine() -> Result<Self, LibraryError> {
        let named = |name: &'static str| {
            let value = env::var_os(name).filter(|value| !value.is_empty())?;
            Some((name, PathBuf::from(value)))
        };
        Ok(Self {
            variables: ["CONCERT_ONNXRUNTIME", "ORT_DYLIB_PATH"]
                .into_iter()
                .filter_map(named)
                .collect(),
            cache: cache_folder()?.join("onnxruntime").join(PINNED_VERSION),
            system: system_folders(),
            python: PathBuf::from("python3"),
        })
    }
}

/// Finds a library, or fetches the pinned one. See the [module](self) for the
/// order. `progress` is told what takes time and what was passed over. Looking
/// at a library loads it, so nothing is looked at while telemetry is on.
///
/// # Errors
/// One [`LibraryError`], which says what to do about it.
pub fn find_or_fetch(
    request: &LibraryRequest,
    progress: &mut dyn FnMut(LibraryProgress),
) -> Result<Library, LibraryError> {
    find_or_fetch_in(request, &Places::of_this_machine()?, progress)
}

/// As [`find_or_fetch`], with the machine's places given.
///
/// # Errors
/// As [`find_or_fetch`].
pub fn find_or_fetch_in(
    request: &LibraryRequest,
    places: &Places,
    progress: &mut dyn FnMut(LibraryProgress),
) -> Result<Library, LibraryError> {
    must_be_off().map_err(LibraryError::Telemetry)?;
    let explicit = request
        .explicit
        .iter()
        .map(|path| (LibraryOrigin::Explicit, path));
    let variables = places
        .variables
        .iter()
        .map(|(name, path)| (LibraryOrigin::Variable(name), path));
    if let Some((origin, path)) = explicit.chain(variables).next() {
        return open_named(path, origin);
    }
    let wheel = wheel::Wheel::for_this_machine(request.gpu);
    if let Ok(wheel) = &wheel {
        match wheel.find_cached(&places.cache) {
            Ok(Some(path)) => return open(&path, LibraryOrigin::Cache),
            Ok(None) => {}
            Err(error) => progress(LibraryProgress::Skipped {
                path: places.cache.clone(),
                reason: error.to_string(),
            }),
        }
    }
    if let Some(library) = find_in_system(&places.system, request.gpu, progress) {
        return Ok(library);
    }
    if request.offline {
        return Err(LibraryError::Offline {
            cache: places.cache.clone(),
        });
    }
    let path = wheel?.fetch(&places.cache, &places.python, progress)?;
    open(&path, LibraryOrigin::Fetched)
}

/// A library that the user named: a file, or the folder that holds one.
fn open_named(path: &Path, origin: LibraryOrigin) -> Result<Library, LibraryError> {
    let missing = || LibraryError::Missing {
        path: path.to_owned(),
        origin,
    };
    let file = if path.is_dir() {
        library_in(path).ok_or_else(missing)?
    } else {
        path.to_owned()
    };
    if !file.is_file() {
        return Err(missing());
    }
    open(&file, origin)
}

/// Asks the library for its version, and refuses one that is too old.
fn open(path: &Path, origin: LibraryOrigin) -> Result<Library, LibraryError> {
    let path = std::path::absolute(path).map_err(|source| LibraryError::Cache {
        path: path.to_owned(),
        source,
    })?;
    let version = version::of(&path).map_err(|reason| LibraryError::NotOnnxRuntime {
        path: path.clone(),
        reason,
    })?;
    if !is_new_enough(&version) {
        return Err(LibraryError::TooOld { path, version });
    }
    Ok(Library {
        path,
        version,
        origin,
    })
}

/// Tells whether `version` (`major.minor.patch`) is at least `1.MINIMUM_MINOR`.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (1, MINIMUM_MINOR),
        _ => false,
    }
}

fn find_in_system(
    folders: &[PathBuf],
    gpu: bool,
    progress: &mut dyn FnMut(LibraryProgress),
) -> Option<Library> {
    for path in folders.iter().filter_map(|folder| library_in(folder)) {
        if gpu && !path.with_file_name(wheel::CUDA_PROVIDER).is_file() {
            progress(LibraryProgress::Skipped {
                reason: format!("{} is not beside it", wheel::CUDA_PROVIDER),
                path,
            });
            continue;
        }
        match open(&path, LibraryOrigin::System) {
            Ok(library) => return Some(library),
            Err(error) => progress(LibraryProgress::Skipped {
                path,
                reason: error.to_string(),
            }),
        }
    }
    None
}

/// `libonnxruntime.so`, or the last in order of `libonnxruntime.so.*`.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join("libonnxruntime.so");
    if plain.is_file() {
        return Some(plain);
    }
    let mut versioned: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("libonnxruntime.so."))
        })
        .collect();
    versioned.sort();
    versioned.pop()
}

/// The folder for everything that Concert keeps and can fetch again:
/// `CONCERT_CACHE`, or `concert` in the user's cache folder.
///
/// # Errors
/// [`LibraryError::NoCacheFolder`].
pub fn cache_folder() -> Result<PathBuf, LibraryError> {
    if let Some(folder) = env::var_os("CONCERT_CACHE").filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    let folder = dirs::cache_dir().ok_or(LibraryError::NoCacheFolder)?;
    Ok(folder.join("concert"))
}

fn system_folders() -> Vec<PathBuf> {
    let searched = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&searched)
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    let triple = format!("{}-linux-gnu", env::consts::ARCH);
    folders.extend(
        [
            "/usr/local/lib".to_owned(),
            "/opt/onnxruntime/lib".to_owned(),
            format!("/usr/lib/{triple}"),
            format!("/lib/{triple}"),
            "/usr/lib64".to_owned(),
            "/usr/lib".to_owned(),
        ]
        .map(PathBuf::from),
    );
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("1.24.0"));
        assert!(is_new_enough("1.100.0"));
        assert!(is_new_enough("2.0.0"));
        assert!(!is_new_enough("1.23.9"));
        assert!(!is_new_enough("1.3"));
        assert!(!is_new_enough("nonsense"));
    }

    #[test]
    fn a_file_that_is_no_library_is_named_in_the_refusal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        std::fs::write(&path, b"not an ELF file").unwrap();
        let error = open_named(folder.path(), LibraryOrigin::Explicit).unwrap_err();
        assert!(matches!(error, LibraryError::NotOnnxRuntime { .. }));
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }

    #[test]
    fn a_named_library_that_is_missing_is_an_error_and_nothing_else_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let request = LibraryRequest {
            explicit: Some(folder.path().join("nowhere.so")),
            ..LibraryRequest::default()
        };
        let places = Places {
            variables: Vec::new(),
            cache: folder.path().join("cache"),
            system: Vec::new(),
            python: PathBuf::from("/nonexistent/python3"),
        };
        let error = find_or_fetch_in(&request, &places, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("nowhere.so (named explicitly)"));
        assert!(!places.cache.exists());
    }

    #[test]
    fn offline_without_a_library_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let request = LibraryRequest {
            offline: true,
            ..LibraryRequest::default()
        };
        let places = Places {
            variables: Vec::new(),
            cache: folder.path().to_owned(),
            system: vec![folder.path().to_owned()],
            python: PathBuf::from("/nonexistent/python3"),
        };
        let error = find_or_fetch_in(&request, &places, &mut |_| {}).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("downloads are off"), "{text}");
        assert!(text.contains("--onnxruntime PATH"), "{text}");
        assert!(
            text.contains(&folder.path().display().to_string()),
            "{text}"
        );
    }

    #[test]
    fn a_missing_python_is_said_with_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            variables: Vec::new(),
            cache: folder.path().to_owned(),
            system: Vec::new(),
            python: PathBuf::from("/nonexistent/python3"),
        };
        let error = find_or_fetch_in(&LibraryRequest::default(), &places, &mut |_| {}).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, LibraryError::NoPip { .. }), "{text}");
        assert!(text.contains("install python3-pip"), "{text}");
    }
}
