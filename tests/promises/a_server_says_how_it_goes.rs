//! Metrics whose counts are those of the final report, readiness that tells the truth,
//! and signs of life that stop where outputs do; whoever asks, and however many.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{SessionOptions, Watcher, open_session};
use serde_json::Value;

use crate::common;
use crate::common::program::{Running, concert, free_endpoint, free_port, run, written};
use crate::common::robot::Robot;
use crate::common::web::Site;

const LIMIT: Duration = Duration::from_secs(120);
const PREFIX: &str = "told/perception";

/// A launch file of a server that sees what a robot publishes.
fn launch(folder: &Path, listen: &str, robot: &str, port: u16) -> String {
    let text = format!(
        "policy = \"first_light\"\n[[camera]]\nname = \"front\"\nkind = \"zenoh\"\n\
         key = \"seen/image\"\n[zenoh]\nlisten = [\"{listen}\"]\nconnect = [\"{robot}\"]\n\
         [publish]\nprefix = \"{PREFIX}\"\n[metrics]\nlisten = \"127.0.0.1:{port}\"\n\
         names = [\"robot.local\"]\n"
    );
    written(folder, "told.toml", &text)
}

/// Asks until the answer at /ready is as it should be.
fn until(site: Site, what: &str, is: impl Fn(u16, &Value) -> bool) {
    let mut last = String::new();
    for _ in 0..LIMIT.as_millis() / 50 {
        let answer = site.get("/ready");
        let said = answer.json();
        last = format!("{} {said}", answer.status);
        if is(answer.status, &said) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}: {last}");
}

/// The text of the metrics.
fn scrape(site: Site) -> String {
    let answer = site.get("/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("application/openmetrics-text"));
    String::from_utf8(answer.body).expect("text")
}

/// Samples by their name and labels, as they are written.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        (name, value.parse().expect("a number"))
    });
    samples.collect()
}

