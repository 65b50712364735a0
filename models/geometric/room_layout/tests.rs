use nalgebra::{Isometry3, Translation3, UnitQuaternion};

use super::*;
use crate::geometric::scene::SceneView;
use crate::geometry::{Affine2, Intrinsics};

const SIZE: (usize, usize) = (160, 120);
const FOCAL: f64 = 120.0;

/// Depth and normals inside a box around the origin, seen from a pose.
fn inside_a_box(half: Vector3<f64>, box_from_optical: &Isometry3<f64>) -> (Vec<f32>, Vec<f32>) {
    let (mut depth, mut normal) = (Vec::new(), vec![0.0; 3 * SIZE.0 * SIZE.1]);
    for index in 0..SIZE.0 * SIZE.1 {
        let (u, v) = ((index % SIZE.0) as f64, (index / SIZE.0) as f64);
        let ray = Vector3::new((u - 79.5) / FOCAL, (v - 59.5) / FOCAL, 1.0);
        let direction = box_from_optical.rotation * ray;
        let from = box_from_optical.translation.vector;
        let reach = (0..3).map(|axis| {
            let end = half[axis] * direction[axis].signum();
            ((end - from[axis]) / direction[axis], axis)
        });
        let (metres, axis) = reach.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        let mut inward = Vector3::zeros();
        inward[axis] = -direction[axis].signum();
        let inward = box_from_optical.rotation.inverse() * inward;
        depth.push(metres as f32);
        for channel in 0..3 {
            normal[channel * SIZE.0 * SIZE.1 + index] = inward[channel] as f32;
        }
    }
    (depth, normal)
}

/// What stands in or around the box of [`inside_a_box`], in its frame, m.
enum Thing {
    /// A way through the wall ahead into a room behind it that is `deep`: from
    /// and to along y, up to a height.
    Door { y: [f64; 2], top: f64, deep: f64 },
    /// A solid thing: from and to along x, y and z.
    Cupboard([[f64; 2]; 3]),
}

/// Depth inside a box with things.
fn furnished(half: Vector3<f64>, box_from_optical: &Isometry3<f64>, things: &[Thing]) -> Vec<f32> {
    let (mut depth, _) = inside_a_box(half, box_from_optical);
    let from = box_from_optical.translation.vector;
    for (index, metres) in depth.iter_mut().enumerate() {
        let (u, v) = ((index % SIZE.0) as f64, (index / SIZE.0) as f64);
        let ray = Vector3::new((u - 79.5) / FOCAL, (v - 59.5) / FOCAL, 1.0);
        let along = box_from_optical.rotation * ray;
        for thing in things {
            match thing {
                Thing::Door { y, top, deep } => {
                    let end = from + along * f64::from(*metres);
                    let through = (end.x - half.x).abs() < 1e-5
                        && (y[0]..y[1]).contains(&end.y)
                        && end.z < *top;
                    if through {
                        // The room behind is wider; its floor and ceiling go on.
                        let ends = [half.x + deep, 2.0 * half.y, half.z];
                        let reach = [0, 1, 2].map(|axis| {
                            (ends[axis] * along[axis].signum() - from[axis]) / along[axis]
                        });
                        *metres = reach.into_iter().fold(f64::INFINITY, f64::min) as f32;
                    }
                }
                Thing::Cupboard(sides) => {
                    let (mut enter, mut leave) = (0.0f64, f64::INFINITY);
                    for (axis, side) in sides.iter().enumerate() {
                        let ends = side.map(|end| (end - from[axis]) / along[axis]);
                        enter = enter.max(ends[0].min(ends[1]));
                        leave = leave.min(ends[0].max(ends[1]));
                    }
                    if enter < leave && enter > 0.0 {
                        *metres = metres.min(enter as f32);
                    }
                }
            }
        }
    }
    depth
}

