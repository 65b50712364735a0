//! Tests of the digest.

use std::borrow::Cow;

use concert_runtime::wire::common::{Header, Pose};
use concert_runtime::wire::std_msgs::Float32MultiArray;
use concert_runtime::wire::vision_msgs::{BoundingBox3D, Classification, Detection2D};

use super::*;

fn image(encoding: &'static str, width: u32, height: u32, data: Vec<u8>) -> AnyMessage<'static> {
    let bytes = data.len() as u32;
    AnyMessage::Image(Image {
        header: Header::default(),
        width,
        height,
        encoding: Cow::Borrowed(encoding),
        is_bigendian: false,
        step: bytes / height.max(1),
        data: Cow::Owned(data),
    })
}

fn about(key: &str) -> Subject<'_> {
    Subject {
        key,
        task: Task::find(key),
        attachment: None,
        labels: &[],
    }
}

fn told(message: &AnyMessage<'_>, about: &Subject<'_>) -> (Value, Vec<u8>) {
    let told = digest(message, about, &mut Scales::new()).expect("it is sound");
    told.expect("it is shown")
}

fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[test]
fn depth_is_grey_along_its_scale_and_black_where_unknown() {
    let depth = image("32FC1", 2, 2, floats(&[1.0, 3.0, f32::NAN, 2.0]));
    let (head, bytes) = told(&depth, &about("depth_zbuffer"));
    assert_eq!(
        (&head["form"], &head["unit"]),
        (&json!("grey"), &json!("m"))
    );
    assert_eq!((&head["low"], &head["high"]), (&json!(1.0), &json!(3.0)));
    let png = image::load_from_memory(&bytes).expect("a PNG").into_luma8();
    assert_eq!(png.as_raw(), &[1, 255, 0, 128]);
}

#[test]
fn a_scale_follows_slowly() {
    let mut scales = Scales::new();
    let mut low_of = |values: &[f32]| {
        let depth = image("32FC1", 2, 1, floats(values));
        let told = digest(&depth, &about("depth_zbuffer"), &mut scales).expect("sound");
        told.expect("shown").0["low"].as_f64().expect("a number")
    };
    assert_eq!(low_of(&[1.0, 3.0]), 1.0);
    assert!((low_of(&[2.0, 3.0]) - 1.2).abs() < 1e-6);
}

#[test]
fn classes_keep_their_numbers_and_are_told_by_name_and_share() {
    let map = image("mono8", 4, 1, vec![1, 1, 1, 7]);
    let labels = ["wall".to_owned(), "floor".to_owned()];
    let about = Subject {
        labels: &labels,
        ..about("segment_semantic")
    };
    let (head, bytes) = told(&map, &about);
    assert_eq!(head["classes"][0]["name"], "floor");
    assert_eq!(head["classes"][0]["share"], 0.75);
    assert_eq!(head["classes"][1]["name"], "class 7");
    let png = image::load_from_memory(&bytes).expect("a PNG").into_luma8();
    assert_eq!(png.as_raw(), &[1, 1, 1, 7]);
}

#[test]
fn a_camera_image_is_a_jpeg_whatever_its_pixels_are() {
    for (encoding, bytes) in [("rgb8", 3), ("bgr8", 3), ("rgba8", 4), ("mono8", 1)] {
        let picture = image(encoding, 8, 8, vec![77; 64 * bytes]);
        let (head, bytes) = told(&picture, &about("image"));
        assert_eq!(head["form"], "jpeg", "{encoding}");
        assert!(bytes.starts_with(&[0xff, 0xd8]));
    }
}

#[test]
fn messages_that_lie_are_refused_in_words() {
    for message in [
        image("32FC1", 2, 2, vec![0; 7]),
        image("rgb8", 0, 0, Vec::new()),
        image("bayer_rggb8", 2, 2, vec![0; 4]),
    ] {
        let refused = digest(&message, &about("depth_zbuffer"), &mut Scales::new());
        assert!(refused.is_err(), "{refused:?}");
    }
}

