//! The pickles in which the authors of Taskonomy publish their results.
//!
//! Each is one dictionary of names `SOURCE__…__TARGET` and numpy numbers. A
//! pickle is a program; here only the few of its instructions and names run
//! that such a dictionary needs, none of which can do anything but make a
//! number. Everything else is refused with its name and place.

mod machine;
mod opcode;
mod value;

use std::collections::BTreeMap;

use crate::affinity::fault::{TableError, TableFault};
use crate::affinity::table::{Completeness, TableBuilder, TransferRow, TransferTable};
use crate::fault::shown;

/// Greatest size of a pickle, in bytes (16 MiB); the published ones have a
/// hundred thousand.
const MAX_PICKLE_BYTES: u64 = 16 << 20;
/// What stands between the names of a transfer.
const BETWEEN: &str = "__";

/// Whether a file of these bytes is a pickle of protocol 2 or later, which
/// begins with a byte that no text does.
pub(super) fn looks_like_one(bytes: &[u8]) -> bool {
    bytes.first() == Some(&opcode::PROTO)
}

/// Which number a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Affinity,
    WinVsTask,
    WinVsPixels,
}

impl Kind {
    /// As the authors name their files, because the file itself does not say.
    fn of(origin: &str) -> Option<Kind> {
        let name = origin.rsplit(['/', '\\']).next().unwrap_or(origin);
        let kinds = [
            ("affinities", Kind::Affinity),
            ("wins_vs_task", Kind::WinVsTask),
            ("wins_vs_pixels", Kind::WinVsPixels),
        ];
        let kind = kinds.iter().find(|(part, _)| name.contains(part));
        kind.map(|(_, kind)| *kind)
    }

    fn column(self) -> &'static str {
        match self {
            Kind::Affinity => "affinity",
            Kind::WinVsTask => "win_vs_task",
            Kind::WinVsPixels => "win_vs_pixels",
        }
    }
}

/// One table out of pickles, given as names and contents of their files.
pub(super) fn table(
    files: &[(String, Vec<u8>)],
    completeness: Completeness,
) -> Result<TransferTable, TableError> {
    let mut kinds: Vec<(Kind, &str)> = Vec::new();
    let mut rows = BTreeMap::<String, TransferRow>::new();
    for (origin, bytes) in files {
        let refuse = |fault| TableError::new(origin, None, fault);
        if !looks_like_one(bytes) {
            return Err(refuse(TableFault::NotAPickle));
        }
        let (bytes_len, limit) = (bytes.len() as u64, MAX_PICKLE_BYTES);
        if bytes_len > limit {
            let bytes = bytes_len;
            return Err(refuse(TableFault::TooLong { bytes, limit }));
        }
        let Some(kind) = Kind::of(origin) else {
            return Err(refuse(TableFault::PickleKind));
        };
        if let Some((_, first)) = kinds.iter().find(|(known, _)| *known == kind) {
            let (first, second) = ((*first).to_owned(), origin.clone());
            let column = kind.column();
            return Err(refuse(TableFault::PickleTwice {
                column,
                first,
                second,
            }));
        }
        kinds.push((kind, origin));
        let numbers = machine::numbers(bytes).map_err(refuse)?;
        for (key, number) in numbers {
            let row = match rows.get_mut(&*key) {
                Some(row) => row,
                None => {
                    let row = transfer(&key).map_err(refuse)?;
                    rows.entry(key.to_string()).or_insert(row)
                }
            };
            match kind {
                Kind::Affinity => row.affinity = Some(number),
                // The authors write what they did not compare as NaN.
                Kind::WinVsTask => row.win_vs_task = Some(number).filter(|n| !n.is_nan()),
                Kind::WinVsPixels => row.win_vs_pixels = Some(number).filter(|n| !n.is_nan()),
            }
        }
    }
    let origins: Vec<_> = files.iter().map(|(origin, _)| origin.as_str()).collect();
    let mut builder = TableBuilder::new(&origins.join(" + "));
    for row in rows.values() {
        builder.push(row, None)?;
    }
    builder.finish(completeness)
}

/// The transfer that a name `SOURCE__…__TARGET` stands for, without numbers.
fn transfer(key: &str) -> Result<TransferRow, TableFault> {
    let Some((sources, target)) = key.rsplit_once(BETWEEN) else {
        let found = format!("a dictionary with the name `{}`", shown(key, 64));
        return Err(TableFault::PickleShape { found });
    };
    let mut sources: Vec<_> = sources.split(BETWEEN).map(str::to_owned).collect();
    sources.sort_unstable();
    Ok(TransferRow {
        target: target.to_owned(),
        sources,
        affinity: None,
        win_vs_task: None,
        win_vs_pixels: None,
    })
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
mod tests;
