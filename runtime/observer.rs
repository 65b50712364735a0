//! An observer gets copies of frames and representations.

use std::sync::Arc;
use std::time::Duration;

use crate::observation::{Observation, ObservationRequest};
use crate::shared::Shared;

/// Gets observations, one at a time, the newest there is when it asks. Made by
/// `Control::observe`; dropping it ends the copying.
pub struct Observer {
    shared: Arc<Shared>,
    number: u64,
}

impl Observer {
    pub(crate) fn new(shared: Arc<Shared>, request: ObservationRequest) -> Self {
        let number = shared.observations.open(request);
        Self { shared, number }
    }

    /// Waits up to `timeout` for the next frame that fits the request. `None`
    /// where none came, where another observer took this one's place, or where
    /// the runtime stops.
    #[must_use]
    pub fn next(&self, timeout: Duration) -> Option<Observation> {
        self.shared.observations.take(self.number, timeout)
    }

    /// Hands an observation back, so that its memory is used again.
    pub fn recycle(&self, observation: Observation) {
        self.shared.observations.recycle(observation);
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.shared.observations.end(self.number);
    }
}
