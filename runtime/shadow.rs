//! A second policy beside the one that serves: it runs on the same frames where
//! there is time to spare, and its outputs are compared, never published.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::agreement::{Measure, agreement};
use crate::clock::lock;
use crate::frame::Frame;
use crate::output::Output;
use crate::pipeline::{Audience, Pipeline};
use crate::shared::Shared;
use crate::stats::{DurationHistogram, Percentiles};

/// Of so many of the last steps the longest counts as what a step takes: about
/// their 99th percentile.
const REMEMBERED: usize = 100;
/// After so many frames in a row without time for it, its longest step of old
/// is forgotten, so that one slow step does not end it for ever.
const FORGET_AFTER: u32 = 100;

/// The shadow's pipeline, on the perceive thread.
pub(crate) struct Shadow {
    pipeline: Pipeline,
    /// What the last steps took, oldest first; at first an estimate.
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

/// Figures of a shadow.
#[derive(Debug)]
pub(crate) struct ShadowStats {
    policy: String,
    policy_hash: String,
    runs: u64,
    skipped: u64,
    step: DurationHistogram,
    targets: Vec<AgreementStats>,
}

#[derive(Debug)]
struct AgreementStats {
    key: Arc<str>,
    measure: Measure,
    compared: u64,
    sum: f64,
    newest: f64,
}

/// A shadow policy at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShadowSnapshot {
    /// Name of the policy.
    pub policy: String,
    /// Its hash, 64 hexadecimal digits.
    pub policy_hash: String,
    /// Frames that it ran on.
    pub runs: u64,
    /// Frames that left it no time.
    pub skipped: u64,
    /// Time of a step.
    pub step: Percentiles,
    /// One entry per camera and target of the shadow.
    pub targets: Vec<AgreementSnapshot>,
}

/// How far a shadow's outputs for one target agree with those that are served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgreementSnapshot {
    /// Key below the prefix.
    pub key: String,
    /// What `mean` and `newest` say.
    pub measure: Measure,
    /// Frames for which both policies had an output; 0 where the policy that
    /// serves has no such target.
    pub compared: u64,
    /// Mean over them; 0 where there is none.
    pub mean: f64,
    /// For the newest of them.
    pub newest: f64,
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
                targets.push(AgreementStats {
                    key: Arc::clone(&made.origin.key),
                    measure: Measure::of(made.origin.task.output),
                    compared: 0,
                    sum: 0.0,
                    newest: 0.0,
                });
                Compared {
                    record: targets.len() - 1,
                    served: None,
                    made,
                    is_made: false,
                }
            });
            lanes.push(lane.collect());
        }
        let stats = ShadowStats {
            policy: plan.policy().to_owned(),
            policy_hash: plan.policy_hash().to_owned(),
            runs: 0,
            skipped: 0,
            step: DurationHistogram::default(),
            targets,
        };
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
        shared: &Shared,
        camera: usize,
        frame: &Frame,
        (interval, spare): (Duration, Option<Duration>),
    ) {
        let longest = self.steps.iter().max().copied().unwrap_or_default();
        let fits = spare.is_some_and(|spare| longest < spare) && !shared.mailbox.is_waiting();
        if !fits {
            self.skip(shared);
            return;
        }
        self.skipped_in_a_row = 0;
        let began = shared.clock.monotonic();
        // What would begin after the next frame is due is given up.
        let due = began.saturating_sub(frame.arrived) + spare.unwrap_or_default();
        self.pipeline.set_time_limit(Some(due));
        let lane = &mut self.lanes[camera];
        lane.iter_mut().for_each(|target| target.is_made = false);
        let mut keeper = Keeper { lane };
        self.pipeline.step(camera, frame, interval, &mut keeper);
        self.compare(shared, camera, frame);
        let took = shared.clock.monotonic().saturating_sub(began);
        if self.steps.len() >= REMEMBERED {
            self.steps.pop_front();
        }
        self.steps.push_back(took);
        if let Some(stats) = lock(&shared.shadow_stats).as_mut() {
            stats.runs += 1;
            stats.step.record(took);
        }
    }

    fn skip(&mut self, shared: &Shared) {
        if let Some(stats) = lock(&shared.shadow_stats).as_mut() {
            stats.skipped += 1;
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

    fn compare(&mut self, shared: &Shared, camera: usize, frame: &Frame) {
        for target in self.lanes[camera].iter().filter(|target| target.is_made) {
            let served = target.served.as_ref();
            let of_frame = served.filter(|served| served.frame_sequence == frame.sequence);
            let agreed = of_frame.and_then(|served| agreement(served, &target.made));
            if let (Some(agreed), Some(stats)) = (agreed, &mut *lock(&shared.shadow_stats)) {
                stats.note(target.record, agreed);
            }
        }
    }
}

/// Takes the shadow's outputs and publishes none.
struct Keeper<'a> {
    lane: &'a mut Vec<Compared>,
}

impl Audience for Keeper<'_> {
    fn wants(&self, _target: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        let target = &mut self.lane[target];
        std::mem::swap(&mut target.made, output);
        target.is_made = true;
    }
}

impl ShadowStats {
    fn note(&mut self, record: usize, agreed: f64) {
        let target = &mut self.targets[record];
        target.compared += 1;
        target.sum += agreed;
        target.newest = agreed;
    }

    pub(crate) fn snapshot(&self) -> ShadowSnapshot {
        let target = |target: &AgreementStats| AgreementSnapshot {
            key: target.key.to_string(),
            measure: target.measure,
            compared: target.compared,
            mean: target.sum / target.compared.max(1) as f64,
            newest: target.newest,
        };
        ShadowSnapshot {
            policy: self.policy.clone(),
            policy_hash: self.policy_hash.clone(),
            runs: self.runs,
            skipped: self.skipped,
            step: self.step.summary(),
            targets: self.targets.iter().map(target).collect(),
        }
    }
}
