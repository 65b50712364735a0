use std::borrow::Cow;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use concert_models::{Intrinsics, PixelFormat};
use zenoh::bytes::Encoding;
use zenoh::{Session, Wait};

use super::pool::{Parts, PayloadPool};
use super::*;
use crate::bus::Bus;
use crate::camera::{Camera, Capture};
use crate::clock::Clock;
use crate::io::clock::SystemClock;
use crate::io::thread;
use crate::output::{Output, OutputOrigin};
use crate::status::Status;
use crate::time::Timestamp;
use crate::wire::common::Header;
use crate::wire::encode::camera_info;
use crate::wire::sensor_msgs::{CameraInfo, CompressedImage, Image};
use crate::wire::tests::output;
use crate::wire::{AnyMessage, Message};

pub(super) const LIMIT: Duration = Duration::from_secs(20);
pub(super) const PREFIX: &str = "robot/perception";

pub(super) fn free_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("has one");
    format!("tcp/{address}")
}

/// Tries until it gives something.
pub(super) fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock::start();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(clock.monotonic() < LIMIT, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(super) fn server(endpoint: &str) -> Session {
    open_session(&SessionOptions {
        listen: vec![endpoint.to_owned()],
        connect: Vec::new(),
        ..SessionOptions::serve()
    })
    .expect("opens")
}

pub(super) fn client(endpoint: &str) -> Session {
    open_session(&SessionOptions::client(endpoint, LIMIT)).expect("connects")
}

fn bus(session: Session, keys: &[&str]) -> ZenohBus {
    let options = BusOptions {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        name_query: Duration::from_millis(500),
        ..BusOptions::new(PREFIX)
    };
    ZenohBus::open(session, options).expect("declares")
}

/// Publishes until it arrived: a subscription takes a moment to be known.
pub(super) fn heard(bus: &mut ZenohBus, watcher: &Watcher, output: &Output) -> Received {
    until(&output.origin.key, || {
        bus.publish(output).expect("publishes");
        let mut received = watcher.take(Duration::from_millis(50)).into_iter();
        received.find(|received| received.key == *output.origin.key)
    })
}

#[test]
fn every_kind_of_output_arrives_as_the_message_of_its_task() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &[]);
    let session = client(&endpoint);
    let watcher = Watcher::open(&session, PREFIX).expect("subscribes");
    let outputs: [(&str, &[usize]); 8] = [
        ("depth_zbuffer", &[1, 1, 4, 6]),
        ("segment_semantic", &[1, 3, 4, 6]),
        ("class_scene", &[1, 3]),
        ("keypoints2d", &[1, 4, 3]),
        ("object_detection", &[1, 2, 6]),
        ("room_layout", &[1, 9]),
        ("fixated_pose", &[1, 6]),
        ("odometry", &[1, 85]),
    ];
    for (task, shape) in outputs {
        let output = output(task, shape, vec![0.5; shape.iter().product()]);
        let received = heard(&mut bus, &watcher, &output);
        assert_eq!(received.message_type, output.origin.task.message_type());
        let mut expected = Vec::new();
        crate::wire::encode(&output, &mut expected).expect("encodes");
        assert_eq!(received.payload, expected);
        let attachment = received.attachment.expect("has one");
        assert_eq!(attachment.stamp_ns, output.stamp.nanos());
        assert_eq!(attachment.sequence, 7);
        assert_eq!(attachment.policy, "a".repeat(64));
    }
}

#[test]
fn dense_outputs_bring_their_camera_info_and_status_its_diagnostics() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &["normal"]);
    let session = client(&endpoint);
    let watcher = Watcher::open(&session, PREFIX).expect("subscribes");
    let output = output("normal", &[1, 3, 4, 6], vec![0.5; 72]);
    let status = Status {
        stamp: Timestamp::from_nanos(3),
        entries: Vec::new(),
    };
    let mut missing = vec!["normal/camera_info", "status"];
    until("camera info and status", || {
        bus.publish(&output).expect("publishes");
        bus.publish_status(&status).expect("publishes");
        for received in watcher.take(Duration::from_millis(50)) {
            let message = received.message().expect("decodes");
            let is_right = match received.key.as_str() {
                "normal/camera_info" => {
                    matches!(&message, AnyMessage::CameraInfo(info) if info.width == 6)
                }
                "status" => matches!(&message, AnyMessage::DiagnosticArray(_)),
                _ => matches!(&message, AnyMessage::Image(_)),
            };
            assert!(is_right, "{} is {message:?}", received.key);
            missing.retain(|key| *key != received.key);
        }
        missing.is_empty().then_some(())
    });
}

