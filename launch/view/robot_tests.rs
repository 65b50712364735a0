//! Tests of what is known of a robot.

use concert_policies::Policy;
use concert_runtime::wire::Message;
use concert_runtime::wire::common::Header;
use concert_runtime::wire::diagnostic_msgs::{DiagnosticArray, DiagnosticStatus};
use concert_runtime::wire::sensor_msgs::Image;
use concert_runtime::{Clock as _, ManualClock};

use super::*;

fn clock(seconds: u64) -> ManualClock {
    let clock = ManualClock::at(Timestamp::from_nanos(0));
    clock.advance(Duration::from_secs(seconds));
    clock
}

fn message<'a>(key: &str, message: &impl Message<'a>) -> Received {
    fn type_of<'a, M: Message<'a>>(_: &M) -> &'static str {
        M::TYPE
    }
    let mut payload = Vec::new();
    message.encode(&mut payload);
    Received {
        key: key.to_owned(),
        message_type: type_of(message).to_owned(),
        payload,
        attachment: None,
        waited: Duration::ZERO,
    }
}

fn picture(key: &str) -> Received {
    let image = Image {
        header: Header::default(),
        width: 4,
        height: 2,
        encoding: "rgb8".into(),
        is_bigendian: false,
        step: 12,
        data: vec![9; 24].into(),
    };
    message(key, &image)
}

fn status(policy_hash: &str, delivered: u64, level: u8) -> Received {
    let entry = |name: &str, level: u8, values: &[(&str, String)]| DiagnosticStatus {
        level,
        message: if level > 0 { "too slow" } else { "" }.to_owned(),
        ..DiagnosticStatus::well(name, values)
    };
    let array = DiagnosticArray {
        header: Header::default(),
        status: vec![
            entry("concert", level, &[("policy_hash", policy_hash.to_owned())]),
            entry(
                "target/depth_zbuffer",
                level,
                &[
                    ("delivered", delivered.to_string()),
                    ("latency_p50_millis", "12.5".to_owned()),
                ],
            ),
            entry(
                "target/room_layout",
                0,
                &[("no_subscriber", "3".to_owned())],
            ),
            entry(
                "image",
                0,
                &[("off", "0".to_owned()), ("no_subscriber", "1".to_owned())],
            ),
        ],
    };
    message(keys::STATUS, &array)
}

#[test]
fn a_picture_is_told_once_and_its_rate_and_age_are_known() {
    let (mut robot, clock) = (Robot::new("robot"), clock(0));
    for _ in 0..5 {
        clock.advance(Duration::from_millis(500));
        let item = robot
            .observe(&picture("image"), Moment::of(&clock))
            .expect("a picture");
        let head: Value = serde_json::from_str(&item.head).expect("JSON");
        assert_eq!(
            (&head["key"], &head["form"]),
            (&json!("image"), &json!("jpeg"))
        );
        assert_eq!(head["bytes"], item.bytes.len());
    }
    robot.observe(&status("a", 5, 0), Moment::of(&clock));
    let state = robot.state(clock.monotonic(), &Link::Up, 1);
    let image = &state["outputs"][0];
    assert_eq!(
        (&image["key"], &image["kind"]),
        (&json!("image"), &json!("camera"))
    );
    assert_eq!(image["rate"], 2.0);
    // Stamped at 0.
    assert_eq!(image["age"], 2500.0);
    assert_eq!(state["outputs"][1]["latency"], 12.5);
    assert_eq!(state["robot"]["words"], "robot is well");
    assert_eq!(state["outputs"][1]["now"], "delivered");
    assert_eq!(state["outputs"][2]["now"], "no_subscriber");
}

