//! Candidates: readouts made of the learnt frames, judged on held-out ones.

use std::time::Duration;

use super::super::FitError;
use super::super::adamw::LrSchedule;
use super::super::descent::{Descent, Sample, Training};
use super::super::export;
use super::super::fitting::FittedReadout;
use super::super::interpolation::interpolate;
use super::super::kernels::Grid;
use super::super::linear::LinearFit;
use super::super::model::Model;
use super::super::representations::RepresentationLayout;
use super::super::ridge;
use super::super::training_set::Shortcomings;
use super::{CurvePoint, Kept, Learner, Learning, MIN_HELD_OUT, MIN_LEARNT, Refit, Stage, Verdict};
use concert_models::card::{FitKind, HeldOut, WarmStart};

/// Shares of the way from the first readout's weights to those that descent has
/// come to; see `interpolation.rs`.
const ALPHAS: [f32; 3] = [0.33, 0.67, 1.0];
/// Most frames learnt before the ridge's strength is chosen again; while there
/// are few, it is after half as many again.
const LAMBDA_FRAMES: u64 = 500;
/// Learning rate: the greatest step of a weight.
const LEARNING_RATE: f32 = 5e-4;
/// Frames in one step of descent.
const BATCH: usize = 4;
/// Share of the channels that a step leaves out.
const DROPOUT: f32 = 0.1;

struct RefitCandidate {
    kind: FitKind,
    model: Model,
    lambda: Option<f64>,
}

