//! When the service manager gets a sign of life: while outputs come, or nobody asks for
//! any. A server that computes and gives nothing is restarted.

use std::time::Duration;

use concert_runtime::StatusFigures;
use concert_runtime::readiness::is_asked_for;

/// Signs within the time that the service manager waits for one.
const SIGNS: u32 = 4;

/// Decides when a sign is due.
#[derive(Debug)]
pub(super) struct SignOfLife {
    period: Duration,
    /// Outputs that the bus took, when last looked.
    published: u64,
    /// True where there was life since the last sign.
    alive: bool,
    next: Duration,
}

impl SignOfLife {
    /// Signs for who waits so long.
    pub(super) fn new(watchdog: Duration) -> Self {
        Self {
            period: watchdog / SIGNS,
            published: 0,
            alive: false,
            next: Duration::ZERO,
        }
    }

    /// Whether one is to be given at the monotonic time `now`. A status that is older than
    /// the time between two signs says nothing.
    pub(super) fn is_due(&mut self, figures: &StatusFigures, now: Duration) -> bool {
        let targets = &figures.snapshot.targets;
        let published = targets.iter().map(|target| target.published).sum();
        let came = published > self.published;
        self.published = published;
        let is_fresh = now.saturating_sub(figures.made) < self.period.max(STATUS_PERIOD * 2);
        let nobody_asks = is_fresh && !targets.iter().any(is_asked_for);
        self.alive |= came || nobody_asks;
        if !self.alive || now < self.next {
            return false;
        }
        self.alive = false;
        self.next = now + self.period;
        true
    }
}

/// Time between two statuses.
pub(super) const STATUS_PERIOD: Duration = Duration::from_secs(1);
