//! WHERE Concert runs: launch files, the command line, pictures and tables.

pub mod apartment_camera;
mod assemble;
pub mod cli;
mod commands;
pub mod draw;
pub mod launch_file;
mod learn;
pub mod live;
pub mod logging;
#[cfg(feature = "zenoh")]
mod lost_messages;
pub mod meter;
pub mod model_folders;
pub mod overrides;
pub mod photographs;
pub mod policy_choice;
pub mod report;
pub mod rules;
pub mod simulated_robot;
pub mod stop;
pub mod strangers;
pub mod tap;
pub mod terminal;
mod transfers;

use std::io;
use std::process::ExitCode;

use clap::Parser;

#[cfg(feature = "onnxruntime")]
pub use concert_runtime::io::onnxruntime::TELEMETRY_VARIABLE;
pub use launch_file::{LaunchError, LaunchFault, LaunchFile};
pub use overrides::Overrides;

/// The program: reads the command line, runs the command, says what came of it.
#[must_use]
pub fn run() -> ExitCode {
    let cli = cli::Cli::parse();
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
