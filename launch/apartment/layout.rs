//! The room as a box, and where its edges' directions vanish.

use glam::{EulerRot, Mat3, Quat, Vec3};
use serde::Serialize;

use crate::camera::Pinhole;
use crate::home::Room;
use crate::pose::CameraPose;

/// The camera's room as a box in the optical frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RoomBox {
    /// The eight corners, m, optical frame. Bit 0 of the index picks low or
    /// high world x, bit 1 y, bit 2 z.
    pub corners: [Vec3; 8],
    /// Taskonomy's nine numbers: centre (x, y, z; m), Euler angles of
    /// `optical_from_room` (intrinsic x, y, z; rad) and extents along the
    /// room's own x, y, z (m).
    pub cuboid: [f32; 9],
}

impl RoomBox {
    /// The box of `room` seen from a camera.
    pub(crate) fn of(room: &Room, world_from_optical: CameraPose) -> Self {
        let optical_from_world = world_from_optical.inverse();
        let corners = std::array::from_fn(|i| {
            let pick = |bit: usize, low: f32, high: f32| if i >> bit & 1 == 0 { low } else { high };
            optical_from_world.point(Vec3::new(
                pick(0, room.low.x, room.high.x),
                pick(1, room.low.y, room.high.y),
                pick(2, room.low.z, room.high.z),
            ))
        });
        let centre = optical_from_world.point((room.low + room.high) * 0.5);
        let (a, b, c) = optical_from_world.rotation.to_euler(EulerRot::XYZ);
        let size = room.high - room.low;
        Self {
            corners,
            cuboid: [
                centre.x, centre.y, centre.z, a, b, c, size.x, size.y, size.z,
            ],
        }
    }

    /// The corners that the nine numbers stand for, in the same order.
    pub fn corners_of_cuboid(cuboid: &[f32; 9]) -> [Vec3; 8] {
        let rotation = Mat3::from_quat(Quat::from_euler(
            EulerRot::XYZ,
            cuboid[3],
            cuboid[4],
            cuboid[5],
        ));
        let centre = Vec3::new(cuboid[0], cuboid[1], cuboid[2]);
        let half = Vec3::new(cuboid[6], cuboid[7], cuboid[8]) * 0.5;
        std::array::from_fn(|i| {
            let sign = |bit: usize| if i >> bit & 1 == 0 { -1.0 } else { 1.0 };
            centre + rotation * (half * Vec3::new(sign(0), sign(1), sign(2)))
        })
    }
}

/// Points at which lines along the world's three axes meet in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct VanishingPoints {
    /// Unit directions of world x, y, z in the optical frame, each turned so
    /// that z ≥ 0 (Taskonomy's nine numbers).
    pub directions: [Vec3; 3],
    /// The points themselves, px; none where the axis is parallel to the image.
    pub points: [Option<(f32, f32)>; 3],
}

impl VanishingPoints {
    pub(crate) fn of(camera: &Pinhole, world_from_optical: CameraPose) -> Self {
        let inverse = world_from_optical.inverse();
        let directions = [Vec3::X, Vec3::Y, Vec3::Z].map(|axis| {
            let d = inverse.direction(axis);
            if d.z < 0.0 { -d } else { d }
        });
        Self {
            directions,
            points: directions.map(|d| camera.project(d)),
        }
    }
}
