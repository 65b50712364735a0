//! Messages of the package `sensor_msgs`.

use std::borrow::Cow;

use super::cdr::{CdrError, CdrReader, CdrWriter};
use super::common::{Header, write_header};
use super::message::Message;
use crate::time::Timestamp;

/// `sensor_msgs/msg/Image`.
#[derive(Debug, Clone, PartialEq)]
pub struct Image<'a> {
    /// Stamp and optical frame.
    pub header: Header,
    /// px.
    pub height: u32,
    /// px.
    pub width: u32,
    /// `rgb8`, `mono8`, `32FC1`, …
    pub encoding: Cow<'a, str>,
    /// True where numbers of several bytes are big-endian.
    pub is_bigendian: bool,
    /// Bytes from one row's first to the next row's first.
    pub step: u32,
    /// `height` rows of `step` bytes.
    pub data: Cow<'a, [u8]>,
}

/// The part of an image before its pixels, borrowed.
pub(super) struct ImagePrefix<'a> {
    pub(super) stamp: Timestamp,
    pub(super) frame_id: &'a str,
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) encoding: &'a str,
    pub(super) is_bigendian: bool,
    pub(super) step: u32,
    pub(super) data_bytes: usize,
}

impl ImagePrefix<'_> {
    /// Writes everything up to the first pixel.
    pub(super) fn write(&self, writer: &mut CdrWriter<'_>) {
        write_header(writer, self.stamp, self.frame_id);
        writer.u32(self.height);
        writer.u32(self.width);
        writer.string(self.encoding);
        writer.bool(self.is_bigendian);
        writer.u32(self.step);
        writer.count(self.data_bytes);
    }
}

impl Image<'_> {
    /// Writes everything up to the first of `data_bytes` bytes of pixels.
    pub(crate) fn write_head(&self, data_bytes: usize, writer: &mut CdrWriter<'_>) {
        ImagePrefix {
            stamp: self.header.stamp,
            frame_id: &self.header.frame_id,
            height: self.height,
            width: self.width,
            encoding: &self.encoding,
            is_bigendian: self.is_bigendian,
            step: self.step,
            data_bytes,
        }
        .write(writer);
    }
}

impl<'a> Message<'a> for Image<'a> {
    const TYPE: &'static str = "sensor_msgs/msg/Image";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.write_head(self.data.len(), writer);
        writer.raw_bytes(&self.data);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            height: reader.u32("height")?,
            width: reader.u32("width")?,
            encoding: Cow::Borrowed(reader.string("encoding")?),
            is_bigendian: reader.bool("is_bigendian")?,
            step: reader.u32("step")?,
            data: Cow::Borrowed(reader.bytes("data")?),
        })
    }
}

/// `sensor_msgs/msg/CompressedImage`.
#[derive(Debug, Clone, PartialEq)]
pub struct CompressedImage<'a> {
    /// Stamp and optical frame.
    pub header: Header,
    /// `jpeg`, `png`, or longer: `rgb8; jpeg compressed bgr8`.
    pub format: Cow<'a, str>,
    /// A whole JPEG or PNG file.
    pub data: Cow<'a, [u8]>,
}

impl<'a> Message<'a> for CompressedImage<'a> {
    const TYPE: &'static str = "sensor_msgs/msg/CompressedImage";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.string(&self.format);
        writer.bytes(&self.data);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            format: Cow::Borrowed(reader.string("format")?),
            data: Cow::Borrowed(reader.bytes("data")?),
        })
    }
}

/// `sensor_msgs/msg/RegionOfInterest`: which part of the sensor is sent. All 0
/// for the whole of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegionOfInterest {
    /// Left edge, px of the sensor.
    pub x_offset: u32,
    /// Upper edge, px of the sensor.
    pub y_offset: u32,
    /// px of the sensor.
    pub height: u32,
    /// px of the sensor.
    pub width: u32,
    /// True where whoever rectifies is to cut to this region.
    pub do_rectify: bool,
}

