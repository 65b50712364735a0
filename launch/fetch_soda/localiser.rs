//! Where the robot is: what its wheels say, turned right by what it sees.
//!
//! Wheels know distances well and headings badly: a per mille of difference
//! between two of them is a third of a degree a metre. Two things that Concert
//! publishes put the heading right: visual odometry, weighed against the wheels
//! by its own variance, and the walls, which in a home stand at right angles
//! (Coughlan and Yuille, "Manhattan World", ICCV 1999).

use std::collections::VecDeque;
use std::f64::consts::{FRAC_PI_2, TAU};

use concert_runtime::Timestamp;

use super::place::{Mount, Place, wrap};
use super::senses::{NormalMap, Visual};

/// Most places of the wheels that are remembered: some twenty seconds.
const MAX_WHEELS: usize = 600;
/// A heading that the walls deny by more than this is not put right by them.
const MOST_WRONG: f64 = 0.3;
/// Standard deviation of what one frame of walls says, rad; frames of less than
/// so many seconds show the same walls and err alike.
const WALLS: f64 = 0.12;
const ALIKE_S: f64 = 2.0;
/// Least agreement of walls (1: all at right angles) that counts.
const LEAST_AGREEMENT: f64 = 0.45;
/// Error of the wheels' heading after a metre and after a radian, standard
/// deviations, rad; it grows with the root of the way.
const WHEELS_PER_METRE: f64 = 0.03;
const WHEELS_PER_RADIAN: f64 = 0.02;

/// Where the robot is in the map, at any time of the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Localiser {
    /// `odom_from_base` with its stamps, oldest first.
    wheels: VecDeque<(Timestamp, Place)>,
    map_from_odom: Place,
    /// `odom_from_base` where the robot was first.
    start: Option<Place>,
    /// One of the two axes of the home's walls, in the map, rad modulo a quarter
    /// turn, once walls were seen, and when they were last.
    axis: Option<(f64, Timestamp)>,
    /// Covariance of the errors of heading and axis, rad².
    covariance: [[f64; 2]; 2],
    visual: Option<Visual>,
    /// How often each put the heading right.
    pub(crate) walls_used: u64,
    pub(crate) visual_used: u64,
}

impl Localiser {
    /// Takes note of the wheels. Stamps that go back are passed over.
    pub(crate) fn note_wheels(&mut self, stamp: Timestamp, odom_from_base: Place) {
        if self.wheels.back().is_some_and(|(last, _)| *last >= stamp) {
            return;
        }
        if self.start.is_none() {
            self.start = Some(odom_from_base);
            self.map_from_odom = odom_from_base.inverse();
        }
        if let Some((_, last)) = self.wheels.back() {
            let away = (odom_from_base.x - last.x).hypot(odom_from_base.y - last.y);
            let turned = wrap(odom_from_base.yaw - last.yaw).abs();
            self.covariance[0][0] += WHEELS_PER_METRE.powi(2) * away;
            self.covariance[0][0] += WHEELS_PER_RADIAN.powi(2) * turned;
        }
        if self.wheels.len() == MAX_WHEELS {
            self.wheels.pop_front();
        }
        self.wheels.push_back((stamp, odom_from_base));
    }

    /// `map_from_base` now, as far as the wheels go.
    pub(crate) fn place(&self) -> Option<Place> {
        let (_, newest) = self.wheels.back()?;
        Some(self.map_from_odom.then(*newest))
    }