#[test]
fn what_is_withdrawn_leaves_nothing_declared_below_its_key() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &[]);
    let session = client(&endpoint);
    let _watcher = Watcher::open(&session, PREFIX).expect("subscribes");
    let dense = output("normal", &[1, 3, 4, 6], vec![0.5; 72]);
    let odometry = output("odometry", &[1, 85], vec![0.5; 85]);
    let keys = ["normal", "normal/camera_info", "odometry", "odometry/tf"];
    for output in [&dense, &odometry] {
        bus.publish(output).expect("publishes");
    }
    for key in keys {
        assert!(bus.has_subscriber(key).is_some(), "{key} is declared");
    }
    bus.withdraw(&["normal".into(), "odometry".into()]);
    for key in keys {
        assert_eq!(bus.has_subscriber(key), None, "{key} is still declared");
    }
}

#[test]
fn a_large_output_arrives_whole_through_shared_memory() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &["depth_zbuffer"]);
    let session = client(&endpoint);
    let watcher = Watcher::open(&session, PREFIX).expect("subscribes");
    let values: Vec<f32> = (0..1024 * 1024_u32).map(|n| n as f32).collect();
    let output = output("depth_zbuffer", &[1, 1, 1024, 1024], values);
    let received = heard(&mut bus, &watcher, &output);
    let mut expected = Vec::new();
    crate::wire::encode(&output, &mut expected).expect("encodes");
    assert!(received.payload == expected, "payload changed on the way");
    assert_eq!(bus.shared_memory_counts(), (0, 0));
}

#[test]
fn a_reader_without_shared_memory_gets_the_same_bytes() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &["depth_zbuffer"]);
    let session = open_session(&SessionOptions {
        shared_memory: false,
        ..SessionOptions::client(&endpoint, LIMIT)
    });
    let session = session.expect("connects");
    let watcher = Watcher::open(&session, PREFIX).expect("subscribes");
    let output = output("depth_zbuffer", &[1, 1, 256, 256], vec![2.0; 65_536]);
    let received = heard(&mut bus, &watcher, &output);
    let message = received.message().expect("decodes");
    assert!(matches!(message, AnyMessage::Image(image) if image.width == 256));
}

#[test]
fn it_is_known_who_listens_to_what() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &["normal", "depth_zbuffer"]);
    assert_eq!(bus.has_subscriber("normal"), Some(false));
    assert_eq!(bus.has_subscriber("unheard_of"), None);
    let session = client(&endpoint);
    let key = format!("{PREFIX}/normal");
    let subscriber = session.declare_subscriber(key).wait().expect("subscribes");
    let listeners = bus.listeners();
    until("a listener", || {
        (listeners.has_subscriber("normal") == Some(true)).then_some(())
    });
    assert_eq!(bus.has_subscriber("depth_zbuffer"), Some(false));
    subscriber.undeclare().wait().expect("leaves");
    until("no listener", || {
        (listeners.has_subscriber("normal") == Some(false)).then_some(())
    });
    bus.close(LIMIT);
}

#[test]
fn a_second_runtime_under_one_prefix_is_refused_until_the_first_leaves() {
    let endpoint = free_endpoint();
    let mut first = bus(server(&endpoint), &[]);
    let options = || BusOptions {
        name_query: Duration::from_millis(500),
        ..BusOptions::new(PREFIX)
    };
    let second = client(&endpoint);
    let refusal = ZenohBus::open(second.clone(), options()).err();
    let refusal = refusal.expect("must be refused");
    assert!(matches!(&refusal, ZenohError::NameTaken { prefix, .. } if prefix == PREFIX));
    let elsewhere = ZenohBus::open(second.clone(), BusOptions::new("another/robot"));
    assert!(elsewhere.is_ok(), "another prefix is free");
    first.close(LIMIT);
    until("a free prefix", || {
        ZenohBus::open(second.clone(), options()).ok()
    });
}

