//! One question at a time, from any thread to one that must not wait.
//!
//! The thread that answers looks with [`Rendezvous::question`] whenever it
//! suits it: that is one atomic read where nobody asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::clock::lock;

/// Where a question meets its answer.
#[derive(Debug)]
pub(crate) struct Rendezvous<Q, A> {
    asked: AtomicBool,
    state: Mutex<State<Q, A>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<Q, A> {
    question: Option<Q>,
    answer: Option<A>,
    closed: bool,
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
        let state = State {
            question: None,
            answer: None,
            closed: false,
        };
        Self {
            asked: AtomicBool::new(false),
            state: Mutex::new(state),
            changed: Condvar::new(),
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
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Unanswered::Closed(Some(question)));
        }
        state.question = Some(question);
        state.answer = None;
        self.asked.store(true, Ordering::Release);
        drop(state);
        wake();
        let state = lock(&self.state);
        let untaken = |state: &mut State<Q, A>| state.question.is_some() && !state.closed;
        let waited = self.changed.wait_timeout_while(state, limit, untaken);
        let mut state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        if let Some(question) = state.question.take() {
            self.asked.store(false, Ordering::Release);
            return Err(if state.closed {
                Unanswered::Closed(Some(question))
            } else {
                Unanswered::TimedOut(question)
            });
        }
        let unanswered = |state: &mut State<Q, A>| state.answer.is_none() && !state.closed;
        let waited = self.changed.wait_while(state, unanswered);
        let mut state = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        state.answer.take().ok_or(Unanswered::Closed(None))
    }

    /// The question, if one waits; whoever takes it owes an [`answer`](Self::answer).
    pub(crate) fn question(&self) -> Option<Q> {
        if !self.asked.load(Ordering::Acquire) {
            return None;
        }
        let mut state = lock(&self.state);
        let question = state.question.take();
        self.asked.store(false, Ordering::Release);
        drop(state);
        self.changed.notify_all();
        question
    }

    /// Answers the question that was taken last.
    pub(crate) fn answer(&self, answer: A) {
        lock(&self.state).answer = Some(answer);
        self.changed.notify_all();
    }

    /// Nobody will answer any more; whoever asks learns it at once.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
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
