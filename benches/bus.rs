//! C10: from publishing to receiving, Concert's bus beside raw zenoh: outputs of
//! the same size, by turns, to one subscriber in another process.
//!
//! `cargo bench --bench bus` (add `-- --json` for one object, `-- --messages N`)

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use concert_policies::Task;
use concert_runtime::io::clock::since_boot;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::raw_zenoh::pubsub::Publisher;
use concert_runtime::io::zenoh::raw_zenoh::qos::CongestionControl;
use concert_runtime::io::zenoh::raw_zenoh::{self, Wait};
use concert_runtime::io::zenoh::{
    Arrivals, BusOptions, Session, SessionOptions, ZenohBus, open_session,
};
use concert_runtime::wire::encode::encode;
use concert_runtime::{Bus, Hashes, Output, OutputOrigin};

/// Sides of the dense outputs that are published, px: 64 kB to 6 MB of f32.
const SIDES: [usize; 5] = [16, 128, 280, 512, 1230];
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(10);
/// Longest wait for one.
const LIMIT: Duration = Duration::from_secs(2);
/// Messages of each that are not counted.
const WARM_UP: usize = 10;
const PREFIX: &str = "bench/bus";
const OURS: &str = "depth_zbuffer";
const RAW: &str = "raw";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    if let Some(endpoints) = after("--receiver") {
        return receive(&endpoints);
    }
    let messages = after("--messages").map_or(Ok(200), |text| text.parse())?;
    let mut rows = Vec::new();
    for (transport, shared_memory) in [("shared memory", true), ("tcp", false)] {
        for side in SIDES {
            rows.push(compare(transport, shared_memory, side, messages)?);
        }
    }
    if arguments.iter().any(|argument| argument == "--json") {
        println!(
            "{}",
            serde_json::json!({ "rows": rows, "messages": messages })
        );
        return Ok(());
    }
    println!("one way, µs; {messages} messages of each, by turns");
    println!(
        "{:<15}{:>10}{:>11}{:>11}{:>9}{:>11}{:>11}{:>9}{:>6}",
        "", "bytes", "bus p50", "raw p50", "ratio", "bus p99", "raw p99", "ratio", "lost"
    );
    for row in rows {
        println!(
            "{:<15}{:>10}{:>11.0}{:>11.0}{:>9.2}{:>11.0}{:>11.0}{:>9.2}{:>6}",
            row.transport,
            row.bytes,
            row.bus_p50_micros,
            row.raw_p50_micros,
            row.bus_p50_micros / row.raw_p50_micros,
            row.bus_p99_micros,
            row.raw_p99_micros,
            row.bus_p99_micros / row.raw_p99_micros,
            row.lost
        );
    }
    Ok(())
}

#[derive(serde::Serialize)]
struct Row {
    transport: &'static str,
    bytes: usize,
    bus_p50_micros: f64,
    bus_p99_micros: f64,
    raw_p50_micros: f64,
    raw_p99_micros: f64,
    /// Messages of both that did not come within two seconds.
    lost: usize,
}

/// Messages of one size over one transport, by turns.
fn compare(
    transport: &'static str,
    shared_memory: bool,
    side: usize,
    messages: usize,
) -> Result<Row> {
    let [ours_at, raw_at] = [free_endpoint()?, free_endpoint()?];
    let ours = open_session(&SessionOptions {
        listen: vec![ours_at.clone()],
        connect: Vec::new(),
        shared_memory,
        ..SessionOptions::serve()
    })?;
    let raw = raw_session(&raw_at, shared_memory)?;
    let output = output(side);
    let mut message = Vec::new();
    encode(&output, &mut message)?;
    let mut options = BusOptions::new(PREFIX);
    options.keys = vec![OURS.to_owned()];
    if !shared_memory {
        options.shared_memory_bytes = 0;
    }
    let mut bus = ZenohBus::open(ours, options)?;
    let publisher = raw
        .declare_publisher(format!("{PREFIX}/{RAW}"))
        .congestion_control(CongestionControl::Drop)
        .wait()
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut receiver = Receiver::start(&format!("{ours_at},{raw_at},{shared_memory}"))?;
    until_both_are_heard(&bus, &publisher)?;
    let (mut bus_times, mut raw_times, mut lost) = (Vec::new(), Vec::new(), 0);
    for turn in 0..WARM_UP + messages {
        for is_ours in [turn % 2 == 0, turn % 2 == 1] {
            thread::sleep(PAUSE);
            let sent = since_boot();
            if is_ours {
                bus.publish(&output)?;
            } else {
                publisher
                    .put(message.clone())
                    .wait()
                    .map_err(|error| anyhow::anyhow!("{error}"))?;
            }
            let times = if is_ours {
                &mut bus_times
            } else {
                &mut raw_times
            };
            match receiver.came(if is_ours { OURS } else { RAW })? {
                Some(at) if turn >= WARM_UP => {
                    times.push(at.saturating_sub(sent).as_secs_f64() * 1e6);
                }
                Some(_) => {}
                None => lost += 1,
            }
        }
    }
    ensure!(
        !bus_times.is_empty() && !raw_times.is_empty(),
        "nothing came"
    );
    Ok(Row {
        transport,
        bytes: message.len(),
        bus_p50_micros: quantile(&mut bus_times, 0.5),
        bus_p99_micros: quantile(&mut bus_times, 0.99),
        raw_p50_micros: quantile(&mut raw_times, 0.5),
        raw_p99_micros: quantile(&mut raw_times, 0.99),
        lost,
    })
}

