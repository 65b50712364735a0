//! The floor as a grid: where a robot's base can stand.

use glam::Vec2;

use crate::home::FloorPlan;
use crate::scene::Scene;

/// Side of a cell, m.
pub(crate) const CELL: f32 = 0.05;
/// What a robot may drive over, m.
const STEP: f32 = 0.03;
/// Height of the robot, m: what hangs higher does not stop it.
pub(crate) const ROBOT_HEIGHT: f32 = 1.2;
/// Radius of the robot's base, m.
pub(crate) const ROBOT_RADIUS: f32 = 0.2;

/// Cells of 5 cm with the distance to the nearest obstacle.
#[derive(Clone, Debug)]
pub struct Occupancy {
    origin: Vec2,
    columns: usize,
    rows: usize,
    /// Distance to the nearest taken cell's middle, m.
    clearance: Vec<f32>,
}

impl Occupancy {
    /// From every face between [`STEP`] and [`ROBOT_HEIGHT`] above the floor that
    /// `counts`.
    pub(crate) fn build(scene: &Scene, plan: &FloorPlan, counts: impl Fn(u32) -> bool) -> Self {
        let [floor] = Self::build_each(scene, plan, |face| [counts(face)]);
        floor
    }

    /// As [`build`](Self::build), several at once: `counts` tells for which of them a face
    /// does.
    pub(crate) fn build_each<const N: usize>(
        scene: &Scene,
        plan: &FloorPlan,
        counts: impl Fn(u32) -> [bool; N],
    ) -> [Self; N] {
        let (mut low, mut high) = (Vec2::INFINITY, Vec2::NEG_INFINITY);
        for room in &plan.rooms {
            low = low.min(room.low.truncate());
            high = high.max(room.high.truncate());
        }
        let origin = low - 0.5;
        let size = ((high - low + 1.0) / CELL).ceil();
        let (columns, rows) = (size.x as usize, size.y as usize);
        let mut taken = [(); N].map(|()| vec![false; columns * rows]);
        for face in 0..scene.faces.len() as u32 {
            let counted = counts(face);
            if counted == [false; N] {
                continue;
            }
            let corners = scene.triangle(face);
            let bottom = corners.iter().map(|c| c.z).fold(f32::INFINITY, f32::min);
            let top = corners
                .iter()
                .map(|c| c.z)
                .fold(f32::NEG_INFINITY, f32::max);
            if top > STEP && bottom < ROBOT_HEIGHT {
                let corners = corners.map(|c| (c.truncate() - origin) / CELL);
                let floors = taken.iter_mut().zip(counted);
                floors
                    .filter(|(_, counts)| *counts)
                    .for_each(|(taken, _)| mark(taken, columns, rows, corners));
            }
        }
        taken.map(|taken| Self {
            origin,
            columns,
            rows,
            clearance: distances(&taken, columns, rows),
        })
    }

    /// Distance from a point of the floor to the nearest obstacle, m,
    /// interpolated between cells; 0 outside the home.
    pub fn clearance(&self, point: Vec2) -> f32 {
        let place = (point - self.origin) / CELL - 0.5;
        let last = Vec2::new(self.columns as f32 - 2.0, self.rows as f32 - 2.0);
        if !(place.cmpge(Vec2::ZERO).all() && place.cmple(last).all()) {
            return 0.0;
        }
        let (column, row) = (place.x as usize, place.y as usize);
        let part = place - place.floor();
        let at = |c: usize, r: usize| self.clearance[r * self.columns + c];
        let low = at(column, row) * (1.0 - part.x) + at(column + 1, row) * part.x;
        let high = at(column, row + 1) * (1.0 - part.x) + at(column + 1, row + 1) * part.x;
        low * (1.0 - part.y) + high * part.y
    }

    /// Columns and rows of the grid.
    pub fn size(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }

    /// Tells whether the robot's base can stand at a point.
    pub fn is_free(&self, point: Vec2) -> bool {
        self.clearance(point) > ROBOT_RADIUS + CELL / 2.0
    }

    pub(crate) fn cell(&self, point: Vec2) -> Option<(usize, usize)> {
        let place = (point - self.origin) / CELL;
        let inside = place.x >= 0.0
            && place.y >= 0.0
            && place.x < self.columns as f32
            && place.y < self.rows as f32;
        inside.then_some((place.x as usize, place.y as usize))
    }

    pub(crate) fn point(&self, (column, row): (usize, usize)) -> Vec2 {
        self.origin + (Vec2::new(column as f32, row as f32) + 0.5) * CELL
    }

    pub(crate) fn clearance_at(&self, (column, row): (usize, usize)) -> f32 {
        self.clearance[row * self.columns + column]
    }

    /// The free cells that a robot can reach from the first room.
    pub(crate) fn reachable(&self, plan: &FloorPlan) -> Vec<bool> {
        let mut seen = vec![false; self.clearance.len()];
        let hall = &plan.rooms[0];
        let mut open: Vec<(usize, usize)> = Vec::new();
        // The freest cell of the hall.
        let start = (0..self.rows)
            .flat_map(|r| (0..self.columns).map(move |c| (c, r)))
            .filter(|&cell| hall.contains(self.point(cell)))
            .max_by(|&a, &b| self.clearance_at(a).total_cmp(&self.clearance_at(b)));
        if let Some(start) = start.filter(|&s| self.is_free(self.point(s))) {
            open.push(start);
            seen[start.1 * self.columns + start.0] = true;
        }
        while let Some((c, r)) = open.pop() {
            for (dc, dr) in [(1i32, 0i32), (-1, 0), (0, 1), (0, -1)] {
                let (nc, nr) = ((c as i32 + dc) as usize, (r as i32 + dr) as usize);
                if nc >= self.columns || nr >= self.rows {
                    continue;
                }
                let index = nr * self.columns + nc;
                if !seen[index] && self.clearance[index] > ROBOT_RADIUS + CELL / 2.0 {
                    seen[index] = true;
                    open.push((nc, nr));
                }
            }
        }
        seen
    }

