//! The newest image and depth of one camera, between zenoh's thread and who reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use zenoh::bytes::ZBytes;
use zenoh::sample::Sample;

use super::super::calibrations::Calibrations;
use super::super::depth::{DepthMessage, DepthQueue, Found, MAX_APART};
use super::super::message_type;
use super::super::said::Said;
use crate::camera::FrameFault;
use crate::clock::lock;
use crate::time::Timestamp;

/// Place in which zenoh's thread leaves the newest image.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) newest: Mutex<Newest>,
    pub(super) changed: Condvar,
    pub(super) superseded: AtomicU64,
}

/// The newest image, and what came beside it.
#[derive(Default)]
pub(super) struct Newest {
    pub(super) arrival: Option<Arrival>,
    pub(super) calibrations: Option<Calibrations>,
    pub(super) depths: DepthQueue,
    pub(super) depths_said: Said,
    pub(super) count: u64,
}

/// An image as it came, or why it is none.
pub(super) struct Arrival {
    pub(super) sequence: u64,
    pub(super) arrived: Duration,
    pub(super) content: Result<(Option<String>, ZBytes), FrameFault>,
}

impl Slot {
    /// Puts the newest image; one that still waited is counted as superseded.
    pub(super) fn put(
        &self,
        arrived: Duration,
        content: Result<(Option<String>, ZBytes), FrameFault>,
    ) {
        let mut newest = lock(&self.newest);
        let sequence = newest.count;
        newest.count += 1;
        let arrival = Arrival {
            sequence,
            arrived,
            content,
        };
        if newest.arrival.replace(arrival).is_some() {
            self.superseded.fetch_add(1, Ordering::Relaxed);
        }
        self.changed.notify_one();
    }

    /// Takes the newest image, waiting for one at most `timeout`.
    pub(super) fn take(&self, timeout: Duration) -> Option<Arrival> {
        let waited = self
            .changed
            .wait_timeout_while(lock(&self.newest), timeout, |newest| {
                newest.arrival.is_none()
            });
        let (mut newest, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        newest.arrival.take()
    }

    /// Keeps a depth message; one that cannot be used is counted and said.
    pub(super) fn put_depth(&self, key: &str, sample: &Sample, limit: usize, now: Duration) {
        let payload = sample.payload();
        let kept = match payload.len() {
            0 => Err("payload is empty, but an image needs a header and pixels".to_owned()),
            got if got > limit => Err(format!(
                "payload is {got} bytes, but at most {limit} are allowed"
            )),
            _ => DepthMessage::of(message_type(sample).as_deref(), payload.clone()),
        };
        let mut newest = lock(&self.newest);
        match kept {
            Ok(message) => newest.depths.put(message),
            Err(reason) => {
                let fault = format!("{key}: depth left out: {reason}");
                newest.depths.refuse(fault.as_str());
                newest.depths_said.warn(fault, now);
            }
        }
        drop(newest);
        self.changed.notify_one();
    }

    /// The reason for which a frame goes without depth.
    pub(super) fn why_no_depth(&self) -> String {
        let newest = lock(&self.newest);
        let absent = format!("no depth came within {MAX_APART:?} of the image's stamp");
        match (newest.depths.refused, &newest.depths.fault) {
            (refused, Some(fault)) => {
                format!("{absent}; {refused} were left out, the last: {fault}")
            }
            _ => absent,
        }
    }

    /// The depth image of this stamp; waits a little for one that may come.
    pub(super) fn depth(&self, stamp: Timestamp) -> Option<DepthMessage> {
        let mut payload = None;
        let newest = lock(&self.newest);
        let patience = newest.depths.patience();
        let waited = self.changed.wait_timeout_while(newest, patience, |newest| {
            match newest.depths.take(stamp) {
                Found::Depth(found) => payload = Some(found),
                Found::NotYet => return true,
                Found::Never => {}
            }
            false
        });
        let (mut newest, timeout) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        if timeout.timed_out() {
            newest.depths.note_silence();
        }
        payload
    }
}
