//! The motion that explains best where points of uncertain depth are seen.

use nalgebra::{
    ArrayStorage, Isometry3, Matrix2x3, SMatrix, SVector, Translation3, UnitQuaternion, Vector3,
};

use super::inverse_depth::Sight;
use super::pose::Covariance;

const MAX_STEPS: usize = 15;
/// Sights with a greater squared misfit are of something else.
const NEAR: f64 = 4.0;

/// A motion refined on all sights.
#[derive(Debug, Clone)]
pub(super) struct Refined {
    pub(super) now_from_then: Isometry3<f64>,
    /// Of a rotation vector and a translation from the left.
    pub(super) covariance: Covariance,
    /// Sum of Cauchy's costs over all sights; less is better.
    pub(super) cost: f64,
}

/// Squared residual of a sight in units of the tolerance, as far as its depth
/// does not explain it; `None` behind the camera.
pub(super) fn misfit(sight: &Sight, motion: &Isometry3<f64>, tolerance: f64) -> Option<f64> {
    let projected = sight.project(motion)?;
    let information = projected.information(sight.inverse.sigma, 0.5 * tolerance);
    let squared = projected.residual.dot(&(information * projected.residual));
    Some(squared / (tolerance * tolerance))
}

/// Levenberg–Marquardt over the six degrees of freedom, with Cauchy's weights.
pub(super) fn refine(sights: &[Sight], start: &Isometry3<f64>, tolerance: f64) -> Refined {
    let mut motion = *start;
    let mut now = cost(sights, &motion, tolerance);
    let mut damping = 1e-4;
    for _ in 0..MAX_STEPS {
        let Equations { normal, right } = equations(sights, &motion, tolerance);
        let mut damped = normal;
        (0..6).for_each(|i| damped[(i, i)] += damping * normal[(i, i)] + 1e-9);
        let Some(step) = damped.cholesky().map(|factor| factor.solve(&right)) else {
            break;
        };
        let moved = stepped(&motion, &step);
        let then = cost(sights, &moved, tolerance);
        if then < now {
            let settled = now - then < 1e-7 * now;
            (motion, now) = (moved, then);
            damping *= 0.1;
            if settled {
                break;
            }
        } else if damping > 1e4 {
            break;
        } else {
            damping *= 10.0;
        }
    }
    Refined {
        covariance: covariance(sights, &motion, tolerance),
        now_from_then: motion,
        cost: now,
    }
}

/// What every sight costs: four squared tolerances at most.
fn cost(sights: &[Sight], motion: &Isometry3<f64>, tolerance: f64) -> f64 {
    let misfits = sights.iter().map(|sight| misfit(sight, motion, tolerance));
    misfits
        .map(|misfit| (4.0 * misfit.unwrap_or(100.0).min(100.0)).ln_1p())
        .sum()
}

/// Normal equations of a motion: `normal · step = right`, for a rotation vector
/// and a translation from the left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Equations {
    pub(super) normal: SMatrix<f64, 6, 6>,
    pub(super) right: SVector<f64, 6>,
}

impl Equations {
    pub(super) const ZERO: Self = Self {
        normal: SMatrix::from_array_storage(ArrayStorage([[0.0; 6]; 6])),
        right: SVector::from_array_storage(ArrayStorage([[0.0; 6]])),
    };

    pub(super) fn add(&mut self, other: &Self) {
        self.normal += other.normal;
        self.right += other.right;
    }
}

/// What one sight adds, in units of `scale`; `None` behind the camera.
pub(super) fn equations_of(
    sight: &Sight,
    motion: &Isometry3<f64>,
    scale: f64,
) -> Option<Equations> {
    let projected = sight.project(motion)?;
    let information = projected.information(sight.inverse.sigma, scale) / (scale * scale);
    let residual = projected.residual;
    let weight = 1.0 / (1.0 + residual.dot(&(information * residual)));
    let point = projected.point;
    let (x, y, by_z) = (point.x / point.z, point.y / point.z, 1.0 / point.z);
    let by_point = Matrix2x3::new(by_z, 0.0, -x * by_z, 0.0, by_z, -y * by_z);
    let mut derivative = SMatrix::<f64, 2, 6>::zeros();
    // The point is divided by its depth: a translation is seen in proportion.
    let by_turn = -by_point * point.cross_matrix();
    derivative.fixed_view_mut::<2, 3>(0, 0).copy_from(&by_turn);
    let by_step = by_point * sight.inverse.value;
    derivative.fixed_view_mut::<2, 3>(0, 3).copy_from(&by_step);
    let weighted = derivative.transpose() * (information * weight);
    Some(Equations {
        normal: weighted * derivative,
        right: -weighted * residual,
    })
}

/// Of all sights, in units of half the tolerance.
fn equations(sights: &[Sight], motion: &Isometry3<f64>, tolerance: f64) -> Equations {
    let mut sum = Equations::ZERO;
    let each = sights.iter();
    for one in each.filter_map(|sight| equations_of(sight, motion, 0.5 * tolerance)) {
        sum.add(&one);
    }
    sum
}

/// How the first motion differs from the second: rotation vector, translation.
pub(super) fn difference(one: &Isometry3<f64>, two: &Isometry3<f64>) -> SVector<f64, 6> {
    let between = one * two.inverse();
    let mut all = SVector::<f64, 6>::zeros();
    let turn = between.rotation.scaled_axis();
    all.fixed_rows_mut::<3>(0).copy_from(&turn);
    all.fixed_rows_mut::<3>(3)
        .copy_from(&between.translation.vector);
    all
}

pub(super) fn stepped(motion: &Isometry3<f64>, step: &SVector<f64, 6>) -> Isometry3<f64> {
    let turn = UnitQuaternion::from_scaled_axis(step.fixed_rows::<3>(0).into_owned());
    let moved: Vector3<f64> = step.fixed_rows::<3>(3).into_owned();
    Isometry3::from_parts(Translation3::from(moved), turn) * motion
}

/// Covariance of an M-estimate with Cauchy's weights (P. J. Huber, "Robust
/// Statistics", 1981, 7.6): the noise is that of all sights near the motion, not
/// only of those that happen to be within the tolerance.
fn covariance(sights: &[Sight], motion: &Isometry3<f64>, tolerance: f64) -> Covariance {
    let Equations { normal, .. } = equations(sights, motion, tolerance);
    let (mut influence, mut slope, mut weights, mut count) = (0.0, 0.0, 0.0, 0_usize);
    let misfits = sights
        .iter()
        .filter_map(|sight| misfit(sight, motion, tolerance));
    for misfit in misfits.filter(|misfit| *misfit < NEAR) {
        // The weights are of half a tolerance.
        let squared = 4.0 * misfit;
        let weight = 1.0 / (1.0 + squared);
        influence += 0.5 * squared * weight * weight;
        slope += weight * weight;
        weights += weight;
        count += 1;
    }
    let total = count.max(1) as f64;
    let noise = influence / count.saturating_sub(3).max(1) as f64;
    let variance = noise * (weights / total) / (slope / total).powi(2);
    let inverse = normal.try_inverse();
    inverse.map_or_else(Covariance::identity, |inverse| inverse * variance.max(0.05))
}
