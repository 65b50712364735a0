//! A capture as one picture to look at: colour, depth, normals, classes,
//! occlusion edges, and the room's box.

use glam::Vec3;

use crate::camera::Pinhole;
use crate::layout::RoomBox;
use crate::material::hsv;
use crate::renderer::Shot;

/// Columns and rows of the sheet.
const TILES: (u32, u32) = (3, 2);
/// The tile that shows the room's box.
const BOX_TILE: (usize, usize) = (2, 1);

/// Six pictures, three across and two down (colour, depth, normals; classes,
/// occlusion edges, room layout): RGB bytes of `3 * width` × `2 * height`.
pub fn contact_sheet(capture: &Shot, camera: &Pinhole) -> Vec<u8> {
    let (width, height) = (
        capture.picture.width as usize,
        capture.picture.height as usize,
    );
    let wide = width * TILES.0 as usize;
    let mut sheet = vec![0u8; wide * height * TILES.1 as usize * 3];
    for pixel in 0..width * height {
        let ray = camera.ray((pixel % width) as f32, (pixel / width) as f32);
        let colours = tiles(capture, pixel, ray);
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

fn tiles(capture: &Shot, pixel: usize, ray: Vec3) -> [[u8; 3]; 6] {
    let labels = &capture.labels;
    let rgb = &capture.picture.rgb[pixel * 3..pixel * 3 + 3];
    let rgb = [rgb[0], rgb[1], rgb[2]];
    let depth = labels.depth[pixel];
    // Hue from red (near) to blue (7 m and more).
    let near = hsv((depth / 7.0).clamp(0.0, 1.0) * 0.66, 0.85, 0.95);
    let class = u32::from(labels.semantic[pixel]);
    let tone = hsv(
        (class * 7 % 40) as f32 / 40.0,
        0.45 + 0.15 * (class % 3) as f32,
        0.95 - 0.2 * (class % 2) as f32,
    );
    [
        rgb,
        bytes(near),
        labels.normals[pixel].map(|n| (n * 127.5 + 127.5).clamp(0.0, 255.0) as u8),
        bytes(tone),
        [labels.occlusion_edges[pixel]; 3],
        in_box(&labels.layout, ray, rgb),
    ]
}

fn bytes(colour: Vec3) -> [u8; 3] {
    colour
        .to_array()
        .map(|c| (crate::material::encoded(c.clamp(0.0, 1.0)) * 255.0) as u8)
}

/// A pixel of the picture in grey, tinted by the side of the room's box that
/// its ray leaves through: walls by their direction, floor and ceiling.
fn in_box(layout: &RoomBox, ray: Vec3, rgb: [u8; 3]) -> [u8; 3] {
    let corners = &layout.corners;
    let sides = [1, 2, 4].map(|bit: usize| {
        let along = (corners[bit] - corners[0]).normalize_or(Vec3::X);
        let (low, high) = (corners[0].dot(along), corners[7].dot(along));
        let speed = ray.dot(along);
        let (end, which) = if speed > 0.0 { (high, 1) } else { (low, 0) };
        (end / speed, which)
    });
    let first = (0..3)
        .min_by(|&a, &b| sides[a].0.total_cmp(&sides[b].0))
        .unwrap_or(0);
    const TINTS: [[[f32; 3]; 2]; 3] = [
        [[1.0, 0.6, 0.5], [1.0, 0.85, 0.45]],
        [[0.5, 0.7, 1.0], [0.55, 0.95, 0.9]],
        [[0.6, 0.95, 0.55], [0.85, 0.7, 1.0]],
    ];
    let tint = TINTS[first][sides[first].1];
    let grey = 0.3 * f32::from(rgb[0]) + 0.59 * f32::from(rgb[1]) + 0.11 * f32::from(rgb[2]);
    tint.map(|share| ((70.0 + 0.7 * grey) * share).clamp(0.0, 255.0) as u8)
}

/// The edges of the room's box over its tile.
fn draw_box(sheet: &mut [u8], wide: usize, capture: &Shot, camera: &Pinhole) {
    let corners = capture.labels.layout.corners;
    let (width, height) = (camera.width() as usize, camera.height() as usize);
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
                if x >= 0.0 && y >= 0.0 && x < width as f32 && y < height as f32 {
                    let (x, y) = (
                        BOX_TILE.0 * width + x as usize,
                        BOX_TILE.1 * height + y as usize,
                    );
                    let at = (y * wide + x) * 3;
                    sheet[at..at + 3].copy_from_slice(&[255, 255, 255]);
                }
            }
        }
    }
}
