//! The truth of one target: small for the fit, whole for the comparison.

use concert_policies::{OutputKind, Task};

use super::dissimilarity::label_numbers;
use super::error::MeasureError;
use super::frames::Frames;
use crate::dataset::{DataSet, Example, Label};
use crate::fit::{FittedReadout, Representation, focal_px};
use crate::quality::{Filter, Measures, TaskQuality, class_numbers, resample};
use concert_models::contract::InputContract;
use concert_models::geometry::{Affine2, Intrinsics};

/// Most memory that the labels of held-out frames may take, bytes.
const MAX_LABEL_BYTES: usize = 1 << 30;
/// Frames that are looked at to learn whether a target has labels.
const MAX_LOOKED_AT: usize = 5;

/// A frame without its picture.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    pub(super) label: Label,
    pub(super) camera: Option<Intrinsics>,
    pub(super) size: (usize, usize),
}

impl Truth {
    fn of(task: &'static Task, example: &Example) -> Result<Option<Self>, MeasureError> {
        let label = Label::of(task, example)?.filter(|label| label.known_share() > 0.0);
        Ok(label.map(|label| Self {
            label,
            camera: example.intrinsics,
            size: (example.image.width(), example.image.height()),
        }))
    }
}

/// The truth of the frames to fit on.
pub(super) struct FitLabels {
    /// Sizes that labels are kept at.
    sizes: Vec<(usize, usize)>,
    /// The number of every frame that has a label, and the label at each size.
    frames: Vec<(usize, Vec<Truth>)>,
    /// The numbers of every frame that has a label that are compared between frames.
    pub(super) numbers: Vec<(usize, Vec<f32>)>,
}

impl FitLabels {
    /// Reads the labels of all frames; `compared` of them also as numbers.
    pub(super) fn read(
        task: &'static Task,
        data: &DataSet,
        frames: &Frames,
        sizes: Vec<(usize, usize)>,
        compared: usize,
    ) -> Result<Self, MeasureError> {
        let classes = classes(task, data).map_or(0, <[String]>::len);
        let every = frames.len().div_ceil(compared.max(1)).max(1);
        let mut all = Self {
            sizes,
            frames: Vec::new(),
            numbers: Vec::new(),
        };
        for (number, (sequence, index)) in frames.iter().enumerate() {
            let example = data.sequences()[*sequence].read(*index)?;
            let Some(truth) = Truth::of(task, &example)? else {
                continue;
            };
            let resized = |size: &(usize, usize)| Truth {
                label: truth.label.resize(size.0, size.1),
                ..truth.clone()
            };
            if number % every == 0 {
                let numbers = label_numbers(&truth.label, classes);
                all.numbers.push((number, numbers));
            }
            let kept = all.sizes.iter().map(resized).collect();
            all.frames.push((number, kept));
        }
        Ok(all)
    }

    /// Every frame with a label at this size.
    pub(super) fn at(&self, size: (usize, usize)) -> impl Iterator<Item = (usize, &Truth)> {
        let place = self.sizes.iter().position(|kept| *kept == size);
        let frames = self.frames.iter();
        frames.filter_map(move |(number, kept)| Some((*number, &kept[place?])))
    }
}

/// The truth of the held-out frames, at full resolution.
pub(super) struct HeldOutLabels {
    task: &'static Task,
    frames: Vec<Option<Truth>>,
}

/// The errors of one transfer on all of them.
pub(super) struct Compared {
    pub(super) losses: Vec<Option<f64>>,
    pub(super) measures: Measures,
}

impl HeldOutLabels {
    pub(super) fn read(
        task: &'static Task,
        data: &DataSet,
        frames: &Frames,
    ) -> Result<Self, MeasureError> {
        let (mut all, mut bytes) = (Vec::new(), 0);
        for (sequence, index) in frames {
            let example = data.sequences()[*sequence].read(*index)?;
            let truth = Truth::of(task, &example)?;
            let values = truth.as_ref().map_or(0, |truth| truth.label.values.len());
            bytes += values * size_of::<f32>();
            if bytes > MAX_LABEL_BYTES {
                return Err(MeasureError::TooMuchMemory {
                    frames: frames.len(),
                    bytes: (bytes / (all.len() + 1) * frames.len()) as u64,
                    limit: MAX_LABEL_BYTES as u64,
                });
            }
            all.push(truth);
        }
        let labelled = all.iter().flatten().count();
        if labelled == 0 {
            return Err(MeasureError::Unlabelled {
                target: task.name,
                frames: all.len(),
                data: "the held-out frames".to_owned(),
            });
        }
        Ok(Self { task, frames: all })
    }

