//! Messages as a subscriber sees them: in a few words, and small.

use concert_models::Image as Pixels;
use concert_policies::{OutputKind, Task};
use concert_runtime::wire::AnyMessage;
use concert_runtime::wire::sensor_msgs::{Image, PointCloud2, PointField};
use concert_runtime::wire::vision_msgs::Detection2DArray;

use super::boxes::{DrawnBox, best_first, note_of_boxes, small_boxes};
use super::canvas::Canvas;
use super::colour::{label_colour, turbo};
use super::legend::Legend;
use super::map::{NORMALS, bulk};
use super::output::{UNSURE, small};

/// Largest picture that is made of a message, pixels.
const MAX_PIXELS: usize = 1 << 22;

/// A message in a few words.
#[must_use]
pub(crate) fn note_of_message(message: &AnyMessage<'_>) -> String {
    match message {
        AnyMessage::Image(image) => format!("{}x{} {}", image.width, image.height, image.encoding),
        AnyMessage::PointCloud2(cloud) => {
            format!(
                "{} points",
                u64::from(cloud.width) * u64::from(cloud.height)
            )
        }
        AnyMessage::Classification(classes) => match classes.results.first() {
            Some(best) => format!("{} {:.2}", best.class_id, best.score),
            None => UNSURE.to_owned(),
        },
        AnyMessage::Detection2DArray(boxes) => note_of_boxes(&boxes_of_message(boxes)),
        AnyMessage::Odometry(odometry) => {
            let [x, y, z] = odometry.pose.position;
            format!("at {x:.2} {y:.2} {z:.2} m")
        }
        AnyMessage::BoundingBox3DArray(rooms) => match rooms.boxes.first() {
            Some(room) => {
                let [length, width, height] = room.size;
                format!("{length:.1} x {width:.1} x {height:.1} m")
            }
            None => "no room".to_owned(),
        },
        AnyMessage::DiagnosticArray(status) => {
            let worst = status.status.iter().max_by_key(|entry| entry.level);
            worst.map_or(String::new(), |worst| {
                format!("{}: {}", worst.name, worst.message)
            })
        }
        AnyMessage::Bool(value) => value.data.to_string(),
        // Nothing short is to be said of these.
        AnyMessage::CompressedImage(_)
        | AnyMessage::CameraInfo(_)
        | AnyMessage::TfMessage(_)
        | AnyMessage::Twist(_)
        | AnyMessage::Float32MultiArray(_)
        | AnyMessage::StringMessage(_) => String::new(),
    }
}

/// What a subscriber knows of the task that a message is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    /// The task, where the message says which.
    pub task: Option<&'static Task>,
    /// Width and height of the camera image, px.
    pub image_size: (usize, usize),
    /// Names of classes, where they are known.
    pub labels: &'a [String],
}

/// A small picture of an image message, of points or of boxes, and what its colours
/// mean; `None` for other messages, and for those that are not what they say.
#[must_use]
pub(crate) fn picture_of_message(
    message: &AnyMessage<'_>,
    about: &About<'_>,
) -> Option<(Canvas, Legend)> {
    match message {
        AnyMessage::Image(image) => of_image(image, about),
        AnyMessage::PointCloud2(cloud) => Some((of_points(cloud, about.image_size)?, Legend::None)),
        AnyMessage::Detection2DArray(boxes) => Some(small_boxes(
            &boxes_of_message(boxes),
            small(about.image_size)?,
        )),
        AnyMessage::CompressedImage(_)
        | AnyMessage::CameraInfo(_)
        | AnyMessage::Classification(_)
        | AnyMessage::BoundingBox3DArray(_)
        | AnyMessage::Odometry(_)
        | AnyMessage::TfMessage(_)
        | AnyMessage::Twist(_)
        | AnyMessage::Float32MultiArray(_)
        | AnyMessage::Bool(_)
        | AnyMessage::StringMessage(_)
        | AnyMessage::DiagnosticArray(_) => None,
    }
}

