//! What the robot does: survey, explore, approach, grasp, return, hand over.

mod explore;
mod go_home;
mod headway;
mod perceive;
mod show;
mod take;

use std::collections::VecDeque;
use std::time::Duration;

use concert_runtime::Timestamp;

use super::close::Close;
use super::driver::{Velocity, follow};
use super::errand::Errand;
use super::grid::{Grid, Meanings};
use super::landmarks::Landmarks;
use super::localiser::{Localiser, seconds};
use super::place::{Mount, Place, Point, distance};
use super::planner::{Goal, Ways};
use super::senses::{ClassMap, DepthMap, Sense};

/// What is known beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) mount: Mount,
    /// Names of the classes of class maps, by number.
    pub(crate) names: Vec<String>,
    /// Older than this, what is seen is not driven by.
    pub(crate) max_age: Duration,
    /// So long the errand may take, the way back included.
    pub(crate) limit: Duration,
}

/// Older than this, what is seen is not driven by: at half a metre a second a
/// robot has moved 20 cm meanwhile.
pub(crate) const MAX_AGE: Duration = Duration::from_millis(420);

/// Of an errand's time so much is kept for taking the thing, and for the way back so
/// much for each metre that it is straight to the start, s.
const TAKING_S: f64 = 25.0;
const BACK_S: f64 = 4.5;

/// How an errand ended, as the robot has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done; what there is to say.
    Done(String),
    /// A door is open, or is not; in words, too.
    Answered { is_open: bool, said: String },
    /// It could not be done, and the robot is back.
    GaveUp(String),
}

impl Outcome {
    /// In words.
    pub(crate) fn said(&self) -> &str {
        match self {
            Self::Done(said) | Self::GaveUp(said) | Self::Answered { said, .. } => said,
        }
    }
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Action {
    pub(crate) velocity: Velocity,
    /// Close the gripper, or open it.
    pub(crate) gripper: Option<bool>,
    pub(crate) outcome: Option<Outcome>,
}

/// What the robot is at.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// Turns once around, to see where it is; how far it turned, rad.
    Survey { turned: f64, last: f64 },
    /// Goes where there is more to see.
    Explore,
    /// Stands at a goal and looks at what it came for.
    Look {
        at: Point,
        began: Timestamp,
        /// Since when it looks there.
        faced: Option<Timestamp>,
    },
    /// Goes to what it wants.
    Approach { target: Point },
    /// Stands before it and turns to it, then creeps on.
    Face {
        target: Point,
        since: Timestamp,
        crept: f64,
    },
    /// Closed its gripper, waits for what that says.
    Grasp { target: Point, since: Timestamp },
    /// Backs off from what it touched or cannot pass.
    BackOff { until: Timestamp, then: Box<Step> },
    /// Goes back to where it started, with or without.
    Return,
    /// Opened its gripper.
    HandOver { since: Timestamp },
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Self::Survey { .. } => "looks around",
            Self::Explore => "explores",
            Self::Look { .. } => "looks closely",
            Self::Approach { .. } => "approaches",
            Self::Face { .. } => "faces it",
            Self::Grasp { .. } => "grasps",
            Self::BackOff { .. } => "backs off",
            Self::Return => "returns",
            Self::HandOver { .. } => "hands over",
        }
    }
}

