//! Maps: an output with a value, or a class, for every cell of a grid.

use concert_policies::{OutputKind, Task};
use concert_runtime::Output;

use super::canvas::Canvas;
use super::colour::{label_colour, turbo};
use super::legend::Legend;
use super::output::DrawError;

/// What the colours of a map of normals mean, in the optical frame.
pub(super) const NORMALS: &str = "red right, green down";

/// A map in colour, at the output's own resolution.
pub(super) fn map(output: &Output) -> Result<(Canvas, Legend), DrawError> {
    let origin = &output.origin;
    let values = &output.values;
    map_of(origin.task, values, &origin.shape, &origin.labels)
}

/// The map of a task in colour, one pixel per cell, and what its colours mean;
/// `shape` is `[1, channels, height, width]`.
///
/// # Errors
/// Another shape, or one that `values` do not fill.
pub(crate) fn map_of(
    task: &'static Task,
    values: &[f32],
    shape: &[usize],
    labels: &[String],
) -> Result<(Canvas, Legend), DrawError> {
    let refuse = |kind| DrawError::Shape {
        target: task.name,
        got: values.len(),
        shape: shape.to_vec(),
        kind,
    };
    let &[1, channels, height, width] = shape else {
        return Err(refuse("map of shape [1, channels, h, w]"));
    };
    let area = height.checked_mul(width).filter(|area| *area > 0);
    let count = area.and_then(|area| area.checked_mul(channels));
    let Some(area) = area.filter(|_| count == Some(values.len()) && channels > 0) else {
        return Err(refuse("map that fills its shape"));
    };
    let plane = |channel: usize| &values[channel * area..(channel + 1) * area];
    let mut canvas = Canvas::new(width, height, [0; 3]);
    let mut paint = |colour: &dyn Fn(usize) -> [u8; 3]| {
        for cell in 0..area {
            canvas.set((cell % width) as i64, (cell / width) as i64, colour(cell));
        }
    };
    let legend = match (task.output, channels) {
        (OutputKind::ClassMap, _) => {
            let classes = classes(values, channels, area);
            paint(&|cell| label_colour(classes[cell].max(0.0) as usize));
            let name = |at: usize| labels.get(at).map(String::as_str);
            Legend::of_classes(classes.iter().copied(), name)
        }
        (_, 3) => {
            let signed = task.range.min < 0.0;
            let byte = |x: f32| if signed { (x + 1.0) * 127.5 } else { x * 255.0 };
            paint(&|cell| [0, 1, 2].map(|channel| byte(plane(channel)[cell]) as u8));
            match signed {
                true => Legend::Words(NORMALS),
                false => Legend::None,
            }
        }
        _ => {
            let (low, high) = bulk(plane(0));
            paint(&|cell| turbo((plane(0)[cell] - low) / (high - low)));
            let unit = task.unit;
            Legend::Scale { low, high, unit }
        }
    };
    Ok((canvas, legend))
}

/// The class of each cell: labels as they are, or the greatest of the scores.
fn classes(values: &[f32], channels: usize, area: usize) -> Vec<f32> {
    if channels == 1 {
        return values.to_vec();
    }
    let best = |cell: usize| {
        let score = |channel: &usize| values[channel * area + cell];
        (0..channels).max_by(|a, b| score(a).total_cmp(&score(b)))
    };
    (0..area)
        .map(|cell| best(cell).unwrap_or(0) as f32)
        .collect()
}

/// The range of the middle 96 of 100 finite values; never empty.
pub(crate) fn bulk(values: &[f32]) -> (f32, f32) {
    let mut sorted: Vec<_> = values.iter().copied().filter(|x| x.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return (0.0, 1.0);
    };
    let (low, high) = (sorted[last / 50], sorted[last - last / 50]);
    if high > low {
        (low, high)
    } else {
        (low, low + 1.0)
    }
}
