//! Outputs and status as ROS 2 messages: plain computation, no bus.

pub mod any;
pub mod attachment;
pub mod cdr;
pub mod common;
pub mod definitions;
pub mod diagnostic_msgs;
pub mod encode;
pub mod geometry_msgs;
pub mod keys;
pub mod message;
pub mod nav_msgs;
mod odometry;
mod pixels;
#[cfg(feature = "zenoh")]
pub mod ros2;
#[cfg(any(feature = "zenoh", feature = "recording"))]
pub(crate) mod ros_image;
pub mod sensor_msgs;
pub mod std_msgs;
pub mod tf2_msgs;
pub mod vision_msgs;

pub use any::AnyMessage;
pub use attachment::{Attachment, AttachmentError};
pub use cdr::CdrError;
pub use encode::{EncodeError, encode, encode_camera_info, encode_head, encode_status};
pub use message::Message;
pub use odometry::encode_transforms;
pub use pixels::Pixels;

#[cfg(test)]
pub(crate) mod tests;
