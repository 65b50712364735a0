//! From labelled frames to a readout: gather, choose by blocks of time, fit on
//! all, write down.

use concert_policies::Task;

use super::FitError;
use super::adamw::Pace;
use super::convolutional::{Descent, Sample, Scaling, Training, dense_net, whole_net};
use super::dice::Dice;
use super::export;
use super::material::{Entry, Material, Shortcomings, Views, Wanted};
use super::model::Model;
use super::net::Net;
use super::representations::{Encoders, Layout};
use super::request::{FitProgress, FitRequest};
use super::ridge;
use crate::card::{FitKind, HeldOut, WarmStart};

/// Blocks of time; each is held out once where that is cheap.
const BLOCKS: usize = 5;
/// How far to go from the weights at hand to those fitted on a few frames. In
/// between, what was known of other rooms is kept (Wortsman et al., "Robust
/// fine-tuning of zero-shot models", CVPR 2022).
const SHARES: [f32; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Error that is paid, as a share of the least, for staying nearer to the
/// weights at hand: held-out blocks show the same rooms, a robot sees others.
const PAID: f64 = 1.04;
/// Blocks that are held out when networks are compared.
const HELD_OUT: [usize; 2] = [1, 3];

/// A fitted readout, ready to be written.
#[derive(Debug, Clone)]
#[non_exhaustive]
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
    /// Labelled frames.
    pub frames: usize,
    /// What some of the frames lacked.
    pub shortcomings: Shortcomings,
    /// Names of the classes.
    pub classes: Option<Vec<String>>,
    pub(crate) layout: Layout,
    pub(crate) model: Model,
    /// A few representations to hold the file to what was fitted.
    pub(crate) witnesses: Vec<super::Representation>,
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
    let (layout, material) = gathered(encoders, request, report)?;
    let fitter = Fitter::new(&layout, &material, request)?;
    fitter.run(report)
}

/// Everything that a request learns from, and how it lies.
pub(super) fn gathered(
    encoders: &mut Encoders<'_>,
    request: &FitRequest<'_>,
    report: &mut dyn FnMut(FitProgress) -> bool,
) -> Result<(Layout, Material), FitError> {
    // The closed form looks at frames as they are: views would only take time.
    let views = match request.kind {
        Some(FitKind::Ridge) => Views {
            per_frame: 1,
            ..request.views
        },
        _ => request.views,
    };
    let wanted = Wanted {
        target: request.target,
        data: request.data,
        frames: request.frames,
        views,
        seed: u64::from(request.seed),
    };
    let of = request.frames.len();
    let material = wanted.gather(encoders, &mut |done| {
        report(FitProgress::Encoded { done, of })
    })?;
    Ok((encoders.layout().clone(), material))
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
    layout: &'a Layout,
    material: &'a Material,
    request: &'a FitRequest<'a>,
    scaling: Scaling,
    /// Net and the weights that a warm start begins with.
    net: Net,
    warm: Option<Vec<f32>>,
    constant_error: f64,
}

impl<'a> Fitter<'a> {
    pub(super) fn new(
        layout: &'a Layout,
        material: &'a Material,
        request: &'a FitRequest<'a>,
    ) -> Result<Self, FitError> {
        let plain = material.entries.iter().map(|entry| &entry.representation);
        let scaling = Scaling::measure(layout, plain);
        let channels = material.objective.channels();
        let net = match material.grid.cells() {
            1 => whole_net(layout, channels),
            _ => dense_net(layout, channels, super::convolutional::Shape::default()),
        };
        let warm = match request.warm_start {
            Some(warm) => Some(warm.weights(layout, &net, &scaling, material)?),
            None => None,
        };
        let mut fitter = Self {
            layout,
            material,
            request,
            scaling,
            net,
            warm,
            constant_error: 0.0,
        };
        fitter.constant_error = fitter.constant_error();
        Ok(fitter)
    }

    /// The block of time that a frame is in.
    fn block(&self, frame: usize) -> usize {
        frame * self.blocks() / self.material.frames.max(1)
    }

    fn blocks(&self) -> usize {
        BLOCKS.min(self.material.frames)
    }

    fn is_held_out(&self, frame: usize) -> bool {
        match self.blocks() {
            2..=3 => self.block(frame) == 1,
            _ => HELD_OUT.contains(&self.block(frame)),
        }
    }

