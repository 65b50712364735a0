//! The arithmetic of a small network, forward and back, on one frame.
//!
//! Planes are `[channels, height, width]`, row-major. Everything adds to what
//! it writes.

mod resampling;

use concert_models::give_way::give_way;

use super::product::{add_product, rows, rows_mut, strided_rows, strided_rows_mut};
pub(crate) use resampling::Resampling;

/// Height and width of a plane, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Grid {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Grid {
    pub(crate) fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    pub(crate) fn cells(self) -> usize {
        self.height * self.width
    }
}

/// Memory that a convolution of 3×3 works in.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    padded: Vec<f32>,
    sums: Vec<f32>,
    /// The weights of one tap after those of another.
    taps: Vec<f32>,
    /// A plane interpolated along its rows alone.
    pub(crate) wide: Vec<f32>,
}

/// A plane with a border of one cell all around. Cell (y, x) of a plane and of
/// what a kernel's tap sees lie a fixed distance apart, so that a convolution is
/// nine products of matrices, without copies.
#[derive(Clone, Copy)]
struct Padded {
    grid: Grid,
}

impl Padded {
    fn width(self) -> usize {
        self.grid.width + 2
    }

    /// Cells of one channel; two more, so that the last tap's row ends inside.
    fn plane(self) -> usize {
        (self.grid.height + 2) * self.width() + 2
    }

    /// Cells of a sum: rows as wide as the padded plane's.
    fn sum(self) -> usize {
        self.grid.height * self.width()
    }

    fn tap(self, tap: usize) -> usize {
        tap / 3 * self.width() + tap % 3
    }

    fn fill(self, channels: usize, from: &[f32], padded: &mut Vec<f32>) {
        padded.clear();
        padded.resize(channels * self.plane(), 0.0);
        let planes = padded.chunks_exact_mut(self.plane());
        for (plane, from) in planes.zip(from.chunks_exact(self.grid.cells())) {
            for (y, row) in from.chunks_exact(self.grid.width).enumerate() {
                let start = (y + 1) * self.width() + 1;
                plane[start..start + self.grid.width].copy_from_slice(row);
            }
        }
    }

    /// A plane's rows, each followed by two zeros.
    fn widen(self, channels: usize, from: &[f32], sums: &mut Vec<f32>) {
        sums.clear();
        sums.resize(channels * self.sum(), 0.0);
        let wide = sums.chunks_exact_mut(self.width());
        for (wide, row) in wide.zip(from.chunks_exact(self.grid.width)) {
            wide[..self.grid.width].copy_from_slice(row);
        }
    }
}

/// Outputs, inputs and side of a kernel.
pub(crate) type Shape = (usize, usize, usize);

/// Adds the convolution of `from` to `out`.
pub(crate) fn convolve(
    from: &[f32],
    weights: &[f32],
    (outputs, inputs, side): Shape,
    grid: Grid,
    out: &mut [f32],
    scratch: &mut Scratch,
) {
    if side == 1 {
        let weights = rows(weights, outputs, inputs);
        let from = rows(from, inputs, grid.cells());
        return add_product(rows_mut(out, outputs, grid.cells()), weights, from);
    }
    let padded = Padded { grid };
    by_tap(weights, &mut scratch.taps);
    padded.fill(inputs, from, &mut scratch.padded);
    scratch.sums.clear();
    scratch.sums.resize(outputs * padded.sum(), 0.0);
    for (tap, weights) in scratch.taps.chunks_exact(outputs * inputs).enumerate() {
        let weights = rows(weights, outputs, inputs);
        let seen = &scratch.padded[padded.tap(tap)..];
        let seen = strided_rows(seen, inputs, padded.sum(), padded.plane());
        add_product(
            rows_mut(&mut scratch.sums, outputs, padded.sum()),
            weights,
            seen,
        );
    }
    let sums = scratch.sums.chunks_exact(padded.width());
    for (sum, row) in sums.zip(out.chunks_exact_mut(grid.width)) {
        for (sum, out) in sum.iter().zip(row) {
            *out += sum;
        }
    }
}

/// The weights `[outputs, inputs, 9]` as `[9, outputs, inputs]`.
fn by_tap(weights: &[f32], taps: &mut Vec<f32>) {
    taps.clear();
    let of = |tap: usize| weights[tap..].iter().step_by(9).copied();
    (0..9).for_each(|tap| taps.extend(of(tap)));
}

