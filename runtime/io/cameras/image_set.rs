//! Which image files a camera plays, in which order, and what their names say
//! about time.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::CameraError;

/// Most entries that are listed.
const MAX_ENTRIES: usize = 1_000_000;

/// The images of a camera: a folder, a pattern or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// Every image in the folder itself, in natural order (`2.png` before
    /// `10.png`). Where some are named `*.color.*`, only those; images whose
    /// name ends in `depth` are left out.
    Folder(PathBuf),
    /// As a folder, but only names that begin with `prefix` and end with
    /// `suffix`.
    Pattern {
        /// The folder.
        folder: PathBuf,
        /// Beginning of a file's name.
        prefix: String,
        /// End of a file's name.
        suffix: String,
    },
    /// These files, in this order, whatever their names.
    List(Vec<PathBuf>),
    /// These folders, patterns and files, one after the other.
    Several(Vec<ImageSource>),
}

impl ImageSource {
    /// A path as it stands in a launch file: a folder, one file, or a folder
    /// with one `*` in the last part (`frames/left-*.png`).
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let name = path.file_name().and_then(OsStr::to_str);
        if let Some((prefix, suffix)) = name.and_then(|name| name.split_once('*')) {
            let folder = path.parent().unwrap_or(Path::new(""));
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            return ImageSource::Pattern {
                folder: folder.to_owned(),
                prefix: prefix.to_owned(),
                suffix: suffix.to_owned(),
            };
        }
        if path.is_file() {
            return ImageSource::List(vec![path.to_owned()]);
        }
        ImageSource::Folder(path.to_owned())
    }

    /// The files, at least one.
    ///
    /// # Errors
    /// A folder that cannot be read, has no image or too many.
    pub fn files(&self) -> Result<Vec<PathBuf>, CameraError> {
        let (files, entries) = match self {
            ImageSource::Folder(folder) => list(folder, |_| true)?,
            ImageSource::Pattern {
                folder,
                prefix,
                suffix,
            } => list(folder, |name| {
                name.len() >= prefix.len() + suffix.len()
                    && name.starts_with(prefix.as_str())
                    && name.ends_with(suffix.as_str())
            })?,
            ImageSource::List(files) => (files.clone(), files.len()),
            ImageSource::Several(sources) => {
                let each: Result<Vec<_>, _> = sources.iter().map(ImageSource::files).collect();
                let files = each?.concat();
                let entries = files.len();
                (files, entries)
            }
        };
        if files.is_empty() {
            let subject = self.to_string();
            return Err(CameraError::NoImages { subject, entries });
        }
        if files.len() > MAX_ENTRIES {
            return Err(too_many(self));
        }
        Ok(files)
    }

    /// Paths as they stand in a launch file, one after the other.
    #[must_use]
    pub fn at_each(paths: &[PathBuf]) -> Self {
        match paths {
            [path] => Self::at(path),
            paths => Self::Several(paths.iter().map(|path| Self::at(path)).collect()),
        }
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageSource::Folder(folder) => write!(f, "{}", folder.display()),
            ImageSource::Pattern {
                folder,
                prefix,
                suffix,
            } => write!(f, "{}/{prefix}*{suffix}", folder.display()),
            ImageSource::List(files) => match files.as_slice() {
                [one] => write!(f, "{}", one.display()),
                files => write!(f, "list of {} images", files.len()),
            },
            ImageSource::Several(sources) => {
                for (place, source) in sources.iter().enumerate() {
                    let before = if place == 0 { "" } else { ", " };
                    write!(f, "{before}{source}")?;
                }
                Ok(())
            }
        }
    }
}

fn too_many(subject: impl fmt::Display) -> CameraError {
    CameraError::TooMany {
        subject: subject.to_string(),
        most: MAX_ENTRIES,
    }
}

/// The images in `folder` whose names are `wanted`, and how many entries there
/// were in all.
fn list(
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<(Vec<PathBuf>, usize), CameraError> {
    let read = |source| CameraError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    let mut entries = 0;
    for entry in fs::read_dir(folder).map_err(read)? {
        entries += 1;
        if entries > MAX_ENTRIES {
            return Err(too_many(folder.display()));
        }
        // A name that is not UTF-8 has no ending that we know.
        let Ok(name) = entry.map_err(read)?.file_name().into_string() else {
            continue;
        };
        if is_image(&name) && wanted(&name) {
            names.push(name);
        }
    }
    if names.iter().any(|name| stem(name).ends_with(".color")) {
        names.retain(|name| stem(name).ends_with(".color"));
    }
    names.sort_by(|a, b| natural_order(a, b));
    let files = names.iter().map(|name| folder.join(name)).collect();
    Ok((files, entries))
}

fn is_image(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let known = |ending: &str| {
        ["png", "jpg", "jpeg"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    };
    ending.is_some_and(known) && !name.starts_with('.') && !stem(name).ends_with("depth")
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Compares names with every run of digits taken as one number.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let (Some(x), Some(y)) = (rest_a.chars().next(), rest_b.chars().next()) else {
            return rest_a.len().cmp(&rest_b.len()).then_with(|| a.cmp(b));
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number_a, after_a) = split_digits(rest_a);
            let (number_b, after_b) = split_digits(rest_b);
            let by_value = number_a.len().cmp(&number_b.len());
            let order = by_value.then_with(|| number_a.cmp(number_b));
            if order != Ordering::Equal {
                return order;
            }
            (rest_a, rest_b) = (after_a, after_b);
        } else if x == y {
            (rest_a, rest_b) = (&rest_a[x.len_utf8()..], &rest_b[y.len_utf8()..]);
        } else {
            return x.cmp(&y);
        }
    }
}

