//! Errands in simulated time: the behaviour alone is tried, with true senses.
//!
//! To look at one, or to try it with the networks of a policy:
//! `SHOW_TRIALS=1 TRIAL_NETWORKS=1 TRIAL_SEEDS=401..407 cargo test --workspace
//! --lib a_can_is_fetched -- --nocapture` prints its way and draws each into the
//! system's temporary folder (`TRIAL_POLICY` names another policy).

mod eyes;
mod show;

use std::collections::VecDeque;
use std::time::Duration;

use concert_apartment::{
    Class, Development, Doors, DriveCommand, Home, LightQuality, Pinhole as Camera, Randomisation,
    Range, RobotConfig, Stock, Thing,
};
use concert_runtime::Timestamp;

use self::eyes::{Eyes, Networks, felt};
use super::behaviour::{Action, Behaviour, MAX_AGE, Outcome, Settings};
use super::errand::Errand;
use super::place::{Mount, Pinhole, Place, Point};
use super::senses::Sense;
use super::sheet::Sheet;
use crate::simulated_robot::SimulatedRobot;

const STEP: Duration = Duration::from_millis(100);
/// What is seen is known so much later.
const LATENCY: Duration = Duration::from_millis(100);
const MOUNT: Mount = Mount {
    height: 1.1,
    tilt: -0.3,
};
/// Horizontal field of view, 72 degrees.
const FIELD_OF_VIEW: f32 = 1.2566;
/// Longest errand, s of simulated time.
const LIMIT: f64 = 300.0;

