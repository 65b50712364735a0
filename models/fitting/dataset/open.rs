//! Recognising a layout and opening it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::error::DataSetError;
use super::files::{Listing, below, read_bounded};
use super::sequence::Sequence;
use super::{classes, frames, tum};
use concert_models::Intrinsics;

/// Deepest that folders of sequences are looked through.
const MAX_DEPTH: usize = 3;
/// Most sequences.
const MAX_SEQUENCES: usize = 10_000;
/// Longest `dataset.json`, bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;
/// The apartment's index.
const INDEX: &str = "dataset.json";
/// Most classes of objects, and longest name of one, bytes.
const MAX_OBJECT_CLASSES: usize = 512;
const MAX_NAME_BYTES: usize = 64;

/// One or more sequences of frames with what is known about them.
#[derive(Debug, Clone)]
pub struct DataSet {
    pub(super) path: PathBuf,
    pub(super) sequences: Vec<Sequence>,
    classes: Option<Vec<String>>,
    pub(super) semantic_classes: Option<Vec<String>>,
    /// Names of the classes of boxes, where they are not those of pixels: of listed
    /// ones, or those of pixels and after them those of single objects.
    pub(super) object_classes: Option<Vec<String>>,
}

impl DataSet {
    /// Recognises the layout of a folder and lists its frames; no pixel is
    /// kept.
    ///
    /// # Errors
    /// A folder without a data set, lists that cannot be read or that name
    /// files outside their folder, two entries with one stamp, lists that no
    /// stamp joins, poses in a trajectory that are none.
    pub fn open(path: &Path) -> Result<Self, DataSetError> {
        let mut data = DataSet {
            path: path.to_owned(),
            sequences: Vec::new(),
            classes: None,
            semantic_classes: None,
            object_classes: None,
        };
        let listing = Listing::of(path)?;
        if listing.has(INDEX) {
            data.open_index()?;
        } else {
            data.open_folder(path, "", &listing, 0)?;
        }
        if data.sequences.iter().all(Sequence::is_empty) {
            return Err(DataSetError::Empty {
                path: path.to_owned(),
                entries: listing.len(),
            });
        }
        Ok(data)
    }

    /// One sequence of photographs with listed boxes of these classes.
    pub(super) fn of_photographs(path: &Path, sequence: Sequence, classes: Vec<String>) -> Self {
        Self {
            path: path.to_owned(),
            sequences: vec![sequence],
            classes: None,
            semantic_classes: None,
            object_classes: Some(classes),
        }
    }

    /// Opens several folders as one data set.
    ///
    /// # Errors
    /// As [`DataSet::open`], and data sets whose classes differ: their numbers
    /// would mean different things.
    pub fn open_all(paths: &[PathBuf]) -> Result<Self, DataSetError> {
        let Some((first, rest)) = paths.split_first() else {
            return Err(DataSetError::malformed_file(
                Path::new(""),
                "no data set is given",
            ));
        };
        let mut all = Self::open(first)?;
        for path in rest {
            let next = Self::open(path)?;
            join(&mut all.classes, next.classes, (first, path))?;
            join(
                &mut all.semantic_classes,
                next.semantic_classes,
                (first, path),
            )?;
            join(&mut all.object_classes, next.object_classes, (first, path))?;
            all.sequences.extend(next.sequences);
        }
        Ok(all)
    }

    /// Takes these intrinsics for the sequences whose files have none; they
    /// are scaled to images of another size with the same aspect ratio.
    #[must_use]
    pub fn with_intrinsics(mut self, intrinsics: Intrinsics) -> Self {
        for sequence in &mut self.sequences {
            sequence.intrinsics.get_or_insert(intrinsics);
        }
        self
    }

    /// Reads depth files with this many units in a metre, whatever their layout
    /// says.
    #[must_use]
    pub fn with_depth_units_per_metre(mut self, units: f32) -> Self {
        for sequence in &mut self.sequences {
            sequence.depth_units_per_metre = units;
        }
        self
    }

