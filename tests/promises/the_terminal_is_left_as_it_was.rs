//! The live table in a terminal: it has a screen of its own, follows the
//! window, and gives the terminal back however it is asked to stop; elsewhere
//! there are short lines.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::program::{Running, concert, free_endpoint};
use concert_runtime::io::thread;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// A terminal, with what was written to it.
struct Terminal {
    ours: File,
    theirs: OwnedFd,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("granted");
        unlockpt(&ours).expect("unlocked");
        let name = ptsname(&ours, Vec::new()).expect("its name");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let theirs = rustix::fs::open(name, flags, Mode::empty()).expect("its other side");
        let written = Arc::new(Mutex::new(Vec::new()));
        let terminal = Self {
            ours: File::from(ours),
            theirs,
            written: Arc::clone(&written),
        };
        let mut reader = terminal.ours.try_clone().expect("a second handle");
        let mut keyboard = terminal.ours.try_clone().expect("a third handle");
        thread::spawn("terminal", move || {
            let mut bytes = [0; 4096];
            // Ends with the terminal.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
                // As every terminal, it says where its cursor is.
                if bytes[..count].windows(4).any(|asked| asked == b"\x1b[6n") {
                    let _ = keyboard.write_all(b"\x1b[1;1R");
                }
            }
        })
        .expect("a thread");
        terminal.resize(80, 24);
        terminal
    }

    fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.ours, size).expect("a size");
    }

    /// Starts `concert` in it; no colours of the caller's terminal.
    fn start(&self, arguments: &[&str]) -> Started {
        let side = || self.theirs.as_fd().try_clone_to_owned().expect("a handle");
        let mut command = concert(arguments);
        command
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .env("TERM", "xterm-256color")
            .env_remove("COLORTERM")
            .env_remove("NO_COLOR");
        Started(command.spawn().expect("concert starts"))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits until it shows this.
    fn until(&self, what: &str) {
        for _ in 0..600 {
            if self.text().contains(what) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{what:?} was never shown in {:?}", self.text());
    }

    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.theirs).expect("its modes");
        modes.local_modes.contains(LocalModes::ECHO)
    }
}

/// A program that does not outlive the test.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
}

/// Enters and leaves the other screen.
const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

#[test]
fn the_table_follows_the_window_and_both_signals_give_the_terminal_back() {
    for (name, resized) in [("-INT", (120, 45)), ("-TERM", (60, 20))] {
        let terminal = Terminal::open();
        let endpoint = free_endpoint();
        let mut started = terminal.start(&[
            "demo",
            "--image",
            "tests/photographs",
            "--policy",
            "first_light",
            "--listen",
            &endpoint,
            "--prefix",
            "table/perception",
        ]);
        terminal.until("keypoints2d");
        assert!(!terminal.echoes(), "nothing is echoed into the table");
        // 256 colours by the terminal's name alone; the camera's picture.
        terminal.until("\u{1b}[38;5;");
        terminal.until("▀");
        let before = terminal.text().len();
        terminal.resize(resized.0, resized.1);
        for _ in 0..100 {
            if terminal.text()[before..].contains("keypoints2d") {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        assert!(
            terminal.text()[before..].contains("keypoints2d"),
            "the whole table is drawn anew"
        );
        signal(&started.0, name);
        let status = started.0.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{name}");
        terminal.until("camera front:");
        // What is left in the pipe.
        thread::sleep(Duration::from_millis(300));
        let text = terminal.text();
        assert_eq!(text.matches(ENTER).count(), 1);
        let (table, after) = text.split_once(LEAVE).expect("it leaves");
        // Blank cells are skipped, not written.
        let written: String = without_escapes(table).split_whitespace().collect();
        assert!(written.contains("first_lightonfront"), "{written}");
        assert!(terminal.echoes(), "{name}");
        assert!(table.contains(SHOW_CURSOR), "the cursor is back");
        assert!(!after.contains("\u{1b}[?"), "nothing more of the table");
        for line in after.lines() {
            let width = without_escapes(line.trim_end_matches('\r')).chars().count();
            assert!(width <= usize::from(resized.0), "{width} columns: {line}");
        }
        // Log lines neither tear the table nor are they lost or too wide.
        let (early, _) = table.split_once(ENTER).expect("it enters");
        for line in early.lines() {
            let width = without_escapes(line.rsplit('\r').next().unwrap_or_default());
            assert!(width.chars().count() <= 80, "{line:?}");
        }
    }
}

#[test]
fn where_there_is_no_terminal_lines_are_short() {
    let endpoint = free_endpoint();
    let running = Running::start(&[
        "demo",
        "--image",
        "tests/photographs",
        "--policy",
        "first_light",
        "--listen",
        &endpoint,
        "--prefix",
        "lines/perception",
    ]);
    thread::sleep(Duration::from_secs(12));
    let (code, stdout, stderr) = running.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let lines = || stdout.lines().filter(|line| line.contains("outputs"));
    assert!(lines().count() > 1, "{stdout}");
    for line in stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(!stdout.contains('\u{1b}'));
}

fn without_escapes(text: &str) -> String {
    let mut letters = text.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => drop(letters.find(|letter| letter.is_ascii_alphabetic())),
            letter => plain.push(letter),
        }
    }
    plain
}
