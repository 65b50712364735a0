//! Every command of the README, and every example of `--help`, runs as it is
//! printed, in order: each ends within two minutes with exit code 0, or is a
//! server, which runs until it is told to stop. What a line reads is there or
//! was written by a line before it.
//!
//! The lines use the default ports, so they run in a network of their own; where
//! the system gives none, that is said and nothing is tried.
#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use clap::CommandFactory;
use concert_runtime::io::library::{LibraryRequest, find_or_fetch};
use concert_runtime::io::thread;

/// Longest time of a line that ends by itself.
const LINE_LIMIT: Duration = Duration::from_secs(120);
/// How often a line is looked after.
const LOOK: Duration = Duration::from_millis(100);
/// How long a server runs before it is told to stop, where no line asks it
/// anything.
const SERVED: Duration = Duration::from_secs(3);

/// A command line as it is printed, and where.
struct Line {
    text: String,
    from: String,
}

/// The command lines of a text: those that begin with `concert` or `cargo`,
/// without the remarks behind them.
fn lines_of(text: &str, from: &str) -> Vec<Line> {
    let joined = text.replace("\\\n", " ");
    let commands = joined.lines().map(str::trim).filter(|line| {
        let first = line.split(' ').next();
        matches!(first, Some("concert" | "cargo"))
    });
    let each = commands.map(|line| {
        let end = line.find(" #").unwrap_or(line.len());
        let line = line[..end].trim();
        // Help puts remarks behind at least two spaces.
        let words: Vec<_> = line.split("  ").map(str::trim).collect();
        let is_remark = |part: &&&str| !part.is_empty() && !part.starts_with('-');
        let remark = words.iter().skip(1).find(is_remark).copied();
        let command = remark.map_or(line, |remark| &line[..line.find(remark).unwrap_or(0)]);
        Line {
            text: command.split_whitespace().collect::<Vec<_>>().join(" "),
            from: from.to_owned(),
        }
    });
    each.collect()
}

/// The lines within the README's blocks of shell commands.
fn readme() -> Vec<Line> {
    let path = common::repository().join("README.md");
    let text = std::fs::read_to_string(path).expect("a README");
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| lines_of(block, "README.md"))
        .collect()
}

/// The examples of every command's help, in the order of the commands.
fn helps() -> Vec<Line> {
    fn walk(command: &clap::Command, name: &str, lines: &mut Vec<Line>) {
        let help = command.get_after_help().map(ToString::to_string);
        let examples = help
            .as_deref()
            .and_then(|help| help.split_once("\nExample"));
        let whole = help.as_deref().filter(|help| help.starts_with("Example"));
        let text = whole
            .or(examples.map(|(_, examples)| examples))
            .unwrap_or_default();
        // A blank line ends them.
        let text = text.split("\n\n").next().unwrap_or_default();
        lines.extend(lines_of(text, &format!("{name} --help")));
        for command in command.get_subcommands() {
            walk(command, &format!("{name} {}", command.get_name()), lines);
        }
    }
    let mut lines = Vec::new();
    walk(&concert::cli::Cli::command(), "concert", &mut lines);
    lines
}

/// Whether a line serves, until it is told to stop; so does an errand, which
/// takes minutes.
fn is_server(words: &[&str]) -> bool {
    let ends = words.contains(&"--frames");
    let drives = words.contains(&"--drive") || words.contains(&"--black-box");
    let runs = matches!(
        words.get(1),
        Some(&("serve" | "demo" | "watch" | "view" | "fetch-soda"))
    );
    runs && !ends || drives
}

/// Whether a line speaks to a server that a line before it started.
fn is_client(words: &[&str]) -> bool {
    let asks = matches!(words.get(1), Some(&("watch" | "swap" | "learn" | "record")));
    asks || words.contains(&"--live") || words.iter().any(|word| word.contains("driven"))
}

/// Whether a line needs a camera that this computer lacks.
fn lacks_a_camera(line: &Line) -> bool {
    line.text.contains("/dev/video0") && !Path::new("/dev/video0").exists()
}

/// What the lines run in: a folder of their own with the checkout's files below
/// it, the user's data and cache there, and a network of its own.
struct Shell {
    folder: tempfile::TempDir,
    network: Option<Child>,
    /// ONNX Runtime, as it lies in the user's cache.
    library: PathBuf,
    /// Servers that run.
    running: Vec<Started>,
    count: usize,
}

/// A line that was started.
struct Started {
    child: Child,
    line: String,
    /// What it prints, and what it logs.
    files: [PathBuf; 2],
}

impl Started {
    fn said(&self) -> [String; 2] {
        let read = |file: &PathBuf| std::fs::read_to_string(file).unwrap_or_default();
        [read(&self.files[0]), read(&self.files[1])]
    }

    /// Waits for the end, which is to be a good one.
    fn finish(mut self) {
        let status = ended(&mut self.child, LINE_LIMIT);
        let is_good = status.is_some_and(|status| status.success());
        let [said, logged] = self.said();
        assert!(is_good, "`{}`: {status:?}\n{said}\n{logged}", self.line);
    }
}

/// Brings the loopback of a new network up, then waits.
const HOLD: &str = "\
import fcntl, socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
r = struct.pack('16sH14s', b'lo', 1, b'')
fcntl.ioctl(s, 0x8914, r)
print('up', flush=True)
time.sleep(3600)
";