/// `sensor_msgs/msg/CameraInfo`.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraInfo {
    /// Stamp and optical frame.
    pub header: Header,
    /// Size of the sensor that the numbers belong to, px.
    pub height: u32,
    /// Size of the sensor that the numbers belong to, px.
    pub width: u32,
    /// `plumb_bob`, `equidistant`, …
    pub distortion_model: String,
    /// Distortion, as the model says.
    pub d: Vec<f64>,
    /// Intrinsic matrix of the raw image, row-major 3 × 3.
    pub k: [f64; 9],
    /// Rectification, row-major 3 × 3.
    pub r: [f64; 9],
    /// Projection of the rectified image, row-major 3 × 4.
    pub p: [f64; 12],
    /// Sensor pixels per image pixel along u and v; 0 is as 1.
    pub binning: [u32; 2],
    /// Which part of the sensor is sent.
    pub roi: RegionOfInterest,
}

impl<'a> Message<'a> for CameraInfo {
    const TYPE: &'static str = "sensor_msgs/msg/CameraInfo";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.u32(self.height);
        writer.u32(self.width);
        writer.string(&self.distortion_model);
        writer.count(self.d.len());
        for value in &self.d {
            writer.f64(*value);
        }
        writer.f64_array(&self.k);
        writer.f64_array(&self.r);
        writer.f64_array(&self.p);
        let RegionOfInterest {
            x_offset,
            y_offset,
            height,
            width,
            do_rectify,
        } = self.roi;
        let [x, y] = self.binning;
        for number in [x, y, x_offset, y_offset, height, width] {
            writer.u32(number);
        }
        writer.bool(do_rectify);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            height: reader.u32("height")?,
            width: reader.u32("width")?,
            distortion_model: reader.string("distortion_model")?.to_owned(),
            d: reader.f64s("d")?,
            k: reader.f64_array("k")?,
            r: reader.f64_array("r")?,
            p: reader.f64_array("p")?,
            binning: [reader.u32("binning_x")?, reader.u32("binning_y")?],
            roi: RegionOfInterest {
                x_offset: reader.u32("roi.x_offset")?,
                y_offset: reader.u32("roi.y_offset")?,
                height: reader.u32("roi.height")?,
                width: reader.u32("roi.width")?,
                do_rectify: reader.bool("roi.do_rectify")?,
            },
        })
    }
}

/// `sensor_msgs/msg/PointField`: one column of a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointField<'a> {
    /// The value there.
    pub name: Cow<'a, str>,
    /// Bytes from the start of a point.
    pub offset: u32,
    /// Kind of number; [`PointField::FLOAT32`] in all that we write.
    pub datatype: u8,
    /// Numbers in the column.
    pub count: u32,
}

impl PointField<'_> {
    /// 32-bit floating point.
    pub const FLOAT32: u8 = 7;
}

/// `sensor_msgs/msg/PointCloud2`.
#[derive(Debug, Clone, PartialEq)]
pub struct PointCloud2<'a> {
    /// Stamp and frame.
    pub header: Header,
    /// Rows of points; 1 where they are in no order.
    pub height: u32,
    /// Points in a row.
    pub width: u32,
    /// The fields of a point.
    pub fields: Vec<PointField<'a>>,
    /// True where numbers are big-endian.
    pub is_bigendian: bool,
    /// Bytes of one point.
    pub point_step: u32,
    /// Bytes of one row.
    pub row_step: u32,
    /// The points.
    pub data: Cow<'a, [u8]>,
    /// True where every number is finite.
    pub is_dense: bool,
}

impl<'a> Message<'a> for PointCloud2<'a> {
    const TYPE: &'static str = "sensor_msgs/msg/PointCloud2";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.u32(self.height);
        writer.u32(self.width);
        writer.count(self.fields.len());
        for field in &self.fields {
            writer.string(&field.name);
            writer.u32(field.offset);
            writer.u8(field.datatype);
            writer.u32(field.count);
        }
        writer.bool(self.is_bigendian);
        writer.u32(self.point_step);
        writer.u32(self.row_step);
        writer.bytes(&self.data);
        writer.bool(self.is_dense);
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            height: reader.u32("height")?,
            width: reader.u32("width")?,
            fields: reader.sequence("fields", 16, |reader| {
                Ok(PointField {
                    name: Cow::Borrowed(reader.string("fields.name")?),
                    offset: reader.u32("fields.offset")?,
                    datatype: reader.u8("fields.datatype")?,
                    count: reader.u32("fields.count")?,
                })
            })?,
            is_bigendian: reader.bool("is_bigendian")?,
            point_step: reader.u32("point_step")?,
            row_step: reader.u32("row_step")?,
            data: Cow::Borrowed(reader.bytes("data")?),
            is_dense: reader.bool("is_dense")?,
        })
    }
}
