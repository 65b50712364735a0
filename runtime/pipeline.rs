//! A plan wired to an engine: the thing that takes one frame to its outputs.

use std::sync::Arc;
use std::time::Duration;

use concert_models::{Engine, EngineError, Placement, Terminator};
use concert_policies::Task;

use crate::clock::Clock;
use crate::counts::Outcome;
use crate::failures::Trouble;
use crate::frame::Frame;
use crate::lane::Lane;
use crate::output::Output;
use crate::picture::PictureFault;
use crate::plan::Plan;
use crate::shedding::Need;
use crate::wire::keys;

/// Watches over runs, so that a network that hangs is ended.
/// Real side: `io::watchdog::Watchdog`.
pub trait Watch: Send + Sync {
    /// A run of `network` begins; `terminator` ends it.
    fn begin(&self, network: &str, terminator: &Arc<dyn Terminator>);
    /// The run that began last has ended.
    fn end(&self);
    /// Another watch, for loading and first runs of the pipeline that the process
    /// starts with: patient. Nothing serves yet, so what hangs ends the process.
    fn at_start(&self) -> Arc<dyn Watch>;
    /// Another watch, for loading and first runs of a pipeline that is being
    /// prepared beside this one's: patient, and never at the process's expense.
    fn while_preparing(&self) -> Arc<dyn Watch>;
    /// How long one network may take to load, or for a first run; where it takes
    /// longer, it hangs.
    fn patience(&self) -> Duration;
}

/// Watches over nothing; for tests and tools that run on their own time.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWatch;

impl Watch for NoWatch {
    fn begin(&self, _network: &str, _terminator: &Arc<dyn Terminator>) {}
    fn end(&self) {}
    fn at_start(&self) -> Arc<dyn Watch> {
        Arc::new(Self)
    }
    fn while_preparing(&self) -> Arc<dyn Watch> {
        Arc::new(Self)
    }
    fn patience(&self) -> Duration {
        Duration::MAX
    }
}

/// A camera as the pipeline knows it.
#[derive(Debug, Clone)]
pub struct LaneName {
    /// Name, as in the launch file.
    pub camera: String,
    /// Whether the camera's name stands in the keys of its outputs.
    pub in_keys: bool,
}

impl LaneName {
    /// Key below the prefix of a target's output.
    #[must_use]
    pub fn key(&self, target: &Task) -> String {
        keys::output(self.in_keys.then_some(&self.camera), target.name)
    }
}

/// Takes frames to outputs. Every camera has a lane of its own: slots, rings,
/// schedules and counters; the networks' weights are shared.
pub struct Pipeline {
    engine: Box<dyn Engine>,
    plan: Arc<Plan>,
    cameras: Vec<LaneName>,
    lanes: Vec<Lane>,
    clock: Arc<dyn Clock>,
    watch: Arc<dyn Watch>,
    time_limit: Option<Duration>,
}

/// What one step did; buffers are reused from step to step.
#[derive(Debug, Clone, Default)]
pub struct StepReport {
    /// What became of each target, in running order.
    pub outcomes: Vec<Outcome>,
    /// Time of each distinct preprocessing that ran.
    pub preprocess: Vec<Option<Duration>>,
    /// Time of each encoder that ran.
    pub encode: Vec<Option<Duration>>,
    /// Time of each readout that ran.
    pub read: Vec<Option<Duration>>,
    /// From arrival to the start of the step.
    pub wait: Duration,
    /// The whole step.
    pub total: Duration,
}

/// What a step asks and tells while it runs.
pub trait Audience {
    /// Whether anybody listens to this target (index in running order).
    fn wants(&self, target: usize) -> bool;
    /// Takes an output; leaves another buffer of the same target in its place.
    fn deliver(&mut self, target: usize, output: &mut Output);
}

impl Pipeline {
    /// Allocates all slots, loads and wires all networks, and runs each once
    /// so that no frame pays for the first run; those whose weights a sibling of
    /// `engine` uses already are shared with it and need no first run.
    ///
    /// # Errors
    /// Whatever the engine refuses; nothing is half prepared then.
    pub fn prepare(
        plan: Plan,
        engine: Box<dyn Engine>,
        cameras: &[LaneName],
        clock: Arc<dyn Clock>,
        watch: Arc<dyn Watch>,
        time_limit: Option<Duration>,
    ) -> Result<Self, EngineError> {
        let patient = watch.at_start();
        let preparer = Preparer {
            engine,
            cameras: cameras.to_vec(),
            clock,
            watch,
            time_limit,
        };
        preparer.prepare_watched(plan, patient.as_ref())
    }

