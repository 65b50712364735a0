//! Pose of a calibrated view from points of known depth in another one.
//!
//! Three points give up to four poses (J. A. Grunert 1841, as reviewed by
//! Haralick et al., IJCV 13, 1994); RANSAC chooses; all inliers refine.

use nalgebra::{
    Isometry3, Matrix2x3, Matrix3, Point3, Rotation3, SMatrix, SVector, Translation3,
    UnitQuaternion, Vector2, Vector3,
};

use super::polynomial::{MAX_DEGREE, real_roots};
use super::ransac::{pool_size, samples_needed};
use crate::rng::Rng;

const MAX_SAMPLES: usize = 200;
const REFINEMENTS: usize = 10;

/// A point in the frame of view one, and where view two sees it on its plane
/// z = 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting {
    pub(super) point: Point3<f64>,
    pub(super) seen: Vector2<f64>,
}

/// Estimates the pose. `tolerance` is the greatest reprojection error of an
/// inlier on the plane z = 1; `guesses` are tried first, and
/// sightings that are likelier to be right should come first. `None` where fewer
/// than `least` sightings agree.
pub(super) fn pnp(
    sightings: &[Sighting],
    guesses: &[Isometry3<f64>],
    tolerance: f64,
    least: usize,
    rng: &mut Rng,
) -> Option<Isometry3<f64>> {
    let least = least.max(4);
    if sightings.len() < least {
        return None;
    }
    let mut best = (Isometry3::identity(), 0.0, 0);
    let mut offer = |pose: &Isometry3<f64>| {
        let (score, inliers) = score(sightings, pose, tolerance, best.1);
        let better = score > best.1;
        if better {
            best = (*pose, score, inliers);
        }
        better.then_some(inliers)
    };
    let mut needed = MAX_SAMPLES;
    for guess in guesses {
        if let Some(inliers) = offer(guess) {
            needed = samples_needed(inliers, sightings.len(), 3, MAX_SAMPLES);
        }
    }
    let mut tried = 0;
    while tried < needed {
        let sample = rng
            .sample::<3>(pool_size(tried, sightings.len()))
            .map(|index| sightings[index]);
        for pose in three_point_poses(&sample) {
            if let Some(inliers) = offer(&pose) {
                needed = samples_needed(inliers, sightings.len(), 3, MAX_SAMPLES);
            }
        }
        tried += 1;
    }
    if best.2 < least {
        return None;
    }
    let pose = refine(sightings, best.0, tolerance);
    (score(sightings, &pose, tolerance, 0.0).1 >= least).then_some(pose)
}

fn error_squared(sighting: &Sighting, pose: &Isometry3<f64>) -> f64 {
    off_squared(sighting, &(pose * sighting.point))
}

/// How far off a point of the frame of view two is from where it is seen, squared.
fn off_squared(sighting: &Sighting, point: &Point3<f64>) -> f64 {
    if point.z <= 1e-6 {
        return f64::INFINITY;
    }
    (point.xy().coords / point.z - sighting.seen).norm_squared()
}

/// Sum of what every sighting lacks to the tolerance (MSAC), and how many fit; less
/// of both where the sum cannot be above `least` any more.
fn score(
    sightings: &[Sighting],
    pose: &Isometry3<f64>,
    tolerance: f64,
    least: f64,
) -> (f64, usize) {
    let limit = tolerance * tolerance;
    let turn = pose.rotation.to_rotation_matrix();
    let (mut score, mut count) = (0.0, 0);
    for (done, one) in sightings.iter().enumerate() {
        if score + (sightings.len() - done) as f64 <= least {
            break;
        }
        let point = turn * one.point + pose.translation.vector;
        let squared = off_squared(one, &point);
        if squared < limit {
            score += 1.0 - squared / limit;
            count += 1;
        }
    }
    (score, count)
}

