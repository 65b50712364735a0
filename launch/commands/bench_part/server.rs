//! The server that is measured: `serve`, with the benchmark for a camera.

use std::path::PathBuf;

use clap::Args;

use super::{PREFIX, camera, needs_depth};
use crate::cli::{Global, Session};
use crate::commands::bench::args::provider;
use crate::commands::serve::{ServeOptions, launch_of, serve};
use crate::launch_file::Provider;
use crate::overrides::Overrides;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse, Report};

/// Arguments of the server.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// A launch file, or a policy
    pub file: String,
    /// Where it listens
    #[arg(long, value_name = "ENDPOINT")]
    pub listen: String,
    /// Where it writes when each network ran
    #[arg(long, value_name = "FILE")]
    pub trace: PathBuf,
    /// Pass over what `concert tune` kept
    #[arg(long)]
    pub untuned: bool,
    /// Providers to try
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = provider)]
    pub provider: Vec<Provider>,
}

/// Serves until it is told to end.
pub(super) fn run(args: &ServerArgs, global: &Global) -> Result<Report, Failure> {
    let launch = launch_of(&args.file)?;
    let policy = PolicyChoice::of_launch(&launch).or_refuse()?.policy;
    let with_depth = needs_depth(&policy);
    let launch = launch.for_bench((&args.listen, PREFIX), |entry| {
        camera(entry.name(), with_depth)
    });
    let launch = launch.with(&Overrides {
        providers: args.provider.clone(),
        untuned: args.untuned,
        ..Overrides::default()
    });
    let options = ServeOptions {
        trace: Some(args.trace.clone()),
        ..ServeOptions::default()
    };
    serve(&launch, &Session::default(), global, options)
}
