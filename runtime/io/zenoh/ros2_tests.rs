//! A node of ROS 2 on the other side of a router: a peer as `rmw_zenoh` opens it, with
//! keys, tokens and attachments written out here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use twox_hash::XxHash3_128;
use zenoh::handlers::FifoChannelHandler;
use zenoh::pubsub::Subscriber;
use zenoh::sample::Sample;
use zenoh::{Session, Wait};

use super::router_tests::{default_peer, router, sessions};
use super::tests::{LIMIT, PREFIX, free_endpoint, until};
use super::*;
use crate::bus::Bus;
use crate::camera::{Camera, Capture};
use crate::frame::Frame;
use crate::io::clock::SystemClock;
use crate::status::Status;
use crate::time::Timestamp;
use crate::wire::Message;
use crate::wire::common::Header;
use crate::wire::encode::camera_info;
use crate::wire::ros2::{Distro, RosNodeName};
use crate::wire::sensor_msgs::{CompressedImage, Image};
use crate::wire::tests::output;

const IMAGE: &str = "sensor_msgs::msg::dds_::Image_/\
                     RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47";
const CAMERA_INFO: &str = "sensor_msgs::msg::dds_::CameraInfo_/\
     RIHS01_b3dfd68ff46c9d56c80fd3bd4ed22c7a4ddce8c8348f2f59c299e73118e7e275";
const TRANSFORMS: &str = "tf2_msgs::msg::dds_::TFMessage_/\
                          RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087";
const STRING: &str = "std_msgs::msg::dds_::String_/\
                      RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18";

fn node(sessions: &Sessions, distro: Distro) -> RosNode {
    let name = RosNodeName {
        domain_id: 7,
        namespace: format!("/{PREFIX}"),
        name: "concert".to_owned(),
    };
    RosNode::open(sessions, name, distro).expect("a node")
}

fn bus(sessions: &Sessions, distro: Distro, keys: &[&str]) -> ZenohBus {
    let options = BusOptions {
        style: Style::Ros2 {
            node: node(sessions, distro),
            images_are_jpeg: false,
        },
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        name_query: Duration::from_millis(500),
        ..BusOptions::new(PREFIX)
    };
    ZenohBus::open(sessions.clone(), options).expect("declares")
}

fn subscriber(peer: &Session, key: &str) -> Subscriber<FifoChannelHandler<Sample>> {
    peer.declare_subscriber(key.to_owned())
        .wait()
        .expect("subscribes")
}

fn next(subscriber: &Subscriber<FifoChannelHandler<Sample>>) -> Option<Sample> {
    let next = subscriber.recv_timeout(Duration::from_millis(50));
    next.ok().flatten()
}

/// Tokens of domain 7, without the id of the session.
fn graph(peer: &Session) -> BTreeSet<String> {
    let replies = peer.liveliness().get("@ros2_lv/7/**").wait().expect("asks");
    let tokens = replies.iter().filter_map(|reply| {
        let token = reply.result().ok()?.key_expr().to_string();
        let mut parts: Vec<&str> = token.split('/').collect();
        parts.remove(2);
        Some(parts.join("/"))
    });
    tokens.collect()
}

/// The id of the publisher of a topic, from its token.
fn gid(peer: &Session, topic: &str) -> Option<[u8; 16]> {
    let replies = peer.liveliness().get("@ros2_lv/7/**").wait().expect("asks");
    let tokens = replies.iter().filter_map(|reply| {
        let token = reply.result().ok()?.key_expr().to_string();
        token.contains(&format!("/{topic}/")).then_some(token)
    });
    let mut gids = tokens.map(|token| XxHash3_128::oneshot(token.as_bytes()).to_le_bytes());
    gids.next()
}

