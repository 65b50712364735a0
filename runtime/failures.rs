//! When something that failed may be tried again.

use std::time::Duration;

use crate::health::Health;

/// A fault of one network or readout of a lane, now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Name of the network or readout.
    pub name: String,
    /// Why, in one line.
    pub reason: String,
    /// Its gravity: `Error` where its outputs fail, `Warn` where they come marked.
    pub health: Health,
    /// True where it failed so often in a row that it counts as quarantined.
    pub quarantined: bool,
}

impl Trouble {
    /// The reason, and that it is quarantined where it is.
    #[must_use]
    pub fn words(&self) -> String {
        match self.quarantined {
            true => format!("quarantined: {}", self.reason),
            false => self.reason.clone(),
        }
    }
}

/// Counts the failures of one network in one lane and spaces its retries:
/// 100 ms after the first, doubling up to 10 s. From the fifth failure in a
/// row on it is quarantined, which is the same spacing with a louder name.
///
/// An output that may not be published is no failure of the network, which ran;
/// but from the fifth in a row on it is quarantined all the same, by what comes
/// out of it, and its retries are spaced from there.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    in_a_row: u32,
    total: u64,
    withheld_in_a_row: u32,
    last_withheld: Option<String>,
    retry_at: Duration,
    last: Option<String>,
}

impl Failures {
    /// Failures in a row from which on a network counts as quarantined.
    pub const QUARANTINE_AFTER: u32 = 5;
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    const MAX_PAUSE: Duration = Duration::from_secs(10);

    /// Tells whether it may run at `now` (monotonic).
    #[must_use]
    pub fn may_run(&self, now: Duration) -> bool {
        let may_be_tried_at_once = self.in_a_row == 0 && !self.is_quarantined();
        may_be_tried_at_once || now >= self.retry_at
    }

    fn pause(&mut self, now: Duration, before: u32) {
        let pause = Self::FIRST_PAUSE * 2u32.pow(before.min(16));
        self.retry_at = now + pause.min(Self::MAX_PAUSE);
    }

    /// Notes a failure; returns whether this is the first in a row, or the one
    /// that quarantines: those are the ones worth a log line.
    pub fn note_failure(&mut self, now: Duration, reason: String) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.total += 1;
        self.pause(now, self.in_a_row - 1);
        self.last = Some(reason);
        self.in_a_row == 1 || self.in_a_row == Self::QUARANTINE_AFTER
    }

    /// Notes a success; returns whether it ends a row of failures.
    pub fn note_success(&mut self) -> bool {
        let withheld = std::mem::take(&mut self.withheld_in_a_row);
        std::mem::take(&mut self.in_a_row) > 0 || withheld >= Self::QUARANTINE_AFTER
    }

    /// Notes an output that was not fit to be published at `now`, and why;
    /// returns whether this is the first in a row, or the one that quarantines.
    pub fn note_withheld(&mut self, now: Duration, reason: String) -> bool {
        self.withheld_in_a_row = self.withheld_in_a_row.saturating_add(1);
        self.last_withheld = Some(reason);
        if let Some(before) = self.withheld_in_a_row.checked_sub(Self::QUARANTINE_AFTER) {
            self.pause(now, before);
        }
        self.withheld_in_a_row == 1 || self.withheld_in_a_row == Self::QUARANTINE_AFTER
    }

    /// The reason for which it fails now, if it does.
    #[must_use]
    pub fn current_failure(&self) -> Option<&str> {
        if self.in_a_row == 0 {
            None
        } else {
            self.last.as_deref()
        }
    }

    /// The reason for which the last output was withheld, if it was.
    #[must_use]
    pub fn current_withholding(&self) -> Option<&str> {
        match self.withheld_in_a_row {
            0 => None,
            _ => self.last_withheld.as_deref(),
        }
    }

    /// Tells whether it failed so often in a row, or so many of its outputs in a row
    /// could not be published, that it counts as quarantined.
    #[must_use]
    pub fn is_quarantined(&self) -> bool {
        self.in_a_row.max(self.withheld_in_a_row) >= Self::QUARANTINE_AFTER
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
        assert!(failures.note_failure(now, "no".into()));
        assert!(!failures.may_run(now + Duration::from_millis(99)));
        now += Duration::from_millis(100);
        assert!(failures.may_run(now));
        for _ in 0..20 {
            failures.note_failure(now, "no".into());
        }
        assert!(failures.is_quarantined());
        assert!(!failures.may_run(now + Duration::from_millis(9_999)));
        assert!(failures.may_run(now + Duration::from_secs(10)));
        assert!(failures.note_success());
        assert_eq!(failures.current_failure(), None);
        assert_eq!(failures.total(), 21);
    }

    #[test]
    fn what_is_withheld_again_and_again_is_quarantined_by_what_comes_out() {
        let mut failures = Failures::default();
        let now = Duration::from_secs(7);
        let mut withheld = |count| (0..count).any(|_| failures.note_withheld(now, "inf".into()));
        assert!(withheld(1) && !withheld(3));
        assert!(withheld(1), "the one that quarantines is worth a line");
        assert!(failures.is_quarantined() && failures.current_failure().is_none());
        assert_eq!(failures.current_withholding(), Some("inf"));
        assert!(!failures.may_run(now + Duration::from_millis(99)));
        assert!(failures.may_run(now + Duration::from_millis(100)));
        failures.note_withheld(now, "inf".into());
        assert!(!failures.may_run(now + Duration::from_millis(199)));
        assert!(failures.note_success(), "and the way out of it too");
        assert!(!failures.is_quarantined() && failures.may_run(now));
    }
}
