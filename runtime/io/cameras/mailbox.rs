//! One place for the newest frame, between a program's reader and its camera.
//!
//! Unlike its neighbours, it also carries refusals and an end, and its frames are
//! not decoded yet: a [`FrameMailbox`](crate::mailbox::FrameMailbox) stands behind
//! it, with one place for every camera, an [`Outbox`](crate::outbox::Outbox) swaps
//! buffers, `Rendezvous` loses nothing and answers, and an
//! `ObservationSlot` is filled only for who already waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::piece::RawFrame;
use crate::camera::CameraLosses;
use crate::clock::lock;
use crate::time::Timestamp;

/// A frame with the times at which it was whole.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) raw: RawFrame,
    pub(super) stamp: Timestamp,
    pub(super) arrived: Duration,
}

/// Content of a mailbox.
#[derive(Debug)]
pub(super) enum Letter {
    /// The newest frame.
    Frame(Arrival),
    /// A refusal, with how many more there were like it.
    Refused(String, u64),
    /// Nothing more will come, and why. Stays.
    Over(String),
}

/// Holds at most one frame and one refusal; older frames are dropped and
/// counted, as is what still lies in it at its end.
#[derive(Debug)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
    losses: Arc<Losses>,
}

/// Counts what was lost in the mailboxes of one camera, one after the other.
#[derive(Debug, Default)]
pub(super) struct Losses {
    superseded: AtomicU64,
    refused: AtomicU64,
}

impl Losses {
    /// The counts now.
    pub(super) fn now(&self) -> CameraLosses {
        CameraLosses {
            superseded: self.superseded.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    frame: Option<Arrival>,
    refused: Option<(String, u64)>,
    over: Option<String>,
}

impl Mailbox {
    /// An empty one that adds what it drops to `losses`.
    pub(super) fn counting(losses: Arc<Losses>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            losses,
        }
    }

    pub(super) fn put(&self, arrival: Arrival) {
        if lock(&self.state).frame.replace(arrival).is_some() {
            self.losses.superseded.fetch_add(1, Ordering::Relaxed);
        }
        self.changed.notify_one();
    }

    /// Waits until the frame before has been taken, at most `timeout`; whether
    /// it has.
    pub(super) fn is_free(&self, timeout: Duration) -> bool {
        let full = |state: &mut State| state.frame.is_some();
        let (state, _) = self
            .changed
            .wait_timeout_while(lock(&self.state), timeout, full)
            .unwrap_or_else(PoisonError::into_inner);
        state.frame.is_none()
    }

    pub(super) fn refuse(&self, reason: String) {
        let mut state = lock(&self.state);
        match &mut state.refused {
            Some((_, more)) => {
                *more += 1;
                self.losses.refused.fetch_add(1, Ordering::Relaxed);
            }
            None => state.refused = Some((reason, 0)),
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn end(&self, reason: String) {
        lock(&self.state).over = Some(reason);
        self.changed.notify_one();
    }

    /// Waits at most `timeout` for something.
    pub(super) fn take(&self, timeout: Duration) -> Option<Letter> {
        let empty = |state: &mut State| {
            state.frame.is_none() && state.refused.is_none() && state.over.is_none()
        };
        let (mut state, _) = self
            .changed
            .wait_timeout_while(lock(&self.state), timeout, empty)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((reason, more)) = state.refused.take() {
            return Some(Letter::Refused(reason, more));
        }
        if let Some(arrival) = state.frame.take() {
            self.changed.notify_all();
            return Some(Letter::Frame(arrival));
        }
        state.over.clone().map(Letter::Over)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let state = lock(&self.state);
        let (frame, refused) = (state.frame.is_some(), state.refused.is_some());
        let losses = &self.losses;
        losses.superseded.fetch_add(frame.into(), Ordering::Relaxed);
        losses.refused.fetch_add(refused.into(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod free_tests {
    use super::*;

    #[test]
    fn a_place_is_free_once_its_frame_was_taken() {
        let mailbox = Mailbox::counting(Arc::default());
        assert!(mailbox.is_free(Duration::ZERO));
        mailbox.put(Arrival {
            raw: RawFrame::Jpeg(Vec::new()),
            stamp: Timestamp::default(),
            arrived: Duration::ZERO,
        });
        assert!(!mailbox.is_free(Duration::ZERO));
        assert!(matches!(
            mailbox.take(Duration::ZERO),
            Some(Letter::Frame(_))
        ));
        assert!(mailbox.is_free(Duration::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_frame_is_kept_and_the_others_are_counted() {
        let losses = Arc::new(Losses::default());
        let mailbox = Mailbox::counting(losses.clone());
        for level in 0..5 {
            mailbox.put(Arrival {
                raw: RawFrame::Jpeg(vec![level]),
                stamp: Timestamp::default(),
                arrived: Duration::ZERO,
            });
        }
        mailbox.refuse("first".into());
        mailbox.refuse("second".into());
        mailbox.end("over".into());
        let take = || mailbox.take(Duration::ZERO).unwrap();
        assert!(matches!(take(), Letter::Refused(reason, 1) if reason == "first"));
        assert!(
            matches!(take(), Letter::Frame(Arrival { raw: RawFrame::Jpeg(bytes), .. }) if bytes == [4])
        );
        assert!(matches!(take(), Letter::Over(_)) && matches!(take(), Letter::Over(_)));
        assert_eq!((losses.now().superseded, losses.now().refused), (4, 1));
        mailbox.refuse("third".into());
        drop(mailbox);
        assert_eq!((losses.now().superseded, losses.now().refused), (4, 2));
    }
}
