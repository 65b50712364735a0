use super::*;
use concert_models::Intrinsics;
use concert_models::image_file::DepthImage;

const CAMERA: Intrinsics = Intrinsics {
    fx: 290.0,
    fy: 290.0,
    cx: 159.5,
    cy: 119.5,
    width: 320,
    height: 240,
};

/// Depth of what `hit` finds along each ray (x, y, 1), in millimetres as a file
/// has it.
fn picture(hit: impl Fn(f64, f64) -> f64) -> DepthImage {
    let metres = (0..CAMERA.width * CAMERA.height).map(|pixel| {
        let x = ((pixel % CAMERA.width) as f64 - CAMERA.cx) / CAMERA.fx;
        let y = ((pixel / CAMERA.width) as f64 - CAMERA.cy) / CAMERA.fy;
        ((hit(x, y) * 1000.0).round() / 1000.0) as f32
    });
    DepthImage {
        width: CAMERA.width,
        height: CAMERA.height,
        metres: metres.collect(),
    }
}

fn plane(normal: [f64; 3], distance: f64) -> DepthImage {
    picture(|x, y| -distance / (normal[0] * x + normal[1] * y + normal[2]))
}

/// Noise of a camera that measures disparity to about an eighth of a pixel.
fn with_sensor_noise(mut depth: DepthImage) -> DepthImage {
    let focal_times_baseline = 580.0 * 0.075;
    let mut state = 1u32;
    for z in &mut depth.metres {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (f64::from(state >> 8) / f64::from(1u32 << 24) - 0.5) * 0.4;
        let disparity = ((focal_times_baseline / f64::from(*z) + noise) * 8.0).round() / 8.0;
        *z = (focal_times_baseline / disparity) as f32;
    }
    depth
}

/// The sphere with this centre on the axis and this radius before a wall.
fn ball(centre: f64, radius: f64, wall: f64) -> DepthImage {
    picture(|x, y| {
        let a = x * x + y * y + 1.0;
        let root = centre * centre - a * (centre * centre - radius * radius);
        if root > 0.0 {
            (centre - root.sqrt()) / a
        } else {
            wall
        }
    })
}

fn degrees(a: [f32; 3], b: [f64; 3]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * y).sum();
    dot.clamp(-1.0, 1.0).acos().to_degrees()
}

/// Share of the pixels that are known, median and 95th percentile of errors.
fn spread(errors: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let all: Vec<f64> = errors.collect();
    let mut known: Vec<f64> = all.iter().copied().filter(|e| !e.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    let at = |share: f64| known[(known.len() as f64 * share) as usize];
    (known.len() as f64 / all.len() as f64, at(0.5), at(0.95))
}

#[test]
fn normals_of_a_plane_are_its_own_also_under_the_noise_of_a_sensor() {
    let rays = Rays::of(&CAMERA);
    for (tilt, distance) in [(0.0f64, 1.0), (50.0, 1.5), (70.0, 1.0), (30.0, 3.0)] {
        let (s, c) = tilt.to_radians().sin_cos();
        let normal = [0.6 * s, -0.8 * s, -c];
        let clean = plane(normal, distance);
        let limits = [(1.0, 2.0), (4.0, 12.0)];
        for (depth, (median, most)) in [clean.clone(), with_sensor_noise(clean)].iter().zip(limits)
        {
            let surface = Surface::of(depth, &rays);
            // Where the plane is seen at a slant of less than 80 degrees and nearer than 6 m.
            let seen = |pixel: &usize| (0.2..6.0).contains(&depth.metres[*pixel]);
            let pixels = (0..depth.metres.len()).filter(seen);
            let errors = pixels.map(|pixel| degrees(surface.normals[pixel], normal));
            let (known, middle, high) = spread(errors);
            assert!(known > 0.9, "{tilt}: only {known} known");
            assert!(
                middle < median && high < most,
                "{tilt} {distance}: {middle} {high}"
            );
        }
    }
}

#[test]
fn a_ball_is_curved_as_its_radius_says_and_its_rim_is_an_edge() {
    let rays = Rays::of(&CAMERA);
    let (centre, radius, wall) = (1.2, 0.3, 2.0);
    let depth = ball(centre, radius, wall);
    let surface = Surface::of(&depth, &rays);
    let on_ball = |pixel: &usize| f64::from(depth.metres[*pixel]) < centre - 0.12;
    let pixels: Vec<usize> = (0..depth.metres.len()).filter(on_ball).collect();
    let (known, middle, high) = spread(pixels.iter().map(|&pixel| {
        let ray = rays.ray(pixel).map(f64::from);
        let z = f64::from(depth.metres[pixel]);
        let point = ray.map(|x| x * z);
        let normal = [point[0], point[1], point[2] - centre].map(|x| x / radius);
        degrees(surface.normals[pixel], normal)
    }));
    assert!(
        known > 0.95 && middle < 2.0 && high < 6.0,
        "{known} {middle} {high}"
    );
    let curvature = surface.curvature(&rays);
    for plane in 0..2 {
        let offset = plane * depth.metres.len();
        let errors = pixels
            .iter()
            .map(|pixel| f64::from(curvature[offset + pixel]) * radius - 1.0);
        let (known, middle, _) = spread(errors);
        assert!(
            known > 0.8 && middle.abs() < 0.15,
            "curvature {plane}: {known} {middle}"
        );
    }
    let edges = edges(&depth, &rays, &surface);
    // Across the middle row: the rim left and right, nothing else.
    let row = 120 * CAMERA.width;
    let found: Vec<usize> = (0..CAMERA.width).filter(|u| edges[row + u] > 0.5).collect();
    let rim = (radius / (centre * centre - radius * radius).sqrt() * CAMERA.fx) as usize;
    assert_eq!(found.len(), 2, "{found:?}");
    for (found, want) in found.iter().zip([160 - rim, 159 + rim]) {
        assert!(found.abs_diff(want) <= 2, "{found} for {want}");
    }
    let shading = shading(&rays, &surface);
    assert!(shading[row + 160] > 0.99, "the middle faces the camera");
    assert!(shading[row + 160 + rim - 4] < 0.5, "the rim turns away");
}

#[test]
fn an_edge_is_found_across_the_shadow_of_the_sensor() {
    let mut depth = picture(|x, _| if x < 0.0 { 1.0 } else { 2.0 });
    for row in depth.metres.chunks_exact_mut(320) {
        row[160..168].fill(f32::NAN);
    }
    let rays = Rays::of(&CAMERA);
    let surface = Surface::of(&depth, &rays);
    let edges = edges(&depth, &rays, &surface);
    let row = &edges[100 * 320..101 * 320];
    let found: Vec<usize> = (0..320).filter(|u| row[*u] > 0.5).collect();
    assert_eq!(found, [159]);
    assert!(row[163].is_nan());
}
