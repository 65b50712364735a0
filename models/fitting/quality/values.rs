//! Any other value per pixel.

use super::measures::{Measures, mean};

/// Mean absolute difference over pixels and channels.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    sum: f64,
    count: u64,
    known: u64,
}

impl Values {
    pub(super) fn add(&mut self, truth: &[f32], predicted: &[f32]) {
        for (t, p) in truth.iter().zip(predicted) {
            if t.is_nan() {
                continue;
            }
            self.known += 1;
            if !p.is_nan() {
                self.sum += f64::from((t - p).abs());
                self.count += 1;
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.count += other.count;
        self.known += other.known;
    }

    pub(super) fn measures(&self) -> Measures {
        Measures {
            values: vec![
                ("l1", mean(self.sum, self.count)),
                ("coverage", mean(self.count as f64, self.known)),
            ],
            median_scaled: Vec::new(),
        }
    }
}
