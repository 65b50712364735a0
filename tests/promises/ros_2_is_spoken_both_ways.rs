//! A node of ROS 2 over `rmw_zenoh`'s formats, made of software that is not ours, gives a
//! server its camera, hears its outputs, sees it in the graph and sets its parameters.

use std::process::Command;
use std::time::Duration;

use concert_runtime::io::thread;
use concert_runtime::io::zenoh::raw_zenoh::{Config, Session, Wait, open};
use serde_json::{Value, json};

use crate::common;
use crate::common::program::{Running, concert, free_port, written};

const DOMAIN: &str = "7";

/// A router as `rmw_zenohd` is one.
fn router(port: u16) -> Session {
    let mut config = Config::default();
    for (entry, value) in [
        ("mode", "\"router\"".to_owned()),
        ("listen/endpoints", format!("[\"tcp/127.0.0.1:{port}\"]")),
        ("scouting/multicast/enabled", "false".to_owned()),
    ] {
        config.insert_json5(entry, &value).expect("a configuration");
    }
    open(config).wait().expect("a router")
}

/// A server without a listener of its own, whose camera is a topic.
fn launch(port: u16, more: &str) -> String {
    format!(
        "policy = \"home\"\n\
         [[camera]]\nname = \"front\"\nkind = \"ros2\"\ntopic = \"/camera/image_raw\"\n\
         [publish]\nprefix = \"robot/perception\"\nstyle = \"ros2\"\ndistro = \"jazzy\"\n\
         [zenoh]\nlisten = []\nconnect = [\"tcp/127.0.0.1:{port}\"]\n{more}"
    )
}

#[test]
fn a_node_of_ros_2_is_heard_hears_and_sets_parameters() {
    let Some(packages) = common::python_packages(&[
        "zenoh-ros2-sdk==0.1.8",
        "eclipse-zenoh==1.10.2",
        "rosbags==0.11.9",
        "numpy",
    ]) else {
        return;
    };
    let port = free_port();
    let _router = router(port);
    let folder = tempfile::tempdir().expect("a folder");
    let text = launch(port, "[control]\nenabled = true\n");
    let file = written(folder.path(), "ros2.toml", &text);
    let log = folder.path().join("log");
    let mut command = concert(&["serve", &file, "--json"]);
    command.env("ROS_DOMAIN_ID", DOMAIN);
    let serving = Running::spawn(command, &log);
    let output = Command::new("python3")
        .env("PYTHONPATH", &packages)
        .env("GIT_PYTHON_REFRESH", "quiet")
        .arg(common::repository().join("tests/ros2_node.py"))
        .args([
            &port.to_string(),
            DOMAIN,
            "/robot/perception",
            "depth_zbuffer",
        ])
        .args(["-t", "120"])
        .output()
        .expect("python3");
    let log = || std::fs::read_to_string(&log).unwrap_or_default();
    assert!(output.status.success(), "{output:?}\n{}", log());
    let seen: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");

    let image = &seen["image"];
    assert_eq!(image["encoding"], "32FC1", "{image}");
    assert_eq!(image["frame_id"], "camera_optical", "{image}");
    assert_eq!(image["finite"], true, "{image}");
    for (topic, message_type) in [
        ("/robot/perception/depth_zbuffer", "sensor_msgs/msg/Image"),
        ("/robot/perception/odometry", "nav_msgs/msg/Odometry"),
        (
            "/robot/perception/object_detection",
            "vision_msgs/msg/Detection2DArray",
        ),
        ("/tf", "tf2_msgs/msg/TFMessage"),
        ("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray"),
        ("/camera/image_raw", "sensor_msgs/msg/Image"),
    ] {
        assert_eq!(seen["topics"][topic], json!([message_type]), "{seen}");
    }
    let services = seen["services"].as_array().expect("services");
    let swap = json!("/robot/perception/concert/set_parameters");
    assert!(services.contains(&swap), "{seen}");

    assert_eq!(seen["set"][0], json!([true, ""]), "{seen}");
    assert_eq!(seen["set"][1][0], false, "{seen}");
    let reason = seen["set"][1][1].as_str().expect("a reason");
    assert!(
        reason.starts_with("no parameter `nonsense`; there are policy, rate_hz."),
        "{reason}"
    );
    assert_eq!(seen["rate"], 2.5);
    assert!(
        seen["policy"]
            .as_str()
            .expect("a policy")
            .contains("rate_hz = 2.5")
    );
    assert_eq!(seen["swapped"], json!([[true, ""]]), "{}", log());
    assert_eq!(seen["after"], "name = \"first_light\"");

    let (code, stdout, _) = serving.terminate();
    assert_eq!(code, Some(0), "{}", log());
    let served: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(served["figures"]["swaps"], 2, "{served}");
}

#[test]
fn two_servers_of_one_name_do_not_meet_behind_a_router() {
    let port = free_port();
    let router = router(port);
    let folder = tempfile::tempdir().expect("a folder");
    let file = written(folder.path(), "ros2.toml", &launch(port, ""));
    let first = Running::start(&["serve", &file, "--json"]);
    let is_there = || {
        let tokens = router.liveliness().get("@ros2_lv/**").wait().expect("asks");
        tokens.iter().any(|reply| reply.result().is_ok())
    };
    for _ in 0..600 {
        if is_there() {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    assert!(is_there(), "the first server was never seen");
    let log = folder.path().join("log");
    let second = Running::logging_to(&log, &["serve", &file, "--json"]);
    let (code, ..) = second.ended(Duration::from_secs(120));
    let said = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("a runtime already publishes under \"robot/perception\""),
        "{said}"
    );
    let (code, _, stderr) = first.terminate();
    assert_eq!(code, Some(0), "{stderr}");
}
