//! The floor as far as it was seen: an occupancy grid (Moravec and Elfes, "High
//! resolution maps from wide angle sonar", ICRA 1985).
//!
//! A network guesses depth to a tenth, but where a pixel of the floor lies is
//! known to centimetres from the camera's height and tilt (Horswill, "Polly",
//! AAAI 1993). So each column of the picture is free as far as its floor goes
//! on, and where that ends something stands. Depth says what hangs over the
//! floor, and is itself put to scale by the floor that it shows.

mod frame;

use std::collections::{HashMap, HashSet, VecDeque};
use std::f64::consts::TAU;

use super::place::{Place, Point, distance};

pub(crate) use frame::{Scan, scale};

/// Side of a cell, m.
pub(crate) const CELL: f64 = 0.05;
/// Columns and rows: 28 m a side.
const SIDE: usize = 560;
/// Log odds: what one sight adds, and between which bounds they stay.
const SEEN: (f32, f32) = (0.45, 0.3);
const BOUNDS: (f32, f32) = (-2.5, 3.5);
/// Log odds above which a cell is taken, and below which it is free.
const TAKEN: f32 = 0.6;
const FREE: f32 = -0.15;
const SURELY_FREE: f32 = -1.0;
/// Between these log odds a cell was hardly seen.
const HARDLY_SEEN: (f32, f32) = (-0.6, 0.1);
/// From nearer than this a top is looked at closely, m.
const CLOSELY: f64 = 1.7;
/// A look shows what is so far to either side, rad.
const LOOKS: f64 = 0.45;
/// Frames that show a top before it is one.
const TOP_FRAMES: u8 = 4;
/// Farther from the nearest taken cell than this, a cell is as good as any, m.
const AMPLE: f64 = 0.8;

/// How classes of pixels matter to the floor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meanings {
    /// Numbers of classes that are floor.
    pub(crate) floor: Vec<u8>,
    /// Numbers of classes on whose tops things stand.
    pub(crate) tops: Vec<u8>,
    /// Numbers of classes that stand upon legs, or low, and are driven into.
    pub(crate) furniture: Vec<u8>,
    /// Numbers of classes that never stand in the way (ceiling, window panes).
    pub(crate) beyond: Vec<u8>,
}

/// A cell of the grid.
pub(crate) type Cell = usize;

/// What is known of the floor.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    odds: Vec<f32>,
    known: Vec<bool>,
    /// In so many frames a top was there on which things may stand.
    tops: Vec<u8>,
    /// It was looked at from close by.
    inspected: Vec<bool>,
    /// What stands there was seen, from however far.
    viewed: Vec<bool>,
    /// The base's middle was there.
    passed: Vec<bool>,
    /// Frame in which a cell was last seen taken, so that it counts once.
    seen: Vec<u32>,
    frame: u32,
    /// Known cells lie between these columns and rows.
    bounds: [usize; 4],
}

/// The known part of a grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GridPicture {
    /// Lowest corner of the first cell, in the map, m.
    pub(crate) origin: Point,
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// Row by row, along x first: 0 unknown, 1 free, 2 taken.
    pub(crate) cells: Vec<u8>,
}

impl Grid {
    /// Nothing is known but that the robot stands somewhere: around it the floor
    /// is taken for free as far as its camera cannot see.
    pub(crate) fn new(blind: f64) -> Self {
        let mut grid = Self {
            odds: vec![0.0; SIDE * SIDE],
            known: vec![false; SIDE * SIDE],
            tops: vec![0; SIDE * SIDE],
            inspected: vec![false; SIDE * SIDE],
            viewed: vec![false; SIDE * SIDE],
            passed: vec![false; SIDE * SIDE],
            seen: vec![0; SIDE * SIDE],
            frame: 0,
            bounds: [SIDE / 2, SIDE / 2, SIDE / 2, SIDE / 2],
        };
        let steps = (blind / CELL) as i64;
        for (column, row) in (-steps..=steps).flat_map(|c| (-steps..=steps).map(move |r| (c, r))) {
            if column * column + row * row <= steps * steps {
                let point = [column as f64 * CELL, row as f64 * CELL];
                if let Some(cell) = grid.cell(point) {
                    grid.note(cell, FREE - 0.05);
                }
            }
        }
        grid
    }

