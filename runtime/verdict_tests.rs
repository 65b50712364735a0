use std::sync::Arc;

use concert_policies::Task;

use super::*;
use crate::output::{Hashes, OutputOrigin};
use crate::picture::PictureFault;
use crate::stats::Stats;

const MS: Duration = Duration::from_millis(1);
const FRAME: Duration = Duration::from_millis(33);

/// One camera with frames every 33 ms, and one target that somebody listens to.
fn stats() -> Stats {
    let name = |name: &str| (name.to_owned(), String::new());
    let origin = Arc::new(OutputOrigin {
        task: Task::find("depth_zbuffer").unwrap(),
        camera: "front".into(),
        key: "depth_zbuffer".into(),
        shape: vec![1, 1, 2, 2],
        labels: Arc::from(Vec::new()),
        hashes: Arc::new(Hashes {
            policy_name: "test".into(),
            policy: String::new(),
            encoders: vec![name("p")],
            readout: name("depth_zbuffer_from_p"),
        }),
    });
    let mut stats = Stats::new(1);
    stats.admit_target(0, &origin);
    let camera = &mut stats.cameras[0];
    camera.hear(Duration::ZERO);
    camera.hear(FRAME);
    camera.passed = Some(FRAME);
    stats
}

fn note(stats: &mut Stats, outcomes: impl IntoIterator<Item = Outcome>) {
    let evidence = &mut stats.targets[0].evidence;
    outcomes
        .into_iter()
        .for_each(|outcome| evidence.note(outcome));
}

fn trouble(name: &str, health: Health, quarantined: bool) -> Trouble {
    Trouble {
        name: name.to_owned(),
        reason: "withheld: value 0 is inf".to_owned(),
        health,
        quarantined,
    }
}

fn target(stats: &Stats, troubles: &[Trouble]) -> Verdict {
    of_target(&stats.targets[0], &stats.cameras[0], troubles, FRAME)
}

fn whole(stats: &Stats, faults: &Faults) -> Verdict {
    let (health, message) = target(stats, &[]);
    let parts = [(health, message.as_str())];
    of_whole(faults, parts.into_iter(), stats.targets.iter())
}

#[test]
fn what_is_withheld_again_and_again_is_an_error_with_the_reason() {
    let mut stats = stats();
    note(&mut stats, [Outcome::Withheld; 5]);
    let readout = trouble("depth_zbuffer_from_p", Health::Error, true);
    let (health, message) = target(&stats, std::slice::from_ref(&readout));
    assert_eq!(health, Health::Error);
    let want = "nothing for 5 frames: quarantined: withheld: value 0 is inf";
    assert_eq!(message, want);
    let other = trouble("normal_from_p", Health::Error, true);
    assert_eq!(target(&stats, &[other]).1, "nothing for 5 frames: withheld");
    note(&mut stats, [Outcome::Delivered; 32]);
    assert_eq!(target(&stats, &[]), (Health::Ok, String::new()));
}

#[test]
fn a_single_loss_is_none_and_a_flickering_one_is_said_once() {
    let mut stats = stats();
    note(&mut stats, [Outcome::Shed]);
    assert_eq!(target(&stats, &[]).0, Health::Ok);
    let mut healths = Vec::new();
    for frame in 0..60 {
        let shed = frame < 20 && frame % 3 == 0;
        note(
            &mut stats,
            [if shed {
                Outcome::Shed
            } else {
                Outcome::Delivered
            }],
        );
        healths.push(target(&stats, &[]).0);
    }
    healths.dedup();
    assert_eq!(healths, [Health::Ok, Health::Warn, Health::Ok]);
}

#[test]
fn a_target_that_is_always_shed_is_a_warning_and_where_it_is_all_nothing_comes_out() {
    let mut stats = stats();
    note(&mut stats, [Outcome::Shed; 40]);
    let (health, message) = target(&stats, &[]);
    assert_eq!(
        (health, message.as_str()),
        (Health::Warn, "nothing for 40 frames: shed")
    );
    let (health, message) = whole(&stats, &Faults::default());
    assert_eq!(health, Health::Error);
    assert_eq!(message, "nothing comes out: nothing for 40 frames: shed");
}

#[test]
fn what_nobody_listens_to_is_well_whatever_came_of_it_before() {
    let mut stats = stats();
    note(&mut stats, [Outcome::Withheld; 9]);
    note(&mut stats, [Outcome::NoSubscriber]);
    assert_eq!(target(&stats, &[]).0, Health::Ok);
    assert_eq!(whole(&stats, &Faults::default()).0, Health::Ok);
}

