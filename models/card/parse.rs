//! From text to a checked card.

mod encoder;
mod values;

use concert_policies::document::shown;
use concert_policies::{Input, MAX_READOUT_NAME_BYTES, OutputKind, Task, document};
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::fault::CardFault;
use super::raw::{
    RawInput, RawKind, RawOutput, RawPin, RawProvenance, RawQuality, RawRead, RawReadout,
};
use super::{
    CameraNumber, Card, EncoderPin, FitRecord, KIND, MAX_FRAMES_BACK, MAX_NETWORK_BYTES, Origin,
    Provenance, Quality, Read, ReadFrom, ReadoutCard, ReadoutOutput, geometric,
};
use crate::contract::InputContract;

use encoder::encoder;
pub(crate) use values::is_safe_name;
pub(super) use values::{count, digest, entries, task, text, unknown, value, value_of};
use values::{file_name, name, shape, unique};

/// Characters of a text of the file that an error repeats.
pub(super) const SHOWN: usize = 80;

pub(super) type Placed<T> = document::Placed<T, CardFault>;

pub(super) fn parse(text: &str) -> Placed<Card> {
    let length = KIND.check_length(text.len() as u64);
    length.map_err(|fault| (None, fault.into()))?;
    let kind: RawKind = read(text)?;
    match kind.kind.get_ref().as_str() {
        "encoder" => encoder(read(text)?).map(Card::Encoder),
        "readout" => readout(read(text)?).map(Card::Readout),
        "geometric" => geometric::parse(text).map(Card::Geometric),
        _ => value(
            &kind.kind,
            "kind",
            "it must be `encoder`, `readout` or `geometric`",
        ),
    }
}

pub(super) fn read<T: DeserializeOwned>(text: &str) -> Placed<T> {
    toml::from_str(text).map_err(|error| {
        let message = shown(error.message(), 400);
        (error.span(), CardFault::Toml(message))
    })
}

fn readout(raw: RawReadout) -> Placed<ReadoutCard> {
    let target = task(&raw.target, "target")?;
    if !target.can_be_target() {
        return value(&raw.target, "target", "nothing can be read out for it");
    }
    let encoders = pins(&raw.encoder)?;
    let variant = variant(&raw.name, target, &encoders)?;
    let reads = reads(&raw.read, target, &encoders)?;
    let fit = raw.fit.as_ref().map(FitRecord::parse).transpose()?;
    let reference = fit.as_ref().and_then(|fit| fit.reference_focal_px);
    check_reference(&raw.read, &reads, reference)?;
    Ok(ReadoutCard {
        name: raw.name.get_ref().clone(),
        target,
        variant,
        origin: origin(&raw.sha256, &raw.size_bytes, raw.provenance, &raw.quality)?,
        reads,
        output: output(raw.output, target)?,
        encoders,
        fit,
    })
}

/// Requires a stand-in for what is read from cameras, as some lack it.
fn check_reference(
    raw: &[Spanned<RawRead>],
    reads: &[Read],
    reference_focal_px: Option<f64>,
) -> Placed<()> {
    let focal = ReadFrom::Camera(CameraNumber::FocalPx);
    let at = reads.iter().position(|read| read.from == focal);
    match (at, reference_focal_px) {
        (Some(at), None) => value_of(
            raw[at].span(),
            "read.camera",
            "`focal_px`".to_owned(),
            "the card has no fit.reference_focal_px to stand in where a camera's is unknown",
        ),
        _ => Ok(()),
    }
}

fn origin(
    sha256: &Spanned<String>,
    size_bytes: &Spanned<i64>,
    provenance: RawProvenance,
    quality: &[RawQuality],
) -> Placed<Origin> {
    Ok(Origin {
        sha256: digest(sha256, "sha256")?,
        size_bytes: count(size_bytes, "size_bytes", 1, MAX_NETWORK_BYTES)?,
        provenance: Provenance {
            weights: text(&provenance.weights, "provenance.weights")?,
            licence: text(&provenance.licence, "provenance.licence")?,
            licence_file: optional(&provenance.licence_file, |file| {
                file_name(file, "provenance.licence_file")
            })?,
            trained_on: text(&provenance.trained_on, "provenance.trained_on")?,
            export: optional(&provenance.export, |export| {
                text(export, "provenance.export")
            })?,
        },
        quality: quality.iter().map(figure).collect::<Placed<_>>()?,
    })
}

