//! `concert fetch-soda`: an errand from end to end, in three processes.

mod args;
mod report;
mod separate;

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use concert_apartment::Class;
use concert_policies::document::check_place;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::zenoh::{SessionOptions, Sessions};
use concert_runtime::{BusError, Clock};
use indicatif::ProgressBar;
use serde_json::Value;

use self::report::{Ended, Run};
use crate::cli::Global;
use crate::fetch_soda::behaviour::{Action, Behaviour, MAX_AGE, Outcome, Settings};
use crate::fetch_soda::bus::Nerves;
use crate::fetch_soda::child::Process;
use crate::fetch_soda::errand::Errand;
use crate::fetch_soda::place::Mount;
use crate::fetch_soda::sheet::Sheet;
use crate::report::{Failure, Refuse, Report};
use crate::stop::Stop;

pub(crate) use args::FetchSodaArgs;
use args::Perception;

/// The launch file of the perception, as it ships.
const LAUNCH: &str = include_str!("../robots/fetch_soda.toml");
/// Keys of robot and perception.
const ROBOT: &str = "robot";
const PERCEPTION: &str = "robot/perception";
/// How long everything may take to stand: a home is lit, networks load.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How often the behaviour acts, and how long it listens at once.
const ACT_EVERY: Duration = Duration::from_millis(100);
const LISTEN: Duration = Duration::from_millis(15);
/// Perception in `--perception delayed` is acted on so much later.
const DELAY: Duration = Duration::from_millis(200);
/// A search is given up so long before the errand's end.
const WAY_BACK: Duration = Duration::from_secs(90);
/// Tilt of the camera, degrees, up positive.
const TILT: &str = "-17";

/// Does an errand in the home of a seed.
pub(crate) fn run(args: &FetchSodaArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    let errand = args.errand().or_refuse()?;
    if let Some(path) = &args.picture {
        check_place(path).or_refuse()?;
    }
    let clock = SystemClock::start();
    let folder = tempfile::tempdir().map_err(|error| anyhow!("no temporary folder: {error}"))?;
    let mut world = World::start(args, &errand, folder.path(), global)?;
    let run = world.run(args, errand, &clock, (&stop, global));
    let ended = world.end();
    Ok(run?.report(args, ended))
}

/// The other processes, and the way to them.
struct World {
    home: Process,
    server: Option<Process>,
    sessions: Sessions,
    names: Vec<String>,
}

impl World {
    fn start(
        args: &FetchSodaArgs,
        errand: &Errand,
        folder: &Path,
        global: &Global,
    ) -> Result<Self, Failure> {
        let (home_at, server_at) = (free_endpoint()?, free_endpoint()?);
        let is_true = args.perception == Perception::Truth;
        let home = Process::start("home", &home_args(args, errand, &home_at), folder)?;
        let mut connect = vec![home_at.clone()];
        let server = match is_true {
            true => None,
            false => {
                connect.push(server_at.clone());
                let args = server_args(args, (&home_at, &server_at), folder, global)?;
                Some(Process::start("perception", &args, folder)?)
            }
        };
        let options = SessionOptions {
            listen: Vec::new(),
            connect,
            must_connect: None,
            ..SessionOptions::serve()
        };
        let sessions = Sessions::open(&options, true).or_refuse()?;
        Ok(Self {
            home,
            server,
            sessions,
            names: Class::ALL.iter().map(|c| c.name().to_owned()).collect(),
        })
    }

    fn check(&mut self) -> anyhow::Result<()> {
        self.home.check()?;
        self.server.as_mut().map_or(Ok(()), Process::check)
    }

    fn run(
        &mut self,
        args: &FetchSodaArgs,
        errand: Errand,
        clock: &SystemClock,
        (stop, global): (&Stop, &Global),
    ) -> Result<Run, Failure> {
        let delay = match args.perception {
            Perception::Delayed => DELAY,
            _ => Duration::ZERO,
        };
        let bar = match global.quiet {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner(),
        };
        bar.set_message("a home is lit, networks load");
        let draws = args.picture.is_some();
        let mut nerves = Nerves::open(&self.sessions, (PERCEPTION, ROBOT), delay, draws)?;
        let Some(mount) = self.until_it_sees(&mut nerves, args, clock, stop)? else {
            return Ok(Run::stopped(errand, "stopped before it began"));
        };
        let mut sheet = Sheet::default();
        let limit = Duration::from_secs(args.seconds);
        let settings = Settings {
            mount,
            names: self.names.clone(),
            max_age: MAX_AGE + delay,
            search_limit: limit.saturating_sub(WAY_BACK).max(limit / 2),
        };
        let mut behaviour = Behaviour::new(settings, errand.clone());
        tracing::info!("the robot sees, and publishes below {PERCEPTION} what it is at");
        let began = clock.monotonic();
        let cpu_before = self.server.as_ref().and_then(Process::cpu_seconds);
        let mut acted = Duration::ZERO;
        let mut outcome = None;
        let seconds = |clock: &SystemClock| clock.monotonic().saturating_sub(began);
        while outcome.is_none() && !stop.is_raised() && seconds(clock) < limit {
            let senses = nerves.senses(LISTEN, clock.monotonic());
            behaviour.take_in(clock.now(), senses);
            if clock.monotonic().saturating_sub(acted) < ACT_EVERY {
                continue;
            }
            acted = clock.monotonic();
            let action = behaviour.act(clock.now());
            nerves.command(&action).map_err(lost)?;
            nerves.say(|| behaviour.picture()).map_err(lost)?;
            outcome = action.outcome;
            if let Some(picture) = nerves.picture() {
                sheet.see(picture);
            }
            sheet.note(&behaviour, seconds(clock).as_secs_f64());
            // One signal may have told all of them to stop.
            if !stop.is_raised() {
                self.home.check()?;
            }
            bar.set_message(format!(
                "{errand}: {}, {:.0} s, {:.1} m",
                behaviour.state(),
                seconds(clock).as_secs_f64(),
                behaviour.counts.path_m
            ));
            bar.tick();
        }
        nerves.command(&Action::default()).map_err(lost)?;
        let cpu = self.server.as_ref().and_then(Process::cpu_seconds);
        bar.finish_and_clear();
        if let Some(path) = &args.picture {
            sheet.write(&behaviour, path)?;
        }
        Ok(Run {
            errand,
            outcome: outcome.unwrap_or_else(|| {
                Outcome::GaveUp(match stop.is_raised() {
                    true => "stopped".to_owned(),
                    false => format!("not done within {} s", args.seconds),
                })
            }),
            seconds: seconds(clock).as_secs_f64(),
            counts: behaviour.counts,
            state: behaviour.state(),
            cpu_seconds: cpu.zip(cpu_before).map(|(after, before)| after - before),
            unreadable: nerves.unreadable(),
            localised: behaviour.localised(),
            is_stopped: stop.is_raised(),
        })
    }

