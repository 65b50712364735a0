//! When the next frame is due, and when to try again.

use std::time::Duration;

use super::CameraError;
use crate::clock::Clock;
use crate::io::thread;

/// Highest rate that is accepted, frames per second.
pub(super) const MAX_RATE_HZ: f64 = 1000.0;

/// An absolute schedule: slot n is due at `start + n / rate`, however late the
/// slots before it were, so that nothing drifts. Slots that passed while the
/// reader was busy are left out, not made up for in a burst.
#[derive(Debug)]
pub struct Pace {
    start: Duration,
    rate_hz: f64,
    next: u64,
}

impl Pace {
    /// A schedule whose slot 0 is due at `start`.
    ///
    /// # Errors
    /// A rate that is not above 0 and at most 1000 Hz.
    pub fn starting(start: Duration, rate_hz: f64) -> Result<Self, CameraError> {
        if !(rate_hz > 0.0 && rate_hz <= MAX_RATE_HZ) {
            return Err(CameraError::Rate { rate_hz });
        }
        Ok(Self {
            start,
            rate_hz,
            next: 0,
        })
    }

    /// Time from one slot to the next.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.since_start(1)
    }

    /// Time from slot 0 to slot `slot`.
    #[must_use]
    pub fn since_start(&self, slot: u64) -> Duration {
        Duration::try_from_secs_f64(slot as f64 / self.rate_hz).unwrap_or(Duration::MAX)
    }

    /// Waits for the next slot, at most `timeout`; its number, if it is due.
    pub fn wait(&mut self, clock: &dyn Clock, timeout: Duration) -> Option<u64> {
        let due = self.start.saturating_add(self.since_start(self.next));
        let mut now = clock.monotonic();
        if now < due {
            thread::sleep((due - now).min(timeout));
            now = clock.monotonic();
        }
        if now < due {
            return None;
        }
        let current = ((now - self.start).as_secs_f64() * self.rate_hz) as u64;
        let slot = self.next.max(current);
        self.next = slot + 1;
        Some(slot)
    }
}

/// Waiting times between attempts: twice as long each time, from half a
/// second to ten.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST_PAUSE: Duration = Duration::from_millis(500);
    const MAX_PAUSE: Duration = Duration::from_secs(10);

    pub(super) fn new() -> Self {
        Self {
            next: Self::FIRST_PAUSE,
        }
    }

    /// The next wait.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(Self::MAX_PAUSE);
        wait
    }

    /// It worked: the next wait is short again.
    pub(super) fn reset(&mut self) {
        self.next = Self::FIRST_PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn late_slots_neither_drift_nor_burst() {
        let clock = ManualClock::default();
        let mut pace = Pace::starting(Duration::ZERO, 10.0).unwrap();
        let mut wait = || pace.wait(&clock, Duration::ZERO);
        assert_eq!(wait(), Some(0));
        assert_eq!(wait(), None);
        clock.advance(Duration::from_millis(135));
        assert_eq!(wait(), Some(1), "late by 35 ms");
        clock.advance(Duration::from_millis(64));
        assert_eq!(wait(), None, "slot 2 is due at 200 ms, not at 235 ms");
        clock.advance(Duration::from_millis(1));
        assert_eq!(wait(), Some(2));
        clock.advance(Duration::from_secs(1));
        assert_eq!(wait(), Some(12), "nine slots are left out");
        assert_eq!(wait(), None);
    }

    #[test]
    fn rates_that_cannot_be_paced_are_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(Pace::starting(Duration::ZERO, rate).is_err(), "{rate}");
        }
    }

    #[test]
    fn waits_double_up_to_ten_seconds_and_start_over_after_success() {
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..7).map(|_| backoff.wait().as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        backoff.reset();
        assert_eq!(backoff.wait().as_millis(), 500);
    }
}
