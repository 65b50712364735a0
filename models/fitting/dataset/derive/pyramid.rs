//! Inverse depth at several resolutions, without mixing surfaces.

use concert_models::give_way::give_way;
use concert_models::image_file::DepthImage;

/// Inverse depth, 1/m; NaN where unknown.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) inverse: Vec<f32>,
}

/// Levels that normals are fitted on.
pub(super) const LEVELS: usize = 4;
/// Greatest ratio of the inverse depths that one cell may average.
const MAX_RATIO: f32 = 1.06;

/// Level 0 is the image, each next half of the one before: the mean of those of
/// the four known pixels that lie within 6 % of their nearest one, else unknown.
pub(super) fn pyramid(depth: &DepthImage, levels: usize) -> Vec<Level> {
    let mut all = vec![Level {
        width: depth.width,
        height: depth.height,
        inverse: depth
            .metres
            .iter()
            .map(|z| if *z > 0.0 { 1.0 / z } else { f32::NAN })
            .collect(),
    }];
    for index in 1..levels {
        let next = halve(&all[index - 1]);
        all.push(next);
    }
    all
}

fn halve(level: &Level) -> Level {
    let (width, height) = (level.width.div_ceil(2), level.height.div_ceil(2));
    let mut inverse = Vec::with_capacity(width * height);
    for v in 0..height {
        if v % 16 == 0 {
            give_way();
        }
        for u in 0..width {
            let (u0, v0) = (2 * u, 2 * v);
            let (u1, v1) = (
                (u0 + 1).min(level.width - 1),
                (v0 + 1).min(level.height - 1),
            );
            let four = [(u0, v0), (u1, v0), (u0, v1), (u1, v1)]
                .map(|(u, v)| level.inverse[v * level.width + u]);
            inverse.push(mean_of_one_surface(four));
        }
    }
    Level {
        width,
        height,
        inverse,
    }
}

fn mean_of_one_surface(four: [f32; 4]) -> f32 {
    let (mut least, mut most, mut sum, mut count) = (f32::INFINITY, 0.0f32, 0.0, 0u8);
    for w in four {
        if !w.is_nan() {
            least = least.min(w);
            most = most.max(w);
            sum += w;
            count += 1;
        }
    }
    if count >= 2 && most <= least * MAX_RATIO {
        sum / f32::from(count)
    } else {
        f32::NAN
    }
}
