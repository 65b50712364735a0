//! Planes through the cells of one level of the pyramid.
//!
//! A plane n · X = 1 seen through a pinhole is linear in inverse depth:
//! 1/z = n_x x + n_y y + n_z with the ray (x, y, 1). Noise of stereo and
//! structured-light cameras is nearly uniform in inverse depth (it is
//! disparity), so that is where planes are fitted by least squares.

use super::pyramid::Level;
use super::rays::{Rays, dot};

/// Half the side of the window, in cells of its level.
const RADIUS: usize = 3;
/// Cells in a row of the window.
const WINDOW: usize = 2 * RADIUS + 1;
/// The window's row padded to what a processor adds at once.
const LANES: usize = 8;
/// Unknown cells beside each row, so that every window is whole.
const PADDING: usize = LANES;
/// Greatest distance of the inverse depth of a first neighbour from the centre's, as
/// a share of it.
const FIRST_GUARD: f32 = 0.12;
/// Greatest distance of a neighbour from the fitted plane, beside three times the
/// noise: share, and 1/m.
const SECOND_GUARD: (f32, f32) = (0.006, 0.001);
/// Pixels that share their error along a line.
const CORRELATION: f32 = 1.5;
/// Fewest neighbours that a plane is fitted to.
const MIN_PIXELS: f32 = 10.0;

/// A plane and the share of the known cells of its window that lie on it.
type Plane = ([f32; 3], f32);

/// One level with its planes, each fitted when it is first asked for.
pub(super) struct Cells<'a> {
    level: &'a Level,
    /// Inverse depth with `RADIUS` unknown cells before each row and the rest
    /// of `PADDING` after it.
    padded: Vec<f32>,
    /// Rays of the cells' centres, x padded likewise.
    x: Vec<f32>,
    y: Vec<f32>,
    index: usize,
    /// Noise of a cell's inverse depth, 1/m.
    noise: f32,
    planes: Vec<Option<Option<Plane>>>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(level: &'a Level, rays: &Rays, index: usize, noise: f32) -> Self {
        let side = 1usize << index;
        let centres = |rays: &[f32], count: usize| -> Vec<f32> {
            let ray = |cell: usize| {
                let first = (cell * side).min(rays.len() - 1);
                let last = (cell * side + side - 1).min(rays.len() - 1);
                (rays[first] + rays[last]) / 2.0
            };
            (0..count).map(ray).collect()
        };
        let pad = |row: &[f32], with: f32| {
            let before = std::iter::repeat_n(with, RADIUS);
            let after = std::iter::repeat_n(with, PADDING - RADIUS);
            before
                .chain(row.iter().copied())
                .chain(after)
                .collect::<Vec<_>>()
        };
        let rows = level.inverse.chunks_exact(level.width);
        Self {
            level,
            padded: rows.flat_map(|row| pad(row, f32::NAN)).collect(),
            x: pad(&centres(&rays.x, level.width), 0.0),
            y: centres(&rays.y, level.height),
            index,
            noise: noise * (CORRELATION / side as f32).min(1.0),
            planes: vec![None; level.inverse.len()],
        }
    }

    /// Standard error of a plane's slope by noise, 1/m: noise over the root of
    /// the sum of squared distances (n = 49 cells, spread as in a square).
    pub(super) fn error(&self, fx: f32) -> f32 {
        let side = (2 * RADIUS + 1) as f32;
        let spread = side / 12f32.sqrt() * (1 << self.index) as f32 / fx;
        self.noise / (side * spread)
    }

    /// Greatest distance of an inverse depth from its plane.
    pub(super) fn tolerance(&self, inverse: f32) -> f32 {
        SECOND_GUARD.0 * inverse + SECOND_GUARD.1 + 3.0 * self.noise
    }

    /// The plane of the cell that holds pixel (u, v).
    pub(super) fn plane(&mut self, u: usize, v: usize) -> Option<Plane> {
        let centre = (u >> self.index, v >> self.index);
        let place = centre.1 * self.level.width + centre.0;
        if let Some(known) = self.planes[place] {
            return known;
        }
        let plane = self.fit_cell(centre, self.level.inverse[place]);
        self.planes[place] = Some(plane);
        plane
    }

    fn fit_cell(&self, centre: (usize, usize), inverse: f32) -> Option<Plane> {
        if inverse.is_nan() {
            return None;
        }
        let guard = FIRST_GUARD * inverse;
        let (first, _) = self.fit(centre, |_, _, w| (w - inverse).abs() <= guard)?;
        let tolerance = self.tolerance(inverse);
        let near = |x: f32, y: f32, w: f32| (dot(first, [x, y, 1.0]) - w).abs() <= tolerance;
        self.fit(centre, near)
    }

    /// Least squares of 1/z = a x + b y + c over the neighbours that are `near`.
    fn fit(&self, (u, v): (usize, usize), near: impl Fn(f32, f32, f32) -> bool) -> Option<Plane> {
        let (x0, y0) = (self.x[u + RADIUS], self.y[v]);
        let xs = lanes(&self.x[u..]);
        let mut sums = [[0.0f32; LANES]; 10];
        for row in v.saturating_sub(RADIUS)..(v + RADIUS + 1).min(self.level.height) {
            let y = self.y[row];
            let line = lanes(&self.padded[row * (self.level.width + PADDING) + u..]);
            for lane in 0..LANES {
                let (w, x) = (line[lane], xs[lane]);
                // Comparisons with NaN do not hold.
                let is_known = w > 0.0 && lane < WINDOW;
                let weight = f32::from(u8::from(is_known && near(x, y, w)));
                let w = if is_known { w * weight } else { 0.0 };
                let (dx, dy) = ((x - x0) * weight, (y - y0) * weight);
                let terms = [weight, dx, dy, dx * dx, dx * dy, dy * dy, w, dx * w, dy * w];
                for (sum, term) in sums.iter_mut().zip(terms) {
                    sum[lane] += term;
                }
                sums[9][lane] += f32::from(u8::from(is_known));
            }
        }
        let [s, sx, sy, sxx, sxy, syy, sw, sxw, syw, known] =
            sums.map(|sum| sum.iter().sum::<f32>());
        if s < MIN_PIXELS {
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
        Some(([a, b, mw - a * (mx + x0) - b * (my + y0)], s / known))
    }
}

fn lanes(from: &[f32]) -> &[f32; LANES] {
    from.first_chunk()
        .expect("rows are padded to whole windows")
}

/// Noise of the inverse depth, 1/m: from the median second difference along
/// rows, which is 0 on planes, between pixels an eightieth of the width apart:
/// nearer ones share their error, because sensors quantise and smooth.
pub(super) fn noise_of(level: &Level) -> f32 {
    let apart = (level.width / 80).max(1);
    let rows = level.inverse.chunks_exact(level.width).step_by(3);
    let bends = rows.flat_map(|row| row.windows(2 * apart + 1).step_by(5));
    let bend = |w: &[f32]| (w[0] - 2.0 * w[apart] + w[2 * apart]).abs();
    let mut bends: Vec<f32> = bends.map(bend).filter(|bend| !bend.is_nan()).collect();
    if bends.is_empty() {
        return 0.0;
    }
    let middle = bends.len() / 2;
    let median = *bends.select_nth_unstable_by(middle, f32::total_cmp).1;
    1.4826 * median / 6f32.sqrt()
}
