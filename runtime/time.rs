//! Points in time as they stand in messages.

use std::fmt;
use std::time::Duration;

/// When an exposure happened (or a message was made): nanoseconds since the
/// Unix epoch, as the robot's clock read it. May step; durations are never
/// measured with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    nanos: i64,
}

impl Timestamp {
    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn nanos(self) -> i64 {
        self.nanos
    }

    /// Whole seconds and nanoseconds, as `builtin_interfaces/Time` has them.
    #[must_use]
    pub fn seconds_and_nanos(self) -> (i32, u32) {
        let seconds = self.nanos.div_euclid(1_000_000_000);
        let seconds =
            i32::try_from(seconds).unwrap_or(if seconds < 0 { i32::MIN } else { i32::MAX });
        (seconds, self.nanos.rem_euclid(1_000_000_000) as u32)
    }

    /// From `builtin_interfaces/Time`.
    #[must_use]
    pub fn from_seconds_and_nanos(seconds: i32, nanos: u32) -> Self {
        Self {
            nanos: i64::from(seconds) * 1_000_000_000 + i64::from(nanos),
        }
    }

    /// Now minus this stamp, or `None` where the stamp lies after `now`.
    #[must_use]
    pub fn age_at(self, now: Timestamp) -> Option<Duration> {
        let nanos = now.nanos.checked_sub(self.nanos)?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    /// This stamp moved forward by `by`, saturating.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        Self {
            nanos: self.nanos.saturating_add(by),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = self.seconds_and_nanos();
        write!(f, "{seconds}.{nanos:09}")
    }
}
