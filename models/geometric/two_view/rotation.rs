//! Two views that differ by a rotation alone.

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector2, Vector3};

use super::TwoView;
use crate::geometric::five_point::Match;
use crate::geometric::ransac::samples_needed;
use crate::rng::Rng;

/// A rotation that brings the rays of view one onto those of view two.
pub(super) struct Turned(UnitQuaternion<f64>);

/// The rotation that most matches agree with, from samples of two, refined.
pub(super) fn pure_rotation(
    matches: &[Match],
    guess: &Isometry3<f64>,
    tolerance: f64,
    rng: &mut Rng,
) -> Turned {
    let mut best = Turned(guess.rotation);
    let mut most = rotation_inliers(matches, &best, tolerance);
    let mut needed = 50;
    let mut tried = 0;
    while tried < needed {
        let sample = rng.sample::<2>(matches.len()).map(|index| &matches[index]);
        let turned = Turned(align(sample.into_iter()));
        let count = rotation_inliers(matches, &turned, tolerance);
        if count > most {
            (best, most) = (turned, count);
            needed = samples_needed(most, matches.len(), 2, 50);
        }
        tried += 1;
    }
    for _ in 0..3 {
        let fitting = matches.iter().filter(|one| turns(&best, one, tolerance));
        let again = Turned(align(fitting));
        let count = rotation_inliers(matches, &again, tolerance);
        if count < most {
            break;
        }
        (best, most) = (again, count);
    }
    best
}

pub(super) fn turns(turned: &Turned, (one, two): &Match, tolerance: f64) -> bool {
    let ray = turned.0 * one.push(1.0);
    let off: Vector2<f64> = ray.xy() / ray.z - two;
    ray.z > 0.0 && off.norm_squared() < tolerance * tolerance
}

pub(super) fn rotation_inliers(matches: &[Match], turned: &Turned, tolerance: f64) -> usize {
    let fitting = matches.iter().filter(|one| turns(turned, one, tolerance));
    fitting.count()
}

/// Least squares over unit rays (Kabsch).
fn align<'a>(matches: impl Iterator<Item = &'a Match>) -> UnitQuaternion<f64> {
    let mut sum = Matrix3::zeros();
    for (one, two) in matches {
        sum += two.push(1.0).normalize() * one.push(1.0).normalize().transpose();
    }
    UnitQuaternion::from_rotation_matrix(&nearest_rotation(&sum))
}

/// The rotation R that maximises trace(Rᵀ M).
pub(in crate::geometric) fn nearest_rotation(matrix: &Matrix3<f64>) -> Rotation3<f64> {
    let svd = matrix.svd(true, true);
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else {
        return Rotation3::identity();
    };
    let sign = (u * v_t).determinant().signum();
    let signs = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, sign));
    Rotation3::from_matrix_unchecked(u * signs * v_t)
}

pub(super) fn rotation_only(
    matches: &[Match],
    turned: Turned,
    tolerance: f64,
    least: usize,
    inliers: &mut Vec<bool>,
) -> Option<TwoView> {
    inliers.clear();
    inliers.extend(matches.iter().map(|one| turns(&turned, one, tolerance)));
    if inliers.iter().filter(|fits| **fits).count() < least {
        return None;
    }
    Some(TwoView {
        two_from_one: Isometry3::from_parts(Translation3::identity(), turned.0),
        has_direction: false,
    })
}
