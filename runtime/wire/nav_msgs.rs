//! Messages of the package `nav_msgs`.

use super::cdr::{CdrError, CdrReader, CdrWriter};
use super::common::{Covariance, Header, Pose, Xyz};
use super::message::Message;

/// `nav_msgs/msg/Odometry`.
#[derive(Debug, Clone, PartialEq)]
pub struct Odometry {
    /// Stamp and the frame that the pose is given in.
    pub header: Header,
    /// The frame that moves; the velocity is given in it.
    pub child_frame_id: String,
    /// `header.frame_id` from `child_frame_id`.
    pub pose: Pose,
    /// Covariance of the pose.
    pub pose_covariance: Covariance,
    /// m/s.
    pub linear: Xyz,
    /// rad/s.
    pub angular: Xyz,
    /// Covariance of the velocity.
    pub twist_covariance: Covariance,
}

impl<'a> Message<'a> for Odometry {
    const TYPE: &'static str = "nav_msgs/msg/Odometry";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.string(&self.child_frame_id);
        self.pose.write(writer);
        writer.f64_array(&self.pose_covariance);
        writer.f64_array(&self.linear);
        writer.f64_array(&self.angular);
        writer.f64_array(&self.twist_covariance);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            child_frame_id: reader.string("child_frame_id")?.to_owned(),
            pose: Pose::read(reader)?,
            pose_covariance: reader.f64_array("pose.covariance")?,
            linear: reader.f64_array("twist.linear")?,
            angular: reader.f64_array("twist.angular")?,
            twist_covariance: reader.f64_array("twist.covariance")?,
        })
    }
}
