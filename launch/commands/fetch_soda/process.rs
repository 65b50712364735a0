//! Another process of this program: it is asked to end, and says as JSON how it
//! went.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use concert_runtime::io::thread;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a process may take to end.
const FAREWELL: Duration = Duration::from_secs(6);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Most of what a process says that is read.
const MAX_WORDS: u64 = 4 << 20;

/// Unit of times in /proc, the same on every Linux (USER_HZ).
const TICKS_A_SECOND: f64 = 100.0;

/// A running process.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    words: File,
    complaints: File,
    /// It was asked to end: who is asked twice ends at once, without a word.
    is_asked: bool,
}

impl Process {
    /// Starts this program with other arguments; what it says goes to files in
    /// `folder`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(super) fn start(
        name: &'static str,
        args: &[String],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where this program lies is unknown")?;
        let file = |end: &str| {
            let path = folder.join(format!("{name}.{end}"));
            let mut options = File::options();
            let options = options.read(true).write(true).create(true).truncate(true);
            options
                .open(&path)
                .with_context(|| path.display().to_string())
        };
        let (words, complaints) = (file("json")?, file("log")?);
        let child = Command::new(program)
            .args(args)
            .arg("--json")
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(complaints.try_clone()?)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self {
            name,
            child,
            words,
            complaints,
            is_asked: false,
        })
    }

    /// Why it has ended, where it has though nobody asked it to.
    ///
    /// # Errors
    /// That it has ended, with its last words.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let last_words = self.last_words();
        Err(anyhow!("{} has ended: {status}\n{last_words}", self.name))
    }

    /// The last lines that it logged.
    fn last_words(&mut self) -> String {
        let text = read(&mut self.complaints);
        let lines: Vec<_> = text.lines().rev().take(6).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Seconds of processor time that it has taken so far.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name, in brackets, may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        Some((user + system) / TICKS_A_SECOND)
    }

    /// Asks it to end, without waiting for that.
    pub(super) fn ask_to_end(&mut self) {
        if std::mem::replace(&mut self.is_asked, true) {
            return;
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Fails only where it has just ended.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Asks it to end, waits for that, and gives what it says of itself; null
    /// where it says nothing.
    pub(super) fn end(mut self) -> Value {
        self.stop();
        serde_json::from_str(read(&mut self.words).trim()).unwrap_or(Value::Null)
    }

    fn stop(&mut self) {
        let has_ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)));
        if has_ended(&mut self.child) {
            return;
        }
        self.ask_to_end();
        let mut waited = Duration::ZERO;
        while !has_ended(&mut self.child) {
            if waited >= FAREWELL {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn read(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let rewound = file.seek(SeekFrom::Start(0));
    let read = rewound.and_then(|_| file.take(MAX_WORDS).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("(its words cannot be read: {error})"),
    }
}
