//! The files that a black box writes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use concert_runtime::Timestamp;
use serde_json::{Value, json};

use super::args::RecordArgs;
use super::black_box::BlackBox;
use super::file::{Ended, RecordingFile};
use super::heard::PolicyTexts;

/// Most numbers that are tried for a file whose name is free.
const MAX_NUMBER: u32 = 100_000;

/// The files that a black box writes: one when something happened, and one more only
/// after as long as the box reaches back.
pub(super) struct Capsules<'a> {
    base: PathBuf,
    args: &'a RecordArgs,
    next: u32,
    asked: Option<Asked>,
    /// Nothing is asked for before this (monotonic).
    quiet_until: Duration,
    written: Vec<Value>,
    /// What happened and got no file of its own.
    pub(super) unwritten: u64,
    /// Files that could not be written, or not whole.
    pub(super) failed: u64,
}

struct Asked {
    reason: String,
    at: Timestamp,
    due: Duration,
}

impl<'a> Capsules<'a> {
    pub(super) fn new(base: &Path, args: &'a RecordArgs) -> Self {
        Self {
            base: base.to_owned(),
            args,
            next: 1,
            asked: None,
            quiet_until: Duration::ZERO,
            written: Vec::new(),
            unwritten: 0,
            failed: 0,
        }
    }

    /// Something happened.
    pub(super) fn ask(&mut self, reason: String, at: Timestamp, now: Duration) {
        let files = self.written.len() as u64 + self.failed;
        let is_full = files >= u64::from(self.args.max_files);
        if self.asked.is_some() || now < self.quiet_until || is_full {
            self.unwritten += 1;
            return tracing::warn!("{reason}: no file of its own");
        }
        tracing::warn!("{reason}: the black box is written");
        let due = now + Duration::from_secs(self.args.after);
        self.asked = Some(Asked { reason, at, due });
    }

    /// Writes the file that was asked for, once its time has come.
    pub(super) fn write_due(&mut self, kept: &BlackBox, policies: &[PolicyTexts], now: Duration) {
        if self.asked.as_ref().is_none_or(|asked| now < asked.due) {
            return;
        }
        let Some(asked) = self.asked.take() else {
            return;
        };
        let span = Duration::from_secs(self.args.black_box.unwrap_or_default());
        self.quiet_until = asked.due + span;
        match self.write(kept, policies, &asked) {
            Ok(file) => self.written.push(file),
            Err(error) => {
                self.failed += 1;
                tracing::error!("the black box was not written: {error:#}");
            }
        }
    }

    /// What was written, for programs.
    pub(super) fn written(&self) -> &[Value] {
        &self.written
    }

    fn write(
        &mut self,
        kept: &BlackBox,
        policies: &[PolicyTexts],
        asked: &Asked,
    ) -> anyhow::Result<Value> {
        let path = self.free_place();
        let about = [
            ("trigger", asked.reason.clone()),
            ("triggered_at_ns", asked.at.nanos().to_string()),
        ];
        let mut file = RecordingFile::create_about(&path, self.args, &about)?;
        let fault = |reason: String| anyhow::anyhow!("{}: {reason}", path.display());
        file.write_policies(policies).map_err(fault)?;
        for message in kept.messages() {
            if !file.write(message, Duration::ZERO).map_err(fault)? {
                tracing::warn!("{}: full, what is newer is left out", path.display());
                break;
            }
        }
        if let Ended::Failed(reason) = file.finish(Ended::Stopped) {
            return Err(fault(reason));
        }
        tracing::info!("{}: {} messages", path.display(), file.writer().messages());
        Ok(json!({
            "file": path, "trigger": asked.reason, "triggered_at_ns": asked.at.nanos(),
            "messages": file.writer().messages(), "bytes": file.writer().bytes(),
            "seconds": kept.reach().as_secs_f64(),
        }))
    }

    /// The next `NAME_NUMBER.mcap` that is not there yet.
    fn free_place(&mut self) -> PathBuf {
        loop {
            let place = numbered(&self.base, self.next);
            self.next += 1;
            if self.next > MAX_NUMBER || !place.exists() {
                return place;
            }
        }
    }
}

fn numbered(base: &Path, number: u32) -> PathBuf {
    let part =
        |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, ending) = (part(base.file_stem()), part(base.extension()));
    let ending = if ending.is_empty() {
        "mcap".to_owned()
    } else {
        ending
    };
    base.with_file_name(format!("{stem}_{number:03}.{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_before_their_ending() {
        assert_eq!(
            numbered(Path::new("a/incident.mcap"), 7),
            Path::new("a/incident_007.mcap")
        );
        assert_eq!(
            numbered(Path::new("incident"), 1000),
            Path::new("incident_1000.mcap")
        );
    }
}