#[test]
fn a_taken_port_is_refused_by_its_name() {
    let endpoint = free_endpoint();
    let _first = server(&endpoint);
    let options = SessionOptions {
        listen: vec![endpoint.clone()],
        connect: Vec::new(),
        ..SessionOptions::serve()
    };
    let refusal = open_session(&options).expect_err("must be refused");
    assert_eq!(
        refusal.to_string(),
        format!(
            "cannot listen on {endpoint}: the address is in use, but only one program can \
             listen on it"
        )
    );
}

#[test]
fn a_router_that_does_not_answer_is_not_waited_for_but_a_needed_runtime_is() {
    let silent = free_endpoint();
    let session = open_session(&SessionOptions {
        listen: vec![free_endpoint()],
        connect: vec![silent.clone()],
        ..SessionOptions::serve()
    });
    assert!(session.is_ok());
    let limit = Duration::from_millis(300);
    let refusal = open_session(&SessionOptions::client(&silent, limit));
    assert!(matches!(refusal, Err(ZenohError::NoAnswer { .. })));
}

#[test]
fn wildcards_and_nonsense_are_no_prefix() {
    let session = server(&free_endpoint());
    for prefix in ["", "a/**", "/a", "a#b"] {
        let refusal = ZenohBus::open(session.clone(), BusOptions::new(prefix)).err();
        assert!(matches!(refusal, Some(ZenohError::Key { .. })), "{prefix}");
    }
}

#[test]
fn a_bad_configuration_file_is_refused_by_name() {
    let file = tempfile::NamedTempFile::with_suffix(".json5").expect("a file");
    std::fs::write(file.path(), "{ mode: 3 }").expect("writes");
    let refusal = open_session(&SessionOptions {
        config: Some(file.path().to_owned()),
        ..SessionOptions::serve()
    });
    let refusal = refusal.expect_err("must be refused").to_string();
    let name = file.path().display().to_string();
    assert!(refusal.contains(&name), "{refusal}");
}

#[test]
fn the_policy_is_told_to_who_asks_and_changes_with_it() {
    let endpoint = free_endpoint();
    let bus = bus(server(&endpoint), &[]);
    let session = client(&endpoint);
    for toml in ["name = \"a\"", "name = \"b\""] {
        bus.policy().set(PolicyText {
            toml: toml.to_owned(),
            provenance: serde_json::json!({ "policy": "0" }),
        });
        let answer = until("an answer", || {
            Watcher::ask_policy(&session, PREFIX, Duration::from_secs(2)).expect("asks")
        });
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["policy"], toml);
        assert_eq!(answer["provenance"]["policy"], "0");
    }
}

#[test]
fn a_gap_in_the_sequence_is_counted_as_loss() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &["class_scene"]);
    let session = client(&endpoint);
    let watcher = Watcher::open(&session, PREFIX).expect("subscribes");
    let mut output = output("class_scene", &[1, 2], vec![0.5; 2]);
    heard(&mut bus, &watcher, &output);
    output.sequence += 4;
    heard(&mut bus, &watcher, &output);
    assert_eq!(watcher.counts()[0].1.lost, 3);
}

#[test]
fn subscribers_that_keep_shared_memory_make_us_copy_and_never_wait() {
    let mut pool = PayloadPool::new(1 << 20);
    let payload = vec![7; 200_000];
    let held: Vec<_> = (0..8)
        .map(|_| pool.payload(&Parts::whole(&payload)))
        .collect();
    assert!(pool.fallbacks > 0, "the pool never filled");
    assert!(held.iter().all(|held| held.to_bytes() == payload));
    assert_eq!(pool.renewals, 0);
    drop(held);
    let before = pool.fallbacks;
    pool.payload(&Parts::whole(&payload));
    assert_eq!(pool.fallbacks, before, "what is given back is used again");
}

#[test]
fn a_pool_whose_holders_died_recovers() {
    let mut pool = PayloadPool::new(1 << 20);
    let payload = vec![7; 200_000];
    // Never given back, as by a subscriber that was killed.
    let mut held = Vec::new();
    until("a fresh pool", || {
        held.push(pool.payload(&Parts::whole(&payload)));
        (pool.renewals == 1).then_some(())
    });
    let before = pool.fallbacks;
    held.push(pool.payload(&Parts::whole(&payload)));
    assert_eq!(pool.fallbacks, before, "the fresh pool has room");
}