pub(super) fn figure(raw: &RawQuality) -> Placed<Quality> {
    if !raw.value.get_ref().is_finite() {
        return value(&raw.value, "quality.value", "it must be finite");
    }
    Ok(Quality {
        measure: text(&raw.measure, "quality.measure")?,
        value: *raw.value.get_ref(),
        data: text(&raw.data, "quality.data")?,
    })
}

fn input(raw: &Spanned<RawInput>, entry: &str) -> Placed<InputContract> {
    let written = raw.get_ref();
    // Below 0 is as wrong as 0.
    let side = |side: i64| usize::try_from(side).unwrap_or(0);
    InputContract::new(
        &text(&written.tensor, &format!("{entry}.tensor"))?,
        side(written.width),
        side(written.height),
        written.layout,
        written.channels,
        written.fit,
        &written.mean,
        &written.std,
    )
    .map_err(|error| {
        let entry = entry.to_owned();
        (Some(raw.span()), CardFault::Contract { entry, error })
    })
}

pub(super) fn pins(raw: &[Spanned<RawPin>]) -> Placed<Vec<EncoderPin>> {
    entries("encoder", raw)?;
    let pin = |raw: &Spanned<RawPin>| {
        let raw = raw.get_ref();
        Ok(EncoderPin {
            source: name(&raw.source, "encoder.source")?,
            sha256: digest(&raw.sha256, "encoder.sha256")?,
            input: input(&raw.input, "encoder.input")?,
        })
    };
    let mut pins: Vec<EncoderPin> = raw.iter().map(pin).collect::<Placed<_>>()?;
    let sources = raw.iter().map(|raw| &raw.get_ref().source);
    unique("encoder.source", sources)?;
    pins.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(pins)
}

