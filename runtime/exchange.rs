//! A pipeline in exchange for another, between who swaps and the perceive thread.

use std::sync::Arc;
use std::time::Duration;

use crate::generation::Generation;
use crate::pipeline::Pipeline;
use crate::step::TakenOver;

/// A pipeline for the perceive thread to take.
pub(crate) struct Offer {
    pub(crate) pipeline: Pipeline,
    pub(crate) generation: Arc<Generation>,
    /// True where it runs on another engine than the one before.
    pub(crate) on_other_engine: bool,
}

/// The perceive thread's answer to an [`Offer`].
pub(crate) struct Exchanged {
    /// The old pipeline: dropping sessions takes time.
    pub(crate) old: Pipeline,
    pub(crate) taken: TakenOver,
    pub(crate) took: Duration,
    /// Sequence number of the last frame of each camera.
    pub(crate) last: Vec<Option<u64>>,
}
