//! From a way over the floor to a velocity: pure pursuit (Coulter,
//! "Implementation of the pure pursuit path tracking algorithm", CMU-RI-TR-92-01),
//! slower where it is narrow.

use super::close::Close;
use super::grid::{CELL, Grid};
use super::place::{Place, Point, distance};
use super::planner::RADIUS;

/// A velocity in the base frame: ahead, m/s, and counter-clockwise, rad/s.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Velocity {
    pub(crate) ahead: f64,
    pub(crate) turn: f64,
}

/// So slow that a bump does not hurt, m/s.
pub(crate) const GENTLE: f64 = 0.09;
/// Fastest over what was hardly seen, m/s: of what stands before its feet, a robot that
/// looks ahead saw all but the lowest part.
const UNSEEN: f64 = 0.25;
/// Fastest, m/s and rad/s.
const FASTEST: (f64, f64) = (0.55, 1.3);
/// So far ahead the robot heeds what is on its way, m.
const STRETCH: f64 = 1.0;
/// A metre more room than it needs lets it drive so much faster, m/s.
const PER_ROOM: f64 = 3.0;
/// So far along its arc it looks whether it will come nearer to something than so
/// much more than its radius, m.
const CUTS: f64 = 0.5;
const TOUCHES: f64 = 0.04;
/// It slows down by so much, m/s², and begins so long after it should, s.
const SLOWS: f64 = 0.5;
const LATE: f64 = 0.25;
/// How far ahead on its way the robot aims, m.
const AIM: f64 = 0.55;
/// Where the heading is off by more, the robot turns on the spot, rad.
const TURN_FIRST: f64 = 0.6;

impl Velocity {
    /// A turn on the spot towards a bearing, rad.
    pub(crate) fn turning(bearing: f64) -> Self {
        let turn = (2.0 * bearing).clamp(-FASTEST.1, FASTEST.1);
        // Slower than this a turn does not end.
        let least = 0.12 * bearing.signum();
        Self {
            ahead: 0.0,
            turn: if turn.abs() < 0.12 { least } else { turn },
        }
    }
}

/// The velocity along a way; `clearance` as [`Grid::clearances`] has it, `close` what
/// stood close lately.
pub(crate) fn follow(
    way: &[Point],
    base: Place,
    (grid, clearance): (&Grid, &[f32]),
    close: &Close,
) -> Velocity {
    let here = base.point();
    let away = |point: &Point| distance(*point, here);
    let nearest = (0..way.len()).min_by(|a, b| away(&way[*a]).total_cmp(&away(&way[*b])));
    let Some(nearest) = nearest else {
        return Velocity::default();
    };
    let mut aim = way[nearest];
    for point in &way[nearest..] {
        let is_seen = grid.is_straight(clearance, here, *point, RADIUS + 0.01);
        if away(point) > AIM || !(is_seen || away(point) < 0.15) {
            break;
        }
        aim = *point;
    }
    let bearing = base.bearing(aim);
    if bearing.abs() > TURN_FIRST {
        return Velocity::turning(bearing);
    }
    // Each place of the next stretch, and here.
    let stretch = way[nearest..]
        .iter()
        .take_while(|point| away(point) < STRETCH);
    let ahead_of = |point: &Point| (away(point) - RADIUS).max(0.0);
    let narrow = stretch.chain([&here]).filter_map(|point| {
        let room = f64::from(clearance[grid.cell(*point)?]);
        let there = GENTLE + PER_ROOM * (room - RADIUS - 0.045).max(0.0);
        let cell = grid.cell(*point)?;
        // Where the floor was not seen well, something low may stand.
        let there = if grid.is_surely_free(cell) || away(point) < RADIUS {
            there
        } else if grid.is_hardly_seen(cell) {
            there.min(UNSEEN)
        } else {
            GENTLE
        };
        Some(slowing_to(there, ahead_of(point)))
    });
    let narrow = narrow.fold(f64::INFINITY, f64::min);
    let last = way.last().map_or(0.0, away);
    let arriving = GENTLE + 0.8 * (last - 0.1).max(0.0);
    let straight = 1.0 - bearing.abs() / TURN_FIRST;
    let fastest = FASTEST.0.min(narrow).min(arriving);
    let turn = (2.2 * bearing).clamp(-FASTEST.1, FASTEST.1);
    let ahead = (fastest * straight).max(0.0);
    let curvature = turn / ahead.max(GENTLE);
    let before = slowing_to(GENTLE, close.free_along(base, curvature));
    Velocity {
        ahead: ahead
            .min(before)
            .min(along_arc((grid, clearance), base, curvature)),
        turn,
    }
}

/// The fastest along an arc, 1/m, that may lead closer to something than the way
/// does: a robot cuts corners.
fn along_arc((grid, clearance): (&Grid, &[f32]), base: Place, curvature: f64) -> f64 {
    let mut places = base.arc(curvature, CELL).take((CUTS / CELL) as usize);
    let steps = places.position(|at| {
        let room = grid.cell(at.point()).map_or(0.0, |cell| clearance[cell]);
        f64::from(room) < RADIUS + TOUCHES
    });
    steps.map_or(FASTEST.0, |steps| slowing_to(GENTLE, steps as f64 * CELL))
}

/// The fastest at which one can still slow down to a speed within a distance, m/s
/// and m.
fn slowing_to(speed: f64, within: f64) -> f64 {
    // v·LATE + (v² - speed²) / (2·SLOWS) = within, solved for v.
    let late = LATE * SLOWS;
    let root = (late * late + speed * speed + 2.0 * SLOWS * within).sqrt();
    (root - late).max(speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A robot that begins to slow down too late by [`LATE`] still comes down to the
    /// speed where it must have it, and does not creep where it need not.
    #[test]
    fn one_slows_down_in_time_and_not_sooner() {
        for (speed, within) in [(GENTLE, 0.0), (GENTLE, 0.2), (0.3, 0.1), (0.0, 0.5)] {
            let fastest = slowing_to(speed, within);
            let needs = (fastest * fastest - speed * speed) / (2.0 * SLOWS) + fastest * LATE;
            let is_creeping = fastest == speed;
            assert!(is_creeping || (needs - within).abs() < 1e-9, "{fastest}");
        }
        assert_eq!(slowing_to(GENTLE, 0.0), GENTLE);
        assert!(slowing_to(GENTLE, 1.0) > FASTEST.0);
    }

    /// A wall of touches beside the robot: straight on it may drive, along an arc
    /// that leads into it it slows down.
    #[test]
    fn an_arc_that_leads_into_something_is_driven_slowly() {
        let mut grid = Grid::new(3.0);
        for step in 0..20 {
            let along = Place::new(
                0.1 * f64::from(step) - 0.5,
                0.3,
                std::f64::consts::FRAC_PI_2,
            );
            grid.note_touch(along, 0.05);
        }
        let clearance = grid.clearances();
        let from =
            |y: f64, curvature| along_arc((&grid, &clearance), Place::new(0.0, y, 0.0), curvature);
        assert_eq!(from(0.0, 0.0), FASTEST.0);
        assert_eq!(from(0.0, -2.0), FASTEST.0, "away from it");
        // After 0.3 to 0.35 m it would come too close to what is 0.35 m beside.
        let slowed = from(0.0, 2.0);
        assert!((slowed - slowing_to(GENTLE, 0.3)).abs() < 1e-9, "{slowed}");
        assert_eq!(from(0.17, 2.0), GENTLE, "at once");
    }
}