    /// Stamp of the newest word of the wheels.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.wheels.back().map(|(stamp, _)| *stamp)
    }

    /// `map_from_base` at a stamp; `None` before the memory begins, and more
    /// than 0.3 s after it ends.
    pub(crate) fn place_at(&self, stamp: Timestamp) -> Option<Place> {
        Some(self.map_from_odom.then(self.odom_at(stamp)?))
    }

    fn odom_at(&self, stamp: Timestamp) -> Option<Place> {
        let after = self.wheels.partition_point(|(at, _)| *at < stamp);
        let Some((later, there)) = self.wheels.get(after) else {
            let (last, place) = self.wheels.back()?;
            return (seconds(*last, stamp) <= 0.3).then_some(*place);
        };
        if *later == stamp {
            return Some(*there);
        }
        let (earlier, here) = self.wheels.get(after.checked_sub(1)?)?;
        let part = seconds(*earlier, stamp) / seconds(*earlier, *later).max(1e-9);
        Some(here.towards(*there, part))
    }

    /// Turns the heading towards what the walls say: most of what stands upright
    /// in a home looks along one of two axes.
    pub(crate) fn note_walls(&mut self, map: &NormalMap, mount: Mount) {
        let Some(base) = self.place_at(map.stamp) else {
            return;
        };
        let Some((angle, agreement)) = level_axis(map, mount) else {
            return;
        };
        if agreement < LEAST_AGREEMENT {
            return;
        }
        let in_map = base.yaw + angle;
        let [[of_heading, shared], [_, of_axis]] = self.covariance;
        let Some((axis, last)) = self.axis else {
            self.axis = Some((in_map, map.stamp));
            let of_axis = of_heading + WALLS * WALLS;
            self.covariance = [[of_heading, of_heading], [of_heading, of_axis]];
            return;
        };
        let since = seconds(last, map.stamp);
        let error = quarter(in_map - axis);
        if error.abs() > MOST_WRONG || since <= 0.0 {
            return;
        }
        // A Kalman filter ("A new approach to linear filtering and prediction
        // problems", 1960) of two states, of which the walls show the difference;
        // how each varies with that:
        let (heading, axis_too) = (of_heading - shared, shared - of_axis);
        let noise = WALLS * WALLS * (ALIKE_S / since).max(1.0);
        let all = heading - axis_too + noise;
        let gains = [heading / all, axis_too / all];
        self.covariance = [
            [
                of_heading - gains[0] * heading,
                shared - gains[0] * axis_too,
            ],
            [shared - gains[1] * heading, of_axis - gains[1] * axis_too],
        ];
        self.axis = Some((axis - gains[1] * error, map.stamp));
        self.turn(-gains[0] * error, base);
        self.walls_used += 1;
    }

    /// Weighs what the pictures say of the turn since the frame before against
    /// what the wheels say.
    pub(crate) fn note_visual(&mut self, visual: Visual, mount: Mount) {
        let Some(before) = self.visual.replace(visual) else {
            return;
        };
        let (Some(from), Some(to)) = (self.odom_at(before.stamp), self.odom_at(visual.stamp))
        else {
            return;
        };
        let variance = visual.yaw_variance - before.yaw_variance.min(visual.yaw_variance);
        let by_wheels = wrap(to.yaw - from.yaw);
        let by_pictures = turn_between(before.orientation, visual.orientation, mount);
        let away = (to.x - from.x).hypot(to.y - from.y);
        let of_wheels =
            (WHEELS_PER_METRE * away).powi(2) + (WHEELS_PER_RADIAN * by_wheels).powi(2) + 1e-9;
        let differs = wrap(by_pictures - by_wheels);
        // False for what is not a number.
        let is_sound = variance > 0.0 && differs.abs() < 0.1;
        if !is_sound {
            return;
        }
        let weight = of_wheels / (of_wheels + variance);
        if let Some(base) = self.place_at(visual.stamp) {
            self.turn(weight * differs, base);
            self.visual_used += 1;
        }
    }

    /// Turns the map about where the robot stands.
    fn turn(&mut self, angle: f64, about: Place) {
        let back = Place::new(-about.x, -about.y, 0.0);
        let turned = Place::new(0.0, 0.0, angle).then(back);
        let there = Place::new(about.x, about.y, 0.0).then(turned);
        self.map_from_odom = there.then(self.map_from_odom);
    }
}

/// An angle modulo a quarter turn, between plus and minus an eighth of a turn.
fn quarter(angle: f64) -> f64 {
    angle - FRAC_PI_2 * (angle / FRAC_PI_2).round()
}

/// Seconds from one stamp to another; negative where that is earlier.
pub(crate) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.nanos() - from.nanos()) as f64 * 1e-9
}

/// The angle in the base frame, modulo a quarter turn, along which most upright
/// surfaces look, and how far they agree (0 to 1).
fn level_axis(map: &NormalMap, mount: Mount) -> Option<(f64, f64)> {
    let (sin, cos) = mount.tilt.sin_cos();
    let (mut cosine, mut sine, mut count) = (0.0, 0.0, 0.0);
    for [right, down, forward] in &map.normals {
        let (right, down, forward) = (f64::from(*right), f64::from(*down), f64::from(*forward));
        // The optical frame in the base frame: as the rays of a pinhole.
        let ahead = forward * cos + down * sin;
        let left = -right;
        let up = forward * sin - down * cos;
        if up.abs() > 0.3 || !up.is_finite() {
            continue;
        }
        let angle = 4.0 * left.atan2(ahead);
        cosine += angle.cos();
        sine += angle.sin();
        count += 1.0;
    }
    let enough = count > 0.08 * map.normals.len() as f64;
    enough.then(|| (sine.atan2(cosine) / 4.0, cosine.hypot(sine) / count))
}