/// The robot's mind.
pub(crate) struct Behaviour {
    settings: Settings,
    errand: Errand,
    meanings: Meanings,
    localiser: Localiser,
    grid: Grid,
    landmarks: Landmarks,
    /// Of the last frames, oldest first: what is made of the same frame may come
    /// a little later.
    depths: VecDeque<DepthMap>,
    classes: Option<ClassMap>,
    /// By how much depth was too small lately.
    scale: f64,
    /// Depth that is in the grid already.
    mapped: Option<Timestamp>,
    /// Stamp of the newest depth that came.
    sighted: Option<Timestamp>,
    close: Close,
    /// A detector publishes boxes; else pieces of class maps are boxes.
    has_detector: bool,
    is_touching: bool,
    was_touching: bool,
    is_holding: bool,
    step: Step,
    plan: Option<Plan>,
    /// The goal that was chosen, and when.
    chosen: Option<(Goal, Timestamp)>,
    began: Option<Timestamp>,
    /// How the errand will have ended when the robot is back.
    ends: Option<Outcome>,
    attempts: u32,
    /// Where the robot last made headway, and when.
    headway: Option<(Place, Timestamp)>,
    /// Places of goals that led nowhere, and how often.
    vain: Vec<(Point, u32)>,
    /// Where things that it wants were seen and no way was known, and when.
    unreached: Vec<(Point, Timestamp)>,
    /// How often what seems to stand in the way was doubted.
    doubts: u32,
    pub(crate) counts: Counts,
}

/// What the errand took.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct Counts {
    /// m, as the robot believes.
    pub(crate) path_m: f64,
    /// Times that the bumper was touched.
    pub(crate) touches: u64,
    /// Steps at which what was seen was too old to drive by.
    pub(crate) stale_steps: u64,
    /// Longest of these in a row, s.
    pub(crate) longest_stale_s: f64,
    pub(crate) plans: u64,
    pub(crate) grasps: u64,
    /// Frames of depth and classes that were acted on, and the sum of their
    /// ages, s.
    pub(crate) sights: u64,
    pub(crate) age_sum_s: f64,
}

/// A way that is being followed.
struct Plan {
    goal: Goal,
    way: Vec<Point>,
    clearance: Vec<f32>,
    made: Timestamp,
}

/// A plan is made anew after so long, s.
const REPLAN_S: f64 = 1.0;
/// A thing no farther than this from where one was that could not be reached is
/// that one, m.
const UNREACHED: f64 = 0.8;
/// Nearer than this a goal is reached, m.
const REACHED: f64 = 0.14;

impl Behaviour {
    pub(crate) fn new(settings: Settings, errand: Errand) -> Self {
        let number = |names: &[&str]| {
            let named = settings.names.iter().enumerate();
            let named = named.filter(|(_, name)| names.contains(&name.as_str()));
            named
                .filter_map(|(number, _)| u8::try_from(number).ok())
                .collect()
        };
        let meanings = Meanings {
            floor: number(&["floor", "carpet"]),
            tops: number(&["counter", "table", "stove"]),
            furniture: number(&["chair", "table", "bed", "sofa", "plant"]),
            beyond: number(&["ceiling", "nothing"]),
        };
        Self {
            meanings,
            errand,
            localiser: Localiser::default(),
            grid: Grid::new(1.15),
            landmarks: Landmarks::default(),
            depths: VecDeque::new(),
            classes: None,
            scale: 1.0,
            mapped: None,
            sighted: None,
            close: Close::default(),
            has_detector: false,
            is_touching: false,
            was_touching: false,
            is_holding: false,
            step: Step::Survey {
                turned: 0.0,
                last: f64::NAN,
            },
            plan: None,
            chosen: None,
            began: None,
            ends: None,
            attempts: 0,
            headway: None,
            vain: Vec::new(),
            unreached: Vec::new(),
            doubts: 0,
            counts: Counts::default(),
            settings,
        }
    }

    /// The camera is mounted so by now: a mast may turn.
    pub(crate) fn see_from(&mut self, mount: Mount) {
        self.settings.mount = mount;
    }

    /// Takes in what was perceived since.
    pub(crate) fn take_in(&mut self, now: Timestamp, senses: Vec<Sense>) {
        for sense in senses {
            self.note(now, sense);
        }
    }

