//! One camera's way through the plan: its slots, rings, schedules and failures.

mod camera_inputs;
mod condition;
mod encode;
mod geometric;
mod read;
mod runner;
mod state;
mod step;
mod takeover;

use std::sync::Arc;
use std::time::Duration;

use concert_models::preprocess::Preprocessor;
use concert_models::{Engine, EngineError, Placement, Slot};

use crate::clock::Clock;
use crate::counts::Outcome;
use crate::failures::{Failures, Trouble};
use crate::output::Output;
use crate::parts::Maker;
use crate::picture::PictureFault;
use crate::plan::Plan;
use crate::ring::Ring;
use crate::shedding::Cost;
use crate::step::{LaneName, StepReport, Watch};
use crate::wiring::{LaneSlots, origin_of};
use runner::{GeometricState, Runner};
use state::{CameraState, EncoderState, ImageState, Progress, ReadoutState};

pub(crate) use runner::preload;
pub(crate) use takeover::Before;

/// One camera's way through the plan.
pub(crate) struct Lane {
    /// Name of the camera.
    name: String,
    images: Vec<ImageState>,
    camera: Vec<CameraState>,
    encoders: Vec<EncoderState>,
    /// Encoders that run side by side where a frame needs several of them.
    side_by_side: Vec<usize>,
    readouts: Vec<ReadoutState>,
    /// Fault of the picture of the frame at hand.
    picture: Option<PictureFault>,
    report: StepReport,
}

impl Lane {
    pub(crate) fn prepare(
        plan: &Plan,
        engine: &mut dyn Engine,
        camera: &LaneName,
        patient: &dyn Watch,
        (clock, watch): (&Arc<dyn Clock>, &dyn Watch),
    ) -> Result<Self, EngineError> {
        let slots = LaneSlots::allocate(plan, engine)?;
        let images = plan.contracts.iter().zip(&slots.images);
        let images = images.map(|(contract, &slot)| ImageState {
            preprocessor: Preprocessor::new(contract),
            slot,
            made: Progress::NotTried,
            cost: Cost::default(),
        });
        let camera_state = |&slot: &Slot| CameraState {
            slot,
            made: Progress::NotTried,
        };
        let camera_states = slots.camera.iter().map(camera_state).collect();
        let side_by_side = runner::side_by_side(plan, engine);
        let mut encoders = Vec::new();
        for (index, stage) in plan.encoders.iter().enumerate() {
            let wirings = slots.encoder_wirings(plan, index);
            let is_beside = side_by_side.contains(&index);
            let count = if is_beside { side_by_side.len() } else { 1 };
            let network = runner::load(engine, &stage.file, &wirings, count, patient)?;
            let network = Runner::new(&stage.file.name, network);
            encoders.push(EncoderState {
                network: match is_beside {
                    true => network.with_thread(clock, watch),
                    false => network,
                },
                ring: Ring::new(stage.turns),
                levels: slots.levels[index].clone(),
                made: Progress::NotTried,
            });
        }
        let camera_name: Arc<str> = camera.camera.as_str().into();
        let mut readouts = Vec::new();
        for (index, stage) in plan.readouts.iter().enumerate() {
            let network = match &stage.maker {
                Maker::Network => {
                    let wirings = slots.readout_wirings(plan, index);
                    let network = runner::load(engine, &stage.file, &wirings, 1, patient)?;
                    Runner::new(&stage.file.name, network)
                }
                Maker::Geometric(method) => {
                    let state = GeometricState::new(method.start(), stage.reads.len());
                    let network = Runner::of_geometry(&stage.file.name, state);
                    match engine.side_by_side() {
                        0 | 1 => network,
                        _ => network.with_thread(clock, watch),
                    }
                }
            };
            let output = Output::empty(origin_of(plan, index, camera, &camera_name));
            let slot = slots.readouts[index];
            readouts.push(ReadoutState::new(network, slot, stage.rate_hz, output));
        }
        let report = StepReport {
            outcomes: vec![Outcome::NotDue; plan.readouts.len()],
            preprocess: vec![None; plan.contracts.len()],
            encode: vec![None; plan.encoders.len()],
            read: vec![None; plan.readouts.len()],
            ..StepReport::default()
        };
        Ok(Self {
            name: camera.camera.clone(),
            images: images.collect(),
            camera: camera_states,
            encoders,
            side_by_side,
            readouts,
            picture: None,
            report,
        })
    }

