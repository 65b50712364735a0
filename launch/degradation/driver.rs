//! The thread that looks how well the policy of a chain does, and steps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use concert_models::Engine;
use concert_runtime::degradation::{ChainStep, WantedStep};
use concert_runtime::io::thermal::Thermal;
use concert_runtime::io::thread;
use concert_runtime::{Chain, Clock, Control, DegradationSnapshot, Signs, SwapError, SwapTerms};

use super::{Link, PolicyChain};
use crate::assemble::SharedSwapper;
use crate::cli::Global;
use crate::launch_file::LaunchFile;
use crate::report::Failure;

/// How often it looks, and how often at the thermal zones.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const HEAT_EVERY: Duration = Duration::from_secs(1);
/// Most of the time between frames that a better policy may need to be taken up.
const MOST_LOAD: f64 = 0.9;

/// What a chain is stepped through with.
pub(crate) struct Means<'a> {
    pub(crate) control: Control,
    pub(crate) swapper: SharedSwapper,
    pub(crate) clock: Arc<dyn Clock>,
    /// The engine of the first policy.
    pub(crate) engine: &'a dyn Engine,
}

/// A chain that is stepped through.
pub(crate) struct Degradation {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl PolicyChain {
    /// Begins to look after a runtime that serves the first policy.
    ///
    /// # Errors
    /// An engine or a thread that cannot be had.
    pub(crate) fn start(
        self,
        means: Means<'_>,
        on: (&LaunchFile, &Global),
    ) -> Result<Degradation, Failure> {
        let (engines, numbers) = self.engines(means.engine, on)?;
        let stop = Arc::new(AtomicBool::new(false));
        let chain = Chain::new(self.entry.rules, numbers.clone());
        let mut driver = Driver {
            said: DegradationSnapshot {
                chain: self
                    .policies()
                    .map(|policy| policy.name().to_owned())
                    .collect(),
                ..DegradationSnapshot::default()
            },
            thermal: Thermal::of_this_computer(self.entry.max_celsius),
            signs: Signs::default(),
            heat_due: Duration::ZERO,
            began: means.clock.monotonic(),
            chain,
            links: self.links,
            engines,
            numbers,
            runs_on: 0,
            epoch: 0,
            control: means.control.clone(),
            swapper: means.swapper,
            clock: means.clock,
        };
        driver.tell();
        let (ended, guard) = (Arc::clone(&stop), means.control);
        let thread = thread::spawn_low("degrade", move || {
            guard.guard("degrade", || {
                while !ended.load(Ordering::Acquire) {
                    thread::park(LOOK_EVERY);
                    driver.look();
                }
            });
        })?;
        Ok(Degradation { stop, thread })
    }
}

impl Degradation {
    /// Ends it; what serves goes on.
    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A panic of it has ended the runtime, and was said.
        let _ = self.thread.join();
    }
}

struct Driver {
    chain: Chain,
    links: Vec<Link>,
    /// Per position, the engine that its networks run on.
    engines: Vec<Box<dyn Engine>>,
    /// Per position, the number of that engine.
    numbers: Vec<usize>,
    /// The number of the engine that runs what serves.
    runs_on: usize,
    control: Control,
    swapper: SharedSwapper,
    clock: Arc<dyn Clock>,
    thermal: Thermal,
    signs: Signs,
    heat_due: Duration,
    /// When the runtime began, monotonic.
    began: Duration,
    /// Policies that had run before, when it last looked.
    epoch: u64,
    said: DegradationSnapshot,
}

impl Driver {
    fn look(&mut self) {
        if !self.notice_others() {
            return;
        }
        let now = self.clock.monotonic();
        self.signs.tally = self.control.frame_tally();
        self.signs.engine_lost = self.control.is_engine_lost();
        if now >= self.heat_due {
            self.heat_due = now + HEAT_EVERY;
            self.signs.heat = self.thermal.read();
        }
        let step = self.chain.look(now, &self.signs);
        self.said.engine_lost = self.signs.engine_lost && !self.chain.has_lower();
        if let Some(step) = step {
            self.step(&step);
        }
        self.tell();
    }

