//! The thread that watches: it gets the frames, hands them to the thread that
//! learns, and holds what serves against the readout that was there first,
//! whatever that thread is at. What got worse is taken back at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use concert_fitting::fit::{NewestFrames, ReadoutWatch, RepresentationLayout, WatchVerdict};
use concert_models::store::Store;
use concert_runtime::io::thread::{self, Urgency};
use concert_runtime::{Clock, Observation, Observer};

use super::state::LearningState;
use super::target::{LearnedTarget, Subject, label_of, open_readout, represent};

/// Time to wait for a frame before looking for the end.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Least time between two frames that are watched: five decide.
const WATCH_EVERY: Duration = Duration::from_millis(500);

/// Between the thread that watches and the one that learns.
pub(super) struct Lookout {
    observer: Observer,
    /// The newest frame that nobody has learnt from.
    frame: Mutex<Option<Observation>>,
    came: Condvar,
    watches: Mutex<Vec<Watching>>,
}

/// The watch over one target.
struct Watching {
    subject: Subject,
    layout: RepresentationLayout,
    watch: ReadoutWatch,
    /// The variant that the watch takes to serve.
    serving: Option<String>,
    due: Duration,
}

impl Watching {
    fn of(target: &mut LearnedTarget) -> Option<Self> {
        Some(Self {
            subject: target.subject().clone(),
            layout: target.learner.layout().clone(),
            watch: target.watch.take()?,
            serving: target.subject().first.clone(),
            due: Duration::ZERO,
        })
    }
}

impl Lookout {
    /// A lookout over all targets, in their order.
    pub(super) fn new(observer: Observer, targets: &mut [LearnedTarget]) -> Self {
        Self {
            observer,
            frame: Mutex::new(None),
            came: Condvar::new(),
            watches: Mutex::new(targets.iter_mut().filter_map(Watching::of).collect()),
        }
    }

    /// Waits up to `timeout` for the newest frame.
    pub(super) fn next(&self, timeout: Duration) -> Option<Observation> {
        let frame = lock(&self.frame);
        let waited = (self.came).wait_timeout_while(frame, timeout, |frame| frame.is_none());
        let (mut frame, _) = waited.unwrap_or_else(PoisonError::into_inner);
        frame.take()
    }

    /// Hands a frame back, so that its memory is used again.
    pub(super) fn recycle(&self, observation: Observation) {
        self.observer.recycle(observation);
    }

    /// The newest frames of a target.
    pub(super) fn newest(&self, at: usize) -> NewestFrames {
        let watches = lock(&self.watches);
        watches
            .get(at)
            .map_or(NewestFrames::default(), |watching| watching.watch.newest())
    }

    /// Watches another first readout of a target.
    pub(super) fn begin_anew(&self, at: usize, target: &mut LearnedTarget) {
        if let (Some(watching), Some(new)) = (lock(&self.watches).get_mut(at), Watching::of(target))
        {
            *watching = new;
        }
    }

    fn offer(&self, observation: Observation) {
        let before = lock(&self.frame).replace(observation);
        self.came.notify_one();
        if let Some(before) = before {
            self.recycle(before);
        }
    }
}

/// The thread's own.
pub(super) struct Watcher {
    pub(super) lookout: Arc<Lookout>,
    pub(super) state: Arc<LearningState>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) store: Store,
}

impl Watcher {
    /// Watches until it is told to stop. Ordinary, if least of all: a few
    /// milliseconds twice a second, which come at any load.
    pub(super) fn run(self) {
        if let Err(error) = thread::be(Urgency::Low) {
            tracing::debug!("watching is as urgent as anything else: {error}");
        }
        while !self.stop.load(Ordering::SeqCst) {
            let Some(observation) = self.lookout.observer.next(LOOK_EVERY) else {
                continue;
            };
            let targets = lock(&self.lookout.watches).len();
            for at in 0..targets {
                if let Err(error) = self.watch(at, &observation) {
                    // Who learns from this frame, or the next, says it.
                    tracing::debug!("a frame is not watched: {error:#}");
                }
            }
            self.lookout.offer(observation);
        }
    }

    fn watch(&self, at: usize, observation: &Observation) -> anyhow::Result<()> {
        let (serving, learns) = self.state.status(at);
        let now = self.clock.monotonic();
        let mut watches = lock(&self.lookout.watches);
        let Some(watching) = watches.get_mut(at) else {
            return Ok(());
        };
        if !learns || now < watching.due {
            return Ok(());
        }
        if watching.serving != serving {
            // Also where it cannot be read: then it is tried no more.
            watching.serving.clone_from(&serving);
            let readout = match serving == watching.subject.first {
                true => None,
                false => Some(open_readout(
                    &self.store,
                    &watching.subject.readout(serving.as_deref()),
                )?),
            };
            watching.watch.serve(readout.as_ref())?;
        }
        let Some(label) = label_of(watching.subject.task, observation)? else {
            return Ok(());
        };
        let (representation, focal) = represent(&watching.layout, observation)?;
        watching.due = now + WATCH_EVERY;
        let verdict = watching.watch.look(representation, &label, focal);
        drop(watches);
        match verdict {
            WatchVerdict::Nothing => {}
            WatchVerdict::Serves(errors) => self.state.note_watched(at, errors),
            WatchVerdict::Worse(errors) => {
                self.state.note_watched(at, errors);
                self.state.take_back(at, serving.as_deref(), errors);
            }
        }
        Ok(())
    }
}

/// Every value is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
