//! Every measured transfer, with its numbers.

use std::collections::{HashMap, HashSet};

use crate::Task;
use crate::affinity::fault::{TableError, TableFault};
use crate::document::{Position, shown};
use crate::policy::MAX_NAME_BYTES;

/// Name of the target's own fully supervised network as a source.
pub const SELF: &str = "self";
/// Most transfers in one table.
pub const MAX_ROWS: usize = 500_000;
/// Most distinct names in one table.
pub const MAX_TABLE_NAMES: usize = 4096;
/// Most sources of one transfer in a table.
pub const MAX_TABLE_ORDER: usize = 256;
/// Distance from 1 that the affinities of one target may have in sum: room for
/// tables that were rounded when they were written.
pub const SUM_TOLERANCE: f64 = 1e-3;

/// Completeness of a table: whether it holds every transfer of each of its targets.
///
/// Affinities of one target are the principal eigenvector over *all* of its
/// transfers, scaled to sum 1 (Taskonomy §3.3). A table in which they do not is
/// damaged, or was mixed from two; unless it is known to leave some rows out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completeness {
    /// All rows: the affinities of each target that has any sum to 1.
    #[default]
    Whole,
    /// Some rows: they sum to at most 1.
    Partial,
}

/// One measured transfer, with names spelt as in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferRow {
    /// The task that is estimated.
    pub target: String,
    /// The sources, sorted; `["self"]` for the target's own network.
    pub sources: Vec<String>,
    /// Entry of the principal eigenvector of the target, 0 to 1, greater is
    /// better; comparable within one target of one table only.
    pub affinity: Option<f64>,
    /// Share of images on which it beats the target's fully supervised network:
    /// Taskonomy's "Quality".
    pub win_vs_task: Option<f64>,
    /// Share of images on which it beats a network trained from pixels on the
    /// same images: Taskonomy's "Gain".
    pub win_vs_pixels: Option<f64>,
}

impl TransferRow {
    /// Number of sources.
    pub fn order(&self) -> usize {
        self.sources.len()
    }
}

/// A row as the table keeps it: names are places in the table's list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) target: u32,
    /// Sorted by name.
    pub(crate) sources: Box<[u32]>,
    pub(crate) affinity: Option<f64>,
    pub(crate) win_vs_task: Option<f64>,
    pub(crate) win_vs_pixels: Option<f64>,
}

/// Every measured transfer of one experiment, checked.
///
/// Names are kept as the file spells them. Rows are distinct, numbers finite
/// and from 0 to 1, and affinities sum to 1 per target as [`Completeness`] says.
#[derive(Debug, Clone)]
pub struct TransferTable {
    origin: String,
    names: Vec<String>,
    places: HashMap<String, u32>,
    by_task: HashMap<&'static str, u32>,
    rows: Vec<Row>,
}

impl TransferTable {
    /// The file it was read from, or what the caller gave in its place.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of transfers.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Tells whether there is no transfer; never true of a table that was read.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The transfers, in the order of the file.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = TransferRow> + '_ {
        self.rows.iter().map(|row| self.spelt(row))
    }

    /// Every name that stands in the table, `self` included, in the order of
    /// first use.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Spelling of a task in the table: exactly so, or by another published
    /// spelling of the same task.
    pub fn spelling(&self, name: &str) -> Option<&str> {
        self.place(name).map(|place| self.name(place))
    }

    pub(crate) fn place(&self, name: &str) -> Option<u32> {
        let exact = self.places.get(name);
        let alias = || self.by_task.get(Task::find(name)?.name);
        exact.or_else(alias).copied()
    }

    pub(crate) fn name(&self, place: u32) -> &str {
        &self.names[place as usize]
    }

    pub(crate) fn raw_rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn is_self(&self, row: &Row) -> bool {
        row.sources.len() == 1 && self.name(row.sources[0]) == SELF
    }

    fn spelt(&self, row: &Row) -> TransferRow {
        let sources = row.sources.iter().map(|&place| self.name(place).to_owned());
        TransferRow {
            target: self.name(row.target).to_owned(),
            sources: sources.collect(),
            affinity: row.affinity,
            win_vs_task: row.win_vs_task,
            win_vs_pixels: row.win_vs_pixels,
        }
    }
}

/// Makes a table row by row, checking each.
#[derive(Debug)]
pub struct TableBuilder {
    table: TransferTable,
    seen: HashSet<(u32, Box<[u32]>)>,
}

impl TableBuilder {
    /// A table without rows; `origin` names it in errors.
    pub fn new(origin: &str) -> Self {
        let table = TransferTable {
            origin: origin.to_owned(),
            names: Vec::new(),
            places: HashMap::new(),
            by_task: HashMap::new(),
            rows: Vec::new(),
        };
        let seen = HashSet::new();
        TableBuilder { table, seen }
    }

    /// Adds a transfer; `line` is where it stands in its file.
    ///
    /// # Errors
    /// Names that are empty, too long or unsafe, a source or a row that stands
    /// twice, one task in two spellings, a number that is not from 0 to 1, a row
    /// without any number, and tables beyond the limits.
    pub fn push(&mut self, row: &TransferRow, line: Option<usize>) -> Result<(), TableError> {
        self.add(row).map_err(|fault| {
            TableError::new(&self.table.origin, line.map(Position::of_line), fault)
        })
    }

