//! The perceive thread: the newest frame through the pipeline.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::lock;
use crate::frame::Frame;
use crate::mailbox::Taken;
use crate::output::Output;
use crate::pipeline::{Audience, Pipeline};
use crate::shared::Shared;
use crate::time::Timestamp;

/// How long it sleeps before it looks whether it is to stop.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Runs until a stop, until every camera ended, or until the number of frames
/// asked for were processed. A frame that has waited longer than `max_wait`
/// when its turn comes is dropped and counted as too old.
pub(crate) fn perceive(shared: &Shared, pipeline: &mut Pipeline, max_wait: Option<Duration>) {
    let mut last: Vec<Option<Timestamp>> = vec![None; shared.cameras.len()];
    while !shared.stopping() && shared.frames_left.load(Ordering::Acquire) > 0 {
        match shared.mailbox.take(LONGEST_WAIT) {
            Taken::Over => break,
            Taken::Nothing => {}
            Taken::Frame(camera, frame) => {
                let waited = shared.clock.monotonic().saturating_sub(frame.arrived);
                if max_wait.is_some_and(|limit| waited > limit) {
                    lock(&shared.stats).cameras[camera].counts.too_old += 1;
                    continue;
                }
                if last[camera]
                    .replace(frame.stamp)
                    .is_some_and(|last| frame.stamp < last)
                {
                    // Time ran backward: what the rings hold is not the past.
                    pipeline.forget(camera);
                }
                one_frame(shared, pipeline, camera, &frame);
            }
        }
    }
    shared.mailbox.close();
    shared.perceive_over.store(true, Ordering::Release);
}

fn one_frame(shared: &Shared, pipeline: &mut Pipeline, camera: usize, frame: &Frame) {
    let span =
        tracing::debug_span!("frame", camera = %shared.cameras[camera], sequence = frame.sequence);
    let _entered = span.enter();
    let interval = lock(&shared.stats).cameras[camera]
        .interval
        .unwrap_or_default();
    let mut listeners = Listeners { shared, camera };
    let report = pipeline.step(camera, frame, interval, &mut listeners);
    lock(&shared.stats).note_step(camera, report);
    shared.frames_left.fetch_sub(1, Ordering::AcqRel);
    let troubles = pipeline.troubles(camera);
    let mut known = lock(&shared.troubles);
    if known[camera] != troubles {
        known[camera] = troubles;
    }
}

struct Listeners<'a> {
    shared: &'a Shared,
    camera: usize,
}

impl Audience for Listeners<'_> {
    fn wants(&self, target: usize) -> bool {
        let place = self.shared.place(self.camera, target);
        self.shared.wanted[place].load(Ordering::Relaxed)
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        let place = self.shared.place(self.camera, target);
        self.shared.outbox.put(place, output);
    }
}
