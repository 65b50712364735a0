//! The shipped policy `home` on what two real cameras saw: somebody asks for
//! every output, so every network runs, and every frame is accounted for.

use crate::common;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::program::{Running, free_endpoint};
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::zenoh::{Received, SessionOptions, Watcher, open_session};
use concert_runtime::wire::AnyMessage;
use concert_runtime::wire::sensor_msgs::Image;
use serde_json::Value;

/// In which all of it must have come.
const LIMIT: Duration = Duration::from_secs(120);
/// Sound messages of every target from every camera.
const WANTED: u32 = 3;
const TARGETS: [&str; 9] = [
    "depth_zbuffer",
    "normal",
    "room_layout",
    "odometry",
    "segment_semantic",
    "object_detection",
    "edge_occlusion",
    "class_scene",
    "keypoints2d",
];

#[test]
fn every_target_of_home_comes_from_the_corridor_and_from_the_desk() {
    let folders = ["corridor", "tum_fr2_desk"].map(common::shared_data);
    let [Some(corridor), Some(desk)] = folders else {
        return;
    };
    let camera = |name: &str, folder: &std::path::Path, more: &str| {
        format!(
            "[[camera]]\nname = \"{name}\"\nkind = \"images\"\npaths = [{folder:?}]\n\
             rate_hz = 2\nrepeat = true\n{more}\n"
        )
    };
    let desk_camera = "intrinsics = { fx = 520.9, fy = 521.0, cx = 325.1, cy = 249.7, \
                       width = 640, height = 480 }";
    let launch = format!(
        "policy = \"home\"\n{}{}[publish]\nprefix = \"home\"\n",
        camera("corridor", &corridor, ""),
        camera("desk", &desk, desk_camera),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("home.toml");
    std::fs::write(&file, launch).expect("the launch file");
    let endpoint = free_endpoint();
    let file = file.to_str().expect("utf-8");
    let serving = Running::start(&["serve", file, "--json", "--listen", &endpoint]);

    let session = open_session(&SessionOptions::client(&endpoint, LIMIT)).expect("it listens");
    let watcher = Watcher::open(&session, "home").expect("subscribes");
    let mut heard: BTreeMap<String, u32> = BTreeMap::new();
    let clock = SystemClock::start();
    let cameras = ["corridor", "desk"];
    let all = || {
        let keys = cameras.iter().flat_map(|camera| {
            let key = move |target| format!("{camera}/{target}");
            TARGETS.iter().map(key)
        });
        keys.collect::<Vec<_>>()
    };
    while !all().iter().all(|key| heard.get(key) >= Some(&WANTED)) {
        assert!(clock.monotonic() < LIMIT, "within {LIMIT:?} only {heard:?}");
        for received in watcher.take(Duration::from_millis(50)) {
            if all().contains(&received.key) {
                look(&received);
                *heard.entry(received.key).or_default() += 1;
            }
        }
    }
    drop(watcher);
    let (code, stdout, stderr) = serving.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("one JSON object");
    account(&figures["figures"]);
}

/// Whether a message says something sensible of a room.
fn look(received: &Received) {
    let key = received.key.as_str();
    let origin = received.attachment.as_ref().expect("who made it");
    assert!(origin.frame_id.ends_with("_optical"), "{origin:?}");
    match received.message().expect("decodes") {
        AnyMessage::Image(image) if key.ends_with("depth_zbuffer") => {
            let metres = numbers(&image, "32FC1");
            let near = metres.iter().filter(|metres| (0.3..12.0).contains(*metres));
            assert!(near.count() * 10 > metres.len() * 9, "{key}");
            let most = metres.iter().copied().fold(0.0, f32::max);
            let least = metres.iter().copied().fold(f32::INFINITY, f32::min);
            assert!(most > 1.2 * least, "{key}: flat, {least} to {most} m");
        }
        AnyMessage::Image(image) if key.ends_with("segment_semantic") => {
            assert_eq!(image.encoding, "mono8");
            let known = image.data.iter().filter(|class| **class > 0);
            assert!(known.count() * 2 > image.data.len(), "{key}");
        }
        AnyMessage::Image(image) if key.ends_with("edge_occlusion") => {
            let edges = numbers(&image, "32FC1");
            assert!(edges.iter().all(|edge| (0.0..=1.0).contains(edge)), "{key}");
        }
        AnyMessage::Image(image) => {
            let parts = numbers(&image, "32FC3");
            let normals = parts.as_chunks::<3>().0;
            let facing = normals.iter().filter(|normal| {
                let length = normal.iter().map(|part| part * part).sum::<f32>().sqrt();
                (length - 1.0).abs() < 0.01 && normal[2] < 0.2
            });
            assert!(facing.count() * 10 > normals.len() * 9, "{key}");
        }
        AnyMessage::BoundingBox3DArray(rooms) => {
            let size = rooms.boxes[0].size;
            let sane = size.iter().all(|metres| (1.0..25.0).contains(metres));
            assert!(sane && size[2] < 5.0, "{key}: {size:?} m");
        }
        AnyMessage::Odometry(odometry) => {
            assert!(
                odometry
                    .pose
                    .position
                    .iter()
                    .all(|metres| metres.is_finite())
            );
            assert!(odometry.pose_covariance[0] > 0.0, "{key}");
        }
        AnyMessage::Classification(classes) => {
            // Where none is likely, it says nothing.
            let mut results = classes.results.iter();
            assert!(
                results.all(|one| !one.class_id.is_empty() && one.score >= 0.0),
                "{key}"
            );
        }
        AnyMessage::Detection2DArray(boxes) => {
            // An empty corridor may show none; what is there has a name and a size.
            let sane = boxes.detections.iter().all(|found| {
                let best = &found.results[0];
                let named = best
                    .class_id
                    .starts_with(|first: char| first.is_ascii_lowercase());
                named && best.score >= 0.1 && found.size.iter().all(|px| (0.5..1500.0).contains(px))
            });
            assert!(sane, "{key}: {boxes:?}");
        }
        AnyMessage::PointCloud2(points) => assert!(points.width > 50, "{key}"),
        other => panic!("{key} is {other:?}"),
    }
}

fn numbers(image: &Image<'_>, encoding: &str) -> Vec<f32> {
    assert_eq!(image.encoding, encoding);
    let chunks = image.data.as_chunks::<4>().0.iter();
    chunks.map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Frames in are outputs and counted losses, and nothing failed.
fn account(figures: &Value) {
    assert_eq!(figures["policy"], "home");
    let number = |value: &Value| {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("no number: {value}"))
    };
    let sum = |of: &Value, names: &[&str]| names.iter().map(|name| number(&of[*name])).sum::<u64>();
    for camera in figures["cameras"].as_array().expect("cameras") {
        let counts = &camera["counts"];
        let ends = ["processed", "superseded", "too_old", "refused", "duplicate"];
        let ended = sum(counts, &ends) + number(&camera["waiting"]);
        assert_eq!(number(&counts["arrived"]), ended, "{camera}");
        assert_eq!(number(&counts["refused"]), 0, "{camera}");
    }
    let targets = figures["targets"].as_array().expect("targets");
    assert_eq!(targets.len(), 2 * TARGETS.len());
    for target in targets {
        let outcomes = target["outcomes"].as_object().expect("outcomes");
        let total: u64 = outcomes.values().map(number).sum();
        assert_eq!(total, number(&target["frames"]), "{target}");
        let bad = ["failed", "withheld", "internal", "input_missing"];
        assert_eq!(sum(&target["outcomes"], &bad), 0, "{target}");
        let gone = sum(target, &["published", "superseded", "lost_on_bus"]);
        assert_eq!(gone, number(&target["outcomes"]["delivered"]), "{target}");
        assert!(
            number(&target["published"]) >= u64::from(WANTED),
            "{target}"
        );
    }
    let encoders = figures["encoders"].as_array().expect("encoders");
    assert!((1..=3).contains(&encoders.len()), "k is at most 3");
    for encoder in encoders {
        let least = 2 * u64::from(WANTED);
        assert!(number(&encoder["run"]["count"]) >= least, "{encoder}");
    }
}
