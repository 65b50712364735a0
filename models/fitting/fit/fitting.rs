//! From labelled frames to a readout: gather, choose by blocks of time, fit on
//! all, write down.

use concert_policies::Task;

use super::FitError;
use super::adamw::LrSchedule;
use super::augmentation::Augmentation;
use super::convolutional::{Descent, Sample, Scaling, Training, dense_net, whole_net};
use super::export;
use super::from_onnx::Start;
use super::interpolation;
use super::model::Model;
use super::net::Net;
use super::representations::{Encoders, RepresentationLayout};
use super::request::{Effort, FitProgress, FitRequest};
use super::ridge;
use super::training_set::{Shortcomings, TrainingSample, TrainingSet, TrainingSetRequest};
use concert_models::card::{FitKind, HeldOut, WarmStart};
use concert_models::rng::Rng;

/// Blocks of time; each is held out once where that is cheap.
const BLOCKS: usize = 5;
/// Blocks that are held out when networks are compared.
const HELD_OUT: [usize; 2] = [1, 3];

/// A fitted readout, ready to be written.
#[derive(Debug, Clone)]
pub struct FittedReadout {
    /// The task.
    pub target: &'static Task,
    /// What was fitted.
    pub kind: FitKind,
    /// The ONNX file.
    pub onnx: Vec<u8>,
    /// Shape of its output.
    pub output_shape: Vec<usize>,
    /// The ridge's strength.
    pub lambda: Option<f64>,
    /// √(fx · fy) for which it is metric.
    pub reference_focal_px: Option<f64>,
    /// What was measured on held-out blocks, of the kind that was chosen.
    pub held_out: Option<HeldOut>,
    /// The same figure for each of those frames, in the order of time.
    pub held_out_frames: Vec<f64>,
    /// The figure over all, of every kind that was tried.
    pub tried: Vec<(&'static str, f64)>,
    /// The readout that it began with.
    pub warm_start: Option<WarmStart>,
    /// Why the readout at hand was not begun with.
    pub not_begun: Option<String>,
    /// Labelled frames.
    pub frames: usize,
    /// What some of the frames lacked.
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

    /// What the error is called.
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
        augmentation,
        seed: u64::from(request.seed),
    };
    let of = request.frames.len();
    let training_set = wanted.gather(encoders, &mut |done| {
        report(FitProgress::Encoded { done, of })
    })?;
    Ok((encoders.layout().clone(), training_set))
}

/// The kinds that compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    Ridge,
    Convolutional,
    Warm,
}

impl Candidate {
    pub(super) fn name(self) -> &'static str {
        match self {
            Candidate::Ridge => "ridge",
            Candidate::Convolutional => "convolutional",
            Candidate::Warm => "convolutional, warm start",
        }
    }
}

pub(super) struct Fitter<'a> {
    layout: RepresentationLayout,
    training_set: TrainingSet,
    request: FitRequest<'a>,
    scaling: Scaling,
    /// What initial weights are drawn for.
    net: Net,
    /// What a warm start begins with, or why there is none.
    warm: Option<Model>,
    not_begun: Option<String>,
    constant_error: f64,
}