fn of_image(image: &Image<'_>, about: &About<'_>) -> Option<(Canvas, Legend)> {
    let (width, height, step) = (
        image.width as usize,
        image.height as usize,
        image.step as usize,
    );
    let cell_bytes = match &*image.encoding {
        "mono8" => 1,
        "rgb8" | "bgr8" => 3,
        "32FC1" => 4,
        "32FC3" => 12,
        _ => return None,
    };
    let fits =
        step >= width.checked_mul(cell_bytes)? && image.data.len() >= step.checked_mul(height)?;
    if !fits || width.checked_mul(height)? > MAX_PIXELS || image.is_bigendian {
        return None;
    }
    let cell = |u: usize, v: usize| &image.data[v * step + u * cell_bytes..][..cell_bytes];
    let float = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let cells = || (0..width * height).map(|index| cell(index % width, index / width));
    let unit = about.task.map_or("1", |task| task.unit);
    let is_of_classes = about.task.map(|task| task.output) == Some(OutputKind::ClassMap);
    let (mut low, mut high) = (0.0, 1.0);
    let legend = match cell_bytes {
        1 if is_of_classes => Legend::of_classes(cells().map(|cell| f32::from(cell[0])), |at| {
            about.labels.get(at).map(String::as_str)
        }),
        4 => {
            let values: Vec<f32> = cells().map(float).collect();
            (low, high) = bulk(&values);
            Legend::Scale { low, high, unit }
        }
        12 => Legend::Words(NORMALS),
        _ => Legend::None,
    };
    let signed = |x: f32| ((x + 1.0) * 127.5) as u8;
    let mut canvas = Canvas::new(width, height, [0; 3]);
    for (index, bytes) in cells().enumerate() {
        let colour = match cell_bytes {
            1 if is_of_classes => label_colour(bytes[0].into()),
            1 => [bytes[0]; 3],
            3 if image.encoding == "bgr8" => [bytes[2], bytes[1], bytes[0]],
            3 => [bytes[0], bytes[1], bytes[2]],
            4 => turbo((float(bytes) - low) / (high - low)),
            _ => [0, 4, 8].map(|at| signed(float(&bytes[at..]))),
        };
        canvas.set((index % width) as i64, (index / width) as i64, colour);
    }
    Some((canvas, legend))
}

/// The boxes of a message, each with its likeliest class.
fn boxes_of_message(boxes: &Detection2DArray) -> Vec<DrawnBox> {
    best_first(boxes.detections.iter().filter_map(|found| {
        let best = found.results.first()?;
        let corner = |side: f64| [0, 1].map(|axis| found.center[axis] + side * found.size[axis]);
        Some(DrawnBox {
            corners: [corner(-0.5), corner(0.5)],
            name: best.class_id.clone(),
            // The message has names alone: each has a colour of its own.
            colour: label_colour(
                best.class_id
                    .bytes()
                    .fold(7, |sum, byte| (sum * 31 + usize::from(byte)) % 10_007),
            ),
            score: best.score as f32,
        })
    }))
}

fn of_points(cloud: &PointCloud2<'_>, (width, height): (usize, usize)) -> Option<Canvas> {
    let sides = 1..=Pixels::MAX_SIDE;
    if !sides.contains(&width) || !sides.contains(&height) || cloud.is_bigendian {
        return None;
    }
    let offset = |name: &str| {
        let mut fields = cloud.fields.iter();
        let field =
            fields.find(|field| field.name == name && field.datatype == PointField::FLOAT32);
        field.map(|field| field.offset as usize)
    };
    let (u, v, score) = (offset("u")?, offset("v")?, offset("score"));
    let step = (cloud.point_step as usize).max(1);
    let number = |point: &[u8], at: usize| {
        let bytes = point.get(at..at.checked_add(4)?)?;
        Some(f32::from_le_bytes(bytes.try_into().ok()?))
    };
    let mut canvas = Canvas::new(width.div_ceil(8), height.div_ceil(8), [16, 16, 24]);
    for point in cloud.data.chunks_exact(step) {
        let (Some(u), Some(v)) = (number(point, u), number(point, v)) else {
            return None;
        };
        let score = score.and_then(|at| number(point, at)).unwrap_or(1.0);
        canvas.set((u / 8.0) as i64, (v / 8.0) as i64, turbo(score));
    }
    Some(canvas)
}

