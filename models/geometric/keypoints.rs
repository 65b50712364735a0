//! Keypoints with sub-pixel positions and interpolated descriptors, from the
//! levels of a keypoint encoder.
//!
//! G. Potje et al., "XFeat: Accelerated Features for Lightweight Image
//! Matching", CVPR 2024: 65 logits per cell of 8×8 pixels, the last of them
//! for "no keypoint here".

use pulp::{Arch, Simd, WithSimd};

/// Input pixels per cell, both ways.
const CELL: usize = 8;
/// Pixels of a cell, and one for none of them.
pub(super) const LOGITS: usize = CELL * CELL + 1;
/// Cells next to an edge of the image within which nothing is taken: there the
/// encoder sees its own padding.
const MARGIN: usize = 4;
/// Pixels around a keypoint in which it is the greatest.
const SUPPRESSION: usize = 2;
/// Least probability of a keypoint.
const THRESHOLD: f32 = 0.05;

/// The three levels of one frame, borrowed; row-major, channel by channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeypointLevels<'a> {
    /// Cells across and down.
    pub(super) cells: (usize, usize),
    /// `[channels, h, w]`, of unit length over channels.
    pub(super) descriptors: &'a [f32],
    /// `[1, h, w]`.
    pub(super) reliability: &'a [f32],
    /// `[65, h, w]`.
    pub(super) logits: &'a [f32],
}

/// One point of a frame, in pixels of the encoder's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Keypoint {
    pub(super) u: f32,
    pub(super) v: f32,
    pub(super) score: f32,
}

/// The points of one frame; buffers are used again.
#[derive(Debug, Default)]
pub(super) struct Keypoints {
    pub(super) points: Vec<Keypoint>,
    /// As many rows as points, of unit length.
    pub(super) descriptors: Vec<f32>,
    /// Numbers in a row.
    pub(super) channels: usize,
}

impl Keypoints {
    /// Becomes the same as another, in the memory that it has.
    pub(super) fn copy(&mut self, other: &Self) {
        copy_into(&other.points, &mut self.points);
        copy_into(&other.descriptors, &mut self.descriptors);
        self.channels = other.channels;
    }
}

/// The same values, and memory for as many more.
pub(super) fn copy_into<T: Copy>(from: &Vec<T>, into: &mut Vec<T>) {
    into.clear();
    into.reserve(from.capacity());
    into.extend_from_slice(from);
}

/// Finds keypoints; what it works with is kept from frame to frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Detector {
    /// Probability per input pixel.
    heat: Vec<f32>,
    /// Descriptors, cell by cell.
    cells: Vec<f32>,
    candidates: Vec<(f32, u32)>,
}

impl Detector {
    /// The `most` best points of a frame, best first.
    pub(super) fn detect(
        &mut self,
        levels: &KeypointLevels<'_>,
        most: usize,
        into: &mut Keypoints,
    ) {
        self.spread(levels);
        self.peaks(levels);
        let by_score = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if self.candidates.len() > most {
            self.candidates.select_nth_unstable_by(most, by_score);
            self.candidates.truncate(most);
        }
        self.candidates.sort_unstable_by(by_score);
        self.transpose(levels);
        let width = levels.cells.0 * CELL;
        into.points.clear();
        into.descriptors.clear();
        into.channels = levels.descriptors.len() / (levels.cells.0 * levels.cells.1);
        into.points.reserve(most);
        into.descriptors.reserve(most * into.channels);
        for &(score, index) in &self.candidates {
            let (u, v) = (index as usize % width, index as usize / width);
            let point = Keypoint {
                u: u as f32 + self.offset(index as usize, 1),
                v: v as f32 + self.offset(index as usize, width),
                score,
            };
            into.points.push(point);
            self.describe(levels.cells, &point, into);
        }
    }

    /// Softmax of every cell, folded back to pixels.
    fn spread(&mut self, levels: &KeypointLevels<'_>) {
        let (across, down) = levels.cells;
        self.heat.resize(across * down * CELL * CELL, 0.0);
        Arch::new().dispatch(Spread {
            cells: levels.cells,
            logits: levels.logits,
            heat: &mut self.heat,
        });
    }

    /// Pixels that are the greatest around, with their scores.
    fn peaks(&mut self, levels: &KeypointLevels<'_>) {
        let (width, height) = (levels.cells.0 * CELL, levels.cells.1 * CELL);
        self.candidates.clear();
        // More than any picture has been seen to have.
        self.candidates.reserve(4 * levels.cells.0 * levels.cells.1);
        for v in MARGIN..height - MARGIN {
            for u in MARGIN..width - MARGIN {
                let heat = self.heat[v * width + u];
                // NaN is no peak.
                if heat > THRESHOLD && self.is_greatest(u, v, width) {
                    let score = heat * reliability(levels, u as f32, v as f32);
                    if score > 0.0 {
                        self.candidates.push((score, (v * width + u) as u32));
                    }
                }
            }
        }
    }

