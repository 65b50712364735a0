//! One run of a program that writes video: its process group, and the thread
//! that reads it.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::CameraError;
use super::mailbox::{Arrival, Mailbox};
use super::pace::Pace;
use super::piece::Piece;
use super::video::Splitter;
use crate::clock::Clock;
use crate::io::thread;
use crate::time::Timestamp;

/// Longest time for a program to put its device away.
const GRACE: Duration = Duration::from_millis(300);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Time between looks of the reader whether it shall stop, ns.
const STOP_EVERY_NANOS: i64 = 50_000_000;
const READ_BYTES: usize = 1 << 18;
/// Longest wait for a pace before the reader looks whether it shall stop.
const MAX_WAIT: Duration = Duration::from_millis(50);
/// A stamp that lies less than this behind the one before is of the same moment, ns.
const AT_ONCE_NANOS: i64 = 1_000_000;

/// Settings of the reader of a program's output.
#[derive(Debug)]
pub(super) struct Film {
    pub(super) splitter: Splitter,
    /// True where every frame waits until the one before was taken.
    pub(super) is_whole: bool,
    /// When the next frame may come, where it may not at once.
    pub(super) pace: Option<Pace>,
}

/// A running program. Dropping it ends the program, whatever it started in its
/// process group, and the reader.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    reader: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Program {
    /// Starts `argv[0]`; what it writes goes through the splitter into `mailbox`.
    pub(super) fn start(
        argv: &[String],
        Film {
            splitter,
            is_whole,
            pace,
        }: Film,
        mailbox: Arc<Mailbox>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        let program = argv.first().cloned().unwrap_or_default();
        let failed = |source| CameraError::Start {
            program: program.clone(),
            source,
        };
        let mut child = Command::new(&program)
            .args(argv.iter().skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let mut running = Self {
            child,
            reader: None,
            stop: Arc::default(),
        };
        if let Some((stdout, stderr)) = pipes {
            let reader = Reader {
                splitter,
                is_whole,
                pace,
                mailbox,
                log: Log::new(program.clone(), clock.clone()),
                clock,
                last: None,
                stop: running.stop.clone(),
            };
            let body = move || reader.run_to_the_end(stdout, stderr);
            running.reader = Some(thread::spawn("camera command", body).map_err(failed)?);
        }
        Ok(running)
    }

    /// Ends the program and says how it ended: `exit status: 1`.
    pub(super) fn end(mut self) -> String {
        self.kill()
    }

    /// Asks the group to end, then makes it. The program stays unreaped until
    /// the group has been killed, so that its number cannot be another's.
    fn kill(&mut self) -> String {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let by_itself = has_exited(group);
            if !by_itself {
                // Fails only where the group is gone, which is what we want.
                let _ = kill_process_group(group, Signal::TERM);
                let mut waited = Duration::ZERO;
                while waited < GRACE && !has_exited(group) {
                    thread::sleep(LOOK_AGAIN);
                    waited += LOOK_AGAIN;
                }
            }
            let _ = kill_process_group(group, Signal::KILL);
        }
        let status = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => format!("status unknown: {error}"),
        };
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take()
            && reader.join().is_err()
        {
            return format!("{status}; its reader panicked");
        }
        status
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.reader.is_some() {
            self.kill();
        }
    }
}

/// Tells whether the program has ended, without reaping it.
fn has_exited(pid: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), look), Ok(None))
}

struct Reader {
    splitter: Splitter,
    is_whole: bool,
    pace: Option<Pace>,
    mailbox: Arc<Mailbox>,
    log: Log,
    clock: Arc<dyn Clock>,
    /// Stamp of the last frame.
    last: Option<Timestamp>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    /// As [`run`](Self::run); a panic ends the stream, with the reason.
    fn run_to_the_end(self, stdout: ChildStdout, stderr: ChildStderr) {
        let mailbox = Arc::clone(&self.mailbox);
        let ran = catch_unwind(AssertUnwindSafe(|| self.run(stdout, stderr)));
        if ran.is_err() {
            mailbox.end("the thread that reads it panicked".to_owned());
        }
    }

