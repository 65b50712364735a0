//! The findings of a refit.

use serde::Serialize;

use super::super::fitting::FittedReadout;

/// The verdict of a refit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Too little was seen to judge anything.
    TooFewFrames {
        /// Frames learnt.
        learnt: u64,
        /// Least number that is needed.
        least_learnt: u64,
        /// Frames held out.
        held_out: usize,
        /// Least number that is needed.
        least_held_out: usize,
    },
    /// No readout could be made of what was learnt: the system has no solution,
    /// or its errors are no numbers.
    NoCandidate,
    /// The readout that serves stays.
    NotBetter,
    /// The learnt readout is better than the one that serves, by the margin, and no worse
    /// on the newest block.
    Better,
    /// The first readout is better than the learnt one that serves.
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
    /// Name of the measure (`abs_rel`, `mean_deg`).
    pub measure: &'static str,
    /// The kind of readout that was learnt.
    pub kind: &'static str,
    /// Error of the learnt readout.
    pub candidate: f64,
    /// Error of the readout that served then.
    pub served: f64,
    /// Error of the learnt readout on the newest held-out block alone: frames later
    /// than all that was learnt.
    pub candidate_ahead: f64,
    /// Error of the readout that served then, on the same block.
    pub served_ahead: f64,
    /// Error of the first readout.
    pub first: f64,
    /// Error of the best constant of the learnt frames.
    pub constant: f64,
    /// True where the candidate took over; set by the caller, which exchanges readouts.
    pub exchanged: bool,
}

/// The result of a refit.
#[derive(Debug)]
pub struct Refit {
    /// The verdict, which says what is to be done.
    pub verdict: Verdict,
    /// The errors; `None` where too little was seen.
    pub point: Option<CurvePoint>,
    /// The learnt readout, where it is better.
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
