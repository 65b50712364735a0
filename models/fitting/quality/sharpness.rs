//! The sharpness of edges in depth.

use super::measures::{Measures, mean};
use crate::dataset::Label;

/// Least ratio between neighbouring depths that is a step.
const STEP_RATIO: f32 = 1.15;
/// Greatest ratio of the truth between a side's edge and the place where the
/// side is looked at: beyond, that is another surface.
const SIDE_RATIO: f32 = 1.08;
/// Widest gap of unknown pixels between the two sides, as a share of the width.
const MAX_GAP: f64 = 0.03;

/// The share of a step in depth that a prediction makes right at the step.
///
/// At every true step (depths of neighbouring known pixels in a row or column
/// that differ by more than 15 %, or of pixels on both sides of a narrow gap)
/// truth and prediction are looked at one cell of the output before the step and
/// one behind it. `edge_sharpness` is the sum of the predicted jumps there over
/// the sum of the true ones, both in logarithms, so that scale does not matter:
/// 1 where edges are as sharp as cells allow, about a half for a ramp over two
/// cells to each side, 0 for a constant. `edge_abs_rel` is AbsRel at those places.
#[derive(Debug, Clone, Default)]
pub struct Sharpness {
    true_jumps: f64,
    predicted_jumps: f64,
    relative: f64,
    count: u64,
}

impl Sharpness {
    /// Adds a frame of depth; `cell` is the side of one cell of the output in
    /// pixels of the label.
    pub fn add(&mut self, truth: &Label, predicted: &[f32], cell: f64) {
        if truth.channels != 1 || predicted.len() != truth.values.len() {
            return;
        }
        let reach = cell.round().max(1.0) as usize;
        let gap = ((truth.width as f64 * MAX_GAP) as usize).max(1);
        let (width, height) = (truth.width, truth.height);
        for row in 0..height {
            let line = |i: usize| row * width + i;
            self.add_line(&truth.values, predicted, (width, reach, gap), line);
        }
        for column in 0..width {
            let line = |i: usize| i * width + column;
            self.add_line(&truth.values, predicted, (height, reach, gap), line);
        }
    }

    /// Steps along one row or column; `at` is the pixel of each place on it.
    fn add_line(
        &mut self,
        truth: &[f32],
        predicted: &[f32],
        (length, reach, gap): (usize, usize, usize),
        at: impl Fn(usize) -> usize,
    ) {
        let mut last: Option<usize> = None;
        for place in 0..length {
            let depth = truth[at(place)];
            if depth.is_nan() {
                continue;
            }
            if let Some(before) = last.replace(place)
                && place - before <= gap
                && ratio(depth, truth[at(before)]) > STEP_RATIO
                && before >= reach
                && place + reach < length
            {
                let (a, b) = (at(before - reach), at(place + reach));
                let same = ratio(truth[a], truth[at(before)]) < SIDE_RATIO
                    && ratio(truth[b], depth) < SIDE_RATIO;
                if same {
                    self.add_step((truth[a], truth[b]), (predicted[a], predicted[b]));
                }
            }
        }
    }

    fn add_step(&mut self, truth: (f32, f32), predicted: (f32, f32)) {
        // Whatever is not above 0 is no depth (or not known).
        if !(predicted.0 > 0.0 && predicted.1 > 0.0) {
            return;
        }
        let jump = f64::from(truth.1 / truth.0).ln();
        self.true_jumps += jump.abs();
        self.predicted_jumps += f64::from(predicted.1 / predicted.0).ln() * jump.signum();
        for (t, p) in [(truth.0, predicted.0), (truth.1, predicted.1)] {
            self.relative += f64::from((p - t).abs() / t);
            self.count += 1;
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.true_jumps += other.true_jumps;
        self.predicted_jumps += other.predicted_jumps;
        self.relative += other.relative;
        self.count += other.count;
    }

    /// `edge_sharpness` and `edge_abs_rel`.
    #[must_use]
    pub fn measures(&self) -> Measures {
        Measures {
            values: vec![
                ("edge_sharpness", self.predicted_jumps / self.true_jumps),
                ("edge_abs_rel", mean(self.relative, self.count)),
            ],
            median_scaled: Vec::new(),
        }
    }
}

/// The greater over the smaller; NaN where one is unknown.
fn ratio(a: f32, b: f32) -> f32 {
    if a > b { a / b } else { b / a }
}
