//! A thread that does one thing at a time for whoever asks over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{io, panic};

use concert_runtime::io::thread;
use tokio::sync::oneshot;

/// A thread of low priority that answers one question at a time; whoever asks
/// meanwhile is told that it is busy. It ends with the last handle.
pub(super) struct Worker<Q, A> {
    questions: SyncSender<(Q, oneshot::Sender<A>)>,
    busy: Arc<AtomicBool>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It answers somebody else.
    Busy,
    /// It panicked over this question; the log has it.
    Panicked,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system refuses another thread.
    pub(super) fn start(
        name: &str,
        answer: impl FnMut(Q) -> A + Send + 'static,
    ) -> io::Result<Self> {
        let (questions, asked) = sync_channel(1);
        let busy = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&busy);
        thread::spawn_low(name, move || serve(&asked, &done, answer))?;
        Ok(Self { questions, busy })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Where it is busy, or panics.
    pub(super) async fn ask(&self, question: Q) -> Result<A, NoAnswer> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(NoAnswer::Busy);
        }
        let (to, answer) = oneshot::channel();
        if self.questions.try_send((question, to)).is_err() {
            self.busy.store(false, Ordering::Release);
            return Err(NoAnswer::Panicked);
        }
        answer.await.map_err(|_| NoAnswer::Panicked)
    }
}

fn serve<Q, A>(
    asked: &Receiver<(Q, oneshot::Sender<A>)>,
    busy: &AtomicBool,
    mut answer: impl FnMut(Q) -> A,
) {
    while let Ok((question, to)) = asked.recv() {
        let done = panic::catch_unwind(panic::AssertUnwindSafe(|| answer(question)));
        // Who asks again on this answer is not to find it busy.
        busy.store(false, Ordering::Release);
        if let Ok(done) = done {
            // Who asked may be gone.
            let _ = to.send(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_at_a_time_and_a_panic_costs_one_answer() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        let (go_on, wait) = sync_channel::<()>(1);
        let worker = Worker::start("asked", move |question: u32| {
            assert!(question != 13, "an unlucky question");
            if question == 1 {
                wait.recv().expect("a word");
            }
            question * 2
        });
        let worker = worker.expect("a thread");
        runtime.block_on(async {
            let first = worker.ask(1);
            let mut first = std::pin::pin!(first);
            // It has begun, so it is busy.
            tokio::select! {
                biased;
                _ = &mut first => panic!("it waits for a word"),
                second = worker.ask(2) => assert_eq!(second, Err(NoAnswer::Busy)),
            }
            go_on.send(()).expect("it listens");
            assert_eq!(first.await, Ok(2));
            assert_eq!(worker.ask(13).await, Err(NoAnswer::Panicked));
            assert_eq!(worker.ask(21).await, Ok(42));
        });
    }
}
