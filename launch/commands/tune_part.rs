//! `concert tune-part`: runs a policy in one of the ways that `concert tune`
//! measures, by turns, as it is told.

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use concert_models::digest::sha256_hex;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::{Clock, ExecutionSettings, NoWatch, Output, OutputSink, Pipeline, Timestamp};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bench::args::rate;
use super::bench::frames::{CameraFrames, record};
use super::serve::launch_of;
use crate::assemble::{self, EngineChoice};
use crate::cli::Global;
use crate::model_folders::model_folders;
use crate::overrides::Overrides;
use crate::policy_choice::PolicyChoice;
use crate::report::{Failure, Refuse, Report};

/// Frames whose outputs are compared.
const COMPARED: u64 = 8;
/// Frames of a turn that do not count: caches are another process's.
const WARM_UP: usize = 2;
/// Fewest frames of a turn that count.
const MIN_FRAMES: usize = 3;
/// Stamp of the first frame, the same for everybody, ns since the Unix epoch.
const FIRST_STAMP_NS: i64 = 1_000_000_000;

/// Arguments of a process of `tune`.
#[derive(Debug, Args)]
pub struct TunePartArgs {
    /// A launch file, or a policy
    pub file: String,
    /// How it is run, JSON
    #[arg(long, value_name = "JSON", value_parser = settings)]
    pub settings: ExecutionSettings,
    /// Frames a second of each camera
    #[arg(long, value_name = "HZ", value_parser = rate)]
    pub rate: f64,
    /// Images of this folder in place of the cameras'
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

fn settings(text: &str) -> Result<ExecutionSettings, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A line of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// It stands.
    First(First),
    /// It took a turn.
    Turn(Turn),
}

/// The outputs of the first frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct First {
    /// How many there were.
    pub(super) outputs: usize,
    /// Hash over all of them, bit by bit.
    pub(super) sha256: String,
    /// What frames they are of, for people.
    pub(super) frames: String,
}

/// A turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Turn {
    /// Time of each frame, ms.
    pub(super) millis: Vec<f64>,
    /// Processor time of all threads in all of it, ms.
    pub(super) processor_millis: f64,
}

/// Runs what it is told to, until nobody tells it anything any more.
pub(crate) fn run(args: &TunePartArgs, global: &Global) -> Result<Report, Failure> {
    // Whoever is measured must not outlive who measures.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let mut part = Part::prepare(args, global)?;
    say(&Word::First(part.first()?))?;
    for line in io::stdin().lock().lines() {
        let millis = line?.trim().parse::<u64>().or_refuse()?;
        say(&Word::Turn(part.turn(Duration::from_millis(millis))))?;
    }
    Ok(Report::done(Value::Null, ""))
}

fn say(word: &Word) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// A policy that runs on recorded frames.
struct Part {
    pipeline: Pipeline,
    cameras: Vec<CameraFrames>,
    sinks: Vec<Sink>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    /// Number of the next frame.
    next: u64,
}

impl Part {
    fn prepare(args: &TunePartArgs, global: &Global) -> Result<Self, Failure> {
        let overrides = Overrides {
            gpu: global.gpu,
            ..Overrides::default()
        };
        let launch = launch_of(&args.file)?.with(&overrides);
        let choice = PolicyChoice::of_launch(&launch).or_refuse()?;
        let folders = model_folders(&global.models, &launch.models(), choice.path.as_deref());
        let plan = assemble::plan(&choice.policy, folders)?.plan;
        let engine = EngineChoice::start_with(&launch, global, &args.settings)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let (ours, watch) = (Arc::clone(&clock), Arc::new(NoWatch));
        let pipeline = assemble::pipeline(&launch, plan, engine, ours, watch, None)?;
        let lanes = 0..pipeline.lane_count();
        Ok(Self {
            sinks: lanes
                .map(|lane| Sink::new(pipeline.buffers(lane)))
                .collect(),
            cameras: record(&launch, args.data.as_deref(), args.rate)?,
            pipeline,
            clock,
            interval: Duration::from_secs_f64(1.0 / args.rate),
            next: 0,
        })
    }

    /// One frame of each camera, one after the other, as they would arrive `at`.
    fn step(&mut self, at: Duration) {
        let since = self
            .interval
            .as_nanos()
            .saturating_mul(u128::from(self.next));
        let since = Duration::from_nanos(u64::try_from(since).unwrap_or(u64::MAX));
        for (lane, camera) in self.cameras.iter().enumerate() {
            let mut frame = camera.nth(self.next).clone();
            frame.sequence = self.next;
            frame.stamp = Timestamp::from_nanos(FIRST_STAMP_NS).after(since);
            frame.arrived = at;
            let sink = &mut self.sinks[lane];
            self.pipeline.step(lane, &frame, self.interval, sink);
        }
        self.next += 1;
    }

    /// Runs the first frames, at moments that are the same for everybody.
    fn first(&mut self) -> Result<First, Failure> {
        self.sinks.iter_mut().for_each(|sink| sink.compares = true);
        for number in 0..COMPARED {
            self.step(self.interval * u32::try_from(number).unwrap_or(u32::MAX));
        }
        let mut seen = Vec::new();
        for sink in &mut self.sinks {
            sink.compares = false;
            seen.append(&mut sink.seen);
        }
        // Which of two is there first depends on the moment.
        seen.sort();
        if seen.is_empty() {
            let reason = "no output came of the first frames";
            return Err(Failure::failed(anyhow!(reason)));
        }
        let origins = self.cameras.iter().map(|camera| camera.origin.as_str());
        Ok(First {
            outputs: seen.len(),
            sha256: sha256_hex(format!("{seen:?}").as_bytes()),
            frames: origins.collect::<Vec<_>>().join("; "),
        })
    }

    /// Runs frames as they are due, for so long.
    fn turn(&mut self, length: Duration) -> Turn {
        for _ in 0..WARM_UP {
            self.step(self.clock.monotonic());
        }
        let processor = || thread::processor_time_of_process().unwrap_or_default();
        let (began, taken_before) = (self.clock.monotonic(), processor());
        let mut millis = Vec::new();
        let mut due = began;
        while millis.len() < MIN_FRAMES || due < began + length {
            self.wait_until(due);
            let started = self.clock.monotonic();
            self.step(started);
            let ended = self.clock.monotonic();
            millis.push(ended.saturating_sub(started).as_secs_f64() * 1e3);
            // What was due meanwhile was replaced by what is due now.
            due = ended.max(due + self.interval);
        }
        // Who spins does so until the next frame.
        self.wait_until(due);
        let taken = processor().saturating_sub(taken_before);
        Turn {
            millis,
            processor_millis: taken.as_secs_f64() * 1e3,
        }
    }

    fn wait_until(&self, due: Duration) {
        thread::sleep(due.saturating_sub(self.clock.monotonic()));
    }
}

/// Wants every output, and keeps what there is to compare.
struct Sink {
    buffers: Vec<Output>,
    compares: bool,
    /// Frame, key and hash of the bits of each.
    seen: Vec<(u64, String, String)>,
}

impl Sink {
    fn new(buffers: Vec<Output>) -> Self {
        Self {
            buffers,
            compares: false,
            seen: Vec::new(),
        }
    }
}

impl OutputSink for Sink {
    fn wants(&self, _target: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        if self.compares {
            let bits = output.values.iter().flat_map(|value| value.to_ne_bytes());
            let hash = sha256_hex(&bits.collect::<Vec<_>>());
            let key = output.origin.key.to_string();
            self.seen.push((output.frame_sequence, key, hash));
        }
        std::mem::swap(output, &mut self.buffers[target]);
    }
}
