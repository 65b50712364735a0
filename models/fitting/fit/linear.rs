//! Ridge regression while frames keep coming: add one, forget the old, solve
//! whenever wanted.

use concert_policies::Task;

use super::FitError;
use super::convolutional::Scaling;
use super::export;
use super::fitting::FittedReadout;
use super::kernels::Grid;
use super::objective::Objective;
use super::representations::{Representation, RepresentationLayout};
use super::ridge;
use super::statistics::{Statistics, Terms};
use super::training_set::{Shortcomings, objective, reference_focal_px};
use crate::dataset::Label;
use concert_models::card::FitKind;

/// Turns labelled frames into [`Statistics`], and those into readouts. How
/// levels are scaled is fixed when it is made, so that statistics of different
/// times go together.
pub struct LinearFit {
    target: &'static Task,
    layout: RepresentationLayout,
    pub(crate) scaling: Scaling,
    pub(crate) objective: Objective,
    pub(crate) grid: Grid,
    pub(crate) reference_focal_px: Option<f64>,
    classes: Option<Vec<String>>,
    terms: Terms,
    reference_samples: Vec<Representation>,
    added: usize,
}

impl LinearFit {
    /// For a target and encoders, with the scale of these frames; at least one,
    /// better ten that differ. To go on with statistics that were kept, begin
    /// with [`from_scale`](Self::from_scale).
    ///
    /// # Errors
    /// A target that is not fitted, or not in closed form; no frame, too many channels.
    pub fn new(
        target: &'static Task,
        layout: &RepresentationLayout,
        classes: Option<&[String]>,
        frames: &[Representation],
    ) -> Result<Self, FitError> {
        if frames.is_empty() {
            let (target, frames) = (target.name, 0);
            return Err(FitError::TooFewFrames { target, frames });
        }
        let scaling = Scaling::measure(layout, frames.iter());
        let mut fit = Self::with(target, layout, classes, scaling)?;
        fit.reference_samples = frames.iter().take(3).cloned().collect();
        Ok(fit)
    }

    /// For a target and encoders, with a scale that [`scale`](Self::scale) gave.
    ///
    /// # Errors
    /// As [`new`](Self::new), and numbers that are no scale of these levels.
    pub fn from_scale(
        target: &'static Task,
        layout: &RepresentationLayout,
        classes: Option<&[String]>,
        scale: &[f32],
    ) -> Result<Self, FitError> {
        let scaling = Scaling::from_numbers(layout, scale).ok_or(FitError::DamagedStatistics {
            reason: "their scale is not that of these levels",
        })?;
        Self::with(target, layout, classes, scaling)
    }

    fn with(
        target: &'static Task,
        layout: &RepresentationLayout,
        classes: Option<&[String]>,
        scaling: Scaling,
    ) -> Result<Self, FitError> {
        let (objective, grid) = objective(target, layout, classes)?;
        if !objective.has_closed_form() {
            return Err(FitError::NoClosedForm {
                target: target.name,
            });
        }
        if let Objective::Classes { count: 0 | 1 } = objective {
            return Err(FitError::NoClasses {
                target: target.name,
            });
        }
        let fit = Self {
            target,
            terms: Terms::new(layout, grid),
            layout: layout.clone(),
            scaling,
            objective,
            grid,
            reference_focal_px: reference_focal_px(target, layout),
            classes: classes.map(<[String]>::to_vec),
            reference_samples: Vec::new(),
            added: 0,
        };
        fit.statistics()?;
        Ok(fit)
    }

    /// The scale, to be kept beside statistics.
    #[must_use]
    pub fn scale(&self) -> Vec<f32> {
        let numbers = self.scaling.channels.iter().flatten().flatten();
        numbers.copied().collect()
    }

    /// Statistics of no frames, about what this fits.
    ///
    /// # Errors
    /// Too many channels.
    pub fn statistics(&self) -> Result<Statistics, FitError> {
        let labels = self.objective.channels();
        let reference = self.reference_focal_px;
        let target = self.target.name;
        Statistics::new(
            target,
            &self.layout,
            &self.scaling,
            self.grid,
            labels,
            reference,
        )
    }

    /// Adds a frame with its label (of the whole picture, of any size), every
    /// cell with weight `weight`. `focal_px` is the camera's in pixels of the
    /// first encoder's input ([`focal_px`](super::focal_px)); the reference
    /// where it is `None`.
    pub fn add(
        &mut self,
        statistics: &mut Statistics,
        frame: &Representation,
        label: &Label,
        focal_px: Option<f64>,
        weight: f64,
    ) {
        let label = self.encode_label(label, focal_px);
        let label = ridge::linear_label(&self.objective, &label);
        let both = (&self.layout, &self.scaling);
        // Another phase each time, so that in time every cell counts.
        self.added += 1;
        let phase = self.added * 7;
        self.terms
            .add(statistics, both, frame, &label, phase, weight);
        if self.reference_samples.is_empty() {
            self.reference_samples.push(frame.clone());
        }
    }

    /// The label as the objective wants it, on the output's grid, for the
    /// reference focal length.
    pub(crate) fn encode_label(&self, label: &Label, focal_px: Option<f64>) -> Vec<f32> {
        let share = match (focal_px, self.reference_focal_px) {
            (Some(focal), Some(reference)) => focal / reference,
            _ => 1.0,
        };
        let label = label.resize(self.grid.width, self.grid.height);
        self.objective.encode(label, share as f32)
    }

    /// The readout of these statistics.
    ///
    /// # Errors
    /// [`FitError::Singular`] where they have no solution.
    pub fn readout(&self, statistics: &Statistics, lambda: f64) -> Result<FittedReadout, FitError> {
        let form = (self.objective, self.grid);
        let model = ridge::model(&self.layout, &self.scaling, statistics, lambda, form)?;
        let reference = self.reference_focal_px;
        Ok(FittedReadout {
            target: self.target,
            kind: FitKind::Ridge,
            onnx: export::onnx(&model, &self.layout, self.target.name, reference),
            output_shape: export::output_shape(&model),
            lambda: Some(lambda),
            reference_focal_px: reference,
            held_out: None,
            held_out_frames: Vec::new(),
            tried: Vec::new(),
            warm_start: None,
            not_begun: None,
            frames: usize::try_from(statistics.frames()).unwrap_or(usize::MAX),
            shortcomings: Shortcomings::default(),
            classes: self.classes.clone(),
            layout: self.layout.clone(),
            model,
            reference_samples: self.reference_samples.clone(),
        })
    }

    /// Error of an output of a readout of this target and size on a labelled
    /// frame, in the fit's own measure (relative error of depth, degrees of
    /// normals, share of wrong classes, else mean absolute error): smaller is
    /// better. `NaN` where nothing of the label is known.
    #[must_use]
    pub fn error(&self, output: &[f32], label: &Label) -> f64 {
        let label = self.encode_label(label, None);
        let (sum, count) = self.objective.error(output, &label, self.grid);
        sum / count
    }
}
