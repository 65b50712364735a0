//! Where to look next.

use std::collections::HashSet;

use concert_runtime::Timestamp;

use super::super::driver::Velocity;
use super::super::errand::{Errand, is_small, tellers, tells_a_room};
use super::super::grid::{Cell, Grid};
use super::super::landmarks::Landmark;
use super::super::localiser::seconds;
use super::super::place::{Place, Point, distance};
use super::super::planner::{Goal, Ways};
use super::{Action, Behaviour, Outcome, REACHED, Step, UNREACHED};

/// A look at what a robot came for takes so long, and turning to it at most so
/// long, s.
const LOOK_S: f64 = 0.5;
const TURN_S: f64 = 6.0;
/// What tells a room was seen in so many frames: doors are taken for fridges now
/// and then.
const TELLS: u32 = 20;
/// What tells a room is believed where most of what stands no farther from it than
/// this, m, tells the same one; each tells as much as it was seen, up to so often.
const ROOM_AROUND: f64 = 2.5;
const MAX_TELLING: u32 = 100;
/// Where one walks no farther than this to what tells a kitchen, a goal is worth
/// so much more way, m; and to what tells a bathroom or a bedroom so much less.
const IN_A_KITCHEN: (f64, f64) = (4.0, 10.0);
const IN_ANOTHER_ROOM: (f64, f64) = (3.0, 5.0);
/// Where a thing that is wanted was seen and no way to it is known, a goal is worth
/// so much more way, m, less so much for each metre that it is away from there;
/// and a way is looked for again after so long, s.
const NO_WAY: (f64, f64) = (15.0, 1.5);
const TRY_AGAIN_S: f64 = 4.0;
/// A top that is in no kitchen is worth so much less way than a border of the
/// unknown, m: a kitchen may lie behind that.
const ANY_TOP: f64 = -14.0;
/// The goal that was chosen before is worth so much more, m: who turns back
/// walks twice.
const SAME_GOAL: f64 = 1.0;
/// A turn on the spot is as long as so much way for each radian, m.
const PER_TURN: f64 = 0.2;
/// A goal that was gone to so often shows nothing new.
const MAX_VAIN: u32 = 2;
/// So often what seems to stand in the way is doubted.
const MAX_DOUBTS: u32 = 2;
/// Goals are chosen anew after so long at the least, where what they were to show
/// was seen on the way, and at the most, s.
const CHOOSE_S: (f64, f64) = (0.5, 3.0);
/// Around the goal at a border, something unknown is at least so near, m.
const BORDER: f64 = 0.2;
/// Fewest sights after which a small thing, or a large one, is believed.
const BELIEVED: (u32, u32) = (4, 6);
/// A detector's scores for small things that are there are 0.55 on average, for
/// others that look like them 0.32 to 0.47.
const SURE_SCORE: f64 = 0.48;
/// What may be it is looked at from between these distances, m; that is worth so much
/// way for each unit of its score, m, above one that says nothing.
const FROM_CLOSE_BY: (f64, f64) = (0.7, 1.1);
const PER_SCORE: f64 = 30.0;
const NO_SCORE: f64 = 0.25;

impl Behaviour {
    pub(super) fn explore(&mut self, base: Place, now: Timestamp) -> Action {
        if let Some(target) = self.target(base, now) {
            self.turn_to(Step::Approach { target });
            return Action::default();
        }
        if let Some(answer) = self.answer_from_what_was_seen() {
            self.ends = Some(answer);
            self.turn_to(Step::Return);
            return Action::default();
        }
        let chosen = self.chosen;
        let chosen = chosen.filter(|(goal, at)| {
            let age = seconds(*at, now);
            age < CHOOSE_S.0 || (age < CHOOSE_S.1 && self.has_more_to_show(goal))
        });
        let goal = chosen.map(|(goal, _)| goal).or_else(|| self.choose(base));
        let Some(goal) = goal else {
            self.end_search();
            return Action::default();
        };
        if chosen.is_none() {
            self.chosen = Some((goal, now));
        }
        if distance(base.point(), goal.at) < REACHED {
            self.note_vain(goal.look_at);
            self.turn_to(Step::Look {
                at: goal.look_at,
                began: now,
                faced: None,
            });
            return Action::default();
        }
        let action = self.go_to(base, now, goal);
        if action.is_none() {
            self.note_vain(goal.look_at);
            self.chosen = None;
        }
        action.unwrap_or_default()
    }

