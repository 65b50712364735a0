//! A policy made ready for one set of files: the stages in running order.
//!
//! text → `Policy` → [`Plan`] → `Pipeline`: each is made only from the one
//! before, and a half-prepared one cannot exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use concert_models::contract::InputContract;
use concert_models::geometric::Method;
use concert_models::{NetworkFile, TensorSpec};
use concert_policies::{Input, OutputKind, Policy, Task, Transfer};

/// What a plan needs to know of an encoder: its checked file and its card.
#[derive(Debug, Clone)]
pub struct EncoderPart {
    /// The source.
    pub source: String,
    /// The network.
    pub file: NetworkFile,
    /// What image it takes.
    pub contract: InputContract,
    /// Level name → ONNX output and its shape.
    pub levels: BTreeMap<String, (String, TensorSpec)>,
}

/// What a plan needs to know of a readout: its checked file and its card.
#[derive(Debug, Clone)]
pub struct ReadoutPart {
    /// Relative error of its metres as its card has it measured, for depth.
    pub relative_error: Option<f64>,
    /// What makes its output.
    pub maker: Maker,
    /// The network; of a geometric readout name, card and hash alone.
    pub file: NetworkFile,
    /// What each ONNX input (each role of a geometric readout) reads.
    pub reads: Vec<ReadPart>,
    /// ONNX output and its shape; f32.
    pub output: (String, TensorSpec),
    /// Class names by index; empty where there are none.
    pub labels: Arc<[String]>,
}

/// What makes a readout's output.
#[derive(Debug, Clone)]
pub enum Maker {
    /// A small network, run by the engine.
    Network,
    /// Geometry, in this program.
    Geometric(Method),
}

/// One ONNX input of a readout, or one role of a geometric one.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPart {
    /// Name of the ONNX input.
    pub tensor: String,
    /// What it reads.
    pub from: ReadFrom,
    /// Whether it is left out where the transfer does not list its input.
    pub optional: bool,
}

/// What an input of a readout reads.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadFrom {
    /// A level of a source's representation.
    Level {
        /// The source.
        source: String,
        /// The level.
        level: String,
        /// 0: of this frame; n: of the encoder's run n runs ago.
        frames_back: usize,
    },
    /// The output of another target for the same frame.
    Target(&'static Task),
    /// The depth that the camera measured with the frame, sampled over the
    /// input of the readout's first encoder: `[1, 1, height, width]`, metres,
    /// NaN where unknown or outside of the image.
    CameraDepth {
        /// Cells across.
        width: usize,
        /// Cells down.
        height: usize,
    },
    /// The depth that the camera measured with the frame, as it is; for
    /// geometric readouts.
    FrameDepth,
    /// √(fx · fy) of the camera, `[1, 1]`, in pixels of the input of the
    /// readout's first encoder.
    CameraFocal {
        /// Stands in where the camera's intrinsics are unknown; the output is
        /// uncalibrated then.
        reference_px: f64,
    },
}

impl ReadFrom {
    /// Whether the transfer lists the input that is read.
    fn is_listed(&self, transfer: &Transfer) -> bool {
        let inputs = transfer.inputs();
        match self {
            Self::Target(task) => inputs.contains(&Input::Target(task)),
            Self::CameraDepth { .. } | Self::FrameDepth => inputs.contains(&Input::CameraDepth),
            Self::Level { source, .. } => transfer.sources().contains(source),
            Self::CameraFocal { .. } => true,
        }
    }
}

/// Why a policy cannot be planned with these files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// An encoder of the policy was not handed in.
    #[error("policy {policy} needs the encoder {source_name}, but it was not loaded")]
    NoEncoder {
        /// Policy.
        policy: String,
        /// Source.
        source_name: String,
    },
    /// A readout of the policy was not handed in.
    #[error("policy {policy} needs the readout {readout}, but it was not loaded")]
    NoReadout {
        /// Policy.
        policy: String,
        /// Readout.
        readout: String,
    },
    /// A readout reads something that its transfer does not list.
    #[error("readout {readout} reads {wanted}, but the transfer of {target} lists {listed}")]
    NotListed {
        /// Readout.
        readout: String,
        /// What it reads.
        wanted: String,
        /// Target.
        target: String,
        /// What the transfer lists.
        listed: String,
    },
    /// A readout reads a level that the encoder does not have.
    #[error("readout {readout} reads the level {level} of {source_name}, which has {available}")]
    NoLevel {
        /// Readout.
        readout: String,
        /// Level.
        level: String,
        /// Source.
        source_name: String,
        /// Levels there are.
        available: String,
    },
    /// A readout wants more history than a ring may hold.
    #[error(
        "readout {readout} looks {frames_back} runs back, but at most {} are kept",
        Plan::MAX_FRAMES_BACK
    )]
    TooFarBack {
        /// Readout.
        readout: String,
        /// Runs.
        frames_back: usize,
    },
    /// A geometric readout has too little or too much to read.
    #[error("readout {readout} has {count} inputs listed that give it {role}, but needs 1")]
    Role {
        /// Readout.
        readout: String,
        /// What it reads.
        role: &'static str,
        /// How many of the inputs listed are that.
        count: usize,
    },
    /// A network's input is seen through its first encoder's image.
    #[error("readout {readout} reads the camera, but has no source whose input to see it through")]
    NoFirstEncoder {
        /// Readout.
        readout: String,
    },
    /// The transfer lists an input or source that the readout does not read.
    #[error("the transfer of {target} lists {listed}, but readout {readout} does not read it")]
    NotRead {
        /// Target.
        target: String,
        /// What is listed.
        listed: String,
        /// Readout.
        readout: String,
    },
}

