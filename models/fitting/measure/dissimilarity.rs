//! Estimates of transfers, without fitting any: where two frames that look
//! alike to a source have like labels, it will serve the target.
//!
//! Dwivedi, Huang, Cichy, Roig, "Duality Diagram Similarity" (ECCV 2020), and
//! before it Dwivedi and Roig, "Representation Similarity Analysis for Efficient
//! Task Taxonomy and Transfer Learning" (CVPR 2019). Of each level of a source,
//! every number is scaled to mean 0 and deviation 1 over the frames; the
//! dissimilarity of two frames is 1 less the correlation of their numbers, and
//! that of a source the mean over its levels. The same is done with the labels
//! of the target themselves, at 16×12 cells: there is no network of the target's
//! own, whose representation the papers take. The estimate is the rank
//! correlation between the two over all pairs of frames.

use crate::dataset::{Label, LabelKind};

/// Width and height at which labels are compared, cells.
pub(super) const LABEL_SIZE: (usize, usize) = (16, 12);

/// The dissimilarity of each pair of frames, 0 (alike) to 2: the entries above the
/// diagonal, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Dissimilarities(Vec<f64>);

impl Dissimilarities {
    /// Compares frames by their numbers, all of one length; NaN is unknown, and then
    /// as the mean of the others.
    #[must_use]
    pub fn of(mut frames: Vec<Vec<f32>>) -> Self {
        scale(&mut frames);
        let mut pairs = Vec::new();
        for (at, one) in frames.iter().enumerate() {
            for other in &frames[at + 1..] {
                let product: f64 = (one.iter().zip(other))
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum();
                pairs.push(1.0 - product);
            }
        }
        Self(pairs)
    }

    /// The mean of several, over the same frames.
    #[must_use]
    pub fn mean(all: &[&Self]) -> Self {
        let pairs = all.first().map_or(0, |first| first.0.len());
        let sum = |pair: usize| all.iter().map(|one| one.0[pair]).sum::<f64>();
        Self(
            (0..pairs)
                .map(|pair| sum(pair) / all.len() as f64)
                .collect(),
        )
    }

    /// The estimated worth of a source for a target: the rank correlation of their
    /// dissimilarities, -1 to 1; `None` with fewer than three frames, or where
    /// one of them tells no frames apart.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> Option<f64> {
        rank_correlation(&self.0, &other.0)
    }
}

/// Numbers to mean 0 and deviation 1 over the frames, then every frame to mean 0
/// and length 1, so that a product is a correlation.
fn scale(frames: &mut [Vec<f32>]) {
    let length = frames.first().map_or(0, Vec::len);
    for at in 0..length {
        let known = frames.iter().map(|frame| f64::from(frame[at]));
        let (mean, deviation) = spread(known.filter(|x| x.is_finite()));
        for frame in frames.iter_mut() {
            let scaled = (f64::from(frame[at]) - mean) / deviation;
            frame[at] = if scaled.is_finite() {
                scaled as f32
            } else {
                0.0
            };
        }
    }
    for frame in frames.iter_mut() {
        let (mean, deviation) = spread(frame.iter().map(|x| f64::from(*x)));
        let whole = deviation * (frame.len() as f64).sqrt();
        for x in frame.iter_mut() {
            let scaled = (f64::from(*x) - mean) / whole;
            *x = if scaled.is_finite() {
                scaled as f32
            } else {
                0.0
            };
        }
    }
}

fn spread(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = numbers.clone().count() as f64;
    let mean = numbers.clone().sum::<f64>() / count;
    let variance = numbers.map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// Spearman's rank correlation, equal numbers sharing the mean of their ranks;
/// `None` where there are fewer than two, or all of one side are equal.
#[must_use]
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let ((mean_a, dev_a), (mean_b, dev_b)) = (spread(a.iter().copied()), spread(b.iter().copied()));
    let products = a.iter().zip(&b).map(|(x, y)| (x - mean_a) * (y - mean_b));
    let correlation = products.sum::<f64>() / (a.len() as f64 * dev_a * dev_b);
    correlation
        .is_finite()
        .then(|| correlation.clamp(-1.0, 1.0))
}

fn ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut start = 0;
    while start < order.len() {
        let equal = |at: &&usize| numbers[**at] == numbers[order[start]];
        let length = order[start..].iter().take_while(equal).count().max(1);
        let rank = start as f64 + (length - 1) as f64 / 2.0;
        for at in &order[start..start + length] {
            ranks[*at] = rank;
        }
        start += length;
    }
    ranks
}

/// A label as numbers that may be compared between frames.
pub(super) fn label_numbers(label: &Label, classes: usize) -> Vec<f32> {
    let small = label.resize(LABEL_SIZE.0, LABEL_SIZE.1);
    let is_class = small.kind == LabelKind::Class || (classes > 0 && small.values.len() == 1);
    match small.kind {
        _ if is_class => {
            let plane = |class: usize| {
                let is = move |value: &f32| f32::from(u8::from(*value as usize == class));
                small.values.iter().map(is)
            };
            (0..classes).flat_map(plane).collect()
        }
        LabelKind::Depth => small.values.iter().map(|metres| metres.ln()).collect(),
        _ => small.values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_is_spearmans() {
        let rho = |a: &[f64], b: &[f64]| rank_correlation(a, b).expect("a number");
        assert!((rho(&[1.0, 2.0, 3.0], &[10.0, 100.0, 1000.0]) - 1.0).abs() < 1e-12);
        assert!((rho(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        // Worked by hand: ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3.
        let tied = rho(&[1.0, 2.0, 2.0, 4.0], &[1.0, 2.0, 3.0, 4.0]);
        assert!((tied - 4.5 / (4.5f64 * 5.0).sqrt()).abs() < 1e-12, "{tied}");
        assert_eq!(rank_correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(rank_correlation(&[1.0], &[1.0]), None);
    }

    #[test]
    fn a_source_that_sees_what_the_labels_say_is_like_them_and_another_is_not() {
        let frames = 12;
        let what = |frame: usize| ((frame * 5) % frames) as f32;
        let labels = (0..frames).map(|frame| {
            let x = what(frame);
            vec![x, x * x, 7.0 - x, f32::NAN]
        });
        let labels = Dissimilarities::of(labels.collect());
        let alike = (0..frames).map(|frame| vec![3.0 * what(frame), -what(frame), 1.0]);
        let alike = Dissimilarities::of(alike.collect());
        let other = (0..frames).map(|frame| {
            let x = frame as f32;
            vec![(x * 1.7).sin(), (x * 2.9).cos(), (x * 5.3).sin()]
        });
        let other = Dissimilarities::of(other.collect());
        let good = alike.similarity(&labels).expect("a number");
        let bad = other.similarity(&labels).expect("a number");
        assert!(good > 0.8 && bad < 0.5, "{good} {bad}");
        let both = Dissimilarities::mean(&[&alike, &other]);
        let between = both.similarity(&labels).expect("a number");
        assert!(bad < between && between <= good, "{between}");
    }

    #[test]
    fn what_never_changes_tells_nothing_and_is_no_nan() {
        let flat = Dissimilarities::of(vec![vec![1.0, 1.0]; 4]);
        let other = Dissimilarities::of((0..4).map(|x| vec![x as f32, 0.0]).collect());
        assert_eq!(flat.similarity(&other), None);
    }
}
