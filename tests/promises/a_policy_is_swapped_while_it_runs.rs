//! `concert swap`: another policy between two frames, and the old one goes on
//! where the new one cannot be had (faults F10, F13, F28, F29, F31).

use crate::common;

use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::first_light;
use crate::common::program::{Running, free_endpoint, parsed, run, until_answered, written};
use concert_models::image_file::{DecodeLimits, decode};
use concert_policies::Policy;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{SessionOptions, Watcher, open_session};
use concert_runtime::plan_from_store;
use concert_runtime::{
    Camera, Capture, Clock, Frame, LaneName, MemoryBus, NoWatch, Pipeline, RunSettings, Runtime,
    Timestamp,
};
use serde_json::Value;

/// One target of `first_light`, on one of its encoders.
const KEYPOINTS: &str = r#"
name = "keypoints"
supervision_budget = 1
[[transfer]]
target = "keypoints2d"
sources = ["xfeat"]
"#;

fn swap(endpoint: &str, prefix: &str, policy: &str) -> (Output, Value) {
    let output = run(&[
        "swap",
        policy,
        "--connect",
        endpoint,
        "--prefix",
        prefix,
        "--json",
    ]);
    let answer = parsed(&output);
    (output, answer)
}

/// Swaps as soon as the server stands.
fn first_swap(endpoint: &str, prefix: &str, policy: &str) -> (Output, Value) {
    until_answered(|| swap(endpoint, prefix, policy))
}

#[test]
fn a_running_server_takes_another_policy_and_keeps_its_own_where_that_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let keypoints = written(folder.path(), "keypoints.toml", KEYPOINTS);
    let unknown = KEYPOINTS.replace("[\"xfeat\"]", "[\"no_such_encoder\"]");
    let unknown = written(folder.path(), "unknown.toml", &unknown);
    let broken = written(folder.path(), "broken.toml", "name = 1");
    let (endpoint, prefix) = (free_endpoint(), "swapped/perception");
    let server = Running::start(&[
        "serve",
        "first_light",
        "--json",
        "--listen",
        &endpoint,
        "--prefix",
        prefix,
    ]);
    let (output, answer) = first_swap(&endpoint, prefix, &keypoints);
    assert_eq!(output.status.code(), Some(0), "{answer}");
    assert_eq!(answer["status"], "swapped");
    assert_eq!(answer["old_policy"], "first_light");
    assert_eq!(answer["reused_networks"][0], "xfeat", "{answer}");
    assert_eq!(answer["loaded_networks"].as_array().map(Vec::len), Some(0));
    let removed = ["point_matching", "class_object"];
    assert_eq!(answer["removed"], serde_json::json!(removed));

    let (output, answer) = swap(&endpoint, prefix, &unknown);
    assert_eq!(output.status.code(), Some(1), "{answer}");
    assert_eq!(answer["status"], "refused");
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("no_such_encoder"), "{error}");
    let (output, answer) = swap(&endpoint, prefix, &broken);
    assert_eq!(output.status.code(), Some(2), "{answer}");

    let keypoints = Policy::parse(KEYPOINTS, "test").unwrap();
    let session = SessionOptions::client(&endpoint, Duration::from_secs(10));
    let watcher = Watcher::open(&open_session(&session).unwrap(), prefix).unwrap();
    let mut seen = 0;
    while seen < 20 {
        for received in watcher.take(Duration::from_secs(30)) {
            let Some(attachment) = received.attachment else {
                continue;
            };
            // The camera's own image is of no policy.
            if received.key == "image" {
                continue;
            }
            assert_eq!(received.key, "keypoints2d");
            assert_eq!(attachment.policy, keypoints.hash().to_string());
            seen += 1;
        }
    }
    let (output, answer) = swap(&endpoint, prefix, "first_light");
    assert_eq!(output.status.code(), Some(0), "{answer}");
    let added = answer["added"].as_array().unwrap();
    assert_eq!(added.len(), 2, "{answer}");

    let (code, stdout, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).unwrap();
    let figures = &figures["figures"];
    assert_eq!(figures["swaps"], 2);
    assert_eq!(figures["policy"], "first_light");
    let processed = figures["cameras"][0]["counts"]["processed"].as_u64();
    let targets = figures["targets"].as_array().unwrap();
    let frames = |target: &str| {
        let of = targets.iter().find(|entry| entry["target"] == target);
        of.unwrap()["frames"].as_u64()
    };
    assert_eq!(frames("keypoints2d"), processed);
    assert!(frames("class_object") < processed);
}