#[test]
fn an_output_that_stops_coming_has_neither_rate_nor_age_and_says_since_when() {
    let (mut robot, clock) = (Robot::new("robot"), clock(0));
    let output = |robot: &Robot| robot.state(clock.monotonic(), &Link::Up, 1)["outputs"][0].clone();
    for _ in 0..3 {
        clock.advance(Duration::from_millis(500));
        robot.observe(&picture("image"), Moment::of(&clock));
    }
    assert_eq!(
        (&output(&robot)["since"], &output(&robot)["rate"]),
        (&json!(0), &json!(2.0))
    );
    clock.advance(Duration::from_secs(4));
    let stopped = output(&robot);
    assert_eq!(stopped["since"], 4000);
    assert_eq!(
        (&stopped["rate"], &stopped["age"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn age_and_rate_are_those_of_the_arrival_not_of_the_reading() {
    let (mut robot, clock) = (Robot::new("robot"), clock(10));
    for waited in [400, 300] {
        clock.advance(Duration::from_millis(400));
        let received = Received {
            waited: Duration::from_millis(waited),
            ..picture("image")
        };
        let came = Moment::of(&clock).before(received.waited);
        robot.observe(&received, came);
    }
    let state = robot.state(clock.monotonic(), &Link::Up, 1);
    // Stamped at 0, read at 10.8 s, there since 10.5 s; the one before since 10 s.
    assert_eq!(state["outputs"][0]["age"], 10_500.0);
    assert_eq!(
        (&state["outputs"][0]["rate"], &state["outputs"][0]["since"]),
        (&json!(2.0), &json!(300))
    );
}

#[test]
fn what_did_not_come_is_counted_and_told() {
    let (mut robot, clock) = (Robot::new("robot"), clock(0));
    robot.observe(&picture("image"), Moment::of(&clock));
    let counts = KeyCounts {
        received: 9,
        lost: 1,
        superseded: 2,
        refused: 4,
    };
    robot.note_drops(&[("image".to_owned(), counts)], 8);
    let state = robot.state(clock.monotonic(), &Link::Up, 1);
    assert_eq!(
        (&state["outputs"][0]["dropped"], &state["dropped"]),
        (&json!(7), &json!(15))
    );
}

#[test]
fn garbage_costs_its_message_and_is_counted_by_key() {
    let (mut robot, clock) = (Robot::new("robot"), clock(0));
    let garbage = |key: &str, message_type: &str| Received {
        key: key.to_owned(),
        message_type: message_type.to_owned(),
        payload: vec![0xff; 64],
        attachment: None,
        waited: Duration::ZERO,
    };
    for bad in [
        garbage("image", "sensor_msgs/msg/Image"),
        garbage("image", "nobody/knows"),
        garbage("status", "diagnostic_msgs/msg/DiagnosticArray"),
        garbage("errand", ""),
    ] {
        assert_eq!(robot.observe(&bad, Moment::of(&clock)), None);
    }
    assert!(
        robot
            .observe(&picture("image"), Moment::of(&clock))
            .is_some()
    );
    let state = robot.state(clock.monotonic(), &Link::Up, 1);
    assert_eq!(state["unreadable"], 4);
    let faults = state["faults"].as_array().expect("faults");
    let counts: Vec<_> = faults
        .iter()
        .map(|fault| (&fault["key"], &fault["count"]))
        .collect();
    let want =
        [("errand", 1), ("image", 2), ("status", 1)].map(|(key, count)| (json!(key), json!(count)));
    assert_eq!(
        counts,
        want.iter()
            .map(|(key, count)| (key, count))
            .collect::<Vec<_>>()
    );
    assert!(faults.iter().all(|fault| fault["reason"] != ""));
}

#[test]
fn a_robot_that_falls_silent_is_said_to_be_and_comes_back() {
    let (mut robot, clock) = (Robot::new("robot"), clock(0));
    let words =
        |robot: &Robot, link: &Link| robot.state(clock.monotonic(), link, 1)["robot"].clone();
    assert_eq!(words(&robot, &Link::Up)["reach"], "waiting");
    robot.observe(&status("a", 5, 1), Moment::of(&clock));
    assert_eq!(words(&robot, &Link::Up)["words"], "robot: too slow");
    let lost = Link::Down("connection refused".to_owned());
    assert_eq!(words(&robot, &lost)["reach"], "down");
    clock.advance(Duration::from_secs(4));
    assert_eq!(
        words(&robot, &Link::Up)["words"],
        "robot has been silent for 4 s"
    );
    let state = robot.state(clock.monotonic(), &Link::Up, 1);
    assert_eq!(
        (&state["outputs"][1]["health"], &state["outputs"][1]["busy"]),
        (&json!(3), &json!(false))
    );
    robot.observe(&status("a", 6, 0), Moment::of(&clock));
    assert_eq!(words(&robot, &Link::Up)["reach"], "up");
}

#[test]
fn outputs_stand_in_the_order_of_the_policy_and_another_policy_is_asked_for() {
    let (mut robot, clock) = (Robot::new("robot"), clock(0));
    assert!(!robot.lacks_policy());
    let text = Policy::shipped_text("demo").expect("it ships");
    let hash = Policy::shipped("demo")
        .expect("it ships")
        .hash()
        .to_string();
    robot.observe(&status(&hash, 1, 0), Moment::of(&clock));
    assert!(robot.lacks_policy());
    assert!(robot.take_policy(&json!({ "policy": text })) && !robot.lacks_policy());
    let state = robot.state(clock.monotonic(), &Link::Up, 0);
    let outputs = state["outputs"].as_array().expect("outputs");
    let order: Vec<_> = outputs
        .iter()
        .map(|output| output["key"].as_str())
        .collect();
    assert_eq!(
        order,
        [Some("image"), Some("depth_zbuffer"), Some("room_layout")]
    );
    robot.observe(&status("another", 1, 0), Moment::of(&clock));
    assert!(robot.lacks_policy());
    assert!(!robot.take_policy(&json!({ "policy": "nonsense" })));
    assert_eq!(robot.unreadable(), 1);
}
