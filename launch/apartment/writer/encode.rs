//! Labels as bytes.

use std::fmt::Write as _;

use image::{ExtendedColorType, ImageEncoder};
use serde::Serialize;

use super::ColourFormat;
use super::files::Frame;
use crate::camera::Pinhole;
use crate::error::ApartmentError;
use crate::home::{Home, RoomKind};
use crate::labels::Labels;
use crate::layout::{RoomBox, VanishingPoints};
use crate::pose::CameraPose;
use crate::renderer::Shot;

/// `layout.json`.
#[derive(Serialize)]
struct LayoutFile {
    seed: u64,
    room: usize,
    room_kind: RoomKind,
    /// Number of the room's kind in `scenes` of `dataset.json`.
    scene: usize,
    layout: RoomBox,
    vanishing_points: VanishingPoints,
    /// Since the frame before, if there is one.
    previous_from_this: Option<CameraPose>,
}

/// Writes every file of a frame.
pub(super) fn frame(
    frame: &mut Frame,
    home: &Home,
    capture: &Shot,
    before: Option<&Labels>,
    colour: ColourFormat,
) -> Result<(), ApartmentError> {
    use ExtendedColorType::{L8, L16, Rgb8};
    let labels = &capture.labels;
    picture(frame, capture, colour)?;
    png(frame, "depth.png", labels, &depth(labels), L16)?;
    frame.write("pose.txt", pose(labels.world_from_optical).as_bytes())?;
    png(frame, "normal.png", labels, &normals(labels), Rgb8)?;
    png(frame, "semantic.png", labels, &labels.semantic, L8)?;
    png(frame, "instance.png", labels, &instances(labels), L16)?;
    let edges = &labels.occlusion_edges;
    png(frame, "edge_occlusion.png", labels, edges, L8)?;
    png(frame, "curvature.png", labels, &curvature(labels), Rgb8)?;
    png(frame, "reshading.png", labels, &reshading(labels), L8)?;
    layout(frame, home, labels, before)
}

fn picture(frame: &mut Frame, capture: &Shot, colour: ColourFormat) -> Result<(), ApartmentError> {
    let (labels, rgb) = (&capture.labels, &capture.picture.rgb);
    match colour {
        ColourFormat::Png => png(frame, "color.png", labels, rgb, ExtendedColorType::Rgb8),
        ColourFormat::Jpeg(quality) => {
            let mut bytes = Vec::new();
            let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
            encoder
                .write_image(rgb, labels.width, labels.height, ExtendedColorType::Rgb8)
                .map_err(|error| ApartmentError::Encode {
                    path: frame.path("color.jpg"),
                    reason: error.to_string(),
                })?;
            frame.write("color.jpg", &bytes)
        }
    }
}

/// Millimetres; 0 where nothing was hit.
fn depth(labels: &Labels) -> Vec<u8> {
    let millimetres = |d: &f32| {
        if d.is_finite() {
            (d * 1000.0).round().clamp(0.0, 65534.0) as u16
        } else {
            0
        }
    };
    let depth = labels.depth.iter();
    depth.flat_map(|d| millimetres(d).to_ne_bytes()).collect()
}

/// The nearest byte to a value of 0 to 255.
fn byte(v: f32) -> u8 {
    (v + 0.5).clamp(0.0, 255.0) as u8
}

fn normals(labels: &Labels) -> Vec<u8> {
    let parts = labels.normals.iter().flatten();
    parts.map(|n| byte(n * 127.5 + 127.5)).collect()
}

fn instances(labels: &Labels) -> Vec<u8> {
    let numbers = labels.instance.iter();
    numbers.flat_map(|i| i.to_ne_bytes()).collect()
}

fn curvature(labels: &Labels) -> Vec<u8> {
    let bent = |k: f32| byte(127.0 + 127.0 * (k / 10.0).tanh());
    let curvature = labels.curvature.iter();
    curvature
        .flat_map(|k| [bent(k[0]), bent(k[1]), 127])
        .collect()
}

fn reshading(labels: &Labels) -> Vec<u8> {
    labels.reshading.iter().map(|s| byte(s * 255.0)).collect()
}

fn layout(
    frame: &mut Frame,
    home: &Home,
    labels: &Labels,
    before: Option<&Labels>,
) -> Result<(), ApartmentError> {
    let room = labels.room;
    let room_kind = home.plan().rooms[room].kind;
    let scene = RoomKind::ALL.iter().position(|kind| *kind == room_kind);
    let layout = LayoutFile {
        seed: home.seed(),
        room,
        room_kind,
        scene: scene.expect("every kind stands among all kinds"),
        layout: labels.layout,
        vanishing_points: labels.vanishing_points,
        previous_from_this: before.map(|b| labels.ego_motion(b)),
    };
    let text = serde_json::to_vec(&layout).map_err(|error| ApartmentError::Encode {
        path: frame.path("layout.json"),
        reason: error.to_string(),
    })?;
    frame.write("layout.json", &text)
}

fn png(
    frame: &mut Frame,
    ending: &str,
    labels: &Labels,
    pixels: &[u8],
    colour: ExtendedColorType,
) -> Result<(), ApartmentError> {
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(pixels, labels.width, labels.height, colour)
        .map_err(|error| ApartmentError::Encode {
            path: frame.path(ending),
            reason: error.to_string(),
        })?;
    frame.write(ending, &bytes)
}

/// Three rows of three numbers.
pub(super) fn intrinsics(camera: &Pinhole) -> String {
    format!(
        "{} 0 {}\n0 {} {}\n0 0 1\n",
        camera.fx(),
        camera.cx(),
        camera.fy(),
        camera.cy()
    )
}

/// Four rows of four numbers.
fn pose(pose: CameraPose) -> String {
    let (m, t) = (
        pose.matrix().transpose().to_cols_array_2d(),
        pose.translation.to_array(),
    );
    let mut text = String::new();
    for (row, t) in m.iter().zip(t) {
        // Writing into a String does not fail.
        let _ = writeln!(text, "{} {} {} {}", row[0], row[1], row[2], t);
    }
    text.push_str("0 0 0 1\n");
    text
}
