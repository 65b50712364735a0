//! Messages as pages get them: pictures encoded once, everything else as numbers.

use std::collections::BTreeMap;

use concert_policies::{OutputKind, Task};
use concert_runtime::wire::nav_msgs::Odometry;
use concert_runtime::wire::sensor_msgs::{
    CameraInfo, CompressedImage, Image, PointCloud2, PointField,
};
use concert_runtime::wire::vision_msgs::{BoundingBox3DArray, Detection2DArray, ObjectHypothesis};
use concert_runtime::wire::{AnyMessage, Attachment};
use serde_json::{Value, json};

use super::picture::{Cells, Encoded, colour_png, compressed, grey_png, jpeg};
use super::status::cut;
use crate::draw::{bulk, label_colour};

/// Most boxes, points, classes and numbers of one message that are shown.
const MAX_PARTS: usize = 1024;
/// Farthest that anything is shown from where its frame begins, m.
const MAX_METRES: f64 = 1e5;
/// Share by which a scale follows the newest picture: one that jumps with every
/// frame cannot be read.
const FOLLOW: f32 = 0.2;

/// Ends of the scale of each key's values.
pub(super) type Scales = BTreeMap<String, (f32, f32)>;

/// What a message is about, as far as its reader knows.
pub(super) struct Subject<'a> {
    pub(super) key: &'a str,
    pub(super) task: Option<&'static Task>,
    pub(super) attachment: Option<&'a Attachment>,
    /// Names of classes, where they are known.
    pub(super) labels: &'a [String],
}

/// What a page is told of a message: its `form` and whatever that has, and a
/// picture where it has one. `None` where there is nothing to show.
///
/// # Errors
/// Words on a message that is not what it says.
pub(super) fn digest(
    message: &AnyMessage<'_>,
    about: &Subject<'_>,
    scales: &mut Scales,
) -> Result<Option<(Value, Vec<u8>)>, String> {
    let told = |head: Value| Ok(Some((head, Vec::new())));
    match message {
        AnyMessage::Image(image) => picture(image, about, scales).map(Some),
        AnyMessage::CompressedImage(image) => photograph(image, about).map(Some),
        AnyMessage::CameraInfo(info) => told(intrinsics(info)?),
        AnyMessage::PointCloud2(cloud) => told(points(cloud)?),
        AnyMessage::Classification(classes) => told(names(&classes.results)),
        AnyMessage::Detection2DArray(array) => told(boxes(array)),
        AnyMessage::BoundingBox3DArray(array) => {
            Ok(room(array, about).map(|room| (room, Vec::new())))
        }
        AnyMessage::Odometry(odometry) => told(pose(odometry, about)?),
        AnyMessage::Float32MultiArray(array) => {
            let numbers = array.data.iter().copied();
            let numbers: Vec<f32> = numbers.take(MAX_PARTS).filter(|x| x.is_finite()).collect();
            let left_out = array.data.len() - numbers.len();
            told(json!({ "form": "numbers", "values": numbers, "left_out": left_out }))
        }
        AnyMessage::TfMessage(_)
        | AnyMessage::Twist(_)
        | AnyMessage::Bool(_)
        | AnyMessage::StringMessage(_)
        | AnyMessage::DiagnosticArray(_) => Ok(None),
    }
}

/// Where a picture's pixels are in the camera's image.
fn framed(form: &str, encoded: &Encoded, about: &Subject<'_>, size: [usize; 2]) -> Value {
    let attachment = about.attachment;
    let image_size = attachment.map_or(size, |a| [a.image_size.0, a.image_size.1]);
    // Without a word on that, it is stretched over the image.
    let stretched = || {
        let [x, y] = [0, 1].map(|axis| image_size[axis] as f64 / size[axis].max(1) as f64);
        [[x, 0.0, (x - 1.0) / 2.0], [0.0, y, (y - 1.0) / 2.0]]
    };
    json!({
        "form": form, "width": encoded.width, "height": encoded.height, "reduced": encoded.reduced,
        "image_size": image_size,
        "image_from_output": attachment.map_or_else(stretched, |a| a.image_from_output),
    })
}

