//! The figures of a runtime at one moment, for people, `--json` and status.

use serde::Serialize;

use crate::camera_image::ImageSnapshot;
use crate::consistency::ConsistencySnapshot;
use crate::counts::{CameraCounts, Outcome, OutcomeCounts};
use crate::degradation::DegradationSnapshot;
use crate::health::Health;
use crate::learning::LearningSnapshot;
use crate::shadow_stats::ShadowSnapshot;
use crate::stats::{Percentiles, StepsSnapshot};

/// Everything countable about a runtime at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// Health of the whole.
    pub health: Health,
    /// Why, in one line.
    pub message: String,
    /// Which of the runtime's own threads ended, and why, where one did: it does
    /// not work any more then.
    pub fault: Option<String>,
    /// Threads that were to prepare another policy and hang in a kernel.
    pub stuck_threads: usize,
    /// Name of the policy.
    pub policy: String,
    /// Its hash, 64 hexadecimal digits.
    pub policy_hash: String,
    /// Times that another pipeline took over since the start.
    pub swaps: u64,
    /// Seconds since the start.
    pub seconds: f64,
    /// One entry per camera.
    pub cameras: Vec<CameraSnapshot>,
    /// One entry per source encoder, over all cameras.
    pub encoders: Vec<EncoderSnapshot>,
    /// Preprocessing, over all contracts and cameras.
    pub preprocess: Percentiles,
    /// One entry per camera and target, most important first; then those of
    /// earlier policies, which ended.
    pub targets: Vec<TargetSnapshot>,
    /// The shadow policy, if there is one.
    pub shadow: Option<ShadowSnapshot>,
    /// Per camera that publishes depth and normals with known intrinsics: how
    /// far they agree.
    pub consistency: Vec<ConsistencySnapshot>,
    /// One entry per target that is learnt while it is served.
    pub learning: Vec<LearningSnapshot>,
    /// Where the chain of policies stands, where there is one.
    pub degradation: Option<DegradationSnapshot>,
    /// One entry per camera whose image is published beside the outputs.
    pub images: Vec<ImageSnapshot>,
    /// Times of steps with and without learning beside them; `None` where
    /// nothing is learnt.
    pub steps: Option<StepsSnapshot>,
}

/// One camera.
#[derive(Debug, Clone, Serialize)]
pub struct CameraSnapshot {
    /// Name.
    pub camera: String,
    /// Its health.
    pub health: Health,
    /// Why, in one line.
    pub message: String,
    /// Frames a second, over the last few.
    pub rate_hz: f64,
    /// Counts of its frames.
    pub counts: CameraCounts,
    /// Why the last frame that was refused was; empty where none was.
    pub last_refusal: String,
    /// Frames that wait to be looked at: 0 or 1 (abandoned, after a stop).
    pub waiting: u64,
    /// From arrival to the start of a step.
    pub wait: Percentiles,
    /// A whole step.
    pub step: Percentiles,
}

/// One source encoder.
#[derive(Debug, Clone, Serialize)]
pub struct EncoderSnapshot {
    /// Source.
    pub source: String,
    /// True where the policy does not have it any more.
    pub ended: bool,
    /// Time of a run; `count` is the number of runs.
    pub run: Percentiles,
}

/// One target of one camera.
#[derive(Debug, Clone, Serialize)]
pub struct TargetSnapshot {
    /// Key below the prefix.
    pub key: String,
    /// Target.
    pub target: String,
    /// Camera.
    pub camera: String,
    /// Its health.
    pub health: Health,
    /// Why, in one line.
    pub message: String,
    /// True where the policy does not have it any more.
    pub ended: bool,
    /// Frames of its camera that were processed while it was in the policy.
    pub frames: u64,
    /// Outputs a second, over the last few.
    pub rate_hz: f64,
    /// Outcomes of the target on those frames.
    pub outcomes: OutcomeCounts,
    /// Outcome on the newest frame on which it was due.
    pub latest: Option<Outcome>,
    /// True where somebody listens, and nothing came out of its newest frames.
    #[serde(skip)]
    pub gives_nothing: bool,
    /// Outputs that the bus took.
    pub published: u64,
    /// Outputs that a newer one replaced before the publisher came to them.
    pub superseded: u64,
    /// Outputs that the bus refused.
    pub lost_on_bus: u64,
    /// Time of the readout alone.
    pub read: Percentiles,
    /// From the frame's arrival to the bus having taken the output.
    pub latency: Percentiles,
    /// From the frame's stamp to the same moment; counts only stamps of the
    /// last hour.
    pub age: Percentiles,
    /// Outputs whose stamp lay in the future or over an hour back.
    pub foreign_stamps: u64,
}

impl Snapshot {
    /// Tells whether the counts of every camera and target add up: nothing was lost
    /// uncounted. Names the first that does not.
    ///
    /// # Errors
    /// The law that is broken, with both sides.
    pub fn check_conservation(&self) -> Result<(), String> {
        for camera in &self.cameras {
            let counts = &camera.counts;
            let sum = counts.drops() + counts.processed + camera.waiting;
            if counts.arrived != sum {
                return Err(format!(
                    "camera {}: {} frames arrived, but {sum} are accounted for",
                    camera.camera, counts.arrived
                ));
            }
        }
        for image in &self.images {
            let camera = self.cameras.iter().find(|c| c.camera == image.camera);
            image.check(camera.map_or(0, |camera| camera.counts.processed))?;
        }
        for target in &self.targets {
            let processed = target.frames;
            if target.outcomes.total() != processed {
                let sum = target.outcomes.total();
                return Err(format!(
                    "{}: {processed} frames processed, but {sum} outcomes",
                    target.key
                ));
            }
            let delivered = target.outcomes.of(Outcome::Delivered);
            let sum = target.published + target.superseded + target.lost_on_bus;
            if delivered != sum {
                return Err(format!(
                    "{}: {delivered} outputs delivered, but {sum} are accounted for",
                    target.key
                ));
            }
        }
        Ok(())
    }
}
