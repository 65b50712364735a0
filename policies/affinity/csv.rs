//! Tables of transfers as comma-separated values.

use std::fmt::Write as _;

use crate::affinity::fault::{TableError, TableFault};
use crate::affinity::table::{Completeness, TableBuilder, TransferRow, TransferTable};
use crate::document::{Position, shown};

/// What a column holds, and its name in the head line.
const COLUMNS: [(&str, Column); 6] = [
    ("target", Column::Target),
    ("order", Column::Order),
    ("sources", Column::Sources),
    ("affinity", Column::Affinity),
    ("win_vs_task", Column::WinVsTask),
    ("win_vs_pixels", Column::WinVsPixels),
];
/// Longest piece of the file that an error shows.
const SHOWN: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Target,
    Order,
    Sources,
    Affinity,
    WinVsTask,
    WinVsPixels,
}

impl TransferTable {
    /// Reads a table from comma-separated values; `origin` names it in errors.
    ///
    /// The head line names the columns, in any order: `target`; `sources` with
    /// `+` between them; `order`, checked where it is there; and at least one of
    /// `affinity`, `win_vs_task`, `win_vs_pixels`. An empty field is a number
    /// that was not measured.
    ///
    /// # Errors
    /// The first rule that the text breaks; see [`TableFault`].
    pub fn from_csv(
        text: &str,
        origin: &str,
        completeness: Completeness,
    ) -> Result<TransferTable, TableError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1..).zip(text.lines());
        let at = |line, fault| TableError::new(origin, Some(Position::of_line(line)), fault);
        let head = lines.by_ref().find(|(_, line)| !line.trim().is_empty());
        let Some((number, head)) = head else {
            return Err(TableError::new(origin, None, TableFault::Empty));
        };
        let columns = columns(head).map_err(|fault| at(number, fault))?;
        let mut builder = TableBuilder::new(origin);
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let row = row(line, &columns).map_err(|fault| at(number, fault))?;
            builder.push(&row, Some(number))?;
        }
        builder.finish(completeness)
    }

    /// The table as comma-separated values, as [`TransferTable::from_csv`] reads
    /// them; numbers are the shortest decimals that read back the same.
    pub fn to_csv(&self) -> String {
        let mut text = "target,order,sources,affinity,win_vs_task,win_vs_pixels\n".to_owned();
        for row in self.rows() {
            let number =
                |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            writeln!(
                text,
                "{},{},{},{},{},{}",
                row.target,
                row.order(),
                row.sources.join("+"),
                number(row.affinity),
                number(row.win_vs_task),
                number(row.win_vs_pixels)
            )
            .expect("writing to a string cannot fail");
        }
        text
    }
}

fn columns(head: &str) -> Result<Vec<Column>, TableFault> {
    let mut columns = Vec::new();
    for name in fields(head)? {
        let known = COLUMNS.iter().find(|(known, _)| *known == name.trim());
        let Some((_, column)) = known else {
            let column = shown(&name, SHOWN);
            return Err(TableFault::UnknownColumn { column });
        };
        if columns.contains(column) {
            return Err(TableFault::DuplicateColumn { column: name });
        }
        columns.push(*column);
    }
    let has = |column| columns.contains(&column);
    for (column, name) in [(Column::Target, "target"), (Column::Sources, "sources")] {
        if !has(column) {
            return Err(TableFault::NoColumn { column: name });
        }
    }
    if !(has(Column::Affinity) || has(Column::WinVsTask) || has(Column::WinVsPixels)) {
        return Err(TableFault::NoColumn { column: "affinity" });
    }
    Ok(columns)
}

fn row(line: &str, columns: &[Column]) -> Result<TransferRow, TableFault> {
    let values = fields(line)?;
    let (fields, columns_len) = (values.len(), columns.len());
    if fields != columns_len {
        let columns = columns_len;
        return Err(TableFault::FieldCount { fields, columns });
    }
    let mut row = TransferRow {
        target: String::new(),
        sources: Vec::new(),
        affinity: None,
        win_vs_task: None,
        win_vs_pixels: None,
    };
    let mut order = None;
    for (column, value) in columns.iter().zip(values) {
        match column {
            Column::Target => row.target = value.trim().to_owned(),
            Column::Order => order = Some(value),
            Column::Sources => {
                row.sources = value
                    .split('+')
                    .map(|name| name.trim().to_owned())
                    .collect();
            }
            Column::Affinity => row.affinity = number("affinity", &value)?,
            Column::WinVsTask => row.win_vs_task = number("win_vs_task", &value)?,
            Column::WinVsPixels => row.win_vs_pixels = number("win_vs_pixels", &value)?,
        }
    }
    if let Some(order) = order {
        check_order(&row, order.trim())?;
    }
    Ok(row)
}

fn check_order(row: &TransferRow, written: &str) -> Result<(), TableFault> {
    let text = || shown(written, SHOWN);
    let order = written.parse::<i64>().map_err(|_| TableFault::NotANumber {
        column: "order",
        text: text(),
    })?;
    if usize::try_from(order) == Ok(row.order()) {
        return Ok(());
    }
    Err(TableFault::OrderMismatch {
        target: shown(&row.target, SHOWN),
        sources: row.order(),
        order,
    })
}

fn number(column: &'static str, written: &str) -> Result<Option<f64>, TableFault> {
    let written = written.trim();
    if written.is_empty() {
        return Ok(None);
    }
    // What is a number but not from 0 to 1, NaN included, the builder refuses.
    written.parse().map(Some).map_err(|_| {
        let text = shown(written, SHOWN);
        TableFault::NotANumber { column, text }
    })
}

/// The fields of one line; a field may stand in quotation marks, in which two
/// mean one.
fn fields(line: &str) -> Result<Vec<String>, TableFault> {
    if !line.contains('"') {
        return Ok(line.split(',').map(str::to_owned).collect());
    }
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let field = fields.last_mut().expect("there is always a last field");
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => field.push(letter),
        }
    }
    if quoted {
        return Err(TableFault::OpenQuotation);
    }
    Ok(fields)
}
