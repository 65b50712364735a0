//! What was seen where: a small map of things.

use concert_runtime::Timestamp;

use super::place::{Mount, Place, Point, distance};
use super::senses::{Boxes, ClassMap, DepthMap, ObjectBox};

/// Most things that are remembered; the least certain makes room.
const MAX_LANDMARKS: usize = 256;
/// Farther than this nothing is believed to be a small thing, or a large one, m.
const FARTHEST: (f64, f64) = (4.0, 7.0);
/// Two sights of one class nearer to each other than this are one thing, m, and
/// this share of the distance from which they were seen more.
const SAME: (f64, f64) = (0.3, 0.12);
/// Nearer than this to a thing, a thing of another class is the same one, m.
const RIVAL: f64 = 0.18;
/// Large things have more than one place at which they are seen, m.
const LARGE: f64 = 1.0;
/// Between these distances and within this angle a thing that is there is seen,
/// m and rad.
const IN_VIEW: (f64, f64, f64) = (0.4, 1.6, 0.4);
/// What is nearer than a thing by this share of its depth hides it.
const HIDES: f64 = 0.15;
/// After so many frames in which a thing should have been seen, it is held for a
/// mistake where it was seen in a smaller share of them.
const LOOKS: u32 = 24;
const LEAST_SEEN: f64 = 0.25;
/// Fewest cells of a class map that are a small thing, and a large one as a share
/// of the map.
const MIN_CELLS: usize = 3;
const MIN_SHARE: f64 = 0.008;

/// A thing that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Landmark {
    pub(crate) class: String,
    /// In the map, m.
    pub(crate) at: Point,
    /// Of its middle above the floor, m.
    pub(crate) height: f64,
    /// Frames in which it was seen.
    pub(crate) sights: u32,
    /// Mean score of them, of which those from nearby count most.
    pub(crate) score: f64,
    /// From so near it was seen, m.
    pub(crate) nearest: f64,
    pub(crate) last: Timestamp,
    /// It cannot be taken.
    is_refuted: bool,
    weight: f64,
    /// Classes of things that stand beside it: seen with it in one frame, they
    /// are others than it.
    beside: Vec<String>,
    /// Frames in which it should have been seen, and those in which it was.
    looks: u32,
    seen: u32,
}

impl Landmark {
    /// It can be taken, and was seen in most frames in which it should have been.
    fn is_there(&self) -> bool {
        let share = f64::from(self.seen) / f64::from(self.looks.max(1));
        !self.is_refuted && (self.looks < LOOKS || share >= LEAST_SEEN)
    }
}

/// All things that were seen.
#[derive(Debug, Default)]
pub(crate) struct Landmarks {
    all: Vec<Landmark>,
}

/// A sight: a class, a score, a point of the map, a height, a distance.
struct Sight<'a> {
    class: &'a str,
    score: f64,
    at: Point,
    height: f64,
    range: f64,
}

impl Landmarks {
    /// Adds what a frame shows; `small` says which classes are small things.
    pub(crate) fn note(
        &mut self,
        base: Place,
        mount: Mount,
        boxes: &Boxes,
        depth: &DepthMap,
        is_small: impl Fn(&str) -> bool,
    ) {
        let mut seen = Vec::new();
        for one in &boxes.boxes {
            let Some(sight) = sight(base, mount, one, depth) else {
                continue;
            };
            let is_small = is_small(&one.class);
            if sight.range > if is_small { FARTHEST.0 } else { FARTHEST.1 } {
                continue;
            }
            let same = match is_small {
                true => SAME.0 + SAME.1 * sight.range,
                false => LARGE,
            };
            seen.push(self.note_sight(&sight, same, boxes.stamp));
        }
        self.note_neighbours(&seen);
        self.note_absences((base, mount), depth, &seen, is_small);
    }

    /// What is seen in one frame under two names is two things.
    fn note_neighbours(&mut self, seen: &[usize]) {
        for (index, other) in seen.iter().flat_map(|a| seen.iter().map(move |b| (*a, *b))) {
            let class = self.all[other].class.clone();
            let is_near = distance(self.all[index].at, self.all[other].at) < RIVAL;
            let one = &mut self.all[index];
            if is_near && class != one.class && !one.beside.contains(&class) {
                one.beside.push(class);
            }
        }
    }

