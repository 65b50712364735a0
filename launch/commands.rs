//! The commands: one file each, with its arguments beside what it does, and one
//! entry in the list below.

#[cfg(feature = "apartment")]
pub(crate) mod apartment;
#[cfg(feature = "apartment")]
pub(crate) mod bench;
#[cfg(feature = "apartment")]
pub(crate) mod bench_part;
pub(crate) mod check;
#[cfg(feature = "fitting")]
mod data;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod draw;
#[cfg(feature = "fitting")]
pub(crate) mod evaluate;
pub(crate) mod explain;
#[cfg(feature = "apartment")]
pub(crate) mod fetch_soda;
#[cfg(feature = "fitting")]
pub(crate) mod fit;
#[cfg(feature = "fitting")]
pub(crate) mod learn;
#[cfg(feature = "fitting")]
pub(crate) mod measure;
pub(crate) mod models;
pub(crate) mod policies;
#[cfg(feature = "apartment")]
pub(crate) mod profile;
#[cfg(feature = "recording")]
pub(crate) mod record;
#[cfg(feature = "recording")]
pub(crate) mod replay;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod solve;
pub(crate) mod swap;
pub(crate) mod tasks;
#[cfg(feature = "apartment")]
pub(crate) mod tune;
#[cfg(feature = "apartment")]
pub(crate) mod tune_part;
#[cfg(feature = "view")]
pub(crate) mod view;
mod visit;
pub(crate) mod watch;

use clap::Subcommand;

use crate::cli::{Cli, Global};
use crate::report::{Failure, Report};

macro_rules! commands {
    ($($([$cfg:meta])? $(#[$attribute:meta])* $module:ident::$Name:ident($Args:ident),)*) => {
        /// What to do.
        #[derive(Debug, Subcommand)]
        pub enum Command {
            $($(#[cfg($cfg)])? $(#[$attribute])* $Name($module::$Args),)*
        }

        impl Command {
            fn run(self, global: &Global) -> Result<Report, Failure> {
                match self {
                    $($(#[cfg($cfg)])? Command::$Name(args) => $module::run(&args, global),)*
                }
            }
        }
    };
}

commands! {
    /// Run the shipped policy in a simulated home, with a live table
    demo::Demo(DemoArgs),
    /// Run a launch file, or a policy with the default launch
    serve::Serve(ServeArgs),
    /// Show what another process publishes
    watch::Watch(WatchArgs),
    [feature = "view"]
    /// Serve a page that shows a robot: pictures, map, health, and the choice of a
    /// policy
    view::View(ViewArgs),
    [feature = "recording"]
    /// Write what a robot publishes into a file, or its last seconds when something
    /// happens
    record::Record(RecordArgs),
    [feature = "recording"]
    /// Compute a recording again, by its own policy or another, and compare
    replay::Replay(ReplayArgs),
    /// Change the policy of a running server, between two frames
    swap::Swap(SwapArgs),
    [feature = "fitting"]
    /// Ask a running server that learns: status, restore, resume
    learn::Learn(LearnArgs),
    /// Explain files: policies, launch files, model cards, ONNX networks
    check::Check(CheckArgs),
    /// Look whether everything is there, and say what to do where it is not
    doctor::Doctor(DoctorArgs),
    /// List, fetch, check, cut, merge and describe networks
    #[command(subcommand)]
    models::Models(ModelsArgs),
    /// Print the JSON Schema of a kind of file, for editors
    schema::Schema(SchemaArgs),
    /// List the tasks: what can be a target or a source, in which unit, and from
    /// which sources there are readouts
    tasks::Tasks(TasksArgs),
    /// List the policies that ship, by name
    policies::Policies(PoliciesArgs),
    /// Run a policy on images and draw what comes out
    draw::Draw(DrawArgs),
    [feature = "fitting"]
    /// Measure a readout or a policy on a data set with labels
    evaluate::Evaluate(EvaluateArgs),
    [feature = "fitting"]
    /// Fit a new readout on a few labelled frames
    fit::Fit(FitArgs),
    /// Say what a policy computes, what that costs, and why; draw it
    explain::Explain(ExplainArgs),
    [feature = "apartment"]
    /// Measure what encoders and readouts cost on this device
    profile::Profile(ProfileArgs),
    [feature = "apartment"]
    /// Measure how fast a policy is, as a subscriber in another process sees it
    bench::Bench(BenchArgs),
    [feature = "apartment"]
    /// The other processes of `bench`, which starts them itself
    #[command(subcommand, hide = true)]
    bench_part::BenchPart(BenchPartArgs),
    [feature = "apartment"]
    /// Measure how a policy is run best on this computer, and keep that for `serve`
    tune::Tune(TuneArgs),
    [feature = "apartment"]
    /// A process of `tune`, which starts it itself
    #[command(hide = true)]
    tune_part::TunePart(TunePartArgs),
    [feature = "fitting"]
    /// Measure which sources serve which targets, and choose policies from it
    measure::Measure(MeasureArgs),
    /// Choose which sources to transfer from, exactly, under a budget
    solve::Solve(SolveArgs),
    [feature = "apartment"]
    /// A simulated home: write labelled pictures, drive a robot in it, look at it
    apartment::Apartment(ApartmentArgs),
    [feature = "apartment"]
    /// A robot that sees only what Concert publishes does an errand in a simulated
    /// home
    fetch_soda::FetchSoda(FetchSodaArgs),
}

/// Runs the command that the command line asks for.
///
/// # Errors
/// What the command refuses or fails at.
pub(crate) fn run(cli: Cli) -> Result<Report, Failure> {
    cli.command.run(&cli.global)
}
