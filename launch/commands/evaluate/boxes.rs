//! Pictures of boxes for the sheet: what is there, what was said, and where they differ.

use concert_fitting::dataset::{BOX_NUMBERS, Label, ObjectBox};
use concert_fitting::quality::intersection_over_union;
use concert_models::Image;
use concert_runtime::Output;

use crate::draw::{Canvas, DrawnBox, Rgb, boxes_of, draw_boxes, label_colour};

/// Share of the union that makes a hit.
const HIT: f64 = 0.5;
const FOUND: Rgb = [60, 200, 90];
const MISSED: Rgb = [230, 70, 60];
const ALARM: Rgb = [240, 180, 40];

/// The true boxes that count, the output's, and the misses (red), hits (green) and false
/// alarms (yellow) among them.
pub(super) fn pictures(image: &Image, truth: &Label, output: &Output) -> [Canvas; 3] {
    let objects: Vec<ObjectBox> = truth.objects().filter(|object| !object.ignored).collect();
    let name = |class: usize| {
        let known = output.origin.labels.get(class).cloned();
        known.unwrap_or_else(|| format!("class {class}"))
    };
    let there: Vec<DrawnBox> = (objects.iter())
        .map(|object| drawn(object, name(object.class), label_colour(object.class)))
        .collect();
    let said = boxes_of(output);
    let hits = |a: &DrawnBox, b: &DrawnBox| {
        a.name == b.name && intersection_over_union(flat(a), flat(b)) >= HIT
    };
    let of_there = there.iter().map(|one| {
        let found = said.iter().any(|other| hits(one, other));
        (one, if found { FOUND } else { MISSED })
    });
    let alarms = said
        .iter()
        .filter(|one| !there.iter().any(|other| hits(one, other)));
    let compared: Vec<DrawnBox> = of_there
        .chain(alarms.map(|one| (one, ALARM)))
        .map(|(one, colour)| DrawnBox {
            colour,
            ..one.clone()
        })
        .collect();
    [&there, &said, &compared].map(|boxes| {
        let mut canvas = Canvas::of(image);
        draw_boxes(boxes, &mut canvas);
        canvas
    })
}

fn drawn(object: &ObjectBox, name: String, colour: Rgb) -> DrawnBox {
    let [x0, y0, x1, y1] = object.corners.map(f64::from);
    DrawnBox {
        corners: [[x0, y0], [x1, y1]],
        name,
        colour,
        score: 1.0,
    }
}

fn flat(one: &DrawnBox) -> [f32; 4] {
    let [[x0, y0], [x1, y1]] = one.corners;
    [x0, y0, x1, y1].map(|px| px as f32)
}

/// Rows of boxes with their corners in px of the image, counted from its edges as labels
/// are: the task's px have their origin in the middle of the first pixel.
pub(super) fn boxes_in_image(output: &Output) -> Vec<f32> {
    let mut rows = output.values.clone();
    for row in rows.chunks_exact_mut(BOX_NUMBERS) {
        for corner in row[..4].chunks_exact_mut(2) {
            let pixel = [f64::from(corner[0]), f64::from(corner[1])];
            let [u, v] = output.image_from_output.apply(pixel);
            (corner[0], corner[1]) = ((u + 0.5) as f32, (v + 0.5) as f32);
        }
    }
    rows
}
