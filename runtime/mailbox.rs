//! The newest frame of every camera, between the camera threads and the
//! perceive thread.
//!
//! Not a queue: a camera's newer frame takes the place of its older one, and
//! the loss is counted here, beside the place where it happens.
//!
//! Unlike its neighbours, it holds values of several writers for one reader, who
//! takes the one that has waited longest: an [`Outbox`](crate::outbox::Outbox) is
//! one writer's and swaps buffers, `cameras::mailbox` stands before it, between a
//! program's reader and its camera, `Rendezvous` loses nothing and answers, and an
//! `ObservationSlot` is filled only for who already waits.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::clock::lock;
use crate::frame::Frame;
use crate::picture::PictureFault;

/// One place per camera. Camera threads put, the perceive thread takes.
#[derive(Debug)]
pub struct FrameMailbox {
    places: Mutex<Places>,
    changed: Condvar,
}

#[derive(Debug)]
struct Places {
    waiting: Vec<Option<(Frame, Option<PictureFault>)>>,
    superseded: Vec<u64>,
    ended: Vec<bool>,
    closed: bool,
}

/// Find of [`FrameMailbox::take`].
#[derive(Debug)]
pub enum Taken {
    /// The frame of this camera, of those waiting the one that arrived first, and
    /// what is wrong with its picture.
    Frame(usize, Frame, Option<PictureFault>),
    /// Nothing within the time.
    Nothing,
    /// Closed, or every camera ended and its last frame was taken.
    Over,
}

impl FrameMailbox {
    /// A mailbox for `cameras` cameras.
    #[must_use]
    pub fn new(cameras: usize) -> Self {
        let places = Places {
            waiting: vec![None; cameras],
            superseded: vec![0; cameras],
            ended: vec![false; cameras],
            closed: false,
        };
        Self {
            places: Mutex::new(places),
            changed: Condvar::new(),
        }
    }

    /// Puts the newest frame of `camera`; one that still waited is dropped
    /// and counted as superseded.
    pub fn put(&self, camera: usize, frame: Frame, fault: Option<PictureFault>) {
        let mut places = lock(&self.places);
        if places.waiting[camera].replace((frame, fault)).is_some() {
            places.superseded[camera] += 1;
        }
        drop(places);
        self.changed.notify_one();
    }

    /// Puts a frame once the place is free, so that none is lost; for lists of
    /// images that are to be seen whole. Returns the frame where `give_up`
    /// says so in between (asked at least every 50 ms).
    pub fn put_when_free(
        &self,
        camera: usize,
        (frame, fault): (Frame, Option<PictureFault>),
        give_up: &dyn Fn() -> bool,
    ) -> Option<Frame> {
        let mut places = lock(&self.places);
        while places.waiting[camera].is_some() {
            if give_up() || places.closed {
                return Some(frame);
            }
            places = self.wait(places, Duration::from_millis(50));
        }
        places.waiting[camera] = Some((frame, fault));
        drop(places);
        self.changed.notify_all();
        None
    }

    /// Tells whether a frame of any camera waits now.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        lock(&self.places).waiting.iter().any(Option::is_some)
    }

    /// Makes [`take`](Self::take) return at once, if only with nothing.
    pub fn wake(&self) {
        // Under the lock, so that a `take` about to wait is not missed.
        let _places = lock(&self.places);
        self.changed.notify_all();
    }

    /// Says that no frame of `camera` will come any more.
    pub fn end(&self, camera: usize) {
        lock(&self.places).ended[camera] = true;
        self.changed.notify_all();
    }

    /// Ends all waiting; frames that still wait can be counted with
    /// [`abandoned_frames`](Self::abandoned_frames).
    pub fn close(&self) {
        lock(&self.places).closed = true;
        self.changed.notify_all();
    }

    /// Takes the frame that has waited longest, waiting up to `timeout` for one.
    pub fn take(&self, timeout: Duration) -> Taken {
        let mut places = lock(&self.places);
        for last_look in [false, true] {
            if places.closed {
                return Taken::Over;
            }
            if let Some(camera) = places.longest_waiting() {
                let frame = places.waiting[camera].take();
                drop(places);
                self.changed.notify_all();
                return frame.map_or(Taken::Nothing, |(frame, fault)| {
                    Taken::Frame(camera, frame, fault)
                });
            }
            if places.ended.iter().all(|&ended| ended) {
                return Taken::Over;
            }
            if !last_look {
                places = self.wait(places, timeout);
            }
        }
        Taken::Nothing
    }

    /// Frames of `camera` that a newer one replaced before they were looked at.
    #[must_use]
    pub fn superseded_frames(&self, camera: usize) -> u64 {
        lock(&self.places).superseded[camera]
    }

    /// Frames of `camera` that still wait: 0 or 1. After
    /// [`close`](Self::close) they will never be taken.
    #[must_use]
    pub fn abandoned_frames(&self, camera: usize) -> u64 {
        u64::from(lock(&self.places).waiting[camera].is_some())
    }

    fn wait<'a>(
        &self,
        places: std::sync::MutexGuard<'a, Places>,
        timeout: Duration,
    ) -> std::sync::MutexGuard<'a, Places> {
        match self.changed.wait_timeout(places, timeout) {
            Ok((places, _)) => places,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }
}

impl Places {
    fn longest_waiting(&self) -> Option<usize> {
        let waiting = self.waiting.iter().enumerate();
        let arrived =
            waiting.filter_map(|(camera, frame)| Some((frame.as_ref()?.0.arrived, camera)));
        arrived.min().map(|(_, camera)| camera)
    }
}
