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
/// A column is at most so wide to either side, at a metre's distance, m.
const WIDEST: f64 = 0.1;
/// A pixel whose depth differs from its neighbour's by this share shows an edge,
/// and nothing is at its depth.
const EDGE: f32 = 0.12;
/// Heights of tops on which small things stand, m.
const TOPS: (f64, f64) = (0.3, 1.15);
/// Fewest pixels of floor that tell the scale of a depth map, and how far off it
/// may be.
const SCALE_FROM: usize = 40;
const SCALES: (f64, f64) = (0.6, 1.6);

impl Grid {
    /// Adds what one frame shows. Floor is known by its class where the classes
    /// of the same frame are there, else by depth alone.
    pub(crate) fn note_frame(
        &mut self,
        base: Place,
        mount: Mount,
        depth: &DepthMap,
        classes: Option<(&ClassMap, &Meanings)>,
    ) {
        self.frame += 1;
        if depth.metres.len() != depth.camera.width * depth.camera.height {
            return;
        }
        for u in 0..depth.camera.width {
            self.note_column((base, mount), depth, classes, u);
        }
    }

    fn note_column(
        &mut self,
        (base, mount): (Place, Mount),
        depth: &DepthMap,
        classes: Option<(&ClassMap, &Meanings)>,
        u: usize,
    ) {
        let camera = depth.camera;
        let mut floor: Option<(f64, f64)> = None;
        let mut end = None;
        let mut over = Vec::new();
        let mut viewed: f64 = 0.0;
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
            if end.is_none() {
                match camera.on_floor(mount, at, FARTHEST.1).filter(|_| is_floor) {
                    Some([x, y]) => {
                        let range = x.hypot(y);
                        floor = Some((floor.map_or(range, |(first, _)| first), range));
                        continue;
                    }
                    None => end = Some(!is_floor),
                }
            }
            let is_beyond = class.is_some_and(|class| class.is_beyond);
            if z < HIGHEST && !is_beyond && !is_edge(depth, v * camera.width + u, u) {
                viewed = viewed.max(range);
            }
            let hangs = (OVER.0..OVER.1).contains(&z) && range < FARTHEST.0;
            if hangs && !is_beyond && !is_edge(depth, v * camera.width + u, u) {
                let is_top = class.is_some_and(|class| class.is_top);
                if is_top && (TOPS.0..TOPS.1).contains(&z) {
                    self.note_top(base.apply([x, y]), range);
                }
                over.push((range, base.apply([x, y])));
            }
        }
        let ray = camera.ray(mount, [u as f64, (camera.height / 2) as f64]);
        let along = Place::new(0.0, 0.0, ray[1].atan2(ray[0]));
        let on_ray = |range: f64| base.apply(along.apply([range, 0.0]));
        // As wide as a column is there.
        self.note_viewed(
            (base.point(), along.yaw + base.yaw),
            viewed,
            (0.5 / camera.fx).min(WIDEST),
        );
        let Some((first, last)) = floor else {
            // No floor at all: something is close by, or nothing is known.
            let near = over.iter().map(|(range, _)| *range);
            let near = near.fold(f64::INFINITY, f64::min);
            if near < CLOSELY {
                self.note_taken(on_ray(near), near);
            }
            return;
        };
        let mut nearest = f64::INFINITY;
        for (range, point) in over {
            if range < last - HANGS.0 - HANGS.1 * range {
                nearest = nearest.min(range);
                self.note_taken(point, range);
            }
        }
        let mut range = first;
        while range <= last.min(nearest - 0.5 * CELL) {
            if let Some(cell) = self.cell(on_ray(range)) {
                self.note(cell, -SEEN.1 * weight(range));
            }
            range += CELL;
        }
        if end == Some(true) && last < FARTHEST.0 {
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

/// A pixel whose neighbours in the row are at another depth.
fn is_edge(depth: &DepthMap, pixel: usize, u: usize) -> bool {
    let metres = depth.metres[pixel];
    let differs = |other: usize| {
        let other = depth.metres.get(other);
        other.is_none_or(|other| (other - metres).abs() > EDGE * metres)
    };
    u == 0 || u + 1 == depth.camera.width || differs(pixel - 1) || differs(pixel + 1)
}

/// What a pixel's class means.
#[derive(Clone, Copy)]
struct Class {
    is_floor: bool,
    is_top: bool,
    is_beyond: bool,
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
