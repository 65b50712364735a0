//! Frames of one camera, in the order of time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::Isometry3;

use super::depth_fault::impossible_scale;
use super::error::DataSetError;
use super::example::{Example, LabelFiles};
use super::files::{read_bounded, read_text};
use super::objects::ObjectBox;
use super::pose;
use concert_models::image_file::{self, DecodeError, DecodeLimits, DepthImage};
use concert_models::{Affine2, Image, Intrinsics};

/// Longest `camera-intrinsics.txt`, bytes.
const MAX_INTRINSICS_BYTES: u64 = 4096;
/// Pictures that are looked at for one that can be read.
const MAX_LOOKED_AT: usize = 16;
/// Its name.
pub(super) const INTRINSICS_FILE: &str = "camera-intrinsics.txt";

/// Frames of one camera, in the order of time: a list of names. Pixels are read
/// one frame at a time.
#[derive(Debug, Clone)]
pub struct Sequence {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) entries: Vec<FrameFiles>,
    pub(super) intrinsics: Option<Intrinsics>,
    /// Units of the depth files in a metre.
    pub(super) depth_units_per_metre: f32,
    /// Lists and other files that the entries come from.
    pub(super) lists: Vec<PathBuf>,
    /// Objects with a class of their own: their number in images of instances, and
    /// that of their class.
    pub(super) named: Arc<[(u16, usize)]>,
}

/// The files of a frame, known without opening them; names are relative to
/// the sequence's folder.
#[derive(Debug, Clone)]
pub(super) struct FrameFiles {
    /// The frame's name; label files begin with it.
    pub(super) name: Box<str>,
    pub(super) image: Box<str>,
    /// Width and height of the picture, px, where a list says them.
    pub(super) size: Option<(usize, usize)>,
    pub(super) depth: Option<Box<str>>,
    pub(super) pose: FramePose,
    pub(super) stamp_seconds: Option<f64>,
    pub(super) class: Option<u32>,
    /// Boxes of its objects, where they are listed.
    pub(super) objects: Option<Arc<[ObjectBox]>>,
    /// Bit per [`LabelFiles::ENDINGS`].
    pub(super) labels: u8,
}

#[derive(Debug, Clone)]
pub(super) enum FramePose {
    Unknown,
    /// In `NAME.pose.txt`.
    File,
    Known(Box<Isometry3<f64>>),
}

