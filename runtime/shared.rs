//! What the threads of one runtime share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bus::BusError;
use crate::camera_image::ImagePlace;
use crate::clock::{Clock, lock};
use crate::consistency::ConsistencySnapshot;
use crate::failures::Trouble;
use crate::generation::Generation;
use crate::learning::LearningSnapshot;
use crate::mailbox::FrameMailbox;
use crate::observation::Tap;
use crate::pauses::Pauses;
use crate::pipeline::Pipeline;
use crate::rendezvous::Rendezvous;
use crate::shadow::{Shadow, ShadowStats};
use crate::snapshot::{CameraSnapshot, EncoderSnapshot, Snapshot, TargetSnapshot};
use crate::stats::{CameraStats, Stats, TargetStats};
use crate::status::{Health, Status};
use crate::swap::{Exchanged, Offer};

/// What the camera threads, the perceive thread and the publisher thread share.
///
/// Whoever holds several of the locks takes them in the order of the fields.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) mailbox: FrameMailbox,
    /// Oldest first; the last is the one that runs, those before it still have
    /// outputs that wait to be published.
    pub(crate) generations: Mutex<VecDeque<Arc<Generation>>>,
    pub(crate) stats: Mutex<Stats>,
    /// What is wrong now, per camera.
    pub(crate) troubles: Mutex<Vec<Vec<Trouble>>>,
    pub(crate) stop: AtomicBool,
    pub(crate) perceive_over: AtomicBool,
    /// Frames still to be processed before the runtime ends by itself.
    pub(crate) frames_left: AtomicU64,
    pub(crate) cameras: Vec<String>,
    /// Per camera, where images are published at all.
    pub(crate) images: Vec<ImagePlace>,
    /// Keys that the publisher is to declare before they are used.
    pub(crate) announce: Rendezvous<Arc<Generation>, Result<(), BusError>>,
    /// Where the perceive thread takes another pipeline.
    pub(crate) exchange: Rendezvous<Offer, Exchanged>,
    /// Where the perceive thread takes another shadow, or none, for its own.
    pub(crate) shadow: Rendezvous<Option<Box<Shadow>>, Option<Box<Shadow>>>,
    pub(crate) shadow_stats: Mutex<Option<ShadowStats>>,
    /// What is learnt beside the frames, as the one who learns last told it.
    pub(crate) learning: Mutex<Vec<LearningSnapshot>>,
    /// Per camera, how far depth and normals agree.
    pub(crate) consistency: Mutex<Vec<ConsistencySnapshot>>,
    /// Who gets copies of frames and representations.
    pub(crate) tap: Tap,
    /// When the perceive thread rests.
    pub(crate) pauses: Pauses,
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
        stats.exchange(None, &first);
        Self {
            mailbox: FrameMailbox::new(cameras.len()),
            generations: Mutex::new(VecDeque::from([Arc::new(first)])),
            stats: Mutex::new(stats),
            troubles: Mutex::new(vec![Vec::new(); cameras.len()]),
            stop: AtomicBool::new(false),
            perceive_over: AtomicBool::new(false),
            frames_left: AtomicU64::new(frames.unwrap_or(u64::MAX)),
            announce: Rendezvous::default(),
            exchange: Rendezvous::default(),
            shadow: Rendezvous::default(),
            shadow_stats: Mutex::default(),
            learning: Mutex::default(),
            consistency: Mutex::default(),
            tap: Tap::default(),
            pauses: Pauses::default(),
            started: clock.monotonic(),
            images: Vec::new(),
            cameras,
            clock,
        }
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
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
        let generations = lock(&self.generations);
        let generation = generations.back().expect("there is always one that runs");
        let stats = lock(&self.stats);
        let troubles = lock(&self.troubles);
        let cameras = stats.cameras.iter().enumerate().map(|(index, camera)| {
            let (health, message) = camera.health(now);
            let mut counts = camera.counts;
            counts.superseded = self.mailbox.superseded(index);
            CameraSnapshot {
                camera: self.cameras[index].clone(),
                health,
                message,
                rate_hz: rate(camera.interval, camera.last_arrival, now),
                waiting: self.mailbox.abandoned(index),
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
        Snapshot {
            policy: generation.policy.clone(),
            policy_hash: generation.policy_hash.clone(),
            swaps: stats.swaps,
            seconds: now.saturating_sub(self.started).as_secs_f64(),
            cameras: cameras.collect(),
            encoders: encoders.collect(),
            preprocess: stats.preprocess.summary(),
            targets: targets.collect(),
            shadow: lock(&self.shadow_stats).as_ref().map(ShadowStats::snapshot),
            consistency: lock(&self.consistency).clone(),
            learning,
            images: self.images.iter().map(ImagePlace::snapshot).collect(),
            steps: stats.steps.snapshot(),
        }
    }

    /// How long until the next frame of any camera is due; `None` where that
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
        let networks = (origin.hashes.encoders.iter()).chain([&origin.hashes.readout]);
        let names = |trouble: &&Trouble| networks.clone().any(|(name, _)| *name == trouble.name);
        let worst = troubles
            .iter()
            .filter(names)
            .max_by_key(|trouble| trouble.health);
        let (health, message) = match (worst, camera.health(now)) {
            _ if ended => (Health::Ok, "ended: the policy does not have it".to_owned()),
            (Some(trouble), (health, _)) if trouble.health >= health => {
                let quarantined = if trouble.quarantined {
                    "quarantined: "
                } else {
                    ""
                };
                (trouble.health, format!("{quarantined}{}", trouble.reason))
            }
            (_, camera) => camera,
        };
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
            published: target.published,
            superseded: target.superseded,
            lost_on_bus: target.lost_on_bus,
            read: target.read.summary(),
            latency: target.latency.summary(),
            age: target.age.summary(),
            foreign_stamps: target.foreign_stamps,
        }
    }

    /// The snapshot as a status message.
    pub(crate) fn status(&self) -> Status {
        Status::of(&self.snapshot(), self.clock.now())
    }
}

impl CameraStats {
    /// No frame for two periods is stale; a frame makes it well again.
    pub(crate) fn health(&self, now: Duration) -> (Health, String) {
        let silent = self.last_arrival.map(|at| now.saturating_sub(at));
        let stale_after = self.interval.map(stale_after);
        match (&self.interrupted, silent, stale_after) {
            (_, None, _) if self.ended => (Health::Warn, "ended without a frame".to_owned()),
            (_, Some(_), _) if self.ended => (Health::Ok, "ended".to_owned()),
            (Some(reason), ..) => (Health::Stale, reason.clone()),
            (None, None, _) => (Health::Warn, "waiting for the first frame".to_owned()),
            (None, Some(silent), Some(after)) if silent > after => {
                let (silent, after) = (silent.as_secs_f64(), after.as_secs_f64());
                (
                    Health::Stale,
                    format!("no frame for {silent:.2} s, but {after:.2} s are two periods"),
                )
            }
            _ => match &self.companion_fault {
                Some(fault) => (Health::Warn, fault.to_string()),
                None => (Health::Ok, String::new()),
            },
        }
    }
}

/// Two periods, but no less than what jitter alone can do.
pub(crate) fn stale_after(interval: Duration) -> Duration {
    (interval * 2).max(Duration::from_millis(40))
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
