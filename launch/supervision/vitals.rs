//! How a server goes, in one place for everybody who asks: readiness and liveness.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use concert_runtime::io::watchdog::Pulse;
use concert_runtime::readiness::STALLED_AFTER;
use concert_runtime::{Clock, Control, Readiness, StatusFigures, Unready};

use super::loading::Loading;
use super::steady::Steady;

/// Silence of a thread that watches from which on the process is not alive.
const DEAD_AFTER: Duration = STALLED_AFTER;

/// The state of a server, from its start to its end.
pub(crate) struct Vitals {
    clock: Arc<dyn Clock>,
    inside: Mutex<Inside>,
}

struct Inside {
    phase: Phase,
    steady: Steady,
    /// Monotonic time of the last look.
    looked: Duration,
    /// That of the watchdog over networks, once there is one.
    watchdog: Option<Pulse>,
}

/// What a server is at.
enum Phase {
    /// It reads and checks its files.
    Reading,
    /// Its networks load.
    Loading(Arc<Loading>),
    /// It serves.
    Serving(Control),
    /// It was asked to end.
    Stopping,
}

impl Vitals {
    /// Those of a server that begins to start.
    pub(super) fn begin(clock: Arc<dyn Clock>) -> Self {
        let reading = Readiness::not(Unready::Starting, "files are read");
        let inside = Inside {
            phase: Phase::Reading,
            steady: Steady::new(reading),
            looked: clock.monotonic(),
            watchdog: None,
        };
        Self {
            clock,
            inside: Mutex::new(inside),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Every value is whole between statements.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn load(&self, loading: Arc<Loading>, watchdog: Pulse) {
        let mut inside = self.lock();
        inside.phase = Phase::Loading(loading);
        inside.watchdog = Some(watchdog);
    }

    pub(super) fn serve(&self, control: Control) {
        self.lock().phase = Phase::Serving(control);
    }

    pub(super) fn stop(&self) {
        self.lock().phase = Phase::Stopping;
        self.look();
    }

    /// Looks how it goes; to be done several times a second.
    pub(super) fn look(&self) {
        let now = self.clock.monotonic();
        let mut inside = self.lock();
        let seen = match &inside.phase {
            Phase::Reading => Readiness::not(Unready::Starting, "files are read"),
            Phase::Loading(loading) => Readiness::not(Unready::Starting, loading.words()),
            Phase::Serving(control) => match control.last_status() {
                Some(figures) => Readiness::of(&figures, now),
                None => Readiness::not(Unready::Starting, "no status was made yet"),
            },
            Phase::Stopping => Readiness::not(Unready::Stopping, "it was asked to end"),
        };
        inside.steady.note(seen, now);
        inside.looked = now;
    }

    /// Whether it is ready, as of the last look.
    pub(crate) fn readiness(&self) -> Readiness {
        self.lock().steady.readiness().clone()
    }

    /// What the last status was made of; `None` before it serves.
    pub(crate) fn figures(&self) -> Option<Arc<StatusFigures>> {
        match &self.lock().phase {
            Phase::Serving(control) => control.last_status(),
            Phase::Reading | Phase::Loading(_) | Phase::Stopping => None,
        }
    }

    /// How many networks are loaded, and of how many, while they load.
    pub(crate) fn loading(&self) -> Option<(usize, usize)> {
        match &self.lock().phase {
            Phase::Loading(loading) => Some(loading.count()),
            Phase::Reading | Phase::Serving(_) | Phase::Stopping => None,
        }
    }

    /// Which thread that watches does not go on, if one does not.
    pub(crate) fn stuck(&self) -> Option<String> {
        let now = self.clock.monotonic();
        let (looked, watchdog, status) = {
            let inside = self.lock();
            let status = match &inside.phase {
                Phase::Serving(control) => control.last_status().map(|figures| figures.made),
                Phase::Reading | Phase::Loading(_) | Phase::Stopping => None,
            };
            let watchdog = inside.watchdog.as_ref().map(Pulse::last);
            (inside.looked, watchdog, status)
        };
        let threads = [
            ("vitals", Some(looked)),
            ("watchdog", watchdog.filter(|last| !last.is_zero())),
            ("publish", status),
        ];
        threads.into_iter().find_map(|(thread, last)| {
            let silent = now.saturating_sub(last?);
            (silent >= DEAD_AFTER).then(|| {
                let (silent, limit) = (silent.as_secs(), DEAD_AFTER.as_secs());
                format!(
                    "the thread {thread} did nothing for {silent} s, but {limit} s are too long"
                )
            })
        })
    }
}
