//! Stepping down to a policy that takes less, and up again: when, and to which.
//!
//! A **chain** is a list of policies, best first; its **position** is the one
//! that serves. Down goes it after overload, heat or the loss of the engine, up
//! after a calm time, one policy at a time and with hysteresis: calm is far from
//! overload, a step is followed by a new look from nothing, and the calm time
//! doubles each time that a step up did not last. Plain computation: time and
//! everything measured are arguments.

mod cause;
mod snapshot;
#[cfg(test)]
mod tests;
mod window;

use std::time::Duration;

pub use cause::Cause;
pub use snapshot::{ChainStep, DegradationSnapshot};
use window::Window;

use crate::heat::{Heat, HeatReading};

/// Rules of a chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DegradationRules {
    /// Share of the frames, above 0 and below 1, from which on a policy is
    /// overloaded where they are late or dropped; it is calm at a quarter of it.
    pub late_share: f64,
    /// Time that overload or heat lasts before a step down.
    pub down_after: Duration,
    /// Time that calm lasts before a step up.
    pub up_after: Duration,
}

impl Default for DegradationRules {
    fn default() -> Self {
        Self {
            late_share: 0.2,
            down_after: Duration::from_secs(2),
            up_after: Duration::from_secs(10),
        }
    }
}

/// Frames of all cameras since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameTally {
    /// Those that came and could be used.
    pub frames: u64,
    /// Those of them that were replaced by newer ones, waited too long, or had no
    /// time left for everything that was due.
    pub late: u64,
}

/// Everything that is measured at one moment.
#[derive(Debug, Clone, Default)]
pub struct Signs {
    /// Frames so far.
    pub tally: FrameTally,
    /// Temperatures, and how often the processor was throttled so far.
    pub heat: HeatReading,
    /// True where every encoder of the policy that runs fails and is quarantined.
    pub engine_lost: bool,
}

/// A step that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedStep {
    /// Position in the chain to go to.
    pub position: usize,
    /// Why.
    pub cause: Cause,
    /// True where it is to be made only if what is measured says that the policy
    /// fits.
    pub if_it_fits: bool,
}

/// The state of a chain. Who drives it [looks](Chain::look) some four times a
/// second, makes the step that is wanted, and says what came of it.
#[derive(Debug)]
pub struct Chain {
    rules: DegradationRules,
    /// Per position, the number of the engine that its networks run on.
    engines: Vec<usize>,
    /// Per position, until when it is not tried again.
    refused_until: Vec<Duration>,
    /// Engines that were lost: a device's context does not recover in a process.
    lost: Vec<usize>,
    position: usize,
    /// True while somebody else's policy runs.
    rests: bool,
    window: Window,
    heat: Heat,
    overloaded_since: Option<Duration>,
    hot_since: Option<Duration>,
    calm_since: Option<Duration>,
    /// When a step for heat may follow another.
    heat_again: Duration,
    /// When the last step up was made, until a step down follows.
    went_up: Option<Duration>,
    /// Calm time before a step up, now.
    patience: Duration,
    /// Times in a row that the better policy was found not to fit.
    unfit: u32,
}

impl Chain {
    /// Most times in a row that an estimate keeps a better policy away; then it is
    /// tried all the same.
    const MAX_UNFIT: u32 = 3;
    /// Longest calm time before a step up, where the rules ask for no longer one.
    const MAX_PATIENCE: Duration = Duration::from_secs(600);
    /// A step up that lasts less long than this did not last.
    const LASTING: Duration = Duration::from_secs(60);
    /// How long what is cooled by a step takes to cool.
    const COOLING: Duration = Duration::from_secs(30);
    /// How long a policy that was refused is not tried again.
    const REFUSAL: Duration = Duration::from_secs(30);

    /// A chain at its best position; `engines` has, per position, the number of the
    /// engine that its networks run on.
    #[must_use]
    pub fn new(rules: DegradationRules, engines: Vec<usize>) -> Self {
        Self {
            rules,
            refused_until: vec![Duration::ZERO; engines.len()],
            engines,
            lost: Vec::new(),
            position: 0,
            rests: false,
            window: Window::default(),
            heat: Heat::default(),
            overloaded_since: None,
            hot_since: None,
            calm_since: None,
            heat_again: Duration::ZERO,
            went_up: None,
            patience: rules.up_after,
            unfit: 0,
        }
    }