impl Sequence {
    pub(super) fn new(name: &str, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            entries: Vec::new(),
            intrinsics: None,
            depth_units_per_metre: 1000.0,
            lists: Vec::new(),
            named: Arc::default(),
        }
    }

    /// Name of the sequence: its folder's below the data set's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of frames, at least 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without frames; a sequence that was opened has some.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The camera, for the first frame's size, where it is known.
    #[must_use]
    pub fn intrinsics(&self) -> Option<Intrinsics> {
        self.intrinsics
    }

    /// True where any frame has depth.
    #[must_use]
    pub fn has_depth(&self) -> bool {
        self.entries.iter().any(|entry| entry.depth.is_some())
    }

    /// True where any frame has a pose.
    #[must_use]
    pub fn has_poses(&self) -> bool {
        let known = |entry: &FrameFiles| !matches!(entry.pose, FramePose::Unknown);
        self.entries.iter().any(known)
    }

    /// Stamps of the frames, s, where every frame has one.
    #[must_use]
    pub fn stamps(&self) -> Option<Vec<f64>> {
        self.entries
            .iter()
            .map(|entry| entry.stamp_seconds)
            .collect()
    }

    /// Name of a frame within the sequence.
    #[must_use]
    pub fn frame_name(&self, index: usize) -> Option<&str> {
        self.entries.get(index).map(|entry| &*entry.name)
    }

    /// Reads a frame whole.
    ///
    /// # Errors
    /// Files that are missing or damaged, depth whose aspect ratio is not its
    /// image's or whose median no room has, intrinsics of another aspect ratio, a picture
    /// of another size than is listed.
    /// A pose that is none is told in [`Example::pose_fault`].
    pub fn read(&self, index: usize) -> Result<Example, DataSetError> {
        let entry = self
            .entries
            .get(index)
            .ok_or_else(|| DataSetError::NoFrame {
                sequence: self.name.clone(),
                frames: self.len(),
                index,
            })?;
        let path = self.folder.join(&*entry.image);
        let image = read_picture(&path, image_file::decode)?;
        self.check_listed_size(entry, &image)?;
        let depth = entry.depth.as_ref();
        let depth = depth.map(|name| self.read_depth(name, &path, &image));
        let (depth, depth_scaled_from) = depth.transpose()?.unzip();
        let pose = match &entry.pose {
            FramePose::Unknown => Ok(None),
            FramePose::Known(pose) => Ok(Some(**pose)),
            FramePose::File => pose::read_matrix(&self.beside(entry, "pose.txt")),
        };
        let (world_from_optical, pose_fault) = match pose {
            Ok(pose) => (pose, None),
            Err(error) => (None, Some(error.to_string())),
        };
        Ok(Example {
            name: format!("{}/{}", self.name, entry.name),
            intrinsics: self.intrinsics_for(&path, &image)?,
            image,
            depth: depth.map(Arc::new),
            depth_scaled_from: depth_scaled_from.flatten(),
            world_from_optical,
            pose_fault,
            stamp_seconds: entry.stamp_seconds,
            class: entry.class.map(|class| class as usize),
            objects: entry.objects.clone(),
            named: Arc::clone(&self.named),
            files: LabelFiles::new(|ending| self.beside(entry, ending), entry.labels),
        })
    }

    /// Refuses a picture of another size than is listed: what is listed in its pixels would
    /// lie elsewhere.
    fn check_listed_size(&self, entry: &FrameFiles, image: &Image) -> Result<(), DataSetError> {
        let found = (image.width(), image.height());
        match entry.size {
            Some(listed) if listed != found => Err(DataSetError::ListedSize {
                path: self.lists.first().cloned().unwrap_or_default(),
                image: self.folder.join(&*entry.image),
                listed,
                found,
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn beside(&self, entry: &FrameFiles, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", entry.name))
    }

    fn intrinsics_for(
        &self,
        path: &Path,
        image: &Image,
    ) -> Result<Option<Intrinsics>, DataSetError> {
        let Some(known) = self.intrinsics else {
            return Ok(None);
        };
        let (from, to) = ((known.width, known.height), (image.width(), image.height()));
        if from == to {
            return Ok(Some(known));
        }
        if !same_aspect(from, to) {
            return Err(DataSetError::Intrinsics {
                path: path.to_owned(),
                reason: format!(
                    "is {}x{}, but the camera's intrinsics are for {}x{}: another size must \
                     have the same aspect ratio",
                    to.0, to.1, from.0, from.1
                ),
            });
        }
        Ok(Some(known.through(&Affine2::stretch(from, to), to.0, to.1)))
    }

    /// Depth at every pixel of the image, and the size that it was scaled from.
    fn read_depth(
        &self,
        name: &str,
        image_path: &Path,
        image: &Image,
    ) -> Result<(DepthImage, Option<(usize, usize)>), DataSetError> {
        let path = self.folder.join(name);
        let mut depth = read_picture(&path, image_file::decode_depth_png)?;
        let (from, to) = ((depth.width, depth.height), (image.width(), image.height()));
        if !same_aspect(from, to) {
            return Err(DataSetError::Size {
                path,
                width: from.0,
                height: from.1,
                image: image_path.to_owned(),
                image_width: to.0,
                image_height: to.1,
            });
        }
        let unit = 1000.0 / self.depth_units_per_metre;
        if unit != 1.0 {
            depth.metres.iter_mut().for_each(|metres| *metres *= unit);
        }
        check_scale(&path, &depth, self.depth_units_per_metre)?;
        Ok(match from == to {
            true => (depth, None),
            false => (scale_depth(&depth, to), Some(from)),
        })
    }

    /// Reads `camera-intrinsics.txt`, if it stands in one of `folders`; it
    /// belongs to images of the first frame's size.
    pub(super) fn find_intrinsics(&mut self, folders: &[&Path]) -> Result<(), DataSetError> {
        let mut paths = folders.iter().map(|folder| folder.join(INTRINSICS_FILE));
        let Some(path) = paths.find(|path| path.exists()) else {
            return Ok(());
        };
        let matrix = read_camera_matrix(&path)?;
        let [fx, skew, cx, a, fy, cy, b, c, d] = matrix;
        if [skew, a, b, c, d] != [0.0, 0.0, 0.0, 0.0, 1.0] {
            let reason = "must be fx 0 cx, 0 fy cy, 0 0 1".to_owned();
            return Err(DataSetError::Intrinsics { path, reason });
        }
        let Some((width, height)) = self.first_size()? else {
            return Ok(());
        };
        let intrinsics = Intrinsics {
            fx,
            fy,
            cx,
            cy,
            width,
            height,
        };
        if let Some(reason) = intrinsics.fault() {
            return Err(DataSetError::Intrinsics { path, reason });
        }
        self.lists.push(path);
        self.intrinsics = Some(intrinsics);
        Ok(())
    }
}

impl Sequence {
    /// Size of the first picture that can be read, among the first few; `None`
    /// where there are no frames.
    fn first_size(&self) -> Result<Option<(usize, usize)>, DataSetError> {
        let mut first = None;
        for entry in self.entries.iter().take(MAX_LOOKED_AT) {
            match picture_size(&self.folder.join(&*entry.image)) {
                Ok(size) => return Ok(Some(size)),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(None), Err)
    }
}

fn read_camera_matrix(path: &Path) -> Result<[f64; 9], DataSetError> {
    let refuse = |reason: String| DataSetError::Intrinsics {
        path: path.to_owned(),
        reason,
    };
    let text = read_text(path, MAX_INTRINSICS_BYTES)?;
    let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    let numbers = numbers.map_err(|_| refuse("holds a word that is no number".to_owned()))?;
    let count = numbers.len();
    (numbers.try_into()).map_err(|_| refuse(format!("has {count} numbers, but must have 3x3")))
}

/// Reads and decodes a picture within the usual limits.
pub(super) fn read_picture<T>(
    path: &Path,
    decode: impl FnOnce(&[u8], &DecodeLimits) -> Result<T, DecodeError>,
) -> Result<T, DataSetError> {
    let limits = DecodeLimits::default();
    let bytes = read_bounded(path, limits.max_bytes as u64)?;
    decode(&bytes, &limits).map_err(|source| DataSetError::Picture {
        path: path.to_owned(),
        source,
    })
}

fn picture_size(path: &Path) -> Result<(usize, usize), DataSetError> {
    // The decoder checks the size that the header claims against its limits.
    let image = read_picture(path, image_file::decode)?;
    Ok((image.width(), image.height()))
}

/// True where two sizes show the same field of view, but for rounding to pixels.
pub(super) fn same_aspect(a: (usize, usize), b: (usize, usize)) -> bool {
    // a.0 / a.1 = b.0 / b.1 within one pixel of the smaller side.
    let cross = (a.0 * b.1).abs_diff(a.1 * b.0);
    cross < a.0.max(a.1).max(b.0).max(b.1)
}

fn scale_depth(depth: &DepthImage, (width, height): (usize, usize)) -> DepthImage {
    let nearest = |i: usize, to: usize, from: usize| ((2 * i + 1) * from / (2 * to)).min(from - 1);
    let columns: Vec<_> = (0..width).map(|u| nearest(u, width, depth.width)).collect();
    let row = |v: usize| nearest(v, height, depth.height) * depth.width;
    let metres = (0..height).flat_map(|v| {
        let row = row(v);
        columns.iter().map(move |column| depth.metres[row + column])
    });
    DepthImage {
        width,
        height,
        metres: metres.collect(),
    }
}

/// Refuses a median that no room has: most likely another unit.
fn check_scale(path: &Path, depth: &DepthImage, units_per_metre: f32) -> Result<(), DataSetError> {
    match impossible_scale(depth, units_per_metre) {
        None => Ok(()),
        Some((median_metres, hint)) => Err(DataSetError::Scale {
            path: path.to_owned(),
            median_metres,
            hint,
        }),
    }
}
