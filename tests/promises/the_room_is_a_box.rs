//! Room layout and vanishing points through the real pipeline, on the depth
//! that a real camera measured along a corridor.

use crate::common;

use std::sync::Arc;
use std::time::Duration;

use crate::common::first_light::{Keep, frame, pipeline};
use concert_models::Intrinsics;
use concert_models::image_file::{DecodeLimits, decode_depth_png};
use concert_policies::Policy;
use concert_runtime::{Frame, Outcome};

const POLICY: &str = r#"
name = "room"
supervision_budget = 1
[[transfer]]
target = "vanishing_point"
inputs = ["room_layout"]
[[transfer]]
target = "room_layout"
inputs = ["camera.depth"]
"#;

#[test]
fn the_corridor_keeps_its_width_and_height_and_its_end_comes_nearer() {
    let Some(folder) = common::shared_data("corridor") else {
        return;
    };
    let policy = Policy::parse(POLICY, "test").unwrap();
    assert!(policy.encoders().is_empty(), "no network is needed");
    let mut pipeline = pipeline(&policy);
    let mut ends = Vec::new();
    for sequence in [0, 10, 20, 30] {
        let depth = std::fs::read(folder.join(format!("frame-{sequence:06}.depth.png"))).unwrap();
        let depth = decode_depth_png(&depth, &DecodeLimits::default()).unwrap();
        let color = folder.join(format!("frame-{sequence:06}.color.jpg"));
        let frame = Frame {
            intrinsics: Some(Intrinsics {
                fx: 537.6,
                fy: 539.0,
                cx: 316.1,
                cy: 245.5,
                width: 640,
                height: 480,
            }),
            depth: Some(Arc::new(depth)),
            ..frame(sequence, &color)
        };
        let mut keep = Keep::default();
        let period = Duration::from_millis(100);
        let report = pipeline.step(0, &frame, period, &mut keep);
        assert_eq!(report.outcomes, [Outcome::Delivered; 2]);
        let output = keep.newest("room_layout");
        let &[.., length, width, height] = output.values.as_slice() else {
            panic!("{:?}", output.values);
        };
        let sure = output.flags.face_percent.expect("how sure");
        println!("frame {sequence}: {length:.2} x {width:.2} x {height:.2} m, sure {sure:?}");
        assert!((1.95..2.25).contains(&width), "{width} m wide");
        assert!((2.35..2.65).contains(&height), "{height} m high");
        assert_eq!(sure[1], 0, "nothing is seen behind");
        // Doors stand open on the right: what is seen beyond a side takes its share.
        assert!(sure[2] > 50 && sure[3] > 40 && sure[5] > 50, "{sure:?}");
        ends.push(length);
        let ahead = &keep.newest("vanishing_point").values[..3];
        assert!(
            ahead[2] > 0.97,
            "the camera looks along the corridor: {ahead:?}"
        );
        let blind = Frame {
            depth: None,
            ..frame
        };
        let outcomes = &pipeline.step(0, &blind, period, &mut keep).outcomes;
        assert_eq!(*outcomes, [Outcome::InputMissing; 2]);
    }
    assert!(ends.is_sorted_by(|a, b| a > b), "{ends:?}");
}