    /// Rests where somebody put a policy there that is not of the chain, and goes on
    /// where one of it came back; `false` while a swap is under way.
    fn notice_others(&mut self) -> bool {
        let swapper = match self.swapper.try_lock() {
            Ok(swapper) => swapper,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if swapper.epoch == self.epoch {
            return true;
        }
        self.epoch = swapper.epoch;
        let hash = swapper.policy.hash();
        let name = swapper.policy.name().to_owned();
        drop(swapper);
        let mut links = self.links.iter();
        match links.position(|link| link.policy.hash() == hash) {
            Some(position) => {
                tracing::info!("{name} is of the chain of policies, which goes on from it");
                self.chain.resume(position);
            }
            None => {
                tracing::info!("{name} is not of the chain of policies, which rests");
                self.chain.rest();
            }
        }
        self.said.cause = "somebody put it there".to_owned();
        self.said.since_seconds = self.seconds();
        true
    }

    fn step(&mut self, step: &WantedStep) {
        let began = self.clock.monotonic();
        let Some(swapped) = self.swap(step) else {
            // Somebody was faster.
            return;
        };
        let now = self.clock.monotonic();
        match swapped {
            Ok(()) => self.note_made(now, now.saturating_sub(began), step),
            Err(error) => self.note_error(now, step, &error),
        }
    }

    /// Swaps the policy of a step in; `None` where somebody else swapped meanwhile.
    fn swap(&mut self, step: &WantedStep) -> Option<anyhow::Result<()>> {
        let link = &self.links[step.position];
        let is_elsewhere = self.numbers[step.position] != self.runs_on;
        let terms = SwapTerms {
            engine: is_elsewhere.then(|| self.engines[step.position].sibling()),
            most_load: step.if_it_fits.then_some(MOST_LOAD),
        };
        let mut swapper = self.swapper.lock().unwrap_or_else(PoisonError::into_inner);
        if swapper.epoch != self.epoch {
            return None;
        }
        let swapped = swapper.try_swap_on(link.policy.clone(), &link.text, terms);
        self.epoch = swapper.epoch;
        Some(swapped.map(drop))
    }

    fn note_made(&mut self, now: Duration, took: Duration, step: &WantedStep) {
        let before = self.chain.position();
        let name = |position: usize| self.links[position].policy.name().to_owned();
        let made = ChainStep {
            stamp_ns: self.clock.now().nanos(),
            seconds: now.saturating_sub(self.began).as_secs_f64(),
            from: name(before),
            to: name(step.position),
            cause: step.cause.name(),
            words: step.cause.to_string(),
            took_millis: took.as_secs_f64() * 1e3,
        };
        let goes_down = step.position > before;
        let (from, to) = (&made.from, &made.to);
        match goes_down {
            true => tracing::warn!("{to} takes over from {from}: {}", step.cause),
            false => tracing::info!("{to} takes over from {from}: {}", step.cause),
        }
        self.said.steps_down += u64::from(goes_down);
        self.said.steps_up += u64::from(!goes_down);
        self.said.since_seconds = made.seconds;
        self.said.cause.clone_from(&made.words);
        self.said.push(made);
        self.runs_on = self.numbers[step.position];
        self.chain.note_stepped(now, step);
    }

    fn note_error(&mut self, now: Duration, step: &WantedStep, error: &anyhow::Error) {
        let to = self.links[step.position].policy.name();
        match error.downcast_ref::<SwapError>() {
            // Nobody is there any more, or another is at it: nothing to say.
            Some(SwapError::Stopping | SwapError::Busy) => return,
            Some(SwapError::DoesNotFit { .. }) => {
                tracing::info!("{to} is not taken up again yet: {error:#}");
                self.chain.note_unfit();
            }
            _ => {
                tracing::warn!("{to} could not take over: {error:#}");
                self.chain.note_refused(now, step);
            }
        }
        self.said.steps_refused += 1;
        self.said.last_refusal = format!("{to}: {error:#}");
    }

    fn seconds(&self) -> f64 {
        let passed = self.clock.monotonic().saturating_sub(self.began);
        passed.as_secs_f64()
    }

    fn tell(&mut self) {
        self.said.position = self.chain.position();
        self.said.rests = self.chain.rests();
        self.said.late_share = self.chain.late_share();
        self.said.up_after_seconds = self.chain.patience().as_secs_f64();
        self.said.note_zone(self.signs.heat.nearest.as_ref());
        self.control.tell_degradation(self.said.clone());
    }
}
