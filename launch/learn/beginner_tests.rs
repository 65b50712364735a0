use super::*;
use crate::cameras::{Apartment, Images};

fn point(seconds: f64, candidate: f64, first: f64) -> CurvePoint {
    CurvePoint {
        seconds,
        learnt: 20,
        judged: 6,
        measure: "abs_rel",
        kind: "ridge",
        candidate,
        served: first,
        candidate_ahead: candidate,
        served_ahead: first,
        first,
        constant: 0.5,
        exchanged: false,
    }
}

fn state(points: Vec<CurvePoint>) -> BeginnerState {
    BeginnerState {
        target: Task::find("depth_zbuffer").expect("a task"),
        began: Duration::ZERO,
        learnt: 42,
        points,
        picture: None,
        fault: String::new(),
    }
}

#[test]
fn the_line_says_how_far_it_is_from_what_is_shipped_and_when_it_caught_up() {
    let nothing = state(Vec::new());
    assert_eq!(
        nothing.line(),
        "depth_zbuffer from nothing: 42 frames learnt, none judged yet"
    );
    let points = vec![
        point(8.0, 0.4, 0.2),
        point(12.0, 0.3, 0.2),
        point(16.0, 0.23, 0.2),
    ];
    let learnt = state(points);
    assert_eq!(
        learnt.line(),
        "depth_zbuffer from nothing █▆▅ AbsRel 0.230, shipped 0.200, within 20 % after 16 s; 42 \
         frames learnt"
    );
    let json = learnt.json();
    assert_eq!(json["within_20_percent_after_seconds"], 16.0);
    assert_eq!(json["curve"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["curve"][0]["from_nothing"], 0.4);
    assert_eq!(json["shipped"], 0.2);
    let fault = BeginnerState {
        fault: "the encoder is another".to_owned(),
        ..state(Vec::new())
    };
    assert!(
        fault
            .line()
            .ends_with("from nothing: the encoder is another")
    );
}

#[test]
fn the_curve_shows_both_over_time() {
    let curve = state(vec![point(8.0, 0.4, 0.2), point(12.0, f64::NAN, 0.2)]).curve();
    assert_eq!(curve.name, "AbsRel, held-out frames");
    let lines: Vec<_> = (curve.lines.iter())
        .map(|line| (line.name.as_str(), line.points.len()))
        .collect();
    assert_eq!(
        lines,
        [("shipped", 2), ("from nothing", 1), ("constant", 2)]
    );
}

#[test]
fn a_policy_whose_cameras_measure_no_depth_has_no_beginner() {
    let policy = Policy::shipped("apartment").expect("it ships");
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let store = Store::new(vec![models]);
    let images = Images {
        paths: vec!["launch/photographs".to_owned()],
        rate_hz: 30.0,
        repeat: false,
        stamps_from_names: false,
    };
    let photographs = LaunchFile::of_policy("apartment").on_camera(images);
    let of = |launch: &LaunchFile, policy: &Policy| Beginner::of(launch, policy, &store);
    assert!(of(&photographs, &policy).expect("no fault").is_none());
    let home = photographs.on_camera(Apartment::default());
    let beginner = of(&home, &policy).expect("no fault").expect("a beginner");
    assert!(matches!(
        beginner.target.subject().task.output,
        OutputKind::Dense { .. }
    ));
    let first_light = Policy::shipped("first_light").expect("it ships");
    assert!(of(&home, &first_light).expect("no fault").is_none());
}

#[test]
fn the_newest_of_many_numbers_are_shown_as_bars() {
    assert_eq!(spark([0.8, 0.4, 0.1].into_iter()), "█▄▁");
    assert_eq!(spark((1..=25).map(f64::from)).chars().count(), 9);
    assert_eq!(spark([f64::NAN, 0.0].into_iter()), "▁");
    assert_eq!(spark(std::iter::empty()), "");
}
