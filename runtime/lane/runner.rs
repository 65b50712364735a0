//! Runs a network so that nothing it does costs more than its own output.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use concert_models::geometric::Geometric;
use concert_models::{Engine, EngineError, Network, NetworkFile, Placement, Terminator, Wiring};

use crate::failures::{Failures, Trouble};
use crate::health::Health;
use crate::io::thread;
use crate::plan::Plan;
use crate::shedding::Cost;
use crate::step::{Step, Watch};

/// Loads a network under the watchdog's eye: optimising runs kernels, too.
pub(super) fn load(
    engine: &mut dyn Engine,
    file: &NetworkFile,
    wirings: &[Wiring],
    watch: &dyn Watch,
) -> Result<Box<dyn Network>, EngineError> {
    // Nothing ends it: there is no network yet.
    let terminator: Arc<dyn Terminator> = Arc::new(Bounded);
    watch.begin(&file.name, &terminator);
    let loaded = engine.load(file, wirings);
    watch.end();
    loaded
}

/// Begins to load the networks of a plan on every core, where the engine can do
/// that, each under the eye of a watchdog of its own.
pub(crate) fn preload(plan: &Plan, engine: &dyn Engine, patient: &dyn Watch) {
    let Some(preloader) = engine.preloader() else {
        return;
    };
    let files: Vec<&NetworkFile> = plan.networks().collect();
    let bounded: Arc<dyn Terminator> = Arc::new(Bounded);
    thread::map("load-models", &files, |file| {
        let watch = patient.at_start();
        watch.begin(&file.name, &bounded);
        preloader.preload(file);
        watch.end();
    });
}

/// The state of one geometric readout, and copies of what it reads.
pub(super) struct GeometricState {
    pub(super) state: Box<dyn Geometric>,
    /// One per read; empty for the camera's depth, which is not copied.
    pub(super) copies: Vec<Vec<f32>>,
}

/// Terminator of a geometric readout: ends nothing, as it takes bounded time by itself.
/// The watchdog ends the process if it should not.
pub(super) struct Bounded;

impl Terminator for Bounded {
    fn terminate(&self) {}
    fn rearm(&self) {}
}

impl GeometricState {
    pub(super) fn new(state: Box<dyn Geometric>, reads: usize) -> Self {
        Self {
            state,
            copies: vec![Vec::new(); reads],
        }
    }
}

/// A network with what it takes to run it safely.
pub(super) struct Runner {
    pub(super) name: String,
    work: Work,
    pub(super) terminator: Arc<dyn Terminator>,
    pub(super) failures: Failures,
    /// Cost of its runs on frames.
    pub(super) cost: Cost,
}

/// A network or a geometric readout.
enum Work {
    Network(Box<dyn Network>),
    Geometric(GeometricState),
}

impl Runner {
    pub(super) fn new(name: &str, network: Box<dyn Network>) -> Self {
        let terminator = network.terminator();
        Self {
            name: name.to_owned(),
            work: Work::Network(network),
            terminator,
            failures: Failures::default(),
            cost: Cost::default(),
        }
    }

    pub(super) fn of_geometry(name: &str, lane: GeometricState) -> Self {
        Self {
            name: name.to_owned(),
            work: Work::Geometric(lane),
            terminator: Arc::new(Bounded),
            failures: Failures::default(),
            cost: Cost::default(),
        }
    }

    /// The geometric readout, if it is one.
    pub(super) fn geometric(&mut self) -> Option<&mut GeometricState> {
        match &mut self.work {
            Work::Geometric(lane) => Some(lane),
            Work::Network(_) => None,
        }
    }

    pub(super) fn is_geometric(&self) -> bool {
        matches!(self.work, Work::Geometric(_))
    }

    /// Runs a network once on what its slots hold, unless its weights were in
    /// use already.
    pub(super) fn warm(&mut self, watch: &dyn Watch) -> Result<(), EngineError> {
        match &mut self.work {
            Work::Network(network) if !network.is_shared() => {
                watch.begin(&self.name, &self.terminator);
                let ran = network.run(0);
                watch.end();
                ran
            }
            _ => Ok(()),
        }
    }

    /// Tells whether a network's weights were in use when it was loaded; `None` for
    /// what has no weights.
    pub(super) fn is_shared(&self) -> Option<bool> {
        match &self.work {
            Work::Network(network) => Some(network.is_shared()),
            Work::Geometric(_) => None,
        }
    }

    /// Placement of its nodes.
    pub(super) fn placement(&self) -> Placement {
        match &self.work {
            Work::Network(network) => network.placement().clone(),
            Work::Geometric(_) => Placement {
                provider: "geometry".to_owned(),
                nodes: Vec::new(),
            },
        }
    }

    /// Runs under the watchdog's eye; the time it took, or `None` where it failed.
    pub(super) fn run(&mut self, turn: usize, step: &Step<'_>) -> Option<Duration> {
        let started = step.clock.monotonic();
        let watch: &dyn Watch = step.watch;
        watch.begin(&self.name, &self.terminator);
        let Work::Network(network) = &mut self.work else {
            return None;
        };
        let ran = catch_unwind(AssertUnwindSafe(|| network.run(turn)));
        watch.end();
        let now = step.clock.monotonic();
        let reason = match ran {
            Ok(Ok(())) => {
                let took = now.saturating_sub(started);
                self.cost.note(took);
                return Some(took);
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
        if self.failures.note_failure(now, reason) {
            let quarantined = self.failures.is_quarantined();
            tracing::warn!(network = %self.name, quarantined, "{text}");
        }
    }

    /// Counts an output that was withheld, and why.
    pub(super) fn note_withheld(&mut self, now: Duration, reason: String) {
        let text = reason.clone();
        if self.failures.note_withheld(now, reason) {
            let quarantined = self.failures.is_quarantined();
            tracing::warn!(network = %self.name, quarantined, "{text}");
        }
    }

    /// Its fault now: it fails, or what comes out of it cannot be
    /// published.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let quarantined = self.failures.is_quarantined();
        let (reason, fails) = match self.failures.current_failure() {
            Some(reason) => (reason, true),
            None => (self.failures.current_withholding()?, quarantined),
        };
        Some(Trouble {
            reason: reason.to_owned(),
            name: self.name.clone(),
            health: if fails { Health::Error } else { Health::Warn },
            quarantined,
        })
    }

    pub(super) fn note_success(&mut self) {
        if self.failures.note_success() {
            tracing::info!(network = %self.name, "works again");
        }
    }
}
