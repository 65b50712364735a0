//! Frames in = outputs + counted drops, whatever happens (faults F1, F3, F18,
//! F23, F24, F33).

use std::sync::Arc;
use std::time::Duration;

use crate::common::{MS, World, frame, policy_on_p};
use concert_models::fake::FakeNetwork;
use concert_models::{Image, PixelFormat};
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::{
    Camera, Capture, Clock, Frame, FrameFault, Health, MemoryBus, Outcome, RunSettings, Runtime,
    ScriptedCamera, Snapshot, Timestamp,
};

const TARGETS: [&str; 2] = ["vanishing_point", "class_scene"];

fn world(encoder_takes: Duration) -> World {
    let mut world = World::default();
    let network = FakeNetwork::new(
        &[("image", &[1, 1, 2, 2])],
        &[("a", &[1, 1]), ("b", &[1, 1])],
        move |_, _| {
            thread::sleep(encoder_takes);
            Ok(())
        },
    );
    world.encoder_of("p", network);
    world.readout("vanishing_point_from_p", &["p.a"]);
    world.readout("class_scene_from_p", &["p.b"]);
    world
}

fn run(world: World, cameras: Vec<Box<dyn Camera>>, settings: RunSettings) -> (Runtime, MemoryBus) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let names: Vec<String> = (0..cameras.len()).map(|i| format!("camera{i}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let pipeline = world.pipeline(&policy_on_p(&TARGETS), Arc::clone(&clock), &refs, None);
    let bus = MemoryBus::new();
    let cameras = names.into_iter().zip(cameras).collect();
    let runtime =
        Runtime::start(pipeline, cameras, Box::new(bus.clone()), clock, settings).unwrap();
    (runtime, bus)
}

fn finish(runtime: Runtime) -> Snapshot {
    for _ in 0..3_000 {
        if runtime.is_over() {
            break;
        }
        thread::sleep(MS * 10);
    }
    let snapshot = runtime.stop();
    snapshot.check_conservation().unwrap();
    snapshot
}

fn frames(count: u64) -> Vec<Capture> {
    (0..count)
        .map(|i| Capture::Frame(frame(i, 0, MS * i as u32)))
        .collect()
}

#[test]
fn a_burst_keeps_the_newest_and_counts_the_rest() {
    let camera = ScriptedCamera::new(frames(500));
    let (runtime, bus) = run(
        world(MS * 2),
        vec![Box::new(camera)],
        RunSettings::default(),
    );
    let snapshot = finish(runtime);
    let counts = snapshot.cameras[0].counts;
    assert_eq!(counts.arrived, 500);
    assert!(counts.superseded > 0, "{counts:?}");
    assert_eq!(
        counts.processed + counts.superseded + snapshot.cameras[0].waiting,
        500
    );
    let outputs = bus.take_outputs();
    assert!(
        outputs.iter().any(|output| output.frame_sequence == 499),
        "the newest frame is not lost"
    );
}

#[test]
fn a_lossless_list_is_seen_whole_and_in_order() {
    let camera = ScriptedCamera::new(frames(100));
    let settings = RunSettings {
        lossless: true,
        ..RunSettings::default()
    };
    let (runtime, bus) = run(world(Duration::ZERO), vec![Box::new(camera)], settings);
    let snapshot = finish(runtime);
    assert_eq!(snapshot.cameras[0].counts.processed, 100);
    let outputs = bus.take_outputs();
    let sequences: Vec<u64> = outputs
        .iter()
        .filter(|o| o.origin.task.name == "vanishing_point")
        .map(|o| o.frame_sequence)
        .collect();
    assert!(sequences.is_sorted());
}

#[test]
fn refused_frames_are_counted_and_the_next_is_fine() {
    let mut script = frames(3);
    script.insert(
        1,
        Capture::Refused(FrameFault {
            subject: "a.jpg".into(),
            reason: "truncated".into(),
        }),
    );
    script.insert(3, Capture::Interrupted("unplugged".into()));
    let settings = RunSettings {
        lossless: true,
        ..RunSettings::default()
    };
    let (runtime, _bus) = run(
        world(Duration::ZERO),
        vec![Box::new(ScriptedCamera::new(script))],
        settings,
    );
    let counts = finish(runtime).cameras[0].counts;
    assert_eq!(
        (
            counts.arrived,
            counts.refused,
            counts.processed,
            counts.interruptions
        ),
        (4, 1, 3, 1)
    );
}

#[test]
fn duplicate_and_backward_stamps_are_counted_and_the_stream_recovers() {
    let stamps = [0u32, 10, 10, 20, 5, 15, 25];
    let script = stamps.iter().enumerate().map(|(i, &at)| {
        let frame = Frame {
            arrived: MS * i as u32,
            ..frame(i as u64, 0, MS * at)
        };
        Capture::Frame(frame)
    });
    let settings = RunSettings {
        lossless: true,
        ..RunSettings::default()
    };
    let (runtime, _bus) = run(
        world(Duration::ZERO),
        vec![Box::new(ScriptedCamera::new(script))],
        settings,
    );
    let counts = finish(runtime).cameras[0].counts;
    assert_eq!(
        (counts.duplicate, counts.backward_stamps, counts.processed),
        (1, 1, 6)
    );
}

#[test]
fn a_clock_that_jumps_an_hour_either_way_is_counted_and_costs_no_frame() {
    let hour = 3_600_000_000_000i64;
    let script = (0..30u64).map(|i| {
        let mut frame = frame(i, 0, MS * 33 * i as u32);
        let shift = if (10..20).contains(&i) { hour } else { 0 };
        frame.stamp = Timestamp::from_nanos(frame.stamp.nanos() + shift);
        Capture::Frame(frame)
    });
    let settings = RunSettings {
        lossless: true,
        ..RunSettings::default()
    };
    let (runtime, _bus) = run(
        world(Duration::ZERO),
        vec![Box::new(ScriptedCamera::new(script))],
        settings,
    );
    let snapshot = finish(runtime);
    let counts = snapshot.cameras[0].counts;
    assert_eq!(
        (counts.processed, counts.stamp_steps, counts.backward_stamps),
        (30, 2, 1)
    );
    assert_eq!(snapshot.targets[0].outcomes.of(Outcome::Delivered), 30);
}

#[test]
fn a_camera_that_falls_silent_is_said_to_be_stale_and_nothing_old_is_sent_again() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let script = (0..10u64).map(|i| {
        (
            MS * 20 * i as u32,
            Capture::Frame(frame(i, 0, Duration::ZERO)),
        )
    });
    let camera =
        ScriptedCamera::with_schedule(Arc::clone(&clock), script.collect::<Vec<_>>()).then_silent();
    let pipeline = world(Duration::ZERO).pipeline(
        &policy_on_p(&TARGETS),
        Arc::clone(&clock),
        &["front"],
        None,
    );
    let bus = MemoryBus::new();
    let cameras: Vec<(String, Box<dyn Camera>)> = vec![("front".into(), Box::new(camera))];
    // Only a change of health makes a status within this test.
    let settings = RunSettings {
        status_period: Duration::from_secs(3600),
        ..RunSettings::default()
    };
    let runtime =
        Runtime::start(pipeline, cameras, Box::new(bus.clone()), clock, settings).unwrap();
    let mut stale = None;
    for _ in 0..1_000 {
        let statuses = bus.take_statuses();
        let entry = |status: &concert_runtime::Status| {
            status
                .entries
                .iter()
                .find(|e| e.name == "camera/front")
                .cloned()
        };
        stale = stale.or_else(|| {
            statuses
                .iter()
                .filter_map(entry)
                .find(|entry| entry.health == Health::Stale)
        });
        if stale.is_some() {
            break;
        }
        thread::sleep(MS * 10);
    }
    assert!(stale.is_some_and(|entry| entry.message.contains("two periods")));
    let sent = bus.take_outputs().len();
    thread::sleep(MS * 100);
    assert!(bus.take_outputs().is_empty(), "{sent} were sent before");
    runtime.stop().check_conservation().unwrap();
}

