//! One accumulator for every task that has a truth per frame.

use concert_policies::{OutputKind, Task};
use serde_json::{Map, Value};

use super::classes::{Segmentation, Top1};
use super::depth::Depth;
use super::detection::{ClassPrecision, Detections};
use super::edges::Edges;
use super::layout::{LAYOUT_NUMBERS, Layouts, Vanishing};
use super::normals::Normals;
use super::values::Values;
use crate::dataset::Label;

/// Named numbers in a fixed order; NaN where nothing was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    /// Name and value.
    pub values: Vec<(&'static str, f64)>,
    /// The same measures after scaling each prediction to the truth's median,
    /// for depth.
    pub median_scaled: Vec<(&'static str, f64)>,
}

impl Measures {
    /// The measure of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }

    /// As a JSON object; what is NaN becomes null.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let object = |values: &[(&'static str, f64)]| -> Map<String, Value> {
            let entries = values.iter();
            entries
                .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
                .collect()
        };
        let mut all = object(&self.values);
        if !self.median_scaled.is_empty() {
            let scaled = object(&self.median_scaled);
            all.insert("median_scaled".to_owned(), Value::Object(scaled));
        }
        all
    }
}

/// A fault for which a prediction cannot be measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QualityError {
    /// Truth and prediction have different sizes.
    #[error("{task}: the prediction has {found} values, but the truth has {expected}")]
    Size {
        /// The task.
        task: &'static str,
        /// Values given.
        found: usize,
        /// Values wanted.
        expected: usize,
    },
    /// A class that the prediction does not know.
    #[error("{task}: the true class is number {class}, but the prediction has {scores} scores")]
    Class {
        /// The task.
        task: &'static str,
        /// The truth.
        class: usize,
        /// Scores given.
        scores: usize,
    },
}

/// Measures of one task, added up frame by frame.
#[derive(Debug, Clone)]
pub struct TaskQuality {
    task: &'static Task,
    frames: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Depth(Depth),
    Normals(Normals),
    Top1(Top1),
    Segmentation(Segmentation),
    Edges(Box<Edges>),
    Values(Values),
    Layouts(Layouts),
    Vanishing(Vanishing),
    Boxes(Detections),
}

impl TaskQuality {
    /// An empty accumulator; `None` for tasks without a measure per frame
    /// (odometry is measured over its whole [trajectory](super::trajectory)).
    #[must_use]
    pub fn new(task: &'static Task) -> Option<Self> {
        let kind = match (task.name, task.output) {
            ("depth_zbuffer" | "depth_euclidean", _) => Kind::Depth(Depth::default()),
            ("normal", _) => Kind::Normals(Normals::default()),
            ("edge_occlusion" | "edge_texture", _) => Kind::Edges(Box::default()),
            ("vanishing_point", _) => Kind::Vanishing(Vanishing::default()),
            (_, OutputKind::Classes) => Kind::Top1(Top1::default()),
            (_, OutputKind::ClassMap) => Kind::Segmentation(Segmentation::default()),
            (_, OutputKind::Boxes2d) => Kind::Boxes(Detections::default()),
            (_, OutputKind::RoomLayout) => Kind::Layouts(Layouts::default()),
            (_, OutputKind::Dense { .. }) => Kind::Values(Values::default()),
            (_, OutputKind::Points { .. } | OutputKind::Vector { .. } | OutputKind::Odometry) => {
                return None;
            }
        };
        let frames = 0;
        Some(Self { task, frames, kind })
    }