    /// Compares a readout with the truth; `see` gives the representation of a
    /// frame.
    pub(super) fn compare(
        &self,
        fitted: &FittedReadout,
        contract: &InputContract,
        see: &mut dyn FnMut(usize) -> Result<Representation, MeasureError>,
    ) -> Result<Compared, MeasureError> {
        let mut losses = vec![None; self.frames.len()];
        let no_measure = || crate::fit::FitError::NoSuchTarget {
            target: self.task.name,
        };
        let mut quality = TaskQuality::new(self.task).ok_or_else(no_measure)?;
        for (number, truth) in self.frames.iter().enumerate() {
            let Some(truth) = truth else { continue };
            let predicted = predict(self.task, fitted, contract, truth, &see(number)?);
            let measures = quality.add(&truth.label, &predicted)?;
            let (_, loss) = loss(self.task, &measures);
            losses[number] = loss.is_finite().then_some(loss);
        }
        Ok(Compared {
            losses,
            measures: quality.measures(),
        })
    }
}

/// The readout's answer in the form of the truth, as `concert evaluate` does it.
fn predict(
    task: &Task,
    fitted: &FittedReadout,
    contract: &InputContract,
    truth: &Truth,
    seen: &Representation,
) -> Vec<f32> {
    let (width, height) = truth.size;
    let focal = (truth.camera).map(|camera| focal_px(&camera, contract, width, height));
    let output = fitted.predict(seen, focal);
    let &[_, channels, rows, columns] = fitted.output_shape.as_slice() else {
        return output;
    };
    if task.output == OutputKind::Classes {
        return output;
    }
    let size = (columns, rows);
    let input_from_output = Affine2::stretch(size, (contract.width(), contract.height()));
    let image_from_output = contract
        .image_from_input(width, height)
        .after(&input_from_output);
    let full = (truth.label.width, truth.label.height);
    if task.output == OutputKind::ClassMap {
        let numbers = class_numbers(&output, channels, rows * columns);
        return resample(&numbers, 1, size, &image_from_output, full, Filter::Nearest);
    }
    let filter = Filter::Bilinear;
    resample(&output, channels, size, &image_from_output, full, filter)
}

/// The error on one frame, less is better: depth's `abs_rel`, normals'
/// `mean_deg`, `1 - f1` of edges at the frame's best threshold, the share of
/// wrong classes, and `l1` of everything else. NaN where the truth says nothing.
pub(super) fn loss(task: &Task, measures: &Measures) -> (&'static str, f64) {
    let get = |name: &str| measures.get(name);
    let wrong = |share: f64| 1.0 - share;
    let known = [
        ("abs_rel", get("abs_rel")),
        ("mean_deg", get("mean_deg")),
        ("1 - f1", get("f1").map(wrong)),
        ("1 - top1", get("top1").map(wrong)),
        ("1 - pixel_accuracy", get("pixel_accuracy").map(wrong)),
    ];
    let found = known.into_iter().find(|(_, value)| value.is_some());
    match (found, task.output) {
        (Some((name, Some(value))), _) => (name, value),
        _ => ("l1", get("l1").unwrap_or(f64::NAN)),
    }
}

/// Names of the classes that a target has in a data set.
pub(super) fn classes<'a>(task: &Task, data: &'a DataSet) -> Option<&'a [String]> {
    match task.output {
        OutputKind::ClassMap => data.semantic_classes(),
        OutputKind::Classes => data.classes(),
        _ => None,
    }
}

/// Refuses targets that the data has no labels for, before anything is run.
pub(super) fn check(
    task: &'static Task,
    (data, name): (&DataSet, &str),
    frames: &Frames,
) -> Result<(), MeasureError> {
    let some = frames.iter().step_by(frames.len().div_ceil(MAX_LOOKED_AT));
    let mut looked_at = 0;
    for (sequence, index) in some {
        let example = data.sequences()[*sequence].read(*index)?;
        looked_at += 1;
        if Truth::of(task, &example)?.is_some() {
            return Ok(());
        }
    }
    Err(MeasureError::Unlabelled {
        target: task.name,
        frames: looked_at,
        data: name.to_owned(),
    })
}
