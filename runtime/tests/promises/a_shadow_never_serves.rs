//! A shadow policy runs beside the one that serves, is compared with it, and
//! is never published.

use std::time::Duration;

use crate::common::stage::{start, start_on};
use crate::common::{World, giving};
use concert_models::fake::FakeNetwork;
use concert_runtime::agreement::AgreementMeasure;
use concert_runtime::io::thread;
use concert_runtime::shadow_stats::{AgreementSnapshot, ShadowSnapshot};
use concert_runtime::{Outcome, Snapshot};

const SERVED: &str = r#"
name = "served"
supervision_budget = 1
[[transfer]]
target = "vanishing_point"
sources = ["p"]
[[transfer]]
target = "class_scene"
sources = ["p"]
"#;

const SHADOW: &str = r#"
name = "shadow"
supervision_budget = 1
[[transfer]]
target = "vanishing_point"
sources = ["p"]
readout = "other"
[[transfer]]
target = "class_scene"
sources = ["p"]
readout = "other"
[[transfer]]
target = "class_object"
sources = ["p"]
"#;

/// A readout that gives a thousandth of what it reads, and `more`.
fn adding(more: [f32; 3]) -> FakeNetwork {
    giving(move |read| more.map(|more| read / 1000.0 + more))
}

fn world() -> World {
    let mut world = World::default();
    world.encoder("p");
    for (name, more) in [
        ("vanishing_point_from_p", [0.0, 0.0, 0.0]),
        ("vanishing_point_from_p@other", [0.0, 0.25, 0.5]),
        ("class_scene_from_p", [0.1, 0.2, 0.3]),
        ("class_scene_from_p@other", [0.1, 0.2, 0.3]),
        ("class_object_from_p", [0.0, 0.0, 0.0]),
    ] {
        world.readout_of(name, &["p.a"], adding(more));
    }
    world
}

fn shadow(snapshot: &Snapshot) -> &ShadowSnapshot {
    snapshot.shadow.as_ref().expect("a shadow")
}

fn target<'a>(snapshot: &'a Snapshot, key: &str) -> &'a AgreementSnapshot {
    let mut targets = shadow(snapshot).targets.iter();
    targets.find(|target| target.key == key).expect("a target")
}

#[test]
fn a_shadow_is_compared_target_by_target_and_never_published() {
    let world = world();
    let stage = start(&world, SERVED);
    stage.pass(5);
    let control = stage.runtime.control();
    control.shadow(Some(world.plan(SHADOW))).unwrap();
    stage.wait_until(|snapshot| target(snapshot, "class_scene").compared >= 10);
    // It goes on across a swap of what serves.
    control.swap(world.plan(SERVED)).unwrap();
    let compared = target(&stage.runtime.snapshot(), "class_scene").compared;
    stage.wait_until(|snapshot| target(snapshot, "class_scene").compared >= compared + 10);
    let (snapshot, outputs) = stage.finish();
    let point = target(&snapshot, "vanishing_point");
    assert_eq!(point.measure, AgreementMeasure::MeanAbsDifference);
    assert!((point.mean - 0.25).abs() < 1e-4, "{point:?}");
    let scene = target(&snapshot, "class_scene");
    assert_eq!(
        (scene.measure, scene.mean),
        (AgreementMeasure::SameClass, 1.0)
    );
    assert_eq!(
        target(&snapshot, "class_object").compared,
        0,
        "it is not served"
    );
    assert!(shadow(&snapshot).runs >= 20);
    assert_eq!(shadow(&snapshot).policy, "shadow");
    let served = world.plan(SERVED);
    for output in outputs {
        assert_eq!(output.origin.hashes.policy, served.policy_hash());
    }
}

#[test]
fn a_shadow_that_takes_longer_than_there_is_time_never_runs() {
    let mut world = world();
    let slow = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 3])], |_, _| {
        thread::sleep(Duration::from_secs(1));
        Ok(())
    });
    world.readout_of("class_object_from_p", &["p.a"], slow);
    let runs = world.counts["class_object_from_p"].clone();
    let stage = start(&world, SERVED);
    stage.pass(5);
    let control = stage.runtime.control();
    control.shadow(Some(world.plan(SHADOW))).unwrap();
    let prepared = runs.runs();
    stage.wait_until(|snapshot| shadow(snapshot).skipped >= 50);
    assert_eq!(runs.runs(), prepared);
    let (snapshot, _) = stage.finish();
    assert_eq!(shadow(&snapshot).runs, 0);
}

#[test]
fn a_shadow_that_fails_costs_what_serves_nothing() {
    let mut world = world();
    let failing = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 3])], |i, o| {
        o[0].1.fill(0.0);
        // Well while it is prepared, on zeros.
        if i[0].1[0] > 0.0 {
            return Err("a node of the shadow broke".into());
        }
        Ok(())
    });
    world.readout_of("vanishing_point_from_p@other", &["p.a"], failing);
    let refusing = FakeNetwork::refusing_to_load("no such operator");
    world.readout_of("room_layout_from_p", &["p.a"], refusing);
    let stage = start_on(world.engine.sibling(), &world, SERVED, &["front", "rear"]);
    stage.pass(5);
    let control = stage.runtime.control();
    control.shadow(Some(world.plan(SHADOW))).unwrap();
    let scene = "front/class_scene";
    stage.wait_until(|snapshot| target(snapshot, scene).compared >= 5);
    let bad = SHADOW.replace("class_object", "room_layout");
    let refused = control.shadow(Some(world.plan(&bad))).unwrap_err();
    assert!(
        refused.to_string().contains("no such operator"),
        "{refused}"
    );
    assert_eq!(
        shadow(&stage.runtime.snapshot()).policy,
        "shadow",
        "the first goes on"
    );
    control.shadow(None).unwrap();
    assert_eq!(stage.runtime.snapshot().shadow, None);
    stage.pass(5);
    let (snapshot, _) = stage.finish();
    for target in &snapshot.targets {
        assert_eq!(target.outcomes.of(Outcome::Failed), 0, "{}", target.key);
        assert_eq!(
            target.health,
            concert_runtime::Health::Ok,
            "{}",
            target.message
        );
    }
}
