//! Tables of transfers in files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::affinity::fault::{TableError, TableFault};
use crate::affinity::pickle;
use crate::affinity::table::{Completeness, TransferTable};

/// Greatest size of a table's file, in bytes (64 MiB): a hundred thousand
/// transfers of order five have about ten.
pub const MAX_TABLE_BYTES: u64 = 64 << 20;

impl TransferTable {
    /// Reads a table from files. One file is CSV, JSON or a pickle, by what its
    /// first byte says; the authors of Taskonomy publish affinities and the two
    /// win rates as three pickles, which are given together.
    ///
    /// # Errors
    /// Anything but readable regular files of at most [`MAX_TABLE_BYTES`], of
    /// which no more is read, and what breaks a rule of the table.
    pub fn read<P: AsRef<Path>>(
        paths: &[P],
        completeness: Completeness,
    ) -> Result<TransferTable, TableError> {
        let mut files = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let origin = path.display().to_string();
            let bytes =
                read_bounded(path).map_err(|fault| TableError::new(&origin, None, fault))?;
            files.push((origin, bytes));
        }
        match files.as_slice() {
            [] => Err(TableError::new("", None, TableFault::Empty)),
            [(origin, bytes)] if !pickle::looks_like_one(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|error| {
                    let valid_up_to = error.valid_up_to();
                    TableError::new(origin, None, TableFault::NotText { valid_up_to })
                })?;
                if text.trim_start().starts_with('{') {
                    TransferTable::from_json(text, origin, completeness)
                } else {
                    TransferTable::from_csv(text, origin, completeness)
                }
            }
            _ => pickle::table(&files, completeness),
        }
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, TableFault> {
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(TableFault::Unreadable)?;
    if !metadata.is_file() {
        return Err(TableFault::NotAFile);
    }
    let limit = MAX_TABLE_BYTES;
    if metadata.len() > limit {
        let bytes = metadata.len();
        return Err(TableFault::TooLong { bytes, limit });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(TableFault::Unreadable)?;
    if bytes.len() as u64 > limit {
        let bytes = bytes.len() as u64;
        return Err(TableFault::TooLong { bytes, limit });
    }
    Ok(bytes)
}
