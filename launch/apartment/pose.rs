//! Rigid transforms between right-handed frames, named `a_from_b`.

use glam::{Mat3, Quat, Vec3};
use serde::{Deserialize, Serialize};

/// A rigid transform `a_from_b`: `point_in_a = rotation * point_in_b + translation`.
/// Metres. The world's z axis points up; an optical frame is x right, y down,
/// z forward (REP-103).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraPose {
    /// Unit quaternion.
    pub rotation: Quat,
    /// Origin of b in a, metres.
    pub translation: Vec3,
}

impl CameraPose {
    /// The identity.
    pub const IDENTITY: CameraPose = CameraPose {
        rotation: Quat::IDENTITY,
        translation: Vec3::ZERO,
    };

    /// A frame standing upright at `translation`, turned by `yaw` (rad, counter-clockwise seen from above).
    pub fn upright(translation: Vec3, yaw: f32) -> Self {
        Self {
            rotation: Quat::from_rotation_z(yaw),
            translation,
        }
    }

    /// `a_from_b` then `b_from_c` gives `a_from_c`.
    pub fn then(self, b_from_c: CameraPose) -> CameraPose {
        CameraPose {
            rotation: (self.rotation * b_from_c.rotation).normalize(),
            translation: self.point(b_from_c.translation),
        }
    }

    /// `b_from_a`.
    pub fn inverse(self) -> CameraPose {
        let rotation = self.rotation.conjugate();
        CameraPose {
            rotation,
            translation: -(rotation * self.translation),
        }
    }

    /// A point of b, in a.
    pub fn point(self, point_in_b: Vec3) -> Vec3 {
        self.rotation * point_in_b + self.translation
    }

    /// A direction of b, in a.
    pub fn direction(self, direction_in_b: Vec3) -> Vec3 {
        self.rotation * direction_in_b
    }

    /// The rotation as a matrix.
    pub fn matrix(self) -> Mat3 {
        Mat3::from_quat(self.rotation)
    }

    /// `world_from_optical` of a camera at `eye` looking along `yaw` (rad,
    /// counter-clockwise from x) and tilted up by `pitch` (rad).
    pub fn looking(eye: Vec3, yaw: f32, pitch: f32) -> Self {
        // Optical axes in a frame that is x forward, y left, z up.
        let forward_from_optical =
            Quat::from_mat3(&Mat3::from_cols(Vec3::NEG_Y, Vec3::NEG_Z, Vec3::X));
        let rotation =
            Quat::from_rotation_z(yaw) * Quat::from_rotation_y(-pitch) * forward_from_optical;
        Self {
            rotation: rotation.normalize(),
            translation: eye,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_looks_where_it_is_told() {
        let pose = CameraPose::looking(Vec3::new(1.0, 2.0, 1.5), 0.5, 0.2);
        let forward = pose.direction(Vec3::Z);
        let expected = Vec3::new(
            0.5f32.cos() * 0.2f32.cos(),
            0.5f32.sin() * 0.2f32.cos(),
            0.2f32.sin(),
        );
        assert!((forward - expected).length() < 1e-6);
        assert!(pose.direction(Vec3::Y).z < 0.0, "y points down");
        let back = pose.then(pose.inverse());
        assert!(back.translation.length() < 1e-6);
    }
}
