//! Odometry through the real pipeline, on real frames with measured poses.

use crate::common;

use std::sync::Arc;
use std::time::Duration;

use crate::common::first_light::{Keep, frame, pipeline};
use concert_models::Intrinsics;
use concert_models::geometric::odometry::{OdometryEstimate, body_from_optical};
use concert_models::image_file::{DecodeLimits, decode_depth_png};
use concert_policies::Policy;
use concert_runtime::{Frame, Outcome, Timestamp};
use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion};

const PERIOD: Duration = Duration::from_millis(100);

const MONOCULAR: &str = r#"
name = "odometry"
supervision_budget = 1
[[transfer]]
target = "odometry"
sources = ["xfeat"]
"#;

const WITH_DEPTH: &str = r#"
name = "odometry_depth"
supervision_budget = 1
[[transfer]]
target = "odometry"
sources = ["xfeat"]
inputs = ["camera.depth"]
"#;

fn intrinsics([fx, fy, cx, cy]: [f64; 4]) -> Option<Intrinsics> {
    Some(Intrinsics {
        fx,
        fy,
        cx,
        cy,
        width: 640,
        height: 480,
    })
}

/// Of the camera's optical frame since the start.
fn pose(values: &[f32]) -> Isometry3<f64> {
    let estimate = OdometryEstimate::read(values).expect("an estimate");
    let body_from_optical: Isometry3<f64> = nalgebra::convert(body_from_optical());
    body_from_optical.inverse() * estimate.odom_from_body * body_from_optical
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Frames of `tum_fr2_desk` with the measured poses nearest to their stamps.
fn desk() -> Option<Vec<(Frame, Isometry3<f64>)>> {
    let folder = common::shared_data("tum_fr2_desk")?;
    let text = std::fs::read_to_string(folder.join("groundtruth.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<Vec<f64>> = lines
        .map(|line| {
            line.split_whitespace()
                .map(|x| x.parse().unwrap())
                .collect()
        })
        .collect();
    let files = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|e| e == "png"))
        .collect();
    files.sort();
    let frames = files.iter().enumerate().map(|(sequence, file)| {
        let seconds: f64 = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let off = |row: &&Vec<f64>| (row[0] - seconds).abs();
        let row = rows
            .iter()
            .min_by(|a, b| off(a).total_cmp(&off(b)))
            .unwrap();
        let rotation = Quaternion::new(row[7], row[4], row[5], row[6]);
        let truth = Isometry3::from_parts(
            Translation3::new(row[1], row[2], row[3]),
            UnitQuaternion::new_normalize(rotation),
        );
        let frame = Frame {
            stamp: Timestamp::from_nanos((seconds * 1e9) as i64),
            intrinsics: intrinsics([520.9, 521.0, 325.1, 249.7]),
            ..frame(sequence as u64, file)
        };
        (frame, truth)
    });
    Some(frames.collect())
}

#[test]
fn half_a_second_of_a_desk_is_followed_to_a_degree_and_the_direction_to_six() {
    let Some(frames) = desk() else { return };
    let mut pipeline = pipeline(&Policy::parse(MONOCULAR, "test").unwrap());
    let mut poses = vec![Isometry3::identity()];
    for (index, (frame, _)) in frames.iter().enumerate() {
        let mut keep = Keep::default();
        let outcomes = pipeline.step(0, frame, PERIOD, &mut keep).outcomes.clone();
        if index == 0 {
            assert_eq!(outcomes, [Outcome::Warming]);
            continue;
        }
        assert_eq!(outcomes, [Outcome::Delivered], "frame {index}");
        let output = keep.newest("odometry");
        assert!(output.flags.scale_unknown);
        poses.push(pose(&output.values));
    }
    let steps = (5..frames.len()).map(|now| {
        let (then, moved) = (now - 5, poses[now - 5].inverse() * poses[now]);
        let truth = frames[then].1.inverse() * frames[now].1;
        let turn = moved.rotation.angle_to(&truth.rotation).to_degrees();
        let direction = moved.translation.vector.angle(&truth.translation.vector);
        (turn, direction.to_degrees())
    });
    let (turns, directions): (Vec<f64>, Vec<f64>) = steps.unzip();
    let (turn, direction) = (median(turns), median(directions));
    println!("rotation {turn:.3}°, direction {direction:.2}° per 0.5 s");
    assert!(turn <= 0.7, "rotation is off by {turn}° in the median");
    assert!(
        direction <= 6.0,
        "direction is off by {direction}° in the median"
    );
}

#[test]
fn a_walk_along_a_corridor_is_followed_in_metres() {
    let Some(folder) = common::shared_data("corridor") else {
        return;
    };
    let mut pipeline = pipeline(&Policy::parse(WITH_DEPTH, "test").unwrap());
    let mut keep = Keep::default();
    let (mut delivered, mut without) = (0, 0);
    for sequence in 0..40 {
        let depth = std::fs::read(folder.join(format!("frame-{sequence:06}.depth.png"))).unwrap();
        let depth = decode_depth_png(&depth, &DecodeLimits::default()).unwrap();
        let color = folder.join(format!("frame-{sequence:06}.color.jpg"));
        let frame = Frame {
            intrinsics: intrinsics([537.6, 539.0, 316.1, 245.5]),
            // One frame comes without, which is counted and costs that frame.
            depth: (sequence != 20).then(|| Arc::new(depth)),
            ..frame(sequence, &color)
        };
        match pipeline.step(0, &frame, PERIOD, &mut keep).outcomes[0] {
            Outcome::Delivered => delivered += 1,
            Outcome::InputMissing => without += 1,
            Outcome::Warming => assert_eq!(sequence, 0),
            other => panic!("frame {sequence}: {other:?}"),
        }
    }
    assert_eq!((delivered, without), (38, 1));
    // People walk at one to two metres a second.
    let output = keep.newest("odometry");
    assert!(!output.flags.scale_unknown);
    let estimate = OdometryEstimate::read(&output.values).unwrap();
    let moved = estimate.odom_from_body.translation.vector;
    println!("after 4 s: {moved}");
    assert!(moved.norm() > 0.5 && moved.norm() < 12.0, "{moved}");
    assert!(moved.x > 0.0, "it goes ahead: {moved}");
    assert!(
        moved.z.abs() < 0.5 * moved.norm(),
        "along the floor: {moved}"
    );
}

#[test]
fn a_camera_without_intrinsics_has_its_odometry_marked() {
    let Some(frames) = desk() else { return };
    let mut pipeline = pipeline(&Policy::parse(MONOCULAR, "test").unwrap());
    let mut keep = Keep::default();
    for (frame, _) in &frames[..3] {
        let blind = Frame {
            intrinsics: None,
            ..frame.clone()
        };
        pipeline.step(0, &blind, PERIOD, &mut keep);
    }
    assert!(keep.newest("odometry").uncalibrated);
    let troubles = pipeline.troubles(0);
    assert!(
        troubles[0].reason.starts_with("uncalibrated"),
        "{troubles:?}"
    );
}