    /// What prepares other pipelines beside this one, for the same cameras.
    #[must_use]
    pub fn preparer(&self) -> Preparer {
        Preparer {
            engine: self.engine.sibling(),
            cameras: self.cameras.clone(),
            clock: Arc::clone(&self.clock),
            watch: Arc::clone(&self.watch),
            time_limit: self.time_limit,
        }
    }

    /// Goes on where `old`, which served the same cameras, stopped: rates keep
    /// their schedules, networks of equal hash their failures, and rings of
    /// equal encoders what they hold, so that nothing warms again that need
    /// not. `old` is not to be stepped any more.
    pub fn take_over(&mut self, old: &mut Pipeline) -> TakenOver {
        let mut taken = TakenOver::default();
        for (lane, old_lane) in self.lanes.iter_mut().zip(&mut old.lanes) {
            let mut before = Before {
                plan: &old.plan,
                engine: old.engine.as_mut(),
                lane: old_lane,
            };
            lane.take_over(&self.plan, self.engine.as_mut(), &mut before, &mut taken);
        }
        taken
    }

    /// Outputs of this target (index in running order) are counted from
    /// `sequence` on.
    pub fn count_from(&mut self, camera: usize, target: usize, sequence: u64) {
        self.lanes[camera].count_from(target, sequence);
    }

    /// Copies a level of this frame's representation (f32, row-major) to
    /// `values`, without what it held; returns the hash of the encoder and the
    /// level's shape. `None` where no readout reads such a level, it is not
    /// f32, or its encoder did not run in the last step.
    pub fn copy_level(
        &mut self,
        camera: usize,
        source: &str,
        level: &str,
        values: &mut Vec<f32>,
    ) -> Option<LevelCopy<'_>> {
        let (slot, stage, level) = self.lanes[camera].made_level(&self.plan, source, level)?;
        let bytes = self.engine.view(slot).ok()?;
        values.clear();
        let words = bytes.chunks_exact(4);
        values.extend(words.map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])));
        let stage = &self.plan.encoders[stage];
        Some(LevelCopy {
            sha256: &stage.file.sha256,
            shape: &stage.levels[level].2.shape,
        })
    }

    /// Every network of the first camera's lane: name, and whether its weights
    /// were in use already when it was loaded.
    #[must_use]
    pub fn networks(&self) -> Vec<(String, bool)> {
        self.lanes.first().map(Lane::networks).unwrap_or_default()
    }

    /// How long one frame may take from its arrival on, from the next step on.
    pub(crate) fn set_time_limit(&mut self, limit: Option<Duration>) {
        self.time_limit = limit;
    }

    /// Runs the networks that were loaded for this pipeline alone once more on
    /// what their slots hold; how long that took, for one camera.
    ///
    /// # Errors
    /// The first network that fails.
    pub(crate) fn time_own_networks(&mut self) -> Result<Duration, EngineError> {
        let patient = self.watch.while_preparing();
        let began = self.clock.monotonic();
        if let Some(lane) = self.lanes.first_mut() {
            lane.warm(patient.as_ref())?;
        }
        Ok(self.clock.monotonic().saturating_sub(began))
    }

    /// Takes one frame of `camera` through the plan, most important target
    /// first; every output leaves through `audience` as soon as it exists.
    /// `interval` is the camera's usual time between frames.
    pub fn step(
        &mut self,
        camera: usize,
        frame: &Frame,
        interval: Duration,
        audience: &mut dyn Audience,
    ) -> &StepReport {
        let mut step = Step {
            engine: self.engine.as_mut(),
            plan: &self.plan,
            clock: self.clock.as_ref(),
            watch: self.watch.as_ref(),
            time_limit: self.time_limit,
            frame,
            interval,
        };
        self.lanes[camera].step(&mut step, audience)
    }

    /// What is wrong with the picture that `camera` steps with next; its outputs
    /// are marked with it.
    pub fn note_picture(&mut self, camera: usize, fault: Option<PictureFault>) {
        self.lanes[camera].note_picture(fault);
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Number of lanes: one per camera.
    #[must_use]
    pub fn lane_count(&self) -> usize {
        self.lanes.len()
    }

    /// An empty output buffer for every target of `camera`, in running order.
    #[must_use]
    pub fn buffers(&self, camera: usize) -> Vec<Output> {
        self.lanes[camera].buffers()
    }

    /// Forgets what `camera` saw before: its rings warm again, as after a
    /// start. For a stream that jumps.
    pub fn forget(&mut self, camera: usize) {
        self.lanes[camera].forget();
    }

    /// Name of each network and where its nodes run, encoders first.
    pub fn placements(&self) -> Vec<(String, Placement)> {
        self.lanes.first().map(Lane::placements).unwrap_or_default()
    }

    /// What is wrong in `camera`'s lane now: networks that fail, and readouts
    /// whose outputs come marked.
    #[must_use]
    pub fn troubles(&self, camera: usize) -> Vec<Trouble> {
        self.lanes[camera].troubles(&self.plan)
    }

    /// What runs the networks.
    #[must_use]
    pub fn describe_engine(&self) -> String {
        self.engine.describe()
    }
}

