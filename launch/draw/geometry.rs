//! What geometric readouts look like: a room as a box on the photograph, a pose
//! in words.

use concert_models::Intrinsics;
use concert_models::geometric::ASSUMED_FOCAL_WIDTHS;
use concert_models::geometric::odometry::OdometryEstimate;
use concert_models::geometric::room_layout::{ROOM_LAYOUT_LENGTH, RoomLayout};
use concert_runtime::Output;
use nalgebra::Point3;

use super::canvas::Canvas;
use super::colour::Rgb;

/// Edges along the room's x, y and z.
const COLOURS: [Rgb; 3] = [[255, 96, 64], [64, 224, 96], [96, 160, 255]];
/// Edges of sides that are not in view.
const UNSEEN: Rgb = [128, 128, 128];
/// Edges are drawn from this far before the camera on, m.
const NEAR: f64 = 0.1;

/// Draws the edges of a room; `scale` pixels of the canvas are one of the
/// camera image. Draws nothing where the output is no room.
pub(super) fn room(output: &Output, canvas: &mut Canvas, scale: f64) {
    let Ok(cuboid) = <[f32; ROOM_LAYOUT_LENGTH]>::try_from(output.values.as_slice()) else {
        return;
    };
    let camera = camera_of(output);
    room_edges(&cuboid, &camera, output.flags.face_percent, canvas, scale);
}

/// The output's camera, or the one that geometric readouts assume.
pub(crate) fn camera_of(output: &Output) -> Intrinsics {
    let known = output.intrinsics;
    known.unwrap_or_else(|| assumed(output.image_size))
}

/// Draws the edges of the box that nine numbers stand for; grey where a side of
/// theirs is not in view. `sure`, as `face_percent` has it, is 0 of those.
pub(crate) fn room_edges(
    cuboid: &[f32; ROOM_LAYOUT_LENGTH],
    camera: &Intrinsics,
    sure: Option<[u8; 6]>,
    canvas: &mut Canvas,
    scale: f64,
) {
    let corners = RoomLayout::corners(cuboid);
    for (axis, colour) in COLOURS.into_iter().enumerate() {
        let bit = 1 << axis;
        for from in (0..8).filter(|corner| corner & bit == 0) {
            // Low ends of the axes are behind, right and the floor.
            let face = |other: usize| 2 * other + usize::from(from >> other & 1 == 0);
            let mut others = (0..3).filter(|&other| other != axis);
            let seen = sure.is_none_or(|sure| others.all(|other| sure[face(other)] > 0));
            let colour = if seen { colour } else { UNSEEN };
            if let Some([from, to]) = before_camera(corners[from], corners[from | bit]) {
                canvas.line(
                    project(camera, &from).map(|pixel| pixel * scale),
                    project(camera, &to).map(|pixel| pixel * scale),
                    colour,
                );
            }
        }
    }
}

/// The part of an edge that lies before the camera.
fn before_camera(a: Point3<f64>, b: Point3<f64>) -> Option<[Point3<f64>; 2]> {
    let (near, far) = if a.z < b.z { (a, b) } else { (b, a) };
    if far.z <= NEAR {
        return None;
    }
    if near.z >= NEAR {
        return Some([near, far]);
    }
    let share = (NEAR - near.z) / (far.z - near.z);
    Some([near + (far - near) * share, far])
}

/// Far outside pixels are brought near, along their line from the centre, so
/// that no line is endless.
fn project(camera: &Intrinsics, point: &Point3<f64>) -> [f64; 2] {
    let (x, y) = (point.x / point.z * camera.fx, point.y / point.z * camera.fy);
    let most = 4.0 * (camera.width + camera.height) as f64;
    let shrink = (most / x.abs().max(y.abs()).max(1.0)).min(1.0);
    [x * shrink + camera.cx, y * shrink + camera.cy]
}

/// The camera that geometric readouts assume where nobody measured it.
fn assumed((width, height): (usize, usize)) -> Intrinsics {
    let focal = ASSUMED_FOCAL_WIDTHS * width as f64;
    Intrinsics {
        fx: focal,
        fy: focal,
        cx: 0.5 * (width as f64 - 1.0),
        cy: 0.5 * (height as f64 - 1.0),
        width,
        height,
    }
}

/// Size of a room, and how far and how sure its sides are.
pub(super) fn room_lines(output: &Output) -> Vec<String> {
    let &[.., length, width, height] = output.values.as_slice() else {
        return Vec::new();
    };
    let mut lines = vec![format!("{length:.1} x {width:.1} x {height:.1} m")];
    if let Some(sure) = output.flags.face_percent {
        let names = ["ahead", "behind", "left", "right", "ceiling", "floor"];
        let seen = names.iter().zip(sure).filter(|(_, percent)| *percent > 0);
        let seen: Vec<String> = seen
            .map(|(name, percent)| format!("{name} {percent} %"))
            .collect();
        lines.extend(seen.chunks(3).map(|some| some.join(", ")));
    }
    lines
}

/// Where the camera is since the start, how it is turned, and how surely.
pub(super) fn odometry_lines(output: &Output) -> Vec<String> {
    let Some(estimate) = OdometryEstimate::read(&output.values) else {
        return Vec::new();
    };
    let [x, y, z]: [f64; 3] = estimate.odom_from_body.translation.vector.into();
    let (roll, pitch, yaw) = estimate.odom_from_body.rotation.euler_angles();
    let [roll, pitch, yaw] = [roll, pitch, yaw].map(f64::to_degrees);
    let covariance = &estimate.pose_covariance;
    let turn = covariance[21]
        .max(covariance[28])
        .max(covariance[35])
        .sqrt();
    let unsure = match output.flags.scale_unknown {
        true => "unit unknown".to_owned(),
        false => {
            let step = covariance[0].max(covariance[7]).max(covariance[14]).sqrt();
            format!("±{step:.2} m")
        }
    };
    let unit = if output.flags.scale_unknown { "" } else { " m" };
    vec![
        format!("at {x:.2} {y:.2} {z:.2}{unit}, {unsure}"),
        format!(
            "turned {roll:.1} {pitch:.1} {yaw:.1}°, ±{:.1}°",
            turn.to_degrees()
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_that_begins_behind_the_camera_is_cut_before_it() {
        let behind = Point3::new(0.0, 1.0, -1.0);
        let ahead = Point3::new(0.0, 1.0, 1.0);
        let [near, far] = before_camera(ahead, behind).expect("a part");
        assert!((near.z - NEAR).abs() < 1e-12 && far.z == 1.0);
        assert!(before_camera(behind, behind).is_none());
        let camera = assumed((640, 480));
        let [u, v] = project(&camera, &Point3::new(1e9, 0.0, 0.1));
        assert!(u < 1e5 && (v - camera.cy).abs() < 1e-9);
    }
}