    /// The sequences, at least one.
    #[must_use]
    pub fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    /// Names of the classes that [`super::Example::class`] counts; where
    /// pictures have none, those of the semantic label files, by number.
    #[must_use]
    pub fn classes(&self) -> Option<&[String]> {
        let classes = self.classes.as_ref().or(self.semantic_classes.as_ref());
        classes.map(Vec::as_slice)
    }

    /// Names of the classes of the semantic label files, by number.
    #[must_use]
    pub fn semantic_classes(&self) -> Option<&[String]> {
        self.semantic_classes.as_deref()
    }

    /// Names of the classes of boxes around objects, by number: those that the data set
    /// lists, else those of the semantic label files.
    #[must_use]
    pub fn object_classes(&self) -> Option<&[String]> {
        let classes = self.object_classes.as_ref();
        classes
            .or(self.semantic_classes.as_ref())
            .map(Vec::as_slice)
    }

    /// Frames in all sequences.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.sequences.iter().map(Sequence::len).sum()
    }

    /// The folder that was opened (the first of several).
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Classes of boxes that pixels do not have: listed ones, and those of single
    /// objects.
    #[must_use]
    pub fn own_object_classes(&self) -> &[String] {
        let pixels = self.semantic_classes.as_ref().map_or(0, Vec::len);
        let all = self.object_classes.as_deref();
        all.map_or(&[], |all| all.get(pixels..).unwrap_or_default())
    }

    fn open_folder(
        &mut self,
        folder: &Path,
        name: &str,
        listing: &Listing,
        depth: usize,
    ) -> Result<(), DataSetError> {
        let called = match name {
            "" => last_part(folder),
            name => name.to_owned(),
        };
        if let Some(sequence) = self.open_sequence(folder, &called, listing)? {
            return self.push(sequence);
        }
        if depth == MAX_DEPTH {
            return Ok(());
        }
        for child in &listing.folders {
            let path = folder.join(child);
            let name = match name {
                "" => child.clone(),
                name => format!("{name}/{child}"),
            };
            self.open_folder(&path, &name, &Listing::of(&path)?, depth + 1)?;
        }
        Ok(())
    }

    fn push(&mut self, sequence: Sequence) -> Result<(), DataSetError> {
        if self.sequences.len() == MAX_SEQUENCES {
            return Err(DataSetError::TooMany {
                path: self.path.clone(),
                what: "sequences",
                limit: MAX_SEQUENCES,
            });
        }
        self.sequences.push(sequence);
        Ok(())
    }

    fn open_sequence(
        &mut self,
        folder: &Path,
        name: &str,
        listing: &Listing,
    ) -> Result<Option<Sequence>, DataSetError> {
        let mut sequence = if frames::recognise(listing) {
            frames::open(name, folder, listing)?
        } else if listing.has("rgb.txt") {
            tum::open_lists(name, folder, listing)?
        } else if tum::recognise_plain(listing) {
            tum::open_plain(name, folder, listing)?
        } else if let Some(table) = classes::table(listing) {
            let (sequence, classes) = classes::open(name, folder, table)?;
            let earlier = self.path.clone();
            join(&mut self.classes, Some(classes), (&earlier, folder))?;
            sequence
        } else {
            return Ok(None);
        };
        sequence.find_intrinsics(&[folder, &self.path])?;
        Ok(Some(sequence))
    }

    fn open_index(&mut self) -> Result<(), DataSetError> {
        let path = self.path.join(INDEX);
        let bytes = read_bounded(&path, MAX_INDEX_BYTES)?;
        let index: Index = serde_json::from_slice(&bytes)
            .map_err(|error| DataSetError::malformed_file(&path, error))?;
        if index.version != 1 {
            let reason = format!("has version {}, but version 1 is read", index.version);
            return Err(DataSetError::malformed_file(&path, reason));
        }
        let semantic = class_names(&path, &index.classes)?;
        let mut objects = semantic.clone();
        for (number, entry) in index.sequences.iter().enumerate() {
            let folder = below(&self.path, &entry.folder, &path, number + 1)?;
            let name = match entry.folder.as_str() {
                "." => format!("seed-{:06}", entry.seed),
                folder => folder.to_owned(),
            };
            let mut sequence = frames::open(&name, &folder, &Listing::of(&folder)?)?;
            if entry.folder == "." {
                keep_numbers(&mut sequence, entry);
            }
            sequence.named = named(&path, entry, &mut objects)?;
            if sequence.len() as u64 != entry.frames {
                let reason = format!(
                    "says that {} has {} frames, but it has {}",
                    entry.folder,
                    entry.frames,
                    sequence.len()
                );
                return Err(DataSetError::malformed_file(&path, reason));
            }
            if !sequence.is_empty() {
                sequence.find_intrinsics(&[&folder])?;
                sequence.lists.push(path.clone());
                self.push(sequence)?;
            }
        }
        self.object_classes = (objects.len() > semantic.len()).then_some(objects);
        self.semantic_classes = Some(semantic);
        self.classes = index.scenes;
        Ok(())
    }
}

