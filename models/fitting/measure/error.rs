//! A fault for which nothing could be measured.

use concert_policies::affinity::{AhpError, TableError};

use crate::dataset::{DataSetError, LabelError};
use crate::fit::FitError;
use crate::quality::QualityError;
use concert_policies::document::WriteError;

/// A fault for which nothing could be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum MeasureError {
    #[error(
        "there are {fit} frames to fit on and {held_out} held out, but there must be at least 2 \
         of each (of one data set, two fifths are held out)"
    )]
    TooFewFrames { fit: usize, held_out: usize },
    #[error("{target} has no label in {frames} frames that were looked at of {data}")]
    Unlabelled {
        target: &'static str,
        frames: usize,
        data: String,
    },
    #[error("the {frames} frames to compare on are those that are fitted on, but must be others")]
    SameFrames { frames: usize },
    #[error("{target} is given twice, but must be unique")]
    Twice { target: String },
    #[error("{target} has classes [{found}] in the held-out data, but [{expected}] in the other")]
    Classes {
        target: &'static str,
        found: String,
        expected: String,
    },
    #[error("no source can be held against its pixels: {reason}")]
    NoBaseline { reason: String },
    #[error(
        "shard {number}/{of} is none: there are {targets} targets, and a shard has at least one"
    )]
    Shard {
        number: usize,
        of: usize,
        targets: usize,
    },
    #[error("{path} was measured with {what} {found}, but {expected} is wanted: {advice}")]
    OtherSettings {
        path: String,
        what: &'static str,
        found: String,
        expected: String,
        advice: &'static str,
    },
    #[error(
        "labels of {frames} held-out frames take {bytes} bytes, but at most {limit} are allowed: \
         hold out fewer"
    )]
    TooMuchMemory {
        frames: usize,
        bytes: u64,
        limit: u64,
    },
    #[error("{target}: {lacking} of {wanted} transfers are not measured ({names}){advice}")]
    Lacking {
        target: String,
        lacking: usize,
        wanted: usize,
        names: String,
        advice: &'static str,
    },
    #[error("{transfer} has no loss on held-out frame {frame}, but another transfer has")]
    Loss { transfer: String, frame: String },
    #[error("{target} has a loss on none of {frames} held-out frames")]
    NoLoss { target: String, frames: usize },
    #[error("{first} and {second} hold different results for {transfer}: keep one of them")]
    TwoResults {
        transfer: String,
        first: String,
        second: String,
    },
    #[error("{path} is damaged: {reason}")]
    Damaged { path: String, reason: String },
    #[error("{path} cannot be read: {reason}")]
    Read { path: String, reason: String },
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("stopped: {done} of {of} transfers are measured and kept; the same command goes on")]
    Stopped { done: usize, of: usize },
    #[error("{target}: {fault}")]
    Affinities { target: String, fault: AhpError },
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Quality(#[from] QualityError),
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(transparent)]
    Data(#[from] DataSetError),
    #[error(transparent)]
    Label(#[from] LabelError),
}

impl MeasureError {
    pub(super) fn damaged_file(path: &std::path::Path, reason: impl ToString) -> Self {
        MeasureError::Damaged {
            path: path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}
