//! The predictor that says the same of every pixel of every frame.

use std::collections::BTreeMap;

use concert_policies::{OutputKind, Task};

use super::directions::Directions;
use super::edges;
use super::layout;
use super::measures::TaskQuality;
use super::sketch::Sketch;
use crate::dataset::{Label, LabelKind};

/// Most layouts among which the most central is looked for.
const MAX_LAYOUTS: usize = 128;

/// Finds the best constant answer to a task from true labels: the one that is
/// best by the first of the measures that [`TaskQuality`] gives.
///
/// | target | measure | best constant |
/// |---|---|---|
/// | depth | `abs_rel`, a mean over frames | the median weighted by 1 / (depth · known pixels of its frame) |
/// | normals | `mean_deg` | the direction of least mean angle |
/// | class of the picture, segmentation | `top1`, `miou` | the most frequent class |
/// | edges | `f1` | any that calls every pixel an edge; of those, the one of least `l1` |
/// | others with a value per pixel | `l1` | the median of each channel |
/// | boxes | `ap50` | none: it finds nothing |
/// | room layout, vanishing points | distance of corners, of axes | the frame whose truth is nearest to all others' |
///
/// Fitted on training frames it is the baseline that a readout must beat. Where
/// only the evaluated frames are at hand it is fitted on those, which is
/// generous to it: no constant of another origin can do better by its measure.
#[derive(Debug, Clone)]
pub struct ConstantFit {
    task: &'static Task,
    channels: Vec<Sketch>,
    directions: Directions,
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
            directions: Directions::default(),
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
                for pixel in 0..truth.width * truth.height {
                    let of = |axis: usize| f64::from(truth.plane(axis)[pixel]);
                    self.directions.add([of(0), of(1), of(2)]);
                }
            }
            LabelKind::Class => {
                for class in truth.values.iter().filter(|value| !value.is_nan()) {
                    *self.counts.entry(*class as u32).or_default() += 1;
                }
            }
            LabelKind::Whole => {
                if self.layouts.len() < MAX_LAYOUTS {
                    let numbers = truth.values.iter().take(layout::LAYOUT_NUMBERS);
                    self.layouts.push(numbers.copied().collect());
                }
            }
            LabelKind::Boxes => {}
            LabelKind::Depth => {
                // Each pixel's error is |c - t| / t, each frame's their mean.
                let known = truth.values.iter().filter(|metres| **metres > 0.0);
                let count = known.clone().count() as f64;
                self.channels.resize_with(1, Sketch::new);
                for metres in known {
                    let weight = 1.0 / (f64::from(*metres) * count);
                    self.channels[0].add(*metres, weight);
                }
            }
            _ => {
                self.channels.resize_with(truth.channels, Sketch::new);
                for (channel, sketch) in self.channels.iter_mut().enumerate() {
                    truth
                        .plane(channel)
                        .iter()
                        .for_each(|value| sketch.add(*value, 1.0));
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
                .map(|sketch| Some(self.at_least(sketch.median()? as f32)));
            return medians.collect();
        }
        let direction = self.directions.median()?;
        Some(direction.iter().map(|x| *x as f32).collect())
    }

    /// Raises a constant of edges to the least threshold: below it, none is found.
    fn at_least(&self, median: f32) -> f32 {
        match TaskQuality::new(self.task) {
            Some(quality) if quality.is_of_edges() => median.max(edges::MIN_THRESHOLD),
            _ => median,
        }
    }

    /// The constant as a prediction for `truth`, in the form that
    /// [`TaskQuality::add`](super::TaskQuality::add) takes; `scores` is the number of
    /// classes of a picture's class.
    #[must_use]
    pub fn prediction(&self, truth: &Label, scores: usize) -> Option<Vec<f32>> {
        if self.task.output == OutputKind::Boxes2d {
            return Some(Vec::new());
        }
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
