//! Edges.

use super::measures::{Measures, mean};
use super::window::within;
use crate::dataset::Label;

/// Thresholds that are tried: 1/STEPS, 2/STEPS, ….
const STEPS: usize = 50;
/// The least of them.
pub(super) const MIN_THRESHOLD: f32 = 1.0 / STEPS as f32;
/// Greatest distance of a hit from its edge, as a share of the diagonal.
const TOLERANCE: f64 = 0.0075;

/// Hits at every threshold, and the mean absolute difference.
#[derive(Debug, Clone)]
pub(super) struct Edges {
    /// Predicted pixels near a true edge, and all, by their strength.
    right: [u64; STEPS + 1],
    predicted: [u64; STEPS + 1],
    /// True edge pixels by the greatest strength predicted near them.
    found: [u64; STEPS + 1],
    truth: u64,
    sum: f64,
    count: u64,
    known: u64,
}

impl Default for Edges {
    fn default() -> Self {
        Self {
            right: [0; STEPS + 1],
            predicted: [0; STEPS + 1],
            found: [0; STEPS + 1],
            truth: 0,
            sum: 0.0,
            count: 0,
            known: 0,
        }
    }
}

impl Edges {
    pub(super) fn add(&mut self, truth: &Label, predicted: &[f32]) {
        let (width, height) = (truth.width, truth.height);
        let diagonal = ((width * width + height * height) as f64).sqrt();
        let reach = (TOLERANCE * diagonal).round().max(1.0) as usize;
        let edge_near = within(&truth.values, width, reach, f32::max);
        let strength_near = within(predicted, width, reach, f32::max);
        for (pixel, (t, p)) in truth.values.iter().zip(predicted).enumerate() {
            if t.is_nan() {
                continue;
            }
            self.known += 1;
            if p.is_nan() {
                continue;
            }
            self.sum += f64::from((t - p).abs());
            self.count += 1;
            let step = step(*p);
            self.predicted[step] += 1;
            self.right[step] += u64::from(edge_near[pixel] >= 0.5);
            if *t >= 0.5 {
                self.truth += 1;
                self.found[self::step(strength_near[pixel])] += 1;
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (all, one) in [
            (&mut self.right, &other.right),
            (&mut self.predicted, &other.predicted),
            (&mut self.found, &other.found),
        ] {
            all.iter_mut().zip(one).for_each(|(all, one)| *all += one);
        }
        self.truth += other.truth;
        self.sum += other.sum;
        self.count += other.count;
        self.known += other.known;
    }

    /// F1 at each threshold, strongest first: every predicted pixel must lie
    /// near a true edge, every true edge pixel near a predicted one.
    fn best(&self) -> (f64, f64) {
        let (mut right, mut predicted, mut found) = (0u64, 0u64, 0u64);
        let mut best = (f64::NAN, f64::NAN);
        for step in (1..=STEPS).rev() {
            right += self.right[step];
            predicted += self.predicted[step];
            found += self.found[step];
            let precision = mean(right as f64, predicted);
            let recall = mean(found as f64, self.truth);
            let f1 = 2.0 * precision * recall / (precision + recall);
            let f1 = if precision + recall == 0.0 { 0.0 } else { f1 };
            if f1 > best.0 || best.0.is_nan() {
                best = (f1, step as f64 / STEPS as f64);
            }
        }
        // No pixel at any threshold finds nothing.
        if best.0.is_nan() && self.truth > 0 {
            best.0 = 0.0;
        }
        best
    }

    pub(super) fn measures(&self) -> Measures {
        let (f1, threshold) = self.best();
        Measures {
            values: vec![
                ("f1", f1),
                ("f1_threshold", threshold),
                ("l1", mean(self.sum, self.count)),
                ("coverage", mean(self.count as f64, self.known)),
            ],
            median_scaled: Vec::new(),
        }
    }
}

fn step(strength: f32) -> usize {
    // NaN becomes 0.
    ((strength * STEPS as f32) as usize).min(STEPS)
}
