//! Whatever cannot be published, repeats, has no time or no thread left is never
//! "ok" (faults F8, F9, F15, F17, F24, F27 and the laws of counting).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Keep, MS, World, frame, giving, policy_on_p};
use concert_models::Terminator;
use concert_models::fake::FakeNetwork;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::picture::PictureFault;
use concert_runtime::{
    Bus, BusError, Camera, CameraImage, CameraLosses, Capture, Clock, Health, LaneName,
    ManualClock, MemoryBus, NoWatch, Outcome, Output, Pipeline, RunSettings, Runtime,
    ScriptedCamera, Snapshot, Status, SwapError, Timestamp, Watch,
};

/// Two targets on one encoder; the first one's readout is the test's.
const TARGETS: [&str; 2] = ["depth_zbuffer", "class_scene"];

/// A readout whose outputs are what `value` says, run by run.
fn world(value: impl Fn(u32) -> f32 + Send + Sync + 'static) -> World {
    let mut world = World::default();
    world.encoder("p");
    let runs = AtomicU32::new(0);
    let network = giving(move |_| [value(runs.fetch_add(1, Ordering::SeqCst)); 3]);
    world.readout_of("depth_zbuffer_from_p", &["p.a"], network);
    world.readout_of("class_scene_from_p", &["p.b"], giving(|_| [0.5; 3]));
    world
}

/// Outcomes of the two targets, frame by frame, a tenth of a second apart.
fn outcomes(
    pipeline: &mut Pipeline,
    clock: &ManualClock,
    frames: u64,
    keep: &mut Keep,
) -> Vec<[Outcome; 2]> {
    let mut step = |sequence| {
        clock.advance(MS * 100);
        let frame = frame(sequence, 0, clock.monotonic());
        let report = pipeline.step(0, &frame, MS * 100, keep);
        [report.outcomes[0], report.outcomes[1]]
    };
    (0..frames).map(&mut step).collect()
}

#[test]
fn f8_an_output_of_infinity_is_withheld_and_quarantined_and_the_rest_goes_on() {
    let broken = Arc::new(AtomicBool::new(true));
    let now_broken = Arc::clone(&broken);
    let value = move |_| {
        if now_broken.load(Ordering::SeqCst) {
            f32::INFINITY
        } else {
            1.0
        }
    };
    let world = world(value);
    let runs = world.counts["depth_zbuffer_from_p"].clone();
    let clock = Arc::new(ManualClock::default());
    let mut pipeline = world.pipeline(&policy_on_p(&TARGETS), clock.clone(), &["front"], None);
    let mut keep = Keep::default();
    let first = outcomes(&mut pipeline, &clock, 5, &mut keep);
    assert_eq!(first, [[Outcome::Withheld, Outcome::Delivered]; 5]);
    let troubles = pipeline.troubles(0);
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    let trouble = &troubles[0];
    assert!(trouble.quarantined && trouble.health == Health::Error);
    assert!(
        trouble.words().starts_with("quarantined: withheld: "),
        "{}",
        trouble.words()
    );
    assert!(
        trouble.reason.contains("inf"),
        "value and range: {}",
        trouble.reason
    );
    let before = runs.runs();
    let then = outcomes(&mut pipeline, &clock, 40, &mut keep);
    assert!(then.iter().all(|[_, other]| *other == Outcome::Delivered));
    assert!(runs.runs() - before <= 6, "its retries are spaced");
    broken.store(false, Ordering::SeqCst);
    let after = outcomes(&mut pipeline, &clock, 110, &mut keep);
    assert_eq!(after[109], [Outcome::Delivered; 2], "it recovers by itself");
    assert!(pipeline.troubles(0).is_empty());
}

