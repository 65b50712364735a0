//! What a file is, by its content.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How much of a file is looked at.
const LOOKED_AT: u64 = 64 << 10;
/// Largest network that is read, bytes: where protobuf ends.
const MAX_NETWORK_BYTES: u64 = (1 << 31) - 1;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A policy.
    Policy,
    /// A launch file.
    Launch,
    /// The card of a network.
    Card,
    /// An ONNX network.
    Network,
}

/// Why it is not known what a file is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KindError {
    /// It cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder, a pipe, a device.
    #[error("{}: not a regular file", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// More than a network can have.
    #[error("{}: file has {bytes} bytes, but at most {MAX_NETWORK_BYTES} are allowed", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes.
        bytes: u64,
    },
    /// None of the four.
    #[error(
        "{}: neither a policy (has [[transfer]]), nor a launch file (has [[camera]]), nor a card \
         (has kind), nor an onnx network",
        path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
    },
}

impl Kind {
    /// Looks at the beginning of a file.
    pub(crate) fn of(path: &Path) -> Result<Kind, KindError> {
        let start = read(path, LOOKED_AT)?;
        if path.extension().is_some_and(|ending| ending == "onnx") || is_protobuf(&start) {
            return Ok(Kind::Network);
        }
        let text = String::from_utf8_lossy(&start);
        of_text(&text).ok_or_else(|| KindError::Unknown {
            path: path.to_owned(),
        })
    }
}

/// An ONNX model begins with its version, field 1 as a small varint; in text
/// that would be a backspace.
fn is_protobuf(start: &[u8]) -> bool {
    start.first() == Some(&0x08)
}

/// Looks for the tables and entries that only one kind of file has; the file
/// need not be valid, so that its own reader can say what is wrong.
fn of_text(text: &str) -> Option<Kind> {
    let mut at_top = true;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        let table = line
            .starts_with('[')
            .then(|| line.split(['[', ']']).find(|s| !s.is_empty()));
        at_top &= table.is_none();
        let kind = match table.flatten().map(str::trim) {
            Some("transfer") => Some(Kind::Policy),
            Some("camera" | "publish" | "zenoh") => Some(Kind::Launch),
            Some("provenance" | "level" | "pull") => Some(Kind::Card),
            Some(_) => None,
            None if at_top => match line.split('=').next().map(str::trim) {
                Some("supervision_budget" | "max_order") => Some(Kind::Policy),
                Some("policy" | "providers" | "time_limit_millis") => Some(Kind::Launch),
                Some("kind" | "sha256") => Some(Kind::Card),
                _ => None,
            },
            None => None,
        };
        found = found.or(kind);
    }
    found
}

/// Reads a whole network.
pub(crate) fn read_network(path: &Path) -> Result<Vec<u8>, KindError> {
    let bytes = read(path, MAX_NETWORK_BYTES + 1)?;
    if bytes.len() as u64 > MAX_NETWORK_BYTES {
        let bytes = bytes.len() as u64;
        return Err(KindError::TooLong {
            path: path.to_owned(),
            bytes,
        });
    }
    Ok(bytes)
}

/// Reads a text of at most `limit` bytes whole; more is cut off, one byte
/// behind the limit, so that its reader refuses it.
pub(crate) fn read_start(path: &Path, limit: usize) -> Result<Vec<u8>, KindError> {
    read(path, limit as u64 + 1)
}

/// At most `limit` bytes of a regular file.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, KindError> {
    let unreadable = |source| KindError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(KindError::NotAFile {
            path: path.to_owned(),
        });
    }
    if limit > MAX_NETWORK_BYTES && metadata.len() > MAX_NETWORK_BYTES {
        let bytes = metadata.len();
        return Err(KindError::TooLong {
            path: path.to_owned(),
            bytes,
        });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds_below(folder: &str) -> Vec<Kind> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = std::fs::read_dir(folder).expect("the folder");
        let paths = files.map(|file| file.expect("a file").path());
        let of_interest =
            |path: &PathBuf| path.extension().is_some_and(|e| e == "toml" || e == "onnx");
        paths
            .filter(of_interest)
            .map(|path| Kind::of(&path).expect("a kind"))
            .collect()
    }

    #[test]
    fn every_shipped_file_is_recognised() {
        let all = |folder, kind| {
            let kinds = kinds_below(folder);
            assert!(
                !kinds.is_empty() && kinds.iter().all(|found| *found == kind),
                "{kinds:?}"
            );
        };
        all("policies/shipped", Kind::Policy);
        all("launch/robots", Kind::Launch);
        let models = kinds_below("models/encoders");
        assert!(models.contains(&Kind::Card) && models.contains(&Kind::Network));
    }

    #[test]
    fn a_broken_file_is_still_recognised() {
        assert_eq!(of_text("[[ camera ]]\nname = ="), Some(Kind::Launch));
        assert_eq!(of_text("supervision_budget = x"), Some(Kind::Policy));
        assert_eq!(
            of_text("name = 'a'\n[[transfer]]\nkind = 3"),
            Some(Kind::Policy)
        );
        assert_eq!(of_text("hello"), None);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Kind::of(folder.path()).expect_err("a refusal");
        assert!(error.to_string().ends_with(": not a regular file"));
    }
}
