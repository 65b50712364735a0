//! Boxes with class and score: on photographs, small for a terminal, in a few words.

use concert_runtime::Output;

use super::canvas::Canvas;
use super::colour::{Rgb, label_colour};
use super::legend::{ClassShare, Legend, class_name};

/// Least score of a box that is drawn or named: below, half are false alarms.
pub(crate) const LEAST_SCORE: f32 = 0.3;
/// Most boxes that are drawn, the best ones: a message may have any number of them.
const MAX_DRAWN: usize = 256;
/// Boxes that are named in a few words.
const NAMED: usize = 3;
/// Side of a letter, px, at scale 1.
const LETTER: i64 = 8;

/// A box to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DrawnBox {
    /// Top left and bottom right, px of the photograph, whose first pixel's middle is 0.
    pub(crate) corners: [[f64; 2]; 2],
    /// Name of its class.
    pub(crate) name: String,
    /// Of its frame, and of the ground of its name.
    pub(crate) colour: Rgb,
    /// 0..=1.
    pub(crate) score: f32,
}

impl DrawnBox {
    fn area(&self) -> f64 {
        let [[u0, v0], [u1, v1]] = self.corners;
        (u1 - u0).abs() * (v1 - v0).abs()
    }

    fn text(&self) -> String {
        format!("{} {:.2}", self.name, self.score)
    }
}

/// The boxes of an output whose score is worth a look, the best first.
pub(crate) fn boxes_of(output: &Output) -> Vec<DrawnBox> {
    let rows = output.values.chunks_exact(6);
    let sure = rows.filter(|row| row[5] >= LEAST_SCORE);
    best_first(sure.map(|row| {
        let corner = |u: usize, v: usize| {
            let pixel = [f64::from(row[u]), f64::from(row[v])];
            output.image_from_output.apply(pixel)
        };
        let class = row[4].max(0.0) as usize;
        DrawnBox {
            corners: [corner(0, 1), corner(2, 3)],
            name: class_name(&output.origin.labels, class),
            colour: label_colour(class),
            score: row[5],
        }
    }))
}

pub(super) fn best_first(boxes: impl Iterator<Item = DrawnBox>) -> Vec<DrawnBox> {
    let mut boxes: Vec<_> = boxes.filter(|one| one.score >= LEAST_SCORE).collect();
    boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
    boxes.truncate(MAX_DRAWN);
    boxes
}

/// Draws boxes on a photograph, the best on top: a frame with a dark rim, and above it (or
/// inside, at the picture's edge) the name and score on its colour.
pub(crate) fn draw_boxes(boxes: &[DrawnBox], canvas: &mut Canvas) {
    let scale = (canvas.width() / 480).clamp(1, 4) as i64;
    for one in boxes.iter().rev() {
        let [[u0, v0], [u1, v1]] = one.corners;
        for inset in 0..=scale + 1 {
            // The outermost is dark, so that a frame shows on any ground.
            let off = (inset - 1) as f64;
            let colour = if inset == 0 { [16, 16, 24] } else { one.colour };
            canvas.frame([u0 + off, v0 + off], [u1 - off, v1 - off], colour);
        }
    }
    // All names above all frames.
    for one in boxes.iter().rev() {
        draw_name(one, scale, canvas);
    }
}

fn draw_name(one: &DrawnBox, scale: i64, canvas: &mut Canvas) {
    let text = one.text();
    let width = (text.chars().count() as i64 * LETTER + 2) * scale;
    let height = (LETTER + 2) * scale;
    let [[u, v], _] = one.corners;
    let last = (canvas.width() as i64 - width).max(0);
    let left = (u as i64).clamp(0, last);
    let top = match v as i64 - height {
        above if above >= 0 => above,
        _ => (v as i64).clamp(0, (canvas.height() as i64 - height).max(0)),
    };
    canvas.rectangle_filled([left, top], [width, height], one.colour);
    canvas.text(left + scale, top + scale, scale, ink(one.colour), &text);
}

/// Black or white, whichever is read more easily on a colour (Rec. 601 luma).
fn ink([red, green, blue]: Rgb) -> Rgb {
    let luma = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if luma > 120_000 { [0; 3] } else { [255; 3] }
}

