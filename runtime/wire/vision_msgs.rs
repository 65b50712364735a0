//! Messages of the package `vision_msgs` (version 4, ROS 2 Humble and later).

use super::cdr::{CdrError, CdrReader, CdrWriter};
use super::common::{Covariance, Header, Pose, Xyz};
use super::message::Message;

/// `vision_msgs/msg/ObjectHypothesis`: a class and how sure we are.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectHypothesis {
    /// Name of the class, or its index where no name is known.
    pub class_id: String,
    /// From 0 to 1.
    pub score: f64,
}

impl ObjectHypothesis {
    fn write(&self, writer: &mut CdrWriter<'_>) {
        writer.string(&self.class_id);
        writer.f64(self.score);
    }

    fn read(reader: &mut CdrReader<'_>) -> Result<Self, CdrError> {
        Ok(Self {
            class_id: reader.string("class_id")?.to_owned(),
            score: reader.f64("score")?,
        })
    }
}

/// `vision_msgs/msg/Classification`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Classification {
    /// Stamp and optical frame.
    pub header: Header,
    /// Best first.
    pub results: Vec<ObjectHypothesis>,
}

impl<'a> Message<'a> for Classification {
    const TYPE: &'static str = "vision_msgs/msg/Classification";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.count(self.results.len());
        for result in &self.results {
            result.write(writer);
        }
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            results: reader.sequence("results", 12, ObjectHypothesis::read)?,
        })
    }
}

/// `vision_msgs/msg/Detection2D`. The poses of the hypotheses, which an image
/// alone does not tell, are written as identity and passed over when read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detection2D {
    /// As the array's.
    pub header: Header,
    /// Best first.
    pub results: Vec<ObjectHypothesis>,
    /// Centre u, v of the box in px of the camera image.
    pub center: [f64; 2],
    /// Rotation of the box, rad.
    pub theta: f64,
    /// Width and height of the box in px of the camera image.
    pub size: [f64; 2],
    /// Identity over time; empty where not tracked.
    pub id: String,
}

impl Detection2D {
    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.count(self.results.len());
        for result in &self.results {
            result.write(writer);
            Pose::default().write(writer);
            writer.f64_array::<36>(&[0.0; 36]);
        }
        writer.f64_array(&self.center);
        writer.f64(self.theta);
        writer.f64_array(&self.size);
        writer.string(&self.id);
    }

    fn read(reader: &mut CdrReader<'_>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            results: reader.sequence("results", 12 + 8 * (7 + 36), |reader| {
                let result = ObjectHypothesis::read(reader)?;
                Pose::read(reader)?;
                let _: Covariance = reader.f64_array("pose.covariance")?;
                Ok(result)
            })?,
            center: reader.f64_array("bbox.center.position")?,
            theta: reader.f64("bbox.center.theta")?,
            size: reader.f64_array("bbox.size")?,
            id: reader.string("id")?.to_owned(),
        })
    }
}

/// `vision_msgs/msg/Detection2DArray`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detection2DArray {
    /// Stamp and optical frame.
    pub header: Header,
    /// One for each box.
    pub detections: Vec<Detection2D>,
}

impl<'a> Message<'a> for Detection2DArray {
    const TYPE: &'static str = "vision_msgs/msg/Detection2DArray";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.count(self.detections.len());
        for detection in &self.detections {
            detection.write(writer);
        }
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            detections: reader.sequence("detections", 56, Detection2D::read)?,
        })
    }
}

/// `vision_msgs/msg/BoundingBox3D`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BoundingBox3D {
    /// Pose of the box in the header's frame.
    pub center: Pose,
    /// Along the box's own axes, m.
    pub size: Xyz,
}

/// `vision_msgs/msg/BoundingBox3DArray`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BoundingBox3DArray {
    /// Stamp and frame.
    pub header: Header,
    /// The boxes.
    pub boxes: Vec<BoundingBox3D>,
}

impl<'a> Message<'a> for BoundingBox3DArray {
    const TYPE: &'static str = "vision_msgs/msg/BoundingBox3DArray";

    fn write(&self, writer: &mut CdrWriter<'_>) {
        self.header.write(writer);
        writer.count(self.boxes.len());
        for one in &self.boxes {
            one.center.write(writer);
            writer.f64_array(&one.size);
        }
    }

    fn read(reader: &mut CdrReader<'a>) -> Result<Self, CdrError> {
        Ok(Self {
            header: Header::read(reader)?,
            boxes: reader.sequence("boxes", 80, |reader| {
                Ok(BoundingBox3D {
                    center: Pose::read(reader)?,
                    size: reader.f64_array("size")?,
                })
            })?,
        })
    }
}
