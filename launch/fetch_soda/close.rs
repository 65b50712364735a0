//! What stood close before the robot lately.
//!
//! A camera that looks ahead loses what comes near: a chair's seat leaves the
//! picture two thirds of a metre before the base does touch it. What depth showed
//! there is remembered for some seconds, whatever the map made of it, and driven
//! up to slowly.

use std::collections::{HashMap, HashSet};

use concert_runtime::Timestamp;

use super::grid::Scan;
use super::localiser::seconds;
use super::place::{Mount, Place, Point, distance};
use super::planner::RADIUS;
use super::senses::DepthMap;

/// Farther than this ahead, or to either side, nothing is close, m.
const AHEAD: f64 = 1.6;
const BESIDE: f64 = 0.8;
/// What is lower than this may be floor, m, and this much more a metre farther
/// away, for depth is guessed; what is higher is passed under.
const LOWEST: (f64, f64) = (0.12, 0.04);
const HIGHEST: f64 = 1.2;
/// Side of what is remembered as one, m; fewer pixels in it are noise.
const SIDE: f64 = 0.05;
const PIXELS: u32 = 3;
/// So long it is remembered, s.
const MEMORY_S: f64 = 8.0;
/// Something may be so much nearer than it seems ahead, and beside, m: depth is guessed,
/// directions are known.
const TOUCHES: (f64, f64) = (0.1, 0.03);
/// What a frame's depth tells of a square, what stands there by its class, and that floor
/// is seen there; from what on something stands there, together with the squares beside
/// it; and most of one square.
const TELLS: (i32, i32, i32) = (1, 2, -3);
const STANDS: i32 = 12;
const MOST: i32 = 40;

/// What stood close, by squares of the map.
#[derive(Debug, Default)]
pub(crate) struct Close {
    seen: HashMap<[i32; 2], Seen>,
}

/// What was seen in a square.
#[derive(Debug, Clone, Copy)]
struct Seen {
    last: Timestamp,
    evidence: i32,
}

impl Close {
    /// Takes note of a frame: where the base was, and by how much its depth must be
    /// multiplied.
    pub(crate) fn note(&mut self, base: Place, mount: Mount, depth: &DepthMap, scale: f64) {
        let stamp = depth.stamp;
        self.seen
            .retain(|_, seen| seconds(seen.last, stamp) < MEMORY_S);
        let camera = depth.camera;
        let mut squares: HashMap<[i32; 2], u32> = HashMap::new();
        for (pixel, metres) in depth.metres.iter().enumerate() {
            let at = [(pixel % camera.width) as f64, (pixel / camera.width) as f64];
            let [x, y, z] = camera.point(mount, at, scale * f64::from(*metres));
            let stands = (LOWEST.0 + LOWEST.1 * x..HIGHEST).contains(&z);
            if stands && (0.0..AHEAD).contains(&x) && y.abs() < BESIDE {
                *squares.entry(square(base.apply([x, y]))).or_default() += 1;
            }
        }
        let squares = squares.into_iter().filter(|(_, pixels)| *pixels >= PIXELS);
        for (square, _) in squares {
            self.tell(square, stamp, TELLS.0);
        }
    }

    /// Takes note of what a frame's classes have: what stands, and where floor is seen.
    pub(crate) fn note_scan(&mut self, base: Place, stamp: Timestamp, scan: &Scan) {
        let near = scan.standing();
        let near = near.filter(|[x, y]| *x < AHEAD && y.abs() < BESIDE);
        let standing: HashSet<_> = near.map(|point| square(base.apply(point))).collect();
        for square in standing {
            self.tell(square, stamp, TELLS.1);
        }
        let map = base.inverse();
        for (square, seen) in &mut self.seen {
            if scan.has_floor(map.apply(middle(*square))) {
                seen.evidence += TELLS.2;
            }
        }
        self.seen.retain(|_, seen| seen.evidence > 0);
    }

    fn tell(&mut self, square: [i32; 2], stamp: Timestamp, what: i32) {
        let first = Seen {
            last: stamp,
            evidence: 0,
        };
        let seen = self.seen.entry(square).or_insert(first);
        seen.last = stamp;
        seen.evidence = (seen.evidence + what).min(MOST);
    }

    /// Whether enough was seen in a square and those beside it.
    fn stands(&self, [x, y]: [i32; 2]) -> bool {
        let around = (-1..=1).flat_map(|across| (-1..=1).map(move |up| [x + across, y + up]));
        let seen = around.filter_map(|square| self.seen.get(&square));
        seen.map(|seen| seen.evidence).sum::<i32>() >= STANDS
    }

