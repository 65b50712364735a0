//! F34: whether a runtime that goes on for long stays as it was: resident
//! memory, open descriptors and the 99th percentile of its latency, over 100,000
//! frames of the shipped `first_light`, published over zenoh to one subscriber.
//!
//!     cargo bench --bench soak                # some minutes; add `-- --json` for one JSON object
//!     cargo bench --bench soak -- --frames 300        # a few seconds
//!
//! Printed are the slope of memory (a line through all samples but those of the
//! first tenth, in which caches fill), the descriptors at its end and at the
//! end, and the p99 of the last quarter beside that of the second.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use concert_models::store::Store;
use concert_models::{Image, PixelFormat};
use concert_policies::Policy;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::library::{LibraryRequest, find_or_fetch};
use concert_runtime::io::onnxruntime::{Environment, OrtEngine, Provider};
use concert_runtime::io::zenoh::{
    BusOptions, SessionOptions, TlsOptions, Watcher, ZenohBus, close_session, open_session,
};
use concert_runtime::plan_from_store;
use concert_runtime::{
    Bus, BusError, Camera, CameraImage, Capture, Clock, Frame, LaneName, NoWatch, Output, Pipeline,
    RunSettings, Runtime, Status,
};

const PREFIX: &str = "soak/perception";

/// Shows a photograph that moves by a pixel a frame, as fast as it is taken.
struct Moving {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    sequence: u64,
    clock: Arc<dyn Clock>,
}

impl Camera for Moving {
    fn describe(&self) -> String {
        "a photograph that moves".to_owned()
    }

    fn next_frame(&mut self, _timeout: Duration) -> Capture {
        self.pixels.rotate_left(3);
        let pixels = self.pixels.clone();
        let image = Image::packed(self.width, self.height, PixelFormat::Rgb8, pixels);
        let sequence = self.sequence;
        self.sequence += 1;
        Capture::Frame(Frame {
            sequence,
            stamp: self.clock.now(),
            arrived: self.clock.monotonic(),
            frame_id: "soak_optical".into(),
            image: image.expect("a photograph has a size"),
            distorted: false,
            intrinsics: None,
            depth: None,
        })
    }
}

/// A bus that also notes how long each output took, µs.
struct Timed {
    bus: ZenohBus,
    clock: Arc<dyn Clock>,
    micros: Arc<Mutex<Vec<u32>>>,
}

impl Bus for Timed {
    fn describe(&self) -> String {
        self.bus.describe()
    }

    fn publish(&mut self, output: &Output) -> Result<(), BusError> {
        let published = self.bus.publish(output);
        let took = self.clock.monotonic().saturating_sub(output.arrived);
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.micros.lock().expect("no panic").push(micros);
        published
    }

    fn publish_image(&mut self, image: &CameraImage) -> Result<(), BusError> {
        self.bus.publish_image(image)
    }

    fn publish_status(&mut self, status: &Status) -> Result<(), BusError> {
        self.bus.publish_status(status)
    }

    fn has_subscriber(&self, key: &str) -> Option<bool> {
        self.bus.has_subscriber(key)
    }

    fn announce(&mut self, keys: &[Arc<str>]) -> Result<(), BusError> {
        self.bus.announce(keys)
    }

    fn withdraw(&mut self, keys: &[Arc<str>]) {
        self.bus.withdraw(keys);
    }

    fn close(&mut self, limit: Duration) {
        self.bus.close(limit);
    }
}

/// What the system says of this process.
#[derive(Clone, Copy)]
struct Sample {
    seconds: f64,
    resident_mb: f64,
    descriptors: usize,
}

impl Sample {
    fn take(clock: &dyn Clock) -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        let kilobytes: f64 = kilobytes.context("no VmRSS")?.parse()?;
        Ok(Self {
            seconds: clock.monotonic().as_secs_f64(),
            resident_mb: kilobytes / 1024.0,
            descriptors: std::fs::read_dir("/proc/self/fd")?.count(),
        })
    }
}

/// Slope of the line through the samples, MB a minute.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (time, memory) = (mean(&|s| s.seconds), mean(&|s| s.resident_mb));
    let together = mean(&|s| (s.seconds - time) * (s.resident_mb - memory));
    60.0 * together / mean(&|s| (s.seconds - time).powi(2)).max(f64::MIN_POSITIVE)
}

