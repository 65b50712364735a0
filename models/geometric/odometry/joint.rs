//! The motion that explains best where keypoints are seen and where the
//! surfaces of a depth camera lie.
//!
//! Surfaces are brought together by iterated closest points: each point of one
//! frame is paired with what the other sees in its direction (P. J. Blais, M. D.
//! Levine, "Registering Multiview Range Data to Create 3D Computer Objects",
//! PAMI 17(8), 1995; R. A. Newcombe et al., "KinectFusion", ISMAR 2011, section
//! 3.5), and its distance from the plane there is made small (Y. Chen, G. Medioni,
//! "Object modelling by registration of multiple range images", Image and Vision
//! Computing 10(3), 1992). Keypoints hold what surfaces leave free: a wall tells
//! nothing of a motion along it.

use nalgebra::{Isometry3, SVector};

use super::packed::Packed;
use super::pose::Covariance;
use super::refine::{Equations, stepped};
use super::surface::{Element, PARTS, Surface};

/// Passes over the surfaces: one point of so many, across and down, and how far
/// its counterpart may lie away, as a share of its depth.
const PASSES: [(usize, f64); 7] = [
    (3, 0.1),
    (3, 0.06),
    (2, 0.04),
    (2, 0.03),
    (2, 0.03),
    (1, 0.03),
    (1, 0.03),
];
/// Passes after which surfaces must agree, or are left out.
const TRIED: usize = 3;
/// Least share of the surfaces that is seen in both frames, and least share of
/// those that agree.
const MIN_OVERLAP: f64 = 0.1;
const MIN_AGREEING: f64 = 0.4;
/// Fewer points tell nothing.
const MIN_POINTS: usize = 100;
/// Least cosine of the angle between the normals of a pair.
const ALIKE: f64 = 0.8;
/// Standard deviation of a cell's depth: m, and over the square of the depth
/// (Khoshelham, Elberink, as in `snapshot`; half of a pixel's).
const NOISE: f64 = 0.002;
const NOISE_SQUARED: f64 = 0.0015;
/// Bounds of what the residuals themselves say of it, as a multiple.
const SCALES: (f64, f64) = (0.03, 3.0);
/// Neighbouring cells are wrong alike: so many count as one.
const ALIKE_CELLS: f64 = 20.0;
/// Steps that are no more.
const SETTLED: f64 = 1e-5;

/// Parts of the picture, for keypoints and again for surfaces.
pub(super) const HALF: usize = PARTS.0 * PARTS.1;
const GROUPS: usize = 2 * HALF;

/// What two frames show of their motion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joint<'a> {
    /// Sights of each part of the picture now.
    pub(super) parts: &'a [Packed; HALF],
    pub(super) then: &'a Surface,
    pub(super) now: &'a Surface,
    /// Standard deviation of where a keypoint is seen, on the plane z = 1.
    pub(super) scale: f64,
    /// How far keypoints are from where their depth puts them: 1 where they are
    /// as far as may be, as where depth is registered to the image badly.
    pub(super) misfit: f64,
}

/// A motion found from both.
#[derive(Debug, Clone)]
pub(super) struct Aligned {
    pub(super) now_from_then: Isometry3<f64>,
    /// Of a rotation vector and a translation from the left.
    pub(super) covariance: Covariance,
    /// Share of the surfaces then that lie in the picture now.
    pub(super) overlap: f64,
}

/// One point beside its counterpart.
struct Pair {
    /// Distance from the plane of the counterpart, m.
    residual: f64,
    /// Of the residual, by rotation and translation from the left.
    derivative: SVector<f64, 6>,
    /// Standard deviation of the residual by the sensor's noise, m.
    sigma: f64,
    part: u8,
}

/// What one pass over the surfaces found.
#[derive(Debug, Clone, Copy, Default)]
struct Pass {
    looked_at: usize,
    visible: usize,
    agreeing: usize,
}

