use super::*;
use nalgebra::{Point3, Vector2};

/// Points in a box before the camera, seen from two poses, with noise and
/// outliers. On the plane z = 1; a pixel of a 300 px focal length is 1/300.
fn scene(
    two_from_one: &Isometry3<f64>,
    count: usize,
    noise: f64,
    outliers: usize,
    point: impl Fn(&mut dyn FnMut() -> f64) -> Point3<f64>,
) -> Vec<Match> {
    let mut rng = Rng::from_state(7);
    let mut uniform = move || rng.next_u64() as f64 / u64::MAX as f64 - 0.5;
    let mut matches = Vec::new();
    while matches.len() < count {
        let one = point(&mut uniform);
        let two = two_from_one * one;
        let (mut x, mut y) = (one.xy().coords / one.z, two.xy().coords / two.z);
        for value in x.iter_mut().chain(y.iter_mut()) {
            *value += 2.0 * noise * uniform();
        }
        if matches.len() < outliers {
            y = Vector2::new(1.2 * uniform(), 0.9 * uniform());
        }
        matches.push((x, y));
    }
    // Their order tells nothing of which are right.
    (0..count).map(|i| matches[i * 7 % count]).collect()
}

fn in_a_box(uniform: &mut dyn FnMut() -> f64) -> Point3<f64> {
    let z = 3.0 + 3.0 * uniform();
    Point3::new(1.1 * z * uniform(), 0.8 * z * uniform(), z)
}

fn pose(step: [f64; 3], turn_degrees: [f64; 3]) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::from(Vector3::from(step)),
        UnitQuaternion::from_scaled_axis(Vector3::from(turn_degrees.map(f64::to_radians))),
    )
}

const PIXEL: f64 = 1.0 / 300.0;

/// The pose, and how many matches fit it.
fn found(
    matches: &[Match],
    guess: &Isometry3<f64>,
    tolerance: f64,
    least: usize,
) -> Option<(TwoView, usize)> {
    let (mut rng, mut inliers) = (Rng::from_state(1), Vec::new());
    let found = two_view(matches, guess, tolerance, least, &mut rng, &mut inliers)?;
    Some((found, inliers.iter().filter(|fits| **fits).count()))
}

#[test]
fn the_pose_is_found_among_noise_and_forty_percent_outliers() {
    for (step, turn) in [
        ([0.3, 0.0, 0.0], [0.0, 5.0, 0.0]),
        ([0.0, 0.0, 0.4], [2.0, -1.0, 3.0]),
        ([-0.2, 0.1, 0.2], [-4.0, 8.0, 0.0]),
    ] {
        let truth = pose(step, turn);
        let matches = scene(&truth, 250, 0.5 * PIXEL, 100, in_a_box);
        let found = found(&matches, &Isometry3::identity(), 1.5 * PIXEL, 15);
        let (found, count) = found.expect("a pose");
        assert!(found.has_direction);
        let turn_off = found
            .two_from_one
            .rotation
            .angle_to(&truth.rotation)
            .to_degrees();
        let direction = truth.translation.vector.normalize();
        let cosine = found.two_from_one.translation.vector.dot(&direction);
        let step_off = cosine.clamp(-1.0, 1.0).acos().to_degrees();
        assert!(turn_off < 0.4, "rotation off by {turn_off}°");
        assert!(step_off < 3.0, "direction off by {step_off}°");
        assert!((140..=185).contains(&count), "{count} inliers");
    }
}

#[test]
fn a_plane_leaves_the_expected_one_of_its_two_poses() {
    let truth = pose([0.3, 0.05, 0.1], [1.0, -3.0, 2.0]);
    let wall = |uniform: &mut dyn FnMut() -> f64| {
        let (x, y) = (2.4 * uniform(), 1.8 * uniform());
        Point3::new(x, y, 2.5 + 0.4 * x)
    };
    let matches = scene(&truth, 200, 0.3 * PIXEL, 40, wall);
    let guess = pose([0.3, 0.0, 0.0], [0.0; 3]);
    let (found, _) = found(&matches, &guess, 1.5 * PIXEL, 15).expect("a pose");
    let turn_off = found
        .two_from_one
        .rotation
        .angle_to(&truth.rotation)
        .to_degrees();
    assert!(turn_off < 0.8, "rotation off by {turn_off}°");
}

#[test]
fn a_pure_rotation_has_no_direction_and_a_right_rotation() {
    let truth = pose([0.0; 3], [3.0, 10.0, -2.0]);
    let matches = scene(&truth, 200, 0.5 * PIXEL, 60, in_a_box);
    let found = found(&matches, &Isometry3::identity(), 1.5 * PIXEL, 15);
    let (found, _) = found.expect("a rotation");
    assert!(!found.has_direction);
    assert_eq!(found.two_from_one.translation.vector.norm(), 0.0);
    let turn_off = found
        .two_from_one
        .rotation
        .angle_to(&truth.rotation)
        .to_degrees();
    assert!(turn_off < 0.1, "rotation off by {turn_off}°");
}

#[test]
fn chance_matches_have_no_pose() {
    let matches = scene(&pose([0.3, 0.0, 0.0], [0.0; 3]), 120, 0.0, 120, in_a_box);
    let guess = Isometry3::identity();
    assert!(found(&matches, &guess, PIXEL, 60).is_none());
    assert!(found(&matches[..7], &guess, PIXEL, 5).is_none());
    let nan = vec![(Vector2::repeat(f64::NAN), Vector2::repeat(f64::NAN)); 50];
    assert!(found(&nan, &guess, PIXEL, 15).is_none());
}

#[test]
fn triangulation_gives_the_distances_along_both_rays() {
    let two_from_one = pose([-0.4, 0.0, 0.1], [0.0, 2.0, 0.0]);
    let one = Point3::new(0.3, -0.2, 2.5);
    let two = two_from_one * one;
    let seen = (one.xy().coords / one.z, two.xy().coords / two.z);
    let (first, second) = triangulate(&two_from_one, &seen).expect("distances");
    assert!((first - one.z).abs() < 1e-9 && (second - two.z).abs() < 1e-9);
}
