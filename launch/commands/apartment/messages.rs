//! What a simulated robot sees and knows, as ROS 2 messages.

use std::borrow::Cow;

use concert_apartment::{CameraPose, WheelOdometry};
use concert_models::image_file::DepthImage;
use concert_models::{Image, PixelFormat};
use concert_runtime::Timestamp;
use concert_runtime::wire::common::{Header, Pose};
use concert_runtime::wire::nav_msgs::Odometry;
use concert_runtime::wire::sensor_msgs::{CompressedImage, Image as ImageMessage};
use concert_runtime::wire::tf2_msgs::{TfMessage, TransformStamped};

/// Where the robot believes that it started (REP-105).
pub(super) const ODOM: &str = "odom";
/// The robot (REP-105): on the floor between its wheels, x forward.
pub(super) const BASE: &str = "base_link";
/// Its camera (REP-103): z forward, x right.
pub(super) const OPTICAL: &str = "front_optical";

pub(crate) fn header(stamp: Timestamp, frame_id: &str) -> Header {
    Header {
        stamp,
        frame_id: frame_id.to_owned(),
    }
}

/// The picture's pixels, 8-bit red, green, blue.
pub(super) fn raw(header: Header, image: &Image) -> ImageMessage<'_> {
    ImageMessage {
        header,
        height: image.height() as u32,
        width: image.width() as u32,
        encoding: Cow::Borrowed("rgb8"),
        is_bigendian: false,
        step: image.width() as u32 * 3,
        data: Cow::Borrowed(image.bytes()),
    }
}

/// A picture of the same size in which nothing is seen.
pub(super) fn black(image: &Image) -> Image {
    let bytes = vec![0; image.width() * image.height() * 3];
    Image::packed(image.width(), image.height(), PixelFormat::Rgb8, bytes)
        .expect("as large as the picture that it stands for")
}

/// The picture as JPEG of a quality from 1 to 100.
pub(super) fn compressed(
    header: Header,
    image: &Image,
    quality: u8,
) -> Result<CompressedImage<'static>, image::ImageError> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    encoder.encode(
        image.bytes(),
        image.width() as u32,
        image.height() as u32,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(CompressedImage {
        header,
        format: Cow::Borrowed("jpeg"),
        data: Cow::Owned(bytes),
    })
}

/// Metres along the optical axis (REP-118), NaN where unknown (REP-117).
pub(crate) fn depth(header: Header, depth: &DepthImage) -> ImageMessage<'static> {
    let bytes = depth.metres.iter().flat_map(|metres| metres.to_le_bytes());
    ImageMessage {
        header,
        height: depth.height as u32,
        width: depth.width as u32,
        encoding: Cow::Borrowed("32FC1"),
        is_bigendian: false,
        step: depth.width as u32 * 4,
        data: Cow::Owned(bytes.collect()),
    }
}

/// `odom_from_base` as the wheels have it, and `base_from_optical`.
pub(super) fn transforms(
    stamp: Timestamp,
    odom_from_base: CameraPose,
    base_from_optical: CameraPose,
) -> TfMessage {
    let one = |parent: &str, child: &str, parent_from_child: CameraPose| TransformStamped {
        header: header(stamp, parent),
        child_frame_id: child.to_owned(),
        transform: pose(parent_from_child),
    };
    TfMessage {
        transforms: vec![
            one(ODOM, BASE, odom_from_base),
            one(BASE, OPTICAL, base_from_optical),
        ],
    }
}

/// What the wheels say. Covariances are 0: unknown.
pub(super) fn odometry(stamp: Timestamp, wheels: &WheelOdometry) -> Odometry {
    Odometry {
        header: header(stamp, ODOM),
        child_frame_id: BASE.to_owned(),
        pose: pose(wheels.odom_from_base),
        pose_covariance: [0.0; 36],
        linear: [f64::from(wheels.twist.linear), 0.0, 0.0],
        angular: [0.0, 0.0, f64::from(wheels.twist.angular)],
        twist_covariance: [0.0; 36],
    }
}

fn pose(pose: CameraPose) -> Pose {
    Pose {
        position: pose.translation.to_array().map(f64::from),
        orientation: pose.rotation.to_array().map(f64::from),
    }
}
