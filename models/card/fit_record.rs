//! Record of how a readout was fitted: the card's `[fit]` table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::parse::{Placed, count, digest, entries, text, value};
use super::write::{Lines, quoted};

/// Most frames, of one data set or of all, that a card can name.
const MAX_FRAMES: usize = 1 << 32;

/// Record of how a readout was fitted, and what that gave.
#[derive(Debug, Clone, PartialEq)]
pub struct FitRecord {
    /// Kind of network that was fitted.
    pub kind: FitKind,
    /// Labelled frames that it was fitted on.
    pub frames: usize,
    /// Time that fitting took, everything included, s.
    pub seconds: f64,
    /// The seed of all random numbers.
    pub seed: u32,
    /// The ridge's strength, where there is a ridge.
    pub lambda: Option<f64>,
    /// √(fx · fy) for which the network's output is metric, in pixels of the
    /// first encoder's input; where the output depends on the focal length.
    pub reference_focal_px: Option<f64>,
    /// The data sets, at least one.
    pub data: Vec<FitData>,
    /// The readout whose weights fitting began with.
    pub warm_start: Option<WarmStart>,
    /// Figures on frames that were held out.
    pub held_out: Option<HeldOut>,
}

/// Kind of network that was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FitKind {
    /// One linear layer in closed form.
    Ridge,
    /// A few small convolutions, by gradient descent.
    Convolutional,
}

/// A data set that a readout was fitted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitData {
    /// Name of its folder.
    pub name: String,
    /// SHA-256 over the files that were used, in order, 64 lowercase
    /// hexadecimal digits.
    pub sha256: String,
    /// Frames taken from it.
    pub frames: usize,
}

/// The readout whose weights a fit began with.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmStart {
    /// Its name.
    pub readout: String,
    /// SHA-256 of its ONNX file.
    pub sha256: String,
    /// Share of the way that the weights went from there to those that the frames
    /// alone led to, 0 to 1: what is written lies so far between the two.
    pub share: Option<f64>,
}

/// A figure on frames that were held out, beside the constant predictor's.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// Name of the measure.
    pub measure: String,
    /// The readout's figure.
    pub value: f64,
    /// The figure of the best constant on the same frames.
    pub constant: f64,
    /// Frames held out.
    pub frames: usize,
}

impl FitKind {
    /// Name as cards write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FitKind::Ridge => "ridge",
            FitKind::Convolutional => "convolutional",
        }
    }
}

/// How the readout was fitted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fit")]
pub(super) struct RawFit {
    /// What was fitted.
    kind: FitKind,
    /// Labelled frames that it was fitted on.
    #[schemars(with = "u32", range(min = 1))]
    frames: Spanned<i64>,
    /// Time that fitting took, everything included, s.
    #[schemars(with = "f64", range(min = 0))]
    seconds: Spanned<f64>,
    /// The seed of all random numbers.
    #[schemars(with = "u32")]
    seed: Spanned<i64>,
    /// The ridge's strength.
    #[schemars(with = "Option<f64>")]
    lambda: Option<Spanned<f64>>,
    /// √(fx · fy) for which the output is metric, in pixels of the first
    /// encoder's input.
    #[schemars(with = "Option<f64>")]
    reference_focal_px: Option<Spanned<f64>>,
    /// The data sets.
    #[schemars(with = "Vec<RawData>", length(min = 1))]
    data: Vec<Spanned<RawData>>,
    /// The readout whose weights fitting began with.
    warm_start: Option<RawWarmStart>,
    /// What was measured on frames that were held out.
    held_out: Option<RawHeldOut>,
}

/// A data set that the readout was fitted on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FitData")]
struct RawData {
    /// Name of its folder.
    #[schemars(with = "String")]
    name: Spanned<String>,
    /// SHA-256 over the files that were used.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    sha256: Spanned<String>,
    /// Frames taken from it.
    #[schemars(with = "u32", range(min = 1))]
    frames: Spanned<i64>,
}

/// The readout whose weights fitting began with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WarmStart")]
struct RawWarmStart {
    /// Its name.
    #[schemars(with = "String")]
    readout: Spanned<String>,
    /// SHA-256 of its ONNX file.
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))]
    sha256: Spanned<String>,
    /// How far the weights went from there to those that the frames alone led
    /// to.
    #[schemars(with = "Option<f64>", range(min = 0.0, max = 1.0))]
    share: Option<Spanned<f64>>,
}

/// A figure on frames that were held out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HeldOut")]
struct RawHeldOut {
    /// What was measured.
    #[schemars(with = "String")]
    measure: Spanned<String>,
    /// The readout's figure.
    #[schemars(with = "f64")]
    value: Spanned<f64>,
    /// The figure of the best constant.
    #[schemars(with = "f64")]
    constant: Spanned<f64>,
    /// Frames held out.
    #[schemars(with = "u32", range(min = 1))]
    frames: Spanned<i64>,
}

impl FitRecord {
    /// A record of the entries that every fit has; the rest is absent.
    #[must_use]
    pub fn new(kind: FitKind, frames: usize, seconds: f64, seed: u32, data: Vec<FitData>) -> Self {
        Self {
            kind,
            frames,
            seconds,
            seed,
            lambda: None,
            reference_focal_px: None,
            data,
            warm_start: None,
            held_out: None,
        }
    }

