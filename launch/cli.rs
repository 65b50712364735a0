//! The command line as it is written.

mod access;
mod evaluate;
mod explain;
mod fit;
mod learn;
mod measure;
mod profile;
mod solve;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use concert_models::contract::MAX_INPUT_SIDE;

pub use access::Access;
pub use evaluate::{Evaluate, Frames};
pub use explain::Explain;
pub use fit::{Fit, KindChoice};
pub use learn::{Learn, LearnAsk, LearnFlags, LearnTo};
pub use measure::Measure;
pub use profile::Profile;
pub use solve::Solve;

use crate::commands::apartment::Apartment;
use crate::launch_file::{DEFAULT_ENDPOINT, DEFAULT_PREFIX, DEFAULT_SEED};
use crate::overrides::Overrides;
use crate::rules;

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
    /// Let others change the policy while it runs, also from other computers
    #[arg(long)]
    pub allow_control: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the shipped policy in a simulated home, with a live table
    Demo(Demo),
    /// Run a launch file, or a policy with the default launch
    Serve(Serve),
    /// Show what another process publishes
    Watch(Watch),
    /// Change the policy of a running server, between two frames
    Swap(Swap),
    /// Ask a running server that learns: status, restore, resume
    Learn(Learn),
    /// Explain files: policies, launch files, model cards, ONNX networks
    Check(Check),
    /// Look whether everything is there, and say what to do where it is not
    Doctor,
    /// List, fetch, check, cut, merge and describe networks
    #[command(subcommand)]
    Models(Models),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(Schema),
    /// List the tasks: what can be a target or a source, in which unit, and from
    /// which sources there are readouts
    Tasks,
    /// List the policies that ship, by name
    Policies,
    /// Run a policy on images and draw what comes out
    Draw(Draw),
    /// Measure a readout or a policy on a data set with labels
    Evaluate(Evaluate),
    /// Fit a new readout on a few labelled frames
    Fit(Fit),
    /// Say what a policy computes, what that costs, and why; draw it
    Explain(Explain),
    /// Measure what encoders and readouts cost on this device
    Profile(Profile),
    /// Measure which sources serve which targets, and choose policies from it
    Measure(Measure),
    /// Choose which sources to transfer from, exactly, under a budget
    Solve(Solve),
    /// A simulated home: write labelled pictures, drive a robot in it, look at it
    Apartment(Box<Apartment>),
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Publishes as `serve` does: look at it with `concert watch` in another terminal.
The camera is on a robot that tours a simulated home, which is built first; it
measures depth, too, so beside the shipped depth another one begins from nothing
and learns: both pictures and both errors over time are shown.
--photographs pans over photographs instead, --image takes your images.

Examples:
  concert demo
  concert demo --seed 12              another home
  concert demo --image launch/photographs   what the policy makes of your images
  concert demo --camera /dev/video0   what it makes of your webcam")]
