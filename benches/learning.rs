//! What learning costs the frames: how long the perceive step takes while a
//! server learns, beside the same server that does not, each in a process of
//! its own, in turn.
//!
//!     cargo bench --bench learning            # add `-- --json` for one JSON object
//!         [-- --data ../shared/data/corridor] [--rate 10] [--frames 200] [--rounds 3]
//!         [--targets depth_zbuffer,normal] [--refit-every 3000] [--crowd N]
//!
//! Cameras: the frames of `--data` again and again, and the simulated home.
//! `--crowd N` lets N other programs, each in a session of its own, want a
//! processor all the time. The server that does not learn looks at one frame a
//! minute: both compute the same outputs. Printed is the median over the rounds.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

struct Arguments(Vec<String>);

impl Arguments {
    fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        let at = self.0.iter().position(|given| given == name);
        let value = at.and_then(|at| self.0.get(at + 1));
        value.map_or(default, String::as_str)
    }

    fn number(&self, name: &str, default: &'static str) -> Result<u32> {
        let text = self.text(name, default);
        text.parse().with_context(|| format!("{name} {text}"))
    }
}

/// Programs that want a processor all the time, until this is dropped.
struct Crowd(Vec<Child>);

impl Crowd {
    fn gather(count: u32) -> Result<Self> {
        let one = |_| {
            let mut command = Command::new("setsid");
            command.args(["sh", "-c", "while :; do :; done"]);
            command.spawn().context("setsid")
        };
        (0..count).map(one).collect::<Result<_>>().map(Self)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One run of a server: percentiles of its step, ms, and what it learnt.
struct Run {
    p50: f64,
    p99: f64,
    refits: u64,
    refit_seconds: Vec<f64>,
    learnt: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments(std::env::args().skip(1).collect());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = root.join(arguments.text("--data", "../shared/data/corridor"));
    let rate = arguments.number("--rate", "10")?;
    let mut cameras = vec![(
        "apartment",
        format!("kind = \"apartment\"\nseed = 4242\nrate_hz = {rate}\n"),
    )];
    if data.is_dir() {
        let images =
            format!("kind = \"images\"\npaths = [{data:?}]\nrate_hz = {rate}\nrepeat = true\n");
        cameras.insert(0, ("images", images));
    } else {
        println!("left out: {} is not there", data.display());
    }
    let crowd = Crowd::gather(arguments.number("--crowd", "0")?)?;
    let mut rows = Vec::new();
    for (name, camera) in &cameras {
        let row = compare(name, camera, &arguments)?;
        println!("{}", line(&row));
        rows.push(row);
    }
    if arguments.0.iter().any(|given| given == "--json") {
        println!("{}", json!({ "crowd": crowd.0.len(), "cameras": rows }));
    }
    Ok(())
}

/// Runs both servers in turn.
fn compare(name: &str, camera: &str, arguments: &Arguments) -> Result<Value> {
    let (mut alone, mut learning) = (Vec::new(), Vec::new());
    for _ in 0..arguments.number("--rounds", "3")? {
        alone.push(serve(camera, false, arguments)?);
        learning.push(serve(camera, true, arguments)?);
    }
    let of = |runs: &[Run], value: fn(&Run) -> f64| median(runs.iter().map(value).collect());
    let p99 = [of(&alone, |run| run.p99), of(&learning, |run| run.p99)];
    let seconds = learning.iter().flat_map(|run| run.refit_seconds.clone());
    Ok(json!({
        "camera": name,
        "alone_p50_millis": of(&alone, |run| run.p50),
        "alone_p99_millis": p99[0],
        "learning_p50_millis": of(&learning, |run| run.p50),
        "learning_p99_millis": p99[1],
        "ratio_p99": p99[1] / p99[0],
        "refits": learning.iter().map(|run| run.refits).sum::<u64>(),
        "refit_seconds": median(seconds.collect()),
        "learnt": learning.iter().map(|run| run.learnt).sum::<u64>(),
        "rounds_p99_millis": alone.iter().zip(&learning)
            .map(|(alone, learning)| [alone.p99, learning.p99]).collect::<Vec<_>>(),
    }))
}

fn line(row: &Value) -> String {
    let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    format!(
        "{}: step p50 {:.1} ms, p99 {:.1} ms; learning p50 {:.1} ms, p99 {:.1} ms, {:.2} times; \
         {} frames learnt, {} refits, the last of {:.1} s",
        row["camera"].as_str().unwrap_or_default(),
        number("alone_p50_millis"),
        number("alone_p99_millis"),
        number("learning_p50_millis"),
        number("learning_p99_millis"),
        number("ratio_p99"),
        number("learnt"),
        number("refits"),
        number("refit_seconds"),
    )
}

/// A server in a process of its own, with a folder of its own.
fn serve(camera: &str, learns: bool, arguments: &Arguments) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    let targets = arguments.text("--targets", "depth_zbuffer,normal");
    let targets: Vec<&str> = targets.split(',').collect();
    let every = arguments.number("--refit-every", "3000")?;
    let rest = if learns {
        ""
    } else {
        "interval_millis = 60000\n"
    };
    let launch = format!(
        "policy = \"apartment\"\n[[camera]]\nname = \"front\"\n{camera}[learn]\ntargets = \
         {targets:?}\nfolder = \"state\"\nrefit_every_millis = {every}\n{rest}[zenoh]\nlisten = \
         [\"tcp/127.0.0.1:0\"]\n"
    );
    let path = folder.path().join("launch.toml");
    std::fs::write(&path, launch)?;
    let frames = arguments.number("--frames", "200")?.to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_concert"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("serve")
        .arg(&path)
        .args(["--json", "--quiet", "--frames", &frames])
        .stdin(Stdio::null())
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "concert serve: {stderr}");
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let figures = &report["figures"];
    let step = &figures["cameras"][0]["step"];
    let targets = figures["learning"].as_array().cloned().unwrap_or_default();
    let sum = |key: &str| {
        targets
            .iter()
            .filter_map(|target| target[key].as_u64())
            .sum()
    };
    let seconds = targets.iter().map(|target| &target["refit_seconds"]);
    Ok(Run {
        p50: step["p50_millis"].as_f64().context("step")?,
        p99: step["p99_millis"].as_f64().context("step")?,
        refits: sum("refits"),
        refit_seconds: seconds.filter_map(Value::as_f64).collect(),
        learnt: sum("learnt"),
    })
}

/// The middle one; NaN of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
