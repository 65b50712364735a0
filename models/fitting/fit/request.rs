//! The request of a fit, and its progress.

use concert_policies::Task;

use super::augmentation::Augmentation;
use super::warm::WarmReadout;
use crate::dataset::DataSet;
use concert_models::card::FitKind;

/// A fit that is asked for.
#[derive(Clone, Copy)]
pub struct FitRequest<'a> {
    /// The target that is read out.
    pub target: &'static Task,
    /// The data set that the labels come from.
    pub data: &'a DataSet,
    /// Sequence and frame in it, in the order of time; see [`spaced_frames`].
    pub frames: &'a [(usize, usize)],
    /// The kind; the better one of all where it is `None`.
    pub kind: Option<FitKind>,
    /// A readout of the same target and encoders to begin with.
    pub warm_start: Option<&'a WarmReadout>,
    /// The views of frames beside the frames as they are.
    pub augmentation: Augmentation,
    /// The effort that is spent on networks.
    pub effort: Effort,
    /// The seed of all random numbers.
    pub seed: u32,
}

/// The steps, batches and learning rates of a convolutional readout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Steps of a network from initial weights that is held against other kinds;
    /// the best one goes on for a third as many with all frames.
    pub steps: usize,
    /// The same from the weights of a readout, which are nearly there: of 50
    /// frames of a corridor they make as much as 800.
    pub warm_steps: usize,
    /// Frames in one step.
    pub batch: usize,
    /// Learning rate (greatest step of a weight) from initial weights.
    pub learning_rate: f32,
    /// Learning rate (greatest step of a weight) from those of a readout.
    pub warm_learning_rate: f32,
    /// Share of the channels that are left out of a step.
    pub dropout: f32,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            steps: 800,
            warm_steps: 160,
            batch: 8,
            learning_rate: 2e-3,
            warm_learning_rate: 1e-3,
            dropout: 0.2,
        }
    }
}

impl Effort {
    /// Steps with all frames, after `steps` without the held-out blocks.
    pub(super) fn last_steps(steps: usize) -> usize {
        (steps / 3).max(1)
    }
}

/// The progress of a fit, for people who wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FitProgress {
    /// Frames that were read and encoded, of so many.
    Encoded {
        /// Done.
        done: usize,
        /// In all.
        of: usize,
    },
    /// A kind is tried on held-out blocks.
    Comparing {
        /// Its name.
        what: &'static str,
        /// Steps done.
        done: usize,
        /// Steps in all.
        of: usize,
    },
    /// The chosen kind is fitted on all frames.
    Fitting {
        /// Steps done.
        done: usize,
        /// Steps in all.
        of: usize,
        /// Loss of the last step.
        loss: f32,
    },
}

/// The frames of a data set that a fit of `count` frames takes: evenly spaced
/// over all sequences, in the order of time; all of them for `None`.
#[must_use]
pub fn spaced_frames(data: &DataSet, count: Option<usize>) -> Vec<(usize, usize)> {
    let all = data.sequences().iter().enumerate();
    let all: Vec<_> = all
        .flat_map(|(sequence, frames)| (0..frames.len()).map(move |index| (sequence, index)))
        .collect();
    let count = count.unwrap_or(all.len()).clamp(1, all.len().max(1));
    let at = |k: usize| (2 * k + 1) * all.len() / (2 * count);
    (0..count).filter_map(|k| all.get(at(k)).copied()).collect()
}

impl<'a> FitRequest<'a> {
    /// A request with the usual views and effort; the best kind is chosen.
    #[must_use]
    pub fn new(target: &'static Task, data: &'a DataSet, frames: &'a [(usize, usize)]) -> Self {
        Self {
            target,
            data,
            frames,
            kind: None,
            warm_start: None,
            augmentation: Augmentation::default(),
            effort: Effort::default(),
            seed: 1,
        }
    }

    /// Classes of the readout that the fit may begin with; none where it has none.
    pub(super) fn known_classes(&self) -> &'a [String] {
        let labels = self.warm_start.and_then(|warm| warm.labels.as_deref());
        labels.unwrap_or_default()
    }
}
