//! Concert's outputs and the robot's transforms, as senses. What is not what it
//! says is passed over.

use concert_runtime::wire::AnyMessage;
use concert_runtime::wire::sensor_msgs::{CameraInfo, Image};
use concert_runtime::wire::vision_msgs::{Detection2D, Detection2DArray};

use super::place::{Mount, Pinhole};
use super::senses::{Boxes, ClassMap, DepthMap, NormalMap, ObjectBox, Sense, Visual};

pub(super) const DEPTH: &str = "depth_zbuffer";
pub(super) const CLASSES: &str = "segment_semantic";
pub(super) const NORMALS: &str = "normal";
pub(super) const BOXES: &str = "object_detection";
pub(super) const VISUAL: &str = "odometry";
/// Boxes of a lower score are not acted on.
const MIN_SCORE: f64 = 0.3;
/// Boxes that overlap by more are of one object (intersection over union).
const ONE_OBJECT: f64 = 0.6;

/// Reads outputs; remembers what stands beside them.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Of depth outputs.
    camera: Option<Pinhole>,
    /// Width and height of the camera's image, px.
    pub(crate) image_size: Option<(f64, f64)>,
    /// Messages that could not be read.
    pub(super) unreadable: u64,
}

impl Reader {
    /// True once it is known how depth outputs map to the world.
    pub(super) fn sees(&self) -> bool {
        self.camera.is_some()
    }

    /// What the message at a key below the perception's prefix says.
    pub(crate) fn sense(&mut self, key: &str, message: AnyMessage<'_>) -> Option<Sense> {
        match (key, message) {
            (DEPTH, AnyMessage::Image(image)) => depth(&image, self.camera?).map(Sense::Depth),
            (CLASSES, AnyMessage::Image(image)) => classes(&image).map(Sense::Classes),
            (NORMALS, AnyMessage::Image(image)) => normals(&image).map(Sense::Normals),
            (BOXES, AnyMessage::Detection2DArray(array)) => {
                boxes(&array, self.image_size?).map(Sense::Boxes)
            }
            (VISUAL, AnyMessage::Odometry(odometry)) => Some(Sense::Visual(Visual {
                stamp: odometry.header.stamp,
                orientation: odometry.pose.orientation,
                yaw_variance: odometry.pose_covariance[35],
            })),
            (_, AnyMessage::CameraInfo(info)) if key.starts_with(DEPTH) => {
                self.camera = pinhole(&info);
                None
            }
            _ => None,
        }
    }
}

/// Height and tilt of a camera that looks ahead; `None` for one that does not.
pub(super) fn mount(height: f64, [x, y, z, w]: [f64; 4]) -> Option<Mount> {
    // The optical axis in the base frame.
    let ahead = 2.0 * (x * z + w * y);
    let up = 1.0 - 2.0 * (x * x + y * y);
    let is_sound = ahead > 0.3 && up.abs() < 1.0 && height > 0.0;
    is_sound.then(|| Mount {
        height,
        tilt: up.asin(),
    })
}

fn pinhole(info: &CameraInfo) -> Option<Pinhole> {
    let [fx, _, cx, _, fy, cy, ..] = info.k;
    let is_sound = fx > 0.0 && fy > 0.0 && [fx, fy, cx, cy].iter().all(|x| x.is_finite());
    is_sound.then_some(Pinhole {
        fx,
        fy,
        cx,
        cy,
        width: info.width as usize,
        height: info.height as usize,
    })
}

/// The rows of an image of cells of `bytes` bytes; `None` where it is not what
/// it says.
fn cells<'a>(image: &'a Image<'_>, encoding: &str, bytes: usize) -> Option<Vec<&'a [u8]>> {
    let (width, height) = (image.width as usize, image.height as usize);
    let step = image.step as usize;
    let is_sound = image.encoding == encoding
        && !image.is_bigendian
        && step >= width.checked_mul(bytes)?
        && image.data.len() >= step.checked_mul(height)?
        && width.checked_mul(height)? <= 1 << 21;
    if !is_sound {
        return None;
    }
    let rows = (0..height).map(|row| &image.data[row * step..row * step + width * bytes]);
    Some(rows.flat_map(|row| row.chunks_exact(bytes)).collect())
}

fn float(bytes: &[u8]) -> f32 {
    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn depth(image: &Image<'_>, camera: Pinhole) -> Option<DepthMap> {
    let metres = cells(image, "32FC1", 4)?.into_iter().map(float).collect();
    let (width, height) = (image.width as usize, image.height as usize);
    Some(DepthMap {
        stamp: image.header.stamp,
        camera: camera.resized(width, height),
        metres,
    })
}

fn classes(image: &Image<'_>) -> Option<ClassMap> {
    let classes = cells(image, "mono8", 1)?;
    Some(ClassMap {
        stamp: image.header.stamp,
        width: image.width as usize,
        height: image.height as usize,
        classes: classes.into_iter().map(|cell| cell[0]).collect(),
    })
}

fn normals(image: &Image<'_>) -> Option<NormalMap> {
    let normals = cells(image, "32FC3", 12)?.into_iter();
    let normals = normals.map(|cell| [float(cell), float(&cell[4..]), float(&cell[8..])]);
    Some(NormalMap {
        stamp: image.header.stamp,
        normals: normals.collect(),
    })
}

fn boxes(array: &Detection2DArray, (width, height): (f64, f64)) -> Option<Boxes> {
    if !(width > 0.0 && height > 0.0) {
        return None;
    }
    let one = |detection: &Detection2D| {
        let best = detection
            .results
            .first()
            .filter(|best| best.score >= MIN_SCORE)?;
        let [u, v] = detection.center;
        let [wide, high] = detection.size;
        let sides = [
            (u - 0.5 * wide) / width,
            (v - 0.5 * high) / height,
            (u + 0.5 * wide) / width,
            (v + 0.5 * high) / height,
        ];
        let is_sound = sides.iter().all(|side| side.is_finite());
        is_sound.then(|| ObjectBox {
            class: best.class_id.clone(),
            score: best.score,
            sides: sides.map(|side| side.clamp(0.0, 1.0)),
        })
    };
    let mut found: Vec<ObjectBox> = array.detections.iter().filter_map(one).collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut boxes: Vec<ObjectBox> = Vec::new();
    for one in found {
        // A red cup may look like a cup, too: one object has the name that is surest.
        if boxes.iter().all(|surer| overlap(surer, &one) < ONE_OBJECT) {
            boxes.push(one);
        }
    }
    Some(Boxes {
        stamp: array.header.stamp,
        boxes,
    })
}

/// Intersection over union of two boxes.
fn overlap(a: &ObjectBox, b: &ObjectBox) -> f64 {
    let area =
        |[left, top, right, bottom]: [f64; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
    let [a, b] = [a.sides, b.sides];
    let both = area([
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ]);
    both / (area(a) + area(b) - both).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_a_camera_is_read_from_its_transform() {
        // Looks ahead and 0.3 rad down: a turn about y after that from the
        // optical frame.
        let (sin, cos) = 0.15f64.sin_cos();
        let [x, y, z, w] = [-0.5, 0.5, -0.5, 0.5];
        let rotation = [
            cos * x + sin * z,
            cos * y + sin * w,
            cos * z - sin * x,
            cos * w - sin * y,
        ];
        let mount = mount(1.1, rotation).unwrap();
        assert!((mount.tilt + 0.3).abs() < 1e-5, "{mount:?}");
        assert_eq!(super::mount(0.0, rotation), None);
        assert_eq!(super::mount(1.0, [0.0, 0.0, 0.0, 1.0]), None, "looks up");
    }
}
