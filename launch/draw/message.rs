//! Messages as a subscriber sees them: in a few words, and small.

use concert_models::Image as Pixels;
use concert_runtime::wire::AnyMessage;
use concert_runtime::wire::sensor_msgs::{Image, PointCloud2, PointField};

use super::canvas::Canvas;
use super::colour::{label_colour, turbo};

/// Largest picture that is made of a message, pixels.
const MAX_PIXELS: usize = 1 << 22;

/// A message in a few words.
#[must_use]
pub fn note_of_message(message: &AnyMessage<'_>) -> String {
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
            None => "no class".to_owned(),
        },
        AnyMessage::Detection2DArray(boxes) => format!("{} boxes", boxes.detections.len()),
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
        _ => String::new(),
    }
}

/// A small picture of an image message, or of points in an image of
/// `image_size` (width, height in px); `None` for other messages, and for those
/// that are not what they say.
#[must_use]
pub fn thumbnail_of_message(
    message: &AnyMessage<'_>,
    image_size: (usize, usize),
) -> Option<Canvas> {
    match message {
        AnyMessage::Image(image) => of_image(image),
        AnyMessage::PointCloud2(cloud) => of_points(cloud, image_size),
        _ => None,
    }
}

fn of_image(image: &Image<'_>) -> Option<Canvas> {
    let (width, height, step) = (
        image.width as usize,
        image.height as usize,
        image.step as usize,
    );
    let cell_bytes = match &*image.encoding {
        "mono8" => 1,
        "rgb8" => 3,
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
    let finite = || {
        cells()
            .filter(|_| cell_bytes == 4)
            .map(float)
            .filter(|x| x.is_finite())
    };
    let low = finite().fold(f32::INFINITY, f32::min);
    let high = finite().fold(f32::NEG_INFINITY, f32::max);
    let signed = |x: f32| ((x + 1.0) * 127.5) as u8;
    let mut canvas = Canvas::new(width, height, [0; 3]);
    for (index, bytes) in cells().enumerate() {
        let colour = match cell_bytes {
            1 => label_colour(bytes[0].into()),
            3 => [bytes[0], bytes[1], bytes[2]],
            4 => turbo((float(bytes) - low) / (high - low)),
            _ => [0, 4, 8].map(|at| signed(float(&bytes[at..]))),
        };
        canvas.set((index % width) as i64, (index / width) as i64, colour);
    }
    Some(canvas)
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
        let canvas = thumbnail_of_message(&message, (0, 0)).expect("a picture");
        assert_eq!(
            (canvas.get(0, 0), canvas.get(1, 0)),
            (Some(turbo(0.0)), Some(turbo(1.0)))
        );
        assert_eq!(note_of_message(&message), "2x1 32FC1");
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
                thumbnail_of_message(&message, (0, 0)),
                None,
                "{encoding} {step}"
            );
        }
    }
}
