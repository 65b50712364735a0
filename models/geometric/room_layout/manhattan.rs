//! The three directions that the surfaces of a room are built along.

use nalgebra::{Matrix3, Vector3};

use super::surface::Patch;
use crate::geometric::two_view::nearest_rotation;

/// A camera in a room is held upright to within this angle, rad.
const MAX_TILT: f64 = 0.7;
/// Angles from an axis within which surfaces count, from coarse to fine, rad.
const WINDOWS: [f64; 4] = [0.5, 0.35, 0.25, 0.18];
/// Bins of a quarter turn.
const BINS: usize = 90;

/// Directions in the optical frame: `optical_from_room` with the columns ahead,
/// left and up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes {
    pub(super) optical_from_room: Matrix3<f64>,
    /// Share of the surfaces that lie along them, by their number.
    pub(super) share: f64,
}

/// Finds the directions: up from what is nearly level, then the two across
/// from a histogram over a quarter turn, then all three together. `None` where
/// nothing is level or upright.
pub(super) fn axes(patches: &[Patch]) -> Option<Axes> {
    let up = up(patches)?;
    let across = across(patches, &up)?;
    let mut rotation = Matrix3::from_columns(&[across, up.cross(&across), up]);
    for window in WINDOWS {
        rotation = together(patches, &rotation, window);
    }
    let aligned = patches.iter().filter(|patch| {
        let along = rotation.tr_mul(&patch.normal);
        along.amax() > WINDOWS[2].cos()
    });
    Some(Axes {
        share: aligned.count() as f64 / patches.len() as f64,
        optical_from_room: ahead_first(&rotation),
    })
}

/// Mean shift from straight up over normals of floor, ceiling and whatever
/// else is level; where there is none, the direction that walls are across of.
fn up(patches: &[Patch]) -> Option<Vector3<f64>> {
    let mut up = -Vector3::y();
    let mut counted = 0;
    for window in [MAX_TILT, 0.5, 0.35, 0.25, 0.18] {
        let mut sum = Vector3::zeros();
        counted = 0;
        for patch in patches {
            let along = patch.normal.dot(&up);
            if along.abs() > window.cos() {
                sum += patch.normal * along.signum();
                counted += 1;
            }
        }
        up = sum.try_normalize(1e-9)?;
    }
    if counted * 20 > patches.len() {
        return Some(up);
    }
    // The direction in which the normals of walls vary least.
    let mut spread = Matrix3::zeros();
    for patch in patches
        .iter()
        .filter(|patch| patch.normal.y.abs() < MAX_TILT.sin())
    {
        spread += patch.normal * patch.normal.transpose();
    }
    let eigen = spread.symmetric_eigen();
    let least = eigen.eigenvalues.imin();
    let direction = eigen.eigenvectors.column(least).into_owned();
    let direction = if direction.y > 0.0 {
        -direction
    } else {
        direction
    };
    (-direction.y > MAX_TILT.cos()).then_some(direction)
}

/// The most frequent direction across `up`, modulo a quarter turn.
fn across(patches: &[Patch], up: &Vector3<f64>) -> Option<Vector3<f64>> {
    let first = (Vector3::z() - up * up.z).try_normalize(1e-6)?;
    let second = up.cross(&first);
    let quarter = std::f64::consts::FRAC_PI_2;
    let mut bins = [0.0; BINS];
    for patch in patches
        .iter()
        .filter(|patch| patch.normal.dot(up).abs() < 0.3)
    {
        let angle = patch.normal.dot(&second).atan2(patch.normal.dot(&first));
        let bin = angle.rem_euclid(quarter) / quarter * BINS as f64;
        bins[(bin as usize).min(BINS - 1)] += 1.0;
    }
    let around = |bin: usize| -> f64 {
        (0..=8)
            .map(|offset| bins[(bin + BINS + offset - 4) % BINS])
            .sum()
    };
    let best = (0..BINS).max_by(|&a, &b| around(a).total_cmp(&around(b)))?;
    let angle = (best as f64 + 0.5) / BINS as f64 * quarter;
    Some(first * angle.cos() + second * angle.sin())
}

/// All three at once: every normal pulls at the axis that it is nearest to.
fn together(patches: &[Patch], rotation: &Matrix3<f64>, window: f64) -> Matrix3<f64> {
    let mut pulls = Matrix3::zeros();
    for patch in patches {
        let along = rotation.tr_mul(&patch.normal);
        let axis = along.iamax();
        if along[axis].abs() > window.cos() {
            let pulled = patch.normal * along[axis].signum();
            let mut column = pulls.column_mut(axis);
            column += pulled;
        }
    }
    if pulls
        .column_iter()
        .filter(|column| column.norm() > 1e-6)
        .count()
        < 2
    {
        return *rotation;
    }
    // What pulls at nothing stays where it is.
    for axis in 0..3 {
        if pulls.column(axis).norm() < 1e-6 {
            pulls.set_column(axis, &rotation.column(axis).into_owned());
        }
    }
    *nearest_rotation(&pulls).matrix()
}

/// Columns in the order ahead, left, up, whichever of the two axes across is
/// nearer to straight ahead.
fn ahead_first(rotation: &Matrix3<f64>) -> Matrix3<f64> {
    let up = rotation.column(2).into_owned();
    let (a, b) = (
        rotation.column(0).into_owned(),
        rotation.column(1).into_owned(),
    );
    let ahead = [a, -a, b, -b]
        .into_iter()
        .max_by(|a, b| a.z.total_cmp(&b.z))
        .unwrap_or(a);
    Matrix3::from_columns(&[ahead, up.cross(&ahead), up])
}
