//! Logs, to standard error.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::printable::PrintableLines;

/// Environment variable with a filter such as `concert_runtime=debug,warn`;
/// stands above `-v` and `-q`.
pub(crate) const LOG_VARIABLE: &str = "CONCERT_LOG";

/// Most lines that are kept while the live table is up; older ones are dropped,
/// and how many is said.
const MAX_HELD: usize = 1000;

/// Begins to log to standard error: warnings and, of Concert itself,
/// information; each `verbose` shows more, `quiet` errors only. On a terminal,
/// lines are as wide as its window, and begin with the seconds since the start.
pub(crate) fn begin(verbose: u8, quiet: bool) {
    let default = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn,concert=info,concert_runtime=info,concert_models=info,zenoh=error",
        (false, 1) => "info,concert=debug,concert_runtime=debug,concert_models=debug,zenoh=warn",
        (false, 2) => "debug,zenoh=info",
        _ => "trace",
    };
    let filter = std::env::var(LOG_VARIABLE)
        .ok()
        .filter(|filter| !filter.is_empty());
    let (filter, bad) = match filter.as_deref().map(EnvFilter::try_new) {
        None => (EnvFilter::new(default), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(default), Some(error)),
    };
    let is_terminal = io::stderr().is_terminal();
    let colour = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || PrintableLines(Lines { is_terminal }))
        .with_ansi(colour)
        .with_timer(Stamp {
            is_shown: !is_terminal || verbose > 0,
        })
        .with_target(verbose > 0)
        // It would print to standard error, and panic where that is full.
        .log_internal_errors(false)
        .with_filter(filter);
    let subscriber = tracing_subscriber::registry().with(lines);
    let subscriber = subscriber.with(crate::lost_messages::layer());
    let begun = subscriber.try_init();
    if let (Ok(()), Some(error)) = (begun, bad) {
        tracing::warn!("{LOG_VARIABLE} is not a filter and is ignored: {error}");
    }
}

/// The time before each line; on a terminal, where somebody looks on and lines
/// are short, none.
struct Stamp {
    is_shown: bool,
}

impl FormatTime for Stamp {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        match self.is_shown {
            true => SystemTime.format_time(to),
            false => Ok(()),
        }
    }
}

/// Writes to standard error; where that is a terminal, in lines as wide as its
/// window, and when the live table is gone.
struct Lines {
    is_terminal: bool,
}

/// Lines that wait for the live table to be gone.
struct Held {
    lines: VecDeque<String>,
    left_out: u64,
}

/// `None` while lines are written at once.
static HELD: Mutex<Option<Held>> = Mutex::new(None);

fn held() -> MutexGuard<'static, Option<Held>> {
    // Every value is whole between statements.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_terminal {
            return io::stderr().write(bytes);
        }
        // One event comes in one call.
        let text = String::from_utf8_lossy(bytes);
        match &mut *held() {
            Some(held) => held.push(text.trim_end()),
            None => write_wrapped(&text)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Held {
    fn push(&mut self, line: &str) {
        if self.lines.len() == MAX_HELD {
            self.lines.pop_front();
            self.left_out += 1;
        }
        self.lines.push_back(line.to_owned());
    }
}

/// Keeps lines back from now on, where standard error is a terminal: the live
/// table shows the newest.
pub(crate) fn hold() {
    if io::stderr().is_terminal() {
        held().get_or_insert(Held {
            lines: VecDeque::new(),
            left_out: 0,
        });
    }
}

/// Writes what was kept back, and all that comes, at once.
pub(crate) fn release() {
    let Some(held) = held().take() else {
        return;
    };
    if held.left_out > 0 {
        let _ = write_wrapped(&format!("({} earlier lines left out)", held.left_out));
    }
    for line in held.lines {
        let _ = write_wrapped(&line);
    }
}

/// The newest lines that are kept back, oldest first, without colours.
pub(crate) fn newest() -> Vec<String> {
    const SHOWN: usize = 4;
    let held = held();
    let Some(held) = &*held else {
        return Vec::new();
    };
    let skip = held.lines.len().saturating_sub(SHOWN);
    let newest = held.lines.iter().skip(skip);
    newest.map(|line| without_escapes(line)).collect()
}

fn write_wrapped(text: &str) -> io::Result<()> {
    let width = rustix::termios::tcgetwinsize(io::stderr());
    let width = width.ok().map(|size| usize::from(size.ws_col));
    let width = width.filter(|width| *width > 0).unwrap_or(80);
    let mut whole = String::new();
    for line in text.lines() {
        whole.push_str(&wrapped(line, width));
        whole.push('\n');
    }
    io::stderr().write_all(whole.as_bytes())
}

/// A line broken between words so that no part is wider than `width`; escape
/// sequences take no room. What follows the first part is indented.
fn wrapped(line: &str, width: usize) -> String {
    const INDENT: usize = 4;
    let mut text = String::with_capacity(line.len() + 16);
    let mut column = 0;
    for word in line.split_inclusive(' ') {
        let letters = without_escapes(word).trim_end().chars().count();
        if column + letters > width && column > INDENT {
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
            text.push_str(&" ".repeat(INDENT.min(width.saturating_sub(1))));
            column = INDENT;
        }
        let has_room = column + letters <= width || word.contains('\x1b');
        if has_room {
            text.push_str(word);
            column += without_escapes(word).chars().count();
            continue;
        }
        // Longer than a line, as a path may be.
        for letter in word.chars() {
            if column >= width {
                text.push('\n');
                text.push_str(&" ".repeat(INDENT.min(width.saturating_sub(1))));
                column = INDENT;
            }
            text.push(letter);
            column += 1;
        }
    }
    text
}

/// Text without sequences that colour it.
fn without_escapes(text: &str) -> String {
    let mut letters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        match letter {
            // Up to the letter that ends it.
            '\x1b' => drop(letters.find(|letter| letter.is_ascii_alphabetic())),
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_is_as_wide_as_the_window_at_most() {
        let line = "\x1b[2m0.1s\x1b[0m \x1b[32m INFO\x1b[0m depth_zbuffer_from_efficientnet_lite0 \
                    runs on cpu (38 nodes on CPUExecutionProvider), which is long";
        let text = wrapped(line, 60);
        assert!(text.lines().count() > 1);
        for part in text.lines() {
            assert!(without_escapes(part).chars().count() <= 60, "{part}");
        }
        let words = |text: &str| {
            let plain = without_escapes(text);
            plain
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&text), words(line));
        assert_eq!(wrapped("short", 60), "short");
        let path = wrapped(&format!("from the cache, /{}), 2", "x".repeat(90)), 40);
        assert!(
            path.lines().all(|part| part.chars().count() <= 40),
            "{path}"
        );
    }

    #[test]
    fn lines_that_are_kept_back_are_bounded_and_counted() {
        let mut held = Held {
            lines: VecDeque::new(),
            left_out: 0,
        };
        (0..MAX_HELD + 7).for_each(|number| held.push(&number.to_string()));
        assert_eq!((held.lines.len(), held.left_out), (MAX_HELD, 7));
        assert_eq!(held.lines.back().map(String::as_str), Some("1006"));
    }
}
