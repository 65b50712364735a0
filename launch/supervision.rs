//! Who looks after a server: the service manager that is told how it goes, and whoever
//! asks over HTTP. Both hear of one state, that of [`Vitals`].
//!
//! ```text
//!  publisher ── last status ──► vitals.rs ◄── looks five times a second ── this thread
//!                                 │ ready? alive?
//!                                 ├──► notifier.rs ──► the service manager
//!                                 └──► metrics/     ──► /metrics, /ready, /live
//! ```

mod loading;
mod notifier;
mod sign_of_life;
mod steady;
mod vitals;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use concert_runtime::io::service_manager::ServiceManager;
use concert_runtime::io::thread;
use concert_runtime::io::watchdog::Watchdog;
use concert_runtime::{Clock, Control, Watch};

pub(crate) use self::vitals::Vitals;

use self::loading::{Loading, LoadingWatch};
use self::notifier::Notifier;
use crate::launch_file::LaunchFile;
use crate::metrics::Metrics;
use crate::report::Failure;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What looks after a server, until it is dropped.
pub(crate) struct Supervision {
    clock: Arc<dyn Clock>,
    vitals: Arc<Vitals>,
    metrics: Option<Metrics>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Supervision {
    /// Begins to look after a server that is about to start: takes the address of its
    /// metrics, where its launch file names one.
    ///
    /// # Errors
    /// Refuses an address that cannot be taken; fails where the system refuses threads.
    pub(crate) fn start(launch: &LaunchFile, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let vitals = Arc::new(Vitals::begin(Arc::clone(clock)));
        let metrics = Metrics::start(launch, &vitals)?;
        let over = Arc::new(AtomicBool::new(false));
        let notifier = ServiceManager::find().map(Notifier::new);
        let thread = (metrics.is_some() || notifier.is_some()).then(|| {
            let (clock, vitals, over) = (Arc::clone(clock), Arc::clone(&vitals), Arc::clone(&over));
            thread::spawn("vitals", move || {
                look_after(&*clock, &vitals, notifier, &over)
            })
        });
        Ok(Self {
            clock: Arc::clone(clock),
            vitals,
            metrics,
            over,
            thread: thread.transpose()?,
        })
    }

    /// So many networks are about to load under the eye of this watchdog; what counts them.
    pub(crate) fn load(&self, watchdog: Watchdog, networks: usize) -> Arc<dyn Watch> {
        let loading = Loading::begin(&self.clock, networks);
        self.vitals.load(Arc::clone(&loading), watchdog.pulse());
        Arc::new(LoadingWatch::new(Arc::new(watchdog), loading))
    }

    /// It serves.
    pub(crate) fn serve(&self, control: Control) {
        self.vitals.serve(control);
    }

    /// Where it can be asked, for the live table.
    pub(crate) fn line(&self) -> Option<String> {
        self.metrics.as_ref().map(Metrics::line)
    }

    /// It was asked to end, and says so.
    pub(crate) fn stop(&mut self) {
        self.vitals.stop();
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It looks and ends.
            let _ = thread.join();
        }
    }
}

impl Drop for Supervision {
    fn drop(&mut self) {
        self.stop();
    }
}

fn look_after(
    clock: &dyn Clock,
    vitals: &Vitals,
    mut notifier: Option<Notifier>,
    over: &AtomicBool,
) {
    while !over.load(Ordering::Acquire) {
        vitals.look();
        if let Some(notifier) = &mut notifier {
            notifier.tell(vitals, clock.monotonic());
        }
        thread::park(LOOK_EVERY);
    }
    if let Some(notifier) = notifier {
        notifier.stopping();
    }
}
