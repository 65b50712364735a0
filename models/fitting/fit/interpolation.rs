//! WiSE-FT: interpolation between the weights that a fit began with and those
//! that it came to (Wortsman et al., "Robust fine-tuning of zero-shot models",
//! CVPR 2022). In between, what was known of other rooms is kept.

use super::descent::Sample;
use super::model::Model;
use super::objective::Objective;
use super::representations::RepresentationLayout;
use super::warm::last_bias;

/// Shares of the way that are tried: 0 for the weights at hand, 1 for those
/// fitted on a few frames.
const ALPHAS: [f32; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Error that is accepted, as a multiple of the least, for staying nearer to
/// weights at hand that are worth something: held-out blocks show the same
/// rooms, a robot sees others.
const TOLERANCE: f64 = 1.04;
/// Most frames that a scale is read from.
const MAX_SCALED: usize = 100;

/// The least share of the way whose error is within the tolerance, with the error
/// there and that of each frame. There is no tolerance for a start that is not
/// sound: one that is worse than a constant.
pub(super) fn choose_alpha(
    is_sound: bool,
    errors: impl Fn(f32) -> (f64, Vec<f64>),
) -> (f32, f64, Vec<f64>) {
    let tolerance = if is_sound { TOLERANCE } else { 1.0 };
    let all = ALPHAS.map(|alpha| (alpha, errors(alpha)));
    let least = all.iter().map(|(_, (error, _))| *error);
    let most = tolerance * least.fold(f64::INFINITY, f64::min);
    let near = all.iter().position(|(_, (error, _))| *error <= most);
    let [.., last] = &all;
    let (alpha, (error, each)) = near.map_or(last, |at| &all[at]);
    (*alpha, *error, each.clone())
}

/// A model with the weights `alpha` of the way from its own to others of the same
/// structure.
pub(super) fn interpolate(start: &Model, end: &[f32], alpha: f32) -> Model {
    let mut model = start.clone();
    for (weight, end) in model.weights.iter_mut().zip(end) {
        *weight += alpha * (end - *weight);
    }
    model
}

impl Model {
    /// The same with depth in the metres of these samples: one scale for all, of
    /// least relative error. In closed form: the median of label over output,
    /// weighted with output over label. What has no scale stays as it is.
    pub(super) fn rescale_to(
        mut self,
        layout: &RepresentationLayout,
        samples: &[Sample<'_>],
    ) -> Self {
        if self.objective != Objective::LogDepth {
            return self;
        }
        let Some(bias) = last_bias(&self.net, self.net.output).map(|bias| bias.range()) else {
            return self;
        };
        let mut space = self.workspace();
        let mut ratios: Vec<(f32, f64)> = Vec::new();
        let step = samples.len().div_ceil(MAX_SCALED).max(1);
        for sample in samples.iter().step_by(step) {
            let metres = self.run(layout, sample.representation, 1.0, &mut space);
            let known = metres
                .iter()
                .zip(sample.label)
                .filter(|(_, log)| !log.is_nan());
            // Logarithms of label over output, and their weights.
            let of = known.map(|(metres, log)| (log - metres.ln(), f64::from(metres / log.exp())));
            ratios.extend(of.filter(|(log, weight)| log.is_finite() && weight.is_finite()));
        }
        ratios.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let half = 0.5 * ratios.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut below = 0.0;
        let middle = ratios.iter().find(|(_, weight)| {
            below += weight;
            below >= half
        });
        if let Some((log, _)) = middle {
            self.weights[bias].iter_mut().for_each(|bias| *bias += log);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_paid_for_staying_near_a_start_that_is_worse_than_a_constant() {
        let errors = |alpha: f32| {
            let error = if alpha >= 0.75 { 0.10 } else { 0.5 };
            (error + f64::from(1.0 - alpha) * 0.01, vec![])
        };
        // A little is paid for a start that is worth something.
        assert_eq!(choose_alpha(true, errors).0, 0.75);
        let (alpha, error, _) = choose_alpha(false, errors);
        assert_eq!((alpha, error), (1.0, 0.10));
    }
}
