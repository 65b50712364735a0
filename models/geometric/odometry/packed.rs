//! Sights side by side: what a motion makes of eight of them at once.

use nalgebra::{Isometry3, Matrix3, SMatrix, Vector3};
use pulp::{Arch, Simd, WithSimd};

use super::inverse_depth::Sight;
use super::refine::Equations;

/// Sights of a block.
const LANES: usize = 8;
/// Blocks whose costs are multiplied before a logarithm is taken: 401 to the
/// power of this many is a finite `f64`.
const FACTORS: usize = 64;
/// Greatest squared residual of a sight that costs more than a smaller one, in
/// squared scales; what lies behind the camera costs as much.
const MOST: f64 = 400.0;
/// Entries of the upper triangle of a symmetric matrix of six rows, and those of
/// the right side.
const SUMS: usize = 21 + 6;

type Lanes = [f64; LANES];

/// Eight sights; places that are left over hold zeros.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    ray: [Lanes; 2],
    seen: [Lanes; 2],
    inverse: Lanes,
    sigma: Lanes,
    /// 1 where there is a sight, 0 where none is.
    there: Lanes,
}

/// Sights in blocks; the buffer is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed {
    blocks: Vec<Block>,
}

/// What a motion makes of sights.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    /// Normal equations with Cauchy's weights, in units of the scale.
    pub(super) equations: Equations,
    /// Sum of Cauchy's costs.
    pub(super) cost: f64,
}

impl Packed {
    /// With memory for so many sights.
    pub(super) fn with_capacity(most: usize) -> Self {
        Self {
            blocks: Vec::with_capacity(most.div_ceil(LANES)),
        }
    }

    /// Takes sights in; what stood here is lost.
    pub(super) fn pack<'a>(&mut self, sights: impl Iterator<Item = &'a Sight>) {
        self.blocks.clear();
        for (index, sight) in sights.enumerate() {
            let lane = index % LANES;
            if lane == 0 {
                self.blocks.push(Block::default());
            }
            if let Some(block) = self.blocks.last_mut() {
                (block.ray[0][lane], block.ray[1][lane]) = (sight.ray.x, sight.ray.y);
                (block.seen[0][lane], block.seen[1][lane]) = (sight.seen.x, sight.seen.y);
                block.inverse[lane] = sight.inverse.value;
                block.sigma[lane] = sight.inverse.sigma;
                block.there[lane] = 1.0;
            }
        }
    }

    /// Equations and cost of all sights at a motion, where one is seen as well as
    /// `scale` on the plane z = 1. The bits are the same on every processor: each
    /// lane has sums of its own, and nothing is fused.
    pub(super) fn judge(&self, motion: &Isometry3<f64>, scale: f64) -> Judged {
        Arch::new().dispatch(self.judging(motion, scale))
    }

    fn judging(&self, motion: &Isometry3<f64>, scale: f64) -> Judge<'_> {
        Judge {
            blocks: &self.blocks,
            turn: *motion.rotation.to_rotation_matrix().matrix(),
            step: motion.translation.vector,
            squared_scale: scale * scale,
        }
    }
}

/// One pass over blocks, compiled for each width of vectors.
struct Judge<'a> {
    blocks: &'a [Block],
    turn: Matrix3<f64>,
    step: Vector3<f64>,
    squared_scale: f64,
}

impl WithSimd for Judge<'_> {
    type Output = Judged;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Judged {
        let mut sums = [[0.0; LANES]; SUMS];
        let mut cost = 0.0;
        for blocks in self.blocks.chunks(FACTORS) {
            let mut factors = [1.0; LANES];
            for block in blocks {
                self.add(block, &mut sums, &mut factors);
            }
            cost += factors.iter().map(|factor| factor.ln()).sum::<f64>();
        }
        let mut totals = sums.iter().map(|lanes| lanes.iter().sum::<f64>());
        let mut equations = Equations::ZERO;
        for row in 0..6 {
            for (column, total) in (row..6).zip(&mut totals) {
                equations.normal[(row, column)] = total;
                equations.normal[(column, row)] = total;
            }
        }
        equations.right = SMatrix::from_iterator(totals);
        Judged { equations, cost }
    }
}

