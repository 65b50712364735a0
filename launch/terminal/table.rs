//! Rows as text.

use std::time::Duration;

use crate::meter::Row;

/// A table with one line per row, each at most `width` columns wide; the head
/// line is bold where `colour` may be used.
#[must_use]
pub fn table(rows: &[Row], width: usize, colour: bool) -> Vec<String> {
    let keys = rows.iter().map(|row| row.key.chars().count());
    let key_width = keys.max().unwrap_or(0).clamp(6, 40);
    let head = format!(
        "{:<key_width$}  {:>8}  {:>8}  {:>8}  {:>8}  {:>6}",
        "output", "rate", "age", "p50", "p99", "drops"
    );
    let mut lines = vec![cut(&head, width)];
    if colour {
        lines[0] = format!("\x1b[1m{}\x1b[0m", lines[0]);
    }
    lines.extend(rows.iter().map(|row| {
        let key: String = row.key.chars().take(40).map(printable).collect();
        let line = format!(
            "{key:<key_width$}  {:>8}  {:>8}  {:>8}  {:>8}  {:>6}  {}",
            rate(row.rate_hz),
            duration(row.age),
            duration(row.p50),
            duration(row.p99),
            row.drops,
            row.note
        );
        cut(line.trim_end(), width)
    }));
    lines
}

/// All rows on one line, for logs and pipes.
#[must_use]
pub fn plain_line(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no outputs yet".to_owned();
    }
    let each = rows.iter().map(|row| {
        let mut text = format!(
            "{} {} age {} p50 {} p99 {} drops {}",
            row.key,
            rate(row.rate_hz),
            duration(row.age),
            duration(row.p50),
            duration(row.p99),
            row.drops
        );
        if !row.note.is_empty() {
            text.push_str(&format!(" ({})", row.note));
        }
        text
    });
    let line = each.collect::<Vec<_>>().join(" | ");
    line.chars().map(printable).collect()
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

/// The first `width` letters, control characters made visible.
fn cut(line: &str, width: usize) -> String {
    line.chars().take(width).map(printable).collect()
}

/// Names and labels come from files and from the network: none may steer the
/// terminal.
fn printable(letter: char) -> char {
    if letter.is_control() {
        '\u{fffd}'
    } else {
        letter
    }
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
                note: "coffee \x1b[2Jmug 0.62".to_owned(),
            },
        ]
    }

    #[test]
    fn the_table_looks_like_this() {
        assert_eq!(
            table(&rows(), 120, false).join("\n"),
            "\
output                  rate       age       p50       p99   drops
keypoints2d           30.0/s   34.0 ms   21.2 ms   40.1 ms       0  812 points
front/class_object     0.0/s      >1 h    1.23 s         -   12345  coffee \u{fffd}[2Jmug 0.62"
        );
    }

    #[test]
    fn no_line_of_the_table_is_wider_than_the_terminal() {
        for width in 0..100 {
            for line in table(&rows(), width, false) {
                assert!(line.chars().count() <= width);
            }
        }
    }

    #[test]
    fn the_plain_line_looks_like_this() {
        assert_eq!(
            plain_line(&rows()),
            "keypoints2d 30.0/s age 34.0 ms p50 21.2 ms p99 40.1 ms drops 0 (812 points) | \
             front/class_object 0.0/s age >1 h p50 1.23 s p99 - drops 12345 \
             (coffee \u{fffd}[2Jmug 0.62)"
        );
        assert_eq!(plain_line(&[]), "no outputs yet");
    }

    #[test]
    fn only_the_head_is_bold_and_only_where_colour_is_wanted() {
        let lines = table(&rows(), 120, true);
        assert!(lines[0].starts_with("\x1b[1moutput") && lines[0].ends_with("\x1b[0m"));
        assert!(!table(&rows(), 120, false).concat().contains('\x1b'));
    }
}
