//! What the threads of one runtime share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::{Clock, lock};
use crate::failures::Trouble;
use crate::mailbox::FrameMailbox;
use crate::outbox::Outbox;
use crate::output::{Origin, Output};
use crate::pipeline::Pipeline;
use crate::snapshot::{CameraSnapshot, EncoderSnapshot, Snapshot, TargetSnapshot};
use crate::stats::{CameraStats, Stats, TargetStats};
use crate::status::{Health, Status, StatusEntry};

/// What the camera threads, the perceive thread and the publisher thread share.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) mailbox: FrameMailbox,
    pub(crate) outbox: Outbox,
    pub(crate) stats: Mutex<Stats>,
    /// What is wrong now, per camera.
    pub(crate) troubles: Mutex<Vec<Vec<Trouble>>>,
    /// Whether anybody listens, per outbox place.
    pub(crate) wanted: Vec<AtomicBool>,
    pub(crate) stop: AtomicBool,
    pub(crate) perceive_over: AtomicBool,
    /// Frames still to be processed before the runtime ends by itself.
    pub(crate) frames_left: AtomicU64,
    pub(crate) cameras: Vec<String>,
    pub(crate) origins: Vec<Arc<Origin>>,
    sources: Vec<String>,
    policy: (String, String),
    targets_per_camera: usize,
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
        let plan = pipeline.plan();
        let buffers: Vec<Output> = (0..pipeline.lane_count())
            .flat_map(|camera| pipeline.buffers(camera))
            .collect();
        let targets_per_camera = plan.targets().count();
        Self {
            mailbox: FrameMailbox::new(cameras.len()),
            stats: Mutex::new(Stats::new(
                cameras.len(),
                targets_per_camera,
                plan.sources().count(),
            )),
            troubles: Mutex::new(vec![Vec::new(); cameras.len()]),
            wanted: buffers.iter().map(|_| AtomicBool::new(true)).collect(),
            stop: AtomicBool::new(false),
            perceive_over: AtomicBool::new(false),
            frames_left: AtomicU64::new(frames.unwrap_or(u64::MAX)),
            origins: buffers
                .iter()
                .map(|buffer| Arc::clone(&buffer.origin))
                .collect(),
            outbox: Outbox::new(buffers),
            sources: plan.sources().map(str::to_owned).collect(),
            policy: (plan.policy().to_owned(), plan.policy_hash().to_owned()),
            targets_per_camera,
            started: clock.monotonic(),
            cameras,
            clock,
        }
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The outbox place of a target of a camera.
    pub(crate) fn place(&self, camera: usize, target: usize) -> usize {
        camera * self.targets_per_camera + target
    }

    /// The camera and target of an outbox place.
    pub(crate) fn target_of(&self, place: usize) -> (usize, usize) {
        (
            place / self.targets_per_camera,
            place % self.targets_per_camera,
        )
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let now = self.clock.monotonic();
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
        let encoders = self.sources.iter().zip(&stats.encoders);
        let encoders = encoders.map(|(source, run)| EncoderSnapshot {
            source: source.clone(),
            run: run.summary(),
        });
        let targets = self.origins.iter().enumerate().map(|(place, origin)| {
            let (camera, target) = self.target_of(place);
            let target = &stats.targets[camera][target];
            self.target_snapshot(
                place,
                origin,
                target,
                &stats.cameras[camera],
                &troubles[camera],
                now,
            )
        });
        Snapshot {
            policy: self.policy.0.clone(),
            policy_hash: self.policy.1.clone(),
            seconds: now.saturating_sub(self.started).as_secs_f64(),
            cameras: cameras.collect(),
            encoders: encoders.collect(),
            preprocess: stats.preprocess.summary(),
            targets: targets.collect(),
        }
    }

    fn target_snapshot(
        &self,
        place: usize,
        origin: &Origin,
        target: &TargetStats,
        camera: &CameraStats,
        troubles: &[Trouble],
        now: Duration,
    ) -> TargetSnapshot {
        let networks = (origin.hashes.encoders.iter()).chain([&origin.hashes.readout]);
        let names = |trouble: &&Trouble| networks.clone().any(|(name, _)| *name == trouble.name);
        let worst = troubles
            .iter()
            .filter(names)
            .max_by_key(|trouble| trouble.health);
        let (health, message) = match (worst, camera.health(now)) {
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
            rate_hz: rate(target.publish_interval, target.last_published, now),
            outcomes: target.outcomes,
            published: target.published,
            superseded: self.outbox.put_and_superseded(place).1,
            lost_on_bus: target.lost_on_bus,
            read: target.read.summary(),
            latency: target.latency.summary(),
            age: target.age.summary(),
            foreign_stamps: target.foreign_stamps,
        }
    }

    /// The snapshot as a status message, and the health of each entry.
    pub(crate) fn status(&self) -> Status {
        let snapshot = self.snapshot();
        let mut entries = vec![whole(&snapshot)];
        entries.extend(snapshot.cameras.iter().map(camera_entry));
        entries.extend(snapshot.targets.iter().map(target_entry));
        Status {
            stamp: self.clock.now(),
            entries,
        }
    }
}

