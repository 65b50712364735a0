//! `concert apartment --drive`: a robot in its home, on the bus.

use std::time::Duration;

use anyhow::anyhow;
use concert_apartment::{ApartmentError, RobotConfig};
use concert_runtime::commands::CommandCounts;
use concert_runtime::io::cameras::Pace;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::zenoh::{
    CommandListener, MessageOptions, MessagePublisher, SessionOptions, Sessions,
};
use concert_runtime::wire::encode::camera_info;
use concert_runtime::wire::std_msgs::Bool;
use concert_runtime::wire::{Message, keys};
use concert_runtime::{BusError, Clock, Timestamp};
use indicatif::ProgressBar;
use serde_json::json;

use super::args::ApartmentArgs;
use super::hand::{self, Hand};
use super::pilot::Pilot;
use super::settings::Defaults;
use super::truth::Truth;
use super::{failure, messages, situation};
use crate::cli::Global;
use crate::report::{Exit, Failure, Refuse, Report as Done, Report};
use crate::simulated_home::home;
use crate::simulated_robot::SimulatedRobot;
use crate::stop::Stop;

const IMAGE: &str = "front/image";
const CAMERA_INFO: &str = "front/camera_info";
const DEPTH: &str = "front/depth";
const TF: &str = keys::TRANSFORMS;
const ODOM: &str = "odom";
const COMMAND: &str = "cmd_vel";
const BUMPER: &str = "bumper";
const KEYS: [&str; 7] = [IMAGE, CAMERA_INFO, DEPTH, TF, ODOM, BUMPER, hand::HOLDING];
/// Shared memory for pictures.
const SHARED_MEMORY_BYTES: usize = 32 << 20;
/// How long another robot of this name is looked for.
const NAME_QUERY: Duration = Duration::from_secs(1);
/// How long a stop may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest that one step may take; beyond it the robot stood still.
const MAX_STEP: Duration = Duration::from_secs(2);
/// How often the line is drawn on a terminal, and written elsewhere.
const SHOW_EVERY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

pub(in super::super) fn run(args: &ApartmentArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    // Until the robot drives there is nothing to lose.
    stop.ends_with(Exit::Done);
    let homes = args.seeds.end - args.seeds.start;
    if homes != 1 {
        return Err(Failure::refused(anyhow!(
            "{homes} homes to drive in, but a robot is in 1: give one --seed"
        )));
    }
    // First what is refused at once; a home takes time.
    let clock = SystemClock::start();
    let options = SessionOptions {
        listen: args.bus.listen.clone(),
        connect: match args.bus.no_router {
            true => Vec::new(),
            false => args.bus.connect.clone(),
        },
        ..SessionOptions::serve()
    };
    let is_named = args.bus.connect != [crate::launch_file::DEFAULT_ROUTER];
    let sessions = Sessions::open(&options, is_named).or_refuse()?;
    let options = MessageOptions {
        prefix: args.bus.prefix.clone(),
        keys: KEYS.map(str::to_owned).to_vec(),
        shared_memory_bytes: SHARED_MEMORY_BYTES,
        claim: Some(NAME_QUERY),
    };
    let publisher = MessagePublisher::open(sessions.clone(), &options).or_refuse()?;
    let truth = args.bus.truth.as_deref();
    let truth = truth.map(|prefix| Truth::open(&sessions, prefix));
    let truth = truth.transpose().or_refuse()?;
    let (robot, tilt) = robot(args)?;
    let hand = Hand::open(&sessions, &args.bus.prefix).or_refuse()?;
    let key = keys::below(&args.bus.prefix, COMMAND);
    let commands = CommandListener::open(sessions, &key).or_refuse()?;
    tracing::info!(
        "robot in the home of seed {}: publishes below {}, takes commands at {key}, \
         listening on {}",
        args.seeds.start,
        args.bus.prefix,
        args.bus.listen.join(", "),
    );
    let mut drive = Drive {
        robot,
        pilot: Pilot::new(args.bus.tour, tilt),
        hand,
        truth,
        speed: args.bus.speed,
        is_black: args.bus.black,
        publisher,
        commands,
        quality: args.bus.compressed,
        counts: Counts::default(),
    };
    // The schedule begins when everything stands.
    let pace = Pace::starting(clock.monotonic(), args.bus.rate).or_refuse()?;
    let line = Line::new(global.quiet, &clock);
    stop.ends_with(Exit::Failed);
    drive.until(&stop, args.frames, pace, &clock, line)?;
    let seconds = clock.monotonic().as_secs_f64();
    let report = drive.report(args, seconds);
    drive.publisher.close(FAREWELL);
    Ok(report)
}

