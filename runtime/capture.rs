//! The camera thread: frames from one camera into the mailbox.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::camera::{Camera, CameraLosses, Capture, Companions, FrameFault};
use crate::clock::lock;
use crate::frame::Frame;
use crate::picture::{PictureFault, PictureWatch};
use crate::shared::Shared;
use crate::time::Timestamp;
use crate::verdict::{STANDS_AFTER, stands_still};

/// Longest time that a camera may keep a stop waiting.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// A stamp that moved by this much more or less than monotonic time did is a step.
const STAMP_STEP: Duration = Duration::from_secs(1);
/// At most one line per this time for the same kind of fault.
const LOG_PERIOD: Duration = Duration::from_secs(5);

/// State of a camera's stream so far.
#[derive(Debug, Default)]
struct Stream {
    last: Option<Seen>,
    picture: PictureWatch,
    /// Losses of the camera itself that are counted already.
    lost: CameraLosses,
    logged: Option<Duration>,
    unlogged: u64,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    stamp: Timestamp,
    arrived: Duration,
    format: (usize, usize, concert_models::PixelFormat),
}

/// Runs until a stop, or until the camera ends. With `lossless`, a frame waits
/// for its place in the mailbox instead of replacing an older one.
pub(crate) fn capture(shared: &Shared, index: usize, camera: &mut dyn Camera, lossless: bool) {
    let mut stream = Stream::default();
    let mut companions = Companions::default();
    while !shared.stopping() && !shared.perceive_over.load(Ordering::Acquire) {
        let captured = camera.next_frame(MAX_WAIT);
        stream.note_losses(shared, index, camera.losses());
        note_companions(shared, index, camera, &mut companions);
        match captured {
            Capture::Frame(frame) => {
                if stream.note(shared, index, &frame) {
                    let fault = stream.look(shared, index, &frame);
                    put(shared, index, (frame, fault), lossless);
                }
            }
            Capture::Refused(fault) => stream.note_refusal(shared, index, &fault),
            Capture::Nothing => {}
            Capture::Interrupted(reason) => {
                let mut stats = lock(&shared.stats);
                let camera = &mut stats.cameras[index];
                camera.counts.interruptions += 1;
                camera.interrupted = Some(reason.clone());
                drop(stats);
                stream.log(shared, index, &reason);
            }
            Capture::Ended => {
                lock(&shared.stats).cameras[index].ended = true;
                break;
            }
        }
    }
    shared.mailbox.end(index);
}

/// Counts what became of what comes beside the frames.
fn note_companions(shared: &Shared, index: usize, camera: &dyn Camera, known: &mut Companions) {
    let now = camera.companions();
    if now == *known {
        return;
    }
    let mut stats = lock(&shared.stats);
    let camera = &mut stats.cameras[index];
    camera.counts.camera_infos_refused = now.camera_infos_refused;
    camera.counts.depths_refused = now.depths_refused;
    camera.companion_fault.clone_from(&now.fault);
    drop(stats);
    *known = now;
}

fn put(
    shared: &Shared,
    index: usize,
    (frame, fault): (Frame, Option<PictureFault>),
    lossless: bool,
) {
    if !lossless {
        shared.mailbox.put(index, frame, fault);
        return;
    }
    let give_up = || shared.stopping() || shared.perceive_over.load(Ordering::Acquire);
    if shared
        .mailbox
        .put_when_free(index, (frame, fault), &give_up)
        .is_some()
    {
        // Nobody will look at it: as if a newer one had replaced it.
        lock(&shared.stats).cameras[index].counts.too_old += 1;
    }
}

impl Stream {
    /// Counts what the camera lost inside itself since the last time.
    fn note_losses(&mut self, shared: &Shared, index: usize, losses: CameraLosses) {
        let before = std::mem::replace(&mut self.lost, losses);
        if losses == before {
            return;
        }
        let superseded = losses.superseded.saturating_sub(before.superseded);
        let refused = losses.refused.saturating_sub(before.refused);
        let counts = &mut lock(&shared.stats).cameras[index].counts;
        counts.arrived += superseded + refused;
        counts.superseded += superseded;
        counts.refused += refused;
    }