/// Waits until a text of the metrics has something.
fn until_scraped(site: Site, what: &str, is: impl Fn(&BTreeMap<&str, f64>) -> bool) -> String {
    for _ in 0..LIMIT.as_millis() / 100 {
        let text = scrape(site);
        if is(&samples(&text)) {
            return text;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{what}");
}

/// Somebody who listens to everything, from another session.
fn listener(endpoint: &str) -> Watcher {
    let session = open_session(&SessionOptions::client(endpoint, LIMIT)).expect("it listens");
    Watcher::open(&session, PREFIX).expect("subscribes")
}

const PROCESSED: &str = "concert_frames_total{camera=\"front\",fate=\"processed\"}";

#[test]
fn a_server_is_ready_while_it_works_and_its_metrics_are_its_final_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let (listen, robots, port) = (free_endpoint(), free_endpoint(), free_port());
    let file = launch(folder.path(), &listen, &robots, port);
    let server = Running::start(&["serve", &file, "--json"]);
    let site = Site::at(port);
    until(
        site,
        "nobody is there whom it is to hear",
        |status, said| status == 503 && said["reason"] == "deaf",
    );
    assert_eq!(site.get("/live").status, 200);
    let robot = Robot::listen(&robots, "seen", None);
    let listening = listener(&listen);
    until(site, "frames come", |status, said| {
        status == 200 && said["ready"] == true && said["policy"] == "first_light"
    });
    refuses_strangers(site);
    let before = samples(&until_scraped(site, "frames", |now| now[PROCESSED] > 0.0))[PROCESSED];
    let flood = flood(site);
    until_scraped(site, "frames under a flood", |now| {
        now[PROCESSED] > before + 5.0
    });
    drop(flood);

    robot.mute("image", true);
    until(site, "the camera is silent", |status, said| {
        status == 503 && said["reason"] == "camera"
    });
    assert_eq!(site.get("/live").status, 200);
    let mut text = scrape(site);
    loop {
        // Until nothing is under way any more.
        thread::sleep(Duration::from_millis(2500));
        let later = scrape(site);
        let still = samples(&later)[PROCESSED] == samples(&text)[PROCESSED];
        text = later;
        if still {
            break;
        }
    }
    drop((listening, robot));
    let (code, stdout, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let said: Value = serde_json::from_str(&stdout).expect("one JSON object");
    agrees(&samples(&text), &said["figures"]);
    prometheus_reads(folder.path(), &text);
}

fn refuses_strangers(site: Site) {
    for (host, status) in [
        (site.host().as_str(), 200),
        ("localhost", 200),
        ("robot.local:9464", 200),
        ("evil.example", 403),
    ] {
        for path in ["/metrics", "/ready", "/live"] {
            let answer = site.send(&format!("GET {path}"), &[("Host", host)], &[]);
            assert_eq!(answer.status, status, "{host}{path}");
        }
    }
    assert_eq!(site.get("/api/solve").status, 404);
}

/// 500 connections at once: a third ask, a third begin to, a third say nothing.
fn flood(site: Site) -> Vec<TcpStream> {
    let mut connections = Vec::new();
    for number in 0..500 {
        let stream =
            TcpStream::connect_timeout(&([127, 0, 0, 1], site.port).into(), Duration::from_secs(5));
        // Where the system's list is full, it takes no more.
        let Ok(mut stream) = stream else { continue };
        let request: &[u8] = match number % 3 {
            0 => b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
            1 => b"GET /metrics HT",
            _ => b"",
        };
        let _ = stream.write_all(request);
        connections.push(stream);
    }
    assert!(connections.len() > 100, "{} connections", connections.len());
    connections
}

/// Every count of the figures stands in the metrics.
fn agrees(metrics: &BTreeMap<&str, f64>, figures: &Value) {
    let same = |name: String, count: &Value| {
        let metric = metrics.get(name.as_str());
        assert_eq!(metric.copied(), count.as_f64(), "{name}");
    };
    let camera = &figures["cameras"][0]["counts"];
    let of_camera = |name: &str| format!("{name}{{camera=\"front\"}}");
    same(
        of_camera("concert_frames_arrived_total"),
        &camera["arrived"],
    );
    same(of_camera("concert_frames_late_total"), &camera["late"]);
    for fate in ["processed", "refused", "duplicate", "superseded", "too_old"] {
        let name = format!("concert_frames_total{{camera=\"front\",fate=\"{fate}\"}}");
        same(name, &camera[fate]);
    }
    let mut published = 0;
    for target in figures["targets"].as_array().expect("targets") {
        let key = target["key"].as_str().expect("a key");
        for (outcome, count) in target["outcomes"].as_object().expect("outcomes") {
            let labels = format!("output=\"{key}\",outcome=\"{outcome}\"");
            same(format!("concert_output_frames_total{{{labels}}}"), count);
        }
        for fate in ["published", "superseded", "lost_on_bus"] {
            let labels = format!("output=\"{key}\",fate=\"{fate}\"");
            same(format!("concert_outputs_total{{{labels}}}"), &target[fate]);
        }
        let latencies = format!("concert_output_latency_seconds_count{{output=\"{key}\"}}");
        same(latencies, &target["published"]);
        published += target["published"].as_u64().expect("a count");
    }
    assert!(published > 0, "{figures}");
    for encoder in figures["encoders"].as_array().expect("encoders") {
        let source = encoder["source"].as_str().expect("a source");
        let name = format!("concert_encoder_run_seconds_count{{encoder=\"{source}\"}}");
        same(name, &encoder["run"]["count"]);
    }
    let hash = figures["policy_hash"].as_str().expect("a hash");
    let info = format!("concert_policy_info{{name=\"first_light\",hash=\"{hash}\"}}");
    assert_eq!(metrics.get(info.as_str()), Some(&1.0), "{info}");
    assert!(metrics["concert_bus_bytes_total"] > 0.0);
    assert!(metrics["process_resident_memory_bytes"] > 1e6);
    assert!(metrics["process_cpu_seconds_total"] > 0.0);
}

/// The parser that Prometheus' own client has takes every line, and finds histograms whose
/// buckets add up.
fn prometheus_reads(folder: &Path, text: &str) {
    let Some(packages) = common::python_packages(&["prometheus_client==0.26.0"]) else {
        return;
    };
    let file = written(folder, "metrics.txt", text);
    let output = Command::new("python3")
        .env("PYTHONPATH", &packages)
        .arg(common::repository().join("tests/read_metrics.py"))
        .arg(&file)
        .output()
        .expect("python3");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(read["concert_frames"], "counter", "{read}");
    assert_eq!(read["concert_output_age_seconds"], "histogram", "{read}");
    assert_eq!(read["concert_policy"], "info", "{read}");
}

#[test]
fn a_taken_port_of_the_metrics_is_refused_by_its_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let metrics = format!("--metrics={address}");
    let output = run(&[
        "serve",
        "first_light",
        "--listen",
        &free_endpoint(),
        &metrics,
    ]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let want = format!("the metrics cannot listen on {address}");
    assert!(stderr.contains(&want), "{stderr}");
}

#[test]
fn the_metrics_are_said_by_check_and_by_the_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = launch(folder.path(), "tcp/127.0.0.1:1", "tcp/127.0.0.1:2", 3);
    let output = run(&["check", &file]);
    let text = String::from_utf8_lossy(&output.stdout);
    let want = "metrics, readiness and liveness at http://127.0.0.1:3, also asked as robot.local";
    assert!(text.contains(want), "{text}");
    let schema = run(&["schema", "launch"]);
    assert!(String::from_utf8_lossy(&schema.stdout).contains("\"metrics\""));
}

/// What the service manager of a test was told, one entry a line.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket");
        let limit = Some(Duration::from_millis(100));
        socket.set_read_timeout(limit).expect("a limit");
        let told = Vec::new();
        Self { socket, told }
    }

    /// Hears for a tenth of a second.
    fn hear(&mut self) {
        let mut bytes = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            self.told.extend(text.lines().map(str::to_owned));
        }
    }

    fn until(&mut self, what: &str, is: impl Fn(&str) -> bool) {
        for _ in 0..LIMIT.as_millis() / 100 {
            self.hear();
            if self.told.iter().any(|line| is(line)) {
                return;
            }
        }
        panic!("{what}: {:?}", self.told);
    }
}

