//! AdamW (Loshchilov and Hutter, 2019), with a mean of the weights over the
//! last steps.

/// How a network is moved towards less loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Greatest step of a weight.
    pub(crate) rate: f32,
    /// Share of itself that a weight loses per unit of rate.
    pub(crate) decay: f32,
    /// Steps in all.
    pub(crate) steps: usize,
    /// Steps over which the rate rises from 0.
    pub(crate) rise: usize,
}

impl Pace {
    /// The rate at a step: rises, then falls along half a cosine.
    fn at(&self, step: usize) -> f32 {
        let rise = ((step + 1) as f32 / self.rise.max(1) as f32).min(1.0);
        let done = step as f32 / self.steps.max(1) as f32;
        let fall = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
        self.rate * rise * (0.01 + 0.99 * fall)
    }
}

/// The state of the optimiser.
#[derive(Debug, Clone)]
pub(crate) struct AdamW {
    pace: Pace,
    step: usize,
    first: Vec<f32>,
    second: Vec<f32>,
    /// Mean of the weights, the newest heaviest.
    mean: Vec<f32>,
}

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.99;
/// Longest memory of the mean of the weights, as a share kept per step.
const MEAN_KEPT: f32 = 0.98;
/// Longest slope of all weights together.
const LONGEST: f32 = 2.0;

impl AdamW {
    pub(crate) fn new(pace: Pace, weights: &[f32]) -> Self {
        Self {
            pace,
            step: 0,
            first: vec![0.0; weights.len()],
            second: vec![0.0; weights.len()],
            mean: weights.to_vec(),
        }
    }

    /// One step down the slope.
    pub(crate) fn step(&mut self, weights: &mut [f32], slope: &[f32]) {
        let rate = self.pace.at(self.step);
        self.step += 1;
        let length = slope
            .iter()
            .map(|s| f64::from(*s).powi(2))
            .sum::<f64>()
            .sqrt() as f32;
        if !length.is_finite() {
            return;
        }
        let shorten = (LONGEST / length.max(1e-12)).min(1.0);
        let (bias1, bias2) = (
            1.0 - BETA1.powi(self.step as i32),
            1.0 - BETA2.powi(self.step as i32),
        );
        let kept = MEAN_KEPT.min((self.step as f32) / (self.step as f32 + 10.0));
        let moments = self.first.iter_mut().zip(&mut self.second);
        let state = moments.zip(&mut self.mean);
        for ((weight, slope), ((first, second), mean)) in weights.iter_mut().zip(slope).zip(state) {
            let slope = slope * shorten;
            *first = BETA1 * *first + (1.0 - BETA1) * slope;
            *second = BETA2 * *second + (1.0 - BETA2) * slope * slope;
            let toward = (*first / bias1) / ((*second / bias2).sqrt() + 1e-8);
            *weight -= rate * (toward + self.pace.decay * *weight);
            *mean = kept * *mean + (1.0 - kept) * *weight;
        }
    }

    /// The mean of the weights over the last steps.
    pub(crate) fn mean(&self) -> &[f32] {
        &self.mean
    }
}
