//! A pipeline is exchanged between two frames: none is lost, none is torn, and
//! where the new one cannot be had the old one goes on (faults F10, F16, F31).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::common::stage::{of, start, start_on};
use crate::common::{MS, World, file, frame, giving};
use concert_models::TensorSpec;
use concert_models::fake::{FakeEngine, FakeNetwork};
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::{
    Camera, Capture, Clock, MemoryBus, ObservationRequest, Outcome, Output, RunSettings, Runtime,
    ScriptedCamera, Snapshot, SwapError,
};

const LONG: Duration = Duration::from_secs(30);

/// Two targets on the encoder `p`.
const BOTH: &str = r#"
name = "both"
supervision_budget = 1
[[transfer]]
target = "vanishing_point"
sources = ["p"]
[[transfer]]
target = "class_scene"
sources = ["p"]
"#;

/// One of them, by another readout, and one on the encoder `q`.
const OTHERS: &str = r#"
name = "others"
supervision_budget = 2
max_order = 1
[[transfer]]
target = "class_object"
sources = ["q"]
[[transfer]]
target = "vanishing_point"
sources = ["p"]
readout = "refitted"
"#;

/// A readout that gives a thousandth of what it reads, and `more`.
fn adding(more: f32) -> FakeNetwork {
    giving(move |read| [read / 1000.0 + more; 3])
}

fn world() -> World {
    let mut world = World::default();
    world.encoder("p");
    world.encoder("q");
    world.readout_of("vanishing_point_from_p", &["p.a"], adding(0.0));
    world.readout_of("class_scene_from_p", &["p.b"], adding(0.0));
    let refitted = "vanishing_point_from_p@refitted";
    world.readout_of(refitted, &["p.a"], adding(0.5));
    world.readout_of("class_object_from_q", &["q.a"], adding(0.0));
    world
}

/// Tells whether the value of an output is what its networks, by their names, make
/// of its frame.
fn is_what_it_says(output: &Output) -> bool {
    let grey = (output.frame_sequence % 200) as f32 / 1000.0;
    let promised = match output.origin.hashes.readout.0.as_str() {
        "vanishing_point_from_p" | "class_object_from_q" => grey,
        "class_scene_from_p" => 2.0 * grey,
        "vanishing_point_from_p@refitted" | "refit" => grey + 0.5,
        other => panic!("an output of {other}"),
    };
    let near = |value: &f32| (value - promised).abs() < 1e-4;
    output.values.iter().all(near)
}

#[test]
fn a_hundred_swaps_under_load_lose_nothing_and_tear_nothing() {
    let world = world();
    let plans = [world.plan(BOTH), world.plan(OTHERS)];
    let cameras = ["front", "rear"];
    let stage = start_on(world.engine.sibling(), &world, BOTH, &cameras);
    let control = stage.runtime.control();
    stage.pass(5);
    // Per camera, which policy took the frames up to which sequence number.
    let mut turns: Vec<Vec<(u64, String)>> = vec![Vec::new(); 2];
    for swap in 0..100 {
        let report = control.swap(plans[(swap + 1) % 2].clone()).unwrap();
        assert_eq!(report.old_hash, plans[swap % 2].policy_hash());
        assert_eq!(report.new_hash, plans[(swap + 1) % 2].policy_hash());
        for (turns, (_, last)) in turns.iter_mut().zip(&report.last_sequence) {
            turns.push((last.unwrap_or(0), report.old_hash.clone()));
        }
        if swap % 10 == 0 {
            stage.pass(3);
        }
    }
    stage.pass(5);
    let (snapshot, outputs) = stage.finish();
    assert_eq!(snapshot.swaps, 100);
    assert_eq!(snapshot.policy_hash, plans[0].policy_hash());
    let mut sequences: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for output in &outputs {
        let camera = usize::from(&*output.origin.camera == "rear");
        let turn = turns[camera]
            .iter()
            .find(|(last, _)| output.frame_sequence <= *last);
        let policy = turn.map_or(plans[0].policy_hash(), |(_, hash)| hash);
        assert_eq!(output.origin.hashes.policy, policy, "one policy per frame");
        assert!(is_what_it_says(output), "{:?}", output);
        let key = output.origin.key.to_string();
        sequences.entry(key).or_default().push(output.sequence);
    }
    assert_eq!(sequences.len(), 6, "{:?}", sequences.keys());
    for (key, sequences) in &sequences {
        let target = of(&snapshot, key);
        assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "{key}");
        let lost = sequences.last().unwrap() + 1 - sequences.len() as u64;
        assert_eq!(lost, target.superseded, "{key}: a gap is a counted loss");
        assert_eq!(sequences.len() as u64, target.published, "{key}");
    }
}

