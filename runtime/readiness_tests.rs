use super::*;
use crate::bus::BusFigures;
use crate::counts::{CameraCounts, OutcomeCounts};
use crate::stats::Percentiles;
use crate::status::{Status, StatusEntry};
use crate::time::Timestamp;

const NOW: Duration = Duration::from_secs(100);

fn camera(health: Health, message: &str) -> CameraSnapshot {
    CameraSnapshot {
        camera: "front".to_owned(),
        health,
        message: message.to_owned(),
        rate_hz: 30.0,
        counts: CameraCounts {
            arrived: 7,
            processed: 7,
            ..CameraCounts::default()
        },
        last_refusal: String::new(),
        waiting: 0,
        wait: Percentiles::default(),
        step: Percentiles::default(),
    }
}

fn target(health: Health, latest: Option<Outcome>) -> TargetSnapshot {
    TargetSnapshot {
        key: "normal".to_owned(),
        target: "normal".to_owned(),
        camera: "front".to_owned(),
        health,
        message: "withheld: value 0 is inf".to_owned(),
        ended: false,
        frames: 7,
        rate_hz: 30.0,
        outcomes: OutcomeCounts::default(),
        latest,
        gives_nothing: false,
        published: 0,
        superseded: 0,
        lost_on_bus: 0,
        read: Percentiles::default(),
        latency: Percentiles::default(),
        age: Percentiles::default(),
        foreign_stamps: 0,
    }
}

/// A status of 99 s after the start.
fn figures(cameras: Vec<CameraSnapshot>, targets: Vec<TargetSnapshot>) -> StatusFigures {
    let snapshot = Snapshot {
        health: Health::Ok,
        message: String::new(),
        fault: None,
        stuck_threads: 0,
        policy: "home".to_owned(),
        policy_hash: String::new(),
        swaps: 0,
        seconds: 99.0,
        cameras,
        encoders: Vec::new(),
        preprocess: Percentiles::default(),
        targets,
        shadow: None,
        consistency: Vec::new(),
        learning: Vec::new(),
        degradation: None,
        images: Vec::new(),
        steps: None,
    };
    StatusFigures {
        status: Status::of(&snapshot, Timestamp::default()),
        snapshot,
        bus: BusFigures::default(),
        bus_fails: false,
        made: Duration::from_secs(99),
    }
}

fn well() -> StatusFigures {
    let delivered = target(Health::Ok, Some(Outcome::Delivered));
    figures(vec![camera(Health::Ok, "")], vec![delivered])
}

fn unready(figures: &StatusFigures) -> Option<Unready> {
    Readiness::of(figures, NOW).unready
}

#[test]
fn what_gives_outputs_is_ready_and_so_is_what_nobody_asks() {
    assert_eq!(unready(&well()), None);
    let unasked = target(Health::Ok, Some(Outcome::NoSubscriber));
    let unasked = figures(vec![camera(Health::Ok, "")], vec![unasked]);
    assert_eq!(unready(&unasked), None);
}

#[test]
fn silence_of_every_camera_is_not_ready_and_that_of_one_of_two_is() {
    let silent = || camera(Health::Stale, "no frame for 3.00 s");
    let one = figures(vec![silent()], Vec::new());
    let readiness = Readiness::of(&one, NOW);
    assert_eq!(readiness.unready, Some(Unready::Camera));
    assert_eq!(readiness.message, "camera front: no frame for 3.00 s");
    let two = figures(vec![silent(), camera(Health::Ok, "")], Vec::new());
    assert_eq!(unready(&two), None);
    let mut first = well();
    first.snapshot.cameras[0].counts = CameraCounts::default();
    assert_eq!(unready(&first), Some(Unready::Camera));
    first.snapshot.cameras[0].counts.arrived = 1;
    assert_eq!(unready(&first), Some(Unready::Starting));
}

#[test]
fn outputs_that_are_all_withheld_are_not_ready_and_one_that_comes_is() {
    let withheld = || target(Health::Error, Some(Outcome::Withheld));
    let unasked = || target(Health::Ok, Some(Outcome::NoSubscriber));
    let ended = || TargetSnapshot {
        ended: true,
        ..target(Health::Ok, Some(Outcome::Delivered))
    };
    let all = figures(
        vec![camera(Health::Ok, "")],
        vec![withheld(), unasked(), ended()],
    );
    let readiness = Readiness::of(&all, NOW);
    assert_eq!(readiness.unready, Some(Unready::Outputs));
    assert!(
        readiness.message.contains("value 0 is inf"),
        "{readiness:?}"
    );
    let shed = TargetSnapshot {
        gives_nothing: true,
        ..target(Health::Warn, Some(Outcome::Shed))
    };
    let shed = figures(vec![camera(Health::Ok, "")], vec![shed]);
    assert_eq!(unready(&shed), Some(Unready::Outputs));
    let warns = target(Health::Warn, Some(Outcome::Delivered));
    let some = figures(vec![camera(Health::Ok, "")], vec![withheld(), warns]);
    assert_eq!(unready(&some), None);
}

#[test]
fn who_reaches_nobody_that_was_named_is_deaf() {
    let mut deaf = well();
    deaf.bus.named = 2;
    assert_eq!(unready(&deaf), Some(Unready::Deaf));
    deaf.bus.connected = 1;
    assert_eq!(unready(&deaf), None);
    deaf.bus_fails = true;
    assert_eq!(unready(&deaf), Some(Unready::Bus));
    let mut rival = well();
    rival.status.entries.push(StatusEntry {
        name: "connections".to_owned(),
        health: Health::Error,
        message: "another runtime publishes under this prefix".to_owned(),
        values: Vec::new(),
    });
    assert_eq!(unready(&rival), Some(Unready::Bus));
}

#[test]
fn a_status_that_is_too_old_or_tells_of_a_fault_is_not_ready() {
    let mut old = well();
    old.made = NOW - STALLED_AFTER;
    assert_eq!(unready(&old), Some(Unready::Stalled));
    let mut broken = well();
    broken.snapshot.fault = Some("the thread perceive panicked".to_owned());
    assert_eq!(unready(&broken), Some(Unready::Fault));
}
