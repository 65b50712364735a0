//! Ctrl-C and SIGTERM.
//!
//! Whoever works looks at a flag and ends in its own way. Not everything can
//! look: a home is lit, a network loads, a kernel hangs. So a process that was
//! asked to stop ends by force a little later, whatever it is at.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use concert_runtime::io::{exit, thread};

use crate::report::Exit;

/// Exit code after a second Ctrl-C, which waits for nothing.
pub(crate) const EXIT_INTERRUPTED: i32 = 130;
/// How long after a signal a process may take to end by itself where it has
/// nothing to lose, and how much longer where it has; users are promised 2 s.
const BY_ITSELF: Duration = Duration::from_millis(500);
const WITH_CARE: Duration = Duration::from_millis(1300);

/// True where the process said how it ended; it does so once.
static HAS_SPOKEN: AtomicBool = AtomicBool::new(false);
/// True where it says so as JSON.
static AS_JSON: AtomicBool = AtomicBool::new(false);

/// True where the user or the system asked the process to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    raised: AtomicUsize,
    /// Exit code where it ends by force.
    forced: AtomicU8,
}

impl Stop {
    /// A flag that Ctrl-C, SIGTERM and SIGHUP raise. A process that has not ended
    /// 1.8 s later is ended, with exit code 1, or 0.5 s later, with 0, where it
    /// [has nothing to lose](Self::ends_with); the second signal ends it at once,
    /// with 130.
    ///
    /// # Errors
    /// Where the system does not let signals be handled, or they are already.
    pub(crate) fn on_signals() -> Result<Self, ctrlc::Error> {
        let stop = Self::default();
        stop.ends_with(Exit::Failed);
        let raised = stop.clone();
        ctrlc::set_handler(move || {
            if raised.raise() {
                exit::at_once(EXIT_INTERRUPTED);
            }
            let forced = raised.clone();
            if let Err(error) = thread::spawn("stop", move || forced.by_force()) {
                tracing::warn!("nobody ends what does not end by itself: {error}");
            }
        })?;
        Ok(stop)
    }

    /// How the process ends from now on where it is stopped and does not look:
    /// [`Exit::Done`] while there is nothing to lose yet.
    pub(crate) fn ends_with(&self, exit: Exit) {
        self.0.forced.store(exit as u8, Ordering::SeqCst);
    }

    /// Raises the flag; whether it was raised before.
    pub(crate) fn raise(&self) -> bool {
        self.0.raised.fetch_add(1, Ordering::SeqCst) > 0
    }

    /// Tells whether the flag is raised.
    #[must_use]
    pub(crate) fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst) > 0
    }

    /// Ends the process, unless it does so in time.
    fn by_force(&self) {
        thread::sleep(BY_ITSELF);
        if self.0.forced.load(Ordering::SeqCst) != Exit::Done as u8 {
            thread::sleep(WITH_CARE);
        }
        let code = self.0.forced.load(Ordering::SeqCst);
        if !may_speak() {
            // It is saying its last words, which wait for whoever reads them.
            return;
        }
        let words = "stopped by a signal before it came to an end";
        eprintln!("concert: {words}");
        if AS_JSON.load(Ordering::SeqCst) {
            let object = serde_json::json!({ "error": words, "exit": code });
            // There is nobody left to tell.
            let _ = writeln!(std::io::stdout(), "{object}");
        }
        exit::at_once(code.into());
    }
}

/// The right to say how the process ended, for the first who asks; whoever comes
/// later has nothing to say any more.
#[must_use]
pub(crate) fn may_speak() -> bool {
    !HAS_SPOKEN.swap(true, Ordering::SeqCst)
}

/// From now on the process says as one JSON object how it ended.
pub(crate) fn speak_json() {
    AS_JSON.store(true, Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_second_signal_is_impatient() {
        let stop = Stop::default();
        assert!(!stop.is_raised());
        assert!(!stop.raise());
        assert!(stop.clone().is_raised());
        assert!(stop.raise());
    }
}
