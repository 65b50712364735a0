//! The share of each side of a room that a picture shows.

use nalgebra::{Rotation3, Vector3};

use super::Rays;
use crate::dataset::Example;

/// Every so manieth pixel of a row and a column is looked at.
const STEP: usize = 4;
/// A point on a side lies within so much of its plane, m.
const ON_PLANE: f64 = 0.03;
/// A side ends so far beyond the others, m.
const SLACK: f64 = 0.05;

/// Share of the pixels of known depth that lie on the sides at the low and the
/// high end of the x, y and z of a room layout's nine numbers; `None` without
/// depth or intrinsics.
pub(in crate::dataset) fn room_in_view(numbers: &[f32], example: &Example) -> Option<[f32; 6]> {
    let numbers: [f32; 9] = numbers.try_into().ok()?;
    let [x, y, z, a, b, c, sx, sy, sz] = numbers.map(f64::from);
    let (depth, intrinsics) = (example.depth.as_ref()?, example.intrinsics?);
    if (depth.width, depth.height) != (intrinsics.width, intrinsics.height) {
        return None;
    }
    let rays = Rays::of(&intrinsics);
    let room_from_optical = Rotation3::from_euler_angles(a, b, c);
    let (centre, half) = (Vector3::new(x, y, z), 0.5 * Vector3::new(sx, sy, sz));
    let (mut on_side, mut known) = ([0u32; 6], 0u32);
    for v in (0..depth.height).step_by(STEP) {
        for u in (0..depth.width).step_by(STEP) {
            let metres = depth.metres[v * depth.width + u];
            if metres.is_nan() {
                continue;
            }
            known += 1;
            let ray = rays.ray(v * depth.width + u).map(f64::from);
            let point = Vector3::from(ray) * f64::from(metres);
            // Beyond the side at the low or high end, m; negative inside.
            let point = room_from_optical * (point - centre);
            let beyond = point.abs() - half;
            if beyond.max() > SLACK {
                continue;
            }
            for axis in (0..3).filter(|&axis| beyond[axis].abs() < ON_PLANE) {
                on_side[2 * axis + usize::from(point[axis] > 0.0)] += 1;
            }
        }
    }
    (known > 0).then(|| on_side.map(|count| count as f32 / known as f32))
}