#[test]
fn a_node_of_ros_hears_outputs_with_the_attachment_of_their_publisher() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let sessions = sessions(&endpoint);
    let mut bus = bus(&sessions, Distro::Jazzy, &["depth_zbuffer"]);
    let peer = default_peer(&endpoint);
    let key = format!("7/robot/perception/depth_zbuffer/{IMAGE}");
    let images = subscriber(&peer, &key);
    let output = output("depth_zbuffer", &[1, 1, 4, 6], vec![0.5; 24]);
    let mut expected = Vec::new();
    crate::wire::encode(&output, &mut expected).expect("encodes");
    let mut heard = Vec::new();
    until("two images", || {
        bus.publish(&output).expect("publishes");
        heard.extend(next(&images));
        (heard.len() >= 2).then_some(())
    });
    let attachment = |sample: &Sample| {
        let bytes = sample
            .attachment()
            .expect("has one")
            .to_bytes()
            .into_owned();
        assert_eq!(bytes.len(), 33);
        assert_eq!(bytes[16], 16, "bytes of the id");
        let number = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        (number(0), number(8), bytes[17..].to_vec())
    };
    let (first, sent_ns, id) = attachment(&heard[0]);
    let (second, ..) = attachment(&heard[1]);
    assert_eq!(heard[0].payload().to_bytes(), expected);
    assert!(first >= 1 && second == first + 1, "{first}, {second}");
    // After 2020, in ns.
    assert!(sent_ns > 1_577_836_800_000_000_000);
    let published = gid(&peer, "%robot%perception%depth_zbuffer");
    assert_eq!(published.map(Vec::from), Some(id));
    bus.close(LIMIT);
}

#[test]
fn the_graph_of_ros_shows_node_and_topics_until_they_are_gone() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let sessions = sessions(&endpoint);
    let mut bus = bus(&sessions, Distro::Kilted, &["normal", "odometry"]);
    let peer = default_peer(&endpoint);
    let node = "%/%robot%perception/concert";
    let expected = [
        format!("@ros2_lv/7/0/0/NN/{node}"),
        format!(
            "@ros2_lv/7/0/1/MP/{node}/%robot%perception%normal%camera_info/{CAMERA_INFO}/2::,5:,:,:,,"
        ),
        format!(
            "@ros2_lv/7/0/2/MP/{node}/%robot%perception%provenance%normal/{STRING}/2::,5:,:,:,,"
        ),
        format!("@ros2_lv/7/0/3/MP/{node}/%robot%perception%normal/{IMAGE}/2::,5:,:,:,,"),
        format!("@ros2_lv/7/0/4/MP/{node}/%tf/{TRANSFORMS}/::,100:,:,:,,"),
    ];
    until("the graph", || {
        let graph = graph(&peer);
        expected
            .iter()
            .all(|token| graph.contains(token))
            .then_some(())
    });
    let diagnostics = "/MP/%/%robot%perception/concert/%diagnostics/diagnostic_msgs::msg::dds_";
    assert!(graph(&peer).iter().any(|token| token.contains(diagnostics)));
    bus.withdraw(&["normal".into()]);
    until("no topic", || {
        (!graph(&peer).contains(&expected[3])).then_some(())
    });
    assert!(!graph(&peer).iter().any(|token| token.contains("%normal")));
    bus.close(LIMIT);
    until("an empty graph", || graph(&peer).is_empty().then_some(()));
}

#[test]
fn who_hears_transforms_alone_has_odometry_computed() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let sessions = sessions(&endpoint);
    let bus = bus(&sessions, Distro::Lyrical, &["odometry", "normal"]);
    let peer = default_peer(&endpoint);
    assert_eq!(bus.has_subscriber("odometry"), Some(false));
    let transforms = subscriber(&peer, &format!("7/tf/{TRANSFORMS}"));
    until("a listener", || {
        (bus.has_subscriber("odometry") == Some(true)).then_some(())
    });
    assert_eq!(bus.has_subscriber("normal"), Some(false));
    transforms.undeclare().wait().expect("leaves");
    until("no listener", || {
        (bus.has_subscriber("odometry") == Some(false)).then_some(())
    });
}

