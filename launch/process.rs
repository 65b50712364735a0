//! Other processes of this program: each is asked to end, and says as JSON how
//! it went.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use concert_runtime::io::thread;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// How long a process may take to end.
const FAREWELL: Duration = Duration::from_secs(6);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Most of what a process says that is read.
const MAX_WORDS: u64 = 4 << 20;

/// Unit of times in /proc, the same on every Linux (USER_HZ).
const TICKS_A_SECOND: f64 = 100.0;

/// A running process.
pub(crate) struct Process {
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
    pub(crate) fn start(
        name: &'static str,
        args: &[String],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where this program lies is unknown")?;
        let mut command = Command::new(program);
        command.args(args).arg("--json");
        Self::start_command(name, command, folder)
    }

    /// As [`start`](Self::start), of any program.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start_command(
        name: &'static str,
        mut command: Command,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let file = |end: &str| {
            let path = folder.join(format!("{name}.{end}"));
            let mut options = File::options();
            let options = options.read(true).write(true).create(true).truncate(true);
            options
                .open(&path)
                .with_context(|| path.display().to_string())
        };
        let (words, complaints) = (file("json")?, file("log")?);
        let child = command
            // Ctrl-C reaches who started it alone, who asks it to end once.
            .process_group(0)
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

    /// Its number in the system.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said of itself; null where it has said nothing yet.
    pub(crate) fn said(&mut self) -> Value {
        serde_json::from_str(read(&mut self.words).trim()).unwrap_or(Value::Null)
    }

    /// The code with which it has ended, if it has.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.try_wait().ok()??.code()
    }

    /// Why it has ended, where it has though nobody asked it to.
    ///
    /// # Errors
    /// That it has ended, with its last words.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
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
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        cpu_seconds(self.child.id())
    }

    /// Asks it to end, without waiting for that.
    pub(crate) fn ask_to_end(&mut self) {
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
    pub(crate) fn end(mut self) -> Value {
        self.stop(FAREWELL);
        self.said()
    }

    /// As [`end`](Self::end), for who may wait no longer than `limit`: then it is
    /// ended by force.
    pub(crate) fn end_within(mut self, limit: Duration) -> Value {
        self.stop(limit);
        self.said()
    }

    fn stop(&mut self, limit: Duration) {
        let has_ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)));
        if has_ended(&mut self.child) {
            return;
        }
        self.ask_to_end();
        let mut waited = Duration::ZERO;
        while !has_ended(&mut self.child) {
            if waited >= limit {
                // What it started, too.
                let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
                let _ = group.map(|group| kill_process_group(group, Signal::KILL));
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
        self.stop(FAREWELL);
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

/// Seconds of processor time that a process has taken so far.
pub(crate) fn cpu_seconds(id: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_A_SECOND)
}

/// A process and those that it started and that are of its group.
pub(crate) fn group(id: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_of = |other: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{other}/stat")).unwrap_or_default();
        let fields = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace());
        let group = fields.and_then(|mut fields| fields.nth(2)?.parse().ok());
        group == Some(id)
    };
    numbers.filter(is_of).collect()
}

/// An address of this computer at which nobody listens.
///
/// # Errors
/// Where the system gives none.
pub(crate) fn free_endpoint() -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("tcp/{}", listener.local_addr()?))
}
