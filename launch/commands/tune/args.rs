//! The command line of `concert tune`.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::commands::bench::args::rate;

const HELP: &str = "\
Runs a policy as `serve` does in each of the ways that this computer allows, each
in a process of its own, by turns in short rounds, so that whatever slows the
computer slows all of them; says what each costs, chooses, and keeps the choice.

  encoders    side by side, each with its share of the threads, or one after the
              other, each with all of them
  threads     one per core, half of them, one; or as --threads has it
  spinning    off: a thread that has nothing to do sleeps at once; on, or for so
              many µs: it looks for work first, which is faster where nothing else
              runs, and takes time of the processor that others may want

  p50, p99    of one frame's time, everything computed, at --rate
  processor   time of all threads for one frame, with the waiting until the next

Outputs are the same bits whatever is chosen; that is looked at, and what differs
is not chosen. Times within 3 % of each other count as equal: then what takes less
of the other counts, and then what is usual.

What is kept (below ~/.cache/concert/tuned, or CONCERT_CACHE) is used by `serve`,
`demo` and `bench` from the next start on, where processor, cores, ONNX Runtime,
policy, networks, providers and --threads are the same; their log and `engine` of
--json say so. --untuned, or `tuned = false` in a launch file, passes over it.

Measure while the computer is as busy as it will be: spinning wins where nothing
else runs, and loses where the cores are wanted.

Exit codes: 0 measured and kept; 1 stopped or failed, and nothing was kept; 2 refused.

Examples:
  concert tune first_light --seconds 5
  concert tune first_light --data launch/photographs --for processor --seconds 5 --dry-run --json";

/// Arguments of `tune`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct TuneArgs {
    /// What is run: a launch file, a policy file, or the name of a shipped policy
    #[arg(value_name = "POLICY|LAUNCH")]
    pub file: String,
    /// How long is measured in all, s
    #[arg(long, value_name = "S", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// What is to be little: the time of a frame, or the time that it takes of the
    /// processor
    #[arg(long = "for", value_name = "WHAT", default_value_t = Goal::Latency)]
    pub goal: Goal,
    /// Frames a second of each camera
    #[arg(long, value_name = "HZ", default_value_t = 30.0, value_parser = rate)]
    pub rate: f64,
    /// Images of this folder in place of the cameras'
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Measure and say, but keep nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What is to be little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Goal {
    /// The time of a frame.
    Latency,
    /// The processor time of a frame.
    Processor,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Latency => "latency",
            Self::Processor => "processor",
        })
    }
}
