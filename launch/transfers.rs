//! Tables of measured transfers, as commands are given them.

use std::path::{Path, PathBuf};

use concert_policies::affinity::{Completeness, TransferTable};

use crate::report::{Failure, Refuse};

/// Files that policies are chosen from.
#[derive(Debug, Clone, Default)]
#[cfg_attr(
    not(feature = "view"),
    expect(dead_code, reason = "read by the view alone")
)]
pub(crate) struct TableFiles {
    /// A table of transfers; the tables that ship without one.
    pub(crate) transfers: Option<PathBuf>,
    /// The table leaves out rows on purpose.
    pub(crate) partial: bool,
    /// What networks cost on the robot.
    pub(crate) profile: Option<PathBuf>,
}

/// Reads a table; a `partial` one leaves out rows on purpose.
///
/// # Errors
/// Refused, as [`TransferTable::read`] does.
pub(crate) fn read_transfers(file: &Path, partial: bool) -> Result<TransferTable, Failure> {
    let completeness = match partial {
        true => Completeness::Partial,
        false => Completeness::Whole,
    };
    TransferTable::read(file, completeness).or_refuse()
}
