use std::cell::Cell;

use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};

use super::*;
use crate::allocations::allocations;
use crate::geometric::keypoints::LOGITS;
use crate::geometric::scene::SceneView;
use crate::geometry::{Affine2, Intrinsics};
use crate::rng::Rng;

const CELLS: (usize, usize) = (48, 36);
const SIZE: (usize, usize) = (384, 288);
const FOCAL: f64 = 350.0;
const CHANNELS: usize = 32;
/// Depth is seen at a quarter of the image's resolution.
const DEPTH: (usize, usize) = (96, 72);

/// Landmarks in the optical frame of the start, each with a descriptor.
struct World {
    landmarks: Vec<(Point3<f64>, Vec<f32>)>,
    rng: Rng,
    /// Whether depth is that of the walls of `WALLS`; else that of the nearest
    /// landmark.
    has_walls: bool,
}

/// How far the walls are to the sides, up and down, and ahead of the start, m.
const WALLS: [f64; 3] = [1.2, 0.9, 4.5];

/// What a camera sees of a world: the levels of an encoder, and depth.
struct Seen {
    descriptors: Vec<f32>,
    reliability: Vec<f32>,
    logits: Vec<f32>,
    depth: Vec<f32>,
    /// Of depth that a readout makes.
    relative_error: Option<f64>,
    stamp_nanos: i64,
    /// Of the step.
    allocations: Cell<u64>,
}

impl World {
    /// `place` gives a point for three numbers from -0.5 to 0.5.
    fn new(count: usize, seed: u64, place: impl Fn([f64; 3]) -> Point3<f64>) -> Self {
        let mut rng = Rng::from_state(seed);
        let mut uniform = || rng.next_u64() as f64 / u64::MAX as f64 - 0.5;
        let landmark = |_| {
            let point = place([uniform(), uniform(), uniform()]);
            let row: Vec<f32> = (0..CHANNELS).map(|_| uniform() as f32).collect();
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            (point, row.iter().map(|x| x / length).collect())
        };
        let landmarks = (0..count).map(landmark).collect();
        Self {
            landmarks,
            rng,
            has_walls: false,
        }
    }

    fn room(seed: u64) -> Self {
        Self::new(180, seed, |[x, y, z]| {
            let z = 3.0 + 3.0 * z;
            Point3::new(1.2 * z * x, 0.9 * z * y, z)
        })
    }

    /// Landmarks on the five walls in front of the start.
    fn walls(seed: u64) -> Self {
        let [side, up, ahead] = WALLS;
        let mut world = Self::new(300, seed, |[x, y, wall]| {
            let (across, high, along) = (2.0 * side * x, 2.0 * up * x, 3.25 + 2.5 * y);
            match ((wall + 0.5) * 5.0) as usize {
                0 => Point3::new(-side, high, along),
                1 => Point3::new(side, high, along),
                2 => Point3::new(across, -up, along),
                3 => Point3::new(across, up, along),
                _ => Point3::new(across, 2.0 * up * y, ahead),
            }
        });
        world.has_walls = true;
        world
    }

    /// Depth of the walls at a pixel.
    fn wall_depth(start_from_camera: &Isometry3<f64>, u: f64, v: f64) -> f64 {
        let ray = Vector3::new((u - 191.5) / FOCAL, (v - 143.5) / FOCAL, 1.0);
        let ray = start_from_camera.rotation * ray;
        let from = start_from_camera.translation.vector;
        let [side, up, ahead] = WALLS;
        let meet = |axis: usize, at: f64| (at - from[axis]) / ray[axis];
        let meets = [
            meet(0, -side),
            meet(0, side),
            meet(1, -up),
            meet(1, up),
            meet(2, ahead),
        ];
        let ahead = meets.into_iter().filter(|depth| *depth > 0.0);
        ahead.fold(f64::INFINITY, f64::min)
    }

