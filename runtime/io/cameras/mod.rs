//! Cameras: what turns files, programs and devices into frames.

pub mod command;
pub mod images;
#[cfg(feature = "recording")]
pub mod recording;
#[cfg(all(feature = "v4l2", target_os = "linux"))]
pub mod v4l2;

#[cfg(all(feature = "v4l2", target_os = "linux"))]
mod capture_format;
mod file_stamps;
mod image_set;
mod intrinsics_file;
mod mailbox;
mod mjpeg;
mod pace;
mod picture_file;
mod piece;
mod program;
mod video;
mod y4m;
mod yuv;

#[cfg(test)]
mod foreign_bytes_tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use concert_models::image_file::{self, DecodeLimits};
use concert_models::{Image, Intrinsics};
use concert_policies::document::Kind;

use crate::camera::FrameFault;
use crate::frame::Frame;
use crate::time::Timestamp;

#[cfg(all(feature = "v4l2", target_os = "linux"))]
pub use capture_format::Encoding;
pub use command::{CommandCamera, CommandOptions};
pub use image_set::ImageSource;
pub use images::{ImagesCamera, ImagesOptions, Rounds, Stamps};
pub use pace::Pace;
pub use picture_file::companions;
#[cfg(feature = "recording")]
pub use recording::{RecordingCamera, RecordingCameraOptions};
#[cfg(all(feature = "v4l2", target_os = "linux"))]
pub use v4l2::{V4l2Camera, V4l2Device, V4l2Options};

/// Why a camera cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CameraError {
    /// A rate at which nothing can be paced.
    #[error(
        "rate_hz is {rate_hz}, but it must be above 0 and at most {}",
        pace::MAX_RATE_HZ
    )]
    Rate {
        /// Frames per second.
        rate_hz: f64,
    },
    /// A program that cannot be started.
    #[error("command {program:?} cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A folder, file or device that cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// File, folder or device.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// No image where there must be one.
    #[error(
        "{subject} has 0 images among its {entries} entries, but a camera needs at least 1 named *.png, *.jpg or *.jpeg (depth images are left out)"
    )]
    NoImages {
        /// The folder, pattern or list.
        subject: String,
        /// Number of names that were looked at.
        entries: usize,
    },
    /// More entries than are listed.
    #[error("{subject} has more than {most} entries, but a camera takes at most {most}")]
    TooMany {
        /// The folder, pattern or list.
        subject: String,
        /// The most that are taken.
        most: usize,
    },
    /// A file or setting whose content breaks a rule.
    #[error("{subject}: {rule}")]
    Unusable {
        /// The file or setting.
        subject: String,
        /// Both quantities and the rule.
        rule: String,
    },
}

/// Turns images into frames: numbers them and adds what all frames of one
/// camera share.
#[derive(Debug)]
struct Framer {
    frame_id: Arc<str>,
    intrinsics: Option<Intrinsics>,
    delivered: u64,
}

impl Framer {
    fn new(frame_id: &Arc<str>, intrinsics: Option<Intrinsics>) -> Result<Self, CameraError> {
        if let Some(rule) = intrinsics.and_then(|given| given.fault()) {
            let subject = format!("camera of {frame_id}");
            return Err(CameraError::Unusable { subject, rule });
        }
        Ok(Self {
            frame_id: frame_id.clone(),
            intrinsics,
            delivered: 0,
        })
    }

    /// Refuses an image that the given intrinsics do not belong to: a camera
    /// that came back with another size would be measured with wrongly.
    fn frame(
        &mut self,
        image: Image,
        stamp: Timestamp,
        arrived: Duration,
    ) -> Result<Frame, String> {
        if let Some(Intrinsics { width, height, .. }) = self.intrinsics
            && (image.width(), image.height()) != (width, height)
        {
            let (w, h) = (image.width(), image.height());
            return Err(format!(
                "image is {w}x{h}, but the camera's intrinsics are for {width}x{height}"
            ));
        }
        let sequence = self.delivered;
        self.delivered += 1;
        Ok(Frame {
            sequence,
            stamp,
            arrived,
            frame_id: self.frame_id.clone(),
            image,
            intrinsics: self.intrinsics,
            distorted: false,
            depth: None,
        })
    }
}

/// Decodes a PNG or JPEG; the error says why not.
fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Image, String> {
    image_file::decode(bytes, limits).map_err(|error| error.to_string())
}

fn fault(subject: impl Into<String>, reason: impl Into<String>) -> FrameFault {
    FrameFault {
        subject: subject.into(),
        reason: reason.into(),
    }
}

/// The bytes of a file of at most `most` bytes. Only of a plain file: a pipe
/// would block.
fn read_bounded(file: &Path, most: u64) -> Result<Vec<u8>, String> {
    let bytes = Kind::file(most).read_bytes(file);
    bytes.map_err(|fault| fault.to_string())
}
