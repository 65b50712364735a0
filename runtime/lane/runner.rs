//! Runs a network so that nothing it does costs more than its own output.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use concert_models::geometric::Geometric;
use concert_models::{Engine, EngineError, Network, NetworkFile, Placement, Terminator, Wiring};

use super::geometric::Estimation;
use crate::clock::Clock;
use crate::failures::{Failures, Trouble};
use crate::health::Health;
use crate::io::own_thread::OwnThread;
use crate::io::thread;
use crate::plan::Plan;
use crate::shedding::Cost;
use crate::step::{Step, Watch};

/// Loads a network under the watchdog's eye, for one of `count` that run side by
/// side: optimising runs kernels, too.
pub(super) fn load(
    engine: &mut dyn Engine,
    file: &NetworkFile,
    wirings: &[Wiring],
    count: usize,
    watch: &dyn Watch,
) -> Result<Box<dyn Network>, EngineError> {
    // Nothing ends it: there is no network yet.
    let terminator: Arc<dyn Terminator> = Arc::new(Bounded);
    watch.begin(&file.name, &terminator);
    let loaded = match count {
        1 => engine.load(file, wirings),
        _ => engine.load_beside(file, wirings, count),
    };
    watch.end();
    loaded
}

/// Begins to load the networks of a plan on every core, where the engine can do
/// that, each under the eye of a watchdog of its own.
pub(crate) fn preload(plan: &Plan, engine: &dyn Engine, patient: &dyn Watch) {
    let Some(preloader) = engine.preloader() else {
        return;
    };
    let side_by_side = side_by_side(plan, engine);
    let count = |index: usize| match side_by_side.contains(&index) {
        true => side_by_side.len(),
        false => 1,
    };
    // Encoders come first.
    let files = plan.networks().enumerate();
    let files: Vec<_> = files.map(|(index, file)| (file, count(index))).collect();
    let bounded: Arc<dyn Terminator> = Arc::new(Bounded);
    thread::map("load-models", &files, |(file, count)| {
        let watch = patient.at_start();
        watch.begin(&file.name, &bounded);
        preloader.preload(file, *count);
        watch.end();
    });
}

/// Encoders of a plan that run side by side on an engine.
pub(super) fn side_by_side(plan: &Plan, engine: &dyn Engine) -> Vec<usize> {
    match engine.side_by_side() {
        0 | 1 => Vec::new(),
        _ => plan.side_by_side(),
    }
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
    /// Thread on which it runs beside others.
    beside: Beside,
    placement: Placement,
    /// True where a network's weights were in use when it was loaded; `None` for
    /// what has no weights.
    is_shared: Option<bool>,
    pub(super) terminator: Arc<dyn Terminator>,
    pub(super) failures: Failures,
    /// Cost of its runs on frames.
    pub(super) cost: Cost,
}

/// A network or a geometric readout.
enum Work {
    Network(Box<dyn Network>),
    Geometric(GeometricState),
    /// What runs now, here or on its own thread.
    Begun,
}

/// The thread on which something runs beside others.
enum Beside {
    Nothing,
    Network(OwnThread<NetworkRun>),
    Geometric(OwnThread<Estimation>),
}

/// A run of a network on its own thread; the thread says how it ended.
struct NetworkRun {
    network: Box<dyn Network>,
    turn: usize,
    ran: Ran,
    took: Duration,
}

impl NetworkRun {
    fn run(&mut self) {
        self.ran = catch_unwind(AssertUnwindSafe(|| self.network.run(self.turn)));
    }
}

/// The end of a run: a panic, or what the network said.
type Ran = std::thread::Result<Result<(), EngineError>>;

impl Runner {
    pub(super) fn new(name: &str, network: Box<dyn Network>) -> Self {
        let terminator = network.terminator();
        Self {
            name: name.to_owned(),
            beside: Beside::Nothing,
            placement: network.placement().clone(),
            is_shared: Some(network.is_shared()),
            work: Work::Network(network),
            terminator,
            failures: Failures::default(),
            cost: Cost::default(),
        }
    }

    pub(super) fn of_geometry(name: &str, lane: GeometricState) -> Self {
        Self {
            name: name.to_owned(),
            beside: Beside::Nothing,
            placement: Placement {
                provider: "geometry".to_owned(),
                nodes: Vec::new(),
            },
            is_shared: None,
            work: Work::Geometric(lane),
            terminator: Arc::new(Bounded),
            failures: Failures::default(),
            cost: Cost::default(),
        }
    }

    /// The same with a thread of its own, on which it can run beside others under a
    /// watch of its own. Where the system refuses one, it runs after them.
    pub(super) fn with_thread(mut self, clock: &Arc<dyn Clock>, watch: &dyn Watch) -> Self {
        let (name, clock, watch) = (self.name.clone(), Arc::clone(clock), watch.beside());
        let terminator = Arc::clone(&self.terminator);
        let timed = move |run: &mut dyn FnMut()| {
            let started = clock.monotonic();
            watch.begin(&name, &terminator);
            run();
            watch.end();
            clock.monotonic().saturating_sub(started)
        };
        let started = match self.work {
            Work::Geometric(_) => OwnThread::start(&self.name, move |run: &mut Estimation| {
                run.took = timed(&mut || run.run());
            })
            .map(Beside::Geometric),
            _ => OwnThread::start(&self.name, move |run: &mut NetworkRun| {
                run.took = timed(&mut || run.run());
            })
            .map(Beside::Network),
        };
        match started {
            Ok(thread) => self.beside = thread,
            Err(error) => tracing::warn!(network = %self.name, "runs beside nothing: {error}"),
        }
        self
    }

