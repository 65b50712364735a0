//! The request of a measurement, and its progress.

use std::path::Path;
use std::time::Duration;

use concert_policies::Task;

use crate::dataset::DataSet;
use crate::fit::FitProgress;
use concert_models::card::FitKind;
use concert_models::store::Encoder;

/// A part of the work: every `of`-th target, from `number` on, which counts
/// from 1. Which sets of sources a target tries depends on its first orders, so
/// a target is not divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Number of the shard, from 1.
    pub number: usize,
    /// Number of all shards.
    pub of: usize,
}

/// A measurement that is asked for.
#[derive(Clone, Copy)]
pub struct MeasureRequest<'a> {
    /// Labelled frames, and the name that is written down for them.
    pub data: (&'a DataSet, &'a str),
    /// Other frames to compare on; parts of `data` where it is `None`.
    pub held_out: Option<(&'a DataSet, &'a str)>,
    /// The sources. An untrained one and the pixels are added.
    pub encoders: &'a [Encoder],
    /// The targets.
    pub targets: &'a [&'static Task],
    /// Most sources of one transfer.
    pub max_order: usize,
    /// Most frames to fit on and to compare on.
    pub frames: (Option<usize>, Option<usize>),
    /// The kind that is fitted; the better of all where it is `None`.
    pub kind: Option<FitKind>,
    /// Steps of a convolutional fit.
    pub steps: usize,
    /// The seed of all random numbers.
    pub seed: u32,
    /// The part of the work; all of it where it is `None`.
    pub shard: Option<Shard>,
    /// The folder in which everything is kept.
    pub out: &'a Path,
}

/// The progress of a measurement, for people who wait.
#[derive(Debug, Clone, Copy)]
pub enum MeasureProgress<'a> {
    /// Frames that an encoder has seen, of so many.
    Encoding {
        /// The encoder.
        source: &'a str,
        /// Done.
        done: usize,
        /// In all.
        of: usize,
    },
    /// A readout is fitted.
    Fitting {
        /// The transfer.
        transfer: &'a str,
        /// Transfers that are done.
        done: usize,
        /// Transfers in all.
        of: usize,
        /// The progress of the fit.
        progress: FitProgress,
    },
    /// A transfer is measured.
    Measured {
        /// The transfer.
        transfer: &'a str,
        /// Transfers that are done, this one included.
        done: usize,
        /// Transfers in all.
        of: usize,
        /// True where it had been measured before.
        kept: bool,
        /// Time that the rest may take, by those that were fitted now.
        remaining: Option<Duration>,
    },
}
