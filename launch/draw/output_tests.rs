use std::sync::Arc;
use std::time::Duration;

use concert_models::PixelFormat;
use concert_models::geometric::OutputFlags;
use concert_policies::Task;
use concert_runtime::{Hashes, OutputOrigin, StageTimes, Timestamp};

use super::super::colour::label_colour;
use super::super::map::NORMALS;
use super::*;

/// An output on a photograph of 64 × 48, from a network input of 32 × 24.
fn output(target: &str, shape: &[usize], values: Vec<f32>, labels: &[&str]) -> Output {
    let hashes = Hashes {
        policy_name: "test".into(),
        policy: "0".repeat(64),
        encoders: Vec::new(),
        readout: ("r".to_owned(), "0".repeat(64)),
    };
    Output {
        origin: Arc::new(OutputOrigin {
            task: Task::find(target).expect("a task"),
            camera: "front".into(),
            key: target.into(),
            shape: shape.to_vec(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            hashes: Arc::new(hashes),
        }),
        sequence: 0,
        frame_sequence: 1,
        stamp: Timestamp::from_nanos(1),
        previous_stamp: None,
        frame_id: "front_optical".into(),
        image_size: (64, 48),
        image_from_output: Affine2::stretch((32, 24), (64, 48)),
        intrinsics: None,
        uncalibrated: false,
        distorted: false,
        picture: None,
        unknown: false,
        flags: OutputFlags::default(),
        arrived: Duration::ZERO,
        times: StageTimes::default(),
        values,
    }
}

fn photograph() -> Image {
    let pixels: Vec<u8> = (0..64 * 48 * 3).map(|index| (index % 97) as u8).collect();
    Image::packed(64, 48, PixelFormat::Rgb8, pixels).expect("an image")
}

#[test]
fn a_point_lands_on_the_pixel_of_the_photograph_that_it_is_about() {
    let output = output(
        "keypoints2d",
        &[1, 2, 3],
        vec![10.0, 5.0, 1.0, 3.0, 3.0, 0.0],
        &[],
    );
    let canvas = on_photograph(&output, &photograph(), None).expect("a picture");
    // (10 + 0.5) * 2 - 0.5 = 20.5 and 10.5, rounded away from zero.
    assert_eq!(canvas.get(21, 11), Some(turbo(1.0)));
    let untouched = Canvas::of(&photograph());
    assert_eq!(
        canvas.get(7, 7),
        untouched.get(7, 7),
        "a row with score 0 is no point"
    );
    assert_eq!(note_of(&output), "1 points");
}

#[test]
fn matches_connect_the_frame_before_with_this_one() {
    let output = output(
        "point_matching",
        &[1, 1, 5],
        vec![4.0, 4.0, 20.0, 4.0, 0.9],
        &[],
    );
    let frame = photograph();
    let refusal = on_photograph(&output, &frame, None).expect_err("a refusal");
    assert_eq!(
        refusal.to_string(),
        "point_matching connects two frames, but there is 1"
    );
    let canvas = on_photograph(&output, &frame, Some(&frame)).expect("a picture");
    assert_eq!((canvas.width(), canvas.height()), (128, 48));
    let colour = canvas.get(9, 9);
    // Everywhere between the two ends the line has one colour.
    for u in 9..(64 + 41) {
        assert_eq!(canvas.get(u, 9), colour, "at {u}");
    }
}

#[test]
fn a_map_covers_the_photograph_that_it_is_about() {
    let mut values = vec![1.0; 32 * 24];
    values[..32 * 12].fill(5.0);
    values[0] = f32::NAN;
    let mut output = output("depth_zbuffer", &[1, 1, 24, 32], values, &[]);
    let canvas = on_photograph(&output, &photograph(), None).expect("a picture");
    assert_eq!((canvas.width(), canvas.height()), (128, 48));
    assert_eq!(canvas.get(64 + 32, 4), Some(turbo(1.0)), "far above");
    assert_eq!(canvas.get(64 + 32, 44), Some(turbo(0.0)), "near below");
    assert_eq!(canvas.get(64, 0), Some(turbo(f32::NAN)), "unknown");
    assert_eq!(note_of(&output), "1.00 to 5.00 m");
    output.values.pop();
    assert_eq!(
        on_photograph(&output, &photograph(), None)
            .expect_err("a refusal")
            .to_string(),
        "output of depth_zbuffer has 767 values of shape [1, 1, 24, 32], which is no map that \
         fills its shape"
    );
}

#[test]
fn a_map_of_nothing_known_is_drawn_all_the_same() {
    let unknown = output("depth_zbuffer", &[1, 1, 2, 2], vec![f32::NAN; 4], &[]);
    assert_eq!(note_of(&unknown), "nothing known");
    assert!(picture_of(&unknown).is_some());
}

#[test]
fn classes_of_pixels_come_with_a_legend() {
    // Scores of two classes per cell: the second wins on the right half.
    let half = |left: f32| (0..32 * 24).map(move |cell| if cell % 32 < 16 { left } else { 0.5 });
    let scores: Vec<f32> = half(0.9).chain(half(0.1)).collect();
    let output = output(
        "segment_semantic",
        &[1, 2, 24, 32],
        scores,
        &["wall", "cup"],
    );
    let (_, legend) = picture_of(&output).expect("a picture");
    let Legend::Classes(shares) = &legend else {
        panic!("{legend:?}");
    };
    assert_eq!(shares[0].name, "wall");
    let canvas = on_photograph(&output, &photograph(), None).expect("a picture");
    assert_eq!(canvas.width(), 128);
    assert!(canvas.height() > 48, "the legend stands below");
    let below = (48..canvas.height()).flat_map(|v| (0..128).map(move |u| (u, v)));
    let colours: Vec<_> = below.filter_map(|(u, v)| canvas.get(u, v)).collect();
    assert!(colours.contains(&label_colour(0)), "the wall's");
}

#[test]
fn depth_comes_with_its_scale_and_normals_with_their_directions() {
    let mut values = vec![1.0; 32 * 24];
    values[..32 * 12].fill(5.0);
    let depth = output("depth_zbuffer", &[1, 1, 24, 32], values, &[]);
    let want = Legend::Scale {
        low: 1.0,
        high: 5.0,
        unit: "m",
    };
    assert_eq!(picture_of(&depth).expect("a picture").1, want);
    let normal = output("normal", &[1, 3, 2, 2], vec![0.5; 12], &[]);
    assert_eq!(
        picture_of(&normal).expect("a picture").1,
        Legend::Words(NORMALS)
    );
}

#[test]
fn classes_are_named_the_likeliest_first() {
    let output = output(
        "class_object",
        &[1, 3],
        vec![0.1, 0.7, 0.2],
        &["cat", "cup"],
    );
    assert_eq!(lines(&output), ["cup 0.70", "class 2 0.20", "cat 0.10"]);
    assert_eq!(note_of(&output), "cup 0.70");
    let canvas = on_photograph(&output, &photograph(), None).expect("a picture");
    assert_ne!(canvas, Canvas::of(&photograph()));
    assert!(picture_of(&output).is_none());
}

#[test]
fn where_no_class_is_likely_it_says_unsure_rather_than_a_guess() {
    for scores in [vec![0.2, 0.29, 0.1], vec![0.2, f32::NAN, 0.1]] {
        let output = output("class_object", &[1, 3], scores, &["cat", "bobsled"]);
        assert_eq!(note_of(&output), "unsure");
        assert_eq!(lines(&output), ["unsure"]);
    }
}

#[test]
fn the_same_output_makes_the_same_picture() {
    let output = output(
        "keypoints2d",
        &[1, 2, 3],
        vec![9.0, 9.0, 0.3, 9.0, 9.0, 0.8],
        &[],
    );
    let [a, b] = [0, 1].map(|_| on_photograph(&output, &photograph(), None).expect("a picture"));
    assert_eq!(a, b);
    assert_eq!(
        a.get(19, 19),
        Some(turbo(0.8)),
        "the surer point lies on top"
    );
}
