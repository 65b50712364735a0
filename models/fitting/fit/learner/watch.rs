//! A watch that compares the readout that serves with the first one on every frame
//! with a label, whatever the learner is at: it takes two looks at a frame, and
//! no refit.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use concert_policies::Task;

use super::super::FitError;
use super::super::convolutional::Scaling;
use super::super::descent::Sample;
use super::super::fitting::FittedReadout;
use super::super::kernels::Grid;
use super::super::known::KnownReadout;
use super::super::model::Model;
use super::super::objective::Objective;
use super::super::representations::{Representation, RepresentationLayout};
use super::super::training_set::{objective, reference_focal_px};
use crate::dataset::Label;

/// Frames that decide.
const WATCHED_FRAMES: usize = 5;
/// Least number of them that must be worse.
const MIN_WORSE: usize = 4;
/// Share by which what serves must be worse in their mean.
const MARGIN: f64 = 0.03;

/// Watches one target.
pub struct ReadoutWatch {
    target: &'static Task,
    layout: RepresentationLayout,
    objective: Objective,
    grid: Grid,
    first: Model,
    served: Option<Model>,
    /// The newest frames, oldest first.
    frames: VecDeque<Arc<Watched>>,
    /// Errors on those that came since what serves was exchanged.
    errors: VecDeque<WatchedErrors>,
}

/// A frame that was watched.
#[derive(Debug)]
struct Watched {
    representation: Representation,
    label: Vec<f32>,
}

/// Errors on one frame, or the means over a few; less is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WatchedErrors {
    /// Error of the readout that served.
    pub served: f64,
    /// Error of the first readout.
    pub first: f64,
}

/// The verdict of a few frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WatchVerdict {
    /// The frame has no known label, or the first readout serves.
    Nothing,
    /// The readout that serves is no worse, or too few frames came since it does.
    Serves(WatchedErrors),
    /// The readout that serves is worse than the first one on the last few frames.
    Worse(WatchedErrors),
}

impl ReadoutWatch {
    /// Watches `target`, for which `first` was there first and serves.
    ///
    /// # Errors
    /// As [`Learner::new`](super::Learner::new).
    pub fn new(
        target: &'static Task,
        layout: &RepresentationLayout,
        first: &KnownReadout,
    ) -> Result<Self, FitError> {
        let (objective, grid) = objective(target, layout, None)?;
        let scaling = Scaling::none(layout);
        Ok(Self {
            target,
            layout: layout.clone(),
            objective,
            grid,
            first: first.model(target, layout, &scaling, (objective, grid))?,
            served: None,
            frames: VecDeque::new(),
            errors: VecDeque::new(),
        })
    }

    /// Says what serves now; `None` for the first readout. What was seen before
    /// says nothing of it.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn serve(&mut self, readout: Option<&KnownReadout>) -> Result<(), FitError> {
        self.errors.clear();
        self.served = None;
        if let Some(readout) = readout {
            let scaling = Scaling::none(&self.layout);
            let form = (self.objective, self.grid);
            self.served = Some(readout.model(self.target, &self.layout, &scaling, form)?);
        }
        Ok(())
    }

    /// Looks at a frame; `focal_px` as in
    /// [`LinearFit::add`](super::super::LinearFit::add).
    pub fn look(
        &mut self,
        representation: Representation,
        label: &Label,
        focal_px: Option<f64>,
    ) -> WatchVerdict {
        let label = label.resize(self.grid.width, self.grid.height);
        let reference = reference_focal_px(self.target, &self.layout);
        let focal = match (focal_px, reference) {
            (Some(focal), Some(reference)) => focal / reference,
            _ => 1.0,
        };
        let label = self.objective.encode(label, focal as f32);
        if label.iter().all(|value| value.is_nan()) {
            return WatchVerdict::Nothing;
        }
        let frame = Watched {
            representation,
            label,
        };
        if self.frames.len() >= WATCHED_FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(Arc::new(frame));
        let frames = self.newest();
        let (Some(served), Some(newest)) = (&self.served, frames.frames.last()) else {
            return WatchVerdict::Nothing;
        };
        let sample = [newest.sample()];
        let error = |model: &Model| model.errors(&self.layout, &sample).0;
        if self.errors.len() >= WATCHED_FRAMES {
            self.errors.pop_front();
        }
        self.errors.push_back(WatchedErrors {
            served: error(served),
            first: error(&self.first),
        });
        self.judge()
    }

    fn judge(&self) -> WatchVerdict {
        let count = self.errors.len() as f64;
        let mean =
            |of: &dyn Fn(&WatchedErrors) -> f64| self.errors.iter().map(of).sum::<f64>() / count;
        let means = WatchedErrors {
            served: mean(&|errors| errors.served),
            first: mean(&|errors| errors.first),
        };
        // An error that is no number is worse than any.
        let is_at_most = |a: f64, b: f64| a.partial_cmp(&b).is_some_and(Ordering::is_le);
        let is_worse = |errors: &&WatchedErrors| !is_at_most(errors.served, errors.first);
        let worse = self.errors.iter().filter(is_worse).count();
        let by_margin = !is_at_most(means.served, means.first * (1.0 + MARGIN));
        match self.errors.len() >= WATCHED_FRAMES && worse >= MIN_WORSE && by_margin {
            true => WatchVerdict::Worse(means),
            false => WatchVerdict::Serves(means),
        }
    }

    /// The newest frames that were watched, to hold a readout to that was made
    /// meanwhile.
    #[must_use]
    pub fn newest(&self) -> NewestFrames {
        NewestFrames {
            frames: self.frames.iter().cloned().collect(),
        }
    }
}

/// A few frames that came last.
#[derive(Debug, Default)]
pub struct NewestFrames {
    frames: Vec<Arc<Watched>>,
}

impl Watched {
    fn sample(&self) -> Sample<'_> {
        Sample {
            representation: &self.representation,
            label: &self.label,
        }
    }
}

/// Errors of three readouts on the newest frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewestErrors {
    /// Error of the learnt readout.
    pub candidate: f64,
    /// Error of the readout that serves.
    pub served: f64,
    /// Error of the first readout.
    pub first: f64,
    /// Frames.
    pub frames: usize,
}

impl NewestErrors {
    /// True where the candidate is no worse, where the robot is now, than what serves and
    /// what was there first.
    #[must_use]
    pub fn allow(&self) -> bool {
        let near = |other: f64| self.candidate <= other * (1.0 + MARGIN);
        self.frames == 0 || (near(self.served) && near(self.first))
    }
}

impl super::Learner {
    /// Measures a readout that a refit made on the frames that came last,
    /// beside what serves and what was there first.
    #[must_use]
    pub fn errors_on_newest(&self, readout: &FittedReadout, newest: &NewestFrames) -> NewestErrors {
        let samples: Vec<Sample<'_>> = newest.frames.iter().map(|frame| frame.sample()).collect();
        let error = |model: &Model| model.errors(&self.layout, &samples).0;
        let (served, first) = match &self.stage {
            super::Stage::Learning(learning) => {
                let first = error(&learning.first);
                let served = match learning.first_serves {
                    true => first,
                    false => error(&learning.served),
                };
                (served, first)
            }
            super::Stage::Gathering(_) => (f64::INFINITY, f64::INFINITY),
        };
        NewestErrors {
            candidate: error(&readout.model),
            served,
            first,
            frames: samples.len(),
        }
    }
}