/// Boxes alone at an eighth of the photograph, and the names of their colours, the one
/// that covers most first.
pub(super) fn small_boxes(boxes: &[DrawnBox], mut canvas: Canvas) -> (Canvas, Legend) {
    let all = (canvas.width() * canvas.height()).max(1) as f64 * 64.0;
    let mut classes: Vec<ClassShare> = Vec::new();
    for one in boxes.iter().rev() {
        let [low, high] = one.corners.map(|corner| corner.map(|px| px / 8.0));
        canvas.frame(low, high, one.colour);
        let percent = (100.0 * one.area() / all).max(1.0) as f32;
        match classes.iter_mut().find(|class| class.name == one.name) {
            Some(class) => class.percent += percent,
            None => classes.push(ClassShare {
                colour: one.colour,
                name: one.name.clone(),
                percent,
            }),
        }
    }
    classes.sort_by(|a, b| b.percent.total_cmp(&a.percent));
    (canvas, Legend::Classes(classes))
}

/// The best boxes in a few words: `can 0.91, fridge 0.80, door 0.62 and 4 more`.
pub(super) fn note_of_boxes(boxes: &[DrawnBox]) -> String {
    if boxes.is_empty() {
        return "no box".to_owned();
    }
    let named: Vec<_> = boxes.iter().take(NAMED).map(DrawnBox::text).collect();
    match boxes.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, score: f32, corners: [[f64; 2]; 2]) -> DrawnBox {
        DrawnBox {
            corners,
            name: name.to_owned(),
            colour: label_colour(name.len()),
            score,
        }
    }

    #[test]
    fn the_best_boxes_are_named_and_the_others_counted() {
        let boxes = [
            ("can", 0.4),
            ("door", 0.9),
            ("cup", 0.1),
            ("bed", 0.5),
            ("sofa", 0.31),
        ];
        let boxes = boxes.map(|(name, score)| one(name, score, [[0.0; 2], [9.0; 2]]));
        let best = best_first(boxes.into_iter());
        assert_eq!(
            note_of_boxes(&best),
            "door 0.90, bed 0.50, can 0.40 and 1 more"
        );
        assert_eq!(note_of_boxes(&best[..1]), "door 0.90");
        assert_eq!(note_of_boxes(&[]), "no box");
    }

    #[test]
    fn of_a_flood_of_boxes_the_best_are_drawn() {
        let flood = (0..10_000).map(|at| {
            let score = 0.3 + 0.7 * (at as f32 / 10_000.0);
            one("can", score, [[f64::from(at); 2], [1e300, f64::INFINITY]])
        });
        let best = best_first(flood);
        assert_eq!(best.len(), MAX_DRAWN);
        assert!(best.iter().all(|one| one.score > 0.97));
        let mut canvas = Canvas::new(160, 120, [90; 3]);
        draw_boxes(&best, &mut canvas);
        small_boxes(&best, canvas);
    }

    #[test]
    fn a_box_has_a_frame_of_its_colour_and_its_name_on_it() {
        let mut canvas = Canvas::new(160, 120, [90; 3]);
        let can = one("can", 0.75, [[40.0, 50.0], [100.0, 100.0]]);
        draw_boxes(std::slice::from_ref(&can), &mut canvas);
        assert_eq!(canvas.get(70, 50), Some(can.colour));
        assert_eq!(canvas.get(70, 75), Some([90; 3]), "nothing is drawn inside");
        // The name's ground lies above the box.
        let ground = (40..110).filter(|u| canvas.get(*u, 40) == Some(can.colour));
        assert!(ground.count() > 50);
        let letters = (40..110).flat_map(|u| (40..50).map(move |v| (u, v)));
        let inked = letters.filter(|(u, v)| canvas.get(*u, *v) == Some(ink(can.colour)));
        assert!(inked.count() > 30);
        // At the picture's edges it stays inside.
        let mut canvas = Canvas::new(160, 120, [90; 3]);
        let wide = one("television", 0.75, [[150.0, 1.0], [159.0, 119.0]]);
        draw_boxes(std::slice::from_ref(&wide), &mut canvas);
        assert_eq!(canvas.get(159, 3), Some(wide.colour));
    }

    #[test]
    fn a_small_picture_shows_where_boxes_lie_and_names_their_colours() {
        let boxes = [
            one("can", 0.9, [[80.0, 80.0], [96.0, 104.0]]),
            one("fridge", 0.8, [[160.0, 0.0], [240.0, 200.0]]),
        ];
        let (canvas, legend) = small_boxes(&boxes, Canvas::new(40, 30, [0; 3]));
        assert_eq!(canvas.get(10, 10), Some(boxes[0].colour));
        assert_eq!(canvas.get(20, 12), Some(boxes[1].colour));
        assert_eq!(canvas.get(25, 12), Some([0; 3]));
        let Legend::Classes(classes) = legend else {
            panic!("no classes");
        };
        let names: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
        assert_eq!(names, ["fridge", "can"]);
    }
}
