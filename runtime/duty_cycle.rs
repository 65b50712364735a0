//! The duty cycle of work beside the perceive thread's steps, which must not
//! disturb them.
//!
//! A low priority alone does not do that: where a processor is shared with other
//! programs, Linux gives each session or service its share, whoever of its threads
//! uses it; and one that never sleeps is not served at once when a frame wakes it.
//! So who works beside the steps looks at [`StepGaps`](crate::step_gaps::StepGaps)
//! between two pieces of its work, and sleeps while a step runs.

use std::time::Duration;

/// Share of a processor that such work gets however busy the steps are.
const MIN_SHARE: f64 = 0.05;
/// Share that it takes where other programs want the processor too.
const CROWDED_SHARE: f64 = 0.25;
/// Share of its time that it waited for a processor, from which on others want
/// it too.
const CROWDED: f64 = 0.25;
/// Longest wait.
const MAX_WAIT: Duration = Duration::from_millis(250);
/// Time for which it remembers others, s.
const MEMORY: f64 = 0.05;
/// Share below which it starves, and how long that is watched.
const STARVED: f64 = 0.02;
const WATCHED: Duration = Duration::from_secs(2);
/// Time for which it is more urgent after that.
const RAISED: Duration = Duration::from_secs(10);
/// Lead that it may have over the smaller share: it works in few long pauses
/// rather than in many short ones.
const AHEAD: Duration = Duration::from_millis(12);

/// Urgency of a thread that wants a processor that others want too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Only what nobody else wants (`SCHED_IDLE` on Linux): where any other
    /// thread of the program wakes, it takes this one's place at once.
    Idle,
    /// Least of the ordinary threads but one that still gets its turn (nice 10).
    Low,
}

/// Says when work beside the steps goes on: in pauses, with less of them where other
/// programs want the processor, and never less than a twentieth of the time.
///
/// Time is an argument: `now` is monotonic, `ran` the time that the thread had
/// a processor until now.
#[derive(Debug, Default)]
pub(crate) struct DutyCycle {
    /// When the piece under way began.
    began: (Duration, Duration),
    /// When it has its least share, if it goes on then.
    owed: Duration,
    /// When it may go on in a pause.
    rests: Duration,
    resting: bool,
    /// When the work under way began, or was last looked at.
    watched: (Duration, Duration),
    /// Until when it is more urgent.
    raised: Option<Duration>,
    /// Seconds that it ran and waited for a processor; the past fades.
    ran: f64,
    waited: f64,
}

impl DutyCycle {
    /// Work begins, after something else was waited for.
    pub(crate) fn start(&mut self, now: Duration, ran: Duration) {
        self.watched = (now, ran);
        self.begin(now, ran);
    }

    /// Changes the thread's urgency, where that is due: it is served
    /// last of all, unless that starves it.
    pub(crate) fn change(&mut self, now: Duration, ran: Duration) -> Option<Urgency> {
        if let Some(until) = self.raised {
            let over = now >= until;
            if over {
                self.raised = None;
                self.watched = (now, ran);
            }
            return over.then_some(Urgency::Idle);
        }
        let (since, ran_then) = self.watched;
        let wanted = now.saturating_sub(since);
        if wanted < WATCHED {
            return None;
        }
        self.watched = (now, ran);
        let got = ran.saturating_sub(ran_then).as_secs_f64();
        let starves = got < STARVED * wanted.as_secs_f64();
        starves.then(|| {
            self.raised = Some(now + RAISED);
            Urgency::Low
        })
    }

    /// A piece of work begins.
    pub(crate) fn begin(&mut self, now: Duration, ran: Duration) {
        self.began = (now, ran);
    }

    /// Time that the piece under way has taken.
    pub(crate) fn lasts(&self, now: Duration) -> Duration {
        now.saturating_sub(self.began.0)
    }

