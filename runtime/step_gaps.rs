//! The gaps between the steps of the perceive thread.
//!
//! The perceive thread says that a step begins and ends: two writes of an atomic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;

/// Flags between the perceive thread and who works beside it.
#[derive(Debug, Default)]
pub(crate) struct StepGaps {
    stepping: AtomicBool,
    /// True where any piece of work was done since the last step was counted.
    worked: AtomicBool,
    /// True where the worker sleeps until a step ends.
    waits: AtomicBool,
    worker: Mutex<Option<Thread>>,
}

/// A step, until it is dropped.
pub(crate) struct StepUnderWay<'a>(&'a StepGaps);

impl StepGaps {
    /// Begins a step, which ends when what is returned is dropped.
    pub(crate) fn step(&self) -> StepUnderWay<'_> {
        self.stepping.store(true, Ordering::SeqCst);
        StepUnderWay(self)
    }

    /// Tells whether a step runs now.
    pub(crate) fn is_stepping(&self) -> bool {
        self.stepping.load(Ordering::SeqCst)
    }

    /// Names the thread that is woken when a step ends while it waits for that.
    pub(crate) fn worker_is(&self, thread: Thread) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    /// Says that the worker sleeps, before it looks at
    /// [`is_stepping`](Self::is_stepping) the last time.
    pub(crate) fn wait(&self, waits: bool) {
        self.waits.store(waits, Ordering::SeqCst);
    }

    /// Notes a piece of work.
    pub(crate) fn note_work(&self) {
        self.worked.store(true, Ordering::Release);
    }

    /// Tells whether work was done since this was asked last.
    pub(crate) fn take_worked(&self) -> bool {
        // Most often false: then nothing is written.
        self.worked.load(Ordering::Acquire) && self.worked.swap(false, Ordering::AcqRel)
    }
}

impl Drop for StepUnderWay<'_> {
    fn drop(&mut self) {
        self.0.stepping.store(false, Ordering::SeqCst);
        if self.0.waits.load(Ordering::SeqCst)
            && let Ok(worker) = self.0.worker.try_lock()
            && let Some(worker) = &*worker
        {
            worker.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen_once() {
        let gaps = StepGaps::default();
        assert!(!gaps.take_worked());
        gaps.note_work();
        assert!(gaps.take_worked() && !gaps.take_worked());
        let step = gaps.step();
        assert!(gaps.is_stepping());
        drop(step);
        assert!(!gaps.is_stepping());
    }
}