#[test]
fn f8_an_output_of_nothing_but_nan_is_marked_and_said() {
    let clock = Arc::new(ManualClock::default());
    let world = world(|run| if run < 10 { f32::NAN } else { 1.0 });
    let mut pipeline = world.pipeline(&policy_on_p(&TARGETS), clock.clone(), &["front"], None);
    let mut keep = Keep::default();
    outcomes(&mut pipeline, &clock, 4, &mut keep);
    assert!(pipeline.troubles(0).is_empty(), "four may be chance");
    outcomes(&mut pipeline, &clock, 1, &mut keep);
    let troubles = pipeline.troubles(0);
    let want = "unknown: every value of the last 5 outputs was NaN";
    assert_eq!(
        (troubles[0].health, troubles[0].reason.as_str()),
        (Health::Warn, want)
    );
    outcomes(&mut pipeline, &clock, 10, &mut keep);
    assert!(pipeline.troubles(0).is_empty());
    let depth = |output: &&Output| output.origin.task.name == "depth_zbuffer";
    let marked = keep
        .outputs
        .iter()
        .filter(depth)
        .map(|output| output.unknown);
    // The first run of all is the one that warms.
    assert_eq!(marked.filter(|unknown| *unknown).count(), 9);
}

/// A world whose encoder takes 7 ms and the depth readout `depth` of them.
fn slow_world(clock: &Arc<ManualClock>, depth: Arc<AtomicU32>) -> World {
    let mut world = World::default();
    let ticking = Arc::clone(clock);
    let network = FakeNetwork::new(
        &[("image", &[1, 1, 2, 2])],
        &[("a", &[1, 1]), ("b", &[1, 1])],
        move |_, _| {
            ticking.advance(MS * 7);
            Ok(())
        },
    );
    world.encoder_of("p", network);
    let ticking = Arc::clone(clock);
    let network = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 3])], move |_, _| {
        ticking.advance(MS * depth.load(Ordering::SeqCst));
        Ok(())
    });
    world.readout_of("depth_zbuffer_from_p", &["p.a"], network);
    world.readout("class_scene_from_p", &["p.b"]);
    world
}

#[test]
fn f27_a_readout_of_fifteen_milliseconds_is_not_begun_at_one_of_eight() {
    let clock = Arc::new(ManualClock::default());
    let takes = Arc::new(AtomicU32::new(15));
    let world = slow_world(&clock, Arc::clone(&takes));
    let runs = world.counts["depth_zbuffer_from_p"].clone();
    let mut pipeline = world.pipeline(
        &policy_on_p(&TARGETS),
        clock.clone(),
        &["front"],
        Some(MS * 8),
    );
    let mut keep = Keep::default();
    outcomes(&mut pipeline, &clock, 1, &mut keep);
    let known = runs.runs();
    let then = outcomes(&mut pipeline, &clock, 15, &mut keep);
    assert_eq!(then, [[Outcome::Shed, Outcome::Delivered]; 15]);
    assert_eq!(runs.runs(), known, "not begun once");
    let troubles = pipeline.troubles(0);
    assert_eq!(troubles[0].health, Health::Warn);
    let reason = &troubles[0].reason;
    assert!(
        reason.starts_with("shed: needs about ") && reason.contains("of 8.0 ms"),
        "{reason}"
    );
    // It becomes quick: found out by a trial, and taken up again for good.
    takes.store(0, Ordering::SeqCst);
    let after = outcomes(&mut pipeline, &clock, 400, &mut keep);
    assert_eq!(after[399], [Outcome::Delivered; 2]);
    let changes = after.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes <= 7, "with hysteresis, not on and off: {changes}");
}

fn script(frames: impl IntoIterator<Item = (u64, u8, Duration)>) -> Vec<Capture> {
    let frames = frames.into_iter();
    let frame = |(sequence, value, at)| Capture::Frame(frame(sequence, value, at));
    frames.map(frame).collect()
}

fn start(
    world: World,
    clock: Arc<dyn Clock>,
    camera: Box<dyn Camera>,
    bus: Box<dyn Bus>,
    watch: Arc<dyn Watch>,
) -> Runtime {
    let lane = LaneName {
        camera: "front".to_owned(),
        in_keys: false,
    };
    let plan = world.plan(&policy_on_p(&TARGETS));
    let engine = Box::new(world.engine);
    let pipeline = Pipeline::prepare(plan, engine, &[lane], Arc::clone(&clock), watch, None);
    let settings = RunSettings {
        lossless: true,
        ..RunSettings::default()
    };
    let cameras = vec![("front".to_owned(), camera)];
    Runtime::start(pipeline.unwrap(), cameras, bus, clock, settings).unwrap()
}

