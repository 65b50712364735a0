//! A tour: a smooth closed path through every room, and how to follow it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use glam::Vec2;

use super::drive::{DriveCommand, wrap};
use super::occupancy::{CELL, Occupancy, ROBOT_RADIUS};
use crate::home::Home;

/// How far ahead on the path the robot aims, m.
const AIM: f32 = 0.4;
/// A point of the path this near is reached, m.
const REACHED: f32 = 0.12;

/// Next thing to do on a tour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guidance {
    /// Velocity to command.
    pub twist: DriveCommand,
    /// Angle to turn the camera to, rad.
    pub pan: f32,
    /// rad.
    pub tilt: f32,
}

/// A closed path through the home.
#[derive(Clone, Debug)]
pub struct Tour {
    /// Points about 5 cm apart, m.
    path: Vec<Vec2>,
    next: usize,
    rounds: u64,
}

impl Tour {
    /// Plans a tour that starts in the hall, goes through every room that the
    /// robot can reach and comes back.
    pub fn plan(home: &Home) -> Self {
        let places = home.occupancy().freest_of_rooms(home.plan());
        let start = places
            .first()
            .copied()
            .flatten()
            .unwrap_or(home.plan().rooms[0].middle());
        let left = places.iter().skip(1).flatten().copied().collect();
        Self::through(home, start, left)
    }

    /// Plans a tour from `start` (m), where the robot stands, through every
    /// room that it can reach and back.
    pub fn plan_from(home: &Home, start: Vec2) -> Self {
        let places = home.occupancy().freest_of_rooms(home.plan());
        Self::through(home, start, places.into_iter().flatten().collect())
    }

    fn through(home: &Home, start: Vec2, mut left: Vec<Vec2>) -> Self {
        let (mut at, mut path) = (start, vec![start]);
        while !left.is_empty() {
            let nearest = (0..left.len())
                .min_by(|&a, &b| left[a].distance(at).total_cmp(&left[b].distance(at)))
                .unwrap_or(0);
            let goal = left.swap_remove(nearest);
            path.extend(leg(home.occupancy(), at, goal));
            at = goal;
        }
        path.extend(leg(home.occupancy(), at, start));
        Self {
            path,
            next: 0,
            rounds: 0,
        }
    }

    /// Points of the path, m.
    pub fn path(&self) -> &[Vec2] {
        &self.path
    }

    /// Length, m.
    pub fn length(&self) -> f32 {
        self.path.windows(2).map(|p| p[0].distance(p[1])).sum()
    }

    /// Whole rounds driven.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// The place and heading `distance` metres along the (closed) path.
    pub fn place(&self, distance: f32) -> (Vec2, f32) {
        let length = self.length();
        if length < 1e-3 {
            return (self.path.first().copied().unwrap_or_default(), 0.0);
        }
        let mut rest = distance.rem_euclid(length);
        for pair in self.path.windows(2) {
            let step = pair[0].distance(pair[1]);
            if rest <= step && step > 0.0 {
                let towards = pair[1] - pair[0];
                return (pair[0].lerp(pair[1], rest / step), towards.to_angle());
            }
            rest -= step;
        }
        (self.path[self.path.len() - 1], 0.0)
    }

    /// On to the next point that is neither reached nor passed by.
    fn advance(&mut self, position: Vec2) {
        let count = self.path.len();
        for _ in 0..count {
            let near = self.path[self.next].distance(position);
            let passed =
                (1..6).any(|i| self.path[(self.next + i) % count].distance(position) < near);
            if near > REACHED && !passed {
                break;
            }
            self.next += 1;
            if self.next == count {
                self.next = 0;
                self.rounds += 1;
                break;
            }
        }
    }