/// Adds to `gradient`, of what was convolved, what the gradient of the output makes.
pub(crate) fn convolve_back(
    out_gradient: &[f32],
    weights: &[f32],
    (outputs, inputs, side): Shape,
    grid: Grid,
    gradient: &mut [f32],
    scratch: &mut Scratch,
) {
    if side == 1 {
        let weights = rows(weights, outputs, inputs);
        let out = rows(out_gradient, outputs, grid.cells());
        let gradient = rows_mut(gradient, inputs, grid.cells());
        return add_product(gradient, weights.transpose(), out);
    }
    let padded = Padded { grid };
    by_tap(weights, &mut scratch.taps);
    padded.widen(outputs, out_gradient, &mut scratch.sums);
    scratch.padded.clear();
    scratch.padded.resize(inputs * padded.plane(), 0.0);
    for (tap, weights) in scratch.taps.chunks_exact(outputs * inputs).enumerate() {
        let weights = rows(weights, outputs, inputs);
        let out = rows(&scratch.sums, outputs, padded.sum());
        let seen = &mut scratch.padded[padded.tap(tap)..];
        let seen = strided_rows_mut(seen, inputs, padded.sum(), padded.plane());
        add_product(seen, weights.transpose(), out);
    }
    let planes = scratch.padded.chunks_exact(padded.plane());
    for (plane, gradient) in planes.zip(gradient.chunks_exact_mut(grid.cells())) {
        for (y, row) in gradient.chunks_exact_mut(grid.width).enumerate() {
            let start = (y + 1) * padded.width() + 1;
            for (gradient, seen) in row.iter_mut().zip(&plane[start..]) {
                *gradient += seen;
            }
        }
    }
}

/// Adds the gradients of a convolution's weights to `sums`.
pub(crate) fn convolve_weights_back(
    from: &[f32],
    out_gradient: &[f32],
    (outputs, inputs, side): Shape,
    grid: Grid,
    sums: &mut [f32],
    scratch: &mut Scratch,
) {
    if side == 1 {
        let out = rows(out_gradient, outputs, grid.cells());
        let from = rows(from, inputs, grid.cells());
        let sums = rows_mut(sums, outputs, inputs);
        return add_product(sums, out, from.transpose());
    }
    // One product with all that the nine taps see is faster here than nine: the
    // result is small and the sums are long.
    columns(from, inputs, grid, &mut scratch.padded);
    let out = rows(out_gradient, outputs, grid.cells());
    let seen = rows(&scratch.padded, inputs * 9, grid.cells());
    add_product(rows_mut(sums, outputs, inputs * 9), out, seen.transpose());
}

/// Copies the cells that the nine taps of a kernel see, a plane per channel and tap (im2col).
fn columns(from: &[f32], inputs: usize, grid: Grid, columns: &mut Vec<f32>) {
    let Grid { height, width } = grid;
    columns.clear();
    columns.resize(inputs * 9 * grid.cells(), 0.0);
    let planes = columns.chunks_exact_mut(grid.cells()).enumerate();
    for (at, plane) in planes {
        let from = &from[at / 9 * grid.cells()..][..grid.cells()];
        // A tap sees the cell `down` and `right` of its own, each -1, 0 or 1.
        let (down, right) = (at % 9 / 3, at % 3);
        let (top, bottom) = (1usize.saturating_sub(down), (height + 1 - down).min(height));
        let (left, end) = (1usize.saturating_sub(right), (width + 1 - right).min(width));
        for y in top..bottom {
            let seen = &from[(y + down - 1) * width..][..width];
            plane[y * width + left..y * width + end]
                .copy_from_slice(&seen[left + right - 1..end + right - 1]);
        }
    }
}

/// Planes that a depthwise convolution does before the thread may give way.
const PLANES: usize = 8;

/// Adds the convolution of each channel of `from` with a 3×3 kernel of its own
/// to `out`.
pub(crate) fn depthwise(
    from: &[f32],
    weights: &[f32],
    grid: Grid,
    out: &mut [f32],
    scratch: &mut Scratch,
) {
    let kernels = weights.as_chunks::<9>().0.iter();
    let planes = from.chunks_exact(grid.cells());
    let planes = planes.zip(out.chunks_exact_mut(grid.cells()));
    for (at, ((from, out), kernel)) in planes.zip(kernels).enumerate() {
        if at % PLANES == 0 {
            give_way();
        }
        correlate(from, kernel, grid, out, &mut scratch.padded);
    }
}

/// The way back through [`depthwise`] to what was convolved.
pub(crate) fn depthwise_back(
    out_gradient: &[f32],
    weights: &[f32],
    grid: Grid,
    gradient: &mut [f32],
    scratch: &mut Scratch,
) {
    let kernels = weights.as_chunks::<9>().0.iter();
    let planes = out_gradient.chunks_exact(grid.cells());
    let planes = planes.zip(gradient.chunks_exact_mut(grid.cells()));
    for (at, ((out, gradient), kernel)) in planes.zip(kernels).enumerate() {
        if at % PLANES == 0 {
            give_way();
        }
        let mut turned = *kernel;
        turned.reverse();
        correlate(out, &turned, grid, gradient, &mut scratch.padded);
    }
}

