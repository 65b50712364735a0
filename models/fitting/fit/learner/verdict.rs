//! What a refit finds.

use serde::Serialize;

use super::super::fitting::FittedReadout;

/// What a refit found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Too little was seen to judge anything.
    TooFewFrames {
        /// Frames learnt.
        learnt: u64,
        /// Of at least these.
        least_learnt: u64,
        /// Frames held out.
        held_out: usize,
        /// Of at least these.
        least_held_out: usize,
    },
    /// Of what was learnt no readout could be made: the system has no solution,
    /// or its errors are no numbers.
    NoCandidate,
    /// What serves stays.
    NotBetter,
    /// What was learnt is better than what serves, by the margin, and no worse
    /// on the newest block.
    Better,
    /// What was there first is better than what was learnt and serves.
    FirstIsBetter,
}

/// Errors on the same recent held-out frames, at one moment; smaller is better.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Seconds of the caller's clock.
    pub seconds: f64,
    /// Frames learnt until then, in all.
    pub learnt: u64,
    /// Held-out frames that judged.
    pub judged: usize,
    /// What was measured (`abs_rel`, `mean_deg`).
    pub measure: &'static str,
    /// Which kind of readout was learnt.
    pub kind: &'static str,
    /// Of what was learnt.
    pub candidate: f64,
    /// Of what served then.
    pub served: f64,
    /// Of what was learnt, on the newest held-out block alone: frames later
    /// than all that was learnt.
    pub candidate_ahead: f64,
    /// Of what served then, on the same block.
    pub served_ahead: f64,
    /// Of the readout that was there first.
    pub first: f64,
    /// Of the best constant of the learnt frames.
    pub constant: f64,
    /// Whether the candidate took over; set by who exchanges readouts.
    pub exchanged: bool,
}

/// What came of a refit.
#[derive(Debug)]
pub struct Refit {
    /// What is to be done.
    pub verdict: Verdict,
    /// The errors; `None` where too little was seen.
    pub point: Option<CurvePoint>,
    /// What was learnt, where it is better.
    pub readout: Option<FittedReadout>,
}

impl Verdict {
    /// Better by the share `margin` in the mean, and no worse on the newest
    /// block; what was there first comes back where it is no worse than what
    /// was learnt.
    pub(super) fn of(point: &CurvePoint, margin: f64, first_serves: bool) -> Self {
        let enough = point.served * (1.0 - margin);
        if !first_serves && point.first < enough && point.first <= point.candidate {
            Verdict::FirstIsBetter
        } else if point.candidate < enough && point.candidate_ahead <= point.served_ahead {
            Verdict::Better
        } else {
            Verdict::NotBetter
        }
    }
}
