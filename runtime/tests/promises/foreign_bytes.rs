//! Whatever comes over the bus as a message, an attachment or a command: it is
//! read or refused, without a panic and at once (F5, F6).

use crate::mutations::Mutations;
use concert_runtime::commands::read_command;
use concert_runtime::wire::cdr::CdrWriter;
use concert_runtime::wire::{AnyMessage, Attachment};

const TYPES: [&str; 14] = [
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/CompressedImage",
    "sensor_msgs/msg/CameraInfo",
    "sensor_msgs/msg/PointCloud2",
    "vision_msgs/msg/Classification",
    "vision_msgs/msg/Detection2DArray",
    "vision_msgs/msg/BoundingBox3DArray",
    "nav_msgs/msg/Odometry",
    "tf2_msgs/msg/TFMessage",
    "geometry_msgs/msg/Twist",
    "std_msgs/msg/Float32MultiArray",
    "std_msgs/msg/Bool",
    "diagnostic_msgs/msg/DiagnosticArray",
    "nobody/msg/Knows",
];

#[test]
fn messages() {
    let mut image = Vec::new();
    let mut writer = CdrWriter::begin(&mut image);
    writer.i32(5);
    writer.u32(6);
    writer.string("front_optical");
    writer.u32(2);
    writer.u32(2);
    writer.string("rgb8");
    writer.bool(false);
    writer.u32(6);
    writer.bytes(&[7; 12]);
    let good = AnyMessage::decode(TYPES[0], &image).expect("an image");
    assert_eq!(good.header().expect("a header").frame_id, "front_optical");
    // Zeros are messages of every type: empty lists and names.
    let zeros = [&[0, 1, 0, 0][..], &[0; 800]].concat();
    let counts = [&[0, 1, 0, 0][..], &[1, 0, 0, 0].repeat(100)].concat();
    let mut to = Vec::new();
    Mutations::of(&[&image, &zeros, &counts]).each(2_000, |bytes| {
        for name in TYPES {
            if let Ok(message) = AnyMessage::decode(name, bytes) {
                message.encode(&mut to);
                let again = AnyMessage::decode(name, &to).expect("what it wrote");
                assert_eq!(again.message_type(), name);
            }
        }
        drop(read_command(Some(TYPES[9]), bytes));
    });
}

#[test]
fn attachments() {
    let json = br#"{"v":1,"sequence":7,"frame_sequence":9,"stamp_ns":5,"camera":"front",
        "frame_id":"front_optical","task":"normal","policy":"aa","encoders":[["xfeat","bb"]],
        "readout":["normal_from_xfeat","cc"],"image_size":[640,480],
        "times_us":{"wait":1,"preprocess":2,"encode":3,"read":4},
        "image_from_output":[[1.0,0.0,0.5],[0.0,1.0,0.5]]}"#;
    Attachment::parse(json).expect("an attachment");
    Mutations::of(&[json]).each(2_000, |bytes| drop(Attachment::parse(bytes)));
}