#[test]
fn a_server_that_allows_no_control_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let launch = "policy = \"first_light\"\n[control]\nenabled = false\n\
                  [[camera]]\nname = \"front\"\nkind = \"apartment\"\n";
    let launch = written(folder.path(), "closed.toml", launch);
    let (endpoint, prefix) = (free_endpoint(), "closed/perception");
    let server = Running::start(&[
        "serve", &launch, "--json", "--listen", &endpoint, "--prefix", prefix,
    ]);
    let (output, answer) = first_swap(&endpoint, prefix, "first_light");
    assert_eq!(output.status.code(), Some(1), "{answer}");
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("control is not allowed"), "{error}");
    let (code, stdout, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(figures["figures"]["swaps"], 0);
}

#[test]
fn a_swap_that_nobody_answers_fails_with_the_place_where_nobody_is() {
    let output = run(&["swap", "first_light", "--connect", &free_endpoint()]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("nobody answers"), "{stderr}");
}

#[test]
fn a_shadow_is_served_beside_and_every_frame_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let keypoints = written(folder.path(), "keypoints.toml", KEYPOINTS);
    let endpoint = free_endpoint();
    let serve = |shadow: &str| {
        run(&[
            "serve",
            "first_light",
            "--shadow",
            shadow,
            "--frames",
            "60",
            "--json",
            "--listen",
            &endpoint,
            "--prefix",
            "shadowed/perception",
        ])
    };
    let output = serve(&keypoints);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    let figures = &figures["figures"];
    let shadow = &figures["shadow"];
    assert_eq!(shadow["policy"], "keypoints");
    assert_eq!(shadow["targets"][0]["measure"], "same_place");
    let count = |name: &str| shadow[name].as_u64().unwrap();
    let processed = figures["cameras"][0]["counts"]["processed"].as_u64();
    assert!(count("runs") + count("skipped") > 0, "{shadow}");
    assert!(Some(count("runs") + count("skipped")) <= processed);
    let output = serve("no_such_policy");
    assert_eq!(output.status.code(), Some(2));
}

/// Photographs in turn, about 20 a second.
struct Photographs {
    frames: Vec<Frame>,
    sequence: u64,
    clock: Arc<dyn Clock>,
    end: Arc<AtomicBool>,
}

impl Camera for Photographs {
    fn describe(&self) -> String {
        "photographs".into()
    }

    fn next_frame(&mut self, _timeout: Duration) -> Capture {
        if self.end.load(Ordering::SeqCst) {
            return Capture::Ended;
        }
        thread::sleep(Duration::from_millis(50));
        let mut frame = self.frames[self.sequence as usize % self.frames.len()].clone();
        frame.sequence = self.sequence;
        frame.stamp = self.clock.now();
        frame.arrived = self.clock.monotonic();
        self.sequence += 1;
        Capture::Frame(frame)
    }
}

fn photographs() -> Vec<Frame> {
    let folder = common::repository().join("tests/photographs");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    files.sort();
    let frame = |path: &PathBuf| Frame {
        sequence: 0,
        stamp: Timestamp::default(),
        arrived: Duration::ZERO,
        frame_id: "front_optical".into(),
        image: decode(&std::fs::read(path).unwrap(), &DecodeLimits::default()).unwrap(),
        intrinsics: None,
        distorted: false,
        depth: None,
    };
    let frames: Vec<Frame> = files.iter().take(4).map(frame).collect();
    assert!(!frames.is_empty());
    frames
}

/// Memory of this process now, MiB.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn p99_millis(mut latencies: Vec<Duration>) -> f64 {
    latencies.sort();
    let at = latencies.len().saturating_sub(1) * 99 / 100;
    latencies.get(at).map_or(0.0, |p99| p99.as_secs_f64() * 1e3)
}