    /// Reads until the output ends, cannot be used, or it shall stop.
    fn run(mut self, mut stdout: ChildStdout, stderr: ChildStderr) {
        let mut stderr = Some(stderr);
        let mut buffer = vec![0; READ_BYTES];
        while !self.stop.load(Ordering::Relaxed) {
            let (video, words) = match ready(&stdout, stderr.as_ref()) {
                Ok(ready) => ready,
                Err(error) => return self.mailbox.end(format!("cannot be read: {error}")),
            };
            if words {
                self.hear(&mut stderr, &mut buffer);
            }
            if !video {
                continue;
            }
            let over = match stdout.read(&mut buffer) {
                Ok(0) => Err("its output ended".to_owned()),
                Ok(count) => self.take(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(format!("cannot be read: {error}")),
            };
            if let Err(reason) = over {
                // Last words often lie there already, and say why.
                if let Ok((_, true)) = ready(&stdout, stderr.as_ref()) {
                    self.hear(&mut stderr, &mut buffer);
                }
                return self.mailbox.end(reason);
            }
        }
    }

    /// Passes on what lies in the pipe for words; gives it up at its end.
    fn hear(&mut self, stderr: &mut Option<ChildStderr>, buffer: &mut [u8]) {
        let count = stderr.as_mut().map(|pipe| pipe.read(buffer));
        match count {
            Some(Ok(count)) if count > 0 => self.log.push(&buffer[..count]),
            _ => *stderr = None,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (now, arrived) = (self.clock.now(), self.clock.monotonic());
        let (mailbox, is_whole) = (&self.mailbox, self.is_whole);
        let (pace, last) = (&mut self.pace, &mut self.last);
        let (clock, stop) = (&*self.clock, &self.stop);
        let mut deliver = |piece| match piece {
            Piece::Frame(raw) => {
                let goes_on = || !stop.load(Ordering::Relaxed);
                let mut times = (now, arrived);
                if is_whole {
                    while !mailbox.is_free(MAX_WAIT) && goes_on() {}
                    times = (clock.now(), clock.monotonic());
                }
                if let Some(pace) = pace {
                    while pace.wait(clock, MAX_WAIT).is_none() && goes_on() {}
                    times = (clock.now(), clock.monotonic());
                }
                let (now, arrived) = times;
                // One read may deliver several frames: no two have one stamp.
                let ahead = last.map(|last| last.nanos().saturating_sub(now.nanos()));
                let stamp = match (*last, ahead) {
                    (Some(last), Some(0..AT_ONCE_NANOS)) => last.after(Duration::from_nanos(1)),
                    _ => now,
                };
                *last = Some(stamp);
                mailbox.put(Arrival {
                    raw,
                    stamp,
                    arrived,
                });
            }
            Piece::Refused(reason) => mailbox.refuse(reason),
        };
        let over = self.splitter.push(bytes, &mut deliver);
        if let Err(reason) = &over {
            mailbox.refuse(reason.clone());
        }
        over
    }
}

/// Waits a little until one of the pipes has something (or has ended).
fn ready(stdout: &ChildStdout, stderr: Option<&ChildStderr>) -> std::io::Result<(bool, bool)> {
    let wait = Timespec {
        tv_sec: 0,
        tv_nsec: STOP_EVERY_NANOS,
    };
    let mut pipes = vec![PollFd::new(stdout, PollFlags::IN)];
    pipes.extend(stderr.map(|stderr| PollFd::new(stderr, PollFlags::IN)));
    match poll(&mut pipes, Some(&wait)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let has = |pipe: Option<&PollFd<'_>>| pipe.is_some_and(|pipe| !pipe.revents().is_empty());
    Ok((has(pipes.first()), has(pipes.get(1))))
}

/// Passes a program's error lines on to the log, a bounded number of bounded
/// lines.
struct Log {
    program: String,
    clock: Arc<dyn Clock>,
    line: Vec<u8>,
    window: Duration,
    written: u32,
    left_out: u64,
}

impl Log {
    const WINDOW: Duration = Duration::from_secs(10);
    const LINES: u32 = 20;
    const LINE_BYTES: usize = 400;

    fn new(program: String, clock: Arc<dyn Clock>) -> Self {
        let window = clock.monotonic();
        Self {
            program,
            clock,
            line: Vec::new(),
            window,
            written: 0,
            left_out: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' | b'\r' => self.write(),
                _ if self.line.len() < Self::LINE_BYTES => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn write(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return;
        }
        let now = self.clock.monotonic();
        if now >= self.window + Self::WINDOW {
            if self.left_out > 0 {
                tracing::warn!("{}: {} lines left out", self.program, self.left_out);
            }
            (self.window, self.written, self.left_out) = (now, 0, 0);
        }
        if self.written == Self::LINES {
            self.left_out += 1;
            return;
        }
        self.written += 1;
        let line = String::from_utf8_lossy(&line);
        tracing::warn!("{}: {}", self.program, line.escape_debug());
    }
}
