//! A readiness that does not flicker: a camera that hiccups for two frames, or an output
//! that is missing for five, is said in the status at once, but nobody is to be taken
//! out of service for it.

use std::time::Duration;

use concert_runtime::{Readiness, Unready};

/// How long cameras or outputs have to be missing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Judges what was seen from look to look.
#[derive(Debug)]
pub(super) struct Steady {
    readiness: Readiness,
    /// Since when it is otherwise.
    since: Option<Duration>,
}

impl Steady {
    /// Begins with this.
    pub(super) fn new(readiness: Readiness) -> Self {
        Self {
            readiness,
            since: None,
        }
    }

    /// What is to be said of it.
    pub(super) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Notes what was seen at the monotonic time `now`.
    pub(super) fn note(&mut self, seen: Readiness, now: Duration) {
        let may_pass = matches!(seen.unready, Some(Unready::Camera | Unready::Outputs));
        if self.readiness.is_ready() && may_pass {
            let since = *self.since.get_or_insert(now);
            if now.saturating_sub(since) < PATIENCE {
                return;
            }
        }
        self.since = None;
        self.readiness = seen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Readiness = Readiness {
        unready: None,
        message: String::new(),
    };

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_lasts_is_said_and_what_passes_is_not() {
        let silent = || Readiness::not(Unready::Camera, "no frame for 0.08 s");
        let mut steady = Steady::new(READY);
        steady.note(silent(), at(0));
        steady.note(silent(), at(900));
        assert!(steady.readiness().is_ready());
        steady.note(READY, at(950));
        steady.note(silent(), at(1000));
        steady.note(silent(), at(1900));
        assert!(steady.readiness().is_ready());
        steady.note(silent(), at(2000));
        assert_eq!(steady.readiness().unready, Some(Unready::Camera));
        steady.note(READY, at(2001));
        assert!(steady.readiness().is_ready());
    }

    #[test]
    fn what_cannot_pass_is_said_at_once() {
        let mut steady = Steady::new(READY);
        steady.note(Readiness::not(Unready::Fault, "a thread panicked"), at(0));
        assert_eq!(steady.readiness().unready, Some(Unready::Fault));
        let silent = Readiness::not(Unready::Camera, "no frame");
        steady.note(silent, at(1));
        assert_eq!(steady.readiness().unready, Some(Unready::Camera));
    }
}
