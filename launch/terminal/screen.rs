//! Where the table goes: rewritten in place on a terminal, a line a second
//! elsewhere.

use std::io::{self, IsTerminal, Write};

use super::{half_blocks, plain_line, table};
use crate::draw::Canvas;
use crate::meter::Row;

/// What a terminal can do, and is wanted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether lines can be rewritten in place.
    pub live: bool,
    /// Whether letters may be bold and coloured.
    pub colour: bool,
    /// Whether pictures in 24-bit colour show.
    pub pictures: bool,
    /// Columns and lines.
    pub size: (usize, usize),
}

impl Style {
    /// What standard output can do: live only on a terminal that understands
    /// escapes, colour unless `NO_COLOR` is set, pictures where `COLORTERM`
    /// says 24 bits.
    #[must_use]
    pub fn of_stdout() -> Style {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        let live = io::stdout().is_terminal() && !dumb;
        let colour = live && set("NO_COLOR").is_none();
        let deep = set("COLORTERM").is_some_and(|term| term == "truecolor" || term == "24bit");
        let size = terminal_size::terminal_size().map_or((100, 30), |(width, height)| {
            (width.0.into(), height.0.into())
        });
        Style {
            live,
            colour,
            pictures: colour && deep,
            size,
        }
    }

    /// Plain lines, no escapes.
    #[must_use]
    pub fn plain() -> Style {
        Style {
            live: false,
            colour: false,
            pictures: false,
            size: (100, 30),
        }
    }
}

/// Shows rows, again and again.
#[derive(Debug)]
pub struct Screen<W: Write> {
    to: W,
    style: Style,
    drawn: usize,
}

impl<W: Write> Screen<W> {
    /// A screen that writes to `to` what `style` allows.
    pub fn new(to: W, style: Style) -> Self {
        Self {
            to,
            style,
            drawn: 0,
        }
    }

    /// Shows a title (of one line or more), the rows, and pictures below (with their names), in place
    /// of what was shown before; where nothing can be rewritten, one line.
    ///
    /// # Errors
    /// Where nothing can be written any more, as when a reader went away.
    pub fn show(
        &mut self,
        title: &str,
        rows: &[Row],
        pictures: &[(String, Canvas)],
    ) -> io::Result<()> {
        if !self.style.live {
            writeln!(self.to, "{}", plain_line(rows))?;
            return self.to.flush();
        }
        let (columns, height) = self.style.size;
        let shown = |line: &str| -> String {
            let letters = line.chars().filter(|c| !c.is_control());
            letters.take(columns).collect()
        };
        let mut lines: Vec<String> = title.lines().map(shown).collect();
        lines.extend(table(rows, columns, self.style.colour));
        let left = height.saturating_sub(lines.len() + 2).min(14);
        if self.style.pictures && left > 3 && columns >= 20 {
            lines.extend(side_by_side(pictures, columns, left));
        }
        // Longer than the screen, and the cursor could not go back to its top.
        lines.truncate(height.saturating_sub(1).max(1));
        let back = match self.drawn {
            0 => String::new(),
            drawn => format!("\x1b[{drawn}A"),
        };
        let body: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
        write!(self.to, "{back}\r{body}\x1b[J")?;
        self.drawn = lines.len();
        self.to.flush()
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.to
    }
}

/// Pictures in a row below their names, as many as fit.
fn side_by_side(pictures: &[(String, Canvas)], columns: usize, height: usize) -> Vec<String> {
    const WIDTH: usize = 38;
    let fit = (columns / (WIDTH + 2)).max(1);
    let width = WIDTH.min(columns);
    let shown = &pictures[..pictures.len().min(fit)];
    if shown.is_empty() {
        return Vec::new();
    }
    let blocks: Vec<_> = shown
        .iter()
        .map(|(_, picture)| half_blocks(picture, width, height - 1))
        .collect();
    let names = shown.iter().map(|(name, _)| {
        let name: String = name
            .chars()
            .filter(|c| !c.is_control())
            .take(width)
            .collect();
        format!("{name:<width$}  ")
    });
    let mut lines = vec![names.collect::<String>().trim_end().to_owned()];
    let tallest = blocks.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..tallest {
        let parts = blocks.iter().map(|block| match block.get(line) {
            Some(text) => {
                let missing = width.saturating_sub(text.matches('▀').count());
                format!("{text}{:missing$}  ", "")
            }
            None => " ".repeat(width + 2),
        });
        lines.push(parts.collect::<String>().trim_end().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Style = Style {
        live: true,
        colour: false,
        pictures: false,
        size: (80, 24),
    };

    fn row(key: &str) -> Row {
        Row {
            key: key.to_owned(),
            count: 0,
            rate_hz: 0.0,
            age: None,
            p50: None,
            p99: None,
            drops: 0,
            note: String::new(),
        }
    }

    fn shown(style: Style, times: usize, pictures: &[(String, Canvas)]) -> String {
        let mut screen = Screen::new(Vec::new(), style);
        for _ in 0..times {
            screen
                .show("title", &[row("a")], pictures)
                .expect("written");
        }
        String::from_utf8(screen.into_inner()).expect("text")
    }

    #[test]
    fn the_second_table_stands_where_the_first_stood() {
        let text = shown(LIVE, 2, &[]);
        assert_eq!(
            text.matches("\x1b[3A").count(),
            1,
            "title, head and one row: {text:?}"
        );
        assert_eq!(text.matches("\x1b[J").count(), 2);
    }

    #[test]
    fn where_nothing_can_be_rewritten_each_time_is_one_line_without_escapes() {
        let text = shown(Style::plain(), 3, &[]);
        assert_eq!(text.lines().count(), 3);
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn pictures_show_only_where_the_terminal_can() {
        let picture = [("map".to_owned(), Canvas::new(64, 48, [1, 2, 3]))];
        assert!(!shown(LIVE, 1, &picture).contains('▀'));
        let deep = Style {
            colour: true,
            pictures: true,
            ..LIVE
        };
        let text = shown(deep, 1, &picture);
        assert!(text.contains("map") && text.contains('▀'));
        let tiny = Style {
            size: (80, 5),
            ..deep
        };
        assert!(shown(tiny, 1, &picture).lines().count() <= 5);
    }
}
