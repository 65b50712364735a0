//! Errands in simulated time with true senses: the behaviour alone is tried.

use std::sync::Arc;
use std::time::Duration;

use concert_apartment::{
    Class, Development, DriveCommand, Home, LightQuality, Pinhole as Camera, Randomisation, Range,
    RobotConfig, Stock, Thing,
};
use concert_runtime::wire::sensor_msgs::CameraInfo;
use concert_runtime::wire::{AnyMessage, Message as _, encode};
use concert_runtime::{
    Clock as _, Frame, ManualClock, NoWatch, Output, OutputSink, Pipeline, Timestamp,
};

use super::behaviour::{Behaviour, MAX_AGE, Outcome, Settings};
use super::bus::Reader;
use super::errand::Errand;
use super::place::{Mount, Pinhole, Place};
use super::senses::{ClassMap, DepthMap, NormalMap, Sense};
use super::sheet::Sheet;
use crate::assemble::{self, EngineChoice};
use crate::cli::Global;
use crate::launch_file::LaunchFile;
use crate::model_folders::model_folders;
use crate::policy_choice::PolicyChoice;
use crate::simulated_robot::SimulatedRobot;

const STEP: Duration = Duration::from_millis(100);
const MOUNT: Mount = Mount {
    height: 1.1,
    tilt: -0.3,
};

/// How an errand went.
#[derive(Debug)]
struct Trial {
    outcome: Option<Outcome>,
    released: Option<(&'static str, f32)>,
    hurting_bumps: u32,
    seconds: f64,
    path: f32,
}

fn home(seed: u64, stock: Stock) -> Home {
    let randomisation = Randomisation {
        stock,
        field_of_view: Range::new(1.2566, 1.2566),
        ..Randomisation::default()
    };
    let light = match std::env::var_os("TRIAL_NETWORKS").is_some() {
        true => LightQuality::Standard,
        false => LightQuality::Flat,
    };
    Home::generate(seed, &randomisation, light).unwrap()
}

fn with_a_can() -> Stock {
    Stock {
        things: vec![Thing {
            class: Class::Can,
            paint: None,
        }],
        without: vec![Class::Can],
        ..Stock::default()
    }
}

/// What the robot sees with.
enum Eyes {
    /// The truth.
    True(Pinhole),
    /// The networks of the shipped policy, in simulated time.
    Networks(Box<Networks>),
}

/// The shipped policy, run frame by frame.
struct Networks {
    pipeline: Pipeline,
    clock: Arc<ManualClock>,
    sink: Sink,
    reader: Reader,
    frames: u64,
}

/// Keeps what was delivered.
#[derive(Default)]
struct Sink {
    buffers: Vec<Output>,
    delivered: Vec<Output>,
}

impl OutputSink for Sink {
    fn wants(&self, _: usize) -> bool {
        true
    }

    fn deliver(&mut self, target: usize, output: &mut Output) {
        let mut kept = self.buffers[target].clone();
        kept.copy_from(output);
        self.delivered.push(kept);
    }
}

impl Networks {
    fn load() -> Self {
        let policy = std::env::var("TRIAL_POLICY").unwrap_or_else(|_| "fetch_soda".to_owned());
        let launch = LaunchFile::of_policy(&policy);
        let choice = PolicyChoice::of_launch(&launch).unwrap();
        let folders = model_folders(&[], &[], choice.path.as_deref());
        let planned = assemble::plan(&choice.policy, folders).unwrap();
        let engine = EngineChoice::start(launch.providers(), None, &Global::default()).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(0)));
        let (time, watch) = (clock.clone(), Arc::new(NoWatch));
        let plan = planned.plan;
        let pipeline = assemble::pipeline(&launch, plan, engine, time, watch, None).unwrap();
        Self {
            pipeline,
            clock,
            sink: Sink::default(),
            reader: Reader::default(),
            frames: 0,
        }
    }

    fn see(&mut self, robot: &mut SimulatedRobot, stamp: Timestamp) -> Vec<Sense> {
        let (image, _) = robot.picture().unwrap();
        self.clock.advance(STEP);
        let (width, height) = (image.width() as f64, image.height() as f64);
        self.reader.image_size = Some((width, height));
        let frame = Frame {
            sequence: self.frames,
            stamp,
            arrived: self.clock.monotonic(),
            frame_id: "front_optical".into(),
            image,
            intrinsics: Some(robot.intrinsics()),
            distorted: false,
            depth: None,
        };
        self.frames += 1;
        self.sink.buffers = self.pipeline.buffers(0);
        self.sink.delivered.clear();
        self.pipeline.step(0, &frame, STEP, &mut self.sink);
        let mut senses = Vec::new();
        for output in &self.sink.delivered {
            let key = output.origin.task.name;
            let mut bytes = Vec::new();
            if encode::encode_camera_info(output, &mut bytes) {
                let info = AnyMessage::decode(CameraInfo::TYPE, &bytes).unwrap();
                let key = format!("{key}/camera_info");
                senses.extend(self.reader.sense(&key, info));
            }
            // What cannot be said is not published.
            let Ok(name) = encode::encode(output, &mut bytes) else {
                continue;
            };
            let message = AnyMessage::decode(name, &bytes).unwrap();
            senses.extend(self.reader.sense(key, message));
        }
        senses
    }
}

