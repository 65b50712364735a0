//! The frames of a data set that are evaluated.

use anyhow::{anyhow, bail};
use concert_fitting::dataset::DataSet;

use super::args::Frames;

/// Number of the sequence and of the frame in it, in order.
pub(super) fn selection(data: &DataSet, frames: &Frames) -> anyhow::Result<Vec<(usize, usize)>> {
    let known = || {
        let names = data.sequences().iter().map(|sequence| sequence.name());
        names.take(20).collect::<Vec<_>>().join(", ")
    };
    for name in &frames.sequences {
        if !data
            .sequences()
            .iter()
            .any(|sequence| sequence.name() == name)
        {
            bail!(
                "there is no sequence {name} in the data: there are {}",
                known()
            );
        }
    }
    let mut chosen = Vec::new();
    for (number, sequence) in data.sequences().iter().enumerate() {
        let named = frames.sequences.iter().any(|name| name == sequence.name());
        if !frames.sequences.is_empty() && !named {
            continue;
        }
        let end = match frames.first {
            Some(first) => frames.skip.saturating_add(first).min(sequence.len()),
            None => sequence.len(),
        };
        let start = match frames.last {
            Some(last) => frames.skip.max(end.saturating_sub(last)),
            None => frames.skip,
        };
        chosen.extend(
            (start..end)
                .step_by(frames.every)
                .map(|index| (number, index)),
        );
    }
    if chosen.is_empty() {
        let all = data.frames();
        return Err(anyhow!(
            "no frame is left of {all} in {} sequences: --skip {} leaves out too many",
            data.sequences().len(),
            frames.skip
        ));
    }
    Ok(chosen)
}
