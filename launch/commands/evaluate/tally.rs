//! Measures of every target, beside the constant predictor's.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_fitting::dataset::{DataSet, Example, Label, LabelError};
use concert_fitting::quality::trajectory::{StepEstimate, Trajectories};
use concert_fitting::quality::{
    ClassPrecision, ConstantFit, Filter, Measures, QualityError, Sharpness, TaskQuality,
    class_numbers, resample,
};
use concert_models::geometric::odometry::{OdometryEstimate, body_from_optical};
use concert_policies::{OutputKind, Task};
use concert_runtime::{Outcome, Output, Timestamp};
use nalgebra::{Isometry3, SMatrix, SVector};

use super::boxes::boxes_in_image;
use super::classes::ClassNumbers;
use crate::draw::class_name;

/// The running sums of one target.
pub(super) struct Tally {
    pub(super) task: &'static Task,
    /// Names of the readout's classes.
    labels: Arc<[String]>,
    numbers: ClassNumbers,
    pub(super) truth: Truth,
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    /// Stamp of the output of the frame before in this sequence, if it had one.
    told_before: Option<Option<Timestamp>>,
    /// Outputs whose metres are those of a reference camera.
    pub(super) uncalibrated: u64,
    /// The first frames without an output, and why.
    pub(super) missing: Vec<Missing>,
}

/// Most frames without an output that are told one by one.
const MAX_MISSING: usize = 50;

/// A frame without an output, and the reason.
pub(super) struct Missing {
    pub(super) frame: String,
    pub(super) outcome: Outcome,
    pub(super) reason: String,
}

/// The truth that a target is compared with.
pub(super) enum Truth {
    /// With a label per frame.
    Labels(Box<Labels>),
    /// With the poses of whole sequences.
    Poses(Trajectories),
    /// Not at all, and why.
    Nothing(String),
}

pub(super) struct Labels {
    quality: TaskQuality,
    fit: ConstantFit,
    constant: TaskQuality,
    /// Sharpness of the output and of the constant, for depth.
    sharpness: Option<(Sharpness, Sharpness)>,
    /// Frames with a label.
    pub(super) labelled: usize,
}

/// Truth and prediction of one frame at the same size.
pub(super) struct Compared {
    pub(super) truth: Label,
    pub(super) predicted: Vec<f32>,
    pub(super) measures: Measures,
}

/// The reason for which a frame cannot be measured.
#[derive(Debug, thiserror::Error)]
pub(super) enum TallyError {
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error("{frame}: {fault}")]
    Quality { frame: String, fault: QualityError },
    #[error("{target}: the output has shape {shape:?}, but the label {channels} channels")]
    Shape {
        target: &'static str,
        shape: Vec<usize>,
        channels: usize,
    },
}

impl Tally {
    /// `min_pixels`: least longer side of a box that is measured.
    pub(super) fn new(
        task: &'static Task,
        labels: Arc<[String]>,
        data: &DataSet,
        min_pixels: f64,
    ) -> Self {
        let names = data_classes(task, data);
        let truth = match (task.output, TaskQuality::new(task)) {
            (OutputKind::Odometry, _) => Truth::Poses(Trajectories::default()),
            (_, Some(quality)) => Truth::Labels(Box::new(Labels {
                constant: quality.clone().with_min_pixels(min_pixels),
                quality: quality.with_min_pixels(min_pixels),
                fit: ConstantFit::new(task),
                sharpness: task.name.starts_with("depth").then(Default::default),
                labelled: 0,
            })),
            (_, None) => Truth::Nothing("there is no measure for it".to_owned()),
        };
        Self {
            task,
            numbers: ClassNumbers::join(names, &labels),
            labels,
            truth,
            outcomes: BTreeMap::new(),
            told_before: None,
            uncalibrated: 0,
            missing: Vec::new(),
        }
    }

