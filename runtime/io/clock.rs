//! The computer's own clocks.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::clock::Clock;
use crate::time::Timestamp;

/// Time since the computer started, as every process on it reads it
/// (`CLOCK_MONOTONIC`): moments of two processes can be compared. Never steps.
#[must_use]
pub fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// Stamps from the system's real-time clock, durations from its monotonic one.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        let nanos = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        };
        Timestamp::from_nanos(nanos)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_since_the_start_of_the_computer_passes_with_that_of_any_clock() {
        let clock = SystemClock::start();
        let before = since_boot();
        let passed = clock.monotonic();
        let after = since_boot();
        assert!(before > Duration::ZERO && after >= before);
        // What a clock says has passed lies within what this one says.
        assert!(clock.monotonic() - passed <= since_boot() - before);
    }
}