fn estimate(depth: &[f32], normal: Option<&[f32]>) -> Result<RoomLayout, Unable> {
    let shapes = [[1, 1, SIZE.1, SIZE.0], [1, 3, SIZE.1, SIZE.0]];
    let mut views = vec![SceneView {
        role: "depth",
        shape: &shapes[0],
        values: depth,
        image_from_pixel: Affine2::IDENTITY,
        relative_error: None,
    }];
    if let Some(values) = normal {
        views.push(SceneView {
            role: "normal",
            shape: &shapes[1],
            values,
            image_from_pixel: Affine2::IDENTITY,
            relative_error: None,
        });
    }
    let scene = Scene {
        stamp_nanos: 0,
        image_size: SIZE,
        intrinsics: Some(Intrinsics {
            fx: FOCAL,
            fy: FOCAL,
            cx: 79.5,
            cy: 59.5,
            width: SIZE.0,
            height: SIZE.1,
        }),
        views: &views,
    };
    RoomLayout::estimate(&scene, &RoomLayoutParameters::default())
}

/// A camera that looks along the box's x with its y up turned over: ahead x,
/// left y, up z, then turned by `turn` degrees to the left and bent down.
fn camera(place: [f64; 3], turn: f64, bend: f64) -> Isometry3<f64> {
    let level = crate::geometric::odometry::body_from_optical();
    let turned = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn.to_radians());
    let bent = UnitQuaternion::from_axis_angle(&Vector3::y_axis(), bend.to_radians());
    Isometry3::from_parts(
        Translation3::from(Vector3::from(place)),
        turned * bent * level,
    )
}

#[test]
fn the_sides_of_a_box_are_found_where_they_are_in_view() {
    let half = Vector3::new(3.0, 2.0, 1.3);
    for (turn, with_normals) in [(0.0, true), (20.0, true), (-25.0, false), (12.0, false)] {
        let box_from_optical = camera([-1.0, 0.3, -0.2], turn, 8.0);
        let (depth, normal) = inside_a_box(half, &box_from_optical);
        let layout = estimate(&depth, with_normals.then_some(&normal)).expect("a room");
        let off = layout.optical_from_room.matrix()
            - box_from_optical
                .rotation
                .inverse()
                .to_rotation_matrix()
                .matrix();
        assert!(off.norm() < 0.02, "turned by {turn}: {off}");
        let wanted = [4.0, 2.0, 1.7, 2.3, 1.5, 1.1];
        for (face, wanted) in layout.faces.iter().zip(wanted) {
            let seen = face.confidence > 0.3;
            assert!(
                !seen || (face.offset - wanted).abs() < 0.06,
                "{face:?} is not at {wanted}"
            );
        }
        assert!(
            layout.faces[0].confidence > 0.8,
            "the wall ahead fills the view"
        );
        assert!(layout.faces[5].confidence > 0.3, "the floor is in view");
        assert_eq!(layout.faces[1].confidence, 0.0, "nothing is seen behind");
    }
}

#[test]
fn a_room_ends_at_the_wall_around_an_open_door_and_not_in_the_next_room() {
    let half = Vector3::new(2.5, 1.8, 1.25);
    let door = Thing::Door {
        y: [-0.6, 0.3],
        top: 0.8,
        deep: 4.0,
    };
    for place in [[-1.5, 0.2, 0.1], [0.4, -0.3, 0.0]] {
        let box_from_optical = camera(place, 7.0, 3.0);
        let depth = furnished(half, &box_from_optical, std::slice::from_ref(&door));
        let (shut, _) = inside_a_box(half, &box_from_optical);
        let open = depth.iter().zip(&shut).filter(|(a, b)| *a > *b).count();
        assert!(open > 1500, "the door shows {open} points of the next room");
        let layout = estimate(&depth, None).expect("a room");
        let ahead = &layout.faces[0];
        assert!(
            (ahead.offset - (half.x - place[0])).abs() < 0.06 && ahead.confidence > 0.5,
            "from {place:?}: {ahead:?}"
        );
    }
}

#[test]
fn a_cupboard_is_not_the_end_of_a_room() {
    let half = Vector3::new(2.5, 1.8, 1.25);
    let box_from_optical = camera([-1.5, 0.2, 0.1], 5.0, 0.0);
    let cupboard = Thing::Cupboard([[1.9, 2.5], [-1.8, 0.6], [-1.25, 0.75]]);
    let depth = furnished(half, &box_from_optical, &[cupboard]);
    let layout = estimate(&depth, None).expect("a room");
    let ahead = &layout.faces[0];
    assert!((ahead.offset - 4.0).abs() < 0.06, "{ahead:?}");
}

