//! Faults for which a data set, or a label of it, cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use concert_models::image_file::DecodeError;

/// A fault for which a data set, or a frame of it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataSetError {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// The file or folder that was to be read.
        path: PathBuf,
        /// The file system's own words.
        source: io::Error,
    },
    /// A pipe, a device or a folder: opening it might never return.
    #[error("{path} is no regular file")]
    NotRegular {
        /// The file or folder that was to be read.
        path: PathBuf,
    },
    /// More frames than may be left out cannot be read.
    #[error(
        "{damaged} of {frames} frames cannot be read, but at most {limit} may be left out; the \
         first: {first}"
    )]
    TooManyDamaged {
        /// Frames that cannot be read.
        damaged: usize,
        /// Frames that were asked for.
        frames: usize,
        /// Most that may be left out.
        limit: usize,
        /// The fault of the first of them.
        first: Box<DataSetError>,
    },
    /// A file is longer than its kind may be.
    #[error("{path} takes more than the {limit} bytes allowed")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// More entries than are listed.
    #[error("{path} has more than the {limit} {what} allowed")]
    TooMany {
        /// The folder or list.
        path: PathBuf,
        /// The things that are counted.
        what: &'static str,
        /// Most of them.
        limit: usize,
    },
    /// Nothing that is known was found.
    #[error(
        "{path} has no data set among its {entries} entries: known are frame-NNNNNN.color.png \
         (or .jpg), rgb.txt with its images, images named by stamp with groundtruth.txt, images \
         with labels.csv, dataset.json, and folders of these"
    )]
    Empty {
        /// The folder.
        path: PathBuf,
        /// Entries in the folder.
        entries: usize,
    },
    /// A line or an entry of a list is not what its format says.
    #[error("{path} line {line}: {reason}")]
    Line {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The fault, and the rule that it breaks.
        reason: String,
    },
    /// A list names a file outside its folder.
    #[error("{path} line {line}: {name:?} leads out of the folder, but lists name files below it")]
    Outside {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// Two entries with one stamp.
    #[error("{path} lines {first} and {second} both have stamp {stamp}, but stamps must differ")]
    SameStamp {
        /// The list.
        path: PathBuf,
        /// Line, counted from 1.
        first: usize,
        /// Line, counted from 1.
        second: usize,
        /// Seconds.
        stamp: String,
    },
    /// No stamp of one list is near one of another.
    #[error(
        "no stamp of {path} is within {limit_seconds} s of one of {other}; the nearest two are \
         {nearest_seconds} s apart"
    )]
    NoAssociation {
        /// The list of images.
        path: PathBuf,
        /// The other list.
        other: PathBuf,
        /// Most seconds between associated stamps.
        limit_seconds: f64,
        /// Seconds.
        nearest_seconds: f64,
    },
    /// A text file does not hold what its name says.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The fault, and the rule that it breaks.
        reason: String,
    },
    /// A picture cannot be decoded.
    #[error("{path}: {source}")]
    Picture {
        /// The file.
        path: PathBuf,
        /// The decoder's fault.
        source: DecodeError,
    },
    /// A picture is of another size than the list says that has its boxes.
    #[error(
        "{path}: {} is {}x{} px, but is listed as {}x{}: what is listed in its pixels would lie \
         elsewhere",
        .image.display(), .found.0, .found.1, .listed.0, .listed.1
    )]
    ListedSize {
        /// The list.
        path: PathBuf,
        /// The picture.
        image: PathBuf,
        /// Width and height that are listed, px.
        listed: (usize, usize),
        /// Width and height of the picture, px.
        found: (usize, usize),
    },
    /// Colour and depth are of different shapes.
    #[error(
        "{path} is {width}x{height}, but {image} is {image_width}x{image_height}: depth may be \
         scaled against its image, but must have the same aspect ratio"
    )]
    Size {
        /// The depth (or label) file.
        path: PathBuf,
        /// px.
        width: usize,
        /// px.
        height: usize,
        /// The image's file.
        image: PathBuf,
        /// px.
        image_width: usize,
        /// px.
        image_height: usize,
    },
    /// Depth in another unit than the layout's.
    #[error(
        "{path} has a median depth of {median_metres} m, but rooms are {} to {} m deep{hint}",
        MEDIAN_METRES.0, MEDIAN_METRES.1
    )]
    Scale {
        /// The depth file.
        path: PathBuf,
        /// Median over the known pixels.
        median_metres: f32,
        /// The unit that would fit, if any.
        hint: String,
    },
    /// A pose that is none.
    #[error("{path}{at}: {reason}")]
    Pose {
        /// The file.
        path: PathBuf,
        /// ` line N`, or nothing.
        at: String,
        /// The fault, and the rule that it breaks.
        reason: String,
    },
    /// Intrinsics that cannot be this image's.
    #[error("{path}: {reason}")]
    Intrinsics {
        /// The intrinsics file, or the image that they were given for.
        path: PathBuf,
        /// The fault, and the rule that it breaks.
        reason: String,
    },
    /// No such frame.
    #[error("sequence {sequence} has {frames} frames, but number {index} was asked for")]
    NoFrame {
        /// The sequence's name.
        sequence: String,
        /// Frames.
        frames: usize,
        /// Counted from 0.
        index: usize,
    },
    /// Data sets whose class numbers mean different things.
    #[error(
        "{path} has classes {found}, but {first} has {expected}: data sets used together must agree"
    )]
    Classes {
        /// The later data set.
        path: PathBuf,
        /// Its classes.
        found: String,
        /// The first one.
        first: PathBuf,
        /// Its classes.
        expected: String,
    },
}

/// Medians of depth that an indoor frame can have, m.
pub(super) const MEDIAN_METRES: (f32, f32) = (0.05, 60.0);

impl DataSetError {
    /// True where another frame of the same data set can be sound: a damaged file,
    /// not a unit or a camera that is not the set's.
    pub(super) fn is_of_one_frame(&self) -> bool {
        matches!(
            self,
            Self::Read { .. }
                | Self::NotRegular { .. }
                | Self::TooLong { .. }
                | Self::Malformed { .. }
                | Self::Picture { .. }
                | Self::Size { .. }
        )
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| DataSetError::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn malformed_file(path: &Path, reason: impl ToString) -> Self {
        DataSetError::Malformed {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn line(path: &Path, line: usize, reason: impl ToString) -> Self {
        DataSetError::Line {
            path: path.to_owned(),
            line,
            reason: reason.to_string(),
        }
    }
}

/// A fault for which an example has no usable label for a task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// No reader makes labels for this task.
    #[error(
        "no data set has labels for {task}: they are read or derived for depth_zbuffer, \
         depth_euclidean, normal, edge_occlusion, curvature, reshading, segment_semantic, \
         class_scene, class_object, object_detection, room_layout, vanishing_point and autoencoding"
    )]
    NoSuchLabel {
        /// The task.
        task: &'static str,
    },
    /// Rays are needed, and the camera is not known.
    #[error(
        "{example}: {task} is derived from depth with the camera's intrinsics, but there are none"
    )]
    NoIntrinsics {
        /// The example's name.
        example: String,
        /// The task.
        task: &'static str,
    },
    /// A label file cannot be read or is not this frame's.
    #[error(transparent)]
    File(#[from] DataSetError),
    /// Labels that nothing can be learnt from.
    #[error("{task}: {reason}")]
    Useless {
        /// The task.
        task: &'static str,
        /// The fault, and the number of frames.
        reason: String,
    },
}