fn p99_millis(micros: &[u32]) -> f64 {
    let mut sorted = micros.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(last * 99 / 100)
        .map_or(f64::NAN, |micros| f64::from(*micros) / 1e3)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == "--frames");
    let frames: u64 = match at {
        Some(at) => arguments.get(at + 1).context("--frames N")?.parse()?,
        None => 100_000,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let policy = Policy::shipped("first_light").context("a shipped policy")?;
    let plan = plan_from_store(&policy, &Store::new(vec![root.join("models")]))?.plan;
    let library = find_or_fetch(&LibraryRequest::default(), &mut |_| {})?;
    let environment = Environment::start(&library, None)?;
    let engine = Box::new(OrtEngine::new(&environment, &[Provider::Cpu])?);
    let lane = LaneName {
        camera: "front".to_owned(),
        in_keys: false,
    };
    let keys: Vec<String> = plan.targets().map(|task| task.name.to_owned()).collect();
    let watch = Arc::new(NoWatch);
    let pipeline = Pipeline::prepare(plan, engine, &[lane], Arc::clone(&clock), watch, None)?;

    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let endpoint = format!("tcp/{port}");
    let serving = open_session(&SessionOptions {
        listen: vec![endpoint.clone()],
        connect: Vec::new(),
        must_connect: None,
        shared_memory: true,
        config: None,
        tls: TlsOptions::default(),
    })?;
    let listening = open_session(&SessionOptions::client(&endpoint, Duration::from_secs(10)))?;
    let watcher = Watcher::open(&listening, PREFIX)?;
    let mut options = BusOptions::new(PREFIX);
    options.keys.clone_from(&keys);
    // Its pages are touched, so that they do not look like growth.
    let mut room = vec![1; frames as usize * keys.len()];
    room.clear();
    let micros = Arc::new(Mutex::new(room));
    let bus = Timed {
        bus: ZenohBus::open(serving.clone(), options)?,
        clock: Arc::clone(&clock),
        micros: Arc::clone(&micros),
    };
    let photograph = image::open(root.join("launch/photographs/coffee.jpg"))?.into_rgb8();
    let camera = Moving {
        width: photograph.width() as usize,
        height: photograph.height() as usize,
        pixels: photograph.into_raw(),
        sequence: 0,
        clock: Arc::clone(&clock),
    };
    let settings = RunSettings {
        frames: Some(frames),
        lossless: true,
        ..RunSettings::default()
    };
    let cameras: Vec<(String, Box<dyn Camera>)> = vec![("front".to_owned(), Box::new(camera))];
    let runtime = Runtime::start(
        pipeline,
        cameras,
        Box::new(bus),
        Arc::clone(&clock),
        settings,
    )?;
    let mut samples = Vec::new();
    let mut next = Duration::ZERO;
    while !runtime.is_over() {
        drop(watcher.take(Duration::from_millis(20)));
        if clock.monotonic() >= next {
            samples.push(Sample::take(clock.as_ref())?);
            next = clock.monotonic() + Duration::from_millis(200);
        }
    }
    let snapshot = runtime.stop();
    snapshot.check_conservation().map_err(anyhow::Error::msg)?;
    let processed = snapshot.cameras[0].counts.processed;
    ensure!(
        processed == frames,
        "{processed} of {frames} frames were processed"
    );
    samples.push(Sample::take(clock.as_ref())?);
    let seconds = snapshot.seconds;
    drop(watcher);
    close_session(listening, Duration::from_secs(1));

    let settled = &samples[samples.len() / 10..];
    let (first, last) = (settled[0], settled[settled.len() - 1]);
    let micros = micros.lock().expect("no panic");
    let quarter = micros.len() / 4;
    let (second, fourth) = (
        p99_millis(&micros[quarter..2 * quarter]),
        p99_millis(&micros[3 * quarter..]),
    );
    let figures = serde_json::json!({
        "frames": frames, "seconds": seconds, "outputs": micros.len(),
        "memory_mb_per_minute": slope(settled), "memory_mb": [first.resident_mb, last.resident_mb],
        "descriptors": [first.descriptors, last.descriptors],
        "p99_millis": [second, fourth], "p99_drift": fourth / second - 1.0,
    });
    if arguments.iter().any(|argument| argument == "--json") {
        println!("{figures}");
        return Ok(());
    }
    println!(
        "{frames} frames in {seconds:.1} s, {} outputs published",
        micros.len()
    );
    println!(
        "memory: {:+.3} MB a minute, from {:.1} to {:.1} MB",
        slope(settled),
        first.resident_mb,
        last.resident_mb
    );
    println!(
        "descriptors: {} and {}",
        first.descriptors, last.descriptors
    );
    println!(
        "p99 latency: {second:.2} ms in the second quarter, {fourth:.2} ms in the last, {:+.1} %",
        100.0 * (fourth / second - 1.0)
    );
    Ok(())
}
