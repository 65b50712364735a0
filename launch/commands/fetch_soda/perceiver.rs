//! The process that perceives, kept alive: one that ends though nobody asked it to is
//! started again, and the robot stands until then.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::process::Process;

const NAME: &str = "perception";
/// So long a perception that ended stays away, so that one which cannot start does
/// not take the processors from everybody.
const REST: Duration = Duration::from_secs(1);
/// One that ended so often is not started again.
const MAX_RESTARTS: u32 = 5;

/// The process that perceives, and how it is started again.
pub(super) struct Perceiver {
    process: Process,
    line: Vec<String>,
    folder: PathBuf,
    /// When it was found to have ended (monotonic), until it is started again.
    ended: Option<Duration>,
    restarts: u32,
    /// Processor time of those before it, s, as far as it was read.
    spent: f64,
    /// Of this one, when last read, s.
    spends: f64,
}

impl Perceiver {
    /// Starts it with a command line of this program; what it says goes to files in
    /// `folder`.
    pub(super) fn start(line: Vec<String>, folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            process: Process::start(NAME, &line, folder)?,
            line,
            folder: folder.to_owned(),
            ended: None,
            restarts: 0,
            spent: 0.0,
            spends: 0.0,
        })
    }

    /// Why it has ended, where it has though nobody asked it to.
    ///
    /// # Errors
    /// That it has ended, with its last words.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        self.process.check()
    }

    /// Starts it again where it has ended, a moment later; whether it did so now.
    ///
    /// # Errors
    /// Where it ended too often, with its last words; where it cannot be started.
    pub(super) fn mind(&mut self, now: Duration) -> anyhow::Result<bool> {
        if let Some(ended) = self.ended {
            if now.saturating_sub(ended) < REST {
                return Ok(false);
            }
            self.ended = None;
            self.restarts += 1;
            self.spent += std::mem::take(&mut self.spends);
            self.process = Process::start(NAME, &self.line, &self.folder)?;
            return Ok(true);
        }
        self.cpu_seconds();
        let Err(why) = self.process.check() else {
            return Ok(false);
        };
        if self.restarts == MAX_RESTARTS {
            return Err(why.context(format!("after {MAX_RESTARTS} restarts")));
        }
        tracing::warn!("the robot stands until it sees again: {why}");
        self.ended = Some(now);
        Ok(false)
    }

    /// How often it was started again.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Seconds of processor time that it has taken so far, the earlier ones included.
    pub(super) fn cpu_seconds(&mut self) -> f64 {
        // What a process that has ended took is what was read last.
        self.spends = self.process.cpu_seconds().unwrap_or(0.0).max(self.spends);
        self.spent + self.spends
    }

    pub(super) fn ask_to_end(&mut self) {
        self.process.ask_to_end();
    }

    /// Asks it to end, waits for that, and gives what it says of itself.
    pub(super) fn end(self) -> Value {
        self.process.end()
    }
}