fn picture(
    image: &Image<'_>,
    about: &Subject<'_>,
    scales: &mut Scales,
) -> Result<(Value, Vec<u8>), String> {
    let size = [image.width as usize, image.height as usize];
    let bytes_per_cell = match &*image.encoding {
        "mono8" => 1,
        "rgb8" | "bgr8" => 3,
        "rgba8" | "bgra8" | "32FC1" => 4,
        "32FC3" => 12,
        other => {
            return Err(format!(
                "its encoding is {}, which is not shown",
                cut(other)
            ));
        }
    };
    let sizes = (image.width, image.height, image.step);
    let cells = Cells::new(sizes, bytes_per_cell, &image.data);
    let cells = cells.filter(|_| !image.is_bigendian).ok_or_else(|| {
        let bytes = image.data.len();
        format!(
            "{bytes} bytes are no image of {}x{} {}",
            size[0], size[1], image.encoding
        )
    })?;
    let is_of_classes = about.task.map(|task| task.output) == Some(OutputKind::ClassMap);
    let (encoded, more) = match &*image.encoding {
        "mono8" if is_of_classes => classes(cells, about.labels)?,
        "32FC1" => scalars(cells, about, scales)?,
        "32FC3" => directions(cells, about)?,
        "mono8" => photograph_of(cells, [0, 0, 0])?,
        "bgr8" | "bgra8" => photograph_of(cells, [2, 1, 0])?,
        _ => photograph_of(cells, [0, 1, 2])?,
    };
    let form = more["form"].as_str().unwrap_or_default().to_owned();
    let mut head = framed(&form, &encoded, about, size);
    for (name, value) in more.as_object().into_iter().flatten() {
        head[name] = value.clone();
    }
    Ok((head, encoded.bytes))
}

fn photograph_of(cells: Cells<'_>, order: [usize; 3]) -> Result<(Encoded, Value), String> {
    let encoded = jpeg(cells, order).map_err(|error| error.to_string())?;
    Ok((encoded, json!({ "form": "jpeg" })))
}

fn photograph(
    image: &CompressedImage<'_>,
    about: &Subject<'_>,
) -> Result<(Value, Vec<u8>), String> {
    let (encoded, size) = compressed(&image.data)?;
    Ok((framed("jpeg", &encoded, about, size), encoded.bytes))
}

fn float(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(f32::NAN, f32::from_le_bytes)
}

/// Values from 1 to 255 along the scale, 0 where nothing is known.
fn scalars(
    cells: Cells<'_>,
    about: &Subject<'_>,
    scales: &mut Scales,
) -> Result<(Encoded, Value), String> {
    let (cells, size) = cells.reduced();
    let values: Vec<f32> = cells.map(float).collect();
    let unit = about.task.map_or("1", |task| task.unit);
    let (low, high) = scale(&values, about, scales);
    // Never 0: a picture of one value is at the beginning of its scale.
    let step = ((high - low) / 254.0).max(f32::MIN_POSITIVE);
    let pixels: Vec<u8> = (values.iter())
        .map(|value| match value.is_nan() {
            true => 0,
            // `as` saturates.
            false => (1.0 + (value - low) / step).round().clamp(1.0, 255.0) as u8,
        })
        .collect();
    let encoded = grey_png(&pixels, size).map_err(|error| error.to_string())?;
    let more = json!({ "form": "grey", "unit": unit, "low": low, "high": high });
    Ok((encoded, more))
}

/// The task's own range where it has both ends, else the bulk of the newest
/// pictures.
fn scale(values: &[f32], about: &Subject<'_>, scales: &mut Scales) -> (f32, f32) {
    if let Some(task) = about.task.filter(|task| task.unit == "1") {
        let (min, max) = (task.range.min, task.range.max);
        if min.is_finite() && max.is_finite() && max > min {
            return (min, max);
        }
    }
    let (low, high) = bulk(values);
    let known = scales.get(about.key).copied().unwrap_or((low, high));
    let follow = |old: f32, new: f32| old + FOLLOW * (new - old);
    let scale = (follow(known.0, low), follow(known.1, high));
    scales.insert(about.key.to_owned(), scale);
    scale
}

