//! Changing the policy while it runs: another pipeline, prepared beside the
//! running one, takes its place between two frames.

mod fit;
mod signs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use concert_models::Engine;

use crate::clock::lock;
use crate::exchange::{Exchanged, Offer};
use crate::generation::Generation;
use crate::io::yield_point::YieldPoint;
use crate::learning::LearningSnapshot;
use crate::observation::ObservationRequest;
use crate::observer::Observer;
use crate::pipeline::{Pipeline, Preparer};
use crate::plan::Plan;
use crate::preparation;
use crate::rendezvous::Unanswered;
use crate::shadow::Shadow;
use crate::shadow_stats::ShadowStats;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::status_figures::StatusFigures;
use crate::swap::{SwapError, SwapReport};

/// Longest time for the perceive thread to come between two frames, and for the
/// publisher to declare keys.
const TAKE_LIMIT: Duration = Duration::from_secs(10);

/// Changes what a running runtime computes, and looks into it. Cheap to clone,
/// for any thread; holds no thread and keeps none from ending.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
    swap_state: Arc<Mutex<SwapState>>,
}

/// Terms of a swap.
#[derive(Default)]
pub struct SwapTerms {
    /// Another engine for the new policy; `None` for that of the one that runs.
    pub engine: Option<Box<dyn Engine>>,
    /// Most of the time between frames, and of the time limit, that the new policy
    /// may need by what is measured, as a share of 1; `None` for any.
    pub most_load: Option<f64>,
}

