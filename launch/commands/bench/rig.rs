//! What is measured, as processes: the server, the receiver, and the camera,
//! which is this process.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use concert_models::card::Origin;
use concert_policies::Policy;
use concert_runtime::io::clock::{SystemClock, since_boot};
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{Session, SessionOptions, ZenohError, open_session};
use concert_runtime::{Clock, LaneName, Timestamp};
use serde_json::{Value, json};

use super::args::BenchArgs;
use super::feed::Feed;
use super::frames::{CameraFrames, record};
use super::receiver::{ClockComparison, Receiver};
use super::schedule::{Schedule, Sent};
use crate::assemble;
use crate::cli::Global;
use crate::commands::bench_part::protocol::Received;
use crate::commands::bench_part::{CAMERA_PREFIX, PREFIX, camera_keys, needs_depth};
use crate::commands::serve::launch_of;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::process::{Process, free_endpoint};
use crate::report::{Exit, Failure, Refuse};
use crate::stop::Stop;
use crate::trace::{self, Span};

/// The variable that tells a program in the server's place, as JSON, where to
/// listen and what is wanted of it.
const PROGRAM_VARIABLE: &str = "CONCERT_BENCH";
/// How long everything may take to stand: networks load.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long the server may take to answer at once, while it starts.
const KNOCK: Duration = Duration::from_millis(500);
/// Between frames until the first output comes.
const FIRST_FRAMES: Duration = Duration::from_millis(200);
/// How long a stop may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a server may take to say why it ends.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How long nothing may come until nothing is on its way any more.
const QUIET: Duration = Duration::from_millis(300);
/// How long that is waited for.
const TAIL: Duration = Duration::from_secs(5);

/// What is measured.
#[derive(Clone)]
pub(super) struct Subject {
    /// As it was written on the command line.
    pub(super) file: String,
    /// The program that stands in the server's place, where one does.
    pub(super) program: Option<String>,
    pub(super) policy: Policy,
    /// The file of the policy.
    text: String,
    /// Where its networks may lie.
    folders: Vec<PathBuf>,
    /// Name and origin of every network.
    pub(super) networks: Vec<(String, Origin)>,
    /// Keys of the outputs, most important first.
    pub(super) keys: Vec<String>,
    /// What the cameras see.
    pub(super) frames: Vec<CameraFrames>,
}

impl Subject {
    /// Reads a policy or launch file and the networks that it needs, and records
    /// frames.
    ///
    /// # Errors
    /// Refuses what cannot be served.
    pub(super) fn of(file: &str, args: &BenchArgs, global: &Global) -> Result<Self, Failure> {
        let launch = launch_of(file)?;
        let choice = PolicyChoice::of_launch(&launch).or_refuse()?;
        let folders = model_folders(&global.models, &launch.models(), choice.path.as_deref());
        let networks = assemble::plan(&choice.policy, folders.clone())?.origins;
        let in_keys = launch.cameras().len() > 1;
        let lanes = launch.cameras().iter().map(|entry| LaneName {
            camera: entry.name().to_owned(),
            in_keys,
        });
        let lanes: Vec<_> = lanes.collect();
        let transfers = choice.policy.transfers().iter();
        let keys = transfers.flat_map(|one| lanes.iter().map(|lane| lane.key(one.target())));
        Ok(Self {
            file: file.to_owned(),
            program: None,
            text: choice.text,
            folders,
            networks,
            keys: keys.collect(),
            frames: record(&launch, args.data.as_deref(), args.rate)?,
            policy: choice.policy,
        })
    }

    /// The same outputs of the same frames, as a program makes them that stands in
    /// the server's place.
    pub(super) fn by_program(&self, program: &str) -> Self {
        Self {
            program: Some(program.to_owned()),
            ..self.clone()
        }
    }

    /// Starts who makes the outputs.
    fn start(
        &self,
        (endpoint, trace): (&str, &Path),
        folder: &Path,
        (args, global): (&BenchArgs, &Global),
    ) -> anyhow::Result<Process> {
        let Some(program) = &self.program else {
            let line = self.line(endpoint, trace, args, global);
            return Process::start("server", &line, folder);
        };
        let cameras = self.frames.iter();
        let images = cameras.map(|frames| {
            let [image, ..] = camera_keys(&frames.camera);
            format!("{CAMERA_PREFIX}/{image}")
        });
        let about = json!({
            "listen": endpoint, "prefix": PREFIX, "outputs": self.keys, "policy": self.text,
            "images": images.collect::<Vec<_>>(), "models": self.folders,
        });
        let own = std::env::current_exe().context("where this program lies is unknown")?;
        let mut command = Command::new(own);
        command.args(["bench-part", "program", program]);
        command.env(PROGRAM_VARIABLE, about.to_string());
        Process::start_command("program", command, folder)
    }