    /// The cell at a point of the map; `None` beyond the grid.
    pub(crate) fn cell(&self, [x, y]: Point) -> Option<Cell> {
        let index = |along: f64| {
            let index = (along / CELL + 0.5).floor() + (SIDE / 2) as f64;
            (1.0..(SIDE - 1) as f64)
                .contains(&index)
                .then_some(index as usize)
        };
        Some(index(y)? * SIDE + index(x)?)
    }

    /// The middle of a cell.
    pub(crate) fn point(&self, cell: Cell) -> Point {
        let along = |index: usize| (index as f64 - (SIDE / 2) as f64) * CELL;
        [along(cell % SIDE), along(cell / SIDE)]
    }

    /// Log odds that something stands there; 0 where nothing is known.
    #[cfg(test)]
    pub(crate) fn odds(&self, cell: Cell) -> f32 {
        self.odds[cell]
    }

    pub(crate) fn is_taken(&self, cell: Cell) -> bool {
        self.odds[cell] > TAKEN
    }

    pub(crate) fn is_free(&self, cell: Cell) -> bool {
        self.known[cell] && self.odds[cell] < FREE
    }

    /// Whether the floor was seen there often enough to drive over it fast.
    pub(crate) fn is_surely_free(&self, cell: Cell) -> bool {
        self.known[cell] && self.odds[cell] < SURELY_FREE
    }

    /// Whether next to nothing was seen there, neither floor nor what would stand on it.
    pub(crate) fn is_hardly_seen(&self, cell: Cell) -> bool {
        (HARDLY_SEEN.0..HARDLY_SEEN.1).contains(&self.odds[cell])
    }

    pub(crate) fn is_known(&self, cell: Cell) -> bool {
        self.known[cell]
    }

    /// Whether it is neither known to be free nor to be taken.
    pub(crate) fn is_uncertain(&self, cell: Cell) -> bool {
        !self.is_free(cell) && !self.is_taken(cell)
    }

    /// Whether what stands there was seen, from however far.
    pub(crate) fn is_viewed(&self, cell: Cell) -> bool {
        self.viewed[cell]
    }

    /// Whether the base's middle was there: where it came from, it may go back,
    /// however narrow it seems.
    pub(crate) fn is_passed(&self, cell: Cell) -> bool {
        self.passed[cell]
    }

    /// Whether a top is there that was not looked at from close by.
    pub(crate) fn is_unlooked_top(&self, cell: Cell) -> bool {
        self.tops[cell] >= TOP_FRAMES && !self.inspected[cell]
    }

    /// Who stood there and looked has looked at the tops before it, whatever came of it.
    pub(crate) fn note_looked(&mut self, base: Place) {
        let cells: Vec<Cell> = self.known_cells().collect();
        for cell in cells {
            let at = self.point(cell);
            let is_near = distance(at, base.point()) < CLOSELY;
            if is_near && base.bearing(at).abs() < LOOKS {
                self.inspected[cell] = true;
            }
        }
    }

    /// The cells beside a cell: four of them, then those at its corners. Cells
    /// at the grid's rim have none.
    pub(crate) fn neighbours(cell: Cell) -> impl Iterator<Item = (Cell, f64)> {
        let (column, row) = (cell % SIDE, cell / SIDE);
        let is_inside = column > 0 && row > 0 && column < SIDE - 1 && row < SIDE - 1;
        const AROUND: [(isize, isize); 8] = [
            (1, 0),
            (-1, 0),
            (0, 1),
            (0, -1),
            (1, 1),
            (1, -1),
            (-1, 1),
            (-1, -1),
        ];
        let around = AROUND.iter().filter(move |_| is_inside);
        around.map(move |(across, down)| {
            let cell = cell.wrapping_add_signed(down * SIDE as isize + across);
            let way = if *across != 0 && *down != 0 {
                std::f64::consts::SQRT_2
            } else {
                1.0
            };
            (cell, way * CELL)
        })
    }