/// Prepares pipelines beside a running one, for the same cameras, with a
/// sibling of its engine. Not for the perceive thread: it takes time.
pub struct Preparer {
    engine: Box<dyn Engine>,
    cameras: Vec<LaneName>,
    clock: Arc<dyn Clock>,
    watch: Arc<dyn Watch>,
    time_limit: Option<Duration>,
}

impl Preparer {
    /// As [`Pipeline::prepare`], but what hangs does not end the process.
    ///
    /// # Errors
    /// As [`Pipeline::prepare`].
    pub fn prepare(&self, plan: Plan) -> Result<Pipeline, EngineError> {
        let patient = self.patient();
        self.sibling().prepare_watched(plan, patient.as_ref())
    }

    /// Another one, with an engine of its own.
    pub(crate) fn sibling(&self) -> Self {
        Self {
            engine: self.engine.sibling(),
            cameras: self.cameras.clone(),
            clock: Arc::clone(&self.clock),
            watch: Arc::clone(&self.watch),
            time_limit: self.time_limit,
        }
    }

    /// What watches over first runs.
    pub(crate) fn patient(&self) -> Arc<dyn Watch> {
        self.watch.while_preparing()
    }

    /// Prepares a pipeline that takes this one's engine, while `patient` watches.
    pub(crate) fn prepare_watched(
        mut self,
        plan: Plan,
        patient: &dyn Watch,
    ) -> Result<Pipeline, EngineError> {
        let plan = Arc::new(plan);
        let mut lanes = Vec::with_capacity(self.cameras.len());
        for camera in &self.cameras {
            let mut lane = Lane::prepare(&plan, self.engine.as_mut(), camera, patient)?;
            lane.warm(patient)?;
            lanes.push(lane);
        }
        Ok(Pipeline {
            engine: self.engine,
            plan,
            cameras: self.cameras,
            lanes,
            clock: self.clock,
            watch: self.watch,
            time_limit: self.time_limit,
        })
    }
}

/// What a pipeline took over from the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// `CAMERA/SOURCE`: rings over time that go on.
    pub kept: Vec<String>,
    /// `CAMERA/SOURCE`: rings over time that warm again, as after a start.
    pub warming: Vec<String>,
}

/// Whose a copied level is.
#[derive(Debug, Clone, Copy)]
pub struct LevelCopy<'a> {
    /// SHA-256 of the encoder, 64 hexadecimal digits.
    pub sha256: &'a str,
    /// Shape of the level.
    pub shape: &'a [usize],
}

/// The lane that a lane takes over from.
pub(crate) struct Before<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) engine: &'a mut dyn Engine,
    pub(crate) lane: &'a mut Lane,
}

/// What a lane needs from outside itself for one step.
pub(crate) struct Step<'a> {
    pub(crate) engine: &'a mut dyn Engine,
    pub(crate) plan: &'a Plan,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) frame: &'a Frame,
    pub(crate) interval: Duration,
}

impl Step<'_> {
    /// What is left of the frame's time for something that needs so much; `None`
    /// where there is no limit.
    pub(crate) fn need(&self, needs: Duration) -> Option<Need> {
        let limit = self.time_limit?;
        let spent = self.clock.monotonic().saturating_sub(self.frame.arrived);
        let left = limit.saturating_sub(spent);
        Some(Need { needs, left, limit })
    }
}
