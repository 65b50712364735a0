//! Depth.

use super::measures::{Measures, mean};

/// Sums over frames of each frame's measures.
#[derive(Debug, Clone, Default)]
pub(super) struct Depth {
    metric: Sums,
    scaled: Sums,
    known: u64,
    covered: u64,
}

#[derive(Debug, Clone, Default)]
struct Sums {
    frames: u64,
    abs_rel: f64,
    rmse: f64,
    delta_1: f64,
}

impl Depth {
    pub(super) fn add(&mut self, truth: &[f32], predicted: &[f32]) {
        let both = || {
            let pairs = truth.iter().zip(predicted);
            pairs.filter(|(t, p)| **t > 0.0 && !p.is_nan())
        };
        self.known += truth.iter().filter(|t| **t > 0.0).count() as u64;
        let covered = both().count();
        self.covered += covered as u64;
        if covered == 0 {
            return;
        }
        let median = |values: &mut Vec<f32>| {
            let middle = values.len() / 2;
            *values.select_nth_unstable_by(middle, f32::total_cmp).1
        };
        let true_median = median(&mut both().map(|(t, _)| *t).collect());
        let own_median = median(&mut both().map(|(_, p)| *p).collect());
        self.metric.add(both(), 1.0);
        if own_median > 0.0 {
            self.scaled
                .add(both(), f64::from(true_median) / f64::from(own_median));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.metric.merge(&other.metric);
        self.scaled.merge(&other.scaled);
        self.known += other.known;
        self.covered += other.covered;
    }

    pub(super) fn measures(&self) -> Measures {
        let mut values = self.metric.values();
        values.push(("coverage", mean(self.covered as f64, self.known)));
        Measures {
            values,
            median_scaled: self.scaled.values(),
        }
    }
}

impl Sums {
    fn add<'a>(&mut self, pairs: impl Iterator<Item = (&'a f32, &'a f32)>, scale: f64) {
        let (mut relative, mut squared, mut near, mut count) = (0.0, 0.0, 0u64, 0u64);
        for (t, p) in pairs {
            let (t, p) = (f64::from(*t), f64::from(*p) * scale);
            relative += (p - t).abs() / t;
            squared += (p - t) * (p - t);
            near += u64::from(p > 0.0 && (p / t).max(t / p) < 1.25);
            count += 1;
        }
        self.frames += 1;
        self.abs_rel += mean(relative, count);
        self.rmse += mean(squared, count).sqrt();
        self.delta_1 += mean(near as f64, count);
    }

    fn merge(&mut self, other: &Self) {
        self.frames += other.frames;
        self.abs_rel += other.abs_rel;
        self.rmse += other.rmse;
        self.delta_1 += other.delta_1;
    }

    fn values(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("abs_rel", mean(self.abs_rel, self.frames)),
            ("rmse", mean(self.rmse, self.frames)),
            ("delta_1", mean(self.delta_1, self.frames)),
        ]
    }
}