    /// What is seen from a pose; a share of the landmarks is somewhere else
    /// every time.
    fn seen(&mut self, start_from_camera: &Isometry3<f64>, strays: f64, stamp: i64) -> Seen {
        let camera_from_start = start_from_camera.inverse();
        let mut points = Vec::new();
        let stray = (strays * self.landmarks.len() as f64) as usize;
        for (index, (landmark, row)) in self.landmarks.iter().enumerate() {
            let point = camera_from_start * landmark;
            let mut pixel = [
                FOCAL * point.x / point.z + 191.5,
                FOCAL * point.y / point.z + 143.5,
            ];
            if index < stray {
                let mut uniform = || self.rng.next_u64() as f64 / u64::MAX as f64;
                pixel = [384.0 * uniform(), 288.0 * uniform()];
            }
            let inside = (0.0..384.0).contains(&pixel[0]) && (0.0..288.0).contains(&pixel[1]);
            if point.z > 0.2 && inside {
                points.push((pixel, point.z, row));
            }
        }
        let nearest = |u: f64, v: f64| {
            let off = |point: &&([f64; 2], f64, &Vec<f32>)| {
                (point.0[0] - u).powi(2) + (point.0[1] - v).powi(2)
            };
            points.iter().min_by(|a, b| off(a).total_cmp(&off(b)))
        };
        let plane = CELLS.0 * CELLS.1;
        let mut descriptors = vec![0.0; CHANNELS * plane];
        for cell in 0..plane {
            let (x, y) = ((cell % CELLS.0) as f64, (cell / CELLS.0) as f64);
            if let Some((_, _, row)) = nearest(8.0 * x + 3.5, 8.0 * y + 3.5) {
                for (channel, value) in row.iter().enumerate() {
                    descriptors[channel * plane + cell] = *value;
                }
            }
        }
        let mut logits = vec![-20.0_f32; LOGITS * plane];
        logits[(LOGITS - 1) * plane..].fill(0.0);
        for (pixel, ..) in &points {
            for v in (pixel[1] as usize).saturating_sub(3)..(pixel[1] as usize + 4).min(SIZE.1) {
                for u in (pixel[0] as usize).saturating_sub(3)..(pixel[0] as usize + 4).min(SIZE.0)
                {
                    let squared = (u as f64 - pixel[0]).powi(2) + (v as f64 - pixel[1]).powi(2);
                    let logit = &mut logits[(v % 8 * 8 + u % 8) * plane + v / 8 * CELLS.0 + u / 8];
                    *logit = logit.max((3.0 - 0.5 * squared) as f32);
                }
            }
        }
        let depth = (0..DEPTH.0 * DEPTH.1).map(|index| {
            let (x, y) = ((index % DEPTH.0) as f64, (index / DEPTH.0) as f64);
            let (u, v) = (4.0 * x + 1.5, 4.0 * y + 1.5);
            if self.has_walls {
                return Self::wall_depth(start_from_camera, u, v) as f32;
            }
            nearest(u, v).map_or(f32::NAN, |(_, depth, _)| *depth as f32)
        });
        Seen {
            depth: depth.collect(),
            descriptors,
            reliability: vec![0.9; plane],
            logits,
            stamp_nanos: stamp,
            relative_error: None,
            allocations: Cell::new(0),
        }
    }
}

impl Seen {
    fn step(
        &self,
        odometry: &mut VisualOdometry,
        with_depth: bool,
    ) -> Result<(OdometryEstimate, OutputFlags), Unable> {
        let cells = |channels| [1, channels, CELLS.1, CELLS.0];
        let image_from_cell = Affine2::stretch(CELLS, SIZE);
        let view = |role, shape, values| SceneView {
            role,
            shape,
            values,
            image_from_pixel: image_from_cell,
            relative_error: None,
        };
        let shapes = [cells(CHANNELS), cells(1), cells(LOGITS)];
        let mut views = vec![
            view("descriptors", &shapes[0], &self.descriptors),
            view("reliability", &shapes[1], &self.reliability),
            view("keypoint_logits", &shapes[2], &self.logits),
        ];
        let depth_shape = [1, 1, DEPTH.1, DEPTH.0];
        if with_depth {
            views.push(SceneView {
                role: "depth",
                shape: &depth_shape,
                values: &self.depth,
                image_from_pixel: Affine2::stretch(DEPTH, SIZE),
                relative_error: self.relative_error,
            });
        }
        let scene = Scene {
            stamp_nanos: self.stamp_nanos,
            image_size: SIZE,
            intrinsics: Some(Intrinsics {
                fx: FOCAL,
                fy: FOCAL,
                cx: 191.5,
                cy: 143.5,
                width: SIZE.0,
                height: SIZE.1,
            }),
            views: &views,
        };
        let mut out = vec![0.0; ODOMETRY_LENGTH];
        let before = allocations();
        let flags = odometry.estimate(&scene, &mut out);
        self.allocations.set(allocations() - before);
        let flags = flags?;
        Ok((OdometryEstimate::read(&out).expect("an estimate"), flags))
    }
}

