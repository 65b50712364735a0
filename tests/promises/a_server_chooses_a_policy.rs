//! `concert solve --live`: a running server answers problems from its own
//! table, runs what it answered, and refuses what it cannot answer.

use crate::common;

use std::process::{Command, Output};

use crate::common::program::{Running, free_endpoint, parsed, run, until_answered, written};
use serde_json::Value;

const TABLE: &str = "\
target,order,sources,affinity,win_vs_task,win_vs_pixels
keypoints2d,1,xfeat,0.9,,0.9
keypoints2d,1,efficientnet_lite0,0.1,,0.2
class_object,1,efficientnet_lite0,0.8,,0.8
class_object,1,xfeat,0.2,,0.1
";

const PROBLEM: &str = r#"{
  "target_only": ["keypoints2d"],
  "source_only": ["xfeat", "efficientnet_lite0"],
  "budget": 1
}"#;

fn serve((endpoint, prefix): (&str, &str), more: &[&str]) -> Running {
    let mut args = vec!["serve", "first_light", "--json"];
    args.extend(["--listen", endpoint, "--prefix", prefix]);
    args.extend(more);
    Running::start(&args)
}

fn ask((endpoint, prefix): (&str, &str), problem: &str, more: &[&str]) -> (Output, Value) {
    let mut args = vec!["solve", "--live", "--json", "--problem", problem];
    args.extend(["--connect", endpoint, "--prefix", prefix]);
    args.extend(more);
    let output = run(&args);
    let answer = parsed(&output);
    (output, answer)
}

/// Asks as soon as the server stands.
fn first_answer(server: (&str, &str), problem: &str) -> (Output, Value) {
    until_answered(|| ask(server, problem, &[]))
}

#[test]
fn a_problem_is_answered_and_the_answer_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let table = written(folder.path(), "table.csv", TABLE);
    let problem = written(folder.path(), "problem.json", PROBLEM);
    let (endpoint, prefix) = (free_endpoint(), "asked/perception");
    let server = (endpoint.as_str(), prefix);
    let running = serve((&endpoint, prefix), &["--transfers", &table]);
    let (output, answer) = first_answer(server, &problem);
    assert_eq!(output.status.code(), Some(0), "{answer}");
    assert_eq!(answer["status"], "optimal");
    assert_eq!(answer["sources_used"], serde_json::json!(["xfeat"]));
    assert_eq!(answer["gain"], 0.9);

    // The same question, answered here.
    let here = run(&[
        "solve",
        "--json",
        "--transfers",
        &table,
        "--problem",
        &problem,
    ]);
    let here = parsed(&here);
    for key in [
        "status",
        "objective",
        "transfers",
        "runner_up_objective",
        "unique",
    ] {
        assert_eq!(answer[key], here[key], "{key}");
    }

    let infeasible = PROBLEM.replace("\"budget\": 1", "\"budget\": 0.5");
    let infeasible = written(folder.path(), "infeasible.json", &infeasible);
    let (output, poor) = ask(server, &infeasible, &[]);
    assert_eq!(
        (output.status.code(), &poor["status"]),
        (Some(1), &Value::from("infeasible"))
    );
    assert_eq!(poor["smallest_budget"], 1.0);
    let unknown = written(
        folder.path(),
        "unknown.json",
        &PROBLEM.replace("keypoints2d", "smell"),
    );
    let (output, unknown) = ask(server, &unknown, &[]);
    assert_eq!(
        (output.status.code(), &unknown["status"]),
        (Some(1), &Value::from("refused"))
    );
    assert!(
        unknown["error"].as_str().unwrap().contains("smell"),
        "{unknown}"
    );
    let broken = written(folder.path(), "broken.toml", "budget = 1\nspeed = 2\n");
    assert_eq!(ask(server, &broken, &[]).0.status.code(), Some(2));
    let comment = "#".repeat(65_537);
    let long = written(
        folder.path(),
        "long.toml",
        &format!("targets = ['normal']\nbudget = 1\n{comment}"),
    );
    let (output, long) = ask(server, &long, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(long["error"].as_str().unwrap().contains("65536"), "{long}");

    python_clients_may_ask_as_well(server, &problem, &answer);

    let out = folder.path().join("chosen.toml").display().to_string();
    let (output, swapped) = ask(server, &problem, &["--swap", "--out", &out]);
    assert_eq!(output.status.code(), Some(0), "{swapped}");
    assert_eq!(swapped["swap"]["status"], "swapped");
    assert_eq!(swapped["swap"]["new_hash"], swapped["policy"]["hash"]);
    concert_policies::Policy::read(&out).unwrap();

    let (code, stdout, stderr) = running.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(figures["figures"]["swaps"], 1);
    assert_eq!(figures["figures"]["policy"], "asked");
}

