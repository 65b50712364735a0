//! AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR
//! 2019), with an exponential moving average of the weights.

/// Exponential decay of the first moment.
const BETA1: f32 = 0.9;
/// Exponential decay of the second moment.
const BETA2: f32 = 0.99;
/// Share of the moving average of the weights that a step keeps, once there
/// were steps enough.
const EMA_DECAY: f32 = 0.98;
/// Norm to which the gradient of all weights together is clipped.
const MAX_GRAD_NORM: f32 = 2.0;

/// The learning rate over the steps, and the weight decay beside it: a linear
/// warm-up, then half a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017) down
/// to a hundredth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LrSchedule {
    /// Greatest step of a weight.
    pub(crate) learning_rate: f32,
    /// Share of itself that a weight loses per unit of learning rate.
    pub(crate) weight_decay: f32,
    /// Steps in all.
    pub(crate) steps: usize,
    /// Steps over which the learning rate rises from 0.
    pub(crate) warmup_steps: usize,
}

impl LrSchedule {
    /// The learning rate at a step, counted from 0.
    fn learning_rate_at(&self, step: usize) -> f32 {
        let warmup = ((step + 1) as f32 / self.warmup_steps.max(1) as f32).min(1.0);
        let done = step as f32 / self.steps.max(1) as f32;
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
        self.learning_rate * warmup * (0.01 + 0.99 * cosine)
    }
}

/// The state of the optimiser.
#[derive(Debug, Clone)]
pub(crate) struct AdamW {
    schedule: LrSchedule,
    step: usize,
    /// Moving average of the gradient.
    first: Vec<f32>,
    /// Moving average of its square.
    second: Vec<f32>,
    /// Moving average of the weights.
    average: Vec<f32>,
}

impl AdamW {
    pub(crate) fn new(schedule: LrSchedule, weights: &[f32]) -> Self {
        Self {
            schedule,
            step: 0,
            first: vec![0.0; weights.len()],
            second: vec![0.0; weights.len()],
            average: weights.to_vec(),
        }
    }

    /// Takes one step down the gradient; none where it is not finite.
    pub(crate) fn step(&mut self, weights: &mut [f32], gradient: &[f32]) {
        let learning_rate = self.schedule.learning_rate_at(self.step);
        self.step += 1;
        let norm = gradient
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt() as f32;
        if !norm.is_finite() {
            return;
        }
        let clip = (MAX_GRAD_NORM / norm.max(1e-12)).min(1.0);
        let (bias1, bias2) = (
            1.0 - BETA1.powi(self.step as i32),
            1.0 - BETA2.powi(self.step as i32),
        );
        let kept = EMA_DECAY.min((self.step as f32) / (self.step as f32 + 10.0));
        let moments = self.first.iter_mut().zip(&mut self.second);
        let state = moments.zip(&mut self.average);
        for ((weight, gradient), ((first, second), average)) in
            weights.iter_mut().zip(gradient).zip(state)
        {
            let gradient = gradient * clip;
            *first = BETA1 * *first + (1.0 - BETA1) * gradient;
            *second = BETA2 * *second + (1.0 - BETA2) * gradient * gradient;
            let toward = (*first / bias1) / ((*second / bias2).sqrt() + 1e-8);
            *weight -= learning_rate * (toward + self.schedule.weight_decay * *weight);
            *average = kept * *average + (1.0 - kept) * *weight;
        }
    }

    /// The exponential moving average of the weights over the last steps.
    pub(crate) fn average(&self) -> &[f32] {
        &self.average
    }
}