    /// Cells of which anything is known, and some around them.
    pub(crate) fn known_cells(&self) -> impl Iterator<Item = Cell> + '_ {
        let [left, top, right, bottom] = self.margins();
        (top..=bottom).flat_map(move |row| (left..=right).map(move |column| row * SIDE + column))
    }

    /// Columns and rows of the known part, with a margin: left, top, right,
    /// bottom, all included.
    fn margins(&self) -> [usize; 4] {
        let [left, top, right, bottom] = self.bounds;
        let margin = (AMPLE / CELL) as usize;
        [
            left.saturating_sub(margin),
            top.saturating_sub(margin),
            (right + margin).min(SIDE - 1),
            (bottom + margin).min(SIDE - 1),
        ]
    }

    fn note(&mut self, cell: Cell, odds: f32) {
        self.odds[cell] = (self.odds[cell] + odds).clamp(BOUNDS.0, BOUNDS.1);
        self.known[cell] = true;
        let (column, row) = (cell % SIDE, cell / SIDE);
        let [left, top, right, bottom] = &mut self.bounds;
        (*left, *right) = ((*left).min(column), (*right).max(column));
        (*top, *bottom) = ((*top).min(row), (*bottom).max(row));
    }

    /// Cells from which one walks no farther than a limit, m, to one of several
    /// things, over all that is not known to be taken but by tops.
    pub(crate) fn around_all(
        &self,
        things: impl Iterator<Item = Point>,
        limit: f64,
    ) -> HashSet<Cell> {
        // A thing is itself taken, and where it stands is known to so much, m.
        const STANDS: f64 = 0.45;
        let mut walks = HashMap::new();
        let mut open = VecDeque::new();
        for cell in things.filter_map(|at| self.cell(at)) {
            walks.insert(cell, (0.0, cell));
            open.push_back(cell);
        }
        while let Some(cell) = open.pop_front() {
            let (walked, from) = walks[&cell];
            for (next, way) in Self::neighbours(cell) {
                let total = walked + way as f32;
                let is_near = distance(self.point(next), self.point(from)) < STANDS;
                let passes = is_near || !self.is_taken(next) || self.tops[next] >= TOP_FRAMES;
                let is_nearer = walks
                    .get(&next)
                    .is_none_or(|(known, _)| total < known - 1e-3);
                if passes && is_nearer && f64::from(total) < limit {
                    walks.insert(next, (total, from));
                    open.push_back(next);
                }
            }
        }
        walks.into_keys().collect()
    }

    /// Marks what the bumper touched: the cells before the base, and that it
    /// cannot have passed there.
    pub(crate) fn note_touch(&mut self, base: Place, radius: f64) {
        for part in 1..=6 {
            let ahead = base.apply([radius * f64::from(part) / 6.0, 0.0]);
            for cell in Self::around(ahead, 1.5 * CELL, 8).chain([ahead]) {
                if let Some(cell) = self.cell(cell) {
                    self.passed[cell] = false;
                }
            }
        }
        for step in -3..=3 {
            let angle = f64::from(step) * 0.12;
            let ahead = radius + 0.02;
            let point = base.apply([ahead * angle.cos(), ahead * angle.sin()]);
            if let Some(cell) = self.cell(point) {
                self.note(cell, 2.0);
            }
        }
    }

    /// The base stood there: it is free.
    pub(crate) fn note_passed(&mut self, base: Place, radius: f64) {
        for at in Self::around(base.point(), CELL, 8).chain([base.point()]) {
            if let Some(cell) = self.cell(at) {
                self.passed[cell] = true;
            }
        }
        let steps = (radius / CELL) as i64;
        for (column, row) in (-steps..=steps).flat_map(|c| (-steps..=steps).map(move |r| (c, r))) {
            if column * column + row * row < steps * steps {
                let point = [base.x + column as f64 * CELL, base.y + row as f64 * CELL];
                if let Some(cell) = self.cell(point) {
                    self.note(cell, -0.3);
                }
            }
        }
    }

    fn note_top(&mut self, point: Point, range: f64) {
        let Some(cell) = self.cell(point) else { return };
        self.tops[cell] = self.tops[cell].saturating_add(1);
        self.inspected[cell] |= range < CLOSELY;
    }

    fn note_taken(&mut self, point: Point, range: f64) {
        let Some(cell) = self.cell(point) else { return };
        if self.seen[cell] != self.frame {
            self.seen[cell] = self.frame;
            self.note(cell, SEEN.0 * weight(range));
        }
    }

    /// Doubts what is taken to stand somewhere: what is really there is seen
    /// again.
    pub(crate) fn doubt(&mut self) {
        for odds in &mut self.odds {
            if *odds > 0.0 {
                *odds *= 0.5;
            }
        }
    }

    /// Distance from each cell to the nearest taken one, m, at most 0.8;
    /// everywhere beyond the known part 0.
    pub(crate) fn clearances(&self) -> Vec<f32> {
        let mut clearance = vec![0f32; SIDE * SIDE];
        let [left, top, right, bottom] = self.margins();
        let (columns, rows) = (right - left + 1, bottom - top + 1);
        let reach = (AMPLE / CELL) as usize;
        // Two passes: along rows to the nearest taken cell, then over rows.
        let mut across = vec![reach as u16; columns * rows];
        for row in 0..rows {
            let line = &mut across[row * columns..(row + 1) * columns];
            let is_taken = |column: usize| self.is_taken((top + row) * SIDE + left + column);
            let mut since = reach as u16;
            for (column, value) in line.iter_mut().enumerate() {
                since = if is_taken(column) {
                    0
                } else {
                    since.saturating_add(1)
                };
                *value = since.min(reach as u16);
            }
            let mut since = reach as u16;
            for (column, value) in line.iter_mut().enumerate().rev() {
                since = if is_taken(column) {
                    0
                } else {
                    since.saturating_add(1)
                };
                *value = (*value).min(since);
            }
        }
        for column in 0..columns {
            for row in 0..rows {
                let from = row.saturating_sub(reach);
                let to = (row + reach).min(rows - 1);
                let mut least = (reach * reach) as u32;
                for other in from..=to {
                    let near = u32::from(across[other * columns + column]);
                    let down = other.abs_diff(row) as u32;
                    least = least.min(near * near + down * down);
                }
                clearance[(top + row) * SIDE + left + column] =
                    (f64::from(least).sqrt() * CELL) as f32;
            }
        }
        clearance
    }

    /// The known part, for whoever looks.
    pub(crate) fn picture(&self) -> GridPicture {
        let [left, top, right, bottom] = self.bounds;
        let (columns, rows) = (right - left + 1, bottom - top + 1);
        let cells = (0..columns * rows).map(|index| {
            let cell = (top + index / columns) * SIDE + left + index % columns;
            let is_passable = self.known[cell] && self.odds[cell] < 0.0;
            match (self.is_taken(cell), is_passable) {
                (true, _) => 2,
                (false, true) => 1,
                (false, false) => 0,
            }
        });
        let [x, y] = self.point(top * SIDE + left);
        GridPicture {
            origin: [x - 0.5 * CELL, y - 0.5 * CELL],
            columns,
            rows,
            cells: cells.collect(),
        }
    }

    /// Whether nothing taken lies within `radius` of the straight way.
    pub(crate) fn is_straight(&self, clearance: &[f32], a: Point, b: Point, radius: f64) -> bool {
        let length = (a[0] - b[0]).hypot(a[1] - b[1]);
        let steps = (length / CELL).ceil().max(1.0) as usize;
        (0..=steps).all(|step| {
            let part = step as f64 / steps as f64;
            let point = [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])];
            let cell = self.cell(point);
            cell.is_some_and(|cell| f64::from(clearance[cell]) >= radius && self.is_known(cell))
        })
    }

    /// Points on a circle, for places around a thing.
    pub(crate) fn around(centre: Point, radius: f64, count: usize) -> impl Iterator<Item = Point> {
        (0..count).map(move |index| {
            let (sin, cos) = (TAU * index as f64 / count as f64).sin_cos();
            [centre[0] + radius * cos, centre[1] + radius * sin]
        })
    }
}