/// Moves `step` metres and turns by `turn` degrees about the optical axes, all
/// told, after `share` of the way.
fn way(share: f64, step: [f64; 3], turn: [f64; 3]) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::from(Vector3::from(step) * share),
        UnitQuaternion::from_scaled_axis(Vector3::from(turn.map(f64::to_radians)) * share),
    )
}

fn degrees(estimate: &OdometryEstimate) -> Vector3<f64> {
    estimate.odom_from_body.rotation.scaled_axis() * 180.0 / std::f64::consts::PI
}

const TENTH: i64 = 100_000_000;

/// The estimate after ten steps along a way, and its flags.
fn after(
    world: &mut World,
    (step, turn): ([f64; 3], [f64; 3]),
    strays: f64,
    with_depth: bool,
) -> (OdometryEstimate, OutputFlags) {
    let mut odometry = VisualOdometry::new(OdometryParameters::default());
    let mut last = None;
    for frame in 0..=10 {
        let pose = way(f64::from(frame) / 10.0, step, turn);
        let seen = world.seen(&pose, strays, i64::from(frame) * TENTH);
        match seen.step(&mut odometry, with_depth) {
            Ok(told) => last = Some(told),
            Err(Unable::Warming(_)) if frame == 0 => {}
            Err(error) => panic!("frame {frame}: {error}"),
        }
    }
    last.expect("an estimate")
}

#[test]
fn ahead_is_x_left_is_y_and_turning_left_is_positive_about_z() {
    // The camera looks along its z. It moves half a metre ahead, a fifth to the
    // right (x), and turns left: about its y, which points down, by -8 degrees.
    let motion = ([0.2, 0.0, 0.5], [0.0, -8.0, 0.0]);
    let (told, flags) = after(&mut World::walls(1), motion, 0.0, true);
    assert_eq!(flags, OutputFlags::default());
    let position = told.odom_from_body.translation.vector;
    assert!(
        (position - Vector3::new(0.5, -0.2, 0.0)).norm() < 0.01,
        "{position}"
    );
    let turn = degrees(&told);
    assert!((turn - Vector3::new(0.0, 0.0, 8.0)).norm() < 0.15, "{turn}");
    // A tenth of the way in a tenth of a second; 0.8 of 8 degrees.
    assert!(
        (told.angular.z - 8.0_f64.to_radians()).abs() < 0.02,
        "{}",
        told.angular
    );
    let ahead = told.linear;
    let expected = told.odom_from_body.rotation.inverse() * Vector3::new(0.5, -0.2, 0.0);
    assert!((ahead - expected).norm() < 0.05, "{ahead}");
}

#[test]
fn forty_percent_of_strays_do_not_harm() {
    let motion = ([0.3, 0.05, 0.4], [3.0, 6.0, -4.0]);
    // 50 strays are always in view, of the other 130 no more than 80.
    for with_depth in [true, false] {
        let (told, flags) = after(&mut World::room(2), motion, 0.28, with_depth);
        assert_eq!(flags.scale_unknown, !with_depth);
        let truth = in_body(&way(1.0, motion.0, motion.1));
        let off = told
            .odom_from_body
            .rotation
            .angle_to(&truth.rotation)
            .to_degrees();
        let most = if with_depth { 0.3 } else { 2.0 };
        assert!(off < most, "rotation off by {off}, depth {with_depth}");
        let (position, true_position) = (
            told.odom_from_body.translation.vector,
            truth.translation.vector,
        );
        if with_depth {
            let off = (position - true_position).norm();
            assert!(off < 0.02, "{off} m off");
        } else {
            let off = position.angle(&true_position).to_degrees();
            assert!(off < 12.0, "direction off by {off}");
        }
    }
}

