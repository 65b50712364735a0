//! Fits on representations that are at hand: where many readouts are fitted to
//! the same frames, every encoder runs once per frame, not once per readout.

use concert_policies::Task;
use half::f16;

use super::FitError;
use super::fitting::{FittedReadout, Fitter};
use super::objective::Objective;
use super::representations::{Representation, RepresentationLayout};
use super::request::{FitProgress, FitRequest};
use super::training_set::{self, Shortcomings, TrainingSample, TrainingSet};
use crate::dataset::{DataSet, Label, Survey};
use concert_models::geometry::Intrinsics;

/// A labelled frame that the encoders have seen.
#[derive(Debug, Clone)]
pub struct CachedFrame {
    /// Their levels of it, in the order of the layout.
    pub representation: Representation,
    /// Its label, with the data set's own numbers of classes; at the layout's
    /// [`output_size`](RepresentationLayout::output_size) where it has a value per pixel.
    pub label: Label,
    /// The camera, where it is known.
    pub camera: Option<Intrinsics>,
    /// Width and height of the picture, px.
    pub size: (usize, usize),
}

/// As [`fit`](super::fit()), on frames that were encoded before, each as it is:
/// `request.augmentation`, `data` and `frames` are not looked at, but for the names of
/// classes.
///
/// # Errors
/// As [`fit`](super::fit()).
pub fn fit_cached(
    layout: &RepresentationLayout,
    request: &FitRequest<'_>,
    frames: Vec<CachedFrame>,
    report: &mut dyn FnMut(FitProgress) -> bool,
) -> Result<FittedReadout, FitError> {
    let classes = training_set::classes(request.target, request.data, &[])?;
    let (objective, grid) = training_set::objective(request.target, layout, classes.as_deref())?;
    let numbers = training_set::numbers_of(request.target, request.data, classes.as_deref());
    let mut training_set = TrainingSet {
        objective,
        grid,
        samples: Vec::new(),
        frames: frames.len(),
        reference_focal_px: training_set::reference_focal_px(request.target, layout),
        shortcomings: Shortcomings::default(),
        classes,
    };
    let mut survey = Survey::new(request.target);
    for (number, mut frame) in frames.into_iter().enumerate() {
        frame.label = training_set::looked_for(frame.label, &numbers);
        survey.add(Some(&frame.label));
        let sample = sample(number, frame, layout, &mut training_set);
        training_set.samples.push(sample);
    }
    survey.check()?;
    if training_set.frames < 2 {
        return Err(FitError::TooFewFrames {
            target: request.target.name,
            frames: training_set.frames,
        });
    }
    if let Objective::Edge { share } = &mut training_set.objective {
        *share = training_set::mean(&training_set.samples);
    }
    Fitter::new(layout.clone(), training_set, request)?.run(report)
}

/// Refuses targets that are not fitted in closed form, and classes without names, before
/// anything is encoded.
///
/// # Errors
/// As [`fit`](super::fit()).
pub fn check_target(
    target: &'static Task,
    layout: &RepresentationLayout,
    data: &DataSet,
) -> Result<(), FitError> {
    let classes = training_set::classes(target, data, &[])?;
    let (objective, _) = training_set::objective(target, layout, classes.as_deref())?;
    match objective.has_closed_form() {
        true => Ok(()),
        false => Err(FitError::NoClosedForm {
            target: target.name,
        }),
    }
}

fn sample(
    number: usize,
    frame: CachedFrame,
    layout: &RepresentationLayout,
    training_set: &mut TrainingSet,
) -> TrainingSample {
    let label = (frame.label).resize(training_set.grid.width, training_set.grid.height);
    let focal = match (training_set.reference_focal_px, frame.camera) {
        (Some(reference), Some(camera)) => {
            let contract = &layout.pins[0].input;
            super::focal_px(&camera, contract, frame.size.0, frame.size.1) / reference
        }
        (Some(_), None) => {
            training_set.shortcomings.uncalibrated += 1;
            1.0
        }
        _ => 1.0,
    };
    TrainingSample {
        frame: number,
        plain: true,
        representation: frame.representation,
        label: training_set.objective.encode(label, focal as f32),
    }
}

impl RepresentationLayout {
    /// Width and height of the dense outputs of readouts of this layout.
    #[must_use]
    pub fn output_size(&self) -> (usize, usize) {
        let grid = super::convolutional::output_grid(self);
        (grid.width, grid.height)
    }

    /// Names of the sources, sorted.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.pins.iter().map(|pin| pin.source.as_str())
    }

    /// Every level of a representation as numbers of its own: channels after
    /// channels, each over the frame.
    #[must_use]
    pub fn values(&self, representation: &Representation) -> Vec<Vec<f32>> {
        let level = |at: usize| {
            let view = &self.views[at];
            let mut values = vec![0.0; view.channels * view.grid.cells()];
            representation.read(self, at, &mut values);
            values
        };
        (0..self.views.len()).map(level).collect()
    }
}

impl Representation {
    /// The representation of several encoders, from each one's, in the order of
    /// their names.
    #[must_use]
    pub fn join(parts: &[&Representation]) -> Self {
        let numbers = parts.iter().flat_map(|part| part.0.iter().copied());
        Self(numbers.collect())
    }

    /// Its numbers at half precision, the lower byte of each first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` where these are not
    /// the numbers of this layout, or one is not finite.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], layout: &RepresentationLayout) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<2>();
        let numbers: Vec<f16> = numbers.iter().map(|x| f16::from_le_bytes(*x)).collect();
        let whole = rest.is_empty() && numbers.len() == layout.len();
        (whole && numbers.iter().all(|x| x.is_finite())).then_some(Self(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::tests::{representation, small_layout};
    use concert_models::rng::Rng;

    #[test]
    fn representations_are_read_back_and_others_refused() {
        let layout = small_layout();
        let written = representation(&layout, &mut Rng::from_seed(3));
        let bytes = written.to_bytes();
        assert_eq!(bytes.len(), layout.bytes());
        assert_eq!(Representation::from_bytes(&bytes, &layout), Some(written));
        assert_eq!(Representation::from_bytes(&bytes[2..], &layout), None);
        let mut damaged = bytes;
        damaged[..2].copy_from_slice(&f16::NAN.to_le_bytes());
        assert_eq!(Representation::from_bytes(&damaged, &layout), None);
    }

    #[test]
    fn levels_are_the_views_of_the_layout() {
        let layout = small_layout();
        let of = representation(&layout, &mut Rng::from_seed(3));
        let lengths: Vec<_> = layout.values(&of).iter().map(Vec::len).collect();
        assert_eq!(lengths.iter().sum::<usize>(), layout.len());
        // Planes, tokens with a place, the token without, the vector.
        assert_eq!(lengths, [3 * 64, 16 * 5, 5, 2]);
    }

    #[test]
    fn what_is_summed_in_a_net_has_as_many_channels_also_without_a_coarse_level() {
        use crate::fit::convolutional::{Shape, dense_net};
        use crate::fit::net::Operator;
        // Of planes a quarter and an eighth of the input alone, as xfeat's.
        let mut card = crate::fit::tests::small_card();
        card.levels.truncate(1);
        card.levels[0].shape = vec![1, 3, 4, 4];
        for card in [card, crate::fit::tests::small_card()] {
            let net = dense_net(
                &RepresentationLayout::of(&[&card]).unwrap(),
                1,
                Shape::default(),
            );
            for operator in &net.operators {
                if let Operator::Add { from, to } | Operator::Resize { from, to } = operator {
                    assert_eq!(net.nodes[*from].channels, net.nodes[*to].channels);
                }
            }
        }
    }
}