impl Learner {
    /// Makes readouts of what was learnt, takes the one that is best on the
    /// older half of the held-out frames, and compares it with what serves on
    /// the newer half, and on the newest block alone: those frames are later
    /// than all that was learnt, where this is called when
    /// [`is_ripe`](Self::is_ripe). `go_on` is asked every now and then, and ends it all by
    /// returning false.
    ///
    /// # Errors
    /// [`FitError::Stopped`]; what cannot be solved is no candidate.
    pub fn refit(
        &mut self,
        now: Duration,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Refit, FitError> {
        let (learnt, held_out) = (self.learnt, self.held.len());
        let ready = learnt >= MIN_LEARNT && held_out >= MIN_HELD_OUT;
        let (Stage::Learning(learning), true) = (&mut self.stage, ready) else {
            return Ok(too_few(learnt, held_out));
        };
        let samples: Vec<Sample<'_>> = self.held.iter().map(Kept::sample).collect();
        let (choosing, judging) = samples.split_at(samples.len() / 2);
        let mut candidates = Vec::new();
        match learning.linear_candidate(&self.layout, learnt, go_on) {
            Err(FitError::Singular { .. }) => {}
            found => candidates.push(found?),
        }
        if self.rules.steps > 0 && !self.reservoir.is_empty() {
            learning.descend(&self.layout, &self.reservoir, self.rules.steps, go_on)?;
            candidates.extend(learning.descent_candidates());
        }
        // The newest block, unless it is not of the judging half.
        let newest = self.held.back().map_or(0, |kept| kept.block);
        let ahead = self.held.iter().filter(|kept| kept.block == newest).count();
        let ahead = &judging[judging.len().saturating_sub(ahead)..];
        let error = |model: &Model| model.errors(&self.layout, judging).0;
        let error_ahead = |model: &Model| model.errors(&self.layout, ahead).0;
        let mut best: Option<(RefitCandidate, f64)> = None;
        for candidate in candidates {
            if !go_on() {
                return Err(FitError::Stopped);
            }
            let chosen_by = candidate.model.errors(&self.layout, choosing).0;
            if chosen_by < best.as_ref().map_or(f64::INFINITY, |(_, least)| *least) {
                best = Some((candidate, chosen_by));
            }
        }
        let Some((candidate, _)) = best else {
            return Ok(Refit {
                verdict: Verdict::NoCandidate,
                point: None,
                readout: None,
            });
        };
        let first = error(&learning.first);
        let serving = if learning.first_serves {
            &learning.first
        } else {
            &learning.served
        };
        let point = CurvePoint {
            seconds: now.as_secs_f64(),
            learnt,
            judged: judging.len(),
            measure: learning.linear.objective.measure(),
            kind: candidate.kind.name(),
            candidate: error(&candidate.model),
            served: error(serving),
            candidate_ahead: error_ahead(&candidate.model),
            served_ahead: error_ahead(serving),
            first,
            constant: constant(&learning.linear, (&self.reservoir, choosing), judging),
            exchanged: false,
        };
        let verdict = Verdict::of(&point, self.rules.margin, learning.first_serves);
        self.newest = Some(candidate.model.clone());
        let readout = (verdict == Verdict::Better).then(|| self.to_readout(candidate, &point));
        Ok(Refit {
            verdict,
            point: Some(point),
            readout: readout.flatten(),
        })
    }

    fn to_readout(&self, candidate: RefitCandidate, point: &CurvePoint) -> Option<FittedReadout> {
        let Stage::Learning(learning) = &self.stage else {
            return None;
        };
        let reference = learning.linear.reference_focal_px;
        let model = candidate.model;
        let walked = candidate.kind == FitKind::Convolutional;
        let first = &self.first;
        let warm = || WarmStart::new(first.name().to_owned(), first.sha256().to_owned());
        let measure = point.measure.to_owned();
        Some(FittedReadout {
            target: self.target,
            kind: candidate.kind,
            onnx: export::onnx(&model, &self.layout, self.target.name, reference),
            output_shape: export::output_shape(&model),
            lambda: candidate.lambda,
            reference_focal_px: reference,
            held_out_frames: Vec::new(),
            held_out: Some(HeldOut::new(
                measure,
                point.candidate,
                point.constant,
                point.judged,
            )),
            tried: Vec::new(),
            warm_start: walked.then(warm),
            not_begun: None,
            frames: usize::try_from(self.learnt).unwrap_or(usize::MAX),
            shortcomings: Shortcomings::default(),
            classes: None,
            layout: self.layout.clone(),
            reference_samples: (self.reservoir.iter().take(3))
                .map(|kept| kept.representation.clone())
                .collect(),
            model,
        })
    }
}

impl Learning {
    fn linear_candidate(
        &mut self,
        layout: &RepresentationLayout,
        learnt: u64,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<RefitCandidate, FitError> {
        // Choosing takes ten times as long as solving, and changes little.
        let fresh = |then: u64| 2 * learnt < 3 * then && learnt < then + LAMBDA_FRAMES;
        let (lambda, then) = match self.lambda.filter(|(_, then)| fresh(*then)) {
            Some(known) => known,
            None => (ridge::choose_lambda(&self.folds, go_on)?, learnt),
        };
        self.lambda = Some((lambda, then));
        let mut all = self.folds[0].clone();
        for fold in &self.folds[1..] {
            all.merge(fold)?;
        }
        let form = (self.linear.objective, self.linear.grid);
        let model = ridge::model(layout, &self.linear.scaling, &all, lambda, form)?;
        Ok(RefitCandidate {
            kind: FitKind::Ridge,
            model,
            lambda: Some(lambda),
        })
    }

    /// A few steps more, from where descent has come to.
    fn descend(
        &mut self,
        layout: &RepresentationLayout,
        reservoir: &[Kept],
        steps: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), FitError> {
        let Some(weights) = self.current_weights.clone() else {
            return Ok(());
        };
        let samples: Vec<Sample<'_>> = reservoir.iter().map(Kept::sample).collect();
        self.descents += 1;
        let descent = Descent {
            net: &self.first.net,
            layout,
            scaling: &self.first.scaling,
            samples: &samples,
            objective: self.linear.objective,
            training: Training {
                schedule: LrSchedule {
                    learning_rate: LEARNING_RATE,
                    weight_decay: 0.01,
                    steps,
                    warmup_steps: (steps / 10).clamp(1, 20),
                },
                batch: BATCH,
                dropout: DROPOUT,
                seed: self.descents,
            },
        };
        let walked = descent.run(weights, &mut |_, _| go_on());
        let walked = walked.ok_or(FitError::Stopped)?;
        // Steps that led astray are not built upon.
        let sound = walked.iter().all(|weight| weight.is_finite());
        self.current_weights = Some(if sound {
            walked
        } else {
            self.first.weights.clone()
        });
        Ok(())
    }

    /// The readouts between the first and where descent has come to.
    fn descent_candidates(&self) -> Vec<RefitCandidate> {
        let Some(current_weights) = &self.current_weights else {
            return Vec::new();
        };
        let candidate = |alpha: f32| {
            let model = interpolate(&self.first, current_weights, alpha);
            RefitCandidate {
                kind: FitKind::Convolutional,
                model,
                lambda: None,
            }
        };
        ALPHAS.map(candidate).into()
    }
}

fn too_few(learnt: u64, held_out: usize) -> Refit {
    Refit {
        verdict: Verdict::TooFewFrames {
            learnt,
            least_learnt: MIN_LEARNT,
            held_out,
            least_held_out: MIN_HELD_OUT,
        },
        point: None,
        readout: None,
    }
}

/// The error of the best constant of the reservoir on samples; right after a
/// restart, when it is empty, of the held-out frames before them.
fn constant(
    linear: &LinearFit,
    (reservoir, choosing): (&[Kept], &[Sample<'_>]),
    judging: &[Sample<'_>],
) -> f64 {
    let (objective, grid): (_, Grid) = (&linear.objective, linear.grid);
    let learnt = reservoir.iter().map(|kept| kept.label.as_slice());
    let before = choosing.iter().map(|sample| sample.label);
    let labels = learnt.chain(before.filter(|_| reservoir.is_empty()));
    objective.constant_error(&objective.constant(labels, grid), judging, grid)
}