#[test]
fn a_stop_in_full_flow_loses_nothing_uncounted() {
    let cameras: Vec<Box<dyn Camera>> = vec![
        Box::new(ScriptedCamera::new(frames(100_000))),
        Box::new(ScriptedCamera::new(frames(100_000))),
    ];
    let (runtime, bus) = run(world(MS), cameras, RunSettings::default());
    thread::sleep(MS * 100);
    let snapshot = runtime.stop();
    snapshot.check_conservation().unwrap();
    let published: u64 = snapshot.targets.iter().map(|target| target.published).sum();
    assert_eq!(bus.take_outputs().len() as u64, published);
}

#[test]
fn f2_a_camera_that_comes_back_with_another_size_is_counted_and_served() {
    let script = (0..10u64).map(|i| {
        let frame = frame(i, 0, MS * 33 * i as u32);
        let side = if i < 5 { 4 } else { 6 };
        let image = Image::packed(side, side, PixelFormat::Grey8, vec![0; side * side]).unwrap();
        Capture::Frame(Frame { image, ..frame })
    });
    let settings = RunSettings {
        lossless: true,
        ..RunSettings::default()
    };
    let camera = ScriptedCamera::new(script);
    let (runtime, bus) = run(world(Duration::ZERO), vec![Box::new(camera)], settings);
    let counts = finish(runtime).cameras[0].counts;
    assert_eq!((counts.processed, counts.format_changes), (10, 1));
    let sizes: Vec<_> = bus.take_outputs().iter().map(|o| o.image_size).collect();
    assert!(sizes.contains(&(6, 6)), "{sizes:?}");
}

#[test]
fn a_number_of_frames_asked_for_is_met_exactly() {
    let settings = RunSettings {
        frames: Some(25),
        lossless: true,
        ..RunSettings::default()
    };
    let (runtime, _bus) = run(
        world(Duration::ZERO),
        vec![Box::new(ScriptedCamera::new(frames(100)))],
        settings,
    );
    assert_eq!(finish(runtime).cameras[0].counts.processed, 25);
}