/// The stages of a policy in running order.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) policy: String,
    pub(crate) policy_hash: String,
    pub(crate) contracts: Vec<InputContract>,
    pub(crate) camera_inputs: Vec<CameraInput>,
    pub(crate) encoders: Vec<EncoderStage>,
    pub(crate) readouts: Vec<ReadoutStage>,
}

#[derive(Debug, Clone)]
pub(crate) struct EncoderStage {
    pub(crate) source: String,
    pub(crate) file: NetworkFile,
    /// Name of its ONNX input.
    pub(crate) tensor: String,
    pub(crate) contract: usize,
    /// The levels that some readout reads: name, ONNX output, shape.
    pub(crate) levels: Vec<(String, String, TensorSpec)>,
    /// Turns of the ring: 1 + the furthest look back.
    pub(crate) turns: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct ReadoutStage {
    /// Relative error of its metres, where it was measured.
    pub(crate) relative_error: Option<f64>,
    pub(crate) task: &'static Task,
    pub(crate) maker: Maker,
    pub(crate) file: NetworkFile,
    pub(crate) reads: Vec<Read>,
    pub(crate) output: (String, TensorSpec),
    pub(crate) labels: Arc<[String]>,
    pub(crate) rate_hz: Option<f64>,
    /// Encoders that it reads, ascending.
    pub(crate) encoders: Vec<usize>,
    /// Furthest look back into each of `encoders`.
    pub(crate) furthest_back: Vec<usize>,
    /// Readouts whose outputs it reads; all stand before it.
    pub(crate) inputs: Vec<usize>,
    /// What it reads of the camera beside the image.
    pub(crate) camera_inputs: Vec<usize>,
    /// Whether it reads the frame's depth as it is.
    pub(crate) reads_frame_depth: bool,
}

/// What is read of the camera beside its image, once for all readouts that
/// want it alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CameraInput {
    pub(crate) what: CameraValue,
    /// The contract of the network input that it is seen through.
    pub(crate) contract: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CameraValue {
    Depth { width: usize, height: usize },
    Focal { reference_px: f64 },
}

impl CameraInput {
    pub(crate) fn spec(&self) -> TensorSpec {
        match self.what {
            CameraValue::Depth { width, height } => TensorSpec::f32(&[1, 1, height, width]),
            CameraValue::Focal { .. } => TensorSpec::f32(&[1, 1]),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) tensor: String,
    pub(crate) from: Origin,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    Level {
        encoder: usize,
        level: usize,
        frames_back: usize,
    },
    Readout(usize),
    Camera(usize),
    FrameDepth,
}

impl Plan {
    /// Furthest look back of a readout, in runs of its encoder.
    pub const MAX_FRAMES_BACK: usize = 8;

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

    /// What the classes of each pixel are called, by the hash of the readout
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

    /// Levels of an encoder that some readout reads as they were in an earlier
    /// run.
    pub(crate) fn levels_looked_back_at(&self, encoder: usize) -> BTreeSet<usize> {
        let reads = self.readouts.iter().flat_map(|readout| &readout.reads);
        let levels = reads.filter_map(|read| match read.from {
            Origin::Level {
                encoder: of,
                level,
                frames_back: 1..,
            } if of == encoder => Some(level),
            _ => None,
        });
        levels.collect()
    }