/// Vectors as colours: each part from -1 to 1, or from 0 to 1 where the task has
/// no less.
fn directions(cells: Cells<'_>, about: &Subject<'_>) -> Result<(Encoded, Value), String> {
    let signed = about.task.is_none_or(|task| task.range.min < 0.0);
    let byte = |value: f32| match signed {
        true => ((value + 1.0) * 127.5) as u8,
        false => (value * 255.0) as u8,
    };
    let (cells, size) = cells.reduced();
    let pixels: Vec<u8> = cells
        .flat_map(|cell| [0, 4, 8].map(|at| byte(float(&cell[at..at + 4]))))
        .collect();
    let encoded = colour_png(&pixels, size).map_err(|error| error.to_string())?;
    Ok((encoded, json!({ "form": "colour" })))
}

fn classes(cells: Cells<'_>, labels: &[String]) -> Result<(Encoded, Value), String> {
    let (cells, size) = cells.reduced();
    let pixels: Vec<u8> = cells.map(|cell| cell[0]).collect();
    let mut counts = [0_usize; 256];
    pixels
        .iter()
        .for_each(|class| counts[usize::from(*class)] += 1);
    let mut order: Vec<usize> = (0..256).filter(|class| counts[*class] > 0).collect();
    order.sort_by_key(|class| std::cmp::Reverse(counts[*class]));
    let each = order.into_iter().map(|class| {
        let name = labels
            .get(class)
            .map_or_else(|| format!("class {class}"), |name| cut(name));
        let share = counts[class] as f64 / pixels.len().max(1) as f64;
        json!({ "id": class, "name": name, "share": share, "colour": label_colour(class) })
    });
    let classes: Vec<_> = each.collect();
    let encoded = grey_png(&pixels, size).map_err(|error| error.to_string())?;
    Ok((encoded, json!({ "form": "classes", "classes": classes })))
}

fn intrinsics(info: &CameraInfo) -> Result<Value, String> {
    let [fx, fy, cx, cy] = [0, 4, 2, 5].map(|at| info.k[at]);
    let sound = fx > 0.0 && fy > 0.0 && [fx, fy, cx, cy].iter().all(|part| part.is_finite());
    if !sound || info.width == 0 || info.height == 0 {
        return Err("its intrinsics are none of a camera".to_owned());
    }
    Ok(json!({
        "form": "intrinsics", "fx": fx, "fy": fy, "cx": cx, "cy": cy,
        "width": info.width, "height": info.height,
    }))
}

/// The first classes that have a score.
fn names(results: &[ObjectHypothesis]) -> Value {
    let sound = results.iter().filter(|one| one.score.is_finite());
    let each = sound.take(3);
    let each = each.map(|one| json!({ "name": cut(&one.class_id), "score": one.score }));
    json!({ "form": "names", "results": each.collect::<Vec<_>>() })
}

/// Boxes by their corners, px of the camera's image, the origin in the middle of its
/// first pixel.
fn boxes(array: &Detection2DArray) -> Value {
    let each = array.detections.iter().take(MAX_PARTS).filter_map(|one| {
        let best = one.results.first()?;
        let [low, high] =
            [-0.5, 0.5].map(|half| [0, 1].map(|axis| one.center[axis] + half * one.size[axis]));
        let sound = low
            .iter()
            .chain(&high)
            .chain([&best.score])
            .all(|x| x.is_finite());
        sound.then(|| {
            json!({
                "name": cut(&best.class_id), "score": best.score,
                "x0": low[0], "y0": low[1], "x1": high[0], "y1": high[1],
            })
        })
    });
    let each: Vec<_> = each.collect();
    let left_out = array.detections.len() - each.len();
    json!({ "form": "boxes", "boxes": each, "left_out": left_out })
}

