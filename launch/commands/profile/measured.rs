//! From samples to a profile.

use std::sync::PoisonError;

use concert_policies::profile::{EncoderLoad, Load, Profile, ReadoutLoad};

use super::metered::Loadings;
use super::rounds::{GroupBench, Rounds, Samples, quantile};
use super::selection::Selection;

/// Encoders, readouts, and the readouts that never ran, with the reason.
type Loads = (Vec<EncoderLoad>, Vec<ReadoutLoad>, Vec<(String, String)>);

pub(super) fn loads(rounds: &Rounds, selection: &Selection, loadings: &Loadings) -> Loads {
    let encoders = rounds.encoders.iter().filter_map(|encoder| {
        Some(EncoderLoad {
            source: encoder.source.clone(),
            preprocess_millis: quantile(&encoder.samples.preprocess_millis, 0.5).map(rounded),
            load: load(&encoder.samples, &encoder.sha256, loadings)?,
        })
    });
    let mut readouts = Vec::new();
    let mut silent = Vec::new();
    for wanted in &selection.wanted {
        let name = wanted.name();
        let at = |group: &GroupBench| group.readouts.iter().position(|known| *known == name);
        let mut groups = rounds.groups.iter();
        let Some((group, index)) = groups.find_map(|group| Some((group, at(group)?))) else {
            continue;
        };
        let sha256 = &hash_of(group, index);
        match load(&group.samples[index], sha256, loadings) {
            Some(load) => readouts.push(ReadoutLoad {
                target: wanted.target.to_owned(),
                sources: wanted.sources.clone(),
                inputs: wanted.inputs.iter().map(|i| i.name().to_owned()).collect(),
                variant: wanted.variant.clone(),
                load,
            }),
            None => silent.push((name, format!("it never ran: {}", group.last[index]))),
        }
    }
    (encoders.collect(), readouts, silent)
}

/// Hash of a readout, of whose outputs each says it.
fn hash_of(group: &GroupBench, index: usize) -> String {
    let output = &group.pipeline.buffers(0)[index];
    output.origin.hashes.readout.1.clone()
}

fn load(samples: &Samples, sha256: &str, loadings: &Loadings) -> Option<Load> {
    let millis = quantile(&samples.millis, 0.5)?;
    let loadings = loadings.lock().unwrap_or_else(PoisonError::into_inner);
    let loading = loadings.iter().find(|loading| loading.sha256 == sha256);
    let drawn = &samples.milliwatts;
    // mW times ms are µJ.
    let energy = |milliwatts: f64| milliwatts / drawn.len() as f64 * millis / 1e3;
    Some(Load {
        millis: rounded(millis),
        p99_millis: quantile(&samples.millis, 0.99).map(rounded),
        load_millis: loading.map(|loading| rounded(loading.took.as_secs_f64() * 1e3)),
        memory_bytes: loading.map_or(0, |loading| loading.bytes),
        millijoules: (!drawn.is_empty()).then(|| rounded(energy(drawn.iter().sum()))),
    })
}

/// To the microsecond (or µJ): the rest is noise.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// A line per network.
pub(super) fn table(profile: &Profile) -> Vec<String> {
    let readout = |readout: &ReadoutLoad| {
        let from = match readout.sources.is_empty() {
            true => &readout.inputs,
            false => &readout.sources,
        };
        let variant = readout.variant.as_ref();
        let variant = variant.map_or(String::new(), |variant| format!(" @{variant}"));
        format!("{} from {}{variant}", readout.target, from.join(" + "))
    };
    let encoders = profile.encoders().iter();
    let encoders = encoders.map(|one| (format!("encoder {}", one.source), one.load));
    let readouts = profile.readouts().iter();
    let rows: Vec<_> = encoders
        .chain(readouts.map(|one| (readout(one), one.load)))
        .collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or(0).max("network".len());
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let mut lines = vec![format!(
        "{:<width$}  {:>10}  {:>10}  {:>9}  {:>9}  {:>9}",
        "network", "median ms", "p99 ms", "load ms", "MB", "mJ"
    )];
    lines.extend(rows.iter().map(|(name, load)| {
        format!(
            "{name:<width$}  {:>10.3}  {:>10}  {:>9}  {:>9.2}  {:>9}",
            load.millis,
            number(load.p99_millis),
            load.load_millis
                .map_or("-".to_owned(), |ms| format!("{ms:.1}")),
            load.memory_bytes as f64 / 1e6,
            number(load.millijoules)
        )
    }));
    lines
}
