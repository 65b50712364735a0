//! The receiver, as who measures has it: a process that says when every output
//! came.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver as Answers, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use concert_runtime::io::clock::since_boot;
use concert_runtime::io::thread;
use serde::Serialize;

use crate::commands::bench_part::protocol::{Ask, Received, Word, nanos};

/// How long the receiver may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How often its clock is asked.
const CLOCK_ASKED: usize = 25;

/// A running receiver.
pub(super) struct Receiver {
    child: Child,
    to: Option<ChildStdin>,
    answers: Answers<Word>,
    heard: Arc<Heard>,
}

/// What the receiver has said of outputs.
#[derive(Default)]
struct Heard {
    outputs: Mutex<Vec<Received>>,
    lost: AtomicU64,
    ended: AtomicBool,
}

/// How the clock of the receiver compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct ClockComparison {
    /// What its clock reads more than ours, µs.
    pub(super) offset_micros: f64,
    /// The offset may be so much more or less, µs: half the way there and back.
    pub(super) uncertainty_micros: f64,
}

impl Receiver {
    /// Starts one that connects to the server at `endpoint`; what it complains of
    /// goes to a file in `folder`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(super) fn start(endpoint: &str, folder: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where this program lies is unknown")?;
        let mut child = Command::new(program)
            .args(["bench-part", "receiver", "--quiet", "--connect", endpoint])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("receiver.log"))?)
            .spawn()
            .context("the receiver cannot be started")?;
        let out = child.stdout.take().context("the receiver says nothing")?;
        let (to, answers) = sync_channel(4);
        let heard = Arc::new(Heard::default());
        let hearing = Arc::clone(&heard);
        thread::spawn("receiver", move || {
            hearing.listen(out, &to);
            hearing.ended.store(true, Ordering::SeqCst);
        })?;
        Ok(Self {
            to: child.stdin.take(),
            child,
            answers,
            heard,
        })
    }

    /// Its number in the system.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Listens to these keys and to no others from now on.
    ///
    /// # Errors
    /// Where it has ended or does not answer.
    pub(super) fn listen(&mut self, keys: &[String]) -> anyhow::Result<()> {
        match self.ask(&Ask::Listen(keys.to_vec()))? {
            Word::Listens => Ok(()),
            other => Err(anyhow!("the receiver says {other:?} when asked to listen")),
        }
    }

    /// Compares its clock with ours; of several answers the quickest.
    ///
    /// # Errors
    /// Where it has ended or does not answer.
    pub(super) fn compare_clocks(&mut self) -> anyhow::Result<ClockComparison> {
        let mut best: Option<ClockComparison> = None;
        for _ in 0..CLOCK_ASKED {
            let asked = nanos(since_boot());
            let Word::Clock(read) = self.ask(&Ask::Clock)? else {
                continue;
            };
            let found = compared(asked, read, nanos(since_boot()));
            if best.is_none_or(|best| found.uncertainty_micros < best.uncertainty_micros) {
                best = Some(found);
            }
        }
        best.context("the receiver does not tell its clock")
    }

    fn ask(&mut self, ask: &Ask) -> anyhow::Result<Word> {
        let to = self
            .to
            .as_mut()
            .context("the receiver is not asked any more")?;
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        to.write_all(&line).context("the receiver has ended")?;
        let answer = self.answers.recv_timeout(ANSWER);
        answer.context("the receiver does not answer")
    }

    /// What came since this was asked last.
    pub(super) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.heard.lock())
    }

    /// Tells whether something came that was not taken yet.
    pub(super) fn has_heard(&self) -> bool {
        !self.heard.lock().is_empty()
    }

    /// Outputs that came faster than they were noted.
    pub(super) fn lost(&self) -> u64 {
        self.heard.lost.load(Ordering::Relaxed)
    }

    /// Tells whether it has ended, though nobody asked it to.
    pub(super) fn has_ended(&self) -> bool {
        self.heard.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    /// It ends where nobody asks it anything any more.
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Heard {
    fn listen(&self, out: ChildStdout, answers: &SyncSender<Word>) {
        for line in BufReader::new(out).lines() {
            let Ok(line) = line else {
                return;
            };
            match serde_json::from_str(&line) {
                Ok(Word::Output(output)) => self.lock().push(output),
                Ok(Word::Lost(lost)) => self.lost.store(lost, Ordering::Relaxed),
                Ok(answer) => {
                    if answers.send(answer).is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!("the receiver says what is no word: {error}"),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Received>> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock read between two moments of ours, all in ns.
fn compared(asked: u64, read: u64, answered: u64) -> ClockComparison {
    let half = answered.saturating_sub(asked) as f64 / 2e3;
    ClockComparison {
        offset_micros: (read as f64 - asked as f64) / 1e3 - half,
        uncertainty_micros: half,
    }
}

impl ClockComparison {
    /// Tells whether both read the same clock, as far as can be known.
    pub(super) fn is_same(&self) -> bool {
        self.offset_micros.abs() <= self.uncertainty_micros + 1.0
    }

    /// What its clock reads more than ours, where the two differ.
    pub(super) fn correction_nanos(&self) -> i64 {
        match self.is_same() {
            true => 0,
            false => (self.offset_micros * 1e3) as i64,
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Self {
            offset_micros,
            uncertainty_micros,
        } = self;
        let verdict = match self.is_same() {
            true => "both read one clock, nothing is corrected",
            false => "the clocks differ, and every latency is corrected by that",
        };
        format!(
            "the receiver's clock reads {offset_micros:+.0} µs ± {uncertainty_micros:.0} µs \
             beside ours: {verdict}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_between_two_moments_bounds_the_offset() {
        // Asked at 1 ms, answered at 1.2 ms; read 1.1 ms: the same clock.
        let same = compared(1_000_000, 1_100_000, 1_200_000);
        assert!(same.is_same() && same.correction_nanos() == 0, "{same:?}");
        assert!((same.uncertainty_micros - 100.0).abs() < 1e-9);
        assert!(same.text().contains("nothing is corrected"));
        // The answer came at once and the way back took all the time, or the
        // other way about.
        assert!(compared(1_000_000, 1_000_000, 1_200_000).is_same());
        assert!(compared(1_000_000, 1_200_000, 1_200_000).is_same());
        // As in a container with a clock of its own: ten seconds ahead.
        let other = compared(1_000_000, 10_001_100_000, 1_200_000);
        assert!(!other.is_same(), "{other:?}");
        assert_eq!(other.correction_nanos(), 10_000_000_000);
        assert!(other.text().contains("corrected by that"));
    }
}
