use super::*;

const PIXEL: f64 = 1.0 / 300.0;

fn scene(
    two_from_one: &Isometry3<f64>,
    count: usize,
    noise: f64,
    outliers: usize,
) -> Vec<Sighting> {
    let mut rng = Rng::from_state(11);
    let mut uniform = move || rng.next_u64() as f64 / u64::MAX as f64 - 0.5;
    let mut sighting = |index: usize| {
        let z = 3.0 + 3.0 * uniform();
        let point = Point3::new(1.1 * z * uniform(), 0.8 * z * uniform(), z);
        let two = two_from_one * point;
        let mut seen = two.xy().coords / two.z;
        seen += Vector2::new(2.0 * noise * uniform(), 2.0 * noise * uniform());
        if index < outliers {
            seen = Vector2::new(1.2 * uniform(), 0.9 * uniform());
        }
        Sighting { point, seen }
    };
    (0..count).map(&mut sighting).collect()
}

fn pose(step: [f64; 3], turn_degrees: [f64; 3]) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::from(Vector3::from(step)),
        UnitQuaternion::from_scaled_axis(Vector3::from(turn_degrees.map(f64::to_radians))),
    )
}

#[test]
fn the_true_pose_is_among_those_of_three_points() {
    for truth in [
        pose([0.3, -0.1, 0.2], [5.0, -20.0, 8.0]),
        pose([0.0, 0.0, 0.0], [0.0, 0.0, 90.0]),
        pose([1.0, 0.5, -0.5], [0.0, 0.0, 0.0]),
    ] {
        let sightings = scene(&truth, 3, 0.0, 0);
        let poses = three_point_poses(&[sightings[0], sightings[1], sightings[2]]);
        let off = |pose: Isometry3<f64>| {
            let step = (pose.translation.vector - truth.translation.vector).norm();
            step + pose.rotation.angle_to(&truth.rotation)
        };
        let nearest = poses.map(off).fold(f64::INFINITY, f64::min);
        assert!(nearest < 1e-5, "nearest is {nearest} away");
    }
}

#[test]
fn the_pose_is_found_among_noise_and_forty_percent_outliers_whatever_the_guess() {
    for truth in [
        pose([0.03, 0.0, 0.0], [0.0, 1.0, 0.0]),
        pose([0.5, -0.2, 0.4], [10.0, -15.0, 5.0]),
    ] {
        let sightings = scene(&truth, 200, 0.5 * PIXEL, 80);
        for guesses in [vec![], vec![Isometry3::identity()], vec![truth]] {
            let found = pnp(
                &sightings,
                &guesses,
                2.0 * PIXEL,
                15,
                &mut Rng::from_state(3),
            )
            .expect("a pose");
            let turn_off = found.rotation.angle_to(&truth.rotation).to_degrees();
            let step_off = (found.translation.vector - truth.translation.vector).norm();
            assert!(turn_off < 0.05, "rotation off by {turn_off}°");
            assert!(step_off < 0.003, "translation off by {step_off} m");
        }
    }
}

#[test]
fn too_few_or_senseless_sightings_have_no_pose() {
    let truth = pose([0.1, 0.0, 0.0], [0.0; 3]);
    let sightings = scene(&truth, 40, 0.0, 40);
    let guess = [Isometry3::identity()];
    assert!(pnp(&sightings, &guess, PIXEL, 20, &mut Rng::from_state(3)).is_none());
    assert!(pnp(&sightings[..3], &guess, PIXEL, 3, &mut Rng::from_state(3)).is_none());
    let same = vec![sightings[0]; 50];
    assert!(pnp(&same, &[], PIXEL, 20, &mut Rng::from_state(3)).is_none());
    let nan = Sighting {
        point: Point3::new(f64::NAN, 0.0, 1.0),
        seen: Vector2::zeros(),
    };
    assert!(pnp(&vec![nan; 50], &guess, PIXEL, 20, &mut Rng::from_state(3)).is_none());
}
