//! The record of one transfer: a file of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::MeasureError;
use super::files;
use concert_models::digest::sha256_hex;
use concert_models::store::Encoder;

/// An encoder, as a transfer used it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRecord {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
}

impl SourceRecord {
    pub(crate) fn of(encoder: &Encoder) -> Self {
        Self {
            name: encoder.card.name.clone(),
            sha256: encoder.card.origin.sha256.clone(),
        }
    }
}

/// The record of one transfer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRecord {
    /// Hash of the [`Settings`](super::Settings) that decide about it.
    pub settings: String,
    /// The target.
    pub target: String,
    /// The sources, sorted by name.
    pub sources: Vec<SourceRecord>,
    /// The kind that was fitted: `ridge` or `convolutional`.
    pub kind: String,
    /// Frames with a label that it was fitted on.
    pub frames: usize,
    /// The estimate by similarity of representations; see
    /// [`Dissimilarities`](super::Dissimilarities).
    pub estimate: Option<f64>,
    /// Name of the loss.
    pub loss: String,
    /// The error on each held-out frame, less is better; `None` where the truth says
    /// nothing.
    pub losses: Vec<Option<f64>>,
    /// The target's measures over all held-out frames.
    pub measures: BTreeMap<String, Option<f64>>,
    /// SHA-256 of the readout's file, where it is kept.
    pub readout: Option<String>,
    /// Time to fit it, s.
    pub seconds: f64,
}

impl TransferRecord {
    /// True where the readout that this speaks of, if of any, stands whole in a folder
    /// of measurements.
    pub(crate) fn has_readout(&self, folder: &Path) -> bool {
        let Some(sha256) = &self.readout else {
            return true;
        };
        let file = |ending: &str| {
            let readouts = folder.join("models").join("readouts");
            readouts.join(format!("{}.{ending}", self.name()))
        };
        let network = std::fs::read(file("onnx"));
        network.is_ok_and(|bytes| sha256_hex(&bytes) == *sha256) && file("toml").is_file()
    }

    /// `TARGET_from_A+B`.
    #[must_use]
    pub fn name(&self) -> String {
        let names: Vec<_> = self.sources.iter().map(|one| one.name.as_str()).collect();
        transfer_name(&self.target, &names)
    }

    pub(super) fn write(&self, out: &Path) -> Result<(), MeasureError> {
        files::write_sealed(&path(out, &self.name()), self)
    }

    /// The record of this name; `None` where it was not measured.
    pub(super) fn read(out: &Path, name: &str) -> Result<Option<Self>, MeasureError> {
        let path = path(out, name);
        let record: Option<Self> = files::read_sealed(&path)?;
        match record {
            Some(record) if record.name() != name => {
                let reason = format!("it is about {}", record.name());
                Err(MeasureError::damaged_file(&path, reason))
            }
            record => Ok(record),
        }
    }
}

/// `TARGET_from_A+B`.
pub(super) fn transfer_name(target: &str, sources: &[&str]) -> String {
    format!("{target}_from_{}", sources.join("+"))
}

pub(super) fn path(out: &Path, name: &str) -> PathBuf {
    out.join("transfers").join(format!("{name}.json"))
}