#[test]
fn a_list_that_is_seen_whole_is_seen_whole_across_swaps() {
    let world = world();
    let plans = [world.plan(BOTH), world.plan(OTHERS)];
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let pipeline = world.pipeline(BOTH, Arc::clone(&clock), &["front"], None);
    let script = (0..400).map(|i| Capture::Frame(frame(i, 1, MS * i as u32)));
    let camera: Box<dyn Camera> = Box::new(ScriptedCamera::new(script));
    let settings = RunSettings {
        lossless: true,
        ..RunSettings::default()
    };
    let cameras = vec![("front".to_owned(), camera)];
    let bus = Box::new(MemoryBus::new());
    let runtime = Runtime::start(pipeline, cameras, bus, clock, settings).unwrap();
    let control = runtime.control();
    let mut swaps = 0;
    while !runtime.is_over() {
        match control.swap(plans[(swaps + 1) % 2].clone()) {
            Ok(_) => swaps += 1,
            Err(SwapError::Stopping) => break,
            Err(other) => panic!("{other}"),
        }
    }
    let snapshot = runtime.stop();
    snapshot.check_conservation().unwrap();
    assert_eq!(snapshot.cameras[0].counts.processed, 400);
    assert_eq!(of(&snapshot, "vanishing_point").frames, 400);
    let others = snapshot
        .targets
        .iter()
        .filter(|t| t.key.starts_with("class"));
    assert_eq!(others.map(|target| target.frames).sum::<u64>(), 400);
}

#[test]
fn a_policy_that_cannot_be_prepared_leaves_the_old_one_serving() {
    let mut world = world();
    let refusing = FakeNetwork::refusing_to_load("no such operator");
    world.readout_of("vanishing_point_from_q", &["q.a"], refusing);
    let panicking = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 3])], |_, _| {
        panic!("a fake panic")
    });
    world.readout_of("class_scene_from_q", &["q.a"], panicking);
    let wide = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 7])], |_, _| Ok(()));
    world.readout_of("class_object_from_p", &["p.a"], wide);
    let policy = |target: &str, source: &str| {
        format!(
            "name = \"bad\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"{target}\"\nsources = [\"{source}\"]\n"
        )
    };
    let stage = start(&world, BOTH);
    let control = stage.runtime.control();
    stage.pass(2);
    for (target, source, reason) in [
        ("vanishing_point", "q", "no such operator"),
        ("class_scene", "q", "preparing the policy bad panicked"),
        ("class_object", "p", "[1, 7]"),
    ] {
        let refused = control
            .swap(world.plan(&policy(target, source)))
            .unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
        stage.pass(2);
    }
    stage.bus.refuse("class_object");
    let refused = control.swap(world.plan(OTHERS)).unwrap_err();
    assert!(matches!(refused, SwapError::Bus(_)), "{refused}");
    stage.pass(2);
    let (snapshot, outputs) = stage.finish();
    assert_eq!(snapshot.swaps, 0);
    assert_eq!(snapshot.policy_hash, world.plan(BOTH).policy_hash());
    let keys: Vec<&str> = snapshot.targets.iter().map(|t| t.key.as_str()).collect();
    assert_eq!(
        keys,
        ["vanishing_point", "class_scene"],
        "nothing is left of them"
    );
    assert!(outputs.iter().all(is_what_it_says));
}