#[test]
fn without_depth_the_covariance_says_that_metres_are_unknown() {
    let motion = ([0.4, 0.0, 0.1], [0.0, 4.0, 0.0]);
    let (told, flags) = after(&mut World::room(3), motion, 0.0, false);
    assert!(flags.scale_unknown);
    for axis in [0, 7, 14] {
        assert!(told.pose_covariance[axis] >= 1e6);
        assert!(told.twist_covariance[axis] >= 1e6);
    }
    let rotation = told.pose_covariance[21].sqrt().to_degrees();
    assert!(rotation > 1e-4 && rotation < 2.0, "says {rotation} degrees");
    let (told, _) = after(&mut World::room(3), motion, 0.0, true);
    let metres = told.pose_covariance[0].sqrt();
    assert!(metres > 1e-4 && metres < 0.05, "says {metres} m");
}

#[test]
fn with_depth_nothing_is_allocated_after_the_first_frames() {
    // Without depth more keyframes fail, and why is put into words.
    for relative_error in [None, Some(0.1)] {
        let mut world = World::walls(4);
        let mut odometry = VisualOdometry::new(OdometryParameters::default());
        let mut keyframes = 0;
        for frame in 0..24 {
            // Far enough for keyframes on the way.
            let pose = way(f64::from(frame) / 24.0, [0.6, 0.0, 1.2], [0.0, 20.0, 0.0]);
            let mut seen = world.seen(&pose, 0.1, i64::from(frame) * TENTH);
            seen.relative_error = relative_error;
            let stamp = odometry.keyframe.stamp_nanos;
            let told = seen.step(&mut odometry, true);
            keyframes += usize::from(odometry.keyframe.stamp_nanos != stamp);
            // What is said of a frame that is lost takes memory.
            if frame >= 4 && told.is_ok() {
                let allocations = seen.allocations.get();
                assert_eq!(allocations, 0, "frame {frame}, {relative_error:?}");
            }
        }
        assert!(keyframes > 0, "no keyframe, {relative_error:?}");
    }
}

/// Depth that lies three pixels beside its image used to be a loss.
#[test]
fn depth_that_is_registered_a_few_pixels_off_is_followed_and_less_sure() {
    let motion = ([0.3, 0.0, 0.1], [0.0, 5.0, 0.0]);
    let mut said = Vec::new();
    for off_px in [0.0, 4.0] {
        let mut world = World::new(220, 5, |[x, y, _]| {
            Point3::new(4.0 * x, 3.0 * y, 2.5 + 0.8 * x)
        });
        let mut odometry = VisualOdometry::new(OdometryParameters::default());
        let mut last = None;
        for frame in 0..=10 {
            let pose = way(f64::from(frame) / 10.0, motion.0, motion.1);
            let mut seen = world.seen(&pose, 0.0, i64::from(frame) * TENTH);
            // The plane z = 2.5 + 0.2 x of the start, as the camera sees it, moved.
            let normal = Vector3::new(-0.2, 0.0, 1.0);
            let turned = pose.rotation.inverse() * normal;
            let distance = 2.5 - normal.dot(&pose.translation.vector);
            for (index, metres) in seen.depth.iter_mut().enumerate() {
                let (x, y) = ((index % DEPTH.0) as f64, (index / DEPTH.0) as f64);
                let (u, v) = (4.0 * x + 1.5 + off_px, 4.0 * y + 1.5);
                let ray = Vector3::new((u - 191.5) / FOCAL, (v - 143.5) / FOCAL, 1.0);
                *metres = (distance / turned.dot(&ray)) as f32;
            }
            match seen.step(&mut odometry, true) {
                Ok((told, _)) => last = Some(told),
                Err(error) => assert_eq!(frame, 0, "{off_px} px off: {error}"),
            }
        }
        let told = last.expect("an estimate");
        let truth = in_body(&way(1.0, motion.0, motion.1));
        let off = (told.odom_from_body.translation.vector - truth.translation.vector).norm();
        assert!(off < 0.03, "{off_px} px off: {off} m");
        said.push(told.pose_covariance[0].sqrt());
    }
    assert!(said[1] > 0.5 * said[0], "{said:?}");
}