/// A table used to be a floor that was 63 % sure, with a seventh of the picture
/// below it.
#[test]
fn a_table_with_a_part_of_the_picture_below_it_is_not_the_floor() {
    let half = Vector3::new(2.5, 1.8, 1.25);
    let box_from_optical = camera([-1.2, 0.1, 0.3], 5.0, 25.0);
    let mut tried = 0;
    for table in [
        [[-0.2, 1.2], [-0.5, 0.5], [-0.5, -0.45]],
        [[-0.6, 1.6], [-1.2, 0.3], [-0.5, -0.45]],
        [[-0.4, 0.8], [-0.9, 0.9], [-0.5, -0.45]],
    ] {
        let depth = furnished(half, &box_from_optical, &[Thing::Cupboard(table)]);
        let below = depth.iter().enumerate().filter(|(index, metres)| {
            let (u, v) = ((index % SIZE.0) as f64, (index / SIZE.0) as f64);
            let ray = Vector3::new((u - 79.5) / FOCAL, (v - 59.5) / FOCAL, 1.0);
            (box_from_optical * Point3::from(ray * f64::from(**metres))).z < -0.75
        });
        let below = below.count() as f64 / depth.len() as f64;
        if below < 0.06 {
            continue;
        }
        tried += 1;
        let layout = estimate(&depth, None).expect("a room");
        let floor = &layout.faces[5];
        let is_floor = (floor.offset - 1.55).abs() < 0.06;
        assert!(
            is_floor || floor.confidence == 0.0,
            "{floor:?}, {below} below"
        );
    }
    assert!(tried > 0, "no table leaves anything below it in view");
}

/// What is seen beyond a side takes its share of how sure it is.
#[test]
fn a_wall_with_a_wide_view_beyond_it_is_less_sure_than_one_without() {
    let half = Vector3::new(2.5, 1.8, 1.25);
    let box_from_optical = camera([-1.5, 0.2, 0.1], 7.0, 3.0);
    let door = Thing::Door {
        y: [-0.6, 0.6],
        top: 0.8,
        deep: 4.0,
    };
    let sure = |things: &[Thing]| {
        let depth = furnished(half, &box_from_optical, things);
        estimate(&depth, None).expect("a room").faces[0].confidence
    };
    let (shut, open) = (sure(&[]), sure(&[door]));
    assert!(open < 0.9 * shut, "{open} beside {shut}");
}

#[test]
fn sides_that_are_not_in_view_lie_beyond_what_is_and_are_never_sure() {
    // Close to a wall, with nothing of the others in view but the floor.
    let half = Vector3::new(2.0, 3.0, 1.25);
    let box_from_optical = camera([0.5, 0.0, 0.0], 0.0, 18.0);
    let (depth, _) = inside_a_box(half, &box_from_optical);
    let layout = estimate(&depth, None).expect("a room");
    let [ahead, behind, left, right, ceiling, floor] = layout.faces;
    assert!((ahead.offset - 1.5).abs() < 0.05 && ahead.confidence > 0.3);
    assert!((floor.offset - 1.25).abs() < 0.05 && floor.confidence > 0.3);
    for unseen in [behind, left, right, ceiling] {
        assert_eq!(unseen.confidence, 0.0, "{unseen:?}");
        assert_eq!(unseen.area, 0.0);
    }
    // Half of the picture is 1 m wide there.
    assert!(left.offset > 1.1 && right.offset > 1.1);
    assert!(behind.offset >= 0.8);
    let height = ceiling.offset + floor.offset;
    assert!((2.4..2.8).contains(&height), "{height}");
}

#[test]
fn nine_numbers_and_the_corners_they_stand_for_agree_with_the_sides() {
    let box_from_optical = camera([-1.0, 0.3, -0.2], 15.0, 5.0);
    let (depth, normal) = inside_a_box(Vector3::new(3.0, 2.0, 1.3), &box_from_optical);
    let layout = estimate(&depth, Some(&normal)).expect("a room");
    let cuboid = layout.cuboid();
    let corners = RoomLayout::corners(&cuboid);
    // Along ahead, corners lie at the far and the near end of the room.
    let ahead = layout.optical_from_room * Vector3::x();
    for (index, corner) in corners.iter().enumerate() {
        let along = corner.coords.dot(&ahead);
        let wanted = match index & 1 {
            0 => -layout.faces[1].offset,
            _ => layout.faces[0].offset,
        };
        assert!(
            (along - wanted).abs() < 1e-3,
            "corner {index} at {along}, not {wanted}"
        );
    }
    let floor = layout.faces[5].offset + layout.faces[4].offset;
    assert!((f64::from(cuboid[8]) - floor).abs() < 1e-5);
}