/// F20: 32 MiB more every second and a half, without end.
#[test]
fn a_subscriber_that_keeps_every_message_costs_bounded_shared_memory() {
    let mut pool = PayloadPool::new(1 << 20);
    let payload = vec![7; 200_000];
    let most = PayloadPool::MAX_POOLS as u64 - 1;
    let mut held = Vec::new();
    until("as many pools as there may be", || {
        held.push(pool.payload(&Parts::whole(&payload)));
        (pool.renewals == most).then_some(())
    });
    // Kept long enough for many more.
    for _ in 0..20 * PayloadPool::PATIENCE {
        held.push(pool.payload(&Parts::whole(&payload)));
    }
    assert_eq!(pool.renewals, most);
    assert!(held.iter().all(|held| held.to_bytes() == payload));
    drop(held);
    let before = pool.fallbacks;
    for _ in 0..=2 * PayloadPool::PATIENCE {
        pool.payload(&Parts::whole(&payload));
    }
    let copied = pool.fallbacks - before;
    assert!(
        copied <= 2 * u64::from(PayloadPool::PATIENCE),
        "{copied} copied after all was given back"
    );
    let before = pool.fallbacks;
    pool.payload(&Parts::whole(&payload));
    assert_eq!(pool.fallbacks, before, "what was given back is used again");
}

#[test]
fn a_subscriber_that_never_reads_holds_up_neither_us_nor_others() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &["depth_zbuffer"]);
    let slow = client(&endpoint);
    let (entered, enter) = std::sync::mpsc::sync_channel::<()>(1);
    let (release, gate) = std::sync::mpsc::sync_channel::<()>(1);
    let gate = std::sync::Mutex::new(gate);
    let stuck = slow
        .declare_subscriber(format!("{PREFIX}/**"))
        .callback(move |_| {
            let _ = entered.try_send(());
            let _ = crate::clock::lock(&gate).recv();
        })
        .wait()
        .expect("subscribes");
    let session = client(&endpoint);
    let watcher = Watcher::open(&session, PREFIX).expect("subscribes");
    let mut output = output("depth_zbuffer", &[1, 1, 128, 128], vec![1.0; 128 * 128]);
    until("the slow one to be stuck", || {
        bus.publish(&output).expect("publishes");
        enter.try_recv().ok()
    });
    // Far more than all queues and the shared memory together can hold.
    let most = 2 * 32 * 1024 * 1024 / (4 * 128 * 128);
    for sequence in 0..most {
        output.sequence = 100 + sequence;
        bus.publish(&output).expect("publishes");
    }
    output.sequence = 1_000_000;
    until("the newest at the other subscriber", || {
        bus.publish(&output).expect("publishes");
        let received = watcher.take(Duration::from_millis(50));
        let mut attachments = received.iter().filter_map(|one| one.attachment.as_ref());
        attachments
            .any(|one| one.sequence == 1_000_000)
            .then_some(())
    });
    drop(release);
    drop(stuck);
}

#[test]
fn outputs_with_shapes_of_other_tasks_are_refused_and_the_next_goes_on() {
    let mut bus = bus(server(&free_endpoint()), &[]);
    let good = output("normal", &[1, 3, 1, 1], vec![0.0; 3]);
    let mut bad = good.clone();
    bad.origin = Arc::new(OutputOrigin {
        shape: vec![1, 2, 1, 1],
        ..(*good.origin).clone()
    });
    let refusal = bus.publish(&bad).expect_err("must be refused");
    assert_eq!(refusal.key, "robot/perception/normal");
    bus.publish(&good).expect("publishes");
}

/// A camera of key `cam`, and the session that plays its publisher.
fn camera(change: impl FnOnce(&mut ZenohCameraOptions)) -> (ZenohCamera, Session) {
    let endpoint = free_endpoint();
    let mut options = ZenohCameraOptions::new("cam", "fallback_optical");
    change(&mut options);
    let clock = Arc::new(SystemClock::start());
    let camera = ZenohCamera::open(server(&endpoint), options, clock).expect("subscribes");
    (camera, client(&endpoint))
}