    /// How far the base may drive along an arc of a curvature, 1/m, until it would
    /// touch some of it, m, at most [`AHEAD`]. What it moves away from does not count.
    pub(crate) fn free_along(&self, base: Place, curvature: f64) -> f64 {
        let map = base.inverse();
        let points = self
            .seen
            .keys()
            .filter(|square| self.stands(**square))
            .map(|square| map.apply(middle(*square)));
        let near: Vec<Point> = points
            .filter(|[x, y]| *x > -RADIUS && x.hypot(*y) < AHEAD + RADIUS)
            .collect();
        let away = |at: Place, point: &Point| distance(at.point(), *point);
        let mut at = Place::default();
        let mut places = at.arc(curvature, SIDE).take((AHEAD / SIDE) as usize);
        let steps = places.position(|next| {
            let before = std::mem::replace(&mut at, next);
            near.iter().any(|point| {
                away(next, point) < RADIUS + TOUCHES.1 && away(next, point) < away(before, point)
            })
        });
        steps.map_or(AHEAD, |steps| {
            (steps as f64 * SIDE - (TOUCHES.0 - TOUCHES.1)).max(0.0)
        })
    }
}

fn square([x, y]: Point) -> [i32; 2] {
    [(x / SIDE).floor() as i32, (y / SIDE).floor() as i32]
}

fn middle(square: [i32; 2]) -> Point {
    square.map(|along| (f64::from(along) + 0.5) * SIDE)
}

#[cfg(test)]
mod tests {
    use super::super::place::Pinhole;
    use super::*;

    const MOUNT: Mount = Mount {
        height: 1.1,
        tilt: -0.3,
    };

    /// A picture of a box, 0.4 m high and as wide as the picture, so far away, and
    /// of floor before it.
    fn depth_of_box(stamp: i64, away: f64) -> DepthMap {
        let camera = Pinhole {
            fx: 38.0,
            fy: 38.0,
            cx: 27.5,
            cy: 20.5,
            width: 56,
            height: 42,
        };
        let metres = (0..56 * 42).map(|pixel| {
            let at = [f64::from(pixel % 56), f64::from(pixel / 56)];
            let [x, _, z] = camera.ray(MOUNT, at);
            let floor = if z < 0.0 { -MOUNT.height / z } else { 9.0 };
            let front = away / x;
            let height = MOUNT.height + front * z;
            let is_box = front < floor && height < 0.4;
            (if is_box { front } else { floor }) as f32
        });
        DepthMap {
            stamp: Timestamp::from_nanos(stamp * 1_000_000),
            camera,
            metres: metres.collect(),
        }
    }

    #[test]
    fn what_left_the_picture_is_before_the_robot_until_it_turned_away_or_time_passed() {
        let mut close = Close::default();
        let start = Place::default();
        let see = |close: &mut Close, stamp: i64| {
            close.note(start, MOUNT, &depth_of_box(stamp, 1.2), 1.0);
        };
        see(&mut close, 0);
        assert_eq!(close.free_along(start, 0.0), AHEAD, "one frame is none");
        (1..3).for_each(|frame| see(&mut close, 50 * frame));
        let rim = RADIUS + TOUCHES.0;
        let free = close.free_along(start, 0.0);
        assert!((free - (1.2 - rim)).abs() < 0.08, "{free}");
        // Driven up to it, where nothing of it is seen any more.
        let near = Place::new(0.8, 0.0, 0.0);
        close.note(near, MOUNT, &depth_of_box(2000, 9.0), 1.0);
        let free = close.free_along(near, 0.0);
        assert!((free - (0.4 - rim)).abs() < 0.08, "{free}");
        // Along it one may drive, and away from it.
        for yaw in [0.5, 1.0, -0.5].map(|part| part * std::f64::consts::PI) {
            let turned = Place::new(0.85, 0.0, yaw);
            assert_eq!(close.free_along(turned, 0.0), AHEAD, "{yaw}");
        }
        let beside = Place::new(0.85, 0.0, 0.5 * std::f64::consts::PI);
        assert!(close.free_along(beside, -2.0) < 0.4, "along an arc into it");
        close.note(near, MOUNT, &depth_of_box(8100, 9.0), 1.0);
        assert_eq!(close.free_along(near, 0.0), AHEAD, "long ago");
    }

    #[test]
    fn floor_alone_is_not_close_and_depth_that_is_too_small_is_put_to_scale() {
        let mut close = Close::default();
        let start = Place::default();
        close.note(start, MOUNT, &depth_of_box(0, 9.0), 1.0);
        assert_eq!(close.free_along(start, 0.0), AHEAD);
        let mut small = depth_of_box(100, 1.2);
        small.metres.iter_mut().for_each(|metres| *metres *= 0.5);
        (0..3).for_each(|_| close.note(start, MOUNT, &small, 2.0));
        let free = close.free_along(start, 0.0);
        assert!((free - (1.2 - RADIUS - TOUCHES.0)).abs() < 0.08, "{free}");
    }
}
