//! What a benchmark has to say, for people and for programs.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::args::BenchArgs;
use super::compare::{Compared, Comparison};
use super::machine::Machine;
use super::measured::OutputFigures;
use super::rig::Subject;
use super::series::Figures;
use super::single::Single;
use crate::report::{Exit, Report};

/// Why there are no counts of allocations.
const NO_ALLOCATIONS: &str = "allocations are not counted: the program has the system's allocator \
     (`cargo bench --bench overhead` counts those of a frame)";

/// What was asked, and where it was measured.
pub(super) struct About {
    pub(super) rate_hz: f64,
    pub(super) max_p99_millis: Option<f64>,
    pub(super) machine: Machine,
    /// Version of the program, and of the checkout that it lies in.
    pub(super) program: String,
}

impl About {
    pub(super) fn of(args: &BenchArgs) -> Self {
        let checkout = checkout().map_or(String::new(), |commit| format!(", checkout {commit}"));
        let build = if cfg!(debug_assertions) {
            "debug"
        } else {
            "optimised"
        };
        Self {
            rate_hz: args.rate,
            max_p99_millis: args.max_p99,
            machine: Machine::read(Path::new("/")),
            program: format!(
                "concert {}, {build} build{checkout}",
                env!("CARGO_PKG_VERSION")
            ),
        }
    }
}

/// The commit of the checkout that the program was built in and lies in, if it
/// does.
fn checkout() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = std::env::current_exe().ok()?;
    if !program.starts_with(folder) {
        return None;
    }
    let described = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .current_dir(folder)
        .output();
    let described = described.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(described.stdout).ok()?;
    Some(text.trim().to_owned())
}

/// Policy and networks, with every hash.
pub(super) fn identity(subject: &Subject) -> Value {
    let networks = subject.networks.iter();
    let networks = networks.map(|(name, origin)| json!({ "name": name, "sha256": origin.sha256 }));
    json!({
        "file": subject.file, "program": subject.program, "policy": subject.policy.name(),
        "policy_hash": subject.policy.hash().to_string(),
        "networks": networks.collect::<Vec<_>>(),
        "frames": subject.frames.iter().map(|frames| json!({
            "camera": &*frames.camera, "origin": frames.origin,
        })).collect::<Vec<_>>(),
    })
}

/// How the largest p99 compares with what is allowed.
struct Verdict {
    /// What is too slow, with both figures.
    too_slow: Vec<String>,
    line: Option<String>,
}

impl Verdict {
    fn of(outputs: &[OutputFigures], limit: Option<f64>, load: &str) -> Self {
        let Some(limit) = limit else {
            return Self {
                too_slow: Vec::new(),
                line: None,
            };
        };
        let slow = outputs.iter().filter_map(|output| {
            let (key, p99) = (&output.key, output.latency.p99_millis);
            match output.received {
                0 => Some(format!("nothing came of {key}")),
                _ if p99 > limit => Some(format!("p99 of {key} is {p99:.1} ms")),
                _ => None,
            }
        });
        let too_slow: Vec<_> = slow.collect();
        let line = match too_slow.as_slice() {
            [] => format!("every p99 is at most {limit} ms"),
            slow => format!(
                "{}, but at most {limit} ms are allowed; {load}",
                slow.join(", ")
            ),
        };
        Self {
            too_slow,
            line: Some(line),
        }
    }
}