    /// Adds a frame and returns its own measures. `predicted` has the truth's
    /// layout: for values per pixel, channels × height × width at the label's
    /// resolution ([`resample`](super::resample)); for segmentation one class
    /// number per pixel ([`class_numbers`](super::class_numbers)); for classes
    /// of the picture one score per class; for boxes any number of rows `x0 y0 x1 y1
    /// class score`, in px of the label's picture.
    ///
    /// # Errors
    /// A prediction of another size.
    pub fn add(&mut self, truth: &Label, predicted: &[f32]) -> Result<Measures, QualityError> {
        let task = self.task.name;
        let (found, expected) = match &self.kind {
            Kind::Layouts(_) => (predicted.len(), LAYOUT_NUMBERS),
            _ => (predicted.len(), truth.values.len()),
        };
        let of_another_size = matches!(self.kind, Kind::Top1(_) | Kind::Boxes(_));
        if found != expected && !of_another_size {
            return Err(QualityError::Size {
                task,
                found,
                expected,
            });
        }
        let mut frame = Self::new(self.task).unwrap_or_else(|| self.clone());
        if let (Kind::Boxes(one), Kind::Boxes(all)) = (&mut frame.kind, &self.kind) {
            *one = all.emptied();
        }
        frame.frames = 1;
        match &mut frame.kind {
            Kind::Depth(one) => one.add(&truth.values, predicted),
            Kind::Normals(one) => one.add(&truth.values, predicted),
            Kind::Segmentation(one) => one.add(&truth.values, predicted),
            Kind::Edges(one) => one.add(truth, predicted),
            Kind::Values(one) => one.add(&truth.values, predicted),
            Kind::Layouts(one) => one.add(&truth.values, predicted),
            Kind::Vanishing(one) => one.add(&truth.values, predicted),
            Kind::Boxes(one) => one.add(truth, predicted),
            Kind::Top1(one) => {
                let class = truth.values.first().copied().unwrap_or(0.0) as usize;
                let scores = predicted.len();
                one.add(class, predicted).ok_or(QualityError::Class {
                    task,
                    class,
                    scores,
                })?;
            }
        }
        self.merge(&frame);
        Ok(frame.measures())
    }

    /// Adds what another accumulator of the same task has seen; one of another
    /// task is left out.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.kind, &other.kind) {
            (Kind::Depth(all), Kind::Depth(one)) => all.merge(one),
            (Kind::Normals(all), Kind::Normals(one)) => all.merge(one),
            (Kind::Top1(all), Kind::Top1(one)) => all.merge(one),
            (Kind::Segmentation(all), Kind::Segmentation(one)) => all.merge(one),
            (Kind::Edges(all), Kind::Edges(one)) => all.merge(one),
            (Kind::Values(all), Kind::Values(one)) => all.merge(one),
            (Kind::Layouts(all), Kind::Layouts(one)) => all.merge(one),
            (Kind::Vanishing(all), Kind::Vanishing(one)) => all.merge(one),
            (Kind::Boxes(all), Kind::Boxes(one)) => all.merge(one),
            _ => return,
        }
        self.frames += other.frames;
    }

    /// Measures over everything added.
    #[must_use]
    pub fn measures(&self) -> Measures {
        match &self.kind {
            Kind::Depth(all) => all.measures(),
            Kind::Normals(all) => all.measures(),
            Kind::Top1(all) => all.measures(),
            Kind::Segmentation(all) => all.measures(),
            Kind::Edges(all) => all.measures(),
            Kind::Values(all) => all.measures(),
            Kind::Layouts(all) => all.measures(),
            Kind::Vanishing(all) => all.measures(),
            Kind::Boxes(all) => all.measures(),
        }
    }

    /// Measures boxes of at least so many px in their longer side; of other tasks,
    /// nothing changes.
    #[must_use]
    pub fn with_min_pixels(mut self, min_pixels: f64) -> Self {
        if let Kind::Boxes(boxes) = &mut self.kind {
            *boxes = Detections::with_min_pixels(min_pixels);
        }
        self
    }

    /// The measures of each class of boxes; none of other tasks.
    #[must_use]
    pub fn class_precisions(&self) -> Vec<ClassPrecision> {
        match &self.kind {
            Kind::Boxes(boxes) => boxes.classes(),
            _ => Vec::new(),
        }
    }

    /// True where it measures edges by thresholds.
    pub(super) fn is_of_edges(&self) -> bool {
        matches!(self.kind, Kind::Edges(_))
    }

    /// Frames added.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> &'static Task {
        self.task
    }
}

/// `sum / count`, NaN where there is nothing.
pub(super) fn mean(sum: f64, count: u64) -> f64 {
    if count == 0 {
        f64::NAN
    } else {
        sum / count as f64
    }
}
