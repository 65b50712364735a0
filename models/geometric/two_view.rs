//! Relative pose of two calibrated views from correspondences alone.
//!
//! Correspondences are points of the image planes z = 1. The essential matrix
//! comes from five of them (RANSAC), is split by cheirality, and is refined on
//! all inliers. The length of the translation is not observable.

mod rotation;

use nalgebra::{
    Isometry3, Matrix3, Matrix3x2, Rotation3, SMatrix, SVector, Translation3, UnitQuaternion,
    Vector3,
};

use super::five_point::{Match, essential_matrices};
use super::ransac::{pool_size, samples_needed};
use crate::rng::Rng;

pub(super) use rotation::nearest_rotation;
use rotation::{pure_rotation, rotation_inliers, rotation_only};

/// Most samples of five.
const MAX_SAMPLES: usize = 300;
const REFINEMENTS: usize = 10;

/// Relative pose of two views, as they tell it.
#[derive(Debug, Clone)]
pub(super) struct TwoView {
    /// Unit translation, or none where there is too little parallax.
    pub(super) two_from_one: Isometry3<f64>,
    /// Set if the direction of the translation is known.
    pub(super) has_direction: bool,
}

/// [t]× R.
pub(super) fn essential_of(two_from_one: &Isometry3<f64>) -> Matrix3<f64> {
    let rotation = two_from_one.rotation.to_rotation_matrix();
    two_from_one.translation.vector.cross_matrix() * rotation.matrix()
}

/// Estimates the pose of view two seen from view one. `tolerance` is the
/// greatest distance of an inlier from its epipolar line on the plane z = 1;
/// `guess` is tried first. Matches that are likelier to be right should come
/// first. `inliers` tells afterwards of each match whether it fits. `None` where
/// fewer than `least` matches agree.
pub(super) fn two_view(
    matches: &[Match],
    guess: &Isometry3<f64>,
    tolerance: f64,
    least: usize,
    rng: &mut Rng,
    inliers: &mut Vec<bool>,
) -> Option<TwoView> {
    let least = least.max(8);
    if matches.len() < least {
        return None;
    }
    let turned = pure_rotation(matches, guess, tolerance, rng);
    let mut best = Scored::default();
    if guess.translation.vector.norm() > 0.0 {
        best.offer(matches, &unit(essential_of(guess)), tolerance);
    }
    let mut needed = MAX_SAMPLES;
    let mut tried = 0;
    while tried < needed {
        let among = pool_size(tried, matches.len());
        let sample = rng.sample::<5>(among).map(|index| matches[index]);
        for essential in essential_matrices(&sample) {
            if best.offer(matches, &essential, tolerance) {
                needed = samples_needed(best.inliers, matches.len(), 5, MAX_SAMPLES);
            }
        }
        tried += 1;
    }
    if best.inliers < least {
        return rotation_only(matches, turned, tolerance, least, inliers);
    }
    epipolar_inliers(matches, &best.essential, tolerance, inliers);
    let start = best_split(matches, inliers, &best.essential)?;
    let pose = refine(matches, start, tolerance);
    let pose = nearer(matches, pose, guess, tolerance);
    epipolar_inliers(matches, &unit(essential_of(&pose)), tolerance, inliers);
    for (fits, one) in inliers.iter_mut().zip(matches) {
        *fits = *fits && in_front(&pose, one);
    }
    let count = inliers.iter().filter(|fits| **fits).count();
    // Where a rotation alone explains nearly as much, the direction is noise.
    let explained = rotation_inliers(matches, &turned, tolerance);
    if explained as f64 >= PURE_ROTATION * count as f64 {
        return rotation_only(matches, turned, tolerance, least, inliers);
    }
    if count < least {
        return None;
    }
    Some(TwoView {
        two_from_one: pose,
        has_direction: true,
    })
}

/// Pose that the guess leads to, where it explains the matches nearly as well: of
/// the two poses that points of one plane allow, the expected one.
fn nearer(
    matches: &[Match],
    pose: Isometry3<f64>,
    guess: &Isometry3<f64>,
    tolerance: f64,
) -> Isometry3<f64> {
    let Some(step) = guess.translation.vector.try_normalize(1e-9) else {
        return pose;
    };
    let start = Isometry3::from_parts(Translation3::from(step), guess.rotation);
    let expected = refine(matches, start, tolerance);
    let score = |pose: &Isometry3<f64>| {
        let mut scored = Scored::default();
        scored.offer(matches, &unit(essential_of(pose)), tolerance);
        scored.score
    };
    let as_good = score(&expected) >= NEARLY * score(&pose);
    let turn = |pose: &Isometry3<f64>| pose.rotation.angle_to(&guess.rotation);
    if as_good && turn(&expected) < turn(&pose) {
        expected
    } else {
        pose
    }
}