    fn note_sight(&mut self, sight: &Sight<'_>, same: f64, stamp: Timestamp) -> usize {
        let alike = self.all.iter_mut().enumerate();
        let alike = alike.filter(|(_, one)| one.class == sight.class);
        let alike = alike.map(|(index, one)| (distance(one.at, sight.at), index, one));
        let nearest = alike.min_by(|a, b| a.0.total_cmp(&b.0));
        // What is seen from nearby is known best.
        let weight = sight.score / (0.3 + sight.range).powi(2);
        if let Some((_, index, one)) = nearest.filter(|(away, ..)| *away < same) {
            one.weight = one.weight.min(5.0 * weight) + weight;
            let part = weight / one.weight;
            for axis in 0..2 {
                one.at[axis] += part * (sight.at[axis] - one.at[axis]);
            }
            one.height += part * (sight.height - one.height);
            one.sights += 1;
            one.score += part * (sight.score - one.score);
            one.nearest = one.nearest.min(sight.range);
            one.last = stamp;
            return index;
        }
        let new = Landmark {
            class: sight.class.to_owned(),
            at: sight.at,
            height: sight.height,
            sights: 1,
            score: sight.score,
            nearest: sight.range,
            last: stamp,
            is_refuted: false,
            weight,
            beside: Vec::new(),
            looks: 0,
            seen: 0,
        };
        if self.all.len() < MAX_LANDMARKS {
            self.all.push(new);
            return self.all.len() - 1;
        }
        let weakest = (0..self.all.len()).min_by_key(|index| self.all[*index].sights);
        let weakest = weakest.unwrap_or(0);
        self.all[weakest] = new;
        weakest
    }

    /// A small thing that should be seen, since nothing hides its place, and
    /// mostly is not was a mistake.
    fn note_absences(
        &mut self,
        (base, mount): (Place, Mount),
        depth: &DepthMap,
        seen: &[usize],
        is_small: impl Fn(&str) -> bool,
    ) {
        let (nearest, farthest, angle) = IN_VIEW;
        for (index, one) in self.all.iter_mut().enumerate() {
            let range = distance(base.point(), one.at);
            let in_view = (nearest..farthest).contains(&range)
                && base.bearing(one.at).abs() < angle
                && is_small(&one.class);
            let [x, y] = base.inverse().apply(one.at);
            let pixel = depth.camera.pixel(mount, [x, y, one.height]);
            let is_open = pixel.is_some_and(|([u, v], metres)| {
                let shown = depth.metres.get(v * depth.camera.width + u);
                shown.is_some_and(|shown| f64::from(*shown) > (1.0 - HIDES) * metres)
            });
            if in_view && is_open {
                one.looks += 1;
                one.seen += u32::from(seen.contains(&index));
            }
        }
    }

    /// Things of a class that are not refuted, the most often seen first.
    pub(crate) fn of(&self, class: &str) -> impl Iterator<Item = &Landmark> {
        let mut of: Vec<_> = (self.all.iter())
            .filter(|one| one.class == class && one.is_there())
            .collect();
        of.sort_by_key(|one| std::cmp::Reverse(one.sights));
        of.into_iter()
    }

    /// All things that were seen at least so often and are not refuted.
    pub(crate) fn certain(&self, sights: u32) -> impl Iterator<Item = &Landmark> {
        let all = self.all.iter();
        all.filter(move |one| one.sights >= sights && one.is_there())
    }

    /// The thing of a class nearest to a point.
    pub(crate) fn nearest(&self, class: &str, to: Point) -> Option<&Landmark> {
        let away = |one: &&Landmark| distance(one.at, to);
        self.of(class).min_by(|a, b| away(a).total_cmp(&away(b)))
    }