    /// What is tried, given what was found so far: the closed form first, then
    /// the weights at hand; first weights only where those are no help, because
    /// they take as long again.
    fn next(&self, tried: &[(Candidate, f64)]) -> Option<Candidate> {
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
        &self,
        report: &mut dyn FnMut(FitProgress) -> bool,
    ) -> Result<FittedReadout, FitError> {
        let entries = &self.material.entries;
        let (kept, held) = self.split();
        let mut tried: Vec<(Candidate, f64)> = Vec::new();
        let mut best: Option<(Candidate, f64, Vec<f64>)> = None;
        let mut share = 1.0;
        while let Some(candidate) = self.next(&tried) {
            let what = candidate.name();
            let steps = self.request.effort.trial_steps();
            let (model, _) = self.candidate(candidate, &kept, steps, &mut |done, of, _| {
                report(FitProgress::Comparing { what, done, of })
            })?;
            let (error, each) = match candidate {
                Candidate::Warm => {
                    share = self.share(&model, &held);
                    self.between(&model, share).errors(self.layout, &held)
                }
                _ => model.errors(self.layout, &held),
            };
            let least = tried.iter().map(|(_, error)| *error);
            if error < least.fold(f64::INFINITY, f64::min) {
                best = Some((candidate, error, each));
            }
            tried.push((candidate, error));
        }
        let (chosen, error, each) = best.ok_or(FitError::NotFinite)?;
        let all: Vec<&Entry> = entries.iter().collect();
        let steps = self.request.effort.steps;
        let (mut model, lambda) = self.candidate(chosen, &all, steps, &mut |done, of, loss| {
            report(FitProgress::Fitting { done, of, loss })
        })?;
        if chosen == Candidate::Warm {
            model = self.between(&model, share);
        }
        let measure = self.material.objective.measure().to_owned();
        let held_out = HeldOut::new(measure, error, self.constant_error, held.len());
        let names = (tried.into_iter()).map(|(what, error)| (what.name(), error));
        self.written(model, chosen, lambda, names.collect(), (held_out, each))
    }