/// How much a sight counts from a distance, m.
fn weight(range: f64) -> f32 {
    (1.5 / range.max(0.5)).clamp(0.35, 1.2) as f32
}

#[cfg(test)]
impl Grid {
    /// As what was seen once from afar.
    pub(super) fn make_uncertain(&mut self, cell: Cell) {
        (self.odds[cell], self.known[cell]) = (0.0, true);
    }

    /// As if everything had been seen.
    pub(super) fn view_all(&mut self) {
        self.viewed.fill(true);
    }
}

#[cfg(test)]
mod tests {
    use concert_runtime::Timestamp;

    use super::super::place::{Mount, Pinhole};
    use super::super::senses::{ClassMap, DepthMap};
    use super::*;

    const MOUNT: Mount = Mount {
        height: 1.1,
        tilt: -0.3,
    };

    /// A wall straight ahead at a distance, on a floor that is labelled 2.
    fn before_a_wall(distance: f64) -> (DepthMap, ClassMap, Meanings) {
        let camera = Pinhole {
            fx: 55.0,
            fy: 55.0,
            cx: 39.5,
            cy: 29.5,
            width: 80,
            height: 60,
        };
        let (mut metres, mut classes) = (Vec::new(), Vec::new());
        for (v, u) in (0..60).flat_map(|v| (0..80).map(move |u| (v, u))) {
            let [x, _, z] = camera.ray(MOUNT, [f64::from(u), f64::from(v)]);
            let (wall, floor) = (distance / x, -MOUNT.height / z);
            let is_floor = floor > 0.0 && floor < wall;
            metres.push(if is_floor { floor } else { wall } as f32);
            classes.push(if is_floor { 2 } else { 1 });
        }
        let stamp = Timestamp::from_nanos(0);
        let map = ClassMap {
            stamp,
            width: 80,
            height: 60,
            classes,
        };
        let meanings = Meanings {
            floor: vec![2],
            ..Meanings::default()
        };
        let depth = DepthMap {
            stamp,
            camera,
            metres,
        };
        (depth, map, meanings)
    }