#[test]
fn turning_on_the_spot_moves_nothing() {
    for with_depth in [true, false] {
        let motion = ([0.0; 3], [2.0, 12.0, 3.0]);
        let (told, _) = after(&mut World::room(4), motion, 0.2, with_depth);
        let truth = in_body(&way(1.0, motion.0, motion.1));
        let off = told
            .odom_from_body
            .rotation
            .angle_to(&truth.rotation)
            .to_degrees();
        let most = if with_depth { 0.4 } else { 1.0 };
        assert!(off < most, "rotation off by {off}, depth {with_depth}");
        let moved = told.odom_from_body.translation.vector.norm();
        assert!(moved < 0.05, "moved by {moved}, depth {with_depth}");
    }
}

#[test]
fn one_wall_is_scene_enough_where_its_depth_is_known() {
    let mut wall = World::new(220, 5, |[x, y, _]| {
        Point3::new(4.0 * x, 3.0 * y, 2.5 + 0.8 * x)
    });
    let motion = ([0.3, 0.0, 0.1], [0.0, 5.0, 0.0]);
    let (told, _) = after(&mut wall, motion, 0.2, true);
    let truth = in_body(&way(1.0, motion.0, motion.1));
    let off = told
        .odom_from_body
        .rotation
        .angle_to(&truth.rotation)
        .to_degrees();
    assert!(off < 0.8, "rotation off by {off}");
}

#[test]
fn a_camera_before_nothing_warms_and_starts_when_there_is_something() {
    let mut odometry = VisualOdometry::new(OdometryParameters::default());
    let mut world = World::room(6);
    let mut nothing = world.seen(&Isometry3::identity(), 0.0, 0);
    nothing.logits.fill(-20.0);
    for _ in 0..3 {
        let told = nothing.step(&mut odometry, true);
        assert!(matches!(told, Err(Unable::Warming(reason)) if reason.contains("0 keypoints")));
    }
    let something = world.seen(&Isometry3::identity(), 0.0, TENTH);
    let told = something.step(&mut odometry, true);
    assert!(matches!(told, Err(Unable::Warming(reason)) if reason == "first frame"));
    let again = world.seen(&Isometry3::identity(), 0.0, 2 * TENTH);
    let (told, _) = again.step(&mut odometry, true).expect("an estimate");
    assert!(told.odom_from_body.translation.vector.norm() < 1e-3);
}

#[test]
fn unknown_depth_everywhere_is_as_good_as_none() {
    let mut odometry = VisualOdometry::new(OdometryParameters::default());
    let mut world = World::room(7);
    for frame in 0..6 {
        let pose = way(f64::from(frame) / 5.0, [0.3, 0.0, 0.1], [0.0, 4.0, 0.0]);
        let mut seen = world.seen(&pose, 0.0, i64::from(frame) * TENTH);
        seen.depth.fill(f32::NAN);
        match seen.step(&mut odometry, true) {
            Ok((told, flags)) => {
                assert!(flags.scale_unknown, "no depth was ever measured");
                let truth = in_body(&pose);
                let off = told
                    .odom_from_body
                    .rotation
                    .angle_to(&truth.rotation)
                    .to_degrees();
                assert!(off < 1.5, "rotation off by {off}");
            }
            Err(error) => assert_eq!(frame, 0, "{error}"),
        }
    }
}

