//! One target's output for one frame.

use std::sync::Arc;
use std::time::Duration;

use concert_models::geometric::OutputFlags;
use concert_models::{Affine2, Intrinsics};
use concert_policies::Task;
use serde::Serialize;

use crate::picture::PictureFault;
use crate::time::Timestamp;

/// The part of a target's output that does not change from frame to frame: its maker.
#[derive(Debug, Clone)]
pub struct OutputOrigin {
    /// The target.
    pub task: &'static Task,
    /// Name of the camera, as in the launch file.
    pub camera: Arc<str>,
    /// Key below the publish prefix: `TARGET`, or `CAMERA/TARGET` with several cameras.
    pub key: Arc<str>,
    /// Shape of the tensor, outermost axis first; f32.
    pub shape: Vec<usize>,
    /// Class names of a class output, by index; empty elsewhere.
    pub labels: Arc<[String]>,
    /// The policy and the networks that the output comes from.
    pub hashes: Arc<Hashes>,
}

/// Which files an output comes from, so that a refit shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hashes {
    /// Name of the policy.
    pub policy_name: String,
    /// Hash of the policy, 64 hexadecimal digits.
    pub policy: String,
    /// Name and sha256 of each encoder that the readout reads.
    pub encoders: Vec<(String, String)>,
    /// Name and sha256 of the readout.
    pub readout: (String, String),
}

/// Times of the stages of this output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// From the frame's arrival to the start of its plan.
    pub wait: Duration,
    /// Preprocessing, summed over the contracts that the output needed.
    pub preprocess: Duration,
    /// The encoders that the output needed.
    pub encode: Duration,
    /// The readout itself.
    pub read: Duration,
}

/// One target's result for one frame.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its maker.
    pub origin: Arc<OutputOrigin>,
    /// Counts the outputs of this target from this camera, from 0; a gap is a
    /// loss between us and the reader.
    pub sequence: u64,
    /// Sequence number of the frame.
    pub frame_sequence: u64,
    /// Stamp of the frame.
    pub stamp: Timestamp,
    /// Stamp of the earlier frame that a readout over time compared with.
    pub previous_stamp: Option<Timestamp>,
    /// Coordinate frame of the camera.
    pub frame_id: Arc<str>,
    /// Size of the camera image: width, height in px.
    pub image_size: (usize, usize),
    /// Maps a pixel of the output (of the network's input, for points and
    /// boxes) to a pixel of the camera image.
    pub image_from_output: Affine2,
    /// The camera's intrinsics, for the camera image.
    pub intrinsics: Option<Intrinsics>,
    /// True where the output, or one that it was made from, needs intrinsics that
    /// are not known: its metres and angles are those of a reference camera.
    pub uncalibrated: bool,
    /// True where the image is distorted: lines that are straight are not so in
    /// the output, and the intrinsics hold near its middle alone.
    pub distorted: bool,
    /// Fault of the picture that the output was made from.
    pub picture: Option<PictureFault>,
    /// True where nothing is known: every value is NaN, which stands for unknown.
    pub unknown: bool,
    /// Remarks of a geometric readout on this output.
    pub flags: OutputFlags,
    /// Monotonic time at which the frame arrived.
    pub arrived: Duration,
    /// Times of the stages.
    pub times: StageTimes,
    /// The tensor, row-major, of `origin.shape`.
    pub values: Vec<f32>,
}

impl Output {
    /// A buffer of the right size, for frames to come.
    #[must_use]
    pub fn empty(origin: Arc<OutputOrigin>) -> Self {
        let values = vec![0.0; origin.shape.iter().product()];
        Self {
            origin,
            sequence: 0,
            frame_sequence: 0,
            stamp: Timestamp::default(),
            previous_stamp: None,
            frame_id: Arc::from(""),
            image_size: (0, 0),
            image_from_output: Affine2::IDENTITY,
            intrinsics: None,
            uncalibrated: false,
            distorted: false,
            picture: None,
            unknown: false,
            flags: OutputFlags::default(),
            arrived: Duration::ZERO,
            times: StageTimes::default(),
            values,
        }
    }

    /// Becomes a copy of `other`, into the memory that this one has.
    pub fn copy_from(&mut self, other: &Output) {
        let mut values = std::mem::take(&mut self.values);
        values.clone_from(&other.values);
        let frame_id = Arc::clone(&other.frame_id);
        *self = Self {
            origin: Arc::clone(&other.origin),
            frame_id,
            values,
            ..*other
        };
    }

    /// The camera's intrinsics at the resolution of a dense output of
    /// `width` × `height`.
    #[must_use]
    pub fn intrinsics_at_output(&self, width: usize, height: usize) -> Option<Intrinsics> {
        let output_from_image = self.image_from_output.inverse()?;
        Some(self.intrinsics?.through(&output_from_image, width, height))
    }
}
