//! A client that is not ours receives every target, decodes the CDR with its
//! own code, and finds stamps, sequences and shapes as they should be.
#![cfg(all(feature = "onnxruntime", feature = "zenoh"))]

mod common;

use std::process::Command;

use common::program::{Running, free_endpoint};
use serde_json::Value;

const TARGETS: [&str; 3] = ["keypoints2d", "point_matching", "class_object"];

#[test]
fn a_hundred_frames_of_every_target_arrive_and_decode() {
    let Some(packages) =
        common::python_packages(&["eclipse-zenoh==1.10.2", "rosbags==0.11.9", "numpy"])
    else {
        return;
    };
    let endpoint = free_endpoint();
    let prefix = "outside/perception";
    let serving = Running::start(&[
        "serve",
        "first_light",
        "--json",
        "--listen",
        &endpoint,
        "--prefix",
        prefix,
    ]);
    // The client connects as soon as the server listens, and retries until then.
    let mut client = Command::new("python3");
    client
        .env("PYTHONPATH", &packages)
        .arg(common::repository().join("tests/outside_client.py"));
    client.args([&endpoint, prefix, "100", "120"]).args(TARGETS);
    let output = retry(&mut client);
    let (code, stdout, stderr) = serving.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(stdout.trim().lines().count(), 1);

    let seen: Value = serde_json::from_str(&output).expect("the client's JSON");
    let hash = figures["figures"]["policy_hash"]
        .as_str()
        .expect("a policy hash");
    for target in TARGETS {
        let key = &seen["keys"][target];
        assert!(key["count"].as_u64() >= Some(100), "{target}: {key}");
        assert_eq!(
            key["faults"].as_array().map(Vec::len),
            Some(0),
            "{target}: {key}"
        );
        assert_eq!(
            key["attachment"]["policy"].as_str(),
            Some(hash),
            "{target}: {key}"
        );
    }
    assert_eq!(
        seen["keys"]["class_object"]["types"][0],
        "vision_msgs/msg/Classification"
    );
    assert_eq!(
        seen["keys"]["keypoints2d"]["types"][0],
        "sensor_msgs/msg/PointCloud2"
    );
    assert_eq!(
        seen["keys"]["keypoints2d"]["fields"],
        serde_json::json!(["u", "v", "score"])
    );
    let columns = serde_json::json!(["u_previous", "v_previous", "u", "v", "score"]);
    assert_eq!(seen["keys"]["point_matching"]["fields"], columns);
    assert!(
        seen["policy"][0]
            .as_str()
            .is_some_and(|text| text.contains("first_light")),
        "{}",
        seen["policy"]
    );
    assert_eq!(
        seen["alive"].as_array().map(Vec::len),
        Some(1),
        "{}",
        seen["alive"]
    );
}

/// Runs the client until it could connect; bounded.
fn retry(client: &mut Command) -> String {
    let mut last = String::new();
    for _ in 0..60 {
        let output = client.output().expect("python3");
        if output.status.success() {
            return String::from_utf8_lossy(&output.stdout).into_owned();
        }
        last = String::from_utf8_lossy(&output.stderr).into_owned();
        concert_runtime::io::thread::sleep(std::time::Duration::from_secs(1));
    }
    panic!("the client never connected: {last}");
}