    /// Begins to run a network on its own thread; nothing where it has none.
    pub(super) fn begin(&mut self, turn: usize) {
        let Beside::Network(thread) = &self.beside else {
            return;
        };
        match std::mem::replace(&mut self.work, Work::Begun) {
            Work::Network(network) => thread.begin(NetworkRun {
                network,
                turn,
                ran: Ok(Ok(())),
                took: Duration::ZERO,
            }),
            other => self.work = other,
        }
    }

    /// Waits for the run that was begun: its turn, and the time it took or `None`
    /// where it failed. `None` where none was begun.
    pub(super) fn finish(&mut self, step: &Step<'_>) -> Option<(usize, Option<Duration>)> {
        let (Beside::Network(thread), Work::Begun) = (&self.beside, &self.work) else {
            return None;
        };
        let run = thread.finish();
        self.work = Work::Network(run.network);
        let taken = self.note_ran(run.ran, run.took, step.clock.monotonic());
        Some((run.turn, taken))
    }

    /// Makes an estimate, and gives it back; where the readout has its own thread,
    /// begins to, and gives nothing.
    pub(super) fn begin_estimation(
        &mut self,
        mut estimation: Estimation,
        step: &Step<'_>,
    ) -> Option<Estimation> {
        if let Beside::Geometric(thread) = &self.beside {
            thread.begin(estimation);
            return None;
        }
        let started = step.clock.monotonic();
        step.watch.begin(&self.name, &self.terminator);
        estimation.run();
        step.watch.end();
        estimation.took = step.clock.monotonic().saturating_sub(started);
        Some(estimation)
    }

    /// Takes back the estimate that was begun, if it is made, or, where `waits`,
    /// once it is; `None` where none was begun.
    pub(super) fn finish_estimation(&mut self, waits: bool) -> Option<Estimation> {
        let (Beside::Geometric(thread), Work::Begun) = (&self.beside, &self.work) else {
            return None;
        };
        match waits {
            true => Some(thread.finish()),
            false => thread.try_finish(),
        }
    }

    /// The state of a geometric readout, for one estimate.
    pub(super) fn take_geometry(&mut self) -> Option<GeometricState> {
        match std::mem::replace(&mut self.work, Work::Begun) {
            Work::Geometric(geometry) => Some(geometry),
            other => {
                self.work = other;
                None
            }
        }
    }

    /// Gives the state back that was taken.
    pub(super) fn give_geometry(&mut self, geometry: GeometricState) {
        self.work = Work::Geometric(geometry);
    }

    /// The geometric readout, if it is one.
    pub(super) fn geometric(&mut self) -> Option<&mut GeometricState> {
        match &mut self.work {
            Work::Geometric(lane) => Some(lane),
            Work::Network(_) | Work::Begun => None,
        }
    }

    pub(super) fn is_geometric(&self) -> bool {
        matches!(self.work, Work::Geometric(_))
    }

    /// Tells whether a run was begun that is not finished.
    pub(super) fn is_begun(&self) -> bool {
        matches!(self.work, Work::Begun)
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

    /// Shortest of some runs of a network on what its slots hold.
    pub(super) fn shortest_run(
        &mut self,
        watch: &dyn Watch,
        clock: &dyn Clock,
    ) -> Result<Duration, EngineError> {
        const RUNS: usize = 3;
        let mut shortest = Duration::MAX;
        for _ in 0..RUNS {
            let began = clock.monotonic();
            self.warm(watch)?;
            shortest = shortest.min(clock.monotonic().saturating_sub(began));
        }
        Ok(shortest)
    }

    /// Tells whether a network's weights were in use when it was loaded; `None` for
    /// what has no weights.
    pub(super) fn is_shared(&self) -> Option<bool> {
        self.is_shared
    }

    /// Placement of its nodes.
    pub(super) fn placement(&self) -> Placement {
        self.placement.clone()
    }

    /// Runs under the watchdog's eye; the time it took, or `None` where it failed.
    pub(super) fn run(&mut self, turn: usize, step: &Step<'_>) -> Option<Duration> {
        let Work::Network(network) = &mut self.work else {
            return None;
        };
        let started = step.clock.monotonic();
        let watch: &dyn Watch = step.watch;
        watch.begin(&self.name, &self.terminator);
        let ran = catch_unwind(AssertUnwindSafe(|| network.run(turn)));
        watch.end();
        let now = step.clock.monotonic();
        self.note_ran(ran, now.saturating_sub(started), now)
    }

    /// Notes how a run ended; the time it took, or `None` where it failed.
    fn note_ran(&mut self, ran: Ran, took: Duration, now: Duration) -> Option<Duration> {
        let reason = match ran {
            Ok(Ok(())) => {
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
