//! The loss of each objective, with its gradient.

use super::super::kernels::Grid;
use super::decoding::sigmoid;
use super::{Objective, boxes};

/// Share of the loss of depth that is relative error rather than its logarithm.
const RELATIVE: f32 = 0.5;
/// Weight of the loss of differences between neighbours.
const NEIGHBOURS: f32 = 0.5;

impl Objective {
    /// The loss of one frame, and its gradient in `gradient` (overwritten).
    pub(crate) fn loss(
        &self,
        output: &[f32],
        label: &[f32],
        grid: Grid,
        gradient: &mut [f32],
    ) -> f32 {
        gradient.fill(0.0);
        match self {
            Objective::LogDepth => log_depth_loss(output, label, grid, gradient),
            Objective::Normal => normal_loss(output, label, grid, gradient),
            Objective::Edge { share } => edge_loss(output, label, *share, gradient),
            Objective::Unit => unit_loss(output, label, gradient),
            Objective::Compressed { .. } => compressed_loss(output, label, gradient),
            Objective::Classes { count } => classes_loss(output, label, *count, gradient),
            Objective::Boxes { classes } => boxes::loss(output, label, (*classes, grid), gradient),
        }
    }
}

fn known_count(label: &[f32]) -> f32 {
    label.iter().filter(|label| !label.is_nan()).count().max(1) as f32
}

/// |x| with a round bottom, and its gradient.
pub(super) fn round_abs(x: f32) -> (f32, f32) {
    const ROUND: f32 = 0.02;
    let root = (x * x + ROUND * ROUND).sqrt();
    (root - ROUND, x / root)
}

fn log_depth_loss(output: &[f32], label: &[f32], grid: Grid, gradient: &mut [f32]) -> f32 {
    let share = 1.0 / known_count(label);
    let mut loss = 0.0;
    for ((out, label), gradient) in output.iter().zip(label).zip(gradient.iter_mut()) {
        if label.is_nan() {
            continue;
        }
        let error = out - label;
        let (absolute, direction) = round_abs(error);
        loss += share * (1.0 - RELATIVE) * absolute;
        *gradient += share * (1.0 - RELATIVE) * direction;
        // Relative error, straight on beyond a factor of two.
        let bent = error.min(std::f32::consts::LN_2);
        let (relative, direction) = round_abs(bent.exp() - 1.0 + 2.0 * (error - bent));
        loss += share * RELATIVE * relative;
        *gradient += share * RELATIVE * direction * bent.exp();
    }
    let mut neighbours = |a: usize, b: usize| {
        let difference = (output[b] - output[a]) - (label[b] - label[a]);
        if difference.is_nan() {
            return;
        }
        let (absolute, direction) = round_abs(difference);
        loss += share * NEIGHBOURS * absolute;
        gradient[b] += share * NEIGHBOURS * direction;
        gradient[a] -= share * NEIGHBOURS * direction;
    };
    for y in 0..grid.height {
        for x in 0..grid.width {
            let at = y * grid.width + x;
            if x + 1 < grid.width {
                neighbours(at, at + 1);
            }
            if y + 1 < grid.height {
                neighbours(at, at + grid.width);
            }
        }
    }
    loss
}