/// Requires that the name says what the entries say.
fn variant(
    written: &Spanned<String>,
    target: &Task,
    encoders: &[EncoderPin],
) -> Placed<Option<String>> {
    let limit = MAX_READOUT_NAME_BYTES;
    if written.get_ref().len() > limit {
        return value(
            written,
            "name",
            &format!("at most {limit} bytes are allowed"),
        );
    }
    let sources: Vec<_> = encoders.iter().map(|pin| pin.source.as_str()).collect();
    let expected = format!("{}_from_{}", target.name, sources.join("+"));
    let (stem, variant) = match written.get_ref().split_once('@') {
        Some((stem, variant)) => (stem, Some(variant)),
        None => (written.get_ref().as_str(), None),
    };
    if stem != expected {
        let fault = CardFault::Disagree {
            entry: "name".to_owned(),
            value: shown(written.get_ref(), SHOWN),
            other: "target and encoders",
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
        variant => Ok(variant.map(str::to_owned)),
    }
}

fn reads(
    raw: &[Spanned<RawRead>],
    target: &'static Task,
    encoders: &[EncoderPin],
) -> Placed<Vec<Read>> {
    entries("read", raw)?;
    let read = |raw: &Spanned<RawRead>| {
        Ok(Read {
            tensor: text(&raw.get_ref().tensor, "read.tensor")?,
            from: read_from(raw, target, encoders)?,
        })
    };
    let reads: Vec<Read> = raw.iter().map(read).collect::<Placed<_>>()?;
    let tensors = raw.iter().map(|raw| &raw.get_ref().tensor);
    unique("read.tensor", tensors)?;
    Ok(reads)
}

pub(super) fn read_from(
    raw: &Spanned<RawRead>,
    target: &'static Task,
    encoders: &[EncoderPin],
) -> Placed<ReadFrom> {
    let span = raw.span();
    let raw = raw.get_ref();
    let RawRead {
        source,
        level,
        target: input,
        camera,
        frames_back,
        ..
    } = raw;
    match (source, level, input, camera, frames_back) {
        (Some(source), Some(level), None, None, back) => {
            let known = || encoders.iter().map(|pin| pin.source.as_str());
            if !known().any(|known| known == source.get_ref()) {
                return unknown(source, "read.source", known());
            }
            let back = optional(back, |back| {
                count(back, "read.frames_back", 0, MAX_FRAMES_BACK)
            })?;
            Ok(ReadFrom::Level {
                source: source.get_ref().clone(),
                level: name(level, "read.level")?,
                frames_back: back.unwrap_or(0),
            })
        }
        (None, None, None, Some(number), None) => match number.get_ref().as_str() {
            "focal_px" => Ok(ReadFrom::Camera(CameraNumber::FocalPx)),
            _ => unknown(number, "read.camera", ["focal_px"].into_iter()),
        },
        (None, None, Some(input), None, None) => {
            if input.get_ref() == Input::CameraDepth.name() {
                return Ok(ReadFrom::Input(Input::CameraDepth));
            }
            let other = task(input, "read.target")?;
            if other == target || !other.can_be_target() {
                return value(input, "read.target", "it must be another target");
            }
            Ok(ReadFrom::Input(Input::Target(other)))
        }
        _ => {
            let given = [
                ("source", raw.source.is_some()),
                ("level", raw.level.is_some()),
                ("target", raw.target.is_some()),
                ("camera", raw.camera.is_some()),
                ("frames_back", raw.frames_back.is_some()),
            ];
            let given = given.iter().filter(|(_, given)| *given);
            let given: Vec<_> = given.map(|(entry, _)| *entry).collect();
            let fault = CardFault::Value {
                entry: format!("read of tensor `{}`", shown(raw.tensor.get_ref(), SHOWN)),
                value: format!("given by [{}]", given.join(", ")),
                rule: "it takes source and level (and frames_back), or else target alone, or \
                       camera alone"
                    .to_owned(),
            };
            Err((Some(span), fault))
        }
    }
}

fn output(raw: RawOutput, target: &Task) -> Placed<ReadoutOutput> {
    let lengths = shape(&raw.shape, "output.shape")?;
    let (fits, rule) = match target.output {
        OutputKind::Dense { channels } => (
            lengths.len() == 4 && lengths[1] == channels,
            format!("[1, {channels}, h, w]"),
        ),
        OutputKind::ClassMap => (lengths.len() == 4, "[1, classes, h, w]".to_owned()),
        OutputKind::Classes => (lengths.len() == 2, "[1, n]".to_owned()),
        OutputKind::RoomLayout => (lengths == [1, 9], "[1, 9]".to_owned()),
        OutputKind::Vector { length, .. } => (lengths == [1, length], format!("[1, {length}]")),
        kind @ (OutputKind::Points { .. } | OutputKind::Boxes2d) => {
            let columns = kind.columns().map_or(0, <[_]>::len);
            let fits = lengths.len() == 3 && lengths[2] == columns;
            (fits, format!("[1, N, {columns}]"))
        }
        // Made by a geometric readout, which a card of a network does not describe.
        OutputKind::Odometry => (true, String::new()),
    };
    if !fits {
        let rule = format!("task {} needs {rule}", target.name);
        return value_of(
            raw.shape.span(),
            "output.shape",
            format!("{lengths:?}"),
            &rule,
        );
    }
    Ok(ReadoutOutput {
        tensor: text(&raw.tensor, "output.tensor")?,
        shape: lengths,
        labels: optional(&raw.labels, |file| file_name(file, "output.labels"))?,
    })
}

fn optional<T, U>(
    written: &Option<Spanned<T>>,
    check: impl FnOnce(&Spanned<T>) -> Placed<U>,
) -> Placed<Option<U>> {
    written.as_ref().map(check).transpose()
}