#[test]
fn frames_that_are_all_refused_are_not_waited_for() {
    let mut stats = stats();
    let waiting = &Stats::new(1).cameras[0];
    assert_eq!(of_camera(waiting, FRAME).1, "waiting for the first frame");
    let camera = &mut stats.cameras[0];
    camera.passed = None;
    for at in 2..5 {
        camera.hear(FRAME * at);
        camera.refusals.note(true);
        camera.last_refusal = "encoding is bayer".to_owned();
    }
    let (health, message) = of_camera(camera, FRAME * 4);
    let want = "frames arrive, but the last 3 were refused: encoding is bayer";
    assert_eq!((health, message.as_str()), (Health::Error, want));
    let target = of_target(&stats.targets[0], &stats.cameras[0], &[], FRAME * 4);
    assert_eq!(target.1, want, "and the target says what the camera says");
    stats.cameras[0].ended = true;
    assert_eq!(
        of_camera(&stats.cameras[0], FRAME * 400).1,
        want,
        "at the end too"
    );
}

#[test]
fn a_frame_in_four_that_is_refused_is_a_warning() {
    let mut stats = stats();
    let camera = &mut stats.cameras[0];
    (0..32).for_each(|frame| camera.refusals.note(frame % 4 == 0));
    camera.last_refusal = "truncated".to_owned();
    let want = "8 of the last 32 frames refused: truncated";
    assert_eq!(of_camera(camera, FRAME), (Health::Warn, want.to_owned()));
}

#[test]
fn stamps_that_stand_still_are_no_sign_of_life() {
    let mut stats = stats();
    let camera = &mut stats.cameras[0];
    for at in 2..12 {
        camera.hear(FRAME * at);
        camera.same_stamp += 1;
    }
    let (health, message) = of_camera(camera, FRAME * 11);
    let want = "the stamp stands still: 10 frames carry that of the one before";
    assert_eq!((health, message.as_str()), (Health::Error, want));
    // A driver that hands out each frame twice is no fault of this kind.
    (camera.same_stamp, camera.passed) = (1, Some(FRAME * 10));
    assert_eq!(of_camera(camera, FRAME * 11).0, Health::Ok);
}

#[test]
fn a_frozen_picture_is_a_warning_for_camera_and_target() {
    let mut stats = stats();
    stats.cameras[0].picture = Some((PictureFault::Frozen, 60));
    note(&mut stats, [Outcome::Delivered]);
    let want = (
        Health::Warn,
        "frozen: the same picture for 60 frames".to_owned(),
    );
    assert_eq!(of_camera(&stats.cameras[0], FRAME), want);
    assert_eq!(target(&stats, &[]), want);
}

#[test]
fn frames_that_all_wait_too_long_are_an_error() {
    let mut stats = stats();
    stats.cameras[0].too_old = 6;
    let want = "the last 6 frames waited too long and were dropped";
    assert_eq!(
        of_camera(&stats.cameras[0], FRAME),
        (Health::Error, want.to_owned())
    );
}

#[test]
fn a_camera_that_falls_silent_is_stale_after_two_periods() {
    let stats = stats();
    let camera = &stats.cameras[0];
    assert_eq!(of_camera(camera, FRAME + MS * 66).0, Health::Ok);
    assert_eq!(of_camera(camera, FRAME + MS * 67).0, Health::Stale);
}

#[test]
fn outputs_that_the_bus_does_not_take_do_not_come_out() {
    let mut stats = stats();
    note(&mut stats, [Outcome::Delivered; 9]);
    stats.targets[0].evidence.superseded = 7;
    assert_eq!(target(&stats, &[]).0, Health::Warn);
    stats.targets[0].evidence.refused_by_bus = 5;
    let want = "the bus refused the last 5 outputs";
    assert_eq!(target(&stats, &[]), (Health::Error, want.to_owned()));
}

#[test]
fn a_thread_that_ended_and_one_that_hangs_are_said_by_the_whole() {
    let mut stats = stats();
    note(&mut stats, [Outcome::Delivered]);
    let mut faults = Faults {
        stuck: vec!["deep".to_owned()],
        ..Faults::default()
    };
    let (health, message) = whole(&stats, &faults);
    assert!(
        health == Health::Warn && message.contains("network deep"),
        "{message}"
    );
    faults.thread = Some("the thread publish panicked".to_owned());
    let want = (Health::Error, "the thread publish panicked".to_owned());
    assert_eq!(whole(&stats, &faults), want);
}
