//! `concert bench-part`: the other processes of `concert bench`, which starts
//! them itself.

pub(super) mod protocol;
mod receiver;
mod server;

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Subcommand;
use concert_policies::{Input, Policy};
use concert_runtime::io::thread;
use rustix::process::{Signal, set_parent_process_death_signal};
use serde_json::Value;

use crate::cameras::{CameraKind, Zenoh};
use crate::cli::Global;
use crate::report::{Failure, Report};

/// What everything of a benchmark is published below.
pub(super) const PREFIX: &str = "bench/perception";
/// What the camera's messages are published below.
pub(super) const CAMERA_PREFIX: &str = "bench/camera";

/// A process of a benchmark.
#[derive(Debug, Subcommand)]
pub enum BenchPartArgs {
    /// Serve what is measured
    Server(server::ServerArgs),
    /// Note when every output comes
    Receiver(receiver::ReceiverArgs),
    /// Keep processors busy
    Hog {
        /// Threads that do
        threads: u64,
    },
    /// Become another program in the server's place
    Program {
        /// As a shell has it
        command: String,
    },
}

/// Is the process that the arguments name, until it is told to end.
pub(crate) fn run(args: &BenchPartArgs, global: &Global) -> Result<Report, Failure> {
    // Whoever is measured must not outlive who measures.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    match args {
        BenchPartArgs::Server(args) => server::run(args, global),
        BenchPartArgs::Receiver(args) => receiver::run(args),
        BenchPartArgs::Hog { threads } => keep_busy(*threads),
        // What ends it with who measures is kept.
        BenchPartArgs::Program { command } => Err(Failure::failed(
            Command::new("sh")
                .args(["-c", &format!("exec {command}")])
                .exec(),
        )),
    }
}

/// Computes on so many threads until it is ended by a signal.
fn keep_busy(threads: u64) -> Result<Report, Failure> {
    for _ in 1..threads {
        thread::spawn("hog", compute)?;
    }
    compute();
    Ok(Report::done(Value::Null, ""))
}

/// Computes for ever: an odd number times an odd number is never zero.
fn compute() {
    let mut number = 1_u64;
    while number != 0 {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005));
    }
}

/// Keys of a camera below [`CAMERA_PREFIX`]: image, camera info, depth.
pub(super) fn camera_keys(camera: &str) -> [String; 3] {
    ["image", "camera_info", "depth"].map(|what| format!("{camera}/{what}"))
}

/// Tells whether a policy reads the camera's depth.
pub(super) fn needs_depth(policy: &Policy) -> bool {
    let mut inputs = policy.transfers().iter().flat_map(|one| one.inputs());
    inputs.any(|input| *input == Input::CameraDepth)
}

/// A camera whose messages the benchmark publishes.
fn camera(name: &str, with_depth: bool) -> CameraKind {
    let [image, info, depth] = camera_keys(name).map(|key| format!("{CAMERA_PREFIX}/{key}"));
    let camera = Zenoh {
        key: image,
        depth_key: with_depth.then_some(depth),
        camera_info_key: Some(info),
        message_type: None,
        rectified: None,
    };
    camera.into()
}
