//! State that the threads of one runtime share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::bus::BusError;
use crate::camera_image::ImagePlace;
use crate::clock::{Clock, lock};
use crate::consistency::ConsistencySnapshot;
use crate::degradation::DegradationSnapshot;
use crate::exchange::{Exchanged, Offer};
use crate::failures::Trouble;
use crate::frame::Frame;
use crate::generation::Generation;
use crate::health::Health;
use crate::learning::LearningSnapshot;
use crate::mailbox::FrameMailbox;
use crate::observation::ObservationSlot;
use crate::pipeline::Pipeline;
use crate::rendezvous::Rendezvous;
use crate::shadow::Shadow;
use crate::shadow_stats::ShadowStats;
use crate::snapshot::{CameraSnapshot, EncoderSnapshot, Snapshot, TargetSnapshot};
use crate::stats::{CameraStats, Stats, TargetStats};
use crate::status_figures::StatusFigures;
use crate::step_gaps::StepGaps;
use crate::verdict::{self, Faults};

/// State that the camera threads, the perceive thread and the publisher thread share.
///
/// Whoever holds several of the locks takes them in the order of the fields.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) mailbox: FrameMailbox,
    /// Oldest first; the last is the one that runs, those before it still have
    /// outputs that wait to be published.
    pub(crate) generations: Mutex<VecDeque<Arc<Generation>>>,
    pub(crate) stats: Mutex<Stats>,
    /// Faults now, per camera.
    pub(crate) troubles: Mutex<Vec<Vec<Trouble>>>,
    /// Faults of the runtime itself.
    pub(crate) faults: Mutex<Faults>,
    pub(crate) stop: AtomicBool,
    pub(crate) perceive_over: AtomicBool,
    /// Told when `perceive_over` is set, which happens under this lock.
    over: (Mutex<()>, Condvar),
    /// Frames still to be processed before the runtime ends by itself.
    pub(crate) frames_left: AtomicU64,
    pub(crate) cameras: Vec<String>,
    /// Per camera, where images are published at all.
    pub(crate) images: Vec<ImagePlace>,
    /// Keys that the publisher is to declare before they are used.
    pub(crate) announce: Rendezvous<Arc<Generation>, Result<(), BusError>>,
    /// Place in which the perceive thread takes another pipeline.
    pub(crate) exchange: Rendezvous<Offer, Exchanged>,
    /// Place in which the perceive thread takes another shadow, or none, for its own.
    pub(crate) shadow: Rendezvous<Option<Box<Shadow>>, Option<Box<Shadow>>>,
    pub(crate) shadow_stats: Mutex<Option<ShadowStats>>,
    /// Figures of learning beside the frames, as the one who learns last told them.
    pub(crate) learning: Mutex<Vec<LearningSnapshot>>,
    /// Where the chain of policies stands, as who drives it last told.
    pub(crate) degradation: Mutex<Option<DegradationSnapshot>>,
    /// What the last status was made of.
    pub(crate) last_status: Mutex<Option<Arc<StatusFigures>>>,
    /// Per camera, how far depth and normals agree.
    pub(crate) consistency: Mutex<Vec<ConsistencySnapshot>>,
    /// Copies of frames and representations for who learns.
    pub(crate) observations: ObservationSlot,
    /// Per camera, the frame that was processed last; its pixels are shared.
    pub(crate) newest: Mutex<Vec<Option<Frame>>>,
    /// When the perceive thread rests.
    pub(crate) gaps: StepGaps,
    started: Duration,
}

/// A stamp further back than this is not of now: a recording plays.
pub(crate) const FOREIGN_AFTER: Duration = Duration::from_secs(3600);

