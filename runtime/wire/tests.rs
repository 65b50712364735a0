use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use concert_models::geometric::OutputFlags;
use concert_models::{Affine2, Intrinsics};
use concert_policies::Task;
use proptest::prelude::*;

use super::common::{Header, Pose};
use super::diagnostic_msgs::DiagnosticArray;
use super::geometry_msgs::Twist;
use super::nav_msgs::Odometry;
use super::sensor_msgs::{CameraInfo, CompressedImage, Image, PointCloud2, PointField};
use super::tf2_msgs::{TfMessage, TransformStamped};
use super::vision_msgs::{BoundingBox3DArray, Classification, Detection2DArray};
use super::*;
use crate::health::Health;
use crate::output::{Hashes, Output, OutputOrigin, StageTimes};
use crate::status::{Status, StatusEntry};
use crate::time::Timestamp;

/// An output of `task` with the tensor given, from a 640 × 480 camera whose
/// image is twice as wide and three times as high as the network's input.
pub(crate) fn output(task: &str, shape: &[usize], values: Vec<f32>) -> Output {
    let hash = |digit: &str| digit.repeat(64);
    Output {
        origin: Arc::new(OutputOrigin {
            task: Task::find(task).expect("task"),
            camera: "front".into(),
            key: task.into(),
            shape: shape.to_vec(),
            labels: ["cat", "dog"].map(str::to_owned).into(),
            hashes: Arc::new(Hashes {
                policy_name: "test".into(),
                policy: hash("a"),
                encoders: vec![("curvature".to_owned(), hash("b"))],
                readout: ("x_from_curvature".to_owned(), hash("c")),
            }),
        }),
        sequence: 7,
        frame_sequence: 9,
        stamp: Timestamp::from_seconds_and_nanos(5, 6),
        previous_stamp: None,
        frame_id: "front_optical".into(),
        image_size: (640, 480),
        image_from_output: Affine2([[2.0, 0.0, 0.5], [0.0, 3.0, 1.0]]),
        intrinsics: Some(Intrinsics {
            fx: 500.0,
            fy: 600.0,
            cx: 320.5,
            cy: 241.0,
            width: 640,
            height: 480,
        }),
        uncalibrated: false,
        distorted: false,
        picture: None,
        unknown: false,
        flags: OutputFlags::default(),
        arrived: Duration::ZERO,
        times: StageTimes {
            encode: Duration::from_micros(1500),
            ..StageTimes::default()
        },
        values,
    }
}

fn encoded(output: &Output) -> Vec<u8> {
    let mut bytes = vec![1; 9];
    let message_type = encode(output, &mut bytes).expect("encodes");
    assert_eq!(message_type, output.origin.task.message_type());
    bytes
}

#[test]
fn a_dense_output_becomes_these_very_bytes() {
    let bytes = encoded(&output("depth_zbuffer", &[1, 1, 1, 2], vec![1.0, f32::NAN]));
    let mut expected = vec![0, 1, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 14, 0, 0, 0];
    expected.extend(b"front_optical\0\0\0"); // two bytes of padding
    expected.extend([1, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 0]);
    expected.extend(b"32FC1\0\0\0"); // not big-endian, one byte of padding
    expected.extend([8, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f]);
    assert_eq!(bytes, expected);
}

#[test]
fn channels_that_follow_each_other_in_the_tensor_interleave_in_the_image() {
    let values = vec![1.0, 2.0, 10.0, 20.0, 100.0, 200.0];
    let bytes = encoded(&output("normal", &[1, 3, 1, 2], values));
    let image = Image::decode(&bytes).expect("decodes");
    assert_eq!((image.width, image.height, image.step), (2, 1, 24));
    assert_eq!(image.encoding, "32FC3");
    let (numbers, rest) = image.data.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|x| f32::from_le_bytes(*x)).collect();
    assert_eq!(numbers, [1.0, 10.0, 100.0, 2.0, 20.0, 200.0]);
    assert!(rest.is_empty());
}

