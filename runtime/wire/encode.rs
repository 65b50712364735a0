//! From an output's tensor to the message of its task.

mod rows;

use concert_models::Intrinsics;
use concert_models::geometric::odometry::ODOMETRY_LENGTH;
use concert_policies::OutputKind;

use super::cdr::CdrWriter;
use super::common::{Header, Pose};
use super::diagnostic_msgs::DiagnosticArray;
use super::message::Message;
use super::odometry::odometry;
use super::pixels::Pixels;
use super::sensor_msgs::{CameraInfo, ImagePrefix, RegionOfInterest};
use super::std_msgs::{Float32MultiArray, MultiArrayDimension};
use super::vision_msgs::{BoundingBox3D, BoundingBox3DArray, Classification, ObjectHypothesis};
use crate::output::Output;
use crate::status::Status;
use rows::{detections, points};

/// Number of classes that a `Classification` names: the best ones.
pub const MAX_CLASSES: usize = 5;
/// A `Classification` names no class where the best has a lower score than
/// this. Among many classes a score below a third says that what is in the
/// picture is none of them, or that they are guessed; a robot that acts on a
/// guess is worse off than one that is told nothing.
pub const MIN_SCORE: f32 = 0.3;

/// Why an output cannot be written as its task's message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The tensor's shape is not one of its task.
    #[error("output of {task} has shape {shape:?}, but its kind needs {needed}")]
    Shape {
        /// Name of the task.
        task: &'static str,
        /// Outermost axis first.
        shape: Vec<usize>,
        /// In words.
        needed: String,
    },
    /// The tensor holds more or fewer values than its shape says.
    #[error("output of {task} has {got} values, but shape {shape:?} needs {needed}")]
    Length {
        /// Name of the task.
        task: &'static str,
        /// Outermost axis first.
        shape: Vec<usize>,
        /// Values.
        needed: usize,
        /// Values.
        got: usize,
    },
    /// A label does not fit into a byte.
    #[error("output of {task} labels pixel {pixel} as {label}, but labels must be 0 to 255")]
    Label {
        /// Name of the task.
        task: &'static str,
        /// In row-major order.
        pixel: usize,
        /// The value there.
        label: f32,
    },
}

/// Writes the message of an output; what stood in `to` is lost. Gives the
/// message's full name.
///
/// # Errors
/// A tensor that does not fit its task.
pub fn encode(output: &Output, to: &mut Vec<u8>) -> Result<&'static str, EncodeError> {
    let (message_type, pixels) = encode_head(output, to)?;
    pixels.append(to);
    Ok(message_type)
}

/// As [`encode`], but for the pixels of an image, which stand at its end: those can
/// be written to where the message is to lie.
///
/// # Errors
/// As [`encode`].
pub fn encode_head<'a>(
    output: &'a Output,
    to: &mut Vec<u8>,
) -> Result<(&'static str, Pixels<'a>), EncodeError> {
    check_length(output)?;
    let kind = output.origin.task.output;
    let mut pixels = Pixels::None;
    match kind {
        OutputKind::Dense { channels } => pixels = dense(output, channels, to)?,
        OutputKind::ClassMap => pixels = class_map(output, to)?,
        OutputKind::Classes => classification(output)?.encode(to),
        OutputKind::Points { columns } => points(output, columns, to)?,
        OutputKind::Boxes2d => detections(output)?.encode(to),
        OutputKind::RoomLayout => room_layout(output)?.encode(to),
        OutputKind::Vector { length, names } => vector(output, length, names)?.encode(to),
        OutputKind::Odometry => odometry(output)
            .ok_or_else(|| wrong_shape(output, format!("[1, {ODOMETRY_LENGTH}]")))?
            .encode(to),
    }
    Ok((kind.message_type(), pixels))
}

/// Writes the `CameraInfo` of a dense output at the output's own resolution;
/// what stood in `to` is lost. Gives `false`, and writes nothing, where the
/// output is not dense or the camera's intrinsics are not known.
///
/// The intrinsics are those of an image without distortion: `d` is zero, `r`
/// the identity, `p` is `k`.
pub fn encode_camera_info(output: &Output, to: &mut Vec<u8>) -> bool {
    let is_dense = matches!(
        output.origin.task.output,
        OutputKind::Dense { .. } | OutputKind::ClassMap
    );
    let &[_, _, height, width] = output.origin.shape.as_slice() else {
        return false;
    };
    let Some(intrinsics) = output.intrinsics_at_output(width, height) else {
        return false;
    };
    if is_dense {
        camera_info(header(output), &intrinsics).encode(to);
    }
    is_dense
}

/// Writes the status as a `DiagnosticArray`; what stood in `to` is lost.
/// Gives the message's full name.
pub fn encode_status(status: &Status, to: &mut Vec<u8>) -> &'static str {
    DiagnosticArray::from(status).encode(to);
    DiagnosticArray::TYPE
}

