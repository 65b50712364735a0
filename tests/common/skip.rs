//! Tests that cannot run here say so, also where their output is captured.
//!
//! With `CONCERT_TESTS_MAY_SKIP=0` one that lacks data or tools fails; one that
//! lacks hardware, or what only some systems allow, never does. Each is written
//! to the file that `CONCERT_TESTS_SKIPPED` names, so that they can be counted.
#![allow(dead_code, unreachable_pub, reason = "each crate uses its own part")]

use std::fmt::Display;
use std::io::Write as _;

/// Says that data or tools are missing.
///
/// # Panics
/// Where the environment says that nothing may be skipped.
pub fn skip(reason: impl Display) {
    let may = std::env::var_os("CONCERT_TESTS_MAY_SKIP").is_none_or(|may| may != "0");
    assert!(may, "CONCERT_TESTS_MAY_SKIP=0, but {reason}");
    say(&reason);
}

/// Says that this machine lacks something that not every machine can have.
pub fn cannot(reason: impl Display) {
    say(&reason);
}

fn say(reason: &dyn Display) {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    // Past the capture of passing tests; who cannot be told need not be.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
    if let Some(path) = std::env::var_os("CONCERT_TESTS_SKIPPED") {
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        let _ = file.map(|mut file| writeln!(file, "{test}: {reason}"));
    }
}
