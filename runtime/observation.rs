//! Copies of frames and representations for one thread that learns from them.
//!
//! The perceive thread never waits for that thread and copies nothing that it
//! has not asked for: where nobody is waiting for an observation, offering one
//! is an atomic read.
//!
//! Unlike its neighbours, an `ObservationSlot` is filled only while its reader
//! waits, and its writer gives up rather than wait for a lock: a
//! [`FrameMailbox`](crate::mailbox::FrameMailbox), `cameras::mailbox` and an
//! [`Outbox`](crate::outbox::Outbox) hold the newest value whoever looks, and
//! `Rendezvous` asks the writer's thread to act.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, TryLockError};
use std::time::Duration;

use crate::clock::{Clock, lock};
use crate::frame::Frame;
use crate::pipeline::Pipeline;

/// A request for copies of frames and representations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservationRequest {
    /// Name of the camera, as in the launch file; `None` for any.
    pub camera: Option<String>,
    /// Source and level of each representation. An observation has all of them,
    /// of the same frame, or there is none.
    pub levels: Vec<(String, String)>,
    /// True where only frames count that carry measured depth.
    pub needs_depth: bool,
    /// Least time between the frames of two observations (monotonic).
    pub min_interval: Duration,
}

/// A frame, and what encoders made of it.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Index of the camera, in the order of the launch file.
    pub camera: usize,
    /// The frame; its pixels and depth are shared, not copied.
    pub frame: Frame,
    /// As many as were asked for, in that order.
    pub levels: Vec<ObservedLevel>,
    /// Time for which the perceive thread was held up to make this copy.
    pub took: Duration,
}

/// One level of the representation that one encoder made of the frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObservedLevel {
    /// The source.
    pub source: String,
    /// The level.
    pub level: String,
    /// SHA-256 of the encoder that made it, 64 hexadecimal digits.
    pub sha256: String,
    /// Shape, outermost axis first.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f32>,
}

/// Between the perceive thread and the observer.
#[derive(Debug, Default)]
pub(crate) struct ObservationSlot {
    /// True where the observer is waiting for an observation.
    hungry: AtomicBool,
    state: Mutex<SlotState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SlotState {
    /// Number of the newest observer.
    number: u64,
    request: Option<ObservationRequest>,
    made: Option<Observation>,
    spare: Option<Observation>,
    /// Arrival of the last frame that was observed.
    last: Option<Duration>,
    closed: bool,
}

impl ObservationSlot {
    /// Takes another observer's request, in place of any earlier one's; its number.
    pub(crate) fn open(&self, request: ObservationRequest) -> u64 {
        let mut state = lock(&self.state);
        state.number += 1;
        state.request = Some(request);
        state.made = None;
        state.last = None;
        self.changed.notify_all();
        state.number
    }

    /// Ends the copying for an observer, unless another took its place.
    pub(crate) fn end(&self, number: u64) {
        let mut state = lock(&self.state);
        if state.number == number {
            state.request = None;
            state.made = None;
            state.spare = None;
            self.hungry.store(false, Ordering::Release);
        }
    }

    /// No observation will come any more.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.hungry.store(false, Ordering::Release);
        self.changed.notify_all();
    }

    /// Waits up to `timeout` for an observation for the observer of this number.
    pub(crate) fn take(&self, number: u64, timeout: Duration) -> Option<Observation> {
        let mut state = lock(&self.state);
        if state.closed || state.number != number {
            return None;
        }
        self.hungry.store(true, Ordering::Release);
        let waiting =
            |state: &mut SlotState| state.made.is_none() && !state.closed && state.number == number;
        state = match self.changed.wait_timeout_while(state, timeout, waiting) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        };
        if state.number != number {
            return None;
        }
        self.hungry.store(false, Ordering::Release);
        state.made.take()
    }

    /// Takes back an observation, so that its memory is used again.
    pub(crate) fn recycle(&self, observation: Observation) {
        lock(&self.state).spare = Some(observation);
    }

    /// Called by the perceive thread after each step: makes a copy where the
    /// observer waits for one and this frame fits; gives up rather than wait.
    pub(crate) fn offer(
        &self,
        camera: (usize, &str),
        frame: &Frame,
        pipeline: &mut Pipeline,
        clock: &dyn Clock,
    ) {
        if !self.hungry.load(Ordering::Acquire) {
            return;
        }
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let SlotState {
            request: Some(request),
            made: made @ None,
            spare,
            last,
            ..
        } = &mut *state
        else {
            return;
        };
        if !request.fits(camera.1, frame, *last) {
            return;
        }
        let began = clock.monotonic();
        let mut levels = spare.take().map(|spare| spare.levels).unwrap_or_default();
        levels.resize_with(request.levels.len(), ObservedLevel::default);
        let wanted = request.levels.iter().zip(&mut levels);
        let whole = wanted
            .map(|((source, level), copy)| copy.take(pipeline, camera.0, source, level))
            .all(|copied| copied.is_some());
        let observation = Observation {
            camera: camera.0,
            frame: frame.clone(),
            levels,
            took: clock.monotonic().saturating_sub(began),
        };
        if !whole {
            *spare = Some(observation);
            return;
        }
        *made = Some(observation);
        *last = Some(frame.arrived);
        self.hungry.store(false, Ordering::Release);
        drop(state);
        self.changed.notify_all();
    }
}

impl ObservationRequest {
    fn fits(&self, camera: &str, frame: &Frame, last: Option<Duration>) -> bool {
        let due = last.is_none_or(|last| frame.arrived >= last + self.min_interval);
        let this = self.camera.as_ref().is_none_or(|name| name == camera);
        due && this && (frame.depth.is_some() || !self.needs_depth)
    }
}

impl ObservedLevel {
    /// Fills this from the pipeline, reusing its memory.
    fn take(
        &mut self,
        pipeline: &mut Pipeline,
        camera: usize,
        source: &str,
        level: &str,
    ) -> Option<()> {
        let copy = pipeline.copy_level(camera, source, level, &mut self.values)?;
        for (text, new) in [
            (&mut self.source, source),
            (&mut self.level, level),
            (&mut self.sha256, copy.sha256),
        ] {
            text.clear();
            text.push_str(new);
        }
        self.shape.clear();
        self.shape.extend_from_slice(copy.shape);
        Some(())
    }
}
