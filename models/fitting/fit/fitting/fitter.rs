//! A fit under way: the kinds that compete, and the blocks of time on which they
//! are compared.

use super::super::FitError;
use super::super::convolutional::Scaling;
use super::super::descent::Sample;
use super::super::export;
use super::super::from_onnx::Start;
use super::super::interpolation;
use super::super::known::net_of;
use super::super::model::Model;
use super::super::net::Net;
use super::super::representations::RepresentationLayout;
use super::super::request::{FitProgress, FitRequest};
use super::super::training_set::{TrainingSample, TrainingSet};
use super::super::warm::Wanted;
use super::candidate::Candidate;
use super::{Chosen, FittedReadout};
use concert_models::card::{FitKind, HeldOut, WarmStart};

/// Blocks of time; each is held out once where that is cheap.
const BLOCKS: usize = 5;
/// Blocks that are held out when networks are compared.
const HELD_OUT: [usize; 2] = [1, 3];

pub(crate) struct Fitter<'a> {
    pub(super) layout: RepresentationLayout,
    pub(super) training_set: TrainingSet,
    pub(super) request: FitRequest<'a>,
    pub(super) scaling: Scaling,
    /// The net that initial weights are drawn for.
    pub(super) net: Net,
    /// The model that a warm start begins with, or the reason for which there is none.
    pub(super) warm: Option<Model>,
    pub(super) not_begun: Option<String>,
    pub(super) constant_error: f64,
}

