//! Messages of the package `tf2_msgs`.

use super::cdr::{CdrError, CdrReader, CdrWriter};
use super::common::{Header, Pose};
use super::message::Message;

/// `geometry_msgs/msg/TransformStamped`.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformStamped {
    /// Stamp and the frame that is transformed into.
    pub header: Header,
    /// The frame that is transformed from.
    pub child_frame_id: String,
    /// `header.frame_id` from `child_frame_id`.
    pub transform: Pose,
}

/// `tf2_msgs/msg/TFMessage`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TfMessage {
    /// Any number.
    pub transforms: Vec<TransformStamped>,
}

impl<'a> Message<'a> for TfMessage {
    const TYPE: &'static str = "tf2_msgs/msg/TFMessage";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        writer.count(self.transforms.len());
        for one in &self.transforms {
            one.header.write(writer);
            writer.string(&one.child_frame_id);
            one.transform.write(writer);
        }
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        let least = Header::MIN_BYTES + 4 + 56;
        Ok(Self {
            transforms: reader.sequence("transforms", least, |reader| {
                Ok(TransformStamped {
                    header: Header::read(reader)?,
                    child_frame_id: reader.string("child_frame_id")?.to_owned(),
                    transform: Pose::read(reader)?,
                })
            })?,
        })
    }
}
