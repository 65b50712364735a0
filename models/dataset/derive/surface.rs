//! Normals and curvature of the visible surface.
//!
//! A plane n · X = 1 seen through a pinhole is linear in inverse depth:
//! 1/z = n_x x + n_y y + n_z with the ray (x, y, 1). Noise of stereo and
//! structured-light cameras is nearly uniform in inverse depth (it is
//! disparity), so the least-squares fit there is the right one, and a
//! neighbourhood that doubles with depth keeps its error even.

use super::pyramid::{Level, pyramid};
use super::rays::{Rays, dot, unit};
use crate::image_file::DepthImage;

/// Half the side of the window, in cells of its level.
const RADIUS: isize = 3;
/// Focal length at which depths choose levels as `LEVEL_ENDS` says, px.
const REFERENCE_FOCAL: f32 = 540.0;
/// Up to this depth each level serves, m.
const LEVEL_ENDS: [f32; 3] = [0.7, 1.6, 4.5];
/// How far the inverse depth of a first neighbour may be from the centre's,
/// as a share of it, beside what a steep surface changes.
const FIRST_GUARD: f32 = 0.12;
/// How far a neighbour may lie from the fitted plane: share and 1/m.
const SECOND_GUARD: (f32, f32) = (0.008, 0.004);
/// Fewest neighbours that a plane is fitted to.
const FEWEST: f32 = 10.0;
/// Least cosine between normal and ray that is trusted.
const LEAST_COSINE: f32 = 0.03;

/// Unit normals in the optical frame towards the camera; NaN where unknown.
pub(in crate::dataset) struct Surface {
    pub(super) normals: Vec<[f32; 3]>,
    depth: Vec<f32>,
    width: usize,
}

const UNKNOWN: [f32; 3] = [f32::NAN; 3];

impl Surface {
    pub(in crate::dataset) fn of(depth: &DepthImage, rays: &Rays) -> Self {
        let levels = pyramid(depth, LEVEL_ENDS.len() + 1);
        let fits: Vec<_> = levels
            .iter()
            .enumerate()
            .map(|(l, level)| Fit::new(level, rays, l))
            .collect();
        let scale = (rays.fx / REFERENCE_FOCAL).max(0.05);
        let normals = (0..depth.metres.len()).map(|pixel| {
            let z = depth.metres[pixel];
            if z.is_nan() || z <= 0.0 {
                return UNKNOWN;
            }
            let wanted = LEVEL_ENDS.iter().filter(|end| z > **end).count();
            // Fewer pixels per radian: a smaller level covers the same angle.
            let shift = scale.log2().round() as isize;
            let level = (wanted as isize + shift).clamp(0, levels.len() as isize - 1) as usize;
            let (u, v) = (pixel % depth.width, pixel / depth.width);
            // Near edges and thin things only finer levels have neighbours.
            let finest = level.saturating_sub(2);
            let found = (finest..=level).rev().find_map(|l| fits[l].normal(u, v, z));
            found.unwrap_or(UNKNOWN)
        });
        Self {
            normals: normals.collect(),
            depth: depth.metres.clone(),
            width: depth.width,
        }
    }

    /// Three planes: x, y, z.
    pub(in crate::dataset) fn normals_chw(&self) -> Vec<f32> {
        let plane = |axis: usize| self.normals.iter().map(move |n| n[axis]);
        (0..3).flat_map(plane).collect()
    }

    /// Two planes: the principal curvatures, 1/m, the greater first; positive
    /// where the surface bulges towards the camera.
    ///
    /// The shape operator is the least-squares solution of dn = S dx over
    /// pairs of pixels on opposite sides of the centre.
    pub(in crate::dataset) fn curvature(&self, rays: &Rays) -> Vec<f32> {
        let count = self.normals.len();
        let mut values = vec![f32::NAN; 2 * count];
        for pixel in 0..count {
            if let Some([k1, k2]) = self.principal(rays, pixel) {
                values[pixel] = k1;
                values[count + pixel] = k2;
            }
        }
        values
    }