/// Looks until something holds, as long as a busy computer may take.
fn until(runtime: &Runtime, holds: impl Fn(&Snapshot) -> bool) -> Snapshot {
    for _ in 0..6_000 {
        let snapshot = runtime.snapshot();
        if holds(&snapshot) {
            return snapshot;
        }
        thread::sleep(MS * 5);
    }
    panic!("did not come about: {:?}", runtime.snapshot());
}

#[test]
fn f9_outputs_of_a_frozen_camera_are_marked_and_it_recovers_by_itself() {
    let picture = |i: u64| {
        if (5..25).contains(&i) {
            200
        } else {
            100 + i as u8
        }
    };
    let frames = script((0..30).map(|i| (i, picture(i), MS * 100 * i as u32)));
    let clock = Arc::new(ManualClock::default());
    clock.advance(MS * 2_900);
    let bus = MemoryBus::new();
    let camera = Box::new(ScriptedCamera::new(frames).then_silent());
    let runtime = start(
        world(|_| 1.0),
        clock,
        camera,
        Box::new(bus.clone()),
        Arc::new(NoWatch),
    );
    until(&runtime, |snapshot| {
        snapshot.cameras[0].counts.processed == 30
    });
    let snapshot = runtime.stop();
    snapshot.check_conservation().unwrap();
    for output in bus.take_outputs() {
        let frozen = (15..25).contains(&output.frame_sequence);
        let want = frozen.then_some(PictureFault::Frozen);
        assert_eq!(output.picture, want, "frame {}", output.frame_sequence);
    }
}

#[test]
fn f9_a_camera_that_stays_frozen_is_a_warning_with_its_targets() {
    let frames = script((0..30).map(|i| (i, 100, MS * 100 * i as u32)));
    let clock = Arc::new(ManualClock::default());
    clock.advance(MS * 2_900);
    let camera = Box::new(ScriptedCamera::new(frames).then_silent());
    let bus = Box::new(MemoryBus::new());
    let runtime = start(world(|_| 1.0), clock, camera, bus, Arc::new(NoWatch));
    let snapshot = until(&runtime, |snapshot| {
        snapshot.cameras[0].counts.processed == 30
    });
    let want = "frozen: the same picture for 30 frames";
    let camera = &snapshot.cameras[0];
    assert_eq!(
        (camera.health, camera.message.as_str()),
        (Health::Warn, want)
    );
    assert_eq!(snapshot.targets[0].message, want);
    assert_eq!(
        (snapshot.health, snapshot.message.as_str()),
        (Health::Warn, want)
    );
}

#[test]
fn f24_a_stamp_that_stands_still_is_an_error_of_camera_and_target() {
    let still = |i: u64| {
        let mut frame = frame(i, i as u8, MS * 100 * i as u32);
        frame.stamp = Timestamp::from_nanos(7);
        Capture::Frame(frame)
    };
    let clock = Arc::new(ManualClock::default());
    clock.advance(MS * 1_900);
    let camera = Box::new(ScriptedCamera::new((0..20).map(still)).then_silent());
    let bus = Box::new(MemoryBus::new());
    let runtime = start(world(|_| 1.0), clock, camera, bus, Arc::new(NoWatch));
    let snapshot = until(&runtime, |snapshot| {
        snapshot.cameras[0].counts.duplicate == 19
    });
    let want = "the stamp stands still: 19 frames carry that of the one before";
    let camera = &snapshot.cameras[0];
    assert_eq!(
        (camera.health, camera.message.as_str()),
        (Health::Error, want)
    );
    assert_eq!(snapshot.targets[0].message, want);
    runtime.stop().check_conservation().unwrap();
}

/// Delivers a script, and loses frames inside itself.
struct Losing {
    inner: ScriptedCamera,
    losses: CameraLosses,
}

impl Camera for Losing {
    fn describe(&self) -> String {
        "a camera that loses frames".to_owned()
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        self.losses.superseded += 3;
        self.losses.refused += 1;
        self.inner.next_frame(timeout)
    }

    fn losses(&self) -> CameraLosses {
        self.losses
    }
}

