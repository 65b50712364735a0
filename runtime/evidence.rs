//! Outcomes of the newest frames, as little as a verdict needs.

use crate::counts::Outcome;
use crate::health::{Health, Verdict};

/// Losses in a row from which on nothing comes out.
pub(crate) const NOTHING_AFTER: u32 = 5;

/// Which of the newest 32 of something were lost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recent {
    /// The newest in the lowest bit.
    lost: u32,
    /// Lost in a row, to the newest.
    row: u32,
    /// From four lost on, until one is left: what flickers is said once.
    unwell: bool,
}

impl Recent {
    pub(crate) const WINDOW: u32 = u32::BITS;
    const UNWELL_FROM: u32 = 4;
    const WELL_UNTIL: u32 = 1;

    /// Notes the newest.
    pub(crate) fn note(&mut self, lost: bool) {
        self.lost = self.lost << 1 | u32::from(lost);
        self.row = if lost { self.row.saturating_add(1) } else { 0 };
        let lost = self.lost.count_ones();
        self.unwell = lost >= Self::UNWELL_FROM || self.unwell && lost > Self::WELL_UNTIL;
    }

    /// Lost in a row, to the newest.
    pub(crate) fn row(&self) -> u32 {
        self.row
    }

    /// The number of losses, where that is too many.
    pub(crate) fn too_many(&self) -> Option<u32> {
        self.unwell.then(|| self.lost.count_ones())
    }
}

/// Outcomes of the newest frames of a target.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    /// Losses of the frames on which it was due.
    recent: Recent,
    /// The last loss among them.
    loss: Option<Outcome>,
    /// The last outcome, be it due or not.
    pub(crate) latest: Option<Outcome>,
    /// Outputs in a row that the bus refused.
    pub(crate) refused_by_bus: u32,
    /// Outputs in a row that were replaced before the bus took them.
    pub(crate) superseded: u32,
}

impl Evidence {
    pub(crate) fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::NotDue => {}
            Outcome::NoSubscriber => self.latest = Some(outcome),
            Outcome::Delivered | Outcome::Internal => {
                self.latest = Some(outcome);
                self.recent.note(false);
            }
            lost => {
                self.latest = Some(lost);
                self.loss = Some(lost);
                self.recent.note(true);
            }
        }
    }

    /// Losses in a row where nothing comes out; `None` where something does, or
    /// nobody listens.
    pub(crate) fn nothing(&self) -> Option<u32> {
        let listened = !matches!(self.latest, None | Some(Outcome::NoSubscriber));
        let row = self.recent.row();
        (listened && row >= NOTHING_AFTER).then_some(row)
    }

    /// Judges by the outcomes; `reason` is what the lane says of them.
    pub(crate) fn verdict(&self, reason: &str) -> Option<Verdict> {
        if self.latest == Some(Outcome::NoSubscriber) {
            return None;
        }
        let loss = self.loss?;
        let why = match reason {
            "" => loss.name().replace('_', " "),
            reason => reason.to_owned(),
        };
        if let Some(row) = self.nothing() {
            let health = match loss {
                Outcome::Shed | Outcome::Warming | Outcome::Lost => Health::Warn,
                Outcome::InputMissing => Health::Warn, // or as the lane says of what is missing
                _ => Health::Error,
            };
            return Some((health, format!("nothing for {row} frames: {why}")));
        }
        let lost = self.recent.too_many()?;
        let window = Recent::WINDOW;
        Some((
            Health::Warn,
            format!("{lost} of the last {window} lost: {why}"),
        ))
    }

    /// Judges by what the bus does not take.
    pub(crate) fn of_bus(&self) -> Option<Verdict> {
        let (refused, superseded) = (self.refused_by_bus, self.superseded);
        if refused >= NOTHING_AFTER {
            let text = format!("the bus refused the last {refused} outputs");
            return Some((Health::Error, text));
        }
        (superseded >= NOTHING_AFTER).then(|| {
            let text = format!("the bus is slow: {superseded} outputs replaced before it took one");
            (Health::Warn, text)
        })
    }
}
