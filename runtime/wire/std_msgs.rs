//! Messages of the package `std_msgs`.

use super::cdr::{CdrError, CdrReader, CdrWriter};
use super::message::Message;

/// `std_msgs/msg/Bool`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bool {
    /// The value.
    pub data: bool,
}

impl<'a> Message<'a> for Bool {
    const TYPE: &'static str = "std_msgs/msg/Bool";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        writer.bool(self.data);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            data: reader.bool("data")?,
        })
    }
}

/// `std_msgs/msg/String`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StringMessage {
    /// The text.
    pub data: String,
}

impl<'a> Message<'a> for StringMessage {
    const TYPE: &'static str = "std_msgs/msg/String";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        writer.string(&self.data);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            data: reader.string("data")?.to_owned(),
        })
    }
}

/// `std_msgs/msg/MultiArrayDimension`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiArrayDimension {
    /// The meaning of this axis.
    pub label: String,
    /// Elements along it.
    pub size: u32,
    /// Elements from one to the next of the dimension outside.
    pub stride: u32,
}

/// `std_msgs/msg/Float32MultiArray`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Float32MultiArray {
    /// Outermost first.
    pub dimensions: Vec<MultiArrayDimension>,
    /// Elements before the first.
    pub data_offset: u32,
    /// The numbers.
    pub data: Vec<f32>,
}

impl<'a> Message<'a> for Float32MultiArray {
    const TYPE: &'static str = "std_msgs/msg/Float32MultiArray";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        writer.count(self.dimensions.len());
        for dimension in &self.dimensions {
            writer.string(&dimension.label);
            writer.u32(dimension.size);
            writer.u32(dimension.stride);
        }
        writer.u32(self.data_offset);
        writer.f32s(&self.data);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            dimensions: reader.sequence("layout.dim", 12, |reader| {
                Ok(MultiArrayDimension {
                    label: reader.string("layout.dim.label")?.to_owned(),
                    size: reader.u32("layout.dim.size")?,
                    stride: reader.u32("layout.dim.stride")?,
                })
            })?,
            data_offset: reader.u32("layout.data_offset")?,
            data: reader.f32s("data")?,
        })
    }
}