impl<'a> Fitter<'a> {
    pub(super) fn new(
        layout: RepresentationLayout,
        training_set: TrainingSet,
        request: &FitRequest<'a>,
    ) -> Result<Self, FitError> {
        let plain = training_set
            .samples
            .iter()
            .map(|sample| &sample.representation);
        let scaling = Scaling::measure(&layout, plain);
        let channels = training_set.objective.channels();
        let net = match training_set.grid.cells() {
            1 => whole_net(&layout, channels),
            _ => dense_net(&layout, channels, super::convolutional::Shape::default()),
        };
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
            let form = (
                &fitter.training_set.objective,
                fitter.training_set.reference_focal_px,
            );
            match warm.start(&fitter.layout, &fitter.net, &fitter.scaling, form) {
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

    fn model(&self, start: Start) -> Model {
        let objective = self.training_set.objective;
        Model {
            net: start.net,
            weights: start.weights,
            scaling: start.scaling,
            objective,
            decoding: objective.decoding(self.training_set.grid),
        }
    }

    pub(super) fn layout(&self) -> &RepresentationLayout {
        &self.layout
    }

    /// The block of time that a frame is in.
    fn block(&self, frame: usize) -> usize {
        frame * self.blocks() / self.training_set.frames.max(1)
    }

    fn blocks(&self) -> usize {
        BLOCKS.min(self.training_set.frames)
    }

    fn is_held_out(&self, frame: usize) -> bool {
        match self.blocks() {
            2..=3 => self.block(frame) == 1,
            _ => HELD_OUT.contains(&self.block(frame)),
        }
    }

    /// What is tried, given what was found so far: ridge regression first, then
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

    pub(super) fn run(
        self,
        report: &mut dyn FnMut(FitProgress) -> bool,
    ) -> Result<FittedReadout, FitError> {
        self.choose(report)?.finish(report)
    }

    /// Fits every kind on all but the held-out blocks, a network with all its
    /// steps as ridge regression has its solution, and takes the best on those.
    fn choose(self, report: &mut dyn FnMut(FitProgress) -> bool) -> Result<Chosen<'a>, FitError> {
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
    fn interpolate(&self, model: &Model, alpha: f32, samples: &[&TrainingSample]) -> Model {
        let Some(warm) = self.warm.as_ref().filter(|_| alpha < 1.0) else {
            return model.clone();
        };
        let plain = samples.iter().filter(|sample| sample.plain);
        let samples: Vec<Sample<'_>> = plain.map(|sample| sample.as_sample()).collect();
        interpolation::interpolate(warm, &model.weights, alpha).rescale_to(&self.layout, &samples)
    }

    /// Entries to fit on, and those of the held-out blocks as they are.
    pub(super) fn split(&self) -> (Vec<&TrainingSample>, Vec<Sample<'_>>) {
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

    /// Fits one kind on samples.
    pub(super) fn candidate(
        &self,
        candidate: Candidate,
        samples: &[&TrainingSample],
        report: &mut dyn FnMut(usize, usize, f32) -> bool,
    ) -> Result<(Model, Option<f64>), FitError> {
        match candidate {
            Candidate::Ridge => {
                let model = self.ridge(samples)?;
                if !report(1, 1, 0.0) {
                    return Err(FitError::Stopped);
                }
                Ok(model)
            }
            Candidate::Convolutional => {
                let steps = self.request.effort.steps;
                let learning_rate = self.request.effort.learning_rate;
                self.descend(
                    &self.initial_model(samples),
                    samples,
                    (steps, learning_rate),
                    report,
                )
                .map(|model| (model, None))
            }
            Candidate::Warm => {
                let steps = self.request.effort.warm_steps;
                let learning_rate = self.request.effort.warm_learning_rate;
                let first;
                let start = match &self.warm {
                    Some(warm) => warm,
                    None => {
                        first = self.initial_model(samples);
                        &first
                    }
                };
                self.descend(start, samples, (steps, learning_rate), report)
                    .map(|model| (model, None))
            }
        }
    }

    /// A network that was fitted on some of the samples for `steps` goes on with
    /// all of them, for fewer.
    fn continue_descent(
        &self,
        model: &Model,
        steps: usize,
        samples: &[&TrainingSample],
        report: &mut dyn FnMut(usize, usize, f32) -> bool,
    ) -> Result<Model, FitError> {
        let steps = Effort::last_steps(steps);
        let learning_rate = self.request.effort.warm_learning_rate;
        self.descend(model, samples, (steps, learning_rate), report)
    }

    /// Random initial weights.
    fn initial_model(&self, samples: &[&TrainingSample]) -> Model {
        let seed = u64::from(self.request.seed);
        let mut weights = self.net.initial_weights(&mut Rng::from_seed(seed));
        let labels = samples.iter().map(|sample| sample.label.as_slice());
        let objective = &self.training_set.objective;
        objective.init_output_layer(&self.net, labels, &mut weights);
        self.model(Start {
            net: self.net.clone(),
            weights,
            scaling: self.scaling.clone(),
        })
    }

    fn ridge(&self, samples: &[&TrainingSample]) -> Result<(Model, Option<f64>), FitError> {
        // Cut and lit views teach ridge regression little for their time.
        let of_frame = |sample: &&&TrainingSample| sample.plain;
        let plain: Vec<&TrainingSample> = samples.iter().filter(of_frame).copied().collect();
        let (layout, scaling) = (&self.layout, &self.scaling);
        let training_set = &self.training_set;
        let target = self.request.target.name;
        let block = |frame: usize| self.block(frame);
        let blocks = ridge::blocks(
            target,
            layout,
            scaling,
            training_set,
            &block,
            self.blocks(),
            &plain,
        )?;
        let lambda = ridge::choose_lambda(&blocks, &mut || true)?;
        let mut all = blocks[0].clone();
        for block in &blocks[1..] {
            all.merge(block)?;
        }
        let form = (training_set.objective, training_set.grid);
        let model = ridge::model(layout, scaling, &all, lambda, form)?;
        Ok((model, Some(lambda)))
    }

    /// Moves a model down the gradient of its loss on the samples.
    fn descend(
        &self,
        start: &Model,
        samples: &[&TrainingSample],
        (steps, learning_rate): (usize, f32),
        report: &mut dyn FnMut(usize, usize, f32) -> bool,
    ) -> Result<Model, FitError> {
        let effort = self.request.effort;
        let training = Training {
            schedule: LrSchedule {
                learning_rate,
                weight_decay: 0.01,
                steps,
                warmup_steps: (steps / 10).clamp(1, 20),
            },
            batch: effort.batch,
            dropout: effort.dropout,
            seed: u64::from(self.request.seed),
        };
        let samples: Vec<Sample<'_>> = samples.iter().map(|sample| sample.as_sample()).collect();
        let descent = Descent {
            net: &start.net,
            layout: &self.layout,
            scaling: &start.scaling,
            samples: &samples,
            objective: start.objective,
            training,
        };
        let weights = descent.run(start.weights.clone(), &mut |step, loss| {
            report(step + 1, steps, loss)
        });
        Ok(Model {
            weights: weights.ok_or(FitError::Stopped)?,
            ..start.clone()
        })
    }

    fn to_readout(
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