fn whole(snapshot: &Snapshot) -> StatusEntry {
    let cameras = snapshot
        .cameras
        .iter()
        .map(|camera| (camera.health, &camera.message));
    let targets = snapshot
        .targets
        .iter()
        .map(|target| (target.health, &target.message));
    let worst = cameras.chain(targets).max_by_key(|(health, _)| *health);
    let (health, message) = worst.map_or((Health::Ok, String::new()), |(health, message)| {
        (health, message.clone())
    });
    StatusEntry {
        name: "concert".to_owned(),
        health,
        message,
        values: vec![
            ("policy".to_owned(), snapshot.policy.clone()),
            ("policy_hash".to_owned(), snapshot.policy_hash.clone()),
            ("seconds".to_owned(), format!("{:.1}", snapshot.seconds)),
        ],
    }
}

fn camera_entry(camera: &CameraSnapshot) -> StatusEntry {
    let counts = &camera.counts;
    let values = [
        ("arrived", counts.arrived),
        ("processed", counts.processed),
        ("refused", counts.refused),
        ("duplicate", counts.duplicate),
        ("superseded", counts.superseded),
        ("too_old", counts.too_old),
        ("backward_stamps", counts.backward_stamps),
        ("stamp_steps", counts.stamp_steps),
        ("format_changes", counts.format_changes),
        ("interruptions", counts.interruptions),
    ];
    let mut values: Vec<_> = values
        .map(|(name, count)| (name.to_owned(), count.to_string()))
        .into();
    values.push(("rate_hz".to_owned(), format!("{:.1}", camera.rate_hz)));
    StatusEntry {
        name: format!("camera/{}", camera.camera),
        health: camera.health,
        message: camera.message.clone(),
        values,
    }
}

fn target_entry(target: &TargetSnapshot) -> StatusEntry {
    let outcomes = crate::counts::Outcome::ALL.iter();
    let mut values: Vec<(String, String)> = outcomes
        .map(|&outcome| {
            (
                outcome.name().to_owned(),
                target.outcomes.of(outcome).to_string(),
            )
        })
        .collect();
    let more = [
        ("published", target.published.to_string()),
        ("superseded", target.superseded.to_string()),
        ("lost_on_bus", target.lost_on_bus.to_string()),
        ("rate_hz", format!("{:.1}", target.rate_hz)),
        (
            "latency_p50_millis",
            format!("{:.3}", target.latency.p50_millis),
        ),
        (
            "latency_p99_millis",
            format!("{:.3}", target.latency.p99_millis),
        ),
    ];
    values.extend(more.map(|(name, value)| (name.to_owned(), value)));
    StatusEntry {
        name: format!("target/{}", target.key),
        health: target.health,
        message: target.message.clone(),
        values,
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
            _ => (Health::Ok, String::new()),
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
