//! Visible surfaces as a thin cloud of points with normals.

use nalgebra::{Matrix3, Point3, Vector3};

use crate::geometric::scene::{Dense, Scene, Unable};
use crate::geometry::Intrinsics;

/// Points across the image at most.
const MAX_ACROSS: usize = 80;
/// Neighbouring points of one surface differ in depth by at most this share.
const ONE_SURFACE: f64 = 0.1;
/// Depths of a room, m.
const MIN_DEPTH: f64 = 0.1;
const MAX_DEPTH: f64 = 20.0;
/// Rows of points that count as the upper edge of the picture.
const TOP_ROWS: usize = 2;

/// One point of a surface, in the optical frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patch {
    /// m.
    pub(super) point: Point3<f64>,
    /// Unit vector towards the side that the camera sees.
    pub(super) normal: Vector3<f64>,
    /// m² of the surface that it stands for.
    pub(super) area: f64,
    /// Whether it lies at the upper edge of the picture.
    pub(super) at_top: bool,
}

/// A patch in the frame of the room: ahead, left, up from the camera.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// m.
    pub(super) point: Vector3<f64>,
    /// Unit vector towards the side that the camera sees.
    pub(super) normal: Vector3<f64>,
    /// m².
    pub(super) area: f64,
    /// Whether it lies at the upper edge of the picture.
    pub(super) at_top: bool,
}

/// Patches turned into the frame of a room.
pub(super) fn placed(patches: &[Patch], optical_from_room: &Matrix3<f64>) -> Vec<Placed> {
    let place = |patch: &Patch| Placed {
        point: optical_from_room.tr_mul(&patch.point.coords),
        normal: optical_from_room.tr_mul(&patch.normal),
        area: patch.area,
        at_top: patch.at_top,
    };
    patches.iter().map(place).collect()
}

/// The surfaces in `depth`, with normals of `normal` where it is there and of
/// the depth itself elsewhere.
///
/// # Errors
/// Views that are missing or not of their shape.
pub(super) fn patches(scene: &Scene<'_>) -> Result<Vec<Patch>, Unable> {
    let depth = scene.dense("depth", 1)?;
    let normal = match scene.view("normal", 4) {
        Some(_) => Some(scene.dense("normal", 3)?),
        None => None,
    };
    let grid = Grid::over(&depth, &scene.intrinsics());
    let mut patches = Vec::with_capacity(grid.across * grid.down);
    for y in 0..grid.down {
        for x in 0..grid.across {
            let Some(point) = grid.point(x, y) else {
                continue;
            };
            let told = normal
                .as_ref()
                .and_then(|normal| grid.normal_told(normal, x, y));
            if let Some(normal) = told.or_else(|| grid.normal_of_depth(x, y)) {
                patches.push(grid.patch(point, normal, y < TOP_ROWS));
            }
        }
    }
    Ok(patches)
}

/// Points at equal steps over a depth image.
struct Grid<'a> {
    across: usize,
    down: usize,
    step: usize,
    depth: &'a Dense<'a>,
    points: Vec<Option<Point3<f64>>>,
    /// Solid angle of one point at the centre of the image.
    solid: f64,
}

impl<'a> Grid<'a> {
    fn over(depth: &'a Dense<'a>, intrinsics: &Intrinsics) -> Self {
        let step = depth.width.div_ceil(MAX_ACROSS).max(1);
        let (across, down) = (depth.width.div_ceil(step), depth.height.div_ceil(step));
        let Intrinsics { fx, fy, cx, cy, .. } = *intrinsics;
        let [[by_u, ..], [_, by_v, _]] = depth.image_from_pixel.0;
        let mut points = Vec::with_capacity(across * down);
        for y in 0..down {
            for x in 0..across {
                let z = f64::from(depth.values[y * step * depth.width + x * step]);
                let [u, v] = depth
                    .image_from_pixel
                    .apply([(x * step) as f64, (y * step) as f64]);
                let known = (MIN_DEPTH..=MAX_DEPTH).contains(&z);
                points.push(known.then(|| Point3::new((u - cx) / fx * z, (v - cy) / fy * z, z)));
            }
        }
        let steps = (step * step) as f64;
        Self {
            across,
            down,
            step,
            depth,
            points,
            solid: (steps * by_u * by_v / (fx * fy)).abs(),
        }
    }

    fn point(&self, x: usize, y: usize) -> Option<Point3<f64>> {
        self.points[y * self.across + x]
    }

    /// From another tensor, where it looks at the same point.
    fn normal_told(&self, normal: &Dense<'_>, x: usize, y: usize) -> Option<Vector3<f64>> {
        let pixel = [(x * self.step) as f64, (y * self.step) as f64];
        let image = self.depth.image_from_pixel.apply(pixel);
        let [u, v] = normal
            .image_from_pixel
            .inverse()?
            .apply(image)
            .map(f64::round);
        let (width, height) = (normal.width as f64, normal.height as f64);
        if !(0.0..width).contains(&u) || !(0.0..height).contains(&v) {
            return None;
        }
        let index = v as usize * normal.width + u as usize;
        let plane = normal.width * normal.height;
        let part = |channel: usize| f64::from(normal.values[channel * plane + index]);
        Vector3::new(part(0), part(1), part(2)).try_normalize(0.1)
    }

    /// Across the neighbours of one surface.
    fn normal_of_depth(&self, x: usize, y: usize) -> Option<Vector3<f64>> {
        let centre = self.point(x, y)?;
        let along = |dx: usize, dy: usize| {
            let before = (x >= dx && y >= dy)
                .then(|| self.point(x - dx, y - dy))
                .flatten();
            let after = (x + dx < self.across && y + dy < self.down)
                .then(|| self.point(x + dx, y + dy))
                .flatten();
            let near = |other: &Point3<f64>| (other.z - centre.z).abs() < ONE_SURFACE * centre.z;
            match (before.filter(near), after.filter(near)) {
                (Some(before), Some(after)) => Some(after - before),
                (None, Some(after)) => Some(after - centre),
                (Some(before), None) => Some(centre - before),
                (None, None) => None,
            }
        };
        along(1, 0)?.cross(&along(0, 1)?).try_normalize(1e-12)
    }

    fn patch(&self, point: Point3<f64>, normal: Vector3<f64>, at_top: bool) -> Patch {
        let ray = point.coords.normalize();
        let facing = normal.dot(&ray);
        let normal = if facing > 0.0 { -normal } else { normal };
        // A surface seen at a grazing angle is mostly noise.
        let area = self.solid * point.z * point.z / facing.abs().max(0.2);
        Patch {
            point,
            normal,
            area,
            at_top,
        }
    }
}
