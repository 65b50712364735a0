//! When every frame is due: fixed before the first is published.

use std::time::Duration;

use concert_runtime::Timestamp;

/// An open-loop schedule: frame n is due `n` intervals after the start, however
/// late those before it were; none is left out. Cameras take turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// When frame 0 is due, since the computer started.
    pub(super) start: Duration,
    /// Stamp of frame 0.
    pub(super) stamp: Timestamp,
    /// Frames a second of each camera.
    pub(super) rate_hz: f64,
    /// Cameras.
    pub(super) cameras: usize,
}

impl Schedule {
    /// Frames of all cameras that are due within `span`.
    pub(super) fn frames_within(&self, span: Duration) -> u64 {
        (span.as_secs_f64() * self.rate_hz * self.cameras as f64).ceil() as u64
    }

    /// When frame `n` is due, since the computer started.
    pub(super) fn due(&self, n: u64) -> Duration {
        self.start + self.since_start(n)
    }

    /// Stamp of frame `n`: no two are the same.
    pub(super) fn stamp(&self, n: u64) -> Timestamp {
        self.stamp.after(self.since_start(n))
    }

    /// The camera of frame `n`.
    pub(super) fn camera(&self, n: u64) -> usize {
        (n % self.cameras as u64) as usize
    }

    fn since_start(&self, n: u64) -> Duration {
        let rate_hz = self.rate_hz * self.cameras as f64;
        Duration::from_secs_f64(n as f64 / rate_hz)
    }
}

/// A frame that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// Index of its camera.
    pub(super) camera: usize,
    /// Its stamp, ns since the Unix epoch.
    pub(super) stamp_ns: i64,
    /// When it was due, since the computer started.
    pub(super) due: Duration,
    /// When publishing it began.
    pub(super) began: Duration,
    /// When the bus had taken it.
    pub(super) put: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_due_at_fixed_moments_and_cameras_take_turns() {
        let schedule = Schedule {
            start: Duration::from_secs(100),
            stamp: Timestamp::from_nanos(5),
            rate_hz: 30.0,
            cameras: 2,
        };
        assert_eq!(schedule.frames_within(Duration::from_secs(2)), 120);
        assert_eq!(schedule.due(0), schedule.start);
        // A minute of both cameras: nothing drifts.
        assert_eq!(schedule.due(3600), schedule.start + Duration::from_secs(60));
        assert_eq!([0, 1, 2].map(|n| schedule.camera(n)), [0, 1, 0]);
        let stamps: Vec<_> = (0..100).map(|n| schedule.stamp(n).nanos()).collect();
        assert_eq!(stamps[0], 5);
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
