//! Agreement between outputs of different targets, without any labels:
//! normals that follow from the depth output against the normal output.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use concert_models::Intrinsics;
use serde::Serialize;

use crate::agreement::nearest;
use crate::output::Output;

/// Time between two checks of one camera.
const EVERY: Duration = Duration::from_secs(1);
/// Most places that are looked at along one side.
const SAMPLES: usize = 48;
/// Fewer places say nothing.
const MIN_PLACES: usize = 32;

/// Compares, about once a second, what is published for one and the same frame.
#[derive(Debug, Default)]
pub(crate) struct Consistency {
    cameras: BTreeMap<Arc<str>, Pair>,
    angles: Vec<f64>,
}

/// The halves of one camera's next check.
#[derive(Debug, Default)]
struct Pair {
    depth: Option<Output>,
    normal: Option<Output>,
    last: Option<Duration>,
}

/// Agreement of depth and normals of one camera.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConsistencySnapshot {
    /// Camera.
    pub camera: String,
    /// Frames that were looked at.
    pub checks: u64,
    /// Median angle, of the newest of them, between the normal output and the
    /// normals that follow from the depth output, degrees.
    pub median_deg: f64,
    /// Moving average of it over about eight checks.
    pub smooth_deg: f64,
}

impl Consistency {
    /// Looks at an output that was published at `now`; the camera and the
    /// median angle (deg) where this completes a check.
    pub(crate) fn note(&mut self, output: &Output, now: Duration) -> Option<(Arc<str>, f64)> {
        let is_depth = match output.origin.task.name {
            "depth_zbuffer" => true,
            "normal" => false,
            _ => return None,
        };
        let camera = Arc::clone(&output.origin.camera);
        let pair = self.cameras.entry(camera).or_default();
        if pair.last.is_some_and(|last| now < last + EVERY) {
            return None;
        }
        let (own, other) = if is_depth {
            (&mut pair.depth, &pair.normal)
        } else {
            (&mut pair.normal, &pair.depth)
        };
        let same = |other: &Output| other.frame_sequence == output.frame_sequence;
        match own {
            Some(kept) => kept.copy_from(output),
            None => *own = Some(output.clone()),
        }
        if !other.as_ref().is_some_and(same) {
            return None;
        }
        pair.last = Some(now);
        let (Some(depth), Some(normal)) = (&pair.depth, &pair.normal) else {
            return None;
        };
        let median = median_angle(depth, normal, &mut self.angles)?;
        Some((Arc::clone(&output.origin.camera), median))
    }
}