    /// Tells a robot at `position` (m) with heading `yaw` (rad) what to do.
    pub fn guide(&mut self, home: &Home, position: Vec2, yaw: f32) -> Guidance {
        let count = self.path.len();
        if count < 2 {
            return Guidance {
                twist: DriveCommand::default(),
                pan: 0.0,
                tilt: 0.0,
            };
        }
        self.advance(position);
        let nearest = self.next;
        let mut aim = nearest;
        for _ in 0..12 {
            let next = (aim + 1) % count;
            let (here, there) = (
                self.path[aim].distance(position),
                self.path[next].distance(position),
            );
            let hidden = !home
                .occupancy()
                .straight(position, self.path[next], ROBOT_RADIUS + 0.02);
            // Neither is a corner cut, nor a place left out where the path turns back.
            if here >= AIM || there <= here || hidden {
                break;
            }
            aim = next;
        }
        let towards = self.path[aim] - position;
        let error = wrap(towards.to_angle() - yaw);
        let near = home.occupancy().clearance(position) < ROBOT_RADIUS + 0.04;
        let slow = (1.0 - error.abs() / 0.7).clamp(0.0, 1.0);
        let along = nearest as f32 * CELL;
        Guidance {
            twist: DriveCommand {
                linear: if near { 0.2 } else { 0.5 } * slow,
                angular: (2.2 * error).clamp(-1.4, 1.4),
            },
            pan: (0.45 * (along * 0.9).sin() + 0.3 * error).clamp(-0.9, 0.9),
            tilt: -0.12 + 0.08 * (along * 0.37).sin(),
        }
    }
}

/// The smooth way from `a` to `b`, without `a`. Each leg is smoothed by itself,
/// so that the tour really goes to the places between.
fn leg(floor: &Occupancy, a: Vec2, b: Vec2) -> Vec<Vec2> {
    smooth(floor, &way(floor, a, b))
        .into_iter()
        .skip(1)
        .collect()
}

/// The best way from `a` to `b` over free cells (A*), preferring room to spare.
fn way(floor: &Occupancy, a: Vec2, b: Vec2) -> Vec<Vec2> {
    let (Some(start), Some(goal)) = (floor.cell(a), floor.cell(b)) else {
        return vec![a];
    };
    let (columns, rows) = floor.size();
    let index = |(c, r): (usize, usize)| r * columns + c;
    let mut cost = vec![f32::INFINITY; columns * rows];
    let mut from = vec![usize::MAX; columns * rows];
    let mut open = BinaryHeap::new();
    let guess = |(c, r): (usize, usize)| (c as f32 - goal.0 as f32).hypot(r as f32 - goal.1 as f32);
    // Costs as whole numbers order exactly.
    let key = |cost: f32| Reverse((cost * 1000.0) as u64);
    cost[index(start)] = 0.0;
    open.push((key(guess(start)), start));
    while let Some((_, cell)) = open.pop() {
        if cell == goal {
            break;
        }
        for (dc, dr) in [
            (1i32, 0i32),
            (-1, 0),
            (0, 1),
            (0, -1),
            (1, 1),
            (1, -1),
            (-1, 1),
            (-1, -1),
        ] {
            let next = ((cell.0 as i32 + dc) as usize, (cell.1 as i32 + dr) as usize);
            if next.0 >= columns || next.1 >= rows {
                continue;
            }
            let clearance = floor.clearance_at(next);
            if clearance <= ROBOT_RADIUS + CELL / 2.0 {
                continue;
            }
            let tight = (0.55 - clearance).max(0.0) * 6.0;
            let total = cost[index(cell)] + (dc as f32).hypot(dr as f32) * (1.0 + tight);
            if total < cost[index(next)] {
                cost[index(next)] = total;
                from[index(next)] = index(cell);
                open.push((key(total + guess(next)), next));
            }
        }
    }
    let mut path = vec![b];
    let mut at = index(goal);
    while from[at] != usize::MAX {
        at = from[at];
        path.push(floor.point((at % columns, at / columns)));
    }
    path.reverse();
    path
}

/// Evens out a path of cells: each point moves towards the mean of its
/// neighbours as long as it keeps its clearance.
fn smooth(floor: &Occupancy, path: &[Vec2]) -> Vec<Vec2> {
    let mut path = path.to_vec();
    for _ in 0..60 {
        for i in 1..path.len().saturating_sub(1) {
            let middle = (path[i - 1] + path[i + 1]) * 0.5;
            let moved = path[i].lerp(middle, 0.5);
            if floor.straight(path[i], moved, ROBOT_RADIUS + CELL) {
                path[i] = moved;
            }
        }
    }
    let mut even: Vec<Vec2> = Vec::with_capacity(path.len());
    for point in path {
        if even
            .last()
            .is_none_or(|last| last.distance(point) >= CELL * 0.7)
        {
            even.push(point);
        }
    }
    even
}
