//! Matching of descriptors of two frames.

use pulp::{Arch, Simd, WithSimd};

/// Rows of the second frame, and rows of the first, that are compared at once.
const LANES: usize = 16;
const ROWS: usize = 4;

/// Mutual nearest neighbours; what it works with is kept from frame to frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Matcher {
    /// Descriptors of the second frame, `LANES` rows interleaved.
    packed: Vec<f32>,
    best_of_second: Vec<Nearest>,
    best_of_first: Vec<(f32, u32)>,
}

/// Nearest rows of as many others: cosines, and which rows.
#[derive(Debug, Clone, Copy)]
struct Nearest {
    cosines: [f32; LANES],
    rows: [u32; LANES],
}

impl Nearest {
    const NONE: Self = Self {
        cosines: [f32::NEG_INFINITY; LANES],
        rows: [u32::MAX; LANES],
    };

    /// Takes a row where it is nearer; NaN is not.
    #[inline(always)]
    fn offer(&mut self, cosines: &[f32; LANES], row: u32) {
        let lanes = self.cosines.iter_mut().zip(&mut self.rows);
        for ((best, best_row), cosine) in lanes.zip(cosines) {
            let nearer = *cosine > *best;
            *best_row = if nearer { row } else { *best_row };
            *best = if nearer { *cosine } else { *best };
        }
    }

    /// The nearest over all lanes, where rows are blocks of lanes; of equal ones
    /// the first.
    fn over_lanes(&self) -> (f32, u32) {
        let mut best = (f32::NEG_INFINITY, u32::MAX);
        for (lane, (&cosine, &block)) in self.cosines.iter().zip(&self.rows).enumerate() {
            if block == u32::MAX {
                continue;
            }
            let row = block * LANES as u32 + lane as u32;
            if cosine > best.0 || (cosine == best.0 && row < best.1) {
                best = (cosine, row);
            }
        }
        best
    }
}

impl Matcher {
    /// Pairs (first, second, cosine of the angle) that are each other's nearest
    /// and at least `least` similar. Rows have `channels` numbers and unit
    /// length.
    pub(super) fn mutual(
        &mut self,
        first: &[f32],
        second: &[f32],
        channels: usize,
        least: f32,
        pairs: &mut Vec<(u32, u32, f32)>,
    ) {
        pairs.clear();
        if channels == 0 || first.is_empty() || second.is_empty() {
            return;
        }
        let count = second.len() / channels;
        self.pack(second, channels);
        self.best_of_first.clear();
        self.best_of_second.clear();
        (self.best_of_second).resize(count.div_ceil(LANES), Nearest::NONE);
        Arch::new().dispatch(Comparison {
            first,
            packed: &self.packed,
            channels,
            best_of_first: &mut self.best_of_first,
            best_of_second: &mut self.best_of_second,
        });
        for (row, &(similarity, other)) in self.best_of_first.iter().enumerate() {
            let other_row = other as usize;
            let chosen = || self.best_of_second[other_row / LANES].rows[other_row % LANES];
            if other_row < count && similarity >= least && chosen() == row as u32 {
                pairs.push((row as u32, other, similarity));
            }
        }
    }

    fn pack(&mut self, rows: &[f32], channels: usize) {
        self.packed.clear();
        let count = rows.len() / channels;
        // Rows that only fill up a block are no row's nearest.
        self.packed
            .resize(count.next_multiple_of(LANES) * channels, f32::NAN);
        for (row, values) in rows.chunks_exact(channels).enumerate() {
            let start = row / LANES * LANES * channels + row % LANES;
            for (channel, value) in values.iter().enumerate() {
                self.packed[start + channel * LANES] = *value;
            }
        }
    }
}

/// All rows of one frame with all of another, compiled for each width of vectors.
/// Every product is summed in the order of the channels, without fusing: its bits
/// are the same on every processor.
struct Comparison<'a> {
    first: &'a [f32],
    packed: &'a [f32],
    channels: usize,
    best_of_first: &'a mut Vec<(f32, u32)>,
    best_of_second: &'a mut [Nearest],
}