    /// Says what to do now; called ten times a second. Whatever is wrong with
    /// what was perceived, the robot stands rather than guesses.
    pub(crate) fn act(&mut self, now: Timestamp) -> Action {
        let began = *self.began.get_or_insert(now);
        let Some(base) = self.localiser.place() else {
            return Action::default();
        };
        let is_fresh = |stamp: Option<Timestamp>| {
            stamp.is_some_and(|stamp| seconds(stamp, now) <= self.settings.max_age.as_secs_f64())
        };
        if !is_fresh(self.sighted) || !is_fresh(self.localiser.newest()) {
            self.counts.stale_steps += 1;
            let since = self.sighted.map_or(0.0, |stamp| seconds(stamp, now));
            self.counts.longest_stale_s = self.counts.longest_stale_s.max(since);
            // Time that the robot stood is no lack of headway.
            self.headway = Some((base, now));
            return Action::default();
        }
        self.note_headway(base, now);
        if self.is_touching && !self.was_touching {
            self.note_touch(base, now);
        }
        self.was_touching = self.is_touching;
        let after = seconds(began, now);
        if after > self.turns_back_after(base) {
            self.give_up(format!("not found within {after:.0} s"));
        }
        match self.step.clone() {
            Step::Survey { turned, last } => self.survey(base, turned, last),
            Step::Explore => self.explore(base, now),
            Step::Look { at, began, faced } => self.look(base, now, (at, began, faced)),
            Step::Approach { target } => self.approach(base, now, target),
            Step::Face {
                target,
                since,
                crept,
            } => self.face(base, now, (target, since, crept)),
            Step::Grasp { target, since } => self.grasp(now, (target, since)),
            Step::BackOff { until, then } => self.back_off(now, until, *then),
            Step::Return => self.go_back(base, now),
            Step::HandOver { since } => self.hand_over(now, since),
        }
    }

    /// How long after its beginning the errand is given up where the robot is, s, so
    /// that it comes back in time; what was found may still be taken.
    fn turns_back_after(&self, base: Place) -> f64 {
        let limit = self.settings.limit.as_secs_f64();
        let back = BACK_S * base.x.hypot(base.y);
        let left = match self.step {
            Step::Survey { .. } | Step::Explore | Step::Look { .. } => limit - back - TAKING_S,
            // Who sees it takes it.
            Step::Approach { .. } | Step::Face { .. } | Step::Grasp { .. } => limit - back,
            Step::BackOff { .. } | Step::Return | Step::HandOver { .. } => f64::INFINITY,
        };
        left.max(0.5 * limit)
    }

    /// A look around before anything else.
    fn survey(&mut self, base: Place, turned: f64, last: f64) -> Action {
        let more = super::place::wrap(base.yaw - last);
        let turned = turned + if more.is_finite() { more } else { 0.0 };
        self.step = Step::Survey {
            turned,
            last: base.yaw,
        };
        if turned > std::f64::consts::TAU {
            self.step = Step::Explore;
        }
        Action {
            velocity: Velocity {
                ahead: 0.0,
                turn: 0.7,
            },
            ..Action::default()
        }
    }

    /// Goes on along the way to a goal, which is planned anew now and then;
    /// `None` where there is no way.
    fn go_to(&mut self, base: Place, now: Timestamp, goal: Goal) -> Option<Action> {
        let is_old = self.plan.as_ref().is_none_or(|plan| {
            seconds(plan.made, now) > REPLAN_S || distance(plan.goal.at, goal.at) > 0.1
        });
        if is_old {
            let ways = Ways::from(&self.grid, base.point());
            self.counts.plans += 1;
            let way = ways.way_to(goal.at);
            let clearance = ways.clearance;
            self.plan = way.map(|way| Plan {
                goal,
                way,
                clearance,
                made: now,
            });
        }
        let plan = self.plan.as_ref()?;
        let velocity = follow(&plan.way, base, (&self.grid, &plan.clearance), &self.close);
        Some(Action {
            velocity,
            ..Action::default()
        })
    }

    /// Stops searching and goes home.
    fn give_up(&mut self, reason: String) {
        tracing::info!("{}: {reason}; going back", self.errand);
        self.ends = Some(Outcome::GaveUp(reason));
        self.turn_to(Step::Return);
    }

    /// Begins another step; what was planned for the one before is forgotten.
    fn turn_to(&mut self, step: Step) {
        (self.plan, self.chosen) = (None, None);
        self.step = step;
    }
}