impl<'a> Fitter<'a> {
    pub(crate) fn new(
        layout: RepresentationLayout,
        training_set: TrainingSet,
        request: &FitRequest<'a>,
    ) -> Result<Self, FitError> {
        let plain = training_set
            .samples
            .iter()
            .map(|sample| &sample.representation);
        let scaling = Scaling::measure(&layout, plain);
        let (objective, grid) = (&training_set.objective, training_set.grid);
        if request.kind == Some(FitKind::Ridge) && !objective.has_closed_form() {
            return Err(FitError::NoClosedForm {
                target: request.target.name,
            });
        }
        let net = net_of(FitKind::Convolutional, &layout, objective, grid);
        let mut fitter = Self {
            layout,
            training_set,
            request: *request,
            scaling,
            net,
            warm: None,
            not_begun: None,
            constant_error: 0.0,
        };
        if let Some(warm) = request.warm_start {
            let wanted = Wanted {
                objective: &fitter.training_set.objective,
                reference_focal_px: fitter.training_set.reference_focal_px,
                classes: fitter.training_set.classes.as_deref(),
            };
            match warm.start(&fitter.layout, &fitter.net, &fitter.scaling, wanted) {
                Ok(start) => fitter.warm = Some(fitter.model(start)),
                // Then initial weights are all there is to begin with.
                Err(error @ FitError::OtherForm { .. }) => {
                    fitter.not_begun = Some(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        fitter.constant_error = fitter.constant_error();
        Ok(fitter)
    }

    pub(super) fn model(&self, start: Start) -> Model {
        let objective = self.training_set.objective;
        Model {
            net: start.net,
            weights: start.weights,
            scaling: start.scaling,
            objective,
            decoding: objective.decoding(self.training_set.grid),
        }
    }

    pub(crate) fn layout(&self) -> &RepresentationLayout {
        &self.layout
    }

    /// The block of time that a frame is in.
    pub(super) fn block(&self, frame: usize) -> usize {
        frame * self.blocks() / self.training_set.frames.max(1)
    }

    pub(super) fn blocks(&self) -> usize {
        BLOCKS.min(self.training_set.frames)
    }

    fn is_held_out(&self, frame: usize) -> bool {
        match self.blocks() {
            2..=3 => self.block(frame) == 1,
            _ => HELD_OUT.contains(&self.block(frame)),
        }
    }

    /// The kind to try next, given what was found so far: ridge regression first, then
    /// the weights at hand; initial weights only where those are no help, because
    /// they take as long again.
    fn next_candidate(&self, tried: &[(Candidate, f64)]) -> Option<Candidate> {
        let error = |wanted: Candidate| {
            let found = tried.iter().find(|(candidate, _)| *candidate == wanted);
            found.map(|(_, error)| *error)
        };
        let mut order = match self.request.kind {
            Some(FitKind::Ridge) => vec![Candidate::Ridge],
            Some(FitKind::Convolutional) => vec![Candidate::Warm, Candidate::Convolutional],
            None => vec![Candidate::Ridge, Candidate::Warm, Candidate::Convolutional],
        };
        if !self.training_set.objective.has_closed_form() {
            order.retain(|candidate| *candidate != Candidate::Ridge);
        }
        if self.warm.is_none() {
            order.retain(|candidate| *candidate != Candidate::Warm);
        }
        let next = (order.into_iter()).find(|candidate| error(*candidate).is_none())?;
        let helped = match (error(Candidate::Warm), error(Candidate::Ridge)) {
            (Some(warm), Some(ridge)) => warm < ridge,
            (Some(warm), None) => warm < self.constant_error,
            _ => false,
        };
        (next != Candidate::Convolutional || !helped).then_some(next)
    }

    pub(crate) fn run(
        self,
        report: &mut dyn FnMut(FitProgress) -> bool,
    ) -> Result<FittedReadout, FitError> {
        self.choose(report)?.finish(report)
    }

    /// Fits every kind on all but the held-out blocks, a network with all its
    /// steps as ridge regression has its solution, and takes the best on those.
    pub(super) fn choose(
        self,
        report: &mut dyn FnMut(FitProgress) -> bool,
    ) -> Result<Chosen<'a>, FitError> {
        let (kept, held) = self.split();
        let mut tried: Vec<(Candidate, f64)> = Vec::new();
        let mut best: Option<(Candidate, Model, f32, f64, Vec<f64>)> = None;
        while let Some(candidate) = self.next_candidate(&tried) {
            let what = candidate.name();
            let (model, _) = self.candidate(candidate, &kept, &mut |done, of, _| {
                report(FitProgress::Comparing { what, done, of })
            })?;
            let (alpha, error, each) = match candidate {
                Candidate::Warm => self.choose_alpha(&model, &kept, &held),
                _ => {
                    let (error, each) = model.errors(&self.layout, &held);
                    (1.0, error, each)
                }
            };
            let least = tried.iter().map(|(_, error)| *error);
            if error < least.fold(f64::INFINITY, f64::min) {
                best = Some((candidate, model, alpha, error, each));
            }
            tried.push((candidate, error));
        }
        let (kind, model, alpha, error, each) = best.ok_or(FitError::NotFinite)?;
        drop((kept, held));
        Ok(Chosen {
            fitter: self,
            kind,
            model,
            alpha,
            error,
            each,
            tried,
        })
    }

    /// The share of the way from the weights at hand to the model's (WiSE-FT's α),
    /// with the error there and those of the held-out frames.
    fn choose_alpha(
        &self,
        model: &Model,
        kept: &[&TrainingSample],
        held: &[Sample<'_>],
    ) -> (f32, f64, Vec<f64>) {
        let start = self
            .warm
            .as_ref()
            .map(|warm| warm.errors(&self.layout, held).0);
        let is_sound = start.is_some_and(|error| error < self.constant_error);
        interpolation::choose_alpha(is_sound, |alpha| {
            self.interpolate(model, alpha, kept)
                .errors(&self.layout, held)
        })
    }

    /// The model between the weights at hand and its own, in metres of the
    /// samples' scale.
    pub(super) fn interpolate(
        &self,
        model: &Model,
        alpha: f32,
        samples: &[&TrainingSample],
    ) -> Model {
        let Some(warm) = self.warm.as_ref().filter(|_| alpha < 1.0) else {
            return model.clone();
        };
        let plain = samples.iter().filter(|sample| sample.plain);
        let samples: Vec<Sample<'_>> = plain.map(|sample| sample.as_sample()).collect();
        interpolation::interpolate(warm, &model.weights, alpha).rescale_to(&self.layout, &samples)
    }

    /// Entries to fit on, and those of the held-out blocks as they are.
    pub(crate) fn split(&self) -> (Vec<&TrainingSample>, Vec<Sample<'_>>) {
        let samples = &self.training_set.samples;
        let kept = (samples.iter()).filter(|sample| !self.is_held_out(sample.frame));
        let held = (samples.iter()).filter(|sample| self.is_held_out(sample.frame));
        let held = held
            .filter(|sample| sample.plain)
            .map(TrainingSample::as_sample);
        (kept.collect(), held.collect())
    }

    /// The error of the best constant of the kept samples on the others.
    fn constant_error(&self) -> f64 {
        let (kept, held) = self.split();
        let (objective, grid) = (&self.training_set.objective, self.training_set.grid);
        let labels = kept.iter().map(|sample| sample.label.as_slice());
        objective.constant_error(&objective.constant(labels, grid), &held, grid)
    }

    pub(super) fn to_readout(
        &self,
        model: Model,
        lambda: Option<f64>,
        chosen: &Chosen<'_>,
    ) -> Result<FittedReadout, FitError> {
        let training_set = &self.training_set;
        let target = self.request.target;
        let reference = training_set.reference_focal_px;
        let plain = training_set.samples.iter().filter(|sample| sample.plain);
        let held = plain
            .clone()
            .filter(|sample| self.is_held_out(sample.frame));
        let warm = self.request.warm_start;
        let warm = warm.filter(|_| chosen.kind == Candidate::Warm);
        let warm = warm.map(|warm| {
            let mut begun = WarmStart::new(warm.name.clone(), warm.sha256.clone());
            begun.share = Some(f64::from(chosen.alpha));
            begun
        });
        let measure = training_set.objective.measure().to_owned();
        let tried = chosen.tried.iter();
        Ok(FittedReadout {
            target,
            kind: match chosen.kind {
                Candidate::Ridge => FitKind::Ridge,
                Candidate::Convolutional | Candidate::Warm => FitKind::Convolutional,
            },
            onnx: export::onnx(&model, &self.layout, target.name, reference),
            output_shape: export::output_shape(&model),
            lambda,
            reference_focal_px: reference,
            held_out: Some(HeldOut::new(
                measure,
                chosen.error,
                self.constant_error,
                held.count(),
            )),
            held_out_frames: chosen.each.clone(),
            tried: tried.map(|(what, error)| (what.name(), *error)).collect(),
            warm_start: warm,
            not_begun: self.not_begun.clone(),
            frames: training_set.frames,
            shortcomings: training_set.shortcomings,
            classes: training_set.classes.clone(),
            layout: self.layout.clone(),
            reference_samples: plain
                .take(3)
                .map(|sample| sample.representation.clone())
                .collect(),
            model,
        })
    }
}