    /// Encoders that run side by side, by their places in the plan.
    pub(crate) fn side_by_side(&self) -> &[usize] {
        &self.side_by_side
    }

    /// Runs every network once on zeros, but for those whose weights were in
    /// use already: they are warm, and somebody may wait for them.
    pub(crate) fn warm(&mut self, watch: &dyn Watch) -> Result<(), EngineError> {
        let encoders = self.encoders.iter_mut().map(|lane| &mut lane.network);
        let readouts = self.readouts.iter_mut().map(|lane| &mut lane.network);
        let mut runners = encoders.chain(readouts);
        runners.try_for_each(|runner| runner.warm(watch))
    }

    /// Names and costs of the networks whose weights were not in use when they were
    /// loaded: the shortest of some runs.
    pub(crate) fn cost_of_own(
        &mut self,
        watch: &dyn Watch,
        clock: &dyn Clock,
    ) -> Result<Vec<(String, Duration)>, EngineError> {
        let encoders = self.encoders.iter_mut().map(|lane| &mut lane.network);
        let readouts = self.readouts.iter_mut().map(|lane| &mut lane.network);
        let own = encoders.chain(readouts);
        let own = own.filter(|runner| runner.is_shared() == Some(false));
        own.map(|runner| Ok((runner.name.clone(), runner.shortest_run(watch, clock)?)))
            .collect()
    }

    /// Every network, and whether its weights were in use when it was loaded.
    pub(crate) fn networks(&self) -> Vec<(String, bool)> {
        let encoders = self.encoders.iter().map(|lane| &lane.network);
        let readouts = self.readouts.iter().map(|lane| &lane.network);
        let runners = encoders.chain(readouts);
        runners
            .filter_map(|runner| Some((runner.name.clone(), runner.is_shared()?)))
            .collect()
    }

    pub(crate) fn buffers(&self) -> Vec<Output> {
        self.readouts
            .iter()
            .map(|lane| lane.output.clone())
            .collect()
    }

    pub(crate) fn forget_failures(&mut self) {
        let encoders = self.encoders.iter_mut().map(|lane| &mut lane.network);
        let readouts = self.readouts.iter_mut().map(|lane| &mut lane.network);
        for runner in encoders.chain(readouts) {
            runner.failures = Failures::default();
            runner.cost = Cost::default();
        }
    }

    pub(crate) fn forget(&mut self) {
        self.encoders.iter_mut().for_each(|lane| lane.ring.clear());
        for lane in &mut self.readouts {
            if let Some(geometric) = lane.network.geometric() {
                geometric.state.forget();
            }
        }
    }

    pub(crate) fn placements(&self) -> Vec<(String, Placement)> {
        let encoders = self.encoders.iter().map(|lane| &lane.network);
        let readouts = self.readouts.iter().map(|lane| &lane.network);
        let runners = encoders.chain(readouts);
        runners
            .map(|runner| (runner.name.clone(), runner.placement()))
            .collect()
    }

    pub(crate) fn note_picture(&mut self, fault: Option<PictureFault>) {
        self.picture = fault;
    }

    pub(crate) fn troubles(&self, plan: &Plan) -> Vec<Trouble> {
        let encoders = self.encoders.iter().map(|lane| &lane.network);
        let readouts = self.readouts.iter().map(|lane| &lane.network);
        let failing = encoders.chain(readouts).filter_map(Runner::trouble);
        let conditions = self.readouts.iter();
        let conditions =
            conditions.filter_map(|lane| lane.condition.trouble(&lane.network.name, plan));
        failing.chain(conditions).collect()
    }
}
