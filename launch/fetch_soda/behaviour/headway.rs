//! Whether the robot gets on, and what it does where it does not.

use std::time::Duration;

use concert_runtime::Timestamp;

use super::super::localiser::seconds;
use super::super::place::{Place, distance, wrap};
use super::super::planner::RADIUS;
use super::{Behaviour, Step};

/// Without headway for so long, the robot is stuck, s.
const STUCK_S: f64 = 5.0;

impl Behaviour {
    pub(super) fn note_touch(&mut self, base: Place, now: Timestamp) {
        self.counts.touches += 1;
        if matches!(self.step, Step::Face { .. } | Step::Grasp { .. }) {
            return;
        }
        self.grid.note_touch(base, RADIUS);
        self.retreat(now, Duration::from_millis(1800));
    }

    pub(super) fn retreat(&mut self, now: Timestamp, time: Duration) {
        let then = match std::mem::replace(&mut self.step, Step::Explore) {
            Step::BackOff { then, .. } => then,
            other => Box::new(other),
        };
        self.plan = None;
        self.step = Step::BackOff {
            until: now.after(time),
            then,
        };
    }

    /// A robot that does not get on for a while backs off and takes what is
    /// before it for taken.
    pub(super) fn note_headway(&mut self, base: Place, now: Timestamp) {
        let (there, since) = *self.headway.get_or_insert((base, now));
        let moved = distance(there.point(), base.point());
        self.counts.path_m += match self.headway {
            Some((last, _)) if moved > 0.05 => distance(last.point(), base.point()),
            _ => 0.0,
        };
        let turned = wrap(base.yaw - there.yaw).abs();
        if moved > 0.05 || turned > 0.3 {
            self.headway = Some((base, now));
            return;
        }
        let drives = matches!(
            self.step,
            Step::Explore | Step::Approach { .. } | Step::Return
        );
        if drives && seconds(since, now) > STUCK_S {
            self.headway = Some((base, now));
            self.grid.note_touch(base, RADIUS);
            self.retreat(now, Duration::from_millis(2500));
        }
    }
}
