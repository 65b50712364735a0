//! A fault for which a readout could not be fitted.

use crate::dataset::{DataSetError, LabelError};
use concert_models::engine::EngineError;
use concert_models::image::PixelFormat;
use concert_models::preprocess::PreprocessError;
use concert_policies::document::WriteError;

/// A fault for which a readout could not be fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// No encoder was named.
    #[error("a readout needs at least 1 source, but none was given")]
    NoSource,
    /// An encoder was named twice.
    #[error("source {source_name} is given twice, but must be unique")]
    TwiceTheSource {
        /// The encoder.
        source_name: String,
    },
    /// Encoders that do not see the same part of the frame.
    #[error(
        "sources {first} ({first_input}) and {second} ({second_input}) see different parts of the \
         frame, so their levels cannot be joined cell by cell"
    )]
    DifferentParts {
        /// An encoder.
        first: String,
        /// Its input.
        first_input: String,
        /// Another.
        second: String,
        /// Its input.
        second_input: String,
    },
    /// A level whose cells have no place in the frame.
    #[error(
        "level {level} of source {source_name} has shape {shape:?}, but must be [1, C, h, w], \
         [1, C] or [1, tokens, C] with a square of tokens"
    )]
    UnplacedLevel {
        /// The encoder.
        source_name: String,
        /// The level.
        level: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A level that is not what its encoder's card says.
    #[error("level {level} has {found} numbers, but its card says {expected}")]
    OtherLevel {
        /// Its name.
        level: String,
        /// Numbers of its shape.
        expected: usize,
        /// That came.
        found: usize,
    },
    /// An encoder gave NaN or infinity.
    #[error("an encoder gave a number that is not finite")]
    NotFinite,
    /// Fewer than two frames with a label.
    #[error("{target} has a label in {frames} frames, but at least 2 are needed")]
    TooFewFrames {
        /// The task.
        target: &'static str,
        /// Frames with a label.
        frames: usize,
    },
    /// A task that is not fitted.
    #[error(
        "{target} is not fitted: known are depth_zbuffer, normal, edge_occlusion, reshading, \
         curvature, segment_semantic, object_detection, class_scene and class_object"
    )]
    NoSuchTarget {
        /// The task.
        target: &'static str,
    },
    /// A target whose labels no linear readout is fitted to.
    #[error("{target} has no closed form: it is fitted by descent alone (kind convolutional)")]
    NoClosedForm {
        /// The task.
        target: &'static str,
    },
    /// An encoder whose input is no whole number of cells.
    #[error(
        "{target} is read off cells of {side}x{side} px, but the input of {source_name} is {}x{} \
         px: both sides must be multiples of {side}",
        .input.0, .input.1
    )]
    CellSize {
        /// The task.
        target: &'static str,
        /// The encoder.
        source_name: String,
        /// Width and height of its input, px.
        input: (usize, usize),
        /// Side of a cell, px.
        side: usize,
    },
    /// None of the classes that are looked for.
    #[error("{target} looks for {known}, but the data names {classes}")]
    NothingDetected {
        /// The task.
        target: &'static str,
        /// Those of the data.
        classes: String,
        /// Those that are looked for.
        known: String,
    },
    /// No names of classes.
    #[error("{target} needs classes, but the data names none (labels.csv, or dataset.json)")]
    NoClasses {
        /// The task.
        target: &'static str,
    },
    /// One class, or none.
    #[error("{target} needs at least 2 classes, but the data has only [{classes}]")]
    TooFewClasses {
        /// The task.
        target: &'static str,
        /// The classes.
        classes: String,
    },
    /// Representations and labels that do not fit into the memory granted.
    #[error(
        "representations and labels of {frames} frames take {bytes} bytes, but at most {limit} are allowed: \
         take fewer frames"
    )]
    TooMuchMemory {
        /// Frames.
        frames: usize,
        /// Bytes of all.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// More channels than statistics are kept of.
    #[error("the levels have {terms} channels in all, but ridge regression takes at most {limit}")]
    TooManyTerms {
        /// Channels, position and constant.
        terms: usize,
        /// Most of them.
        limit: usize,
    },
    /// Statistics about something else.
    #[error("statistics are about {found}, but {expected} is fitted")]
    OtherStatistics {
        /// The subject of the fit.
        expected: String,
        /// The subject of the statistics.
        found: String,
    },
    /// Bytes that are no statistics.
    #[error("statistics are damaged: {reason}")]
    DamagedStatistics {
        /// The rule that is broken.
        reason: &'static str,
    },
    /// No solution.
    #[error("ridge regression has no solution with lambda {lambda}: the levels say nothing")]
    Singular {
        /// The strength.
        lambda: f64,
    },
    /// A readout to begin with that was made for another encoder.
    #[error(
        "readout {readout} was made for encoder {source_name} with sha256 {expected}, but the one \
         at hand has {found}"
    )]
    OtherEncoder {
        /// The readout.
        readout: String,
        /// The encoder.
        source_name: String,
        /// The readout's pin.
        expected: String,
        /// The encoder's.
        found: String,
    },
    /// A readout to begin with that is built differently.
    #[error(
        "readout {readout} cannot be begun with: {tensor} must be {expected:?}, but is {found}"
    )]
    OtherStructure {
        /// The readout.
        readout: String,
        /// Its weights.
        tensor: String,
        /// As this program builds readouts.
        expected: Vec<usize>,
        /// The shape that was found.
        found: String,
    },
    /// A readout whose graph is no small network.
    #[error("readout {readout} is of another form than readouts that are fitted here: {reason}")]
    OtherForm {
        /// The readout.
        readout: String,
        /// The part of it that has no counterpart.
        reason: String,
    },
    /// An encoder that cannot be held against itself.
    #[error("{baseline} cannot be made: {reason}")]
    Baseline {
        /// `random` or `pixels`.
        baseline: &'static str,
        /// The rule that is broken.
        reason: String,
    },
    /// A readout of another target.
    #[error("readout {readout} gives {found}, but {expected} is learnt")]
    OtherTarget {
        /// The readout.
        readout: String,
        /// The target that is learnt.
        expected: &'static str,
        /// The target that it gives.
        found: &'static str,
    },
    /// The exported file does not compute the fitted model.
    #[error("the exported readout is refused: {0}")]
    Export(String),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Pixels of a format that data sets do not have.
    #[error("a frame has pixels of format {format:?}, which are not cut")]
    PixelFormat {
        /// The format.
        format: PixelFormat,
    },
    /// A part of a frame that is no image.
    #[error("a part of a frame is no image: {0}")]
    Image(String),
    /// The user wanted no more.
    #[error("stopped before it was done: nothing was written")]
    Stopped,
    /// A frame that cannot be read.
    #[error(transparent)]
    Data(#[from] DataSetError),
    /// Labels that cannot be used.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// An image that does not go into the encoder.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