#[test]
fn transforms_status_and_provenance_come_where_ros_looks_for_them() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let mut bus = bus(&sessions(&endpoint), Distro::Jazzy, &[]);
    let peer = default_peer(&endpoint);
    let heard = [
        format!("7/tf/{TRANSFORMS}"),
        "7/diagnostics/*/*".to_owned(),
        format!("7/robot/perception/provenance/odometry/{STRING}"),
    ];
    let heard = heard.map(|key| subscriber(&peer, &key));
    let output = output("odometry", &[1, 85], vec![0.5; 85]);
    let status = Status {
        stamp: Timestamp::from_nanos(3),
        entries: Vec::new(),
    };
    let mut found = [None, None, None];
    until("all three", || {
        bus.publish(&output).expect("publishes");
        bus.publish_status(&status).expect("publishes");
        for (found, heard) in found.iter_mut().zip(&heard) {
            *found = next(heard).or(found.take());
        }
        found.iter().all(Option::is_some).then_some(())
    });
    let [transforms, _, provenance] = found.map(|sample| sample.expect("came"));
    let mut expected = Vec::new();
    assert!(crate::wire::encode_transforms(&output, &mut expected));
    assert_eq!(transforms.payload().to_bytes(), expected);
    let text = String::from_utf8_lossy(&provenance.payload().to_bytes()).into_owned();
    assert!(text.contains(r#""task":"odometry""#), "{text}");
    bus.close(LIMIT);
}

#[test]
fn humble_is_spoken_to_without_a_hash() {
    let endpoint = free_endpoint();
    let _router = router(&endpoint);
    let mut bus = bus(&sessions(&endpoint), Distro::Humble, &["normal"]);
    let peer = default_peer(&endpoint);
    let later = subscriber(&peer, &format!("7/robot/perception/normal/{IMAGE}"));
    let key = "7/robot/perception/normal/sensor_msgs::msg::dds_::Image_/TypeHashNotSupported";
    let humble = subscriber(&peer, key);
    let output = output("normal", &[1, 3, 4, 6], vec![0.5; 72]);
    until("an image", || {
        bus.publish(&output).expect("publishes");
        next(&humble)
    });
    assert!(next(&later).is_none(), "hashes were mixed");
    bus.close(LIMIT);
}

fn image<'a>(encoding: &'a str, step: u32, is_bigendian: bool) -> Image<'a> {
    Image {
        header: Header {
            stamp: Timestamp::from_nanos(5_000_000_000),
            frame_id: "camera_color_optical_frame".to_owned(),
        },
        height: 32,
        width: 48,
        encoding: encoding.into(),
        is_bigendian,
        step,
        data: vec![7; step as usize * 32].into(),
    }
}

fn bytes<'a, M: Message<'a>>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

/// A camera of a topic behind a router, and a peer on the other side.
fn camera() -> (ZenohCamera, Session, Session) {
    let endpoint = free_endpoint();
    let router = router(&endpoint);
    let sessions = Sessions::open(
        &SessionOptions {
            listen: Vec::new(),
            connect: vec![endpoint.clone()],
            ..SessionOptions::serve()
        },
        true,
    );
    let sessions = sessions.expect("opens");
    let node = node(&sessions, Distro::Jazzy);
    let options = ZenohCameraOptions {
        camera_info_key: Some("/camera/camera_info".to_owned()),
        depth_key: Some("/camera/depth/image_rect_raw".to_owned()),
        ..ZenohCameraOptions::new("/camera/image_raw", "front_optical")
    };
    let clock = Arc::new(SystemClock::start());
    let camera = ZenohCamera::open_topics(sessions, &node, options, clock).expect("listens");
    (camera, router, default_peer(&endpoint))
}