/// Share of the best score that counts as nearly as good.
const NEARLY: f64 = 0.98;

/// Share of the inliers that a rotation alone explains where there is too
/// little parallax to tell a direction.
const PURE_ROTATION: f64 = 0.9;

#[derive(Default)]
struct Scored {
    essential: Matrix3<f64>,
    /// Sum of what every match lacks to the tolerance (MSAC).
    score: f64,
    inliers: usize,
}

impl Scored {
    fn offer(&mut self, matches: &[Match], essential: &Matrix3<f64>, tolerance: f64) -> bool {
        let limit = tolerance * tolerance;
        let (mut score, mut inliers) = (0.0, 0);
        for (done, one) in matches.iter().enumerate() {
            if score + ((matches.len() - done) as f64) <= self.score {
                return false;
            }
            let squared = sampson_squared(essential, one);
            if squared < limit {
                score += 1.0 - squared / limit;
                inliers += 1;
            }
        }
        let better = score > self.score;
        if better {
            *self = Self {
                essential: *essential,
                score,
                inliers,
            };
        }
        better
    }
}

fn unit(essential: Matrix3<f64>) -> Matrix3<f64> {
    essential / essential.norm().max(f64::MIN_POSITIVE)
}

/// Residual x₂ᵀ E x₁ and the square of its gradient over the four coordinates.
fn sampson(essential: &Matrix3<f64>, (one, two): &Match) -> (f64, f64) {
    let line_in_two = essential * one.push(1.0);
    let two = two.push(1.0);
    let residual = two.dot(&line_in_two);
    let line_in_one = essential.tr_mul(&two);
    let gradient = line_in_two.xy().norm_squared() + line_in_one.xy().norm_squared();
    (residual, gradient)
}

/// Sampson's distance, squared: to first order that of the match from the
/// nearest pair that fits exactly.
fn sampson_squared(essential: &Matrix3<f64>, one: &Match) -> f64 {
    let (residual, gradient) = sampson(essential, one);
    residual * residual / gradient.max(f64::MIN_POSITIVE)
}

fn epipolar_inliers(
    matches: &[Match],
    essential: &Matrix3<f64>,
    tolerance: f64,
    inliers: &mut Vec<bool>,
) {
    let fits = |one: &Match| sampson_squared(essential, one) < tolerance * tolerance;
    inliers.clear();
    inliers.extend(matches.iter().map(fits));
}

/// Distances of a match along its two rays, in units of the translation.
pub(super) fn triangulate(two_from_one: &Isometry3<f64>, (one, two): &Match) -> Option<(f64, f64)> {
    // z₁ R x₁ + t = z₂ x₂, solved by crossing with x₂.
    let ray = two_from_one.rotation * one.push(1.0);
    let (two, step) = (two.push(1.0), two_from_one.translation.vector);
    let (across, offset) = (two.cross(&ray), two.cross(&step));
    let squared = across.norm_squared();
    if squared < 1e-12 {
        return None;
    }
    let depth_one = -across.dot(&offset) / squared;
    Some((depth_one, (ray * depth_one + step).z))
}

/// Tells whether the match lies in front of both views, or too far away to tell.
fn in_front(two_from_one: &Isometry3<f64>, one: &Match) -> bool {
    triangulate(two_from_one, one).is_none_or(|(first, second)| first > 0.0 && second > 0.0)
}

