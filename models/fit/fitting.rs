//! From labelled frames to a readout: gather, choose by blocks of time, fit on
//! all, write down.

use std::cmp::Ordering;

use concert_policies::Task;

use super::FitError;
use super::adamw::Pace;
use super::convolutional::{Descent, Sample, Scaling, Training, dense_net, whole_net};
use super::dice::Dice;
use super::export;
use super::material::{Entry, Material, Shortcomings, Views, Wanted};
use super::model::Model;
use super::net::Net;
use super::objective::Objective;
use super::representations::{Encoders, Layout};
use super::ridge;
use crate::card::{FitKind, HeldOut, ReadoutCard, WarmStart};
use crate::dataset::DataSet;
use crate::onnx::Checked;

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

/// What is to be fitted.
#[derive(Clone, Copy)]
pub struct FitRequest<'a> {
    /// What is read out.
    pub target: &'static Task,
    /// Where the labels come from.
    pub data: &'a DataSet,
    /// Sequence and frame in it, in the order of time; see [`spaced_frames`].
    pub frames: &'a [(usize, usize)],
    /// Which kind; the better one of all where it is `None`.
    pub kind: Option<FitKind>,
    /// A readout of the same target and encoders to begin with.
    pub warm_start: Option<&'a WarmReadout>,
    /// How frames are seen besides as they are.
    pub views: Views,
    /// How long networks are fitted.
    pub effort: Effort,
    /// The seed of whatever is drawn by lot.
    pub seed: u32,
}

/// How long a convolutional readout is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Steps of the final fit; a third of them to choose.
    pub steps: usize,
    /// Frames in one step.
    pub batch: usize,
    /// Greatest step of a weight from first weights.
    pub rate: f32,
    /// Greatest step of a weight from those of a readout.
    pub warm_rate: f32,
    /// Share of the channels that are left out of a step.
    pub dropout: f32,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            steps: 800,
            batch: 8,
            rate: 2e-3,
            warm_rate: 1e-3,
            dropout: 0.2,
        }
    }
}

impl Effort {
    /// Steps of a fit that only shows what a kind is worth.
    fn trial_steps(self) -> usize {
        (self.steps / 3).max(1)
    }
}

/// A readout whose weights a fit may begin with.
#[derive(Debug)]
pub struct WarmReadout {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// SHA-256 of every encoder that it was made for, by name.
    pub encoders: Vec<(String, String)>,
    /// The focal length that its output is metric for.
    pub reference_focal_px: Option<f64>,
    /// The file.
    pub network: Checked,
}

/// What is being done; for people who wait.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FitProgress {
    /// Frames that were read and encoded, of so many.
    Encoded {
        /// Done.
        done: usize,
        /// In all.
        of: usize,
    },
    /// A kind is tried on held-out blocks.
    Comparing {
        /// Its name.
        what: &'static str,
        /// Steps done.
        done: usize,
        /// Steps in all.
        of: usize,
    },
    /// The chosen kind is fitted on all frames.
    Fitting {
        /// Steps done.
        done: usize,
        /// Steps in all.
        of: usize,
        /// Of the last step.
        loss: f32,
    },
}

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