    fn principal(&self, rays: &Rays, pixel: usize) -> Option<[f32; 2]> {
        let n = self.normals[pixel];
        let z = self.depth[pixel];
        if n[0].is_nan() {
            return None;
        }
        // As far as the window that the normals were fitted over.
        let reach = (rays.fx * 0.012 * (1.0 + z)).clamp(2.0, 24.0) as isize;
        let (e1, e2) = tangents(n);
        let mut fit = ShapeFit::default();
        let (u, v) = ((pixel % self.width) as isize, (pixel / self.width) as isize);
        for (du, dv) in [(1, 0), (0, 1), (1, 1), (1, -1)] {
            let step = if du != 0 && dv != 0 {
                reach * 5 / 7
            } else {
                reach
            };
            let at =
                |sign: isize| self.neighbour(rays, u + sign * du * step, v + sign * dv * step, z);
            let (Some((a, na)), Some((b, nb))) = (at(1), at(-1)) else {
                continue;
            };
            let d: [f32; 3] = std::array::from_fn(|i| a[i] - b[i]);
            let dn: [f32; 3] = std::array::from_fn(|i| na[i] - nb[i]);
            fit.add([dot(d, e1), dot(d, e2)], [dot(dn, e1), dot(dn, e2)]);
        }
        fit.eigenvalues()
    }

    /// Point and normal of a pixel on the same surface.
    fn neighbour(&self, rays: &Rays, u: isize, v: isize, z: f32) -> Option<([f32; 3], [f32; 3])> {
        let (u, v) = (usize::try_from(u).ok()?, usize::try_from(v).ok()?);
        if u >= self.width || v >= rays.height() {
            return None;
        }
        let pixel = v * self.width + u;
        let (depth, normal) = (self.depth[pixel], self.normals[pixel]);
        let same = !normal[0].is_nan() && (depth / z - 1.0).abs() < FIRST_GUARD;
        same.then(|| ([rays.x[u] * depth, rays.y[v] * depth, depth], normal))
    }
}

/// Two unit vectors across n and each other.
fn tangents(n: [f32; 3]) -> ([f32; 3], [f32; 3]) {
    let cross = |a: [f32; 3], b: [f32; 3]| {
        [
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        ]
    };
    let axis = match n[0].abs() < 0.7 {
        true => [1.0, 0.0, 0.0],
        false => [0.0, 1.0, 0.0],
    };
    let e1 = unit(cross(n, axis)).unwrap_or([0.0, 1.0, 0.0]);
    (e1, cross(n, e1))
}

/// Normal equations of dn = S dx with S = [[a, b], [b, c]].
#[derive(Default)]
struct ShapeFit {
    m: nalgebra::Matrix3<f32>,
    r: nalgebra::Vector3<f32>,
    pairs: u8,
}

impl ShapeFit {
    fn add(&mut self, d: [f32; 2], dn: [f32; 2]) {
        let rows = [
            (nalgebra::Vector3::new(d[0], d[1], 0.0), dn[0]),
            (nalgebra::Vector3::new(0.0, d[0], d[1]), dn[1]),
        ];
        for (row, value) in rows {
            self.m += row * row.transpose();
            self.r += row * value;
        }
        self.pairs += 1;
    }

    fn eigenvalues(&self) -> Option<[f32; 2]> {
        if self.pairs < 2 {
            return None;
        }
        let s = self.m.try_inverse()? * self.r;
        let mean = (s.x + s.z) / 2.0;
        let spread = ((s.x - s.z).powi(2) / 4.0 + s.y * s.y).sqrt();
        (mean + spread)
            .is_finite()
            .then_some([mean + spread, mean - spread])
    }
}

/// Plane fits on one level of the pyramid.
struct Fit<'a> {
    level: &'a Level,
    /// Rays of the cells' centres.
    x: Vec<f32>,
    y: Vec<f32>,
    index: usize,
}

