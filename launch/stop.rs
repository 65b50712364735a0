//! Ctrl-C and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Exit code after a second Ctrl-C, which waits for nothing.
pub const EXIT_INTERRUPTED: i32 = 130;

/// Whether the user or the system asked the process to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// A flag that Ctrl-C, SIGTERM and SIGHUP raise. The second signal ends the
    /// process at once, with exit code 130.
    ///
    /// # Errors
    /// Where the system does not let signals be handled, or they are already.
    pub fn on_signals() -> Result<Self, ctrlc::Error> {
        let stop = Self::default();
        let raised = stop.clone();
        ctrlc::set_handler(move || {
            if raised.raise() {
                std::process::exit(EXIT_INTERRUPTED);
            }
        })?;
        Ok(stop)
    }

    /// Raises the flag; whether it was raised before.
    pub fn raise(&self) -> bool {
        self.0.fetch_add(1, Ordering::SeqCst) > 0
    }

    /// Whether the flag is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
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