/// Every pose from which three points are seen as they are.
fn three_point_poses(sample: &[Sighting; 3]) -> impl Iterator<Item = Isometry3<f64>> + use<> {
    let points = sample.map(|one| one.point);
    let rays = sample.map(|one| one.seen.push(1.0).normalize());
    let squared = |i: usize, j: usize| (points[i] - points[j]).norm_squared();
    let (a, b, c) = (squared(1, 2), squared(0, 2), squared(0, 1));
    let (alpha, beta, gamma) = (
        rays[1].dot(&rays[2]),
        rays[0].dot(&rays[2]),
        rays[0].dot(&rays[1]),
    );
    let (p, q, r) = ((a - c) / b, (a + c) / b, c / b);
    // Haralick et al., equation 9: a quartic in v = s₃ / s₁.
    let quartic = [
        (1.0 + p).powi(2) - 4.0 * a / b * gamma * gamma,
        4.0 * (-p * (1.0 + p) * beta + 2.0 * a / b * gamma * gamma * beta
            - (1.0 - q) * alpha * gamma),
        2.0 * (p * p - 1.0 + 2.0 * p * p * beta * beta + 2.0 * (b - c) / b * alpha * alpha
            - 4.0 * q * alpha * beta * gamma
            + 2.0 * (b - a) / b * gamma * gamma),
        4.0 * (p * (1.0 - p) * beta - (1.0 - q) * alpha * gamma + 2.0 * r * alpha * alpha * beta),
        (p - 1.0).powi(2) - 4.0 * r * alpha * alpha,
    ];
    let mut roots = [0.0; MAX_DEGREE];
    let count = match quartic.iter().all(|c| c.is_finite()) {
        true => real_roots(&quartic, &mut roots),
        false => 0,
    };
    roots.into_iter().take(count.min(4)).filter_map(move |v| {
        let u = ((p - 1.0) * v * v - 2.0 * p * beta * v + 1.0 + p) / (2.0 * (gamma - v * alpha));
        let first = (b / (1.0 + v * v - 2.0 * v * beta)).sqrt();
        let distances = [first, u * first, v * first];
        if !distances.iter().all(|d| d.is_finite() && *d > 0.0) {
            return None;
        }
        let seen: [Point3<f64>; 3] =
            std::array::from_fn(|index| Point3::from(rays[index] * distances[index]));
        let rotation = triad(&seen)? * triad(&points)?.transpose();
        let turn =
            UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(rotation));
        let step = seen[0].coords - turn * points[0].coords;
        Some(Isometry3::from_parts(Translation3::from(step), turn))
    })
}

/// Axes along the first edge of a triangle, across its plane, and within it.
fn triad(points: &[Point3<f64>; 3]) -> Option<Matrix3<f64>> {
    let along = (points[1] - points[0]).try_normalize(1e-9)?;
    let normal = along.cross(&(points[2] - points[0])).try_normalize(1e-9)?;
    Some(Matrix3::from_columns(&[
        along,
        normal,
        along.cross(&normal),
    ]))
}

/// Derivative of the two image coordinates over rotation and translation from
/// the left; with the residual.
fn rows(sighting: &Sighting, pose: &Isometry3<f64>) -> Option<(Vector2<f64>, SMatrix<f64, 2, 6>)> {
    let point = pose * sighting.point;
    if point.z <= 1e-6 {
        return None;
    }
    let (x, y, inverse) = (point.x / point.z, point.y / point.z, 1.0 / point.z);
    let by_point = Matrix2x3::new(inverse, 0.0, -x * inverse, 0.0, inverse, -y * inverse);
    let mut derivative = SMatrix::<f64, 2, 6>::zeros();
    // d(exp(ω) p) = −[p]× dω
    let by_turn = -by_point * point.coords.cross_matrix();
    derivative.fixed_view_mut::<2, 3>(0, 0).copy_from(&by_turn);
    derivative.fixed_view_mut::<2, 3>(0, 3).copy_from(&by_point);
    Some((Vector2::new(x, y) - sighting.seen, derivative))
}

/// Levenberg–Marquardt on the reprojection error with Cauchy's weights.
fn refine(sightings: &[Sighting], start: Isometry3<f64>, tolerance: f64) -> Isometry3<f64> {
    let squared_scale = (0.5 * tolerance).powi(2);
    let limit = 16.0 * tolerance * tolerance;
    let cost = |pose: &Isometry3<f64>| -> f64 {
        let errors = sightings
            .iter()
            .map(|one| error_squared(one, pose).min(limit));
        errors
            .map(|squared| (squared / squared_scale).ln_1p())
            .sum()
    };
    let mut pose = start;
    let mut now = cost(&pose);
    let mut damping = 1e-4;
    for _ in 0..REFINEMENTS {
        let mut normal = SMatrix::<f64, 6, 6>::zeros();
        let mut right = SVector::<f64, 6>::zeros();
        for one in sightings {
            let Some((residual, derivative)) = rows(one, &pose) else {
                continue;
            };
            let squared = residual.norm_squared();
            if squared < limit {
                let weight = 1.0 / (1.0 + squared / squared_scale);
                normal += derivative.tr_mul(&derivative) * weight;
                right -= derivative.tr_mul(&residual) * weight;
            }
        }
        let mut damped = normal;
        (0..6).for_each(|i| damped[(i, i)] *= 1.0 + damping);
        let Some(step) = damped.cholesky().map(|factor| factor.solve(&right)) else {
            break;
        };
        let moved = stepped(&pose, &step);
        let then = cost(&moved);
        if then < now {
            let settled = now - then < 1e-9 * now || step.norm() < 1e-9;
            (pose, now) = (moved, then);
            damping *= 0.1;
            if settled {
                break;
            }
        } else {
            damping *= 10.0;
        }
    }
    pose
}

fn stepped(pose: &Isometry3<f64>, step: &SVector<f64, 6>) -> Isometry3<f64> {
    let turn = UnitQuaternion::from_scaled_axis(step.fixed_rows::<3>(0).into_owned());
    let moved: Vector3<f64> = step.fixed_rows::<3>(3).into_owned();
    Isometry3::from_parts(Translation3::from(moved), turn) * pose
}

#[cfg(test)]
#[path = "pnp_tests.rs"]
mod tests;