/// Adds the gradients of the weights of [`depthwise`] to `sums`.
pub(crate) fn depthwise_weights_back(
    from: &[f32],
    out_gradient: &[f32],
    grid: Grid,
    sums: &mut [f32],
    scratch: &mut Scratch,
) {
    let border = Padded { grid };
    let planes = from.chunks_exact(grid.cells());
    let planes = planes.zip(out_gradient.chunks_exact(grid.cells()));
    for (at, ((from, out), sums)) in planes.zip(sums.chunks_exact_mut(9)).enumerate() {
        if at % PLANES == 0 {
            give_way();
        }
        border.fill(1, from, &mut scratch.padded);
        for (tap, sum) in sums.iter_mut().enumerate() {
            let rows = out.chunks_exact(grid.width).enumerate();
            let seen = &scratch.padded[border.tap(tap)..];
            *sum += rows
                .map(|(y, row)| dot(row, &seen[y * border.width()..]))
                .sum::<f32>();
        }
    }
}

/// Adds what a 3×3 kernel sees of one plane, zeros beyond its border.
fn correlate(from: &[f32], kernel: &[f32; 9], grid: Grid, out: &mut [f32], padded: &mut Vec<f32>) {
    let border = Padded { grid };
    border.fill(1, from, padded);
    for (y, out) in out.chunks_exact_mut(grid.width).enumerate() {
        for (down, kernel) in kernel.as_chunks::<3>().0.iter().enumerate() {
            let seen = &padded[(y + down) * border.width()..][..border.width()];
            for (out, seen) in out.iter_mut().zip(seen.windows(3)) {
                *out += kernel[0] * seen[0] + kernel[1] * seen[1] + kernel[2] * seen[2];
            }
        }
    }
}

/// The sum of products, in sixteen parts as [`total`].
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let b = &b[..a.len()];
    let ((parts, rest), (others, other)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [0.0; 16];
    for (part, other) in parts.iter().zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(part).zip(other) {
            *sum += a * b;
        }
    }
    let rest = rest.iter().zip(other).map(|(a, b)| a * b);
    sums.into_iter().chain(rest).sum()
}

/// Adds one number per channel.
pub(crate) fn add_bias(bias: &[f32], out: &mut [f32]) {
    let cells = out.len() / bias.len();
    for (bias, plane) in bias.iter().zip(out.chunks_exact_mut(cells)) {
        plane.iter_mut().for_each(|value| *value += bias);
    }
}

/// Adds the gradients of one number per channel.
pub(crate) fn add_bias_back(out_gradient: &[f32], sums: &mut [f32]) {
    let cells = out_gradient.len() / sums.len();
    for (sum, plane) in sums.iter_mut().zip(out_gradient.chunks_exact(cells)) {
        *sum += total(plane);
    }
}

/// The sum of all numbers, in sixteen parts so that they are added side by side.
fn total(values: &[f32]) -> f32 {
    let (parts, rest) = values.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for part in parts {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += value;
        }
    }
    sums.iter().chain(rest).sum()
}

/// Adds the mean of each channel of `from` to `out`, which has one cell.
pub(crate) fn add_mean(from: &[f32], out: &mut [f32]) {
    let cells = from.len() / out.len();
    for (mean, plane) in out.iter_mut().zip(from.chunks_exact(cells)) {
        *mean += total(plane) / cells as f32;
    }
}

/// The way back through [`add_mean`]; nothing where `gradient` is empty.
pub(crate) fn add_mean_back(out_gradient: &[f32], gradient: &mut [f32]) {
    let cells = gradient.len() / out_gradient.len();
    if cells == 0 {
        return;
    }
    for (out, plane) in out_gradient.iter().zip(gradient.chunks_exact_mut(cells)) {
        let share = out / cells as f32;
        plane.iter_mut().for_each(|gradient| *gradient += share);
    }
}

/// Adds `from`; where it has one cell per channel, to every cell of `out`.
pub(crate) fn add_spread(from: &[f32], out: &mut [f32]) {
    if from.len() == out.len() {
        let both = out.iter_mut().zip(from);
        return both.for_each(|(out, from)| *out += from);
    }
    add_bias(from, out);
}

/// The way back through [`add_spread`]; nothing where `gradient` is empty.
pub(crate) fn add_spread_back(out_gradient: &[f32], gradient: &mut [f32]) {
    if gradient.is_empty() {
        return;
    }
    if gradient.len() == out_gradient.len() {
        let both = gradient.iter_mut().zip(out_gradient);
        return both.for_each(|(gradient, out)| *gradient += out);
    }
    add_bias_back(out_gradient, gradient);
}