    /// Whether a robot can reach into every room.
    pub(crate) fn check_connected(&self, plan: &FloorPlan) -> Result<(), String> {
        let reachable = self.reachable(plan);
        let mut cells = vec![0u32; plan.rooms.len()];
        for r in 0..self.rows {
            for c in 0..self.columns {
                if reachable[r * self.columns + c] {
                    let point = self.point((c, r));
                    if let Some(room) = plan.rooms.iter().position(|room| room.contains(point)) {
                        cells[room] += 1;
                    }
                }
            }
        }
        // At least 0.2 m² for the middle of the base.
        let least = (0.2 / (CELL * CELL)) as u32;
        match cells.iter().position(|&n| n < least) {
            Some(room) => Err(format!(
                "a robot reaches only {:.2} m2 of room {room} ({:?}), at least 0.20 m2 are needed",
                cells[room] as f32 * CELL * CELL,
                plan.rooms[room].kind
            )),
            None => Ok(()),
        }
    }

    /// Whether the robot can drive straight from `a` to `b`.
    pub(crate) fn straight(&self, a: Vec2, b: Vec2, clearance: f32) -> bool {
        let steps = (a.distance(b) / (CELL * 0.7)).ceil().max(1.0) as u32;
        (0..=steps).all(|i| self.clearance(a.lerp(b, i as f32 / steps as f32)) > clearance)
    }

    /// The freest place of each room that the robot can reach.
    pub(crate) fn freest_of_rooms(&self, plan: &FloorPlan) -> Vec<Option<Vec2>> {
        let reachable = self.reachable(plan);
        let mut best: Vec<Option<(f32, Vec2)>> = vec![None; plan.rooms.len()];
        for index in (0..reachable.len()).filter(|&i| reachable[i]) {
            let point = self.point((index % self.columns, index / self.columns));
            let Some(room) = plan.rooms.iter().position(|room| room.contains(point)) else {
                continue;
            };
            if best[room].is_none_or(|(clearance, _)| self.clearance[index] > clearance) {
                best[room] = Some((self.clearance[index], point));
            }
        }
        best.into_iter()
            .map(|b| b.map(|(_, point)| point))
            .collect()
    }
}

/// Marks the cells that a triangle (in cells) touches.
fn mark(taken: &mut [bool], columns: usize, rows: usize, [a, b, c]: [Vec2; 3]) {
    let low = a.min(b).min(c).floor().max(Vec2::ZERO);
    let high = a
        .max(b)
        .max(c)
        .floor()
        .min(Vec2::new(columns as f32 - 1.0, rows as f32 - 1.0));
    let axes = [b - a, c - b, a - c].map(|e| e.perp());
    for row in low.y as i32..=high.y as i32 {
        for column in low.x as i32..=high.x as i32 {
            let centre = Vec2::new(column as f32 + 0.5, row as f32 + 0.5);
            // Separating axes: the triangle's edges; the cell's are covered by the loop.
            let apart = axes.iter().any(|axis| {
                let reach = 0.5 * (axis.x.abs() + axis.y.abs());
                let middle = axis.dot(centre);
                let (p, q, r) = (axis.dot(a), axis.dot(b), axis.dot(c));
                p.min(q).min(r) > middle + reach || p.max(q).max(r) < middle - reach
            });
            if !apart {
                taken[row as usize * columns + column as usize] = true;
            }
        }
    }
}

/// Exact Euclidean distances (Felzenszwalb and Huttenlocher's two passes), m.
fn distances(taken: &[bool], columns: usize, rows: usize) -> Vec<f32> {
    let far = 1e6f32;
    let mut grid: Vec<f32> = taken.iter().map(|t| if *t { 0.0 } else { far }).collect();
    let mut line = vec![0.0; columns.max(rows)];
    for column in 0..columns {
        for row in 0..rows {
            line[row] = grid[row * columns + column];
        }
        let out = lower_envelope(&line[..rows]);
        for row in 0..rows {
            grid[row * columns + column] = out[row];
        }
    }
    for row in 0..rows {
        let out = lower_envelope(&grid[row * columns..(row + 1) * columns]);
        grid[row * columns..(row + 1) * columns].copy_from_slice(&out);
    }
    grid.iter().map(|d| d.sqrt() * CELL).collect()
}

fn lower_envelope(f: &[f32]) -> Vec<f32> {
    let n = f.len();
    let mut sites: Vec<usize> = vec![0];
    let mut starts: Vec<f32> = vec![f32::NEG_INFINITY];
    let meet = |p: usize, q: usize| {
        ((f[q] + (q * q) as f32) - (f[p] + (p * p) as f32)) / (2 * q - 2 * p) as f32
    };
    for q in 1..n {
        while let (Some(&p), Some(&start)) = (sites.last(), starts.last()) {
            if sites.len() > 1 && meet(p, q) <= start {
                sites.pop();
                starts.pop();
            } else {
                break;
            }
        }
        let p = sites.last().copied().unwrap_or(0);
        starts.push(meet(p, q));
        sites.push(q);
    }
    let mut out = Vec::with_capacity(n);
    let mut k = 0;
    for x in 0..n {
        while k + 1 < sites.len() && starts[k + 1] <= x as f32 {
            k += 1;
        }
        let d = x as f32 - sites[k] as f32;
        out.push(d * d + f[sites[k]]);
    }
    out
}
