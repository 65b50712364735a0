//! Tables of measured transfers, as commands are given them.

use std::path::PathBuf;

use concert_policies::affinity::{Completeness, TransferTable};

use crate::report::{Failure, Refuse};

/// Reads the files that make one table together; a `partial` one leaves out
/// rows on purpose.
///
/// # Errors
/// Refused, as [`TransferTable::read`] does.
pub(crate) fn read_transfers(files: &[PathBuf], partial: bool) -> Result<TransferTable, Failure> {
    let completeness = match partial {
        true => Completeness::Partial,
        false => Completeness::Whole,
    };
    TransferTable::read(files, completeness).or_refuse()
}
