//! Edges where one surface hides another.

use super::rays::{Rays, dot};
use super::surface::Surface;
use concert_models::give_way::give_way;
use concert_models::image_file::DepthImage;

/// Least step in depth that hides something, m and share of the depth.
const TOLERANCE: (f32, f32) = (0.04, 0.02);
/// Times the noise of one pixel that a step must exceed besides.
const NOISE_FACTOR: f32 = 3.0;
/// Widest gap of unknown pixels that an edge is looked for across, as a share
/// of the image's width: the shadow of a structured-light camera.
const MAX_GAP: f32 = 0.04;

/// 1 where a nearer surface hides a farther one beside it, 0 where not, NaN
/// where depth is unknown.
///
/// A pixel p is such an edge if for the nearest known pixel q in one of four
/// directions the depth at q is larger than p's tangent plane predicts there,
/// and p's smaller than q's plane predicts, both by more than 4 cm plus 2 % of
/// p's depth and three times its noise. q is p's neighbour, or lies behind a gap of unknown pixels.
pub(in crate::dataset) fn edges(depth: &DepthImage, rays: &Rays, surface: &Surface) -> Vec<f32> {
    let gap = ((rays.width() as f32 * MAX_GAP) as isize).max(1);
    let edge = |pixel: usize| {
        if pixel.is_multiple_of(depth.width) {
            give_way();
        }
        if depth.metres[pixel].is_nan() {
            return f32::NAN;
        }
        let hides = [(1, 0), (-1, 0), (0, 1), (0, -1)].into_iter().any(|step| {
            next_known(depth, pixel, step, gap)
                .is_some_and(|other| hides(rays, surface, pixel, other))
        });
        f32::from(u8::from(hides))
    };
    (0..depth.metres.len()).map(edge).collect()
}

fn next_known(
    depth: &DepthImage,
    pixel: usize,
    (du, dv): (isize, isize),
    gap: isize,
) -> Option<usize> {
    let (u, v) = (
        (pixel % depth.width) as isize,
        (pixel / depth.width) as isize,
    );
    (1..=gap + 1).find_map(|distance| {
        let (u, v) = (u + du * distance, v + dv * distance);
        let inside =
            (0..depth.width as isize).contains(&u) && (0..depth.height as isize).contains(&v);
        let other = (v * depth.width as isize + u) as usize;
        (inside && !depth.metres[other].is_nan()).then_some(other)
    })
}

fn hides(rays: &Rays, surface: &Surface, p: usize, q: usize) -> bool {
    let (near, far) = (surface.depth[p], surface.depth[q]);
    let noise = NOISE_FACTOR * surface.noise * near * near;
    let tolerance = TOLERANCE.0 + TOLERANCE.1 * near + noise;
    far > near + tolerance
        && far > predict_depth(rays, surface, p, q) + tolerance
        && near < predict_depth(rays, surface, q, p) - tolerance
}

/// Depth of the tangent plane of `from` along the ray of `to`; the depth itself
/// where the normal is unknown or the ray grazes the plane.
fn predict_depth(rays: &Rays, surface: &Surface, from: usize, to: usize) -> f32 {
    let normal = surface.normals[from];
    let along = dot(normal, rays.ray(to));
    if along.is_nan() || along > -0.02 {
        return surface.depth[from];
    }
    surface.depth[from] * dot(normal, rays.ray(from)) / along
}
