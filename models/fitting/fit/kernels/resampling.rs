//! Linear interpolation between grids, forward and back.

use super::Grid;

/// Linear interpolation between two grids that cover the same frame, as ONNX's
/// `Resize` with `linear` and `half_pixel`.
#[derive(Debug, Clone)]
pub(crate) struct Resampling {
    from: Grid,
    to: Grid,
    down: Vec<Neighbours>,
    across: Vec<Neighbours>,
}

/// Two neighbours and the weight of the second.
#[derive(Debug, Clone, Copy)]
struct Neighbours {
    low: usize,
    high: usize,
    weight: f32,
}

impl Resampling {
    pub(crate) fn new(from: Grid, to: Grid) -> Self {
        Self {
            from,
            to,
            down: neighbours(from.height, to.height),
            across: neighbours(from.width, to.width),
        }
    }

    /// Adds the interpolation of `from` to `out`: first along rows, into
    /// `wide`, then down.
    pub(crate) fn apply(&self, from: &[f32], out: &mut [f32], wide: &mut Vec<f32>) {
        let width = self.to.width;
        wide.resize(self.from.height * width, 0.0);
        let planes = from.chunks_exact(self.from.cells());
        for (from, out) in planes.zip(out.chunks_exact_mut(self.to.cells())) {
            let rows = from.chunks_exact(self.from.width);
            for (row, wide) in rows.zip(wide.chunks_exact_mut(width)) {
                for (across, wide) in self.across.iter().zip(wide) {
                    let low = row[across.low];
                    *wide = low + across.weight * (row[across.high] - low);
                }
            }
            for (down, out) in self.down.iter().zip(out.chunks_exact_mut(width)) {
                let low = &wide[down.low * width..][..width];
                let high = &wide[down.high * width..][..width];
                for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
                    *out += low + down.weight * (high - low);
                }
            }
        }
    }

    /// The interpolation of one plane at one cell of the finer grid.
    pub(crate) fn at(&self, plane: &[f32], cell: usize) -> f32 {
        let down = self.down[cell / self.to.width];
        let across = self.across[cell % self.to.width];
        let mix = |y: usize| {
            let row = &plane[y * self.from.width..][..self.from.width];
            row[across.low] + across.weight * (row[across.high] - row[across.low])
        };
        let (low, high) = (mix(down.low), mix(down.high));
        low + down.weight * (high - low)
    }

    /// The way back through [`apply`](Self::apply).
    pub(crate) fn apply_back(
        &self,
        out_gradient: &[f32],
        gradient: &mut [f32],
        wide: &mut Vec<f32>,
    ) {
        let width = self.to.width;
        let planes = gradient.chunks_exact_mut(self.from.cells());
        for (gradient, out) in planes.zip(out_gradient.chunks_exact(self.to.cells())) {
            wide.clear();
            wide.resize(self.from.height * width, 0.0);
            for (down, out) in self.down.iter().zip(out.chunks_exact(width)) {
                for (y, share) in [(down.low, 1.0 - down.weight), (down.high, down.weight)] {
                    let wide = wide[y * width..][..width].iter_mut();
                    wide.zip(out).for_each(|(wide, out)| *wide += share * out);
                }
            }
            let rows = gradient.chunks_exact_mut(self.from.width);
            for (row, wide) in rows.zip(wide.chunks_exact(width)) {
                for (across, wide) in self.across.iter().zip(wide) {
                    row[across.low] += wide * (1.0 - across.weight);
                    row[across.high] += wide * across.weight;
                }
            }
        }
    }
}

fn neighbours(from: usize, to: usize) -> Vec<Neighbours> {
    let last = from - 1;
    let pair = |at: usize| {
        let place = (at as f32 + 0.5) * from as f32 / to as f32 - 0.5;
        let place = place.clamp(0.0, last as f32);
        let low = (place as usize).min(last);
        Neighbours {
            low,
            high: (low + 1).min(last),
            weight: place - low as f32,
        }
    };
    (0..to).map(pair).collect()
}
