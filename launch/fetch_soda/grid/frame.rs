//! One frame of depth and classes, column by column.

use super::super::place::{Mount, Pinhole, Place, Point};
use super::super::senses::{ClassMap, DepthMap};
use super::{CELL, CLOSELY, Grid, Meanings, SEEN, weight};

/// Where classes are not known, a pixel lower than this by its depth shows floor,
/// m, and this much more per metre of distance, since depth is guessed.
const STEP: (f64, f64) = (0.03, 0.02);
/// So many rows of another class within the floor are none.
const SPECK: usize = 2;
/// What is nearer than the end of the floor by this much, and this share of the
/// distance, hangs over it, m.
const HANGS: (f64, f64) = (0.2, 0.12);
/// It does so between these heights, m.
const OVER: (f64, f64) = (0.25, 1.25);
/// Farther than this nothing is believed to stand, or to be floor, m.
const FARTHEST: (f64, f64) = (3.2, 4.5);
/// What is lower than this tells how far one sees, m; farther than this nobody
/// recognises what stands there, m.
const HIGHEST: f64 = 2.0;
const VIEWED: f64 = 6.0;
/// Where floor ends, something stands that may be so much nearer, m.
const FLOOR_BEHIND: f64 = 0.15;
/// A column is at most so wide to either side, at a metre's distance, m.
const WIDEST: f64 = 0.1;
/// What stands upon legs is no farther than this behind a foot of it, m, where it is no
/// farther than this to the side of that foot, m, or this of two of them between which it
/// is.
const BEHIND_FOOT: f64 = 0.15;
const AT_FOOT: f64 = 0.05;
const BESIDE_FOOT: f64 = 0.35;
/// Columns to either side of a foot that are looked at, however wide a map is.
const BESIDE_COLUMNS: usize = 128;
/// A pixel whose depth differs from its neighbour's by this share shows an edge,
/// and nothing is at its depth.
const EDGE: f32 = 0.12;
/// Heights of tops on which small things stand, m.
const TOPS: (f64, f64) = (0.3, 1.15);
/// Fewest pixels of floor that tell the scale of a depth map, and how far off it
/// may be.
const SCALE_FROM: usize = 40;
const SCALES: (f64, f64) = (0.6, 1.6);

/// What one frame shows, column by column, in the base frame.
pub(crate) struct Scan {
    columns: Vec<Column>,
    /// A column is so wide to either side, at a metre's distance, m.
    half_width: f64,
}

/// One column of a frame.
struct Column {
    /// Its direction from the heading, rad.
    bearing: f64,
    /// Distances at which its floor begins and ends, m.
    floor: Option<(f64, f64)>,
    /// Something stands where the floor ends.
    is_ended: bool,
    /// What stands over the floor.
    over: Vec<Over>,
    /// So far what stands there was seen, m.
    viewed: f64,
}

/// Something over the floor.
struct Over {
    /// m.
    range: f64,
    /// In the base frame, m.
    at: Point,
    /// A top on which things may stand.
    is_top: bool,
    /// It is a piece of furniture by its class, so that it stands there even where
    /// floor is seen under it.
    is_furniture: bool,
}

impl Scan {
    /// Reads a frame. Floor is known by its class where the classes of the same
    /// frame are there, else by depth alone.
    pub(crate) fn of(
        mount: Mount,
        depth: &DepthMap,
        classes: Option<(&ClassMap, &Meanings)>,
    ) -> Self {
        let camera = depth.camera;
        let is_whole = depth.metres.len() == camera.width * camera.height;
        let feet = match classes.filter(|_| is_whole) {
            Some(pair) => farthest_by_feet(mount, camera, pair),
            None => vec![f64::INFINITY; camera.width],
        };
        let columns = feet.iter().enumerate().filter(|_| is_whole);
        Self {
            columns: columns
                .map(|(u, farthest)| Column::of(mount, depth, classes, (u, *farthest)))
                .collect(),
            half_width: (0.5 / camera.fx).min(WIDEST),
        }
    }