/// The frames of a data set that a fit of `count` frames takes: evenly spaced
/// over all sequences, in the order of time; all of them for `None`.
#[must_use]
pub fn spaced_frames(data: &DataSet, count: Option<usize>) -> Vec<(usize, usize)> {
    let all = data.sequences().iter().enumerate();
    let all: Vec<_> = all
        .flat_map(|(sequence, frames)| (0..frames.len()).map(move |index| (sequence, index)))
        .collect();
    let count = count.unwrap_or(all.len()).clamp(1, all.len().max(1));
    let at = |k: usize| (2 * k + 1) * all.len() / (2 * count);
    (0..count).filter_map(|k| all.get(at(k)).copied()).collect()
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
fn gathered(
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

/// What a small convolutional readout reaches on the blocks of time that
/// [`fit()`] holds out, fitted on the others from first weights: for encoders
/// that another is held against.
///
/// # Errors
/// As [`fit()`].
pub fn trial(
    encoders: &mut Encoders<'_>,
    request: &FitRequest<'_>,
    report: &mut dyn FnMut(FitProgress) -> bool,
) -> Result<Trial, FitError> {
    let (layout, material) = gathered(encoders, request, report)?;
    let request = FitRequest {
        warm_start: None,
        ..*request
    };
    let fitter = Fitter::new(&layout, &material, &request)?;
    let (kept, held) = fitter.split();
    let steps = request.effort.trial_steps();
    let what = Candidate::Convolutional.name();
    let (model, _) = fitter.candidate(
        Candidate::Convolutional,
        &kept,
        steps,
        &mut |done, of, _| report(FitProgress::Comparing { what, done, of }),
    )?;
    let (error, frames) = model.errors(&layout, &held);
    Ok(Trial { error, frames })
}

/// What [`trial`] measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Over all held-out frames, in the fit's own measure; less is better.
    pub error: f64,
    /// The same for each held-out frame, in the order of time.
    pub frames: Vec<f64>,
}

impl Trial {
    /// The share of held-out frames on which `errors` are less than these, a tie
    /// counted half: against training from pixels, Taskonomy's *Gain* (Zamir et
    /// al., CVPR 2018, section 3.3). `None` where no frame can be compared.
    #[must_use]
    pub fn gain_of(&self, errors: &[f64]) -> Option<f64> {
        let both = errors.iter().zip(&self.frames);
        let wins = both.filter_map(|(ours, theirs)| {
            ours.partial_cmp(theirs).map(|order| match order {
                Ordering::Less => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Greater => 0.0,
            })
        });
        let (sum, count) = wins.fold((0.0, 0), |(sum, count), win| (sum + win, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }
}

/// The kinds that compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Candidate {
    Ridge,
    Convolutional,
    Warm,
}

impl Candidate {
    fn name(self) -> &'static str {
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
    fn split(&self) -> (Vec<&'a Entry>, Vec<Sample<'a>>) {
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
    fn candidate(
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

impl<'a> FitRequest<'a> {
    /// A request with the usual views and effort; the best kind is chosen.
    #[must_use]
    pub fn new(target: &'static Task, data: &'a DataSet, frames: &'a [(usize, usize)]) -> Self {
        Self {
            target,
            data,
            frames,
            kind: None,
            warm_start: None,
            views: Views::default(),
            effort: Effort::default(),
            seed: 1,
        }
    }
}

impl WarmReadout {
    /// The readout of this card and file; `None` where it was not fitted as a
    /// small network, so that there are no weights to begin with.
    #[must_use]
    pub fn new(card: &ReadoutCard, network: Checked) -> Option<Self> {
        let kind = card.fit.as_ref()?.kind;
        if kind != FitKind::Convolutional {
            return None;
        }
        Some(Self::of(card, network))
    }

    /// The readout of this card and file, whatever was fitted.
    pub(crate) fn of(card: &ReadoutCard, network: Checked) -> Self {
        let pins = card.encoders.iter();
        Self {
            name: card.name.clone(),
            sha256: card.origin.sha256.clone(),
            encoders: pins
                .map(|pin| (pin.source.clone(), pin.sha256.clone()))
                .collect(),
            reference_focal_px: card.reference_focal_px(),
            network,
        }
    }

    /// Its weights, for inputs of this scale.
    fn weights(
        &self,
        layout: &Layout,
        net: &Net,
        scaling: &Scaling,
        material: &Material,
    ) -> Result<Vec<f32>, FitError> {
        let reference = material.reference_focal_px;
        self.weights_for(layout, net, scaling, (&material.objective, reference))
    }

    /// The same, for a target whose numbers are written down for this focal
    /// length.
    pub(crate) fn weights_for(
        &self,
        layout: &Layout,
        net: &Net,
        scaling: &Scaling,
        (objective, reference_focal_px): (&Objective, Option<f64>),
    ) -> Result<Vec<f32>, FitError> {
        self.check_encoders(layout)?;
        let first = net.first_weights(&mut Dice::new(1));
        let classes = matches!(objective, Objective::Classes { .. });
        let last = classes.then_some(first.as_slice());
        let mut weights = export::weights_of(&self.network, &self.name, net, scaling, last)?;
        // Written down for another focal length, all logarithms move alike.
        if let (Some(from), Some(to)) = (self.reference_focal_px, reference_focal_px) {
            let bias = net.blocks().find(|block| block.name == "output.bias");
            if let Some(bias) = bias.map(super::net::Weights::range) {
                weights[bias]
                    .iter_mut()
                    .for_each(|bias| *bias += (to / from).ln() as f32);
            }
        }
        Ok(weights)
    }

    /// Refuses encoders that it was not made for.
    pub(crate) fn check_encoders(&self, layout: &Layout) -> Result<(), FitError> {
        for pin in &layout.pins {
            let known = self.encoders.iter().find(|(name, _)| *name == pin.source);
            let found = known.map_or("none", |(_, sha256)| sha256.as_str());
            if found != pin.sha256 {
                return Err(FitError::OtherEncoder {
                    readout: self.name.clone(),
                    source_name: pin.source.clone(),
                    expected: found.to_owned(),
                    found: pin.sha256.clone(),
                });
            }
        }
        Ok(())
    }
}
