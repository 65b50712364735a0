//! Learning while frames keep coming: some blocks of time are learnt from,
//! others are held out, and what was learnt is compared with what serves on
//! the held-out frames alone.
//!
//! Plain computation: time is an argument, and nothing here knows of threads,
//! files or cameras.

mod candidates;
mod rules;
mod state;
#[cfg(test)]
mod tests;
mod verdict;
mod watch;

use std::collections::VecDeque;
use std::time::Duration;

use concert_policies::Task;

pub use rules::{FrameUse, LearnRules};
pub use verdict::{CurvePoint, Refit, Verdict};
pub use watch::{NewestErrors, NewestFrames, ReadoutWatch, WatchVerdict, WatchedErrors};

use super::FitError;
use super::convolutional::Sample;
use super::fitting::FittedReadout;
use super::kernels::Grid;
use super::known::KnownReadout;
use super::linear::LinearFit;
use super::model::Model;
use super::representations::{Representation, RepresentationLayout};
use super::statistics::Statistics;
use crate::dataset::Label;
use concert_models::card::FitKind;
use concert_models::digest::sha256_hex;
use concert_models::rng::Rng;

/// Sets of learnt blocks that are kept apart, so that each can be held out when
/// the ridge's strength is chosen.
const FOLDS: usize = 2;
/// Blocks after which their order begins anew: one per fold, then one that is
/// held out.
const CYCLE: u64 = FOLDS as u64 + 1;
/// Most frames that are kept with their whole labels until the scale of the levels
/// is measured on them.
const MAX_GATHERED: usize = 64;
/// Fewest frames learnt before a readout is made of them.
const MIN_LEARNT: u64 = 10;
/// Fewest frames held out before anything is judged; half of them choose
/// between candidates, the newer half judges the chosen one.
const MIN_HELD_OUT: usize = 6;

/// Learns one target from representations while it is served.
///
/// Until the scale of the levels is known, it keeps at most 64 frames with their
/// labels. Then it takes memory for two matrices of (channels of all levels)² at 8 bytes, for
/// [`LearnRules::held_out`] + [`LearnRules::reservoir`] representations, and
/// while it refits for three matrices more.
pub struct Learner {
    target: &'static Task,
    layout: RepresentationLayout,
    rules: LearnRules,
    first: KnownReadout,
    serving: Option<KnownReadout>,
    stage: Stage,
    block: Block,
    held: VecDeque<Kept>,
    reservoir: Vec<Kept>,
    rng: Rng,
    learnt: u64,
    held_out: u64,
    /// SHA-256 over all that was learnt, in order.
    digest: String,
    /// What the last refit chose of what it made, whatever serves.
    newest: Option<Model>,
}

/// Before and after the scale of the levels is known.
enum Stage {
    /// Learnt frames of the first blocks; the scale is measured on them.
    Gathering(Vec<Gathered>),
    /// The scale is known.
    Learning(Box<Learning>),
}

struct Gathered {
    frame: Representation,
    label: Label,
    focal_px: Option<f64>,
    fold: usize,
}

struct Learning {
    linear: LinearFit,
    folds: [Statistics; FOLDS],
    first: Model,
    served: Model,
    /// Whether `served` is `first`.
    first_serves: bool,
    /// Where descent has come to, where the first readout is a net.
    current_weights: Option<Vec<f32>>,
    descents: u64,
    /// The ridge's strength, and the frames learnt when it was chosen.
    lambda: Option<(f64, u64)>,
}

#[derive(Default)]
struct Block {
    number: u64,
    frames: usize,
    began: Option<Duration>,
}

/// A labelled frame that is kept.
struct Kept {
    representation: Representation,
    /// On the output's grid, for the reference focal length.
    label: Vec<f32>,
    /// Number of the block that it was seen in.
    block: u64,
}

impl Kept {
    fn sample(&self) -> Sample<'_> {
        Sample {
            representation: &self.representation,
            label: &self.label,
        }
    }
}

impl Learner {
    /// Learns `target` from these encoders; `first` is the readout that serves
    /// until something better is learnt.
    ///
    /// # Errors
    /// A target that is not fitted to depth, and a readout of another target,
    /// other encoders or another structure.
    pub fn new(
        target: &'static Task,
        layout: &RepresentationLayout,
        first: KnownReadout,
        rules: LearnRules,
    ) -> Result<Self, FitError> {
        first.check(target, layout, None)?;
        Ok(Self {
            target,
            layout: layout.clone(),
            rules,
            first,
            serving: None,
            stage: Stage::Gathering(Vec::new()),
            block: Block::default(),
            held: VecDeque::new(),
            reservoir: Vec::new(),
            rng: Rng::from_seed(1),
            learnt: 0,
            held_out: 0,
            digest: String::new(),
            newest: None,
        })
    }

