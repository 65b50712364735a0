use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use concert_fitting::fit::{FrameUse, LearnRules};
use concert_models::image_file::DepthImage;
use concert_models::store::Store;
use concert_models::{Image, Intrinsics, PixelFormat};
use concert_policies::{Policy, Task};
use concert_runtime::{Frame, Observation, ObservedLevel, Timestamp};

use super::folder::{Folder, Record};
use super::target::{LearnedTarget, Looked, Subject};

const STEM: &str = "depth_zbuffer_from_home_multi";
const SIZE: (usize, usize) = (64, 48);

fn store() -> Store {
    Store::new(vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("models")])
}

fn subject(target: &str) -> anyhow::Result<Subject> {
    let home = Policy::shipped("home").unwrap();
    Subject::of(&home, Task::find(target).unwrap())
}

fn target(target: &str) -> LearnedTarget {
    let subject = subject(target).unwrap();
    LearnedTarget::first(&store(), subject, LearnRules::default()).unwrap()
}

/// A frame with depth, and levels that all hold `value`.
fn observation(target: &LearnedTarget, depth: Option<DepthImage>, value: f32) -> Observation {
    let (width, height) = SIZE;
    let card = store().encoder_card("home_multi").unwrap().1;
    let levels = target.learner.layout().levels().map(|(source, level)| {
        let shape = card.levels.iter().find(|l| l.name == level).unwrap();
        ObservedLevel {
            source: source.to_owned(),
            level: level.to_owned(),
            sha256: card.origin.sha256.clone(),
            shape: shape.shape.clone(),
            values: vec![value; shape.shape.iter().product()],
        }
    });
    let pixels = vec![90; width * height * 3];
    Observation {
        camera: 0,
        frame: Frame {
            sequence: 3,
            stamp: Timestamp::default(),
            arrived: Duration::from_secs(1),
            frame_id: "front_optical".into(),
            image: Image::packed(width, height, PixelFormat::Rgb8, pixels).unwrap(),
            distorted: false,
            intrinsics: Some(Intrinsics {
                fx: 60.0,
                fy: 60.0,
                cx: 31.5,
                cy: 23.5,
                width,
                height,
            }),
            depth: depth.map(Arc::new),
        },
        levels: levels.collect(),
        took: Duration::ZERO,
    }
}

fn depth((width, height): (usize, usize), metres: impl Fn(usize) -> f32) -> DepthImage {
    DepthImage {
        width,
        height,
        metres: (0..width * height).map(metres).collect(),
    }
}

/// A floor: deeper towards the top.
fn room(pixel: usize) -> f32 {
    let row = pixel / SIZE.0;
    4.0 - 0.05 * row as f32
}

