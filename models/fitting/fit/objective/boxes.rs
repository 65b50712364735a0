//! Boxes as maps: centres as peaks of a heat map per class, and beside each cell the box
//! whose centre it is (Zhou, Wang and Krähenbühl, Objects as Points, arXiv 1904.07850, 2019).
//!
//! Labels are planes on the output's grid: a heat map per class, NaN where nothing is held
//! against the net; the offset of the box's middle from the cell's, in cells; the natural
//! logarithms of the box's width and height in cells; and the weight of the cell, 0 where
//! no box is learnt. The net's numbers are the same planes without the last, heat maps as
//! logits.

use super::super::kernels::Grid;
use super::decoding::sigmoid;
use crate::dataset::{BOX_NUMBERS, Label, ObjectBox, area};
use crate::quality::{BoxMatch, FoundBox, counts, intersection_over_union, match_boxes};

/// Classes that are looked for, of those that a data set names: what a robot fetches, where
/// it stands, and what it drives by and through.
pub(crate) const DETECTED: [&str; 20] = [
    "can",
    "cup",
    "bottle",
    "bowl",
    "fruit",
    "laptop",
    "plant",
    "lamp",
    "television",
    "fridge",
    "stove",
    "sink",
    "table",
    "chair",
    "sofa",
    "bed",
    "wardrobe",
    "toilet",
    "bathtub",
    "door",
];
/// Planes of a box: offset and size.
pub(crate) const BOX_PLANES: usize = 4;
/// Rows of the output.
pub(crate) const ROWS: usize = 48;
/// Least score of a row; others have 0.
pub(crate) const LEAST_SCORE: f32 = 0.1;
/// Greatest intersection over union of two rows of a class; beyond, the lesser has score 0.
pub(crate) const MOST_OVERLAP: f32 = 0.5;
/// Bounds of the logarithms of width and height in cells.
pub(crate) const LOG_CELLS: (f32, f32) = (-2.0, 5.0);
/// Side of a cell in px of the encoder's input.
pub(crate) const CELL_PX: f32 = 4.0;
/// From px counted from the picture's edge to those of the task, in which the first pixel's
/// middle is 0.
pub(crate) const FIRST_MIDDLE: f32 = 0.5;
/// Boxes whose longer side is less are neither shown to the net nor held against it, cells.
const LEAST_CELLS: f64 = 2.0;
/// Standard deviation of a centre's Gaussian, as a share of the box's side: 0.54 / 6 (Liu
/// et al., Training-Time-Friendly Network, AAAI 2020); and the least one, cells.
const SPREAD: f32 = 0.09;
const LEAST_SPREAD: f32 = 0.3;
/// Height of the Gaussian from which on a cell learns the box.
const LEARNS_BOX: f32 = 0.35;
/// Logit that heat maps begin with: a score of 0.018, as the share of centres among cells
/// is small.
pub(crate) const FIRST_LOGIT: f32 = -4.0;
/// Weight of the boxes' loss beside that of the heat maps.
const BOX_WEIGHT: f32 = 0.5;
/// Score from which on a row counts in [`error`].
const COUNTED_SCORE: f32 = 0.3;

/// The planes of a label of boxes in cells of `grid`.
pub(super) fn encode(label: &Label, classes: usize, grid: Grid) -> Vec<f32> {
    let cells = grid.cells();
    let mut planes = vec![0.0; (classes + BOX_PLANES + 1) * cells];
    let mut objects: Vec<ObjectBox> = label
        .objects()
        .filter(|object| object.class < classes)
        .collect();
    // The smallest last, so that it owns its cells.
    objects.sort_by(|a, b| area(b.corners).total_cmp(&area(a.corners)));
    // What is not held against the net first: a peak within it still counts.
    for object in objects.iter().filter(|object| is_left_out(object)) {
        leave_out(object, grid, &mut planes);
    }
    for object in objects.iter().filter(|object| !is_left_out(object)) {
        add_centre(object, (classes, grid), &mut planes);
    }
    planes
}

fn is_left_out(object: &ObjectBox) -> bool {
    !counts(object, LEAST_CELLS)
}

fn leave_out(object: &ObjectBox, grid: Grid, planes: &mut [f32]) {
    let [x0, y0, x1, y1] = object.corners.map(|side| side.max(0.0));
    let heat = &mut planes[object.class * grid.cells()..][..grid.cells()];
    for row in y0 as usize..(y1.ceil() as usize).min(grid.height) {
        for column in x0 as usize..(x1.ceil() as usize).min(grid.width) {
            heat[row * grid.width + column] = f32::NAN;
        }
    }
}

