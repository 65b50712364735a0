//! One way to run the policy, as who measures has it: a process that takes turns.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child as Spawned, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use concert_runtime::ExecutionSettings;
use concert_runtime::io::thread;

use super::args::TuneArgs;
use crate::cli::Global;
use crate::commands::tune_part::{First, Turn, Word};
use crate::stop::Stop;

/// How long a process may take to stand: a home is lit, networks load.
const START_LIMIT: Duration = Duration::from_secs(180);
/// How much longer than it should a turn may take.
const TURN_LIMIT: Duration = Duration::from_secs(60);
/// How long a stop may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running process.
pub(super) struct Child {
    spawned: Spawned,
    to: ChildStdin,
    words: Receiver<Word>,
    log: PathBuf,
}

impl Child {
    /// Starts one; what it complains of goes to a file in `folder`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(super) fn start(
        settings: &ExecutionSettings,
        (args, global): (&TuneArgs, &Global),
        folder: &Path,
        number: usize,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{number}.log"));
        let program = std::env::current_exe().context("where this program lies is unknown")?;
        let mut spawned = Command::new(program)
            .args(line(settings, args, global)?)
            // Ctrl-C reaches who measures alone, who ends it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .context("a process that runs the policy cannot be started")?;
        let out = spawned.stdout.take().context("it says nothing")?;
        let to = spawned.stdin.take().context("it is told nothing")?;
        let (say, words) = sync_channel(1);
        thread::spawn("tune-part", move || {
            for line in BufReader::new(out).lines() {
                let word = line.ok().and_then(|line| serde_json::from_str(&line).ok());
                let Some(word) = word else { return };
                if say.send(word).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            spawned,
            to,
            words,
            log,
        })
    }

    /// Waits until it stands; the outputs of its first frames. `None` where
    /// somebody stops it all.
    ///
    /// # Errors
    /// Its last words, where it ends.
    pub(super) fn first(&mut self, stop: &Stop) -> anyhow::Result<Option<First>> {
        match self.word(START_LIMIT, stop)? {
            None => Ok(None),
            Some(Word::First(first)) => Ok(Some(first)),
            Some(Word::Turn(_)) => Err(anyhow!("it took a turn before it was asked")),
        }
    }

    /// Lets it take a turn of this length. `None` where somebody stops it all.
    ///
    /// # Errors
    /// Its last words, where it ends.
    pub(super) fn turn(&mut self, length: Duration, stop: &Stop) -> anyhow::Result<Option<Turn>> {
        let asked = writeln!(self.to, "{}", length.as_millis());
        asked.map_err(|_| self.last_words())?;
        match self.word(length + TURN_LIMIT, stop)? {
            None => Ok(None),
            Some(Word::Turn(turn)) => Ok(Some(turn)),
            Some(Word::First(_)) => Err(anyhow!("it began twice")),
        }
    }

    fn word(&mut self, limit: Duration, stop: &Stop) -> anyhow::Result<Option<Word>> {
        let mut waited = Duration::ZERO;
        while !stop.is_raised() {
            match self.words.recv_timeout(LOOK_EVERY) {
                Ok(word) => return Ok(Some(word)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.last_words()),
                Err(RecvTimeoutError::Timeout) if waited >= limit => {
                    return Err(anyhow!("it does not answer within {limit:?}"));
                }
                Err(RecvTimeoutError::Timeout) => waited += LOOK_EVERY,
            }
        }
        Ok(None)
    }

    /// The last lines that it logged.
    fn last_words(&self) -> anyhow::Error {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(6).collect();
        let lines: Vec<_> = lines.into_iter().rev().collect();
        anyhow!("it has ended: {}", lines.join("\n"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.spawned.kill();
        let _ = self.spawned.wait();
    }
}

/// The command line of a process.
fn line(
    settings: &ExecutionSettings,
    args: &TuneArgs,
    global: &Global,
) -> anyhow::Result<Vec<String>> {
    let mut line = vec!["tune-part".to_owned(), args.file.clone()];
    line.push("--quiet".to_owned());
    line.push(format!("--settings={}", serde_json::to_string(settings)?));
    line.push(format!("--rate={}", args.rate));
    let data = args.data.iter();
    line.extend(data.map(|folder| format!("--data={}", folder.display())));
    let models = global.models.iter();
    line.extend(models.map(|folder| format!("--models={}", folder.display())));
    let library = global.onnxruntime.iter();
    line.extend(library.map(|library| format!("--onnxruntime={}", library.display())));
    line.extend(global.gpu.then(|| "--gpu".to_owned()));
    Ok(line)
}
