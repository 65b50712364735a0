//! Compares several sources together with the best one alone.

use concert_fitting::fit::{
    Chosen, Encoders, FitError, FitProgress, FitRequest, FittedReadout, WarmReadout, choose,
};
use concert_models::engine::Engine;
use concert_models::store::Encoder;
use serde_json::{Value, json};

use super::failure;
use crate::report::{Failure, Refuse};

/// The errors of each set of sources on the same held-out frames.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Sources and error, all of them together first; empty for one source.
    tried: Vec<(String, f64)>,
    measure: &'static str,
    /// The sources that are read.
    pub(super) kept: Vec<String>,
    /// The reason for which the fit does not begin with the readout at hand.
    pub(super) not_begun: Option<String>,
}

impl Comparison {
    pub(super) fn json(&self) -> Value {
        let tried = self.tried.iter();
        let tried: serde_json::Map<_, _> = tried
            .map(|(sources, error)| (sources.clone(), json!(error)))
            .collect();
        Value::Object(tried)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let Some((all, together)) = self.tried.first() else {
            return Vec::new();
        };
        let each = self.tried.iter();
        let mut lines: Vec<String> = each
            .map(|(sources, error)| format!("{sources:<28} {error:.4}"))
            .collect();
        lines.insert(
            0,
            format!("{:<28} {} on held-out blocks", "sources", self.measure),
        );
        let kept = self.kept.join("+");
        if kept != *all {
            let alone = self.tried.iter().find(|(sources, _)| *sources == kept);
            lines.push(format!(
                "{kept} alone is kept: {all} has {together:.4} on held-out blocks, it has {:.4}",
                alone.map_or(f64::NAN, |(_, error)| *error)
            ));
        }
        lines
    }
}

/// Finds what a fit of these encoders begins with, or says why there is nothing.
type FindWarm<'a> = dyn Fn(&[Encoder]) -> Result<Option<WarmReadout>, String> + 'a;

/// Fits the sources together, or the one that is better alone on the blocks
/// that are held out. `warm` finds what to begin with, or says why there is
/// nothing.
pub(super) fn fit_best(
    engine: &mut dyn Engine,
    (encoders, request): (&[Encoder], &FitRequest<'_>),
    warm: &FindWarm<'_>,
    told: &mut dyn FnMut(FitProgress) -> bool,
) -> Result<(FittedReadout, Comparison), Failure> {
    let mut sets: Vec<Vec<Encoder>> = vec![encoders.to_vec()];
    if encoders.len() > 1 {
        sets.extend(encoders.iter().map(|one| vec![one.clone()]));
    }
    let mut begun = Vec::new();
    for set in &sets {
        begun.push(match warm(set) {
            Ok(Some(warm)) => sound_start(warm, engine, set, request)?,
            Ok(None) => (None, None),
            Err(reason) => {
                tracing::info!("nothing to begin with: {reason}");
                (None, None)
            }
        });
    }
    let mut comparison = Comparison::default();
    let mut best: Option<Chosen<'_>> = None;
    for (set, (warm_start, not_begun)) in sets.iter().zip(&begun) {
        let request = FitRequest {
            warm_start: warm_start.as_ref(),
            ..*request
        };
        let mut loaded = Encoders::load(engine, set).or_refuse()?;
        let chosen = choose(&mut loaded, &request, told).map_err(failure)?;
        if sets.len() > 1 {
            let sources = chosen.sources().join("+");
            comparison.tried.push((sources, chosen.error()));
        }
        // All of them where one alone is no better.
        if best
            .as_ref()
            .is_none_or(|best| chosen.error() < best.error())
        {
            best = Some(chosen);
            comparison.not_begun.clone_from(not_begun);
        }
    }
    let best = best.expect("there is at least one set");
    comparison.kept = best.sources();
    comparison.measure = best.measure();
    let fitted = best.finish(told).map_err(failure)?;
    Ok((fitted, comparison))
}

/// A readout to begin with, if the net that is made of it computes what its file
/// does; else why not.
fn sound_start(
    warm: WarmReadout,
    engine: &mut dyn Engine,
    encoders: &[Encoder],
    request: &FitRequest<'_>,
) -> Result<(Option<WarmReadout>, Option<String>), Failure> {
    let Some((sequence, index)) = request.frames.first() else {
        return Ok((Some(warm), None));
    };
    let mut loaded = Encoders::load(engine, encoders).or_refuse()?;
    let layout = loaded.layout().clone();
    // A frame that cannot be read is told of where all are.
    let Ok(example) = request.data.sequences()[*sequence].read(*index) else {
        return Ok((Some(warm), None));
    };
    let frame = loaded.encode(&example.image).map_err(failure)?;
    drop(loaded);
    match warm.verify(request.target, &layout, engine, &[frame]) {
        Ok(()) => Ok((Some(warm), None)),
        Err(error @ FitError::OtherForm { .. }) => {
            let reason = error.to_string();
            tracing::warn!("begun with initial weights: {reason}");
            Ok((None, Some(reason)))
        }
        Err(error) => Err(failure(error)),
    }
}
