//! Whether edges in depth are smeared.

use super::measures::{Measures, mean};
use super::window::within;
use crate::dataset::Label;

/// Neighbouring depths whose ratio is greater are two surfaces.
const STEP_RATIO: f32 = 1.1;
/// Least ratio between the depths of the two sides that is measured.
const SIDES_RATIO: f32 = 1.15;
/// How near a side's depth the truth must be to lie on that side, as a share of
/// the step (in logarithms).
const ON_SIDE: f32 = 0.1;
/// How near a side's depth the prediction must be: nearer to it than to the
/// middle between the sides.
const NEAR_SIDE: f32 = 0.25;

/// Depth near true occlusion edges.
///
/// Looked at are the pixels within two cells of the output of a step in true
/// depth of more than 10 %, whose own true depth is that of one of the two
/// sides (the nearest and the farthest depth within that distance). With the
/// prediction scaled to the truth's median and depths in logarithms,
/// `edge_sharpness` is the share of them whose prediction is nearer to their own
/// side than to the middle between the sides. A prediction that ramps over the
/// edge reaches about a half, one as sharp as its cells allow nearly 1; a
/// constant some share by chance. `edge_abs_rel` is AbsRel over the same pixels.
#[derive(Debug, Clone, Default)]
pub struct Sharpness {
    sharp: u64,
    count: u64,
    relative: f64,
}

impl Sharpness {
    /// Adds a frame of depth; `cell` is the side of one cell of the output in
    /// pixels of the label.
    pub fn add(&mut self, truth: &Label, predicted: &[f32], cell: f64) {
        if truth.channels != 1 || predicted.len() != truth.values.len() {
            return;
        }
        let reach = (2.0 * cell).round().max(1.0) as usize;
        let Some(scale) = median_ratio(&truth.values, predicted) else {
            return;
        };
        let (near, far) = sides(truth, reach);
        let step_near = steps(truth, reach);
        for (pixel, (t, p)) in truth.values.iter().zip(predicted).enumerate() {
            let (near, far) = (near[pixel], far[pixel]);
            if !step_near[pixel] || t.is_nan() || p.is_nan() || far < near * SIDES_RATIO {
                continue;
            }
            let place = |depth: f32| (depth / near).ln() / (far / near).ln();
            let own = place(*t);
            if own > ON_SIDE && own < 1.0 - ON_SIDE {
                continue;
            }
            let scaled = p * scale;
            // A depth of 0 or less lies before every surface.
            let said = if scaled > 0.0 {
                place(scaled)
            } else {
                f32::NEG_INFINITY
            };
            let sharp = match own < 0.5 {
                true => said < NEAR_SIDE,
                false => said > 1.0 - NEAR_SIDE,
            };
            self.sharp += u64::from(sharp);
            self.count += 1;
            self.relative += f64::from((scaled - t).abs() / t);
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.sharp += other.sharp;
        self.count += other.count;
        self.relative += other.relative;
    }

    /// `edge_sharpness` and `edge_abs_rel`.
    #[must_use]
    pub fn measures(&self) -> Measures {
        Measures {
            values: vec![
                ("edge_sharpness", mean(self.sharp as f64, self.count)),
                ("edge_abs_rel", mean(self.relative, self.count)),
            ],
            median_scaled: Vec::new(),
        }
    }
}

fn median_ratio(truth: &[f32], predicted: &[f32]) -> Option<f32> {
    let pairs = || {
        truth
            .iter()
            .zip(predicted)
            .filter(|(t, p)| **t > 0.0 && !p.is_nan())
    };
    let mut truths: Vec<f32> = pairs().map(|(t, _)| *t).collect();
    let mut predictions: Vec<f32> = pairs().map(|(_, p)| *p).collect();
    if truths.is_empty() {
        return None;
    }
    let middle = truths.len() / 2;
    let truth = *truths.select_nth_unstable_by(middle, f32::total_cmp).1;
    let own = *predictions.select_nth_unstable_by(middle, f32::total_cmp).1;
    (own > 0.0).then(|| truth / own)
}

/// Least and greatest known depth within `reach` pixels.
fn sides(truth: &Label, reach: usize) -> (Vec<f32>, Vec<f32>) {
    // f32's min and max take the other value where one is NaN.
    (
        within(&truth.values, truth.width, reach, f32::min),
        within(&truth.values, truth.width, reach, f32::max),
    )
}

/// Whether a step lies within `reach` pixels.
fn steps(truth: &Label, reach: usize) -> Vec<bool> {
    let (width, depths) = (truth.width, &truth.values);
    let is_step = |a: f32, b: f32| a > b * STEP_RATIO || b > a * STEP_RATIO;
    let step = |pixel: usize| {
        let right = pixel % width + 1 < width && is_step(depths[pixel], depths[pixel + 1]);
        let below = depths
            .get(pixel + width)
            .is_some_and(|below| is_step(depths[pixel], *below));
        if right || below { 1.0 } else { 0.0 }
    };
    let steps: Vec<f32> = (0..depths.len()).map(step).collect();
    let near = within(&steps, width, reach, f32::max);
    near.into_iter().map(|near| near > 0.0).collect()
}