    /// What stands and is near though depth may have it farther away: furniture, and
    /// what hides the floor before it.
    pub(crate) fn standing(&self) -> impl Iterator<Item = Point> + '_ {
        self.columns.iter().flat_map(|column| {
            let hides = column.floor.is_none();
            let over = column.over.iter();
            over.filter(move |over| hides || over.is_furniture)
                .map(|over| over.at)
        })
    }
}

impl Scan {
    /// Whether floor is seen at a point of the base frame, and before and behind it.
    pub(crate) fn has_floor(&self, [x, y]: Point) -> bool {
        let (bearing, range) = (y.atan2(x), x.hypot(y));
        let mut columns = self.columns.iter();
        let width = self.half_width;
        let column = columns.find(|column| (column.bearing - bearing).abs() < width);
        let floor = column.and_then(|column| column.floor);
        floor.is_some_and(|(first, last)| range > first && range < last - FLOOR_BEHIND)
    }
}

impl Column {
    fn of(
        mount: Mount,
        depth: &DepthMap,
        classes: Option<(&ClassMap, &Meanings)>,
        (u, farthest): (usize, f64),
    ) -> Self {
        let camera = depth.camera;
        let mut column = Self {
            bearing: bearing(mount, camera, u),
            floor: None,
            is_ended: false,
            over: Vec::new(),
            viewed: 0.0,
        };
        let mut ends = false;
        for v in (0..camera.height).rev() {
            let at = [u as f64, v as f64];
            let metres = f64::from(depth.metres[v * camera.width + u]);
            let [x, y, z] = camera.point(mount, at, metres);
            let range = x.hypot(y);
            let class = classes.and_then(|pair| class_at(pair, camera, [u, v]));
            let floor_at = |v: usize| {
                let class = classes.and_then(|pair| class_at(pair, camera, [u, v]));
                class.is_some_and(|class| class.is_floor)
            };
            let is_floor = match class {
                // A speck upon the floor does not end it.
                Some(class) => class.is_floor || (1..=SPECK).any(|up| v >= up && floor_at(v - up)),
                None => z < STEP.0 + STEP.1 * range,
            };
            if !ends {
                match camera.on_floor(mount, at, FARTHEST.1).filter(|_| is_floor) {
                    Some([x, y]) => {
                        let range = x.hypot(y);
                        let first = column.floor.map_or(range, |(first, _)| first);
                        column.floor = Some((first, range));
                        continue;
                    }
                    None => (ends, column.is_ended) = (true, !is_floor),
                }
            }
            let is_beyond = class.is_some_and(|class| class.is_beyond);
            let is_furniture = class.is_some_and(|class| class.is_furniture);
            let is_edge = is_edge(depth, v * camera.width + u, u);
            if is_beyond || (is_edge && !is_furniture) {
                continue;
            }
            // A chair's back is edges alone; what is nearer there is the chair.
            let metres = match is_edge {
                true => f64::from(nearest_in_row(depth, v * camera.width + u, u)),
                false => metres,
            };
            let [x, y, z] = camera.point(mount, at, metres);
            let range = x.hypot(y);
            if z < HIGHEST && !is_edge {
                column.viewed = column.viewed.max(range);
            }
            if (OVER.0..OVER.1).contains(&z) && range < FARTHEST.0 {
                let is_top = class.is_some_and(|class| class.is_top);
                column.over.push(Over {
                    range,
                    at: [x, y],
                    is_top: is_top && !is_edge && (TOPS.0..TOPS.1).contains(&z),
                    is_furniture,
                });
            }
        }
        column.stand_no_farther(farthest);
        let bottom = [u as f64, camera.height as f64 - 1.0];
        let floor_before = camera.on_floor(mount, bottom, FARTHEST.1);
        if let Some([x, y]) = floor_before.filter(|_| column.floor.is_none()) {
            column.bring_within(x.hypot(y));
        }
        column
    }

    /// Depth takes what is behind a chair for the chair: where all of it is farther away
    /// than its feet, something stands there, too, m.
    fn stand_no_farther(&mut self, farthest: f64) {
        let ranges = (self.over.iter()).filter_map(|over| over.is_furniture.then_some(over.range));
        let nearest = ranges.fold(f64::INFINITY, f64::min);
        if nearest.is_finite() && nearest > farthest {
            self.over.push(Over {
                range: farthest,
                at: self.at(farthest),
                is_top: false,
                is_furniture: true,
            });
        }
    }

