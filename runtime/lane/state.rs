//! State that a lane keeps from frame to frame, one for each stage.

use concert_models::preprocess::Preprocessor;
use concert_models::{Affine2, Slot};

use super::condition::ReadoutCondition;
use super::runner::Runner;
use crate::output::Output;
use crate::rate::Rate;
use crate::ring::Ring;
use crate::shedding::{Cost, Shedding};

/// One distinct input contract: preprocessing runs once per frame for it.
pub(super) struct ImageState {
    pub(super) preprocessor: Preprocessor,
    pub(super) slot: Slot,
    pub(super) made: Progress,
    pub(super) cost: Cost,
}

/// A value that one camera knows of a frame beside its image.
pub(super) struct CameraState {
    pub(super) slot: Slot,
    pub(super) made: Progress,
}

/// One encoder of one camera.
pub(super) struct EncoderState {
    pub(super) network: Runner,
    pub(super) ring: Ring,
    /// Per turn, per level.
    pub(super) levels: Vec<Vec<Slot>>,
    pub(super) made: Progress,
}

/// One readout of one camera.
pub(super) struct ReadoutState {
    pub(super) network: Runner,
    pub(super) slot: Slot,
    /// Image from output of this frame's output, which may have left already.
    pub(super) map: Affine2,
    pub(super) rate: Rate,
    pub(super) output: Output,
    /// Delivered so far.
    pub(super) sequence: u64,
    pub(super) needed: bool,
    pub(super) due: bool,
    /// True where something ran for it on this frame.
    pub(super) attempted: bool,
    pub(super) wanted: bool,
    pub(super) made: Progress,
    pub(super) condition: ReadoutCondition,
    pub(super) shedding: Shedding,
    /// Outputs in a row in which nothing was known.
    pub(super) unknown: u32,
    pub(super) image_from_output: fn(&ReadoutState, Affine2, (usize, usize)) -> Affine2,
}

impl ReadoutState {
    /// A readout that has not run on any frame.
    pub(super) fn new(network: Runner, slot: Slot, rate_hz: Option<f64>, output: Output) -> Self {
        let is_dense = output.origin.shape.len() == 4;
        Self {
            network,
            slot,
            map: Affine2::IDENTITY,
            rate: Rate::new(rate_hz),
            output,
            sequence: 0,
            needed: false,
            due: false,
            attempted: false,
            wanted: false,
            made: Progress::NotTried,
            condition: ReadoutCondition::Well,
            shedding: Shedding::default(),
            unknown: 0,
            image_from_output: if is_dense { dense_map } else { input_map },
        }
    }
}

/// Progress of something on this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    NotTried,
    Made,
    Missing,
}

/// A dense output covers the whole network input.
fn dense_map(lane: &ReadoutState, image_from_input: Affine2, input: (usize, usize)) -> Affine2 {
    let shape = &lane.output.origin.shape;
    image_from_input.after(&Affine2::stretch((shape[3], shape[2]), input))
}

/// Points and boxes are in pixels of the network input.
fn input_map(_lane: &ReadoutState, image_from_input: Affine2, _input: (usize, usize)) -> Affine2 {
    image_from_input
}