    fn is_greatest(&self, u: usize, v: usize, width: usize) -> bool {
        let heat = self.heat[v * width + u];
        (v - SUPPRESSION..=v + SUPPRESSION).all(|row| {
            let start = row * width + u;
            let around = &self.heat[start - SUPPRESSION..=start + SUPPRESSION];
            around.iter().all(|other| heat >= *other)
        })
    }

    /// Where between its neighbours the top of a peak lies: that of a parabola
    /// through three logarithms (of a Gaussian, that is its centre).
    fn offset(&self, index: usize, stride: usize) -> f32 {
        let [before, at, after] =
            [index - stride, index, index + stride].map(|i| self.heat[i].max(1e-6).ln());
        let curvature = before - 2.0 * at + after;
        if curvature > -1e-6 {
            return 0.0;
        }
        (0.5 * (before - after) / curvature).clamp(-0.5, 0.5)
    }

    /// Descriptors cell by cell; a few cells at a time, whose lines stay in the
    /// nearest cache until they are whole.
    fn transpose(&mut self, levels: &KeypointLevels<'_>) {
        let plane = levels.cells.0 * levels.cells.1;
        let channels = levels.descriptors.len() / plane;
        self.cells.resize(levels.descriptors.len(), 0.0);
        for (block, into) in self.cells.chunks_mut(LANES * channels).enumerate() {
            let start = block * LANES;
            for (channel, values) in levels.descriptors.chunks_exact(plane).enumerate() {
                let cells = into.chunks_exact_mut(channels);
                for (cell, value) in cells.zip(&values[start..]) {
                    cell[channel] = *value;
                }
            }
        }
    }

    /// Bicubic between the descriptors of 4×4 cells, brought to unit length.
    fn describe(&self, cells: (usize, usize), point: &Keypoint, into: &mut Keypoints) {
        let channels = into.channels;
        let (columns, across) = cubic((point.u + 0.5) / CELL as f32 - 0.5, cells.0);
        let (rows, down) = cubic((point.v + 0.5) / CELL as f32 - 0.5, cells.1);
        let start = into.descriptors.len();
        into.descriptors.resize(start + channels, 0.0);
        let row = &mut into.descriptors[start..];
        for (&v, down) in rows.iter().zip(down) {
            for (&u, across) in columns.iter().zip(across) {
                let weight = down * across;
                let cell = &self.cells[(v * cells.0 + u) * channels..][..channels];
                for (sum, value) in row.iter_mut().zip(cell) {
                    *sum += weight * value;
                }
            }
        }
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= length.max(1e-12));
    }
}

/// Cells of a row whose softmax is computed at once.
const LANES: usize = 16;

/// The softmax of all cells, compiled for each width of vectors; its bits are the
/// same on every processor.
struct Spread<'a> {
    cells: (usize, usize),
    logits: &'a [f32],
    heat: &'a mut [f32],
}

impl WithSimd for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (across, down) = self.cells;
        let plane = across * down;
        // One row of cells is `CELL` rows of pixels.
        let rows = self.heat.chunks_exact_mut(CELL * CELL * across);
        for (row, heat) in rows.enumerate() {
            for column in (0..across).step_by(LANES) {
                let count = LANES.min(across - column);
                let start = row * across + column;
                let weights = softmax(|channel| {
                    let from = &self.logits[channel * plane + start..][..count];
                    match from.as_chunks::<LANES>().0 {
                        [all, ..] => *all,
                        [] => {
                            let mut lanes = [0.0; LANES];
                            lanes[..count].copy_from_slice(from);
                            lanes
                        }
                    }
                });
                for (channel, weights) in weights.iter().enumerate() {
                    let (v, u) = (channel / CELL, channel % CELL);
                    let line = &mut heat[v * across * CELL + column * CELL + u..];
                    for (heat, weight) in line.iter_mut().step_by(CELL).zip(&weights[..count]) {
                        *heat = *weight;
                    }
                }
            }
        }
    }
}

/// Probabilities of the pixels of `LANES` cells, without that of "no keypoint".
#[inline(always)]
fn softmax(logits: impl Fn(usize) -> [f32; LANES]) -> [[f32; LANES]; LOGITS - 1] {
    let mut greatest = [f32::NEG_INFINITY; LANES];
    for channel in 0..LOGITS {
        for (greatest, logit) in greatest.iter_mut().zip(logits(channel)) {
            *greatest = if logit > *greatest { logit } else { *greatest };
        }
    }
    let mut weights = [[0.0; LANES]; LOGITS - 1];
    let mut sum = [0.0; LANES];
    for channel in 0..LOGITS {
        let logits = logits(channel);
        let mut each = [0.0; LANES];
        for lane in 0..LANES {
            each[lane] = exp(logits[lane] - greatest[lane]);
            sum[lane] += each[lane];
        }
        if let Some(weights) = weights.get_mut(channel) {
            *weights = each;
        }
    }
    for weights in &mut weights {
        for (weight, sum) in weights.iter_mut().zip(sum) {
            *weight /= sum;
        }
    }
    weights
}

