//! What the apartment writes, the readers read; and labels that are derived
//! from depth agree with the apartment's exact ones.

use std::ops::ControlFlow;
use std::path::Path;

use concert_apartment::{Arrangement, DataSetOptions, LightQuality, Views, write_data_set};
use concert_fitting::dataset::{DataSet, Label, LabelFiles, relative_pose};
use concert_policies::Task;
use nalgebra::{Rotation3, Vector3};

fn write(folder: &Path, arrangement: Arrangement) -> DataSet {
    let options = DataSetOptions {
        width: 160,
        height: 120,
        light: LightQuality::Flat,
        views: Views::Tour {
            spacing: 0.4,
            shutter: 0.0,
        },
        arrangement,
        ..DataSetOptions::new(folder, 3..5, 6)
    };
    write_data_set(&options, &mut |_| ControlFlow::Continue(())).expect("written");
    DataSet::open(folder).expect("a data set")
}

fn task(name: &str) -> &'static Task {
    Task::find(name).expect("a task")
}

#[test]
fn every_sequence_of_the_apartment_is_read_with_its_own_camera() {
    for arrangement in [Arrangement::PerSeed, Arrangement::Flat] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = write(folder.path(), arrangement);
        let names: Vec<_> = data
            .sequences()
            .iter()
            .map(|sequence| sequence.name())
            .collect();
        assert_eq!(names, ["seed-000003", "seed-000004"]);
        assert_eq!(data.frames(), 6);
        assert_eq!(data.semantic_classes().expect("classes")[2], "floor");
        for sequence in data.sequences() {
            assert_eq!(sequence.len(), 3);
            let (first, second) = (
                sequence.read(0).expect("a frame"),
                sequence.read(1).expect("a frame"),
            );
            let moved = relative_pose(&first, &second)
                .expect("poses")
                .translation
                .vector
                .norm();
            assert!((0.2..0.6).contains(&moved), "{moved}");
            let classes = Label::of(task("segment_semantic"), &second).expect("a label");
            let shows = |class: f32| {
                classes
                    .as_ref()
                    .is_some_and(|all| all.values.contains(&class))
            };
            assert!(shows(1.0) || shows(2.0), "neither wall nor floor");
        }
    }
}

#[test]
fn a_room_layout_label_is_the_box_whose_corners_the_apartment_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = write(folder.path(), Arrangement::PerSeed);
    let example = data.sequences()[0].read(1).expect("a frame");
    let label = Label::of(task("room_layout"), &example)
        .expect("a label")
        .expect("there");
    let v: Vec<f64> = label.values.iter().map(|value| f64::from(*value)).collect();
    // Euler angles about the static axes of room_from_optical, as the task says.
    let room_from_optical = Rotation3::from_euler_angles(v[3], v[4], v[5]);
    let text = std::fs::read(example.files.layout.as_ref().expect("a layout")).expect("read");
    let json: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    for (index, corner) in json["layout"]["corners"]
        .as_array()
        .expect("corners")
        .iter()
        .enumerate()
    {
        let sign = |bit: usize| if index >> bit & 1 == 0 { -0.5 } else { 0.5 };
        let in_room = Vector3::new(sign(0) * v[6], sign(1) * v[7], sign(2) * v[8]);
        let got = Vector3::new(v[0], v[1], v[2]) + room_from_optical.inverse() * in_room;
        for axis in 0..3 {
            let want = corner[axis].as_f64().expect("a number");
            assert!(
                (got[axis] - want).abs() < 1e-3,
                "corner {index}: {got} for {want}"
            );
        }
    }
    let vanishing = Label::of(task("vanishing_point"), &example).expect("a label");
    let v = vanishing.expect("there").values;
    assert!(v[2] > 0.0 && v[7] < 0.0, "ahead lies ahead, up lies up");
}

#[test]
fn derived_labels_agree_with_the_exact_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = write(folder.path(), Arrangement::PerSeed);
    let (mut angles, mut shades) = (Vec::new(), Vec::new());
    let (mut right, mut said, mut there) = (0.0, 0.0, 0.0);
    for index in 0..3 {
        let mut example = data.sequences()[1].read(index).expect("a frame");
        let labels = |example: &_| {
            ["normal", "reshading", "edge_occlusion"].map(|name| {
                Label::of(task(name), example)
                    .expect("a label")
                    .expect("there")
            })
        };
        let exact = labels(&example);
        example.files = LabelFiles::default();
        let derived = labels(&example);
        for pixel in 0..160 * 120 {
            let dot: f32 = (0..3)
                .map(|c| exact[0].plane(c)[pixel] * derived[0].plane(c)[pixel])
                .sum();
            angles.push(dot.clamp(-1.0, 1.0).acos().to_degrees());
            shades.push((exact[1].values[pixel] - derived[1].values[pixel]).abs());
            let edge = |label: &Label| f64::from(u8::from(label.values[pixel] > 0.5));
            said += edge(&derived[2]);
            there += edge(&exact[2]);
            right += edge(&derived[2]) * edge(&exact[2]);
        }
    }
    let middle = |values: &mut Vec<f32>| {
        let all = values.len();
        values.retain(|value| !value.is_nan());
        assert!(
            values.len() > all * 4 / 5,
            "{} of {all} known",
            values.len()
        );
        values.sort_by(f32::total_cmp);
        values[values.len() / 2]
    };
    assert!(middle(&mut angles) < 1.5, "{}", middle(&mut angles));
    assert!(middle(&mut shades) < 0.02, "{}", middle(&mut shades));
    assert!(
        right / said > 0.75 && right / there > 0.75,
        "{right} of {said} said and {there} there"
    );
}
