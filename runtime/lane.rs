//! One camera's way through the plan: its slots, rings, schedules and failures.

mod camera_inputs;
mod geometric;
mod runner;
mod takeover;

use std::sync::Arc;
use std::time::Duration;

use concert_models::preprocess::Preprocessor;
use concert_models::{Affine2, Engine, EngineError, Placement, Slot};

use crate::counts::Outcome;
use crate::evidence::NOTHING_AFTER;
use crate::failures::Trouble;
use crate::health::Health;
use crate::output::{Output, StageTimes};
use crate::parts::Maker;
use crate::picture::PictureFault;
use crate::plan::Plan;
use crate::rate::Rate;
use crate::ring::Ring;
use crate::shedding::{Admission, Cost, Need, Shedding};
use crate::step::{Audience, LaneName, Step, StepReport, Watch};
use crate::wiring::{LaneSlots, origin_of};
use camera_inputs::CameraLane;
use geometric::GeometricLane;
use runner::Runner;

pub(crate) use takeover::Before;

/// One camera's way through the plan.
pub(crate) struct Lane {
    /// Of the camera.
    name: String,
    images: Vec<ImageLane>,
    camera: Vec<CameraLane>,
    encoders: Vec<EncoderLane>,
    readouts: Vec<ReadoutLane>,
    /// What is wrong with the picture of the frame at hand.
    picture: Option<PictureFault>,
    report: StepReport,
}

/// One distinct input contract: preprocessing runs once per frame for it.
struct ImageLane {
    preprocessor: Preprocessor,
    slot: Slot,
    made: Progress,
    cost: Cost,
}

struct EncoderLane {
    network: Runner,
    ring: Ring,
    /// Per turn, per level.
    levels: Vec<Vec<Slot>>,
    made: Progress,
}

struct ReadoutLane {
    network: Runner,
    slot: Slot,
    /// Of this frame's output, which may have left already.
    map: Affine2,
    rate: Rate,
    output: Output,
    /// Delivered so far.
    sequence: u64,
    needed: bool,
    due: bool,
    wanted: bool,
    made: Progress,
    remark: Remark,
    shedding: Shedding,
    /// Outputs in a row in which nothing was known.
    unknown: u32,
    image_from_output: fn(&ReadoutLane, Affine2, (usize, usize)) -> Affine2,
}

/// How far something got on this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    NotTried,
    Made,
    Missing,
}

/// What is to be said of a readout that does not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remark {
    Nothing,
    /// It reads the camera's depth, but the frame has none.
    NoDepth,
    /// It needs the camera's intrinsics, but they are unknown.
    Uncalibrated,
    /// It needs a pinhole camera, but the image is distorted.
    Distorted,
    /// It needs more frames first.
    Warming(String),
    /// It has lost track.
    Lost(String),
    /// There is no time for it.
    Shed(Need),
    /// What it reads of this readout was not made, for this reason.
    InputMissing(usize, Outcome),
    /// So many outputs in a row were NaN throughout.
    Unknown(u32),
}

impl Remark {
    fn trouble(&self, name: &str, plan: &Plan) -> Option<Trouble> {
        let (health, reason) = match self {
            Remark::Nothing => return None,
            Remark::Unknown(row) if *row < NOTHING_AFTER => return None,
            Remark::Unknown(row) => (
                Health::Warn,
                format!("unknown: every value of the last {row} outputs was NaN"),
            ),
            Remark::Shed(need) => (Health::Warn, need.words()),
            Remark::InputMissing(input, outcome) => (
                match outcome {
                    Outcome::Shed | Outcome::Warming | Outcome::Lost => Health::Warn,
                    _ => Health::Error,
                },
                format!(
                    "what it reads, {}, was not made: {}",
                    plan.readouts[*input].task.name,
                    outcome.name().replace('_', " ")
                ),
            ),
            Remark::NoDepth => (Health::Error, "frame comes without camera.depth".to_owned()),
            Remark::Uncalibrated => (
                Health::Warn,
                "uncalibrated: the camera's intrinsics are unknown, so a reference stands in"
                    .to_owned(),
            ),
            Remark::Distorted => (
                Health::Warn,
                "distorted: the image is not rectified, so metres and angles hold near its middle"
                    .to_owned(),
            ),
            Remark::Warming(reason) => (Health::Warn, format!("warming: {reason}")),
            Remark::Lost(reason) => (Health::Warn, format!("lost: {reason}")),
        };
        Some(Trouble {
            name: name.to_owned(),
            reason,
            health,
            quarantined: false,
        })
    }
}

