//! From a way over the floor to a velocity: pure pursuit (Coulter,
//! "Implementation of the pure pursuit path tracking algorithm", CMU-RI-TR-92-01),
//! slower where it is narrow.

use super::grid::Grid;
use super::place::{Place, Point, distance};
use super::planner::RADIUS;

/// A velocity in the base frame: ahead, m/s, and counter-clockwise, rad/s.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Velocity {
    pub(crate) ahead: f64,
    pub(crate) turn: f64,
}

/// So slow that a bump does not hurt, m/s.
pub(crate) const GENTLE: f64 = 0.085;
/// Fastest, m/s and rad/s.
const FASTEST: (f64, f64) = (0.55, 1.3);
/// So far ahead the floor must have been seen well to drive fast, m.
const SURE: f64 = 0.65;
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

/// The velocity along a way; `clearance` as [`Grid::clearances`] has it, `ahead`
/// the distance from the base's middle to what is seen before it, m.
pub(crate) fn follow(
    way: &[Point],
    base: Place,
    (grid, clearance): (&Grid, &[f32]),
    ahead: f64,
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
    // The narrowest place of the next stretch, and of here.
    let stretch = way[nearest..].iter().take_while(|point| away(point) < 0.7);
    let room = stretch
        .chain([&here])
        .filter_map(|point| grid.cell(*point))
        .map(|cell| f64::from(clearance[cell]))
        .fold(f64::INFINITY, f64::min);
    let narrow = GENTLE + 2.0 * (room - RADIUS - 0.05).max(0.0);
    let before = GENTLE + 0.7 * (ahead - RADIUS - 0.3).max(0.0);
    let last = way.last().map_or(0.0, away);
    let arriving = GENTLE + 0.8 * (last - 0.1).max(0.0);
    let straight = 1.0 - bearing.abs() / TURN_FIRST;
    // Where the floor was not seen well, something low may stand.
    let mut next = way[nearest..].iter().take_while(|point| away(point) < SURE);
    let is_sure = next.all(|point| {
        grid.cell(*point)
            .is_some_and(|cell| grid.is_surely_free(cell))
    });
    let sure = if is_sure { FASTEST.0 } else { GENTLE };
    let fastest = FASTEST.0.min(narrow).min(before).min(arriving).min(sure);
    Velocity {
        ahead: (fastest * straight).max(0.0),
        turn: (2.2 * bearing).clamp(-FASTEST.1, FASTEST.1),
    }
}