    fn add(&mut self, row: &TransferRow) -> Result<(), TableFault> {
        if self.table.rows.len() == MAX_ROWS {
            return Err(TableFault::TooManyRows { limit: MAX_ROWS });
        }
        if row.target == SELF {
            return Err(TableFault::SelfTarget);
        }
        let order = row.sources.len();
        if order == 0 || order > MAX_TABLE_ORDER {
            let target = shown(&row.target, MAX_NAME_BYTES);
            let limit = MAX_TABLE_ORDER;
            return Err(TableFault::OrderOutOfRange {
                target,
                order,
                limit,
            });
        }
        let target = self.intern("target", &row.target)?;
        let places = row.sources.iter().map(|name| self.intern("source", name));
        let mut sources = places.collect::<Result<Vec<_>, _>>()?;
        sources.sort_by(|&a, &b| self.table.name(a).cmp(self.table.name(b)));
        if let Some(pair) = sources.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(TableFault::DuplicateSource {
                target: row.target.clone(),
                source_name: self.table.name(pair[0]).to_owned(),
            });
        }
        check_numbers(row)?;
        let sources = sources.into_boxed_slice();
        if !self.seen.insert((target, sources.clone())) {
            let (target, sources) = (row.target.clone(), row.sources.join("+"));
            return Err(TableFault::DuplicateRow { target, sources });
        }
        self.table.rows.push(Row {
            target,
            sources,
            affinity: row.affinity,
            win_vs_task: row.win_vs_task,
            win_vs_pixels: row.win_vs_pixels,
        });
        Ok(())
    }

    fn intern(&mut self, subject: &'static str, name: &str) -> Result<u32, TableFault> {
        if let Some(&place) = self.table.places.get(name) {
            return Ok(place);
        }
        check_name(subject, name)?;
        if self.table.names.len() == MAX_TABLE_NAMES {
            let limit = MAX_TABLE_NAMES;
            return Err(TableFault::TooManyNames { limit });
        }
        let place = self.table.names.len() as u32;
        if let Some(task) = published(name)
            && let Some(first) = self.table.by_task.insert(task.name, place)
        {
            return Err(TableFault::TwoSpellings {
                task: task.name,
                first: self.table.name(first).to_owned(),
                second: name.to_owned(),
            });
        }
        self.table.names.push(name.to_owned());
        self.table.places.insert(name.to_owned(), place);
        Ok(place)
    }

    /// The table.
    ///
    /// # Errors
    /// No rows, or affinities of a target that do not sum to 1 as `completeness`
    /// asks.
    pub fn finish(self, completeness: Completeness) -> Result<TransferTable, TableError> {
        let table = self.table;
        match check_sums(&table, completeness) {
            Ok(()) => Ok(table),
            Err(fault) => Err(TableError::new(&table.origin, None, fault)),
        }
    }
}

/// The task of this published spelling, in its upper and lower case: an encoder
/// may be called `normals`, which is no task.
fn published(name: &str) -> Option<&'static Task> {
    Task::find(name).filter(|task| task.spellings().any(|known| known == name))
}

fn check_name(subject: &'static str, name: &str) -> Result<(), TableFault> {
    let length = name.len();
    if length == 0 || length > MAX_NAME_BYTES {
        let limit = MAX_NAME_BYTES;
        return Err(TableFault::NameLength {
            subject,
            length,
            limit,
        });
    }
    let unsafe_char = |c: char| c.is_control() || matches!(c, ',' | '+' | '"');
    if name.contains(unsafe_char) {
        let name = shown(name, MAX_NAME_BYTES);
        return Err(TableFault::UnsafeName { subject, name });
    }
    Ok(())
}

fn check_numbers(row: &TransferRow) -> Result<(), TableFault> {
    let numbers = [
        ("affinity", row.affinity),
        ("win_vs_task", row.win_vs_task),
        ("win_vs_pixels", row.win_vs_pixels),
    ];
    let sources = || row.sources.join("+");
    for (column, value) in numbers {
        let Some(value) = value else { continue };
        // Eigenvectors and shares may exceed 1 by rounding only.
        if !(0.0..=1.0 + 1e-9).contains(&value) {
            let (target, sources) = (row.target.clone(), sources());
            return Err(TableFault::OutOfRange {
                column,
                target,
                sources,
                value,
            });
        }
    }
    if numbers.iter().all(|(_, value)| value.is_none()) {
        let (target, sources) = (row.target.clone(), sources());
        return Err(TableFault::NoNumbers { target, sources });
    }
    Ok(())
}

fn check_sums(table: &TransferTable, completeness: Completeness) -> Result<(), TableFault> {
    if table.rows.is_empty() {
        return Err(TableFault::Empty);
    }
    let mut sums = vec![(0.0, 0usize); table.names.len()];
    for row in &table.rows {
        if let Some(affinity) = row.affinity {
            let (sum, rows) = &mut sums[row.target as usize];
            *sum += affinity;
            *rows += 1;
        }
    }
    for (name, (sum, rows)) in table.names.iter().zip(sums) {
        let target = || name.clone();
        match completeness {
            _ if rows == 0 => {}
            Completeness::Whole if (sum - 1.0).abs() > SUM_TOLERANCE => {
                let target = target();
                return Err(TableFault::Sum { target, sum, rows });
            }
            Completeness::Partial if sum > 1.0 + SUM_TOLERANCE => {
                let target = target();
                return Err(TableFault::PartialSum { target, sum });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
