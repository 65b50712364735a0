//! Pictures of boxes for the sheet: what is there, what was said, and where they differ.

use concert_fitting::dataset::{BOX_NUMBERS, ObjectBox};
use concert_fitting::quality::{BoxMatch, FoundBox, counts, match_boxes};
use concert_models::Image;
use concert_runtime::Output;

use super::tally::Compared;
use crate::draw::{Canvas, DrawnBox, LEAST_SCORE, Rgb, class_name, draw_boxes, label_colour};

const FOUND: Rgb = [60, 200, 90];
const MISSED: Rgb = [230, 70, 60];
const ALARM: Rgb = [240, 180, 40];

/// The true boxes that count, those of the output that are sure enough to be drawn, and the
/// misses (red), hits (green) and false alarms (yellow) among them, as AP50 has it.
pub(super) fn pictures(
    image: &Image,
    one: &Compared,
    labels: &[String],
    min_pixels: f64,
) -> [Canvas; 3] {
    let objects: Vec<ObjectBox> = one.truth.objects().collect();
    let mut found = FoundBox::of_rows(&one.predicted);
    found.retain(|found| found.score >= LEAST_SCORE);
    let matches = match_boxes(&objects, &found, min_pixels);
    let there = |at: usize, colour: Rgb| {
        let object = &objects[at];
        drawn(
            object.corners,
            class_name(labels, object.class),
            colour,
            1.0,
        )
    };
    let said = |one: &FoundBox, colour: Rgb| {
        drawn(
            one.corners,
            class_name(labels, one.class),
            colour,
            one.score,
        )
    };
    let counted = (0..objects.len()).filter(|at| counts(&objects[*at], min_pixels));
    let truth: Vec<DrawnBox> = (counted.clone())
        .map(|at| there(at, label_colour(objects[at].class)))
        .collect();
    let output: Vec<DrawnBox> = (found.iter())
        .map(|one| said(one, label_colour(one.class)))
        .collect();
    let is_found = |at: usize| matches.contains(&BoxMatch::Hit(at));
    let alarms = found.iter().zip(&matches);
    let alarms = alarms.filter(|(_, matched)| **matched == BoxMatch::Alarm);
    let compared: Vec<DrawnBox> = counted
        .map(|at| there(at, if is_found(at) { FOUND } else { MISSED }))
        .chain(alarms.map(|(one, _)| said(one, ALARM)))
        .collect();
    [&truth, &output, &compared].map(|boxes| {
        let mut canvas = Canvas::of(image);
        draw_boxes(boxes, &mut canvas);
        canvas
    })
}

/// A box to be drawn; labels count px from the image's edge, pictures from the middle of
/// the first pixel.
fn drawn(corners: [f32; 4], name: String, colour: Rgb, score: f32) -> DrawnBox {
    let [u0, v0, u1, v1] = corners.map(|px| f64::from(px) - 0.5);
    DrawnBox {
        corners: [[u0, v0], [u1, v1]],
        name,
        colour,
        score,
    }
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

#[cfg(test)]
mod tests {
    use concert_fitting::dataset::Label;
    use concert_fitting::quality::Measures;
    use concert_models::PixelFormat;

    use super::*;

    #[test]
    fn the_sheet_shows_what_the_measure_counts() {
        let object = |x: f32| ObjectBox::new([x, 20.0, x + 30.0, 60.0], 0);
        let hidden = ObjectBox {
            ignored: true,
            ..object(200.0)
        };
        let small = ObjectBox::new([300.0, 20.0, 308.0, 28.0], 0);
        let row = |x: f32, score: f32| [x, 20.0, x + 30.0, 60.0, 0.0, score];
        let one = Compared {
            truth: Label::of_objects((320, 240), &[object(20.0), object(120.0), hidden, small]),
            // A hit, a second box on the same object, what hits what does not count.
            predicted: [row(20.0, 0.9), row(22.0, 0.8), row(200.0, 0.7)].concat(),
            measures: Measures::default(),
        };
        let image = Image::packed(320, 240, PixelFormat::Rgb8, vec![90; 320 * 240 * 3]);
        let image = image.expect("an image");
        let [truth, _, compared] = pictures(&image, &one, &["can".to_owned()], 12.0);
        let has = |canvas: &Canvas, left: usize, colour: Rgb| {
            (left..left + 3).any(|u| canvas.get(u, 40) == Some(colour))
        };
        assert!(has(&compared, 19, FOUND) && has(&compared, 119, MISSED));
        // One object is hit once.
        assert!(has(&compared, 51, ALARM));
        assert!(!has(&compared, 199, ALARM) && !has(&truth, 199, label_colour(0)));
        assert!((298..312).all(|u| truth.get(u, 24) == Some([90; 3])));
    }
}