impl Shared {
    pub(crate) fn new(
        pipeline: &Pipeline,
        cameras: Vec<String>,
        clock: Arc<dyn Clock>,
        frames: Option<u64>,
    ) -> Self {
        let mut stats = Stats::new(cameras.len());
        let first = Generation::of(pipeline, &mut stats);
        stats.exchange(&[], &first.records, &first.origins);
        Self {
            mailbox: FrameMailbox::new(cameras.len()),
            generations: Mutex::new(VecDeque::from([Arc::new(first)])),
            stats: Mutex::new(stats),
            troubles: Mutex::new(vec![Vec::new(); cameras.len()]),
            faults: Mutex::default(),
            stop: AtomicBool::new(false),
            perceive_over: AtomicBool::new(false),
            over: Default::default(),
            frames_left: AtomicU64::new(frames.unwrap_or(u64::MAX)),
            announce: Rendezvous::default(),
            exchange: Rendezvous::default(),
            shadow: Rendezvous::default(),
            shadow_stats: Mutex::default(),
            learning: Mutex::default(),
            degradation: Mutex::default(),
            last_status: Mutex::default(),
            consistency: Mutex::default(),
            observations: ObservationSlot::default(),
            newest: Mutex::new(vec![None; cameras.len()]),
            gaps: StepGaps::default(),
            started: clock.monotonic(),
            images: Vec::new(),
            cameras,
            clock,
        }
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Comes to an end: the perceive thread takes no further frame, the others
    /// follow it.
    pub(crate) fn end(&self) {
        self.exchange.close();
        self.shadow.close();
        self.observations.close();
        self.mailbox.close();
        let (lock_of_over, told) = &self.over;
        let held = lock(lock_of_over);
        self.perceive_over.store(true, Ordering::Release);
        drop(held);
        told.notify_all();
        // The publisher may sleep on what will never come.
        self.generation().outbox.ring();
    }

    /// Waits until it is over, `longest` at most; whether it is.
    pub(crate) fn wait_until_over(&self, longest: Duration) -> bool {
        let (lock_of_over, told) = &self.over;
        let is_on = |_: &mut ()| !self.perceive_over.load(Ordering::Acquire);
        let waited = told.wait_timeout_while(lock(lock_of_over), longest, is_on);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.perceive_over.load(Ordering::Acquire)
    }

    /// The generation that runs.
    pub(crate) fn generation(&self) -> Arc<Generation> {
        let generations = lock(&self.generations);
        let last = generations.back().expect("there is always one that runs");
        Arc::clone(last)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let now = self.clock.monotonic();
        // Before the others: who learns has a low priority, and none of them
        // may wait for it.
        let learning = lock(&self.learning).clone();
        let degradation = lock(&self.degradation).clone();
        let generations = lock(&self.generations);
        let generation = generations.back().expect("there is always one that runs");
        let stats = lock(&self.stats);
        let troubles = lock(&self.troubles);
        let cameras = stats.cameras.iter().enumerate().map(|(index, camera)| {
            let (health, message) = verdict::of_camera(camera, now);
            let mut counts = camera.counts;
            counts.superseded += self.mailbox.superseded_frames(index);
            CameraSnapshot {
                camera: self.cameras[index].clone(),
                health,
                message,
                rate_hz: rate(camera.interval, camera.last_arrival, now),
                last_refusal: camera.last_refusal.clone(),
                waiting: self.mailbox.abandoned_frames(index),
                counts,
                wait: camera.wait.summary(),
                step: camera.step.summary(),
            }
        });
        let encoders = stats.encoders.iter().enumerate();
        let encoders = encoders.map(|(index, encoder)| EncoderSnapshot {
            source: encoder.source.clone(),
            ended: !generation.encoders.contains(&index),
            run: encoder.run.summary(),
        });
        let serving = generation
            .records
            .iter()
            .map(|&record| &stats.targets[record]);
        let ended = stats
            .targets
            .iter()
            .filter(|target| target.presence.is_over());
        let targets = serving.chain(ended).map(|target| {
            let camera = &stats.cameras[target.camera];
            self.target_snapshot(target, camera, &troubles[target.camera], now)
        });
        let (cameras, targets): (Vec<_>, Vec<_>) = (cameras.collect(), targets.collect());
        let of_cameras = cameras.iter().map(|one| (one.health, one.message.as_str()));
        let of_targets = targets.iter().map(|one| (one.health, one.message.as_str()));
        let chain = degradation.as_ref().map(DegradationSnapshot::verdict);
        let of_chain = chain.iter().map(|(health, line)| (*health, line.as_str()));
        let parts = of_chain.chain(of_cameras).chain(of_targets);
        let faults = lock(&self.faults);
        let (health, message) = verdict::of_whole(&faults, parts, stats.targets.iter());
        let (fault, stuck_threads) = (faults.thread.clone(), faults.stuck.len());
        drop(faults);
        Snapshot {
            health,
            message,
            fault,
            stuck_threads,
            policy: generation.policy.clone(),
            policy_hash: generation.policy_hash.clone(),
            swaps: stats.swaps,
            seconds: now.saturating_sub(self.started).as_secs_f64(),
            cameras,
            encoders: encoders.collect(),
            preprocess: stats.preprocess.summary(),
            targets,
            shadow: lock(&self.shadow_stats).as_ref().map(ShadowStats::snapshot),
            consistency: lock(&self.consistency).clone(),
            learning,
            degradation,
            images: self.images.iter().map(ImagePlace::snapshot).collect(),
            steps: stats.steps.snapshot(),
        }
    }

    /// Health of the chain of policies, and of every camera and every target now, in
    /// a fixed order.
    pub(crate) fn healths(&self, to: &mut Vec<Health>) {
        let now = self.clock.monotonic();
        let chain = lock(&self.degradation)
            .as_ref()
            .map(|chain| chain.verdict().0);
        let stats = lock(&self.stats);
        let troubles = lock(&self.troubles);
        to.clear();
        to.extend(chain);
        let cameras = stats.cameras.iter();
        to.extend(cameras.map(|camera| verdict::of_camera(camera, now).0));
        to.extend(stats.targets.iter().map(|target| {
            let (camera, troubles) = (&stats.cameras[target.camera], &troubles[target.camera]);
            verdict::of_target(target, camera, troubles, now).0
        }));
    }

    /// Time until the next frame of any camera is due; `None` where that
    /// cannot be told.
    pub(crate) fn spare(&self, now: Duration) -> Option<Duration> {
        let stats = lock(&self.stats);
        let cameras = stats.cameras.iter().filter(|camera| !camera.ended);
        let due = cameras.map(|camera| Some(camera.last_arrival? + camera.interval?));
        let dues: Option<Vec<Duration>> = due.collect();
        Some(dues?.into_iter().min()?.saturating_sub(now))
    }

    /// Counts a check of depth against normals.
    pub(crate) fn note_consistency(&self, camera: &str, median_deg: f64) {
        let mut known = lock(&self.consistency);
        match known.iter_mut().find(|known| known.camera == camera) {
            Some(known) => {
                known.checks += 1;
                known.median_deg = median_deg;
                known.smooth_deg += (median_deg - known.smooth_deg) / 8.0;
            }
            None => known.push(ConsistencySnapshot {
                camera: camera.to_owned(),
                checks: 1,
                median_deg,
                smooth_deg: median_deg,
            }),
        }
    }

    fn target_snapshot(
        &self,
        target: &TargetStats,
        camera: &CameraStats,
        troubles: &[Trouble],
        now: Duration,
    ) -> TargetSnapshot {
        let origin = &target.origin;
        let ended = target.presence.is_over();
        let (health, message) = verdict::of_target(target, camera, troubles, now);
        TargetSnapshot {
            key: origin.key.to_string(),
            target: origin.task.name.to_owned(),
            camera: origin.camera.to_string(),
            health,
            message,
            ended,
            frames: target.presence.frames(camera.counts.processed),
            rate_hz: rate(target.publish_interval, target.last_published, now),
            outcomes: target.outcomes,
            latest: target.evidence.latest,
            gives_nothing: target.evidence.nothing().is_some(),
            published: target.published,
            superseded: target.superseded,
            lost_on_bus: target.lost_on_bus,
            read: target.read.summary(),
            latency: target.latency.summary(),
            age: target.age.summary(),
            foreign_stamps: target.foreign_stamps,
        }
    }
}

fn rate(interval: Option<Duration>, last: Option<Duration>, now: Duration) -> f64 {
    let (Some(interval), Some(last)) = (interval, last) else {
        return 0.0;
    };
    let silent = now.saturating_sub(last);
    let interval = interval.max(if silent > interval * 3 {
        silent
    } else {
        Duration::ZERO
    });
    1.0 / interval.as_secs_f64().max(1e-6)
}