fn add_centre(object: &ObjectBox, (classes, grid): (usize, Grid), planes: &mut [f32]) {
    let cells = grid.cells();
    let [x0, y0, x1, y1] = object.corners;
    let (width, height) = ((x1 - x0).max(0.1), (y1 - y0).max(0.1));
    let (x, y) = ((x0 + x1) / 2.0, (y0 + y1) / 2.0);
    let (column, row) = (
        (x.max(0.0) as usize).min(grid.width - 1),
        (y.max(0.0) as usize).min(grid.height - 1),
    );
    let spread = |side: f32| (SPREAD * side).max(LEAST_SPREAD);
    let (across, down) = (spread(width), spread(height));
    let bump = |c: usize, r: usize| {
        let (u, v) = (c as f32 - column as f32, r as f32 - row as f32);
        (-(u / across).powi(2) / 2.0 - (v / down).powi(2) / 2.0).exp()
    };
    let places = (0..grid.height).flat_map(|r| (0..grid.width).map(move |c| (c, r)));
    let all = places.map(|(c, r)| (c, r, bump(c, r)));
    // Small and large boxes weigh alike.
    let sum: f32 = (all.clone())
        .map(|(.., bump)| bump)
        .filter(|bump| *bump >= LEARNS_BOX)
        .sum();
    for (c, r, bump) in all {
        let at = r * grid.width + c;
        let heat = &mut planes[object.class * cells + at];
        // Beside what is left out only what is clearly this centre's is learnt.
        if !heat.is_nan() || bump >= LEARNS_BOX {
            *heat = heat.max(bump);
        }
        if bump >= LEARNS_BOX {
            let numbers = [
                x - c as f32 - 0.5,
                y - r as f32 - 0.5,
                width.ln(),
                height.ln(),
                bump / sum,
            ];
            for (plane, number) in numbers.into_iter().enumerate() {
                planes[(classes + plane) * cells + at] = number;
            }
        }
    }
}

/// The loss of one frame and its gradient, which is added to.
///
/// Heat maps: the penalty-reduced focal loss with exponents 2 and 4 (Law and Deng,
/// CornerNet, ECCV 2018, equation 1). Boxes: the distances of the middle as shares of the
/// box's sides and of the logarithms of the sides. Both over the number of boxes.
pub(super) fn loss(
    output: &[f32],
    label: &[f32],
    (classes, grid): (usize, Grid),
    gradient: &mut [f32],
) -> f32 {
    let cells = grid.cells();
    let (heat, rest) = label.split_at(classes * cells);
    let peaks = heat.iter().filter(|heat| **heat == 1.0).count();
    let share = 1.0 / peaks.max(1) as f32;
    let mut loss = 0.0;
    for ((logit, heat), gradient) in output.iter().zip(heat).zip(&mut *gradient) {
        if heat.is_nan() {
            continue;
        }
        let p = sigmoid(*logit);
        // ln p and ln (1 - p), also where p is 0 or 1 in single precision.
        let soft = (-logit.abs()).exp().ln_1p();
        let (log_p, log_rest) = (logit.min(0.0) - soft, -logit.max(0.0) - soft);
        if *heat == 1.0 {
            loss -= share * (1.0 - p).powi(2) * log_p;
            *gradient += share * (1.0 - p).powi(2) * (2.0 * p * log_p - (1.0 - p));
        } else {
            let weight = share * (1.0 - heat).powi(4);
            loss -= weight * p * p * log_rest;
            *gradient += weight * p * p * (p - 2.0 * (1.0 - p) * log_rest);
        }
    }
    let at = |planes: &[f32], plane: usize, cell: usize| planes[plane * cells + cell];
    for cell in 0..cells {
        let weight = share * BOX_WEIGHT * at(rest, BOX_PLANES, cell);
        if weight == 0.0 {
            continue;
        }
        let size = [2, 3].map(|plane| at(rest, plane, cell).exp());
        for plane in 0..BOX_PLANES {
            let scale = match plane {
                0 | 1 => 1.0 / size[plane],
                _ => 1.0,
            };
            let error = at(output, classes + plane, cell) - at(rest, plane, cell);
            let (absolute, direction) = super::loss::round_abs(scale * error);
            loss += weight * absolute;
            gradient[(classes + plane) * cells + cell] += weight * scale * direction;
        }
    }
    loss
}

