//! Rows as text.

use std::time::Duration;

use concert_runtime::Health;

use crate::meter::Row;
use crate::printable::steers;

/// Columns of numbers, with their widths; those that a narrow window leaves out
/// first come last in [`LEFT_OUT`].
const COLUMNS: [(&str, usize); 5] = [
    ("rate", 8),
    ("age", 8),
    ("p50", 8),
    ("p99", 8),
    ("drops", 6),
];
/// Which columns are left out where the window is narrow, in this order.
const LEFT_OUT: [usize; 2] = [2, 1];
/// Least width of the last column.
const NOTE: usize = 22;
/// Longest name of an output that is shown whole.
const MAX_KEY: usize = 40;

/// How the columns of a table lie in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    width: usize,
    key: usize,
    shown: Vec<usize>,
}

impl Columns {
    /// The columns of these rows in a window of `width` columns.
    pub(super) fn of(rows: &[Row], width: usize) -> Self {
        let keys = rows.iter().map(|row| row.key.chars().count());
        let key = keys.max().unwrap_or(0).clamp(6, MAX_KEY);
        let mut columns = Self {
            width,
            key: key.min(width.max(1)),
            shown: (0..COLUMNS.len()).collect(),
        };
        for left_out in LEFT_OUT {
            if columns.note_at() + NOTE > width {
                columns.shown.retain(|shown| *shown != left_out);
            }
        }
        columns
    }

    /// Where the last column begins.
    fn note_at(&self) -> usize {
        let numbers = self.shown.iter().map(|&column| COLUMNS[column].1 + 2);
        self.key + numbers.sum::<usize>() + 2
    }

    /// The names of the columns.
    pub(super) fn head(&self) -> String {
        self.line("output", |column| COLUMNS[column].0.to_owned())
    }

    /// A row without its note, padded to where that begins.
    pub(super) fn row(&self, row: &Row) -> String {
        self.line(&row.key, |column| match column {
            0 => rate(row.rate_hz),
            1 => duration(row.age),
            2 => duration(row.p50),
            3 => duration(row.p99),
            _ => row.drops.to_string(),
        })
    }

    fn line(&self, key: &str, number: impl Fn(usize) -> String) -> String {
        let key: String = key.chars().take(self.key).map(printable).collect();
        let mut line = format!("{key:<width$}", width = self.key);
        for &column in &self.shown {
            let width = COLUMNS[column].1;
            line.push_str(&format!("  {:>width$}", number(column)));
        }
        cut(&line, self.width)
    }

    /// Columns that are left for notes.
    pub(super) fn note_width(&self) -> usize {
        self.width.saturating_sub(self.note_at())
    }
}

/// What the last column of a row says: what is wrong, or the newest output.
pub(super) fn note(row: &Row) -> String {
    row.note.chars().map(printable).collect()
}

/// A table with one row per output, each line at most `width` columns wide; a
/// note that does not fit beside its row stands below it.
#[must_use]
pub(crate) fn table(rows: &[Row], width: usize) -> Vec<String> {
    const INDENT: usize = 4;
    let columns = Columns::of(rows, width);
    let mut lines = vec![columns.head().trim_end().to_owned()];
    for row in rows {
        let (line, note) = (columns.row(row), note(row));
        if note.chars().count() <= columns.note_width() {
            lines.push(format!("{line}  {note}").trim_end().to_owned());
        } else {
            lines.push(line.trim_end().to_owned());
            let below = wrap(&note, width.saturating_sub(INDENT));
            lines.extend(below.into_iter().map(|part| {
                let indented = format!("{:INDENT$}{part}", "");
                cut(&indented, width)
            }));
        }
    }
    lines
}

/// All rows in one line of at most 80 letters, for logs and pipes: how many
/// outputs come, and which do not and why.
#[must_use]
pub(crate) fn plain_line(title: &str, rows: &[Row]) -> String {
    const WIDTH: usize = 80;
    let mut line = title.to_owned();
    if rows.is_empty() {
        line.push_str("; no outputs yet");
        return cut(&line, WIDTH);
    }
    let well = rows.iter().filter(|row| row.health == Health::Ok).count();
    line.push_str(&format!("; {well} of {} outputs well", rows.len()));
    let ill = rows.iter().filter(|row| row.health != Health::Ok);
    if let Some(worst) = ill.max_by_key(|row| row.health) {
        line.push_str(&format!(", {}: {}", worst.key, worst.note));
    }
    let slowest = rows.iter().filter_map(|row| row.p99).max();
    let drops: u64 = rows.iter().map(|row| row.drops).sum();
    line.push_str(&format!("; p99 {}, {drops} drops", duration(slowest)));
    cut(&line, WIDTH)
}

/// A line of at most 80 letters for every output that is not well: its key, and
/// what is wrong.
pub(super) fn ill_lines(rows: &[Row]) -> impl Iterator<Item = String> {
    let ill = rows.iter().filter(|row| row.health != Health::Ok);
    ill.map(|row| cut(&format!("{}: {}", row.key, note(row)), 80))
}

