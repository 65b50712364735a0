//! The card of a geometric readout, which has no network beside it.

use concert_policies::{Input, Task, readout_inputs};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use concert_policies::document::shown;

use super::fault::CardFault;
use super::parse::{
    Placed, SHOWN, entries, figure, is_safe_name, pins, read, read_from, task, text, value,
};
use super::raw::{RawPin, RawQuality, RawRead};
use super::{EncoderPin, Origin, Provenance, ReadFrom};
use crate::digest::sha256_hex;
use crate::geometric::Method;

/// Card of a geometric readout.
#[derive(Debug, Clone, PartialEq)]
pub struct GeometricCard {
    /// `TARGET_from_A+B[@VARIANT]`; inputs stand for A and B where it reads no
    /// encoder. The card's file is `NAME.toml`.
    pub name: String,
    /// The task that is estimated.
    pub target: &'static Task,
    /// Hash and size of the card itself, and figures.
    pub origin: Origin,
    /// Method that is computed, with its parameters.
    pub method: Method,
    /// The encoders that it was made for, by name.
    pub encoders: Vec<EncoderPin>,
    /// Inputs that it reads.
    pub reads: Vec<GeometricRead>,
    /// The card as it is written.
    text: String,
}

/// Something that a geometric readout reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeometricRead {
    /// Part that it has in the method.
    pub role: String,
    /// Source of what is read.
    pub from: ReadFrom,
    /// Set if it is read only where the transfer lists it among its inputs.
    pub optional: bool,
}

/// Card of a geometric readout.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Geometric")]
pub(super) struct RawGeometric {
    /// `geometric`.
    #[schemars(regex(pattern = "^geometric$"))]
    #[expect(dead_code, reason = "read by RawKind")]
    kind: String,
    /// TARGET_from_A+B, and @VARIANT where there are several; inputs stand for
    /// A and B where no encoder is read.
    #[schemars(with = "String")]
    name: Spanned<String>,
    /// The task that is estimated.
    #[schemars(with = "String")]
    target: Spanned<String>,
    /// What is computed.
    #[schemars(with = "String")]
    method: Spanned<String>,
    /// The encoders that it was made for.
    #[serde(default)]
    #[schemars(with = "Vec<RawPin>")]
    encoder: Vec<Spanned<RawPin>>,
    /// What it reads.
    #[schemars(with = "Vec<RawGeometricRead>", length(min = 1))]
    read: Vec<Spanned<RawGeometricRead>>,
    /// Numbers of the method that differ from their defaults.
    #[serde(default)]
    #[schemars(with = "Option<std::collections::BTreeMap<String, f64>>")]
    parameters: Option<Spanned<toml::Table>>,
    /// Measured figures.
    #[serde(default)]
    quality: Vec<RawQuality>,
}

/// Something that a geometric readout reads: a source's level, or another
/// target's output.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GeometricRead")]
struct RawGeometricRead {
    /// What it is to the method.
    #[schemars(with = "String")]
    tensor: Spanned<String>,
    /// The encoder; with `level`.
    #[schemars(with = "Option<String>")]
    source: Option<Spanned<String>>,
    /// The encoder's level; with `source`.
    #[schemars(with = "Option<String>")]
    level: Option<Spanned<String>>,
    /// Another target, or `camera.depth`; instead of `source` and `level`.
    #[schemars(with = "Option<String>")]
    target: Option<Spanned<String>>,
    /// Read only where the transfer lists it among its inputs; default: false.
    #[serde(default)]
    optional: bool,
}

impl GeometricCard {
    /// The card as a file.
    pub fn to_toml(&self) -> String {
        self.text.clone()
    }

    /// Names of the encoders, sorted.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.encoders.iter().map(|pin| pin.source.as_str())
    }
}

pub(super) fn parse(whole: &str) -> Placed<GeometricCard> {
    let raw: RawGeometric = read(whole)?;
    let method = method(&raw)?;
    let target = task(&raw.target, "target")?;
    if target.name != method.name() {
        let name = method.name();
        let rule = format!("method {name} estimates {name}");
        return value(&raw.target, "target", &rule);
    }
    let encoders = match raw.encoder.is_empty() {
        true => Vec::new(),
        false => pins(&raw.encoder)?,
    };
    let reads = reads(&raw, &method, target, &encoders)?;
    check_name(&raw.name, target, &encoders, &reads)?;
    Ok(GeometricCard {
        name: raw.name.get_ref().clone(),
        target,
        origin: Origin {
            sha256: sha256_hex(whole.as_bytes()),
            size_bytes: whole.len(),
            provenance: provenance(),
            quality: raw.quality.iter().map(figure).collect::<Placed<_>>()?,
        },
        method,
        encoders,
        reads,
        text: whole.to_owned(),
    })
}

