//! Which targets a frame still has time for.
//!
//! A time limit that is looked at only when it has passed begins a readout of
//! 15 ms at 1 ms before the end, and sheds the next frame's instead: outputs
//! come and go. So what a target needs is known from its last runs, it is begun
//! only where that fits, and one that was given up comes back only when it has
//! fitted for a while.

use std::time::Duration;

/// Times of the last few runs of something.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    last: [Duration; Cost::RUNS],
    runs: usize,
}

impl Cost {
    const RUNS: usize = 5;

    /// Notes a run.
    pub(crate) fn note(&mut self, took: Duration) {
        self.last[self.runs % Self::RUNS] = took;
        self.runs += 1;
    }

    /// The median of the last five; `None` before the first.
    pub(crate) fn usual(&self) -> Option<Duration> {
        let known = self.runs.min(Self::RUNS);
        let mut last = self.last;
        last[..known].sort_unstable();
        known.checked_sub(1).map(|last_index| last[last_index / 2])
    }
}

/// The rest of a frame's time, and what a target would take of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// Time that it usually takes; zero where that is not known yet.
    pub(crate) needs: Duration,
    /// Until the limit; zero where it has passed.
    pub(crate) left: Duration,
    /// From the frame's arrival on.
    pub(crate) limit: Duration,
}

impl Need {
    /// Tells whether it is likely to end in time.
    pub(crate) fn fits(&self) -> bool {
        !self.left.is_zero() && self.needs <= self.left
    }

    /// Tells whether it would even with an eighth of the limit less.
    fn fits_well(&self) -> bool {
        !self.left.is_zero() && self.needs + self.limit / 8 <= self.left
    }

    /// Why it is not begun.
    pub(crate) fn words(&self) -> String {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let (needs, left, limit) = (millis(self.needs), millis(self.left), millis(self.limit));
        format!("shed: needs about {needs:.1} ms, but {left:.1} of {limit:.1} ms are left")
    }
}

/// True where a target is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It fits.
    Fits,
    /// It was given up long ago: whether it still takes as long is tried.
    Trial,
    /// It is not begun.
    Shed,
}

/// Gives one target up, and takes it up again, with hysteresis: given up where
/// four of the last sixteen frames had no time for it, taken up again when
/// sixteen in a row had well enough.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shedding {
    /// The newest in the lowest bit.
    shed: u16,
    /// While it is given up: frames in a row with time for it, and the next trial.
    given_up: Option<GivenUp>,
}

#[derive(Debug, Clone, Copy)]
struct GivenUp {
    fitting: u32,
    trial: Duration,
    pause: Duration,
}

impl Shedding {
    const GIVEN_UP_FROM: u32 = 4;
    const TAKEN_UP_AFTER: u32 = 16;
    const FIRST_PAUSE: Duration = Duration::from_secs(2);
    const MAX_PAUSE: Duration = Duration::from_secs(32);

    /// Tells whether it is given up now.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.is_some()
    }

    /// Decides for one frame.
    pub(crate) fn admit(&mut self, now: Duration, need: &Need) -> Admission {
        let Some(given_up) = &mut self.given_up else {
            let fits = need.fits();
            self.note(now, !fits);
            return if fits {
                Admission::Fits
            } else {
                Admission::Shed
            };
        };
        given_up.fitting = if need.fits_well() {
            given_up.fitting + 1
        } else {
            0
        };
        if given_up.fitting >= Self::TAKEN_UP_AFTER {
            *self = Self::default();
            return Admission::Fits;
        }
        // What it takes is not learnt where it never runs.
        if now >= given_up.trial && !need.left.is_zero() {
            given_up.pause = (given_up.pause * 2).min(Self::MAX_PAUSE);
            given_up.trial = now + given_up.pause;
            return Admission::Trial;
        }
        Admission::Shed
    }

    /// Notes that what was admitted has no time left after all, now that its encoders ran.
    pub(crate) fn note_late(&mut self, now: Duration) {
        self.shed |= 1;
        self.look(now);
    }

    fn note(&mut self, now: Duration, shed: bool) {
        self.shed = self.shed << 1 | u16::from(shed);
        self.look(now);
    }

    fn look(&mut self, now: Duration) {
        if self.given_up.is_none() && self.shed.count_ones() >= Self::GIVEN_UP_FROM {
            self.given_up = Some(GivenUp {
                fitting: 0,
                trial: now + Self::FIRST_PAUSE,
                pause: Self::FIRST_PAUSE,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn need(needs: u32, left: u32) -> Need {
        Need {
            needs: MS * needs,
            left: MS * left,
            limit: MS * 8,
        }
    }

    #[test]
    fn what_something_takes_is_the_median_of_its_last_runs() {
        let mut cost = Cost::default();
        assert_eq!(cost.usual(), None);
        for millis in [900, 3, 4, 3, 5, 4, 90] {
            cost.note(MS * millis);
        }
        assert_eq!(
            cost.usual(),
            Some(MS * 4),
            "neither the first run nor a hiccup"
        );
    }

    #[test]
    fn fifteen_milliseconds_are_not_begun_at_one_of_eight() {
        let mut shedding = Shedding::default();
        assert_eq!(shedding.admit(MS, &need(15, 1)), Admission::Shed);
        assert_eq!(shedding.admit(MS, &need(1, 1)), Admission::Fits);
        assert_eq!(shedding.admit(MS, &need(0, 0)), Admission::Shed);
        let words = "shed: needs about 15.0 ms, but 1.0 of 8.0 ms are left";
        assert_eq!(need(15, 1).words(), words);
    }

    #[test]
    fn what_is_given_up_comes_back_once_it_has_fitted_for_a_while() {
        let mut shedding = Shedding::default();
        let mut frames = |pattern: &[(u32, u32)]| -> Vec<Admission> {
            let admit = |&(needs, left)| shedding.admit(MS, &need(needs, left));
            pattern.iter().map(admit).collect()
        };
        // On and off: after the fourth time it is off.
        let flickering = [(5, 6), (5, 4)].repeat(8);
        let admitted = frames(&flickering);
        assert_eq!(
            admitted.iter().filter(|a| **a == Admission::Fits).count(),
            4
        );
        assert!(admitted[8..].iter().all(|a| *a == Admission::Shed));
        // Just fitting is not enough, and one that does not starts the count anew.
        assert!(!frames(&[(5, 5); 40]).contains(&Admission::Fits));
        assert!(!frames(&[(5, 6); 15]).contains(&Admission::Fits));
        assert!(!frames(&[(5, 4)]).contains(&Admission::Fits));
        let admitted = frames(&[(5, 6); 20]);
        assert_eq!(
            admitted.iter().position(|a| *a == Admission::Fits),
            Some(15)
        );
    }

    #[test]
    fn what_never_runs_is_tried_ever_more_rarely() {
        let mut shedding = Shedding::default();
        let seconds = (0..1000).map(|tenth| MS * 100 * tenth);
        let trials = seconds.filter(|&now| shedding.admit(now, &need(15, 8)) == Admission::Trial);
        let trials: Vec<u64> = trials.map(|at| at.as_secs()).collect();
        assert_eq!(trials, [2, 6, 14, 30, 62, 94]);
    }
}
