//! The predictor that says the same of every pixel of every frame.

use std::collections::BTreeMap;

use concert_policies::{OutputKind, Task};

use super::layout;
use super::sketch::Sketch;
use crate::dataset::{Label, LabelKind};

/// Most layouts among which the most central is looked for.
const MOST_LAYOUTS: usize = 128;

/// Finds the best constant answer to a task from true labels: for values per
/// pixel the median of each channel, for normals the mean direction, for
/// classes the most frequent one, for a room layout and vanishing points the
/// frame whose truth is nearest to all others'.
///
/// Fitted on training frames it is the baseline that a readout must beat. Where
/// only the evaluated frames are at hand it is fitted on those, which is
/// generous to it: no constant of another origin can do better by its measure.
#[derive(Debug, Clone)]
pub struct ConstantFit {
    task: &'static Task,
    channels: Vec<Sketch>,
    sums: [f64; 3],
    counts: BTreeMap<u32, u64>,
    layouts: Vec<Vec<f32>>,
    frames: usize,
}

impl ConstantFit {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(task: &'static Task) -> Self {
        Self {
            task,
            channels: Vec::new(),
            sums: [0.0; 3],
            counts: BTreeMap::new(),
            layouts: Vec::new(),
            frames: 0,
        }
    }

    /// Adds the truth of one frame.
    pub fn add(&mut self, truth: &Label) {
        self.frames += 1;
        match truth.kind {
            LabelKind::Normal => {
                for (axis, sum) in self.sums.iter_mut().enumerate() {
                    let known = truth.plane(axis).iter().filter(|value| !value.is_nan());
                    *sum += known.map(|value| f64::from(*value)).sum::<f64>();
                }
            }
            LabelKind::Class => {
                for class in truth.values.iter().filter(|value| !value.is_nan()) {
                    *self.counts.entry(*class as u32).or_default() += 1;
                }
            }
            LabelKind::Whole => {
                if self.layouts.len() < MOST_LAYOUTS {
                    let numbers = truth.values.iter().take(layout::LAYOUT_NUMBERS);
                    self.layouts.push(numbers.copied().collect());
                }
            }
            _ => {
                self.channels.resize_with(truth.channels, Sketch::new);
                for (channel, sketch) in self.channels.iter_mut().enumerate() {
                    truth
                        .plane(channel)
                        .iter()
                        .for_each(|value| sketch.add(*value));
                }
            }
        }
    }

    /// The constant, one value per channel (for classes the number); `None`
    /// where no truth was known.
    #[must_use]
    pub fn values(&self) -> Option<Vec<f32>> {
        if !self.counts.is_empty() {
            let most = self
                .counts
                .iter()
                .max_by_key(|(class, count)| (**count, u32::MAX - **class));
            return most.map(|(class, _)| vec![*class as f32]);
        }
        if !self.layouts.is_empty() {
            return layout::most_central(self.task, &self.layouts).map(<[f32]>::to_vec);
        }
        if !self.channels.is_empty() {
            let medians = self
                .channels
                .iter()
                .map(|sketch| Some(sketch.median()? as f32));
            return medians.collect();
        }
        let length = self.sums.iter().map(|x| x * x).sum::<f64>().sqrt();
        (length > 0.0).then(|| self.sums.iter().map(|x| (x / length) as f32).collect())
    }

    /// The constant as a prediction for `truth`, in the form that
    /// [`Quality::add`](super::Quality::add) takes; `scores` is the number of
    /// classes of a picture's class.
    #[must_use]
    pub fn prediction(&self, truth: &Label, scores: usize) -> Option<Vec<f32>> {
        let values = self.values()?;
        if self.task.output == OutputKind::Classes {
            let mut all = vec![0.0; scores.max(values[0] as usize + 1)];
            all[values[0] as usize] = 1.0;
            return Some(all);
        }
        let plane = truth.width * truth.height;
        let repeated = values
            .iter()
            .flat_map(|value| std::iter::repeat_n(*value, plane));
        Some(repeated.collect())
    }

    /// Frames added.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }
}
