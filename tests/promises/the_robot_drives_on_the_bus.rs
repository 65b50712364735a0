//! `concert apartment --drive`: what it publishes is read by another session
//! and by `serve`; it does what it is commanded; floods and nonsense cost
//! nothing but a count.

use std::time::Duration;

use crate::common::program::{Running, driven_robot, free_endpoint, run};
use concert_runtime::Clock;
use concert_runtime::io::clock::SystemClock;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::{
    MessageOptions, MessagePublisher, Received, Session, SessionOptions, Watcher, open_session,
};
use concert_runtime::wire::geometry_msgs::Twist;
use concert_runtime::wire::nav_msgs::Odometry;
use concert_runtime::wire::{AnyMessage, Message};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// A robot with a camera that is quick to draw.
fn robot(endpoint: &str, prefix: &str, more: &[&str]) -> Running {
    driven_robot(endpoint, prefix, &[&["--size", "64x48"], more].concat())
}

fn connect(endpoint: &str) -> Session {
    open_session(&SessionOptions::client(endpoint, LIMIT)).expect("the robot answers")
}

fn commander(session: &Session, prefix: &str) -> MessagePublisher {
    let options = MessageOptions {
        prefix: prefix.to_owned(),
        keys: vec!["cmd_vel".to_owned()],
        shared_memory_bytes: 0,
        claim: None,
    };
    MessagePublisher::open(session.clone(), &options).expect("a publisher")
}

fn twist(linear: f64, angular: f64) -> Twist {
    Twist {
        linear: [linear, 0.0, 0.0],
        angular: [0.0, 0.0, angular],
    }
}

/// Looks at what comes until `look` has seen enough.
fn watch(watcher: &Watcher, what: &str, mut look: impl FnMut(&Received) -> bool) {
    let clock = SystemClock::start();
    while clock.monotonic() < LIMIT {
        for received in watcher.take(Duration::from_millis(50)) {
            if look(&received) {
                return;
            }
        }
    }
    panic!("{what}: not within {LIMIT:?}");
}

fn odometry(received: &Received) -> Option<Odometry> {
    match (received.key.as_str(), received.message().ok()?) {
        ("odom", AnyMessage::Odometry(odometry)) => Some(odometry),
        _ => None,
    }
}

fn counts(running: Running) -> Value {
    let (code, stdout, stderr) = running.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"))
}

