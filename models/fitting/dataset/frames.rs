//! Layout "frames": `NAME.color.png` and what stands beside it.

use std::path::Path;

use super::error::DataSetError;
use super::example::LabelFiles;
use super::files::{Listing, MAX_ENTRIES};
use super::sequence::{FrameFiles, FramePose, Sequence};

const COLOUR: [&str; 3] = [".color.png", ".color.jpg", ".color.jpeg"];

/// True where a listing is of this layout.
pub(super) fn recognise(listing: &Listing) -> bool {
    listing.files.iter().any(|name| stem(name).is_some())
}

fn stem(name: &str) -> Option<&str> {
    let mut stems = COLOUR.iter().filter_map(|ending| name.strip_suffix(ending));
    stems.next().filter(|stem| !stem.is_empty())
}

/// Lists the frames.
pub(super) fn open(name: &str, folder: &Path, listing: &Listing) -> Result<Sequence, DataSetError> {
    let mut sequence = Sequence::new(name, folder);
    for image in &listing.files {
        let Some(stem) = stem(image) else {
            continue;
        };
        // Natural order puts the .jpg of the same name just before its .png.
        if sequence
            .entries
            .last()
            .is_some_and(|last| &*last.name == stem)
        {
            sequence.entries.pop();
        }
        if sequence.entries.len() == MAX_ENTRIES {
            return Err(DataSetError::TooMany {
                path: folder.to_owned(),
                what: "frames",
                limit: MAX_ENTRIES,
            });
        }
        let has = |ending: &str| listing.has(&format!("{stem}.{ending}"));
        let labels = LabelFiles::ENDINGS.iter().enumerate();
        let labels = labels.map(|(bit, ending)| u8::from(has(ending)) << bit);
        let depth = Some(format!("{stem}.depth.png").into()).filter(|_| has("depth.png"));
        sequence.entries.push(FrameFiles {
            name: stem.into(),
            image: image.as_str().into(),
            size: None,
            depth,
            pose: match has("pose.txt") {
                true => FramePose::File,
                false => FramePose::Unknown,
            },
            stamp_seconds: None,
            class: None,
            objects: None,
            labels: labels.fold(0, |all, one| all | one),
        });
    }
    Ok(sequence)
}