/// The report on one policy.
pub(super) fn of_single(about: &About, subject: &Subject, single: &Single) -> Report {
    let (measured, between) = (&single.measured, &single.between);
    let verdict = Verdict::of(
        &measured.outputs,
        about.max_p99_millis,
        &between.load.text(),
    );
    let counts_fail = single
        .account
        .as_ref()
        .is_some_and(|account| !account.faults.is_empty());
    let is_empty = measured.frames.with_outputs == 0 && !single.stopped;
    let exit = match single.fault.is_some() || counts_fail || is_empty {
        true => Exit::Failed,
        false if !verdict.too_slow.is_empty() && !single.stopped => Exit::TooSlow,
        false => Exit::Done,
    };
    let frames = measured.frames.with_outputs.max(1) as f64;
    let json = json!({
        "subject": identity(subject), "engine": single.engine, "program": about.program,
        "machine": about.machine, "rate_hz": about.rate_hz, "seconds": between.seconds,
        "frames": measured.frames, "outputs": measured.outputs, "stages": measured.stages,
        "sustained": single.sustained, "counts": single.account,
        "server": {
            "cpu_seconds": between.server_cpu_seconds,
            "cpu_millis_per_frame": 1e3 * between.server_cpu_seconds / frames,
            "waited_seconds": between.server_waited_seconds, "threads": between.server_threads,
            "memory": between.server_memory, "allocations": null,
            "why_no_allocations": NO_ALLOCATIONS,
        },
        "receiver_cpu_seconds": between.receiver_cpu_seconds,
        "camera_cpu_seconds": between.camera_cpu_seconds,
        "load": between.load, "condition": between.condition,
        "clocks": { "receiver": single.clocks, "step_millis": between.clock_step_millis },
        "costs": single.costs, "hog": single.steps.hog, "steps": single.steps.steps, "stopped": single.stopped, "fault": single.fault,
        "max_p99_millis": about.max_p99_millis, "too_slow": verdict.too_slow,
    });
    let mut lines = heading(subject, about, single);
    lines.extend(table(&single_rows(single)));
    lines.push(String::new());
    lines.extend(few(measured.frames.to_last_output.count).map(str::to_owned));
    lines.push(single.sustained.text());
    lines.extend(single.steps.text());
    lines.extend(single.account.iter().flat_map(|account| account.text()));
    if single.account.is_none() {
        lines.push("the server did not say what became of the frames".to_owned());
    }
    lines.push(process_text(single));
    lines.push(between.load.text());
    lines.push(between.condition[0].text(&between.condition[1]));
    lines.push(single.clocks.text());
    lines.extend(between.step_text());
    lines.extend(verdict.line);
    lines.extend(single.fault.iter().map(|fault| format!("failed: {fault}")));
    if single.stopped {
        lines.push("stopped: these are the figures until then".to_owned());
    }
    Report {
        json,
        text: lines.join("\n"),
        exit,
    }
}

/// Which percentiles say nothing of so few.
fn few(count: u64) -> Option<&'static str> {
    match count {
        0..100 => Some("of fewer than 100 outputs p99 and p99.9 are the maximum"),
        100..1000 => Some("of fewer than 1000 outputs p99.9 is the maximum"),
        _ => None,
    }
}

fn heading(subject: &Subject, about: &About, single: &Single) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}: {} frames in {:.1} s at {} Hz, outputs of {}",
            subject.policy.name(),
            single.measured.frames.sent,
            single.between.seconds,
            about.rate_hz,
            single.measured.frames.with_outputs
        ),
        about.machine.text(),
        format!("{}; {}", about.program, single.engine),
    ];
    lines.extend(subject.frames.iter().map(|frames| {
        let (camera, origin) = (&frames.camera, &frames.origin);
        format!("camera {camera}: {origin}")
    }));
    lines.push(String::new());
    lines
}

/// Name and figures of every row, of which some stand apart.
fn single_rows(single: &Single) -> Vec<(String, Option<Figures>)> {
    let measured = &single.measured;
    let mut rows = vec![("frame due → received, ms".to_owned(), None)];
    let outputs = measured.outputs.iter();
    rows.extend(outputs.map(|output| (output.key.clone(), Some(output.latency))));
    let last = measured.frames.to_last_output;
    rows.push(("to the last output".to_owned(), Some(last)));
    rows.push(("peak age, ms".to_owned(), None));
    let outputs = measured.outputs.iter();
    rows.extend(outputs.map(|output| (output.key.clone(), Some(output.peak_age))));
    rows.push(("stages, ms".to_owned(), None));
    let camera = (
        "camera's own lateness".to_owned(),
        Some(measured.frames.camera),
    );
    rows.push(camera);
    let stages = measured.stages.iter();
    rows.extend(stages.map(|stage| (stage.stage.clone(), Some(stage.time))));
    rows
}

/// Figures in columns.
fn table(rows: &[(String, Option<Figures>)]) -> Vec<String> {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or(0) + 2;
    let each = rows.iter().map(|(name, figures)| match figures {
        None => {
            let [count, rest @ ..] = Figures::COLUMNS;
            let rest = rest.map(|column| format!("{column:>9}")).concat();
            format!("{name:<width$}{count:>8}{rest}")
        }
        Some(figures) => {
            let millis = figures.millis().map(|millis| format!("{millis:>9.2}"));
            let (indented, count) = (format!("  {name}"), figures.count);
            format!("{indented:<width$}{count:>8}{}", millis.concat())
        }
    });
    each.collect()
}

fn process_text(single: &Single) -> String {
    let between = &single.between;
    let frames = single.measured.frames.with_outputs.max(1) as f64;
    let mebibytes = |bytes: Option<u64>| match bytes {
        Some(bytes) => format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20)),
        None => "not told".to_owned(),
    };
    let waited = between
        .server_waited_seconds
        .map_or(String::new(), |waited| {
            format!(", its threads waited {waited:.2} s for a processor")
        });
    format!(
        "server: {:.2} s of processor time, {:.1} ms a frame{waited}; memory {} (PSS), at most {} \
         (RSS); {NO_ALLOCATIONS}",
        between.server_cpu_seconds,
        1e3 * between.server_cpu_seconds / frames,
        mebibytes(between.server_memory.pss_bytes),
        mebibytes(between.server_memory.peak_rss_bytes),
    )
}