fn normal_loss(output: &[f32], label: &[f32], grid: Grid, gradient: &mut [f32]) -> f32 {
    let cells = grid.cells();
    let count = label[..cells]
        .iter()
        .filter(|label| !label.is_nan())
        .count();
    let share = 1.0 / count.max(1) as f32;
    let mut loss = 0.0;
    for at in 0..cells {
        let of = |values: &[f32]| [values[at], values[cells + at], values[2 * cells + at]];
        let (out, wanted) = (of(output), of(label));
        if wanted.iter().any(|x| x.is_nan()) {
            continue;
        }
        let dot = |a: [f32; 3], b: [f32; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        let length = (dot(out, out) + 1e-6).sqrt();
        let cosine = dot(out, wanted) / length;
        // Half of 1 - cosine, half of the angle itself (in radians).
        let short = (1.0 - cosine * cosine).max(1e-3).sqrt();
        let angle = cosine.clamp(-1.0, 1.0).acos();
        loss += share * (0.5 * (1.0 - cosine) + 0.5 * angle);
        let toward = -share * (0.5 + 0.5 / short);
        for axis in 0..3 {
            let along = (wanted[axis] - cosine * out[axis] / length) / length;
            gradient[axis * cells + at] += toward * along;
        }
        // Keeps the length near 1, where gradients are neither steep nor flat.
        let stretch = 0.01 * (length - 1.0);
        loss += share * 0.5 * stretch * (length - 1.0);
        for axis in 0..3 {
            gradient[axis * cells + at] += share * stretch * out[axis] / length;
        }
    }
    loss
}

fn edge_loss(output: &[f32], label: &[f32], positive: f32, gradient: &mut [f32]) -> f32 {
    let share = 1.0 / known_count(label);
    let positive = positive.clamp(0.01, 0.5);
    // Not fully balanced: a probability that means something is worth more.
    let heavier = (1.0 / positive - 1.0).sqrt();
    let mut loss = 0.0;
    for ((out, label), gradient) in output.iter().zip(label).zip(gradient) {
        if label.is_nan() {
            continue;
        }
        let weight = share * (1.0 + (heavier - 1.0) * label);
        let soft = out.max(0.0) - out * label + (-out.abs()).exp().ln_1p();
        loss += weight * soft;
        *gradient += weight * (sigmoid(*out) - label);
    }
    loss
}

fn unit_loss(output: &[f32], label: &[f32], gradient: &mut [f32]) -> f32 {
    let share = 1.0 / known_count(label);
    let mut loss = 0.0;
    for ((out, label), gradient) in output.iter().zip(label).zip(gradient) {
        if label.is_nan() {
            continue;
        }
        let value = sigmoid(*out);
        let (absolute, direction) = round_abs(value - label);
        loss += share * absolute;
        *gradient += share * direction * value * (1.0 - value);
    }
    loss
}

fn compressed_loss(output: &[f32], label: &[f32], gradient: &mut [f32]) -> f32 {
    let share = 1.0 / known_count(label);
    let mut loss = 0.0;
    for ((out, label), gradient) in output.iter().zip(label).zip(gradient) {
        if label.is_nan() {
            continue;
        }
        let value = out.tanh();
        let (absolute, direction) = round_abs(value - label);
        loss += share * absolute;
        *gradient += share * direction * (1.0 - value * value);
    }
    loss
}

fn classes_loss(output: &[f32], label: &[f32], count: usize, gradient: &mut [f32]) -> f32 {
    let cells = label.len();
    let share = 1.0 / known_count(label);
    let mut loss = 0.0;
    for (at, label) in label.iter().enumerate() {
        if label.is_nan() {
            continue;
        }
        let score = |class: usize| output[class * cells + at];
        let greatest = (0..count).map(score).fold(f32::MIN, f32::max);
        let sum: f32 = (0..count)
            .map(|class| (score(class) - greatest).exp())
            .sum();
        let wanted = *label as usize;
        loss += share * (sum.ln() + greatest - score(wanted));
        for class in 0..count {
            let probability = (score(class) - greatest).exp() / sum;
            let target = if class == wanted { 1.0 } else { 0.0 };
            gradient[class * cells + at] += share * (probability - target);
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_models::rng::Rng;

    #[test]
    fn gradients_are_those_of_small_steps_and_the_unknown_teaches_nothing() {
        let grid = Grid::new(4, 5);
        let objectives = [
            Objective::LogDepth,
            Objective::Normal,
            Objective::Edge { share: 0.2 },
            Objective::Unit,
            Objective::Compressed { scale: 2.0 },
            Objective::Classes { count: 3 },
        ];
        let mut rng = Rng::from_seed(5);
        for objective in objectives {
            let channels = objective.channels();
            let labels = match objective {
                Objective::Classes { .. } => 1,
                _ => channels,
            };
            let mut output: Vec<f32> = (0..20 * channels).map(|_| rng.normal()).collect();
            let mut label: Vec<f32> = (0..20 * labels)
                .map(|_| match objective {
                    Objective::Classes { count } => rng.below(count) as f32,
                    Objective::Edge { .. } => rng.below(2) as f32,
                    _ => rng.uniform_between(0.1, 0.6),
                })
                .collect();
            for channel in 0..labels {
                label[channel * 20 + 7] = f32::NAN;
            }
            let mut gradient = vec![0.0; output.len()];
            let mut spare = gradient.clone();
            objective.loss(&output, &label, grid, &mut gradient);
            for at in 0..output.len() {
                let kept = output[at];
                let mut loss = |value: f32| {
                    output[at] = value;
                    objective.loss(&output, &label, grid, &mut spare)
                };
                let found = (loss(kept + 1e-3) - loss(kept - 1e-3)) / 2e-3;
                loss(kept);
                if at % 20 == 7 {
                    assert_eq!(gradient[at], 0.0, "{objective:?}");
                }
                assert!(
                    (found - gradient[at]).abs() < 0.01,
                    "{objective:?} at {at}: {found} but {}",
                    gradient[at]
                );
            }
        }
    }
}