#[test]
fn camera_info_speaks_of_the_output_s_own_pixels() {
    let output = output("depth_zbuffer", &[1, 1, 160, 320], vec![1.0; 160 * 320]);
    let mut bytes = Vec::new();
    assert!(encode_camera_info(&output, &mut bytes));
    let info = CameraInfo::decode(&bytes).expect("decodes");
    assert_eq!((info.width, info.height), (320, 160));
    assert_eq!(info.k, [250.0, 0.0, 160.0, 0.0, 200.0, 80.0, 0.0, 0.0, 1.0]);
    assert_eq!(info.p[..4], [250.0, 0.0, 160.0, 0.0]);
    assert_eq!(info.header.stamp, output.stamp);
}

#[test]
fn without_intrinsics_or_pixels_there_is_no_camera_info() {
    let mut depth = output("depth_zbuffer", &[1, 1, 1, 1], vec![1.0]);
    depth.intrinsics = None;
    assert!(!encode_camera_info(&depth, &mut Vec::new()));
    let scene = output("class_scene", &[1, 2], vec![0.5, 0.5]);
    assert!(!encode_camera_info(&scene, &mut Vec::new()));
}

#[test]
fn a_class_map_names_the_best_class_of_each_pixel() {
    let scores = vec![0.1, 0.9, 0.8, 0.2, 0.5, 0.3];
    let bytes = encoded(&output("segment_semantic", &[1, 3, 1, 2], scores));
    let image = Image::decode(&bytes).expect("decodes");
    assert_eq!(
        (image.encoding.as_ref(), image.data.as_ref()),
        ("mono8", &[1, 0][..])
    );
    let bytes = encoded(&output("segment_semantic", &[1, 1, 1, 2], vec![255.0, 3.0]));
    assert_eq!(Image::decode(&bytes).expect("decodes").data[..], [255, 3]);
}

#[test]
fn a_label_that_no_byte_holds_is_refused() {
    for label in [256.0, -1.0, f32::NAN] {
        let output = output("segment_semantic", &[1, 1, 1, 2], vec![0.0, label]);
        let error = encode(&output, &mut Vec::new()).expect_err("must be refused");
        assert!(matches!(error, EncodeError::Label { pixel: 1, .. }));
    }
}

#[test]
fn the_best_five_classes_come_best_first_by_name() {
    let scores = vec![0.1, 0.3, 0.05, 0.25, 0.2, 0.1];
    let bytes = encoded(&output("class_scene", &[1, 6], scores));
    let message = Classification::decode(&bytes).expect("decodes");
    let names: Vec<&str> = message
        .results
        .iter()
        .map(|r| r.class_id.as_str())
        .collect();
    assert_eq!(names, ["dog", "3", "4", "cat", "5"]);
    assert_eq!(message.results[0].score, f64::from(0.3_f32));
}

#[test]
fn where_no_class_is_likely_none_is_named() {
    for scores in [vec![0.29, 0.2, 0.1], vec![f32::NAN, 0.1], vec![f32::NAN]] {
        let bytes = encoded(&output("class_object", &[1, scores.len()], scores));
        let message = Classification::decode(&bytes).expect("decodes");
        assert_eq!(message.results, [], "it says nothing rather than a guess");
    }
}

#[test]
fn points_leave_as_pixels_of_the_camera_image_and_empty_rows_stay_here() {
    let rows = vec![
        10.0, 20.0, 0.5, // kept
        30.0, 40.0, 0.0, // empty
    ];
    let bytes = encoded(&output("keypoints2d", &[1, 2, 3], rows));
    let cloud = PointCloud2::decode(&bytes).expect("decodes");
    assert_eq!((cloud.width, cloud.height), (1, 1));
    assert_eq!((cloud.point_step, cloud.row_step), (12, 12));
    let fields = cloud.fields.iter().map(|f| (f.name.as_ref(), f.offset));
    assert!(fields.eq([("u", 0), ("v", 4), ("score", 8)]));
    assert!(cloud.is_dense);
    let expected = [20.5_f32, 61.0, 0.5].map(f32::to_le_bytes).concat();
    assert_eq!(cloud.data[..], expected);
}

#[test]
fn both_ends_of_a_match_leave_as_pixels_of_the_camera_image() {
    let rows = vec![1.0, 2.0, 3.0, 4.0, 0.9];
    let bytes = encoded(&output("point_matching", &[1, 1, 5], rows));
    let cloud = PointCloud2::decode(&bytes).expect("decodes");
    let expected = [2.5_f32, 7.0, 6.5, 13.0, 0.9]
        .map(f32::to_le_bytes)
        .concat();
    assert_eq!(cloud.data[..], expected);
}