#[test]
fn f3_what_a_camera_lost_inside_itself_stands_in_the_counts() {
    let frames = script((0..10).map(|i| (i, i as u8, MS * 33 * i as u32)));
    let camera = Losing {
        inner: ScriptedCamera::new(frames),
        losses: CameraLosses::default(),
    };
    let clock = Arc::new(SystemClock::start());
    let bus = Box::new(MemoryBus::new());
    let runtime = start(
        world(|_| 1.0),
        clock,
        Box::new(camera),
        bus,
        Arc::new(NoWatch),
    );
    until(&runtime, |_| runtime.is_over());
    let snapshot = runtime.stop();
    snapshot.check_conservation().unwrap();
    let counts = snapshot.cameras[0].counts;
    // The end is looked for once more.
    let seen = (
        counts.arrived,
        counts.superseded,
        counts.refused,
        counts.processed,
    );
    assert_eq!(seen, (10 + 44, 33, 11, 10));
}

#[test]
fn f15_a_device_that_is_lost_is_an_error_of_everything_and_its_return_is_seen() {
    let lost = Arc::new(AtomicBool::new(false));
    let mut world = World::default();
    let now_lost = Arc::clone(&lost);
    let network = FakeNetwork::new(
        &[("image", &[1, 1, 2, 2])],
        &[("a", &[1, 1]), ("b", &[1, 1])],
        move |_, _| match now_lost.load(Ordering::SeqCst) {
            true => Err("device lost".to_owned()),
            false => Ok(()),
        },
    );
    world.encoder_of("p", network);
    world.readout("depth_zbuffer_from_p", &["p.a"]);
    world.readout("class_scene_from_p", &["p.b"]);
    let clock = Arc::new(ManualClock::default());
    let mut pipeline = world.pipeline(&policy_on_p(&TARGETS), clock.clone(), &["front"], None);
    let mut keep = Keep::default();
    lost.store(true, Ordering::SeqCst);
    let while_lost = outcomes(&mut pipeline, &clock, 30, &mut keep);
    assert_eq!(while_lost, [[Outcome::InputMissing; 2]; 30]);
    let troubles = pipeline.troubles(0);
    assert!(troubles[0].quarantined && troubles[0].reason.contains("device lost"));
    lost.store(false, Ordering::SeqCst);
    let after = outcomes(&mut pipeline, &clock, 100, &mut keep);
    assert_eq!(after[99], [Outcome::Delivered; 2]);
}

/// A camera whose thread panics at its second frame.
struct Panicking(ScriptedCamera);

impl Camera for Panicking {
    fn describe(&self) -> String {
        "a camera that panics".to_owned()
    }

    fn next_frame(&mut self, timeout: Duration) -> Capture {
        match self.0.next_frame(timeout) {
            Capture::Ended => panic!("the test's own panic"),
            capture => capture,
        }
    }
}

/// A bus that panics at its first output.
struct PanickingBus;

impl Bus for PanickingBus {
    fn describe(&self) -> String {
        "a bus that panics".to_owned()
    }

    fn publish(&mut self, _output: &Output) -> Result<(), BusError> {
        panic!("the test's own panic")
    }

    fn publish_image(&mut self, _image: &CameraImage) -> Result<(), BusError> {
        Ok(())
    }

    fn publish_status(&mut self, _status: &Status) -> Result<(), BusError> {
        Ok(())
    }

    fn has_subscriber(&self, _key: &str) -> Option<bool> {
        None
    }

    fn announce(&mut self, _keys: &[Arc<str>]) -> Result<(), BusError> {
        Ok(())
    }

    fn withdraw(&mut self, _keys: &[Arc<str>]) {}

    fn close(&mut self, _limit: Duration) {}
}

/// Watches, and panics when a run begins that is none of the first.
struct PanickingWatch;

impl Watch for PanickingWatch {
    fn begin(&self, _network: &str, _terminator: &Arc<dyn Terminator>) {
        panic!("the test's own panic")
    }

    fn end(&self) {}

    fn at_start(&self) -> Arc<dyn Watch> {
        Arc::new(NoWatch)
    }

    fn while_preparing(&self) -> Arc<dyn Watch> {
        Arc::new(NoWatch)
    }

    fn beside(&self) -> Arc<dyn Watch> {
        Arc::new(NoWatch)
    }

    fn patience(&self) -> Duration {
        Duration::MAX
    }
}

