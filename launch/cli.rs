//! The command line as it is written.

mod access;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser};

use crate::commands::Command;
use crate::overrides::Overrides;
use crate::rules;

pub use access::Access;

const EXAMPLES: &str = "\
Examples:
  concert demo                                  look at it work, without a camera
  concert watch                                 the same outputs, seen from another process
  concert check launch/robots/front.toml        what would run, and what is missing
  concert serve launch/robots/front.toml        run it
  concert swap home                             another policy, while it runs
  concert serve first_light --frames 30 --json  thirty frames, then the figures

Exit codes:
  0    done, also when stopped by Ctrl-C or SIGTERM
  1    something failed while running
  2    the command line or a file was refused before anything ran
  3    bench: slower than --max-p99 allows
  75   a network hung inside a kernel; a supervisor should restart the process
  130  stopped by a second Ctrl-C, without waiting for anything

Environment:
  CONCERT_MODELS       folders with models, separated by colons
  CONCERT_ONNXRUNTIME  the ONNX Runtime library to use
  CONCERT_LOG          what to log, for example concert_runtime=debug,warn
  NO_COLOR             no colours and no pictures in the terminal";

/// Perception tasks solved in concert: a camera frame comes in, a few shared
/// encoders look at it, small readouts make one output per task, and the
/// outputs go out over zenoh as ROS 2 messages.
#[derive(Debug, Parser)]
#[command(name = "concert", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// For every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// For every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "For every command")]
pub struct Global {
    /// Look for models here first; may be repeated
    #[arg(long, global = true, value_name = "DIR")]
    pub models: Vec<PathBuf>,
    /// Use this ONNX Runtime library instead of finding or fetching one
    #[arg(long, global = true, value_name = "PATH")]
    pub onnxruntime: Option<PathBuf>,
    /// Try TensorRT, then CUDA, then the processor
    #[arg(long, global = true)]
    pub gpu: bool,
    /// Threads of the one pool that runs networks [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Print one JSON object on one line, and everything else to standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Log more; may be repeated
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Log errors only, and show no live table
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// Where to publish, and to whom to connect.
#[derive(Debug, Clone, Default, Args)]
pub struct Session {
    /// End after so many processed frames; everything is computed then, whoever
    /// listens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// Publish below this key
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub prefix: Option<String>,
    /// Listen here instead of where the launch file says; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint)]
    pub listen: Vec<String>,
    /// Connect there, too; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint)]
    pub connect: Vec<String>,
    /// Pass over what `concert tune` kept for this policy on this computer
    #[arg(long)]
    pub untuned: bool,
    /// Let others change the policy while it runs, also from other computers
    #[arg(long)]
    pub allow_control: bool,
}

/// A key, or the rule that it breaks.
pub(crate) fn key(text: &str) -> Result<String, String> {
    rules::key_fault(text).map_or(Ok(text.to_owned()), |rule| Err(rule.to_owned()))
}

/// An endpoint, or the rule that it breaks.
pub(crate) fn endpoint(text: &str) -> Result<String, String> {
    rules::endpoint_fault(text).map_or(Ok(text.to_owned()), |rule| Err(rule.to_owned()))
}

impl Session {
    /// What stands in place of a launch file's entries.
    #[must_use]
    pub fn overrides(&self, global: &Global) -> Overrides {
        Overrides {
            prefix: self.prefix.clone(),
            listen: self.listen.clone(),
            connect: self.connect.clone(),
            threads: global.threads.map(NonZeroUsize::get),
            untuned: self.untuned,
            allow_control: self.allow_control,
            gpu: global.gpu,
            ..Overrides::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_may_follow_the_command() {
        let cli = Cli::try_parse_from(["concert", "check", "a", "b", "--json", "--models", "m"]);
        let cli = cli.expect("a command line");
        assert!(cli.global.json && cli.global.models == [PathBuf::from("m")]);
        let Command::Check(check) = cli.command else {
            panic!("not check");
        };
        assert_eq!(check.files, ["a", "b"]);
    }

    #[test]
    fn bad_keys_and_endpoints_are_bad_usage() {
        for bad in [
            ["concert", "watch", "robot/**"].as_slice(),
            &["concert", "watch", "--connect", "localhost"],
            &["concert", "serve", "a", "--frames", "0"],
            &["concert", "demo", "--threads", "0"],
            &["concert", "check"],
            &["concert"],
        ] {
            let error = Cli::try_parse_from(bad).expect_err("a refusal");
            assert_eq!(error.exit_code(), 2, "{bad:?}");
        }
    }
}
