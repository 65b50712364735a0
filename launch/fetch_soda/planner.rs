//! Ways over the grid (Dijkstra, "A note on two problems in connexion with
//! graphs", 1959) and places worth going to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::grid::{CELL, Cell, Grid};
use super::place::{Point, distance};

/// The base's radius, with a little more than it has, m.
pub(crate) const RADIUS: f64 = 0.2;
/// Nearer than this to something, a way costs more, m.
const COMFORT: f64 = 0.45;
/// Distances from which a top is seen from close by, m.
const CLOSE_BY: [f64; 3] = [0.8, 1.0, 1.25];
/// Borders to the unknown of fewer cells than this are none.
const MIN_FRONTIER: usize = 8;
/// Floor behind a border counts within this distance, m; a border with less
/// behind it is none, m².
const BEHIND: f64 = 1.5;
const LEAST_UNKNOWN: f64 = 0.3;
/// A square metre of floor that is unknown is worth so much way, m, and one on
/// which nobody saw what stands there so much more: there may be another room.
const PER_UNKNOWN: f64 = 0.2;
const PER_HIDDEN: f64 = 1.8;

/// The floor as it was known at one moment, with the cheapest ways from where
/// the robot stood.
pub(crate) struct Ways<'a> {
    grid: &'a Grid,
    pub(crate) clearance: Vec<f32>,
    /// Cost from the robot, m; infinite where there is no way.
    cost: Vec<f32>,
    from: Vec<u32>,
}

/// A place worth going to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Goal {
    pub(crate) at: Point,
    /// What to look at from there.
    pub(crate) look_at: Point,
    /// Metres of way, as they cost.
    pub(crate) cost: f64,
}

impl<'a> Ways<'a> {
    /// Finds the ways from a point. Where the robot stands too close to
    /// something, it may leave.
    pub(crate) fn from(grid: &'a Grid, start: Point) -> Self {
        let clearance = grid.clearances();
        let mut cost = vec![f32::INFINITY; clearance.len()];
        let mut from = vec![u32::MAX; clearance.len()];
        let mut open = BinaryHeap::new();
        if let Some(cell) = grid.cell(start) {
            cost[cell] = 0.0;
            open.push((Reverse(0), cell));
        }
        // Costs as whole numbers, tenths of a millimetre, order exactly.
        let key = |cost: f32| Reverse((cost * 1e4) as u64);
        while let Some((Reverse(at), cell)) = open.pop() {
            if at > (cost[cell] * 1e4) as u64 {
                continue;
            }
            for (next, way) in Grid::neighbours(cell) {
                let room = f64::from(clearance[next]);
                let leaves = distance(grid.point(next), start) < 0.35 && !grid.is_taken(next);
                let passes = grid.is_passed(next) || (room >= RADIUS && grid.is_free(next));
                let gets_away = leaves && room + 1e-6 >= f64::from(clearance[cell]);
                if !(passes || gets_away) {
                    continue;
                }
                let tight = 1.0 + 2.5 * (COMFORT - room).max(0.0) / COMFORT;
                let total = cost[cell] + (way * tight) as f32;
                if total < cost[next] {
                    cost[next] = total;
                    from[next] = cell as u32;
                    open.push((key(total), next));
                }
            }
        }
        Self {
            grid,
            clearance,
            cost,
            from,
        }
    }

    /// What the way to a cell costs, m; `None` where there is none.
    fn cost(&self, cell: Cell) -> Option<f64> {
        let cost = self.cost[cell];
        cost.is_finite().then(|| f64::from(cost))
    }

    /// The way to a point, from where the robot stood, in steps of a cell; `None`
    /// where there is none.
    pub(crate) fn way_to(&self, goal: Point) -> Option<Vec<Point>> {
        let mut cell = self.grid.cell(goal)?;
        self.cost(cell)?;
        let mut way = vec![self.grid.point(cell)];
        while self.from[cell] != u32::MAX {
            cell = self.from[cell] as usize;
            way.push(self.grid.point(cell));
        }
        way.reverse();
        Some(way)
    }

