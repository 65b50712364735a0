//! Reading of cards, class names and networks, each of bounded size.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use concert_policies::document::{Kind, ReadFault};

use super::NetworkKind;
use super::error::StoreError;
use crate::card::{Card, MAX_CARD_BYTES, MAX_NETWORK_BYTES, ReadoutCard};

/// Longest file of class names, in bytes.
const MAX_LABELS_BYTES: usize = 4 << 20;
/// First line of a pointer of Git LFS, up to its version.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

pub(super) fn wrong_card(path: &Path, card: &Card, kind: NetworkKind, name: &str) -> StoreError {
    StoreError::WrongCard {
        path: path.display().to_string(),
        found: format!("{} {}", card.kind(), card.name()),
        expected: format!("{kind} {name}"),
    }
}

pub(super) fn read_card(path: &Path, kind: NetworkKind, name: &str) -> Result<Card, StoreError> {
    let text = read_text(path, MAX_CARD_BYTES)?;
    let card = Card::parse(&text, &path.display().to_string())?;
    let right_kind = matches!(
        (&card, kind),
        (Card::Encoder(_), NetworkKind::Encoder)
            | (Card::Readout(_) | Card::Geometric(_), NetworkKind::Readout)
    );
    if !right_kind || card.name() != name {
        return Err(wrong_card(path, &card, kind, name));
    }
    Ok(card)
}

pub(super) fn labels(
    card_path: &Path,
    card: &ReadoutCard,
) -> Result<Option<Arc<[String]>>, StoreError> {
    let Some(file) = &card.output.labels else {
        return Ok(None);
    };
    let path = card_path.with_file_name(file);
    let text = read_text(&path, MAX_LABELS_BYTES)?;
    let names: Arc<[String]> = text.lines().map(|line| line.trim().to_owned()).collect();
    let classes = match card.target.output {
        concert_policies::OutputKind::Classes => card.output.shape[1],
        // One label per pixel leaves open how many classes there are.
        concert_policies::OutputKind::ClassMap if card.output.shape[1] > 1 => card.output.shape[1],
        _ => names.len(),
    };
    if names.len() != classes {
        return Err(StoreError::Labels {
            path: path.display().to_string(),
            found: names.len(),
            tensor: card.output.tensor.clone(),
            expected: classes,
        });
    }
    Ok(Some(names))
}

fn read_error(path: &Path, reason: impl ToString) -> StoreError {
    StoreError::Read {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

pub(super) fn read_text(path: &Path, limit: usize) -> Result<String, StoreError> {
    Kind::file(limit as u64)
        .read(path)
        .map_err(|fault| match fault {
            ReadFault::TooLong { bytes, .. } => StoreError::TooLong {
                path: path.display().to_string(),
                bytes,
                limit,
            },
            fault => read_error(path, fault),
        })
}

pub(super) fn read_network(path: &Path, expected: usize) -> Result<Arc<[u8]>, StoreError> {
    let (mut file, size) = open(path)?;
    let wrong_size = |found| StoreError::WrongSize {
        path: path.display().to_string(),
        found,
        expected,
    };
    if size != expected as u64 || expected > MAX_NETWORK_BYTES {
        return Err(match is_pointer(&file) {
            true => StoreError::Pointer {
                path: path.display().to_string(),
                found: size,
                expected,
            },
            false => wrong_size(size),
        });
    }
    // Into the memory where it stays.
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, expected).collect();
    let mut filled = 0;
    if let Some(bytes) = Arc::get_mut(&mut bytes) {
        while filled < expected {
            match file.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(path, error)),
            }
        }
    }
    // One byte more, to see that the file did not grow meanwhile.
    let more = file.take(1).read_to_end(&mut Vec::new());
    match filled + more.map_err(|error| read_error(path, error))? == expected {
        true => Ok(bytes),
        false => Err(wrong_size(filled as u64)),
    }
}

/// Tells whether a file begins as a pointer of Git LFS does.
fn is_pointer(file: &File) -> bool {
    let mut start = Vec::new();
    let read = file.take(LFS_POINTER.len() as u64).read_to_end(&mut start);
    read.is_ok() && start == LFS_POINTER
}

/// A regular file (or a link to one) and its size; opening anything else, a
/// pipe say, might never return.
fn open(path: &Path) -> Result<(File, u64), StoreError> {
    let read_error = |error: std::io::Error| read_error(path, error);
    let metadata = std::fs::metadata(path).map_err(read_error)?;
    if !metadata.is_file() {
        return Err(StoreError::Read {
            path: path.display().to_string(),
            reason: "not a regular file".to_owned(),
        });
    }
    Ok((File::open(path).map_err(read_error)?, metadata.len()))
}
