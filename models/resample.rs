//! Weights for scaling one axis of an image.
//!
//! The filter is a triangle as wide as two output pixels or two input pixels,
//! whichever is more: bilinear interpolation when enlarging, antialiased when
//! shrinking. It is what PIL calls `BILINEAR` with `reducing_gap=None`.

use crate::contract::Axis;

/// For each output pixel a window of input pixels and their weights, which sum
/// to 1. All windows have the same length; at the borders the rest weighs 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taps {
    starts: Vec<usize>,
    weights: Vec<f32>,
    window: usize,
}

impl Taps {
    /// The weights that make `axis.count` pixels of a part of `input` pixels.
    pub(crate) fn new(axis: Axis, input: usize) -> Self {
        let scale = axis.scale();
        let radius = scale.max(1.0);
        let window = ((2.0 * radius).ceil() as usize + 1).min(input);
        let mut taps = Taps {
            starts: Vec::with_capacity(axis.count),
            weights: Vec::with_capacity(axis.count * window),
            window,
        };
        for pixel in 0..axis.count {
            let centre = axis.from + (pixel as f64 + 0.5) * scale;
            let first = (centre - radius).floor().max(0.0) as usize;
            let start = first.min(input - window);
            let weight = |tap: usize| {
                let distance = ((start + tap) as f64 + 0.5 - centre).abs() / radius;
                (1.0 - distance).max(0.0)
            };
            let sum: f64 = (0..window).map(weight).sum();
            taps.starts.push(start);
            taps.weights
                .extend((0..window).map(|tap| (weight(tap) / sum) as f32));
        }
        taps
    }

    /// Window start and weights of each output pixel.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let windows = self.weights.chunks_exact(self.window.max(1));
        self.starts.iter().copied().zip(windows)
    }

    /// Weighted sums of `N` lines side by side.
    #[inline(always)]
    pub(crate) fn apply<'a, const N: usize>(
        &'a self,
        lines: &'a [[f32; N]],
    ) -> impl Iterator<Item = [f32; N]> + 'a {
        self.iter().map(|(start, weights)| {
            let mut sums = [0.0; N];
            for (values, weight) in lines[start..start + weights.len()].iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value * weight;
                }
            }
            sums
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Weighted sums of one line.
    fn applied(taps: &Taps, line: &[f32]) -> Vec<f32> {
        let lines: Vec<_> = line.iter().map(|x| [*x]).collect();
        taps.apply(&lines).map(|[sum]| sum).collect()
    }

    fn axis(from: f64, length: f64, count: usize) -> Axis {
        Axis {
            from,
            length,
            start: 0,
            count,
        }
    }

    #[test]
    fn the_same_size_copies() {
        let line = [3.0, 1.0, 4.0, 1.0, 5.0];
        let taps = Taps::new(axis(0.0, 5.0, 5), 5);
        assert_eq!(applied(&taps, &line), line);
    }

    #[test]
    fn enlarging_interpolates_between_pixel_centres() {
        let taps = Taps::new(axis(0.0, 2.0, 4), 2);
        let out = applied(&taps, &[0.0, 1.0]);
        assert_eq!(out, [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn shrinking_takes_every_pixel_into_account() {
        let taps = Taps::new(axis(0.0, 8.0, 2), 8);
        for bright in 0..8 {
            let mut line = [0.0; 8];
            line[bright] = 1.0;
            assert!(
                applied(&taps, &line).iter().sum::<f32>() > 0.0,
                "pixel {bright} is lost"
            );
        }
    }

    proptest! {
        #[test]
        fn a_flat_line_stays_flat_and_a_ramp_keeps_its_place(
            input in 1usize..300, count in 1usize..300, part in 0.01f64..=1.0,
        ) {
            let length = input as f64 * part;
            let axis = axis((input as f64 - length) / 2.0, length, count);
            let taps = Taps::new(axis, input);
            for flat in applied(&taps, &vec![7.0; input]) {
                prop_assert!((flat - 7.0).abs() < 1e-4);
            }
            let ramp: Vec<_> = (0..input).map(|x| x as f32).collect();
            let radius = axis.scale().max(1.0);
            for (pixel, got) in applied(&taps, &ramp).into_iter().enumerate() {
                let centre = axis.from + (pixel as f64 + 0.5) * axis.scale() - 0.5;
                let inside = centre - radius >= 0.0 && centre + radius <= input as f64 - 1.0;
                // Exact but for the sampling of the triangle.
                let tolerance = if inside { 0.26 } else { radius };
                prop_assert!((f64::from(got) - centre).abs() <= tolerance, "{got} for {centre}");
            }
        }
    }
}
