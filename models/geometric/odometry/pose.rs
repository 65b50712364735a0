//! Coordinate frames, covariances, and the numbers that are published.
//!
//! Inside, poses are of optical frames (x right, y down, z ahead; REP-103).
//! What is published is of body frames (x ahead, y left, z up): `odom` is the
//! body frame of the camera at the start, and the child frame is the camera's.

use nalgebra::{Isometry3, Matrix3, Rotation3, SMatrix, Translation3, UnitQuaternion, Vector3};

/// Covariance of a small motion: rotation vector, then translation.
pub(super) type Covariance = SMatrix<f64, 6, 6>;

/// Numbers of an odometry output.
pub const ODOMETRY_LENGTH: usize = 13 + 36 + 36;

/// One odometry output, as it is published.
#[derive(Debug, Clone, PartialEq)]
pub struct OdometryEstimate {
    /// `odom` from the camera's body frame (x ahead, y left, z up); metres.
    pub odom_from_body: Isometry3<f64>,
    /// m/s along the axes of the body frame.
    pub linear: Vector3<f64>,
    /// rad/s about the axes of the body frame.
    pub angular: Vector3<f64>,
    /// Covariance of x, y, z (m) and rotations about x, y, z (rad), along the axes
    /// of `odom`; row by row.
    pub pose_covariance: [f64; 36],
    /// Covariance of the velocities, in the same order, along the axes of the body
    /// frame.
    pub twist_covariance: [f64; 36],
}

impl OdometryEstimate {
    /// Writes a tensor `[1, ODOMETRY_LENGTH]`: position x, y, z; quaternion x, y,
    /// z, w; linear and angular velocity; covariance of pose and of velocity.
    pub fn write(&self, out: &mut [f32]) {
        let position = self.odom_from_body.translation.vector;
        let numbers = (position.iter().copied())
            .chain(self.odom_from_body.rotation.coords.iter().copied())
            .chain(self.linear.iter().copied())
            .chain(self.angular.iter().copied())
            .chain(self.pose_covariance)
            .chain(self.twist_covariance);
        for (out, number) in out.iter_mut().zip(numbers) {
            *out = number as f32;
        }
    }

    /// Reads the tensor that [`write`](Self::write) writes; `None` where it has
    /// another length or its rotation is none.
    #[must_use]
    pub fn read(values: &[f32]) -> Option<Self> {
        if values.len() != ODOMETRY_LENGTH {
            return None;
        }
        let at = |index: usize| f64::from(values[index]);
        let vector = |first: usize| Vector3::new(at(first), at(first + 1), at(first + 2));
        let rotation = nalgebra::Quaternion::new(at(6), at(3), at(4), at(5));
        let rotation = UnitQuaternion::try_new(rotation, 1e-6)?;
        Some(Self {
            odom_from_body: Isometry3::from_parts(Translation3::from(vector(0)), rotation),
            linear: vector(7),
            angular: vector(10),
            pose_covariance: std::array::from_fn(|index| at(13 + index)),
            twist_covariance: std::array::from_fn(|index| at(49 + index)),
        })
    }
}

/// `body_from_optical`: ahead is z, left is −x, up is −y.
#[must_use]
pub fn body_from_optical() -> UnitQuaternion<f64> {
    let axes = Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
    UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(axes))
}

/// The same motion between body frames.
pub(super) fn in_body(motion: &Isometry3<f64>) -> Isometry3<f64> {
    let turn = body_from_optical();
    Isometry3::from_parts(
        Translation3::from(turn * motion.translation.vector),
        turn * motion.rotation * turn.inverse(),
    )
}

/// Covariance of `one_from_two` along the fixed axes of one, from that of
/// `two_from_one` under perturbations from the left.
pub(super) fn inverted(two_from_one: &Isometry3<f64>, covariance: &Covariance) -> Covariance {
    let turn_back = two_from_one.rotation.inverse().to_rotation_matrix();
    let turn_back = turn_back.matrix();
    // p = −Rᵀ t; δp = −Rᵀ τ − Rᵀ [t]× ω; δθ = −Rᵀ ω.
    let mut jacobian = Covariance::zeros();
    set(&mut jacobian, 0, 0, &-turn_back);
    let lever = two_from_one.translation.vector.cross_matrix();
    set(&mut jacobian, 3, 0, &(-turn_back * lever));
    set(&mut jacobian, 3, 3, &-turn_back);
    jacobian * covariance * jacobian.transpose()
}

/// Covariance of `a_from_b · b_from_c` along the fixed axes of a, from those of
/// its parts, each along the axes of its own first frame.
pub(super) fn composed(
    a_from_b: &Isometry3<f64>,
    of_first: &Covariance,
    b_from_c: &Isometry3<f64>,
    of_second: &Covariance,
) -> Covariance {
    let turn = a_from_b.rotation.to_rotation_matrix();
    let turn = turn.matrix();
    let lever = (turn * b_from_c.translation.vector).cross_matrix();
    let mut by_first = Covariance::identity();
    set(&mut by_first, 3, 0, &-lever);
    let mut by_second = Covariance::zeros();
    set(&mut by_second, 0, 0, turn);
    set(&mut by_second, 3, 3, turn);
    by_first * of_first * by_first.transpose() + by_second * of_second * by_second.transpose()
}

/// The same covariance along other axes.
pub(super) fn turned(turn: &UnitQuaternion<f64>, covariance: &Covariance) -> Covariance {
    let turn = turn.to_rotation_matrix();
    let mut both = Covariance::zeros();
    set(&mut both, 0, 0, turn.matrix());
    set(&mut both, 3, 3, turn.matrix());
    both * covariance * both.transpose()
}

fn set(matrix: &mut Covariance, row: usize, column: usize, block: &Matrix3<f64>) {
    matrix.fixed_view_mut::<3, 3>(row, column).copy_from(block);
}

/// Along body axes, position first, row by row; as messages have it.
pub(super) fn published(covariance: &Covariance) -> [f64; 36] {
    let turn = body_from_optical().to_rotation_matrix();
    let mut jacobian = Covariance::zeros();
    set(&mut jacobian, 0, 3, turn.matrix());
    set(&mut jacobian, 3, 0, turn.matrix());
    let covariance = jacobian * covariance * jacobian.transpose();
    std::array::from_fn(|index| covariance[(index / 6, index % 6)])
}