    /// How often other things than one of a class were seen where it stands: what
    /// is called a can now and a cup then is the one that it is called more often.
    pub(crate) fn rivals(&self, one: &Landmark, is_rival: impl Fn(&str) -> bool) -> u32 {
        let others = self.all.iter();
        let others = others.filter(|other| {
            let is_rival = other.class != one.class && is_rival(&other.class);
            let is_beside = one.beside.contains(&other.class);
            is_rival && !is_beside && distance(other.at, one.at) < RIVAL
        });
        others.map(|other| other.sights).max().unwrap_or(0)
    }

    /// Gives up on things of a class around a point.
    pub(crate) fn refute(&mut self, class: &str, around: Point) {
        for one in &mut self.all {
            let away = distance(one.at, around);
            one.is_refuted |= one.class == class && away < 0.5;
        }
    }
}

/// Where a box's object stands; `None` where its depth is not known.
fn sight<'a>(base: Place, mount: Mount, one: &'a ObjectBox, depth: &DepthMap) -> Option<Sight<'a>> {
    let camera = depth.camera;
    let [left, top, right, bottom] = one.sides;
    let (width, height) = (camera.width as f64, camera.height as f64);
    // The middle half, and at least a pixel.
    let inner = |low: f64, high: f64, size: f64| {
        let (low, high) = (0.75 * low + 0.25 * high, 0.25 * low + 0.75 * high);
        let first = (low * size).floor().clamp(0.0, size - 1.0) as usize;
        let last = (high * size).ceil().clamp(0.0, size) as usize;
        (first, last.max(first + 1))
    };
    let (u0, u1) = inner(left, right, width);
    let (v0, v1) = inner(top, bottom, height);
    let metres = depth.median([u0, v0, u1, v1])?;
    let pixel = [
        0.5 * (left + right) * width - 0.5,
        0.5 * (top + bottom) * height - 0.5,
    ];
    let [x, y, z] = camera.point(mount, pixel, metres);
    let range = x.hypot(y);
    let is_sound = range.is_finite() && !one.class.is_empty();
    is_sound.then(|| Sight {
        class: &one.class,
        score: one.score.clamp(0.0, 1.0),
        at: base.apply([x, y]),
        height: z,
        range,
    })
}

