//! Health is what comes out: the one place where outcomes become a health.
//!
//! What is counted here is small and of the newest frames alone, so that
//! everything recovers by itself. Status, live table and final figures say what
//! these functions say; what is to be built on health (readiness, a supervisor's
//! watchdog, stepping down to a smaller policy) stands on them too.

use std::time::Duration;

use crate::counts::Outcome;
use crate::failures::Trouble;
use crate::stats::{CameraStats, TargetStats};
use crate::status::Health;

/// How well something is, and why, in one line (empty where all is well).
pub(crate) type Verdict = (Health, String);

/// Losses in a row from which on nothing comes out.
pub(crate) const NOTHING_AFTER: u32 = 5;
/// Frames of one stamp from which on it stands still.
pub(crate) const STANDS_AFTER: u64 = 3;

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
    const WINDOW: u32 = u32::BITS;
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

    /// How many were lost, where that is too many.
    pub(crate) fn too_many(&self) -> Option<u32> {
        self.unwell.then(|| self.lost.count_ones())
    }
}

/// What came of the newest frames of a target.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    /// Of the frames on which it was due.
    recent: Recent,
    /// What the last loss among them was.
    loss: Option<Outcome>,
    /// What became of it last, be it due or not.
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
    fn nothing(&self) -> Option<u32> {
        let listened = !matches!(self.latest, None | Some(Outcome::NoSubscriber));
        let row = self.recent.row();
        (listened && row >= NOTHING_AFTER).then_some(row)
    }

    /// What the outcomes say; `reason` is what the lane says of them.
    fn verdict(&self, reason: &str) -> Option<Verdict> {
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

    fn of_bus(&self) -> Option<Verdict> {
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

/// How well a camera is at `now`: as well as the frames that it gives.
pub(crate) fn of_camera(camera: &CameraStats, now: Duration) -> Verdict {
    let silent = camera.heard.map(|at| now.saturating_sub(at));
    let after = camera.interval.map(stale_after);
    match (&camera.interrupted, silent, after) {
        (_, None, _) if camera.ended => (Health::Warn, "ended without a frame".to_owned()),
        (_, Some(_), _) if camera.ended && camera.passed.is_none() => refused(camera),
        (_, Some(_), _) if camera.ended => (Health::Ok, "ended".to_owned()),
        (Some(reason), ..) => (Health::Stale, reason.clone()),
        (None, None, _) => (Health::Warn, "waiting for the first frame".to_owned()),
        (None, Some(silent), Some(after)) if silent > after => {
            let (silent, after) = (silent.as_secs_f64(), after.as_secs_f64());
            let text = format!("no frame for {silent:.2} s, but {after:.2} s are two periods");
            (Health::Stale, text)
        }
        _ => of_frames(camera, now),
    }
}

/// How well the frames are that arrive.
fn of_frames(camera: &CameraStats, now: Duration) -> Verdict {
    let passed = camera.passed.map(|at| now.saturating_sub(at));
    let after = camera.interval.map_or(Duration::ZERO, stale_after);
    // Frames arrive, but none has come through for two periods.
    let none = passed.is_none_or(|passed| passed > after);
    if none && camera.refusals.row() > 0 {
        return refused(camera);
    }
    if none && camera.same_stamp >= STANDS_AFTER {
        return (Health::Error, stands_still(camera.same_stamp));
    }
    if camera.too_old >= u64::from(NOTHING_AFTER) {
        let frames = camera.too_old;
        let text = format!("the last {frames} frames waited too long and were dropped");
        return (Health::Error, text);
    }
    if let Some((fault, frames)) = camera.picture {
        return (Health::Warn, fault.words(frames));
    }
    if let Some(lost) = camera.refusals.too_many() {
        let (window, reason) = (Recent::WINDOW, &camera.last_refusal);
        let text = format!("{lost} of the last {window} frames refused: {reason}");
        return (Health::Warn, text);
    }
    match &camera.companion_fault {
        Some(fault) => (Health::Warn, fault.to_string()),
        None => (Health::Ok, String::new()),
    }
}

fn refused(camera: &CameraStats) -> Verdict {
    let (frames, reason) = (camera.refusals.row(), &camera.last_refusal);
    let text = format!("frames arrive, but the last {frames} were refused: {reason}");
    (Health::Error, text)
}

/// What is said of a stamp that does not move.
pub(crate) fn stands_still(frames: u64) -> String {
    format!("the stamp stands still: {frames} frames carry that of the one before")
}

/// How well a target is at `now`: the worst of what comes out of it, of what its
/// networks say, of the bus, and of its camera.
pub(crate) fn of_target(
    target: &TargetStats,
    camera: &CameraStats,
    troubles: &[Trouble],
    now: Duration,
) -> Verdict {
    if target.presence.is_over() {
        return (Health::Ok, "ended: the policy does not have it".to_owned());
    }
    let hashes = &target.origin.hashes;
    let networks = hashes.encoders.iter().chain([&hashes.readout]);
    let its = |trouble: &&Trouble| networks.clone().any(|(name, _)| *name == trouble.name);
    let mine = troubles.iter().filter(its);
    let trouble = mine.fold(None, |worst: Option<&Trouble>, trouble| match worst {
        Some(worst) if worst.health >= trouble.health => Some(worst),
        _ => Some(trouble),
    });
    let said = trouble.map(Trouble::words);
    let evidence = &target.evidence;
    let outcomes = evidence.verdict(said.as_deref().unwrap_or_default());
    let trouble = trouble
        .zip(said)
        .map(|(trouble, words)| (trouble.health, words));
    let camera = of_camera(camera, now);
    let all = [outcomes, trouble, evidence.of_bus(), Some(camera)];
    worst(all.into_iter().flatten())
}

/// What is wrong with the runtime itself, beside its cameras and targets.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// A thread that ended though it must not, and why; for good.
    pub(crate) thread: Option<String>,
    /// The bus takes nothing now.
    pub(crate) bus: Option<String>,
    /// The networks in which threads hang that were to prepare another policy.
    pub(crate) stuck: Vec<String>,
}

/// How well the whole is: as its worst part; not working where a thread ended,
/// the bus fails, or nothing at all comes out that somebody listens to, whatever
/// the reason.
pub(crate) fn of_whole<'a>(
    faults: &Faults,
    parts: impl Iterator<Item = (Health, &'a str)>,
    targets: impl Iterator<Item = &'a TargetStats>,
) -> Verdict {
    if let Some(fault) = faults.thread.as_ref().or(faults.bus.as_ref()) {
        return (Health::Error, fault.clone());
    }
    let stuck = faults.stuck.first().map(|network| {
        let text = format!("a swap hangs in network {network}: no other can be made");
        (Health::Warn, text)
    });
    let parts = parts.map(|(health, message)| (health, message.to_owned()));
    let parts = parts.chain(stuck);
    let (health, message) = worst(parts);
    let serving = targets.filter(|target| !target.presence.is_over());
    let listened = serving
        .map(|target| &target.evidence)
        .filter(|evidence| !matches!(evidence.latest, None | Some(Outcome::NoSubscriber)));
    let mut all = listened.map(|evidence| evidence.nothing().is_some());
    let mut some = false;
    let nothing = all.all(|nothing| {
        some = true;
        nothing
    });
    if some && nothing && health < Health::Error {
        return (Health::Error, format!("nothing comes out: {message}"));
    }
    (health, message)
}

/// The worst; the first of equals.
fn worst(all: impl Iterator<Item = Verdict>) -> Verdict {
    let well = (Health::Ok, String::new());
    all.fold(
        well,
        |worst, next| if next.0 > worst.0 { next } else { worst },
    )
}

/// Two periods, but no less than what jitter alone can do.
pub(crate) fn stale_after(interval: Duration) -> Duration {
    (interval * 2).max(Duration::from_millis(40))
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
