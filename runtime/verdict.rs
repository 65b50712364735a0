//! Health is what comes out: the one place where outcomes become a health.
//!
//! What is counted here is small and of the newest frames alone, so that
//! everything recovers by itself. Status, live table and final figures say what
//! these functions say; what is to be built on health (readiness, a supervisor's
//! watchdog, stepping down to a smaller policy) stands on them too.

use std::time::Duration;

use crate::counts::Outcome;
use crate::evidence::{NOTHING_AFTER, Recent};
use crate::failures::Trouble;
use crate::health::{Health, Verdict};
use crate::stats::{CameraStats, TargetStats};

/// Frames of one stamp from which on it stands still.
pub(crate) const STANDS_AFTER: u64 = 3;

/// Judges a camera at `now`: it is as well as the frames that it gives.
pub(crate) fn of_camera(camera: &CameraStats, now: Duration) -> Verdict {
    let silent = camera.heard.map(|at| now.saturating_sub(at));
    let after = camera.interval.map(stale_after);
    match (&camera.interrupted, silent, after) {
        (_, None, _) if camera.ended => (Health::Warn, "ended without a frame".to_owned()),
        (_, Some(_), _) if camera.ended && camera.passed.is_none() => refusal(camera),
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

/// Judges the frames that arrive.
fn of_frames(camera: &CameraStats, now: Duration) -> Verdict {
    let passed = camera.passed.map(|at| now.saturating_sub(at));
    let after = camera.interval.map_or(Duration::ZERO, stale_after);
    // Frames arrive, but none has come through for two periods.
    let none = passed.is_none_or(|passed| passed > after);
    if none && camera.refusals.row() > 0 {
        return refusal(camera);
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

fn refusal(camera: &CameraStats) -> Verdict {
    let (frames, reason) = (camera.refusals.row(), &camera.last_refusal);
    let text = format!("frames arrive, but the last {frames} were refused: {reason}");
    (Health::Error, text)
}

/// Words for a stamp that does not move.
pub(crate) fn stands_still(frames: u64) -> String {
    format!("the stamp stands still: {frames} frames carry that of the one before")
}

/// Judges a target at `now`: the worst of what comes out of it, of what its
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

/// Faults of the runtime itself, beside its cameras and targets.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// A thread that ended though it must not, and why; for good.
    pub(crate) thread: Option<String>,
    /// The bus takes nothing now.
    pub(crate) bus: Option<String>,
    /// The networks in which threads hang that were to prepare another policy.
    pub(crate) stuck: Vec<String>,
}

/// Judges the whole: it is as well as its worst part; not working where a thread ended,
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
#[path = "verdict_tests.rs"]
mod tests;