/// State that only one swap at a time may use.
struct SwapState {
    preparer: Preparer,
    plan: Arc<Plan>,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>, pipeline: &Pipeline) -> Self {
        let state = SwapState {
            preparer: pipeline.preparer(),
            plan: Arc::clone(pipeline.plan()),
        };
        Self {
            shared,
            swap_state: Arc::new(Mutex::new(state)),
        }
    }

    /// The plan that runs; waits while a swap is under way.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&lock(&self.swap_state).plan)
    }

    /// The figures now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// What the last status was made of; `None` before the first. It is as old as that,
    /// and asking for it keeps nobody from computing.
    #[must_use]
    pub fn last_status(&self) -> Option<Arc<StatusFigures>> {
        lock(&self.shared.last_status).clone()
    }

    /// Runs the body of a thread without which the runtime does not work. Where it
    /// panics, the runtime comes to its end and says so: see [`Snapshot::fault`].
    pub fn guard(&self, thread: &str, body: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(body)).is_err() {
            self.fail(format!("the thread {thread} panicked"));
        }
    }

    /// The runtime does not work any more, for this reason: it comes to its end.
    /// The first reason is kept.
    pub fn fail(&self, reason: String) {
        tracing::error!("{reason}: the runtime ends");
        lock(&self.shared.faults).thread.get_or_insert(reason);
        self.shared.end();
    }

    /// Tells how learning goes; it is part of every [`Snapshot`] and status from
    /// now on.
    pub fn tell_learning(&self, learning: Vec<LearningSnapshot>) {
        *lock(&self.shared.learning) = learning;
    }

    /// Gets copies of frames and representations from now on, in place of any
    /// earlier observer.
    #[must_use]
    pub fn observe(&self, request: ObservationRequest) -> Observer {
        Observer::new(Arc::clone(&self.shared), request)
    }

    /// Lets the calling thread work in the pauses between steps from now on, as
    /// the last that gets a processor.
    #[must_use]
    pub fn yield_point(&self) -> YieldPoint {
        YieldPoint::new(Arc::clone(&self.shared))
    }

    /// Prepares `plan` beside the running pipeline, on this thread, and puts it
    /// in its place between two frames. Networks of equal hash are shared, and
    /// only new ones are loaded and warmed. No frame is lost: each is the old
    /// policy's or the new one's. Blocks while it prepares (seconds, where
    /// networks are large), then for about one frame.
    ///
    /// # Errors
    /// Where anything refuses or fails, with the reason; the old pipeline runs
    /// on then.
    pub fn swap(&self, plan: Plan) -> Result<SwapReport, SwapError> {
        self.swap_on(plan, SwapTerms::default())
    }

    /// As [`Control::swap`], on terms. What is swapped in later runs on the same
    /// engine, unless it is told another.
    ///
    /// # Errors
    /// As [`Control::swap`]; and where the policy would not fit, if it is to.
    pub fn swap_on(&self, plan: Plan, terms: SwapTerms) -> Result<SwapReport, SwapError> {
        let mut state = self.begin_swap()?;
        let began = self.shared.clock.monotonic();
        let on_other_engine = terms.engine.is_some();
        let pipeline = self.prepare_on(&state, plan, terms)?;
        let preparer = pipeline.preparer();
        let prepared = self.shared.clock.monotonic().saturating_sub(began);
        let plan = Arc::clone(pipeline.plan());
        let networks = pipeline.networks();
        let before = self.shared.generation();
        let generation = Generation::of(&pipeline, &mut lock(&self.shared.stats));
        let generation = Arc::new(generation);
        self.announce(&generation)?;
        let exchanged = self.exchange(Offer {
            pipeline,
            generation: Arc::clone(&generation),
            on_other_engine,
        })?;
        state.plan = plan;
        state.preparer = preparer;
        let Exchanged {
            old,
            taken,
            took,
            last,
        } = exchanged;
        drop(old);
        let of = |reused: bool| {
            let these = networks.iter().filter(move |(_, shared)| *shared == reused);
            these.map(|(name, _)| name.clone()).collect()
        };
        let report = SwapReport {
            old_policy: before.policy.clone(),
            old_hash: before.policy_hash.clone(),
            new_policy: generation.policy.clone(),
            new_hash: generation.policy_hash.clone(),
            prepared_millis: prepared.as_secs_f64() * 1e3,
            exchange_millis: took.as_secs_f64() * 1e3,
            reused_networks: of(true),
            loaded_networks: of(false),
            added: missing_in(&generation, &before),
            removed: missing_in(&before, &generation),
            kept: taken.kept,
            warming: taken.warming,
            last_sequence: self.shared.cameras.iter().cloned().zip(last).collect(),
        };
        tracing::info!(
            old = %report.old_hash, new = %report.new_hash,
            "{} runs in place of {}; prepared in {:.0} ms, exchanged in {:.2} ms",
            report.new_policy, report.old_policy, report.prepared_millis, report.exchange_millis
        );
        Ok(report)
    }

    fn prepare_on(
        &self,
        state: &SwapState,
        plan: Plan,
        terms: SwapTerms,
    ) -> Result<Pipeline, SwapError> {
        let preparer = match terms.engine {
            Some(engine) => state.preparer.on(engine),
            None => state.preparer.sibling(),
        };
        let mut pipeline = preparation::prepare(&self.shared, preparer, plan)?;
        if let Some(most) = terms.most_load {
            self.check_fit(&mut pipeline, most)?;
        }
        Ok(pipeline)
    }

    /// Prepares `plan` as a shadow, on this thread, and lets it run on the frames
    /// that leave it time, in place of any earlier shadow; `None` ends that one.
    /// Its outputs are compared with those that are served (see
    /// [`Snapshot::shadow`]) and never published. It begins only what is likely
    /// to end before the next frame is due.
    ///
    /// # Errors
    /// As [`Control::swap`].
    pub fn shadow(&self, plan: Option<Plan>) -> Result<(), SwapError> {
        let state = self.begin_swap()?;
        let (shadow, stats) = match plan {
            Some(plan) => {
                let (shadow, stats) = self.prepare_shadow(&state, plan)?;
                (Some(shadow), Some(stats))
            }
            None => (None, None),
        };
        *lock(&self.shared.shadow_stats) = stats;
        let wake = || self.shared.mailbox.wake();
        let exchanged = self.shared.shadow.ask(shadow, TAKE_LIMIT, &wake);
        let old = exchanged.map_err(|unanswered| {
            *lock(&self.shared.shadow_stats) = None;
            unanswered.into_error("perceive")
        })?;
        drop(old);
        Ok(())
    }

    fn prepare_shadow(
        &self,
        state: &SwapState,
        plan: Plan,
    ) -> Result<(Box<Shadow>, ShadowStats), SwapError> {
        let preparer = state.preparer.sibling();
        let mut pipeline = preparation::prepare(&self.shared, preparer, plan)?;
        let own = pipeline.time_own_networks()?;
        let shared = self.millis_of_shared(&pipeline);
        let estimate = own * 3 / 2 + Duration::from_secs_f64(shared / 1e3);
        Ok(Shadow::new(pipeline, estimate))
    }

    /// 99th percentiles of what a step of `pipeline` shares with the policy that
    /// serves, in milliseconds: preprocessing and networks.
    fn millis_of_shared(&self, pipeline: &Pipeline) -> f64 {
        let networks = pipeline.networks();
        let is_shared = |name: &str| {
            let mut networks = networks.iter();
            networks.any(|(known, shared)| *shared && known == name)
        };
        let plan = pipeline.plan();
        let stats = lock(&self.shared.stats);
        let mut millis = stats.preprocess.summary().p99_millis * plan.contracts.len() as f64;
        for stage in plan.encoders.iter().filter(|s| is_shared(&s.file.name)) {
            let known = stats.encoders.iter().find(|e| e.source == stage.source);
            millis += known.map_or(0.0, |encoder| encoder.run.summary().p99_millis);
        }
        for stage in plan.readouts.iter().filter(|s| is_shared(&s.file.name)) {
            let mut targets = stats.targets.iter();
            let known = targets.find(|t| t.origin.hashes.readout.0 == stage.file.name);
            millis += known.map_or(0.0, |target| target.read.summary().p99_millis);
        }
        millis
    }

    /// The right to prepare something.
    fn begin_swap(&self) -> Result<MutexGuard<'_, SwapState>, SwapError> {
        let state = match self.swap_state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(SwapError::Busy),
        };
        if self.shared.stopping() || self.shared.perceive_over.load(Ordering::Acquire) {
            return Err(SwapError::Stopping);
        }
        Ok(state)
    }

    fn announce(&self, generation: &Arc<Generation>) -> Result<(), SwapError> {
        let wake = || self.shared.generation().outbox.ring();
        let question = Arc::clone(generation);
        match self.shared.announce.ask(question, TAKE_LIMIT, &wake) {
            Ok(declared) => declared.map_err(SwapError::Bus),
            Err(unanswered) => Err(unanswered.into_error("publish")),
        }
    }

    fn exchange(&self, offer: Offer) -> Result<Exchanged, SwapError> {
        let wake = || self.shared.mailbox.wake();
        let answer = self.shared.exchange.ask(offer, TAKE_LIMIT, &wake);
        answer.map_err(|unanswered| unanswered.into_error("perceive"))
    }
}

impl<Q> Unanswered<Q> {
    fn into_error(self, thread: &'static str) -> SwapError {
        match self {
            Unanswered::Closed(_) => SwapError::Stopping,
            Unanswered::TimedOut(_) => SwapError::NotTaken {
                thread,
                limit: TAKE_LIMIT,
            },
        }
    }
}

/// Keys of `these` that `those` do not have.
fn missing_in(these: &Generation, those: &Generation) -> Vec<String> {
    let known = those.keys();
    let keys = these.keys().into_iter().filter(|key| !known.contains(key));
    keys.map(|key| key.to_string()).collect()
}
