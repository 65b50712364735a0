//! Which frames a target with a rate of its own is due on.

use std::time::Duration;

/// Picks, out of frames that arrive when they like, those nearest to an even
/// schedule. On monotonic time, so that a step of the clock changes nothing.
#[derive(Debug, Clone)]
pub struct Rate {
    period: Option<Duration>,
    next: Option<Duration>,
}

impl Rate {
    /// `hertz` times a second, or every frame where it is `None`.
    #[must_use]
    pub fn new(hertz: Option<f64>) -> Self {
        Self {
            period: hertz.map(|hz| Duration::from_secs_f64(1.0 / hz)),
            next: None,
        }
    }

    /// Tells whether a frame that arrived at `arrived` is due, given that frames
    /// come about every `interval`: it is where the schedule falls nearer to
    /// this frame than to the next.
    #[must_use]
    pub fn is_due(&self, arrived: Duration, interval: Duration) -> bool {
        match (self.period, self.next) {
            (Some(_), Some(next)) => arrived + interval / 2 >= next,
            _ => true,
        }
    }

    /// Notes that a due frame was taken. The schedule keeps its phase, unless
    /// it has fallen behind by a whole period.
    pub fn take(&mut self, arrived: Duration) {
        let Some(period) = self.period else { return };
        let kept_phase = self.next.unwrap_or(arrived) + period;
        self.next = Some(if kept_phase < arrived {
            arrived + period
        } else {
            kept_phase
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(
        hertz: Option<f64>,
        arrivals: impl Iterator<Item = Duration>,
        interval: Duration,
    ) -> usize {
        let mut rate = Rate::new(hertz);
        let due = arrivals.filter(|&at| {
            let due = rate.is_due(at, interval);
            if due {
                rate.take(at);
            }
            due
        });
        due.count()
    }

    fn jittered(frames: u64, period_micros: u64) -> impl Iterator<Item = Duration> {
        (0..frames).map(move |i| Duration::from_micros(i * period_micros + (i * 7919) % 3000))
    }

    #[test]
    fn half_the_camera_rate_takes_every_second_frame_in_spite_of_jitter() {
        let period = Duration::from_micros(33_333);
        assert_eq!(taken(Some(15.0), jittered(300, 33_333), period), 150);
        assert_eq!(taken(Some(10.0), jittered(300, 33_333), period), 100);
        assert_eq!(taken(Some(2.0), jittered(300, 33_333), period), 20);
    }

    #[test]
    fn a_rate_that_does_not_divide_the_camera_rate_is_met_on_average() {
        let period = Duration::from_micros(33_333);
        let got = taken(Some(12.0), jittered(3000, 33_333), period);
        assert!((1195..=1205).contains(&got), "{got}");
    }

    #[test]
    fn a_rate_above_the_camera_rate_takes_every_frame() {
        let period = Duration::from_micros(33_333);
        assert_eq!(taken(Some(100.0), jittered(300, 33_333), period), 300);
        assert_eq!(taken(None, jittered(300, 33_333), period), 300);
    }

    #[test]
    fn after_a_pause_the_schedule_does_not_catch_up_in_a_burst() {
        let mut rate = Rate::new(Some(10.0));
        rate.take(Duration::ZERO);
        let after = Duration::from_secs(10);
        assert!(rate.is_due(after, Duration::from_millis(10)));
        rate.take(after);
        assert!(!rate.is_due(after + Duration::from_millis(10), Duration::from_millis(10)));
    }
}