#[test]
fn a_policy_that_does_not_fit_into_memory_leaves_the_old_one_serving_and_takes_nothing() {
    let mut world = World {
        engine: FakeEngine::with_memory_limit(4096),
        ..world()
    };
    world.encoder("p");
    world.readout_of("vanishing_point_from_p", &["p.a"], adding(0.0));
    world.readout_of("class_scene_from_p", &["p.b"], adding(0.0));
    let large = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 4096])], |_, _| Ok(()));
    world.readout_of("class_object_from_p", &["p.a"], large);
    let part = world.readouts.get_mut("class_object_from_p").unwrap();
    part.output.spec = TensorSpec::f32(&[1, 4096]);
    let stage = start(&world, BOTH);
    let used = world.engine.used_bytes();
    let large = OTHERS.replace("sources = [\"q\"]", "sources = [\"p\"]");
    let large = large.replace("readout = \"refitted\"", "");
    let refused = stage
        .runtime
        .control()
        .swap(world.plan(&large))
        .unwrap_err();
    assert!(refused.to_string().contains("no memory"), "{refused}");
    assert_eq!(world.engine.used_bytes(), used);
    stage.pass(2);
    let (snapshot, _) = stage.finish();
    assert_eq!(snapshot.swaps, 0);
}

#[test]
fn targets_come_and_go_and_keep_their_counts() {
    let world = world();
    let stage = start(&world, BOTH);
    let control = stage.runtime.control();
    stage.wait_until(|snapshot| of(snapshot, "class_scene").published > 3);
    let report = control.swap(world.plan(OTHERS)).unwrap();
    assert_eq!(report.added, ["class_object"]);
    assert_eq!(report.removed, ["class_scene"]);
    stage.wait_until(|snapshot| of(snapshot, "class_object").published > 3);
    let between = stage.runtime.snapshot();
    assert_eq!(between.policy, "others");
    assert!(of(&between, "class_scene").ended);
    assert!(!of(&between, "vanishing_point").ended);
    assert_eq!(
        stage.bus.announced_keys(),
        ["@every_image", "class_object", "vanishing_point"]
    );
    control.swap(world.plan(BOTH)).unwrap();
    let ended = of(&between, "class_scene").published;
    stage.wait_until(|snapshot| of(snapshot, "class_scene").published > ended + 3);
    let (snapshot, outputs) = stage.finish();
    assert!(of(&snapshot, "class_object").ended);
    assert!(!of(&snapshot, "class_scene").ended);
    assert!(of(&snapshot, "class_scene").frames < of(&snapshot, "vanishing_point").frames);
    let scene = outputs
        .iter()
        .filter(|output| &*output.origin.key == "class_scene");
    let sequences: Vec<u64> = scene.map(|output| output.sequence).collect();
    assert!(
        sequences.windows(2).all(|pair| pair[0] < pair[1]),
        "{sequences:?}"
    );
}

#[test]
fn only_what_is_new_is_loaded_and_warmed() {
    let world = world();
    let stage = start(&world, BOTH);
    let runs = |name: &str| world.counts[name].runs();
    stage.pass(1);
    let report = stage.runtime.control().swap(world.plan(OTHERS)).unwrap();
    assert_eq!(report.reused_networks, ["p"]);
    let loaded = [
        "q",
        "class_object_from_q",
        "vanishing_point_from_p@refitted",
    ];
    assert_eq!(report.loaded_networks, loaded);
    stage.pass(1);
    let (snapshot, _) = stage.finish();
    // Once to warm it at the start, then once a frame.
    assert_eq!(runs("p"), 1 + snapshot.cameras[0].counts.processed);
    assert_eq!(runs("q"), 1 + of(&snapshot, "class_object").frames);
}

