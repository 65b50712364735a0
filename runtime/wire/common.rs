//! `std_msgs/Header` and the parts of `geometry_msgs` that our messages hold.

use super::cdr::{CdrError, CdrReader, CdrWriter};
use crate::time::Timestamp;

/// `std_msgs/msg/Header`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// When the exposure happened.
    pub stamp: Timestamp,
    /// Coordinate frame of the data.
    pub frame_id: String,
}

impl Header {
    /// Fewest bytes that a header takes.
    pub const MIN_BYTES: usize = 12;

    /// Writes the fields in their order.
    pub fn write(&self, writer: &mut CdrWriter<'_>) {
        write_header(writer, self.stamp, &self.frame_id);
    }

    /// Reads the fields in their order.
    ///
    /// # Errors
    /// The first field that cannot be read.
    pub fn read(reader: &mut CdrReader<'_>) -> Result<Self, CdrError> {
        let seconds = reader.i32("header.stamp.sec")?;
        let nanos = reader.u32("header.stamp.nanosec")?;
        Ok(Self {
            stamp: Timestamp::from_seconds_and_nanos(seconds, nanos),
            frame_id: reader.string("header.frame_id")?.to_owned(),
        })
    }
}

/// Writes a header without making one.
pub(super) fn write_header(writer: &mut CdrWriter<'_>, stamp: Timestamp, frame_id: &str) {
    let (seconds, nanos) = stamp.seconds_and_nanos();
    writer.i32(seconds);
    writer.u32(nanos);
    writer.string(frame_id);
}

/// A point or a translation (m): `geometry_msgs/msg/Point` and `Vector3`.
pub type Xyz = [f64; 3];

/// `geometry_msgs/msg/Pose` and `Transform`: the same bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// m.
    pub position: Xyz,
    /// Unit quaternion x, y, z, w.
    pub orientation: [f64; 4],
}

impl Default for Pose {
    fn default() -> Self {
        Self {
            position: [0.0; 3],
            orientation: [0.0, 0.0, 0.0, 1.0],
        }
    }
}

impl Pose {
    /// Writes the fields in their order.
    pub fn write(&self, writer: &mut CdrWriter<'_>) {
        writer.f64_array(&self.position);
        writer.f64_array(&self.orientation);
    }

    /// Reads the fields in their order.
    ///
    /// # Errors
    /// Bytes that end too early.
    pub fn read(reader: &mut CdrReader<'_>) -> Result<Self, CdrError> {
        Ok(Self {
            position: reader.f64_array("position")?,
            orientation: reader.f64_array("orientation")?,
        })
    }
}

/// Row-major 6 × 6 covariance, x, y, z, rotation about x, y, z.
pub type Covariance = [f64; 36];
