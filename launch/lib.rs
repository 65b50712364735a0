//! WHERE Concert runs: launch files, the command line, pictures and tables.

#![cfg_attr(
    not(all(feature = "apartment", feature = "fitting")),
    allow(
        dead_code,
        unused_imports,
        reason = "some of it is there for these alone"
    )
)]

#[cfg(feature = "apartment")]
mod apartment_camera;
mod assemble;
mod cameras;
pub mod cli;
mod commands;
mod degradation;
mod draw;
mod embedded_models;
#[cfg(feature = "apartment")]
mod fetch_soda;
#[cfg(test)]
mod foreign_bytes_tests;
#[cfg(feature = "http")]
mod http;
mod launch_file;
#[cfg(feature = "fitting")]
mod learn;
mod live;
mod live_view;
mod logging;
mod lost_messages;
mod meter;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "without_metrics.rs"]
mod metrics;
mod model_folders;
mod overrides;
mod policy_choice;
mod printable;
#[cfg(feature = "apartment")]
mod process;
mod progress;
mod report;
mod rules;
#[cfg(feature = "apartment")]
mod simulated_home;
#[cfg(feature = "apartment")]
mod simulated_robot;
mod stop;
mod strangers;
mod supervision;
mod terminal;
mod trace;
mod transfers;
mod tuning;
#[cfg(feature = "view")]
mod view;
#[cfg(not(feature = "view"))]
#[path = "without_view.rs"]
mod view;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

pub use concert_runtime::io::onnxruntime::TELEMETRY_VARIABLE;
pub use launch_file::{LaunchError, LaunchFault, LaunchFile};
pub use overrides::Overrides;
pub use printable::steers;

use report::Exit;

/// The program: reads the command line, runs the command, says what came of it.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return ExitCode::from(usage(&answer)),
    };
    logging::begin(cli.global.verbose, cli.global.quiet);
    let as_json = cli.global.json;
    if as_json {
        stop::speak_json();
    }
    let result = commands::run(cli);
    while !stop::may_speak() {
        // Somebody ends the process, and is saying so.
        concert_runtime::io::thread::sleep(std::time::Duration::from_secs(1));
    }
    let code = report::conclude(result, as_json, &mut io::stdout(), &mut io::stderr());
    ExitCode::from(code)
}

/// Says how the program is used: help and version on standard output, what is
/// wrong with the command line on standard error, with `--json` also as an
/// object. Returns the exit code.
fn usage(answer: &clap::Error) -> u8 {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    if !answer.use_stderr() {
        let shown = answer.print().and_then(|()| out.flush());
        return match report::is_said(shown, &mut err) {
            true => Exit::Done as u8,
            false => Exit::Failed as u8,
        };
    }
    let given: Vec<_> = std::env::args_os().collect();
    let steers = |given: &OsString| given.to_string_lossy().contains(printable::steers);
    // Where standard error is lost, the exit code is all that is left.
    let _ = match given.iter().any(steers) {
        false => answer.print(),
        true => write!(err, "{}", printable::printable(&answer.to_string())),
    };
    let exit = Exit::Refused as u8;
    if given.iter().any(|given| given == "--json") {
        let message = answer.to_string();
        let object = serde_json::json!({ "error": message.trim_end(), "exit": exit });
        report::said(&printable::printable_json(&object), &mut out, &mut err);
    }
    exit
}