/// A session as zenoh opens it by itself, but for scouting.
fn raw_session(endpoint: &str, shared_memory: bool) -> Result<Session> {
    let mut config = raw_zenoh::Config::default();
    for (key, value) in [
        ("listen/endpoints", format!("[\"{endpoint}\"]")),
        ("scouting/multicast/enabled", "false".to_owned()),
        ("scouting/gossip/enabled", "false".to_owned()),
        ("transport/shared_memory/enabled", shared_memory.to_string()),
    ] {
        let set = config.insert_json5(key, &value);
        set.map_err(|error| anyhow::anyhow!("{key}: {error}"))?;
    }
    let opened = raw_zenoh::open(config).wait();
    opened.map_err(|error| anyhow::anyhow!("{error}"))
}

fn until_both_are_heard(bus: &ZenohBus, raw: &Publisher<'_>) -> Result<()> {
    let begin = since_boot();
    loop {
        let heard = raw.matching_status().wait();
        let heard = heard.map_err(|error| anyhow::anyhow!("{error}"))?;
        if heard.matching() && bus.has_subscriber(OURS) == Some(true) {
            return Ok(());
        }
        ensure!(since_boot() < begin + 5 * LIMIT, "nobody listens");
        thread::sleep(PAUSE);
    }
}

/// Depth of so many pixels a side, not constant.
fn output(side: usize) -> Output {
    let task = Task::find(OURS).expect("a task");
    let mut output = Output::empty(Arc::new(OutputOrigin {
        task,
        camera: "front".into(),
        key: OURS.into(),
        shape: vec![1, 1, side, side],
        labels: Arc::from(Vec::new()),
        hashes: Arc::new(Hashes {
            policy_name: "test".into(),
            policy: "a".repeat(64),
            encoders: vec![("home_multi".to_owned(), "b".repeat(64))],
            readout: ("depth_zbuffer_from_home_multi".to_owned(), "c".repeat(64)),
        }),
    }));
    let values = output.values.iter_mut().enumerate();
    values.for_each(|(index, value)| *value = 1.0 + (index % 977) as f32 / 200.0);
    output
}

/// The subscriber, in a process of its own.
struct Receiver {
    child: Child,
    lines: std::sync::mpsc::Receiver<(String, Duration)>,
}

impl Receiver {
    fn start(endpoints: &str) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--receiver", endpoints])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("it says nothing")?;
        let (to, lines) = std::sync::mpsc::sync_channel(64);
        thread::spawn("lines", move || hand_over(out, &to))?;
        Ok(Self { child, lines })
    }

    /// When the message of a key came that was just sent.
    fn came(&mut self, key: &str) -> Result<Option<Duration>> {
        match self.lines.recv_timeout(LIMIT) {
            Ok((came, at)) => {
                ensure!(came == key, "{came} came, but {key} was sent");
                Ok(Some(at))
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hand_over(out: ChildStdout, to: &std::sync::mpsc::SyncSender<(String, Duration)>) {
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        let Some((key, nanos)) = line.split_once(' ') else {
            continue;
        };
        let at = Duration::from_nanos(nanos.parse().unwrap_or(0));
        if to.send((key.to_owned(), at)).is_err() {
            return;
        }
    }
}

/// Says when each message came, until nobody reads it.
fn receive(endpoints: &str) -> Result<()> {
    let mut parts = endpoints.split(',');
    let mut next = || parts.next().context("two endpoints and a transport");
    let (ours_at, raw_at, shared_memory) = (next()?, next()?, next()? == "true");
    let open = |endpoint: &str| {
        open_session(&SessionOptions {
            shared_memory,
            ..SessionOptions::client(endpoint, LIMIT)
        })
    };
    let listen = |session: &Session, key: &str| Arrivals::open(session, PREFIX, &[key.to_owned()]);
    let (ours, raw) = (open(ours_at)?, open(raw_at)?);
    let all = [listen(&ours, OURS)?, listen(&raw, RAW)?];
    let mut out = std::io::stdout().lock();
    loop {
        for arrivals in &all {
            for arrival in arrivals.take(Duration::from_millis(1)) {
                writeln!(out, "{} {}", arrival.key, arrival.at.as_nanos())?;
                out.flush()?;
            }
        }
    }
}

fn free_endpoint() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("tcp/{}", listener.local_addr()?))
}

fn quantile(values: &mut [f64], quantile: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values[(last as f64 * quantile).round() as usize]
}