    fn add_encoder(&mut self, part: &EncoderPart) {
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

    fn add_readout(
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
            let from = match &read.from {
                ReadFrom::CameraDepth { width, height } => {
                    if !transfer.inputs().contains(&Input::CameraDepth) {
                        return Err(not_listed(name, Input::CameraDepth.name(), transfer));
                    }
                    let (width, height) = (*width, *height);
                    self.read_camera(CameraValue::Depth { width, height }, name, transfer)?
                }
                ReadFrom::FrameDepth if transfer.inputs().contains(&Input::CameraDepth) => {
                    Origin::FrameDepth
                }
                ReadFrom::FrameDepth => {
                    return Err(not_listed(name, Input::CameraDepth.name(), transfer));
                }
                ReadFrom::CameraFocal { reference_px } => {
                    let reference_px = *reference_px;
                    self.read_camera(CameraValue::Focal { reference_px }, name, transfer)?
                }
                ReadFrom::Level {
                    source,
                    level,
                    frames_back,
                } => {
                    if !transfer.sources().contains(source) {
                        return Err(not_listed(name, source, transfer));
                    }
                    self.read_level(name, &encoders[source], level, *frames_back)?
                }
                ReadFrom::Target(task) => self.read_target(name, task, transfer)?,
            };
            stage.note(from);
            stage.reads.push(Read {
                tensor: read.tensor.clone(),
                from,
            });
        }
        self.nothing_unread(transfer, name, &stage)?;
        stage.check_roles(name)?;
        self.readouts.push(stage);
        Ok(())
    }

    fn read_level(
        &mut self,
        readout: &str,
        part: &EncoderPart,
        level: &str,
        frames_back: usize,
    ) -> Result<Origin, PlanError> {
        if frames_back > Self::MAX_FRAMES_BACK {
            return Err(PlanError::TooFarBack {
                readout: readout.to_owned(),
                frames_back,
            });
        }
        let Some((tensor, spec)) = part.levels.get(level) else {
            let available: Vec<&str> = part.levels.keys().map(String::as_str).collect();
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
        let known = stage.levels.iter().position(|(name, ..)| name == level);
        let level = known.unwrap_or_else(|| {
            stage
                .levels
                .push((level.to_owned(), tensor.clone(), spec.clone()));
            stage.levels.len() - 1
        });
        Ok(Origin::Level {
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
    ) -> Result<Origin, PlanError> {
        let listed = transfer.inputs().contains(&Input::Target(task));
        let found = self.readouts.iter().position(|stage| stage.task == task);
        match found {
            Some(index) if listed => Ok(Origin::Readout(index)),
            _ => Err(not_listed(readout, task.name, transfer)),
        }
    }

    /// Through the input of the readout's first encoder.
    fn read_camera(
        &mut self,
        what: CameraValue,
        readout: &str,
        transfer: &Transfer,
    ) -> Result<Origin, PlanError> {
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
        Ok(Origin::Camera(known.unwrap_or_else(|| {
            self.camera_inputs.push(input);
            self.camera_inputs.len() - 1
        })))
    }

    fn nothing_unread(
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
                Input::CameraDepth => {
                    let is_depth = |&index: &usize| {
                        matches!(self.camera_inputs[index].what, CameraValue::Depth { .. })
                    };
                    stage.reads_frame_depth || stage.camera_inputs.iter().any(is_depth)
                }
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

impl ReadoutStage {
    /// Whether its output is true for cameras of known intrinsics alone.
    pub(crate) fn needs_intrinsics(&self, plan: &Plan) -> bool {
        let focal =
            |&index: &usize| matches!(plan.camera_inputs[index].what, CameraValue::Focal { .. });
        self.camera_inputs.iter().any(focal) || matches!(self.maker, Maker::Geometric(_))
    }

    /// A geometric readout has one read for each role that it cannot do
    /// without, and for no role more than one.
    fn check_roles(&self, readout: &str) -> Result<(), PlanError> {
        let Maker::Geometric(method) = &self.maker else {
            return Ok(());
        };
        for role in method.roles() {
            let count = self.reads.iter().filter(|read| read.tensor == role.name);
            let count = count.count();
            if count > 1 || (role.required && count == 0) {
                return Err(PlanError::Role {
                    readout: readout.to_owned(),
                    role: role.name,
                    count,
                });
            }
        }
        Ok(())
    }

    fn note(&mut self, from: Origin) {
        match from {
            Origin::Level {
                encoder,
                frames_back,
                ..
            } => match self.encoders.binary_search(&encoder) {
                Ok(at) => self.furthest_back[at] = self.furthest_back[at].max(frames_back),
                Err(at) => {
                    self.encoders.insert(at, encoder);
                    self.furthest_back.insert(at, frames_back);
                }
            },
            Origin::Readout(index) if !self.inputs.contains(&index) => self.inputs.push(index),
            Origin::Camera(index) if !self.camera_inputs.contains(&index) => {
                self.camera_inputs.push(index);
            }
            Origin::FrameDepth => self.reads_frame_depth = true,
            Origin::Readout(_) | Origin::Camera(_) => {}
        }
    }
}

fn not_listed(readout: &str, wanted: &str, transfer: &Transfer) -> PlanError {
    let sources = transfer.sources().iter().map(String::as_str);
    let listed: Vec<&str> = sources
        .chain(transfer.inputs().iter().map(|input| input.name()))
        .collect();
    PlanError::NotListed {
        readout: readout.to_owned(),
        wanted: wanted.to_owned(),
        target: transfer.target().name.to_owned(),
        listed: listed.join(", "),
    }
}