/// Puts until the camera gives something.
fn capture(camera: &mut ZenohCamera, puts: &[(&Session, &str, &[u8])]) -> Result<Frame, String> {
    until("a capture", || {
        for (peer, key, bytes) in puts {
            peer.put((*key).to_owned(), *bytes).wait().expect("puts");
        }
        match camera.next_frame(Duration::from_millis(100)) {
            Capture::Frame(frame) => Some(Ok(frame)),
            Capture::Refused(fault) => Some(Err(fault.reason)),
            _ => None,
        }
    })
}

#[test]
fn a_camera_hears_image_intrinsics_and_depth_of_a_node_of_ros() {
    let (mut camera, _router, peer) = camera();
    let image = image("bgr8", 3 * 48, false);
    let intrinsics = concert_models::Intrinsics {
        fx: 40.0,
        fy: 41.0,
        cx: 24.0,
        cy: 16.0,
        width: 48,
        height: 32,
    };
    let info = bytes(&camera_info(image.header.clone(), &intrinsics));
    let depth = Image {
        encoding: "16UC1".into(),
        step: 2 * 48,
        data: 1500_u16.to_le_bytes().repeat(48 * 32).into(),
        ..image.clone()
    };
    let (image, depth) = (bytes(&image), bytes(&depth));
    let keys = [
        format!("7/camera/camera_info/{CAMERA_INFO}"),
        format!("7/camera/depth/image_rect_raw/{IMAGE}"),
        format!("7/camera/image_raw/{IMAGE}"),
    ];
    let puts = [
        (&peer, keys[0].as_str(), info.as_slice()),
        (&peer, &keys[1], &depth),
        (&peer, &keys[2], &image),
    ];
    // What comes first may come before the rest is heard.
    let frame = until("a whole frame", || {
        let frame = capture(&mut camera, &puts).expect("a frame");
        (frame.depth.is_some() && frame.intrinsics.is_some()).then_some(frame)
    });
    assert_eq!(&*frame.frame_id, "camera_color_optical_frame");
    assert_eq!(frame.stamp.nanos(), 5_000_000_000);
    assert_eq!(frame.intrinsics.expect("known").fy, 41.0);
    assert!((frame.depth.expect("came").metres[0] - 1.5).abs() < 1e-6);
    let seen = graph(&peer);
    let subscribed =
        format!("MS/%/%robot%perception/concert/%camera%image_raw/{IMAGE}/2::,5:,:,:,,");
    assert!(
        seen.iter().any(|token| token.ends_with(&subscribed)),
        "{seen:?}"
    );
}

#[test]
fn what_is_no_image_is_refused_with_its_reason() {
    let (mut camera, _router, peer) = camera();
    let key = format!("7/camera/image_raw/{IMAGE}");
    let compressed = CompressedImage {
        header: Header::default(),
        format: "jpeg".into(),
        data: vec![1, 2, 3].into(),
    };
    let imu = "7/camera/image_raw/sensor_msgs::msg::dds_::Imu_/RIHS01_00";
    let of_compressed = "7/camera/image_raw/sensor_msgs::msg::dds_::CompressedImage_/RIHS01_00";
    for (key, message, said) in [
        (
            key.as_str(),
            bytes(&image("bayer_rggb8", 48, false)),
            "bayer_rggb8",
        ),
        (&key, bytes(&image("rgb8", 100, false)), "100"),
        (&key, bytes(&image("mono16", 96, true)), "mono16"),
        (&key, b"\0\x01\0\0nonsense".to_vec(), "header"),
        (
            imu,
            bytes(&image("rgb8", 144, false)),
            "sensor_msgs/msg/Imu",
        ),
        (of_compressed, bytes(&compressed), "only JPEG and PNG"),
    ] {
        let reason = capture(&mut camera, &[(&peer, key, &message)]).expect_err("refused");
        assert!(reason.contains(said), "{key}: {reason}");
    }
    let good = bytes(&image("rgb8", 144, false));
    assert!(
        capture(&mut camera, &[(&peer, &key, &good)]).is_ok(),
        "it goes on"
    );
}