/// Everything that may be refused before the home is made.
fn robot(args: &ApartmentArgs) -> Result<(SimulatedRobot, f32), Failure> {
    let seed = args.seeds.start;
    let (width, height) = args.size(&Defaults::ROBOT);
    let randomisation = args.randomisation(&Defaults::ROBOT);
    let camera = randomisation.camera(seed, width, height).map_err(failure)?;
    let development = args.development(false);
    development.check().map_err(failure)?;
    let (height, tilt) = randomisation.mount(seed);
    let config = RobotConfig {
        camera_height: height,
        ..RobotConfig::default()
    };
    let home = home(seed, &randomisation, args.homes.light.quality()).map_err(failure)?;
    let robot = SimulatedRobot::new(home, camera, development, config).map_err(failure)?;
    Ok((robot, tilt))
}

/// What was published, and what not.
#[derive(Debug, Default)]
struct Counts {
    /// Steps of the schedule.
    steps: u64,
    /// Steps left out because the one before took too long.
    late: u64,
    /// Pictures published.
    pictures: u64,
    /// Steps at which nobody wanted a picture.
    unheard: u64,
    /// Messages that could not be published.
    failed: u64,
    /// Times that the base came to touch something.
    bumps: u64,
    /// Those of them that hurt.
    hurting_bumps: u64,
    /// m.
    way: f32,
}

struct Drive {
    robot: SimulatedRobot,
    pilot: Pilot,
    hand: Hand,
    /// Where the outputs of a perfect perception go, if anywhere.
    truth: Option<Truth>,
    /// How fast time goes in the home.
    speed: f64,
    is_black: bool,
    publisher: MessagePublisher,
    commands: CommandListener,
    /// Of the JPEG, where pictures are compressed.
    quality: Option<u8>,
    counts: Counts,
}

impl Drive {
    fn until(
        &mut self,
        stop: &Stop,
        frames: Option<u64>,
        mut pace: Pace,
        clock: &SystemClock,
        mut line: Line,
    ) -> Result<(), Failure> {
        let mut last = 0;
        while !stop.is_raised() && frames.is_none_or(|frames| self.counts.steps < frames) {
            let Some(slot) = pace.wait(clock, LOOK_EVERY) else {
                continue;
            };
            let passed = slot - last;
            last = slot;
            self.counts.late += passed.saturating_sub(1);
            let elapsed = pace.since_start(passed).min(MAX_STEP).mul_f64(self.speed);
            self.step(elapsed).map_err(Failure::failed)?;
            let stamp = clock.now();
            if let Err(error) = self.publish(stamp) {
                self.counts.failed += 1;
                line.complain(&error);
            }
            line.show(self, clock);
        }
        line.end();
        Ok(())
    }

    fn step(&mut self, elapsed: Duration) -> Result<(), ApartmentError> {
        let before = self.robot.robot().place().0;
        let command = self.commands.take();
        self.hand.follow(&mut self.robot)?;
        let report = self.pilot.drive(&mut self.robot, command, elapsed)?;
        self.counts.steps += 1;
        self.counts.bumps += u64::from(report.bumps);
        self.counts.hurting_bumps += u64::from(report.hurting_bumps);
        self.counts.way += self.robot.robot().place().0.distance(before);
        Ok(())
    }

    fn publish(&mut self, stamp: Timestamp) -> anyhow::Result<()> {
        let robot = self.robot.robot();
        let wheels = robot.odometry();
        let transforms =
            messages::transforms(stamp, wheels.odom_from_base, robot.base_from_optical());
        self.publisher.publish(TF, &transforms)?;
        let odometry = messages::odometry(stamp, &wheels);
        self.publisher.publish(ODOM, &odometry)?;
        let bumper = Bool {
            data: robot.is_in_contact(),
        };
        self.publisher.publish(BUMPER, &bumper)?;
        let holding = Bool {
            data: self.robot.is_holding(),
        };
        self.publisher.publish(hand::HOLDING, &holding)?;
        let heard = |key| self.publisher.has_subscriber(key);
        let is_true = self.truth.as_ref().is_some_and(Truth::is_heard);
        if !heard(IMAGE) && !heard(DEPTH) && !heard(CAMERA_INFO) && !is_true {
            self.counts.unheard += 1;
            return Ok(());
        }
        self.publish_picture(stamp)?;
        self.counts.pictures += 1;
        Ok(())
    }

