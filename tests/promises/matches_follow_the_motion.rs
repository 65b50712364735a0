//! Keypoints lie on the image, and `point_matching` pairs frames t-1 and t.

use crate::common;

use std::time::Duration;

use crate::common::first_light::{Keep, frame, pipeline};
use concert_models::{Image, PixelFormat};
use concert_policies::Policy;
use concert_runtime::{Frame, Outcome, Timestamp};

const PERIOD: Duration = Duration::from_millis(100);

/// The window of `size` at (u, v) of an RGB image.
fn window(image: &Image, u: usize, v: usize, size: (usize, usize)) -> Image {
    let rows = (v..v + size.1).flat_map(|v| image.row(v)[3 * u..3 * (u + size.0)].to_vec());
    Image::packed(size.0, size.1, PixelFormat::Rgb8, rows.collect::<Vec<u8>>()).unwrap()
}

#[test]
fn a_window_moved_by_some_pixels_moves_its_matches_by_as_many() {
    let mut pipeline = pipeline(&Policy::shipped("first_light").unwrap());
    let whole = frame(
        0,
        &common::repository().join("tests/photographs/astronaut.jpg"),
    );
    let (du, dv) = (16usize, 8usize);
    let size = (384, 288);
    let at = |sequence: u64, u, v| Frame {
        sequence,
        stamp: Timestamp::from_nanos(sequence as i64 * 100_000_000),
        image: window(&whole.image, u, v, size),
        ..whole.clone()
    };
    let mut keep = Keep::default();
    let first = pipeline
        .step(0, &at(0, 60, 60), PERIOD, &mut keep)
        .outcomes
        .clone();
    assert!(
        first.contains(&Outcome::Warming),
        "the first frame has no past: {first:?}"
    );
    pipeline.step(0, &at(1, 60 + du, 60 + dv), PERIOD, &mut keep);
    let output = keep.newest("point_matching");
    assert_eq!(output.previous_stamp, Some(Timestamp::from_nanos(0)));
    let matches: Vec<&[f32]> = output
        .values
        .chunks_exact(5)
        .filter(|row| row[4] > 0.0)
        .collect();
    assert!(matches.len() >= 50, "only {} matches", matches.len());
    let right = matches.iter().filter(|row| {
        let (mu, mv) = (row[0] - row[2], row[1] - row[3]);
        (mu - du as f32).abs() <= 2.0 && (mv - dv as f32).abs() <= 2.0
    });
    let share = right.count() as f64 / matches.len() as f64;
    assert!(
        share > 0.8,
        "only {share:.2} of {} matches follow the motion",
        matches.len()
    );
}

#[test]
fn keypoints_lie_within_the_network_input() {
    let mut pipeline = pipeline(&Policy::shipped("first_light").unwrap());
    let mut keep = Keep::default();
    let photograph = common::repository().join("tests/photographs/chelsea.jpg");
    pipeline.step(0, &frame(0, &photograph), PERIOD, &mut keep);
    let output = keep.newest("keypoints2d");
    let points: Vec<&[f32]> = output
        .values
        .chunks_exact(3)
        .filter(|row| row[2] > 0.0)
        .collect();
    assert!(points.len() >= 50, "only {} keypoints", points.len());
    let [u, v] = output.image_from_output.apply([383.5, 287.5]);
    let (width, height) = output.image_size;
    assert!((u - (width as f64 - 0.5)).abs() < 1e-6 && (v - (height as f64 - 0.5)).abs() < 1e-6);
    for point in points {
        assert!(
            (0.0..384.0).contains(&point[0]) && (0.0..288.0).contains(&point[1]),
            "{point:?}"
        );
    }
}
