//! A plan wired to an engine: the thing that takes one frame to its outputs.

use std::sync::Arc;
use std::time::Duration;

use concert_models::{Engine, EngineError, Placement};

use crate::clock::Clock;
use crate::execution::EncoderOrder;
use crate::failures::Trouble;
use crate::frame::Frame;
use crate::lane::{Before, Lane, preload};
use crate::output::Output;
use crate::picture::PictureFault;
use crate::plan::Plan;
use crate::step::{LaneName, OutputSink, Step, StepReport, TakenOver, Watch};

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

impl Pipeline {
    /// Allocates all slots, loads all networks, on every core where the engine
    /// can do that, wires them, and runs each once so that no frame pays for the
    /// first run; those whose weights a sibling of `engine` uses already are
    /// shared with it and need no first run. The bytes of the networks' files are
    /// given back.
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
        preload(&plan, engine.as_ref(), patient.as_ref());
        let preparer = Preparer {
            order: plan.order,
            engine,
            cameras: cameras.to_vec(),
            clock,
            watch,
            time_limit,
        };
        preparer.prepare_watched(plan, patient.as_ref())
    }

    /// A preparer of other pipelines beside this one, for the same cameras.
    #[must_use]
    pub fn preparer(&self) -> Preparer {
        Preparer {
            order: self.plan.order,
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

    /// Forgets how networks failed and what they took: on another engine that says
    /// nothing.
    pub(crate) fn forget_failures(&mut self) {
        self.lanes.iter_mut().for_each(Lane::forget_failures);
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
            shape: &stage.levels[level].shape,
        })
    }

    /// Every network of the first camera's lane: name, and whether its weights
    /// were in use already when it was loaded.
    #[must_use]
    pub fn networks(&self) -> Vec<(String, bool)> {
        self.lanes.first().map(Lane::networks).unwrap_or_default()
    }

    /// Sets the time limit of one frame from its arrival on, from the next step on.
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

    /// Cost of each network that was loaded for this pipeline alone: the shortest of
    /// some runs on what its slots hold, so that what runs beside counts little.
    ///
    /// # Errors
    /// The first network that fails.
    pub(crate) fn cost_of_own_networks(&mut self) -> Result<Vec<(String, Duration)>, EngineError> {
        let patient = self.watch.while_preparing();
        match self.lanes.first_mut() {
            Some(lane) => lane.cost_of_own(patient.as_ref(), self.clock.as_ref()),
            None => Ok(Vec::new()),
        }
    }

    /// The time limit of one frame.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }

    /// Takes one frame of `camera` through the plan, most important target
    /// first; every output leaves through `sink` as soon as it exists.
    /// `interval` is the camera's usual time between frames.
    pub fn step(
        &mut self,
        camera: usize,
        frame: &Frame,
        interval: Duration,
        sink: &mut dyn OutputSink,
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
        self.lanes[camera].step(&mut step, sink)
    }

    /// Notes the fault of the picture that `camera` steps with next; its outputs
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

    /// Sources whose encoders run side by side where a frame needs several of them.
    #[must_use]
    pub fn side_by_side(&self) -> Vec<&str> {
        let encoders = self.lanes.first().map_or(&[] as &[_], Lane::side_by_side);
        let source = |&encoder: &usize| self.plan.encoders[encoder].source.as_str();
        encoders.iter().map(source).collect()
    }

    /// Name of each network and where its nodes run, encoders first.
    pub fn placements(&self) -> Vec<(String, Placement)> {
        self.lanes.first().map(Lane::placements).unwrap_or_default()
    }

    /// Faults in `camera`'s lane now: networks that fail, and readouts
    /// whose outputs come marked.
    #[must_use]
    pub fn troubles(&self, camera: usize) -> Vec<Trouble> {
        self.lanes[camera].troubles(&self.plan)
    }
}

/// Prepares pipelines beside a running one, for the same cameras, with a
/// sibling of its engine; their encoders take turns as those of the running one
/// do. Not for the perceive thread: it takes time.
pub struct Preparer {
    order: EncoderOrder,
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
        self.on(self.engine.sibling())
    }

    /// Another one, with this engine.
    pub(crate) fn on(&self, engine: Box<dyn Engine>) -> Self {
        Self {
            order: self.order,
            engine,
            cameras: self.cameras.clone(),
            clock: Arc::clone(&self.clock),
            watch: Arc::clone(&self.watch),
            time_limit: self.time_limit,
        }
    }

    /// The watch over first runs.
    pub(crate) fn patient(&self) -> Arc<dyn Watch> {
        self.watch.while_preparing()
    }

    /// Prepares a pipeline that takes this one's engine, while `patient` watches.
    pub(crate) fn prepare_watched(
        mut self,
        plan: Plan,
        patient: &dyn Watch,
    ) -> Result<Pipeline, EngineError> {
        let mut plan = plan.with_encoders(self.order);
        let mut lanes = Vec::with_capacity(self.cameras.len());
        for camera in &self.cameras {
            let (engine, beside) = (self.engine.as_mut(), (&self.clock, self.watch.as_ref()));
            let mut lane = Lane::prepare(&plan, engine, camera, patient, beside)?;
            lane.warm(patient)?;
            lanes.push(lane);
        }
        plan.drop_network_bytes();
        Ok(Pipeline {
            engine: self.engine,
            plan: Arc::new(plan),
            cameras: self.cameras,
            lanes,
            clock: self.clock,
            watch: self.watch,
            time_limit: self.time_limit,
        })
    }
}

/// Encoder and shape of a copied level.
#[derive(Debug, Clone, Copy)]
pub struct LevelCopy<'a> {
    /// SHA-256 of the encoder, 64 hexadecimal digits.
    pub sha256: &'a str,
    /// Shape of the level.
    pub shape: &'a [usize],
}
