//! Extremes over the neighbourhood of each pixel.

/// Folds the square of `reach` pixels to every side of each pixel with
/// `f32::min` or `f32::max`, which leave out what is unknown; NaN where nothing
/// is known.
pub(super) fn within(
    values: &[f32],
    width: usize,
    reach: usize,
    fold: fn(f32, f32) -> f32,
) -> Vec<f32> {
    let height = values.len() / width.max(1);
    let window = |at: usize, length: usize| at.saturating_sub(reach)..(at + reach + 1).min(length);
    let mut across = Vec::with_capacity(values.len());
    for row in values.chunks_exact(width) {
        let folded = |u| row[window(u, width)].iter().copied().fold(f32::NAN, fold);
        across.extend((0..width).map(folded));
    }
    let mut out = vec![f32::NAN; values.len()];
    for v in 0..height {
        for row in window(v, height) {
            let line = &across[row * width..(row + 1) * width];
            let target = &mut out[v * width..(v + 1) * width];
            for (target, value) in target.iter_mut().zip(line) {
                *target = fold(*target, *value);
            }
        }
    }
    out
}
