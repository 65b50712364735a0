//! What a chain of policies is driven by, and what is told of it.

use super::Control;
use crate::clock::lock;
use crate::degradation::{DegradationSnapshot, FrameTally};

impl Control {
    /// Frames of all cameras so far, and how many were late or dropped for want of
    /// time.
    #[must_use]
    pub fn frame_tally(&self) -> FrameTally {
        let stats = lock(&self.shared.stats);
        let cameras = stats.cameras.iter().enumerate();
        cameras.fold(FrameTally::default(), |all, (index, camera)| {
            let counts = &camera.counts;
            let replaced = counts.superseded + self.shared.mailbox.superseded_frames(index);
            let dropped = replaced + counts.too_old;
            FrameTally {
                frames: all.frames + dropped + counts.processed,
                late: all.late + dropped + counts.late,
            }
        })
    }

    /// Tells whether every encoder of the policy that runs fails again and again:
    /// the device that runs them is gone.
    #[must_use]
    pub fn is_engine_lost(&self) -> bool {
        let generation = self.shared.generation();
        let troubles = lock(&self.shared.troubles);
        let fails = |name: &str| {
            let mut troubles = troubles.iter().flatten();
            troubles.any(|trouble| trouble.quarantined && trouble.name == name)
        };
        let origins = generation.origins.iter();
        let mut encoders = origins
            .flat_map(|origin| &origin.hashes.encoders)
            .peekable();
        encoders.peek().is_some() && encoders.all(|(name, _)| fails(name))
    }

    /// Tells where a chain of policies stands; it is part of every
    /// [`Snapshot`](crate::Snapshot) and status from now on.
    pub fn tell_degradation(&self, degradation: DegradationSnapshot) {
        *lock(&self.shared.degradation) = Some(degradation);
    }
}
