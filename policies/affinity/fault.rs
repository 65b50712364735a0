//! Refusals of a table of transfers.

use crate::affinity::table::SUM_TOLERANCE;
use crate::document::{ReadFault, Refused};

/// A refused table: the file, the line where one is known, and why.
pub type TableError = Refused<TableFault>;

/// The rule that a refused table breaks, with the quantities on both sides.
///
/// Texts from the file are shortened and their control characters escaped
/// before they come in here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum TableFault {
    #[error(transparent)]
    File(#[from] ReadFault),
    #[error("table has no transfers, but needs at least 1")]
    Empty,
    #[error("table has more than {limit} transfers")]
    TooManyRows { limit: usize },
    #[error("table names more than {limit} tasks")]
    TooManyNames { limit: usize },
    #[error(
        "the head line has no column `{column}`; it needs target, sources and at least one of affinity, win_vs_task, win_vs_pixels"
    )]
    NoColumn { column: &'static str },
    #[error(
        "column `{column}` is not one of target, order, sources, affinity, win_vs_task, win_vs_pixels"
    )]
    UnknownColumn { column: String },
    #[error("column `{column}` stands twice in the head line")]
    DuplicateColumn { column: String },
    #[error("line has {fields} fields, but the head line has {columns}")]
    FieldCount { fields: usize, columns: usize },
    #[error("a quotation mark is not closed")]
    OpenQuotation,
    #[error("{column} is `{text}`, which is not a number")]
    NotANumber { column: &'static str, text: String },
    /// Words of the JSON reader: syntax, unknown keys, missing keys, types.
    #[error("{0}")]
    Json(String),
    #[error("{subject} is {length} bytes long, but must have from 1 to {limit}")]
    NameLength {
        subject: &'static str,
        length: usize,
        limit: usize,
    },
    #[error("{subject} `{name}` contains a comma, a plus, a quotation mark or a control character")]
    UnsafeName { subject: &'static str, name: String },
    #[error("`self` stands for a target's own network and cannot be a target")]
    SelfTarget,
    #[error("transfer to `{target}` has {order} sources, but must have from 1 to {limit}")]
    OrderOutOfRange {
        target: String,
        order: usize,
        limit: usize,
    },
    #[error("transfer to `{target}` has {sources} sources, but its order is given as {order}")]
    OrderMismatch {
        target: String,
        sources: usize,
        order: i64,
    },
    #[error("transfer to `{target}` names source `{source_name}` twice")]
    DuplicateSource { target: String, source_name: String },
    #[error("transfer from {sources} to `{target}` stands twice")]
    DuplicateRow { target: String, sources: String },
    #[error(
        "{column} of the transfer from {sources} to `{target}` is {value}, but must be a number from 0 to 1; leave the field empty where it is unknown"
    )]
    OutOfRange {
        column: &'static str,
        target: String,
        sources: String,
        value: f64,
    },
    #[error("transfer from {sources} to `{target}` has neither an affinity nor a win rate")]
    NoNumbers { target: String, sources: String },
    #[error("one task is spelt in two ways: `{first}` and `{second}` are both {task}")]
    TwoSpellings {
        task: &'static str,
        first: String,
        second: String,
    },
    #[error(
        "affinities of target `{target}` sum to {sum}, but must sum to 1 within {SUM_TOLERANCE} over its {rows} rows that have one (as the principal eigenvector of all its transfers does); a table that leaves out some rows is read as partial, where at most 1 is asked for"
    )]
    Sum {
        target: String,
        sum: f64,
        rows: usize,
    },
    #[error(
        "affinities of target `{target}` sum to {sum}, but even some of its rows cannot exceed 1 by more than {SUM_TOLERANCE}"
    )]
    PartialSum { target: String, sum: f64 },
}