pub struct Demo {
    /// A policy to run instead of `demo`, or of `home` on photographs and
    /// images: a shipped name or a file
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// The home to tour: the same seed is the same home
    #[arg(long, value_name = "S", default_value_t = DEFAULT_SEED)]
    pub seed: u64,
    /// Pan over the photographs that ship with Concert instead
    #[arg(long, conflicts_with_all = ["images", "seed"])]
    pub photographs: bool,
    /// Images to run on instead: a folder, or files; may be repeated
    #[arg(long = "image", value_name = "PATH", conflicts_with = "seed")]
    pub images: Vec<PathBuf>,
    /// The camera to run on instead: /dev/video0, the address of a stream, a
    /// film, or a folder of images
    #[arg(long, value_name = "DEVICE|URL|FILE", conflicts_with_all = ["seed", "images", "photographs"])]
    pub camera: Option<String>,
    /// Where to publish
    #[command(flatten)]
    pub session: Session,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
A policy given alone runs on the default launch: a camera that pans over
photographs, the processor, published at robot/perception on tcp/127.0.0.1:7448.

Examples:
  concert serve launch/robots/front.toml
  concert serve policies/shipped/first_light.toml --prefix lab/perception
  concert serve first_light --frames 30 --json
  concert serve first_light --camera /dev/video0
  concert serve launch/robots/apartment_learns.toml --learn-curve curve.svg")]
pub struct Serve {
    /// A launch file, a policy file, or the name of a shipped policy
    #[arg(value_name = "LAUNCH|POLICY")]
    pub file: String,
    /// The camera, in place of that of the default launch or of a launch file's
    /// only one: /dev/video0, the address of a stream, a film, or a folder of
    /// images. A film or folder is played once
    #[arg(long, value_name = "DEVICE|URL|FILE")]
    pub camera: Option<String>,
    /// Run this policy, too, where there is time to spare, and compare its
    /// outputs with those that are served: a shipped name or a file
    #[arg(long, value_name = "POLICY")]
    pub shadow: Option<String>,
    /// Answer `concert solve --live` from this table of measured transfers, as
    /// `solve` reads it
    #[arg(long, value_name = "FILE")]
    pub transfers: Option<PathBuf>,
    /// The table leaves out rows on purpose
    #[arg(long, requires = "transfers")]
    pub partial: bool,
    /// What networks cost here, as `profile` measures it: for problems that
    /// limit what they take of the device
    #[arg(long, value_name = "FILE", requires = "transfers")]
    pub profile: Option<PathBuf>,
    /// Learning while serving
    #[command(flatten)]
    pub learning: LearnFlags,
    /// Where to publish
    #[command(flatten)]
    pub session: Session,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
The latency is from the frame's stamp to its arrival here, so both computers'
clocks must agree; drops are gaps in the sequence numbers.")]
pub struct Watch {
    /// Key below which the outputs are published
    #[arg(default_value = DEFAULT_PREFIX, value_parser = key)]
    pub prefix: String,
    /// End after so many outputs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
    /// Where the publisher listens; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, default_value = DEFAULT_ENDPOINT)]
    pub connect: Vec<String>,
    /// Listen here, for publishers that connect to us; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint)]
    pub listen: Vec<String>,
    /// How to get in
    #[command(flatten)]
    pub access: Access,
}

/// Arguments of `swap`.
#[derive(Debug, Args)]
#[command(after_help = "\
The server prepares the policy beside the one that runs, from its own models,
shares the networks that both have, and exchanges them between two frames. On
any failure the old policy goes on.

A server takes policies from who comes in where it listens, if that is of its own
computer alone, and no router came in there; nothing that comes through a router
may. Else its launch file says `[control] enabled = true`, or it runs with
--allow-control.

Exit codes: 0 swapped; 1 the server refused, was busy or did not answer; 2 the
policy was refused here, and nothing was sent.

Examples:
  concert serve first_light           in another terminal
  concert swap home
  concert swap policies/shipped/first_light.toml --connect tcp/127.0.0.1:7448")]
pub struct Swap {
    /// The policy: a shipped name or a file
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// Key below which the server publishes
    #[arg(long, value_name = "KEY", default_value = DEFAULT_PREFIX, value_parser = key)]
    pub prefix: String,
    /// Where the server listens; may be repeated: the first that answers
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, default_value = DEFAULT_ENDPOINT)]
    pub connect: Vec<String>,
    /// How to get in
    #[command(flatten)]
    pub access: Access,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
What a file is follows from its content. For policies and launch files this
says what would run, in which order, and which model files stand ready.

Exit code 2 where a file is refused, 1 where a policy's models are missing.")]
pub struct Check {
    /// Policies, launch files, model cards, ONNX networks; also names of
    /// shipped policies
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

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
pub struct Schema {
    /// Kind of file
    #[arg(value_enum)]
    pub of: SchemaOf,
}

/// Arguments of `draw`.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes one PNG per output and image, OUT/IMAGE.TARGET.png: keypoints as dots,
matches as lines from the image before, class names as letters, maps in colour.
What is missing is said with its reason; exit code 1 where an output failed or
nothing was drawn at all.

Example:
  concert draw --policy first_light --image launch/photographs --out pictures
  concert draw --camera /dev/video0 --out pictures")]
pub struct Draw {
    /// The policy: a shipped name or a file
    #[arg(long, default_value = "first_light", value_name = "POLICY")]
    pub policy: String,
    /// Images or folders of images, in the order of time; may be repeated
    #[arg(
        long = "image",
        required_unless_present = "camera",
        value_name = "PATH"
    )]
    pub images: Vec<PathBuf>,
    /// Draw what this camera shows instead: /dev/video0, the address of a
    /// stream, a film, or a folder of images
    #[arg(long, value_name = "DEVICE|URL|FILE", conflicts_with = "images")]
    pub camera: Option<String>,
    /// Images to take from the camera
    #[arg(long, value_name = "N", default_value_t = 1, requires = "camera",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub frames: u32,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What to do with networks.
#[derive(Debug, Subcommand)]
pub enum Models {
    /// List the encoders and readouts that are found, and where
    List,
    /// Fetch networks that are not shipped, and cut them on the spot
    Pull {
        /// Names of encoders or readouts
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Folder to put them into [default: the user's data folder]
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// Check ONNX files as before loading: size, structure, no external data
    Check {
        /// ONNX networks, or their cards
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Cut a network at tensors inside it, and make an encoder of it
    #[command(after_help = "\
Beside the encoder goes the beginning of its card, FILE.toml, where there is none
yet: input, levels with their shapes, hash. What the network cannot tell is to be
filled in.

Example, a tensor that `concert models describe` names as a tap:
  concert models cut models/encoders/xfeat.onnx --tap descriptors=descriptors --out mine.onnx")]
    Cut {
        /// The network
        file: PathBuf,
        /// A tensor inside, and what the level shall be called; may be repeated
        #[arg(long = "tap", required = true, value_name = "TENSOR=LEVEL")]
        taps: Vec<String>,
        /// Size of the image that it shall take, where the network leaves it open
        #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = input_size)]
        size: Option<(usize, usize)>,
        /// Where to write the encoder
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Merge encoders and readouts into one network
    #[command(after_help = "\
Example:
  concert models merge --policy first_light --out first_light.onnx")]
    Merge {
        /// The policy whose networks are merged: a shipped name or a file
        #[arg(long, value_name = "POLICY")]
        policy: String,
        /// Where to write the network
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Describe a network: inputs, outputs, nodes, where it may be cut
    Describe {
        /// The network
        file: PathBuf,
        /// Tell the shapes that an image of this size leads to
        #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = input_size)]
        size: Option<(usize, usize)>,
    },
}

/// Size of a network's input in pixels.
fn input_size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once('x').and_then(|(width, height)| {
        let side = |text: &str| {
            text.parse()
                .ok()
                .filter(|side| (1..=MAX_INPUT_SIDE).contains(side))
        };
        Some((side(width)?, side(height)?))
    });
    sides.ok_or_else(|| {
        format!("a size is WIDTHxHEIGHT, each from 1 to {MAX_INPUT_SIDE}, as in 224x224")
    })
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
