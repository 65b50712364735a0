//! The settings of a measurement and its frames: written beside the results.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::MeasureError;
use super::files;
use super::record::SourceRecord;
use concert_models::digest::sha256_hex;

/// Frames of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FramesRecord {
    /// Names of the data sets' folders.
    pub data: String,
    /// SHA-256 over the files of these frames.
    pub sha256: String,
    /// Names of the frames.
    pub names: Vec<String>,
}

/// The settings of a measurement and its frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Version of the files.
    pub version: u32,
    /// Frames that readouts are fitted on.
    pub fit: FramesRecord,
    /// Frames that they are compared on.
    pub held_out: FramesRecord,
    /// The kind that is fitted: `ridge`, `convolutional` or `auto`.
    pub kind: String,
    /// Steps of a convolutional fit.
    pub steps: usize,
    /// The seed of all random numbers.
    pub seed: u32,
    /// Most sources of one transfer.
    pub max_order: usize,
    /// The targets, in all shards.
    pub targets: Vec<String>,
    /// The sources, `random` and `pixels` last.
    pub sources: Vec<SourceRecord>,
}

/// The version that this program writes and reads.
pub(super) const VERSION: u32 = 1;

impl Settings {
    /// Hash of what decides about the result of one transfer: not of the lists
    /// of targets and sources, which may grow.
    #[must_use]
    pub fn hash(&self) -> String {
        let decisive = (
            self.version,
            &self.fit,
            &self.held_out,
            &self.kind,
            self.steps,
            self.seed,
        );
        let text = serde_json::to_string(&decisive);
        sha256_hex(text.unwrap_or_default().as_bytes())
    }

    /// The settings in a folder; `None` where nothing was measured.
    ///
    /// # Errors
    /// A file that is damaged, or of another version.
    pub fn read(out: &Path) -> Result<Option<Self>, MeasureError> {
        let path = path(out);
        let settings: Option<Self> = files::read_sealed(&path)?;
        match settings {
            Some(settings) if settings.version != VERSION => {
                let reason = format!("it has version {}, not {VERSION}", settings.version);
                Err(MeasureError::damaged_file(&path, reason))
            }
            settings => Ok(settings),
        }
    }

    pub(super) fn write(&self, out: &Path) -> Result<(), MeasureError> {
        files::write_sealed(&path(out), self)
    }

    /// Refuses a folder whose results cannot stand beside these settings'.
    pub(super) fn check(&self, out: &Path, found: &Self) -> Result<(), MeasureError> {
        let advice = "choose another folder with --out";
        self.same(out, found, advice, self.decisive(found))
    }

    /// Refuses a shard of something else.
    pub(super) fn check_shard(&self, shard: &Path, found: &Self) -> Result<(), MeasureError> {
        let lists = [
            (
                "max order",
                self.max_order.to_string(),
                found.max_order.to_string(),
            ),
            ("targets", self.targets.join(", "), found.targets.join(", ")),
            (
                "sources",
                spell_sources(&self.sources),
                spell_sources(&found.sources),
            ),
        ];
        let all = self.decisive(found).into_iter().chain(lists);
        let advice = "shards must be measured with the same settings";
        self.same(shard, found, advice, all)
    }

    fn decisive(&self, found: &Self) -> Vec<(&'static str, String, String)> {
        let frames = |of: &FramesRecord| {
            format!(
                "{} frames of {} (sha256 {:.12})",
                of.names.len(),
                of.data,
                of.sha256
            )
        };
        vec![
            ("frames to fit on:", frames(&self.fit), frames(&found.fit)),
            (
                "held-out frames:",
                frames(&self.held_out),
                frames(&found.held_out),
            ),
            ("kind", self.kind.clone(), found.kind.clone()),
            ("steps", self.steps.to_string(), found.steps.to_string()),
            ("seed", self.seed.to_string(), found.seed.to_string()),
        ]
    }

    fn same(
        &self,
        path: &Path,
        found: &Self,
        advice: &'static str,
        entries: impl IntoIterator<Item = (&'static str, String, String)>,
    ) -> Result<(), MeasureError> {
        let mut entries = entries.into_iter();
        let other = entries.find(|(_, expected, found)| expected != found);
        let other = other.or_else(|| {
            // Names of the frames alone, or of their folders.
            (self.hash() != found.hash()).then(|| ("hash", self.hash(), found.hash()))
        });
        match other {
            None => Ok(()),
            Some((what, expected, found)) => Err(MeasureError::OtherSettings {
                path: path.display().to_string(),
                what,
                found,
                expected,
                advice,
            }),
        }
    }
}

fn spell_sources(sources: &[SourceRecord]) -> String {
    let one = |source: &SourceRecord| format!("{} ({:.12})", source.name, source.sha256);
    let all: Vec<_> = sources.iter().map(one).collect();
    all.join(", ")
}

fn path(out: &Path) -> PathBuf {
    out.join("settings.json")
}
