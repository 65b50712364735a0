//! Sizes of random samples in the manner of RANSAC (Fischler and Bolles, 1981).

/// Size of the pool that sample number `tried` is taken from, the best of
/// `count` pairs first: every other one comes from the best third, where fewer
/// are outliers (as O. Chum, J. Matas, "Matching with PROSAC", CVPR 2005, but
/// with two pools only).
pub(super) fn pool_size(tried: usize, count: usize) -> usize {
    match tried % 2 {
        0 => (count / 3).max(24).min(count),
        _ => count,
    }
}

/// Number of samples of `size` pairs of which one is free of outliers with a
/// probability of 99.9 %, where `inliers` of `count` are inliers; at most
/// `max`.
pub(super) fn samples_needed(inliers: usize, count: usize, size: i32, max: usize) -> usize {
    let share = inliers as f64 / count.max(1) as f64;
    let clean = share.powi(size).clamp(0.0, 1.0 - 1e-9);
    if clean < 1e-9 {
        return max;
    }
    let needed = (1e-3_f64.ln() / (1.0 - clean).ln()).ceil();
    (needed as usize).clamp(1, max)
}
