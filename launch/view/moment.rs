//! Moments on both clocks.

use std::time::Duration;

use concert_runtime::{Clock, Timestamp};

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// On this computer's clock, to hold stamps against.
    pub(super) stamp: Timestamp,
    pub(super) monotonic: Duration,
}

impl Moment {
    pub(super) fn of(clock: &dyn Clock) -> Self {
        Self {
            stamp: clock.now(),
            monotonic: clock.monotonic(),
        }
    }

    /// The moment so much earlier.
    pub(super) fn before(self, by: Duration) -> Self {
        let by_nanos = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        Self {
            stamp: Timestamp::from_nanos(self.stamp.nanos().saturating_sub(by_nanos)),
            monotonic: self.monotonic.saturating_sub(by),
        }
    }
}