#[test]
fn pictures_depth_transforms_and_odometry_are_read_by_another_session() {
    let (endpoint, prefix) = (free_endpoint(), "seen");
    let running = robot(&endpoint, prefix, &[]);
    let session = connect(&endpoint);
    let watcher = Watcher::open(&session, prefix).expect("subscribes");
    let mut missing = vec![
        "front/image",
        "front/camera_info",
        "front/depth",
        "tf",
        "odom",
        "bumper",
        "gripper/holding",
    ];
    watch(&watcher, "every message", |received| {
        let message = received.message().expect("decodes");
        if let ("bumper" | "gripper/holding", AnyMessage::Bool(value)) =
            (received.key.as_str(), &message)
        {
            assert!(!value.data, "{}", received.key);
            missing.retain(|key| *key != received.key);
            return missing.is_empty();
        }
        let header = message.header().expect("a header").clone();
        assert!(header.stamp.nanos() > 0);
        match (received.key.as_str(), &message) {
            ("front/image", AnyMessage::Image(image)) => {
                assert_eq!((image.width, image.height, image.step), (64, 48, 192));
                assert_eq!(
                    (&*image.encoding, header.frame_id.as_str()),
                    ("rgb8", "front_optical")
                );
                assert!(image.data.iter().any(|byte| *byte != image.data[0]));
            }
            ("front/depth", AnyMessage::Image(depth)) => {
                assert_eq!(
                    (&*depth.encoding, depth.width, depth.step),
                    ("32FC1", 64, 256)
                );
                let (metres, _) = depth.data.as_chunks::<4>();
                let metres = metres.iter().map(|bytes| f32::from_le_bytes(*bytes));
                assert!(
                    metres
                        .into_iter()
                        .all(|metres| metres > 0.05 && metres < 30.0)
                );
            }
            ("front/camera_info", AnyMessage::CameraInfo(info)) => {
                assert_eq!((info.width, info.height), (64, 48));
                let degrees = 2.0 * (32.0 / info.k[0]).atan().to_degrees();
                assert!((degrees - 72.0).abs() < 1e-3, "{degrees}");
            }
            ("tf", AnyMessage::TfMessage(tf)) => {
                let names: Vec<_> = tf
                    .transforms
                    .iter()
                    .map(|t| (t.header.frame_id.as_str(), t.child_frame_id.as_str()))
                    .collect();
                assert_eq!(
                    names,
                    [("odom", "base_link"), ("base_link", "front_optical")]
                );
                assert!((tf.transforms[1].transform.position[2] - 1.1).abs() < 1e-6);
            }
            ("odom", AnyMessage::Odometry(odometry)) => {
                assert_eq!(odometry.header.frame_id, "odom");
                assert_eq!(odometry.child_frame_id, "base_link");
            }
            (key, other) => panic!("{key} is {other:?}"),
        }
        missing.retain(|key| *key != received.key);
        missing.is_empty()
    });
    // Nobody commands: it tours.
    watch(&watcher, "half a metre of tour", |received| {
        odometry(received).is_some_and(|odometry| {
            let [x, y, _] = odometry.pose.position;
            x.hypot(y) > 0.5
        })
    });
    drop(watcher);
    let counts = counts(running);
    assert!(counts["pictures"].as_u64() > Some(0), "{counts}");
    assert_eq!(
        (&counts["failed"], &counts["commands"]["received"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn a_twist_turns_the_robot_and_silence_stops_it() {
    let (endpoint, prefix) = (free_endpoint(), "obeys");
    let running = robot(&endpoint, prefix, &["--tour", "never"]);
    let session = connect(&endpoint);
    let watcher = Watcher::open(&session, prefix).expect("subscribes");
    let mut commander = commander(&session, prefix);
    watch(&watcher, "a robot that stands", |received| {
        odometry(received).is_some_and(|odometry| {
            assert_eq!(odometry.pose.position, [0.0; 3]);
            true
        })
    });
    watch(&watcher, "a robot that turns left", |received| {
        commander
            .publish("cmd_vel", &twist(0.0, 0.9))
            .expect("publishes");
        odometry(received).is_some_and(|odometry| {
            // Half the angle's sine about z.
            odometry.angular[2] > 0.8 && odometry.pose.orientation[2] > 0.2
        })
    });
    // From here on nobody commands.
    let mut still = 0;
    watch(&watcher, "a robot that stopped", |received| {
        if let Some(odometry) = odometry(received) {
            let stands = odometry.angular[2].abs() < 1e-6;
            still = if stands { still + 1 } else { 0 };
        }
        still == 5
    });
    let counts = counts(running);
    assert!(counts["commands"]["taken"].as_u64() > Some(0), "{counts}");
}

#[test]
fn a_flood_of_commands_is_counted_and_nonsense_is_refused() {
    let (endpoint, prefix) = (free_endpoint(), "flooded");
    let running = robot(&endpoint, prefix, &["--tour", "never"]);
    let session = connect(&endpoint);
    let watcher = Watcher::open(&session, prefix).expect("subscribes");
    let mut commander = commander(&session, prefix);
    let mut good = Vec::new();
    twist(0.0, 0.5).encode(&mut good);
    let nonsense: Vec<Vec<u8>> = [
        good[..51].to_vec(),
        [good.clone(), vec![0; 1 << 16]].concat(),
        Vec::new(),
        {
            let mut bytes = Vec::new();
            twist(f64::NAN, 0.0).encode(&mut bytes);
            bytes
        },
        {
            let mut bytes = Vec::new();
            twist(0.0, f64::INFINITY).encode(&mut bytes);
            bytes
        },
        {
            let mut bytes = Vec::new();
            twist(1e9, 0.0).encode(&mut bytes);
            bytes
        },
    ]
    .into();
    // Until the robot turns, commands may not have found it yet.
    watch(&watcher, "a robot that turns", |received| {
        commander
            .publish("cmd_vel", &twist(0.0, 0.5))
            .expect("publishes");
        odometry(received).is_some_and(|odometry| odometry.angular[2] > 0.3)
    });
    let clock = SystemClock::start();
    for round in 0..300 {
        for bytes in &nonsense {
            commander
                .publish_bytes("cmd_vel", Twist::TYPE, bytes)
                .expect("publishes");
        }
        for _ in 0..30 {
            commander
                .publish_bytes("cmd_vel", Twist::TYPE, &good)
                .expect("publishes");
        }
        // About ten thousand in a second.
        let due = Duration::from_millis(round * 3);
        thread::sleep(due.saturating_sub(clock.monotonic()));
    }
    // It still turns as the newest says.
    watch(&watcher, "a robot that still turns", |received| {
        commander
            .publish("cmd_vel", &twist(0.0, -0.5))
            .expect("publishes");
        odometry(received).is_some_and(|odometry| odometry.angular[2] < -0.3)
    });
    let counts = counts(running);
    let commands = &counts["commands"];
    let count = |name: &str| commands[name].as_u64().expect("a number");
    assert!(count("received") > 5_000, "{commands}");
    assert!(count("refused") > 500, "{commands}");
    assert!(count("replaced") > count("taken"), "{commands}");
    let waiting = count("received") - count("taken") - count("replaced") - count("refused");
    assert!(waiting <= 1, "{commands}");
    assert!(counts["last_refusal"].is_string(), "{counts}");
}

#[test]
fn a_second_robot_of_the_same_name_is_refused() {
    let (endpoint, prefix) = (free_endpoint(), "twice");
    let first = robot(&endpoint, prefix, &[]);
    let session = connect(&endpoint);
    let watcher = Watcher::open(&session, prefix).expect("subscribes");
    watch(&watcher, "the first robot", |_| true);
    let other = free_endpoint();
    let second = run(&[
        "apartment",
        "--drive",
        "--frames",
        "1",
        "--light",
        "flat",
        "--prefix",
        prefix,
        "--listen",
        &other,
        "--connect",
        &endpoint,
    ]);
    let stderr = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("twice"), "{stderr}");
    assert_eq!(counts(first)["failed"], 0);
}

#[test]
fn a_launch_file_reads_the_robots_camera() {
    for (prefix, more) in [("raw", &[][..]), ("packed", &["--compressed"][..])] {
        let endpoint = free_endpoint();
        let robot = robot(&endpoint, prefix, more);
        // It listens before its home is made.
        drop(connect(&endpoint));
        let folder = tempfile::tempdir().unwrap();
        let launch = folder.path().join("driven.toml");
        let text = format!(
            "policy = \"first_light\"\n[[camera]]\nname = \"front\"\nkind = \"zenoh\"\n\
             key = \"{prefix}/front/image\"\ndepth_key = \"{prefix}/front/depth\"\n\
             camera_info_key = \"{prefix}/front/camera_info\"\n\
             [zenoh]\nlisten = []\nconnect = [\"{endpoint}\"]\n"
        );
        std::fs::write(&launch, text).unwrap();
        let output = run(&[
            "serve",
            launch.to_str().unwrap(),
            "--frames",
            "5",
            "--json",
            "--prefix",
            &format!("{prefix}/perception"),
        ]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
        let counts = &figures["figures"]["cameras"][0]["counts"];
        assert_eq!(
            (&counts["processed"], &counts["refused"]),
            (&5.into(), &0.into()),
            "{counts}"
        );
        let (code, _, stderr) = robot.terminate();
        assert_eq!(code, Some(0), "{stderr}");
    }
}
