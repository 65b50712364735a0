//! The files that outlive a process that learns: statistics, learnt readouts,
//! and which of them served.

use std::io;
use std::path::{Path, PathBuf};

use concert_policies::document::{Kind, ReadFault, write_whole};
use serde::{Deserialize, Serialize};

/// The name of learnt variants before their number.
const LEARNT: &str = "learnt_";
/// Most bytes of a record.
const MAX_RECORD: u64 = 16 << 10;

/// The folder of one server's learning. Files of a target begin with the name
/// of its first readout, without a variant.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// The readout that served when the process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Name of the readout that was there first.
    pub(crate) first: String,
    /// The learnt variant that served, if one did.
    pub(crate) serving: Option<String>,
    /// True where learning was paused.
    pub(crate) paused: bool,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The variant with this number.
    pub(crate) fn variant(number: u64) -> String {
        format!("{LEARNT}{number}")
    }

    fn statistics(&self, stem: &str) -> PathBuf {
        self.path.join(format!("{stem}.statistics"))
    }

    fn record(&self, stem: &str) -> PathBuf {
        self.path.join(format!("{stem}.json"))
    }

    /// Keeps statistics.
    pub(crate) fn keep_statistics(&self, stem: &str, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(write_whole(&self.statistics(stem), bytes)?)
    }

    /// Statistics that were kept, of at most `limit` bytes; `None` where there
    /// are none.
    pub(crate) fn kept_statistics(
        &self,
        stem: &str,
        limit: u64,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        read_bounded(&self.statistics(stem), limit)
    }

    /// Keeps what serves.
    pub(crate) fn keep_record(&self, stem: &str, record: &Record) -> anyhow::Result<()> {
        let text = serde_json::to_string(record)? + "\n";
        Ok(write_whole(&self.record(stem), text.as_bytes())?)
    }

    /// The record that was kept; `None` where there is none.
    pub(crate) fn kept_record(&self, stem: &str) -> anyhow::Result<Option<Record>> {
        let bytes = read_bounded(&self.record(stem), MAX_RECORD)?;
        Ok(bytes
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()?)
    }

    /// The number after the greatest that a learnt readout has here.
    pub(crate) fn next_number(&self, stem: &str) -> u64 {
        let numbers = self.learnt_files(stem).into_iter();
        numbers
            .map(|(number, _)| number)
            .max()
            .map_or(1, |most| most.saturating_add(1))
    }

    /// Deletes learnt readouts but these variants.
    pub(crate) fn prune(&self, stem: &str, kept: &[&str]) {
        for (number, path) in self.learnt_files(stem) {
            let variant = Self::variant(number);
            if kept.contains(&variant.as_str()) {
                continue;
            }
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::debug!("{} cannot be deleted: {error}", path.display());
            }
        }
    }

    /// Files of learnt readouts, with their numbers.
    fn learnt_files(&self, stem: &str) -> Vec<(u64, PathBuf)> {
        let begin = format!("{stem}@{LEARNT}");
        let entries = std::fs::read_dir(self.path.join("readouts")).into_iter();
        let files = entries.flatten().flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (number, _) = name.strip_prefix(&begin)?.split_once('.')?;
            Some((number.parse().ok()?, entry.path()))
        });
        files.collect()
    }
}

/// The bytes of a regular file; no more than `limit` are read.
fn read_bounded(path: &Path, limit: u64) -> anyhow::Result<Option<Vec<u8>>> {
    match Kind::file(limit).read_bytes(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadFault::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(fault) => Err(anyhow::anyhow!("{}: {fault}", path.display())),
    }
}
