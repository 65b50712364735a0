//! Parts of a plan: one for each encoder and readout.

use std::sync::Arc;

use concert_models::card::Level;
use concert_models::contract::InputContract;
use concert_models::geometric::Method;
use concert_models::{NetworkFile, TensorSpec};
use concert_policies::{Input, Task, Transfer};

/// An encoder for a plan: its checked file, and what its card says.
#[derive(Debug, Clone)]
pub struct EncoderPart {
    /// The source.
    pub source: String,
    /// The network.
    pub file: NetworkFile,
    /// Contract of the image that it takes.
    pub contract: InputContract,
    /// The tensors of its representation.
    pub levels: Vec<Level>,
}

/// A readout for a plan: its checked file, and what its card says.
#[derive(Debug, Clone)]
pub struct ReadoutPart {
    /// Relative error of its metres as its card has it measured, for depth.
    pub relative_error: Option<f64>,
    /// Maker of its output.
    pub maker: Maker,
    /// The network; of a geometric readout name, card and hash alone.
    pub file: NetworkFile,
    /// Inputs: one per ONNX input (per role of a geometric readout).
    pub reads: Vec<ReadPart>,
    /// Its output; f32.
    pub output: NamedTensor,
    /// Class names by index; empty where there are none.
    pub labels: Arc<[String]>,
}

/// An output of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Name of the ONNX output; of a geometric readout, of its target.
    pub tensor: String,
    /// Type and shape.
    pub spec: TensorSpec,
}

/// Maker of a readout's output.
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
    /// Its origin.
    pub from: PartInput,
    /// True where it is left out where the transfer does not list its input.
    pub optional: bool,
}

/// Origin of a readout's input, by name.
#[derive(Debug, Clone, PartialEq)]
pub enum PartInput {
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

impl PartInput {
    /// Tells whether the transfer lists the input that is read.
    pub(crate) fn is_listed(&self, transfer: &Transfer) -> bool {
        let inputs = transfer.inputs();
        match self {
            Self::Target(task) => inputs.contains(&Input::Target(task)),
            Self::CameraDepth { .. } | Self::FrameDepth => inputs.contains(&Input::CameraDepth),
            Self::Level { source, .. } => transfer.sources().contains(source),
            Self::CameraFocal { .. } => true,
        }
    }
}
