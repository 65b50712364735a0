//! One camera image with its stamp.

use std::sync::Arc;
use std::time::Duration;

use concert_models::image_file::DepthImage;
use concert_models::{Image, Intrinsics};

use crate::time::Timestamp;

/// One camera image with its stamp. Cheap to clone: pixels are shared.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Counts the frames that this camera delivered, from 0.
    pub sequence: u64,
    /// When the exposure happened.
    pub stamp: Timestamp,
    /// Monotonic time at which the frame reached us whole (before decoding).
    pub arrived: Duration,
    /// Coordinate frame of the camera, named as in REP-105; ends in `_optical`.
    pub frame_id: Arc<str>,
    /// The pixels.
    pub image: Image,
    /// The camera's intrinsics for this very image, where they are known.
    pub intrinsics: Option<Intrinsics>,
    /// True where the lens bends straight lines by more than a pixel, and nobody
    /// has rectified the image.
    pub distorted: bool,
    /// Depth measured for this very image: registered to it and of its size.
    pub depth: Option<Arc<DepthImage>>,
}