/// The report on two policies.
pub(super) fn of_compared(about: &About, subjects: [&Subject; 2], compared: &Compared) -> Report {
    let names = names(subjects);
    let load = compared.between.iter().map(|between| &between.load);
    let load: Vec<_> = load.collect();
    let json = json!({
        "subjects": subjects.map(identity), "program": about.program, "machine": about.machine,
        "rate_hz": about.rate_hz, "sides": compared.sides, "comparisons": compared.comparisons,
        "load_of_last_rounds": load, "stopped": compared.stopped, "fault": compared.fault,
    });
    let [a, b] = &names;
    let mut lines = vec![
        format!("A is {a}, B is {b}; {} Hz, by turns", about.rate_hz),
        about.machine.text(),
        about.program.clone(),
        String::new(),
        format!(
            "{:<36}{:>10}{:>10}{:>8}   95 % of samples",
            "medians of rounds, ms", "A", "B", "A / B"
        ),
    ];
    lines.extend(compared.comparisons.iter().map(comparison_text));
    lines.push(String::new());
    for (name, side) in ["A", "B"].iter().zip(&compared.sides) {
        let last = side.to_last_output;
        lines.push(format!(
            "{name}: outputs of {} of {} frames; to the last output p50 {:.2}, p99 {:.2}, max {:.2} ms",
            side.with_outputs, side.sent, last.p50_millis, last.p99_millis, last.max_millis
        ));
    }
    lines.extend(
        compared
            .between
            .last()
            .map(|between| format!("the last rounds: {}", between.load.text())),
    );
    lines.extend(
        compared
            .fault
            .iter()
            .map(|fault| format!("failed: {fault}")),
    );
    if compared.stopped {
        lines.push("stopped: these are the figures until then".to_owned());
    }
    Report {
        json,
        text: lines.join("\n"),
        exit: match compared.fault {
            Some(_) => Exit::Failed,
            None => Exit::Done,
        },
    }
}

/// What the subjects are called: by their policies, or, where those are called
/// alike, by their files.
pub(super) fn names(subjects: [&Subject; 2]) -> [String; 2] {
    if let Some(program) = &subjects[1].program {
        return [subjects[0].policy.name().to_owned(), program.clone()];
    }
    let [a, b] = subjects.map(|subject| subject.policy.name());
    match a == b {
        true => subjects.map(|subject| subject.file.clone()),
        false => [a, b].map(str::to_owned),
    }
}

fn comparison_text(one: &Comparison) -> String {
    let Comparison {
        what,
        medians_millis: [a, b],
        ratio,
        interval: [low, high],
        ..
    } = one;
    let verdict = match one.differs() {
        true => "",
        false => "  no difference that the rounds show",
    };
    format!("{what:<36}{a:>10.2}{b:>10.2}{ratio:>8.3}   {low:.3} to {high:.3}{verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(key: &str, received: u64, p99_millis: f64) -> OutputFigures {
        OutputFigures {
            key: key.to_owned(),
            latency: Figures {
                count: received,
                p99_millis,
                ..Figures::default()
            },
            peak_age: Figures::default(),
            received,
            frames_without: 0,
            lost_on_the_way: 0,
            payload_bytes: 0.0,
            distribution: Vec::new(),
        }
    }

    #[test]
    fn what_is_too_slow_is_named_with_both_figures_and_how_busy_the_computer_was() {
        let outputs = [
            output("a", 9, 12.0),
            output("b", 9, 9.0),
            output("c", 0, 0.0),
        ];
        let verdict = Verdict::of(&outputs, Some(10.0), "the computer was loaded");
        let want = "p99 of a is 12.0 ms, nothing came of c, but at most 10 ms are allowed; \
                    the computer was loaded";
        assert_eq!(verdict.line.as_deref(), Some(want));
        assert_eq!(verdict.too_slow.len(), 2);
        let fast = Verdict::of(&outputs[1..2], Some(10.0), "");
        assert!(fast.too_slow.is_empty() && fast.line.is_some());
        let unasked = Verdict::of(&outputs, None, "");
        assert!(unasked.too_slow.is_empty() && unasked.line.is_none());
    }

    #[test]
    fn columns_stand_below_their_heads() {
        let rows = [
            ("ms".to_owned(), None),
            ("a_long_name".to_owned(), Some(Figures::default())),
        ];
        let lines = table(&rows);
        assert_eq!(lines[0].len(), lines[1].len(), "{lines:?}");
    }
}
