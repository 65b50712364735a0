//! What a fit makes small, per target: how labels are written for the net, the
//! loss and its gradient, and how the net's numbers become the task's.

use super::kernels::Grid;
use crate::quality::directions::Directions;

/// What a net is fitted to. Labels are NaN where unknown: such cells cost
/// nothing and teach nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Objective {
    /// Natural logarithm of metres at the reference focal length.
    LogDepth,
    /// Unit vectors; the net's are made unit afterwards.
    Normal,
    /// Probability; the share of cells that are 1 weighs both kinds alike.
    Edge {
        /// Share of cells that are 1, in the labels.
        share: f32,
    },
    /// A number from 0 to 1.
    Unit,
    /// Numbers compressed by tanh (x / scale).
    Compressed {
        /// The scale, in the task's unit.
        scale: f32,
    },
    /// Index of a class, per cell.
    Classes {
        /// How many there are.
        count: usize,
    },
}

/// How the net's numbers become the task's; what is exported does the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Decoding {
    /// e to the number, times focal length over reference, within `METRES`.
    Exponential,
    /// Made unit over the three channels.
    Unit3,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// Held from 0 to 1.
    Clip,
    /// Times the scale, within ±`COMPRESSED` of it.
    Scaled(f32),
    /// atanh of the number within ±`TANH`, times the scale.
    Expanded(f32),
    /// Probabilities over the channels; of the number times this.
    Softmax(f32),
    /// As it is: of a map of classes, only the greatest score of a cell counts,
    /// and probabilities would cost more than the rest of the readout.
    Scores,
}

/// Logarithms of metres between which depth is held: 5 cm and 100 m.
pub(crate) const LOG_METRES: (f32, f32) = (-2.995_732_3, 4.605_170_2);
/// Metres that the task allows.
pub(crate) const METRES: (f32, f32) = (0.0, 128.0);
/// Greatest multiple of the scale of a compressed number.
pub(crate) const COMPRESSED: f32 = 2.6;
/// tanh of it.
pub(crate) const TANH: f32 = 0.989_027_4;
/// Sharpness of the scores of a linear readout of classes.
pub(crate) const LINEAR_SHARPNESS: f32 = 6.0;

impl Decoding {
    /// The task's numbers, planes as the net's; `focal` is the focal length
    /// over the reference.
    pub(crate) fn decode(self, output: &[f32], grid: Grid, focal: f32) -> Vec<f32> {
        let each = |f: &dyn Fn(f32) -> f32| output.iter().map(|x| f(*x)).collect();
        match self {
            Decoding::Exponential => each(&|x| {
                let metres = x.clamp(LOG_METRES.0, LOG_METRES.1).exp() * focal;
                metres.clamp(METRES.0, METRES.1)
            }),
            Decoding::Scores => output.to_vec(),
            Decoding::Sigmoid => each(&sigmoid),
            Decoding::Clip => each(&|x| x.clamp(0.0, 1.0)),
            Decoding::Scaled(scale) => each(&|x| x.clamp(-COMPRESSED, COMPRESSED) * scale),
            Decoding::Expanded(scale) => each(&|x| x.clamp(-TANH, TANH).atanh() * scale),
            Decoding::Unit3 => across(output, grid, |cell| {
                let length = cell.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
                cell.iter_mut().for_each(|x| *x /= length);
            }),
            Decoding::Softmax(sharpness) => across(output, grid, |cell| {
                let greatest = cell.iter().copied().fold(f32::MIN, f32::max);
                let mut sum = 0.0;
                for x in cell.iter_mut() {
                    *x = (sharpness * (*x - greatest)).exp();
                    sum += *x;
                }
                cell.iter_mut().for_each(|x| *x /= sum);
            }),
        }
    }
}

/// Changes the channels of every cell together.
fn across(output: &[f32], grid: Grid, change: impl Fn(&mut [f32])) -> Vec<f32> {
    let cells = grid.cells();
    let channels = output.len() / cells;
    let mut out = output.to_vec();
    let mut cell = vec![0.0; channels];
    for at in 0..cells {
        for (channel, x) in cell.iter_mut().enumerate() {
            *x = output[channel * cells + at];
        }
        change(&mut cell);
        for (channel, x) in cell.iter().enumerate() {
            out[channel * cells + at] = *x;
        }
    }
    out
}

/// Share of the loss of depth that is relative error rather than its logarithm.
const RELATIVE: f32 = 0.5;
/// Weight of the loss of differences between neighbours.
const NEIGHBOURS: f32 = 0.5;

