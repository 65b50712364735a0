//! Work in the pauses of the perceive thread.

use std::sync::Arc;
use std::time::Duration;

use super::thread::{self, Urgency};
use crate::duty_cycle::DutyCycle;
use crate::shared::Shared;

/// Least time of a piece of work that is looked at: telling the time takes some.
const PIECE: Duration = Duration::from_micros(200);

/// Lets one thread work beside the frames without disturbing them: it calls
/// [`between`](Self::between) between pieces of its work, which waits while the
/// perceive thread is at a step; but never so long that less than a twentieth
/// of the time is left to it. Made by `Control::yield_point`; the perceive thread
/// never waits for it.
pub struct YieldPoint {
    shared: Arc<Shared>,
    cycle: DutyCycle,
    /// True where the system did not let it be more urgent.
    refused: bool,
}

impl YieldPoint {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.gaps.worker_is(std::thread::current());
        let mut way = Self {
            shared,
            cycle: DutyCycle::default(),
            refused: false,
        };
        way.be(Urgency::Idle);
        way.begin();
        way
    }

    /// Work begins, after the thread waited for something else.
    pub fn begin(&mut self) {
        let now = self.shared.clock.monotonic();
        self.cycle.start(now, processor_time(now));
    }

    /// Gives way no longer as the last of all, where the system allows that: what
    /// comes now is waited for.
    pub fn hurry(&mut self) {
        self.be(Urgency::Low);
    }

    fn be(&mut self, urgency: Urgency) {
        tracing::debug!(?urgency, "work beside the frames");
        let Err(error) = thread::be(urgency) else {
            return;
        };
        if !std::mem::replace(&mut self.refused, true) {
            tracing::warn!(
                "learning gets less than a fiftieth of a processor here, and the system does \
                 not let it ask for more: allow niceness 10 (ulimit -e 10, LimitNICE=10): {error}"
            );
        }
    }

    /// Between two pieces of work; may sleep, up to a quarter of a second.
    pub fn between(&mut self) {
        let now = self.shared.clock.monotonic();
        if self.cycle.lasts(now) < PIECE && !self.shared.gaps.is_stepping() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        shared.gaps.note_work();
        let ran = processor_time(now);
        self.cycle.end(now, ran);
        if let Some(urgency) = self.cycle.change(now, ran) {
            self.be(urgency);
        }
        shared.gaps.wait(true);
        while let Some(wait) =
            (self.cycle).wait(shared.clock.monotonic(), shared.gaps.is_stepping())
        {
            // Awake all the time, it would stand in the way of the step.
            thread::park(wait);
        }
        shared.gaps.wait(false);
        shared.gaps.note_work();
        let now = shared.clock.monotonic();
        self.cycle.begin(now, processor_time(now));
    }
}

/// Time that the thread had a processor; where the system does not tell it, as
/// if nobody else wanted one.
fn processor_time(now: Duration) -> Duration {
    thread::processor_time().unwrap_or(now)
}
