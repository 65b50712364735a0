//! Single entries of a card, each held to its rule.

use std::collections::BTreeSet;
use std::ops::Range;

use concert_policies::document::shown;
use concert_policies::{MAX_NAME_BYTES, Task};
use toml::Spanned;

use super::{Placed, SHOWN};
use crate::card::fault::CardFault;
use crate::card::{MAX_AXES, MAX_ELEMENTS, MAX_ENTRIES};
use crate::digest::is_sha256_hex;

/// Longest text of an entry that no rule bounds otherwise, in bytes.
const MAX_TEXT_BYTES: usize = 2000;

pub(in crate::card) fn value_of<T>(
    span: Range<usize>,
    entry: &str,
    value: String,
    rule: &str,
) -> Placed<T> {
    let fault = CardFault::Value {
        entry: entry.to_owned(),
        value,
        rule: rule.to_owned(),
    };
    Err((Some(span), fault))
}

pub(in crate::card) fn value<T>(
    written: &Spanned<impl ToString>,
    entry: &str,
    rule: &str,
) -> Placed<T> {
    let shown = format!("`{}`", shown(&written.get_ref().to_string(), SHOWN));
    value_of(written.span(), entry, shown, rule)
}

pub(in crate::card) fn unknown<'a, T>(
    written: &Spanned<String>,
    entry: &str,
    known: impl Iterator<Item = &'a str>,
) -> Placed<T> {
    let fault = CardFault::Unknown {
        entry: entry.to_owned(),
        name: shown(written.get_ref(), SHOWN),
        known: known.collect::<Vec<_>>().join(", "),
    };
    Err((Some(written.span()), fault))
}

pub(in crate::card) fn entries<T>(entry: &str, list: &[Spanned<T>]) -> Placed<()> {
    if (1..=MAX_ENTRIES).contains(&list.len()) {
        return Ok(());
    }
    let fault = CardFault::Value {
        entry: format!("number of [[{entry}]]"),
        value: list.len().to_string(),
        rule: format!("it must be 1 to {MAX_ENTRIES}"),
    };
    Err((list.last().map(Spanned::span), fault))
}

pub(super) fn unique<'a>(
    entry: &str,
    names: impl Iterator<Item = &'a Spanned<String>>,
) -> Placed<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.get_ref()) {
            let fault = CardFault::Duplicate {
                entry: entry.to_owned(),
                name: shown(name.get_ref(), SHOWN),
            };
            return Err((Some(name.span()), fault));
        }
    }
    Ok(())
}

pub(in crate::card) fn task(written: &Spanned<String>, entry: &str) -> Placed<&'static Task> {
    let task = Task::all()
        .iter()
        .find(|task| task.name == written.get_ref());
    match (task, Task::suggest(written.get_ref())) {
        (Some(task), _) => Ok(task),
        (None, Some(near)) => {
            let rule = format!(
                "a card names a task canonically; did you mean `{}`",
                near.name
            );
            value(written, entry, &rule)
        }
        (None, None) => value(written, entry, "it must be a task of the dictionary"),
    }
}

pub(in crate::card) fn count(
    written: &Spanned<i64>,
    entry: &str,
    least: usize,
    most: usize,
) -> Placed<usize> {
    match usize::try_from(*written.get_ref()) {
        Ok(count) if (least..=most).contains(&count) => Ok(count),
        _ => value(written, entry, &format!("it must be {least} to {most}")),
    }
}

pub(super) fn shape(written: &Spanned<Vec<i64>>, entry: &str) -> Placed<Vec<usize>> {
    let refuse = |rule: &str| {
        let axes: Vec<_> = written.get_ref().iter().take(MAX_AXES + 1).collect();
        value_of(written.span(), entry, format!("{axes:?}"), rule)
    };
    let axes = written.get_ref().len();
    if !(2..=MAX_AXES).contains(&axes) || written.get_ref()[0] != 1 {
        return refuse(&format!(
            "it must have 2 to {MAX_AXES} axes, the first of length 1"
        ));
    }
    let lengths = (written.get_ref().iter())
        .map(|length| usize::try_from(*length).ok().filter(|length| *length > 0))
        .collect::<Option<Vec<_>>>();
    let Some(lengths) = lengths else {
        return refuse("every axis must be at least 1 long");
    };
    let elements = lengths
        .iter()
        .try_fold(1usize, |n, &axis| n.checked_mul(axis));
    if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
        return refuse(&format!("at most {MAX_ELEMENTS} elements are allowed"));
    }
    Ok(lengths)
}

pub(in crate::card) fn digest(written: &Spanned<String>, entry: &str) -> Placed<String> {
    if !is_sha256_hex(written.get_ref()) {
        return value(written, entry, "it must be 64 digits of 0-9 and a-f");
    }
    Ok(written.get_ref().clone())
}

pub(in crate::card) fn text(written: &Spanned<String>, entry: &str) -> Placed<String> {
    let text = written.get_ref();
    if text.trim().is_empty() || text.len() > MAX_TEXT_BYTES || text.contains(char::is_control) {
        let rule = format!("it must be 1 to {MAX_TEXT_BYTES} bytes on one line");
        return value(written, entry, &rule);
    }
    Ok(text.clone())
}

pub(crate) fn is_safe_name(name: &str) -> bool {
    let safe = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(safe)
}

/// A name that becomes part of a file name.
pub(super) fn name(written: &Spanned<String>, entry: &str) -> Placed<String> {
    if !is_safe_name(written.get_ref()) {
        let rule = format!("it must be 1 to {MAX_NAME_BYTES} of a-z, 0-9 and _");
        return value(written, entry, &rule);
    }
    Ok(written.get_ref().clone())
}

fn is_plain_part(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    (1..=200).contains(&part.len()) && !part.starts_with('.') && part.bytes().all(plain)
}

/// A file beside the card: one part, so that it cannot lie elsewhere.
pub(super) fn file_name(written: &Spanned<String>, entry: &str) -> Placed<String> {
    if !is_plain_part(written.get_ref()) {
        let rule = "it must name a file beside the card (letters, digits and ._-+@)";
        return value(written, entry, rule);
    }
    Ok(written.get_ref().clone())
}

/// A package or version that a command line takes for nothing else.
pub(super) fn package_part(written: &Spanned<String>, entry: &str) -> Placed<String> {
    let begins = |text: &str| text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !begins(written.get_ref()) || !is_plain_part(written.get_ref()) {
        let rule = "it must be letters, digits and ._-+, with no sign in front";
        return value(written, entry, rule);
    }
    Ok(written.get_ref().clone())
}

/// A path inside an archive.
pub(super) fn inner_path(written: &Spanned<String>) -> Placed<String> {
    let path = written.get_ref();
    if path.len() > 400 || !path.split('/').all(is_plain_part) {
        let rule = "it must be a path inside the package, without `..`";
        return value(written, "pull.file", rule);
    }
    Ok(path.clone())
}