/// By how much the base turned between two orientations of a tilted body, rad.
fn turn_between(before: [f64; 4], after: [f64; 4], mount: Mount) -> f64 {
    let [ax, ay, az, aw] = [-before[0], -before[1], -before[2], before[3]];
    let [bx, by, bz, bw] = after;
    let (x, y, z, w) = (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    );
    let length = (x * x + y * y + z * z).sqrt();
    if length < 1e-12 {
        return 0.0;
    }
    let angle = 2.0 * length.atan2(w);
    let angle = angle - TAU * (angle / TAU).round();
    // Up, in the body frame.
    let (sin, cos) = mount.tilt.sin_cos();
    angle * (x * sin + z * cos) / length
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Mount = Mount {
        height: 1.0,
        tilt: -0.2,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    /// Walls of a home whose axes are those of the world, seen from a heading.
    fn walls(stamp: Timestamp, yaw: f64) -> NormalMap {
        let (sin, cos) = LEVEL.tilt.sin_cos();
        let normals = (0..200).map(|index| {
            let world = [0.0, 0.5, 1.0, 1.5][index % 4] * std::f64::consts::PI;
            let (left, ahead) = (world - yaw).sin_cos();
            let (right, down, forward) = (-left, ahead * sin, ahead * cos);
            [right as f32, down as f32, forward as f32]
        });
        NormalMap {
            stamp,
            normals: normals.collect(),
        }
    }

    #[test]
    fn walls_put_a_heading_right_that_the_wheels_lose() {
        // What wheels lose of a turn: as good ones do, and as bad ones.
        for part in [0.002, 0.01] {
            let mut localiser = Localiser::default();
            let mut truth: f64 = 0.0;
            for step in 0..4000 {
                truth += 0.01;
                let believed = (1.0 - part) * truth;
                localiser.note_wheels(at(step * 100), Place::new(0.0, 0.0, believed));
                localiser.note_walls(&walls(at(step * 100), truth), LEVEL);
            }
            // The map's x is where the robot looked first: at the first word of the wheels.
            let yaw = truth - 0.01 * (1.0 - part);
            let lost = wrap(localiser.place().unwrap().yaw - yaw).abs();
            assert!(lost < 0.2 * part * truth, "{lost} where wheels lose {part}");
            assert!(localiser.walls_used > 3000);
        }
    }

    /// What a network says of one view errs alike for as long as it is seen, and
    /// wheels that stand do not turn.
    #[test]
    fn a_view_whose_walls_are_seen_wrongly_turns_nobody_far() {
        let mut localiser = Localiser::default();
        for step in 0..600 {
            let stamp = at(step * 100);
            // Looked around for ten seconds, then at one counter for fifty.
            let truth = 0.06 * (step.min(100) as f64);
            let wrongly = if step > 100 { 0.15 } else { 0.0 };
            localiser.note_wheels(stamp, Place::new(0.0, 0.0, wrap(truth)));
            localiser.note_walls(&walls(stamp, truth + wrongly), LEVEL);
        }
        let lost = wrap(localiser.place().unwrap().yaw - 6.0).abs();
        assert!(lost < 0.05, "{lost}");
    }

    #[test]
    fn a_place_is_known_between_two_words_of_the_wheels_and_not_long_after() {
        let mut localiser = Localiser::default();
        localiser.note_wheels(at(0), Place::new(5.0, 5.0, FRAC_PI_2));
        localiser.note_wheels(at(100), Place::new(5.0, 6.0, FRAC_PI_2));
        let middle = localiser.place_at(at(50)).unwrap();
        assert!((middle.x - 0.5).abs() < 1e-12 && middle.y.abs() < 1e-12);
        assert!(localiser.place_at(at(350)).is_some());
        assert!(localiser.place_at(at(450)).is_none());
        assert!(localiser.place_at(at(-1)).is_none());
    }

    #[test]
    fn pictures_that_are_sure_outweigh_wheels_that_slip() {
        let mut localiser = Localiser::default();
        let quaternion = |yaw: f64| {
            // About the up of a body that looks down by 0.2.
            let (sin, cos) = LEVEL.tilt.sin_cos();
            let half = (0.5 * yaw).sin();
            [half * sin, 0.0, half * cos, (0.5 * yaw).cos()]
        };
        for step in 0..100 {
            let turned = 0.02 * step as f64;
            localiser.note_wheels(at(step * 100), Place::new(0.0, 0.0, 0.8 * turned));
            let visual = Visual {
                stamp: at(step * 100),
                orientation: quaternion(turned),
                yaw_variance: 1e-9 * (1.0 + step as f64),
            };
            localiser.note_visual(visual, LEVEL);
        }
        let yaw = localiser.place().unwrap().yaw;
        assert!((yaw - 1.98).abs() < 0.1, "{yaw}");
    }
}