    /// How far to go from the weights at hand to the model's.
    fn share(&self, model: &Model, held: &[Sample<'_>]) -> f32 {
        let error = |share: &f32| self.between(model, *share).errors(self.layout, held).0;
        let errors: Vec<f64> = SHARES.iter().map(error).collect();
        let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
        let near = |error: &f64| *error <= PAID * least;
        SHARES[errors.iter().position(near).unwrap_or(SHARES.len() - 1)]
    }

    /// The model between the weights at hand and its own.
    fn between(&self, model: &Model, share: f32) -> Model {
        let mut between = model.clone();
        if let Some(warm) = &self.warm {
            for (weight, warm) in between.weights.iter_mut().zip(warm) {
                *weight = warm + share * (*weight - warm);
            }
        }
        between
    }

    /// Entries to fit on, and those of the held-out blocks as they are.
    pub(super) fn split(&self) -> (Vec<&'a Entry>, Vec<Sample<'a>>) {
        let entries = &self.material.entries;
        let kept = (entries.iter()).filter(|entry| !self.is_held_out(entry.frame));
        let held = (entries.iter()).filter(|entry| self.is_held_out(entry.frame));
        let held = held.filter(|entry| entry.plain).map(sample);
        (kept.collect(), held.collect())
    }

    /// The error of the best constant of the kept entries on the others.
    fn constant_error(&self) -> f64 {
        let (kept, held) = self.split();
        let (objective, grid) = (&self.material.objective, self.material.grid);
        let labels = kept.iter().map(|entry| entry.label.as_slice());
        objective.constant_error(&objective.constant(labels, grid), &held, grid)
    }

    /// Fits one kind on entries.
    pub(super) fn candidate(
        &self,
        candidate: Candidate,
        entries: &[&Entry],
        steps: usize,
        report: &mut dyn FnMut(usize, usize, f32) -> bool,
    ) -> Result<(Model, Option<f64>), FitError> {
        match candidate {
            Candidate::Ridge => {
                let model = self.ridge(entries)?;
                if !report(1, 1, 0.0) {
                    return Err(FitError::Stopped);
                }
                Ok(model)
            }
            Candidate::Convolutional | Candidate::Warm => {
                let warm = match candidate {
                    Candidate::Warm => self.warm.clone(),
                    _ => None,
                };
                self.descent(warm, entries, steps, report)
                    .map(|model| (model, None))
            }
        }
    }

    fn ridge(&self, entries: &[&Entry]) -> Result<(Model, Option<f64>), FitError> {
        // Cut and lit views teach the closed form little for their time.
        let of_frame = |entry: &&&Entry| entry.plain;
        let plain: Vec<&Entry> = entries.iter().filter(of_frame).copied().collect();
        let (layout, scaling) = (self.layout, &self.scaling);
        let material = self.material;
        let target = self.request.target.name;
        let block = |frame: usize| self.block(frame);
        let blocks = ridge::blocks(
            target,
            layout,
            scaling,
            material,
            &block,
            self.blocks(),
            &plain,
        )?;
        let lambda = ridge::choose_lambda(&blocks, &mut || true)?;
        let mut all = blocks[0].clone();
        for block in &blocks[1..] {
            all.merge(block)?;
        }
        let form = (material.objective, material.grid);
        let model = ridge::model(layout, scaling, &all, lambda, form)?;
        Ok((model, Some(lambda)))
    }

    fn descent(
        &self,
        warm: Option<Vec<f32>>,
        entries: &[&Entry],
        steps: usize,
        report: &mut dyn FnMut(usize, usize, f32) -> bool,
    ) -> Result<Model, FitError> {
        let effort = self.request.effort;
        let objective = self.material.objective;
        let seed = u64::from(self.request.seed);
        let rate = if warm.is_some() {
            effort.warm_rate
        } else {
            effort.rate
        };
        let weights = warm.unwrap_or_else(|| {
            let mut weights = self.net.first_weights(&mut Dice::new(seed));
            let labels = entries.iter().map(|entry| entry.label.as_slice());
            objective.begin(&self.net, labels, &mut weights);
            weights
        });
        let training = Training {
            pace: Pace {
                rate,
                decay: 0.01,
                steps,
                rise: (steps / 10).clamp(1, 20),
            },
            batch: effort.batch,
            dropout: effort.dropout,
            seed,
        };
        let samples: Vec<Sample<'_>> = entries.iter().map(|entry| sample(entry)).collect();
        let descent = Descent {
            net: &self.net,
            layout: self.layout,
            scaling: &self.scaling,
            samples: &samples,
            objective,
            training,
        };
        let weights = descent.run(weights, &mut |step, loss| report(step + 1, steps, loss));
        Ok(Model {
            net: self.net.clone(),
            weights: weights.ok_or(FitError::Stopped)?,
            scaling: self.scaling.clone(),
            objective,
            decoding: objective.decoding(self.material.grid),
        })
    }

    fn written(
        &self,
        model: Model,
        chosen: Candidate,
        lambda: Option<f64>,
        tried: Vec<(&'static str, f64)>,
        (held_out, held_out_frames): (HeldOut, Vec<f64>),
    ) -> Result<FittedReadout, FitError> {
        let material = self.material;
        let target = self.request.target;
        let reference = material.reference_focal_px;
        let plain = material.entries.iter().filter(|entry| entry.plain).take(3);
        let warm = self
            .request
            .warm_start
            .filter(|_| chosen == Candidate::Warm);
        Ok(FittedReadout {
            target,
            kind: match chosen {
                Candidate::Ridge => FitKind::Ridge,
                Candidate::Convolutional | Candidate::Warm => FitKind::Convolutional,
            },
            onnx: export::onnx(&model, self.layout, target.name, reference),
            output_shape: export::output_shape(&model),
            lambda,
            reference_focal_px: reference,
            held_out: Some(held_out),
            held_out_frames,
            tried,
            warm_start: warm.map(|warm| WarmStart::new(warm.name.clone(), warm.sha256.clone())),
            frames: material.frames,
            shortcomings: material.shortcomings,
            classes: material.classes.clone(),
            layout: self.layout.clone(),
            witnesses: plain.map(|entry| entry.representation.clone()).collect(),
            model,
        })
    }
}

fn sample(entry: &Entry) -> Sample<'_> {
    Sample {
        representation: &entry.representation,
        label: &entry.label,
    }
}
