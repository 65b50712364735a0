//! The small files in which Linux tells of a computer (`/proc`, `/sys`).

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The first bytes of a file, at most so many; `None` where it cannot be read, or is no
/// UTF-8.
#[must_use]
pub fn read(path: &Path, max_bytes: u64) -> Option<String> {
    let mut text = String::new();
    let file = fs::File::open(path).ok()?;
    file.take(max_bytes).read_to_string(&mut text).ok()?;
    Some(text)
}

/// What stands in a file called for one thing, without what stands around it; `None`
/// where nothing does.
#[must_use]
pub fn word(path: &Path, max_bytes: u64) -> Option<String> {
    let text = read(path, max_bytes)?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Entries of a folder that are called `name` and a number, in the order of their names;
/// none where there is no such folder.
#[must_use]
pub fn numbered(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut named: Vec<PathBuf> = entries
        .filter(|entry| {
            let file = entry.file_name();
            let number = file.to_str().and_then(|file| file.strip_prefix(name));
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        })
        .map(|entry| entry.path())
        .collect();
    named.sort();
    named
}