impl WithSimd for Comparison<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        let groups = self.first.chunks_exact(ROWS * self.channels);
        for rows in groups.clone() {
            self.compare::<ROWS>(rows);
        }
        for row in groups.remainder().chunks_exact(self.channels) {
            self.compare::<1>(row);
        }
    }
}

impl Comparison<'_> {
    /// `N` rows of the first frame with all of the second.
    #[inline(always)]
    fn compare<const N: usize>(&mut self, rows: &[f32]) {
        let first_row = self.best_of_first.len() as u32;
        let mut nearest = [Nearest::NONE; N];
        let blocks = self.packed.chunks_exact(self.channels * LANES);
        for (block, (packed, seconds)) in blocks.zip(self.best_of_second.iter_mut()).enumerate() {
            let products = products::<N>(rows, packed);
            for (row, (cosines, nearest)) in products.iter().zip(&mut nearest).enumerate() {
                nearest.offer(cosines, block as u32);
                seconds.offer(cosines, first_row + row as u32);
            }
        }
        self.best_of_first
            .extend(nearest.iter().map(Nearest::over_lanes));
    }
}

/// Scalar products of `N` rows with `LANES` interleaved ones.
#[inline(always)]
fn products<const N: usize>(rows: &[f32], packed: &[f32]) -> [[f32; LANES]; N] {
    let channels = rows.len() / N;
    let mut sums = [[0.0; LANES]; N];
    for (channel, lanes) in packed.as_chunks::<LANES>().0.iter().enumerate() {
        for (row, sums) in sums.iter_mut().enumerate() {
            let value = rows[row * channels + channel];
            for (sum, other) in sums.iter_mut().zip(lanes) {
                *sum += value * other;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_that_choose_each_other_are_matched() {
        // In the plane: angles in degrees.
        let rows = |angles: &[f32]| -> Vec<f32> {
            let row = |angle: &f32| [angle.to_radians().cos(), angle.to_radians().sin()];
            angles.iter().flat_map(row).collect()
        };
        let (first, second) = (rows(&[0.0, 10.0, 90.0]), rows(&[12.0, 91.0, 180.0]));
        let mut pairs = Vec::new();
        Matcher::default().mutual(&first, &second, 2, 0.8, &mut pairs);
        let indices: Vec<_> = pairs.iter().map(|(a, b, _)| (*a, *b)).collect();
        assert_eq!(indices, [(1, 0), (2, 1)]);
        Matcher::default().mutual(&first, &second, 2, 0.9995, &mut pairs);
        assert_eq!(pairs.len(), 1, "10° to 12° is cos 0.99939");
    }

    #[test]
    fn every_row_of_many_finds_itself() {
        let rows: Vec<f32> = (0..100_u32)
            .flat_map(|row| {
                (0..64).map(move |c| (((row * 31 + c * 7 + row * c) % 97) as f32) - 48.0)
            })
            .collect();
        let unit: Vec<f32> = (rows.chunks_exact(64))
            .flat_map(|row| {
                let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                row.iter().map(move |x| x / length)
            })
            .collect();
        let mut pairs = Vec::new();
        Matcher::default().mutual(&unit, &unit, 64, 0.99, &mut pairs);
        assert!(pairs.iter().all(|(a, b, _)| a == b), "{pairs:?}");
        assert!(pairs.len() > 90, "{}", pairs.len());
    }

    #[test]
    fn nothing_matches_nothing() {
        let mut pairs = vec![(0, 0, 1.0)];
        Matcher::default().mutual(&[], &[1.0, 0.0], 2, 0.8, &mut pairs);
        assert!(pairs.is_empty());
        Matcher::default().mutual(&[f32::NAN; 2], &[1.0, 0.0], 2, 0.8, &mut pairs);
        assert!(pairs.is_empty());
    }
}
