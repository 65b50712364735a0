//! A weighted median of a stream.

/// Relative width of a bin.
const WIDTH: f64 = 2e-4;
/// Smallest magnitude told from 0, and the greatest told apart.
const RANGE: (f64, f64) = (1e-5, 1e5);

/// Medians of a stream to two parts in ten thousand, exact where the values of
/// a bin are equal: weights and weighted sums over bins of logarithmic width.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    /// Negative bins falling, zero, positive bins rising; empty until used.
    bins: Vec<(f64, f64)>,
    weight: f64,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self {
            bins: Vec::new(),
            weight: 0.0,
        }
    }

    fn side() -> usize {
        ((RANGE.1 / RANGE.0).ln() / WIDTH) as usize + 2
    }

    /// Adds a value that counts `weight` times; NaN counts nowhere.
    pub(super) fn add(&mut self, value: f32, weight: f64) {
        if value.is_nan() {
            return;
        }
        let side = Self::side();
        if self.bins.is_empty() {
            self.bins = vec![(0.0, 0.0); 2 * side + 1];
        }
        let value = f64::from(value);
        let magnitude = value.abs().min(RANGE.1);
        let bin = if magnitude < RANGE.0 {
            side
        } else {
            let offset = ((magnitude / RANGE.0).ln() / WIDTH) as usize + 1;
            if value > 0.0 {
                side + offset
            } else {
                side - offset
            }
        };
        self.bins[bin].0 += weight;
        self.bins[bin].1 += weight * value;
        self.weight += weight;
    }

    /// Mean of the middle value's bin.
    pub(super) fn median(&self) -> Option<f64> {
        let mut below = 0.0;
        // Sums of weights in another order differ in their last digits.
        let half = 0.5 * self.weight * (1.0 - 1e-12);
        for (weight, sum) in &self.bins {
            below += weight;
            if below >= half && *weight > 0.0 {
                return Some(sum / weight);
            }
        }
        None
    }
}