    /// The piece ended.
    pub(crate) fn end(&mut self, now: Duration, ran: Duration) {
        let (began, ran_then) = self.began;
        let lasted = self.lasts(now).as_secs_f64();
        let ran = ran.saturating_sub(ran_then).as_secs_f64().min(lasted);
        let kept = MEMORY / (MEMORY + lasted);
        self.ran = self.ran * kept + ran;
        self.waited = self.waited * kept + lasted - ran;
        let after = |from: Duration, share: f64| {
            let then = from.max(began) + Duration::from_secs_f64(ran / share);
            then.min(now + MAX_WAIT)
        };
        self.owed = after(self.owed, MIN_SHARE);
        self.rests = match self.is_crowded() {
            true => after(self.rests, CROWDED_SHARE),
            false => now,
        };
        self.resting = self.rests > now + AHEAD;
    }

    /// Tells whether other programs want the processor too.
    fn is_crowded(&self) -> bool {
        self.waited > CROWDED * (self.ran + self.waited)
    }

    /// Longest wait before this is asked again; `None` where the
    /// next piece may begin.
    pub(crate) fn wait(&self, now: Duration, stepping: bool) -> Option<Duration> {
        let rests = self.resting && now < self.rests;
        if now >= self.owed || !(stepping || rests) {
            return None;
        }
        let owed = self.owed - now;
        // The end of a step comes by itself.
        Some(if stepping {
            owed
        } else {
            owed.min(self.rests - now)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Duration = Duration::from_micros(200);

    /// The first step and its pause: in that step the work has its least share,
    /// because it had no pause before.
    const FIRST: Duration = Duration::from_millis(100);

    /// Works for a second of simulated time in pieces, of which each takes
    /// `crowd` times its processor time; returns the time that it ran, in all
    /// and while steps but the first ran. A step lasts `busy` of every 100 ms.
    fn second(busy: u64, crowd: u32) -> (Duration, Duration) {
        let stepping = |now: Duration| now.as_millis() as u64 % 100 < busy;
        let mut cycle = DutyCycle::default();
        let (mut now, mut ran, mut beside) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        while now < Duration::from_secs(1) {
            if let Some(wait) = cycle.wait(now, stepping(now)) {
                now += wait.min(Duration::from_micros(500));
                continue;
            }
            cycle.begin(now, ran);
            if stepping(now) && now >= FIRST {
                beside += PIECE;
            }
            ran += PIECE;
            now += PIECE * crowd;
            cycle.end(now, ran);
        }
        (ran, beside)
    }

    #[test]
    fn it_works_in_the_pauses_and_leaves_the_steps_alone() {
        let (ran, beside) = second(30, 1);
        assert!(ran > Duration::from_millis(600), "{ran:?}");
        assert_eq!(beside, Duration::ZERO);
    }

    #[test]
    fn where_steps_never_pause_it_still_gets_its_least_share() {
        let (ran, _) = second(100, 1);
        assert!(ran > Duration::from_millis(40), "{ran:?}");
        assert!(ran < Duration::from_millis(60), "{ran:?}");
    }

    #[test]
    fn where_others_want_the_processor_it_takes_less_of_the_pauses() {
        let (ran, beside) = second(30, 2);
        assert!(ran > Duration::from_millis(100), "{ran:?}");
        assert!(ran < Duration::from_millis(270), "{ran:?}");
        assert!(beside < Duration::from_millis(10), "{beside:?}");
    }

    #[test]
    fn what_starves_becomes_more_urgent_for_a_while() {
        let mut cycle = DutyCycle::default();
        let second = Duration::from_secs;
        let ran = Duration::from_millis;
        cycle.start(second(100), ran(5));
        assert_eq!(cycle.change(second(101), ran(6)), None);
        assert_eq!(cycle.change(second(102), ran(6)), Some(Urgency::Low));
        assert_eq!(cycle.change(second(105), ran(90)), None);
        assert_eq!(cycle.change(second(112), ran(400)), Some(Urgency::Idle));
        // Served well, it stays as it is; what was not wanted is not missed.
        assert_eq!(cycle.change(second(114), ran(500)), None);
        cycle.start(second(200), ran(500));
        assert_eq!(cycle.change(second(201), ran(500)), None);
    }
}
