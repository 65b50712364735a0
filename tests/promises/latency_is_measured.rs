//! `concert bench` measures what a subscriber in another process sees, says what
//! became of every frame, and is not stopped in its tracks by what goes wrong.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use concert_runtime::Clock as _;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::library::{LibraryRequest, find_or_fetch};
use concert_runtime::io::thread;
use serde_json::Value;

use crate::common;
use crate::common::program::{Running, parsed, run, written};

/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Arguments of a benchmark of a folder of photographs, as JSON.
fn of_photographs<'a>(subject: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["bench", subject, "--data", "tests/photographs", "--json"];
    arguments.extend(more);
    arguments
}

fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A policy of one light encoder and one light readout, in a file of its own.
fn light(folder: &Path) -> String {
    let text = "name = \"light\"\nsupervision_budget = 1\n\
                [[transfer]]\ntarget = \"keypoints2d\"\nsources = [\"xfeat\"]\n";
    written(folder, "light.toml", text)
}

#[test]
fn every_output_has_figures_every_frame_an_account_and_every_network_its_hash() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let page = page.to_str().expect("UTF-8");
    let more = [
        "--rate",
        "6",
        "--seconds",
        "2",
        "--html",
        page,
        "--max-p99",
        "60000",
    ];
    let output = run(&of_photographs("first_light", &more));
    assert_eq!(output.status.code(), Some(0), "{}", complaints(&output));
    let report = parsed(&output);
    let keys: Vec<_> = report["outputs"]
        .as_array()
        .expect("outputs")
        .iter()
        .collect();
    assert_eq!(keys.len(), 3, "{report}");
    for output in keys {
        let latency = &output["latency"];
        let at = |name: &str| latency[name].as_f64().expect("a figure");
        assert!(at("count") > 0.0, "{output}");
        let order = [
            "p50_millis",
            "p90_millis",
            "p99_millis",
            "p999_millis",
            "max_millis",
        ];
        let order = order.map(at);
        assert!(order[0] > 0.0 && order.is_sorted(), "{output}");
    }
    // The encoders and readouts, each on the thread that ran it.
    let stages: Vec<_> = report["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .collect();
    for name in ["xfeat", "efficientnet_lite0", "keypoints2d_from_xfeat"] {
        let stage = stages.iter().find(|stage| stage["stage"] == name);
        let stage = stage.unwrap_or_else(|| panic!("{name}: {report}"));
        assert!(stage["thread"].is_string() && stage["time"]["p50_millis"].as_f64() > Some(0.0));
    }
    // Twelve frames were due within the two seconds.
    assert_eq!(report["frames"]["sent"], 12);
    assert_eq!(
        report["counts"]["faults"],
        serde_json::json!([]),
        "{report}"
    );
    for camera in report["counts"]["cameras"].as_array().expect("cameras") {
        let count = |name: &str| camera[name].as_u64().expect("a count");
        let lost = ["superseded", "too_old", "refused", "duplicate", "waiting"].map(count);
        let sum = lost.iter().sum::<u64>() + count("processed") + count("lost_on_the_way");
        assert_eq!(count("sent"), sum, "{camera}");
    }
    let hash = report["subject"]["policy_hash"].as_str().expect("a hash");
    assert_eq!(hash.len(), 64);
    let networks = report["subject"]["networks"].as_array().expect("networks");
    assert!(
        networks
            .iter()
            .all(|one| one["sha256"].as_str().is_some_and(|s| s.len() == 64))
    );
    assert!(report["server"]["cpu_seconds"].as_f64() > Some(0.0));
    assert!(report["server"]["memory"]["peak_rss_bytes"].as_u64() > Some(1 << 20));
    // One computer, one clock.
    let clocks = &report["clocks"]["receiver"];
    let offset = clocks["offset_micros"].as_f64().expect("an offset").abs();
    assert!(offset <= clocks["uncertainty_micros"].as_f64().expect("a bound") + 1.0);
    // What each further output costs, as the page shows it.
    assert_eq!(
        report["costs"].as_array().map(Vec::len),
        Some(3),
        "{report}"
    );
    let page = std::fs::read_to_string(page).expect("a page");
    for part in [
        hash,
        "Latency",
        "One frame",
        "Cost of outputs",
        "<svg",
        "xfeat",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for outside in ["http://", "https://", "<script", "<img", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn a_policy_slower_than_the_camera_is_told_from_one_that_keeps_up() {
    let output = run(&of_photographs(
        "first_light",
        &["--rate", "400", "--seconds", "2"],
    ));
    assert_eq!(output.status.code(), Some(0), "{}", complaints(&output));
    let report = parsed(&output);
    let sustained = &report["sustained"];
    assert_eq!(sustained["sustained"], false, "{sustained}");
    assert!(
        sustained["lost_percent"].as_f64() > Some(1.0),
        "{sustained}"
    );
    assert!(report["counts"]["cameras"][0]["superseded"].as_u64() > Some(0));
    assert_eq!(
        report["counts"]["faults"],
        serde_json::json!([]),
        "{report}"
    );
    // The camera kept to its schedule, however slow the policy.
    assert_eq!(report["frames"]["sent"], 800);
}

#[test]
fn what_is_slower_than_allowed_has_an_exit_code_of_its_own_and_says_how_busy_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = light(folder.path());
    let arguments = ["bench", &policy, "--data", "tests/photographs"];
    let more = ["--rate", "10", "--seconds", "1", "--max-p99", "0.001"];
    let output = run(&[&arguments[..], &more].concat());
    assert_eq!(output.status.code(), Some(3), "{}", complaints(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said
        .lines()
        .find(|line| line.starts_with("p99 of keypoints2d is"));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    assert!(
        line.contains("at most 0.001 ms are allowed; the computer was"),
        "{line}"
    );
    assert!(
        line.contains("stolen") && line.contains("ready at the end"),
        "{line}"
    );
}

#[test]
fn what_cannot_be_measured_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().to_str().expect("UTF-8");
    for (arguments, reason) in [
        (&["bench", "last_light"][..], "no policy of that name ships"),
        (&["bench", "first_light", "--rate", "0"], "frames a second"),
        (&["bench", "first_light", "--max-p99", "soon"], "60000 ms"),
        (
            &["bench", "first_light", "--provider", "abacus"],
            "tensorrt, cuda, cpu",
        ),
        (
            &["bench", "first_light", "--provider", "cpu", "--gpu"],
            "give one of them",
        ),
        (&["bench", "first_light", "--data", empty], "has 0 images"),
        (&["bench", "first_light", "--html", empty], "folder"),
        (
            &["bench", "first_light", "--compare", "last_light"],
            "last_light",
        ),
        (
            &[
                "bench",
                "first_light",
                "--compare",
                "home",
                "--max-p99",
                "9",
            ],
            "cannot be used with",
        ),
    ] {
        let output = run(arguments);
        let said = complaints(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
}

#[test]
fn a_provider_that_is_absent_is_named_and_nothing_takes_its_place() {
    // The build for processors, so that none for GPUs is fetched.
    let library = find_or_fetch(&LibraryRequest::default(), &mut |_| {}).expect("a library");
    let library = library.path.to_str().expect("UTF-8");
    let more = ["--provider", "cuda", "--onnxruntime", library];
    let output = run(&of_photographs("first_light", &more));
    if output.status.success() {
        return common::skip::cannot("this ONNX Runtime has CUDA");
    }
    let report = parsed(&output);
    let said = report["error"].as_str().expect("an error");
    assert!(said.to_lowercase().contains("cuda"), "{said}");
    let code = output.status.code().map(i64::from);
    assert_eq!(report["exit"].as_i64(), code, "{}", complaints(&output));
}

/// Processes that `parent` started, with the words that they were started with.
fn children(parent: u32) -> Vec<(u32, String)> {
    let parent = parent.to_string();
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let of_parent = numbers.filter(|id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest);
        after_name.and_then(|rest| rest.split_whitespace().nth(1)) == Some(parent.as_str())
    });
    let words = |id: u32| {
        let line = std::fs::read(PathBuf::from(format!("/proc/{id}/cmdline"))).unwrap_or_default();
        (id, String::from_utf8_lossy(&line).replace('\0', " "))
    };
    of_parent.map(words).collect()
}

/// A benchmark that runs for a minute if nobody stops it, in the middle of what is
/// measured; with the number of its process called so.
fn under_way(part: &str, folder: &Path, arguments: &[&str]) -> (Running, u32) {
    let log = folder.join("bench.log");
    let running = Running::logging_to(&log, arguments);
    let clock = SystemClock::start();
    while clock.monotonic() < LIMIT {
        let text = std::fs::read_to_string(&log).expect("a log");
        if text.contains("measuring 600 frames") {
            // A few of them.
            thread::sleep(Duration::from_secs(1));
            let all = children(running.id());
            let named = all.into_iter().find(|(_, line)| line.contains(part));
            let (id, _) = named.unwrap_or_else(|| panic!("{part} is gone: {text}"));
            return (running, id);
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing is measured within {LIMIT:?}");
}

fn kill(signal: &str, id: u32) {
    let sent = Command::new("kill")
        .args([signal, &id.to_string()])
        .status();
    assert!(sent.is_ok_and(|sent| sent.success()), "kill {signal} {id}");
}

#[test]
fn a_receiver_that_dies_in_the_middle_costs_what_came_after_it_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = light(folder.path());
    let arguments = of_photographs(&policy, &["--rate", "10", "--seconds", "60"]);
    let (running, id) = under_way("bench-part receiver", folder.path(), &arguments);
    kill("-KILL", id);
    let (code, stdout, stderr) = running.ended(LIMIT);
    assert_eq!(code, Some(1), "{stderr}");
    let report: Value = serde_json::from_str(stdout.trim()).expect("one object");
    let fault = report["fault"].as_str().expect("a fault");
    assert!(fault.contains("the receiver has ended"), "{fault}");
    assert!(
        report["outputs"][0]["latency"]["count"].as_u64() > Some(0),
        "{report}"
    );
}

#[test]
fn a_server_that_dies_in_the_middle_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = light(folder.path());
    let arguments = of_photographs(&policy, &["--rate", "10", "--seconds", "60"]);
    let (running, id) = under_way("bench-part server", folder.path(), &arguments);
    kill("-KILL", id);
    let (code, stdout, stderr) = running.ended(LIMIT);
    assert_eq!(code, Some(1), "{stderr}");
    let report: Value = serde_json::from_str(stdout.trim()).expect("one object");
    let fault = report["fault"].as_str().expect("a fault");
    assert!(fault.contains("server has ended"), "{fault}");
    assert_eq!(report["counts"], Value::Null, "nobody is left to say");
}

#[test]
fn who_is_stopped_prints_what_was_measured_so_far_and_leaves_nobody_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = light(folder.path());
    let arguments = of_photographs(&policy, &["--rate", "10", "--seconds", "60"]);
    let (running, server) = under_way("bench-part server", folder.path(), &arguments);
    let parts = children(running.id());
    let (code, stdout, stderr) = running.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let report: Value = serde_json::from_str(stdout.trim()).expect("one object");
    assert_eq!(report["stopped"], true, "{report}");
    assert!(
        report["outputs"][0]["latency"]["count"].as_u64() > Some(0),
        "{report}"
    );
    assert!(parts.iter().any(|(id, _)| *id == server));
    for (id, line) in parts {
        assert!(!Path::new(&format!("/proc/{id}")).exists(), "{line}");
    }
}

#[test]
fn two_are_compared_by_turns_with_an_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = light(folder.path());
    let more = ["--compare", &policy, "--rate", "8", "--seconds", "2"];
    let output = run(&of_photographs("first_light", &more));
    assert_eq!(output.status.code(), Some(0), "{}", complaints(&output));
    let report = parsed(&output);
    let comparisons = report["comparisons"].as_array().expect("comparisons");
    let of = |what: &str| comparisons.iter().find(|one| one["what"] == what);
    for what in ["keypoints2d", "to the last output"] {
        let one = of(what).unwrap_or_else(|| panic!("{what}: {report}"));
        assert_eq!(one["rounds"], 4, "{one}");
        let [low, high] = [0, 1].map(|at| one["interval"][at].as_f64().expect("a bound"));
        let ratio = one["ratio"].as_f64().expect("a ratio");
        assert!(low <= ratio && ratio <= high, "{one}");
    }
    // Only one of both has it.
    assert!(of("class_object").is_none());
    assert_eq!(report["sides"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_program_in_the_servers_place_is_measured_as_a_server_is() {
    let needed = [
        "eclipse-zenoh==1.10.2",
        "onnxruntime==1.31.1",
        "numpy",
        "pillow",
    ];
    let Some(packages) = common::python_packages(&needed) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let policy = light(folder.path());
    let rival = common::repository().join("benches/rivals/python_loop.py");
    let rival = format!("python3 {} --pool quiet", rival.display());
    let more = ["--compare-program", &rival, "--rate", "4", "--seconds", "1"];
    let output = common::program::concert(&of_photographs(&policy, &more))
        .env("PYTHONPATH", packages)
        .output()
        .expect("concert runs");
    assert_eq!(output.status.code(), Some(0), "{}", complaints(&output));
    let report = parsed(&output);
    assert_eq!(report["subjects"][1]["program"], rival.as_str());
    for side in report["sides"].as_array().expect("sides") {
        assert!(side["with_outputs"].as_u64() > Some(0), "{report}");
    }
    let comparisons = report["comparisons"].as_array().expect("comparisons");
    assert!(
        comparisons.iter().any(|one| one["what"] == "keypoints2d"),
        "{report}"
    );
    // A program that is none is named by what it says.
    let more = ["--compare-program", "echo no bench today >&2; exit 7"];
    let output = run(&of_photographs(&policy, &more));
    assert_eq!(output.status.code(), Some(1), "{}", complaints(&output));
    let said = parsed(&output)["error"]
        .as_str()
        .expect("an error")
        .to_owned();
    assert!(said.contains("no bench today"), "{said}");
}