impl<'a> Fit<'a> {
    fn new(level: &'a Level, rays: &Rays, index: usize) -> Self {
        let side = 1usize << index;
        let centres = |rays: &[f32], count: usize| -> Vec<f32> {
            let ray = |cell: usize| {
                let first = (cell * side).min(rays.len() - 1);
                let last = (cell * side + side - 1).min(rays.len() - 1);
                (rays[first] + rays[last]) / 2.0
            };
            (0..count).map(ray).collect()
        };
        Self {
            level,
            x: centres(&rays.x, level.width),
            y: centres(&rays.y, level.height),
            index,
        }
    }

    /// The normal of the plane through the neighbourhood of pixel (u, v).
    fn normal(&self, u: usize, v: usize, z: f32) -> Option<[f32; 3]> {
        let w = 1.0 / z;
        let centre = (u >> self.index, v >> self.index);
        let guard = FIRST_GUARD * w;
        let first = self.plane(centre, |_, _, inverse| (inverse - w).abs() <= guard)?;
        let tolerance = SECOND_GUARD.0 * w + SECOND_GUARD.1;
        let plane = self.plane(centre, |x, y, inverse| {
            (dot(first, [x, y, 1.0]) - inverse).abs() <= tolerance
        })?;
        let away = unit(plane)?;
        let ray = unit([self.x[centre.0], self.y[centre.1], 1.0])?;
        // n · X = 1 points away from the camera.
        let cosine = dot(away, ray);
        (cosine >= LEAST_COSINE).then(|| away.map(|x| -x))
    }

    /// Least squares of 1/z = a x + b y + c over the neighbours that are `near`.
    fn plane(
        &self,
        (u, v): (usize, usize),
        near: impl Fn(f32, f32, f32) -> bool,
    ) -> Option<[f32; 3]> {
        let range = |centre: usize, size: usize| {
            let low = (centre as isize - RADIUS).max(0) as usize;
            low..(centre + RADIUS as usize + 1).min(size)
        };
        let (x0, y0) = (self.x[u], self.y[v]);
        let [mut s, mut sx, mut sy, mut sxx, mut sxy, mut syy] = [0.0f32; 6];
        let [mut sw, mut sxw, mut syw] = [0.0f32; 3];
        for row in range(v, self.level.height) {
            let y = self.y[row];
            for column in range(u, self.level.width) {
                let w = self.level.inverse[row * self.level.width + column];
                let x = self.x[column];
                if w.is_nan() || !near(x, y, w) {
                    continue;
                }
                let (dx, dy) = (x - x0, y - y0);
                s += 1.0;
                sx += dx;
                sy += dy;
                sxx += dx * dx;
                sxy += dx * dy;
                syy += dy * dy;
                sw += w;
                sxw += dx * w;
                syw += dy * w;
            }
        }
        if s < FEWEST {
            return None;
        }
        // About the mean, which keeps the sums well conditioned.
        let (mx, my, mw) = (sx / s, sy / s, sw / s);
        let (cxx, cxy, cyy) = (sxx - sx * mx, sxy - sx * my, syy - sy * my);
        let (cxw, cyw) = (sxw - sx * mw, syw - sy * mw);
        let determinant = cxx * cyy - cxy * cxy;
        // All neighbours in one line say nothing across it.
        if determinant <= 1e-3 * cxx * cyy {
            return None;
        }
        let a = (cxw * cyy - cyw * cxy) / determinant;
        let b = (cyw * cxx - cxw * cxy) / determinant;
        Some([a, b, mw - a * (mx + x0) - b * (my + y0)])
    }
}

/// Taskonomy's reshading: a light at the camera on bare geometry, max(0, n · −r).
pub(in crate::dataset) fn shading(rays: &Rays, surface: &Surface) -> Vec<f32> {
    let shade = |(pixel, n): (usize, &[f32; 3])| {
        if n[0].is_nan() {
            return f32::NAN;
        }
        unit(rays.ray(pixel)).map_or(f32::NAN, |ray| (-dot(*n, ray)).clamp(0.0, 1.0))
    };
    surface.normals.iter().enumerate().map(shade).collect()
}