/// An errand that goes on, and how it went so far.
struct Trial {
    robot: SimulatedRobot,
    behaviour: Behaviour,
    eyes: Eyes,
    /// What was seen and is not known yet, oldest first.
    seen: VecDeque<(Timestamp, Vec<Sense>)>,
    sheet: Sheet,
    now: Timestamp,
    start: [f32; 2],
    start_yaw: f32,
    outcome: Option<Outcome>,
    /// The thing that was let go last, and how far from the start, m.
    released: Option<(&'static str, f32)>,
    hurting_bumps: u32,
    seconds: f64,
    /// m.
    path: f32,
}

fn is_asked_for(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

impl Trial {
    fn begin(seed: u64, stock: Stock, errand: &str) -> Self {
        let with_networks = is_asked_for("TRIAL_NETWORKS");
        let randomisation = Randomisation {
            stock,
            field_of_view: Range::new(FIELD_OF_VIEW, FIELD_OF_VIEW),
            ..Randomisation::default()
        };
        let (light, (width, height)) = match with_networks {
            true => (LightQuality::Standard, (320, 240)),
            false => (LightQuality::Flat, (120, 90)),
        };
        let home = Home::generate(seed, &randomisation, light).unwrap();
        let camera = Camera::from_field_of_view(width, height, FIELD_OF_VIEW.into()).unwrap();
        let eyes = match with_networks {
            true => Eyes::Networks(Box::new(Networks::load())),
            false => Eyes::True(Pinhole {
                fx: camera.fx(),
                fy: camera.fy(),
                cx: camera.cx(),
                cy: camera.cy(),
                width: width as usize,
                height: height as usize,
            }),
        };
        let config = RobotConfig {
            camera_height: MOUNT.height as f32,
            ..RobotConfig::default()
        };
        let mut robot = SimulatedRobot::new(home, camera, Development::default(), config).unwrap();
        robot.robot_mut().look(0.0, MOUNT.tilt as f32).unwrap();
        robot.step(Duration::from_secs(1)).unwrap();
        let classes = Class::ALL.iter().map(|class| class.name().to_owned());
        let settings = Settings {
            mount: MOUNT,
            names: classes.collect(),
            max_age: MAX_AGE,
            limit: Duration::from_secs_f64(LIMIT),
        };
        Self {
            start: robot.robot().place().0.to_array(),
            start_yaw: robot.robot().place().1,
            robot,
            behaviour: Behaviour::new(settings, Errand::parse(errand).unwrap()),
            eyes,
            seen: VecDeque::new(),
            sheet: Sheet::default(),
            now: Timestamp::from_nanos(1_000_000_000),
            outcome: None,
            released: None,
            hurting_bumps: 0,
            seconds: 0.0,
            path: 0.0,
        }
    }

    /// To its end, or to the limit.
    fn run(seed: u64, stock: Stock, errand: &str) -> Self {
        let mut trial = Self::begin(seed, stock, errand);
        while trial.seconds < LIMIT && trial.outcome.is_none() {
            trial.step(true);
        }
        println!("seed {seed}: {}", trial.text());
        if is_asked_for("SHOW_TRIALS") {
            show::wanted(&trial);
            let path = std::env::temp_dir().join(format!("trial_{seed}.png"));
            trial.sheet.write(&trial.behaviour, &path).unwrap();
            println!("{:?}\n{}", trial.behaviour.counts, path.display());
        }
        trial
    }

    /// A tenth of a second, in which the robot sees, or feels its wheels alone;
    /// gives what it did.
    fn step(&mut self, sees: bool) -> Action {
        self.behaviour
            .take_in(self.now, felt(&self.robot, self.now));
        if sees {
            let seen = self.eyes.see(&mut self.robot, self.now);
            self.seen.push_back((self.now.after(LATENCY), seen));
        }
        while let Some((known, seen)) = self.seen.pop_front_if(|(known, _)| *known <= self.now) {
            self.behaviour.take_in(known, seen);
        }
        let action = self.behaviour.act(self.now);
        let shows = is_asked_for("SHOW_TRIALS");
        let command = DriveCommand {
            linear: action.velocity.ahead as f32,
            angular: action.velocity.turn as f32,
        };
        self.robot.robot_mut().command(command).unwrap();
        match action.gripper {
            Some(true) => {
                if shows {
                    show::reach(&self.robot, &self.behaviour);
                }
                self.robot.close_gripper().unwrap();
            }
            Some(false) => {
                let released = self.robot.open_gripper();
                let away = released.map(|one| (one.class, self.away(one.at.to_array())));
                self.released = away.or(self.released);
            }
            None => {}
        }
        let before = self.robot.robot().place().0;
        let report = self.robot.step(STEP).unwrap();
        self.path += self.robot.robot().place().0.distance(before);
        self.hurting_bumps += report.hurting_bumps;
        self.outcome.clone_from(&action.outcome);
        self.seconds += STEP.as_secs_f64();
        self.now = self.now.after(STEP);
        self.sheet.note(&self.behaviour, self.seconds);
        if shows {
            show::step(&self.robot, &self.behaviour, (&action, &report), self);
        }
        action
    }

    /// Distance from the start, m.
    fn away(&self, [x, y]: [f32; 2]) -> f32 {
        (x - self.start[0]).hypot(y - self.start[1])
    }

    fn start(&self) -> Place {
        let [x, y] = self.start.map(f64::from);
        Place::new(x, y, self.start_yaw.into())
    }

    /// A point of the home, m, in the map of a robot that loses nothing.
    fn in_map(&self, [x, y]: [f32; 2]) -> Point {
        self.start().inverse().apply([x.into(), y.into()])
    }

    /// The other way.
    fn in_world(&self, at: Point) -> [f32; 2] {
        self.start().apply(at).map(|along| along as f32)
    }

    /// Distance of the robot from its start, m.
    fn robot_away(&self) -> f32 {
        self.away(self.robot.robot().place().0.to_array())
    }

    /// Whether a thing of a class was handed over.
    fn brought(&self, wanted: &str) -> bool {
        let released = self.released;
        released.is_some_and(|(class, away)| class == wanted && away < 0.8)
    }

    fn text(&self) -> String {
        format!(
            "{:.0} s, {:.1} m, {} bumps that hurt, {:?}, let go {:?}",
            self.seconds, self.path, self.hurting_bumps, self.outcome, self.released
        )
    }
}

/// So many cans, and no others.
fn cans(count: usize) -> Stock {
    let can = Thing {
        class: Class::Can,
        paint: None,
    };
    Stock {
        things: vec![can; count],
        without: vec![Class::Can],
        ..Stock::default()
    }
}

#[test]
fn a_can_is_fetched_by_a_robot_that_sees_truly() {
    let seeds = std::env::var("TRIAL_SEEDS").unwrap_or_else(|_| "402..404".to_owned());
    let (first, end) = seeds.split_once("..").unwrap();
    let (first, end): (u64, u64) = (first.parse().unwrap(), end.parse().unwrap());
    let trials: Vec<_> = (first..end)
        .map(|seed| Trial::run(seed, cans(1), "bring the can"))
        .collect();
    let brought = trials.iter().filter(|trial| trial.brought("can")).count();
    assert!(
        brought * 10 >= trials.len() * 8,
        "{brought} of {}",
        trials.len()
    );
    assert!(trials.iter().all(|trial| trial.hurting_bumps == 0));
}

#[test]
fn of_two_cans_one_is_fetched() {
    let trial = Trial::run(403, cans(2), "bring the can");
    assert!(trial.brought("can"), "{}", trial.text());
    assert_eq!(trial.hurting_bumps, 0);
}

#[test]
fn a_can_that_does_not_exist_is_said_to_be_none_and_the_robot_returns() {
    let trial = Trial::run(405, cans(0), "bring the can");
    assert!(
        matches!(trial.outcome, Some(Outcome::GaveUp(_))),
        "{}",
        trial.text()
    );
    assert!(trial.robot_away() < 0.6, "{} m", trial.robot_away());
    assert_eq!((trial.released, trial.hurting_bumps), (None, 0));
}

#[test]
fn behind_shut_doors_no_can_is_found_and_the_robot_returns() {
    let stock = Stock {
        doors: Doors::Shut,
        ..cans(1)
    };
    let trial = Trial::run(402, stock, "bring the can");
    assert!(
        matches!(trial.outcome, Some(Outcome::GaveUp(_))),
        "{}",
        trial.text()
    );
    assert!(trial.robot_away() < 0.6, "{} m", trial.robot_away());
    assert_eq!(trial.hurting_bumps, 0);
}

#[test]
fn a_robot_goes_to_the_sofa() {
    let trial = Trial::run(402, Stock::default(), "go to the sofa");
    assert!(
        matches!(trial.outcome, Some(Outcome::Done(_))),
        "{}",
        trial.text()
    );
    let at = trial.robot.robot().place().0.to_array();
    let sofas = trial.robot.home().objects_of(Class::Sofa);
    let nearest = sofas.map(|sofa| sofa.distance_on_floor(at));
    let nearest = nearest.fold(f32::INFINITY, f32::min);
    assert!(nearest < 1.0, "{nearest} m");
}

#[test]
fn a_robot_says_whether_the_door_of_the_bathroom_is_open() {
    for (doors, want) in [(Doors::Open, true), (Doors::Shut, false)] {
        let stock = Stock {
            doors,
            ..Stock::default()
        };
        let trial = Trial::run(402, stock, "is the door of the bathroom open?");
        let Some(Outcome::Answered { is_open, .. }) = &trial.outcome else {
            panic!("{doors:?}: {}", trial.text());
        };
        assert_eq!(*is_open, want, "{doors:?}");
        assert!(trial.robot_away() < 0.6, "{} m", trial.robot_away());
    }
}

#[test]
fn a_robot_that_sees_nothing_any_more_stands_and_goes_on_when_it_sees_again() {
    let mut trial = Trial::begin(402, cans(1), "bring the can");
    // Past the look around, on its way.
    let drives = |action: &Action| action.velocity.ahead > 0.05;
    let mut steps = 0;
    while !drives(&trial.step(true)) {
        steps += 1;
        assert!(steps < 300, "it never drove");
    }
    let blind: Vec<_> = (0..20).map(|_| trial.step(false)).collect();
    // Five tenths of a second after what it saw last.
    let late = &blind[5..];
    assert!(
        late.iter().all(|action| *action == Action::default()),
        "{late:?}"
    );
    let before = trial.robot.robot().place().0;
    trial.step(false);
    assert_eq!(trial.robot.robot().place().0, before, "it stands");
    let again = (0..100).any(|_| drives(&trial.step(true)));
    assert!(again, "it goes on");
}