fn image_message(width: u32, step: u32, bytes: usize) -> Vec<u8> {
    let mut message = Vec::new();
    Image {
        header: Header {
            stamp: Timestamp::from_nanos(5),
            frame_id: "cam_optical".to_owned(),
        },
        height: 2,
        width,
        encoding: Cow::Borrowed("bgr8"),
        is_bigendian: false,
        step,
        data: Cow::Owned(vec![9; bytes]),
    }
    .encode(&mut message);
    message
}

/// Sends until the camera says something.
fn capture(camera: &mut ZenohCamera, from: &Session, message: &[u8], kind: &str) -> Capture {
    let encoding = Encoding::from("application/cdr").with_schema(kind);
    until("a capture", || {
        let put = from.put("cam", message).encoding(encoding.clone());
        put.wait().expect("puts");
        match camera.next_frame(Duration::from_millis(50)) {
            Capture::Nothing => None,
            other => Some(other),
        }
    })
}

fn refused(capture: Capture) -> String {
    match capture {
        Capture::Refused(fault) => fault.to_string(),
        other => panic!("must be refused, not {other:?}"),
    }
}

#[test]
fn a_raw_image_becomes_a_frame_with_its_stamp_and_frame() {
    let (mut camera, from) = camera(|options| options.camera_info_key = Some("info".to_owned()));
    let intrinsics = Intrinsics {
        fx: 3.0,
        fy: 3.0,
        cx: 1.0,
        cy: 0.5,
        width: 4,
        height: 2,
    };
    let mut info = Vec::new();
    camera_info(Header::default(), &intrinsics).encode(&mut info);
    let message = image_message(4, 16, 32);
    until("a frame with intrinsics", || {
        from.put("info", &info).wait().expect("puts");
        match capture(&mut camera, &from, &message, Image::TYPE) {
            Capture::Frame(frame) => {
                assert_eq!(frame.stamp, Timestamp::from_nanos(5));
                assert_eq!(&*frame.frame_id, "cam_optical");
                assert_eq!(frame.image.format(), PixelFormat::Bgr8);
                assert_eq!(frame.image.stride_bytes(), 16);
                frame.intrinsics
            }
            other => panic!("must be a frame, not {other:?}"),
        }
    });
}

#[test]
fn f2_f32_a_camera_info_of_another_size_is_left_out_said_and_the_rest_goes_on() {
    let (mut camera, from) = camera(|options| options.camera_info_key = Some("info".to_owned()));
    let intrinsics = Intrinsics {
        fx: 30.0,
        fy: 30.0,
        cx: 20.0,
        cy: 10.0,
        width: 40,
        height: 20,
    };
    let mut info = Vec::new();
    camera_info(Header::default(), &intrinsics).encode(&mut info);
    let image = image_message(4, 12, 24);
    let fault = until("a fault of the camera info", || {
        from.put("info", &info).wait().expect("puts");
        match capture(&mut camera, &from, &image, Image::TYPE) {
            Capture::Frame(frame) => assert_eq!(frame.intrinsics, None),
            other => panic!("must be a frame, not {other:?}"),
        }
        camera.companions().fault
    });
    assert!(
        fault.starts_with("info: camera info left out: is for images of 40x20")
            && fault.ends_with("but the image is 4x2"),
        "{fault}"
    );
    until("a count of what is no camera info", || {
        from.put("info", "nonsense").wait().expect("puts");
        capture(&mut camera, &from, &image, Image::TYPE);
        (camera.companions().camera_infos_refused > 0).then_some(())
    });
}

#[test]
fn the_newest_image_takes_the_place_of_one_that_waits() {
    let (mut camera, from) = camera(|_| {});
    let message = image_message(4, 12, 24);
    let encoding = Encoding::from("application/cdr").with_schema(Image::TYPE);
    until("one superseded", || {
        let put = from.put("cam", &message).encoding(encoding.clone());
        put.wait().expect("puts");
        thread::sleep(Duration::from_millis(10));
        (camera.losses().superseded > 0).then_some(())
    });
    match camera.next_frame(LIMIT) {
        Capture::Frame(frame) => assert!(frame.sequence > 0),
        other => panic!("must be a frame, not {other:?}"),
    }
}

