//! Ends a network that runs too long, and the process if that does not help.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use concert_models::Terminator;

use crate::clock::{Clock, lock};
use crate::io::{exit, thread};
use crate::step::{NoWatch, Watch};

/// Exit code of a process whose network hung inside a kernel; a supervisor
/// restarts it.
pub const EXIT_HUNG: i32 = 75;
/// Longest time for a network that was asked to end to its next node boundary.
const GRACE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A thread that looks every 20 ms at the run under way.
pub struct Watchdog {
    /// Longest time for loading or a first run.
    first_run: Duration,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    clock: Arc<dyn Clock>,
    limit: Duration,
    /// True where the process ends where asking does not help.
    strict: bool,
    /// Ends it; a test says it otherwise.
    exit: fn(i32),
    run: Mutex<Run>,
    stopped: Condvar,
    pulse: Pulse,
}

/// Monotonic time at which a watchdog looked last, for who asks whether it goes on.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The last look; zero before the first.
    #[must_use]
    pub fn last(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    fn beat(&self, now: Duration) {
        // Half a million years.
        self.0.store(now.as_micros() as u64, Ordering::Relaxed);
    }
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
    /// [`EXIT_HUNG`]: a kernel that hangs cannot be stopped from outside. Loading
    /// and a first run may take [`FIRST_RUN`](Self::FIRST_RUN).
    ///
    /// # Errors
    /// Where the system refuses a thread.
    pub fn start(clock: Arc<dyn Clock>, limit: Duration) -> std::io::Result<Self> {
        Self::start_patient(clock, limit, Self::FIRST_RUN)
    }

    /// As [`start`](Self::start), where loading and a first run may take
    /// `first_run`, or `limit` where that is longer: some devices compile then.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_patient(
        clock: Arc<dyn Clock>,
        limit: Duration,
        first_run: Duration,
    ) -> std::io::Result<Self> {
        Self::begin(State::new(clock, limit, true), first_run.max(limit))
    }

    /// Longest time for loading or a first run on a processor: it allocates and
    /// optimises.
    pub const FIRST_RUN: Duration = Duration::from_secs(30);

    fn begin(state: State, first_run: Duration) -> std::io::Result<Self> {
        let state = Arc::new(state);
        let watched = Arc::clone(&state);
        let thread = thread::spawn("watchdog", move || {
            if catch_unwind(AssertUnwindSafe(|| watched.watch())).is_err() {
                tracing::error!("the thread watchdog panicked: nobody watches over networks");
                (watched.exit)(1);
            }
        })?;
        Ok(Self {
            first_run,
            state,
            thread: Some(thread),
        })
    }

    /// Tells when it looked last.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.state.pulse.clone()
    }

    /// Another one, for loading and first runs.
    fn patient(&self, strict: bool) -> Arc<dyn Watch> {
        self.another(self.first_run, strict)
    }

    fn another(&self, limit: Duration, strict: bool) -> Arc<dyn Watch> {
        let clock = Arc::clone(&self.state.clock);
        let state = State {
            exit: self.state.exit,
            ..State::new(clock, limit, strict)
        };
        match Self::begin(state, self.first_run) {
            Ok(another) => Arc::new(another),
            Err(error) => {
                tracing::warn!("nobody watches over some runs: {error}");
                Arc::new(NoWatch)
            }
        }
    }
}

impl State {
    fn new(clock: Arc<dyn Clock>, limit: Duration, strict: bool) -> Self {
        Self {
            clock,
            limit,
            strict,
            exit: |code| exit::at_once(code),
            run: Mutex::default(),
            stopped: Condvar::new(),
            pulse: Pulse::default(),
        }
    }

