//! Going up to a thing, and taking it.

use std::time::Duration;

use concert_runtime::Timestamp;

use super::super::driver::{GENTLE, Velocity};
use super::super::errand::{Errand, is_small};
use super::super::localiser::seconds;
use super::super::place::{Place, Point, distance};
use super::super::planner::{Goal, Ways};
use super::{Action, Behaviour, Outcome, REACHED, Step, UNREACHED};

/// Distances from a thing at which the robot stands to take it, m: first tried,
/// and where there is no place.
const STANDS: (f64, f64) = (0.5, 0.75);
const STANDS_ELSE: (f64, f64) = (0.4, 1.0);
/// Where nobody can stand so near, the nearest place is good enough up to here,
/// m, and before a large thing.
const STANDS_AT_MOST: f64 = 1.4;
const BEFORE_LARGE: f64 = 2.0;
/// Nearer than this a thing is within reach, m.
const WITHIN_REACH: f64 = 0.68;
/// The robot creeps on at most so far, m.
const MAX_CREEP: f64 = 0.6;
/// Bearing within which it faces a thing, rad, and how long it tries to, s.
const FACES: f64 = 0.06;
const FACES_S: f64 = 12.0;
/// So long it looks at a thing before it decides how far it is, s.
const LOOKS_S: f64 = 1.6;
/// So long a gripper takes to say what it holds, s.
const GRASP_S: f64 = 1.0;
/// After so many tries a thing is given up.
const MAX_ATTEMPTS: u32 = 4;

impl Behaviour {
    pub(super) fn approach(&mut self, base: Place, now: Timestamp, target: Point) -> Action {
        let Some(target) = self.follow_target(target) else {
            self.turn_to(Step::Explore);
            return Action::default();
        };
        self.step = Step::Approach { target };
        let chosen = self
            .chosen
            .filter(|(goal, at)| distance(goal.look_at, target) < 0.12 && seconds(*at, now) < 2.0);
        let goal = chosen.map(|(goal, _)| goal);
        let Some(goal) = goal.or_else(|| self.place_before(base, target)) else {
            // No way is known yet; there may be one, or another thing.
            self.unreached
                .retain(|(at, _)| distance(*at, target) > UNREACHED);
            self.unreached.push((target, now));
            self.turn_to(Step::Explore);
            return Action::default();
        };
        if chosen.is_none() {
            self.chosen = Some((goal, now));
        }
        let is_there = distance(base.point(), goal.at) < REACHED;
        let is_large = matches!(self.errand, Errand::GoTo(_));
        if is_there && is_large {
            let said = format!("{}: it stands before it", self.errand);
            self.ends = Some(Outcome::Done(said));
            self.turn_to(Step::HandOver { since: now });
            return Action::default();
        }
        if is_there || (!is_large && distance(base.point(), target) < STANDS.0 + 0.1) {
            self.turn_to(Step::Face {
                target,
                since: now,
                crept: 0.0,
            });
            return Action::default();
        }
        let action = self.go_to(base, now, goal);
        if action.is_none() {
            self.chosen = None;
        }
        action.unwrap_or_default()
    }

    /// The place from which a thing is taken, or before which a robot stops.
    fn place_before(&mut self, base: Place, target: Point) -> Option<Goal> {
        let ways = Ways::from(&self.grid, base.point());
        self.counts.plans += 1;
        let nearest = |limit: f64| {
            let (at, away) = ways.nearest_to(target)?;
            (away < limit).then_some(Goal {
                at,
                look_at: target,
                cost: 0.0,
            })
        };
        if matches!(self.errand, Errand::GoTo(_)) {
            return nearest(BEFORE_LARGE);
        }
        ways.place_before(target, STANDS)
            .or_else(|| ways.place_before(target, STANDS_ELSE))
            .or_else(|| nearest(STANDS_AT_MOST))
    }

    /// Where the thing is by now; `None` where it was a mistake.
    fn follow_target(&self, target: Point) -> Option<Point> {
        let nearest = self.landmarks.nearest(&self.wanted_class()?, target)?;
        let is_it = nearest.sights > self.landmarks.rivals(nearest, is_small);
        (is_it && distance(nearest.at, target) < 0.8).then_some(nearest.at)
    }

    /// Turns to the thing, then creeps on until it is within reach or something
    /// is touched.
    pub(super) fn face(
        &mut self,
        base: Place,
        now: Timestamp,
        (target, since, crept): (Point, Timestamp, f64),
    ) -> Action {
        let Some(target) = self.follow_target(target) else {
            self.turn_to(Step::Explore);
            return Action::default();
        };
        // Turned a little, the second and third time.
        let aside = [0.0, 0.12, -0.12][(self.attempts % 3) as usize];
        let bearing = base.bearing(target) + aside;
        let face = |crept| Step::Face {
            target,
            since,
            crept,
        };
        if bearing.abs() > FACES && seconds(since, now) < FACES_S {
            self.step = face(crept);
            return Action {
                velocity: Velocity::turning(bearing),
                ..Action::default()
            };
        }
        if seconds(since, now) < LOOKS_S {
            self.step = face(crept);
            return Action::default();
        }
        let is_far = distance(base.point(), target) > WITHIN_REACH;
        if is_far && crept < MAX_CREEP && !self.is_touching {
            // Ten steps a second.
            self.step = face(crept + 0.1 * GENTLE);
            return Action {
                velocity: Velocity {
                    ahead: GENTLE,
                    turn: 0.8 * bearing,
                },
                ..Action::default()
            };
        }
        self.counts.grasps += 1;
        self.step = Step::Grasp { target, since: now };
        Action {
            gripper: Some(true),
            ..Action::default()
        }
    }

    /// Waits for what the gripper says; tries again from closer by.
    pub(super) fn grasp(&mut self, now: Timestamp, (target, since): (Point, Timestamp)) -> Action {
        if self.is_holding {
            self.turn_to(Step::Return);
            return Action::default();
        }
        if seconds(since, now) < GRASP_S {
            return Action::default();
        }
        self.attempts += 1;
        let open = Action {
            gripper: Some(false),
            ..Action::default()
        };
        if self.attempts.is_multiple_of(MAX_ATTEMPTS) {
            if let Some(class) = self.wanted_class() {
                self.landmarks.refute(&class, target);
            }
            self.turn_to(Step::Explore);
            self.retreat(now, Duration::from_secs(3));
            return open;
        }
        self.step = Step::Face {
            target,
            since: now,
            crept: 0.0,
        };
        open
    }
}
