//! The worth of an encoder to a readout: a trial on held-out blocks, and
//! Taskonomy's gain of one trial over another.

use std::cmp::Ordering;

use super::FitError;
use super::encoders::Encoders;
use super::fitting::{Candidate, Fitter, gather_training_set};
use super::request::{FitProgress, FitRequest};

/// Measures a small convolutional readout on the blocks of time that
/// [`fit`](super::fit()) holds out, fitted on the others from initial weights: for encoders
/// that another is held against.
///
/// # Errors
/// As [`fit`](super::fit()).
pub fn trial(
    encoders: &mut Encoders<'_>,
    request: &FitRequest<'_>,
    report: &mut dyn FnMut(FitProgress) -> bool,
) -> Result<Trial, FitError> {
    let (layout, training_set) = gather_training_set(encoders, request, report)?;
    let request = FitRequest {
        warm_start: None,
        ..*request
    };
    let fitter = Fitter::new(layout, training_set, &request)?;
    let (kept, held) = fitter.split();
    let what = Candidate::Convolutional.name();
    let (model, _) = fitter.candidate(Candidate::Convolutional, &kept, &mut |done, of, _| {
        report(FitProgress::Comparing { what, done, of })
    })?;
    let (error, frames) = model.errors(fitter.layout(), &held);
    Ok(Trial { error, frames })
}

/// The errors that [`trial`] measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Over all held-out frames, in the fit's own measure; less is better.
    pub error: f64,
    /// The same for each held-out frame, in the order of time.
    pub frames: Vec<f64>,
}

impl Trial {
    /// The share of held-out frames on which `errors` are less than these, a tie
    /// counted half: against training from pixels, Taskonomy's *Gain* (Zamir et
    /// al., CVPR 2018, section 3.3). `None` where no frame can be compared.
    #[must_use]
    pub fn gain_of(&self, errors: &[f64]) -> Option<f64> {
        let both = errors.iter().zip(&self.frames);
        let wins = both.filter_map(|(ours, theirs)| {
            ours.partial_cmp(theirs).map(|order| match order {
                Ordering::Less => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Greater => 0.0,
            })
        });
        let (sum, count) = wins.fold((0.0, 0), |(sum, count), win| (sum + win, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }
}