#[test]
fn a_stamp_that_repeats_leaves_the_velocity_unknown_and_nothing_infinite() {
    let mut odometry = VisualOdometry::new(OdometryParameters::default());
    let mut world = World::room(8);
    let _ = world
        .seen(&Isometry3::identity(), 0.0, TENTH)
        .step(&mut odometry, true);
    let moved = way(1.0, [0.05, 0.0, 0.0], [0.0; 3]);
    for _ in 0..2 {
        let seen = world.seen(&moved, 0.0, TENTH);
        let (told, _) = seen.step(&mut odometry, true).expect("an estimate");
        assert_eq!(told.linear.norm(), 0.0);
        assert!(told.twist_covariance[0] >= 1e6);
        assert!((told.odom_from_body.translation.y + 0.05).abs() < 0.005);
    }
}

#[test]
fn a_jump_is_a_loss_that_is_said_and_odometry_goes_on_from_where_it_was() {
    let mut odometry = VisualOdometry::new(OdometryParameters::default());
    let (mut here, mut there) = (World::room(9), World::room(99));
    let mut told = Vec::new();
    for frame in 0..14 {
        let pose = way(f64::from(frame), [0.02, 0.0, 0.0], [0.0; 3]);
        let world = if frame < 5 { &mut here } else { &mut there };
        let seen = world.seen(&pose, 0.0, i64::from(frame) * TENTH);
        told.push(seen.step(&mut odometry, true));
    }
    assert!(matches!(told[0], Err(Unable::Warming(_))));
    assert!(told[1..5].iter().all(Result::is_ok));
    // One lost frame, which the next is told from.
    assert!(matches!(told[5], Err(Unable::Lost(_))), "{:?}", told[5]);
    let (before, _) = told[4].as_ref().expect("tracked");
    let (first, flags) = told[6].as_ref().expect("found again");
    assert!(flags.after_gap);
    let jumped = first.odom_from_body.translation.vector - before.odom_from_body.translation.vector;
    assert!(jumped.norm() < 0.05, "{jumped}");
    assert!(first.pose_covariance[0] > 100.0 * before.pose_covariance[0]);
    let (second, flags) = told[7].as_ref().expect("tracked");
    assert!(!flags.after_gap);
    assert!(
        second.pose_covariance[0] >= 0.9 * first.pose_covariance[0],
        "it stays unsure"
    );
    assert!(told[7..].iter().all(Result::is_ok));
}

#[test]
fn a_frame_that_comes_back_after_a_short_loss_is_found_again_without_a_restart() {
    let mut odometry = VisualOdometry::new(OdometryParameters::default());
    let mut world = World::room(10);
    for frame in 0..3 {
        let pose = way(f64::from(frame), [0.02, 0.0, 0.0], [0.0; 3]);
        let _ = world
            .seen(&pose, 0.0, frame as i64 * TENTH)
            .step(&mut odometry, true);
    }
    let pose = way(4.0, [0.02, 0.0, 0.0], [0.0; 3]);
    let mut covered = world.seen(&pose, 0.0, 3 * TENTH);
    covered.logits.fill(-20.0);
    assert!(matches!(
        covered.step(&mut odometry, true),
        Err(Unable::Lost(_))
    ));
    let (told, flags) = world
        .seen(&pose, 0.0, 4 * TENTH)
        .step(&mut odometry, true)
        .expect("found");
    assert!(flags.after_gap);
    assert!((told.odom_from_body.translation.y + 0.08).abs() < 0.005);
    assert!(
        told.pose_covariance[0] < 0.01,
        "the keyframe says where it is"
    );
}

#[test]
fn views_that_do_not_fit_are_refused() {
    let mut world = World::room(11);
    let mut odometry = VisualOdometry::new(OdometryParameters::default());
    let mut seen = world.seen(&Isometry3::identity(), 0.0, 0);
    seen.reliability.pop();
    let told = seen
        .step(&mut odometry, false)
        .expect_err("must be refused");
    assert_eq!(
        told,
        Unable::Unusable("reliability is not there as f32 [1, 1, h, w]".to_owned())
    );
}
