//! A capture as one picture to look at: colour with the room's box, depth,
//! normals, classes, occlusion edges, reshading.

use glam::Vec3;

use crate::camera::Intrinsics;
use crate::material::hsv;
use crate::renderer::Capture;

/// Columns and rows of the sheet.
const TILES: (u32, u32) = (3, 2);

/// Six pictures, three across and two down: RGB bytes of `3 * width` × `2 * height`.
pub fn contact_sheet(capture: &Capture, camera: &Intrinsics) -> Vec<u8> {
    let (width, height) = (
        capture.picture.width as usize,
        capture.picture.height as usize,
    );
    let wide = width * TILES.0 as usize;
    let mut sheet = vec![0u8; wide * height * TILES.1 as usize * 3];
    for pixel in 0..width * height {
        let colours = tiles(capture, pixel);
        for (tile, colour) in colours.into_iter().enumerate() {
            let (x, y) = (
                tile % 3 * width + pixel % width,
                tile / 3 * height + pixel / width,
            );
            let at = (y * wide + x) * 3;
            sheet[at..at + 3].copy_from_slice(&colour);
        }
    }
    draw_box(&mut sheet, wide, capture, camera);
    sheet
}

fn tiles(capture: &Capture, pixel: usize) -> [[u8; 3]; 6] {
    let labels = &capture.labels;
    let rgb = &capture.picture.rgb[pixel * 3..pixel * 3 + 3];
    let depth = labels.depth[pixel];
    // Hue from red (near) to blue (7 m and more).
    let near = hsv((depth / 7.0).clamp(0.0, 1.0) * 0.66, 0.85, 0.95);
    let class = u32::from(labels.semantic[pixel]);
    let tone = hsv(
        (class * 7 % 40) as f32 / 40.0,
        0.45 + 0.15 * (class % 3) as f32,
        0.95 - 0.2 * (class % 2) as f32,
    );
    let grey = |v: f32| [(v.clamp(0.0, 1.0) * 255.0) as u8; 3];
    [
        [rgb[0], rgb[1], rgb[2]],
        bytes(near),
        labels.normals[pixel].map(|n| (n * 127.5 + 127.5).clamp(0.0, 255.0) as u8),
        bytes(tone),
        [labels.occlusion_edges[pixel]; 3],
        grey(labels.reshading[pixel]),
    ]
}

fn bytes(colour: Vec3) -> [u8; 3] {
    colour
        .to_array()
        .map(|c| (crate::material::encoded(c.clamp(0.0, 1.0)) * 255.0) as u8)
}

/// The edges of the room's box over the first tile.
fn draw_box(sheet: &mut [u8], wide: usize, capture: &Capture, camera: &Intrinsics) {
    let corners = capture.labels.layout.corners;
    for from in 0..8usize {
        for bit in [1, 2, 4] {
            let to = from | bit;
            if to == from {
                continue;
            }
            for step in 0..=600 {
                let point = corners[from].lerp(corners[to], step as f32 / 600.0);
                let Some((u, v)) = camera.project(point).filter(|_| point.z > 0.05) else {
                    continue;
                };
                let (x, y) = (u.round(), v.round());
                if x >= 0.0 && y >= 0.0 && x < camera.width() as f32 && y < camera.height() as f32 {
                    let at = (y as usize * wide + x as usize) * 3;
                    sheet[at..at + 3].copy_from_slice(&[255, 40, 40]);
                }
            }
        }
    }
}