    /// Everything was seen that can be: what seems to stand in the way is doubted
    /// and looked at anew, and only then the search ends.
    fn end_search(&mut self) {
        if self.doubts < MAX_DOUBTS {
            self.doubts += 1;
            self.grid.doubt();
            self.vain.clear();
            self.turn_to(Step::Survey {
                turned: 0.0,
                last: f64::NAN,
            });
            return;
        }
        match &self.errand {
            Errand::IsDoorOpen(room) => {
                let said = format!(
                    "the door of the {room} is shut: every open room was looked into, and none \
                     is it"
                );
                self.ends = Some(Outcome::Answered {
                    is_open: false,
                    said,
                });
                self.turn_to(Step::Return);
            }
            Errand::Bring(thing) => self.give_up(format!("there is no {thing} to be seen")),
            Errand::GoTo(what) => self.give_up(format!("there is no {what} to be seen")),
        }
    }

    /// Turns to what it came to see, and stays a moment.
    pub(super) fn look(
        &mut self,
        base: Place,
        now: Timestamp,
        (at, began, faced): (Point, Timestamp, Option<Timestamp>),
    ) -> Action {
        let has_looked = faced.is_some_and(|since| seconds(since, now) > LOOK_S);
        if has_looked {
            self.grid.note_looked(base);
        }
        if has_looked || self.target(base, now).is_some() {
            self.turn_to(Step::Explore);
            return Action::default();
        }
        let bearing = base.bearing(at);
        if faced.is_none() && bearing.abs() > 0.2 && seconds(began, now) < TURN_S {
            return Action {
                velocity: Velocity::turning(bearing),
                ..Action::default()
            };
        }
        self.step = Step::Look {
            at,
            began,
            faced: Some(faced.unwrap_or(now)),
        };
        Action::default()
    }

    /// Whether a goal's top was not looked at closely, or its border is one, still.
    fn has_more_to_show(&self, goal: &Goal) -> bool {
        let top = self.grid.cell(goal.look_at);
        let mut around = Grid::around(goal.at, BORDER, 12);
        top.is_some_and(|cell| self.grid.is_unlooked_top(cell))
            || around.any(|at| {
                let cell = self.grid.cell(at);
                cell.is_some_and(|cell| self.grid.is_uncertain(cell))
            })
    }

    /// The best place to go to, by its way and what is to be seen there.
    fn choose(&mut self, base: Place) -> Option<Goal> {
        let before = self.plan.as_ref().map(|plan| plan.goal.at);
        let ways = Ways::from(&self.grid, base.point());
        self.counts.plans += 1;
        let mut goals = ways.frontiers();
        let worth = self.worth();
        for goal in &mut goals {
            goal.cost -= worth(goal.at);
        }
        if matches!(self.errand, Errand::Bring(_)) {
            let of_top = |at, top| {
                let worth = worth(at);
                let worth = if worth > 0.0 { worth } else { worth + ANY_TOP };
                (!is_vain(&self.vain, top)).then_some(worth)
            };
            goals.extend(ways.tops(of_top));
            goals.extend(self.doubtful(&ways, &worth));
        }
        let goals = goals.into_iter();
        let goals = goals.filter(|goal| !is_vain(&self.vain, goal.look_at));
        let cost = |goal: &Goal| {
            let is_same = before.is_some_and(|at| distance(at, goal.at) < 0.8);
            let is_here = distance(goal.at, base.point()) < REACHED;
            // On the spot, who looks at one after the other turns least.
            let turn = if is_here {
                base.bearing(goal.look_at).abs()
            } else {
                0.0
            };
            goal.cost + PER_TURN * turn - if is_same { SAME_GOAL } else { 0.0 }
        };
        goals.min_by(|a, b| cost(a).total_cmp(&cost(b)))
    }

    /// Places from which what may be the thing that is wanted is seen closely: a score
    /// from nearby tells more.
    fn doubtful(&self, ways: &Ways<'_>, worth: &impl Fn(Point) -> f64) -> Vec<Goal> {
        let Some(class) = self.wanted_class() else {
            return Vec::new();
        };
        let seen = self.landmarks.of(&class).filter(|one| {
            one.sights >= BELIEVED.0 && self.is_doubtful(one) && !is_vain(&self.vain, one.at)
        });
        let goals = seen.filter_map(|one| {
            let goal = ways.place_before(one.at, FROM_CLOSE_BY)?;
            let cost = goal.cost - worth(goal.at) - PER_SCORE * (one.score - NO_SCORE);
            Some(Goal { cost, ..goal })
        });
        goals.collect()
    }

    /// Whether a thing must be seen from closer by before it is believed.
    fn is_doubtful(&self, one: &Landmark) -> bool {
        self.has_detector && is_small(&one.class) && one.score < SURE_SCORE
    }