/// The one of the four poses of an essential matrix with most points in front.
fn best_split(
    matches: &[Match],
    inliers: &[bool],
    essential: &Matrix3<f64>,
) -> Option<Isometry3<f64>> {
    let svd = essential.svd(true, true);
    let (mut u, mut v_t) = (svd.u?, svd.v_t?);
    if u.determinant() < 0.0 {
        u = -u;
    }
    if v_t.determinant() < 0.0 {
        v_t = -v_t;
    }
    // Singular values come in descending order: the last is the null one.
    let step = u.column(2).into_owned();
    let w = Matrix3::new(0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0);
    let turns = [u * w * v_t, u * w.transpose() * v_t];
    let pose = |(turn, step): (Matrix3<f64>, Vector3<f64>)| {
        let rotation = Rotation3::from_matrix_unchecked(turn);
        Isometry3::from_parts(
            Translation3::from(step),
            UnitQuaternion::from_rotation_matrix(&rotation),
        )
    };
    let poses = turns
        .into_iter()
        .flat_map(|turn| [(turn, step), (turn, -step)]);
    let score = |pose: &Isometry3<f64>| {
        let fitting = matches.iter().zip(inliers).filter(|(_, fits)| **fits);
        fitting
            .filter(|(one, _)| {
                triangulate(pose, one).is_some_and(|(first, second)| first > 0.0 && second > 0.0)
            })
            .count()
    };
    poses.map(pose).max_by_key(score)
}

/// Two directions across a unit vector.
fn across(direction: &Vector3<f64>) -> Matrix3x2<f64> {
    let helper = match direction.x.abs() < 0.6 {
        true => Vector3::x(),
        false => Vector3::y(),
    };
    let first = direction.cross(&helper).normalize();
    Matrix3x2::from_columns(&[first, direction.cross(&first)])
}

/// Derivative of the Sampson residual over a rotation vector from the left and
/// two directions across the translation; with the residual itself.
fn row(
    pose: &Isometry3<f64>,
    essential: &Matrix3<f64>,
    tangents: &Matrix3x2<f64>,
    one: &Match,
) -> (f64, SVector<f64, 5>) {
    let step = pose.translation.vector;
    let ray = pose.rotation * one.0.push(1.0);
    let two = one.1.push(1.0);
    let (residual, gradient) = sampson(essential, one);
    let weight = 1.0 / gradient.max(f64::MIN_POSITIVE).sqrt();
    // x₂ · (t × (ω × r)) = ω · (r × (x₂ × t)); x₂ · (τ × r) = τ · (r × x₂).
    let by_turn = ray.cross(&two.cross(&step));
    let by_step = tangents.tr_mul(&ray.cross(&two));
    let derivative = SVector::<f64, 5>::new(by_turn.x, by_turn.y, by_turn.z, by_step.x, by_step.y);
    (residual * weight, derivative * weight)
}

/// Levenberg–Marquardt on Sampson's distance with Cauchy's weights.
fn refine(matches: &[Match], start: Isometry3<f64>, tolerance: f64) -> Isometry3<f64> {
    let scale = 0.5 * tolerance;
    let cost = |pose: &Isometry3<f64>| -> f64 {
        let essential = essential_of(pose);
        let terms = matches.iter().map(|one| sampson_squared(&essential, one));
        terms
            .map(|squared| (squared / (scale * scale)).ln_1p())
            .sum()
    };
    let mut pose = start;
    let mut now = cost(&pose);
    let mut damping = 1e-4;
    for _ in 0..REFINEMENTS {
        let essential = essential_of(&pose);
        let tangents = across(&pose.translation.vector);
        let mut normal = SMatrix::<f64, 5, 5>::zeros();
        let mut right = SVector::<f64, 5>::zeros();
        for one in matches {
            let (residual, derivative) = row(&pose, &essential, &tangents, one);
            let weight = 1.0 / (1.0 + residual * residual / (scale * scale));
            normal += derivative * derivative.transpose() * weight;
            right -= derivative * (residual * weight);
        }
        let mut damped = normal;
        (0..5).for_each(|i| damped[(i, i)] *= 1.0 + damping);
        let Some(step) = damped.cholesky().map(|factor| factor.solve(&right)) else {
            break;
        };
        let moved = stepped(&pose, &tangents, &step);
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

fn stepped(
    pose: &Isometry3<f64>,
    tangents: &Matrix3x2<f64>,
    step: &SVector<f64, 5>,
) -> Isometry3<f64> {
    let turn = UnitQuaternion::from_scaled_axis(step.fixed_rows::<3>(0).into_owned());
    let direction = pose.translation.vector + tangents * step.fixed_rows::<2>(3);
    Isometry3::from_parts(
        Translation3::from(direction.normalize()),
        turn * pose.rotation,
    )
}

#[cfg(test)]
#[path = "two_view_tests.rs"]
mod tests;
