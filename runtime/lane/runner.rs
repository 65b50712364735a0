//! Runs a network so that nothing it does costs more than its own output.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use concert_models::{EngineError, Network, Terminator};

use crate::failures::{Failures, Trouble};
use crate::pipeline::{Step, Watch};
use crate::status::Health;

/// A network with what it takes to run it safely.
pub(super) struct Runner {
    pub(super) name: String,
    pub(super) network: Box<dyn Network>,
    terminator: Arc<dyn Terminator>,
    pub(super) failures: Failures,
}

impl Runner {
    pub(super) fn new(name: &str, network: Box<dyn Network>) -> Self {
        let terminator = network.terminator();
        Self {
            name: name.to_owned(),
            network,
            terminator,
            failures: Failures::default(),
        }
    }

    /// Runs once on what the slots hold.
    pub(super) fn warm(&mut self, watch: &dyn Watch) -> Result<(), EngineError> {
        watch.begin(&self.name, &self.terminator);
        let ran = self.network.run(0);
        watch.end();
        ran
    }

    /// Runs under the watchdog's eye; the time it took, or `None` where it failed.
    pub(super) fn run(&mut self, turn: usize, step: &Step<'_>) -> Option<Duration> {
        let started = step.clock.monotonic();
        let watch: &dyn Watch = step.watch;
        watch.begin(&self.name, &self.terminator);
        let network = &mut self.network;
        let ran = catch_unwind(AssertUnwindSafe(|| network.run(turn)));
        watch.end();
        let now = step.clock.monotonic();
        let reason = match ran {
            Ok(Ok(())) => {
                return Some(now.saturating_sub(started));
            }
            Ok(Err(error)) => {
                if matches!(error, EngineError::Terminated { .. }) {
                    self.terminator.rearm();
                }
                error.to_string()
            }
            Err(_) => format!("network {} panicked", self.name),
        };
        self.note_failure(now, reason);
        None
    }

    pub(super) fn note_failure(&mut self, now: Duration, reason: String) {
        let text = reason.clone();
        if self.failures.failed(now, reason) {
            let quarantined = self.failures.is_quarantined();
            tracing::warn!(network = %self.name, quarantined, "{text}");
        }
    }

    /// Counts an output that was withheld; whether it is worth a log line.
    pub(super) fn note_withheld(&mut self) -> bool {
        self.failures.withheld()
    }

    /// What is wrong with it now.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        Some(Trouble {
            reason: self.failures.failing()?.to_owned(),
            name: self.name.clone(),
            health: Health::Error,
            quarantined: self.failures.is_quarantined(),
        })
    }

    pub(super) fn note_success(&mut self) {
        if self.failures.succeeded() {
            tracing::info!(network = %self.name, "works again");
        }
    }
}