    /// What hides all floor is nearer than the nearest floor that could be seen,
    /// however far away depth has it, m.
    fn bring_within(&mut self, reach: f64) {
        let nearest = self.over.iter().map(|over| over.range);
        let nearest = nearest.fold(f64::INFINITY, f64::min);
        let part = (reach / nearest).min(1.0);
        for over in &mut self.over {
            over.range *= part;
            over.at = over.at.map(|along| part * along);
        }
    }

    /// The point of the base frame in its direction, so far away.
    fn at(&self, range: f64) -> Point {
        [range * self.bearing.cos(), range * self.bearing.sin()]
    }
}

impl Grid {
    /// Adds what one frame shows, made from there.
    pub(crate) fn note_scan(&mut self, base: Place, scan: &Scan) {
        self.frame += 1;
        for column in &scan.columns {
            self.note_column(base, column, scan.half_width);
        }
    }

    fn note_column(&mut self, base: Place, column: &Column, half_width: f64) {
        for over in column.over.iter().filter(|over| over.is_top) {
            self.note_top(base.apply(over.at), over.range);
        }
        let on_ray = |range: f64| base.apply(column.at(range));
        // As wide as a column is there.
        let along = (base.point(), column.bearing + base.yaw);
        self.note_viewed(along, column.viewed, half_width);
        let Some((first, last)) = column.floor else {
            // No floor at all: something is close by, or nothing is known.
            let near = column.over.iter().map(|over| over.range);
            let near = near.fold(f64::INFINITY, f64::min);
            if near < CLOSELY {
                self.note_taken(on_ray(near), near);
            }
            return;
        };
        let mut nearest = f64::INFINITY;
        for over in &column.over {
            let hangs = over.range < last - HANGS.0 - HANGS.1 * over.range;
            if hangs || over.is_furniture {
                nearest = nearest.min(over.range);
                self.note_taken(base.apply(over.at), over.range);
            }
        }
        let mut range = first;
        while range <= last.min(nearest - 0.5 * CELL) {
            if let Some(cell) = self.cell(on_ray(range)) {
                self.note(cell, -SEEN.1 * weight(range));
            }
            range += CELL;
        }
        if column.is_ended && last < FARTHEST.0 {
            self.note_taken(on_ray(last + CELL), last);
        }
    }
}

impl Grid {
    /// What stands up to a distance was seen along a ray, which is so wide to
    /// either side at a metre's distance, m.
    fn note_viewed(&mut self, (from, yaw): (Point, f64), range: f64, half_width: f64) {
        let (sin, cos) = yaw.sin_cos();
        let mut along = 0.0;
        while along < range.min(VIEWED) {
            let wide = (half_width * along / CELL).ceil() as i64;
            for across in (-wide..=wide).map(|index| index as f64 * CELL) {
                let at = [
                    from[0] + along * cos - across * sin,
                    from[1] + along * sin + across * cos,
                ];
                if let Some(cell) = self.cell(at) {
                    self.viewed[cell] = true;
                }
            }
            along += CELL;
        }
    }
}

