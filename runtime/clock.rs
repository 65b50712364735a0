//! The boundary to time. Real side: `io::clock::SystemClock`; fake: [`ManualClock`].

use std::sync::Mutex;
use std::time::Duration;

use crate::time::Timestamp;

/// Tells stamps and durations. The two are never mixed.
pub trait Clock: Send + Sync {
    /// The robot's clock, for stamps; may step in either direction.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment, for durations; never steps.
    fn monotonic(&self) -> Duration;
}

/// A clock that stands still until it is told to move; for tests and replay.
#[derive(Debug, Default)]
pub struct ManualClock {
    state: Mutex<(Timestamp, Duration)>,
}

impl ManualClock {
    /// A clock that reads `now`, with monotonic time zero.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            state: Mutex::new((now, Duration::ZERO)),
        }
    }

    /// Lets `by` pass on both scales.
    pub fn advance(&self, by: Duration) {
        let mut state = lock(&self.state);
        state.0 = state.0.after(by);
        state.1 += by;
    }

    /// Sets the stamp scale, as a time server does; monotonic time goes on.
    pub fn step_to(&self, now: Timestamp) {
        lock(&self.state).0 = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        lock(&self.state).0
    }

    fn monotonic(&self) -> Duration {
        lock(&self.state).1
    }
}

/// Locks, also after a thread panicked while it held the lock: every value we
/// guard is whole between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
