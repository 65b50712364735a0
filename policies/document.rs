//! Documents: files that people write and Concert reads whole, holds to rules,
//! and refuses with `FILE:LINE:COLUMN: fault`; and files that are written whole
//! or not at all.
//!
//! A kind of document (policy, problem, table, profile, card, launch file) is a
//! [`Kind`], which says what it is called and how long it may be, and an
//! enumeration of the rules that it can break. [`Refused`] puts the place in
//! front of any such fault.

mod whole_file;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

pub use whole_file::{WholeFile, WriteError, check_place, write_whole};

/// A refused document: the file, the place in it where one is known, and why.
///
/// Displays as `FILE:LINE:COLUMN: fault`.
#[derive(Debug)]
pub struct Refused<F> {
    origin: String,
    position: Option<Position>,
    // Boxed: errors are moved more often than read.
    fault: Box<F>,
}

impl<F> Refused<F> {
    /// A refusal of the document `origin`.
    pub fn new(origin: &str, position: Option<Position>, fault: F) -> Self {
        Self {
            origin: origin.to_owned(),
            position,
            fault: Box::new(fault),
        }
    }

    /// A refusal of the text of `origin`, at the span of its bytes that is known.
    pub fn in_text(origin: &str, text: &str, (span, fault): Located<F>) -> Self {
        let position = span.map(|span| Position::of(text, &span));
        Self::new(origin, position, fault)
    }

    /// The same refusal of a text that no line and column of the user's belong
    /// to.
    #[must_use]
    pub fn without_position(self) -> Self {
        let position = None;
        Self { position, ..self }
    }

    /// The file, or what the caller gave in its place.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Place in the text, unless the fault is about the whole file.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Rule that was broken.
    pub fn fault(&self) -> &F {
        &self.fault
    }
}

impl<F: fmt::Display> fmt::Display for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.origin)?;
        if let Some(position) = self.position {
            write!(f, "{position}:")?;
        }
        write!(f, " {}", self.fault)
    }
}

impl<F: std::error::Error> std::error::Error for Refused<F> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}

/// A place in a text; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Character in the line, unless the fault is about the whole line.
    pub column: Option<usize>,
}

impl Position {
    /// The place where a span of bytes begins.
    pub fn of(text: &str, span: &Range<usize>) -> Position {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: Some(before[line_start..].chars().count() + 1),
        }
    }

    /// A whole line.
    pub fn of_line(line: usize) -> Position {
        Position { line, column: None }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{}:{column}", self.line),
            None => write!(f, "{}", self.line),
        }
    }
}

/// A fault and the bytes of the text that it is about, where some are.
pub type Located<F> = (Option<Range<usize>>, F);

/// Result of reading a text, or the fault and its place.
pub type Placed<T, F> = Result<T, Located<F>>;

/// A fault at a place.
///
/// # Errors
/// Always.
pub fn at<T, F>(span: Range<usize>, fault: F) -> Placed<T, F> {
    Err((Some(span), fault))
}

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Name in errors: `policy`.
    pub name: &'static str,
    /// Greatest length in bytes.
    pub max_bytes: u64,
}

/// Reason why the text of a document could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum ReadFault {
    #[error("cannot read the {name}: {error}")]
    Unreadable {
        name: &'static str,
        #[source]
        error: io::Error,
    },
    #[error("not a regular file")]
    NotAFile,
    #[error("{name} has {bytes} bytes, but at most {limit} are allowed")]
    TooLong {
        name: &'static str,
        bytes: u64,
        limit: u64,
    },
    #[error("{name} is not utf-8 text from byte {valid_up_to} on")]
    NotText {
        name: &'static str,
        valid_up_to: usize,
    },
}

impl Kind {
    /// Any file of at most so many bytes, for errors that name it otherwise.
    pub const fn file(max_bytes: u64) -> Self {
        let name = "file";
        Self { name, max_bytes }
    }

    /// The text of a document.
    ///
    /// # Errors
    /// Anything but a readable regular file of at most `max_bytes` of UTF-8, of
    /// which no more is read.
    pub fn read(&self, path: &Path) -> Result<String, ReadFault> {
        String::from_utf8(self.read_bytes(path)?).map_err(|error| ReadFault::NotText {
            name: self.name,
            valid_up_to: error.utf8_error().valid_up_to(),
        })
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// As [`read`](Self::read), of any bytes.
    pub fn read_bytes(&self, path: &Path) -> Result<Vec<u8>, ReadFault> {
        let unreadable = |error| ReadFault::Unreadable {
            name: self.name,
            error,
        };
        // Asked before opening: opening a pipe would wait for its writer.
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(ReadFault::NotAFile);
        }
        self.check_length(metadata.len())?;
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(self.max_bytes + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        // It may have grown since it was asked.
        self.check_length(bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Refuses what is too long.
    ///
    /// # Errors
    /// [`ReadFault::TooLong`].
    pub fn check_length(&self, bytes: u64) -> Result<(), ReadFault> {
        if bytes <= self.max_bytes {
            return Ok(());
        }
        Err(ReadFault::TooLong {
            name: self.name,
            bytes,
            limit: self.max_bytes,
        })
    }
}

/// A piece of a document as an error may show it: on one line, at most `limit`
/// characters, control characters escaped.
#[must_use]
pub fn shown(text: &str, limit: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(limit)
        .flat_map(|c| {
            let escape = c.is_control();
            let escaped = escape.then(|| c.escape_default());
            let plain = (!escape).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: Kind = Kind {
        name: "note",
        max_bytes: 8,
    };

    #[test]
    fn only_short_text_in_a_regular_file_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("note");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            NOTE.read(&path).map_err(|fault| fault.to_string())
        };
        assert_eq!(read(b"12345678").as_deref(), Ok("12345678"));
        let refused = [
            (
                &b"123456789"[..],
                "note has 9 bytes, but at most 8 are allowed",
            ),
            (b"ab\xff", "note is not utf-8 text from byte 2 on"),
        ];
        for (bytes, want) in refused {
            assert_eq!(read(bytes), Err(want.to_owned()));
        }
        let folder = NOTE.read(folder.path()).expect_err("a folder");
        assert_eq!(folder.to_string(), "not a regular file");
    }

    #[test]
    fn a_refusal_names_file_line_and_column() {
        let text = "a = 1\nöb = 2\n";
        let begin = text.find('b').expect("a letter");
        let fault = "b is 2, but must be 1".to_owned();
        let refused = Refused::in_text("x.toml", text, (Some(begin..begin + 1), fault));
        assert_eq!(refused.to_string(), "x.toml:2:2: b is 2, but must be 1");
        let whole = Refused::new("x.csv", Some(Position::of_line(3)), "no");
        assert_eq!(whole.to_string(), "x.csv:3: no");
        assert_eq!(whole.without_position().to_string(), "x.csv: no");
    }
}
