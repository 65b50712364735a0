//! TUM RGB-D: lists of stamps and files, and truth by stamp.

use std::path::{Path, PathBuf};

use super::error::DataSetError;
use super::files::{Listing, MAX_ENTRIES, below, each_line, is_picture};
use super::pose::{MAX_OFFSET_SECONDS, Trajectory};
use super::sequence::{FrameFiles, FramePose, Sequence};

/// Units of TUM's depth files in a metre.
const DEPTH_UNITS_PER_METRE: f32 = 5000.0;
/// The truth's file.
pub(super) const TRUTH: &str = "groundtruth.txt";

struct Stamped {
    stamp: f64,
    line: usize,
    file: Box<str>,
}

/// Opens a folder with `rgb.txt`.
pub(super) fn open_lists(
    name: &str,
    folder: &Path,
    listing: &Listing,
) -> Result<Sequence, DataSetError> {
    let mut sequence = Sequence::new(name, folder);
    sequence.depth_units_per_metre = DEPTH_UNITS_PER_METRE;
    let images_list = folder.join("rgb.txt");
    let images = read_list(folder, &images_list)?;
    let mut depth_of = vec![None; images.len()];
    if listing.has("depth.txt") {
        let list = folder.join("depth.txt");
        let depths = read_list(folder, &list)?;
        depth_of = associate(&images, &depths, (&images_list, &list))?;
        sequence.lists.push(list);
        let pick = |index: &Option<usize>| index.map(|index| depths[index].file.clone());
        let files: Vec<_> = depth_of.iter().map(pick).collect();
        push_entries(&mut sequence, images, files);
    } else {
        let none = depth_of.iter().map(|_: &Option<usize>| None).collect();
        push_entries(&mut sequence, images, none);
    }
    sequence.lists.push(images_list);
    join_truth(&mut sequence, listing)?;
    Ok(sequence)
}

fn push_entries(sequence: &mut Sequence, images: Vec<Stamped>, depths: Vec<Option<Box<str>>>) {
    let pairs = images.into_iter().zip(depths);
    sequence.entries = pairs.map(|(image, depth)| entry(image, depth)).collect();
}

fn entry(image: Stamped, depth: Option<Box<str>>) -> FrameFiles {
    FrameFiles {
        name: format!("{:.6}", image.stamp).into(),
        image: image.file,
        size: None,
        depth,
        pose: FramePose::Unknown,
        stamp_seconds: Some(image.stamp),
        class: None,
        objects: None,
        labels: 0,
    }
}

/// Opens a folder of `TIMESTAMP.png` with `groundtruth.txt`.
pub(super) fn open_plain(
    name: &str,
    folder: &Path,
    listing: &Listing,
) -> Result<Sequence, DataSetError> {
    let mut sequence = Sequence::new(name, folder);
    let mut images: Vec<Stamped> = Vec::new();
    for file in listing.files.iter().filter(|name| is_picture(name)) {
        let Some(stamp) = stamp_of(file) else {
            let reason = format!("{file} is not named by its stamp, as 1311868169.163498.png is");
            return Err(DataSetError::malformed_file(folder, reason));
        };
        let (line, file) = (images.len() + 1, file.as_str().into());
        images.push(Stamped { stamp, line, file });
    }
    images.sort_by(|a, b| a.stamp.total_cmp(&b.stamp));
    refuse_same_stamp(folder, &images)?;
    sequence.entries = images.into_iter().map(|image| entry(image, None)).collect();
    join_truth(&mut sequence, listing)?;
    Ok(sequence)
}

/// True where a listing is of the plain layout.
pub(super) fn recognise_plain(listing: &Listing) -> bool {
    listing.has(TRUTH) && listing.files.iter().any(|name| is_picture(name))
}

/// Seconds in a file's name: `1311868169.163498.png`, or 16 to 19 digits of
/// nanoseconds.
fn stamp_of(name: &str) -> Option<f64> {
    let (stem, _) = name.rsplit_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match stem.split_once('.') {
        Some((whole, fraction)) if digits(whole) && digits(fraction) => stem.parse().ok(),
        None if digits(stem) && (16..=19).contains(&stem.len()) => {
            Some(stem.parse::<f64>().ok()? * 1e-9)
        }
        None if digits(stem) => stem.parse().ok(),
        _ => None,
    }
}