    /// The command line of its server.
    fn line(&self, endpoint: &str, trace: &Path, args: &BenchArgs, global: &Global) -> Vec<String> {
        let mut line = ["bench-part", "server", &self.file, "--quiet", "--listen"]
            .map(str::to_owned)
            .to_vec();
        line.push(endpoint.to_owned());
        line.push(format!("--trace={}", trace.display()));
        let models = global.models.iter();
        line.extend(models.map(|folder| format!("--models={}", folder.display())));
        let library = global.onnxruntime.iter();
        line.extend(library.map(|library| format!("--onnxruntime={}", library.display())));
        line.extend(global.threads.map(|threads| format!("--threads={threads}")));
        line.extend(global.gpu.then(|| "--gpu".to_owned()));
        line.extend(args.untuned.then(|| "--untuned".to_owned()));
        let providers = args.provider.iter();
        line.extend(providers.map(|provider| format!("--provider={provider}")));
        line
    }
}

/// Server, receiver and camera of one subject.
pub(super) struct Rig {
    server: Process,
    receiver: Receiver,
    feed: Feed,
    keys: Vec<String>,
    trace: PathBuf,
    /// How the receiver's clock compares with ours.
    pub(super) clocks: ClockComparison,
    /// Frames published in all, by camera.
    pub(super) sent: Vec<u64>,
    /// Everything that came.
    pub(super) received: Vec<Received>,
}

/// What came of playing frames.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Frames that were published.
    pub(super) sent: Vec<Sent>,
    /// Why it ended before its time, where it did.
    pub(super) fault: Option<String>,
}

impl Played {
    /// Adds what was played after it.
    pub(super) fn extend(&mut self, later: Self) {
        self.sent.extend(later.sent);
        self.fault = self.fault.take().or(later.fault);
    }
}

/// What is left of a rig.
pub(super) struct Ended {
    /// What the server says of itself; null where it says nothing.
    pub(super) said: Value,
    /// When each of its networks ran.
    pub(super) spans: Vec<Span>,
    pub(super) clocks: ClockComparison,
    pub(super) sent: Vec<u64>,
    pub(super) received: Vec<Received>,
    /// Outputs that the receiver did not come to note.
    pub(super) unnoted: u64,
}

impl Rig {
    /// Starts everything and waits for the first output; `None` where somebody
    /// stopped it before that.
    ///
    /// # Errors
    /// What the server refuses, with its words; what does not stand in time.
    pub(super) fn start(
        subject: &Subject,
        folder: &Path,
        (args, global): (&BenchArgs, &Global),
        stop: &Stop,
    ) -> Result<Option<Self>, Failure> {
        std::fs::create_dir_all(folder).context("no folder for what processes say")?;
        let (endpoint, trace) = (free_endpoint()?, folder.join("trace.json"));
        let mut server = subject.start((&endpoint, &trace), folder, (args, global))?;
        let Some(session) = connect(&endpoint, &mut server, stop)? else {
            return Ok(None);
        };
        let feed = Feed::open(session, &subject.frames, needs_depth(&subject.policy))?;
        let (receiver, clocks) = match receiver(&endpoint, folder, &subject.keys) {
            Ok(started) => started,
            Err(error) => return Err(blame(&mut server, error)),
        };
        let mut rig = Self {
            clocks,
            server,
            receiver,
            feed,
            keys: subject.keys.clone(),
            trace,
            sent: vec![0; subject.frames.len()],
            received: Vec::new(),
        };
        let is_ready = rig.until_outputs_come(stop)?;
        Ok(is_ready.then_some(rig))
    }