#[test]
fn vanishing_points_are_the_axes_of_the_room() {
    let box_from_optical = camera([0.0; 3], 30.0, 10.0);
    let (depth, normal) = inside_a_box(Vector3::new(3.0, 2.0, 1.3), &box_from_optical);
    let layout = estimate(&depth, Some(&normal)).expect("a room");
    let cuboid = layout.cuboid();
    let scene = Scene {
        stamp_nanos: 0,
        image_size: SIZE,
        intrinsics: None,
        views: &[SceneView {
            role: "room_layout",
            shape: &[1, 9],
            values: &cuboid,
            image_from_pixel: Affine2::IDENTITY,
            relative_error: None,
        }],
    };
    let mut out = [0.0; 9];
    VanishingPointReadout
        .estimate(&scene, &mut out)
        .expect("directions");
    let optical_from_box = box_from_optical.rotation.inverse();
    let wanted = [Vector3::x(), -Vector3::y(), Vector3::z()].map(|axis| optical_from_box * axis);
    for (found, wanted) in out.chunks_exact(3).zip(wanted) {
        let found = Vector3::new(found[0], found[1], found[2]).cast::<f64>();
        assert!((found - wanted).norm() < 0.03, "{found} is not {wanted}");
    }
    let nothing = Scene {
        views: &[],
        ..scene
    };
    assert!(matches!(
        VanishingPointReadout.estimate(&nothing, &mut out),
        Err(Unable::Unusable(_))
    ));
}

#[test]
fn noise_and_holes_in_the_depth_leave_the_room_as_it_is() {
    let box_from_optical = camera([-1.0, 0.3, -0.2], 18.0, 6.0);
    let (mut depth, _) = inside_a_box(Vector3::new(3.0, 2.0, 1.3), &box_from_optical);
    let mut rng = crate::rng::Rng::from_state(5);
    for metres in &mut depth {
        let chance = rng.next_u64() as f64 / u64::MAX as f64;
        *metres = match chance {
            ..0.2 => f32::NAN,
            _ => *metres * (1.0 + 0.006 * (chance as f32 - 0.6)),
        };
    }
    let layout = estimate(&depth, None).expect("a room");
    let turned = box_from_optical.rotation.inverse().to_rotation_matrix();
    let off = layout.optical_from_room.angle_to(&turned).to_degrees();
    assert!(off < 3.0, "turned by {off}");
    assert!(
        (layout.faces[0].offset - 4.0).abs() < 0.15,
        "{:?}",
        layout.faces[0]
    );
    assert!(
        (layout.faces[5].offset - 1.1).abs() < 0.15,
        "{:?}",
        layout.faces[5]
    );
}

#[test]
fn nothing_known_and_nothing_square_are_no_room() {
    let nothing = vec![f32::NAN; SIZE.0 * SIZE.1];
    assert!(
        matches!(estimate(&nothing, None), Err(Unable::Lost(reason)) if reason.contains("0 points"))
    );
    // The inside of a ball.
    let ball = (0..SIZE.0 * SIZE.1).map(|index| {
        let (u, v) = ((index % SIZE.0) as f64, (index / SIZE.0) as f64);
        let ray = Vector3::new((u - 79.5) / FOCAL, (v - 59.5) / FOCAL, 1.0);
        (2.0 / ray.norm()) as f32
    });
    let ball: Vec<f32> = ball.collect();
    let refused = estimate(&ball, None);
    assert!(
        matches!(&refused, Err(Unable::Lost(reason)) if reason.contains("three directions")),
        "{refused:?}"
    );
    assert!(matches!(
        estimate(&ball[1..], None),
        Err(Unable::Unusable(_))
    ));
}