fn fault_of(looked: Looked) -> String {
    match looked {
        Looked::Unusable(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_frame_that_cannot_teach_is_passed_over_with_the_reason_and_the_next_one_is_learnt() {
    let mut target = target("depth_zbuffer");
    let mut look = |depth: Option<DepthImage>, value: f32| {
        let observation = observation(&target, depth, value);
        target.look(&observation)
    };
    assert!(matches!(look(None, 0.5), Looked::WithoutDepth));
    let other = fault_of(look(Some(depth((32, 24), room)), 0.5));
    assert!(
        other.contains("32x24") && other.contains("64x48"),
        "{other}"
    );
    let constant = fault_of(look(Some(depth(SIZE, |_| 2.0)), 0.5));
    assert!(constant.contains("nothing to learn"), "{constant}");
    let millimetres = fault_of(look(Some(depth(SIZE, |p| room(p) / 1000.0)), 0.5));
    assert!(
        millimetres.contains("metres read as millimetres"),
        "{millimetres}"
    );
    let unknown = fault_of(look(Some(depth(SIZE, |_| f32::NAN)), 0.5));
    assert!(unknown.contains("unknown at all 3072 pixels"), "{unknown}");
    let infinite = fault_of(look(Some(depth(SIZE, room)), f32::NAN));
    assert!(infinite.contains("not finite"), "{infinite}");
    let taken = look(Some(depth(SIZE, room)), 0.5);
    assert!(
        matches!(taken, Looked::Taken(FrameUse::Learnt)),
        "{taken:?}"
    );
    // Some pixels unknown: the rest teaches.
    let holes = |pixel: usize| {
        if pixel.is_multiple_of(3) {
            f32::NAN
        } else {
            room(pixel)
        }
    };
    let taken = look(Some(depth(SIZE, holes)), 0.5);
    assert!(
        matches!(taken, Looked::Taken(FrameUse::Learnt)),
        "{taken:?}"
    );
}

#[test]
fn levels_of_another_encoder_and_normals_without_intrinsics_are_not_learnt_from() {
    let mut target = target("normal");
    let mut foreign = observation(&target, Some(depth(SIZE, room)), 0.5);
    foreign.levels[2].sha256 = "0".repeat(64);
    // One encoder made all levels; the first tells.
    foreign.levels[0].sha256 = "0".repeat(64);
    let reason = fault_of(target.look(&foreign));
    assert!(reason.contains("home_multi has sha256 0000"), "{reason}");
    let mut blind = observation(&target, Some(depth(SIZE, room)), 0.5);
    blind.frame.intrinsics = None;
    let reason = fault_of(target.look(&blind));
    assert!(reason.contains("intrinsics"), "{reason}");
    let mut short = observation(&target, Some(depth(SIZE, room)), 0.5);
    short.levels.truncate(2);
    let reason = fault_of(target.look(&short));
    assert!(reason.contains("has 0 numbers"), "{reason}");
}

#[test]
fn what_the_policy_does_not_have_or_has_no_representation_for_is_refused() {
    let absent = subject("curvature").unwrap_err().to_string();
    assert!(
        absent.contains("policy home has no transfer to curvature") && absent.contains("normal"),
        "{absent}"
    );
    let geometric = subject("room_layout").unwrap_err().to_string();
    assert!(geometric.contains("reads no source"), "{geometric}");
}

#[test]
fn kept_files_are_read_back_bounded_and_a_folder_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Folder::new(folder.path().join("state"));
    assert_eq!(kept.kept_record(STEM).unwrap(), None);
    assert_eq!(kept.next_number(STEM), 1);
    let record = Record {
        first: STEM.to_owned(),
        serving: Some(Folder::variant(7)),
        paused: true,
    };
    kept.keep_record(STEM, &record).unwrap();
    assert_eq!(kept.kept_record(STEM).unwrap(), Some(record.clone()));
    kept.keep_statistics(STEM, &[1; 100]).unwrap();
    assert_eq!(kept.kept_statistics(STEM, 100).unwrap().unwrap().len(), 100);
    let long = kept.kept_statistics(STEM, 99).unwrap_err().to_string();
    assert!(
        long.contains("100 bytes") && long.contains("at most 99"),
        "{long}"
    );
    let readouts = folder.path().join("state/readouts");
    std::fs::create_dir(&readouts).unwrap();
    for number in 1..=7 {
        for ending in ["onnx", "toml"] {
            let name = format!("{STEM}@{}.{ending}", Folder::variant(number));
            std::fs::write(readouts.join(name), "x").unwrap();
        }
    }
    assert_eq!(kept.next_number(STEM), 8);
    kept.prune(STEM, &["learnt_7", "learnt_5"]);
    assert_eq!(std::fs::read_dir(&readouts).unwrap().count(), 4);
    // A file stands where the folder should be: as full as a disk can be.
    let blocked = folder.path().join("a_file");
    std::fs::write(&blocked, "").unwrap();
    let blocked = Folder::new(blocked);
    let error = blocked.keep_statistics(STEM, &[1]).unwrap_err().to_string();
    assert!(error.contains("a_file/"), "{error}");
    assert!(error.contains("cannot be written"), "{error}");
    assert!(blocked.keep_record(STEM, &record).is_err());
}