impl Pass {
    fn share(part: usize, of: usize) -> f64 {
        part as f64 / of.max(1) as f64
    }

    fn overlap(&self) -> f64 {
        Self::share(self.visible, self.looked_at)
    }

    fn holds(&self) -> bool {
        self.agreeing * PASSES[0].0 * PASSES[0].0 >= MIN_POINTS
            && self.overlap() >= MIN_OVERLAP
            && Self::share(self.agreeing, self.visible) >= MIN_AGREEING
    }
}

impl Joint<'_> {
    /// Gauss and Newton from a motion that keypoints told; bounded work.
    /// `residuals` is a buffer.
    pub(super) fn align(&self, start: &Isometry3<f64>, residuals: &mut Vec<f64>) -> Aligned {
        let mut motion = *start;
        let mut groups = [Equations::ZERO; GROUPS];
        let (mut scale, mut with_surfaces, mut overlap) = (SCALES.1, true, 0.0);
        let mut settled = false;
        for (pass, &(step, gate)) in PASSES.iter().enumerate() {
            let is_last = settled || pass + 1 == PASSES.len();
            groups = [Equations::ZERO; GROUPS];
            if with_surfaces {
                let found = self.surfaces(&motion, (step, gate), scale, residuals, &mut groups);
                overlap = found.overlap();
                if pass < TRIED && !found.holds() {
                    // The keypoints alone, from where they began.
                    (with_surfaces, motion) = (false, *start);
                    groups = [Equations::ZERO; GROUPS];
                }
                scale = spread(residuals).map_or(scale, |told| told.clamp(SCALES.0, SCALES.1));
            }
            self.keypoints(&motion, &mut groups);
            if is_last {
                break;
            }
            let Some(step) = solved(&sum(&groups)) else {
                break;
            };
            settled = pass >= TRIED && step.norm() < SETTLED;
            motion = stepped(&motion, &step);
        }
        Aligned {
            covariance: covariance(
                &groups,
                &motion,
                if with_surfaces {
                    scale.min(1.0) * self.misfit
                } else {
                    1.0
                },
                self.misfit,
            ),
            now_from_then: motion,
            overlap,
        }
    }

    fn keypoints(&self, motion: &Isometry3<f64>, groups: &mut [Equations; GROUPS]) {
        for (sights, group) in self.parts.iter().zip(groups) {
            group.add(&sights.judge(motion, self.scale).equations);
        }
    }

    /// Adds what surfaces say; `residuals` are in standard deviations afterwards.
    fn surfaces(
        &self,
        motion: &Isometry3<f64>,
        (step, gate): (usize, f64),
        scale: f64,
        residuals: &mut Vec<f64>,
        groups: &mut [Equations; GROUPS],
    ) -> Pass {
        let mut pass = Pass::default();
        residuals.clear();
        // As many as there are cells that one of them stands for.
        let each = (step * step) as f64 / ALIKE_CELLS;
        for element in self.then.every(step) {
            pass.looked_at += 1;
            let Some(pair) = self.pair(element, motion, gate, &mut pass) else {
                continue;
            };
            residuals.push((pair.residual / pair.sigma).abs());
            let sigma = scale * pair.sigma;
            let weight = each / (sigma * sigma + pair.residual * pair.residual);
            let group = &mut groups[HALF + usize::from(pair.part)];
            for column in 0..6 {
                let weighted = weight * pair.derivative[column];
                for row in 0..6 {
                    group.normal[(row, column)] += weighted * pair.derivative[row];
                }
                group.right[column] -= weighted * pair.residual;
            }
        }
        pass
    }

    fn pair(
        &self,
        element: &Element,
        motion: &Isometry3<f64>,
        gate: f64,
        pass: &mut Pass,
    ) -> Option<Pair> {
        let point = motion.rotation * element.point + motion.translation.vector;
        let seen = self.now.at(&point)?;
        pass.visible += 1;
        let off = point - seen.point;
        let near = off.norm_squared() < (gate * point.z).powi(2);
        let alike = (motion.rotation * element.normal).dot(&seen.normal) > ALIKE;
        if !near || !alike {
            return None;
        }
        pass.agreeing += 1;
        let mut derivative = SVector::<f64, 6>::zeros();
        let by_turn = point.cross(&seen.normal);
        derivative.fixed_rows_mut::<3>(0).copy_from(&by_turn);
        derivative.fixed_rows_mut::<3>(3).copy_from(&seen.normal);
        Some(Pair {
            residual: seen.normal.dot(&off),
            derivative,
            sigma: NOISE + NOISE_SQUARED * seen.point.z * seen.point.z,
            part: seen.part,
        })
    }
}

