//! Repeatable random numbers: the same seed gives the same bits everywhere.

/// The SplitMix64 generator (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014): 64 bits of state, which suits
/// sampling and initial weights, and no secrets.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose state is the seed itself, as published.
    #[must_use]
    pub fn from_state(state: u64) -> Self {
        Self(state)
    }

    /// A generator whose state is mixed from the seed, so that the small seeds
    /// that people choose begin far from each other.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from the uniform distribution over [0, 1).
    pub fn uniform(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A number from the uniform distribution over [`low`, `high`).
    pub fn uniform_between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// An index from 0 to below `count`, which is above 0.
    pub fn below(&mut self, count: usize) -> usize {
        // The remainder favours small indices by less than 2⁻⁴⁰ for any count
        // that occurs.
        (self.next_u64() % count as u64) as usize
    }

    /// A number from the normal distribution of mean 0 and variance 1 (Box and
    /// Muller, 1958).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - f64::from(self.uniform())).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(self.uniform());
        (radius * angle.cos()) as f32
    }

    /// A random permutation of the indices below `count` (Fisher and Yates).
    pub fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for at in (1..count).rev() {
            let other = self.below(at + 1);
            order.swap(at, other);
        }
        order
    }

    /// `N` distinct indices below `count`, which is at least `N`.
    pub fn sample<const N: usize>(&mut self, count: usize) -> [usize; N] {
        let mut chosen = [usize::MAX; N];
        for place in 0..N {
            loop {
                let index = self.below(count);
                if !chosen[..place].contains(&index) {
                    chosen[place] = index;
                    break;
                }
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_that_were_published() {
        // The first numbers of the reference implementation for the seed 0.
        let mut rng = Rng::from_state(0);
        assert_eq!(rng.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(rng.next_u64(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(rng.next_u64(), 0x06c4_5d18_8009_454f);
    }

    #[test]
    fn a_permutation_has_every_index_once_and_a_sample_none_twice() {
        let mut rng = Rng::from_seed(1);
        let mut order = rng.permutation(20);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..20));
        let mut sample = rng.sample::<5>(5);
        sample.sort_unstable();
        assert_eq!(sample, [0, 1, 2, 3, 4]);
    }
}
