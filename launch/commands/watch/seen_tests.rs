use std::sync::Arc;

use concert_runtime::wire::diagnostic_msgs::DiagnosticStatus;
use concert_runtime::wire::std_msgs::Float32MultiArray;
use concert_runtime::wire::{Attachment, Message};
use concert_runtime::{ManualClock, Output};
use serde_json::json;

use super::*;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_nanos(1_000_000_000)))
}

/// A message of a target, as a runtime publishes it.
fn message(target: &str, sequence: u64) -> Received {
    let hashes = concert_runtime::Hashes {
        policy_name: "test".into(),
        policy: "0".repeat(64),
        encoders: Vec::new(),
        readout: ("r".to_owned(), "1".repeat(64)),
    };
    let origin = concert_runtime::OutputOrigin {
        task: Task::find(target).expect("a task"),
        camera: "front".into(),
        key: target.into(),
        shape: vec![1, 3],
        labels: Arc::from(Vec::new()),
        hashes: Arc::new(hashes),
    };
    let output = Output {
        sequence,
        ..Output::empty(Arc::new(origin))
    };
    let mut payload = Vec::new();
    Float32MultiArray::default().encode(&mut payload);
    Received {
        key: target.to_owned(),
        message_type: Float32MultiArray::TYPE.to_owned(),
        payload,
        attachment: Some(Attachment::of(&output)),
        waited: Duration::ZERO,
    }
}

/// A status that lists these targets, each with its level and message.
fn status(targets: &[(&str, u8, &str)]) -> Received {
    let entry = |(key, level, message): &(&str, u8, &str)| DiagnosticStatus {
        level: *level,
        name: format!("target/{key}"),
        message: (*message).to_owned(),
        ..DiagnosticStatus::default()
    };
    let status = DiagnosticArray {
        status: targets.iter().map(entry).collect(),
        ..DiagnosticArray::default()
    };
    let mut payload = Vec::new();
    status.encode(&mut payload);
    Received {
        key: "status".to_owned(),
        message_type: DiagnosticArray::TYPE.to_owned(),
        payload,
        attachment: None,
        waited: Duration::ZERO,
    }
}

fn rows(seen: &Seen, clock: &dyn Clock) -> Vec<(String, Health, String)> {
    let rows = seen.rows(&[], clock).into_iter();
    rows.map(|row| (row.key, row.health, row.note)).collect()
}

#[test]
fn what_a_swap_ended_is_forgotten() {
    let (clock, mut seen) = (clock(), Seen::default());
    for received in [
        message("vanishing_point", 0),
        message("egomotion", 0),
        status(&[("vanishing_point", 0, ""), ("egomotion", 0, "")]),
    ] {
        seen.observe(&received, &*clock, true);
    }
    assert_eq!(rows(&seen, &*clock).len(), 2);
    let ended = "ended: the policy does not have it";
    let swapped = [("egomotion", 0, ""), ("vanishing_point", 0, ended)];
    seen.observe(&status(&swapped), &*clock, true);
    let left: Vec<_> = rows(&seen, &*clock).into_iter().map(|row| row.0).collect();
    assert_eq!(left, ["egomotion"]);
    // Another runtime under the same prefix does not list it at all.
    seen.observe(&status(&[("normal", 0, "")]), &*clock, true);
    assert!(rows(&seen, &*clock).is_empty());
    // It comes back where a swap brings it back.
    seen.observe(&message("vanishing_point", 1), &*clock, true);
    assert_eq!(rows(&seen, &*clock).len(), 1);
}

#[test]
fn what_is_no_output_of_a_policy_is_not_forgotten() {
    let (clock, mut seen) = (clock(), Seen::default());
    let image = Received {
        key: "other".to_owned(),
        attachment: None,
        ..message("vanishing_point", 0)
    };
    seen.observe(&image, &*clock, true);
    seen.observe(&status(&[]), &*clock, true);
    assert_eq!(rows(&seen, &*clock).len(), 1);
}

#[test]
fn what_the_runtime_says_of_an_output_stands_in_its_row() {
    let (clock, mut seen) = (clock(), Seen::default());
    seen.observe(&message("vanishing_point", 0), &*clock, false);
    let said = [(
        "vanishing_point",
        2,
        "withheld: 3 of 3 values are no numbers",
    )];
    seen.observe(&status(&said), &*clock, false);
    let (_, health, note) = rows(&seen, &*clock).remove(0);
    assert_eq!(health, Health::Error);
    assert_eq!(note, "withheld: 3 of 3 values are no numbers");
    seen.observe(&status(&[("vanishing_point", 0, "")]), &*clock, false);
    assert_eq!(rows(&seen, &*clock)[0].1, Health::Ok);
}

#[test]
fn a_runtime_that_says_nothing_any_more_is_silent() {
    let (clock, mut seen) = (clock(), Seen::default());
    assert_eq!(seen.title("a", &*clock), "a, where nothing came yet");
    seen.observe(&message("vanishing_point", 0), &*clock, false);
    seen.observe(&status(&[("vanishing_point", 0, "")]), &*clock, false);
    assert_eq!(seen.title("a", &*clock), "a");
    clock.advance(Duration::from_secs(12));
    assert_eq!(seen.title("a", &*clock), "a, silent for 12 s");
    let (_, health, note) = rows(&seen, &*clock).remove(0);
    assert_eq!((health, note.as_str()), (Health::Stale, "silent for 12 s"));
}

#[test]
fn classes_are_called_what_the_runtime_calls_them() {
    let mut seen = Seen::default();
    seen.nameless.insert("ab".to_owned());
    seen.nameless.insert("cd".to_owned());
    assert!(seen.lacks_names());
    let policy = json!({ "provenance": [{ "sha256": "ab", "labels": ["wall", "floor"] }] });
    seen.name_classes(&policy);
    assert_eq!(seen.labels["ab"], ["wall", "floor"]);
    assert!(seen.labels["cd"].is_empty(), "and it is not asked again");
    assert!(!seen.lacks_names());
}
