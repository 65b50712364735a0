//! Repeatable chance for sampling: the same frames give the same pose.

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `N` distinct indices below `count`, which is at least `N`.
    pub(super) fn sample<const N: usize>(&mut self, count: usize) -> [usize; N] {
        let mut chosen = [usize::MAX; N];
        for place in 0..N {
            loop {
                // The remainder favours small indices by less than 2⁻⁵⁰.
                let index = (self.next() % count as u64) as usize;
                if !chosen[..place].contains(&index) {
                    chosen[place] = index;
                    break;
                }
            }
        }
        chosen
    }
}

/// Of how many of `count`, the best of which come first, sample number `tried` is
/// drawn: every other one of the best third, where fewer are wrong (as O. Chum,
/// J. Matas, "Matching with PROSAC", CVPR 2005, but with two sets only).
pub(super) fn sampled_among(tried: usize, count: usize) -> usize {
    match tried % 2 {
        0 => (count / 3).max(24).min(count),
        _ => count,
    }
}

/// How many samples of `size` it takes to have one without outliers with a
/// chance of 99.9 %, where `inliers` of `count` are inliers; at most `most`.
pub(super) fn samples_needed(inliers: usize, count: usize, size: i32, most: usize) -> usize {
    let share = inliers as f64 / count.max(1) as f64;
    let clean = share.powi(size).clamp(0.0, 1.0 - 1e-9);
    if clean < 1e-9 {
        return most;
    }
    let needed = (1e-3_f64.ln() / (1.0 - clean).ln()).ceil();
    (needed as usize).clamp(1, most)
}
