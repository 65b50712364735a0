//! The motion that explains best where points of uncertain depth are seen.

use nalgebra::{ArrayStorage, Isometry3, SMatrix, SVector, Translation3, UnitQuaternion, Vector3};

use super::inverse_depth::Sight;
use super::packed::{Judged, Packed};
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
pub(super) fn refine(
    sights: &[Sight],
    start: &Isometry3<f64>,
    tolerance: f64,
    packed: &mut Packed,
) -> Refined {
    let (motion, judged) = descend(sights, start, tolerance, packed);
    Refined {
        covariance: covariance(sights, &motion, &judged.equations, tolerance),
        now_from_then: motion,
        cost: judged.cost,
    }
}

/// The motion that [`refine`] finds, and what it makes of the sights; `packed` is a
/// buffer.
pub(super) fn descend(
    sights: &[Sight],
    start: &Isometry3<f64>,
    tolerance: f64,
    packed: &mut Packed,
) -> (Isometry3<f64>, Judged) {
    packed.pack(sights.iter());
    let judge = |motion: &Isometry3<f64>| packed.judge(motion, 0.5 * tolerance);
    let mut motion = *start;
    let mut now = judge(&motion);
    let mut damping = 1e-4;
    for _ in 0..MAX_STEPS {
        let Equations { normal, right } = now.equations;
        let mut damped = normal;
        (0..6).for_each(|i| damped[(i, i)] += damping * normal[(i, i)] + 1e-9);
        let Some(step) = damped.cholesky().map(|factor| factor.solve(&right)) else {
            break;
        };
        let moved = stepped(&motion, &step);
        let then = judge(&moved);
        if then.cost < now.cost {
            let settled = now.cost - then.cost < 1e-7 * now.cost;
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
    (motion, now)
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
fn covariance(
    sights: &[Sight],
    motion: &Isometry3<f64>,
    equations: &Equations,
    tolerance: f64,
) -> Covariance {
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
    let inverse = equations.normal.try_inverse();
    inverse.map_or_else(Covariance::identity, |inverse| inverse * variance.max(0.05))
}
