//! The share of late frames over the newest second or so.

use std::collections::VecDeque;
use std::time::Duration;

use super::FrameTally;

/// Counts of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The oldest first.
    samples: VecDeque<(Duration, FrameTally)>,
}

impl Window {
    /// Least time that a share is told of.
    const LEAST: Duration = Duration::from_secs(1);
    /// Least frames that a share is told of: a slow camera needs more time.
    const FRAMES: u64 = 8;
    /// What is older says nothing of now.
    const LONGEST: Duration = Duration::from_secs(10);
    /// Least time between two samples that are kept.
    const APART: Duration = Duration::from_millis(100);

    /// Notes the counts at `now`.
    pub(super) fn note(&mut self, now: Duration, tally: FrameTally) {
        // The newest is always exact; those before it are apart.
        if let [.., (before, _), _] = *self.samples.make_contiguous()
            && now.saturating_sub(before) < Self::APART
        {
            self.samples.pop_back();
        }
        self.samples.push_back((now, tally));
        while let Some((oldest, _)) = self.samples.front()
            && now.saturating_sub(*oldest) > Self::LONGEST
        {
            self.samples.pop_front();
        }
    }

    /// The share of the frames that were late, over the shortest time that tells.
    pub(super) fn share(&self) -> Option<f64> {
        let &(now, newest) = self.samples.back()?;
        let enough = |(at, tally): &&(Duration, FrameTally)| {
            now.saturating_sub(*at) >= Self::LEAST
                && newest.frames.saturating_sub(tally.frames) >= Self::FRAMES
        };
        let (_, before) = self.samples.iter().rev().find(enough)?;
        let frames = newest.frames - before.frames;
        let late = newest.late.saturating_sub(before.late);
        Some(late as f64 / frames as f64)
    }
}
