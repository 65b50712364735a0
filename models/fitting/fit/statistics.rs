//! Sufficient statistics of a linear readout: all that labelled frames say
//! about it, in memory that does not grow with their number.
//!
//! They add up (frames of today to those of yesterday, of one process to those
//! of another), can be taken away again (a block of time that is held out), and
//! fade (what was long ago counts less).

mod file;
mod terms;

use faer::Mat;
use ndarray::Array2;

use super::FitError;
use super::cholesky;
use super::convolutional::Scaling;
use super::kernels::Grid;
use super::product;
use super::representations::RepresentationLayout;
use concert_models::digest::sha256_hex;
use concert_models::give_way::give_way;
pub(crate) use terms::{Terms, terms};

/// Most terms of one cell; the square of it is kept.
pub const MAX_TERMS: usize = 8192;

/// Sums over labelled cells: weights wᵢ, terms xᵢ (scaled levels, position, 1)
/// and labels yᵢ as Σ w x xᵀ, Σ w x yᵀ and Σ w y².
#[derive(Debug, PartialEq)]
pub struct Statistics {
    /// Says what the sums are about; only equal ones go together.
    subject: Subject,
    frames: u64,
    weight: f64,
    /// `terms` × `terms`, symmetric.
    xx: Array2<f64>,
    /// `terms` × `labels`.
    xy: Array2<f64>,
    /// Per label.
    yy: Vec<f64>,
}

impl Clone for Statistics {
    fn clone(&self) -> Self {
        let mut xx = Array2::zeros(self.xx.dim());
        zip_rows(&mut xx, &self.xx, |sum, other| *sum = *other);
        Self {
            subject: self.subject.clone(),
            frames: self.frames,
            weight: self.weight,
            xx,
            xy: self.xy.clone(),
            yy: self.yy.clone(),
        }
    }
}

/// Changes every number of a matrix with that of another of the same size, and
/// gives way after each row.
fn zip_rows(into: &mut Array2<f64>, from: &Array2<f64>, change: impl Fn(&mut f64, &f64)) {
    for (mut into, from) in into.outer_iter_mut().zip(from.outer_iter()) {
        into.zip_mut_with(&from, &change);
        give_way();
    }
}

/// The subject of statistics.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Subject {
    /// Name of the task.
    target: String,
    /// Name and SHA-256 of every encoder.
    encoders: Vec<(String, String)>,
    /// SHA-256 of how levels are scaled and labels written.
    writing: String,
    terms: usize,
    labels: usize,
    /// Height and width of the grid whose cells are counted.
    grid: (usize, usize),
}

impl Statistics {
    /// No frames yet.
    ///
    /// # Errors
    /// [`FitError::TooManyTerms`] above [`MAX_TERMS`].
    pub(crate) fn new(
        target: &str,
        layout: &RepresentationLayout,
        scaling: &Scaling,
        grid: Grid,
        labels: usize,
        reference_focal_px: Option<f64>,
    ) -> Result<Self, FitError> {
        let terms = terms(layout);
        if terms > MAX_TERMS {
            let limit = MAX_TERMS;
            return Err(FitError::TooManyTerms { terms, limit });
        }
        let mut writing: Vec<u8> = (scaling.channels.iter().flatten().flatten())
            .flat_map(|number| number.to_le_bytes())
            .collect();
        writing.extend(reference_focal_px.unwrap_or(0.0).to_le_bytes());
        let pins = layout.pins.iter();
        let encoders = pins.map(|pin| (pin.source.clone(), pin.sha256.clone()));
        Ok(Self {
            subject: Subject {
                target: target.to_owned(),
                encoders: encoders.collect(),
                writing: sha256_hex(&writing),
                terms,
                labels,
                grid: (grid.height, grid.width),
            },
            frames: 0,
            weight: 0.0,
            xx: Array2::zeros((terms, terms)),
            xy: Array2::zeros((terms, labels)),
            yy: vec![0.0; labels],
        })
    }

