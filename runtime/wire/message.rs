//! The trait of every message.

use super::cdr::{CdrError, CdrReader, CdrWriter};

/// A ROS 2 message. `'a` is the life of the bytes that large fields stay in.
pub trait Message<'a>: Sized {
    /// Full name: `sensor_msgs/msg/Image`.
    const TYPE: &'static str;

    /// Writes the fields in their order.
    fn write(&self, writer: &mut CdrWriter<'_>);

    /// Reads the fields in their order.
    ///
    /// # Errors
    /// The first field that cannot be read.
    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError>;

    /// Writes the whole message; what stood in `to` is lost.
    fn encode(&self, to: &mut Vec<u8>) {
        self.write(&mut CdrWriter::begin(to));
    }

    /// Reads a whole message. Bytes after it (padding, say) are passed over.
    ///
    /// # Errors
    /// The first field that cannot be read.
    fn decode(message: &'a [u8]) -> Result<Self, CdrError> {
        Self::read(&mut CdrReader::begin(message)?)
    }
}
