//! How far the networks of a server are loaded, for who waits for it. With a GPU
//! that means: how many engines are built.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use concert_models::Terminator;
use concert_runtime::{Clock, Watch};

/// Counts networks as they are loaded.
pub(crate) struct Loading {
    clock: Arc<dyn Clock>,
    began: Duration,
    total: usize,
    done: AtomicUsize,
}

impl Loading {
    /// None of so many, which begin to load now.
    pub(crate) fn begin(clock: &Arc<dyn Clock>, total: usize) -> Arc<Self> {
        Arc::new(Self {
            began: clock.monotonic(),
            clock: Arc::clone(clock),
            total,
            done: AtomicUsize::new(0),
        })
    }

    /// How many are loaded, and of how many.
    pub(crate) fn count(&self) -> (usize, usize) {
        let done = self.done.load(Ordering::Relaxed);
        (done.min(self.total), self.total)
    }

    /// `networks load: 3 of 7, about 4 minutes left`.
    pub(crate) fn words(&self) -> String {
        let (done, total) = self.count();
        if done == total {
            return format!("{total} networks are loaded; they run first, and cameras open");
        }
        let taken = self.clock.monotonic().saturating_sub(self.began);
        let left = match u32::try_from(done) {
            Ok(count @ 1..) => left_words(taken / count * (total - done) as u32),
            _ => String::new(),
        };
        format!("networks load: {done} of {total}{left}")
    }
}

/// The rest, as exactly as it can be guessed.
fn left_words(left: Duration) -> String {
    match left.as_secs() {
        seconds @ ..=90 => format!(", about {} s left", seconds + 1),
        seconds => format!(", about {} minutes left", (seconds + 30) / 60),
    }
}

/// A watch that counts what it watches while networks load.
pub(crate) struct LoadingWatch {
    watch: Arc<dyn Watch>,
    loading: Arc<Loading>,
    depth: Depth,
}

/// What a watch watches.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    /// Frames.
    Frames,
    /// The start: first runs, and who asks for a watch for each network.
    Start,
    /// The loading of one network.
    Network,
}

impl LoadingWatch {
    pub(crate) fn new(watch: Arc<dyn Watch>, loading: Arc<Loading>) -> Self {
        Self {
            watch,
            loading,
            depth: Depth::Frames,
        }
    }
}

impl Watch for LoadingWatch {
    fn begin(&self, network: &str, terminator: &Arc<dyn Terminator>) {
        self.watch.begin(network, terminator);
    }

    fn end(&self) {
        self.watch.end();
        if self.depth == Depth::Network {
            self.loading.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn at_start(&self) -> Arc<dyn Watch> {
        Arc::new(Self {
            watch: self.watch.at_start(),
            loading: Arc::clone(&self.loading),
            depth: match self.depth {
                Depth::Frames => Depth::Start,
                Depth::Start | Depth::Network => Depth::Network,
            },
        })
    }

    fn while_preparing(&self) -> Arc<dyn Watch> {
        self.watch.while_preparing()
    }

    fn beside(&self) -> Arc<dyn Watch> {
        self.watch.beside()
    }

    fn patience(&self) -> Duration {
        self.watch.patience()
    }
}

#[cfg(test)]
mod tests {
    use concert_runtime::{ManualClock, NoWatch};

    use super::*;

    #[test]
    fn networks_are_counted_one_by_one_and_the_rest_is_guessed() {
        let clock = Arc::new(ManualClock::default());
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let loading = Loading::begin(&shared, 7);
        let watch = LoadingWatch::new(Arc::new(NoWatch), Arc::clone(&loading));
        assert_eq!(loading.words(), "networks load: 0 of 7");
        let start = watch.at_start();
        for _ in 0..3 {
            clock.advance(Duration::from_secs(60));
            start.at_start().end();
        }
        assert_eq!(
            loading.words(),
            "networks load: 3 of 7, about 4 minutes left"
        );
        // First runs and frames are no networks that load.
        start.end();
        watch.end();
        assert_eq!(loading.count(), (3, 7));
        (0..4).for_each(|_| start.at_start().end());
        let words = "7 networks are loaded; they run first, and cameras open";
        assert_eq!(loading.words(), words);
    }
}