    /// Frames that were added.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Sum of the weights of all cells.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// Adds others about the same.
    ///
    /// # Errors
    /// [`FitError::OtherStatistics`] where they are about something else.
    pub fn merge(&mut self, other: &Self) -> Result<(), FitError> {
        self.combine(other, 1.0)?;
        self.frames += other.frames;
        Ok(())
    }

    /// Takes others away that were merged before.
    ///
    /// # Errors
    /// As [`merge`](Self::merge).
    pub fn subtract(&mut self, other: &Self) -> Result<(), FitError> {
        self.combine(other, -1.0)?;
        self.frames = self.frames.saturating_sub(other.frames);
        Ok(())
    }

    /// Lets all that was added so far count `share` times what it did, from 0
    /// to 1.
    pub fn fade(&mut self, share: f64) {
        let share = share.clamp(0.0, 1.0);
        self.weight *= share;
        for mut row in self.xx.outer_iter_mut() {
            row *= share;
            give_way();
        }
        self.xy *= share;
        self.yy.iter_mut().for_each(|sum| *sum *= share);
    }

    fn combine(&mut self, other: &Self, sign: f64) -> Result<(), FitError> {
        if self.subject != other.subject {
            return Err(FitError::OtherStatistics {
                expected: self.subject.to_string(),
                found: other.subject.to_string(),
            });
        }
        self.weight += sign * other.weight;
        zip_rows(&mut self.xx, &other.xx, |sum, other| *sum += sign * other);
        self.xy.scaled_add(sign, &other.xy);
        for (sum, other) in self.yy.iter_mut().zip(&other.yy) {
            *sum += sign * other;
        }
        Ok(())
    }

    /// The weights of least squared error plus `lambda` times their squares
    /// (per unit of [`weight`](Self::weight); the constant is free), `terms` ×
    /// `labels`; `None` where the sums have no such weights (no frames, or
    /// lambda too small for rounding).
    pub(crate) fn solve(&self, lambda: f64) -> Option<Array2<f64>> {
        let terms = self.subject.terms;
        let mut system = Mat::zeros(terms, terms);
        for (column, row) in self.xx.outer_iter().enumerate() {
            // Symmetric: a row is a column.
            let into = system.col_as_slice_mut(column).iter_mut();
            into.zip(row).for_each(|(into, sum)| *into = *sum);
            give_way();
        }
        let ridge = lambda * self.weight;
        for at in 0..terms - 1 {
            system[(at, at)] += ridge;
        }
        system[(terms - 1, terms - 1)] += 1e-9 * self.weight;
        let labels = self.subject.labels;
        let sums = self.xy.as_slice().expect("sums lie row by row");
        let weights = cholesky::solve(system, product::rows(sums, terms, labels))?;
        let solved = Array2::from_shape_fn((terms, labels), |at| weights[at]);
        solved
            .iter()
            .all(|weight| weight.is_finite())
            .then_some(solved)
    }

    /// Mean squared error of weights on these sums.
    pub(crate) fn squared_error(&self, weights: &Array2<f64>) -> f64 {
        let (terms, labels) = weights.dim();
        let whole = "sums lie row by row";
        let mut predicted = Array2::zeros((terms, labels));
        product::add_product(
            product::rows_mut(predicted.as_slice_mut().expect(whole), terms, labels),
            product::rows(self.xx.as_slice().expect(whole), terms, terms),
            product::rows(weights.as_slice().expect(whole), terms, labels),
        );
        let mut sum = self.yy.iter().sum::<f64>();
        sum += (weights * &predicted).sum() - 2.0 * (weights * &self.xy).sum();
        (sum / self.weight.max(f64::MIN_POSITIVE)).max(0.0)
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let encoders = self.encoders.iter();
        let encoders = encoders.map(|(name, sha256)| format!("{name} {}", short_hash(sha256)));
        let encoders = encoders.collect::<Vec<_>>().join(", ");
        let (height, width) = self.grid;
        write!(
            f,
            "{} from {encoders} ({} terms, {} labels, {height}x{width}, scale {})",
            self.target,
            self.terms,
            self.labels,
            short_hash(&self.writing)
        )
    }
}