    /// The camera's information first: whoever hears the picture knows it.
    fn publish_picture(&mut self, stamp: Timestamp) -> anyhow::Result<()> {
        let (image, depth) = match &mut self.truth {
            None => self.robot.picture()?,
            Some(truth) => {
                let (image, depth, labels) = self.robot.shot()?;
                truth.publish(stamp, &labels, &self.robot)?;
                (image, depth)
            }
        };
        let image = match self.is_black {
            true => messages::black(&image),
            false => image,
        };
        let header = || messages::header(stamp, messages::OPTICAL);
        let info = camera_info(header(), &self.robot.intrinsics());
        self.publisher.publish(CAMERA_INFO, &info)?;
        if self.publisher.has_subscriber(DEPTH) {
            self.put(DEPTH, &messages::depth(header(), &depth))?;
        }
        match self.quality {
            None => self.put(IMAGE, &messages::raw(header(), &image))?,
            Some(quality) => {
                self.put(IMAGE, &messages::compressed(header(), &image, quality)?)?;
            }
        }
        Ok(())
    }

    fn put<'a, M: Message<'a>>(&mut self, key: &str, message: &M) -> Result<(), BusError> {
        self.publisher.publish(key, message)
    }

    fn report(&self, args: &ApartmentArgs, seconds: f64) -> Report {
        let counts = &self.counts;
        let commands = self.commands.counts();
        let (position, yaw) = self.robot.robot().place();
        let last_refusal = self.commands.last_fault().map(|fault| fault.to_string());
        let json = json!({
            "seed": args.seeds.start, "prefix": args.bus.prefix, "seconds": seconds,
            "steps": counts.steps, "late": counts.late, "pictures": counts.pictures,
            "unheard": counts.unheard, "failed": counts.failed, "bumps": counts.bumps,
            "hurting_bumps": counts.hurting_bumps, "hand": self.hand.report(),
            "way_metres": counts.way, "commands": commands, "last_refusal": last_refusal,
            "position": position.to_array(), "yaw": yaw,
            "metres_to": situation::metres_to(self.robot.home(), position.to_array()),
            "open_doors": situation::open_doors(self.robot.home()),
        });
        Done::done(json, self.text(&commands_text(commands)))
    }

    fn text(&self, commands: &str) -> String {
        let Counts {
            steps,
            late,
            pictures,
            unheard,
            failed,
            bumps,
            hurting_bumps,
            way,
        } = &self.counts;
        format!(
            "{steps} steps ({late} left out), {pictures} pictures ({unheard} nobody wanted, \
             {failed} failed), {way:.1} m driven, {bumps} bumps ({hurting_bumps} hurting), {}; {commands}",
            self.pilot.who()
        )
    }
}

fn commands_text(counts: CommandCounts) -> String {
    let CommandCounts {
        received,
        taken,
        replaced,
        refused,
    } = counts;
    format!(
        "commands: {received} received, {taken} taken, {replaced} replaced by newer ones, \
         {refused} refused"
    )
}

/// The line that tells how it goes: rewritten on a terminal, else written
/// now and then.
struct Line {
    bar: Option<ProgressBar>,
    every: Duration,
    shown: Duration,
    complained: Option<Duration>,
}

impl Line {
    fn new(quiet: bool, clock: &SystemClock) -> Self {
        let bar = (!quiet).then(ProgressBar::new_spinner);
        let live = bar.as_ref().is_some_and(|bar| !bar.is_hidden());
        Self {
            bar,
            every: if live { SHOW_EVERY.0 } else { SHOW_EVERY.1 },
            shown: clock.monotonic(),
            complained: None,
        }
    }

    fn show(&mut self, drive: &Drive, clock: &SystemClock) {
        let now = clock.monotonic();
        if now.saturating_sub(self.shown) < self.every {
            return;
        }
        self.shown = now;
        let text = drive.text(&commands_text(drive.commands.counts()));
        match &self.bar {
            Some(bar) if !bar.is_hidden() => {
                bar.set_message(text);
                bar.tick();
            }
            Some(_) => tracing::info!("{text}"),
            None => {}
        }
    }

    /// One line per five seconds.
    fn complain(&mut self, error: &anyhow::Error) {
        if self
            .complained
            .is_none_or(|at| self.shown.saturating_sub(at) >= SHOW_EVERY.1)
        {
            self.complained = Some(self.shown);
            tracing::warn!("{error:#}");
        }
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