/// The first room: its corners in the optical frame; bits 0, 1 and 2 of a corner's
/// number say at which end of the box's x, y and z it lies.
fn room(array: &BoundingBox3DArray, about: &Subject<'_>) -> Option<Value> {
    let room = array.boxes.first()?;
    let corners = [0, 1, 2, 3, 4, 5, 6, 7].map(|corner: usize| {
        let ends = [0, 1, 2].map(|axis| {
            let end = if corner >> axis & 1 == 1 { 0.5 } else { -0.5 };
            end * room.size[axis]
        });
        let turned = turn(room.center.orientation, ends);
        [0, 1, 2].map(|axis| turned[axis] + room.center.position[axis])
    });
    let sound = corners.iter().flatten().all(|x| is_near(*x));
    sound.then(|| {
        json!({
            "form": "room", "corners": corners, "size": room.size,
            "sure": about.attachment.and_then(|attachment| attachment.face_percent),
        })
    })
}

/// Tells whether something is at a distance that can be shown: a map whose middle is
/// at 1e300 m has no room for metres.
pub(super) fn is_near(metres: f64) -> bool {
    metres.abs() <= MAX_METRES
}

/// A vector turned by a unit quaternion x, y, z, w.
fn turn([x, y, z, w]: [f64; 4], [a, b, c]: [f64; 3]) -> [f64; 3] {
    // t = 2 q × v; v + w t + q × t.
    let t = [y * c - z * b, z * a - x * c, x * b - y * a].map(|part| 2.0 * part);
    [
        a + w * t[0] + y * t[2] - z * t[1],
        b + w * t[1] + z * t[0] - x * t[2],
        c + w * t[2] + x * t[1] - y * t[0],
    ]
}

/// x, y and yaw in the frame of odometry, with the standard deviation of the
/// place, m.
fn pose(odometry: &Odometry, about: &Subject<'_>) -> Result<Value, String> {
    let [x, y, z] = odometry.pose.position;
    let ahead = turn(odometry.pose.orientation, [1.0, 0.0, 0.0]);
    let pose = [x, y, ahead[1].atan2(ahead[0])];
    if !pose.iter().chain([&z]).all(|part| is_near(*part)) {
        return Err(format!(
            "its pose is {x} {y} {z} m, but must be finite and within {MAX_METRES} m"
        ));
    }
    let covariance = &odometry.pose_covariance;
    let sigma = covariance[0].max(covariance[7]).max(0.0).sqrt();
    Ok(json!({
        "form": "pose", "pose": pose, "z": z, "sigma": sigma,
        "scale_unknown": about.attachment.is_some_and(|attachment| attachment.scale_unknown),
        "after_gap": about.attachment.is_some_and(|attachment| attachment.after_gap),
    }))
}

/// Points as `[u, v, score]`, matches as `[u, v, u before, v before]`.
fn points(cloud: &PointCloud2<'_>) -> Result<Value, String> {
    let offset = |name: &str| {
        let mut fields = cloud.fields.iter();
        let found = fields.find(|field| field.name == name);
        let found = found.filter(|field| field.datatype == PointField::FLOAT32);
        found.map(|field| field.offset as usize)
    };
    let (Some(u), Some(v), false) = (offset("u"), offset("v"), cloud.is_bigendian) else {
        return Err("its points have no u and v".to_owned());
    };
    let step = (cloud.point_step as usize).max(1);
    let number = |point: &[u8], at: usize| {
        let bytes = point.get(at..at.checked_add(4)?)?;
        Some(float(bytes)).filter(|number| number.is_finite())
    };
    let before = offset("u_previous").zip(offset("v_previous"));
    let each = cloud
        .data
        .chunks_exact(step)
        .take(MAX_PARTS)
        .filter_map(|point| {
            let score = offset("score").map_or(Some(1.0), |at| number(point, at))?;
            let [u, v] = [number(point, u)?, number(point, v)?];
            match before {
                _ if score <= 0.0 => None,
                None => Some(vec![u, v, score]),
                Some((u0, v0)) => Some(vec![u, v, number(point, u0)?, number(point, v0)?]),
            }
        });
    let each: Vec<_> = each.collect();
    // A place that no point took has no score.
    let left_out = (cloud.data.len() / step).saturating_sub(MAX_PARTS);
    Ok(match before {
        None => json!({ "form": "points", "points": each, "left_out": left_out }),
        Some(_) => json!({ "form": "matches", "lines": each, "left_out": left_out }),
    })
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