/// Rows of the task from the net's numbers: peaks that no neighbour exceeds, the best of
/// them, without those that a better one of their class overlaps (fast NMS: Bolya et al.,
/// YOLACT, ICCV 2019, section 3.3).
pub(super) fn decode(output: &[f32], classes: usize, grid: Grid) -> Vec<f32> {
    let cells = grid.cells();
    let scores: Vec<f32> = (output[..classes * cells].iter())
        .map(|x| sigmoid(*x))
        .collect();
    let is_peak = |index: usize| {
        let (plane, cell) = (index / cells * cells, index % cells);
        let (row, column) = (cell / grid.width, cell % grid.width);
        let rows = row.saturating_sub(1)..(row + 2).min(grid.height);
        rows.into_iter().all(|r| {
            let columns = column.saturating_sub(1)..(column + 2).min(grid.width);
            columns
                .into_iter()
                .all(|c| scores[index] >= scores[plane + r * grid.width + c])
        })
    };
    // Those of a lesser score become rows of score 0, so they need not be sorted; rows that
    // no peak takes are left out.
    let peaks = scores.iter().enumerate();
    let mut peaks: Vec<(usize, f32)> = peaks
        .filter(|(index, score)| **score >= LEAST_SCORE && is_peak(*index))
        .map(|(index, score)| (index, *score))
        .collect();
    // As the operator TopK has it: of equal scores the first.
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    peaks.truncate(rows(classes, grid));
    let mut found = Vec::with_capacity(peaks.len() * BOX_NUMBERS);
    for (index, score) in &peaks {
        let (class, cell) = (index / cells, index % cells);
        let of = |plane: usize| output[(classes + plane) * cells + cell];
        let x = (cell % grid.width) as f32 + 0.5 + of(0);
        let y = (cell / grid.width) as f32 + 0.5 + of(1);
        let half = |log: f32| log.clamp(LOG_CELLS.0, LOG_CELLS.1).exp() / 2.0;
        let (across, down) = (half(of(2)), half(of(3)));
        let corners = [x - across, y - down, x + across, y + down];
        found.extend(corners.map(|side| side * CELL_PX - FIRST_MIDDLE));
        found.extend([class as f32, *score]);
    }
    let kept: Vec<f32> = (0..peaks.len()).map(|at| kept_score(&found, at)).collect();
    for (row, score) in found.chunks_exact_mut(BOX_NUMBERS).zip(kept) {
        row[5] = score;
    }
    found
}

/// Rows of an output of so many classes on a grid.
pub(crate) fn rows(classes: usize, grid: Grid) -> usize {
    ROWS.min(classes * grid.cells())
}

/// The score of a row, 0 where a row before it takes its place.
fn kept_score(rows: &[f32], at: usize) -> f32 {
    let row = |at: usize| &rows[at * BOX_NUMBERS..(at + 1) * BOX_NUMBERS];
    let own = row(at);
    let corners = |row: &[f32]| [row[0], row[1], row[2], row[3]];
    let hidden = (0..at).map(row).any(|better| {
        better[4] == own[4]
            && intersection_over_union(corners(better), corners(own)) > f64::from(MOST_OVERLAP)
    });
    match hidden {
        true => 0.0,
        false => own[5],
    }
}

/// Misses and false alarms, and those with hits: rows of at least 0.3, matched as AP50 has
/// it ([`match_boxes`]). Rows in what is left out do not count.
pub(super) fn error(rows: &[f32], label: &[f32], (classes, grid): (usize, Grid)) -> (f64, f64) {
    let objects = true_boxes(label, (classes, grid));
    let mut found = FoundBox::of_rows(rows);
    found.retain(|found| found.score >= COUNTED_SCORE);
    let is_left_out = |found: &FoundBox| {
        let [x0, y0, x1, y1] = found.corners;
        let middle = [(x0 + x1) / 2.0, (y0 + y1) / 2.0];
        let [column, line] = middle.map(|px| ((px + FIRST_MIDDLE) / CELL_PX).max(0.0) as usize);
        let at = line.min(grid.height - 1) * grid.width + column.min(grid.width - 1);
        label[found.class * grid.cells() + at].is_nan()
    };
    let (mut hits, mut alarms) = (0, 0);
    // What is small was left out of the label, so all of it counts.
    for (found, matched) in found.iter().zip(match_boxes(&objects, &found, 0.0)) {
        match matched {
            BoxMatch::Hit(_) => hits += 1,
            BoxMatch::Alarm if !is_left_out(found) => alarms += 1,
            BoxMatch::Alarm | BoxMatch::Uncounted => {}
        }
    }
    let misses = objects.len() - hits;
    ((misses + alarms) as f64, (misses + alarms + hits) as f64)
}

