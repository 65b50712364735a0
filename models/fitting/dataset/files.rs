//! Reading files of strangers: bounded, and never outside the folder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use concert_policies::document::{Kind, ReadFault};

use super::error::DataSetError;

/// Most entries of a folder, and lines of a list.
pub(super) const MAX_ENTRIES: usize = 1_000_000;
/// Longest line of a list, bytes.
const MAX_LINE_BYTES: u64 = 4096;

/// The whole of a file of at most `limit` bytes.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, DataSetError> {
    Kind::file(limit).read_bytes(path).map_err(|fault| {
        let path = path.to_owned();
        match fault {
            ReadFault::NotAFile => DataSetError::NotRegular { path },
            ReadFault::TooLong { .. } => DataSetError::TooLong { path, limit },
            ReadFault::Unreadable { error, .. } => DataSetError::Read {
                path,
                source: error,
            },
            fault => DataSetError::malformed_file(&path, fault),
        }
    })
}

/// Opens a regular file, or a link to one. Opening anything else, a pipe say,
/// might never return.
pub(super) fn open_regular(path: &Path) -> Result<File, DataSetError> {
    let metadata = fs::metadata(path).map_err(DataSetError::read(path))?;
    if !metadata.is_file() {
        let path = path.to_owned();
        return Err(DataSetError::NotRegular { path });
    }
    File::open(path).map_err(DataSetError::read(path))
}

/// The text of a small file.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, DataSetError> {
    String::from_utf8(read_bounded(path, limit)?)
        .map_err(|_| DataSetError::malformed_file(path, "is not UTF-8 text"))
}

/// Names of a folder's files and of its folders, each in natural order.
/// Names that are not UTF-8 and hidden ones are left out.
pub(super) struct Listing {
    pub(super) files: Vec<String>,
    pub(super) folders: Vec<String>,
}

impl Listing {
    pub(super) fn of(folder: &Path) -> Result<Self, DataSetError> {
        let mut listing = Listing {
            files: Vec::new(),
            folders: Vec::new(),
        };
        let entries = fs::read_dir(folder).map_err(DataSetError::read(folder))?;
        for (count, entry) in entries.enumerate() {
            if count == MAX_FOLDER_ENTRIES {
                return Err(DataSetError::TooMany {
                    path: folder.to_owned(),
                    what: "entries",
                    limit: MAX_FOLDER_ENTRIES,
                });
            }
            let entry = entry.map_err(DataSetError::read(folder))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            // A link counts as what it leads to; one that leads nowhere is a file.
            let is_folder = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
                Ok(kind) => kind.is_dir(),
                Err(_) => false,
            };
            match is_folder {
                true => listing.folders.push(name),
                false => listing.files.push(name),
            }
        }
        listing.files.sort_by(|a, b| natural_order(a, b));
        listing.folders.sort_by(|a, b| natural_order(a, b));
        Ok(listing)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        let found = self
            .files
            .binary_search_by(|file| natural_order(file, name));
        found.is_ok()
    }

    pub(super) fn len(&self) -> usize {
        self.files.len() + self.folders.len()
    }
}

/// Most entries of one folder: a million frames of image, depth and pose, or
/// fewer with more labels.
const MAX_FOLDER_ENTRIES: usize = 4 * MAX_ENTRIES;

/// Compares names with every run of digits taken as one number.
pub(super) fn natural_order(a: &str, b: &str) -> std::cmp::Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(&p), Some(&q)) = (x.first(), y.first()) else {
            return x.len().cmp(&y.len()).then_with(|| a.cmp(b));
        };
        if p.is_ascii_digit() && q.is_ascii_digit() {
            let ((m, after_x), (n, after_y)) = (split_digits(x), split_digits(y));
            let order = m.len().cmp(&n.len()).then_with(|| m.cmp(n));
            if order.is_ne() {
                return order;
            }
            (x, y) = (after_x, after_y);
        } else if p == q {
            (x, y) = (&x[1..], &y[1..]);
        } else {
            return p.cmp(&q);
        }
    }
}

/// The leading number without its leading zeros, and what follows.
fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    (&digits[zeros..], rest)
}

/// Calls `take` with every line (number from 1, text without its end) that is
/// neither empty nor a comment (`#`).
pub(super) fn each_line(
    path: &Path,
    mut take: impl FnMut(usize, &str) -> Result<(), DataSetError>,
) -> Result<(), DataSetError> {
    let mut reader = BufReader::new(open_regular(path)?);
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let line = reader.by_ref().take(MAX_LINE_BYTES);
        let length = { line }.read_until(b'\n', &mut bytes);
        if length.map_err(DataSetError::read(path))? == 0 {
            break;
        }
        if number > 2 * MAX_ENTRIES {
            return Err(DataSetError::TooMany {
                path: path.to_owned(),
                what: "lines",
                limit: 2 * MAX_ENTRIES,
            });
        }
        if bytes.len() as u64 == MAX_LINE_BYTES && bytes.last() != Some(&b'\n') {
            let reason = format!("is longer than the {MAX_LINE_BYTES} bytes allowed");
            return Err(DataSetError::line(path, number, reason));
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| DataSetError::line(path, number, "is not UTF-8 text"))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.is_empty() && !text.starts_with('#') {
            take(number, text)?;
        }
    }
    Ok(())
}

/// `name` below `folder`, unless it leads out of it.
pub(super) fn below(
    folder: &Path,
    name: &str,
    list: &Path,
    line: usize,
) -> Result<PathBuf, DataSetError> {
    below_as(folder, name).ok_or_else(|| DataSetError::Outside {
        path: list.to_owned(),
        line,
        name: name.to_owned(),
    })
}

/// `name` below `folder`; `None` where it leads out of it.
pub(super) fn below_as(folder: &Path, name: &str) -> Option<PathBuf> {
    let inside = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
    let sound = !name.is_empty() && !name.contains(['\0', '\\']);
    (sound && Path::new(name).components().all(inside)).then(|| folder.join(name))
}

/// True where the ending is one of a picture that is read.
pub(super) fn is_picture(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["png", "jpg", "jpeg"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        let list = Path::new("rgb.txt");
        for name in [
            "../x.png",
            "a/../../x.png",
            "/etc/passwd",
            "",
            "a\\..\\x",
            "a\0b",
        ] {
            let error = below(Path::new("d"), name, list, 3);
            assert!(
                matches!(error, Err(DataSetError::Outside { line: 3, .. })),
                "{name:?}"
            );
        }
        let inside = below(Path::new("d"), "./rgb/1.png", list, 3).unwrap();
        assert_eq!(inside, Path::new("d/./rgb/1.png"));
    }

    #[test]
    fn numbers_in_names_are_ordered_as_numbers() {
        let mut names = ["f10", "f9", "f010b", "a", "f1"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["a", "f1", "f9", "f10", "f010b"]);
    }

    #[test]
    fn a_line_without_an_end_is_refused_in_bounded_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rgb.txt");
        fs::write(&path, vec![b'1'; 1 << 20]).unwrap();
        let error = each_line(&path, |_, _| Ok(())).unwrap_err().to_string();
        assert!(
            error.ends_with("line 1: is longer than the 4096 bytes allowed"),
            "{error}"
        );
    }
}
