//! Classes: of the whole picture, and of each pixel.

use super::measures::{Measures, mean};

/// Share of frames whose greatest score is the true class.
#[derive(Debug, Clone, Default)]
pub(super) struct Top1 {
    frames: u64,
    right: u64,
}

impl Top1 {
    /// `None` where the true class has no score. The first of equal scores
    /// counts.
    pub(super) fn add(&mut self, class: usize, scores: &[f32]) -> Option<()> {
        let own = *scores.get(class)?;
        let better = |(other, score): (usize, &f32)| match other < class {
            true => *score >= own,
            false => *score > own,
        };
        let right = !own.is_nan() && !scores.iter().enumerate().any(better);
        self.frames += 1;
        self.right += u64::from(right);
        Some(())
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.frames += other.frames;
        self.right += other.right;
    }

    pub(super) fn measures(&self) -> Measures {
        Measures {
            values: vec![("top1", mean(self.right as f64, self.frames))],
            median_scaled: Vec::new(),
        }
    }
}

/// Most classes of a segmentation; greater numbers count as one more.
const MAX_CLASSES: usize = 256;

/// Intersections and unions per class.
#[derive(Debug, Clone)]
pub(super) struct Segmentation {
    both: Vec<u64>,
    truth: Vec<u64>,
    predicted: Vec<u64>,
    known: u64,
}

impl Default for Segmentation {
    fn default() -> Self {
        Self {
            both: vec![0; MAX_CLASSES + 1],
            truth: vec![0; MAX_CLASSES + 1],
            predicted: vec![0; MAX_CLASSES + 1],
            known: 0,
        }
    }
}

impl Segmentation {
    pub(super) fn add(&mut self, truth: &[f32], predicted: &[f32]) {
        for (t, p) in truth.iter().zip(predicted) {
            if t.is_nan() {
                continue;
            }
            self.known += 1;
            if p.is_nan() {
                continue;
            }
            let (t, p) = (
                (*t as usize).min(MAX_CLASSES),
                (*p as usize).min(MAX_CLASSES),
            );
            self.truth[t] += 1;
            self.predicted[p] += 1;
            self.both[t] += u64::from(t == p);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let add = |all: &mut [u64], one: &[u64]| {
            all.iter_mut().zip(one).for_each(|(all, one)| *all += one);
        };
        add(&mut self.both, &other.both);
        add(&mut self.truth, &other.truth);
        add(&mut self.predicted, &other.predicted);
        self.known += other.known;
    }

    pub(super) fn measures(&self) -> Measures {
        let (mut sum, mut classes) = (0.0, 0u64);
        for class in 0..=MAX_CLASSES {
            let union = self.truth[class] + self.predicted[class] - self.both[class];
            if union > 0 {
                sum += self.both[class] as f64 / union as f64;
                classes += 1;
            }
        }
        let right: u64 = self.both.iter().sum();
        let covered: u64 = self.truth.iter().sum();
        Measures {
            values: vec![
                ("miou", mean(sum, classes)),
                ("pixel_accuracy", mean(right as f64, covered)),
                ("coverage", mean(covered as f64, self.known)),
            ],
            median_scaled: Vec::new(),
        }
    }
}