/// `vanishing_point` compares with the frame before.
fn looking_back(world: &mut World, source: &str) -> String {
    let reads = [format!("{source}.a@0"), format!("{source}.a@1")];
    let reads: Vec<&str> = reads.iter().map(String::as_str).collect();
    let both = FakeNetwork::new(
        &[("in0", &[1, 1]), ("in1", &[1, 1])],
        &[("out", &[1, 3])],
        |i, o| {
            let values = [i[0].1[0] / 1000.0, i[1].1[0] / 1000.0, 0.0];
            o[0].1.copy_from_slice(&values);
            Ok(())
        },
    );
    world.readout_of(&format!("vanishing_point_from_{source}"), &reads, both);
    BOTH.replace("[\"p\"]", &format!("[\"{source}\"]"))
        .split("[[transfer]]")
        .take(2)
        .collect::<Vec<_>>()
        .join("[[transfer]]")
}

#[test]
fn what_looks_back_goes_on_where_its_encoder_is_the_same_and_warms_where_it_is_not() {
    let mut world = world();
    let over_p = looking_back(&mut world, "p");
    let over_q = looking_back(&mut world, "q");
    let and_scene = format!("{over_p}[[transfer]]\ntarget = \"class_scene\"\nsources = [\"p\"]\n");
    let stage = start(&world, &over_p);
    let control = stage.runtime.control();
    let warming = |snapshot: &Snapshot| {
        let target = of(snapshot, "vanishing_point");
        target.outcomes.of(Outcome::Warming)
    };
    stage.pass(5);
    assert_eq!(warming(&stage.runtime.snapshot()), 1, "the first frame");
    let report = control.swap(world.plan(&and_scene)).unwrap();
    assert_eq!(
        (report.kept, report.warming),
        (vec!["front/p".to_owned()], vec![])
    );
    stage.pass(5);
    assert_eq!(
        warming(&stage.runtime.snapshot()),
        1,
        "nothing warmed again"
    );
    let report = control.swap(world.plan(&over_q)).unwrap();
    assert_eq!(
        (report.kept, report.warming),
        (vec![], vec!["front/q".to_owned()])
    );
    stage.pass(5);
    assert_eq!(
        warming(&stage.runtime.snapshot()),
        2,
        "another encoder warms"
    );
    let (_, outputs) = stage.finish();
    let sequences: BTreeMap<_, _> = outputs
        .iter()
        .map(|output| (output.stamp, output.frame_sequence))
        .collect();
    let grey = |sequence: u64| (sequence % 200) as f32 / 1000.0;
    let compared = outputs
        .iter()
        .filter(|o| &*o.origin.key == "vanishing_point");
    for output in compared {
        let previous = output.previous_stamp.expect("a stamp of the frame before");
        assert!((output.values[0] - grey(output.frame_sequence)).abs() < 1e-4);
        if let Some(&sequence) = sequences.get(&previous) {
            assert!(sequence < output.frame_sequence);
            assert!((output.values[1] - grey(sequence)).abs() < 1e-4);
        }
    }
}

#[test]
fn one_swap_at_a_time_and_the_next_is_refused_at_once() {
    let mut world = world();
    let slow = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 3])], |_, _| {
        thread::sleep(MS * 300);
        Ok(())
    });
    world.readout_of("class_object_from_q", &["q.a"], slow);
    let warmed = world.counts["class_object_from_q"].clone();
    let stage = start(&world, BOTH);
    let control = stage.runtime.control();
    let (slow, quick) = (world.plan(OTHERS), world.plan(BOTH));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| control.swap(slow));
        while warmed.runs() == 0 {
            thread::sleep(MS);
        }
        assert!(matches!(control.swap(quick), Err(SwapError::Busy)));
        assert_eq!(first.join().unwrap().unwrap().new_policy, "others");
    });
    stage.finish();
}

