//! What sharing buys a robot: the same errand with a shared policy, with one
//! network per task, with the truth, and with perception that is 200 ms late.
//!
//! ```sh
//! cargo bench --bench fetch_soda                      # ten seeds shared, four of the others
//! cargo bench --bench fetch_soda -- --seeds 500..503 --perception shared,truth
//! ```
//!
//! Each errand takes up to five minutes of real time. Its JSON is added to
//! `--out` (one line each), and what stands there is not run again: a run that
//! was stopped goes on where it was. Nothing else should run meanwhile.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

const USAGE: &str = "\
usage: fetch_soda [--seeds A..B] [--perception LIST] [--errand TEXT] [--out FILE.jsonl] [--all]
  --seeds A..B       homes (500..510); all of them shared, the first four of the others
  --perception LIST  shared,separate,truth,delayed,blind (the first four)
  --all              all seeds for every perception
  --errand TEXT      what to do (bring the can)
  --out FILE         results, one JSON object a line (target/fetch_soda.jsonl)";

struct Options {
    seeds: std::ops::Range<u64>,
    perceptions: Vec<String>,
    errand: String,
    out: PathBuf,
    all: bool,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(fault) => {
            eprintln!("{fault}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fetch_soda: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let words = |text: &str| text.split(',').map(str::to_owned).collect();
    let mut options = Options {
        seeds: 500..510,
        perceptions: words("shared,separate,truth,delayed"),
        errand: "bring the can".to_owned(),
        out: Path::new(env!("CARGO_TARGET_TMPDIR")).join("../fetch_soda.jsonl"),
        all: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        match arg.as_str() {
            // Cargo says so to every bench.
            "--bench" => {}
            "--all" => options.all = true,
            "--errand" => options.errand = value()?,
            "--out" => options.out = value()?.into(),
            "--perception" => options.perceptions = words(&value()?),
            "--seeds" => {
                let text = value()?;
                let range = text
                    .split_once("..")
                    .and_then(|(first, end)| Some(first.parse().ok()?..end.parse().ok()?));
                options.seeds = range.ok_or_else(|| format!("`{text}` is no range A..B"))?;
            }
            other => return Err(format!("`{other}` is unknown")),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut results = read(&options.out)?;
    for perception in &options.perceptions {
        let few = perception != "shared" && !options.all;
        let seeds = options.seeds.clone().take(if few { 4 } else { usize::MAX });
        for seed in seeds {
            let key = (perception.clone(), options.errand.clone(), seed);
            if results.contains_key(&key) {
                continue;
            }
            eprintln!("{perception}, seed {seed}: {} …", options.errand);
            let result = errand(perception, &options.errand, seed)?;
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&options.out)?;
            writeln!(file, "{result}")?;
            eprintln!(
                "  {} in {:.0} s: {}",
                if result["success"] == true {
                    "done"
                } else {
                    "not done"
                },
                result["seconds"].as_f64().unwrap_or(f64::NAN),
                result["said"]
                    .as_str()
                    .or(result["error"].as_str())
                    .unwrap_or_default()
            );
            results.insert(key, result);
        }
    }
    print(options, &results);
    Ok(())
}

type Results = BTreeMap<(String, String, u64), Value>;

fn read(path: &Path) -> Result<Results, Box<dyn std::error::Error>> {
    let mut results = Results::new();
    if !path.exists() {
        return Ok(results);
    }
    for line in std::fs::read_to_string(path)?.lines() {
        // A line that was cut short is an errand that is run again.
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let seed = value["seed"].as_u64().unwrap_or_default();
        results.insert((text("perception"), text("asked"), seed), value);
    }
    Ok(results)
}

fn errand(perception: &str, errand: &str, seed: u64) -> Result<Value, Box<dyn std::error::Error>> {
    let output = Command::new(env!("CARGO_BIN_EXE_concert"))
        .args([
            "fetch-soda",
            "--json",
            "--quiet",
            "--perception",
            perception,
        ])
        .args(["--errand", errand, "--seed", &seed.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let mut value: Value = serde_json::from_slice(&output.stdout)?;
    // A failure to run at all is a result, too.
    value["perception"] = perception.into();
    value["asked"] = errand.into();
    value["seed"] = seed.into();
    Ok(value)
}

fn print(options: &Options, results: &Results) {
    println!(
        "| perception | done | hurting bumps | bumps | s | m | frames/s | age ms | CPU s a metre |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for perception in &options.perceptions {
        let runs: Vec<&Value> = (results.iter())
            .filter(|((of, errand, seed), _)| {
                of == perception && *errand == options.errand && options.seeds.contains(seed)
            })
            .map(|(_, value)| value)
            .collect();
        let done = runs.iter().filter(|run| run["success"] == true).count();
        let sum = |name: &str| -> f64 { runs.iter().filter_map(|run| run[name].as_f64()).sum() };
        let count = runs.len().max(1) as f64;
        let cpu = sum("cpu_seconds") / sum("path_m").max(1e-3);
        let cpu = match perception.as_str() {
            "truth" => "-".to_owned(),
            _ => format!("{cpu:.2}"),
        };
        println!(
            "| {perception} | {done} of {} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.0} | {cpu} |",
            runs.len(),
            sum("hurting_bumps"),
            sum("bumps"),
            sum("seconds") / count,
            sum("path_m") / count,
            sum("perceived_hz") / count,
            sum("age_ms") / count,
        );
    }
}
