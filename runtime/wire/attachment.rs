//! The attachment of a message: who made it, from which frame, how fast.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::keys;
use crate::camera_image::CameraImage;
use crate::output::{Output, StageTimes};
use crate::picture::PictureFault;

/// The attachment of one message in the `native` style: UTF-8 JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// Version of this layout: 1. Later versions may add entries, which
    /// readers of this one pass over.
    pub v: u32,
    /// Counts the outputs of this key, from 0; a gap is a loss on the way.
    pub sequence: u64,
    /// Sequence number of the frame.
    pub frame_sequence: u64,
    /// Stamp of the frame, ns since the Unix epoch.
    pub stamp_ns: i64,
    /// Stamp of the earlier frame that was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_stamp_ns: Option<i64>,
    /// Name of the camera.
    pub camera: String,
    /// Coordinate frame of the camera.
    pub frame_id: String,
    /// Name of the target.
    pub task: String,
    /// Name of the policy; empty where there is no room for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy_name: String,
    /// Hash of the policy.
    pub policy: String,
    /// Name and hash of each encoder.
    pub encoders: Vec<(String, String)>,
    /// Name and hash of the readout.
    pub readout: (String, String),
    /// Times of the stages.
    pub times_us: TimesMicros,
    /// Pixel of the camera image from pixel of the output: `[[a, b, c], [d, e, f]]`.
    pub image_from_output: [[f64; 3]; 2],
    /// Width and height of the camera image, px.
    pub image_size: (usize, usize),
    /// The camera's intrinsics are unknown, and the output needs them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncalibrated: bool,
    /// The lens bends straight lines, and the image was not rectified.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub distorted: bool,
    /// Fault of the camera's picture: `frozen` (it repeats) or `black`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<PictureFault>,
    /// Nothing is known: every value is NaN.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// Lengths have an unknown unit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scale_unknown: bool,
    /// Tracking had been lost since the output before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_gap: bool,
    /// Certainty of each side of a room, in percent: ahead, behind, left, right,
    /// ceiling, floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face_percent: Option<[u8; 6]>,
}

/// Times of the stages, whole microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TimesMicros {
    /// From the frame's arrival to the start of its plan.
    pub wait: u64,
    /// Preprocessing.
    pub preprocess: u64,
    /// Encoders.
    pub encode: u64,
    /// Readout.
    pub read: u64,
}

impl From<StageTimes> for TimesMicros {
    fn from(times: StageTimes) -> Self {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self {
            wait: micros(times.wait),
            preprocess: micros(times.preprocess),
            encode: micros(times.encode),
            read: micros(times.read),
        }
    }
}

/// Why an attachment cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachmentError {
    /// Longer than [`Attachment::MAX_BYTES`].
    #[error(
        "attachment is {got} bytes, but at most {} are allowed",
        Attachment::MAX_BYTES
    )]
    TooLong {
        /// Bytes.
        got: usize,
    },
    /// Not the JSON that it should be.
    #[error("attachment: {0}")]
    Json(#[from] serde_json::Error),
    /// A version that is not known here.
    #[error(
        "attachment has version {got}, but only {} is known",
        Attachment::VERSION
    )]
    Version {
        /// Version.
        got: u32,
    },
}

impl Attachment {
    /// Longest attachment that is written or read.
    pub const MAX_BYTES: usize = 2048;
    /// Version of the layout that is written.
    pub const VERSION: u32 = 1;
    /// Hexadecimal digits that remain of a hash where whole ones would not fit.
    const SHORT_HASH: usize = 16;

    /// The attachment of an output.
    #[must_use]
    pub fn of(output: &Output) -> Self {
        let hashes = &output.origin.hashes;
        Self {
            v: Self::VERSION,
            sequence: output.sequence,
            frame_sequence: output.frame_sequence,
            stamp_ns: output.stamp.nanos(),
            previous_stamp_ns: output.previous_stamp.map(crate::Timestamp::nanos),
            camera: output.origin.camera.to_string(),
            frame_id: output.frame_id.to_string(),
            task: output.origin.task.name.to_owned(),
            policy_name: hashes.policy_name.clone(),
            policy: hashes.policy.clone(),
            encoders: hashes.encoders.clone(),
            readout: hashes.readout.clone(),
            times_us: output.times.into(),
            image_from_output: output.image_from_output.0,
            image_size: output.image_size,
            uncalibrated: output.uncalibrated,
            distorted: output.distorted,
            picture: output.picture,
            unknown: output.unknown,
            scale_unknown: output.flags.scale_unknown,
            after_gap: output.flags.after_gap,
            face_percent: output.flags.face_percent,
        }
    }

    /// The attachment of a camera's image: of no policy and no network.
    #[must_use]
    pub fn of_image(image: &CameraImage) -> Self {
        let pixels = &image.frame.image;
        Self {
            v: Self::VERSION,
            sequence: image.sequence,
            frame_sequence: image.frame.sequence,
            stamp_ns: image.frame.stamp.nanos(),
            previous_stamp_ns: None,
            camera: image.camera.to_string(),
            frame_id: image.frame.frame_id.to_string(),
            task: keys::IMAGE.to_owned(),
            policy_name: String::new(),
            policy: String::new(),
            encoders: Vec::new(),
            readout: (String::new(), String::new()),
            times_us: TimesMicros::default(),
            image_from_output: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            image_size: (pixels.width(), pixels.height()),
            uncalibrated: false,
            distorted: image.frame.distorted,
            picture: None,
            unknown: false,
            scale_unknown: false,
            after_gap: false,
            face_percent: None,
        }
    }

    /// Writes the JSON; what stood in `to` is lost. Where it would be longer
    /// than [`MAX_BYTES`](Self::MAX_BYTES), the hashes of the networks are cut
    /// to their first 16 digits, and where even that is too long, the policy's name is
    /// left out.
    ///
    /// # Errors
    /// Too long even so.
    pub fn write(&self, to: &mut Vec<u8>) -> Result<(), AttachmentError> {
        to.clear();
        serde_json::to_writer(&mut *to, self)?;
        if to.len() > Self::MAX_BYTES {
            let mut short = self.clone();
            let networks = short.encoders.iter_mut().chain([&mut short.readout]);
            networks.for_each(|(_, hash)| {
                *hash = hash.chars().take(Self::SHORT_HASH).collect();
            });
            to.clear();
            serde_json::to_writer(&mut *to, &short)?;
            if to.len() > Self::MAX_BYTES {
                short.policy_name.clear();
                to.clear();
                serde_json::to_writer(&mut *to, &short)?;
            }
        }
        Self::check_length(to)
    }

    /// Reads the JSON.
    ///
    /// # Errors
    /// Too long, not JSON, or of another version.
    pub fn parse(bytes: &[u8]) -> Result<Self, AttachmentError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        Self::check_length(bytes)?;
        let Version { v } = serde_json::from_slice(bytes)?;
        if v != Self::VERSION {
            return Err(AttachmentError::Version { got: v });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    fn check_length(bytes: &[u8]) -> Result<(), AttachmentError> {
        let got = bytes.len();
        if got > Self::MAX_BYTES {
            return Err(AttachmentError::TooLong { got });
        }
        Ok(())
    }
}
