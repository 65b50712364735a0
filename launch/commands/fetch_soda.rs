//! `concert fetch-soda`: an errand from end to end, in three processes.

mod args;
mod errand_run;
mod lesson;
mod lines;
mod perceiver;
mod report;
mod separate;

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use concert_apartment::Class;
use concert_policies::document::check_place;
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::zenoh::{SessionOptions, Sessions};
use serde_json::Value;

use self::errand_run::ErrandRun;
use self::lesson::Lesson;
use self::lines::Served;
use self::perceiver::Perceiver;
use self::report::{Ended, Run};
use crate::cli::Global;
use crate::fetch_soda::bus::Nerves;
use crate::fetch_soda::errand::Errand;
use crate::fetch_soda::place::Mount;
use crate::process::{Process, free_endpoint};
use crate::report::{Failure, Refuse, Report};
use crate::stop::Stop;
use crate::view::Beside;

pub(crate) use args::FetchSodaArgs;
use args::Perception;

/// Keys of robot and perception.
const ROBOT: &str = "robot";
const PERCEPTION: &str = "robot/perception";
/// How long everything may take to stand: a home is lit, networks load.
const START_LIMIT: Duration = Duration::from_secs(120);
/// So long the camera must have been mounted alike.
const STEADY: Duration = Duration::from_millis(500);
/// How long the behaviour listens at once.
const LISTEN: Duration = Duration::from_millis(15);
/// Perception in `--perception delayed` is acted on so much later.
const DELAY: Duration = Duration::from_millis(200);

/// Does an errand in the home of a seed.
pub(crate) fn run(args: &FetchSodaArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    args.check().or_refuse()?;
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
    /// None where the truth stands for perception.
    server: Option<Perceiver>,
    server_at: String,
    /// For an errand whose thing nothing which is served knows.
    lesson: Option<Lesson>,
    sessions: Sessions,
    view: Beside,
}

impl World {
    fn start(
        args: &FetchSodaArgs,
        errand: &Errand,
        folder: &Path,
        global: &Global,
    ) -> Result<Self, Failure> {
        let (home_at, server_at, own_at) = (free_endpoint()?, free_endpoint()?, free_endpoint()?);
        let is_true = args.perception == Perception::Truth;
        let mut connect = match is_true {
            true => vec![home_at.clone()],
            false => vec![server_at.clone(), home_at.clone()],
        };
        // Whoever shows the errand hears it where we listen.
        let options = SessionOptions {
            listen: vec![own_at.clone()],
            connect: connect.clone(),
            ..SessionOptions::serve()
        };
        let sessions = Sessions::open(&options, true).or_refuse()?;
        connect.push(own_at);
        let shown = SessionOptions {
            listen: Vec::new(),
            connect,
            ..SessionOptions::serve()
        };
        // An address that is taken is said before anything else begins.
        let view = args.view.start_on(shown, PERCEPTION)?;
        let mut lesson = None;
        let mut line = Vec::new();
        if !is_true {
            let mut served = Served::of(args, folder, global)?;
            if let Errand::Bring(thing) = errand {
                let taught_to = (served.launch.as_path(), served.models.as_slice());
                lesson = Lesson::prepare(thing, taught_to, args.seed, folder)?;
            }
            served.models.extend(lesson.as_ref().map(Lesson::models));
            line = served.line((&home_at, &server_at), global);
        }
        let home = Process::start("home", &lines::home(args, errand, &home_at), folder)?;
        let server = match is_true {
            true => None,
            false => Some(Perceiver::start(line, folder)?),
        };
        Ok(Self {
            home,
            server,
            server_at,
            lesson,
            sessions,
            view,
        })
    }

    /// Fails where another process has ended though nobody asked it to.
    fn check(&mut self) -> anyhow::Result<()> {
        self.home.check()?;
        self.server.as_mut().map_or(Ok(()), Perceiver::check)
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
        let draws = args.picture.is_some();
        let mut nerves = Nerves::open(&self.sessions, (PERCEPTION, ROBOT), delay, draws)?;
        if !self.until_it_sees(&mut nerves, args, clock, stop)? {
            return Ok(Run::stopped(errand, "stopped before it began"));
        }
        let began = clock.monotonic();
        let mut lesson = None;
        if let Some(wanted) = &self.lesson {
            lesson = wanted.give(&self.server_at, (stop, global))?;
            if lesson.is_none() {
                return Ok(Run::stopped(errand, "stopped while it was taught"));
            }
            self.check()?;
        }
        let names = match args.perception {
            Perception::Truth => Class::ALL.iter().map(|c| c.name().to_owned()).collect(),
            _ => nerves.class_names()?,
        };
        let mut run = ErrandRun::begin(
            args,
            errand,
            nerves,
            (names, delay),
            (clock, began),
            global.quiet,
        )?;
        let cpu_before = self.server.as_mut().map(Perceiver::cpu_seconds);
        while run.goes_on(clock) && !stop.is_raised() {
            run.step(clock)?;
            // One signal may have told all of them to stop.
            if !stop.is_raised() {
                self.home.check()?;
                self.mind_perception(clock.monotonic(), stop)?;
            }
        }
        let cpu = self.server.as_mut().map(Perceiver::cpu_seconds);
        let cpu = cpu.zip(cpu_before).map(|(after, before)| after - before);
        let restarts = self.server.as_ref().map_or(0, Perceiver::restarts);
        run.end(args, clock, (cpu, lesson, restarts), stop.is_raised())
    }

    /// Brings a perception back that has ended, with what it was taught.
    fn mind_perception(&mut self, now: Duration, stop: &Stop) -> Result<(), Failure> {
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        let is_back = server.mind(now)?;
        let lesson = self.lesson.as_ref().filter(|_| is_back);
        lesson.map_or(Ok(()), |lesson| lesson.repeat(&self.server_at, stop))
    }

    /// Waits until the robot says how its camera is mounted, and something is
    /// perceived; `false` where somebody stopped it first.
    fn until_it_sees(
        &mut self,
        nerves: &mut Nerves,
        args: &FetchSodaArgs,
        clock: &SystemClock,
        stop: &Stop,
    ) -> Result<bool, Failure> {
        // A mast that still turns to where it looks from shows nothing to map by.
        let mut steady: Option<(Mount, Duration)> = None;
        while !stop.is_raised() {
            let now = clock.monotonic();
            nerves.senses(LISTEN, now);
            steady = nerves.mount().map(|mount| match steady {
                Some((before, since)) if mount.is_about(before) => (before, since),
                _ => (mount, now),
            });
            let is_steady = steady.is_some_and(|(_, since)| now.saturating_sub(since) > STEADY);
            if is_steady && nerves.sees() {
                return Ok(true);
            }
            if !stop.is_raised() {
                self.check()?;
            }
            if clock.monotonic() > START_LIMIT {
                let (limit, perception) = (START_LIMIT.as_secs(), args.perception.name());
                return Err(Failure::failed(anyhow!(
                    "nothing was perceived within {limit} s, with perception {perception}"
                )));
            }
        }
        Ok(false)
    }

    /// Ends the other processes, and says what they say of it.
    fn end(mut self) -> Ended {
        // Both are asked before either is waited for.
        self.home.ask_to_end();
        if let Some(server) = &mut self.server {
            server.ask_to_end();
        }
        self.view.finish();
        let server = self.server.map_or(Value::Null, Perceiver::end);
        Ended {
            home: self.home.end(),
            server,
        }
    }
}