/// Every box of a label that is learnt, px of the encoder's input, in which the first
/// pixel's middle is 0.
fn true_boxes(label: &[f32], (classes, grid): (usize, Grid)) -> Vec<ObjectBox> {
    let cells = grid.cells();
    let heat = label[..classes * cells].iter().enumerate();
    heat.filter(|(_, heat)| **heat == 1.0)
        .map(|(index, _)| {
            let (class, cell) = (index / cells, index % cells);
            let of = |plane: usize| label[(classes + plane) * cells + cell];
            let x = (cell % grid.width) as f32 + 0.5 + of(0);
            let y = (cell / grid.width) as f32 + 0.5 + of(1);
            let (across, down) = (of(2).exp() / 2.0, of(3).exp() / 2.0);
            let corners = [x - across, y - down, x + across, y + down];
            ObjectBox::new(corners.map(|side| side * CELL_PX - FIRST_MIDDLE), class)
        })
        .collect()
}

/// Biases of the last layer that begin near the labels: few centres, boxes of usual size.
pub(super) fn first_biases<'a>(
    labels: impl Iterator<Item = &'a [f32]>,
    (classes, cells): (usize, usize),
) -> Vec<f32> {
    let mut biases = vec![FIRST_LOGIT; classes];
    let mut sums = [(0.0, 0.0); BOX_PLANES];
    for label in labels {
        let rest = &label[classes * cells..];
        for cell in 0..cells {
            let weight = f64::from(rest[BOX_PLANES * cells + cell]);
            for (plane, sum) in sums.iter_mut().enumerate() {
                let value = f64::from(rest[plane * cells + cell]);
                *sum = (sum.0 + weight * value, sum.1 + weight);
            }
        }
    }
    biases.extend(sums.map(|(sum, weight)| (sum / f64::max(weight, 1e-6)) as f32));
    biases
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_models::rng::Rng;

    const GRID: Grid = Grid {
        height: 12,
        width: 16,
    };

    fn object(corners: [f32; 4], class: usize) -> ObjectBox {
        ObjectBox::new(corners, class)
    }

    /// The net's numbers for a label's planes: sure of every peak.
    fn perfect(label: &[f32], classes: usize) -> Vec<f32> {
        let cells = GRID.cells();
        let (heat, rest) = label.split_at(classes * cells);
        let logit = |heat: &f32| if *heat == 1.0 { 4.0 } else { -6.0 };
        let boxes = rest[..BOX_PLANES * cells].iter().copied();
        heat.iter().map(logit).chain(boxes).collect()
    }

    #[test]
    fn boxes_come_back_from_the_planes_they_are_written_to() {
        // In cells; the last is too small to be learnt.
        let objects = [
            object([1.0, 2.0, 6.5, 4.0], 1),
            object([8.0, 1.0, 15.0, 11.0], 0),
            object([2.0, 8.0, 3.0, 9.5], 1),
        ];
        let label = Label::of_objects((16, 12), &objects);
        let planes = encode(&label, 2, GRID);
        assert_eq!(planes.len(), 7 * GRID.cells());
        let rows = decode(&perfect(&planes, 2), 2, GRID);
        let found: Vec<&[f32]> = rows.chunks_exact(6).filter(|row| row[5] > 0.0).collect();
        assert_eq!(found.len(), 2);
        for (row, object) in found.iter().zip([objects[1], objects[0]]) {
            assert_eq!(row[4] as usize, object.class);
            for (found, wanted) in row.iter().zip(object.corners) {
                assert!((found - (4.0 * wanted - 0.5)).abs() < 1e-3, "{row:?}");
            }
        }
        assert_eq!(error(&rows, &planes, (2, GRID)), (0.0, 2.0));
        assert_eq!(error(&[], &planes, (2, GRID)), (2.0, 2.0));
        // Where a box is too small, a row is neither hit nor alarm; elsewhere it is one.
        let with = |u: f32, v: f32| [u, v, u + 4.0, v + 6.0, 1.0, 0.9];
        assert_eq!(error(&with(8.0, 33.0), &planes, (2, GRID)), (2.0, 2.0));
        assert_eq!(error(&with(8.0, 2.0), &planes, (2, GRID)), (3.0, 3.0));
    }

    #[test]
    fn of_two_rows_of_one_class_on_one_place_the_better_stays() {
        let cells = GRID.cells();
        let mut output = vec![-9.0; 2 * cells];
        output.extend(vec![0.0; 2 * cells]);
        output.extend(vec![6.0_f32.ln(); 2 * cells]);
        let at = |class: usize, row: usize, column: usize| class * cells + row * 16 + column;
        output[at(0, 5, 5)] = 2.0;
        // Two cells on: boxes of 6 cells overlap by 4 / 8.
        output[at(0, 5, 7)] = 1.0;
        output[at(0, 6, 6)] = 0.5;
        output[at(1, 5, 6)] = 1.5;
        let rows = decode(&output, 2, GRID);
        let kept: Vec<(usize, f32)> = (rows.chunks_exact(6))
            .filter(|row| row[5] > 0.0)
            .map(|row| (row[4] as usize, row[0]))
            .collect();
        // A neighbour of a higher peak is none; the other class is its own; half is allowed.
        assert_eq!(kept, [(0, 9.5), (1, 13.5), (0, 17.5)]);
    }

    #[test]
    fn the_loss_is_that_of_a_hand_computed_case() {
        // One class, two cells: a centre, and half its height beside it. The net says 0.5
        // everywhere; of the box, the middle is 0.3 of a cell off in x of 2, and the
        // logarithm of the width by 0.1.
        let grid = Grid::new(1, 2);
        let (ln_2, ln_4) = (2.0_f32.ln(), 4.0_f32.ln());
        let label = [1.0, 0.5, 0.1, 0.0, 0.0, 0.0, ln_2, 0.0, ln_4, 0.0, 1.0, 0.0];
        let output = [0.0, 0.0, 0.4, 9.0, 0.0, 9.0, ln_2 + 0.1, 9.0, ln_4, 9.0];
        let mut gradient = [0.0; 10];
        let found = loss(&output, &label, (1, grid), &mut gradient);
        // (1 - p)^2 ln 2, and (1 - 0.5)^4 p^2 ln 2.
        let heat = 0.25 * ln_2 + 0.0625 * 0.25 * ln_2;
        // Half of round_abs(0.15) + round_abs(0.1), of 0.02.
        let boxes = 0.5 * (0.022_9_f32.sqrt() + 0.010_4_f32.sqrt() - 0.04);
        assert!((found - (heat + boxes)).abs() < 1e-6, "{found}");
        // (1 - p)^2 (2 p ln p - (1 - p)).
        assert!((gradient[0] - 0.25 * (-ln_2 - 0.5)).abs() < 1e-6);
        // Half, times the scale of half, times x / sqrt(x^2 + 0.02^2).
        assert!((gradient[2] - 0.25 * 0.15 / 0.022_9_f32.sqrt()).abs() < 1e-6);
        assert_eq!(gradient[3], 0.0, "no box is learnt there");
    }

    #[test]
    fn gradients_are_those_of_small_steps_and_what_is_left_out_teaches_nothing() {
        let hidden = ObjectBox {
            ignored: true,
            ..object([10.0, 6.0, 14.0, 10.0], 1)
        };
        let objects = [object([1.0, 2.0, 6.5, 4.0], 1), hidden];
        let planes = encode(&Label::of_objects((16, 12), &objects), 2, GRID);
        let mut rng = Rng::from_seed(3);
        let mut output: Vec<f32> = (0..6 * GRID.cells()).map(|_| rng.normal()).collect();
        let mut gradient = vec![0.0; output.len()];
        let form = (2, GRID);
        loss(&output, &planes, form, &mut gradient);
        let inside = GRID.cells() + 8 * 16 + 12;
        assert!(planes[inside].is_nan());
        assert_eq!(gradient[inside], 0.0);
        let mut spare = vec![0.0; output.len()];
        let mut moved = 0;
        for at in 0..output.len() {
            let kept = output[at];
            let mut of = |value: f32| {
                output[at] = value;
                loss(&output, &planes, form, &mut spare)
            };
            let found = (of(kept + 2e-3) - of(kept - 2e-3)) / 4e-3;
            of(kept);
            moved += usize::from(gradient[at].abs() > 0.01);
            // Of a sum of hundreds of terms in single precision.
            let tolerance = 0.03 + 0.02 * gradient[at].abs();
            assert!(
                (found - gradient[at]).abs() < tolerance,
                "{at}: {found} but {}",
                gradient[at]
            );
        }
        assert!(moved > 50, "{moved} numbers are taught");
    }
}