#[test]
fn boxes_are_told_by_their_corners_and_a_box_that_is_nowhere_is_left_out() {
    let detection = |center: [f64; 2]| Detection2D {
        center,
        size: [4.0, 2.0],
        results: vec![ObjectHypothesis {
            class_id: "can".to_owned(),
            score: 0.8,
        }],
        ..Detection2D::default()
    };
    let mut unsure = detection([5.0, 5.0]);
    unsure.results[0].score = f64::NAN;
    let array = Detection2DArray {
        detections: vec![
            detection([10.0, 20.0]),
            detection([f64::NAN, 0.0]),
            detection([0.0, f64::INFINITY]),
            unsure,
        ],
        ..Detection2DArray::default()
    };
    let (head, _) = told(
        &AnyMessage::Detection2DArray(array),
        &about("object_detection"),
    );
    let want =
        json!([{ "name": "can", "score": 0.8, "x0": 8.0, "y0": 19.0, "x1": 12.0, "y1": 21.0 }]);
    assert_eq!((&head["boxes"], &head["left_out"]), (&want, &json!(3)));
}

#[test]
fn what_is_no_number_reaches_no_page() {
    let results = [f64::NAN, 0.5, f64::INFINITY].map(|score| ObjectHypothesis {
        class_id: "hall".to_owned(),
        score,
    });
    let classes = Classification {
        results: results.to_vec(),
        ..Classification::default()
    };
    let (head, _) = told(&AnyMessage::Classification(classes), &about("class_scene"));
    assert_eq!(head["results"], json!([{ "name": "hall", "score": 0.5 }]));
    let array = Float32MultiArray {
        data: vec![1.0, f32::NAN, f32::NEG_INFINITY],
        ..Float32MultiArray::default()
    };
    let (head, _) = told(
        &AnyMessage::Float32MultiArray(array),
        &about("vanishing_point"),
    );
    assert_eq!(
        (&head["values"], &head["left_out"]),
        (&json!([1.0]), &json!(2))
    );
    // Nothing but what is no number, and one value alone.
    for (values, want) in [
        ([f32::NAN; 2], [0, 0]),
        ([f32::INFINITY; 2], [255, 255]),
        ([2.0; 2], [1, 1]),
    ] {
        let depth = image("32FC1", 2, 1, floats(&values));
        let (head, bytes) = told(&depth, &about("depth_zbuffer"));
        assert!(
            head["low"].is_number() && head["high"].is_number(),
            "{head}"
        );
        let png = image::load_from_memory(&bytes).expect("a PNG").into_luma8();
        assert_eq!(png.as_raw(), &want, "{values:?}");
    }
}

#[test]
fn the_corners_of_a_room_are_turned_and_moved() {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let room = BoundingBox3D {
        center: Pose {
            position: [1.0, 2.0, 3.0],
            // A quarter turn about z.
            orientation: [0.0, 0.0, half, half],
        },
        size: [2.0, 4.0, 6.0],
    };
    let array = BoundingBox3DArray {
        boxes: vec![room],
        ..BoundingBox3DArray::default()
    };
    let (head, _) = told(
        &AnyMessage::BoundingBox3DArray(array),
        &about("room_layout"),
    );
    // The corner at the high end of x: (1, -2, -3) turned is (2, 1, -3).
    let corner: Vec<f64> = serde_json::from_value(head["corners"][1].clone()).expect("numbers");
    for (got, want) in corner.iter().zip([3.0, 3.0, 0.0]) {
        assert!((got - want).abs() < 1e-12, "{corner:?}");
    }
}

#[test]
fn a_pose_looks_where_its_body_does() {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let odometry = Odometry {
        header: Header::default(),
        child_frame_id: "front".to_owned(),
        pose: Pose {
            position: [1.0, 2.0, 0.0],
            orientation: [0.0, 0.0, half, half],
        },
        pose_covariance: [0.04; 36],
        linear: [0.0; 3],
        angular: [0.0; 3],
        twist_covariance: [0.0; 36],
    };
    let (head, _) = told(&AnyMessage::Odometry(odometry.clone()), &about("odometry"));
    let far = Odometry {
        pose: Pose {
            position: [1e300, 0.0, 0.0],
            ..odometry.pose
        },
        ..odometry.clone()
    };
    let far = digest(
        &AnyMessage::Odometry(far),
        &about("odometry"),
        &mut Scales::new(),
    );
    assert!(far.is_err_and(|words| words.contains("within 100000 m")));
    let yaw = head["pose"][2].as_f64().expect("an angle");
    assert!((yaw - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
    assert_eq!(head["sigma"], 0.2);
}