#[test]
fn signs_of_life_stop_where_outputs_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let mut manager = Manager::at(&path);
    let (listen, robots, port) = (free_endpoint(), free_endpoint(), free_port());
    let file = launch(folder.path(), &listen, &robots, port);
    let robot = Robot::listen(&robots, "seen", None);
    let mut command = concert(&["serve", &file, "--json"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "4000000");
    let server = Running::of(command);
    manager.until("ready", |line| line == "READY=1");
    let is_loading = |line: &String| line.starts_with("EXTEND_TIMEOUT_USEC=");
    assert!(manager.told.iter().any(is_loading), "{:?}", manager.told);
    manager.told.clear();
    // Nobody asks for anything.
    manager.until("alive", |line| line == "WATCHDOG=1");
    let listening = listener(&listen);
    until_scraped(Site::at(port), "an output", |now| {
        now["concert_outputs_total{output=\"class_object\",fate=\"published\"}"] > 0.0
    });
    manager.told.clear();
    manager.until("alive with outputs", |line| line == "WATCHDOG=1");

    robot.mute("image", true);
    let silent = |line: &str| line.starts_with("STATUS=not ready (camera)");
    manager.until("the camera is silent", silent);
    // One may be on its way.
    manager.told.clear();
    (0..60).for_each(|_| manager.hear());
    let signs = manager.told.iter().filter(|line| *line == "WATCHDOG=1");
    assert!(signs.count() <= 1, "{:?}", manager.told);
    robot.mute("image", false);
    manager.told.clear();
    manager.until("alive again", |line| line == "WATCHDOG=1");

    drop(listening);
    let (code, _, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    manager.until("the end", |line| line == "STOPPING=1");
}