    /// The class of the thing that the robot came for.
    pub(super) fn wanted_class(&self) -> Option<String> {
        match &self.errand {
            Errand::Bring(thing) => Some(thing.to_string()),
            Errand::GoTo(what) => Some(what.clone()),
            Errand::IsDoorOpen(_) => None,
        }
    }

    /// How much way it is worth to stand at a place, for what is known to be
    /// around it, m.
    fn worth(&self) -> impl Fn(Point) -> f64 + '_ {
        let brings = matches!(self.errand, Errand::Bring(_));
        let around = |room, limit| match brings {
            true => self.around_what_tells(room, limit),
            false => HashSet::new(),
        };
        let kitchen = around("kitchen", IN_A_KITCHEN.0);
        let others = ["bathroom", "bedroom"].map(|room| around(room, IN_ANOTHER_ROOM.0));
        move |at| {
            let unreached = self.unreached.iter().map(|(of, _)| distance(*of, at));
            let nearest = unreached.min_by(f64::total_cmp);
            let Some(cell) = self.grid.cell(at) else {
                return 0.0;
            };
            if let Some(away) = nearest {
                NO_WAY.0 - NO_WAY.1 * away
            } else if kitchen.contains(&cell) {
                IN_A_KITCHEN.1
            } else if others.iter().any(|other| other.contains(&cell)) {
                -IN_ANOTHER_ROOM.1
            } else {
                0.0
            }
        }
    }

    /// Places from which one walks no farther than a limit, m, to what tells a
    /// room.
    fn around_what_tells(&self, room: &str, limit: f64) -> HashSet<Cell> {
        let telling: Vec<_> = self.landmarks.certain(TELLS).collect();
        let told = telling.iter().filter(|one| is_of(room, &one.class));
        let told = told.filter(|one| {
            // Most of what tells a room around it tells the same one.
            let near = telling.iter().filter(|other| {
                tells_a_room(&other.class) && distance(other.at, one.at) < ROOM_AROUND
            });
            let (mut same, mut another) = (0, 0);
            for other in near {
                let sights = other.sights.min(MAX_TELLING);
                match is_of(room, &other.class) {
                    true => same += sights,
                    false => another += sights,
                }
            }
            same > another
        });
        self.grid.around_all(told.map(|one| one.at), limit)
    }

    fn note_vain(&mut self, at: Point) {
        let mut vain = self.vain.iter_mut();
        match vain.find(|(known, _)| distance(*known, at) < 0.3) {
            Some((_, times)) => *times += 1,
            None => self.vain.push((at, 1)),
        }
    }

    /// What the errand wants, where it was seen often enough.
    pub(super) fn target(&self, base: Place, now: Timestamp) -> Option<Point> {
        let class = self.wanted_class()?;
        let least = match &self.errand {
            Errand::Bring(_) => BELIEVED.0,
            Errand::GoTo(_) | Errand::IsDoorOpen(_) => BELIEVED.1,
        };
        let seen = self.landmarks.of(&class);
        let seen = seen.filter(|one| {
            one.sights >= least
                && !self.is_doubtful(one)
                && one.sights > self.landmarks.rivals(one, is_small)
        });
        // Where no way was known, one is looked for now and then.
        let is_unreached = |at: Point| {
            let mut unreached = self.unreached.iter();
            unreached.any(|(known, when)| {
                distance(*known, at) < UNREACHED && seconds(*when, now) < TRY_AGAIN_S
            })
        };
        let seen = seen.filter(|one| !is_unreached(one.at));
        let away = |one: &&Landmark| distance(one.at, base.point()) - 2.0 * one.score;
        let nearest = seen.min_by(|a, b| away(a).total_cmp(&away(b)));
        nearest.map(|one| one.at)
    }

    /// Whether a door is open, where what stands behind it was seen.
    fn answer_from_what_was_seen(&self) -> Option<Outcome> {
        let Errand::IsDoorOpen(room) = &self.errand else {
            return None;
        };
        let told = self.errand.classes();
        let seen = told.iter().find_map(|class| {
            let mut seen = self.landmarks.of(class);
            seen.find(|one| one.sights >= BELIEVED.1)
        })?;
        Some(Outcome::Answered {
            is_open: true,
            said: format!(
                "the door of the {room} is open: a {} is seen in it",
                seen.class
            ),
        })
    }
}

/// Whether a class tells a room of that name.
fn is_of(room: &str, class: &str) -> bool {
    tellers(room).contains(&class)
}

fn is_vain(vain: &[(Point, u32)], at: Point) -> bool {
    let mut vain = vain.iter();
    vain.any(|(known, times)| *times >= MAX_VAIN && distance(*known, at) < 0.3)
}
