//! A runtime on fake networks and endless cameras.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use concert_models::fake::FakeEngine;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::{
    Camera, Capture, Clock, LaneName, MemoryBus, NoWatch, Output, Pipeline, RunSettings, Runtime,
    Snapshot,
};

use super::{MS, World, frame};

/// A frame about every `period`, whose grey value is its sequence number
/// modulo 200, until told to end.
pub struct Endless {
    pub period: Duration,
    pub sequence: u64,
    pub clock: Arc<dyn Clock>,
    pub end: Arc<AtomicBool>,
}

impl Camera for Endless {
    fn describe(&self) -> String {
        "endless".into()
    }

    fn next_frame(&mut self, _timeout: Duration) -> Capture {
        if self.end.load(Ordering::SeqCst) {
            return Capture::Ended;
        }
        thread::sleep(self.period);
        let value = (self.sequence % 200) as u8;
        let frame = frame(self.sequence, value, self.clock.monotonic());
        self.sequence += 1;
        Capture::Frame(frame)
    }
}

pub struct Stage {
    pub runtime: Runtime,
    pub bus: MemoryBus,
    pub end: Arc<AtomicBool>,
}

pub fn start_on(engine: FakeEngine, world: &World, policy: &str, cameras: &[&str]) -> Stage {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let end = Arc::new(AtomicBool::new(false));
    let lane = |name: &&str| LaneName {
        camera: (*name).into(),
        in_keys: cameras.len() > 1,
    };
    let lanes: Vec<LaneName> = cameras.iter().map(lane).collect();
    let pipeline = Pipeline::prepare(
        world.plan(policy),
        Box::new(engine),
        &lanes,
        Arc::clone(&clock),
        Arc::new(NoWatch),
        None,
    )
    .unwrap();
    let camera = |name: &&str| {
        let camera = Endless {
            period: MS,
            sequence: 0,
            clock: Arc::clone(&clock),
            end: Arc::clone(&end),
        };
        ((*name).to_owned(), Box::new(camera) as Box<dyn Camera>)
    };
    let bus = MemoryBus::new();
    let cameras = cameras.iter().map(camera).collect();
    let to = Box::new(bus.clone());
    let runtime = Runtime::start(pipeline, cameras, to, clock, RunSettings::default());
    Stage {
        runtime: runtime.unwrap(),
        bus,
        end,
    }
}

pub fn start(world: &World, policy: &str) -> Stage {
    start_on(world.engine.sibling(), world, policy, &["front"])
}

impl Stage {
    /// Waits until `done` says so of the figures.
    pub fn wait_until(&self, done: impl Fn(&Snapshot) -> bool) {
        for _ in 0..3_000 {
            if done(&self.runtime.snapshot()) {
                return;
            }
            thread::sleep(MS * 10);
        }
        panic!("waited in vain: {:?}", self.runtime.snapshot());
    }

    /// Waits until `more` further frames were processed.
    pub fn pass(&self, more: u64) {
        let processed = |snapshot: &Snapshot| snapshot.cameras[0].counts.processed;
        let now = processed(&self.runtime.snapshot());
        self.wait_until(|snapshot| processed(snapshot) >= now + more);
    }

    pub fn finish(self) -> (Snapshot, Vec<Output>) {
        self.end.store(true, Ordering::SeqCst);
        for _ in 0..3_000 {
            if self.runtime.is_over() {
                break;
            }
            thread::sleep(MS * 10);
        }
        let snapshot = self.runtime.stop();
        snapshot.check_conservation().unwrap();
        (snapshot, self.bus.take_outputs())
    }
}

pub fn of<'a>(snapshot: &'a Snapshot, key: &str) -> &'a concert_runtime::snapshot::TargetSnapshot {
    let mut targets = snapshot.targets.iter();
    targets.find(|target| target.key == key).unwrap()
}