    pub(super) fn parse(raw: &Spanned<RawFit>) -> Placed<Self> {
        let raw = raw.get_ref();
        entries("fit.data", &raw.data)?;
        let above_0 = |number: &Spanned<f64>, entry: &str| {
            checked(number, entry, "it must be finite and above 0", |x| x > 0.0)
        };
        let optional = |number: &Option<Spanned<f64>>, entry: &str| {
            number.as_ref().map(|x| above_0(x, entry)).transpose()
        };
        Ok(Self {
            kind: raw.kind,
            frames: frames(&raw.frames, "fit.frames")?,
            seconds: checked(
                &raw.seconds,
                "fit.seconds",
                "it must be finite and at least 0",
                |x| x >= 0.0,
            )?,
            seed: match u32::try_from(*raw.seed.get_ref()) {
                Ok(seed) => seed,
                Err(_) => return value(&raw.seed, "fit.seed", "it must be 0 to 4294967295"),
            },
            lambda: optional(&raw.lambda, "fit.lambda")?,
            reference_focal_px: optional(&raw.reference_focal_px, "fit.reference_focal_px")?,
            data: raw.data.iter().map(FitData::parse).collect::<Placed<_>>()?,
            warm_start: raw.warm_start.as_ref().map(WarmStart::parse).transpose()?,
            held_out: raw.held_out.as_ref().map(HeldOut::parse).transpose()?,
        })
    }

    pub(super) fn write(&self, lines: &mut Lines) {
        lines.header("[fit]");
        lines.text("kind", self.kind.name());
        lines.plain("frames", self.frames);
        lines.plain("seconds", format!("{:?}", self.seconds));
        lines.plain("seed", self.seed);
        if let Some(lambda) = self.lambda {
            lines.plain("lambda", format!("{lambda:?}"));
        }
        if let Some(focal) = self.reference_focal_px {
            lines.plain("reference_focal_px", format!("{focal:?}"));
        }
        let data = self.data.iter().map(|data| {
            let (name, sha256) = (quoted(&data.name), quoted(&data.sha256));
            let frames = data.frames;
            format!("{{ name = {name}, sha256 = {sha256}, frames = {frames} }}")
        });
        let data: Vec<_> = data.collect();
        lines.plain("data", format!("[{}]", data.join(", ")));
        if let Some(warm) = &self.warm_start {
            let (readout, sha256) = (quoted(&warm.readout), quoted(&warm.sha256));
            let share = (warm.share).map_or(String::new(), |share| format!(", share = {share:?}"));
            let warm = format!("{{ readout = {readout}, sha256 = {sha256}{share} }}");
            lines.plain("warm_start", warm);
        }
        if let Some(held_out) = &self.held_out {
            let measure = quoted(&held_out.measure);
            let (value, constant) = (held_out.value, held_out.constant);
            let frames = held_out.frames;
            let held_out = format!(
                "{{ measure = {measure}, value = {value:?}, constant = {constant:?}, frames = {frames} }}"
            );
            lines.plain("held_out", held_out);
        }
    }
}

impl FitData {
    /// A data set by the name of its folder, with the hash of what was used.
    #[must_use]
    pub fn new(name: String, sha256: String, frames: usize) -> Self {
        Self {
            name,
            sha256,
            frames,
        }
    }

    fn parse(raw: &Spanned<RawData>) -> Placed<Self> {
        let raw = raw.get_ref();
        Ok(Self {
            name: text(&raw.name, "fit.data.name")?,
            sha256: digest(&raw.sha256, "fit.data.sha256")?,
            frames: frames(&raw.frames, "fit.data.frames")?,
        })
    }
}

impl WarmStart {
    /// The readout of this name and hash.
    #[must_use]
    pub fn new(readout: String, sha256: String) -> Self {
        Self {
            readout,
            sha256,
            share: None,
        }
    }

    fn parse(raw: &RawWarmStart) -> Placed<Self> {
        Ok(Self {
            readout: text(&raw.readout, "fit.warm_start.readout")?,
            sha256: digest(&raw.sha256, "fit.warm_start.sha256")?,
            share: match &raw.share {
                Some(share) => Some(checked(
                    share,
                    "fit.warm_start.share",
                    "it must be from 0 to 1",
                    |x| (0.0..=1.0).contains(&x),
                )?),
                None => None,
            },
        })
    }
}

impl HeldOut {
    /// A figure beside the constant predictor's.
    #[must_use]
    pub fn new(measure: String, value: f64, constant: f64, frames: usize) -> Self {
        Self {
            measure,
            value,
            constant,
            frames,
        }
    }

    fn parse(raw: &RawHeldOut) -> Placed<Self> {
        let finite = |number: &Spanned<f64>, entry: &str| {
            checked(number, entry, "it must be finite", |_| true)
        };
        Ok(Self {
            measure: text(&raw.measure, "fit.held_out.measure")?,
            value: finite(&raw.value, "fit.held_out.value")?,
            constant: finite(&raw.constant, "fit.held_out.constant")?,
            frames: frames(&raw.frames, "fit.held_out.frames")?,
        })
    }
}

fn frames(written: &Spanned<i64>, entry: &str) -> Placed<usize> {
    count(written, entry, 1, MAX_FRAMES)
}

fn checked(
    written: &Spanned<f64>,
    entry: &str,
    rule: &str,
    holds: impl Fn(f64) -> bool,
) -> Placed<f64> {
    let number = *written.get_ref();
    if number.is_finite() && holds(number) {
        return Ok(number);
    }
    value(written, entry, rule)
}
