//! Ends a network that runs too long, and the process if that does not help.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use concert_models::Terminator;

use crate::clock::{Clock, lock};
use crate::io::thread;
use crate::pipeline::{NoWatch, Watch};

/// Exit code of a process whose network hung inside a kernel; a supervisor
/// restarts it.
pub const EXIT_HUNG: i32 = 75;
/// How long after being asked a network may take to its next node boundary.
const GRACE: Duration = Duration::from_secs(2);
/// How long the first run of a network may take: it allocates, tunes, compiles.
const FIRST_RUN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A thread that looks every 20 ms at the run under way.
pub struct Watchdog {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    clock: Arc<dyn Clock>,
    limit: Duration,
    /// Whether the process ends where asking does not help.
    strict: bool,
    run: Mutex<Run>,
    stopped: Condvar,
}

#[derive(Default)]
struct Run {
    network: String,
    terminator: Option<Arc<dyn Terminator>>,
    began: Duration,
    asked: bool,
    stop: bool,
}

impl Watchdog {
    /// Watches runs; one longer than `limit` is asked to end at its next node,
    /// and if it has not ended two seconds later, the process exits with
    /// [`EXIT_HUNG`]: a kernel that hangs cannot be stopped from outside.
    ///
    /// # Errors
    /// Where the system refuses a thread.
    pub fn start(clock: Arc<dyn Clock>, limit: Duration) -> std::io::Result<Self> {
        Self::begin(clock, limit, true)
    }

    fn begin(clock: Arc<dyn Clock>, limit: Duration, strict: bool) -> std::io::Result<Self> {
        let state = Arc::new(State {
            clock,
            limit,
            strict,
            run: Mutex::default(),
            stopped: Condvar::new(),
        });
        let watched = Arc::clone(&state);
        let thread = thread::spawn("watchdog", move || watched.watch())?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }
}

impl State {
    fn watch(&self) {
        let mut run = lock(&self.run);
        while !run.stop {
            self.look(&mut run);
            run = match self.stopped.wait_timeout(run, LOOK_EVERY) {
                Ok((run, _)) => run,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn look(&self, run: &mut Run) {
        let Some(terminator) = &run.terminator else {
            return;
        };
        let ran = self.clock.monotonic().saturating_sub(run.began);
        if ran > self.limit && !run.asked {
            run.asked = true;
            terminator.terminate();
            tracing::error!(network = %run.network, "ran for {ran:?}, but the limit is {:?}: asked to end", self.limit);
        }
        if ran > self.limit + GRACE && self.strict {
            tracing::error!(network = %run.network, "did not end {GRACE:?} after it was asked: exit {EXIT_HUNG}");
            std::process::exit(EXIT_HUNG);
        }
    }
}

impl Watch for Watchdog {
    fn begin(&self, network: &str, terminator: &Arc<dyn Terminator>) {
        let began = self.state.clock.monotonic();
        let mut run = lock(&self.state.run);
        run.network.clear();
        run.network.push_str(network);
        run.terminator = Some(Arc::clone(terminator));
        run.began = began;
        run.asked = false;
    }

    fn end(&self) {
        lock(&self.state.run).terminator = None;
    }

    fn while_preparing(&self) -> Arc<dyn Watch> {
        let clock = Arc::clone(&self.state.clock);
        match Self::begin(clock, FIRST_RUN.max(self.state.limit), false) {
            Ok(patient) => Arc::new(patient),
            Err(error) => {
                tracing::warn!("nobody watches over first runs: {error}");
                Arc::new(NoWatch)
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        lock(&self.state.run).stop = true;
        self.state.stopped.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
