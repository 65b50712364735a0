//! What a file computes, held to what was fitted.

use crate::dataset::BOX_NUMBERS;
use crate::fit::objective::boxes::LEAST_SCORE;

/// Furthest that the engine's output may lie from what was fitted, as a share
/// of the greatest number.
const TOLERANCE: f32 = 1e-4;
/// Furthest that the corner of a box may lie from where it was fitted, px.
const BOX_TOLERANCE_PX: f32 = 0.05;

/// The first number that is far from what was fitted, in words.
pub(super) fn difference(wanted: &[f32], found: &[f32]) -> Option<String> {
    let greatest = wanted.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
    let mut both = wanted.iter().zip(found).enumerate();
    let far = |(_, (wanted, found)): &(usize, (&f32, &f32))| {
        let near = (**wanted - **found).abs() <= TOLERANCE * greatest;
        !near
    };
    both.find(far).map(|(at, (wanted, found))| {
        format!("number {at} of the output is {found}, but was fitted as {wanted}")
    })
}

/// As [`difference`], for rows of boxes: two of nearly the same score may change places,
/// and one at the least score may be left out.
pub(super) fn different_boxes(wanted: &[f32], found: &[f32]) -> Option<String> {
    let rows = |rows: &'_ [f32]| -> Vec<[f32; BOX_NUMBERS]> {
        let (rows, _) = rows.as_chunks::<BOX_NUMBERS>();
        rows.iter().copied().filter(|row| row[5] > 0.0).collect()
    };
    let near = |a: &[f32; BOX_NUMBERS], b: &[f32; BOX_NUMBERS]| {
        let corners = (0..4).all(|at| (a[at] - b[at]).abs() <= BOX_TOLERANCE_PX);
        corners && a[4] == b[4] && (a[5] - b[5]).abs() <= 1e-3
    };
    let (wanted, found) = (rows(wanted), rows(found));
    let missing = |of: &[[f32; BOX_NUMBERS]], among: &[[f32; BOX_NUMBERS]]| {
        let sure = of.iter().filter(|row| row[5] > LEAST_SCORE + 1e-3);
        { sure }
            .find(|row| !among.iter().any(|other| near(row, other)))
            .copied()
    };
    if let Some(row) = missing(&wanted, &found) {
        return Some(format!("box {row:?} was fitted, but is not in the output"));
    }
    missing(&found, &wanted).map(|row| format!("box {row:?} of the output was not fitted"))
}
