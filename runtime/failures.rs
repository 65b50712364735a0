//! When something that failed may be tried again.

use std::time::Duration;

use crate::status::Health;

/// What is wrong with one network or readout of a lane now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Name of the network or readout.
    pub name: String,
    /// Why, in one line.
    pub reason: String,
    /// How bad: `Error` where its outputs fail, `Warn` where they come marked.
    pub health: Health,
    /// Whether it failed so often in a row that it counts as quarantined.
    pub quarantined: bool,
}

/// Counts the failures of one network in one lane and spaces its retries:
/// 100 ms after the first, doubling up to 10 s. From the fifth failure in a
/// row on it is quarantined, which is the same spacing with a louder name.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    in_a_row: u32,
    total: u64,
    withheld_in_a_row: u32,
    retry_at: Duration,
    last: Option<String>,
}

impl Failures {
    /// Failures in a row from which on a network counts as quarantined.
    pub const QUARANTINE_AFTER: u32 = 5;
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    const LONGEST_PAUSE: Duration = Duration::from_secs(10);

    /// Whether it may run at `now` (monotonic).
    #[must_use]
    pub fn may_run(&self, now: Duration) -> bool {
        self.in_a_row == 0 || now >= self.retry_at
    }

    /// Notes a failure; returns whether this is the first in a row, or the one
    /// that quarantines: those are the ones worth a log line.
    pub fn failed(&mut self, now: Duration, reason: String) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.total += 1;
        let doublings = (self.in_a_row - 1).min(16);
        self.retry_at = now + (Self::FIRST_PAUSE * 2u32.pow(doublings)).min(Self::LONGEST_PAUSE);
        self.last = Some(reason);
        self.in_a_row == 1 || self.in_a_row == Self::QUARANTINE_AFTER
    }

    /// Notes a success; returns whether it ends a row of failures.
    pub fn succeeded(&mut self) -> bool {
        self.withheld_in_a_row = 0;
        std::mem::take(&mut self.in_a_row) > 0
    }

    /// Notes an output that was not fit to be published; returns whether it is
    /// the first in a row.
    pub fn withheld(&mut self) -> bool {
        self.withheld_in_a_row = self.withheld_in_a_row.saturating_add(1);
        self.withheld_in_a_row == 1
    }

    /// Whether it is failing now, and why.
    #[must_use]
    pub fn failing(&self) -> Option<&str> {
        if self.in_a_row == 0 {
            None
        } else {
            self.last.as_deref()
        }
    }

    /// Whether it has failed so often in a row that it counts as quarantined.
    #[must_use]
    pub fn is_quarantined(&self) -> bool {
        self.in_a_row >= Self::QUARANTINE_AFTER
    }

    /// Failures since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_spaced_out_and_a_success_ends_the_row() {
        let mut failures = Failures::default();
        let mut now = Duration::ZERO;
        assert!(failures.failed(now, "no".into()));
        assert!(!failures.may_run(now + Duration::from_millis(99)));
        now += Duration::from_millis(100);
        assert!(failures.may_run(now));
        for _ in 0..20 {
            failures.failed(now, "no".into());
        }
        assert!(failures.is_quarantined());
        assert!(!failures.may_run(now + Duration::from_millis(9_999)));
        assert!(failures.may_run(now + Duration::from_secs(10)));
        assert!(failures.succeeded());
        assert_eq!(failures.failing(), None);
        assert_eq!(failures.total(), 21);
    }
}
