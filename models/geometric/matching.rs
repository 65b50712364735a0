//! Matching of descriptors of two frames.

/// Rows of the second frame that are compared with one of the first at once.
const LANES: usize = 16;

/// Mutual nearest neighbours; what it works with is kept from frame to frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Matcher {
    /// Descriptors of the second frame, `LANES` rows interleaved.
    packed: Vec<f32>,
    best_of_second: Vec<(f32, u32)>,
    best_of_first: Vec<(f32, u32)>,
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
        let nothing = (f32::NEG_INFINITY, u32::MAX);
        self.best_of_first.clear();
        self.best_of_second.clear();
        self.best_of_second
            .resize(count.next_multiple_of(LANES), nothing);
        for (row, one) in first.chunks_exact(channels).enumerate() {
            let mut best = nothing;
            let blocks = self.packed.chunks_exact(channels * LANES);
            let seconds = self.best_of_second.chunks_exact_mut(LANES);
            for (block, (packed, seconds)) in blocks.zip(seconds).enumerate() {
                let sums = products(one, packed);
                for (lane, (sum, second)) in sums.iter().zip(seconds).enumerate() {
                    if *sum > best.0 {
                        best = (*sum, (block * LANES + lane) as u32);
                    }
                    if *sum > second.0 {
                        *second = (*sum, row as u32);
                    }
                }
            }
            self.best_of_first.push(best);
        }
        for (row, &(similarity, other)) in self.best_of_first.iter().enumerate() {
            let is_row = (other as usize) < count;
            if is_row && similarity >= least && self.best_of_second[other as usize].1 == row as u32
            {
                pairs.push((row as u32, other, similarity));
            }
        }
    }

    fn pack(&mut self, rows: &[f32], channels: usize) {
        self.packed.clear();
        let count = rows.len() / channels;
        // Rows that only fill up a block are no row's nearest: any real cosine
        // is above −2.
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

/// Scalar products of one row with `LANES` interleaved ones.
fn products(one: &[f32], packed: &[f32]) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (value, lanes) in one.iter().zip(packed.chunks_exact(LANES)) {
        for (sum, other) in sums.iter_mut().zip(lanes) {
            *sum += value * other;
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