/// Reads a list of `stamp file`, in rising order of stamps.
fn read_list(folder: &Path, path: &Path) -> Result<Vec<Stamped>, DataSetError> {
    let mut list = Vec::new();
    each_line(path, |line, text| {
        if list.len() == MAX_ENTRIES {
            return Err(DataSetError::TooMany {
                path: path.to_owned(),
                what: "entries",
                limit: MAX_ENTRIES,
            });
        }
        let mut words = text.split_whitespace();
        let (Some(stamp), Some(file), None) = (words.next(), words.next(), words.next()) else {
            return Err(DataSetError::line(path, line, "is not a stamp and a file"));
        };
        let stamp: f64 = match stamp.parse() {
            Ok(stamp) if f64::is_finite(stamp) => stamp,
            _ => {
                let reason = format!("stamp {stamp:?} is not a finite number of seconds");
                return Err(DataSetError::line(path, line, reason));
            }
        };
        below(folder, file, path, line)?;
        let file = file.into();
        list.push(Stamped { stamp, line, file });
        Ok(())
    })?;
    if list.is_empty() {
        return Err(DataSetError::malformed_file(path, "lists no file"));
    }
    list.sort_by(|a: &Stamped, b| a.stamp.total_cmp(&b.stamp));
    refuse_same_stamp(path, &list)?;
    Ok(list)
}

fn refuse_same_stamp(path: &Path, list: &[Stamped]) -> Result<(), DataSetError> {
    match list.windows(2).find(|pair| pair[0].stamp == pair[1].stamp) {
        None => Ok(()),
        Some(pair) => Err(DataSetError::SameStamp {
            path: path.to_owned(),
            first: pair[0].line.min(pair[1].line),
            second: pair[0].line.max(pair[1].line),
            stamp: pair[0].stamp.to_string(),
        }),
    }
}

/// For each image the depth nearest in time, within 0.02 s; each used once,
/// nearest pairs first (as TUM's `associate.py`).
fn associate(
    images: &[Stamped],
    depths: &[Stamped],
    lists: (&PathBuf, &PathBuf),
) -> Result<Vec<Option<usize>>, DataSetError> {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    let mut nearest = f64::INFINITY;
    for (index, image) in images.iter().enumerate() {
        let after = depths.partition_point(|depth| depth.stamp < image.stamp);
        let near = depths.iter().enumerate().take(after + 2);
        for (other, depth) in near.skip(after.saturating_sub(2)) {
            let apart = (depth.stamp - image.stamp).abs();
            nearest = nearest.min(apart);
            if apart <= MAX_OFFSET_SECONDS {
                pairs.push((apart, index, other));
            }
        }
    }
    if pairs.is_empty() {
        return Err(no_association(lists.0, lists.1, nearest));
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut depth_of = vec![None; images.len()];
    let mut used = vec![false; depths.len()];
    for (_, image, depth) in pairs {
        if depth_of[image].is_none() && !used[depth] {
            depth_of[image] = Some(depth);
            used[depth] = true;
        }
    }
    Ok(depth_of)
}

fn no_association(path: &Path, other: &Path, nearest_seconds: f64) -> DataSetError {
    DataSetError::NoAssociation {
        path: path.to_owned(),
        other: other.to_owned(),
        limit_seconds: MAX_OFFSET_SECONDS,
        nearest_seconds,
    }
}

fn join_truth(sequence: &mut Sequence, listing: &Listing) -> Result<(), DataSetError> {
    if !listing.has(TRUTH) {
        return Ok(());
    }
    let path = sequence.folder.join(TRUTH);
    let truth = Trajectory::read(&path)?;
    let mut nearest = f64::INFINITY;
    let mut joined = 0;
    for entry in &mut sequence.entries {
        let Some(stamp) = entry.stamp_seconds else {
            continue;
        };
        if let Some(pose) = truth.at(stamp) {
            entry.pose = FramePose::Known(Box::new(pose));
            joined += 1;
        } else {
            nearest = nearest.min(truth.distance(stamp));
        }
    }
    if joined == 0 {
        return Err(no_association(&sequence.folder, &path, nearest));
    }
    sequence.lists.push(path);
    Ok(())
}
