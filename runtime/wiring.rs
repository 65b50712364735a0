//! Which slot every tensor of a lane lives in, and which network reads and
//! writes it on which turn.

use std::sync::Arc;

use concert_models::{Engine, EngineError, Slot, Wiring};

use crate::output::{Hashes, OutputOrigin};
use crate::plan::{InputOrigin, Plan};
use crate::ring::Ring;
use crate::step::LaneName;

/// All slots of one lane.
pub(crate) struct LaneSlots {
    /// One per input contract.
    pub(crate) images: Vec<Slot>,
    /// One per value that is read of the camera beside its image.
    pub(crate) camera: Vec<Slot>,
    /// Per encoder, per turn, per level.
    pub(crate) levels: Vec<Vec<Vec<Slot>>>,
    /// One per readout.
    pub(crate) readouts: Vec<Slot>,
}

impl LaneSlots {
    pub(crate) fn allocate(plan: &Plan, engine: &mut dyn Engine) -> Result<Self, EngineError> {
        let mut images = Vec::new();
        for contract in &plan.contracts {
            images.push(engine.slot(&contract.spec())?);
        }
        let mut camera = Vec::new();
        for input in &plan.camera_inputs {
            camera.push(engine.slot(&input.spec())?);
        }
        let mut levels = Vec::new();
        for stage in &plan.encoders {
            let mut turns = Vec::new();
            for _ in 0..stage.turns {
                let slots = stage.levels.iter().map(|level| engine.slot(&level.spec()));
                turns.push(slots.collect::<Result<Vec<_>, _>>()?);
            }
            levels.push(turns);
        }
        let readouts = plan
            .readouts
            .iter()
            .map(|stage| engine.slot(&stage.output.spec));
        let readouts = readouts.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            images,
            camera,
            levels,
            readouts,
        })
    }

    /// One wiring per turn of the encoder's ring.
    pub(crate) fn encoder_wirings(&self, plan: &Plan, index: usize) -> Vec<Wiring> {
        let stage = &plan.encoders[index];
        let input = (stage.tensor.clone(), self.images[stage.contract]);
        let wiring = |slots: &Vec<Slot>| Wiring {
            inputs: vec![input.clone()],
            outputs: stage
                .levels
                .iter()
                .zip(slots)
                .map(|(level, &slot)| (level.tensor.clone(), slot))
                .collect(),
        };
        self.levels[index].iter().map(wiring).collect()
    }

    /// One wiring per combination of the turns of the rings that the readout
    /// reads; the last encoder's turn varies fastest.
    pub(crate) fn readout_wirings(&self, plan: &Plan, index: usize) -> Vec<Wiring> {
        let stage = &plan.readouts[index];
        let radices: Vec<usize> = stage
            .encoders
            .iter()
            .map(|&encoder| plan.encoders[encoder].turns)
            .collect();
        let combinations: usize = radices.iter().product();
        (0..combinations)
            .map(|number| self.readout_wiring(plan, index, &digits(number, &radices)))
            .collect()
    }

    fn readout_wiring(&self, plan: &Plan, index: usize, currents: &[usize]) -> Wiring {
        let stage = &plan.readouts[index];
        let slot = |from: InputOrigin| match from {
            InputOrigin::Readout(input) => Some(self.readouts[input]),
            InputOrigin::Camera(input) => Some(self.camera[input]),
            // Of geometric readouts alone, which are not wired.
            InputOrigin::FrameDepth => None,
            InputOrigin::Level {
                encoder,
                level,
                frames_back,
            } => {
                let turns = plan.encoders[encoder].turns;
                let at = stage.encoders.binary_search(&encoder).unwrap_or(0);
                let turn = Ring::turn_back(currents[at], frames_back, turns);
                Some(self.levels[encoder][turn][level])
            }
        };
        Wiring {
            inputs: stage
                .reads
                .iter()
                .filter_map(|read| Some((read.tensor.clone(), slot(read.from)?)))
                .collect(),
            outputs: vec![(stage.output.tensor.clone(), self.readouts[index])],
        }
    }
}

/// The digits of `number` in a mixed radix, most significant first.
fn digits(mut number: usize, radices: &[usize]) -> Vec<usize> {
    let mut digits: Vec<usize> = radices
        .iter()
        .rev()
        .map(|&radix| {
            let digit = number % radix;
            number /= radix;
            digit
        })
        .collect();
    digits.reverse();
    digits
}

/// Origin of the outputs of readout `index` in this lane.
pub(crate) fn origin_of(
    plan: &Plan,
    index: usize,
    lane: &LaneName,
    camera: &Arc<str>,
) -> Arc<OutputOrigin> {
    let stage = &plan.readouts[index];
    let encoder = |&encoder: &usize| {
        let stage = &plan.encoders[encoder];
        (stage.source.clone(), stage.file.sha256.clone())
    };
    let hashes = Hashes {
        policy_name: plan.policy.clone(),
        policy: plan.policy_hash.clone(),
        encoders: stage.encoders.iter().map(encoder).collect(),
        readout: (stage.file.name.clone(), stage.file.sha256.clone()),
    };
    Arc::new(OutputOrigin {
        task: stage.task,
        camera: Arc::clone(camera),
        key: lane.key(stage.task).into(),
        shape: stage.output.spec.shape.clone(),
        labels: Arc::clone(&stage.labels),
        hashes: Arc::new(hashes),
    })
}