/// What is seen and felt now.
fn senses(robot: &mut SimulatedRobot, stamp: Timestamp, eyes: &mut Eyes) -> Vec<Sense> {
    let wheels = robot.robot().odometry().odom_from_base;
    let yaw = 2.0 * f64::from(wheels.rotation.z).atan2(f64::from(wheels.rotation.w));
    let (x, y) = (wheels.translation.x, wheels.translation.y);
    let place = Place::new(f64::from(x), f64::from(y), yaw);
    let (is_in_contact, is_holding) = (robot.robot().is_in_contact(), robot.is_holding());
    let mut senses = vec![
        Sense::Wheels(stamp, place),
        Sense::Bumper(is_in_contact),
        Sense::Holding(is_holding),
    ];
    senses.extend(match eyes {
        Eyes::Networks(networks) => networks.see(robot, stamp),
        Eyes::True(intrinsics) => truth(robot, stamp, *intrinsics),
    });
    senses
}

fn truth(robot: &mut SimulatedRobot, stamp: Timestamp, camera: Pinhole) -> Vec<Sense> {
    let labels = robot.labels().unwrap();
    vec![
        Sense::Depth(DepthMap {
            stamp,
            camera,
            metres: labels.depth,
        }),
        Sense::Normals(NormalMap {
            stamp,
            normals: labels.normals,
        }),
        Sense::Classes(ClassMap {
            stamp,
            width: camera.width,
            height: camera.height,
            classes: labels.semantic,
        }),
    ]
}

fn run(home: Home, errand: &str, limit: f64) -> Trial {
    let with_networks = std::env::var_os("TRIAL_NETWORKS").is_some();
    let (width, height) = if with_networks { (320, 240) } else { (120, 90) };
    let camera = Camera::from_field_of_view(width, height, 1.2566).unwrap();
    let intrinsics = Pinhole {
        fx: camera.fx(),
        fy: camera.fy(),
        cx: camera.cx(),
        cy: camera.cy(),
        width: width as usize,
        height: height as usize,
    };
    let mut eyes = match with_networks {
        true => Eyes::Networks(Box::new(Networks::load())),
        false => Eyes::True(intrinsics),
    };
    let config = RobotConfig {
        camera_height: 1.1,
        ..RobotConfig::default()
    };
    let seed = home.seed();
    let mut robot = SimulatedRobot::new(home, camera, Development::default(), config).unwrap();
    robot.robot_mut().look(0.0, MOUNT.tilt as f32).unwrap();
    robot.step(Duration::from_secs(1)).unwrap();
    let start = robot.robot().place().0;
    let settings = Settings {
        mount: MOUNT,
        names: Class::ALL
            .iter()
            .map(|class| class.name().to_owned())
            .collect(),
        max_age: MAX_AGE,
        search_limit: Duration::from_secs(210),
    };
    let mut behaviour = Behaviour::new(settings, Errand::parse(errand).unwrap());
    let mut trial = Trial {
        outcome: None,
        released: None,
        hurting_bumps: 0,
        seconds: 0.0,
        path: 0.0,
    };
    let mut sheet = Sheet::default();
    let show = std::env::var_os("SHOW_TRIALS").is_some();
    let mut now = Timestamp::from_nanos(1_000_000_000);
    while trial.seconds < limit && trial.outcome.is_none() {
        let seen = senses(&mut robot, now, &mut eyes);
        behaviour.take_in(now, seen);
        let action = behaviour.act(now);
        robot
            .robot_mut()
            .command(DriveCommand {
                linear: action.velocity.ahead as f32,
                angular: action.velocity.turn as f32,
            })
            .unwrap();
        match action.gripper {
            Some(true) => {
                if show {
                    show_reach(&robot, &behaviour);
                }
                let _ = robot.close_gripper().unwrap();
            }
            Some(false) => {
                let released = robot.open_gripper();
                let away = released.map(|one| (one.class, one.at.distance(start)));
                trial.released = away.or(trial.released);
            }
            None => {}
        }
        let before = robot.robot().place().0;
        let report = robot.step(STEP).unwrap();
        trial.path += robot.robot().place().0.distance(before);
        trial.hurting_bumps += report.hurting_bumps;
        if show && report.bumps > 0 {
            let (place, yaw) = robot.robot().place();
            let ahead = [place.x + 0.25 * yaw.cos(), place.y + 0.25 * yaw.sin()];
            let objects = robot.home().objects().iter();
            let objects = objects.filter(|one| one.low.z + one.pose.translation.z < 1.2);
            let mut near: Vec<_> = objects
                .map(|one| (one.distance_on_floor(ahead), one.class.name()))
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            let near: Vec<_> = near.iter().map(|(_, name)| *name).take(6).collect();
            println!(
                "BUMP {:.1} s {} {:?} hurting {}: {near:?}",
                trial.seconds,
                behaviour.state(),
                action.velocity,
                report.hurting_bumps
            );
        }
        trial.outcome = action.outcome;
        trial.seconds += STEP.as_secs_f64();
        now = now.after(STEP);
        sheet.note(&behaviour, trial.seconds);
        if show && ((trial.seconds * 10.0).round() as u64).is_multiple_of(20) {
            let (place, yaw) = robot.robot().place();
            println!(
                "{:6.1} s {} at {:.2} {:.2} {:.2} {:?}",
                trial.seconds,
                behaviour.state(),
                place.x,
                place.y,
                yaw,
                action.velocity
            );
        }
    }
    if show {
        println!("{trial:?} {:?}", behaviour.counts);
        let path = format!("/tmp/trial_{seed}.png");
        sheet
            .write(&behaviour, std::path::Path::new(&path))
            .unwrap();
    }
    trial
}