    /// Counts a frame that came but cannot be used.
    fn note_refusal(&mut self, shared: &Shared, index: usize, fault: &FrameFault) {
        let text = fault.to_string();
        let mut stats = lock(&shared.stats);
        let camera = &mut stats.cameras[index];
        camera.interrupted = None;
        camera.counts.arrived += 1;
        camera.counts.refused += 1;
        camera.hear(shared.clock.monotonic());
        camera.refusals.note(true);
        camera.last_refusal.clone_from(&text);
        drop(stats);
        self.log(shared, index, &text);
    }

    /// Looks for a fault of a frame's picture; says it once per row of them.
    fn look(&mut self, shared: &Shared, index: usize, frame: &Frame) -> Option<PictureFault> {
        let found = self.picture.look(&frame.image, frame.arrived);
        let before = {
            let camera = &mut lock(&shared.stats).cameras[index];
            std::mem::replace(&mut camera.picture, found)
        };
        let fault = |found: Option<(PictureFault, u64)>| found.map(|(fault, _)| fault);
        if fault(found) != fault(before) {
            let text = match found {
                Some((fault, frames)) => fault.words(frames),
                None => "the picture moves again".to_owned(),
            };
            self.log(shared, index, &text);
        }
        fault(found)
    }

    /// Counts a frame and what its stamp says; false where it is a duplicate.
    fn note(&mut self, shared: &Shared, index: usize, frame: &Frame) -> bool {
        let format = (
            frame.image.width(),
            frame.image.height(),
            frame.image.format(),
        );
        let seen = Seen {
            stamp: frame.stamp,
            arrived: frame.arrived,
            format,
        };
        let last = self.last.replace(seen);
        let mut stats = lock(&shared.stats);
        let camera = &mut stats.cameras[index];
        camera.interrupted = None;
        camera.counts.arrived += 1;
        camera.last_arrival = Some(frame.arrived);
        camera.hear(frame.arrived);
        camera.refusals.note(false);
        let Some(last) = last else {
            camera.passed = Some(frame.arrived);
            return true;
        };
        let passed = frame.arrived.saturating_sub(last.arrived);
        if frame.stamp == last.stamp {
            camera.counts.duplicate += 1;
            camera.same_stamp += 1;
            let row = camera.same_stamp;
            drop(stats);
            if row == STANDS_AFTER {
                self.log(shared, index, &stands_still(row));
            }
            return false;
        }
        camera.same_stamp = 0;
        camera.passed = Some(frame.arrived);
        if frame.stamp < last.stamp {
            camera.counts.backward_stamps += 1;
        }
        let moved = frame.stamp.nanos().saturating_sub(last.stamp.nanos());
        let passed = i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX);
        if moved.saturating_sub(passed).unsigned_abs() > STAMP_STEP.as_nanos() as u64 {
            camera.counts.stamp_steps += 1;
        }
        if format != last.format {
            camera.counts.format_changes += 1;
            drop(stats);
            let text = format!("image changed from {:?} to {format:?}", last.format);
            self.log(shared, index, &text);
        }
        true
    }

    /// One line per fault, but no more than one in five seconds.
    fn log(&mut self, shared: &Shared, index: usize, text: &str) {
        let now = shared.clock.monotonic();
        if self
            .logged
            .is_some_and(|at| now.saturating_sub(at) < LOG_PERIOD)
        {
            self.unlogged += 1;
            return;
        }
        let unlogged = std::mem::take(&mut self.unlogged);
        self.logged = Some(now);
        tracing::warn!(camera = %shared.cameras[index], more_like_this = unlogged, "{text}");
    }
}
