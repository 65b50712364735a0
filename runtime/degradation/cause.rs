//! Why a chain steps.

use std::fmt;
use std::time::Duration;

/// Why another policy of the chain takes over.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// Too many frames were late or dropped; shares of 1.
    Overload {
        /// Share of the newest frames.
        late: f64,
        /// Share from which on that is too many.
        limit: f64,
    },
    /// A thermal zone is at its trip point, or the processor is throttled; in words.
    Heat(String),
    /// Every encoder fails: the device is gone.
    EngineLost,
    /// Frames were in time, and it was cool, for so long.
    Calm(Duration),
}

impl Cause {
    /// One word for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Cause::Overload { .. } => "overload",
            Cause::Heat(_) => "heat",
            Cause::EngineLost => "engine_lost",
            Cause::Calm(_) => "calm",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Overload { late, limit } => write!(
                to,
                "{:.0} % of the frames were late or dropped, but {:.0} % may be",
                late * 100.0,
                limit * 100.0
            ),
            Cause::Heat(words) => to.write_str(words),
            Cause::EngineLost => to.write_str("every encoder fails: the engine is lost"),
            Cause::Calm(time) => write!(to, "calm for {:.1} s", time.as_secs_f64()),
        }
    }
}