    /// Position of the policy that serves; of the last one, while it rests.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Tells whether it rests, because somebody else's policy runs.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.rests
    }

    /// Calm time before a step up, now: doubled where steps up did not last.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Share of the newest frames that were late or dropped; `None` while too few
    /// came to tell.
    #[must_use]
    pub fn late_share(&self) -> Option<f64> {
        self.window.share()
    }

    /// Takes note of what is measured at `now` (monotonic), and tells which step is
    /// to be made, if one is.
    pub fn look(&mut self, now: Duration, signs: &Signs) -> Option<WantedStep> {
        if self.rests {
            return None;
        }
        self.window.note(now, signs.tally);
        self.heat.note(now, &signs.heat);
        if signs.engine_lost {
            return self.leave_engine(now);
        }
        let late = self.window.share();
        let overloaded = late.is_some_and(|late| late > self.rules.late_share);
        let calm = late.is_some_and(|late| late <= self.rules.late_share / 4.0);
        lasts(&mut self.overloaded_since, overloaded, now);
        lasts(&mut self.hot_since, self.heat.is_hot(now), now);
        lasts(&mut self.calm_since, calm && self.heat.is_cool(now), now);
        let down_after = self.rules.down_after;
        let has_lasted = |since: Option<Duration>, long: Duration| {
            since.is_some_and(|since| now.saturating_sub(since) >= long)
        };
        if let Some(late) = late
            && has_lasted(self.overloaded_since, down_after)
        {
            let limit = self.rules.late_share;
            return self.down(now, Cause::Overload { late, limit });
        }
        if has_lasted(self.hot_since, down_after) && now >= self.heat_again {
            return self.down(now, Cause::Heat(self.heat.words()));
        }
        match has_lasted(self.calm_since, self.patience) {
            true => self.up(now),
            false => None,
        }
    }

    /// The next position below on another engine; where there is none, on this one,
    /// as it may be the policy's encoders alone that fail.
    fn leave_engine(&mut self, now: Duration) -> Option<WantedStep> {
        let engine = self.engines[self.position];
        let below = &self.engines[self.position + 1..];
        if below.iter().any(|other| *other != engine) && !self.lost.contains(&engine) {
            self.lost.push(engine);
        }
        self.down(now, Cause::EngineLost)
    }

    fn down(&self, now: Duration, cause: Cause) -> Option<WantedStep> {
        let mut below = self.position + 1..self.engines.len();
        let position = below.find(|&it| self.may_be_tried(it, now))?;
        Some(WantedStep {
            position,
            cause,
            if_it_fits: false,
        })
    }

    fn up(&self, now: Duration) -> Option<WantedStep> {
        let position = self.position.checked_sub(1)?;
        self.may_be_tried(position, now).then_some(WantedStep {
            position,
            cause: Cause::Calm(self.patience),
            if_it_fits: self.unfit < Self::MAX_UNFIT,
        })
    }

    fn may_be_tried(&self, position: usize, now: Duration) -> bool {
        !self.lost.contains(&self.engines[position]) && now >= self.refused_until[position]
    }

    /// Tells whether something below could still be stepped down to.
    #[must_use]
    pub fn has_lower(&self) -> bool {
        let mut below = self.position + 1..self.engines.len();
        below.any(|position| !self.lost.contains(&self.engines[position]))
    }

    /// The wanted step was made at `now`.
    pub fn note_stepped(&mut self, now: Duration, step: &WantedStep) {
        if step.position < self.position {
            self.went_up = Some(now);
        } else {
            let lasted = self.went_up.take().map(|up| now.saturating_sub(up));
            self.patience = match lasted {
                Some(lasted) if lasted < Self::LASTING.max(self.patience) => self.longer(),
                _ => self.rules.up_after,
            };
        }
        if let Cause::Heat(_) = step.cause {
            self.heat_again = now + Self::COOLING;
        }
        self.position = step.position;
        self.unfit = 0;
        self.look_anew();
    }

    /// The wanted step could not be made: its policy was refused.
    pub fn note_refused(&mut self, now: Duration, step: &WantedStep) {
        self.refused_until[step.position] = now + Self::REFUSAL;
        if step.position < self.position {
            self.patience = self.longer();
            self.calm_since = None;
        }
    }

    /// The wanted step up was not made: by what is measured, its policy would not
    /// fit.
    pub fn note_unfit(&mut self) {
        self.unfit += 1;
        self.patience = self.longer();
        self.calm_since = None;
    }

    /// Rests: somebody else's policy runs.
    pub fn rest(&mut self) {
        self.rests = true;
        self.went_up = None;
        self.look_anew();
    }

    /// Goes on from `position`: somebody put a policy of the chain back.
    pub fn resume(&mut self, position: usize) {
        self.rests = false;
        self.position = position;
        self.went_up = None;
        self.patience = self.rules.up_after;
        self.unfit = 0;
        self.look_anew();
    }

    fn longer(&self) -> Duration {
        (self.patience * 2).min(Self::MAX_PATIENCE.max(self.rules.up_after))
    }

    /// What was before says nothing of what runs now.
    fn look_anew(&mut self) {
        self.window = Window::default();
        self.overloaded_since = None;
        self.hot_since = None;
        self.calm_since = None;
    }
}

/// Keeps since when something is so.
fn lasts(since: &mut Option<Duration>, is_so: bool, now: Duration) {
    *since = is_so.then(|| since.unwrap_or(now));
}
