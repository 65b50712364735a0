//! One file per command.

pub(crate) mod apartment;
mod check;
mod data;
mod doctor;
mod draw;
mod evaluate;
mod explain;
mod fit;
mod learn;
mod measure;
mod models;
mod policies;
mod profile;
mod schema;
mod serve;
mod solve;
mod swap;
mod tasks;
#[cfg(feature = "zenoh")]
mod visit;
mod watch;

use crate::cli::{Cli, Command};
use crate::report::{Failure, Report};

/// Runs the command that the command line asks for.
///
/// # Errors
/// What the command refuses or fails at.
pub(crate) fn run(cli: Cli) -> Result<Report, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Demo(args) => serve::demo(&args, &global),
        Command::Serve(args) => serve::serve(&args, &global),
        Command::Watch(args) => watch::run(&args, &global),
        Command::Swap(args) => swap::run(&args),
        Command::Learn(args) => learn::run(&args),
        Command::Check(args) => Ok(check::run(&args, &global)),
        Command::Doctor => Ok(doctor::run(&global)),
        Command::Models(command) => models::run(&command, &global),
        Command::Schema(args) => Ok(schema::run(&args)),
        Command::Tasks => Ok(tasks::run(&global)),
        Command::Policies => Ok(policies::run()),
        Command::Draw(args) => draw::run(&args, &global),
        Command::Evaluate(args) => evaluate::run(&args, &global),
        Command::Fit(args) => fit::run(&args, &global),
        Command::Explain(args) => explain::run(&args, &global),
        Command::Profile(args) => profile::run(&args, &global),
        Command::Measure(args) => measure::run(&args, &global),
        Command::Solve(args) => solve::run(&args),
        Command::Apartment(args) => apartment::run(&args, &global),
    }
}
