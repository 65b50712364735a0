//! Tables of measured transfers, as commands are given them.

use std::path::Path;

use concert_policies::affinity::{Completeness, TransferTable};

use crate::report::{Failure, Refuse};

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