/// Median angle in degrees; `None` where the intrinsics are unknown or hardly
/// any place is known to both.
fn median_angle(depth: &Output, normal: &Output, angles: &mut Vec<f64>) -> Option<f64> {
    let (&[_, 1, height, width], &[_, 3, normal_height, normal_width]) =
        (&depth.origin.shape[..], &normal.origin.shape[..])
    else {
        return None;
    };
    let camera = depth.intrinsics_at_output(width, height)?;
    let normal_from_depth = (normal.image_from_output.inverse()?).after(&depth.image_from_output);
    let reach = width.div_ceil(2 * SAMPLES).max(1);
    let plane = normal_width * normal_height;
    angles.clear();
    for v in (reach..height.saturating_sub(reach)).step_by(height.div_ceil(SAMPLES).max(1)) {
        for u in (reach..width.saturating_sub(reach)).step_by(width.div_ceil(SAMPLES).max(1)) {
            let place = normal_from_depth.apply([u as f64, v as f64]);
            let Some((nu, nv)) = nearest(place, (normal_width, normal_height)) else {
                continue;
            };
            let Some(derived) = normal_at(&depth.values, &camera, (width, u, v), reach) else {
                continue;
            };
            let at = |axis: usize| f64::from(normal.values[axis * plane + nv * normal_width + nu]);
            let told = [at(0), at(1), at(2)];
            let length = told.iter().map(|x| x * x).sum::<f64>().sqrt();
            let cosine = (0..3).map(|axis| told[axis] * derived[axis]).sum::<f64>() / length;
            if cosine.is_finite() {
                angles.push(cosine.clamp(-1.0, 1.0).acos().to_degrees());
            }
        }
    }
    let middle = angles.len() / 2;
    (angles.len() >= MIN_PLACES).then(|| *angles.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// Unit normal, towards the camera, of the plane through a pixel's neighbours
/// at `reach`. The inverse depth of a plane n·X = d is n·ray / d, so linear in
/// the pixel: its slopes are the plane.
fn normal_at(
    depth: &[f32],
    camera: &Intrinsics,
    (width, u, v): (usize, usize, usize),
    reach: usize,
) -> Option<[f64; 3]> {
    let inverse = |u: usize, v: usize| 1.0 / f64::from(depth[v * width + u]);
    let centre = inverse(u, v);
    let step = 2.0 * reach as f64;
    let x = camera.fx * (inverse(u + reach, v) - inverse(u - reach, v)) / step;
    let y = camera.fy * (inverse(u, v + reach) - inverse(u, v - reach)) / step;
    let ray = [
        (u as f64 - camera.cx) / camera.fx,
        (v as f64 - camera.cy) / camera.fy,
    ];
    let z = centre - x * ray[0] - y * ray[1];
    let length = (x * x + y * y + z * z).sqrt();
    let known = length.is_finite() && length > 0.0 && centre > 0.0;
    known.then(|| [-x / length, -y / length, -z / length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::output;

    const SIZE: (usize, usize) = (64, 48);

    /// Depth and normal outputs of the plane n·X = d before a camera.
    fn of_plane(normal: [f64; 3], d: f64) -> (Output, Output) {
        let camera = Intrinsics {
            fx: 60.0,
            fy: 60.0,
            cx: 31.5,
            cy: 23.5,
            width: SIZE.0,
            height: SIZE.1,
        };
        let mut metres = Vec::new();
        for v in 0..SIZE.1 {
            for u in 0..SIZE.0 {
                let ray = [
                    (u as f64 - camera.cx) / camera.fx,
                    (v as f64 - camera.cy) / camera.fy,
                    1.0,
                ];
                let along: f64 = (0..3).map(|axis| normal[axis] * ray[axis]).sum();
                metres.push((d / along) as f32);
            }
        }
        let normals = normal.iter().flat_map(|x| vec![*x as f32; SIZE.0 * SIZE.1]);
        let mut depth = output("depth_zbuffer", &[1, 1, SIZE.1, SIZE.0], metres);
        let mut normal = output("normal", &[1, 3, SIZE.1, SIZE.0], normals.collect());
        for output in [&mut depth, &mut normal] {
            output.intrinsics = Some(camera);
            output.image_from_output = concert_models::Affine2::IDENTITY;
            output.image_size = SIZE;
        }
        (depth, normal)
    }

    #[test]
    fn a_plane_agrees_with_its_normal_and_a_turned_normal_is_off_by_its_turn() {
        // A wall 2 m away, turned by 30 degrees about the vertical.
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let (depth, normal) = of_plane([sin, 0.0, -cos], -2.0);
        let mut consistency = Consistency::default();
        assert_eq!(consistency.note(&depth, Duration::ZERO), None, "half of it");
        let (camera, median) = consistency.note(&normal, Duration::ZERO).unwrap();
        assert_eq!(camera, depth.origin.camera);
        assert!(median < 0.1, "{median}");
        let (_, frontal) = of_plane([0.0, 0.0, -1.0], -2.0);
        let mut consistency = Consistency::default();
        consistency.note(&frontal, Duration::ZERO);
        let (_, median) = consistency.note(&depth, Duration::ZERO).unwrap();
        assert!((median - 30.0).abs() < 0.1, "{median}");
    }

    #[test]
    fn only_outputs_of_one_frame_are_compared_and_no_more_than_once_a_second() {
        let (mut depth, mut normal) = of_plane([0.0, 0.0, -1.0], -2.0);
        let mut consistency = Consistency::default();
        normal.frame_sequence += 1;
        assert_eq!(consistency.note(&depth, Duration::ZERO), None);
        assert_eq!(consistency.note(&normal, Duration::ZERO), None);
        depth.frame_sequence += 1;
        assert!(consistency.note(&depth, Duration::ZERO).is_some());
        let soon = Duration::from_millis(900);
        assert_eq!(consistency.note(&depth, soon), None);
        assert_eq!(consistency.note(&normal, soon), None);
        let later = Duration::from_millis(1000);
        assert!(consistency.note(&normal, later).is_some());
    }

    #[test]
    fn where_the_intrinsics_are_unknown_nothing_is_said() {
        let (mut depth, normal) = of_plane([0.0, 0.0, -1.0], -2.0);
        depth.intrinsics = None;
        let mut consistency = Consistency::default();
        consistency.note(&normal, Duration::ZERO);
        assert_eq!(consistency.note(&depth, Duration::ZERO), None);
    }
}