/// The leading number without its leading zeros, and what follows.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

/// Time of exposure, as a file's name says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameTime {
    /// Nanoseconds since the Unix epoch: `1311868169.163498.png`, or 16 to 19
    /// digits of nanoseconds.
    Nanos(i64),
    /// The how-manieth frame: `frame-000012.color.jpg`.
    Index(u64),
    /// Nothing.
    Nothing,
}

impl NameTime {
    pub(super) fn of(file: &Path) -> Self {
        let Some(name) = file.file_name().and_then(OsStr::to_str) else {
            return NameTime::Nothing;
        };
        let stem = stem(name);
        let stem = stem.strip_suffix(".color").unwrap_or(stem);
        if let Some(nanos) = nanos(stem) {
            return NameTime::Nanos(nanos);
        }
        let before = stem.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &stem[before.len()..];
        digits.parse().map_or(NameTime::Nothing, NameTime::Index)
    }
}

fn nanos(stem: &str) -> Option<i64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match stem.split_once('.') {
        Some((seconds, fraction)) if digits(seconds) && digits(fraction) && fraction.len() <= 9 => {
            let seconds: i64 = seconds.parse().ok()?;
            let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
            seconds.checked_mul(1_000_000_000)?.checked_add(fraction)
        }
        None if digits(stem) && (16..=19).contains(&stem.len()) => stem.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_ordered_as_numbers() {
        let mut names = [
            "f10.png",
            "f9.png",
            "f010b.png",
            "a.png",
            "f10a.png",
            "f1.png",
        ];
        names.sort_by(|a, b| natural_order(a, b));
        let want = [
            "a.png",
            "f1.png",
            "f9.png",
            "f10.png",
            "f10a.png",
            "f010b.png",
        ];
        assert_eq!(names, want);
    }

    #[test]
    fn names_tell_seconds_nanoseconds_or_an_index() {
        let of = |name: &str| NameTime::of(Path::new(name));
        assert_eq!(
            of("a/1311868169.163498.png"),
            NameTime::Nanos(1_311_868_169_163_498_000)
        );
        assert_eq!(
            of("1403636579763555584.png"),
            NameTime::Nanos(1_403_636_579_763_555_584)
        );
        assert_eq!(of("frame-000012.color.jpg"), NameTime::Index(12));
        assert_eq!(of("left.png"), NameTime::Nothing);
        assert_eq!(of("bild-ü.png"), NameTime::Nothing);
        let huge = "9999999999999999999.5.png";
        assert_eq!(of(huge), NameTime::Index(5), "beyond what 64 bits hold");
    }

    #[test]
    fn colour_images_are_taken_and_depth_images_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let touch = |name: &str| fs::write(folder.path().join(name), b"").unwrap();
        let names = |source: &ImageSource| -> Vec<String> {
            let files = source.files().unwrap();
            let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
            files.iter().map(name).collect()
        };
        let source = ImageSource::at(folder.path());
        for name in ["10.png", "9.PNG", "9.depth.png", "notes.txt", ".hidden.png"] {
            touch(name);
        }
        assert_eq!(names(&source), ["9.PNG", "10.png"]);
        touch("frame-000001.color.jpg");
        assert_eq!(names(&source), ["frame-000001.color.jpg"]);
        let pattern = ImageSource::at(&folder.path().join("1*.png"));
        assert_eq!(names(&pattern), ["10.png"]);
    }

    #[test]
    fn a_folder_without_images_is_refused_with_its_name_and_the_rule() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), b"").unwrap();
        let error = ImageSource::at(folder.path()).files().unwrap_err();
        let path = folder.path().display();
        assert_eq!(
            error.to_string(),
            format!(
                "{path} has 0 images among its 1 entries, but a camera needs at least 1 named *.png, *.jpg or *.jpeg (depth images are left out)"
            )
        );
        let missing = ImageSource::at(Path::new("does/not/exist")).files();
        assert!(matches!(missing, Err(CameraError::Read { .. })));
    }
}
