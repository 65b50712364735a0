//! A picture of what was evaluated: rows of input, truth, output and error.

use std::path::Path;

use concert_fitting::dataset::{Label, LabelKind};
use concert_models::Image;
use concert_policies::OutputKind;
use concert_policies::document::WriteError;
use concert_runtime::Output;

use super::tally::Compared;
use super::{boxes, room};
use crate::draw::{Canvas, Legend, Rgb, label_colour, turbo};

/// Width of one picture of the sheet, px.
const CELL: usize = 240;
/// Height of a line of text, px.
const HEAD: usize = 14;
/// Most frames on a sheet.
const FRAMES: usize = 8;
/// Error that is shown in the brightest colour: share of the true depth, and
/// degrees for normals.
pub(super) const DEPTH_ERROR: f32 = 0.5;
const NORMAL_ERROR_DEG: f32 = 60.0;

/// Rows of pictures.
pub(super) struct Sheet {
    rows: Vec<Canvas>,
    every: usize,
    seen: usize,
    /// Least longer side of a box that counts, px.
    min_pixels: f64,
}

impl Sheet {
    /// A sheet of some of so many frames, whose boxes count from so many px on.
    pub(super) fn new(total: usize, min_pixels: f64) -> Self {
        Self {
            rows: Vec::new(),
            every: total.div_ceil(FRAMES).max(1),
            seen: 0,
            min_pixels,
        }
    }

    /// Counts the next frame; true where it is to be shown.
    pub(super) fn wants_next(&mut self) -> bool {
        self.seen += 1;
        (self.seen - 1).is_multiple_of(self.every)
    }

    /// Adds a row for one target of a frame; what has no value per pixel and is
    /// no room is left out.
    pub(super) fn add(&mut self, frame: &str, image: &Image, one: &Compared, output: &Output) {
        let task = output.origin.task;
        let [truth, said, off] = if task.output == OutputKind::RoomLayout {
            let Some(pictures) = room::pictures(image, &one.truth.values, output) else {
                return;
            };
            pictures
        } else if one.truth.kind == LabelKind::Boxes {
            boxes::pictures(image, one, &output.origin.labels, self.min_pixels)
        } else if matches!(one.truth.kind, LabelKind::Whole) || one.truth.width < 2 {
            return;
        } else {
            let range = range(&one.truth);
            let said = Label {
                values: one.predicted.clone(),
                ..one.truth.clone()
            };
            let off = error(&one.truth, &one.predicted, range);
            [map(&one.truth, range), map(&said, range), off]
        };
        let pictures = [
            ("input", Canvas::of(image)),
            ("truth", truth),
            ("output", said),
            ("error", off),
        ];
        let measure = one.measures.values.first();
        let measure = measure.map(|(name, value)| format!("{name} {value:.3}"));
        let title = format!("{frame} {} {}", task.name, measure.unwrap_or_default());
        let mut row: Option<Canvas> = None;
        for (name, picture) in pictures {
            let height = (CELL * picture.height() / picture.width().max(1)).max(1);
            let mut cell = Canvas::new(CELL + 2, height + 2 * HEAD, [16, 16, 24]);
            cell.paste(&picture.resized(CELL, height), 0, 2 * HEAD);
            cell.text(2, HEAD as i64 + 3, 1, [150, 150, 150], name);
            row = Some(row.map_or_else(|| cell.clone(), |row| row.beside(&cell)));
        }
        if let Some(mut row) = row {
            row.text(2, 3, 1, [230, 230, 230], &title);
            self.rows.push(row.above_classes(&legend(one, output)));
        }
    }

    /// Writes the rows below each other; nothing where there are none.
    pub(super) fn write(&self, path: &Path) -> Result<bool, WriteError> {
        let Some(width) = self.rows.iter().map(Canvas::width).max() else {
            return Ok(false);
        };
        let height = self.rows.iter().map(Canvas::height).sum();
        let mut sheet = Canvas::new(width, height, [16, 16, 24]);
        let mut top = 0;
        for row in &self.rows {
            sheet.paste(row, 0, top);
            top += row.height();
        }
        sheet.write_png(path).map(|()| true)
    }
}

/// The meaning of the colours of a row of classes, the largest of truth and output
/// first.
fn legend(one: &Compared, output: &Output) -> Legend {
    if one.truth.kind != LabelKind::Class {
        return Legend::None;
    }
    let both = one.truth.plane(0).iter().chain(&one.predicted).copied();
    let labels = &output.origin.labels;
    Legend::of_classes(both, |at| labels.get(at).map(String::as_str))
}

/// From the 2nd to the 98th of 100 known values.
fn range(label: &Label) -> (f32, f32) {
    let known = label
        .plane(0)
        .iter()
        .step_by(7)
        .copied()
        .filter(|value| value.is_finite());
    let mut known: Vec<f32> = known.collect();
    known.sort_by(f32::total_cmp);
    match known.len().checked_sub(1) {
        Some(last) if known[last - last / 50] > known[last / 50] => {
            (known[last / 50], known[last - last / 50])
        }
        _ => (0.0, 1.0),
    }
}

fn paint(label: &Label, colour: impl Fn(usize) -> Rgb) -> Canvas {
    let mut canvas = Canvas::new(label.width, label.height, [0; 3]);
    for pixel in 0..label.width * label.height {
        let (u, v) = (pixel % label.width, pixel / label.width);
        canvas.set(u as i64, v as i64, colour(pixel));
    }
    canvas
}

fn map(label: &Label, (low, high): (f32, f32)) -> Canvas {
    let plane = label.plane(0);
    match label.kind {
        LabelKind::Class => paint(label, |pixel| match plane[pixel].is_nan() {
            true => [40; 3],
            false => label_colour(plane[pixel].max(0.0) as usize),
        }),
        LabelKind::Normal => paint(label, |pixel| {
            let byte = |axis: usize| (label.plane(axis)[pixel] + 1.0) * 127.5;
            // NaN becomes black.
            [0, 1, 2].map(|axis| byte(axis) as u8)
        }),
        _ if label.channels == 3 => paint(label, |pixel| {
            [0, 1, 2].map(|axis| (label.plane(axis)[pixel] * 255.0) as u8)
        }),
        _ => paint(label, |pixel| turbo((plane[pixel] - low) / (high - low))),
    }
}

fn error(truth: &Label, predicted: &[f32], (low, high): (f32, f32)) -> Canvas {
    let count = truth.width * truth.height;
    let t = truth.plane(0);
    match truth.kind {
        LabelKind::Class => paint(truth, |pixel| {
            match (t[pixel].is_nan(), t[pixel] == predicted[pixel]) {
                (true, _) => [40; 3],
                (_, true) => [30, 120, 60],
                (_, false) => [220, 60, 50],
            }
        }),
        LabelKind::Normal => paint(truth, |pixel| {
            let at = |axis: usize| axis * count + pixel;
            let dot: f32 = (0..3)
                .map(|axis| truth.values[at(axis)] * predicted[at(axis)])
                .sum();
            let length = (0..3)
                .map(|axis| predicted[at(axis)].powi(2))
                .sum::<f32>()
                .sqrt();
            let angle = (dot / length).clamp(-1.0, 1.0).acos().to_degrees();
            turbo(angle / NORMAL_ERROR_DEG)
        }),
        LabelKind::Depth => paint(truth, |pixel| {
            turbo((predicted[pixel] - t[pixel]).abs() / t[pixel] / DEPTH_ERROR)
        }),
        _ => paint(truth, |pixel| {
            turbo((predicted[pixel] - t[pixel]).abs() / (high - low))
        }),
    }
}
