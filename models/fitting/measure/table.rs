//! From losses to win rates, affinities and a table.

use std::collections::BTreeMap;
use std::path::Path;

use concert_policies::affinity::{
    Completeness, TableBuilder, TransferRow, TransferTable, WinMatrix, ahp_affinities,
};
use serde::Serialize;

use super::beam::higher_order;
use super::dissimilarity::rank_correlation;
use super::error::MeasureError;
use super::record::{TransferRecord, transfer_name};
use super::settings::Settings;
use crate::fit::{PIXELS, RANDOM};

/// Most transfers that an error names.
const MAX_NAMED: usize = 6;

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// The settings of the measurement and its frames.
    pub settings: Settings,
    /// One entry per target, in the order of the settings.
    pub targets: Vec<MeasuredTarget>,
}

/// Every transfer to one target. Affinities of one target hang together, so
/// where a transfer is added, all are computed anew: the losses are kept for it.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredTarget {
    /// The target.
    pub target: String,
    /// Name of the loss.
    pub loss: String,
    /// Names of the held-out frames that all losses are of.
    pub frames: Vec<String>,
    /// The transfers, by order and names.
    pub transfers: Vec<MeasuredTransfer>,
    /// Spearman's correlation of estimates and affinities over the transfers;
    /// `None` where it is not defined.
    pub estimate_rank_correlation: Option<f64>,
    /// The same over the transfers from real sources, without `random` and
    /// `pixels`.
    pub estimate_rank_correlation_without_baselines: Option<f64>,
}

/// One transfer.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredTransfer {
    /// The sources, sorted.
    pub sources: Vec<String>,
    /// The kind that was fitted.
    pub kind: String,
    /// The estimate by similarity of representations, -1 to 1.
    pub estimate: Option<f64>,
    /// Entry of the principal eigenvector.
    pub affinity: f64,
    /// Win rate against the readout from `pixels`: Gain.
    pub win_vs_pixels: Option<f64>,
    /// Win rate against each transfer of the list, ties counting half.
    pub wins: Vec<f64>,
    /// The field's measures over all held-out frames.
    pub measures: BTreeMap<String, Option<f64>>,
    /// The loss on each frame.
    pub losses: Vec<f64>,
    /// Time to fit it, s.
    pub seconds: f64,
}

/// Reads the transfers in a folder and computes win rates and affinities.
///
/// # Errors
/// [`MeasureError::Lacking`] where transfers of the settings are not measured,
/// and files that are damaged or of other settings.
pub fn tables(out: &Path) -> Result<Measurement, MeasureError> {
    let settings = Settings::read(out)?.ok_or_else(|| MeasureError::Read {
        path: out.join("settings.json").display().to_string(),
        reason: "nothing was measured there".to_owned(),
    })?;
    let mut targets = Vec::new();
    for target in &settings.targets {
        targets.push(target_of(out, &settings, target)?);
    }
    Ok(Measurement { settings, targets })
}

impl Measurement {
    /// The table that `concert solve` reads. There is no network of a target's
    /// own, so Quality (`win_vs_task`) is empty.
    ///
    /// # Errors
    /// Names that a table does not hold.
    pub fn table(&self) -> Result<TransferTable, MeasureError> {
        let mut builder = TableBuilder::new("the measured table");
        for target in &self.targets {
            for transfer in &target.transfers {
                let row = TransferRow {
                    target: target.target.clone(),
                    sources: transfer.sources.clone(),
                    affinity: Some(transfer.affinity),
                    win_vs_task: None,
                    win_vs_pixels: transfer.win_vs_pixels,
                };
                builder.push(&row, None)?;
            }
        }
        Ok(builder.finish(Completeness::Whole)?)
    }
}

/// A record that the settings can stand by.
pub(super) fn current_record(
    out: &Path,
    settings: &Settings,
    name: &str,
) -> Result<Option<TransferRecord>, MeasureError> {
    let hash = settings.hash();
    let record = TransferRecord::read(out, name)?;
    Ok(record.filter(|record| {
        let known = |source| settings.sources.contains(source);
        record.settings == hash && record.sources.iter().all(known)
    }))
}

/// The sources that may serve a target, best first, by the affinities of the
/// first orders alone.
pub(super) fn rank_sources(first_orders: &[TransferRecord]) -> Result<Vec<String>, MeasureError> {
    let Some(first) = first_orders.first() else {
        return Ok(Vec::new());
    };
    let (_, losses) = comparable(&first.target, first_orders)?;
    let affinities = affinities(&first.target, &losses)?.1;
    let mut sources: Vec<_> = (first_orders.iter().zip(affinities))
        .map(|(record, affinity)| (record.sources[0].name.clone(), affinity))
        .filter(|(name, _)| name != RANDOM && name != PIXELS)
        .collect();
    sources.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(sources.into_iter().map(|(name, _)| name).collect())
}

