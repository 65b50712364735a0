//! A client that is not ours receives every target, decodes the CDR with its
//! own code, and finds stamps, sequences and shapes as they should be.

use crate::common;

use std::process::Command;

use crate::common::program::{Running, free_endpoint};
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
    client
        .args([&endpoint, prefix])
        .args(TARGETS)
        .args(["-n", "100", "-t", "120"]);
    let seen = until_connected(&mut client);
    let (code, stdout, stderr) = serving.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(stdout.trim().lines().count(), 1);

    let hash = figures["figures"]["policy_hash"]
        .as_str()
        .expect("a policy hash");
    for target in TARGETS {
        let key = &seen["keys"][target];
        assert!(key["count"].as_u64() >= Some(100), "{target}: {key}");
        assert_eq!(
            key["attachment"]["policy"].as_str(),
            Some(hash),
            "{target}: {key}"
        );
        assert_eq!(
            key["attachment"]["frame_id"], "front_optical",
            "{target}: {key}"
        );
    }
    assert_eq!(
        seen["keys"]["class_object"]["type"],
        "vision_msgs/msg/Classification"
    );
    assert_eq!(
        seen["keys"]["keypoints2d"]["type"],
        "sensor_msgs/msg/PointCloud2"
    );
    let columns = |target: &str| seen["keys"][target]["last"]["fields"].clone();
    assert_eq!(
        columns("keypoints2d"),
        serde_json::json!(["u", "v", "score"])
    );
    assert_eq!(
        columns("point_matching"),
        serde_json::json!(["u_previous", "v_previous", "u", "v", "score"])
    );
    assert!(
        seen["policy"].to_string().contains("first_light"),
        "{}",
        seen["policy"]
    );
    assert_eq!(
        seen["keys"]["status"]["type"], "diagnostic_msgs/msg/DiagnosticArray",
        "{}",
        seen["keys"]["status"]
    );
}

/// Runs the client until it could connect; what it found. Bounded.
fn until_connected(client: &mut Command) -> Value {
    let mut last = String::new();
    for _ in 0..60 {
        let output = client.output().expect("python3");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_ne!(
            output.status.code(),
            Some(2),
            "the client found faults: {text}"
        );
        if output.status.success() {
            return serde_json::from_str(&text).expect("the client's JSON");
        }
        last = String::from_utf8_lossy(&output.stderr).into_owned() + &text;
        concert_runtime::io::thread::sleep(std::time::Duration::from_secs(1));
    }
    panic!("the client never received everything: {last}");
}