#[test]
fn real_networks_are_swapped_twenty_times_and_nothing_is_lost() {
    let policies = [
        Policy::shipped("first_light").unwrap(),
        Policy::parse(KEYPOINTS, "test").unwrap(),
    ];
    let store = first_light::store();
    let plans = policies.map(|policy| plan_from_store(&policy, &store).unwrap().plan);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let lane = LaneName {
        camera: "front".into(),
        in_keys: false,
    };
    let engine = Box::new(first_light::engine());
    let watch = Arc::new(NoWatch);
    let pipeline = Pipeline::prepare(
        plans[0].clone(),
        engine,
        &[lane],
        Arc::clone(&clock),
        watch,
        None,
    );
    let end = Arc::new(AtomicBool::new(false));
    let camera = Photographs {
        frames: photographs(),
        sequence: 0,
        clock: Arc::clone(&clock),
        end: Arc::clone(&end),
    };
    let bus = MemoryBus::new();
    let cameras: Vec<(String, Box<dyn Camera>)> = vec![("front".into(), Box::new(camera))];
    let settings = RunSettings::default();
    let to = Box::new(bus.clone());
    let runtime = Runtime::start(pipeline.unwrap(), cameras, to, clock, settings).unwrap();
    let processed = || runtime.snapshot().cameras[0].counts.processed;
    let pass = |more: u64| {
        let until = processed() + more;
        for _ in 0..6_000 {
            if processed() >= until {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("frames do not pass any more");
    };
    pass(40);
    let before = bus.take_outputs();
    let swaps = std::env::var("CONCERT_SWAPS").ok();
    let swaps = swaps.and_then(|swaps| swaps.parse().ok()).unwrap_or(20);
    let mut resident = Vec::new();
    let mut prepared = Vec::new();
    let mut during = Vec::new();
    for swap in 0..swaps {
        let (control, plan) = (runtime.control(), plans[(swap + 1) % 2].clone());
        // As a server does: beside the frames, at low priority.
        let swapping = thread::spawn_low("swap", move || control.swap(plan)).unwrap();
        let report = swapping.join().unwrap().unwrap();
        prepared.push((report.prepared_millis, report.exchange_millis));
        pass(3);
        during.extend(bus.take_outputs().into_iter().map(|mut output| {
            output.values = Vec::new();
            output
        }));
        resident.push(resident_mib());
    }
    end.store(true, Ordering::SeqCst);
    let snapshot = runtime.stop();
    snapshot.check_conservation().unwrap();
    assert_eq!(snapshot.swaps, swaps as u64);
    for output in &during {
        let whole = output.origin.hashes.policy == plans[0].policy_hash();
        let reduced = output.origin.hashes.policy == plans[1].policy_hash();
        assert!(whole || (reduced && output.origin.task.name == "keypoints2d"));
    }
    let latency = |output: &concert_runtime::Output| {
        let times = output.times;
        times.wait + times.preprocess + times.encode + times.read
    };
    let keypoints = |outputs: &[concert_runtime::Output]| {
        let these = outputs
            .iter()
            .filter(|o| o.origin.task.name == "keypoints2d");
        p99_millis(these.map(latency).collect())
    };
    let longest = prepared
        .iter()
        .map(|(_, exchange)| *exchange)
        .fold(0.0, f64::max);
    let (early, late) = (resident[swaps / 2 - 1], resident[swaps - 1]);
    println!(
        "keypoints2d p99 {:.1} ms before, {:.1} ms across {swaps} swaps; prepared in {:.0} and \
         {:.0} ms (to the whole and the reduced policy), exchanged in at most {longest:.2} ms; \
         resident {early:.1} MiB halfway, {late:.1} at the end ({:+.3} MiB a swap)",
        keypoints(&before),
        keypoints(&during),
        prepared[swaps - 1].0,
        prepared[swaps - 2].0,
        (late - early) / (swaps - swaps / 2) as f64,
    );
}
