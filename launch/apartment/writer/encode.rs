//! Labels as bytes.

use std::fmt::Write as _;

use image::{ExtendedColorType, ImageEncoder};
use serde::Serialize;

use super::ColourFormat;
use super::files::Frame;
use crate::camera::Intrinsics;
use crate::error::ApartmentError;
use crate::home::{Home, RoomKind};
use crate::labels::Labels;
use crate::layout::{RoomLayout, VanishingPoints};
use crate::pose::Pose;
use crate::renderer::Capture;

/// `layout.json`.
#[derive(Serialize)]
struct LayoutFile {
    seed: u64,
    room: usize,
    room_kind: RoomKind,
    /// Number of the room's kind in `scenes` of `dataset.json`.
    scene: usize,
    layout: RoomLayout,
    vanishing_points: VanishingPoints,
    /// Since the frame before, if there is one.
    previous_from_this: Option<Pose>,
}

/// Writes every file of a frame.
pub(super) fn frame(
    frame: &mut Frame,
    home: &Home,
    capture: &Capture,
    before: Option<&Labels>,
    colour: ColourFormat,
) -> Result<(), ApartmentError> {
    let labels = &capture.labels;
    match colour {
        ColourFormat::Png => png(
            frame,
            "color.png",
            labels,
            &capture.picture.rgb,
            ExtendedColorType::Rgb8,
        )?,
        ColourFormat::Jpeg(quality) => {
            let mut bytes = Vec::new();
            let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
            encoder
                .write_image(
                    &capture.picture.rgb,
                    labels.width,
                    labels.height,
                    ExtendedColorType::Rgb8,
                )
                .map_err(|error| ApartmentError::Encode {
                    path: frame.path("color.jpg"),
                    reason: error.to_string(),
                })?;
            frame.write("color.jpg", &bytes)?;
        }
    }
    let millimetres = |d: &f32| {
        if d.is_finite() {
            (d * 1000.0).round().clamp(0.0, 65534.0) as u16
        } else {
            0
        }
    };
    let depth: Vec<u8> = labels
        .depth
        .iter()
        .flat_map(|d| millimetres(d).to_ne_bytes())
        .collect();
    png(frame, "depth.png", labels, &depth, ExtendedColorType::L16)?;
    frame.write("pose.txt", pose(labels.world_from_optical).as_bytes())?;
    let byte = |v: f32| (v + 0.5).clamp(0.0, 255.0) as u8;
    let normals: Vec<u8> = labels
        .normals
        .iter()
        .flatten()
        .map(|n| byte(n * 127.5 + 127.5))
        .collect();
    png(
        frame,
        "normal.png",
        labels,
        &normals,
        ExtendedColorType::Rgb8,
    )?;
    png(
        frame,
        "semantic.png",
        labels,
        &labels.semantic,
        ExtendedColorType::L8,
    )?;
    let instance: Vec<u8> = labels
        .instance
        .iter()
        .flat_map(|i| i.to_ne_bytes())
        .collect();
    png(
        frame,
        "instance.png",
        labels,
        &instance,
        ExtendedColorType::L16,
    )?;
    png(
        frame,
        "edge_occlusion.png",
        labels,
        &labels.occlusion_edges,
        ExtendedColorType::L8,
    )?;
    let bent = |k: f32| byte(127.0 + 127.0 * (k / 10.0).tanh());
    let curvature: Vec<u8> = labels
        .curvature
        .iter()
        .flat_map(|k| [bent(k[0]), bent(k[1]), 127])
        .collect();
    png(
        frame,
        "curvature.png",
        labels,
        &curvature,
        ExtendedColorType::Rgb8,
    )?;
    let reshading: Vec<u8> = labels.reshading.iter().map(|s| byte(s * 255.0)).collect();
    png(
        frame,
        "reshading.png",
        labels,
        &reshading,
        ExtendedColorType::L8,
    )?;
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
pub(super) fn intrinsics(camera: &Intrinsics) -> String {
    format!(
        "{} 0 {}\n0 {} {}\n0 0 1\n",
        camera.fx(),
        camera.cx(),
        camera.fy(),
        camera.cy()
    )
}

/// Four rows of four numbers.
fn pose(pose: Pose) -> String {
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
