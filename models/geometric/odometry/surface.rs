//! The surfaces that a depth camera sees, as a coarse grid of points with
//! normals.

use nalgebra::{Vector2, Vector3};

use super::snapshot::{MAX_DEPTH, MIN_DEPTH};
use crate::geometric::keypoints::copy_into;
use crate::geometric::scene::Dense;
use crate::geometry::Intrinsics;

/// Cells across and down that a grid has at least, where the depth has as many
/// pixels; and less than twice as many of either.
const CELLS: (usize, usize) = (80, 60);
/// Pixels of a cell, across and down, that are looked at.
const LOOKED_AT: usize = 4;
/// Depths of a cell that belong to one surface differ by less than this share.
const ONE_CELL: f32 = 0.03;
/// Share by which depths of neighbouring cells of one surface differ at most.
const ONE_SURFACE: f64 = 0.08;
/// Greatest angle between a surface and the ray that sees it: beyond, depth is
/// mostly noise. As the least cosine to its normal.
const MIN_FACING: f64 = 0.2;

/// A point of a surface, in the optical frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    /// m.
    pub(super) point: Vector3<f64>,
    /// Unit vector towards the camera.
    pub(super) normal: Vector3<f64>,
    /// Part of the picture that it lies in.
    pub(super) part: u8,
}

/// Parts of the picture, across and down, whose errors are taken as independent.
pub(super) const PARTS: (usize, usize) = (4, 3);

/// The part of a picture that a point lies in, given as a share of its width
/// and height.
pub(super) fn part_of(across: f64, down: f64) -> u8 {
    let part = |share: f64, parts: usize| {
        let part = (share * parts as f64) as usize;
        part.min(parts - 1)
    };
    (part(down, PARTS.1) * PARTS.0 + part(across, PARTS.0)) as u8
}

/// What a depth camera sees; empty where there is none.
#[derive(Debug, Default)]
pub(super) struct Surface {
    across: usize,
    down: usize,
    /// Cells per length on the plane z = 1, and the cell of its origin.
    scale: Vector2<f64>,
    origin: Vector2<f64>,
    /// Row by row; z = 0 where unknown.
    points: Vec<Vector3<f64>>,
    /// Row by row.
    elements: Vec<Option<Element>>,
}

impl Surface {
    /// Sees nothing.
    pub(super) fn clear(&mut self) {
        self.points.clear();
        self.elements.clear();
        (self.across, self.down) = (0, 0);
    }

    /// Becomes the same as another, in the memory that it has.
    pub(super) fn copy(&mut self, other: &Self) {
        (self.across, self.down) = (other.across, other.down);
        (self.scale, self.origin) = (other.scale, other.origin);
        copy_into(&other.points, &mut self.points);
        copy_into(&other.elements, &mut self.elements);
    }

    /// Takes a depth image in; what stood here is lost.
    pub(super) fn take(&mut self, depth: &Dense<'_>, intrinsics: &Intrinsics) {
        let step = (depth.width / CELLS.0).max(depth.height / CELLS.1).max(1);
        self.clear();
        (self.across, self.down) = (depth.width / step, depth.height / step);
        // What is across in the image is across in the depth: no map shears.
        let Intrinsics { fx, fy, cx, cy, .. } = *intrinsics;
        let [[a, _, c], [_, e, f]] = depth.image_from_pixel.0;
        let (by_pixel, first) = (
            Vector2::new(a / fx, e / fy),
            Vector2::new((c - cx) / fx, (f - cy) / fy),
        );
        let middle = 0.5 * (step as f64 - 1.0);
        self.scale = by_pixel.map(|length| 1.0 / (length * step as f64));
        self.origin = -(first + by_pixel * middle).component_mul(&self.scale);
        for row in 0..self.down {
            for column in 0..self.across {
                let seen = cell(depth, (column * step, row * step), step);
                let point = seen.map(|(u, v, metres)| {
                    let ray = first + by_pixel.component_mul(&Vector2::new(u, v));
                    ray.push(1.0) * metres
                });
                self.points.push(point.unwrap_or_default());
            }
        }
        for row in 0..self.down {
            for column in 0..self.across {
                let element = self.element(column, row);
                self.elements.push(element);
            }
        }
    }

    fn element(&self, column: usize, row: usize) -> Option<Element> {
        let inside = (1..self.across.saturating_sub(1)).contains(&column)
            && (1..self.down.saturating_sub(1)).contains(&row);
        if !inside {
            return None;
        }
        let at = row * self.across + column;
        let point = self.points[at];
        let near = |other: usize| {
            let other = self.points[other];
            ((other.z - point.z).abs() < ONE_SURFACE * point.z).then_some(other)
        };
        let right = near(at + 1)? - near(at - 1)?;
        let down = near(at + self.across)? - near(at - self.across)?;
        let normal = down.cross(&right).try_normalize(1e-12)?;
        if -normal.dot(&point) < MIN_FACING * point.norm() {
            return None;
        }
        Some(Element {
            point,
            normal,
            part: part_of(
                column as f64 / self.across as f64,
                row as f64 / self.down as f64,
            ),
        })
    }

    /// Every element of every `step`th column and row.
    pub(super) fn every(&self, step: usize) -> impl Iterator<Item = &Element> {
        let rows = self.elements.chunks_exact(self.across.max(1));
        let rows = rows.skip(step / 2).step_by(step);
        rows.flat_map(move |row| row.iter().skip(step / 2).step_by(step).flatten())
    }

    /// What is seen where a point is; `None` outside of the picture.
    pub(super) fn at(&self, point: &Vector3<f64>) -> Option<&Element> {
        if point.z < f64::from(MIN_DEPTH) {
            return None;
        }
        let cell = (point.xy() / point.z).component_mul(&self.scale) + self.origin;
        let (column, row) = (cell.x.round(), cell.y.round());
        let inside =
            (0.0..self.across as f64).contains(&column) && (0.0..self.down as f64).contains(&row);
        if !inside {
            return None;
        }
        self.elements[row as usize * self.across + column as usize].as_ref()
    }
}

/// Middle (px) and depth (m) of the surface that a cell shows most of; `None`
/// where less than a third of it is known.
fn cell(depth: &Dense<'_>, corner: (usize, usize), step: usize) -> Option<(f64, f64, f64)> {
    let stride = step.div_ceil(LOOKED_AT);
    let mut seen = [(0.0_f32, 0, 0); LOOKED_AT * LOOKED_AT];
    let (mut count, mut total) = (0, 0);
    for v in (corner.1..corner.1 + step).step_by(stride) {
        for u in (corner.0..corner.0 + step).step_by(stride) {
            let metres = depth.values[v * depth.width + u];
            total += 1;
            if (MIN_DEPTH..=MAX_DEPTH).contains(&metres) {
                seen[count] = (metres, u, v);
                count += 1;
            }
        }
    }
    if count == 0 || 3 * count < total {
        return None;
    }
    let seen = &mut seen[..count];
    let middle = count / 2;
    let median = seen
        .select_nth_unstable_by(middle, |a, b| a.0.total_cmp(&b.0))
        .1
        .0;
    let near = seen
        .iter()
        .filter(|one| (one.0 - median).abs() < ONE_CELL * median);
    // The inverse of the depth is linear over a plane, the depth is not.
    let (mut u, mut v, mut inverse, mut near_count) = (0.0, 0.0, 0.0, 0.0);
    for &(metres, x, y) in near {
        u += x as f64;
        v += y as f64;
        inverse += 1.0 / f64::from(metres);
        near_count += 1.0;
    }
    Some((u / near_count, v / near_count, near_count / inverse))
}