/// The exponential of a number that is not above 0, to 2 units in the last place;
/// below −87 that of −87. In steps that vectors have, unlike the library's (S. L.
/// Moshier, "Methods and Programs for Mathematical Functions", 1989).
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 · 2²³: adding it rounds to whole numbers.
    const ROUNDER: f32 = 12_582_912.0;
    // NaN stays.
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let whole = shifted - ROUNDER;
    let rest = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let mut sum = 1.987_569_2e-4;
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        0.166_666_66,
        0.5,
    ] {
        sum = sum * rest + coefficient;
    }
    let fraction = sum * rest * rest + rest + 1.0;
    let power = shifted.to_bits().wrapping_sub(ROUNDER.to_bits());
    fraction * f32::from_bits(power.wrapping_add(127) << 23)
}

/// Bilinear between the four cells around a pixel; those at an edge reach on.
fn reliability(levels: &KeypointLevels<'_>, u: f32, v: f32) -> f32 {
    let (across, down) = levels.cells;
    let position = |pixel: f32, count: usize| {
        let at = ((pixel + 0.5) / CELL as f32 - 0.5).clamp(0.0, (count - 1) as f32);
        let first = (at as usize).min(count.saturating_sub(2));
        (first, at - first as f32)
    };
    let ((x, fx), (y, fy)) = (position(u, across), position(v, down));
    let at = |x: usize, y: usize| levels.reliability[y * across + x];
    let upper = at(x, y) * (1.0 - fx) + at(x + 1, y) * fx;
    let lower = at(x, y + 1) * (1.0 - fx) + at(x + 1, y + 1) * fx;
    upper * (1.0 - fy) + lower * fy
}

/// Four cells along one axis and their weights; R. Keys, "Cubic convolution
/// interpolation for digital image processing", 1981, with a = −0.75.
fn cubic(at: f32, count: usize) -> ([usize; 4], [f32; 4]) {
    const A: f32 = -0.75;
    let first = at.floor() as i64 - 1;
    let mut cells = [0; 4];
    let mut weights = [0.0; 4];
    for (tap, (cell, weight)) in cells.iter_mut().zip(&mut weights).enumerate() {
        let position = first + tap as i64;
        let distance = (at - position as f32).abs();
        *weight = if distance <= 1.0 {
            ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0
        } else {
            ((A * distance - 5.0 * A) * distance + 8.0 * A) * distance - 4.0 * A
        };
        *cell = position.clamp(0, count as i64 - 1) as usize;
    }
    (cells, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_the_librarys_but_for_its_last_bits() {
        for step in 0..87_000 {
            let x = -0.001 * step as f32;
            let (got, wanted) = (exp(x), x.exp());
            assert!(
                (got - wanted).abs() <= 3e-7 * wanted,
                "exp({x}) = {got}, not {wanted}"
            );
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::NAN).is_nan());
    }

    /// Levels of 6×5 cells whose only keypoint has its top at (u, v).
    fn levels(u: f32, v: f32) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (across, down) = (6, 5);
        let plane = across * down;
        let mut logits = vec![-20.0; LOGITS * plane];
        for cell in 0..plane {
            logits[(LOGITS - 1) * plane + cell] = 0.0;
        }
        for y in 0..down * CELL {
            for x in 0..across * CELL {
                let squared = (x as f32 - u).powi(2) + (y as f32 - v).powi(2);
                let channel = y % CELL * CELL + x % CELL;
                let cell = y / CELL * across + x / CELL;
                logits[channel * plane + cell] = (3.0 - 0.5 * squared).max(-20.0);
            }
        }
        let mut descriptors = vec![0.0; 4 * plane];
        for cell in 0..plane {
            descriptors[cell % 4 * plane + cell] = 1.0;
        }
        (descriptors, vec![0.5; plane], logits)
    }

    #[test]
    fn a_peak_is_found_to_a_tenth_of_a_pixel() {
        for (u, v) in [(19.0, 20.0), (20.3, 19.8), (27.45, 12.6)] {
            let (descriptors, reliability, logits) = levels(u, v);
            let levels = KeypointLevels {
                cells: (6, 5),
                descriptors: &descriptors,
                reliability: &reliability,
                logits: &logits,
            };
            let mut found = Keypoints::default();
            Detector::default().detect(&levels, 10, &mut found);
            assert_eq!(found.points.len(), 1, "{:?}", found.points);
            let point = found.points[0];
            assert!(
                (point.u - u).abs() < 0.1 && (point.v - v).abs() < 0.1,
                "{point:?}"
            );
            let length: f32 = found.descriptors.iter().map(|x| x * x).sum();
            assert!((length - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn levels_of_nothing_but_nan_have_no_keypoints() {
        let (descriptors, reliability, logits) = levels(20.0, 20.0);
        let nan = vec![f32::NAN; logits.len()];
        let levels = KeypointLevels {
            cells: (6, 5),
            descriptors: &descriptors,
            reliability: &reliability,
            logits: &nan,
        };
        let mut found = Keypoints::default();
        Detector::default().detect(&levels, 10, &mut found);
        assert!(found.points.is_empty());
    }
}
