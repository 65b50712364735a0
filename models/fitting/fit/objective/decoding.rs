//! Decoding: from the net's numbers to the task's, in the task's unit.
//!
//! Its twin is `decode` in `export.rs`, which writes the same arithmetic as ONNX
//! nodes: what changes here changes there.

use super::super::kernels::Grid;
use super::boxes;

/// The way from the net's numbers to the task's; the exported file does the same.
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
    /// Rows of boxes of so many classes, from maps of their centres.
    Boxes(usize),
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
            Decoding::Boxes(classes) => boxes::decode(output, classes, grid),
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

pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