fn short_hash(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::tests::{representation, small_layout};
    use concert_models::rng::Rng;

    fn statistics_of(seed: u64, frames: usize) -> (RepresentationLayout, Scaling, Statistics) {
        let layout = small_layout();
        let grid = Grid::new(8, 8);
        let mut rng = Rng::from_seed(seed);
        let scaling = Scaling {
            channels: (layout.views.iter())
                .map(|view| vec![[0.25, 1.5]; view.channels])
                .collect(),
        };
        let mut statistics =
            Statistics::new("depth_zbuffer", &layout, &scaling, grid, 1, Some(8.0)).unwrap();
        let mut terms = Terms::new(&layout, grid);
        for frame in 0..frames {
            let representation = representation(&layout, &mut rng);
            let label: Vec<f32> = (0..64).map(|_| rng.normal()).collect();
            let both = (&layout, &scaling);
            terms.add(&mut statistics, both, &representation, &label, frame, 1.0);
        }
        (layout, scaling, statistics)
    }

    #[test]
    fn the_solution_leaves_no_gradient() {
        let (_, _, statistics) = statistics_of(1, 12);
        let lambda = 0.01;
        let weights = statistics.solve(lambda).unwrap();
        let mut gradient = statistics.xx.dot(&weights) - &statistics.xy;
        let last = weights.nrows() - 1;
        for at in 0..last {
            gradient[(at, 0)] += lambda * statistics.weight() * weights[(at, 0)];
        }
        assert!(
            gradient.iter().all(|gradient| gradient.abs() < 1e-5),
            "{gradient}"
        );
        let moved = &weights + 0.01;
        assert!(statistics.squared_error(&weights) < statistics.squared_error(&moved));
    }

    #[test]
    fn merged_and_subtracted_statistics_are_what_they_were() {
        let (_, _, all) = statistics_of(2, 5);
        let (_, _, other) = statistics_of(3, 4);
        let mut both = all.clone();
        both.merge(&other).unwrap();
        assert_eq!(both.frames(), 9);
        both.subtract(&other).unwrap();
        let difference = (&both.xx - &all.xx).mapv(f64::abs).sum();
        assert!(difference < 1e-6 && both.frames() == 5);
        both.fade(0.5);
        assert!((both.weight() - 0.5 * all.weight()).abs() < 1e-9);
        // Weights of a mean do not change when all fades alike.
        let (a, b) = (both.solve(0.1).unwrap(), all.solve(0.1).unwrap());
        assert!((a - b).mapv(f64::abs).sum() < 1e-6);
    }

    #[test]
    fn statistics_are_read_back_and_those_of_another_encoder_refused() {
        let (layout, scaling, statistics) = statistics_of(4, 3);
        let bytes = statistics.to_bytes();
        assert_eq!(statistics.read(&bytes).unwrap(), statistics);
        let mut other = layout.clone();
        other.pins[0].sha256 = "0".repeat(64);
        let empty = Statistics::new(
            "depth_zbuffer",
            &other,
            &scaling,
            Grid::new(8, 8),
            1,
            Some(8.0),
        );
        let error = empty.unwrap().read(&bytes).unwrap_err().to_string();
        assert!(error.contains("000000000000"), "{error}");
        for at in (0..bytes.len()).step_by(97) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(statistics.read(&damaged).is_err());
        }
        for length in [0, 7, 63, 64, 100, bytes.len() - 1] {
            assert!(statistics.read(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn cells_without_a_label_change_nothing() {
        let (layout, scaling, mut statistics) = statistics_of(5, 3);
        let before = statistics.clone();
        let mut rng = Rng::from_seed(6);
        let representation = representation(&layout, &mut rng);
        let mut terms = Terms::new(&layout, Grid::new(8, 8));
        let unknown = vec![f32::NAN; 64];
        let both = (&layout, &scaling);
        terms.add(&mut statistics, both, &representation, &unknown, 0, 1.0);
        assert_eq!(statistics, before);
    }
}
