//! Pictures with a table of classes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::error::DataSetError;
use super::files::{Listing, MAX_ENTRIES, below, each_line, natural_order};
use super::sequence::{FrameFiles, FramePose, Sequence};

/// Most classes that are told apart.
const MAX_CLASSES: usize = 10_000;
/// Longest name of a class, bytes.
const MAX_CLASS_BYTES: usize = 256;

/// The table of a folder: `labels.csv`, or its only `*.csv`.
pub(super) fn table(listing: &Listing) -> Option<&str> {
    if listing.has("labels.csv") {
        return Some("labels.csv");
    }
    let is_table = |name: &&String| name.to_ascii_lowercase().ends_with(".csv");
    let mut tables = listing.files.iter().filter(is_table);
    match (tables.next(), tables.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// Opens a folder of pictures with the table `name` of its classes. Classes
/// are numbered by their names in natural order.
pub(super) fn open(
    name: &str,
    folder: &Path,
    table: &str,
) -> Result<(Sequence, Vec<String>), DataSetError> {
    let path = folder.join(table);
    let mut rows = Rows::default();
    each_line(&path, |line, text| rows.add(folder, &path, line, text))?;
    if rows.files.is_empty() {
        return Err(DataSetError::malformed_file(
            &path,
            "has no row below its header",
        ));
    }
    let (classes, number_of) = in_order(rows.numbers);
    let mut sequence = Sequence::new(name, folder);
    sequence.entries = (rows.files.into_iter())
        .map(|(file, class)| FrameFiles {
            name: file.clone(),
            image: file,
            size: None,
            depth: None,
            pose: FramePose::Unknown,
            stamp_seconds: None,
            class: Some(number_of[class as usize]),
            objects: None,
            labels: 0,
        })
        .collect();
    sequence.lists.push(path);
    Ok((sequence, classes))
}

/// The classes of the lines of a table so far.
#[derive(Default)]
struct Rows {
    /// Places of the columns `file` and `class`, once the header was read.
    columns: Option<(usize, usize)>,
    /// Files and the numbers of their classes, in the order of the lines.
    files: Vec<(Box<str>, u32)>,
    /// Classes by name, numbered as they first came.
    numbers: BTreeMap<String, u32>,
    lines: HashMap<Box<str>, usize>,
}

impl Rows {
    fn add(
        &mut self,
        folder: &Path,
        path: &Path,
        line: usize,
        text: &str,
    ) -> Result<(), DataSetError> {
        let refuse = |reason: String| DataSetError::line(path, line, reason);
        let cells = split(text).map_err(refuse)?;
        let Some((file, class)) = self.columns else {
            self.columns = Some(header(path, line, &cells)?);
            return Ok(());
        };
        let (Some(file), Some(class)) = (cells.get(file), cells.get(class)) else {
            let count = cells.len();
            return Err(refuse(format!(
                "has {count} columns, but the header has more"
            )));
        };
        below(folder, file, path, line)?;
        if class.is_empty() || class.len() > MAX_CLASS_BYTES {
            let bytes = class.len();
            return Err(refuse(format!(
                "class has {bytes} bytes, but must have 1 to {MAX_CLASS_BYTES}"
            )));
        }
        if let Some(first) = self.lines.insert(file.as_str().into(), line) {
            return Err(refuse(format!("{file} stands in line {first} already")));
        }
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(class.clone()).or_insert(next);
        self.files.push((file.as_str().into(), number));
        self.check_counts(path)
    }

    fn check_counts(&self, path: &Path) -> Result<(), DataSetError> {
        let counts = [
            ("classes", self.numbers.len(), MAX_CLASSES),
            ("rows", self.files.len(), MAX_ENTRIES),
        ];
        for (what, count, limit) in counts {
            if count > limit {
                let path = path.to_owned();
                return Err(DataSetError::TooMany { path, what, limit });
            }
        }
        Ok(())
    }
}

/// Names in natural order, and the place of each first number among them.
fn in_order(numbers: BTreeMap<String, u32>) -> (Vec<String>, Vec<u32>) {
    let mut names: Vec<(String, u32)> = numbers.into_iter().collect();
    names.sort_by(|a, b| natural_order(&a.0, &b.0));
    let mut number_of = vec![0; names.len()];
    for (place, (_, number)) in names.iter().enumerate() {
        number_of[*number as usize] = place as u32;
    }
    (names.into_iter().map(|(name, _)| name).collect(), number_of)
}

fn header(path: &Path, line: usize, cells: &[String]) -> Result<(usize, usize), DataSetError> {
    let place = |names: &[&str]| {
        cells.iter().position(|cell| {
            let cell = cell.trim();
            names.iter().any(|name| cell.eq_ignore_ascii_case(name))
        })
    };
    let file = place(&["file", "filename", "image", "path"]);
    let class = place(&["class", "label"]);
    file.zip(class).ok_or_else(|| {
        let reason = format!(
            "header is {:?}, but must name the columns file and class",
            cells.join(",")
        );
        DataSetError::line(path, line, reason)
    })
}

/// Cells of one line: separated by commas, in double quotes where a cell holds
/// a comma, with two of them for one (RFC 4180 without line breaks in cells).
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let cell = cells.last_mut().expect("there is always a cell");
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => cells.push(String::new()),
            _ => cell.push(letter),
        }
    }
    match quoted {
        true => Err("has a quote that does not end on the line".to_owned()),
        false => Ok(cells.iter().map(|cell| cell.trim().to_owned()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_cells_keep_their_commas_and_quotes() {
        assert_eq!(
            split(r#"a.png,"x, ""y""",3"#).unwrap(),
            ["a.png", r#"x, "y""#, "3"]
        );
        assert!(split("a.png,\"x").is_err());
    }
}
