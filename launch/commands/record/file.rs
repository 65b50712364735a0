//! The file that a recording goes into.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use concert_runtime::io::board::processor;
use concert_runtime::io::recording::{ABOUT, POLICY, RecordingEntry, RecordingWriter, about};
use concert_runtime::io::zenoh::HeardMessage;

use super::args::RecordArgs;
use super::heard::PolicyTexts;

/// Bytes that are left for the summary at the end of a file.
const SUMMARY_BYTES: u64 = 256 << 10;

/// A file that a recording goes into.
pub(super) struct RecordingFile {
    path: PathBuf,
    writer: RecordingWriter<File>,
    max_bytes: Option<u64>,
}

/// Why a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// A signal.
    Stopped,
    /// The time was over.
    Seconds,
    /// The file would have grown too large.
    Bytes,
    /// It could not be written any more, in the system's own words.
    Failed(String),
}

impl Ended {
    pub(super) fn words(&self) -> &str {
        match self {
            Ended::Stopped => "stopped",
            Ended::Seconds => "time",
            Ended::Bytes => "bytes",
            Ended::Failed(_) => "failed",
        }
    }
}

impl RecordingFile {
    /// Makes the file, which must not be there yet.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn create(path: &Path, args: &RecordArgs) -> anyhow::Result<Self> {
        Self::create_about(path, args, &[])
    }

    /// As [`create`](Self::create), with more to say of it.
    pub(super) fn create_about(
        path: &Path,
        args: &RecordArgs,
        more: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let file = File::create_new(path);
        let file = file.with_context(|| format!("{}: cannot be made", path.display()))?;
        let mut writer = RecordingWriter::begin(file, &args.prefix)?;
        let more = more.iter().cloned().chain([("machine", processor())]);
        writer
            .metadata(ABOUT, about(&args.prefix, more))
            .with_context(|| path.display().to_string())?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            max_bytes: args.max_bytes,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn writer(&self) -> &RecordingWriter<File> {
        &self.writer
    }

    /// Writes policies.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn write_policies(&mut self, policies: &[PolicyTexts]) -> Result<(), String> {
        for texts in policies {
            let written = self.writer.metadata(POLICY, texts.clone());
            written.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Writes a message; false where the file would grow too large.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn write(&mut self, message: &HeardMessage, now: Duration) -> Result<bool, String> {
        let size = message.size_bytes() as u64 + SUMMARY_BYTES;
        if self
            .max_bytes
            .is_some_and(|max| self.writer.bytes() + size > max)
        {
            return Ok(false);
        }
        let entry = RecordingEntry {
            key: &message.key,
            message_type: &message.message_type,
            payload: &message.payload,
            attachment: &message.attachment,
            arrived: message.arrived,
        };
        let written = self.writer.write(&entry, now);
        written.map_err(|error| error.to_string())?;
        self.tick(now)
    }

    /// Writes what is old enough.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn tick(&mut self, now: Duration) -> Result<bool, String> {
        let written = self.writer.tick(now);
        written.map(|()| true).map_err(|error| error.to_string())
    }

    /// Ends the file with its summary, where it still can be written.
    pub(super) fn finish(&mut self, ended: Ended) -> Ended {
        if let Ended::Failed(_) = ended {
            return ended;
        }
        match self.writer.finish() {
            Ok(()) => ended,
            Err(error) => Ended::Failed(error.to_string()),
        }
    }
}
