//! The way back, and what is done there.

use concert_runtime::Timestamp;

use super::super::driver::{GENTLE, Velocity};
use super::super::localiser::seconds;
use super::super::place::{Place, distance};
use super::super::planner::{Goal, Ways};
use super::{Action, Behaviour, Outcome, Step};

impl Behaviour {
    /// Goes back to where it started; where the way back is not known to be
    /// free any more, what was seen longest ago is doubted first.
    pub(super) fn go_back(&mut self, base: Place, now: Timestamp) -> Action {
        let home = [0.0, 0.0];
        if distance(base.point(), home) < 0.2 {
            self.step = Step::HandOver { since: now };
            return Action {
                gripper: Some(false),
                ..Action::default()
            };
        }
        let goal = Goal {
            at: home,
            look_at: home,
            cost: 0.0,
        };
        if let Some(action) = self.go_to(base, now, goal) {
            return action;
        }
        let ways = Ways::from(&self.grid, base.point());
        let near = ways.nearest_to(home);
        match near.filter(|(at, _)| distance(*at, base.point()) > 0.3) {
            Some((at, _)) => {
                let goal = Goal { at, ..goal };
                self.go_to(base, now, goal).unwrap_or_default()
            }
            None => {
                self.grid.doubt();
                Action {
                    velocity: Velocity {
                        ahead: 0.0,
                        turn: 0.5,
                    },
                    ..Action::default()
                }
            }
        }
    }

    pub(super) fn hand_over(&mut self, now: Timestamp, since: Timestamp) -> Action {
        if seconds(since, now) < 0.6 {
            // Said again, for a message may be lost.
            return Action {
                gripper: Some(false),
                ..Action::default()
            };
        }
        let done = || Outcome::Done(format!("{}: done", self.errand));
        Action {
            outcome: Some(self.ends.clone().unwrap_or_else(done)),
            ..Action::default()
        }
    }

    pub(super) fn back_off(&mut self, now: Timestamp, until: Timestamp, then: Step) -> Action {
        if now >= until {
            self.turn_to(then);
        }
        Action {
            velocity: Velocity {
                ahead: -GENTLE,
                turn: 0.0,
            },
            ..Action::default()
        }
    }
}