#[test]
fn swaps_that_meet_a_stop_are_refused_and_nothing_is_lost() {
    let world = world();
    let plans = [world.plan(BOTH), world.plan(OTHERS)];
    for wait in 0..10 {
        let stage = start(&world, BOTH);
        let control = stage.runtime.control();
        std::thread::scope(|scope| {
            let swapping = scope.spawn(|| {
                let mut swaps = 0;
                while control.swap(plans[(swaps + 1) % 2].clone()).is_ok() {
                    swaps += 1;
                }
                (swaps, control.swap(plans[0].clone()))
            });
            thread::sleep(MS * wait);
            let snapshot = stage.runtime.stop();
            snapshot.check_conservation().unwrap();
            let (swaps, refused) = swapping.join().unwrap();
            assert_eq!(snapshot.swaps, swaps as u64);
            assert!(matches!(refused, Err(SwapError::Stopping)), "{refused:?}");
        });
    }
}

#[test]
fn one_readout_is_exchanged_under_the_same_policy() {
    let mut world = world();
    let stage = start(&world, BOTH);
    let control = stage.runtime.control();
    stage.pass(2);
    // As after a refit: the same name, another network.
    world.engine.register("refit", adding(0.5));
    let part = world.readouts.get_mut("vanishing_point_from_p").unwrap();
    part.file = file("refit");
    let report = control.swap(world.plan(BOTH)).unwrap();
    assert_eq!(report.old_hash, report.new_hash);
    assert_eq!(report.reused_networks, ["p", "class_scene_from_p"]);
    assert_eq!(report.loaded_networks, ["refit"]);
    let last = report.last_sequence[0].1.unwrap();
    stage.pass(5);
    let (_, outputs) = stage.finish();
    let refitted = outputs
        .iter()
        .filter(|o| o.origin.hashes.readout.0 == "refit");
    let refitted: Vec<_> = refitted.collect();
    assert!(!refitted.is_empty());
    for output in refitted {
        assert!(output.frame_sequence > last);
        assert_eq!(output.origin.hashes.readout.1, file("refit").sha256);
        assert!(is_what_it_says(output), "{output:?}");
    }
}

fn request() -> ObservationRequest {
    ObservationRequest {
        camera: None,
        levels: vec![("p".into(), "a".into())],
        needs_depth: false,
        min_interval: Duration::ZERO,
    }
}

#[test]
fn an_observer_gets_whole_observations_across_swaps() {
    let world = world();
    let stage = start(&world, BOTH);
    let control = stage.runtime.control();
    let observer = control.observe(request());
    let plans = [world.plan(OTHERS), world.plan(BOTH)];
    let mut last = None;
    for round in 0..20 {
        let observation = observer.next(LONG).unwrap();
        let sequence = observation.frame.sequence;
        assert!(last < Some(sequence), "each frame at most once, in order");
        last = Some(sequence);
        let level = &observation.levels[0];
        assert_eq!((level.source.as_str(), level.level.as_str()), ("p", "a"));
        assert_eq!(level.sha256, file("p").sha256);
        assert_eq!(level.shape, [1, 1]);
        assert_eq!(
            level.values[0].round(),
            (sequence % 200) as f32,
            "of this very frame"
        );
        observer.recycle(observation);
        control.swap(plans[round % 2].clone()).unwrap();
    }
    stage.finish();
    assert!(observer.next(LONG).is_none(), "it ends with the runtime");
}

#[test]
fn an_observer_gets_only_what_it_asked_for_and_no_more_often() {
    let world = world();
    let stage = start(&world, BOTH);
    let control = stage.runtime.control();
    let mut seldom = request();
    seldom.min_interval = MS * 20;
    let observer = control.observe(seldom);
    let first = observer.next(LONG).unwrap();
    let second = observer.next(LONG).unwrap();
    assert!(second.frame.arrived >= first.frame.arrived + MS * 20);
    // A level that no readout reads, a camera that is not there, no depth.
    let mut unread = request();
    unread.levels.push(("q".into(), "a".into()));
    let mut elsewhere = request();
    elsewhere.camera = Some("rear".into());
    let mut depth = request();
    depth.needs_depth = true;
    for request in [unread, elsewhere, depth] {
        let other = control.observe(request);
        assert!(observer.next(LONG).is_none(), "another took its place");
        assert!(other.next(MS * 50).is_none());
    }
    stage.finish();
}