impl Objective {
    /// Channels of the net's output.
    pub(crate) fn channels(&self) -> usize {
        match self {
            Objective::LogDepth | Objective::Edge { .. } | Objective::Unit => 1,
            Objective::Compressed { .. } => 2,
            Objective::Normal => 3,
            Objective::Classes { count } => *count,
        }
    }

    /// Planes of a label.
    pub(crate) fn label_channels(&self) -> usize {
        match self {
            Objective::Classes { .. } => 1,
            other => other.channels(),
        }
    }

    /// How a net fitted to this by descent is decoded.
    pub(crate) fn decoding(&self, grid: Grid) -> Decoding {
        match *self {
            Objective::Classes { .. } if grid.cells() > 1 => Decoding::Scores,
            Objective::LogDepth => Decoding::Exponential,
            Objective::Normal => Decoding::Unit3,
            Objective::Edge { .. } | Objective::Unit => Decoding::Sigmoid,
            Objective::Compressed { scale } => Decoding::Scaled(scale),
            Objective::Classes { .. } => Decoding::Softmax(1.0),
        }
    }

    /// How a linear readout, fitted to the labels as they are, is decoded.
    pub(crate) fn linear_decoding(&self, grid: Grid) -> Decoding {
        match *self {
            Objective::Classes { .. } if grid.cells() > 1 => Decoding::Scores,
            Objective::LogDepth => Decoding::Exponential,
            Objective::Normal => Decoding::Unit3,
            Objective::Edge { .. } | Objective::Unit => Decoding::Clip,
            Objective::Compressed { scale } => Decoding::Expanded(scale),
            Objective::Classes { .. } => Decoding::Softmax(LINEAR_SHARPNESS),
        }
    }