    /// Classes of the data set that the readout does not know; of boxes only where all
    /// that the data set names are things.
    pub(super) fn unknown_classes<'a>(&self, data: &'a DataSet) -> Vec<&'a str> {
        let is_told = match self.task.output {
            OutputKind::Classes | OutputKind::ClassMap => true,
            OutputKind::Boxes2d => data.semantic_classes().is_none(),
            OutputKind::Dense { .. }
            | OutputKind::Points { .. }
            | OutputKind::RoomLayout
            | OutputKind::Vector { .. }
            | OutputKind::Odometry => false,
        };
        match is_told {
            true => self.numbers.unknown_classes(data_classes(self.task, data)),
            false => Vec::new(),
        }
    }

    /// Refuses a readout of boxes that knows none of the classes that the data set has:
    /// every measure would be of nothing.
    pub(super) fn check_classes(&self, data: &DataSet) -> Result<(), String> {
        let Some(named) = data_classes(self.task, data) else {
            return Ok(());
        };
        let is_of_boxes = self.task.output == OutputKind::Boxes2d;
        if !is_of_boxes || self.numbers.unknown_classes(Some(named)).len() < named.len() {
            return Ok(());
        }
        Err(format!(
            "none of the {} classes of {} ({}) is one of {}'s ({})",
            named.len(),
            data.path().display(),
            named.join(", "),
            self.task.name,
            self.labels.join(", ")
        ))
    }

    /// The measures of each class of boxes, with its name.
    pub(super) fn class_precisions(&self) -> Vec<(String, ClassPrecision)> {
        let Truth::Labels(labels) = &self.truth else {
            return Vec::new();
        };
        let classes = labels.quality.class_precisions().into_iter();
        let name = |class: usize| class_name(&self.labels, class);
        classes.map(|one| (name(one.class), one)).collect()
    }

    /// Learns the constant predictor from a frame's truth.
    pub(super) fn survey(&mut self, example: &Example) -> Result<(), LabelError> {
        let Truth::Labels(labels) = &mut self.truth else {
            return Ok(());
        };
        match Label::of(self.task, example) {
            Ok(Some(label)) => {
                labels.fit.add(&self.numbers.of(label));
                labels.labelled += 1;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(LabelError::NoSuchLabel { .. }) => {
                self.truth = Truth::Nothing("no data set has labels for it".to_owned());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Poses begin anew.
    pub(super) fn begin_sequence(&mut self) {
        self.told_before = None;
        if let Truth::Poses(poses) = &mut self.truth {
            poses.begin();
        }
    }

    /// Notes why a frame has no output.
    pub(super) fn explain(&mut self, frame: &str, outcome: Outcome, reason: Option<&str>) {
        if outcome != Outcome::Delivered && self.missing.len() < MAX_MISSING {
            self.missing.push(Missing {
                frame: frame.to_owned(),
                outcome,
                reason: reason.unwrap_or(outcome.name()).to_owned(),
            });
        }
    }

    /// Compares what became of this target on a frame.
    pub(super) fn add(
        &mut self,
        example: &Example,
        outcome: Outcome,
        output: Option<&Output>,
    ) -> Result<Option<Compared>, TallyError> {
        *self.outcomes.entry(outcome.name()).or_default() += 1;
        self.uncalibrated += u64::from(output.is_some_and(|output| output.uncalibrated));
        match &mut self.truth {
            Truth::Nothing(_) => Ok(None),
            Truth::Poses(poses) => {
                if let Some(truth) = example.world_from_optical {
                    poses.push(truth, output.and_then(pose_of));
                    let before = self.told_before.replace(output.map(|output| output.stamp));
                    if let (Some(output), Some(Some(before))) = (output, before)
                        && let Some(step) = step_of(output, before)
                    {
                        poses.explain_step(&step);
                    }
                } else {
                    // The next step begins where nothing is known to compare with.
                    self.told_before = None;
                }
                Ok(None)
            }
            Truth::Labels(labels) => {
                let Some(truth) = Label::of(self.task, example)? else {
                    return Ok(None);
                };
                let truth = self.numbers.of(truth);
                let scores = self.labels.len();
                let refuse = |fault| TallyError::Quality {
                    frame: example.name.clone(),
                    fault,
                };
                labels.add_constant(&truth, scores).map_err(refuse)?;
                let Some(output) = output else {
                    return Ok(None);
                };
                let predicted = prediction(output, &truth)?;
                let measures = labels.add(output, &truth, &predicted).map_err(refuse)?;
                Ok(Some(Compared {
                    truth,
                    predicted,
                    measures,
                }))
            }
        }
    }

    /// The answer of the constant predictor, one value per channel.
    pub(super) fn constant_values(&self) -> Option<Vec<f32>> {
        match &self.truth {
            Truth::Labels(labels) => labels.fit.values(),
            _ => None,
        }
    }

    /// Measures of the outputs and of the constant predictor; `None` where
    /// there is no truth.
    pub(super) fn measures(&self, delta: usize) -> Option<(Measures, Measures)> {
        match &self.truth {
            Truth::Nothing(_) => None,
            Truth::Poses(poses) if poses.frames() == 0 => None,
            Truth::Poses(poses) => Some((
                poses.measures(delta),
                poses.standing_still().measures(delta),
            )),
            Truth::Labels(labels) if labels.labelled == 0 => None,
            Truth::Labels(labels) => {
                let mut own = labels.quality.measures();
                let mut constant = labels.constant.measures();
                if let Some((sharp, flat)) = &labels.sharpness {
                    own.values.extend(sharp.measures().values);
                    constant.values.extend(flat.measures().values);
                }
                Some((own, constant))
            }
        }
    }
}

impl Labels {
    fn add(
        &mut self,
        output: &Output,
        truth: &Label,
        predicted: &[f32],
    ) -> Result<Measures, QualityError> {
        let measures = if self.quality.task().output == OutputKind::Classes {
            self.quality.add(truth, &pad_scores(truth, predicted))?
        } else {
            self.quality.add(truth, predicted)?
        };
        if let (Some((sharp, flat)), Some(values)) = (&mut self.sharpness, self.fit.values()) {
            let [[a, ..], [_, e, _]] = output.image_from_output.0;
            let cell = (a.abs() + e.abs()) / 2.0;
            sharp.add(truth, predicted, cell);
            flat.add(truth, &vec![values[0]; truth.values.len()], cell);
        }
        Ok(measures)
    }

    fn add_constant(&mut self, truth: &Label, scores: usize) -> Result<(), QualityError> {
        if let Some(constant) = self.fit.prediction(truth, scores) {
            let is_scores = self.quality.task().output == OutputKind::Classes;
            let constant = match is_scores {
                true => pad_scores(truth, &constant),
                false => constant,
            };
            self.constant.add(truth, &constant)?;
        }
        Ok(())
    }
}

/// Scores with one for a true class that the readout does not know: the least.
fn pad_scores(truth: &Label, scores: &[f32]) -> Vec<f32> {
    let class = truth.values.first().map_or(0, |class| *class as usize);
    let mut scores = scores.to_vec();
    let length = scores.len().max(class + 1);
    scores.resize(length, f32::NEG_INFINITY);
    scores
}

fn data_classes<'a>(task: &Task, data: &'a DataSet) -> Option<&'a [String]> {
    match task.output {
        OutputKind::ClassMap => data.semantic_classes(),
        OutputKind::Boxes2d => data.object_classes(),
        OutputKind::Dense { .. }
        | OutputKind::Classes
        | OutputKind::Points { .. }
        | OutputKind::RoomLayout
        | OutputKind::Vector { .. }
        | OutputKind::Odometry => data.classes(),
    }
}

/// The output in the form of its truth.
fn prediction(output: &Output, truth: &Label) -> Result<Vec<f32>, TallyError> {
    let size = (truth.width, truth.height);
    let map = &output.image_from_output;
    let shape = output.origin.shape.as_slice();
    match (output.origin.task.output, shape) {
        (OutputKind::Dense { .. }, &[1, channels, height, width]) if channels == truth.channels => {
            let from = (width, height);
            Ok(resample(
                &output.values,
                channels,
                from,
                map,
                size,
                Filter::Bilinear,
            ))
        }
        (OutputKind::ClassMap, &[1, channels, height, width]) => {
            let numbers = class_numbers(&output.values, channels, height * width);
            Ok(resample(
                &numbers,
                1,
                (width, height),
                map,
                size,
                Filter::Nearest,
            ))
        }
        (OutputKind::Boxes2d, _) => Ok(boxes_in_image(output)),
        (OutputKind::Dense { .. } | OutputKind::ClassMap, _) => Err(TallyError::Shape {
            target: output.origin.task.name,
            shape: shape.to_vec(),
            channels: truth.channels,
        }),
        _ => Ok(output.values.clone()),
    }
}

/// `odom_from_optical` of an odometry output, with the camera's own optical
/// frame at the start in the place of `odom`.
fn pose_of(output: &Output) -> Option<Isometry3<f64>> {
    let odom_from_body = OdometryEstimate::read(&output.values)?.odom_from_body;
    let body_from_optical: Isometry3<f64> = nalgebra::convert(body_from_optical());
    Some(body_from_optical.inverse() * odom_from_body * body_from_optical)
}

/// The motion since the frame before, of stamp `before`, as the published
/// velocity and its covariance say; `None` where tracking had been lost.
fn step_of(output: &Output, before: Timestamp) -> Option<StepEstimate> {
    let estimate = OdometryEstimate::read(&output.values)?;
    if output.flags.after_gap {
        return None;
    }
    let seconds = (output.stamp.nanos() - before.nanos()) as f64 * 1e-9;
    let turn = body_from_optical().inverse();
    let mut motion = SVector::<f64, 6>::zeros();
    let parts = [estimate.linear, estimate.angular].map(|rate| turn * rate * seconds);
    motion.fixed_rows_mut::<3>(0).copy_from(&parts[0]);
    motion.fixed_rows_mut::<3>(3).copy_from(&parts[1]);
    let turn = turn.to_rotation_matrix();
    let mut both = SMatrix::<f64, 6, 6>::zeros();
    both.fixed_view_mut::<3, 3>(0, 0).copy_from(turn.matrix());
    both.fixed_view_mut::<3, 3>(3, 3).copy_from(turn.matrix());
    let covariance = SMatrix::from_row_slice(&estimate.twist_covariance) * (seconds * seconds);
    Some(StepEstimate {
        motion,
        covariance: both * covariance * both.transpose(),
        is_metric: !output.flags.scale_unknown,
    })
}