#[cfg(test)]
mod tests {
    use concert_runtime::Timestamp;
    use concert_runtime::wire::common::Header;
    use concert_runtime::wire::vision_msgs::{Detection2D, ObjectHypothesis};

    use super::*;

    fn image(encoding: &str, step: u32, data: Vec<u8>) -> AnyMessage<'static> {
        AnyMessage::Image(Image {
            header: Header {
                stamp: Timestamp::from_nanos(0),
                frame_id: String::new(),
            },
            height: 1,
            width: 2,
            encoding: encoding.to_owned().into(),
            is_bigendian: false,
            step,
            data: data.into(),
        })
    }

    #[test]
    fn a_depth_image_becomes_a_picture_from_near_to_far() {
        let depth = [1.0f32, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let message = image("32FC1", 8, depth);
        let about = About {
            task: Task::find("depth_zbuffer"),
            ..About::default()
        };
        let (canvas, legend) = picture_of_message(&message, &about).expect("a picture");
        let want = Legend::Scale {
            low: 1.0,
            high: 3.0,
            unit: "m",
        };
        assert_eq!(legend, want);
        assert_eq!(
            (canvas.get(0, 0), canvas.get(1, 0)),
            (Some(turbo(0.0)), Some(turbo(1.0)))
        );
        assert_eq!(note_of_message(&message), "2x1 32FC1");
    }

    #[test]
    fn bytes_are_classes_where_the_task_says_so_and_grey_elsewhere() {
        let message = image("mono8", 2, vec![1, 9]);
        let labels = ["wall".to_owned(), "floor".to_owned()];
        let about = About {
            task: Task::find("segment_semantic"),
            labels: &labels,
            ..About::default()
        };
        let (canvas, legend) = picture_of_message(&message, &about).expect("a picture");
        assert_eq!(canvas.get(0, 0), Some(label_colour(1)));
        let Legend::Classes(classes) = legend else {
            panic!("{legend:?}");
        };
        let names: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
        assert_eq!(names, ["floor", "class 9"]);
        let camera = picture_of_message(&message, &About::default()).expect("a picture");
        assert_eq!(camera.0.get(1, 0), Some([9; 3]));
        assert_eq!(camera.1, Legend::None);
    }

    #[test]
    fn boxes_are_named_best_first_and_drawn_small() {
        let found = |name: &str, score: f64, center: [f64; 2]| Detection2D {
            results: vec![ObjectHypothesis {
                class_id: name.to_owned(),
                score,
            }],
            center,
            size: [40.0, 80.0],
            ..Detection2D::default()
        };
        let message = AnyMessage::Detection2DArray(Detection2DArray {
            detections: vec![
                found("cup", 0.5, [40.0, 60.0]),
                found("can", 0.9, [200.0, 120.0]),
            ],
            ..Detection2DArray::default()
        });
        assert_eq!(note_of_message(&message), "can 0.90, cup 0.50");
        let about = About {
            image_size: (320, 240),
            ..About::default()
        };
        let (canvas, legend) = picture_of_message(&message, &about).expect("a picture");
        assert_eq!((canvas.width(), canvas.height()), (40, 30));
        let Legend::Classes(classes) = legend else {
            panic!("{legend:?}");
        };
        // The left side of the can's box, 180 px.
        let can = classes.iter().find(|class| class.name == "can").unwrap();
        assert_eq!(canvas.get(23, 15), Some(can.colour));
    }

    #[test]
    fn an_image_that_lies_about_its_size_is_no_picture() {
        for (encoding, step, bytes) in [
            ("32FC1", 8, 7),
            ("32FC1", 4, 8),
            ("mono8", u32::MAX, 2),
            ("bayer", 2, 2),
        ] {
            let message = image(encoding, step, vec![0; bytes]);
            assert_eq!(
                picture_of_message(&message, &About::default()),
                None,
                "{encoding} {step}"
            );
        }
    }
}
