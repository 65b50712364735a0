//! Depth and focal length of the camera reach the readouts that ask for them,
//! and where a camera lacks one it is said.

use std::sync::Arc;

use crate::common::{Keep, MS, World, frame};
use concert_models::Intrinsics;
use concert_models::image_file::DepthImage;
use concert_runtime::{Clock, Frame, Health, ManualClock, Outcome, Timestamp};

fn with_depth(frame: Frame, metres: Vec<f32>) -> Frame {
    let depth = DepthImage {
        width: 4,
        height: 4,
        metres,
    };
    Frame {
        depth: Some(Arc::new(depth)),
        ..frame
    }
}

#[test]
fn a_readout_gets_the_depth_of_its_own_frame_and_a_frame_without_is_counted() {
    let mut world = World::default();
    world.encoder("p");
    world.readout("normal_from_p", &["p.a", "camera.depth"]);
    world.readout("class_scene_from_p", &["p.a"]);
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    let policy = r#"
name = "depth"
supervision_budget = 1
[[transfer]]
target = "normal"
sources = ["p"]
inputs = ["camera.depth"]
[[transfer]]
target = "class_scene"
sources = ["p"]
"#;
    let mut pipeline = world.pipeline(policy, clock.clone(), &["front"], None);
    let mut keep = Keep::default();
    let colour = |sequence| frame(sequence, 0, clock.monotonic());
    let deep = with_depth(colour(0), vec![0.25; 16]);
    let outcomes = pipeline.step(0, &deep, MS, &mut keep).outcomes.clone();
    assert_eq!(outcomes, [Outcome::Delivered; 2]);
    assert_eq!(keep.first_value("normal"), Some(0.25));
    let outcomes = pipeline.step(0, &colour(1), MS, &mut keep).outcomes.clone();
    assert_eq!(outcomes, [Outcome::InputMissing, Outcome::Delivered]);
    let troubles = pipeline.troubles(0);
    assert_eq!(troubles.len(), 1);
    assert_eq!(troubles[0].name, "normal_from_p");
    assert!(troubles[0].reason.contains("without camera.depth"));
    let deep = with_depth(colour(2), vec![0.5; 16]);
    let outcomes = pipeline.step(0, &deep, MS, &mut keep).outcomes.clone();
    assert_eq!(outcomes, [Outcome::Delivered; 2]);
    assert_eq!(keep.first_value("normal"), Some(0.5));
    assert!(pipeline.troubles(0).is_empty());
}

#[test]
fn the_focal_length_is_that_of_the_network_input_and_a_missing_one_marks_the_output() {
    let mut world = World::default();
    world.encoder("p");
    world.readout("depth_euclidean_from_p", &["p.a", "camera.focal"]);
    world.readout("room_layout_from_p", &["p.a", "depth_euclidean"]);
    world.readout("vanishing_point_from_p", &["p.a"]);
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    let policy = r#"
name = "focal"
supervision_budget = 1
[[transfer]]
target = "depth_euclidean"
sources = ["p"]
[[transfer]]
target = "room_layout"
sources = ["p"]
inputs = ["depth_euclidean"]
[[transfer]]
target = "vanishing_point"
sources = ["p"]
"#;
    let mut pipeline = world.pipeline(policy, clock.clone(), &["front"], None);
    let mut keep = Keep::default();
    let blind = frame(0, 0, clock.monotonic());
    pipeline.step(0, &blind, MS, &mut keep);
    assert_eq!(keep.first_value("depth_euclidean"), Some(100.0));
    let uncalibrated: Vec<bool> = keep.outputs.iter().map(|one| one.uncalibrated).collect();
    assert_eq!(uncalibrated, [true, true, false]);
    let troubles = pipeline.troubles(0);
    assert_eq!(troubles.len(), 2);
    assert!(
        troubles
            .iter()
            .all(|trouble| trouble.health == Health::Warn)
    );
    // Images of 4x4 become inputs of 2x2: sqrt(32 * 8) / 2 = 8.
    let intrinsics = Intrinsics {
        fx: 32.0,
        fy: 8.0,
        cx: 1.5,
        cy: 1.5,
        width: 4,
        height: 4,
    };
    let calibrated = Frame {
        intrinsics: Some(intrinsics),
        ..frame(1, 0, clock.monotonic())
    };
    keep.outputs.clear();
    pipeline.step(0, &calibrated, MS, &mut keep);
    assert_eq!(keep.first_value("depth_euclidean"), Some(8.0));
    assert!(keep.outputs.iter().all(|one| !one.uncalibrated));
    assert!(pipeline.troubles(0).is_empty());
}