    /// Publishes a frame now and then until an output comes; `false` where
    /// somebody stopped it first.
    fn until_outputs_come(&mut self, stop: &Stop) -> Result<bool, Failure> {
        let begin = since_boot();
        let schedule = Schedule {
            start: begin,
            stamp: SystemClock::start().now(),
            rate_hz: 1.0 / FIRST_FRAMES.as_secs_f64(),
            cameras: self.sent.len(),
        };
        let mut n = 0;
        while !stop.is_raised() {
            if self.receiver.has_heard() {
                self.keep();
                return Ok(true);
            }
            refused(&mut self.server)?;
            if self.receiver.has_ended() {
                let error = anyhow!("the receiver has ended");
                return Err(blame(&mut self.server, error));
            }
            if since_boot() > begin + START_LIMIT {
                let limit = START_LIMIT.as_secs();
                return Err(Failure::failed(anyhow!("no output came within {limit} s")));
            }
            if self.feed.is_heard() && since_boot() >= schedule.due(n) {
                // Frames nobody waited for are not made up for.
                self.send(&schedule, n)?;
                while schedule.due(n) < since_boot() {
                    n += 1;
                }
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(false)
    }

    /// A schedule that begins in a moment.
    pub(super) fn schedule(&self, rate_hz: f64) -> Schedule {
        let ahead = Duration::from_millis(20);
        Schedule {
            start: since_boot() + ahead,
            stamp: SystemClock::start().now().after(ahead),
            rate_hz,
            cameras: self.sent.len(),
        }
    }

    /// Publishes these frames of a schedule, each when it is due, or at once where
    /// that has passed. Ends before its time where somebody stops it, or the server
    /// or the receiver has ended.
    pub(super) fn play(
        &mut self,
        schedule: &Schedule,
        frames: Range<u64>,
        stop: &Stop,
        each: &mut dyn FnMut(),
    ) -> Played {
        let mut played = Played::default();
        for n in frames {
            while let Some(left) = schedule.due(n).checked_sub(since_boot())
                && !left.is_zero()
                && !stop.is_raised()
            {
                thread::sleep(left.min(LOOK_EVERY));
            }
            if stop.is_raised() {
                break;
            }
            played.fault = self.fault();
            if played.fault.is_some() {
                break;
            }
            match self.send(schedule, n) {
                Ok(sent) => played.sent.push(sent),
                Err(error) => {
                    played.fault = Some(format!("a frame could not be published: {error:#}"));
                    break;
                }
            }
            each();
        }
        played
    }

    fn send(&mut self, schedule: &Schedule, n: u64) -> anyhow::Result<Sent> {
        let sent = self.feed.send(schedule, n)?;
        self.sent[sent.camera] += 1;
        Ok(sent)
    }

    /// Why nothing can be measured any more, where that is so.
    fn fault(&mut self) -> Option<String> {
        if self.receiver.has_ended() {
            let text = "the receiver has ended: what it heard until then was measured";
            return Some(text.to_owned());
        }
        let ended = self.server.check().err();
        ended.map(|error| format!("{error:#}"))
    }

    /// Waits until nothing is on its way any more.
    pub(super) fn settle(&mut self, stop: &Stop) {
        let begin = since_boot();
        let mut heard = begin;
        while !stop.is_raised() && since_boot() < begin + TAIL && since_boot() < heard + QUIET {
            if self.receiver.has_heard() {
                heard = since_boot();
                self.keep();
            }
            thread::sleep(LOOK_EVERY);
        }
        self.keep();
    }

    /// Keeps what came, on our clock.
    fn keep(&mut self) {
        let correction = self.clocks.correction_nanos();
        let came = self.receiver.take().into_iter().map(|mut output| {
            output.at_ns = output.at_ns.saturating_add_signed(-correction);
            output
        });
        self.received.extend(came);
    }

    /// Listens to the most important `count` outputs alone from now on.
    ///
    /// # Errors
    /// Where the receiver does not answer.
    pub(super) fn listen_to(&mut self, count: usize) -> anyhow::Result<()> {
        self.receiver
            .listen(&self.keys[..count.min(self.keys.len())])
    }

    /// Numbers of the processes: server, receiver.
    pub(super) fn processes(&self) -> [u32; 2] {
        [self.server.id(), self.receiver.id()]
    }

    /// Ends everything; the server may take so long.
    pub(super) fn end(mut self, limit: Duration) -> Ended {
        self.keep();
        let said = self.server.end_within(limit);
        let spans = match self.trace.exists() {
            true => trace::read(&self.trace),
            false => Ok(Vec::new()),
        };
        let spans = spans.unwrap_or_else(|error| {
            tracing::warn!("no stages are known: {error:#}");
            Vec::new()
        });
        Ended {
            said,
            spans,
            clocks: self.clocks,
            sent: self.sent,
            unnoted: self.receiver.lost(),
            received: self.received,
        }
    }
}

/// A session with the server, once it listens; `None` where somebody stopped it
/// before that.
fn connect(endpoint: &str, server: &mut Process, stop: &Stop) -> Result<Option<Session>, Failure> {
    let begin = since_boot();
    while !stop.is_raised() {
        refused(server)?;
        match open_session(&SessionOptions::client(endpoint, KNOCK)) {
            Ok(session) => return Ok(Some(session)),
            Err(ZenohError::NoAnswer { .. }) if since_boot() < begin + START_LIMIT => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// A receiver that listens to these keys, and how its clock compares with ours.
fn receiver(
    endpoint: &str,
    folder: &Path,
    keys: &[String],
) -> anyhow::Result<(Receiver, ClockComparison)> {
    let mut receiver = Receiver::start(endpoint, folder)?;
    receiver.listen(keys)?;
    let clocks = receiver.compare_clocks()?;
    Ok((receiver, clocks))
}

/// Why something went wrong with the server: in the server's words, where it is
/// ending.
fn blame(server: &mut Process, error: anyhow::Error) -> Failure {
    for _ in 0..LAST_WORDS.as_millis() / LOOK_EVERY.as_millis() {
        if let Err(refusal) = refused(server) {
            return refusal;
        }
        thread::sleep(LOOK_EVERY);
    }
    Failure::failed(error)
}

/// Fails where the server has ended, with its own words.
fn refused(server: &mut Process) -> Result<(), Failure> {
    let Some(code) = server.code() else {
        return server.check().map_err(Failure::failed);
    };
    let said = server.said();
    let words = match said["error"].as_str() {
        Some(error) => anyhow!("{error}"),
        None => match server.check() {
            Err(error) => error,
            Ok(()) => anyhow!("the server has ended with exit code {code}"),
        },
    };
    Err(match code == Exit::Refused as i32 {
        true => Failure::refused(words),
        false => Failure::failed(words),
    })
}

/// The moment of now, as a stamp and since the computer started.
pub(super) fn both_clocks() -> (Timestamp, Duration) {
    (SystemClock::start().now(), since_boot())
}
