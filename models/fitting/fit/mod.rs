//! New readouts from a few labelled frames: the encoders stay frozen, what they
//! make of the frames is computed once, and a small readout is fitted to it.
//!
//! [`Encoders`] turns images into [`Representation`]s; [`fit()`] gathers
//! labelled frames, compares ridge regression with a small convolutional readout
//! on blocks of time that are held out, and fits the better one on all;
//! [`FittedReadout`] is written as plain ONNX with a card. [`Statistics`] are
//! what ridge regression needs to know of any number of frames; [`LinearFit`]
//! fills them frame by frame, while a robot drives; a [`Learner`] compares what
//! it makes of them with what serves, on frames that it has not learnt from.

mod adamw;
mod alone;
mod augmentation;
mod baselines;
mod cached;
mod cholesky;
mod convolutional;
mod descent;
mod encoders;
mod error;
mod export;
mod fitting;
mod from_onnx;
mod gain;
mod interpolation;
mod kernels;
mod known;
mod learner;
mod linear;
mod model;
mod net;
mod objective;
mod product;
mod representations;
mod request;
mod ridge;
mod save;
mod statistics;
mod training_set;
mod warm;

pub use alone::compute_on_this_thread;
pub use augmentation::{Augmentation, focal_px};
pub use baselines::{PIXELS, RANDOM, pixel_encoder, random_encoder};
pub use cached::{CachedFrame, check_target, fit_cached};
pub use encoders::Encoders;
pub use error::FitError;
pub use fitting::{Chosen, FittedReadout, choose, fit};
pub use gain::{Trial, trial};
pub use known::KnownReadout;
pub use learner::{
    CurvePoint, FrameUse, LearnRules, Learner, NewestErrors, NewestFrames, ReadoutWatch, Refit,
    Verdict, WatchVerdict, WatchedErrors,
};
pub use linear::LinearFit;
pub use representations::{Representation, RepresentationLayout};
pub use request::{Effort, FitProgress, FitRequest, spaced_frames};
pub use save::{FitNotes, SavedReadout};
pub use statistics::{MAX_TERMS, Statistics};
pub use training_set::{MAX_BYTES, Shortcomings};
pub use warm::WarmReadout;

#[cfg(test)]
pub(crate) mod tests;