/// Both encoders, one of them dear.
const PROFILE: &str = "\
device = 'a board'
[typical_readout]
millis = 1
[[encoder]]
source = 'xfeat'
millis = 20
[[encoder]]
source = 'efficientnet_lite0'
millis = 5
";

#[test]
fn a_problem_may_limit_what_networks_take_of_the_servers_device() {
    let folder = tempfile::tempdir().unwrap();
    let table = written(folder.path(), "table.csv", TABLE);
    let profile = written(folder.path(), "here.toml", PROFILE);
    let (endpoint, prefix) = (free_endpoint(), "limited/perception");
    let server = (endpoint.as_str(), prefix);
    let running = serve(
        (&endpoint, prefix),
        &["--transfers", &table, "--profile", &profile],
    );
    let free = written(folder.path(), "free.json", PROBLEM);
    let (_, answer) = first_answer(server, &free);
    assert_eq!(answer["sources_used"], serde_json::json!(["xfeat"]));
    let limited = |millis: u32| {
        let limited = PROBLEM.replace(
            "1\n}",
            &format!("1, \"device\": {{\"frame_millis\": {millis}}}\n}}"),
        );
        ask(
            server,
            &written(folder.path(), "limited.json", &limited),
            &[],
        )
        .1
    };
    let answer = limited(10);
    assert_eq!(
        answer["sources_used"],
        serde_json::json!(["efficientnet_lite0"]),
        "{answer}"
    );
    assert_eq!(answer["usage"]["frame_millis"], 6.0, "{answer}");
    assert_eq!(limited(5)["status"], "infeasible");
    assert_eq!(running.terminate().0, Some(0));
}

/// With the client that ships.
const ASKS: &str = "\
import json, sys
from concert_client import Client
endpoint, prefix, path = sys.argv[1:]
with Client(prefix, endpoint) as robot, open(path, encoding='utf-8') as problem:
    print(json.dumps(robot.solve(json.load(problem))))
";

/// One that knows the key alone, and the one that ships.
fn python_clients_may_ask_as_well(server: (&str, &str), problem: &str, expected: &Value) {
    let packages = ["eclipse-zenoh==1.10.2", "numpy"];
    let Some(packages) = common::python_packages(&packages) else {
        return;
    };
    let ships = common::repository().join("launch/python");
    let knows_the_key = common::repository().join("tests/ask_for_a_policy.py");
    let knows_the_key = knows_the_key.display().to_string();
    for script in [&[knows_the_key.as_str()][..], &["-c", ASKS]] {
        let mut client = Command::new("python3");
        client
            .env(
                "PYTHONPATH",
                std::env::join_paths([&packages, &ships]).unwrap(),
            )
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(script)
            .args([server.0, server.1, problem]);
        let output = client.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let answer = parsed(&output);
        assert_eq!(answer["objective"], expected["objective"]);
        assert_eq!(answer["policy"], expected["policy"]);
    }
}

#[test]
fn a_server_without_a_table_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let problem = written(folder.path(), "problem.json", PROBLEM);
    let (endpoint, prefix) = (free_endpoint(), "tableless/perception");
    let running = serve((&endpoint, prefix), &[]);
    let (output, answer) = first_answer((&endpoint, prefix), &problem);
    assert_eq!(
        (output.status.code(), &answer["status"]),
        (Some(1), &Value::from("refused"))
    );
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("serve --transfers"), "{error}");
    assert_eq!(running.terminate().0, Some(0));
}

#[test]
fn a_table_that_is_none_keeps_a_server_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let table = written(folder.path(), "table.csv", "target,order\nnormal,1\n");
    let output = run(&["serve", "first_light", "--transfers", &table]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
