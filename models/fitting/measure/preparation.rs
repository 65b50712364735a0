//! The checks and settings before anything runs.

use super::beam::higher_order;
use super::error::MeasureError;
use super::frames::Frames;
use super::labels;
use super::record::SourceRecord;
use super::request::MeasureRequest;
use super::settings::{FramesRecord, Settings, VERSION};
use crate::dataset::DataSet;
use crate::fit::{FitError, MAX_BYTES, RepresentationLayout, pixel_encoder, random_encoder};
use concert_models::card::EncoderCard;
use concert_models::store::Encoder;

/// The sources of a request, an untrained one and the pixels after them.
pub(super) fn with_baselines(request: &MeasureRequest<'_>) -> Result<Vec<Encoder>, MeasureError> {
    let mut reason = "no source was given".to_owned();
    let mut all = request.encoders.to_vec();
    // Whatever order they were given in, the baselines are the same.
    all.sort_by(|a, b| a.card.name.cmp(&b.card.name));
    for encoder in &all {
        let pair = random_encoder(encoder, request.seed)
            .and_then(|random| Ok([random, pixel_encoder(encoder)?]));
        match pair {
            Ok(pair) => {
                all.extend(pair);
                return Ok(all);
            }
            Err(error) => reason = error.to_string(),
        }
    }
    Err(MeasureError::NoBaseline { reason })
}

/// Refuses what can be refused before anything runs.
pub(super) fn check(
    request: &MeasureRequest<'_>,
    fit: &Frames,
    held_out: &Frames,
) -> Result<(), MeasureError> {
    let held_data = request.held_out.unwrap_or(request.data);
    if let Some(shard) = request.shard
        && (shard.number == 0 || shard.number > shard.of || shard.of > request.targets.len())
    {
        return Err(MeasureError::Shard {
            number: shard.number,
            of: shard.of,
            targets: request.targets.len(),
        });
    }
    let cards: Vec<&EncoderCard> = request.encoders.iter().map(|one| &one.card).collect();
    for (at, card) in cards.iter().enumerate() {
        if cards[..at].iter().any(|one| one.name == card.name) {
            let source_name = card.name.clone();
            return Err(FitError::TwiceTheSource { source_name }.into());
        }
    }
    let layout = RepresentationLayout::of(&cards[..cards.len().min(1)])?;
    check_sets(request, &cards, fit.len())?;
    for (at, task) in request.targets.iter().enumerate() {
        if request.targets[..at]
            .iter()
            .any(|one| one.name == task.name)
        {
            let target = task.name.to_owned();
            return Err(MeasureError::Twice { target });
        }
        crate::fit::check_target(task, &layout, request.data.0)?;
        labels::check(task, request.data, fit)?;
        labels::check(task, held_data, held_out)?;
        let (expected, found) = (
            labels::classes(task, request.data.0),
            labels::classes(task, held_data.0),
        );
        if expected != found {
            let joined = |names: Option<&[String]>| names.unwrap_or(&[]).join(", ");
            return Err(MeasureError::Classes {
                target: task.name,
                found: joined(found),
                expected: joined(expected),
            });
        }
    }
    Ok(())
}

/// That every set of sources that may be tried together can be, and that its
/// representations find room; the largest sets hold all others.
fn check_sets(
    request: &MeasureRequest<'_>,
    cards: &[&EncoderCard],
    frames: usize,
) -> Result<(), MeasureError> {
    let all: Vec<usize> = (0..cards.len()).collect();
    let singles = all.iter().map(|at| vec![*at]);
    for set in singles.chain(higher_order(&all, request.max_order)) {
        let cards: Vec<&EncoderCard> = set.iter().map(|at| cards[*at]).collect();
        let bytes = RepresentationLayout::of(&cards)?.bytes() * frames;
        if bytes > MAX_BYTES {
            return Err(MeasureError::Fit(FitError::TooMuchMemory {
                frames,
                bytes: bytes as u64,
                limit: MAX_BYTES as u64,
            }));
        }
    }
    Ok(())
}

pub(super) fn settings(
    request: &MeasureRequest<'_>,
    encoders: &[Encoder],
    fit: &Frames,
    held_out: &Frames,
) -> Result<Settings, MeasureError> {
    let frames = |(data, name): (&DataSet, &str), frames: &Frames| {
        let names = frames.iter().map(|(sequence, index)| {
            let sequence = &data.sequences()[*sequence];
            let frame = sequence.frame_name(*index).unwrap_or_default();
            format!("{}/{frame}", sequence.name())
        });
        Ok::<_, MeasureError>(FramesRecord {
            data: name.to_owned(),
            sha256: data.hash_of(frames.iter().copied())?,
            names: names.collect(),
        })
    };
    let fit = frames(request.data, fit)?;
    let held_out = frames(request.held_out.unwrap_or(request.data), held_out)?;
    if fit.sha256 == held_out.sha256 {
        return Err(MeasureError::SameFrames {
            frames: fit.names.len(),
        });
    }
    Ok(Settings {
        version: VERSION,
        fit,
        held_out,
        kind: request.kind.map_or("auto", |kind| kind.name()).to_owned(),
        steps: request.steps,
        seed: request.seed,
        max_order: request.max_order,
        targets: (request.targets.iter())
            .map(|task| task.name.to_owned())
            .collect(),
        sources: encoders.iter().map(SourceRecord::of).collect(),
    })
}
