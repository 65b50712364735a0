//! Poses of the camera, frame by frame.

use super::options::{DataSetOptions, Views};
use crate::home::Home;
use crate::pose::CameraPose;
use crate::robot::Tour;

/// Poses within one exposure when motion is blurred.
const BLUR_POSES: usize = 5;

/// The camera's poses during each frame's exposure, the middle one at its stamp.
/// Made one after the other, so that a stop need not wait for all.
pub(super) fn poses<'a>(
    options: &'a DataSetOptions,
    home: &'a Home,
    share: u64,
) -> Box<dyn Iterator<Item = Vec<CameraPose>> + 'a> {
    match options.views {
        Views::Scattered => Box::new(scattered(options, home).take(share as usize)),
        Views::Tour { spacing, shutter } => {
            Box::new(touring(options, home, spacing, shutter).take(share as usize))
        }
    }
}

fn scattered<'a>(
    options: &'a DataSetOptions,
    home: &'a Home,
) -> impl Iterator<Item = Vec<CameraPose>> + 'a {
    let seed = home.seed();
    (0u64..)
        .zip(home.endless_viewpoints(1.0, 0.0))
        .map(move |(index, pose)| {
            let (height, tilt) = options
                .randomisation
                .mount(seed.wrapping_mul(7919).wrapping_add(index));
            let forward = pose.direction(glam::Vec3::Z);
            let eye = pose.translation.truncate().extend(height);
            vec![CameraPose::looking(eye, forward.y.atan2(forward.x), tilt)]
        })
}

pub(super) fn touring(
    options: &DataSetOptions,
    home: &Home,
    spacing: f32,
    shutter: f32,
) -> impl Iterator<Item = Vec<CameraPose>> + use<> {
    /// The camera looks along the chord from so far behind to as far ahead, m:
    /// a heading averaged over pieces of the path would jump at each corner of it.
    const AROUND: f32 = 0.45;
    let tour = Tour::plan(home);
    let (height, tilt) = options.randomisation.mount(home.seed());
    let at = move |distance: f32| {
        let chord = tour.place(distance + AROUND).0 - tour.place(distance - AROUND).0;
        let pan = 0.45 * (distance * 0.9).sin();
        let eye = tour.place(distance).0.extend(height);
        CameraPose::looking(eye, chord.to_angle() + pan, tilt)
    };
    let count = if shutter > 0.0 { BLUR_POSES } else { 1 };
    // Nothing before the tour's own start is looked at.
    let start = shutter * spacing + AROUND;
    (0u64..).map(move |frame| {
        let middle = start + frame as f32 * spacing;
        let off = |i: usize| (i as f32 - (count / 2) as f32) / count as f32;
        (0..count)
            .map(|i| at(middle + shutter * spacing * off(i)))
            .collect()
    })
}