/// The `CameraInfo` of a pinhole camera without distortion.
#[must_use]
pub fn camera_info(header: Header, intrinsics: &Intrinsics) -> CameraInfo {
    let Intrinsics { fx, fy, cx, cy, .. } = *intrinsics;
    CameraInfo {
        header,
        height: small(intrinsics.height),
        width: small(intrinsics.width),
        distortion_model: "plumb_bob".to_owned(),
        d: vec![0.0; 5],
        k: [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning: [0, 0],
        roi: RegionOfInterest::default(),
    }
}

fn header(output: &Output) -> Header {
    Header {
        stamp: output.stamp,
        frame_id: output.frame_id.to_string(),
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn check_length(output: &Output) -> Result<(), EncodeError> {
    let shape = &output.origin.shape;
    let needed = shape
        .iter()
        .try_fold(1_usize, |product, side| product.checked_mul(*side))
        .unwrap_or(usize::MAX);
    if needed != output.values.len() {
        return Err(EncodeError::Length {
            task: output.origin.task.name,
            shape: shape.clone(),
            needed,
            got: output.values.len(),
        });
    }
    Ok(())
}

fn wrong_shape(output: &Output, needed: impl Into<String>) -> EncodeError {
    EncodeError::Shape {
        task: output.origin.task.name,
        shape: output.origin.shape.clone(),
        needed: needed.into(),
    }
}

fn dense<'a>(
    output: &'a Output,
    channels: usize,
    to: &mut Vec<u8>,
) -> Result<Pixels<'a>, EncodeError> {
    let (height, width) = match *output.origin.shape.as_slice() {
        [1, c, height, width] if c == channels => (height, width),
        _ => return Err(wrong_shape(output, format!("[1, {channels}, h, w]"))),
    };
    let step = width * channels * size_of::<f32>();
    let mut writer = CdrWriter::begin(to);
    ImagePrefix {
        stamp: output.stamp,
        frame_id: &output.frame_id,
        height: small(height),
        width: small(width),
        encoding: &format!("32FC{channels}"),
        is_bigendian: false,
        step: small(step),
        data_bytes: step * height,
    }
    .write(&mut writer);
    Ok(Pixels::Planes {
        values: &output.values,
        channels,
    })
}

fn class_map<'a>(output: &'a Output, to: &mut Vec<u8>) -> Result<Pixels<'a>, EncodeError> {
    let (classes, height, width) = match *output.origin.shape.as_slice() {
        [1, classes @ 1..=256, height, width] => (classes, height, width),
        _ => return Err(wrong_shape(output, "[1, 1 to 256, h, w]")),
    };
    let scores = &output.values;
    if classes == 1 {
        check_labels(output)?;
    }
    let mut writer = CdrWriter::begin(to);
    ImagePrefix {
        stamp: output.stamp,
        frame_id: &output.frame_id,
        height: small(height),
        width: small(width),
        encoding: "mono8",
        is_bigendian: false,
        step: small(width),
        data_bytes: height * width,
    }
    .write(&mut writer);
    Ok(match classes {
        1 => Pixels::Labels(scores),
        classes => Pixels::BestClass { scores, classes },
    })
}

fn check_labels(output: &Output) -> Result<(), EncodeError> {
    let is_label = |label: &f32| (0.0..=255.0).contains(&label.round());
    match output.values.iter().position(|label| !is_label(label)) {
        None => Ok(()),
        Some(pixel) => Err(EncodeError::Label {
            task: output.origin.task.name,
            pixel,
            label: output.values[pixel],
        }),
    }
}

/// Name of a class, or its index where it has none.
fn class_id(output: &Output, class: usize) -> String {
    let name = output.origin.labels.get(class).cloned();
    name.unwrap_or_else(|| class.to_string())
}

fn classification(output: &Output) -> Result<Classification, EncodeError> {
    if !matches!(output.origin.shape.as_slice(), [1, 1..=usize::MAX]) {
        return Err(wrong_shape(output, "[1, n]"));
    }
    let mut order: Vec<usize> = (0..output.values.len()).collect();
    // `max` passes NaN over, so that one never comes first.
    let score = |class: &usize| output.values[*class].max(f32::NEG_INFINITY);
    order.sort_by(|a, b| score(b).total_cmp(&score(a)));
    let is_sure = order.first().is_some_and(|best| score(best) >= MIN_SCORE);
    order.truncate(if is_sure { MAX_CLASSES } else { 0 });
    let results = order.into_iter().map(|class| ObjectHypothesis {
        class_id: class_id(output, class),
        score: f64::from(output.values[class]),
    });
    Ok(Classification {
        header: header(output),
        results: results.collect(),
    })
}

fn room_layout(output: &Output) -> Result<BoundingBox3DArray, EncodeError> {
    let &[x, y, z, about_x, about_y, about_z, sx, sy, sz] = output.values.as_slice() else {
        return Err(wrong_shape(output, "[1, 9]"));
    };
    let room_from_optical = quaternion_from_static_xyz([about_x, about_y, about_z].map(f64::from));
    let [qx, qy, qz, qw] = room_from_optical;
    let room = BoundingBox3D {
        center: Pose {
            position: [x, y, z].map(f64::from),
            // A box's pose is header from box: optical_from_room.
            orientation: [-qx, -qy, -qz, qw],
        },
        size: [sx, sy, sz].map(f64::from),
    };
    Ok(BoundingBox3DArray {
        header: header(output),
        boxes: vec![room],
    })
}

/// Quaternion x, y, z, w of the rotation Rz · Ry · Rx: first about x, then
/// about y, then about z, the axes standing still.
fn quaternion_from_static_xyz(angles: [f64; 3]) -> [f64; 4] {
    let [(sx, cx), (sy, cy), (sz, cz)] = angles.map(|angle| (0.5 * angle).sin_cos());
    [
        sx * cy * cz - cx * sy * sz,
        cx * sy * cz + sx * cy * sz,
        cx * cy * sz - sx * sy * cz,
        cx * cy * cz + sx * sy * sz,
    ]
}

fn vector(
    output: &Output,
    length: usize,
    names: &[&str],
) -> Result<Float32MultiArray, EncodeError> {
    if output.origin.shape != [1, length] {
        return Err(wrong_shape(output, format!("[1, {length}]")));
    }
    Ok(Float32MultiArray {
        dimensions: vec![MultiArrayDimension {
            label: names.join(","),
            size: small(length),
            stride: small(length),
        }],
        data_offset: 0,
        data: output.values.clone(),
    })
}
