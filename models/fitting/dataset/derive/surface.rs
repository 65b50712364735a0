//! Normals and curvature of the visible surface.

use super::fit::{Cells, noise_of};
use super::pyramid::{LEVELS, pyramid};
use super::rays::{Rays, dot, unit};
use concert_models::give_way::give_way;
use concert_models::image_file::DepthImage;

/// Pixels from one time that the thread may give way to the next.
const PIECE: usize = 256;

/// Error of a normal that noise may cause, rad; windows grow until it is below.
const WANTED_ERROR: f32 = 0.03;
/// Least share of a window's known cells that lie on its plane, so that a
/// window over a crease gives way to a smaller one.
const MIN_SHARE: f32 = 0.85;
/// Least cosine between normal and ray that is trusted.
const MIN_COSINE: f32 = 0.03;
/// Greatest difference of depths of one surface within a window, as a share.
const SAME_SURFACE: f32 = 0.12;

/// The visible surface: unit normals in the optical frame towards the camera,
/// NaN where unknown, and depth without its noise.
pub(in crate::dataset) struct Surface {
    pub(super) normals: Vec<[f32; 3]>,
    /// Depth of the fitted plane at the pixel where there is one, else as
    /// measured.
    pub(super) depth: Vec<f32>,
    /// Noise of the inverse depth, 1/m.
    pub(super) noise: f32,
    width: usize,
}

const UNKNOWN: [f32; 3] = [f32::NAN; 3];

impl Surface {
    pub(in crate::dataset) fn of(depth: &DepthImage, rays: &Rays) -> Self {
        let levels = pyramid(depth, LEVELS);
        let noise = noise_of(&levels[0]);
        let mut cells: Vec<_> = (levels.iter().enumerate())
            .map(|(index, level)| Cells::new(level, rays, index, noise))
            .collect();
        let mut surface = Self {
            normals: vec![UNKNOWN; depth.metres.len()],
            depth: depth.metres.clone(),
            noise,
            width: depth.width,
        };
        for (pixel, z) in depth.metres.iter().enumerate() {
            if pixel % PIECE == 0 {
                give_way();
            }
            if *z > 0.0 {
                surface.fit_pixel(rays, &mut cells, pixel, 1.0 / z);
            }
        }
        surface
    }

    /// Takes the plane of the largest window up to the wanted one that lies on
    /// one surface, or else of the one that comes closest to it.
    fn fit_pixel(&mut self, rays: &Rays, cells: &mut [Cells], pixel: usize, inverse: f32) {
        let (u, v) = (pixel % self.width, pixel / self.width);
        let ray = rays.ray(pixel);
        let wanted = (0..cells.len() - 1)
            .find(|level| cells[*level].error(rays.fx) <= WANTED_ERROR * inverse);
        let mut best: Option<(f32, [f32; 3])> = None;
        for level in (0..=wanted.unwrap_or(cells.len() - 1)).rev() {
            let Some((plane, share)) = cells[level].plane(u, v) else {
                continue;
            };
            if (dot(plane, ray) - inverse).abs() > cells[0].tolerance(inverse) {
                continue;
            }
            if best.is_none_or(|(most, _)| share > most) {
                best = Some((share, plane));
            }
            if share >= MIN_SHARE {
                break;
            }
        }
        let Some((_, plane)) = best else {
            return;
        };
        let (Some(away), Some(direction)) = (unit(plane), unit(ray)) else {
            return;
        };
        // n · X = 1 points away from the camera.
        if dot(away, direction) >= MIN_COSINE {
            self.normals[pixel] = away.map(|x| -x);
            self.depth[pixel] = 1.0 / dot(plane, ray);
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
            if pixel % PIECE == 0 {
                give_way();
            }
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
        let same = !normal[0].is_nan() && (depth / z - 1.0).abs() < SAME_SURFACE;
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