    #[test]
    fn before_a_wall_the_floor_is_free_and_the_wall_is_taken() {
        let (depth, map, meanings) = before_a_wall(2.0);
        for classes in [Some((&map, &meanings)), None] {
            let mut grid = Grid::new(1.0);
            let base = Place::new(1.0, 1.0, std::f64::consts::FRAC_PI_2);
            for _ in 0..4 {
                grid.note_scan(base, &Scan::of(MOUNT, &depth, classes));
            }
            let state = |point| {
                let cell = grid.cell(point).unwrap();
                (grid.is_free(cell), grid.is_taken(cell))
            };
            assert_eq!(state([1.0, 2.6]), (true, false));
            let wall = [2.95, 3.0, 3.05, 3.1, 3.15].map(|y| state([1.0, y]));
            assert!(wall.contains(&(false, true)), "{wall:?}");
            assert_eq!(state([1.0, 3.6]), (false, false), "behind the wall");
            let clearance = grid.clearances();
            let before = clearance[grid.cell([1.0, 2.5]).unwrap()];
            assert!((before - 0.5).abs() < 0.13, "{before}");
        }
    }

    #[test]
    fn depth_that_is_ten_per_cent_too_far_leaves_the_floor_free_up_to_the_wall() {
        let (mut depth, map, meanings) = before_a_wall(2.0);
        for metres in &mut depth.metres {
            *metres *= 1.1;
        }
        let mut grid = Grid::new(1.0);
        for _ in 0..4 {
            grid.note_scan(
                Place::default(),
                &Scan::of(MOUNT, &depth, Some((&map, &meanings))),
            );
        }
        assert!(grid.is_free(grid.cell([1.8, 0.0]).unwrap()));
        let wall = [1.95, 2.0, 2.05, 2.1].map(|x| grid.cell([x, 0.0]).unwrap());
        assert!(wall.iter().any(|cell| grid.is_taken(*cell)));
    }

    /// A seat on thin legs: floor is seen under it and behind it.
    #[test]
    fn a_chair_stands_where_floor_is_seen_under_it() {
        let (mut depth, mut map, mut meanings) = before_a_wall(3.0);
        meanings.furniture = vec![3];
        let camera = depth.camera;
        for (v, u) in (0..60).flat_map(|v| (20..60).map(move |u| (v, u))) {
            // Of the seat two rows are seen, at 1.5 m and half a metre up.
            let [x, _, z] = camera.ray(MOUNT, [u as f64, v as f64]);
            let up = MOUNT.height + 1.5 / x * z;
            if (0.47..0.53).contains(&up) {
                depth.metres[v * 80 + u] = (1.5 / x) as f32;
                map.classes[v * 80 + u] = 3;
            }
        }
        let state = |meanings: &Meanings| {
            let mut grid = Grid::new(1.0);
            for _ in 0..4 {
                let scan = Scan::of(MOUNT, &depth, Some((&map, meanings)));
                grid.note_scan(Place::default(), &scan);
            }
            let seat = [1.45, 1.5, 1.55].map(|x| grid.cell([x, 0.0]).unwrap());
            let before = grid.cell([1.3, 0.0]).unwrap();
            let is_taken = seat.iter().any(|cell| grid.is_taken(*cell));
            (is_taken, grid.is_free(before))
        };
        assert_eq!(state(&meanings), (true, true));
    }