/// Standard deviation of a normal distribution from the median of its absolute
/// values; `None` of too few.
fn spread(residuals: &mut [f64]) -> Option<f64> {
    if residuals.len() < MIN_POINTS / 4 {
        return None;
    }
    let middle = residuals.len() / 2;
    let (_, median, _) = residuals.select_nth_unstable_by(middle, f64::total_cmp);
    Some(1.4826 * *median)
}

fn sum(groups: &[Equations]) -> Equations {
    let mut all = Equations::ZERO;
    groups.iter().for_each(|group| all.add(group));
    all
}

/// The step that equations ask for; `None` where they leave something free.
fn solved(equations: &Equations) -> Option<SVector<f64, 6>> {
    let mut normal = equations.normal;
    (0..6).for_each(|i| normal[(i, i)] += 1e-6 * normal[(i, i)] + 1e-9);
    let step = normal.cholesky()?.solve(&equations.right);
    step.iter().all(|part| part.is_finite()).then_some(step)
}

/// Share of a motion by which stamps and focal lengths may be off.
const OF_MOTION: f64 = 0.02;
/// How many times surer surfaces look than they are where keypoints lie as far as
/// may be from where their depth puts them: depth that is registered to the image
/// badly is wrong alike over whole parts of the picture. Less by the fourth power
/// of how far they lie (a fit to recordings, not a law).
const SYSTEMATIC: f64 = 8.0;

/// Covariance of a motion at which equations are solved.
///
/// What noise makes of it; and what differs from part to part of the picture
/// beyond that, as leaving out one part after the other tells (the jackknife over
/// clusters: R. M. Bell, D. F. McCaffrey, "Bias reduction in standard errors for
/// linear regression with multi-stage samples", Survey Methodology 28(2), 2002).
/// Misregistered depth is wrong alike all over a part.
fn covariance(
    groups: &[Equations; GROUPS],
    motion: &Isometry3<f64>,
    doubt: f64,
    misfit: f64,
) -> Covariance {
    let all = sum(groups);
    let Some(inverse) = all.normal.try_inverse() else {
        return Covariance::identity();
    };
    let whole = inverse * all.right;
    let (points, surfaces) = groups.split_at(HALF);
    let noise = sum(points).normal + sum(surfaces).normal * (SYSTEMATIC * misfit.powi(4));
    let mut covariance = inverse * noise * inverse;
    let used = groups.iter().filter(|group| group.normal.trace() > 0.0);
    let share = 1.0 - 1.0 / used.clone().count().max(1) as f64;
    for group in used {
        let rest = all.normal - group.normal;
        let Some(factor) = rest.cholesky() else {
            continue;
        };
        let off = factor.solve(&(all.right - group.right)) - whole;
        covariance += off * off.transpose() * share;
    }
    let mut of_motion = SVector::<f64, 6>::zeros();
    let turn = motion.rotation.scaled_axis();
    of_motion.fixed_rows_mut::<3>(0).copy_from(&turn);
    covariance += of_motion * of_motion.transpose() * (doubt * OF_MOTION).powi(2);
    of_motion.fill(0.0);
    let step = motion.translation.vector;
    of_motion.fixed_rows_mut::<3>(3).copy_from(&step);
    covariance + of_motion * of_motion.transpose() * (doubt * OF_MOTION).powi(2)
}