/// Of what is computed by this very program.
fn provenance() -> Provenance {
    Provenance {
        weights: format!("none: geometry of Concert {}", env!("CARGO_PKG_VERSION")),
        licence: env!("CARGO_PKG_LICENSE").to_owned(),
        licence_file: None,
        trained_on: "nothing".to_owned(),
        export: None,
    }
}

fn method(raw: &RawGeometric) -> Placed<Method> {
    let none = toml::Table::new();
    let parameters = raw.parameters.as_ref();
    let table = parameters.map_or(&none, |table| table.get_ref());
    Method::parse(raw.method.get_ref(), table).map_err(|error| {
        let unknown = matches!(error, crate::geometric::MethodError::Unknown { .. });
        let span = match parameters {
            Some(table) if !unknown => table.span(),
            _ => raw.method.span(),
        };
        let message = shown(&error.to_string(), 400);
        (Some(span), CardFault::Method { message })
    })
}

fn reads(
    raw: &RawGeometric,
    method: &Method,
    target: &'static Task,
    encoders: &[EncoderPin],
) -> Placed<Vec<GeometricRead>> {
    entries("read", &raw.read)?;
    let mut reads: Vec<GeometricRead> = Vec::new();
    for raw in &raw.read {
        let written = raw.get_ref();
        let role = text(&written.tensor, "read.tensor")?;
        if !method.roles().iter().any(|known| known.name == role) {
            let known = method.roles().iter().map(|role| role.name);
            let rule = format!(
                "method {} reads {}",
                method.name(),
                known.collect::<Vec<_>>().join(", ")
            );
            return value(&written.tensor, "read.tensor", &rule);
        }
        let same = |other: &&GeometricRead| other.role == role;
        if reads
            .iter()
            .find(same)
            .is_some_and(|other| !(other.optional && written.optional))
        {
            let fault = CardFault::Duplicate {
                entry: "read.tensor".to_owned(),
                name: shown(&role, SHOWN),
            };
            return Err((Some(written.tensor.span()), fault));
        }
        let plain = Spanned::new(
            raw.span(),
            RawRead {
                tensor: written.tensor.clone(),
                source: written.source.clone(),
                level: written.level.clone(),
                frames_back: None,
                target: written.target.clone(),
                camera: None,
            },
        );
        let from = read_from(&plain, target, encoders)?;
        if written.optional && !matches!(from, ReadFrom::Input(_)) {
            let rule = "only a target or camera.depth may be optional";
            return value(&written.tensor, "read.tensor", rule);
        }
        let optional = written.optional;
        reads.push(GeometricRead {
            role,
            from,
            optional,
        });
    }
    let missing = method
        .roles()
        .iter()
        .find(|role| role.required && !reads.iter().any(|read| read.role == role.name));
    if let Some(role) = missing {
        let rule = format!("it reads {}, which no [[read]] gives", role.name);
        return value(&raw.method, "method", &rule);
    }
    Ok(reads)
}

/// As a policy's transfer would ask for it.
fn check_name(
    written: &Spanned<String>,
    target: &Task,
    encoders: &[EncoderPin],
    reads: &[GeometricRead],
) -> Placed<()> {
    let from = match encoders.is_empty() {
        false => {
            let sources: Vec<_> = encoders.iter().map(|pin| pin.source.as_str()).collect();
            sources.join("+")
        }
        true => {
            let input = |read: &GeometricRead| match read.from {
                ReadFrom::Input(input) if !read.optional => Some(input),
                _ => None,
            };
            let mut inputs: Vec<Input> = reads.iter().filter_map(input).collect();
            inputs.sort();
            readout_inputs(&inputs)
        }
    };
    let expected = format!("{}_from_{from}", target.name);
    let (stem, variant) = match written.get_ref().split_once('@') {
        Some((stem, variant)) => (stem, Some(variant)),
        None => (written.get_ref().as_str(), None),
    };
    if stem != expected {
        let fault = CardFault::Disagree {
            entry: "name".to_owned(),
            value: shown(written.get_ref(), SHOWN),
            other: "target, encoders and reads",
            expected,
        };
        return Err((Some(written.span()), fault));
    }
    match variant {
        Some(part) if !is_safe_name(part) => value(
            written,
            "name",
            "its variant must be 1 to 64 of a-z, 0-9 and _",
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "geometric_tests.rs"]
mod tests;