impl Lane {
    pub(crate) fn prepare(
        plan: &Plan,
        engine: &mut dyn Engine,
        camera: &LaneName,
        patient: &dyn Watch,
    ) -> Result<Self, EngineError> {
        let slots = LaneSlots::allocate(plan, engine)?;
        let images = plan.contracts.iter().zip(&slots.images);
        let images = images.map(|(contract, &slot)| ImageLane {
            preprocessor: Preprocessor::new(contract),
            slot,
            made: Progress::NotTried,
            cost: Cost::default(),
        });
        let camera_lane = |&slot: &Slot| CameraLane {
            slot,
            made: Progress::NotTried,
        };
        let camera_lanes = slots.camera.iter().map(camera_lane).collect();
        let mut encoders = Vec::new();
        for (index, stage) in plan.encoders.iter().enumerate() {
            let wirings = slots.encoder_wirings(plan, index);
            let network = runner::load(engine, &stage.file, &wirings, patient)?;
            encoders.push(EncoderLane {
                network: Runner::new(&stage.file.name, network),
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
                    let network = runner::load(engine, &stage.file, &wirings, patient)?;
                    Runner::new(&stage.file.name, network)
                }
                Maker::Geometric(method) => {
                    let lane = GeometricLane::new(method.start(), stage.reads.len());
                    Runner::of_geometry(&stage.file.name, lane)
                }
            };
            let origin = origin_of(plan, index, camera, &camera_name);
            let dense = origin.shape.len() == 4;
            readouts.push(ReadoutLane {
                network,
                map: Affine2::IDENTITY,
                slot: slots.readouts[index],
                rate: Rate::new(stage.rate_hz),
                output: Output::empty(origin),
                sequence: 0,
                needed: false,
                due: false,
                wanted: false,
                made: Progress::NotTried,
                remark: Remark::Nothing,
                shedding: Shedding::default(),
                unknown: 0,
                image_from_output: if dense { dense_map } else { input_map },
            });
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
            camera: camera_lanes,
            encoders,
            readouts,
            picture: None,
            report,
        })
    }

    /// Runs every network once on zeros, but for those whose weights were in
    /// use already: they are warm, and somebody may wait for them.
    pub(crate) fn warm(&mut self, watch: &dyn Watch) -> Result<(), EngineError> {
        let encoders = self.encoders.iter_mut().map(|lane| &mut lane.network);
        let readouts = self.readouts.iter_mut().map(|lane| &mut lane.network);
        let mut runners = encoders.chain(readouts);
        runners.try_for_each(|runner| runner.warm(watch))
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
        let remarks = self.readouts.iter();
        let remarks = remarks.filter_map(|lane| lane.remark.trouble(&lane.network.name, plan));
        failing.chain(remarks).collect()
    }

    pub(crate) fn step(&mut self, step: &mut Step<'_>, audience: &mut dyn Audience) -> &StepReport {
        let started = step.clock.monotonic();
        self.begin(step, audience);
        self.report.wait = started.saturating_sub(step.frame.arrived);
        for index in 0..self.readouts.len() {
            self.report.outcomes[index] = self.target(index, step, audience);
        }
        self.report.total = step.clock.monotonic().saturating_sub(started);
        &self.report
    }

    /// Which targets are due now, and which are needed by those.
    fn begin(&mut self, step: &Step<'_>, audience: &dyn Audience) {
        self.images
            .iter_mut()
            .for_each(|lane| lane.made = Progress::NotTried);
        self.encoders
            .iter_mut()
            .for_each(|lane| lane.made = Progress::NotTried);
        self.camera
            .iter_mut()
            .for_each(|lane| lane.made = Progress::NotTried);
        self.report.preprocess.fill(None);
        self.report.encode.fill(None);
        self.report.read.fill(None);
        for (index, lane) in self.readouts.iter_mut().enumerate() {
            lane.made = Progress::NotTried;
            lane.wanted = audience.wants(index);
            lane.due = lane.wanted && lane.rate.is_due(step.frame.arrived, step.interval);
            lane.needed = lane.due;
        }
        for index in (0..self.readouts.len()).rev() {
            if self.readouts[index].needed {
                for &input in &step.plan.readouts[index].inputs {
                    self.readouts[input].needed = true;
                }
            }
        }
    }

    fn target(
        &mut self,
        index: usize,
        step: &mut Step<'_>,
        audience: &mut dyn Audience,
    ) -> Outcome {
        let lane = &mut self.readouts[index];
        match (lane.needed, lane.wanted) {
            (false, true) => return Outcome::NotDue,
            (false, false) => {
                lane.remark = Remark::Nothing;
                return Outcome::NoSubscriber;
            }
            (true, _) => {}
        }
        if let Err(outcome) = self.compute(index, step) {
            self.readouts[index].made = Progress::Missing;
            return outcome;
        }
        let lane = &mut self.readouts[index];
        lane.made = Progress::Made;
        if !lane.due {
            return Outcome::Internal;
        }
        lane.rate.take(step.frame.arrived);
        lane.output.sequence = lane.sequence;
        lane.sequence += 1;
        audience.deliver(index, &mut lane.output);
        Outcome::Delivered
    }

    /// Everything up to a valid tensor in the readout's output buffer.
    fn compute(&mut self, index: usize, step: &mut Step<'_>) -> Result<(), Outcome> {
        let plan = step.plan;
        let stage = &plan.readouts[index];
        if !self.readouts[index]
            .network
            .failures
            .may_run(step.clock.monotonic())
        {
            return Err(Outcome::Failed);
        }
        let missing = |&&input: &&usize| self.readouts[input].made != Progress::Made;
        if let Some(&input) = stage.inputs.iter().find(missing) {
            // Inputs come first in running order.
            let outcome = self.report.outcomes[input];
            self.readouts[index].remark = Remark::InputMissing(input, outcome);
            return Err(Outcome::InputMissing);
        }
        let admission = self.admit(index, step)?;
        if !self.read_camera(index, step)? {
            return Err(Outcome::InputMissing);
        }
        for &encoder in &stage.encoders {
            if !self.encode(encoder, step) {
                return Err(Outcome::InputMissing);
            }
        }
        self.admit_readout(index, step, admission)?;
        let mut backs = stage.encoders.iter().zip(&stage.furthest_back);
        let warm = |(&encoder, &back): (&usize, &usize)| {
            (0..=back).all(|back| self.encoders[encoder].ring.stamp(back).is_some())
        };
        if !backs.all(warm) {
            return Err(Outcome::Warming);
        }
        match self.readouts[index].network.is_geometric() {
            true => self.read_geometric(index, step),
            false => self.read(index, step),
        }
    }

    /// Sheds a target that has no time left: not begun unless what it usually
    /// takes fits.
    fn admit(&mut self, index: usize, step: &Step<'_>) -> Result<Admission, Outcome> {
        let Some(need) = step.need(self.usual_cost(index, step.plan)) else {
            return Ok(Admission::Fits);
        };
        let lane = &mut self.readouts[index];
        let admission = lane.shedding.admit(step.clock.monotonic(), &need);
        match admission {
            Admission::Shed => {
                lane.remark = Remark::Shed(need);
                Err(Outcome::Shed)
            }
            admitted => Ok(admitted),
        }
    }

    /// Looks again after its encoders ran, which may have taken longer than usual.
    fn admit_readout(
        &mut self,
        index: usize,
        step: &Step<'_>,
        admission: Admission,
    ) -> Result<(), Outcome> {
        let lane = &mut self.readouts[index];
        match step.need(lane.network.cost.usual().unwrap_or_default()) {
            Some(need) if admission == Admission::Fits && !need.fits() => {
                lane.shedding.note_late(step.clock.monotonic());
                lane.remark = Remark::Shed(need);
                Err(Outcome::Shed)
            }
            _ => Ok(()),
        }
    }

    /// What a target usually takes, of what is not made for this frame yet.
    fn usual_cost(&self, index: usize, plan: &Plan) -> Duration {
        let stage = &plan.readouts[index];
        let to_run = |&&encoder: &&usize| self.encoders[encoder].made == Progress::NotTried;
        let encoders = || stage.encoders.iter().filter(to_run);
        let costs = encoders().map(|&encoder| self.encoders[encoder].network.cost);
        let images = self.images.iter().enumerate().filter(|(contract, image)| {
            let needs = |&encoder: &usize| plan.encoders[encoder].contract == *contract;
            image.made == Progress::NotTried && encoders().any(needs)
        });
        let costs = costs.chain(images.map(|(_, image)| image.cost));
        let costs = costs.chain([self.readouts[index].network.cost]);
        costs.filter_map(|cost| cost.usual()).sum()
    }

    /// Makes sure that what the readout reads of the camera is there; false
    /// where the frame has none.
    fn read_camera(&mut self, index: usize, step: &mut Step<'_>) -> Result<bool, Outcome> {
        let plan = step.plan;
        let mut remark = Remark::Nothing;
        if plan.readouts[index].reads_frame_depth && step.frame.depth.is_none() {
            remark = Remark::NoDepth;
        }
        for &input in &plan.readouts[index].camera_inputs {
            let what = &plan.camera_inputs[input];
            match self.camera[input].fill(what, step) {
                Ok(true) => {}
                Ok(false) => remark = Remark::NoDepth,
                Err(error) => {
                    let network = &mut self.readouts[index].network;
                    network.note_failure(step.clock.monotonic(), error.to_string());
                    return Err(Outcome::Failed);
                }
            }
        }
        if remark == Remark::Nothing && self.is_uncalibrated(index, step) {
            remark = Remark::Uncalibrated;
        }
        if remark == Remark::Nothing && self.is_distorted(index, step) {
            remark = Remark::Distorted;
        }
        let lane = &mut self.readouts[index];
        lane.output.uncalibrated = remark == Remark::Uncalibrated;
        let has_depth = remark != Remark::NoDepth;
        lane.remark = remark;
        Ok(has_depth)
    }

    /// Whether a readout or what it reads takes a distorted image for a
    /// pinhole camera's.
    fn is_distorted(&self, index: usize, step: &Step<'_>) -> bool {
        let stage = &step.plan.readouts[index];
        let mut inputs = stage.inputs.iter();
        step.frame.distorted
            && (stage.needs_intrinsics(step.plan)
                || inputs.any(|&input| self.readouts[input].remark == Remark::Distorted))
    }

    /// Whether a readout or what it reads needs intrinsics that are unknown.
    fn is_uncalibrated(&self, index: usize, step: &Step<'_>) -> bool {
        if step.frame.intrinsics.is_some() {
            return false;
        }
        let stage = &step.plan.readouts[index];
        stage.needs_intrinsics(step.plan)
            || (stage.inputs.iter())
                .any(|&input| self.readouts[input].remark == Remark::Uncalibrated)
    }

    /// Makes sure that this frame's representation exists; false where it cannot.
    fn encode(&mut self, index: usize, step: &mut Step<'_>) -> bool {
        if self.encoders[index].made != Progress::NotTried {
            return self.encoders[index].made == Progress::Made;
        }
        let stage = &step.plan.encoders[index];
        let may_run = self.encoders[index]
            .network
            .failures
            .may_run(step.clock.monotonic());
        let prepared = may_run.then(|| self.preprocess(stage.contract, step));
        let made = match prepared {
            None => false,
            Some(Err(reason)) => {
                let now = step.clock.monotonic();
                self.encoders[index].network.note_failure(now, reason);
                false
            }
            Some(Ok(())) => self.run_encoder(index, step),
        };
        self.encoders[index].made = if made {
            Progress::Made
        } else {
            Progress::Missing
        };
        made
    }

    /// Runs an encoder into the next turn of its ring; whether it did.
    fn run_encoder(&mut self, index: usize, step: &mut Step<'_>) -> bool {
        let source = &step.plan.encoders[index].source;
        let _span = tracing::debug_span!("encode", source = %source).entered();
        let lane = &mut self.encoders[index];
        let turn = lane.ring.begin();
        let taken = lane.network.run(turn, step);
        if taken.is_some() {
            lane.ring.commit(turn, step.frame.stamp);
            lane.network.note_success();
        }
        self.report.encode[index] = taken;
        taken.is_some()
    }

    /// Makes sure that the image is in the slot of this contract; else why not.
    fn preprocess(&mut self, index: usize, step: &mut Step<'_>) -> Result<(), String> {
        let lane = &mut self.images[index];
        match lane.made {
            Progress::Made => return Ok(()),
            Progress::Missing => return Err("this frame could not be preprocessed".to_owned()),
            Progress::NotTried => {}
        }
        let _span = tracing::debug_span!("preprocess").entered();
        let started = step.clock.monotonic();
        let mut written = Ok(());
        let preprocessor = &mut lane.preprocessor;
        let filled = step.engine.fill(lane.slot, &mut |bytes| {
            written = preprocessor.run(&step.frame.image, bytes);
        });
        let filled = filled.map_err(|error| error.to_string());
        let outcome = filled.and(written.map_err(|error| error.to_string()));
        let took = step.clock.monotonic().saturating_sub(started);
        lane.cost.note(took);
        lane.made = match outcome {
            Ok(()) => Progress::Made,
            Err(_) => Progress::Missing,
        };
        self.report.preprocess[index] = Some(took);
        outcome
    }

    fn read(&mut self, index: usize, step: &mut Step<'_>) -> Result<(), Outcome> {
        let stage = &step.plan.readouts[index];
        let _span = tracing::debug_span!("read", target = stage.task.name).entered();
        let turn = self.readout_turn(index, step.plan);
        let taken = self.readouts[index].network.run(turn, step);
        self.report.read[index] = taken;
        let Some(read) = taken else {
            return Err(Outcome::Failed);
        };
        self.note_frame(index, step, read);
        let lane = &mut self.readouts[index];
        let bytes = match step.engine.view(lane.slot) {
            Ok(bytes) => bytes,
            Err(error) => {
                lane.network
                    .note_failure(step.clock.monotonic(), error.to_string());
                return Err(Outcome::Failed);
            }
        };
        for (value, bytes) in lane.output.values.iter_mut().zip(bytes.chunks_exact(4)) {
            *value = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        drop(bytes);
        self.check(index, step)?;
        self.readouts[index].network.note_success();
        Ok(())
    }

    /// Withholds an output that is not fit to be published, and marks one in which
    /// nothing is known.
    fn check(&mut self, index: usize, step: &Step<'_>) -> Result<(), Outcome> {
        let task = step.plan.readouts[index].task;
        let lane = &mut self.readouts[index];
        if let Err(fault) = task.check_values(&lane.output.values) {
            let now = step.clock.monotonic();
            lane.network
                .note_withheld(now, format!("withheld: {fault}"));
            return Err(Outcome::Withheld);
        }
        let values = &lane.output.values;
        let unknown = !values.is_empty() && values.iter().all(|value| value.is_nan());
        lane.output.unknown = unknown;
        lane.unknown = if unknown {
            lane.unknown.saturating_add(1)
        } else {
            0
        };
        if unknown {
            lane.remark = Remark::Unknown(lane.unknown);
        }
        Ok(())
    }

    /// Which wiring fits the turns that the rings stand at.
    fn readout_turn(&self, index: usize, plan: &Plan) -> usize {
        let turns = plan.readouts[index].encoders.iter().map(|&encoder| {
            let ring = &self.encoders[encoder].ring;
            (ring.current(), ring.turns())
        });
        turns.fold(0, |number, (current, turns)| number * turns + current)
    }

    /// Writes what the frame says into the output buffer.
    fn note_frame(&mut self, index: usize, step: &Step<'_>, read: Duration) {
        let stage = &step.plan.readouts[index];
        let frame = step.frame;
        let image_size = (frame.image.width(), frame.image.height());
        let first = stage
            .encoders
            .first()
            .map(|&first| &step.plan.encoders[first]);
        let contract = first.map(|first| &step.plan.contracts[first.contract]);
        let (image_from_input, input_size) = match contract {
            Some(contract) => (
                contract.image_from_input(image_size.0, image_size.1),
                (contract.width(), contract.height()),
            ),
            None => (Affine2::IDENTITY, image_size),
        };
        let furthest = stage
            .encoders
            .iter()
            .zip(&stage.furthest_back)
            .max_by_key(|(_, back)| **back);
        let previous = furthest.filter(|(_, back)| **back > 0);
        let previous_stamp =
            previous.and_then(|(&encoder, &back)| self.encoders[encoder].ring.stamp(back));
        let sum = |times: &[Option<Duration>], of: &dyn Fn(usize) -> bool| -> Duration {
            let these = times.iter().enumerate().filter(|(index, _)| of(*index));
            these.filter_map(|(_, time)| *time).sum()
        };
        let encodes = |encoder: usize| stage.encoders.contains(&encoder);
        let images = |contract: usize| {
            stage
                .encoders
                .iter()
                .any(|&e| step.plan.encoders[e].contract == contract)
        };
        let times = StageTimes {
            wait: self.report.wait,
            preprocess: sum(&self.report.preprocess, &images),
            encode: sum(&self.report.encode, &encodes),
            read,
        };
        let lane = &mut self.readouts[index];
        let image_from_output = (lane.image_from_output)(lane, image_from_input, input_size);
        lane.map = image_from_output;
        let output = &mut lane.output;
        output.frame_sequence = frame.sequence;
        output.stamp = frame.stamp;
        output.previous_stamp = previous_stamp;
        output.frame_id.clone_from(&frame.frame_id);
        output.image_size = image_size;
        output.image_from_output = image_from_output;
        output.intrinsics = frame.intrinsics;
        output.distorted = frame.distorted;
        output.picture = self.picture;
        output.arrived = frame.arrived;
        output.times = times;
    }
}

/// A dense output covers the whole network input.
fn dense_map(lane: &ReadoutLane, image_from_input: Affine2, input: (usize, usize)) -> Affine2 {
    let shape = &lane.output.origin.shape;
    image_from_input.after(&Affine2::stretch((shape[3], shape[2]), input))
}

/// Points and boxes are in pixels of the network input.
fn input_map(_lane: &ReadoutLane, image_from_input: Affine2, _input: (usize, usize)) -> Affine2 {
    image_from_input
}
