//! Pictures of a room beside the true one.

use concert_models::geometric::room_layout::ROOM_LAYOUT_LENGTH;
use concert_models::{Image, Intrinsics};
use concert_runtime::Output;
use nalgebra::{Rotation3, Vector3};

use super::sheet::DEPTH_ERROR;
use crate::draw::{Canvas, camera_of, room_edges, turbo};

/// Share of the pixels from which on a side is drawn as in view.
const IN_VIEW: f32 = 0.01;

type Numbers = [f32; ROOM_LAYOUT_LENGTH];

/// The true room and the output on the photograph, and by which share of its
/// distance what the output ends a line of sight at is off.
pub(super) fn pictures(image: &Image, truth: &[f32], output: &Output) -> Option<[Canvas; 3]> {
    let numbers = |values: &[f32]| Numbers::try_from(values.get(..ROOM_LAYOUT_LENGTH)?).ok();
    let (wanted, said) = (numbers(truth)?, numbers(&output.values)?);
    let camera = camera_of(output);
    let mut off = Canvas::new(image.width(), image.height(), [0; 3]);
    let ends = [End::of(&wanted), End::of(&said)];
    for v in 0..image.height() {
        for u in 0..image.width() {
            let [wanted, said] = ends.each_ref().map(|end| end.distance(&camera, u, v));
            let share = ((said - wanted).abs() / wanted) as f32;
            off.set(u as i64, v as i64, turbo(share / DEPTH_ERROR));
        }
    }
    let drawn = |numbers: &Numbers, sure| {
        let mut canvas = Canvas::of(image);
        room_edges(numbers, &camera, sure, &mut canvas, 1.0);
        canvas
    };
    let sure = output.flags.face_percent;
    Some([drawn(&wanted, in_view(truth)), drawn(&said, sure), off])
}

/// Sides of a true room in the order of `face_percent`: the high end of each
/// axis before the low one.
fn in_view(truth: &[f32]) -> Option<[u8; 6]> {
    let shares: [f32; 6] = truth.get(ROOM_LAYOUT_LENGTH..)?.try_into().ok()?;
    let percent = |side: usize| if shares[side ^ 1] >= IN_VIEW { 100 } else { 0 };
    Some(std::array::from_fn(percent))
}

/// The ends of lines of sight in a room.
struct End {
    room_from_optical: Rotation3<f64>,
    /// The camera, in the room's frame, from the box's centre, m.
    eye: Vector3<f64>,
    half: Vector3<f64>,
}

impl End {
    fn of(numbers: &Numbers) -> Self {
        let [x, y, z, a, b, c, sx, sy, sz] = numbers.map(f64::from);
        let room_from_optical = Rotation3::from_euler_angles(a, b, c);
        Self {
            room_from_optical,
            eye: room_from_optical * -Vector3::new(x, y, z),
            half: 0.5 * Vector3::new(sx, sy, sz),
        }
    }

    /// In lengths of the pixel's ray (x, y, 1).
    fn distance(&self, camera: &Intrinsics, u: usize, v: usize) -> f64 {
        let (x, y) = (u as f64 - camera.cx, v as f64 - camera.cy);
        let ray = self.room_from_optical * Vector3::new(x / camera.fx, y / camera.fy, 1.0);
        let along = (0..3).map(|axis| {
            let end = self.half[axis] * ray[axis].signum();
            (end - self.eye[axis]) / ray[axis]
        });
        along.fold(f64::INFINITY, f64::min).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_sight_ends_at_the_wall_that_it_meets_first() {
        let camera = Intrinsics {
            fx: 10.0,
            fy: 10.0,
            cx: 10.0,
            cy: 10.0,
            width: 21,
            height: 21,
        };
        // From x -1 to 3, y -1 to 1, z -2 to 4.
        let end = End::of(&[1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 4.0, 2.0, 6.0]);
        assert!((end.distance(&camera, 10, 10) - 4.0).abs() < 1e-6);
        assert!((end.distance(&camera, 0, 10) - 1.0).abs() < 1e-6, "x low");
        assert!((end.distance(&camera, 20, 10) - 3.0).abs() < 1e-6, "x high");
        assert!((end.distance(&camera, 10, 15) - 2.0).abs() < 1e-6, "y high");
    }

    #[test]
    fn sides_of_the_truth_are_drawn_as_in_view_in_their_own_order() {
        let view = [0.0, 0.5, 0.0, 0.0, 0.2, 0.001];
        let truth = [&[0.0; 9][..], &view].concat();
        assert_eq!(in_view(&truth), Some([100, 0, 0, 0, 0, 100]));
        assert_eq!(in_view(&truth[..9]), None);
    }
}
