//! `concert schema`: the JSON Schema of a kind of file.

use clap::{Args, ValueEnum};
use concert_policies::Policy;

use crate::cli::Global;
use crate::launch_file::LaunchFile;
use crate::report::{Failure, Report};

/// Kinds of files with a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// What a robot computes.
    Policy,
    /// Where it runs.
    Launch,
    /// What a network is.
    Card,
    /// What `solve` is to choose a policy for.
    Problem,
    /// What networks cost on a device.
    Profile,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Kind of file
    #[arg(value_enum)]
    pub of: SchemaOf,
}

pub(crate) fn run(args: &SchemaArgs, _global: &Global) -> Result<Report, Failure> {
    let schema = match args.of {
        SchemaOf::Policy => Policy::json_schema(),
        SchemaOf::Launch => LaunchFile::json_schema(),
        SchemaOf::Problem => concert_policies::solve::Problem::json_schema(),
        SchemaOf::Profile => concert_policies::profile::Profile::json_schema(),
        SchemaOf::Card => concert_models::card::Card::json_schema(),
    };
    let text = format!("{schema:#}");
    Ok(Report::done(schema, text))
}
