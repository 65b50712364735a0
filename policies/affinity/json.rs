//! Tables of transfers as JSON.

use serde::{Deserialize, Serialize};

use crate::affinity::fault::{TableError, TableFault};
use crate::affinity::table::{Completeness, TableBuilder, TransferRow, TransferTable};
use crate::document::{Position, shown};

/// Most characters of a message of the JSON reader that are passed on.
const MAX_MESSAGE_CHARS: usize = 400;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    transfers: Vec<RawRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    target: String,
    sources: Vec<String>,
    order: Option<i64>,
    affinity: Option<f64>,
    win_vs_task: Option<f64>,
    win_vs_pixels: Option<f64>,
}

impl TransferTable {
    /// Reads a table from JSON: one object with an array `transfers` of objects
    /// with `target`, `sources` (an array), and, where they are known, `order`,
    /// `affinity`, `win_vs_task`, `win_vs_pixels`. Numbers may differ from what
    /// is written in the last binary digit; those of CSV do not.
    ///
    /// # Errors
    /// The first rule that the text breaks; see [`TableFault`].
    pub fn from_json(
        text: &str,
        origin: &str,
        completeness: Completeness,
    ) -> Result<TransferTable, TableError> {
        let raw: RawTable = serde_json::from_str(text).map_err(|error| {
            let fault = TableFault::Json(shown(&error.to_string(), MAX_MESSAGE_CHARS));
            TableError::new(origin, Some(Position::of_line(error.line())), fault)
        })?;
        let mut builder = TableBuilder::new(origin);
        for raw in raw.transfers {
            let sources = raw.sources.len();
            if let Some(order) = raw.order
                && usize::try_from(order) != Ok(sources)
            {
                let target = shown(&raw.target, MAX_MESSAGE_CHARS);
                let fault = TableFault::OrderMismatch {
                    target,
                    sources,
                    order,
                };
                return Err(TableError::new(origin, None, fault));
            }
            let row = TransferRow {
                target: raw.target,
                sources: raw.sources,
                affinity: raw.affinity,
                win_vs_task: raw.win_vs_task,
                win_vs_pixels: raw.win_vs_pixels,
            };
            builder.push(&row, None)?;
        }
        builder.finish(completeness)
    }

    /// The table as JSON, as [`TransferTable::from_json`] reads it.
    pub fn to_json(&self) -> String {
        let transfers = self.rows().map(|row| RawRow {
            order: Some(row.order() as i64),
            target: row.target,
            sources: row.sources,
            affinity: row.affinity,
            win_vs_task: row.win_vs_task,
            win_vs_pixels: row.win_vs_pixels,
        });
        let table = RawTable {
            transfers: transfers.collect(),
        };
        serde_json::to_string(&table).expect("names and finite numbers are JSON")
    }
}