impl Shell {
    /// `None`, said aloud, where there is no network to be had.
    fn open() -> Option<Self> {
        let library = find_or_fetch(&LibraryRequest::default(), &mut |_| {});
        let library = library.expect("onnxruntime");
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["launch", "policies", "models"] {
            let place = common::repository().join(name);
            std::os::unix::fs::symlink(place, folder.path().join(name)).expect("a link");
        }
        let mut command = Command::new("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--net",
            "python3",
            "-I",
            "-c",
            HOLD,
        ]);
        let mut network = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut word = [0; 3];
        let answer = network
            .stdout
            .as_mut()
            .map(|out| std::io::Read::read(out, &mut word));
        let is_up = matches!(answer, Some(Ok(3))) && &word == b"up\n";
        let shell = Self {
            folder,
            network: Some(network),
            library: library.path,
            running: Vec::new(),
            count: 0,
        };
        if !is_up {
            common::skip::cannot(format_args!(
                "this system gives no network of its own (unshare --user --net)"
            ));
            return None;
        }
        Some(shell)
    }

    fn start(&mut self, line: &str) -> Started {
        self.count += 1;
        let file = |what| {
            self.folder
                .path()
                .join(format!("line-{}.{what}", self.count))
        };
        let files = [file("out"), file("log")];
        let [out, err] = [0, 1].map(|at| File::create(&files[at]).expect("a file"));
        let words: Vec<&str> = line.split(' ').collect();
        let network = self.network.as_ref().map_or(0, Child::id).to_string();
        let mut command = Command::new("nsenter");
        command.args([
            "--user",
            "--net",
            "--preserve-credentials",
            "--target",
            &network,
        ]);
        command.arg(env!("CARGO_BIN_EXE_concert")).args(&words[1..]);
        let child = command
            .current_dir(self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path().join("data"))
            // What is tuned here is not kept for anybody else.
            .env("CONCERT_CACHE", self.folder.path().join("cache"))
            .env("CONCERT_ONNXRUNTIME", &self.library)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .expect("nsenter runs");
        Started {
            child,
            line: line.to_owned(),
            files,
        }
    }

    fn run(&mut self, line: &Line) {
        let words: Vec<&str> = line.text.split(' ').collect();
        println!("{}: {}", line.from, line.text);
        if !is_client(&words) {
            self.stop_servers();
        }
        let started = self.start(&line.text);
        if is_server(&words) {
            self.running.push(started);
            return self.wait_until_it_serves();
        }
        started.finish();
    }

    /// Waits until the newest server prints something, then a little more.
    fn wait_until_it_serves(&mut self) {
        let server = self.running.last_mut().expect("a server");
        for _ in 0..LINE_LIMIT.as_millis() / LOOK.as_millis() {
            let [said, logged] = server.said();
            let ended = server.child.try_wait().expect("its status");
            assert!(
                ended.is_none(),
                "`{}`: {ended:?}\n{said}\n{logged}",
                server.line
            );
            // The table begins; a robot has none, nor has a black box.
            let serves = ["publishes below", "in memory"];
            if !said.is_empty() || serves.iter().any(|said| logged.contains(said)) {
                return thread::sleep(SERVED);
            }
            thread::sleep(LOOK);
        }
        panic!("`{}` does not serve within {LINE_LIMIT:?}", server.line);
    }

    /// Tells all servers to stop, the newest first; each ends with exit code 0.
    fn stop_servers(&mut self) {
        while let Some(server) = self.running.pop() {
            let id = server.child.id().to_string();
            let sent = Command::new("kill").args(["-TERM", &id]).status();
            assert!(sent.is_ok_and(|sent| sent.success()), "kill {id}");
            server.finish();
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let servers = self.running.drain(..).map(|server| server.child);
        for mut child in servers.chain(self.network.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How it ended; it is killed where it does not within `limit`.
fn ended(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    for _ in 0..limit.as_millis() / LOOK.as_millis() {
        if let Some(status) = child.try_wait().expect("its status") {
            return Some(status);
        }
        thread::sleep(LOOK);
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Lines that build: this test's own binary is what they would build.
fn is_built_already(line: &Line) -> bool {
    line.text.starts_with("cargo ")
}

#[test]
fn in_order_and_as_printed() {
    let Some(mut shell) = Shell::open() else {
        return;
    };
    let mut done = BTreeSet::new();
    for line in readme().into_iter().chain(helps()) {
        if is_built_already(&line) {
            println!("{}: {}: built already", line.from, line.text);
            continue;
        }
        if lacks_a_camera(&line) {
            common::skip::cannot(format_args!("{}: there is no /dev/video0", line.text));
            continue;
        }
        let words: Vec<&str> = line.text.split(' ').collect();
        // What stands in the README and again in a help runs once, but for
        // servers that later lines speak to.
        if done.insert(line.text.clone()) || is_server(&words) || is_client(&words) {
            shell.run(&line);
        }
    }
    shell.stop_servers();
    assert!(done.len() > 40, "{} lines were found", done.len());
}

#[test]
fn each_line_is_read_as_it_is_meant() {
    let text = "\
  concert demo                              look at it work
  concert solve --a b \\
      --pareto --picture front.svg          (as written)
  concert profile --out here.toml                   # what it costs
not a line
cargo install --path . --locked # puts it there";
    let lines = lines_of(text, "test");
    let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    let want = [
        "concert demo",
        "concert solve --a b --pareto --picture front.svg",
        "concert profile --out here.toml",
        "cargo install --path . --locked",
    ];
    assert_eq!(lines, want);
}