#[test]
fn f17_a_thread_that_panics_ends_the_runtime_and_is_named() {
    let frames = || ScriptedCamera::new(script([(0, 1, Duration::ZERO)]));
    let silent = || Box::new(frames().then_silent());
    type Parts = (Box<dyn Camera>, Box<dyn Bus>, Arc<dyn Watch>);
    let parts: [(&str, Parts); 3] = [
        (
            "camera-front",
            (
                Box::new(Panicking(frames())),
                Box::new(MemoryBus::new()),
                Arc::new(NoWatch),
            ),
        ),
        (
            "publish",
            (silent(), Box::new(PanickingBus), Arc::new(NoWatch)),
        ),
        (
            "perceive",
            (
                silent(),
                Box::new(MemoryBus::new()),
                Arc::new(PanickingWatch),
            ),
        ),
    ];
    for (name, (camera, bus, watch)) in parts {
        let clock = Arc::new(SystemClock::start());
        let runtime = start(world(|_| 1.0), clock, camera, bus, watch);
        until(&runtime, |_| runtime.is_over());
        let snapshot = runtime.stop();
        let want = format!("the thread {name} panicked");
        assert_eq!(snapshot.fault.as_deref(), Some(want.as_str()));
        assert_eq!((snapshot.health, snapshot.message), (Health::Error, want));
    }
}

/// A camera that never ends.
struct Endless(u64);

impl Camera for Endless {
    fn describe(&self) -> String {
        "a camera that never ends".to_owned()
    }

    fn next_frame(&mut self, _timeout: Duration) -> Capture {
        self.0 += 1;
        thread::sleep(MS);
        Capture::Frame(frame(self.0, self.0 as u8, MS * self.0 as u32))
    }
}

/// Gives a network that hangs up soon.
struct Impatient;

impl Watch for Impatient {
    fn begin(&self, _network: &str, _terminator: &Arc<dyn Terminator>) {}

    fn end(&self) {}

    fn at_start(&self) -> Arc<dyn Watch> {
        Arc::new(NoWatch)
    }

    fn while_preparing(&self) -> Arc<dyn Watch> {
        Arc::new(Impatient)
    }

    fn beside(&self) -> Arc<dyn Watch> {
        Arc::new(NoWatch)
    }

    fn patience(&self) -> Duration {
        MS * 50
    }
}

/// A readout whose kernel hangs until the test lets go of it.
fn hanging(clock: &Arc<ManualClock>) -> (FakeNetwork, SyncSender<()>) {
    let (go_on, held) = sync_channel(1);
    let (held, clock) = (Mutex::new(held), Arc::clone(clock));
    let network = FakeNetwork::new(&[("in0", &[1, 1])], &[("out", &[1, 3])], move |_, _| {
        // Longer than anybody is patient for. An error means that the test is over.
        clock.advance(MS * 60);
        let _ = held.lock().unwrap().recv();
        Ok(())
    });
    (network, go_on)
}

#[test]
fn f17_a_kernel_that_hangs_in_a_swap_leaves_the_old_policy_serving() {
    let clock = Arc::new(ManualClock::default());
    let mut world = world(|_| 1.0);
    let (network, go_on) = hanging(&clock);
    world.readout_of("depth_zbuffer_from_p@hangs", &["p.a"], network);
    let hanging = policy_on_p(&TARGETS).replacen("[\"p\"]", "[\"p\"]\nreadout = \"hangs\"", 1);
    let (plan, good) = (world.plan(&hanging), world.plan(&policy_on_p(&TARGETS)));
    let camera = Box::new(Endless(0));
    let bus = Box::new(MemoryBus::new());
    let runtime = start(world, clock, camera, bus, Arc::new(Impatient));
    let control = runtime.control();
    let error = control.swap(plan.clone()).unwrap_err();
    assert!(matches!(&error, SwapError::Hangs { network, .. } if network.ends_with("hangs")));
    let served = runtime.snapshot();
    assert_eq!((served.stuck_threads, served.swaps), (1, 0));
    until(&runtime, |now| {
        now.targets[0].published > served.targets[0].published
    });
    for plan in [plan, good.clone()] {
        let error = control.swap(plan).unwrap_err();
        assert!(matches!(error, SwapError::Stuck { .. }), "{error}");
    }
    go_on.send(()).unwrap();
    drop(go_on);
    until(&runtime, |now| now.stuck_threads == 0);
    control.swap(good).unwrap();
    runtime.stop().check_conservation().unwrap();
}
