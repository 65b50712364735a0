//! Tables of transfers in files.

use std::path::Path;

use crate::affinity::fault::TableError;
use crate::affinity::table::{Completeness, TransferTable};
use crate::document::Kind;

/// Greatest size of a table's file, in bytes (64 MiB): a hundred thousand
/// transfers of order five have about ten.
pub const MAX_TABLE_BYTES: u64 = 64 << 20;

const KIND: Kind = Kind {
    name: "table of transfers",
    max_bytes: MAX_TABLE_BYTES,
};

impl TransferTable {
    /// Reads a table from a file: CSV or JSON, by what its first byte says.
    ///
    /// # Errors
    /// Anything but a readable regular file of at most [`MAX_TABLE_BYTES`] of
    /// UTF-8, of which no more is read, and what breaks a rule of the table.
    pub fn read(
        path: impl AsRef<Path>,
        completeness: Completeness,
    ) -> Result<TransferTable, TableError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let text = KIND.read(path);
        let text = text.map_err(|fault| TableError::new(&origin, None, fault.into()))?;
        match text.trim_start().starts_with('{') {
            true => TransferTable::from_json(&text, &origin, completeness),
            false => TransferTable::from_csv(&text, &origin, completeness),
        }
    }
}
