//! The program as a user runs it.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use concert_runtime::io::thread;
use serde_json::Value;

/// `concert` with arguments, in the repository's folder, models from there.
pub fn concert(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
    command
        .current_dir(super::repository())
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// Runs to the end.
pub fn run(arguments: &[&str]) -> Output {
    concert(arguments).output().expect("concert runs")
}

/// The one JSON object that a command with `--json` printed on one line.
pub fn parsed(output: &Output) -> Value {
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout.trim().lines().count(), 1, "{output:?}");
    let parsed = serde_json::from_str(stdout.trim());
    parsed.unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Asks a server that is starting until its answer has a `status`.
pub fn until_answered(mut ask: impl FnMut() -> (Output, Value)) -> (Output, Value) {
    for _ in 0..120 {
        let (output, answer) = ask();
        if answer["status"].is_string() {
            return (output, answer);
        }
        thread::sleep(Duration::from_millis(500));
    }
    panic!("the server never answered");
}

/// Writes a file of this text; its path, as an argument.
pub fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file can be written");
    path.display().to_string()
}

/// A port of this machine that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// An endpoint of this machine that was free a moment ago.
pub fn free_endpoint() -> String {
    format!("tcp/127.0.0.1:{}", free_port())
}

/// A running `concert`, ended with the test.
pub struct Running(Child);

impl Running {
    /// Starts it; standard output and error are kept.
    pub fn start(arguments: &[&str]) -> Self {
        Self::of(concert(arguments))
    }

    /// As [`start`](Self::start), of a command that is ready to run.
    pub fn of(mut command: Command) -> Self {
        Self(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("concert starts"),
        )
    }

    /// As [`start`](Self::start), but that standard error is kept in a file.
    pub fn logging_to(log: &Path, arguments: &[&str]) -> Self {
        Self::spawn(concert(arguments), log)
    }

    /// Starts a command that was made with [`concert`]; standard error is kept in a file.
    pub fn spawn(mut command: Command, log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("a log");
        command.stdout(Stdio::piped()).stderr(log);
        Self(command.spawn().expect("concert starts"))
    }

    /// Stops it where it is (SIGSTOP), or lets it go on (SIGCONT).
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill").success());
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends SIGTERM and waits: exit code, standard output, standard error.
    /// Gives up (and fails the test) after half a minute.
    pub fn terminate(self) -> (Option<i32>, String, String) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .expect("kill");
        assert!(sent.success());
        self.ended(Duration::from_secs(30))
    }

    /// Waits until it ends by itself: exit code, standard output, standard error.
    /// Gives up (and fails the test) after `limit`.
    pub fn ended(mut self, limit: Duration) -> (Option<i32>, String, String) {
        const LOOK: Duration = Duration::from_millis(20);
        let mut code = None;
        for _ in 0..limit.as_millis() / LOOK.as_millis() {
            if let Some(status) = self.0.try_wait().expect("its status") {
                code = Some(status.code());
                break;
            }
            thread::sleep(LOOK);
        }
        let code = code.unwrap_or_else(|| panic!("concert did not end within {limit:?}"));
        let mut text = [String::new(), String::new()];
        let stdout = self.0.stdout.take();
        stdout
            .expect("stdout")
            .read_to_string(&mut text[0])
            .expect("utf-8");
        if let Some(mut stderr) = self.0.stderr.take() {
            stderr.read_to_string(&mut text[1]).expect("utf-8");
        }
        let [stdout, stderr] = text;
        (code, stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A robot on the bus, in a home that is made quickly.
pub fn driven_robot(endpoint: &str, prefix: &str, more: &[&str]) -> Running {
    let mut arguments = vec!["apartment", "--drive", "--seed", "7", "--light", "flat"];
    arguments.extend(["--json", "--listen", endpoint, "--prefix", prefix]);
    arguments.extend(more);
    Running::start(&arguments)
}
