//! One question at a time, from any thread to one that must not wait.
//!
//! The thread that answers looks with [`Rendezvous::question`] whenever it suits
//! it: that is two atomic reads where nobody asks. Unlike its neighbours
//! [`FrameMailbox`](crate::mailbox::FrameMailbox),
//! [`Outbox`](crate::outbox::Outbox), `cameras::mailbox` and
//! [`ObservationSlot`](crate::observation::ObservationSlot), nothing is ever lost
//! or replaced here: who asks waits, and gets an answer or the question back.

use std::sync::Mutex;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::clock::lock;

/// A place where a question meets its answer: a channel each way, of one place.
#[derive(Debug)]
pub(crate) struct Rendezvous<Q, A> {
    ask: Sender<Q>,
    asked: Receiver<Q>,
    /// `None` once it is closed.
    answer: Mutex<Option<Sender<A>>>,
    answered: Receiver<A>,
}

/// Why there was no answer. The question comes back, unless the answering
/// thread took it and then ended.
#[derive(Debug)]
pub(crate) enum Unanswered<Q> {
    /// Nobody answers any more.
    Closed(Option<Q>),
    /// Nobody took the question in time.
    TimedOut(Q),
}

impl<Q, A> Default for Rendezvous<Q, A> {
    fn default() -> Self {
        let (ask, asked) = bounded(1);
        let (answer, answered) = bounded(1);
        Self {
            ask,
            asked,
            answer: Mutex::new(Some(answer)),
            answered,
        }
    }
}

impl<Q, A> Rendezvous<Q, A> {
    /// Asks and waits for the answer; `wake` makes the answering thread look.
    /// A question that was taken within `limit` is waited for until its answer
    /// comes. The caller sees to it that one thread asks at a time.
    ///
    /// # Errors
    /// Where nobody took the question within `limit`, or nobody will answer.
    pub(crate) fn ask(
        &self,
        question: Q,
        limit: Duration,
        wake: &dyn Fn(),
    ) -> Result<A, Unanswered<Q>> {
        // There is room: whoever asked before has an answer, or its question back.
        if let Err(full) = self.ask.try_send(question) {
            return Err(Unanswered::TimedOut(full.into_inner()));
        }
        wake();
        match self.answered.recv_timeout(limit) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Unanswered::Closed(self.asked.try_recv().ok()))
            }
            Err(RecvTimeoutError::Timeout) => match self.asked.try_recv() {
                Ok(question) => Err(Unanswered::TimedOut(question)),
                Err(_) => self.answered.recv().map_err(|_| Unanswered::Closed(None)),
            },
        }
    }

    /// The question, if one waits; whoever takes it owes an [`answer`](Self::answer).
    pub(crate) fn question(&self) -> Option<Q> {
        self.asked.try_recv().ok()
    }

    /// Answers the question that was taken last.
    pub(crate) fn answer(&self, answer: A) {
        if let Some(to) = &*lock(&self.answer) {
            // Whoever asked waits for it alone, so there is room.
            let _ = to.try_send(answer);
        }
    }

    /// Closes it: nobody will answer any more; whoever asks learns it at once.
    pub(crate) fn close(&self) {
        *lock(&self.answer) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn a_question_is_answered_by_the_thread_that_looks() {
        let rendezvous = Rendezvous::<u32, u32>::default();
        assert_eq!(rendezvous.question(), None);
        std::thread::scope(|scope| {
            let answering = scope.spawn(|| {
                loop {
                    if let Some(question) = rendezvous.question() {
                        rendezvous.answer(question + 1);
                        break;
                    }
                    std::thread::yield_now();
                }
            });
            assert_eq!(rendezvous.ask(1, LONG, &|| {}).unwrap(), 2);
            answering.join().unwrap();
        });
        assert_eq!(rendezvous.question(), None);
    }

    #[test]
    fn a_question_that_nobody_takes_comes_back() {
        let rendezvous = Rendezvous::<u32, u32>::default();
        let answer = rendezvous.ask(7, Duration::ZERO, &|| {});
        assert!(matches!(answer, Err(Unanswered::TimedOut(7))));
        assert_eq!(rendezvous.question(), None, "it was withdrawn");
    }

    #[test]
    fn closing_wakes_who_asks_and_refuses_who_asks_later() {
        let rendezvous = Rendezvous::<u32, u32>::default();
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| rendezvous.ask(7, LONG, &|| rendezvous.close()));
            let answer = asking.join().unwrap();
            assert!(matches!(answer, Err(Unanswered::Closed(Some(7)))));
        });
        let answer = rendezvous.ask(8, LONG, &|| {});
        assert!(matches!(answer, Err(Unanswered::Closed(Some(8)))));
    }

    #[test]
    fn a_thread_that_took_the_question_and_ended_does_not_leave_the_asker_waiting() {
        let rendezvous = Rendezvous::<u32, u32>::default();
        let take_and_end = || {
            assert_eq!(rendezvous.question(), Some(7));
            rendezvous.close();
        };
        let answer = rendezvous.ask(7, LONG, &take_and_end);
        assert!(matches!(answer, Err(Unanswered::Closed(None))));
    }
}
