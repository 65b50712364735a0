//! Brings parts into running order: each read is given its place in the plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_policies::{Input, Task, Transfer};

use super::error::{PlanError, not_listed_error};
use super::stage::{CameraInput, CameraValue, EncoderStage, InputOrigin, Read, ReadoutStage};
use super::{MAX_FRAMES_BACK, Plan};
use crate::parts::{EncoderPart, PartInput, ReadoutPart};

impl Plan {
    /// Adds an encoder, of whose levels none is read yet.
    pub(super) fn add_encoder(&mut self, part: &EncoderPart) {
        let known = self
            .contracts
            .iter()
            .position(|contract| contract.key() == part.contract.key());
        let contract = known.unwrap_or_else(|| {
            self.contracts.push(part.contract.clone());
            self.contracts.len() - 1
        });
        self.encoders.push(EncoderStage {
            source: part.source.clone(),
            file: part.file.clone(),
            tensor: part.contract.tensor().to_owned(),
            contract,
            levels: Vec::new(),
            turns: 1,
        });
    }

    /// Adds a readout; what it reads is there already.
    pub(super) fn add_readout(
        &mut self,
        transfer: &Transfer,
        name: &str,
        part: &ReadoutPart,
        encoders: &BTreeMap<String, EncoderPart>,
    ) -> Result<(), PlanError> {
        let mut stage = ReadoutStage {
            relative_error: part.relative_error,
            task: transfer.target(),
            maker: part.maker.clone(),
            file: part.file.clone(),
            reads: Vec::new(),
            output: part.output.clone(),
            labels: Arc::clone(&part.labels),
            rate_hz: transfer.rate_hz(),
            encoders: Vec::new(),
            furthest_back: Vec::new(),
            inputs: Vec::new(),
            camera_inputs: Vec::new(),
            reads_frame_depth: false,
        };
        for read in &part.reads {
            if read.optional && !read.from.is_listed(transfer) {
                continue;
            }
            let from = self.input(transfer, name, &read.from, encoders)?;
            stage.note(from);
            stage.reads.push(Read {
                tensor: read.tensor.clone(),
                from,
            });
        }
        self.check_all_read(transfer, name, &stage)?;
        stage.check_roles(name)?;
        self.readouts.push(stage);
        Ok(())
    }

    /// Gives an input of a readout its place in the plan.
    fn input(
        &mut self,
        transfer: &Transfer,
        name: &str,
        from: &PartInput,
        encoders: &BTreeMap<String, EncoderPart>,
    ) -> Result<InputOrigin, PlanError> {
        let lists_depth = transfer.inputs().contains(&Input::CameraDepth);
        match from {
            PartInput::CameraDepth { .. } | PartInput::FrameDepth if !lists_depth => {
                Err(not_listed_error(name, Input::CameraDepth.name(), transfer))
            }
            &PartInput::CameraDepth { width, height } => {
                self.read_camera(CameraValue::Depth { width, height }, name, transfer)
            }
            PartInput::FrameDepth => Ok(InputOrigin::FrameDepth),
            &PartInput::CameraFocal { reference_px } => {
                self.read_camera(CameraValue::Focal { reference_px }, name, transfer)
            }
            PartInput::Level { source, .. } if !transfer.sources().contains(source) => {
                Err(not_listed_error(name, source, transfer))
            }
            PartInput::Level {
                source,
                level,
                frames_back,
            } => self.read_level(name, &encoders[source], level, *frames_back),
            PartInput::Target(task) => self.read_target(name, task, transfer),
        }
    }

    fn read_level(
        &mut self,
        readout: &str,
        part: &EncoderPart,
        level: &str,
        frames_back: usize,
    ) -> Result<InputOrigin, PlanError> {
        if frames_back > MAX_FRAMES_BACK {
            return Err(PlanError::TooFarBack {
                readout: readout.to_owned(),
                frames_back,
            });
        }
        let Some(wanted) = part.levels.iter().find(|known| known.name == level) else {
            let mut available: Vec<&str> = part.levels.iter().map(|l| &*l.name).collect();
            available.sort_unstable();
            return Err(PlanError::NoLevel {
                readout: readout.to_owned(),
                level: level.to_owned(),
                source_name: part.source.clone(),
                available: available.join(", "),
            });
        };
        let found = self
            .encoders
            .iter()
            .position(|stage| stage.source == part.source);
        let encoder = found.ok_or_else(|| PlanError::NoEncoder {
            policy: self.policy.clone(),
            source_name: part.source.clone(),
        })?;
        let stage = &mut self.encoders[encoder];
        stage.turns = stage.turns.max(frames_back + 1);
        let known = stage.levels.iter().position(|known| known.name == level);
        let level = known.unwrap_or_else(|| {
            stage.levels.push(wanted.clone());
            stage.levels.len() - 1
        });
        Ok(InputOrigin::Level {
            encoder,
            level,
            frames_back,
        })
    }

    fn read_target(
        &self,
        readout: &str,
        task: &'static Task,
        transfer: &Transfer,
    ) -> Result<InputOrigin, PlanError> {
        let listed = transfer.inputs().contains(&Input::Target(task));
        let found = self.readouts.iter().position(|stage| stage.task == task);
        match found {
            Some(index) if listed => Ok(InputOrigin::Readout(index)),
            _ => Err(not_listed_error(readout, task.name, transfer)),
        }
    }

    /// Through the input of the readout's first encoder.
    fn read_camera(
        &mut self,
        what: CameraValue,
        readout: &str,
        transfer: &Transfer,
    ) -> Result<InputOrigin, PlanError> {
        let first = transfer.sources().first();
        let stage = self
            .encoders
            .iter()
            .find(|stage| Some(&stage.source) == first);
        let Some(stage) = stage else {
            return Err(PlanError::NoFirstEncoder {
                readout: readout.to_owned(),
            });
        };
        let input = CameraInput {
            what,
            contract: stage.contract,
        };
        let known = self.camera_inputs.iter().position(|known| *known == input);
        Ok(InputOrigin::Camera(known.unwrap_or_else(|| {
            self.camera_inputs.push(input);
            self.camera_inputs.len() - 1
        })))
    }

    fn check_all_read(
        &self,
        transfer: &Transfer,
        readout: &str,
        stage: &ReadoutStage,
    ) -> Result<(), PlanError> {
        let not_read = |listed: &str| PlanError::NotRead {
            target: stage.task.name.to_owned(),
            listed: listed.to_owned(),
            readout: readout.to_owned(),
        };
        for source in transfer.sources() {
            if !stage
                .encoders
                .iter()
                .any(|&index| self.encoders[index].source == *source)
            {
                return Err(not_read(source));
            }
        }
        for input in transfer.inputs() {
            let read = match input {
                Input::CameraDepth => stage.reads_camera_depth(self),
                Input::Target(_) => stage
                    .inputs
                    .iter()
                    .any(|&index| Input::Target(self.readouts[index].task) == *input),
            };
            if !read {
                return Err(not_read(input.name()));
            }
        }
        Ok(())
    }
}
