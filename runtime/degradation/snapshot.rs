//! Where a chain stands, for people, `--json` and status. Who drives it tells it
//! through [`Control::tell_degradation`](crate::Control).

use serde::Serialize;

use crate::health::{Health, Verdict};
use crate::heat::ThermalZone;
use crate::status::StatusEntry;

/// The state of a chain of policies.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DegradationSnapshot {
    /// Its policies, best first.
    pub chain: Vec<String>,
    /// Position of the one that serves, from 0; of the last one, while it rests.
    pub position: usize,
    /// True while a policy runs that somebody else put there: no step is made.
    pub rests: bool,
    /// True where every encoder fails and nothing is left to step down to.
    pub engine_lost: bool,
    /// Seconds since the start at which the policy took over.
    pub since_seconds: f64,
    /// Why it did, in words; empty for the one it began with.
    pub cause: String,
    /// Steps down and up since the start.
    pub steps_down: u64,
    /// Steps up since the start.
    pub steps_up: u64,
    /// Steps that could not be made, or were not, because the policy was refused or
    /// would not have fitted.
    pub steps_refused: u64,
    /// Why the last of those was not made; empty where there was none.
    pub last_refusal: String,
    /// Share of the newest frames that were late or dropped, if enough came to tell.
    pub late_share: Option<f64>,
    /// Calm time before the next step up, s.
    pub up_after_seconds: f64,
    /// The thermal zone that is nearest to its limit: name, °C, limit in °C.
    pub nearest_zone: Option<(String, f64, f64)>,
    /// The last 64 steps, oldest first.
    pub steps: Vec<ChainStep>,
}

/// A step from one policy of a chain to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainStep {
    /// When it was made, ns since the Unix epoch.
    pub stamp_ns: i64,
    /// Seconds since the start.
    pub seconds: f64,
    /// The policy before.
    pub from: String,
    /// The policy after.
    pub to: String,
    /// `overload`, `heat`, `engine_lost` or `calm`.
    pub cause: &'static str,
    /// Why, in words.
    pub words: String,
    /// From the decision to the new policy's first frame, ms.
    pub took_millis: f64,
}

impl DegradationSnapshot {
    /// Most steps that are kept.
    pub const MAX_STEPS: usize = 64;

    /// Adds a step, in place of the oldest where there are too many.
    pub fn push(&mut self, step: ChainStep) {
        if self.steps.len() == Self::MAX_STEPS {
            self.steps.remove(0);
        }
        self.steps.push(step);
    }

    /// Notes the zone that is nearest to its limit.
    pub fn note_zone(&mut self, zone: Option<&ThermalZone>) {
        let figures = zone.map(|zone| (zone.name.clone(), zone.celsius, zone.limit_celsius));
        self.nearest_zone = figures;
    }

    /// The policy that serves by the chain; empty where there is none.
    #[must_use]
    pub fn policy(&self) -> &str {
        self.chain.get(self.position).map_or("", String::as_str)
    }

    /// One line for people; `None` where the best policy serves.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        let policies = self.chain.len();
        if self.rests {
            return Some(
                "the chain of policies rests: one runs that somebody else put there".to_owned(),
            );
        }
        if self.engine_lost {
            let text = "every encoder fails, and no policy of the chain is left to step down to";
            return Some(text.to_owned());
        }
        (self.position > 0).then(|| {
            format!(
                "degraded: {} ({} of {policies}) in place of {}, from {:.0} s after the start on: {}",
                self.policy(),
                self.position + 1,
                self.chain.first().map_or("", String::as_str),
                self.since_seconds,
                self.cause
            )
        })
    }

    /// A lower policy works, but is not what was asked for.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.line() {
            Some(line) if !self.rests => (Health::Warn, line),
            _ => (Health::Ok, String::new()),
        }
    }

    /// Its part of the status.
    #[must_use]
    pub(crate) fn entry(&self) -> StatusEntry {
        let share = self.late_share.map(|late| format!("{:.1}", late * 100.0));
        let zone = self.nearest_zone.as_ref();
        let zone = zone.map(|(name, celsius, limit)| format!("{name} {celsius:.1} of {limit:.1}"));
        let values = [
            ("policy", self.policy().to_owned()),
            ("chain", self.chain.join(", ")),
            ("position", self.position.to_string()),
            ("rests", self.rests.to_string()),
            ("since_seconds", format!("{:.1}", self.since_seconds)),
            ("cause", self.cause.clone()),
            ("steps_down", self.steps_down.to_string()),
            ("steps_up", self.steps_up.to_string()),
            ("steps_refused", self.steps_refused.to_string()),
            ("last_refusal", self.last_refusal.clone()),
            ("late_percent", share.unwrap_or_default()),
            ("up_after_seconds", format!("{:.1}", self.up_after_seconds)),
            ("nearest_zone_celsius", zone.unwrap_or_default()),
        ];
        StatusEntry {
            name: "degradation".to_owned(),
            health: self.verdict().0,
            message: self.line().unwrap_or_default(),
            values: values.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }
}
