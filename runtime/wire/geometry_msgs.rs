//! Messages of the package `geometry_msgs`.

use super::cdr::{CdrError, CdrReader, CdrWriter};
use super::common::Xyz;
use super::message::Message;

/// `geometry_msgs/msg/Twist`: a velocity; of a mobile base in its own frame
/// (x forward, y left, z up).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Twist {
    /// m/s.
    pub linear: Xyz,
    /// rad/s, about x, y, z.
    pub angular: Xyz,
}

impl Twist {
    /// Length of the whole message, bytes.
    pub const BYTES: usize = 4 + 6 * 8;
}

impl<'a> Message<'a> for Twist {
    const TYPE: &'static str = "geometry_msgs/msg/Twist";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        writer.f64_array(&self.linear);
        writer.f64_array(&self.angular);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            linear: reader.f64_array("linear")?,
            angular: reader.f64_array("angular")?,
        })
    }
}