/// How far away furniture may be in each column, by where a foot of it stands on the
/// floor near that column, m; infinite where none is seen.
fn farthest_by_feet(mount: Mount, camera: Pinhole, pair: (&ClassMap, &Meanings)) -> Vec<f64> {
    let is_furniture = |u: usize, v: usize| {
        let class = class_at(pair, camera, [u, v]);
        class.is_some_and(|class| class.is_furniture)
    };
    let foot = |u: usize| {
        // One pixel alone is none, and what the picture cuts off has its foot below.
        let mut rows = (1..camera.height).rev();
        let foot = rows.find(|v| is_furniture(u, *v) && is_furniture(u, v - 1))?;
        let is_cut_off = foot + 1 == camera.height;
        let at = [u as f64, foot as f64 + 0.5];
        let on_floor = camera.on_floor(mount, at, FARTHEST.1);
        let [x, y] = on_floor.filter(|_| !is_cut_off)?;
        Some(x.hypot(y))
    };
    let bearings: Vec<f64> = (0..camera.width)
        .map(|u| bearing(mount, camera, u))
        .collect();
    let none = || vec![f64::INFINITY; camera.width];
    let (mut at, mut left, mut right) = (none(), none(), none());
    for (u, range) in (0..camera.width).filter_map(|u| Some((u, foot(u)?))) {
        for other in u.saturating_sub(BESIDE_COLUMNS)..(u + BESIDE_COLUMNS).min(camera.width) {
            let aside = (bearings[u] - bearings[other]) * range;
            let sides = [
                (&mut at, -AT_FOOT..AT_FOOT),
                (&mut right, -BESIDE_FOOT..0.0),
                (&mut left, 0.0..BESIDE_FOOT),
            ];
            for (to, side) in sides {
                if side.contains(&aside) {
                    to[other] = to[other].min(range);
                }
            }
        }
    }
    // At a foot, or between two of them.
    let columns = at.iter().zip(left.iter().zip(&right));
    let farthest = columns.map(|(at, (left, right))| at.min(left.max(*right)) + BEHIND_FOOT);
    farthest.collect()
}

/// Direction of a column from the heading, rad.
fn bearing(mount: Mount, camera: Pinhole, u: usize) -> f64 {
    let [x, y, _] = camera.ray(mount, [u as f64, (camera.height / 2) as f64]);
    y.atan2(x)
}

/// A pixel whose neighbours in the row are at another depth.
fn is_edge(depth: &DepthMap, pixel: usize, u: usize) -> bool {
    let metres = depth.metres[pixel];
    let differs = |other: usize| {
        let other = depth.metres.get(other);
        other.is_none_or(|other| (other - metres).abs() > EDGE * metres)
    };
    u == 0 || u + 1 == depth.camera.width || differs(pixel - 1) || differs(pixel + 1)
}

/// The least depth of a pixel and those beside it in its row, m.
fn nearest_in_row(depth: &DepthMap, pixel: usize, u: usize) -> f32 {
    let first = pixel - usize::from(u > 0);
    let last = pixel + usize::from(u + 1 < depth.camera.width);
    let row = depth.metres[first..=last].iter().copied();
    row.fold(f32::INFINITY, f32::min)
}

/// What a pixel's class means.
#[derive(Clone, Copy)]
struct Class {
    is_floor: bool,
    is_top: bool,
    is_beyond: bool,
    is_furniture: bool,
}

fn class_at(
    (map, meanings): (&ClassMap, &Meanings),
    camera: Pinhole,
    [u, v]: [usize; 2],
) -> Option<Class> {
    let (column, row) = (u * map.width / camera.width, v * map.height / camera.height);
    let class = map.classes.get(row * map.width + column)?;
    Some(Class {
        is_floor: meanings.floor.contains(class),
        is_top: meanings.tops.contains(class),
        is_beyond: meanings.beyond.contains(class),
        is_furniture: meanings.furniture.contains(class),
    })
}

/// By how much a depth map must be multiplied so that the floor in it lies where
/// the floor is; `None` where too little of it is seen.
pub(crate) fn scale(
    mount: Mount,
    depth: &DepthMap,
    (map, meanings): (&ClassMap, &Meanings),
) -> Option<f64> {
    let camera = depth.camera;
    let mut ratios: Vec<f64> = Vec::new();
    for (v, u) in (0..camera.height).flat_map(|v| (0..camera.width).map(move |u| (v, u))) {
        let metres = f64::from(*depth.metres.get(v * camera.width + u)?);
        let [_, _, z] = camera.ray(mount, [u as f64, v as f64]);
        let class = class_at((map, meanings), camera, [u, v])?;
        let exact = -mount.height / z;
        if class.is_floor && z < -0.15 && metres > 0.1 && exact < FARTHEST.0 {
            ratios.push(exact / metres);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let middle = ratios
        .get(ratios.len() / 2)
        .filter(|_| ratios.len() >= SCALE_FROM)?;
    Some(middle.clamp(SCALES.0, SCALES.1))
}
