//! A policy made ready for one set of files: the stages in running order.
//!
//! text → `Policy` → [`Plan`] → `Pipeline`: each is made only from the one
//! before, and a half-prepared one cannot exist.

mod error;
mod make;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use concert_models::NetworkFile;
use concert_models::contract::InputContract;
use concert_policies::{OutputKind, Policy, Task};

pub use error::PlanError;
pub(crate) use stage::{CameraInput, CameraValue, EncoderStage, InputOrigin, ReadoutStage};

use crate::execution::EncoderOrder;
use crate::parts::{EncoderPart, Maker, ReadoutPart};

/// Furthest look back of a readout, in runs of its encoder.
const MAX_FRAMES_BACK: usize = 8;

/// The stages of a policy in running order.
///
/// # Invariants
/// * A stage reads only stages before it: every index in a readout's inputs is
///   smaller than its own, and an encoder reads none.
/// * If a readout looks `n` runs back into an encoder, that encoder has at least
///   `n + 1` turns, and `n` is at most [`Plan::MAX_FRAMES_BACK`].
/// * Every encoder and level is read by some readout, and every source and input
///   that a transfer lists is read by its readout.
/// * No two contracts are alike, so one index is one preprocessing; neither are
///   two values read of the camera.
/// * A geometric readout reads each of its roles at most once, and once where it
///   cannot do without.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) policy: String,
    pub(crate) policy_hash: String,
    pub(crate) contracts: Vec<InputContract>,
    pub(crate) camera_inputs: Vec<CameraInput>,
    pub(crate) encoders: Vec<EncoderStage>,
    pub(crate) readouts: Vec<ReadoutStage>,
    pub(crate) order: EncoderOrder,
}

impl Plan {
    /// Furthest look back of a readout, in runs of its encoder.
    pub const MAX_FRAMES_BACK: usize = MAX_FRAMES_BACK;

    /// Brings the transfers of `policy` into running order: importance first,
    /// inputs before their dependents. `encoders` by source, `readouts` by name.
    ///
    /// # Errors
    /// A part that is missing, or that does not read what its transfer lists.
    pub fn make(
        policy: &Policy,
        encoders: &BTreeMap<String, EncoderPart>,
        readouts: &BTreeMap<String, ReadoutPart>,
    ) -> Result<Self, PlanError> {
        let mut plan = Self {
            policy: policy.name().to_owned(),
            policy_hash: policy.hash().to_string(),
            contracts: Vec::new(),
            camera_inputs: Vec::new(),
            encoders: Vec::new(),
            readouts: Vec::new(),
            order: EncoderOrder::default(),
        };
        for source in policy.encoders() {
            let part = encoders.get(source).ok_or_else(|| PlanError::NoEncoder {
                policy: plan.policy.clone(),
                source_name: source.clone(),
            })?;
            plan.add_encoder(part);
        }
        for transfer in policy.evaluation_order() {
            let name = transfer.readout_name();
            let part = readouts.get(&name).ok_or_else(|| PlanError::NoReadout {
                policy: plan.policy.clone(),
                readout: name.clone(),
            })?;
            plan.add_readout(transfer, &name, part, encoders)?;
        }
        Ok(plan)
    }

    /// Targets in running order.
    pub fn targets(&self) -> impl Iterator<Item = &'static Task> + '_ {
        self.readouts.iter().map(|readout| readout.task)
    }

    /// Names of the classes of each pixel, by the hash of the readout
    /// that makes them.
    pub fn pixel_classes(&self) -> impl Iterator<Item = (&str, &[String])> {
        let maps = self.readouts.iter();
        let maps = maps.filter(|readout| readout.task.output == OutputKind::ClassMap);
        maps.map(|readout| (readout.file.sha256.as_str(), &*readout.labels))
    }

    /// Name of the policy.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Hash of the policy, 64 hexadecimal digits.
    #[must_use]
    pub fn policy_hash(&self) -> &str {
        &self.policy_hash
    }

    /// Sources, in the order of their names.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.encoders.iter().map(|encoder| encoder.source.as_str())
    }

    /// The same plan, whose encoders take turns like this.
    #[must_use]
    pub fn with_encoders(mut self, order: EncoderOrder) -> Self {
        self.order = order;
        self
    }

    /// Tells whether several encoders are needed by every frame, so that they can
    /// run side by side.
    #[must_use]
    pub fn has_several_encoders_a_frame(&self) -> bool {
        self.encoders_of_every_frame().len() > 1
    }

    /// Encoders that run side by side, where there are several and nothing else
    /// was chosen.
    pub(crate) fn side_by_side(&self) -> Vec<usize> {
        let encoders = self.encoders_of_every_frame();
        match (self.order, encoders.len()) {
            (EncoderOrder::SideBySide, 2..) => encoders,
            _ => Vec::new(),
        }
    }

    /// Encoders that every frame needs if everything is subscribed to: those are
    /// worth running side by side. What runs on some frames alone leaves the others
    /// all threads.
    fn encoders_of_every_frame(&self) -> Vec<usize> {
        let mut every_frame: Vec<bool> =
            self.readouts.iter().map(|r| r.rate_hz.is_none()).collect();
        for (index, readout) in self.readouts.iter().enumerate().rev() {
            if every_frame[index] {
                readout
                    .inputs
                    .iter()
                    .for_each(|&input| every_frame[input] = true);
            }
        }
        let needed = |encoder: &usize| {
            let mut readouts = self.readouts.iter().zip(&every_frame);
            readouts.any(|(readout, every)| *every && readout.encoders.contains(encoder))
        };
        (0..self.encoders.len()).filter(needed).collect()
    }

    /// Every network, encoders first.
    pub fn networks(&self) -> impl Iterator<Item = &NetworkFile> {
        let encoders = self.encoders.iter().map(|stage| &stage.file);
        let readouts = self.readouts.iter();
        let networks = readouts.filter(|stage| matches!(stage.maker, Maker::Network));
        encoders.chain(networks.map(|stage| &stage.file))
    }

    /// Gives back the memory of the networks' files, which nobody reads any more
    /// once they are loaded.
    pub(crate) fn drop_network_bytes(&mut self) {
        let encoders = self.encoders.iter_mut().map(|stage| &mut stage.file);
        let readouts = self.readouts.iter_mut().map(|stage| &mut stage.file);
        encoders
            .chain(readouts)
            .for_each(|file| file.bytes = Arc::from([]));
    }

    /// Levels of an encoder that some readout reads as they were in an earlier
    /// run.
    pub(crate) fn levels_looked_back_at(&self, encoder: usize) -> BTreeSet<usize> {
        let reads = self.readouts.iter().flat_map(|readout| &readout.reads);
        let levels = reads.filter_map(|read| match read.from {
            InputOrigin::Level {
                encoder: of,
                level,
                frames_back: 1..,
            } if of == encoder => Some(level),
            _ => None,
        });
        levels.collect()
    }
}
