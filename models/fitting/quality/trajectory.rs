//! Trajectories, as TUM's `evaluate_ate.py` and `evaluate_rpe.py` measure them
//! (Sturm et al., "A Benchmark for the Evaluation of RGB-D SLAM Systems", IROS
//! 2012).
//!
//! * `ate_m`: root mean square distance of the positions after the rigid motion
//!   that brings the estimate best onto the truth (Umeyama, PAMI 1991, without
//!   scale; Horn's method in TUM's code). `ate_scaled_m`: with scale.
//! * `rpe_m`, `rpe_deg`: root mean square of translation and rotation of
//!   E = (Qᵢ⁻¹ Qᵢ₊Δ)⁻¹ (Pᵢ⁻¹ Pᵢ₊Δ) with truth Q, estimate P over a step of Δ frames;
//!   `rpe_m_median` and `rpe_deg_median`: their medians. `direction_deg_median`: angle
//!   between the translations of true and estimated steps, over steps longer
//!   than 5 mm.
//!
//! * `rpe_m_worst` and `rpe_deg_worst`: the worst step.
//! * `nees`: mean over single steps of eᵀ C⁻¹ e / 6, with the error e of the step's
//!   six numbers and the covariance C that was published for it (Bar-Shalom, Li,
//!   Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001,
//!   5.4.2): 1 where covariances are honest, above it where they are too small.
//!   `nees_median`: the median, 0.89 for an honest normal distribution. Only steps
//!   whose covariance was given and whose unit is the metre count.
//! * `nees_turn`, `nees_turn_median`, `nees_turn_p99`: the same of the rotation
//!   alone, over three; an honest normal distribution has 1, 0.79 and 3.8. Steps
//!   without metres count too.
//!
//! Alignment is done for each sequence on its own; errors are pooled.

use nalgebra::{Isometry3, Matrix3, SMatrix, SVector, Vector3};

use super::measures::Measures;

/// Steps shorter than this have no direction worth measuring, m.
const MIN_STEP_METRES: f64 = 0.005;

/// True and estimated poses of sequences, `world_from_optical` (or of any frame
/// that is fixed to the camera, the same for both).
#[derive(Debug, Clone, Default)]
pub struct Trajectories {
    sequences: Vec<Vec<Pair>>,
    /// Normalised squared errors of single steps, per degree of freedom.
    normalised: Vec<f64>,
    /// Normalised errors of their rotations alone.
    normalised_turns: Vec<f64>,
}

/// The motion since the frame before, as it was published.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEstimate {
    /// Translation (m), then rotation vector (rad), along the axes of the frame
    /// that was moved to.
    pub motion: SVector<f64, 6>,
    /// Covariance of these six numbers, along the same axes.
    pub covariance: SMatrix<f64, 6, 6>,
    /// True where the unit of the translation is known to be the metre.
    pub is_metric: bool,
}

impl StepEstimate {
    /// eᵀ C⁻¹ e / 6 against a true motion `before_from_now`; infinite where the
    /// covariance is not positive definite, and so none; `None` without metres.
    #[must_use]
    pub fn normalised_error(&self, before_from_now: &Isometry3<f64>) -> Option<f64> {
        if !self.is_metric {
            return None;
        }
        let error = self.error(before_from_now);
        let factor = self.covariance.cholesky();
        let squared = factor.map(|factor| error.dot(&factor.solve(&error)) / 6.0);
        Some(squared.unwrap_or(f64::INFINITY))
    }

    /// eᵀ C⁻¹ e / 3 of the rotation alone; infinite where its covariance is none.
    #[must_use]
    pub fn normalised_turn_error(&self, before_from_now: &Isometry3<f64>) -> f64 {
        let error = self.error(before_from_now).fixed_rows::<3>(3).into_owned();
        let covariance = self.covariance.fixed_view::<3, 3>(3, 3).into_owned();
        let factor = covariance.cholesky();
        let squared = factor.map(|factor| error.dot(&factor.solve(&error)) / 3.0);
        squared.unwrap_or(f64::INFINITY)
    }

    fn error(&self, before_from_now: &Isometry3<f64>) -> SVector<f64, 6> {
        let turn = before_from_now.rotation;
        let mut error = self.motion;
        let mut linear = error.fixed_rows_mut::<3>(0);
        linear -= turn.inverse() * before_from_now.translation.vector;
        let mut angular = error.fixed_rows_mut::<3>(3);
        angular -= turn.scaled_axis();
        error
    }
}

/// The truth, and the estimate where there is one.
type Pair = (Isometry3<f64>, Option<Isometry3<f64>>);

impl Trajectories {
    /// Begins a sequence; poses before and after are in different worlds.
    pub fn begin(&mut self) {
        self.sequences.push(Vec::new());
    }

    /// Adds a frame: its true pose, and the estimate where tracking gave one.
    pub fn push(&mut self, truth: Isometry3<f64>, estimate: Option<Isometry3<f64>>) {
        if self.sequences.is_empty() {
            self.begin();
        }
        if let Some(last) = self.sequences.last_mut() {
            last.push((truth, estimate));
        }
    }

    /// Says of the frame added last how its motion since the frame before was
    /// published; nothing is compared at the start of a sequence.
    pub fn explain_step(&mut self, step: &StepEstimate) {
        let Some([.., (before, _), (now, _)]) = self.sequences.last().map(Vec::as_slice) else {
            return;
        };
        let truth = before.inverse() * now;
        self.normalised.extend(step.normalised_error(&truth));
        self.normalised_turns
            .push(step.normalised_turn_error(&truth));
    }

    /// Adds the sequences of another.
    pub fn merge(&mut self, other: &Self) {
        self.sequences.extend(other.sequences.iter().cloned());
        self.normalised.extend(&other.normalised);
        self.normalised_turns.extend(&other.normalised_turns);
    }

