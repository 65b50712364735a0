//! Surface normals.

use super::measures::{Measures, mean};

/// Bins of the histogram that the median is read from: a hundredth of a degree.
const BINS: usize = 18_000;
const BINS_PER_DEGREE: f64 = 100.0;

/// Angles between true and predicted directions.
#[derive(Debug, Clone, Default)]
pub(super) struct Normals {
    /// Empty until the first angle.
    histogram: Vec<u64>,
    sum_deg: f64,
    count: u64,
    within: [u64; 3],
    known: u64,
}

const WITHIN_DEG: [f64; 3] = [11.25, 22.5, 30.0];

impl Normals {
    pub(super) fn add(&mut self, truth: &[f32], predicted: &[f32]) {
        let plane = truth.len() / 3;
        let at = |values: &[f32], pixel: usize| -> [f64; 3] {
            std::array::from_fn(|axis| f64::from(values[axis * plane + pixel]))
        };
        if self.histogram.is_empty() {
            self.histogram = vec![0; BINS + 1];
        }
        for pixel in 0..plane {
            let (t, p) = (at(truth, pixel), at(predicted, pixel));
            if t[0].is_nan() {
                continue;
            }
            self.known += 1;
            if let Some(angle) = angle_deg(t, p) {
                self.add_angle(angle);
            }
        }
    }

    fn add_angle(&mut self, angle_deg: f64) {
        let bin = (angle_deg * BINS_PER_DEGREE) as usize;
        self.histogram[bin.min(BINS)] += 1;
        self.sum_deg += angle_deg;
        self.count += 1;
        for (within, limit) in self.within.iter_mut().zip(WITHIN_DEG) {
            *within += u64::from(angle_deg < limit);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.histogram.is_empty() {
            self.histogram = other.histogram.clone();
        } else {
            let pairs = self.histogram.iter_mut().zip(&other.histogram);
            pairs.for_each(|(all, one)| *all += one);
        }
        self.sum_deg += other.sum_deg;
        self.count += other.count;
        self.known += other.known;
        let pairs = self.within.iter_mut().zip(other.within);
        pairs.for_each(|(all, one)| *all += one);
    }

    pub(super) fn measures(&self) -> Measures {
        let share = |count: u64| mean(count as f64, self.count);
        Measures {
            values: vec![
                ("mean_deg", mean(self.sum_deg, self.count)),
                ("median_deg", self.median_deg()),
                ("within_11_25", share(self.within[0])),
                ("within_22_5", share(self.within[1])),
                ("within_30", share(self.within[2])),
                ("coverage", mean(self.count as f64, self.known)),
            ],
            median_scaled: Vec::new(),
        }
    }

    /// Interpolated within its bin: exact to a hundredth of a degree.
    fn median_deg(&self) -> f64 {
        let half = self.count as f64 / 2.0;
        let mut below = 0.0;
        for (bin, count) in self.histogram.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && below + count >= half {
                return (bin as f64 + (half - below) / count) / BINS_PER_DEGREE;
            }
            below += count;
        }
        f64::NAN
    }
}

/// Angle between two directions of any length; `None` where one is none.
pub(super) fn angle_deg(a: [f64; 3], b: [f64; 3]) -> Option<f64> {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let cross = [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ];
    let sine = cross.iter().map(|x| x * x).sum::<f64>().sqrt();
    // More exact than the arc cosine where the angle is small.
    let angle = sine.atan2(dot).to_degrees();
    (angle.is_finite() && (sine > 0.0 || dot != 0.0)).then_some(angle)
}
