//! Learning while frames keep coming: some blocks of time are learnt from,
//! others are held out, and what was learnt is compared with what serves on
//! the held-out frames alone.
//!
//! Plain computation: time is an argument, and nothing here knows of threads,
//! files or cameras.

mod candidates;
mod frames;
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
use super::descent::Sample;
use super::fitting::FittedReadout;
use super::kernels::Grid;
use super::known::KnownReadout;
use super::linear::LinearFit;
use super::model::Model;
use super::representations::{Representation, RepresentationLayout};
use super::statistics::Statistics;
use crate::dataset::Label;
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
    /// The model that the last refit chose, whatever serves.
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
    /// True where `served` is `first`.
    first_serves: bool,
    /// The weights that descent has come to, where the first readout is a net.
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

    /// The target that is learnt.
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
    pub fn frames_learnt(&self) -> u64 {
        self.learnt
    }

    /// Frames held out, in all.
    #[must_use]
    pub fn frames_held_out(&self) -> u64 {
        self.held_out
    }

    /// Blocks that ended.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.block.number
    }

    /// True where a refit says most: the newest frames are held out, and as
    /// many as a block needs.
    #[must_use]
    pub fn is_ripe(&self) -> bool {
        self.block.number % CYCLE == FOLDS as u64 && self.block.frames >= self.rules.block_frames
    }

    /// Predicts the target for a frame with the readout that the last refit chose, whatever
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
