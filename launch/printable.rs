//! Text that came from elsewhere (names in files, frame ids, errors of a bus)
//! made safe to show: nothing in it steers a terminal or turns a line around.

use std::borrow::Cow;
use std::io::{self, Write};

/// Tells whether a letter steers what shows it: a control character (C0, C1), a line
/// or paragraph separator, or one that changes the direction of text.
#[must_use]
pub fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// The text with such letters written as Rust writes them (`\u{202e}`); ends of
/// lines and tabs stay.
#[must_use]
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let bad = |letter: char| steers(letter) && letter != '\n' && letter != '\t';
    if !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match bad(letter) {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// JSON on one line with such letters escaped as JSON escapes them: what a
/// program reads is the same.
#[must_use]
pub(crate) fn printable_json(value: &serde_json::Value) -> String {
    let text = value.to_string();
    if !text.contains(steers) {
        return text;
    }
    // Such letters stand only within strings, where they may be escaped.
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match steers(letter) {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => shown.push(letter),
        }
    }
    shown
}

/// Writes whole lines of a log, whose own colours (escapes) may stay: the log
/// escapes escapes that stand in messages.
#[derive(Debug)]
pub(crate) struct PrintableLines<W>(pub W);

impl<W: Write> Write for PrintableLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bad = |letter: char| steers(letter) && !matches!(letter, '\n' | '\t' | '\x1b');
        let text = String::from_utf8_lossy(bytes);
        if !text.contains(bad) {
            return self.0.write_all(bytes).map(|()| bytes.len());
        }
        let mut shown = String::with_capacity(text.len() + 16);
        for letter in text.chars() {
            match bad(letter) {
                true => shown.extend(letter.escape_default()),
                false => shown.push(letter),
            }
        }
        self.0.write_all(shown.as_bytes()).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every letter that steers.
    fn steering() -> impl Iterator<Item = char> {
        ('\0'..='\u{ffff}').filter(|&letter| steers(letter))
    }

    #[test]
    fn no_letter_that_steers_is_shown() {
        assert!(steering().count() > 70 && steering().any(|letter| letter == '\u{202e}'));
        for letter in steering() {
            let shown = printable(&format!("a{letter}b")).into_owned();
            let may_stay = letter == '\n' || letter == '\t';
            assert_eq!(shown.contains(steers), may_stay, "{letter:?}: {shown}");
        }
        assert!(matches!(
            printable("plain, größer, 深度\n"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn json_reads_as_it_did() {
        let text: String = steering().collect();
        let value = serde_json::json!({ "name": text });
        let shown = printable_json(&value);
        assert!(!shown.contains(steers), "{shown:?}");
        let read: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(read, value);
    }

    #[test]
    fn a_log_keeps_its_own_colours_and_nothing_else() {
        let mut lines = PrintableLines(Vec::new());
        lines
            .write_all("\x1b[31mERROR\x1b[0m exe.\u{202e}gnp \r\u{9b}2J\n".as_bytes())
            .expect("written");
        let shown = String::from_utf8(lines.0).expect("text");
        let want = "\x1b[31mERROR\x1b[0m exe.\\u{202e}gnp \\r\\u{9b}2J\n";
        assert_eq!(shown, want);
    }
}
