//! Choice of the layer that is the room's own wall, and not the front of a cupboard
//! before it or the wall of the room behind its door.
//!
//! A wall reaches from side to side and up to the ceiling; what is seen beyond
//! it is seen through openings that are no wider than a double door, and never
//! above a part of it. A cupboard has the room's wall above it or far beside it.

use nalgebra::Vector3;

use super::layers::{Direction, Layer};
use super::surface::Placed;

/// Something reaches further than a wall where it lies so far beyond it: m, and
/// in thicknesses of the wall.
pub(super) const BEYOND: f64 = 0.15;
pub(super) const BEYOND_THICKNESSES: f64 = 2.5;
/// Surfaces no further than this outside of the box still belong to it, m.
const SLACK: f64 = 0.05;
/// Width of a strip of wall, m and share of its distance.
const STRIP: f64 = 0.1;
const STRIP_SHARE: f64 = 0.04;
/// Strips to each side of the camera.
const STRIPS: i32 = 256;
/// Height above the floor to which no door and no cupboard reaches, m.
const TALL: f64 = 2.2;
/// Height of a camera above a floor that is not in view, m.
const USUAL_EYE: f64 = 1.2;
/// Points, as a share of all, that a wall has at least: where it is seen to be
/// tall, and where the picture ends first.
const MIN_SHARE: f64 = 0.003;
const MIN_SHARE_CUT: f64 = 0.03;
/// Points that are seen above a wall, as a share of its own, at most.
const MAX_ABOVE: f64 = 0.2;

/// Rules for one kind of evidence.
struct Rule {
    /// m, of all openings together.
    widest_opening: f64,
    /// Share of the width across which the wall itself is seen.
    least_width: f64,
    /// m².
    least_area: f64,
    /// Share of all points.
    least_points: f64,
}

/// How a layer was told to be a wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// It is higher than doors and cupboards are.
    Tall,
    /// The picture ends above it before that can be seen.
    Cut,
}

/// Looks whether a layer is a wall of the box with these offsets (the layer's
/// own direction aside); `None` where it is not.
pub(super) fn wall(
    surfaces: &[Placed],
    layer: &Layer,
    direction: Direction,
    offsets: &[f64; 6],
    widest_opening: f64,
) -> Option<Evidence> {
    let seen = Seen::of(surfaces, layer, direction, offsets);
    if seen.above as f64 > MAX_ABOVE * seen.on as f64 {
        return None;
    }
    let (evidence, rule) = if seen.top >= TALL {
        let rule = Rule {
            widest_opening,
            least_width: 0.2,
            least_area: 0.1,
            least_points: MIN_SHARE,
        };
        (Evidence::Tall, rule)
    } else if seen.cut {
        let rule = Rule {
            widest_opening: 0.6 * widest_opening,
            least_width: 0.2,
            least_area: 0.15,
            least_points: MIN_SHARE_CUT,
        };
        (Evidence::Cut, rule)
    } else {
        return None;
    };
    let holds = seen.open_width <= rule.widest_opening
        && seen.on_width >= rule.least_width * (seen.on_width + seen.open_width)
        && layer.area >= rule.least_area
        && seen.on as f64 >= rule.least_points * surfaces.len() as f64;
    holds.then_some(evidence)
}

/// What the picture shows of a layer, and through it.
struct Seen {
    /// Points on it.
    on: usize,
    /// m of it across which there is any, and m across which there is none but
    /// something is seen beyond it.
    on_width: f64,
    open_width: f64,
    /// Points beyond it that are seen above a part of it.
    above: usize,
    /// Height of its top above the floor, m.
    top: f64,
    /// Whether the picture ends at its top.
    cut: bool,
}

/// An upright strip of a layer.
#[derive(Clone, Copy)]
struct Strip {
    /// Height of its highest point, m from the camera.
    top: f64,
    /// Points that are seen through it where it has none itself.
    open: u32,
}

impl Seen {
    fn of(surfaces: &[Placed], layer: &Layer, direction: Direction, offsets: &[f64; 6]) -> Self {
        let offset = layer.offset;
        let inside = |point: &Vector3<f64>, slack: f64| {
            let others = (0..6).filter(|side| side / 2 != direction.axis());
            let mut others = others.map(Direction);
            others.all(|side| side.along(point) < offsets[side.0] + slack)
        };
        let mut strips = Strips::new(offset, 1 - direction.axis());
        let (mut heights, mut at_edge) = (Vec::new(), 0);
        for patch in surfaces {
            let near = (direction.along(&patch.point) - offset).abs() < 1.5 * layer.thickness;
            if near && direction.faces_back(patch) && inside(&patch.point, SLACK) {
                let strip = strips.at(&patch.point);
                strip.top = strip.top.max(patch.point.z);
                heights.push(patch.point.z);
                at_edge += usize::from(patch.at_top);
            }
        }
        let beyond = offset + BEYOND.max(BEYOND_THICKNESSES * layer.thickness);
        let mut above = 0;
        for patch in surfaces {
            let along = direction.along(&patch.point);
            // Where the line of sight passes through the layer.
            let passed = patch.point * (offset / along);
            if along > beyond && inside(&passed, -SLACK) {
                let strip = strips.at(&passed);
                if strip.top == f64::NEG_INFINITY {
                    strip.open += 1;
                } else if passed.z > strip.top + STRIP {
                    above += 1;
                }
            }
        }
        Self {
            on: heights.len(),
            on_width: strips.width_of(|strip| strip.top > f64::NEG_INFINITY),
            open_width: strips.width_of(|strip| strip.open >= 2),
            above,
            top: top_of(&mut heights) + floor_below(offsets),
            cut: at_edge >= 2,
        }
    }
}

/// A layer in upright strips.
struct Strips {
    /// m.
    width: f64,
    /// The axis that they follow each other along.
    across: usize,
    all: Vec<Strip>,
}

impl Strips {
    fn new(offset: f64, across: usize) -> Self {
        let empty = Strip {
            top: f64::NEG_INFINITY,
            open: 0,
        };
        Self {
            width: STRIP.max(STRIP_SHARE * offset),
            across,
            all: vec![empty; 2 * STRIPS as usize + 1],
        }
    }

    /// The strip that a point lies on; the last one where it lies further out.
    fn at(&mut self, point: &Vector3<f64>) -> &mut Strip {
        let most = f64::from(STRIPS);
        let strip = (point[self.across] / self.width).round().clamp(-most, most);
        &mut self.all[(strip as i32 + STRIPS) as usize]
    }

    /// m of all such strips together.
    fn width_of(&self, such: fn(&Strip) -> bool) -> f64 {
        self.width * self.all.iter().filter(|&strip| such(strip)).count() as f64
    }
}

/// All but the highest fiftieth, m.
fn top_of(heights: &mut [f64]) -> f64 {
    let Some(last) = heights.len().checked_sub(1) else {
        return f64::NEG_INFINITY;
    };
    let index = (0.98 * last as f64) as usize;
    *heights.select_nth_unstable_by(index, f64::total_cmp).1
}

/// How far below the camera the floor is, m.
fn floor_below(offsets: &[f64; 6]) -> f64 {
    match offsets[5].is_finite() {
        true => offsets[5],
        false => USUAL_EYE,
    }
}
