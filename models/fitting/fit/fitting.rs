//! From labelled frames to a readout: gather, choose by blocks of time, fit on
//! all, write down.

mod candidate;
mod fitter;

use concert_policies::Task;

use super::FitError;
use super::augmentation::Augmentation;
use super::encoders::Encoders;
use super::model::Model;
use super::representations::RepresentationLayout;
use super::request::{FitProgress, FitRequest};
use super::training_set::{Shortcomings, TrainingSample, TrainingSet, TrainingSetRequest};
pub(super) use candidate::Candidate;
use concert_models::card::{FitKind, HeldOut, WarmStart};
pub(super) use fitter::Fitter;

/// A fitted readout, ready to be written.
#[derive(Debug, Clone)]
pub struct FittedReadout {
    /// The task.
    pub target: &'static Task,
    /// The kind that was fitted.
    pub kind: FitKind,
    /// The ONNX file.
    pub onnx: Vec<u8>,
    /// Shape of its output.
    pub output_shape: Vec<usize>,
    /// The ridge's strength.
    pub lambda: Option<f64>,
    /// √(fx · fy) for which it is metric.
    pub reference_focal_px: Option<f64>,
    /// Measures of the chosen kind on held-out blocks.
    pub held_out: Option<HeldOut>,
    /// The same figure for each of those frames, in the order of time.
    pub held_out_frames: Vec<f64>,
    /// The figure over all, of every kind that was tried.
    pub tried: Vec<(&'static str, f64)>,
    /// The readout that it began with.
    pub warm_start: Option<WarmStart>,
    /// The reason for which the fit did not begin with the readout at hand.
    pub not_begun: Option<String>,
    /// Labelled frames.
    pub frames: usize,
    /// Counts of frames that lacked something.
    pub shortcomings: Shortcomings,
    /// Names of the classes.
    pub classes: Option<Vec<String>>,
    pub(crate) layout: RepresentationLayout,
    pub(crate) model: Model,
    /// A few representations to hold the file to what was fitted.
    pub(crate) reference_samples: Vec<super::Representation>,
}

/// Fits a readout. `report` is told what happens and ends it by returning
/// false.
///
/// With the same encoders, frames and seed it gives the same bytes, whatever
/// the number of threads.
///
/// # Errors
/// See [`FitError`].
pub fn fit(
    encoders: &mut Encoders<'_>,
    request: &FitRequest<'_>,
    report: &mut dyn FnMut(FitProgress) -> bool,
) -> Result<FittedReadout, FitError> {
    choose(encoders, request, report)?.finish(report)
}

/// The first half of [`fit`]: finds the best kind on blocks of time that are
/// held out. What several sets of encoders are worth on the same frames can be
/// compared before the best one is fitted on all.
///
/// # Errors
/// See [`FitError`].
pub fn choose<'a>(
    encoders: &mut Encoders<'_>,
    request: &FitRequest<'a>,
    report: &mut dyn FnMut(FitProgress) -> bool,
) -> Result<Chosen<'a>, FitError> {
    let (layout, training_set) = gather_training_set(encoders, request, report)?;
    Fitter::new(layout, training_set, request)?.choose(report)
}

/// The best kind of readout, and what it is worth on held-out blocks.
pub struct Chosen<'a> {
    fitter: Fitter<'a>,
    kind: Candidate,
    /// Fitted on all but the held-out blocks; of a warm start before interpolation.
    model: Model,
    alpha: f32,
    error: f64,
    each: Vec<f64>,
    tried: Vec<(Candidate, f64)>,
}

impl Chosen<'_> {
    /// Its error on held-out blocks; less is better.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }

    /// The name of the error.
    #[must_use]
    pub fn measure(&self) -> &'static str {
        self.fitter.training_set.objective.measure()
    }

    /// Sources of the levels that it reads.
    #[must_use]
    pub fn sources(&self) -> Vec<String> {
        let pins = self.fitter.layout.pins.iter();
        pins.map(|pin| pin.source.clone()).collect()
    }

    /// Fits it on all frames.
    ///
    /// # Errors
    /// See [`FitError`].
    pub fn finish(
        self,
        report: &mut dyn FnMut(FitProgress) -> bool,
    ) -> Result<FittedReadout, FitError> {
        let fitter = &self.fitter;
        let all: Vec<&TrainingSample> = fitter.training_set.samples.iter().collect();
        let mut report = |done, of, loss| report(FitProgress::Fitting { done, of, loss });
        let effort = fitter.request.effort;
        let (model, lambda) = match self.kind {
            Candidate::Ridge => fitter.candidate(self.kind, &all, &mut report)?,
            Candidate::Convolutional => {
                let model =
                    fitter.continue_descent(&self.model, effort.steps, &all, &mut report)?;
                (model, None)
            }
            Candidate::Warm => {
                let model =
                    fitter.continue_descent(&self.model, effort.warm_steps, &all, &mut report)?;
                (fitter.interpolate(&model, self.alpha, &all), None)
            }
        };
        fitter.to_readout(model, lambda, &self)
    }
}

/// Everything that a request learns from, and how it lies.
pub(super) fn gather_training_set(
    encoders: &mut Encoders<'_>,
    request: &FitRequest<'_>,
    report: &mut dyn FnMut(FitProgress) -> bool,
) -> Result<(RepresentationLayout, TrainingSet), FitError> {
    // Ridge regression looks at frames as they are: views would only take time.
    let augmentation = match request.kind {
        Some(FitKind::Ridge) => Augmentation {
            views_per_frame: 1,
            ..request.augmentation
        },
        _ => request.augmentation,
    };
    let wanted = TrainingSetRequest {
        target: request.target,
        data: request.data,
        frames: request.frames,
        known_classes: request.known_classes(),
        augmentation,
        seed: u64::from(request.seed),
    };
    let of = request.frames.len();
    let training_set = wanted.gather(encoders, &mut |done| {
        report(FitProgress::Encoded { done, of })
    })?;
    Ok((encoders.layout().clone(), training_set))
}
