//! Clear refusals, prompt stops, counts that add up (faults F30, F33).

use std::time::Duration;

use crate::common::program::{Running, free_endpoint, run};
use concert_runtime::io::zenoh::{SessionOptions, Watcher, open_session};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_hundred_frames_are_counted_exactly() {
    let endpoint = free_endpoint();
    let output = run(&[
        "demo",
        "--frames",
        "100",
        "--json",
        "--listen",
        &endpoint,
        "--prefix",
        "hundred/perception",
    ]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout.trim().lines().count(), 1, "{stdout}");
    let figures: Value = serde_json::from_str(&stdout).unwrap();
    let figures = &figures["figures"];
    let counts = &figures["cameras"][0]["counts"];
    assert_eq!(counts["processed"], 100, "{counts}");
    for target in figures["targets"].as_array().unwrap() {
        let outcomes = target["outcomes"].as_object().unwrap();
        let sum: u64 = outcomes.values().filter_map(Value::as_u64).sum();
        assert_eq!(sum, 100, "{target}");
        assert!(target["published"].as_u64() > Some(0), "{target}");
    }
}

#[test]
fn a_second_runtime_under_the_same_name_is_refused_and_the_first_goes_on() {
    let endpoint = free_endpoint();
    let first = Running::start(&[
        "serve",
        "first_light",
        "--json",
        "--listen",
        &endpoint,
        "--prefix",
        "twice/perception",
    ]);
    // The name belongs to whoever takes it first: let the first one stand.
    let session = open_session(&SessionOptions::client(&endpoint, LIMIT)).expect("it listens");
    let stands = (0..120).any(|_| {
        let policy = Watcher::ask_policy(&session, "twice/perception", Duration::from_secs(1));
        let answered = policy.is_ok_and(|policy| policy.is_some());
        if !answered {
            concert_runtime::io::thread::sleep(Duration::from_millis(250));
        }
        answered
    });
    assert!(stands, "the first runtime does not answer");
    let second = run(&[
        "serve",
        "first_light",
        "--frames",
        "1",
        "--listen",
        &free_endpoint(),
        "--connect",
        &endpoint,
        "--prefix",
        "twice/perception",
    ]);
    let refused = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{refused}");
    assert!(refused.contains("twice/perception"), "{refused}");
    let (code, _, stderr) = first.terminate();
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn a_taken_port_is_refused_by_its_name() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp/{}", listener.local_addr().unwrap());
    let output = run(&[
        "serve",
        "first_light",
        "--frames",
        "1",
        "--listen",
        &endpoint,
        "--prefix",
        "taken/perception",
    ]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains(&listener.local_addr().unwrap().to_string()),
        "{stderr}"
    );
}