    /// Name of [`error`](Self::error), as quality measures are called; all are
    /// better when smaller.
    pub(crate) fn measure(&self) -> &'static str {
        match self {
            Objective::LogDepth => "abs_rel",
            Objective::Normal => "mean_deg",
            Objective::Edge { .. } => "balanced_error",
            Objective::Unit => "mean_absolute_error",
            Objective::Compressed { .. } => "mean_absolute_error_compressed",
            Objective::Classes { .. } => "top1_error",
        }
    }

    /// The best constant, decoded, per channel: of numbers and directions the
    /// one of least error, of classes the most frequent.
    pub(crate) fn constant<'a>(
        &self,
        labels: impl Iterator<Item = &'a [f32]>,
        grid: Grid,
    ) -> Vec<f32> {
        let cells = grid.cells();
        let mut planes = vec![Vec::new(); self.label_channels()];
        let mut directions = Directions::default();
        for label in labels {
            if *self == Objective::Normal {
                for at in 0..cells {
                    let of = |axis: usize| f64::from(label[axis * cells + at]);
                    directions.add([of(0), of(1), of(2)]);
                }
                continue;
            }
            for (plane, label) in planes.iter_mut().zip(label.chunks_exact(cells)) {
                plane.extend(label.iter().copied().filter(|label| !label.is_nan()));
            }
        }
        match *self {
            Objective::Normal => {
                let median = directions.median().unwrap_or([0.0, 0.0, -1.0]);
                median.iter().map(|x| *x as f32).collect()
            }
            Objective::Classes { count } => {
                let mut shares = vec![0.0; count];
                planes[0]
                    .iter()
                    .for_each(|label| shares[*label as usize] += 1.0);
                shares
            }
            // Every constant has a balanced error of a half.
            Objective::Edge { .. } => vec![0.0],
            _ => planes
                .iter_mut()
                .map(|plane| self.best_constant(plane))
                .collect(),
        }
    }

    /// The number of least error, decoded.
    fn best_constant(&self, plane: &mut [f32]) -> f32 {
        if plane.is_empty() {
            return 0.0;
        }
        plane.sort_unstable_by(f32::total_cmp);
        let median = plane[plane.len() / 2];
        match *self {
            Objective::LogDepth => {
                // Of relative errors, the median with weights 1 / depth.
                let half: f64 = plane.iter().map(|y| f64::from(-y).exp()).sum::<f64>() / 2.0;
                let mut sum = 0.0;
                let at = plane.iter().position(|y| {
                    sum += f64::from(-y).exp();
                    sum >= half
                });
                plane[at.unwrap_or(0)].exp()
            }
            Objective::Compressed { scale } => scale * median.clamp(-TANH, TANH).atanh(),
            _ => median,
        }
    }

    /// The error of a constant on samples.
    pub(crate) fn constant_error(
        &self,
        constant: &[f32],
        samples: &[super::convolutional::Sample<'_>],
        grid: Grid,
    ) -> f64 {
        let everywhere: Vec<f32> = constant
            .iter()
            .flat_map(|x| std::iter::repeat_n(*x, grid.cells()))
            .collect();
        let (mut sum, mut count) = (0.0, 0.0);
        for sample in samples {
            let (error, cells) = self.error(&everywhere, sample.label, grid);
            sum += error;
            count += cells;
        }
        sum / f64::max(count, 1.0)
    }

    /// Lets initial weights begin near the labels' mean.
    pub(crate) fn init_output_layer<'a>(
        &self,
        net: &super::net::Net,
        labels: impl Iterator<Item = &'a [f32]>,
        weights: &mut [f32],
    ) {
        let named = |name: &str| net.blocks().find(|block| block.name == name);
        if let Some(kernel) = named("output.weight") {
            weights[kernel.range()].iter_mut().for_each(|w| *w *= 0.1);
        }
        let channels = self.channels();
        let cells = net.nodes[net.output].grid.cells();
        let mut sums = vec![(0.0, 0.0); channels];
        if matches!(self, Objective::Classes { .. }) {
            return;
        }
        for label in labels {
            for (sum, plane) in sums.iter_mut().zip(label.chunks_exact(cells)) {
                for y in plane.iter().filter(|y| !y.is_nan()) {
                    *sum = (sum.0 + f64::from(*y), sum.1 + 1.0);
                }
            }
        }
        let Some(bias) = named("output.bias") else {
            return;
        };
        for (bias, (sum, count)) in weights[bias.range()].iter_mut().zip(sums) {
            let mean = (sum / f64::max(count, 1.0)) as f32;
            let logit = |p: f32| (p / (1.0 - p)).ln();
            *bias = match self {
                Objective::Edge { .. } | Objective::Unit => logit(mean.clamp(0.02, 0.98)),
                Objective::Compressed { .. } => mean.clamp(-TANH, TANH).atanh(),
                _ => mean,
            };
        }
    }

    /// Sum of the error of decoded numbers against a label, and the count to
    /// divide by.
    pub(crate) fn error(&self, decoded: &[f32], label: &[f32], grid: Grid) -> (f64, f64) {
        let cells = grid.cells();
        let mut sum = 0.0;
        let mut count = 0.0;
        let mut add = |error: f32, weight: f32| {
            sum += f64::from(error * weight);
            count += f64::from(weight);
        };
        match *self {
            Objective::Normal => {
                for at in 0..cells {
                    let cosine: f32 = (0..3)
                        .map(|axis| decoded[axis * cells + at] * label[axis * cells + at])
                        .sum();
                    if !cosine.is_nan() {
                        add(cosine.clamp(-1.0, 1.0).acos().to_degrees(), 1.0);
                    }
                }
            }
            Objective::Classes { count } => {
                for (at, label) in label
                    .iter()
                    .enumerate()
                    .filter(|(_, label)| !label.is_nan())
                {
                    let score = |class: &usize| decoded[class * cells + at];
                    let best = (0..count).max_by(|a, b| score(a).total_cmp(&score(b)));
                    let wrong = best != Some(*label as usize);
                    add(f32::from(u8::from(wrong)), 1.0);
                }
            }
            _ => {
                for (x, label) in decoded
                    .iter()
                    .zip(label)
                    .filter(|(_, label)| !label.is_nan())
                {
                    match *self {
                        Objective::LogDepth => add((x / label.exp() - 1.0).abs(), 1.0),
                        Objective::Edge { share } => {
                            // Both kinds weigh alike.
                            let share = share.clamp(0.01, 0.99);
                            let weight = label / share + (1.0 - label) / (1.0 - share);
                            add((x - label).abs(), weight);
                        }
                        Objective::Compressed { scale } => {
                            add(((x / scale).tanh() - label).abs(), 1.0)
                        }
                        _ => add((x - label).abs(), 1.0),
                    }
                }
            }
        }
        (sum, count)
    }

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
        }
    }
}

fn known_count(label: &[f32]) -> f32 {
    label.iter().filter(|label| !label.is_nan()).count().max(1) as f32
}

/// |x| with a round bottom, and its gradient.
fn round_abs(x: f32) -> (f32, f32) {
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

pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
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
