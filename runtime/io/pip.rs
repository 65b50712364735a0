//! Fetching one wheel with pip, within bounds of time and disk, and without
//! trusting anything but the hash that is pinned.
//!
//! Python runs isolated (`-I`) in an empty folder of ours, so neither the working
//! folder nor variables for Python lend it code; of pip's own variables only those
//! that say where packages are and how to reach them are handed on. pip is given
//! the hash, and the wheel is hashed again here before anybody opens it.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use concert_models::digest::sha256_of;
use concert_models::own;

/// Longest time that a download may take.
pub const DOWNLOAD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Time between looks at the download.
const TICK: Duration = Duration::from_millis(250);
/// Bytes of pip's last words that an error repeats.
const LAST_WORDS: usize = 1000;
/// Most files looked at when the download is measured.
const MAX_FILES: usize = 10_000;
/// Variables of pip's that are handed on: where packages are, and how to get
/// there. The others change what is done.
const HANDED_ON: [&str; 13] = [
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_CONFIG_FILE",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_KEYRING_PROVIDER",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TIMEOUT",
    "PIP_TRUSTED_HOST",
];

/// The program that runs pip, and its limits.
#[derive(Debug, Clone, Copy)]
pub struct Pip<'a> {
    /// The Python interpreter: a path, or a name that is looked for in `PATH`.
    pub python: &'a Path,
    /// Longest time.
    pub limit: Duration,
    /// Most bytes on the disk.
    pub max_bytes: u64,
}

/// One published wheel.
#[derive(Debug, Clone, Copy)]
pub struct Wheel<'a> {
    /// The package.
    pub package: &'a str,
    /// Its exact version.
    pub version: &'a str,
    /// SHA-256 of the wheel, 64 lowercase hexadecimal digits.
    pub sha256: &'a str,
    /// Options of pip that tell this wheel from others of the version.
    pub selection: &'a [&'a str],
}

/// Why there is no wheel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipError {
    /// Python or its pip cannot be run.
    #[error("{0}")]
    NoPip(String),
    /// pip failed, or went past a bound.
    #[error("{0}")]
    Failed(String),
    /// A file or folder that cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another wheel than the pinned one.
    #[error("{} has sha256 {found}, but {expected} is pinned", path.display())]
    WrongHash {
        /// The wheel.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// The pinned one.
        expected: String,
    },
}

impl Pip<'_> {
    /// Fetches `wheel` into `folder`, which is empty and this user's alone, and
    /// returns its file, whose hash holds. `progress` is told the bytes on the
    /// disk so far.
    ///
    /// # Errors
    /// See [`PipError`]; what lies in the folder then is not to be used.
    pub fn download(
        &self,
        wheel: &Wheel<'_>,
        folder: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<PathBuf, PipError> {
        let folder = &std::path::absolute(folder).map_err(at(folder))?;
        own::check_folder(folder).map_err(at(folder))?;
        let [wheels, scratch, empty] = ["wheels", "scratch", "empty"].map(|name| folder.join(name));
        for folder in [&wheels, &scratch, &empty] {
            own::make_folder(folder, true).map_err(at(folder))?;
        }
        let wanted = folder.join("requirements.txt");
        let line = format!(
            "{}=={} --hash=sha256:{}\n",
            wheel.package, wheel.version, wheel.sha256
        );
        fs::write(&wanted, line).map_err(at(&wanted))?;

        let mut command = isolated_command(self.python, &empty);
        command
            .args(["-m", "pip", "download", "--require-hashes"])
            .args(["--no-deps", "--only-binary=:all:", "--no-input"])
            .args(["--no-cache-dir", "--progress-bar=off", "--quiet"])
            .args(["--disable-pip-version-check", "--timeout=30", "--retries=2"])
            .args(wheel.selection)
            .arg("--dest")
            .arg(&wheels)
            .arg("--requirement")
            .arg(&wanted)
            .env("TMPDIR", &scratch)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = command.spawn();
        let mut child = child.map_err(|error| PipError::NoPip(error.to_string()))?;
        let last_words = self.watch(&mut child, folder, progress);
        // Past its limit or done: either way it ends now.
        let _ = last_words.is_err().then(|| child.kill());
        let status = child.wait();
        let status = status.map_err(|error| PipError::Failed(error.to_string()))?;
        let last_words = last_words.map_err(PipError::Failed)?;
        if !status.success() {
            return Err(failure(&last_words, &status.to_string()));
        }
        let path =
            one_wheel(&wheels).ok_or_else(|| PipError::Failed("it left no wheel".to_owned()))?;
        hold_hash(&path, wheel.sha256)?;
        Ok(path)
    }

    /// Waits for the end of the child's messages, and returns the last of them;
    /// `Err` says which bound it passed.
    fn watch(
        &self,
        child: &mut Child,
        folder: &Path,
        progress: &mut dyn FnMut(u64),
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
                progress(bytes);
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

/// Tells whether `python` can be run and has pip, without fetching anything.
///
/// # Errors
/// Why not.
pub fn is_there(python: &Path) -> Result<(), PipError> {
    let empty = tempfile::tempdir().map_err(at(&std::env::temp_dir()))?;
    let mut command = isolated_command(python, empty.path());
    let output = command.args(["-m", "pip", "--version"]).output();
    let output = output.map_err(|error| PipError::NoPip(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failure(&said, &output.status.to_string()))
}

/// Python that takes code from nowhere but its own installation.
fn isolated_command(python: &Path, empty: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("-I").current_dir(empty).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if is_pips_own(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn is_pips_own(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("PIP_") && !HANDED_ON.contains(&&*name)
}

/// pip's last words, as the reason.
fn failure(said: &str, status: &str) -> PipError {
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    let last = last.unwrap_or("it gave no reason");
    if said.contains("No module named pip") {
        return PipError::NoPip(last.to_owned());
    }
    PipError::Failed(format!("{status}: {last}"))
}

fn one_wheel(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.flatten();
    let mut wheels = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let wheel = wheels.next()?;
    wheels.next().is_none().then_some(wheel)
}

/// Holds a file to the hash that is pinned.
///
/// # Errors
/// [`PipError::WrongHash`], and where the file cannot be read or is a link.
pub fn hold_hash(path: &Path, expected: &str) -> Result<(), PipError> {
    let file = own::open(path).map_err(at(path))?;
    let found = sha256_of(file).map_err(at(path))?;
    if found == expected {
        return Ok(());
    }
    Err(PipError::WrongHash {
        path: path.to_owned(),
        found,
        expected: expected.to_owned(),
    })
}

fn at(path: &Path) -> impl Fn(io::Error) -> PipError {
    let path = path.to_owned();
    move |source| PipError::File {
        path: path.clone(),
        source,
    }
}

/// Size of everything below a folder; links are not followed.
fn bytes_below(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_path_buf()];
    let (mut bytes, mut seen) = (0, 0);
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).into_iter().flatten().flatten() {
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
