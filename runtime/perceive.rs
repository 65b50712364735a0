//! The perceive thread: the newest frame through the pipeline.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::lock;
use crate::counts::Outcome;
use crate::exchange::{Exchanged, Offer};
use crate::frame::Frame;
use crate::generation::Generation;
use crate::mailbox::Taken;
use crate::output::Output;
use crate::pipeline::Pipeline;
use crate::shadow::Shadow;
use crate::shared::Shared;
use crate::step::OutputSink;
use crate::time::Timestamp;

/// Longest sleep before it looks whether it is to stop.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// Runs until a stop, until every camera ended, or until the number of frames
/// asked for were processed. A frame that has waited longer than `max_wait`
/// when its turn comes is dropped and counted as too old. Between two frames,
/// another pipeline may take over.
pub(crate) fn perceive(shared: &Shared, pipeline: Pipeline, max_wait: Option<Duration>) {
    let mut perceiver = Perceiver {
        shared,
        pipeline,
        generation: shared.generation(),
        last: vec![None; shared.cameras.len()],
        shadow: None,
    };
    while !shared.stopping() && shared.frames_left.load(Ordering::Acquire) > 0 {
        if let Some(offer) = shared.exchange.question() {
            perceiver.exchange(offer);
        }
        if let Some(shadow) = shared.shadow.question() {
            let old = std::mem::replace(&mut perceiver.shadow, shadow);
            shared.shadow.answer(old);
        }
        match shared.mailbox.take(MAX_WAIT) {
            Taken::Over => break,
            Taken::Nothing => {}
            Taken::Frame(camera, frame, fault) => {
                let waited = shared.clock.monotonic().saturating_sub(frame.arrived);
                if max_wait.is_some_and(|limit| waited > limit) {
                    let camera = &mut lock(&shared.stats).cameras[camera];
                    camera.counts.too_old += 1;
                    camera.too_old += 1;
                    continue;
                }
                perceiver.pipeline.note_picture(camera, fault);
                perceiver.one_frame(camera, &frame);
            }
        }
    }
    shared.end();
}

struct Perceiver<'a> {
    shared: &'a Shared,
    pipeline: Pipeline,
    generation: Arc<Generation>,
    /// Stamp and sequence number of the last frame of each camera.
    last: Vec<Option<(Timestamp, u64)>>,
    shadow: Option<Box<Shadow>>,
}

impl Perceiver<'_> {
    fn one_frame(&mut self, camera: usize, frame: &Frame) {
        let shared = self.shared;
        let _step = shared.gaps.step();
        let last = self.last[camera].replace((frame.stamp, frame.sequence));
        if last.is_some_and(|(stamp, _)| frame.stamp < stamp) {
            // Time ran backward: what the rings hold is not the past.
            self.pipeline.forget(camera);
        }
        let name = shared.cameras[camera].as_str();
        let span = tracing::debug_span!("frame", camera = name, sequence = frame.sequence);
        let _entered = span.enter();
        let interval = lock(&shared.stats).cameras[camera]
            .interval
            .unwrap_or_default();
        let image = shared.images.get(camera);
        if image.is_some_and(|image| image.offer(frame, interval)) {
            self.generation.outbox.ring();
        }
        let mut listeners = Listeners {
            shared,
            generation: &self.generation,
            shadow: self.shadow.as_deref_mut(),
            camera,
        };
        let report = self.pipeline.step(camera, frame, interval, &mut listeners);
        let worked = shared.gaps.take_worked();
        {
            let mut stats = lock(&shared.stats);
            stats.steps.note(report.total, worked);
            let records = (
                self.generation.records_of(camera),
                &*self.generation.encoders,
            );
            stats.note_step(camera, records, report);
        }
        shared.frames_left.fetch_sub(1, Ordering::AcqRel);
        let troubles = self.pipeline.troubles(camera);
        let mut known = lock(&shared.troubles);
        if known[camera] != troubles {
            known[camera] = troubles;
        }
        drop(known);
        lock(&shared.newest)[camera] = Some(frame.clone());
        let clock = shared.clock.as_ref();
        let pipeline = &mut self.pipeline;
        shared
            .observations
            .offer((camera, name), frame, pipeline, clock);
        if let Some(shadow) = &mut self.shadow {
            let is_idle = !shared.mailbox.is_waiting();
            let spare = shared.spare(clock.monotonic()).filter(|_| is_idle);
            shadow.run(
                clock,
                &shared.shadow_stats,
                camera,
                frame,
                (interval, spare),
            );
        }
    }

    /// Puts another pipeline in the place of this one; the old one goes back to
    /// who offered, to be dropped there.
    fn exchange(&mut self, offer: Offer) {
        let shared = self.shared;
        let began = shared.clock.monotonic();
        let Offer {
            mut pipeline,
            generation,
            on_other_engine,
        } = offer;
        let taken = pipeline.take_over(&mut self.pipeline);
        if on_other_engine {
            pipeline.forget_failures();
        }
        let old = std::mem::replace(&mut self.pipeline, pipeline);
        let before = std::mem::replace(&mut self.generation, generation);
        {
            let mut generations = lock(&shared.generations);
            let mut stats = lock(&shared.stats);
            let (new, origins) = (&self.generation.records, &self.generation.origins);
            stats.exchange(&before.records, new, origins);
            stats.swaps += 1;
            for camera in 0..shared.cameras.len() {
                let records = self.generation.records_of(camera).iter().enumerate();
                for (target, &record) in records {
                    let delivered = stats.targets[record].outcomes.of(Outcome::Delivered);
                    self.pipeline.count_from(camera, target, delivered);
                }
            }
            generations.push_back(Arc::clone(&self.generation));
        }
        // The publisher may sleep on what will never come.
        before.outbox.ring();
        let sequence = |last: &Option<(Timestamp, u64)>| last.map(|(_, sequence)| sequence);
        shared.exchange.answer(Exchanged {
            old,
            taken,
            took: shared.clock.monotonic().saturating_sub(began),
            last: self.last.iter().map(sequence).collect(),
        });
    }
}

struct Listeners<'a> {
    shared: &'a Shared,
    generation: &'a Generation,
    shadow: Option<&'a mut Shadow>,
    camera: usize,
}

impl OutputSink for Listeners<'_> {
    fn wants(&self, target: usize) -> bool {
        let place = self.generation.place(self.camera, target);
        self.generation.is_wanted(place)
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        let place = self.generation.place(self.camera, target);
        if let Some(shadow) = &mut self.shadow {
            shadow.keep_served(self.camera, output);
        }
        if self.generation.outbox.put(place, output) {
            let record = self.generation.records[place];
            let target = &mut lock(&self.shared.stats).targets[record];
            target.superseded += 1;
            target.evidence.superseded += 1;
        }
    }
}