    /// The reachable point that is nearest to another, and how near.
    pub(crate) fn nearest_to(&self, to: Point) -> Option<(Point, f64)> {
        let cells = self.grid.known_cells();
        let reached = cells.filter(|cell| self.cost[*cell].is_finite());
        let near = reached.map(|cell| {
            let at = self.grid.point(cell);
            (at, distance(at, to))
        });
        near.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The cheapest place from which something at `target` is between `from` and
    /// `to` metres away.
    pub(crate) fn place_before(&self, target: Point, (from, to): (f64, f64)) -> Option<Goal> {
        let rings = ((to - from) / CELL).ceil().max(1.0) as usize;
        let points = (0..=rings).flat_map(|ring| {
            let radius = from + (to - from) * ring as f64 / rings as f64;
            Grid::around(target, radius, 96)
        });
        self.cheapest(target, points)
    }

    /// The cheapest of several points to look at `target` from.
    fn cheapest(&self, target: Point, points: impl Iterator<Item = Point>) -> Option<Goal> {
        let goals = points.filter_map(|at| {
            let cell = self.grid.cell(at)?;
            Some(Goal {
                at,
                look_at: target,
                cost: self.cost(cell)?,
            })
        });
        goals.min_by(|a, b| a.cost.total_cmp(&b.cost))
    }

    /// Borders between the free floor and what is not certain (Yamauchi, "A
    /// frontier-based approach for autonomous exploration", CIRA 1997), one goal
    /// each; one that hides more floor is worth a longer way.
    pub(crate) fn frontiers(&self) -> Vec<Goal> {
        let is_border = |cell: Cell| {
            let mut beside = Grid::neighbours(cell).take(4);
            self.cost[cell].is_finite()
                && self.grid.is_free(cell)
                && beside.any(|(next, _)| self.grid.is_uncertain(next))
        };
        let mut borders: Vec<Cell> = self.grid.known_cells().filter(|c| is_border(*c)).collect();
        let mut is_open: std::collections::HashSet<Cell> = borders.iter().copied().collect();
        // Cells of equal cost are taken in the order of their numbers.
        borders.sort_unstable();
        let mut goals = Vec::new();
        for first in borders {
            if !is_open.remove(&first) {
                continue;
            }
            let mut cluster = vec![first];
            let mut next = 0;
            while let Some(&cell) = cluster.get(next) {
                next += 1;
                for (neighbour, _) in Grid::neighbours(cell) {
                    if is_open.remove(&neighbour) {
                        cluster.push(neighbour);
                    }
                }
            }
            if cluster.len() < MIN_FRONTIER {
                continue;
            }
            goals.extend(self.goal_of(&cluster));
        }
        goals
    }

    fn goal_of(&self, cluster: &[Cell]) -> Option<Goal> {
        let points = cluster.iter().map(|cell| self.grid.point(*cell));
        let (x, y) = points.fold((0.0, 0.0), |(x, y), point| (x + point[0], y + point[1]));
        let middle = [x / cluster.len() as f64, y / cluster.len() as f64];
        let nearest = cluster.iter().min_by(|a, b| {
            let away = |cell: &&Cell| distance(self.grid.point(**cell), middle);
            away(a).total_cmp(&away(b))
        })?;
        let at = self.grid.point(*nearest);
        let [unknown, hidden] = self.behind(cluster, at);
        (unknown > LEAST_UNKNOWN).then_some(Goal {
            at,
            look_at: self.beyond(*nearest),
            cost: self.cost(*nearest)? - PER_UNKNOWN * unknown - PER_HIDDEN * hidden,
        })
    }

    /// Floor behind a border, m²: of which nothing is known, and on which nobody
    /// saw what stands there. It can be walked to from the border over what is
    /// not certain, and lies within [`BEHIND`] of a point.
    fn behind(&self, border: &[Cell], around: Point) -> [f64; 2] {
        let mut open: Vec<Cell> = border.to_vec();
        let mut done = std::collections::HashSet::new();
        while let Some(cell) = open.pop() {
            for (next, _) in Grid::neighbours(cell).take(4) {
                let is_behind = self.grid.is_uncertain(next)
                    && distance(self.grid.point(next), around) < BEHIND;
                if is_behind && done.insert(next) {
                    open.push(next);
                }
            }
        }
        let unknown = done.iter().filter(|cell| !self.grid.is_known(**cell));
        let hidden = unknown.clone().filter(|cell| !self.grid.is_viewed(**cell));
        [unknown.count(), hidden.count()].map(|cells| cells as f64 * CELL * CELL)
    }

    /// A point on the unknown side of a border's cell.
    fn beyond(&self, border: Cell) -> Point {
        let at = self.grid.point(border);
        let unknown = Grid::around(at, 0.4, 16).filter(|point| {
            let cell = self.grid.cell(*point);
            cell.is_none_or(|cell| !self.grid.is_known(cell))
        });
        let (mut x, mut y, mut count) = (0.0, 0.0, 0.0);
        for point in unknown {
            (x, y, count) = (x + point[0], y + point[1], count + 1.0);
        }
        if count == 0.0 {
            return at;
        }
        let towards = [x / count - at[0], y / count - at[1]];
        let length = towards[0].hypot(towards[1]).max(1e-6);
        [at[0] + towards[0] / length, at[1] + towards[1] / length]
    }

    /// The cheapest place from which a top that nobody looked at closely yet is
    /// seen from close by; `worth` says how much of a way it is worth to stand at
    /// a place and look at a top, m, and `None` where it is not to be looked at
    /// any more.
    pub(crate) fn tops(&self, worth: impl Fn(Point, Point) -> Option<f64>) -> Option<Goal> {
        let tops = self.grid.known_cells();
        let tops = tops
            .filter(|cell| self.grid.is_unlooked_top(*cell))
            .step_by(3);
        let goals = tops.filter_map(|top| {
            let top = self.grid.point(top);
            // Coarsely: there are many tops.
            let points = CLOSE_BY.into_iter();
            let points = points.flat_map(|radius| Grid::around(top, radius, 16));
            let goal = self.cheapest(top, points)?;
            Some(Goal {
                cost: goal.cost - worth(goal.at, top)?,
                ..goal
            })
        });
        goals.min_by(|a, b| a.cost.total_cmp(&b.cost))
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::*;

    #[test]
    fn a_rim_that_is_not_certain_is_a_border_and_what_was_seen_behind_it_counts_less() {
        let mut grid = Grid::new(2.0);
        let free = |grid: &Grid| Ways::from(grid, [0.0, 0.0]).frontiers();
        let whole = free(&grid);
        assert!(!whole.is_empty());
        // Seen once, from afar: neither free nor taken.
        for step in 0..240 {
            let (sin, cos) = (0.0262 * f64::from(step)).sin_cos();
            for radius in [1.95, 2.0, 2.05, 2.1] {
                let cell = grid.cell([radius * cos, radius * sin]).unwrap();
                grid.make_uncertain(cell);
            }
        }
        let rimmed = free(&grid);
        assert!(!rimmed.is_empty(), "the rim hides the border");
        grid.view_all();
        let viewed = free(&grid);
        let cheapest = |goals: &[Goal]| goals.iter().map(|goal| goal.cost).fold(9e9, f64::min);
        assert!(cheapest(&viewed) > cheapest(&rimmed) + 0.5);
    }

    #[test]
    fn where_a_robot_came_from_it_may_go_back_and_not_through_what_it_touched() {
        let mut grid = Grid::new(1.0);
        // A way through a gap that seems too narrow, and taken to either side.
        for step in 0..40 {
            let x = 0.05 * f64::from(step);
            grid.note_passed(Place::new(x, 0.0, 0.0), 0.18);
        }
        for side in [-0.3, 0.3] {
            for _ in 0..4 {
                grid.note_touch(Place::new(1.5, side, 0.0), 0.05);
            }
        }
        let back = Ways::from(&grid, [1.95, 0.0]);
        assert!(back.way_to([0.0, 0.0]).is_some());
        grid.note_touch(Place::new(1.3, 0.0, 0.0), 0.2);
        let back = Ways::from(&grid, [1.95, 0.0]);
        assert!(back.way_to([0.0, 0.0]).is_none());
    }
}
