//! What each kind of output looks like.

use concert_models::{Affine2, Image};
use concert_policies::OutputKind;
use concert_runtime::Output;
use concert_runtime::wire::encode::MIN_SCORE;

use super::boxes::{boxes_of, draw_boxes, note_of_boxes, small_boxes};
use super::canvas::Canvas;
use super::colour::{hue, turbo};
use super::geometry;
use super::legend::{Legend, class_name};
use super::map::map;

/// Why an output cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DrawError {
    /// Lines from one frame to the next need both.
    #[error("{target} connects two frames, but there is 1")]
    NeedsPreviousFrame {
        /// The target.
        target: &'static str,
    },
    /// The tensor is not what its task says.
    #[error("output of {target} has {got} values of shape {shape:?}, which is no {kind}")]
    Shape {
        /// The target.
        target: &'static str,
        /// Values there are.
        got: usize,
        /// As the output declares it.
        shape: Vec<usize>,
        /// What it should be.
        kind: &'static str,
    },
}

/// The output drawn on the photograph that it was made from: points as dots,
/// matches as lines between the two frames, boxes as frames with names, maps beside
/// the photograph at its size (above the names of their classes), everything
/// else as text.
///
/// # Errors
/// A tensor of another shape than its task's, or matches without the frame
/// before.
pub(crate) fn on_photograph(
    output: &Output,
    frame: &Image,
    previous: Option<&Image>,
) -> Result<Canvas, DrawError> {
    let mut canvas = Canvas::of(frame);
    let target = output.origin.task.name;
    match output.origin.task.output {
        OutputKind::Dense { .. } | OutputKind::ClassMap => {
            let (map, legend) = map(output)?;
            let both = canvas.beside(&onto_frame(&map, output, frame));
            Ok(both.above_classes(&legend))
        }
        OutputKind::Points { columns } if columns.contains(&"u_previous") => {
            let previous = previous.ok_or(DrawError::NeedsPreviousFrame { target })?;
            Ok(matches(output, columns, &Canvas::of(previous), &canvas))
        }
        OutputKind::Points { columns } => {
            points(output, columns, &mut canvas);
            Ok(canvas)
        }
        OutputKind::Boxes2d => {
            draw_boxes(&boxes_of(output), &mut canvas);
            Ok(canvas)
        }
        OutputKind::RoomLayout => {
            geometry::room(output, &mut canvas, 1.0);
            canvas.caption(&lines(output));
            Ok(canvas)
        }
        OutputKind::Classes | OutputKind::Vector { .. } | OutputKind::Odometry => {
            canvas.caption(&lines(output));
            Ok(canvas)
        }
    }
}

/// What is said where no class is likely.
pub(super) const UNSURE: &str = "unsure";

/// A picture of the output alone, for a terminal, and what its colours mean:
/// maps in colour, points as dots and boxes as frames on black; `None` for outputs that are numbers
/// or names.
#[must_use]
pub(crate) fn picture_of(output: &Output) -> Option<(Canvas, Legend)> {
    match output.origin.task.output {
        OutputKind::Dense { .. } | OutputKind::ClassMap => map(output).ok(),
        OutputKind::Points { columns } => Some((small_points(output, columns)?, Legend::None)),
        OutputKind::RoomLayout => Some((small_room(output)?, Legend::None)),
        OutputKind::Boxes2d => Some(small_boxes(&boxes_of(output), small(output.image_size)?)),
        // Numbers and names stand in the row.
        OutputKind::Classes | OutputKind::Vector { .. } | OutputKind::Odometry => None,
    }
}

/// An eighth of the photograph: drawn small at once, for a dot of one pixel
/// survives no shrinking.
pub(super) fn small((width, height): (usize, usize)) -> Option<Canvas> {
    let sides = 1..=Image::MAX_SIDE;
    let is_sound = sides.contains(&width) && sides.contains(&height);
    is_sound.then(|| Canvas::new(width.div_ceil(8), height.div_ceil(8), [16, 16, 24]))
}

fn small_points(output: &Output, columns: &'static [&'static str]) -> Option<Canvas> {
    let mut canvas = small(output.image_size)?;
    for row in rows(output, columns) {
        let [u, v] = row.now(&output.image_from_output);
        canvas.set((u / 8.0) as i64, (v / 8.0) as i64, turbo(row.score));
    }
    Some(canvas)
}

fn small_room(output: &Output) -> Option<Canvas> {
    let mut canvas = small(output.image_size)?;
    geometry::room(output, &mut canvas, 0.125);
    Some(canvas)
}

/// The output in a few words: the likeliest class, how many points, from where
/// to where a map reaches.
#[must_use]
pub(crate) fn note_of(output: &Output) -> String {
    let task = output.origin.task;
    match task.output {
        OutputKind::Classes => lines(output).into_iter().next().unwrap_or_default(),
        OutputKind::Points { columns } => format!("{} points", rows(output, columns).count()),
        OutputKind::Boxes2d => note_of_boxes(&boxes_of(output)),
        OutputKind::Dense { .. } => {
            let finite = || output.values.iter().copied().filter(|x| x.is_finite());
            let low = finite().fold(f32::INFINITY, f32::min);
            let high = finite().fold(f32::NEG_INFINITY, f32::max);
            if low > high {
                return "nothing known".to_owned();
            }
            format!("{low:.2} to {high:.2} {}", task.unit)
                .trim_end_matches(" 1")
                .to_owned()
        }
        OutputKind::ClassMap => String::new(),
        OutputKind::RoomLayout => lines(output).into_iter().next().unwrap_or_default(),
        OutputKind::Vector { .. } | OutputKind::Odometry => lines(output).join(", "),
    }
}

