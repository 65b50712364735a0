//! Labels from files, as the apartment writes them.

use std::path::Path;

use concert_policies::Task;
use serde::Deserialize;

use super::error::DataSetError;
use super::example::Example;
use super::files::read_bounded;
use super::label::{Label, LabelKind};
use super::sequence::read_picture;
use concert_models::Image;
use concert_models::image_file;

/// Longest `layout.json`, bytes.
const MAX_LAYOUT_BYTES: u64 = 1 << 20;
/// Curvature at which its file's bytes reach tanh(1), 1/m.
const CURVATURE_SCALE: f32 = 10.0;

/// Refuses a label file of another size than its picture.
pub(super) fn check_size(
    path: &Path,
    (width, height): (usize, usize),
    example: &Example,
) -> Result<(), DataSetError> {
    let (image_width, image_height) = (example.image.width(), example.image.height());
    match (width, height) == (image_width, image_height) {
        true => Ok(()),
        false => Err(DataSetError::Size {
            path: path.to_owned(),
            width,
            height,
            image: example.name.clone().into(),
            image_width,
            image_height,
        }),
    }
}

/// A label with a value per pixel.
pub(super) fn dense(
    task: &'static Task,
    kind: LabelKind,
    path: &Path,
    example: &Example,
) -> Result<Label, DataSetError> {
    let picture = match kind {
        LabelKind::Class => read_picture(path, image_file::decode_grey8_png)?,
        _ => read_picture(path, image_file::decode)?,
    };
    let (width, height) = (picture.width(), picture.height());
    check_size(path, (width, height), example)?;
    let bytes = picture.bytes();
    let step = picture.format().bytes_per_pixel();
    let plane = |channel: usize| bytes.iter().skip(channel).step_by(step).copied();
    let values: Vec<f32> = match task.name {
        "normal" => normals(bytes),
        "curvature" => (0..2).flat_map(|k| plane(k).map(curvature_of)).collect(),
        "segment_semantic" => plane(0).map(class).collect(),
        _ => plane(0).map(|byte| f32::from(byte) / 255.0).collect(),
    };
    let channels = values.len() / (width * height);
    Ok(Label {
        channels,
        width,
        height,
        values,
        kind,
    })
}

fn normals(rgb: &[u8]) -> Vec<f32> {
    let count = rgb.len() / 3;
    let mut values = vec![f32::NAN; 3 * count];
    for (pixel, bytes) in rgb.chunks_exact(3).enumerate() {
        let n = [bytes[0], bytes[1], bytes[2]].map(|b| (f32::from(b) - 127.5) / 127.5);
        let length = n.iter().map(|x| x * x).sum::<f32>().sqrt();
        // Black or grey: no direction was written.
        if (0.5..1.5).contains(&length) {
            for (axis, x) in n.iter().enumerate() {
                values[axis * count + pixel] = x / length;
            }
        }
    }
    values
}

fn curvature_of(byte: u8) -> f32 {
    let t = ((f32::from(byte) - 127.0) / 127.0).clamp(-0.996, 0.996);
    CURVATURE_SCALE * t.atanh()
}

fn class(byte: u8) -> f32 {
    match byte {
        0 | u8::MAX => f32::NAN,
        known => f32::from(known),
    }
}

/// The picture itself, sRGB 0..=1.
pub(super) fn colours(image: &Image) -> Label {
    let (width, height) = (image.width(), image.height());
    let step = image.format().bytes_per_pixel();
    let plane = |channel: usize| {
        (0..height).flat_map(move |v| {
            let row = image.row(v).iter().skip(channel).step_by(step);
            row.map(|byte| f32::from(*byte) / 255.0)
        })
    };
    Label {
        channels: 3,
        width,
        height,
        values: (0..3).flat_map(plane).collect(),
        kind: LabelKind::Continuous,
    }
}

#[derive(Deserialize)]
struct LayoutFile {
    layout: Cuboid,
    vanishing_points: Option<Vanishing>,
    /// Number of the room's kind among the data set's scenes.
    scene: Option<usize>,
}

/// Most kinds of rooms.
const MAX_SCENES: usize = 10_000;

/// The class of scene of `layout.json`, where it names one.
pub(super) fn scene(path: &Path) -> Result<Option<usize>, DataSetError> {
    let scene = read_layout(path)?.scene;
    match scene {
        Some(number) if number >= MAX_SCENES => {
            let reason = format!("has scene {number}, but must be below {MAX_SCENES}");
            Err(DataSetError::malformed_file(path, reason))
        }
        scene => Ok(scene),
    }
}

fn read_layout(path: &Path) -> Result<LayoutFile, DataSetError> {
    let bytes = read_bounded(path, MAX_LAYOUT_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| DataSetError::malformed_file(path, error))
}

#[derive(Deserialize)]
struct Cuboid {
    cuboid: [f32; 9],
}

#[derive(Deserialize)]
struct Vanishing {
    directions: Option<[[f32; 3]; 3]>,
}

/// Labels of the whole picture from `layout.json`.
pub(super) fn layout(task: &'static Task, path: &Path) -> Result<Option<Label>, DataSetError> {
    let file = read_layout(path)?;
    let values = match task.name {
        "room_layout" => {
            let [x, y, z, a, b, c, sx, sy, sz] = file.layout.cuboid;
            // The file turns optical_from_room about the moving axes x, y, z;
            // its inverse turns back about the static ones in the same order.
            vec![x, y, z, -a, -b, -c, sx, sy, sz]
        }
        _ => match file.vanishing_points.and_then(|points| points.directions) {
            None => return Ok(None),
            Some(directions) => ahead_side_up(directions).into_iter().flatten().collect(),
        },
    };
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        let reason = format!("holds {value}, but must be finite");
        return Err(DataSetError::malformed_file(path, reason));
    }
    Ok(Some(Label {
        channels: values.len(),
        width: 1,
        height: 1,
        values,
        kind: LabelKind::Whole,
    }))
}

/// Directions of the world's axes x, y, z as the task wants them: the
/// horizontal one nearest to straight ahead, the other, up.
fn ahead_side_up([x, y, up]: [[f32; 3]; 3]) -> [[f32; 3]; 3] {
    let (ahead, side) = match x[2].abs() >= y[2].abs() {
        true => (x, y),
        false => (y, x),
    };
    // Both lie in front of the camera, or to its right.
    let facing = |d: [f32; 3], axis: usize| if d[axis] < 0.0 { d.map(|v| -v) } else { d };
    // Up is where pixels have small v.
    let up = if up[1] > 0.0 { up.map(|v| -v) } else { up };
    [facing(ahead, 2), facing(side, 0), up]
}