/// The objects of a sequence that have a class of their own, and that class's number
/// among `classes`, which new ones join.
fn named(
    path: &Path,
    entry: &IndexEntry,
    classes: &mut Vec<String>,
) -> Result<Arc<[(u16, usize)]>, DataSetError> {
    let refuse = |reason| Err(DataSetError::malformed_file(path, reason));
    let mut numbers = Vec::with_capacity(entry.named.len());
    for (instance, name) in &entry.named {
        let is_name = (1..=MAX_NAME_BYTES).contains(&name.len());
        if !is_name || name.trim() != name || name.chars().any(char::is_control) {
            return refuse(format!(
                "{}: object {instance} is named {name:?}, but a name has 1 to \
                 {MAX_NAME_BYTES} bytes, no control characters and no blanks around it",
                entry.folder
            ));
        }
        let known = classes.iter().position(|class| class == name);
        if known.is_none() && classes.len() == MAX_OBJECT_CLASSES {
            return refuse(format!(
                "names more than {MAX_OBJECT_CLASSES} classes of objects"
            ));
        }
        let number = known.unwrap_or_else(|| {
            classes.push(name.clone());
            classes.len() - 1
        });
        numbers.push((*instance, number));
    }
    Ok(numbers.into())
}

/// Keeps the frames that one seed wrote into a flat folder.
fn keep_numbers(sequence: &mut Sequence, entry: &IndexEntry) {
    let range = entry.first_frame..entry.first_frame + entry.frames;
    sequence.entries.retain(|frame| {
        let number = frame.name.strip_prefix("frame-").unwrap_or("");
        number
            .parse()
            .is_ok_and(|number: u64| range.contains(&number))
    });
}

fn class_names(path: &Path, classes: &[(u8, String)]) -> Result<Vec<String>, DataSetError> {
    let mut names = vec![String::new(); classes.len()];
    for (number, name) in classes {
        let Some(place) = names.get_mut(usize::from(*number)) else {
            let count = classes.len();
            let reason = format!("class {name} has number {number}, but there are {count}");
            return Err(DataSetError::malformed_file(path, reason));
        };
        place.clone_from(name);
    }
    Ok(names)
}

#[derive(Deserialize)]
struct Index {
    version: u32,
    classes: Vec<(u8, String)>,
    /// Kinds of rooms; data sets of earlier versions name none.
    scenes: Option<Vec<String>>,
    sequences: Vec<IndexEntry>,
}

#[derive(Deserialize)]
struct IndexEntry {
    folder: String,
    seed: u64,
    first_frame: u64,
    frames: u64,
    /// Objects with a class of their own: number and name.
    #[serde(default)]
    named: Vec<(u16, String)>,
}

fn join(
    all: &mut Option<Vec<String>>,
    next: Option<Vec<String>>,
    (first, path): (&Path, &Path),
) -> Result<(), DataSetError> {
    match (&*all, next) {
        (Some(expected), Some(found)) if *expected != found => Err(DataSetError::Classes {
            path: path.to_owned(),
            found: found.join(", "),
            first: first.to_owned(),
            expected: expected.join(", "),
        }),
        (None, Some(found)) => {
            *all = Some(found);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn last_part(path: &Path) -> String {
    let full = path.canonicalize();
    let name = full.as_deref().unwrap_or(path).file_name();
    name.map_or_else(
        || "data".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
