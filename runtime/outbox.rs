//! The newest output of every target, between the perceive thread and the
//! publisher thread.
//!
//! Buffers go round by swapping: the pipeline fills one, the outbox holds one,
//! the publisher sends one. After the start nothing is allocated.
//!
//! Unlike its neighbours, it takes no value without giving a buffer back, and
//! leaves it to who puts to count what was superseded: a
//! [`FrameMailbox`](crate::mailbox::FrameMailbox) and `cameras::mailbox` take what
//! they are given and count themselves, `Rendezvous` loses nothing and answers, and
//! an `ObservationSlot` is filled only for who already waits.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::clock::lock;
use crate::output::Output;

/// One place per target and camera.
#[derive(Debug)]
pub struct Outbox {
    places: Vec<Mutex<Place>>,
    news: Mutex<bool>,
    changed: Condvar,
}

#[derive(Debug)]
struct Place {
    output: Output,
    full: bool,
}

impl Outbox {
    /// An outbox whose places start with these (empty) buffers.
    #[must_use]
    pub fn new(buffers: Vec<Output>) -> Self {
        let place = |output| {
            Mutex::new(Place {
                output,
                full: false,
            })
        };
        Self {
            places: buffers.into_iter().map(place).collect(),
            news: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    /// Number of places.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Tells whether there is no place at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Puts `output` and hands back another buffer in its stead; whether one
    /// still waited there, which is lost by that and to be counted.
    #[must_use]
    pub fn put(&self, place: usize, output: &mut Output) -> bool {
        let mut held = lock(&self.places[place]);
        std::mem::swap(&mut held.output, output);
        let superseded = std::mem::replace(&mut held.full, true);
        drop(held);
        self.ring();
        superseded
    }

    /// Wakes who waits, as if an output had been put.
    pub fn ring(&self) {
        *lock(&self.news) = true;
        self.changed.notify_one();
    }

    /// Swaps the waiting output into `spare`; false where none waits.
    pub fn take(&self, place: usize, spare: &mut Output) -> bool {
        let mut held = lock(&self.places[place]);
        if !std::mem::replace(&mut held.full, false) {
            return false;
        }
        std::mem::swap(&mut held.output, spare);
        true
    }

    /// Waits for news, up to `timeout`.
    pub fn wait(&self, timeout: Duration) {
        let mut news = lock(&self.news);
        if !*news {
            news = match self.changed.wait_timeout(news, timeout) {
                Ok((news, _)) => news,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        *news = false;
    }
}