impl Judge<'_> {
    /// Adds one block. As in `Sight::project` and `Projected::information`, of
    /// which this is the product, lane by lane.
    #[inline(always)]
    fn add(&self, block: &Block, sums: &mut [Lanes; SUMS], factors: &mut Lanes) {
        let (turn, step, squared_scale) = (&self.turn, &self.step, self.squared_scale);
        for lane in 0..LANES {
            let (u, v, inverse) = (block.ray[0][lane], block.ray[1][lane], block.inverse[lane]);
            let along = |row: usize| {
                turn[(row, 0)] * u + turn[(row, 1)] * v + turn[(row, 2)] + step[row] * inverse
            };
            let depth = along(2);
            // NaN goes on, and ends the descent.
            let behind = depth < 1e-3;
            let by_z = if behind { 0.0 } else { 1.0 / depth };
            let (x, y) = (along(0) * by_z, along(1) * by_z);
            let (off_x, off_y) = (x - block.seen[0][lane], y - block.seen[1][lane]);
            // What an error of the depth does, and how much of it that explains.
            let (far_x, far_y) = ((step.x - x * step.z) * by_z, (step.y - y * step.z) * by_z);
            let variance = block.sigma[lane] * block.sigma[lane];
            let share = variance / (squared_scale + variance * (far_x * far_x + far_y * far_y));
            let explained = far_x * off_x + far_y * off_y;
            let squared =
                (off_x * off_x + off_y * off_y - share * explained * explained) / squared_scale;
            let there = block.there[lane];
            let is_near = !behind && squared < MOST;
            let counted = if is_near { squared } else { MOST };
            factors[lane] *= 1.0 + there * counted;
            let weight = if behind {
                0.0
            } else {
                there / ((1.0 + squared) * squared_scale)
            };
            let xx = weight * (1.0 - share * far_x * far_x);
            let xy = -weight * (share * far_x * far_y);
            let yy = weight * (1.0 - share * far_y * far_y);
            let by_step = by_z * inverse;
            let of_x = [-x * y, 1.0 + x * x, -y, by_step, 0.0, -x * by_step];
            let of_y = [-1.0 - y * y, x * y, x, 0.0, by_step, -y * by_step];
            let mut next = 0;
            for row in 0..6 {
                let weighted_x = xx * of_x[row] + xy * of_y[row];
                let weighted_y = xy * of_x[row] + yy * of_y[row];
                for column in row..6 {
                    sums[next][lane] += weighted_x * of_x[column] + weighted_y * of_y[column];
                    next += 1;
                }
                sums[21 + row][lane] -= weighted_x * off_x + weighted_y * off_y;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{Matrix2x3, SVector, Translation3, UnitQuaternion, Vector2};

    use super::super::inverse_depth::InverseDepth;
    use super::*;
    use crate::rng::Rng;

    fn sights(count: usize) -> Vec<Sight> {
        let mut rng = Rng::from_state(3);
        let mut within = |low, high| f64::from(rng.uniform_between(low, high));
        let sight = |_| Sight {
            ray: Vector2::new(within(-0.8, 0.8), within(-0.6, 0.6)),
            inverse: InverseDepth {
                // Some of them lie behind the camera that moves on by a metre.
                value: within(0.1, 1.5),
                sigma: within(0.001, 0.3),
            },
            seen: Vector2::new(within(-0.8, 0.8), within(-0.6, 0.6)),
        };
        (0..count).map(sight).collect()
    }

    /// What one sight adds, as the formulas have it; `None` behind the camera.
    fn one(sight: &Sight, motion: &Isometry3<f64>, scale: f64) -> Option<(Equations, f64)> {
        let projected = sight.project(motion)?;
        let information = projected.information(sight.inverse.sigma, scale) / (scale * scale);
        let residual = projected.residual;
        let squared = residual.dot(&(information * residual));
        let point =
            motion.rotation * sight.ray.push(1.0) + motion.translation.vector * sight.inverse.value;
        let (x, y, by_z) = (point.x / point.z, point.y / point.z, 1.0 / point.z);
        let by_point = Matrix2x3::new(by_z, 0.0, -x * by_z, 0.0, by_z, -y * by_z);
        let mut derivative = SMatrix::<f64, 2, 6>::zeros();
        let by_turn = -by_point * point.cross_matrix();
        derivative.fixed_view_mut::<2, 3>(0, 0).copy_from(&by_turn);
        let by_step = by_point * sight.inverse.value;
        derivative.fixed_view_mut::<2, 3>(0, 3).copy_from(&by_step);
        let weighted = derivative.transpose() * (information / (1.0 + squared));
        let equations = Equations {
            normal: weighted * derivative,
            right: -weighted * residual,
        };
        Some((equations, squared.min(MOST).ln_1p()))
    }

    #[test]
    fn sights_side_by_side_are_judged_as_one_after_the_other() {
        let motion = Isometry3::from_parts(
            Translation3::new(0.1, -0.05, -1.0),
            UnitQuaternion::from_scaled_axis(Vector3::new(0.02, 0.1, -0.05)),
        );
        let scale = 0.004;
        for count in [0, 1, 8, 13, 700] {
            let sights = sights(count);
            let mut packed = Packed::default();
            packed.pack(sights.iter());
            let got = packed.judge(&motion, scale);
            let narrow = pulp::Scalar.vectorize(packed.judging(&motion, scale));
            assert_eq!(got.cost.to_bits(), narrow.cost.to_bits());
            assert_eq!(got.equations.normal, narrow.equations.normal);
            assert_eq!(got.equations.right, narrow.equations.right);
            let mut wanted = (Equations::ZERO, 0.0);
            let mut behind = 0;
            for sight in &sights {
                match one(sight, &motion, scale) {
                    Some((equations, cost)) => {
                        wanted.0.add(&equations);
                        wanted.1 += cost;
                    }
                    None => {
                        wanted.1 += MOST.ln_1p();
                        behind += 1;
                    }
                }
            }
            assert!(count < 700 || behind > 10, "{behind} lie behind");
            let near = |got: f64, wanted: f64, size: f64| (got - wanted).abs() <= 1e-9 * size;
            assert!(
                near(got.cost, wanted.1, wanted.1.max(1.0)),
                "{} {}",
                got.cost,
                wanted.1
            );
            let (normal, right) = (wanted.0.normal, wanted.0.right);
            let off = got.equations.normal - normal;
            assert!(near(off.norm(), 0.0, normal.norm().max(1.0)), "{off}");
            let off: SVector<f64, 6> = got.equations.right - right;
            assert!(near(off.norm(), 0.0, right.norm().max(1.0)), "{off}");
        }
    }
}