    fn watch(&self) {
        let mut run = lock(&self.run);
        while !run.stop {
            self.pulse.beat(self.clock.monotonic());
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
            (self.exit)(EXIT_HUNG);
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

    fn at_start(&self) -> Arc<dyn Watch> {
        self.patient(true)
    }

    fn while_preparing(&self) -> Arc<dyn Watch> {
        self.patient(false)
    }

    fn beside(&self) -> Arc<dyn Watch> {
        self.another(self.state.limit, self.state.strict)
    }

    fn patience(&self) -> Duration {
        // Asked to end, it is given some time to.
        self.first_run + GRACE
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, AtomicU32};

    use super::*;
    use crate::clock::ManualClock;

    const MS: Duration = Duration::from_millis(1);

    /// Counts how often it was asked to end.
    #[derive(Default)]
    struct Asked(AtomicU32);

    impl Terminator for Asked {
        fn terminate(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        fn rearm(&self) {}
    }

    /// A watchdog without a thread, of which `look` is called by hand; at a run.
    fn at_a_run(strict: bool, exit: fn(i32)) -> (State, Arc<ManualClock>, Arc<Asked>) {
        let clock = Arc::new(ManualClock::default());
        let state = State {
            exit,
            ..State::new(clock.clone(), MS * 300, strict)
        };
        let asked = Arc::new(Asked::default());
        let terminator: Arc<dyn Terminator> = asked.clone();
        *lock(&state.run) = Run {
            network: "deep".to_owned(),
            terminator: Some(terminator),
            ..Run::default()
        };
        (state, clock, asked)
    }

    #[test]
    fn a_run_over_its_limit_is_asked_to_end_once_and_no_sooner() {
        let (state, clock, asked) = at_a_run(true, |_| panic!("there is time left"));
        let look = |after: Duration| {
            clock.advance(after);
            state.look(&mut lock(&state.run));
            asked.0.load(Ordering::SeqCst)
        };
        assert_eq!(look(MS * 300), 0);
        assert_eq!(look(MS), 1);
        assert_eq!(look(MS * 1_900), 1);
        lock(&state.run).terminator = None;
        assert_eq!(look(MS * 60_000), 1, "it ended");
    }

    #[test]
    fn what_does_not_end_ends_the_process_with_75_only_where_nothing_else_serves() {
        static CODE: AtomicI32 = AtomicI32::new(0);
        for (strict, code) in [(false, 0), (true, EXIT_HUNG)] {
            let (state, clock, _) = at_a_run(strict, |code| CODE.store(code, Ordering::SeqCst));
            clock.advance(MS * 300 + GRACE + MS);
            state.look(&mut lock(&state.run));
            assert_eq!(CODE.load(Ordering::SeqCst), code);
        }
    }

    #[test]
    fn first_runs_get_more_time_and_never_less_than_any_run() {
        let clock = Arc::new(ManualClock::default());
        let patience = |limit| {
            let watchdog = Watchdog::start(clock.clone(), limit).expect("a thread");
            watchdog.patience()
        };
        assert_eq!(patience(MS), Watchdog::FIRST_RUN + GRACE);
        assert_eq!(patience(MS * 100_000), MS * 100_000 + GRACE);
    }

    /// This test, run again by itself, is the process that is to end.
    #[test]
    fn a_process_whose_kernel_hangs_ends_with_75() {
        const HANGS: &str = "CONCERT_TEST_HANGS";
        if std::env::var_os(HANGS).is_some() {
            let clock = Arc::new(crate::io::clock::SystemClock::start());
            let watchdog = Watchdog::start(clock, MS).expect("a thread");
            let terminator: Arc<dyn Terminator> = Arc::new(Asked::default());
            watchdog.begin("deep", &terminator);
            loop {
                thread::park(Duration::from_secs(60));
            }
        }
        let own = std::env::current_exe().expect("a name");
        let name = "io::watchdog::tests::a_process_whose_kernel_hangs_ends_with_75";
        let ended = std::process::Command::new(own)
            .args([name, "--exact"])
            .env(HANGS, "1")
            .stdout(std::process::Stdio::null())
            .status()
            .expect("it runs");
        assert_eq!(ended.code(), Some(EXIT_HUNG));
    }
}