/// Text in lines of at most `width` letters, broken between words where that
/// can be.
#[must_use]
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        let mut length = 0;
        for word in line.split_inclusive(' ') {
            let letters = word.trim_end_matches(' ').chars().count();
            if length > 0 && length + letters > width {
                lines.push(current.trim_end().to_owned());
                (current, length) = (String::new(), 0);
            }
            for letter in word.chars() {
                if length == width && letter != ' ' {
                    lines.push(std::mem::take(&mut current));
                    length = 0;
                }
                if length < width {
                    current.push(letter);
                    length += 1;
                }
            }
        }
        lines.push(current.trim_end().to_owned());
    }
    lines
}

fn rate(hz: f64) -> String {
    format!("{hz:.1}/s")
}

/// At most 8 columns: `12.3 ms`, `4.56 s`, `>1 h`, `-` where unknown.
fn duration(value: Option<Duration>) -> String {
    let Some(value) = value else {
        return "-".to_owned();
    };
    let seconds = value.as_secs_f64();
    if seconds < 0.9995 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 100.0 {
        format!("{seconds:.2} s")
    } else if seconds < 3600.0 {
        format!("{seconds:.0} s")
    } else {
        ">1 h".to_owned()
    }
}

/// The first `width` letters, control characters made visible; ends in `…`
/// where something is missing.
pub(super) fn cut(line: &str, width: usize) -> String {
    let mut letters = line.trim_end().chars();
    let mut text: String = letters.by_ref().take(width).map(printable).collect();
    if letters.next().is_some() && width > 0 {
        text.pop();
        text.push('…');
    }
    text
}

/// Names and labels come from files and from the network: none may steer the
/// terminal, nor change the direction of what follows.
pub(super) fn printable(letter: char) -> char {
    if steers(letter) { '\u{fffd}' } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let millis = |millis: f64| Some(Duration::from_secs_f64(millis / 1e3));
        vec![
            Row {
                key: "keypoints2d".to_owned(),
                count: 300,
                rate_hz: 29.96,
                age: millis(34.0),
                p50: millis(21.25),
                p99: millis(40.06),
                drops: 0,
                health: Health::Ok,
                note: "812 points".to_owned(),
            },
            Row {
                key: "front/class_object".to_owned(),
                count: 1,
                rate_hz: 0.0,
                age: millis(7_200_000.0),
                p50: millis(1234.0),
                p99: None,
                drops: 12_345,
                health: Health::Warn,
                note: "withheld: 40 of 40 values are no numbers \x1b[2J\u{202e}mug 0.62".to_owned(),
            },
        ]
    }

    #[test]
    fn the_table_looks_like_this() {
        assert_eq!(
            table(&rows(), 130).join("\n"),
            "\
output                  rate       age       p50       p99   drops
keypoints2d           30.0/s   34.0 ms   21.2 ms   40.1 ms       0  812 points
front/class_object     0.0/s      >1 h    1.23 s         -   12345  withheld: 40 of 40 values are no numbers \u{fffd}[2J\u{fffd}mug 0.62"
        );
    }

    #[test]
    fn a_narrow_table_leaves_out_columns_and_no_note() {
        assert_eq!(
            table(&rows(), 80).join("\n"),
            "\
output                  rate       age       p99   drops
keypoints2d           30.0/s   34.0 ms   40.1 ms       0  812 points
front/class_object     0.0/s      >1 h         -   12345
    withheld: 40 of 40 values are no numbers \u{fffd}[2J\u{fffd}mug 0.62"
        );
    }

    #[test]
    fn no_line_of_the_table_is_wider_than_the_window() {
        for width in 0..150 {
            for line in table(&rows(), width) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn the_plain_line_is_short_and_says_what_is_wrong() {
        let line = plain_line("front 29.9/s", &rows());
        assert_eq!(
            line,
            "front 29.9/s; 1 of 2 outputs well, front/class_object: withheld: 40 of 40 value…"
        );
        assert_eq!(line.chars().count(), 80);
        assert_eq!(
            plain_line("front", &rows()[..1]),
            "front; 1 of 1 outputs well; p99 40.1 ms, 0 drops"
        );
        assert_eq!(plain_line("front", &[]), "front; no outputs yet");
        let ill: Vec<String> = ill_lines(&rows()).collect();
        assert_eq!(ill.len(), 1, "{ill:?}");
        assert!(
            ill[0].starts_with("front/class_object: withheld: "),
            "{ill:?}"
        );
        assert!(ill[0].chars().count() <= 80, "{ill:?}");
    }

    #[test]
    fn text_is_broken_between_words_and_within_those_that_are_too_long() {
        assert_eq!(
            wrap("one two  three\nfour", 8),
            ["one two", "three", "four"]
        );
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("", 4), Vec::<String>::new());
        for width in 0..40 {
            let lines = wrap("a word, another word, and unbelievablylongwords", width);
            assert!(
                lines
                    .iter()
                    .all(|line| line.chars().count() <= width.max(1))
            );
        }
    }
}
