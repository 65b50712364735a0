//! Between the weights that a fit began with and those that it came to.

use super::convolutional::Sample;
use super::model::Model;
use super::objective::Objective;
use super::representations::Layout;
use super::warm::last_bias;

/// How far to go from the weights at hand to those fitted on a few frames. In
/// between, what was known of other rooms is kept (Wortsman et al., "Robust
/// fine-tuning of zero-shot models", CVPR 2022).
const SHARES: [f32; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Error that is paid, as a share of the least, for staying nearer to weights
/// at hand that are worth something: held-out blocks show the same rooms, a
/// robot sees others.
const PAID: f64 = 1.04;
/// Most frames that a scale is read from.
const MOST_SCALED: usize = 100;

/// The share to go, with the error there and that of each frame. Nothing is
/// paid for staying near a start that is not `sound`: one that is worse than a
/// constant.
pub(super) fn share(
    is_sound: bool,
    errors: impl Fn(f32) -> (f64, Vec<f64>),
) -> (f32, f64, Vec<f64>) {
    let paid = if is_sound { PAID } else { 1.0 };
    let all = SHARES.map(|share| (share, errors(share)));
    let least = all.iter().map(|(_, (error, _))| *error);
    let most = paid * least.fold(f64::INFINITY, f64::min);
    let near = all.iter().position(|(_, (error, _))| *error <= most);
    let [.., last] = &all;
    let (share, (error, each)) = near.map_or(last, |at| &all[at]);
    (*share, *error, each.clone())
}

/// The model between two of one structure.
pub(super) fn between(start: &Model, end: &Model, share: f32) -> Model {
    let mut between = start.clone();
    for (weight, end) in between.weights.iter_mut().zip(&end.weights) {
        *weight += share * (end - *weight);
    }
    between
}

impl Model {
    /// The same with depth in the metres of these samples: one scale for all, of
    /// least relative error. In closed form: the median of label over output,
    /// weighted with output over label. What has no scale stays as it is.
    pub(super) fn scaled_to(mut self, layout: &Layout, samples: &[Sample<'_>]) -> Self {
        if self.objective != Objective::LogDepth {
            return self;
        }
        let Some(bias) = last_bias(&self.net, self.net.output).map(|bias| bias.range()) else {
            return self;
        };
        let mut space = self.workspace();
        let mut ratios: Vec<(f32, f64)> = Vec::new();
        let step = samples.len().div_ceil(MOST_SCALED).max(1);
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
        let errors = |share: f32| {
            let error = if share >= 0.75 { 0.10 } else { 0.5 };
            (error + f64::from(1.0 - share) * 0.01, vec![])
        };
        // A little is paid for a start that is worth something.
        assert_eq!(share(true, errors).0, 0.75);
        let (share, error, _) = share(false, errors);
        assert_eq!((share, error), (1.0, 0.10));
    }
}
