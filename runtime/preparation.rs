//! Preparing a pipeline beside the one that serves, on a thread that may hang.
//!
//! A kernel that does not come back cannot be stopped from outside. What serves
//! is not to pay for it: whoever asked is answered, the thread is left where it
//! hangs and counted, and nothing further is prepared while it does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use concert_models::Terminator;

use crate::clock::{Clock, lock};
use crate::io::thread;
use crate::pipeline::{Pipeline, Preparer};
use crate::plan::Plan;
use crate::shared::Shared;
use crate::step::Watch;
use crate::swap::SwapError;

/// Time between looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Prepares `plan` on a thread of its own and waits for it: as long as one
/// network after the other loads and runs, but for none of them longer than
/// [`Watch::patience`].
///
/// # Errors
/// What refuses or fails, one that hangs, and one that hung before.
pub(crate) fn prepare(
    shared: &Arc<Shared>,
    preparer: Preparer,
    plan: Plan,
) -> Result<Pipeline, SwapError> {
    if let Some(network) = lock(&shared.faults).stuck.first() {
        let network = network.clone();
        return Err(SwapError::Stuck { network });
    }
    let policy = plan.policy().to_owned();
    let progress = Arc::new(Progress::new(shared, &preparer));
    let watched = Arc::clone(&progress);
    // Without room: what comes after nobody waits any more comes back.
    let (to, from) = sync_channel(0);
    let late = Arc::clone(shared);
    thread::spawn_low("prepare", move || {
        let prepared = catch_unwind(AssertUnwindSafe(|| {
            preparer.prepare_watched(plan, &*watched)
        }));
        if to.send(prepared).is_err() {
            let network = watched.network();
            lock(&late.faults).stuck.retain(|stuck| *stuck != network);
            tracing::warn!("preparing {network} ended after all; swaps are possible again");
        }
    })?;
    loop {
        match from.recv_timeout(LOOK_EVERY) {
            Ok(Ok(prepared)) => return Ok(prepared?),
            Ok(Err(_)) => return Err(SwapError::Panicked { policy }),
            Err(RecvTimeoutError::Disconnected) => return Err(SwapError::Stopping),
            Err(RecvTimeoutError::Timeout) if shared.stopping() => {
                return Err(SwapError::Stopping);
            }
            Err(RecvTimeoutError::Timeout) => progress.check(shared)?,
        }
    }
}

/// Which network a preparation is at, and since when.
struct Progress {
    clock: Arc<dyn Clock>,
    patient: Arc<dyn Watch>,
    at: Mutex<(String, Duration)>,
}

impl Progress {
    fn new(shared: &Shared, preparer: &Preparer) -> Self {
        let clock = Arc::clone(&shared.clock);
        let at = Mutex::new((String::new(), clock.monotonic()));
        Self {
            patient: preparer.patient(),
            clock,
            at,
        }
    }

    fn network(&self) -> String {
        lock(&self.at).0.clone()
    }

    fn note(&self, network: Option<&str>) {
        let mut at = lock(&self.at);
        at.1 = self.clock.monotonic();
        if let Some(network) = network {
            network.clone_into(&mut at.0);
        }
    }

    /// Counts the thread as stuck where it is too long at one network.
    fn check(&self, shared: &Shared) -> Result<(), SwapError> {
        let (network, since) = lock(&self.at).clone();
        let limit = self.patient.patience();
        if self.clock.monotonic().saturating_sub(since) <= limit {
            return Ok(());
        }
        lock(&shared.faults).stuck.push(network.clone());
        Err(SwapError::Hangs { network, limit })
    }
}

impl Watch for Progress {
    fn begin(&self, network: &str, terminator: &Arc<dyn Terminator>) {
        self.note(Some(network));
        self.patient.begin(network, terminator);
    }

    fn end(&self) {
        self.patient.end();
        self.note(None);
    }

    fn at_start(&self) -> Arc<dyn Watch> {
        self.patient.at_start()
    }

    fn while_preparing(&self) -> Arc<dyn Watch> {
        self.patient.while_preparing()
    }

    fn beside(&self) -> Arc<dyn Watch> {
        self.patient.beside()
    }

    fn patience(&self) -> Duration {
        self.patient.patience()
    }
}