    /// Frames added.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.sequences.iter().map(Vec::len).sum()
    }

    /// The same truth with a camera that never moves: the constant predictor.
    #[must_use]
    pub fn standing_still(&self) -> Self {
        let still = |(truth, _): &Pair| (*truth, Some(Isometry3::identity()));
        let sequences = self.sequences.iter();
        Self {
            sequences: sequences
                .map(|all| all.iter().map(still).collect())
                .collect(),
            normalised: Vec::new(),
            normalised_turns: Vec::new(),
        }
    }

    /// The measures, with relative errors over `delta` frames (at least 1).
    #[must_use]
    pub fn measures(&self, delta: usize) -> Measures {
        let delta = delta.max(1);
        let (mut positions, mut scaled) = (Vec::new(), Vec::new());
        let (mut steps_m, mut steps_deg, mut directions) = (Vec::new(), Vec::new(), Vec::new());
        let mut covered = 0;
        for sequence in &self.sequences {
            let both: Vec<_> = sequence
                .iter()
                .filter_map(|(t, e)| Some((*t, (*e)?)))
                .collect();
            covered += both.len();
            positions.extend(aligned_errors(&both, false));
            scaled.extend(aligned_errors(&both, true));
            for (first, second) in sequence.iter().zip(sequence.iter().skip(delta)) {
                let (Some(e1), Some(e2)) = (first.1, second.1) else {
                    continue;
                };
                let truth = first.0.inverse() * second.0;
                let estimate = e1.inverse() * e2;
                let error = truth.inverse() * estimate;
                steps_m.push(error.translation.vector.norm());
                steps_deg.push(error.rotation.angle().to_degrees());
                let (a, b) = (truth.translation.vector, estimate.translation.vector);
                if a.norm() > MIN_STEP_METRES && b.norm() > 0.0 {
                    directions.push(a.angle(&b).to_degrees());
                }
            }
        }
        let coverage = covered as f64 / self.frames() as f64;
        Measures {
            values: vec![
                ("ate_m", root_mean_square(&positions)),
                ("rpe_m", root_mean_square(&steps_m)),
                ("rpe_deg", root_mean_square(&steps_deg)),
                ("rpe_m_median", median(&mut steps_m)),
                ("rpe_deg_median", median(&mut steps_deg)),
                ("direction_deg_median", median(&mut directions)),
                ("ate_scaled_m", root_mean_square(&scaled)),
                ("tracked", coverage),
                ("rpe_m_worst", worst(&steps_m)),
                ("rpe_deg_worst", worst(&steps_deg)),
                ("nees", mean(&self.normalised)),
                ("nees_median", median(&mut self.normalised.clone())),
                ("nees_turn", mean(&self.normalised_turns)),
                (
                    "nees_turn_median",
                    median(&mut self.normalised_turns.clone()),
                ),
                ("nees_turn_p99", percentile_99(&self.normalised_turns)),
            ],
            median_scaled: Vec::new(),
        }
    }
}

fn root_mean_square(errors: &[f64]) -> f64 {
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

/// NaN of none.
fn worst(errors: &[f64]) -> f64 {
    errors.iter().copied().fold(f64::NAN, f64::max)
}

/// NaN of none.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The least value that at most a hundredth exceeds; NaN of none.
fn percentile_99(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let above = values.len() / 100;
    let place = values.len().checked_sub(1 + above);
    place.map_or(f64::NAN, |place| sorted[place])
}

/// As numpy's: the mean of the middle two of an even number.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// Distances of the positions after the best motion of the estimate.
fn aligned_errors(both: &[(Isometry3<f64>, Isometry3<f64>)], with_scale: bool) -> Vec<f64> {
    let pairs: Vec<(Vector3<f64>, Vector3<f64>)> = (both.iter())
        .map(|(t, e)| (t.translation.vector, e.translation.vector))
        .collect();
    let Some((scale, rotation, translation)) = umeyama(&pairs, with_scale) else {
        return Vec::new();
    };
    let error =
        |(t, e): &(Vector3<f64>, Vector3<f64>)| (t - (scale * (rotation * e) + translation)).norm();
    pairs.iter().map(error).collect()
}

/// Scale, rotation and translation that bring each second point nearest to its
/// first in the least squares sense (Umeyama, PAMI 1991, equations 39 to 43).
fn umeyama(
    pairs: &[(Vector3<f64>, Vector3<f64>)],
    with_scale: bool,
) -> Option<(f64, Matrix3<f64>, Vector3<f64>)> {
    if pairs.is_empty() {
        return None;
    }
    let count = pairs.len() as f64;
    let truth_mean = pairs.iter().map(|(t, _)| t).sum::<Vector3<f64>>() / count;
    let mean = pairs.iter().map(|(_, e)| e).sum::<Vector3<f64>>() / count;
    let mut covariance = Matrix3::zeros();
    let mut variance = 0.0;
    for (t, e) in pairs {
        covariance += (t - truth_mean) * (e - mean).transpose() / count;
        variance += (e - mean).norm_squared() / count;
    }
    let svd = covariance.try_svd(true, true, f64::EPSILON, 1000)?;
    let (u, v_t) = (svd.u?, svd.v_t?);
    let mut signs = Vector3::repeat(1.0);
    if (u.determinant() * v_t.determinant()) < 0.0 {
        // Singular values fall, so the last is the least.
        signs[svd.singular_values.imin()] = -1.0;
    }
    let rotation = u * Matrix3::from_diagonal(&signs) * v_t;
    let scale = match with_scale && variance > 0.0 {
        true => svd.singular_values.dot(&signs) / variance,
        false => 1.0,
    };
    Some((scale, rotation, truth_mean - scale * (rotation * mean)))
}
