//! The objective of a fit, per target: labels encoded for the net, the
//! loss and its gradient, and how the net's numbers become the task's.

pub(crate) mod boxes;
mod decoding;
mod loss;

use super::kernels::Grid;
use crate::dataset::Label;
use crate::quality::directions::Directions;
use decoding::LINEAR_SHARPNESS;
pub(crate) use decoding::{COMPRESSED, Decoding, LOG_METRES, METRES, TANH};

/// The objective that a net is fitted to. Labels are NaN where unknown: such cells cost
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
        /// Number of classes.
        count: usize,
    },
    /// Boxes of so many classes, as maps of their centres; see [`boxes`].
    Boxes {
        /// Number of classes.
        classes: usize,
    },
}

impl Objective {
    /// The label as the loss takes it, NaN where unknown: the logarithm of depth,
    /// for a camera of `focal` times the reference focal length; curvature
    /// compressed; boxes as maps; all else as it is. [`decoding`](Self::decoding) is the way
    /// back.
    pub(crate) fn encode(&self, label: Label, focal: f32) -> Vec<f32> {
        if let Objective::Boxes { classes } = *self {
            let grid = Grid::new(label.height, label.width);
            return boxes::encode(&label, classes, grid);
        }
        let mut values = label.values;
        match *self {
            Objective::LogDepth => values.iter_mut().for_each(|metres| {
                // Below a centimetre nothing is measured.
                let known = *metres > 0.01;
                *metres = if known {
                    (*metres / focal).ln()
                } else {
                    f32::NAN
                };
            }),
            Objective::Compressed { scale } => {
                let compress = |x: &mut f32| *x = (*x / scale).tanh();
                values.iter_mut().for_each(compress);
            }
            _ => {}
        }
        values
    }

    /// True where a linear readout can be fitted to the labels in closed form.
    pub(crate) fn has_closed_form(&self) -> bool {
        !matches!(self, Objective::Boxes { .. })
    }

    /// Channels of the net's output.
    pub(crate) fn channels(&self) -> usize {
        match self {
            Objective::LogDepth | Objective::Edge { .. } | Objective::Unit => 1,
            Objective::Compressed { .. } => 2,
            Objective::Normal => 3,
            Objective::Classes { count } => *count,
            Objective::Boxes { classes } => classes + boxes::BOX_PLANES,
        }
    }

    /// Planes of a label.
    pub(crate) fn label_channels(&self) -> usize {
        match self {
            Objective::Classes { .. } => 1,
            Objective::Boxes { .. } => self.channels() + 1,
            other => other.channels(),
        }
    }

    /// The decoding of a net fitted to this by descent.
    pub(crate) fn decoding(&self, grid: Grid) -> Decoding {
        match *self {
            Objective::Classes { .. } if grid.cells() > 1 => Decoding::Scores,
            Objective::LogDepth => Decoding::Exponential,
            Objective::Normal => Decoding::Unit3,
            Objective::Edge { .. } | Objective::Unit => Decoding::Sigmoid,
            Objective::Compressed { scale } => Decoding::Scaled(scale),
            Objective::Classes { .. } => Decoding::Softmax(1.0),
            Objective::Boxes { classes } => Decoding::Boxes(classes),
        }
    }

    /// The decoding of a linear readout, fitted to the labels as they are.
    pub(crate) fn linear_decoding(&self, grid: Grid) -> Decoding {
        match *self {
            Objective::Classes { .. } if grid.cells() > 1 => Decoding::Scores,
            Objective::LogDepth => Decoding::Exponential,
            Objective::Normal => Decoding::Unit3,
            Objective::Edge { .. } | Objective::Unit => Decoding::Clip,
            Objective::Compressed { scale } => Decoding::Expanded(scale),
            Objective::Classes { .. } => Decoding::Softmax(LINEAR_SHARPNESS),
            Objective::Boxes { classes } => Decoding::Boxes(classes),
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
            // Misses and false alarms among those and hits.
            Objective::Boxes { .. } => "box_error_50",
        }
    }

    /// The best constant, decoded, per channel: of numbers and directions the
    /// one of least error, of classes the most frequent.
    pub(crate) fn constant<'a>(
        &self,
        labels: impl Iterator<Item = &'a [f32]>,
        grid: Grid,
    ) -> Vec<f32> {
        if matches!(self, Objective::Boxes { .. }) {
            // No box anywhere.
            return Vec::new();
        }
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
        samples: &[super::descent::Sample<'_>],
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
        if let (Objective::Boxes { classes }, Some(bias)) = (self, named("output.bias")) {
            let first = boxes::first_biases(labels, (*classes, cells));
            return weights[bias.range()].copy_from_slice(&first);
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
        if let Objective::Boxes { classes } = *self {
            return boxes::error(decoded, label, (classes, grid));
        }
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
}
