//! A median of a stream.

/// Relative width of a bin.
const WIDTH: f64 = 2e-4;
/// Smallest magnitude told from 0, and the greatest told apart.
const RANGE: (f64, f64) = (1e-5, 1e5);

/// Medians of a stream to two parts in ten thousand, exact where the values of
/// a bin are equal: counts and sums over bins of logarithmic width.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    /// Negative bins falling, zero, positive bins rising; empty until used.
    bins: Vec<(u64, f64)>,
    count: u64,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self {
            bins: Vec::new(),
            count: 0,
        }
    }

    fn side() -> usize {
        ((RANGE.1 / RANGE.0).ln() / WIDTH) as usize + 2
    }

    pub(super) fn add(&mut self, value: f32) {
        if value.is_nan() {
            return;
        }
        let side = Self::side();
        if self.bins.is_empty() {
            self.bins = vec![(0, 0.0); 2 * side + 1];
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
        self.bins[bin].0 += 1;
        self.bins[bin].1 += value;
        self.count += 1;
    }

    /// Mean of the middle value's bin.
    pub(super) fn median(&self) -> Option<f64> {
        let mut below = 0;
        for (count, sum) in &self.bins {
            below += count;
            if 2 * below >= self.count && *count > 0 {
                return Some(sum / *count as f64);
            }
        }
        None
    }
}