/// Boxes around the connected pixels of certain classes of a class map: what a
/// segmentation says of things, where there is no detector.
pub(crate) fn boxes_of(
    map: &ClassMap,
    names: &[String],
    wanted: impl Fn(&str) -> bool,
    is_small: impl Fn(&str) -> bool,
) -> Boxes {
    let (width, height) = (map.width, map.height);
    let mut boxes = Vec::new();
    if map.classes.len() != width * height {
        return Boxes {
            stamp: map.stamp,
            boxes,
        };
    }
    let mut done = vec![false; map.classes.len()];
    for first in 0..map.classes.len() {
        let class = map.classes[first];
        let name = names.get(usize::from(class)).map_or("", String::as_str);
        if done[first] || !wanted(name) {
            continue;
        }
        let mut cells = vec![first];
        done[first] = true;
        let mut next = 0;
        let [mut left, mut top, mut right, mut bottom] = [width, height, 0, 0];
        while let Some(&cell) = cells.get(next) {
            next += 1;
            let (u, v) = (cell % width, cell / width);
            (left, right) = (left.min(u), right.max(u));
            (top, bottom) = (top.min(v), bottom.max(v));
            let beside = [
                (u > 0).then(|| cell - 1),
                (u + 1 < width).then(|| cell + 1),
                (v > 0).then(|| cell - width),
                (v + 1 < height).then(|| cell + width),
            ];
            for cell in beside.into_iter().flatten() {
                if !done[cell] && map.classes[cell] == class {
                    done[cell] = true;
                    cells.push(cell);
                }
            }
        }
        let least = match is_small(name) {
            true => MIN_CELLS,
            false => (MIN_SHARE * map.classes.len() as f64) as usize,
        };
        if cells.len() < least {
            continue;
        }
        let share = |index: usize, size: usize| index as f64 / size as f64;
        boxes.push(ObjectBox {
            class: name.to_owned(),
            // A larger piece is less likely to be a mistake.
            score: (0.3 + 0.05 * cells.len() as f64).min(0.9),
            sides: [
                share(left, width),
                share(top, height),
                share(right + 1, width),
                share(bottom + 1, height),
            ],
        });
    }
    Boxes {
        stamp: map.stamp,
        boxes,
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::Pinhole;
    use super::*;

    const MOUNT: Mount = Mount {
        height: 1.1,
        tilt: 0.0,
    };

    fn depth(metres: f32) -> DepthMap {
        DepthMap {
            stamp: Timestamp::from_nanos(0),
            camera: Pinhole {
                fx: 50.0,
                fy: 50.0,
                cx: 39.5,
                cy: 29.5,
                width: 80,
                height: 60,
            },
            metres: vec![metres; 80 * 60],
        }
    }

    fn can(stamp: i64, [u, v]: [f64; 2]) -> Boxes {
        Boxes {
            stamp: Timestamp::from_nanos(stamp),
            boxes: vec![ObjectBox {
                class: "can".to_owned(),
                score: 0.8,
                sides: [u - 0.02, v - 0.04, u + 0.02, v + 0.04],
            }],
        }
    }

    #[test]
    fn a_thing_stands_where_its_box_and_depth_say_and_is_one_thing() {
        let mut landmarks = Landmarks::default();
        let base = Place::new(1.0, 0.0, std::f64::consts::FRAC_PI_2);
        for (stamp, metres) in [(0, 2.0), (1, 2.1), (2, 1.95)] {
            landmarks.note(base, MOUNT, &can(stamp, [0.5, 0.5]), &depth(metres), |_| {
                true
            });
        }
        let found: Vec<_> = landmarks.of("can").collect();
        assert_eq!((found.len(), found[0].sights), (1, 3));
        assert!(distance(found[0].at, [1.0, 2.0]) < 0.06, "{:?}", found[0]);
        assert!((found[0].height - 1.1).abs() < 0.02);
        assert_eq!(landmarks.of("cup").count(), 0);
    }

    #[test]
    fn a_thing_that_is_not_there_when_one_looks_closely_is_given_up() {
        let mut landmarks = Landmarks::default();
        let base = Place::default();
        landmarks.note(base, MOUNT, &can(0, [0.5, 0.5]), &depth(1.2), |_| true);
        let nothing = Boxes {
            stamp: Timestamp::from_nanos(1),
            boxes: Vec::new(),
        };
        let away = Place::new(0.0, 0.0, 2.0);
        for _ in 0..40 {
            landmarks.note(away, MOUNT, &nothing, &depth(1.2), |_| true);
        }
        assert_eq!(landmarks.of("can").count(), 1, "nobody looked there");
        for _ in 0..40 {
            landmarks.note(base, MOUNT, &nothing, &depth(1.2), |_| true);
        }
        assert_eq!(landmarks.of("can").count(), 0);
    }

    #[test]
    fn a_thing_that_something_hides_is_not_missing() {
        let mut landmarks = Landmarks::default();
        let base = Place::default();
        landmarks.note(base, MOUNT, &can(0, [0.5, 0.5]), &depth(1.2), |_| true);
        let nothing = Boxes {
            stamp: Timestamp::from_nanos(1),
            boxes: Vec::new(),
        };
        for _ in 0..40 {
            landmarks.note(base, MOUNT, &nothing, &depth(0.6), |_| true);
        }
        assert_eq!(landmarks.of("can").count(), 1, "it stands behind a door");
    }

    #[test]
    fn pieces_of_a_class_map_become_boxes() {
        let mut classes = vec![0u8; 48];
        for cell in [9, 10, 17, 18, 38] {
            classes[cell] = 1;
        }
        let map = ClassMap {
            stamp: Timestamp::from_nanos(0),
            width: 8,
            height: 6,
            classes,
        };
        let names = ["wall".to_owned(), "can".to_owned()];
        let boxes = boxes_of(&map, &names, |name| name == "can", |_| true).boxes;
        assert_eq!(boxes.len(), 1, "one cell is no thing: {boxes:?}");
        assert_eq!(boxes[0].sides, [0.125, 1.0 / 6.0, 0.375, 0.5]);
    }
}