    /// What is learnt.
    #[must_use]
    pub fn target(&self) -> &'static Task {
        self.target
    }

    /// The levels that it reads.
    #[must_use]
    pub fn layout(&self) -> &RepresentationLayout {
        &self.layout
    }

    /// Frames learnt, also before a restart.
    #[must_use]
    pub fn learnt(&self) -> u64 {
        self.learnt
    }

    /// Frames held out, in all.
    #[must_use]
    pub fn held_out(&self) -> u64 {
        self.held_out
    }

    /// Blocks that ended.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.block.number
    }

    /// Whether a refit says most now: the newest frames are held out, and as
    /// many as a block needs.
    #[must_use]
    pub fn is_ripe(&self) -> bool {
        self.block.number % CYCLE == FOLDS as u64 && self.block.frames >= self.rules.block_frames
    }

    /// What the readout that the last refit chose says of a frame, whatever
    /// serves: the task's numbers in planes, with height and width of a plane.
    /// `None` before there is one. `focal_px` as in [`add`](Self::add).
    #[must_use]
    pub fn predict(
        &self,
        frame: &Representation,
        focal_px: Option<f64>,
    ) -> Option<(Vec<f32>, [usize; 2])> {
        let (Some(model), Stage::Learning(learning)) = (&self.newest, &self.stage) else {
            return None;
        };
        let reference = learning.linear.reference_focal_px;
        let focal = focal_px.zip(reference).map_or(1.0, |(px, of)| px / of);
        let mut space = model.workspace();
        let values = model.run(&self.layout, frame, focal as f32, &mut space);
        let Grid { height, width } = model.grid();
        Some((values, [height, width]))
    }

    /// SHA-256 over what was learnt, in order.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256_hex(self.digest.as_bytes())
    }

    /// Takes a frame that arrived at `now` (monotonic) with its label of the
    /// whole picture; `focal_px` as in [`LinearFit::add`].
    ///
    /// # Errors
    /// A first readout that does not fit what is learnt.
    pub fn add(
        &mut self,
        frame: Representation,
        label: &Label,
        focal_px: Option<f64>,
        now: Duration,
    ) -> Result<FrameUse, FitError> {
        if label.known_share() == 0.0 {
            return Ok(FrameUse::Unlabelled);
        }
        self.end_block_if_due(now);
        let fold = (self.block.number % CYCLE) as usize;
        if fold == FOLDS {
            self.start_learning()?;
            return Ok(self.hold_out(frame, label, focal_px));
        }
        self.update_digest(&frame, label);
        match &mut self.stage {
            Stage::Gathering(gathered) => gathered.push(Gathered {
                frame,
                label: label.clone(),
                focal_px,
                fold,
            }),
            Stage::Learning(_) => self.learn(frame, label, focal_px, fold),
        }
        self.learnt += 1;
        self.block.frames += 1;
        if matches!(&self.stage, Stage::Gathering(gathered) if gathered.len() >= MAX_GATHERED) {
            self.start_learning()?;
        }
        Ok(FrameUse::Learnt)
    }

    /// Ends the block where it lasted long enough and has frames enough.
    fn end_block_if_due(&mut self, now: Duration) {
        let began = *self.block.began.get_or_insert(now);
        let old = now.saturating_sub(began) >= self.rules.block;
        if !old || self.block.frames < self.rules.block_frames {
            return;
        }
        let learnt_from = self.block.number % CYCLE < FOLDS as u64;
        if let (Stage::Learning(learning), true) = (&mut self.stage, learnt_from) {
            let halvings = self.block.frames as f64 / self.rules.half_life_frames.max(1.0);
            let share = 0.5_f64.powf(halvings);
            learning.folds.iter_mut().for_each(|fold| fold.fade(share));
        }
        self.block = Block {
            number: self.block.number + 1,
            frames: 0,
            began: Some(now),
        };
    }

    fn hold_out(
        &mut self,
        frame: Representation,
        label: &Label,
        focal_px: Option<f64>,
    ) -> FrameUse {
        let Stage::Learning(learning) = &self.stage else {
            return FrameUse::Unlabelled;
        };
        let label = learning.linear.encode_label(label, focal_px);
        if label.iter().all(|value| value.is_nan()) {
            return FrameUse::Unlabelled;
        }
        self.held.push_back(Kept {
            representation: frame,
            label,
            block: self.block.number,
        });
        while self.held.len() > self.rules.held_out.max(MIN_HELD_OUT) {
            self.held.pop_front();
        }
        self.held_out += 1;
        self.block.frames += 1;
        FrameUse::HeldOut
    }

    fn learn(&mut self, frame: Representation, label: &Label, focal_px: Option<f64>, fold: usize) {
        let Stage::Learning(learning) = &mut self.stage else {
            return;
        };
        let Learning { linear, folds, .. } = &mut **learning;
        linear.add(&mut folds[fold], &frame, label, focal_px, 1.0);
        let kept = Kept {
            representation: frame,
            label: linear.encode_label(label, focal_px),
            block: self.block.number,
        };
        // A full reservoir forgets one at random: old frames fade away.
        if self.reservoir.len() < self.rules.reservoir {
            self.reservoir.push(kept);
        } else if !self.reservoir.is_empty() {
            let at = self.rng.below(self.reservoir.len());
            self.reservoir[at] = kept;
        }
    }

    /// What is learnt goes into the digest.
    fn update_digest(&mut self, frame: &Representation, label: &Label) {
        let mut bytes = std::mem::take(&mut self.digest).into_bytes();
        bytes.extend(frame.to_bytes());
        let values: &[u8] = bytemuck::cast_slice(&label.values);
        bytes.extend(values);
        self.digest = sha256_hex(&bytes);
    }

    /// Measures the scale, if that was not done, and learns what was gathered.
    fn start_learning(&mut self) -> Result<(), FitError> {
        let Stage::Gathering(gathered) = &mut self.stage else {
            return Ok(());
        };
        let gathered = std::mem::take(gathered);
        let frames: Vec<Representation> =
            (gathered.iter()).map(|entry| entry.frame.clone()).collect();
        let linear = LinearFit::new(self.target, &self.layout, None, &frames)?;
        let folds = [linear.statistics()?, linear.statistics()?];
        self.stage = Stage::Learning(Box::new(self.new_learning(linear, folds)?));
        for entry in gathered {
            self.learn(entry.frame, &entry.label, entry.focal_px, entry.fold);
        }
        Ok(())
    }

    fn new_learning(
        &self,
        linear: LinearFit,
        folds: [Statistics; FOLDS],
    ) -> Result<Learning, FitError> {
        let model = |readout: &KnownReadout| {
            let form = (linear.objective, linear.grid);
            readout.model(self.target, &self.layout, &linear.scaling, form)
        };
        let first = model(&self.first)?;
        let served = match &self.serving {
            Some(serving) => model(serving)?,
            None => first.clone(),
        };
        // What served before a restart had walked already.
        let walked =
            (self.serving.as_ref()).is_some_and(|serving| serving.kind() == FitKind::Convolutional);
        let shapes = |model: &Model| -> Vec<[usize; 4]> {
            model.net.blocks().map(|block| block.shape).collect()
        };
        let same = shapes(&served) == shapes(&first);
        let begin = if walked && same { &served } else { &first };
        let current_weights =
            (self.first.kind() == FitKind::Convolutional).then(|| begin.weights.clone());
        Ok(Learning {
            served,
            first_serves: self.serving.is_none(),
            current_weights,
            descents: 0,
            lambda: None,
            first,
            folds,
            linear,
        })
    }

    /// Says that this readout serves now, as after a restart; `None` for the
    /// first.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn serve(&mut self, readout: Option<KnownReadout>) -> Result<(), FitError> {
        if let Some(readout) = &readout {
            readout.check(self.target, &self.layout, None)?;
        }
        if let Stage::Learning(learning) = &mut self.stage {
            let form = (learning.linear.objective, learning.linear.grid);
            learning.served = match &readout {
                Some(readout) => {
                    readout.model(self.target, &self.layout, &learning.linear.scaling, form)?
                }
                None => learning.first.clone(),
            };
            learning.first_serves = readout.is_none();
        }
        self.serving = readout;
        Ok(())
    }

    /// Says that what the last refit gave serves now.
    pub fn adopt(&mut self, readout: &FittedReadout) {
        if let Stage::Learning(learning) = &mut self.stage {
            learning.served = readout.model.clone();
            learning.first_serves = false;
        }
    }
}