#[test]
fn boxes_leave_as_pixels_of_the_camera_image() {
    let rows = vec![
        10.0, 20.0, 30.0, 60.0, 1.0, 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    let bytes = encoded(&output("object_detection", &[1, 2, 6], rows));
    let message = Detection2DArray::decode(&bytes).expect("decodes");
    let [one] = message.detections.as_slice() else {
        panic!("one box, not {}", message.detections.len());
    };
    assert_eq!(one.center, [40.5, 121.0]);
    assert_eq!(one.size, [40.0, 120.0]);
    assert_eq!(one.results[0].class_id, "dog");
    assert_eq!(one.results[0].score, 0.75);
}

#[test]
fn a_room_stands_turned_back_by_the_rotation_that_it_is_given_with() {
    let quarter = std::f32::consts::FRAC_PI_2;
    let values = vec![1.0, 2.0, 3.0, 0.0, 0.0, quarter, 4.0, 5.0, 6.0];
    let bytes = encoded(&output("room_layout", &[1, 9], values));
    let message = BoundingBox3DArray::decode(&bytes).expect("decodes");
    let [room] = message.boxes.as_slice() else {
        panic!("one box, not {}", message.boxes.len());
    };
    assert_eq!(room.center.position, [1.0, 2.0, 3.0]);
    assert_eq!(room.size, [4.0, 5.0, 6.0]);
    let half = std::f64::consts::FRAC_1_SQRT_2;
    for (got, expected) in room.center.orientation.iter().zip([0.0, 0.0, -half, half]) {
        assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
    }
}

#[test]
fn numbers_leave_under_their_names() {
    let values: Vec<f32> = (0..6_u8).map(f32::from).collect();
    let bytes = encoded(&output("fixated_pose", &[1, 6], values.clone()));
    let message = std_msgs::Float32MultiArray::decode(&bytes).expect("decodes");
    assert_eq!(message.data, values);
    assert_eq!(message.dimensions[0].size, 6);
    assert_eq!(message.dimensions[0].label.split(',').count(), 6);
}

fn odometry_output(key: &str, frame_id: &str) -> Output {
    let mut values: Vec<f32> = (0..85_u8).map(f32::from).collect();
    // A quarter to the left.
    values[3..7].copy_from_slice(&[0.0, 0.0, 0.5_f32.sqrt(), 0.5_f32.sqrt()]);
    let mut output = output("odometry", &[1, 85], values);
    output.frame_id = frame_id.into();
    output.origin = Arc::new(OutputOrigin {
        key: key.into(),
        ..(*output.origin).clone()
    });
    output
}

#[test]
fn odometry_is_the_pose_of_the_cameras_body_since_the_start() {
    let bytes = encoded(&odometry_output("odometry", "front_optical"));
    let message = Odometry::decode(&bytes).expect("decodes");
    assert_eq!(message.header.frame_id, "odom");
    assert_eq!(message.child_frame_id, "front");
    assert_eq!(message.pose.position, [0.0, 1.0, 2.0]);
    assert!((message.pose.orientation[2] - 0.5_f64.sqrt()).abs() < 1e-6);
    assert_eq!(message.linear, [7.0, 8.0, 9.0]);
    assert_eq!(message.angular, [10.0, 11.0, 12.0]);
    assert_eq!(message.pose_covariance[0], 13.0);
    assert_eq!(message.twist_covariance[35], 84.0);
    let bytes = encoded(&odometry_output("front/odometry", "lens"));
    let message = Odometry::decode(&bytes).expect("decodes");
    assert_eq!(message.header.frame_id, "front_odom");
    assert_eq!(message.child_frame_id, "lens_body");
}

#[test]
fn the_transforms_of_odometry_lead_from_odom_to_the_optical_frame() {
    let mut bytes = Vec::new();
    let odometry = odometry_output("odometry", "front_optical");
    assert!(encode_transforms(&odometry, &mut bytes));
    let message = TfMessage::decode(&bytes).expect("decodes");
    let frames = message.transforms.iter();
    let frames: Vec<_> = frames
        .map(|one| (one.header.frame_id.as_str(), one.child_frame_id.as_str()))
        .collect();
    assert_eq!(frames, [("odom", "front"), ("front", "front_optical")]);
    // Ahead (x) is the optical frame's z: the half turn about (1, -1, 1).
    let turn = message.transforms[1].transform.orientation;
    assert!(
        turn.iter().all(|part| (part.abs() - 0.5).abs() < 1e-9),
        "{turn:?}"
    );
    let other = output("class_scene", &[1, 2], vec![0.5; 2]);
    assert!(!encode_transforms(&other, &mut bytes));
}

#[test]
fn a_tensor_that_does_not_fit_its_task_is_refused_with_both_shapes() {
    let cases: [(&str, &[usize]); 7] = [
        ("depth_zbuffer", &[1, 2, 1, 1]),
        ("segment_semantic", &[1, 257, 1, 1]),
        ("class_scene", &[2, 1]),
        ("keypoints2d", &[1, 1, 4]),
        ("object_detection", &[1, 6]),
        ("room_layout", &[1, 8]),
        ("odometry", &[1, 12]),
    ];
    for (task, shape) in cases {
        let values = vec![0.5; shape.iter().product()];
        let error = encode(&output(task, shape, values), &mut Vec::new());
        assert!(matches!(error, Err(EncodeError::Shape { .. })), "{task}");
    }
    let short = output("depth_zbuffer", &[1, 1, 2, 2], vec![1.0; 3]);
    let error = encode(&short, &mut Vec::new()).expect_err("must be refused");
    assert_eq!(
        error.to_string(),
        "output of depth_zbuffer has 3 values, but shape [1, 1, 2, 2] needs 4"
    );
}

#[test]
fn status_becomes_a_diagnostic_array() {
    let status = Status {
        stamp: Timestamp::from_nanos(1),
        entries: vec![StatusEntry {
            name: "camera/front".to_owned(),
            health: Health::Stale,
            message: "nothing for 2 s".to_owned(),
            values: vec![("frames".to_owned(), "3".to_owned())],
        }],
    };
    let mut bytes = Vec::new();
    assert_eq!(encode_status(&status, &mut bytes), DiagnosticArray::TYPE);
    let message = DiagnosticArray::decode(&bytes).expect("decodes");
    assert_eq!(message, DiagnosticArray::from(&status));
    assert_eq!(message.status[0].level, 3);
}

#[test]
fn an_attachment_comes_back_as_it_went() {
    let mut output = output("normal", &[1, 3, 1, 1], vec![0.0; 3]);
    output.previous_stamp = Some(Timestamp::from_nanos(4));
    let attachment = Attachment::of(&output);
    let mut bytes = Vec::new();
    attachment.write(&mut bytes).expect("writes");
    assert_eq!(Attachment::parse(&bytes).expect("parses"), attachment);
    assert_eq!(attachment.stamp_ns, 5_000_000_006);
    assert_eq!(attachment.times_us.encode, 1500);
}

#[test]
fn an_attachment_of_many_encoders_stays_below_its_limit() {
    let mut attachment = Attachment::of(&output("normal", &[1, 3, 1, 1], vec![0.0; 3]));
    attachment.encoders = vec![("some_encoder".to_owned(), "e".repeat(64)); 24];
    let mut bytes = Vec::new();
    attachment.write(&mut bytes).expect("writes");
    let read = Attachment::parse(&bytes).expect("parses");
    assert_eq!(read.encoders[23].1, "e".repeat(16));
    assert_eq!(read.policy, attachment.policy);
    attachment.encoders = vec![("some_encoder".to_owned(), String::new()); 100];
    assert!(attachment.write(&mut bytes).is_err());
}

#[test]
fn attachments_of_other_versions_and_sizes_are_refused() {
    assert!(matches!(
        Attachment::parse(br#"{"v":2,"anything":1}"#),
        Err(AttachmentError::Version { got: 2 })
    ));
    assert!(matches!(
        Attachment::parse(&[b' '; 2049]),
        Err(AttachmentError::TooLong { got: 2049 })
    ));
    assert!(matches!(
        Attachment::parse(b"\xff"),
        Err(AttachmentError::Json(_))
    ));
}

/// One of each message, with odd lengths so that alignment matters.
fn samples() -> Vec<AnyMessage<'static>> {
    let header = Header {
        stamp: Timestamp::from_seconds_and_nanos(-3, 7),
        frame_id: "ä_optical".to_owned(),
    };
    let tasks: [(&str, &[usize]); 5] = [
        ("class_scene", &[1, 3]),
        ("object_detection", &[1, 3, 6]),
        ("room_layout", &[1, 9]),
        ("fixated_pose", &[1, 6]),
        ("odometry", &[1, 85]),
    ];
    let of_tasks = tasks.map(|(task, shape)| {
        let bytes = encoded(&output(task, shape, vec![0.5; shape.iter().product()]));
        let bytes: &'static [u8] = bytes.leak();
        let message_type = Task::find(task).expect("task").message_type();
        AnyMessage::decode(message_type, bytes).expect("decodes")
    });
    let mut all = Vec::from(of_tasks);
    all.extend([
        AnyMessage::Image(Image {
            header: header.clone(),
            height: 1,
            width: 1,
            encoding: Cow::Borrowed("rgb8"),
            is_bigendian: false,
            step: 3,
            data: Cow::Borrowed(&[1, 2, 3]),
        }),
        AnyMessage::CompressedImage(CompressedImage {
            header: header.clone(),
            format: Cow::Borrowed("jpeg"),
            data: Cow::Borrowed(&[1, 2, 3, 4, 5]),
        }),
        AnyMessage::CameraInfo(CameraInfo {
            d: vec![0.1, 0.2],
            ..encode::camera_info(
                header.clone(),
                &output("normal", &[1], vec![]).intrinsics.expect("has them"),
            )
        }),
        AnyMessage::PointCloud2(PointCloud2 {
            header: header.clone(),
            height: 1,
            width: 1,
            fields: vec![PointField {
                name: Cow::Borrowed("u"),
                offset: 0,
                datatype: PointField::FLOAT32,
                count: 1,
            }],
            is_bigendian: false,
            point_step: 4,
            row_step: 4,
            data: Cow::Borrowed(&[0; 4]),
            is_dense: true,
        }),
        AnyMessage::TfMessage(TfMessage {
            transforms: vec![TransformStamped {
                header: header.clone(),
                child_frame_id: "b".to_owned(),
                transform: Pose::default(),
            }],
        }),
        AnyMessage::Twist(Twist {
            linear: [0.5, 0.0, 0.0],
            angular: [0.0, 0.0, -0.25],
        }),
        AnyMessage::DiagnosticArray(DiagnosticArray {
            header,
            status: vec![diagnostic_msgs::DiagnosticStatus {
                level: 1,
                name: "n".to_owned(),
                values: vec![("k".to_owned(), "v".to_owned())],
                ..Default::default()
            }],
        }),
    ]);
    all
}

#[test]
fn every_message_comes_back_as_it_went() {
    let mut bytes = Vec::new();
    let samples = samples();
    assert_eq!(samples.len(), 12);
    for sample in samples {
        sample.encode(&mut bytes);
        let back = AnyMessage::decode(sample.message_type(), &bytes).expect("decodes");
        assert_eq!(back, sample);
    }
}

#[test]
fn every_message_cut_short_anywhere_is_refused() {
    let mut bytes = Vec::new();
    for sample in samples() {
        sample.encode(&mut bytes);
        for length in 0..bytes.len() {
            let cut = AnyMessage::decode(sample.message_type(), &bytes[..length]);
            assert!(cut.is_err(), "{} of {length}", sample.message_type());
        }
    }
}

#[test]
fn an_unknown_type_is_refused_by_name() {
    let error = AnyMessage::decode("a/msg/B", &[0, 1, 0, 0]).expect_err("must be refused");
    assert_eq!(error.to_string(), "no message type \"a/msg/B\" is known");
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused_and_nothing_else(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..512),
        well_begun in any::<bool>(),
    ) {
        if well_begun && bytes.len() >= 4 {
            bytes[..4].copy_from_slice(&cdr::ENCAPSULATION);
        }
        for sample in samples() {
            let _ = AnyMessage::decode(sample.message_type(), &bytes);
        }
        let _ = Attachment::parse(&bytes);
    }

    #[test]
    fn a_message_with_one_byte_changed_is_read_or_refused(
        which in 0_usize..12,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let sample = &samples()[which];
        let mut bytes = Vec::new();
        sample.encode(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = AnyMessage::decode(sample.message_type(), &bytes);
    }
}
