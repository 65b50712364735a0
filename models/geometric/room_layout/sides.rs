//! Floor, walls and ceiling of a room whose directions are known.

use super::layers::{Blur, Direction, Layer, MIN_OFFSET, layers};
use super::surface::Placed;
use super::walls::{BEYOND, BEYOND_THICKNESSES, Evidence, wall};
use super::{Face, RoomLayoutParameters};

/// Walls are looked for in this order: those that the camera looks at first.
const WALLS: [usize; 4] = [0, 2, 3, 1];
/// A wall that is found changes what counts as beyond the others: so often.
const ROUNDS: usize = 3;
/// Area whose being seen makes a side fairly sure, m².
const SURE_AREA: f64 = 1.0;
/// How often layers of more than 1 m² were sides of simulated rooms, to 10 cm:
/// floors and ceilings, and walls by how they were told.
const SURE_LEVEL: f64 = 0.97;
const SURE_TALL: f64 = 0.92;
const SURE_CUT: f64 = 0.8;
const SURE_OUTERMOST: f64 = 0.6;
/// Share of all points that may lie below a floor or above a ceiling: more, and
/// it is none.
const MAX_BEYOND_LEVEL: f64 = 0.03;
/// A wall that is not in view is at least so far behind the camera, m.
const MIN_BEHIND: f64 = 0.8;
/// Surfaces no further than this outside of a side still belong to the room, m.
const SLACK: f64 = 0.05;
/// Fewer of them than this say nothing of the room's reach.
const MIN_INSIDE: usize = 20;

/// Ahead, behind, left, right, ceiling, floor.
pub(super) fn faces(
    surfaces: &[Placed],
    blur: Blur,
    parameters: &RoomLayoutParameters,
) -> [Face; 6] {
    let candidates: [Vec<Layer>; 6] = std::array::from_fn(|side| {
        let direction = Direction(side);
        let mut found = layers(surfaces, direction, blur, 0.5 * parameters.least_area);
        if side >= WALLS.len() {
            found.retain(|layer| may_end_the_room(surfaces, layer, direction));
        }
        found
    });
    let outermost = [0, 1, 2, 3, 4, 5].map(|side| outermost(&candidates[side], parameters));
    let mut found = [0, 1, 2, 3, 4, 5].map(|side| {
        let sure = if side < 4 { SURE_OUTERMOST } else { SURE_LEVEL };
        outermost[side].map(|layer| (layer, sure * layer.share))
    });
    for _ in 0..ROUNDS {
        let before = offsets(&found);
        for side in WALLS {
            let offsets = offsets(&found);
            let told = candidates[side].iter().find_map(|layer| {
                let widest = parameters.widest_opening;
                let evidence = wall(surfaces, layer, Direction(side), &offsets, widest)?;
                let sure = match evidence {
                    Evidence::Tall => SURE_TALL,
                    Evidence::Cut => SURE_CUT,
                };
                Some((layer, sure))
            });
            let fallback = outermost[side].map(|layer| (layer, SURE_OUTERMOST * layer.share));
            found[side] = told.or(fallback);
        }
        if before == self::offsets(&found) {
            break;
        }
    }
    let offsets = filled(surfaces, offsets(&found), parameters);
    std::array::from_fn(|side| match found[side] {
        Some((layer, sure)) => Face {
            offset: offsets[side],
            confidence: sure
                * (1.0 - (-layer.area / SURE_AREA).exp())
                * (1.0 - share_beyond(surfaces, layer, Direction(side))),
            area: layer.area,
            extent: layer.extent,
        },
        None => Face {
            offset: offsets[side],
            confidence: 0.0,
            area: 0.0,
            extent: [[0.0; 2]; 2],
        },
    })
}

/// Whether a layer may be a floor or a ceiling: hardly anything is seen beyond
/// it, as below a table or above a shelf.
fn may_end_the_room(surfaces: &[Placed], layer: &Layer, direction: Direction) -> bool {
    let (_, beyond) = on_and_beyond(surfaces, layer, direction);
    beyond as f64 <= MAX_BEYOND_LEVEL * surfaces.len() as f64
}

/// Points beyond a layer, as a share of those and of the points that are on it.
fn share_beyond(surfaces: &[Placed], layer: &Layer, direction: Direction) -> f64 {
    let (on, beyond) = on_and_beyond(surfaces, layer, direction);
    beyond as f64 / (on + beyond).max(1) as f64
}

/// How many points lie on a layer, and how many lie beyond it for certain.
fn on_and_beyond(surfaces: &[Placed], layer: &Layer, direction: Direction) -> (usize, usize) {
    let end = layer.offset + BEYOND.max(BEYOND_THICKNESSES * layer.thickness);
    let (mut on, mut beyond) = (0, 0);
    for patch in surfaces {
        let along = direction.along(&patch.point);
        on += usize::from((along - layer.offset).abs() < 1.5 * layer.thickness);
        beyond += usize::from(along > end);
    }
    (on, beyond)
}

/// The outermost layer that is not small beside the largest.
fn outermost<'a>(layers: &'a [Layer], parameters: &RoomLayoutParameters) -> Option<&'a Layer> {
    let largest = layers.iter().map(|layer| layer.area).fold(0.0, f64::max);
    let enough = (parameters.outermost * largest).max(parameters.least_area);
    layers.iter().rfind(|layer| layer.area >= enough)
}

/// m; infinite where there is no layer.
fn offsets(found: &[Option<(&Layer, f64)>; 6]) -> [f64; 6] {
    found.map(|side| side.map_or(f64::INFINITY, |(layer, _)| layer.offset))
}

/// Sides that are not in view, where they are likely to be: a little beyond
/// what is seen of the room; behind the camera, where a room of usual length
/// ends; a ceiling or floor at the usual height from the other.
fn filled(
    surfaces: &[Placed],
    mut offsets: [f64; 6],
    parameters: &RoomLayoutParameters,
) -> [f64; 6] {
    let inside = |patch: &&Placed| {
        let mut sides = (0..6).map(Direction);
        sides.all(|side| side.along(&patch.point) < offsets[side.0] + SLACK)
    };
    let mut kept: Vec<&Placed> = surfaces.iter().filter(inside).collect();
    if kept.len() < MIN_INSIDE {
        kept = surfaces.iter().collect();
    }
    let reach = |side: usize| {
        let mut along: Vec<f64> = (kept.iter())
            .map(|patch| Direction(side).along(&patch.point))
            .collect();
        let index = (0.98 * along.len().saturating_sub(1) as f64) as usize;
        *along.select_nth_unstable_by(index, f64::total_cmp).1
    };
    let (high, low) = (offsets[4], offsets[5]);
    for side in [0, 2, 3] {
        if !offsets[side].is_finite() {
            offsets[side] = reach(side).max(0.0) + parameters.usual_margin;
        }
    }
    if !offsets[1].is_finite() {
        let rest = parameters.usual_length - offsets[0];
        offsets[1] = reach(1).max(rest).max(MIN_BEHIND);
    }
    for (side, other) in [(4, low), (5, high)] {
        if !offsets[side].is_finite() {
            let usual = match other.is_finite() {
                true => parameters.usual_height - other,
                false => MIN_OFFSET,
            };
            offsets[side] = reach(side).max(usual).max(MIN_OFFSET);
        }
    }
    offsets
}