    /// Depth takes the wall behind its thin parts for the chair; two of its feet are seen.
    #[test]
    fn a_chair_stands_where_its_feet_do() {
        let (mut depth, mut map, mut meanings) = before_a_wall(3.0);
        meanings.furniture = vec![3];
        let camera = depth.camera;
        let chair = [33, 34, 45, 46].map(|leg| (leg..leg + 1, 0.0..0.45));
        for (columns, heights) in chair.into_iter().chain([(33..47, 0.45..0.9)]) {
            for (v, u) in (0..60).flat_map(|v| columns.clone().map(move |u| (v, u))) {
                let [x, _, z] = camera.ray(MOUNT, [u as f64, v as f64]);
                if heights.contains(&(MOUNT.height + 1.5 / x * z)) {
                    depth.metres[v * 80 + u] = (2.2 / x) as f32;
                    map.classes[v * 80 + u] = 3;
                }
            }
        }
        let scan = Scan::of(MOUNT, &depth, Some((&map, &meanings)));
        // In every direction between its legs.
        for across in -3..=3 {
            let bearing = f64::from(across) * 0.03;
            let there = scan
                .standing()
                .filter(|[x, y]| (y.atan2(*x) - bearing).abs() < 0.02);
            let nearest = there.map(|[x, y]| x.hypot(y)).fold(f64::INFINITY, f64::min);
            assert!(
                (1.3..1.75).contains(&nearest),
                "{nearest} m at {bearing} rad"
            );
        }
    }

    /// Depth has it twice as far as it is; that it hides the floor tells better.
    #[test]
    fn what_hides_all_floor_stands_nearer_than_the_floor_would() {
        let (mut depth, mut map, meanings) = before_a_wall(0.7);
        depth.metres.iter_mut().for_each(|metres| *metres *= 2.0);
        map.classes.fill(1);
        let scan = Scan::of(MOUNT, &depth, Some((&map, &meanings)));
        let farthest = scan.standing().map(|[x, _]| x).fold(0.0, f64::max);
        let [floor, _] = depth.camera.on_floor(MOUNT, [39.5, 59.0], 9.0).unwrap();
        assert!(scan.standing().count() > 40);
        assert!(floor < 1.3 && farthest < floor + 0.2, "{farthest}");
    }

    #[test]
    fn a_floor_that_is_seen_puts_a_depth_map_to_scale() {
        let (mut depth, map, meanings) = before_a_wall(2.0);
        for metres in &mut depth.metres {
            *metres *= 0.8;
        }
        let scale = scale(MOUNT, &depth, (&map, &meanings)).unwrap();
        assert!((scale - 1.25).abs() < 1e-3, "{scale}");
        let nothing = Meanings::default();
        assert_eq!(super::scale(MOUNT, &depth, (&map, &nothing)), None);
    }

    #[test]
    fn a_depth_map_that_lies_about_its_size_is_passed_over() {
        let (mut depth, ..) = before_a_wall(2.0);
        depth.metres.truncate(7);
        let mut grid = Grid::new(1.0);
        grid.note_scan(Place::default(), &Scan::of(MOUNT, &depth, None));
        assert!(!grid.is_known(grid.cell([2.0, 0.0]).unwrap()));
    }

    #[test]
    fn what_a_camera_of_no_angle_says_is_noted_in_bounded_time() {
        let (mut depth, map, meanings) = before_a_wall(2.0);
        depth.camera.fx = 1e-9;
        let mut grid = Grid::new(1.0);
        grid.note_scan(
            Place::default(),
            &Scan::of(MOUNT, &depth, Some((&map, &meanings))),
        );
    }

    #[test]
    fn one_walks_to_a_thing_around_a_wall_and_not_through_it() {
        let mut grid = Grid::new(3.0);
        for step in -30..=12 {
            let wall = Place::new(1.0, 0.05 * f64::from(step), 0.0);
            (0..2).for_each(|_| grid.note_touch(wall, 0.0));
        }
        let thing = [[1.9, 0.0]];
        let walks = |limit| grid.around_all(thing.into_iter(), limit);
        let behind = grid.cell([0.6, 0.0]).unwrap();
        let before = grid.cell([1.4, 0.0]).unwrap();
        assert!(walks(1.6).contains(&before));
        assert!(!walks(1.6).contains(&behind), "1.3 m, through the wall");
        assert!(walks(3.5).contains(&behind), "around its end");
    }
}