/// Losses of records on the frames that all have: numbers of the frames, and a
/// row per record.
fn comparable(
    target: &str,
    records: &[TransferRecord],
) -> Result<(Vec<usize>, Vec<Vec<f64>>), MeasureError> {
    let frames = records[0].losses.len();
    let has_loss = |frame: &usize| {
        records
            .iter()
            .any(|r| r.losses.get(*frame).is_some_and(Option::is_some))
    };
    let kept: Vec<usize> = (0..frames).filter(has_loss).collect();
    if kept.is_empty() {
        let target = target.to_owned();
        return Err(MeasureError::NoLoss { target, frames });
    }
    let row = |record: &TransferRecord| {
        let loss = |frame: &usize| {
            let loss = record.losses.get(*frame).copied().flatten();
            loss.filter(|loss| loss.is_finite())
                .ok_or_else(|| MeasureError::Loss {
                    transfer: record.name(),
                    frame: frame.to_string(),
                })
        };
        kept.iter().map(loss).collect::<Result<Vec<f64>, _>>()
    };
    let losses = records.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    Ok((kept, losses))
}

fn affinities(target: &str, losses: &[Vec<f64>]) -> Result<(WinMatrix, Vec<f64>), MeasureError> {
    let fail = |fault| MeasureError::Affinities {
        target: target.to_owned(),
        fault,
    };
    let wins = WinMatrix::from_losses(losses).map_err(fail)?;
    let affinities = ahp_affinities(&wins).map_err(fail)?;
    Ok((wins, affinities))
}

fn target_of(
    out: &Path,
    settings: &Settings,
    target: &str,
) -> Result<MeasuredTarget, MeasureError> {
    let singles = settings.sources.iter().map(|one| vec![one.name.clone()]);
    let singles: Vec<_> = singles.collect();
    let mut records = find_records(out, settings, target, &singles)?;
    let sets = higher_order(&rank_sources(&records)?, settings.max_order);
    records.extend(find_records(out, settings, target, &sets)?);
    let (frames, losses) = comparable(target, &records)?;
    let (wins, affinities) = affinities(target, &losses)?;
    let pixels = (records.iter()).position(|record| record.sources[0].name == PIXELS);
    let mut transfers = Vec::new();
    for (at, (record, losses)) in records.iter().zip(losses).enumerate() {
        let rates = (0..records.len()).map(|other| wins.rate(at, other).unwrap_or(0.5));
        let sources = record.sources.iter().map(|one| one.name.clone());
        transfers.push(MeasuredTransfer {
            sources: sources.collect(),
            kind: record.kind.clone(),
            estimate: record.estimate,
            affinity: affinities[at],
            win_vs_pixels: pixels.and_then(|pixels| wins.rate(at, pixels)),
            wins: rates.collect(),
            measures: record.measures.clone(),
            losses,
            seconds: record.seconds,
        });
    }
    let names = &settings.held_out.names;
    let named = |frame: &usize| names.get(*frame).cloned().unwrap_or_default();
    Ok(MeasuredTarget {
        target: target.to_owned(),
        loss: records[0].loss.clone(),
        frames: frames.iter().map(named).collect(),
        estimate_rank_correlation: estimate_correlation(&transfers, true),
        estimate_rank_correlation_without_baselines: estimate_correlation(&transfers, false),
        transfers,
    })
}

fn estimate_correlation(transfers: &[MeasuredTransfer], baselines: bool) -> Option<f64> {
    let real = |one: &&MeasuredTransfer| baselines || ![RANDOM, PIXELS].contains(&&*one.sources[0]);
    let pairs = transfers.iter().filter(real);
    let pairs = pairs.filter_map(|one| Some((one.estimate?, one.affinity)));
    let (estimates, affinities): (Vec<_>, Vec<_>) = pairs.unzip();
    rank_correlation(&estimates, &affinities)
}

/// The records of these sets of sources; all of them, or an error.
fn find_records(
    out: &Path,
    settings: &Settings,
    target: &str,
    sets: &[Vec<String>],
) -> Result<Vec<TransferRecord>, MeasureError> {
    let (mut records, mut lacking) = (Vec::new(), Vec::new());
    for set in sets {
        let names: Vec<_> = set.iter().map(String::as_str).collect();
        let name = transfer_name(target, &names);
        match current_record(out, settings, &name)? {
            Some(record) => records.push(record),
            None => lacking.push(name),
        }
    }
    if lacking.is_empty() {
        return Ok(records);
    }
    let count = lacking.len();
    lacking.truncate(MAX_NAMED);
    Err(MeasureError::Lacking {
        target: target.to_owned(),
        lacking: count,
        wanted: sets.len(),
        names: lacking.join(", "),
        advice: ": a shard is missing, or was stopped",
    })
}