#[cfg(test)]
mod tests {
    use nalgebra::{Translation3, UnitQuaternion, Vector3};

    use super::*;
    use crate::geometric::scene::Dense;
    use crate::geometry::{Affine2, Intrinsics};

    const SIZE: (usize, usize) = (160, 120);

    /// What a camera sees of a corner whose three planes lie 1 m to its right, 0.8 m
    /// below and 3 m ahead of where it began.
    fn corner(start_from_camera: &Isometry3<f64>) -> Surface {
        let intrinsics = Intrinsics {
            fx: 120.0,
            fy: 120.0,
            cx: 79.5,
            cy: 59.5,
            width: SIZE.0,
            height: SIZE.1,
        };
        let values = (0..SIZE.0 * SIZE.1).map(|index| {
            let (u, v) = ((index % SIZE.0) as f64, (index / SIZE.0) as f64);
            let ray = Vector3::new((u - 79.5) / 120.0, (v - 59.5) / 120.0, 1.0);
            let along = start_from_camera.rotation * ray;
            let from = start_from_camera.translation.vector;
            let planes = [1.0, 0.8, 3.0].into_iter().enumerate();
            let reached = planes.map(|(axis, end)| (end - from[axis]) / along[axis]);
            let ahead = reached.filter(|depth| *depth > 0.0);
            // In whole millimetres, as files have it.
            (1e3 * ahead.fold(f64::INFINITY, f64::min)).round() as f32 / 1e3
        });
        let values: Vec<f32> = values.collect();
        let mut surface = Surface::default();
        let depth = Dense {
            width: SIZE.0,
            height: SIZE.1,
            values: &values,
            image_from_pixel: Affine2::IDENTITY,
            relative_error: None,
        };
        surface.take(&depth, &intrinsics);
        surface
    }

    fn motion(step: [f64; 3], turn: [f64; 3]) -> Isometry3<f64> {
        Isometry3::from_parts(
            Translation3::from(Vector3::from(step)),
            UnitQuaternion::from_scaled_axis(Vector3::from(turn.map(f64::to_radians))),
        )
    }

    #[test]
    fn a_corner_is_brought_together_to_a_millimetre_by_its_surfaces_alone() {
        let start_from_now = motion([0.08, -0.03, 0.15], [2.0, -5.0, 1.0]);
        let (then, now) = (corner(&Isometry3::identity()), corner(&start_from_now));
        let joint = Joint {
            parts: &Default::default(),
            then: &then,
            now: &now,
            scale: 0.01,
            misfit: 1.0,
        };
        let off = motion([0.02, 0.02, -0.02], [-0.8, 0.8, 0.5]);
        let start = off * start_from_now.inverse();
        let found = joint.align(&start, &mut Vec::new());
        let left = found.now_from_then * start_from_now;
        let (metres, turn) = (left.translation.vector.norm(), left.rotation.angle());
        assert!(metres < 1e-3, "{metres} m off");
        assert!(
            turn.to_degrees() < 0.05,
            "{} degrees off",
            turn.to_degrees()
        );
        assert!(found.overlap > 0.7, "{}", found.overlap);
        let said = found.covariance.fixed_view::<3, 3>(3, 3).trace().sqrt();
        assert!((2e-4..0.02).contains(&said), "says {said} m");
    }

    #[test]
    fn surfaces_of_another_place_are_left_out() {
        let then = corner(&Isometry3::identity());
        let now = corner(&motion([0.0, 0.4, 1.2], [0.0, 40.0, 0.0]));
        let joint = Joint {
            parts: &Default::default(),
            then: &then,
            now: &now,
            scale: 0.01,
            misfit: 1.0,
        };
        let found = joint.align(&Isometry3::identity(), &mut Vec::new());
        assert_eq!(found.now_from_then, Isometry3::identity());
        assert_eq!(found.covariance, Covariance::identity());
    }
}
