//! The stages of a plan.

use std::sync::Arc;

use concert_models::card::Level;
use concert_models::{NetworkFile, TensorSpec};
use concert_policies::Task;

use super::Plan;
use super::error::PlanError;
use crate::parts::{Maker, NamedTensor};

/// An encoder that runs at most once per frame.
#[derive(Debug, Clone)]
pub(crate) struct EncoderStage {
    pub(crate) source: String,
    pub(crate) file: NetworkFile,
    /// Name of its ONNX input.
    pub(crate) tensor: String,
    pub(crate) contract: usize,
    /// The levels that some readout reads.
    pub(crate) levels: Vec<Level>,
    /// Turns of the ring: 1 + the furthest look back.
    pub(crate) turns: usize,
}

/// A readout, and where in the plan its inputs lie.
#[derive(Debug, Clone)]
pub(crate) struct ReadoutStage {
    /// Relative error of its metres, where it was measured.
    pub(crate) relative_error: Option<f64>,
    pub(crate) task: &'static Task,
    pub(crate) maker: Maker,
    pub(crate) file: NetworkFile,
    pub(crate) reads: Vec<Read>,
    pub(crate) output: NamedTensor,
    pub(crate) labels: Arc<[String]>,
    pub(crate) rate_hz: Option<f64>,
    /// Encoders that it reads, ascending.
    pub(crate) encoders: Vec<usize>,
    /// Furthest look back into each of `encoders`.
    pub(crate) furthest_back: Vec<usize>,
    /// Readouts whose outputs it reads; all stand before it.
    pub(crate) inputs: Vec<usize>,
    /// Inputs from the camera beside the image.
    pub(crate) camera_inputs: Vec<usize>,
    /// True where it reads the frame's depth as it is.
    pub(crate) reads_frame_depth: bool,
}

/// An input from the camera beside its image, once for all readouts that
/// want it alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CameraInput {
    pub(crate) what: CameraValue,
    /// The contract of the network input that it is seen through.
    pub(crate) contract: usize,
}

/// A value that a camera knows of a frame beside its image.
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

/// One input of a readout.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) tensor: String,
    pub(crate) from: InputOrigin,
}

/// Origin of a readout's input, in the plan; numbers are indices.
#[derive(Debug, Clone, Copy)]
pub(crate) enum InputOrigin {
    /// A level of an encoder's representation, so many of its runs ago.
    Level {
        encoder: usize,
        level: usize,
        frames_back: usize,
    },
    /// The output of an earlier readout, for the same frame.
    Readout(usize),
    /// A value of the camera, made for the plan once.
    Camera(usize),
    /// The frame's depth as it is; of geometric readouts alone.
    FrameDepth,
}

impl ReadoutStage {
    /// Tells whether its output is true for cameras of known intrinsics alone.
    pub(crate) fn needs_intrinsics(&self, plan: &Plan) -> bool {
        let focal =
            |&index: &usize| matches!(plan.camera_inputs[index].what, CameraValue::Focal { .. });
        self.camera_inputs.iter().any(focal) || matches!(self.maker, Maker::Geometric(_))
    }

    /// Tells whether it cannot do without the depth that the camera measures.
    pub(crate) fn reads_camera_depth(&self, plan: &Plan) -> bool {
        let is_depth =
            |&index: &usize| matches!(plan.camera_inputs[index].what, CameraValue::Depth { .. });
        self.reads_frame_depth || self.camera_inputs.iter().any(is_depth)
    }

    /// A geometric readout has one read for each role that it cannot do
    /// without, and for no role more than one.
    pub(super) fn check_roles(&self, readout: &str) -> Result<(), PlanError> {
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

    /// Takes note of one of its inputs.
    pub(super) fn note(&mut self, from: InputOrigin) {
        match from {
            InputOrigin::Level {
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
            InputOrigin::Readout(index) if !self.inputs.contains(&index) => self.inputs.push(index),
            InputOrigin::Camera(index) if !self.camera_inputs.contains(&index) => {
                self.camera_inputs.push(index);
            }
            InputOrigin::FrameDepth => self.reads_frame_depth = true,
            InputOrigin::Readout(_) | InputOrigin::Camera(_) => {}
        }
    }
}