/// Which things are before the robot, truly, and what it believes of them.
fn show_reach(robot: &SimulatedRobot, behaviour: &Behaviour) {
    let (place, yaw) = robot.robot().place();
    let objects = robot.home().objects().iter().filter(|one| one.movable);
    for one in objects {
        let at = one.pose.translation.truncate() - place;
        let bearing = super::place::wrap(f64::from(at.to_angle() - yaw));
        if at.length() < 1.1 && bearing.abs() < 0.6 {
            println!(
                "  truth {} at {:.2} m, {bearing:.2} rad",
                one.class.name(),
                at.length()
            );
        }
    }
    let base = behaviour.place();
    for (class, at) in behaviour.things() {
        let away = super::place::distance(at, base.point());
        let bearing = base.bearing(at);
        if away < 1.3 && bearing.abs() < 0.6 {
            println!("  believes {class} at {away:.2} m, {bearing:.2} rad");
        }
    }
}

#[test]
fn a_can_is_fetched_by_a_robot_that_sees_truly() {
    let seeds = std::env::var("TRIAL_SEEDS").unwrap_or_else(|_| "402..404".to_owned());
    let (first, last) = seeds.split_once("..").unwrap();
    let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
    let mut fetched = 0;
    for seed in first..last {
        let trial = run(home(seed, with_a_can()), "bring the can", 300.0);
        let is_fetched = trial
            .released
            .is_some_and(|(class, away)| class == "can" && away < 0.8);
        println!(
            "seed {seed}: {} in {:.0} s, {:.1} m, {} hurting bumps: {:?} {:?}",
            is_fetched,
            trial.seconds,
            trial.path,
            trial.hurting_bumps,
            trial.outcome,
            trial.released
        );
        assert_eq!(trial.hurting_bumps, 0, "seed {seed}");
        fetched += u64::from(is_fetched);
    }
    assert!(
        fetched * 10 >= (last - first) * 8,
        "{fetched} of {}",
        last - first
    );
}

#[test]
fn a_can_that_does_not_exist_is_said_to_be_none_and_the_robot_returns() {
    let stock = Stock {
        without: vec![Class::Can],
        ..Stock::default()
    };
    let trial = run(home(405, stock), "bring the can", 300.0);
    let Some(Outcome::GaveUp(reason)) = &trial.outcome else {
        panic!("{trial:?}");
    };
    assert!(
        reason.contains("can") || reason.contains("not found"),
        "{reason}"
    );
    assert_eq!((trial.released, trial.hurting_bumps), (None, 0));
}