#[test]
fn f4_f5_f6_images_that_lie_about_themselves_are_refused_with_both_quantities() {
    let (mut camera, from) = camera(|options| options.payload_limit = 1_000_000);
    let cases = [
        (
            image_message(4, 11, 22),
            Image::TYPE,
            "needs 12 bytes, but the step is 11",
        ),
        (
            image_message(4, 12, 23),
            Image::TYPE,
            "need 24 bytes, but there are 23",
        ),
        (
            image_message(0, 12, 24),
            Image::TYPE,
            "image is 0x2, but each side must be",
        ),
        (Vec::new(), Image::TYPE, "payload is empty"),
        (
            vec![0; 1_000_001],
            Image::TYPE,
            "payload is 1000001 bytes, but at most 1000000 are allowed",
        ),
        (
            vec![1, 2, 3],
            Image::TYPE,
            "message begins with [01, 02, 03]",
        ),
        (
            image_message(4, 12, 24),
            CameraInfo::TYPE,
            "message is a sensor_msgs/msg/CameraInfo, but must be",
        ),
    ];
    for (message, kind, expected) in cases {
        // One that was sent before may still be on its way.
        until(expected, || {
            let text = refused(capture(&mut camera, &from, &message, kind));
            assert!(text.starts_with("cam: "), "{text}");
            text.contains(expected).then_some(())
        });
    }
}

#[test]
fn a_message_of_no_said_type_is_taken_as_the_launch_file_says() {
    let message = image_message(4, 12, 24);
    // Where nobody says it, both that a camera may have are tried.
    for (declared, is_frame) in [
        (None, true),
        (Some(Image::TYPE), true),
        (Some(CompressedImage::TYPE), false),
    ] {
        let declared = declared.map(str::to_owned);
        let (mut camera, from) = camera(|options| options.message_type = declared);
        let got = until("a capture", || {
            from.put("cam", &message).wait().expect("puts");
            match camera.next_frame(Duration::from_millis(50)) {
                Capture::Nothing => None,
                other => Some(other),
            }
        });
        assert_eq!(matches!(got, Capture::Frame(_)), is_frame, "{got:?}");
    }
}

#[test]
fn a_compressed_image_is_decoded() {
    let (mut camera, from) = camera(|_| {});
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(3, 2, image::Rgb([1, 2, 3]))
        .write_to(&mut png, image::ImageFormat::Png)
        .expect("encodes");
    let mut message = Vec::new();
    CompressedImage {
        header: Header::default(),
        format: Cow::Borrowed("png"),
        data: Cow::Owned(png.into_inner()),
    }
    .encode(&mut message);
    match capture(&mut camera, &from, &message, CompressedImage::TYPE) {
        Capture::Frame(frame) => {
            assert_eq!((frame.image.width(), frame.image.height()), (3, 2));
            assert_eq!(&*frame.frame_id, "fallback_optical");
            assert!(frame.stamp.nanos() > 0, "a stamp of 0 is none");
        }
        other => panic!("must be a frame, not {other:?}"),
    }
}

fn depth_message(stamp: i64, encoding: &str, data: Vec<u8>) -> Vec<u8> {
    let mut message = Vec::new();
    Image {
        header: Header {
            stamp: Timestamp::from_nanos(stamp),
            frame_id: "cam_optical".to_owned(),
        },
        height: 2,
        width: 4,
        encoding: Cow::Borrowed(encoding),
        is_bigendian: false,
        step: u32::try_from(data.len() / 2).expect("small"),
        data: Cow::Owned(data),
    }
    .encode(&mut message);
    message
}