    /// Waits until the robot says how its camera is mounted, and something is
    /// perceived; `None` where somebody stopped it first.
    fn until_it_sees(
        &mut self,
        nerves: &mut Nerves,
        args: &FetchSodaArgs,
        clock: &SystemClock,
        stop: &Stop,
    ) -> Result<Option<Mount>, Failure> {
        while !stop.is_raised() {
            nerves.senses(LISTEN, clock.monotonic());
            if !stop.is_raised() {
                self.check()?;
            }
            if let Some(mount) = nerves.mount().filter(|_| nerves.sees()) {
                return Ok(Some(mount));
            }
            if clock.monotonic() > START_LIMIT {
                let (limit, perception) = (START_LIMIT.as_secs(), args.perception.name());
                return Err(Failure::failed(anyhow!(
                    "nothing was perceived within {limit} s, with perception {perception}"
                )));
            }
        }
        Ok(None)
    }

    /// Ends the other processes, and says what they say of it.
    fn end(self) -> Ended {
        let server = self.server.map_or(Value::Null, Process::end);
        Ended {
            home: self.home.end(),
            server,
        }
    }
}

fn lost(error: BusError) -> anyhow::Error {
    anyhow!("the robot cannot be reached: {error}")
}

/// An address of this computer at which nobody listens.
fn free_endpoint() -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("tcp/{}", listener.local_addr()?))
}

fn home_args(args: &FetchSodaArgs, errand: &Errand, at: &str) -> Vec<String> {
    let mut line = words("apartment --drive --tour never");
    line.extend([format!("--seeds={}", args.seed), format!("--tilt={TILT}")]);
    line.extend([format!("--listen={at}"), format!("--rate={}", args.rate)]);
    line.push(format!("--speed={}", args.speed));
    line.push(format!("--doors={}", args.doors_word()));
    // Only who is named hears of it.
    line.push("--no-router".to_owned());
    if let Errand::Bring(thing) = errand {
        let name = match &thing.colour {
            Some(colour) => format!("{colour}-{}", thing.class),
            None => thing.class.clone(),
        };
        let count = args.things;
        line.push(format!("--without={}", thing.class));
        line.extend((0..count).map(|_| format!("--put={name}")));
    }
    match args.perception {
        Perception::Truth => line.push(format!("--truth={PERCEPTION}")),
        Perception::Blind => line.push("--black".to_owned()),
        Perception::Shared | Perception::Separate | Perception::Delayed => {}
    }
    line
}

fn server_args(
    args: &FetchSodaArgs,
    (home_at, server_at): (&str, &str),
    folder: &Path,
    global: &Global,
) -> Result<Vec<String>, Failure> {
    let launch = match &args.launch {
        Some(launch) => launch.clone(),
        None => folder.join("fetch_soda.toml"),
    };
    if args.launch.is_none() {
        std::fs::write(&launch, LAUNCH)
            .map_err(|error| anyhow!("{}: {error}", launch.display()))?;
    }
    let mut line = vec!["serve".to_owned(), launch.to_string_lossy().into_owned()];
    line.push(format!("--listen={server_at}"));
    line.push(format!("--connect={home_at}"));
    let models = global.models.iter();
    line.extend(models.map(|folder| format!("--models={}", folder.display())));
    if let Some(library) = &global.onnxruntime {
        line.push(format!("--onnxruntime={}", library.display()));
    }
    line.extend(global.threads.map(|threads| format!("--threads={threads}")));
    if let Some(address) = args.view {
        tracing::info!("the errand is shown at http://{address}/");
        line.push(format!("--view={address}"));
    }
    if args.perception == Perception::Separate {
        let (launch, models) = separate::write(&launch, folder, global)?;
        line[1] = launch.to_string_lossy().into_owned();
        line.push(format!("--models={}", models.display()));
    }
    Ok(line)
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}
