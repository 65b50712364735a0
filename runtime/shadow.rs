//! A second policy beside the one that serves: it runs on the same frames where
//! there is time to spare, and its outputs are compared, never published.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::agreement::agreement;
use crate::clock::{Clock, lock};
use crate::frame::Frame;
use crate::output::Output;
use crate::pipeline::Pipeline;
use crate::shadow_stats::{AgreementStats, ShadowStats};
use crate::step::OutputSink;

/// Number of the last steps of which the longest counts as what a step takes: about
/// their 99th percentile.
const REMEMBERED: usize = 100;
/// After so many frames in a row without time for it, its longest step of old
/// is forgotten, so that one slow step does not end it for ever.
const FORGET_AFTER: u32 = 100;

/// The shadow's pipeline, on the perceive thread.
pub(crate) struct Shadow {
    pipeline: Pipeline,
    /// Times of the last steps, oldest first; at first an estimate.
    steps: VecDeque<Duration>,
    skipped_in_a_row: u32,
    /// Per camera, per target of the shadow.
    lanes: Vec<Vec<Compared>>,
}

/// One target: the newest output of each policy.
struct Compared {
    record: usize,
    served: Option<Output>,
    made: Output,
    is_made: bool,
}

impl Shadow {
    /// A shadow whose first step is taken to last as long as `estimate`.
    pub(crate) fn new(pipeline: Pipeline, estimate: Duration) -> (Box<Self>, ShadowStats) {
        let plan = Arc::clone(pipeline.plan());
        let mut targets = Vec::new();
        let mut lanes = Vec::new();
        for camera in 0..pipeline.lane_count() {
            let buffers = pipeline.buffers(camera).into_iter();
            let lane = buffers.map(|made| {
                targets.push(AgreementStats::of(&made));
                Compared {
                    record: targets.len() - 1,
                    served: None,
                    made,
                    is_made: false,
                }
            });
            lanes.push(lane.collect());
        }
        let stats = ShadowStats::new(&plan, targets);
        let shadow = Self {
            pipeline,
            steps: VecDeque::from([estimate]),
            skipped_in_a_row: 0,
            lanes,
        };
        (Box::new(shadow), stats)
    }

    /// Keeps what is served, to compare with it.
    pub(crate) fn keep_served(&mut self, camera: usize, output: &Output) {
        let task = output.origin.task;
        let mut targets = self.lanes[camera].iter_mut();
        if let Some(target) = targets.find(|target| target.made.origin.task == task) {
            match &mut target.served {
                Some(kept) => kept.copy_from(output),
                None => target.served = Some(output.clone()),
            }
        }
    }

    /// Runs on a frame that was just served, if that ends before the next frame
    /// is due, by `spare` from now on, and compares.
    pub(crate) fn run(
        &mut self,
        clock: &dyn Clock,
        stats: &Mutex<Option<ShadowStats>>,
        camera: usize,
        frame: &Frame,
        (interval, spare): (Duration, Option<Duration>),
    ) {
        let longest = self.steps.iter().max().copied().unwrap_or_default();
        let Some(spare) = spare.filter(|spare| longest < *spare) else {
            self.skip(stats);
            return;
        };
        self.skipped_in_a_row = 0;
        let began = clock.monotonic();
        // What would begin after the next frame is due is given up.
        let due = began.saturating_sub(frame.arrived) + spare;
        self.pipeline.set_time_limit(Some(due));
        let lane = &mut self.lanes[camera];
        lane.iter_mut().for_each(|target| target.is_made = false);
        let mut keeper = Keeper { lane };
        self.pipeline.step(camera, frame, interval, &mut keeper);
        self.compare(stats, camera, frame);
        let took = clock.monotonic().saturating_sub(began);
        if self.steps.len() >= REMEMBERED {
            self.steps.pop_front();
        }
        self.steps.push_back(took);
        if let Some(stats) = lock(stats).as_mut() {
            stats.note_run(took);
        }
    }

    fn skip(&mut self, stats: &Mutex<Option<ShadowStats>>) {
        if let Some(stats) = lock(stats).as_mut() {
            stats.note_skipped();
        }
        self.skipped_in_a_row += 1;
        if self.skipped_in_a_row >= FORGET_AFTER {
            self.skipped_in_a_row = 0;
            let longest = self.steps.iter().enumerate().max_by_key(|(_, step)| **step);
            if let (Some((index, _)), 2..) = (longest, self.steps.len()) {
                self.steps.remove(index);
            }
        }
    }

    fn compare(&mut self, stats: &Mutex<Option<ShadowStats>>, camera: usize, frame: &Frame) {
        for target in self.lanes[camera].iter().filter(|target| target.is_made) {
            let served = target.served.as_ref();
            let of_frame = served.filter(|served| served.frame_sequence == frame.sequence);
            let agreed = of_frame.and_then(|served| agreement(served, &target.made));
            if let (Some(agreed), Some(stats)) = (agreed, &mut *lock(stats)) {
                stats.note(target.record, agreed);
            }
        }
    }
}

/// Takes the shadow's outputs and publishes none.
struct Keeper<'a> {
    lane: &'a mut Vec<Compared>,
}

impl OutputSink for Keeper<'_> {
    fn wants(&self, _target: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        let target = &mut self.lane[target];
        std::mem::swap(&mut target.made, output);
        target.is_made = true;
    }
}