#[test]
fn depth_of_the_same_exposure_comes_with_the_image_and_depth_of_another_does_not() {
    let (mut camera, from) = camera(|options| options.depth_key = Some("depth".to_owned()));
    let image = image_message(4, 16, 32);
    let one_metre: Vec<u16> = [1000, 0, 65535, 500].repeat(2);
    let one_metre: Vec<u8> = one_metre.iter().flat_map(|mm| mm.to_le_bytes()).collect();
    let depth = depth_message(1_000_005, "16UC1", one_metre.clone());
    let metres = until("a frame with depth", || {
        from.put("depth", &depth).wait().expect("puts");
        match capture(&mut camera, &from, &image, Image::TYPE) {
            Capture::Frame(frame) => frame.depth,
            other => panic!("must be a frame, not {other:?}"),
        }
    });
    assert_eq!(metres.metres[0], 1.0);
    assert!(metres.metres[1].is_nan() && metres.metres[2].is_nan());
    assert_eq!(metres.metres[7], 0.5);
    let late = depth_message(1_000_000_000, "16UC1", one_metre);
    until("a frame without depth", || {
        from.put("depth", &late).wait().expect("puts");
        match capture(&mut camera, &from, &image, Image::TYPE) {
            Capture::Frame(frame) => frame.depth.is_none().then_some(()),
            other => panic!("must be a frame, not {other:?}"),
        }
    });
}

#[test]
fn depth_images_that_lie_about_themselves_are_refused_with_both_quantities() {
    let read_as = |message: Vec<u8>, size| {
        let message = super::depth::DepthMessage::of(Some(Image::TYPE), message.into())?;
        super::depth::depth_image(&message, size, 1 << 20)
    };
    let read = |message: Vec<u8>| read_as(message, (4, 2));
    let floats: Vec<u8> = [0.5_f32, -1.0, f32::INFINITY, f32::NAN]
        .repeat(2)
        .iter()
        .flat_map(|metres| metres.to_le_bytes())
        .collect();
    let depth = read(depth_message(0, "32FC1", floats)).expect("depth");
    assert_eq!(depth.metres[4], 0.5);
    assert_eq!(
        depth.metres.iter().filter(|metres| metres.is_nan()).count(),
        6
    );
    let refusals = [
        (
            depth_message(0, "rgb8", vec![0; 24]),
            "depth encoding is \"rgb8\"",
        ),
        (
            depth_message(0, "32FC1", vec![0; 16]),
            "needs 16 bytes, but the step is 8",
        ),
        (vec![1, 2, 3], "message begins with"),
    ];
    for (message, expected) in refusals {
        let reason = read(message).expect_err("must be refused");
        assert!(reason.contains(expected), "{reason}");
    }
    let other = read_as(depth_message(0, "16UC1", vec![0; 16]), (8, 4));
    assert_eq!(
        other.expect_err("another size"),
        "depth is 4x2, but its image is 8x4: depth must be registered to the image"
    );
}

#[test]
fn a_watcher_that_names_its_keys_is_a_subscriber_of_those_alone() {
    let endpoint = free_endpoint();
    let mut bus = bus(server(&endpoint), &["normal", "depth_zbuffer"]);
    let sessions = Sessions::begin(&SessionOptions {
        listen: Vec::new(),
        connect: vec![endpoint],
        ..SessionOptions::serve()
    });
    let sessions = sessions.expect("a session");
    until("somebody answers", || {
        let reached = sessions.reached();
        reached[0].session.is_ok().then_some(())
    });
    let mut watcher = Watcher::idle(&[sessions], PREFIX);
    let is_heard = |bus: &mut ZenohBus, key: &str| bus.has_subscriber(key) == Some(true);
    assert!(!is_heard(&mut bus, "normal"));
    watcher.listen_to(["normal", "status"]).expect("subscribes");
    let normal = output("normal", &[1, 3, 2, 2], vec![0.5; 12]);
    heard(&mut bus, &watcher, &normal);
    assert!(is_heard(&mut bus, "normal") && !is_heard(&mut bus, "depth_zbuffer"));
    watcher.listen_to(["depth_zbuffer"]).expect("subscribes");
    until("another key", || {
        (is_heard(&mut bus, "depth_zbuffer") && !is_heard(&mut bus, "normal")).then_some(())
    });
    // What came before is not taken later.
    bus.publish(&normal).expect("publishes");
    assert!(watcher.take(Duration::ZERO).is_empty());
    watcher.listen_to([]).expect("nothing to refuse");
    until("nobody", || {
        (!is_heard(&mut bus, "depth_zbuffer")).then_some(())
    });
    assert!(watcher.listen_to(["a//b"]).is_err());
}