/// A map at the size of the photograph, cell on the pixels it is about; what it
/// does not cover is black.
fn onto_frame(map: &Canvas, output: &Output, frame: &Image) -> Canvas {
    let mut canvas = Canvas::new(frame.width(), frame.height(), [0; 3]);
    let Some(output_from_image) = output.image_from_output.inverse() else {
        return canvas;
    };
    for v in 0..frame.height() {
        for u in 0..frame.width() {
            let [x, y] = output_from_image
                .apply([u as f64, v as f64])
                .map(f64::round);
            if x >= 0.0
                && y >= 0.0
                && let Some(colour) = map.get(x as usize, y as usize)
            {
                canvas.set(u as i64, v as i64, colour);
            }
        }
    }
    canvas
}

/// One row of a point output, pixels still of the network's input.
struct PointRow {
    now: [f64; 2],
    previous: [f64; 2],
    score: f32,
}

impl PointRow {
    fn now(&self, image_from_output: &Affine2) -> [f64; 2] {
        image_from_output.apply(self.now)
    }
}

/// The rows that hold a point: those with a score above 0.
fn rows<'a>(output: &'a Output, columns: &[&str]) -> impl Iterator<Item = PointRow> + 'a {
    let column = |name: &str| columns.iter().position(|column| *column == name);
    let [u, v, score] = ["u", "v", "score"].map(column);
    let [u0, v0] = ["u_previous", "v_previous"].map(column);
    let rows = output.values.chunks_exact(columns.len().max(1));
    rows.filter_map(move |row| {
        let at = |index: Option<usize>| index.map_or(f64::NAN, |index| f64::from(row[index]));
        let score = score.map_or(1.0, |score| row[score]);
        (score > 0.0).then(|| PointRow {
            now: [at(u), at(v)],
            previous: [at(u0), at(v0)],
            score,
        })
    })
}

fn points(output: &Output, columns: &[&str], canvas: &mut Canvas) {
    let radius = dot_radius(canvas);
    let mut rows: Vec<_> = rows(output, columns).collect();
    rows.sort_by(|a, b| a.score.total_cmp(&b.score));
    for row in rows {
        let at = row.now(&output.image_from_output);
        canvas.disc(at, radius + 1.0, [0; 3]);
        canvas.disc(at, radius, turbo(row.score));
    }
}

/// Both frames side by side, matches as lines whose colour tells their place.
fn matches(output: &Output, columns: &[&str], previous: &Canvas, now: &Canvas) -> Canvas {
    let mut both = previous.beside(now);
    let offset = previous.width() as f64;
    let size = |canvas: &Canvas| (canvas.width(), canvas.height());
    // The frame before may have had another size.
    let previous_from_now = Affine2::stretch(size(now), size(previous));
    let previous_from_output = previous_from_now.after(&output.image_from_output);
    let radius = dot_radius(now);
    for row in rows(output, columns) {
        let from = previous_from_output.apply(row.previous);
        let to = row.now(&output.image_from_output);
        let colour = hue((from[0] / offset.max(1.0)) as f32 * 0.8);
        let to = [to[0] + offset, to[1]];
        both.line(from, to, colour);
        both.disc(from, radius, colour);
        both.disc(to, radius, colour);
    }
    both
}

fn dot_radius(canvas: &Canvas) -> f64 {
    (canvas.width() as f64 / 320.0).clamp(1.0, 8.0)
}

fn label(output: &Output, class: usize) -> String {
    class_name(&output.origin.labels, class)
}

/// An output of names or numbers as lines: the three likeliest classes, that it
/// is unsure where none is likely, or each number with its name.
fn lines(output: &Output) -> Vec<String> {
    match output.origin.task.output {
        OutputKind::Classes => {
            let mut classes: Vec<_> = output.values.iter().copied().enumerate().collect();
            let score = |score: f32| score.max(f32::NEG_INFINITY);
            classes.sort_by(|a, b| score(b.1).total_cmp(&score(a.1)));
            if classes
                .first()
                .is_none_or(|best| best.1.is_nan() || best.1 < MIN_SCORE)
            {
                return vec![UNSURE.to_owned()];
            }
            let best = classes.iter().take(3);
            best.map(|(class, score)| format!("{} {score:.2}", label(output, *class)))
                .collect()
        }
        OutputKind::Vector { names, .. } => {
            let named = names.iter().zip(&output.values);
            named
                .map(|(name, value)| format!("{name} {value:.3}"))
                .collect()
        }
        OutputKind::Odometry => geometry::odometry_lines(output),
        OutputKind::RoomLayout => geometry::room_lines(output),
        OutputKind::Dense { .. }
        | OutputKind::ClassMap
        | OutputKind::Points { .. }
        | OutputKind::Boxes2d => {
            let values = output.values.iter().take(16);
            values.map(|value| format!("{value:.3}")).collect()
        }
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
