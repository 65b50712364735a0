//! Whether a runtime does its work now: what supervisors and load balancers ask.
//! It stands on the health that the status says; a lower policy that serves is ready.

use std::time::Duration;

use crate::counts::Outcome;
use crate::health::Health;
use crate::snapshot::{CameraSnapshot, Snapshot, TargetSnapshot};
use crate::status_figures::StatusFigures;

/// Age of the last status from which on the runtime is taken to stand still. One is
/// made every second.
pub const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Kind of reason for which a runtime is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unready {
    /// Networks load, or no frame was computed yet.
    Starting,
    /// It was asked to end.
    Stopping,
    /// One of its threads ended that must not.
    Fault,
    /// No status was made for [`STALLED_AFTER`].
    Stalled,
    /// No camera gives frames that can be used.
    Camera,
    /// Nothing comes out of any target that somebody listens to.
    Outputs,
    /// Nobody answers that it is to be connected to.
    Deaf,
    /// The bus takes nothing, or another runtime has its name.
    Bus,
}

impl Unready {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unready::Starting => "starting",
            Unready::Stopping => "stopping",
            Unready::Fault => "fault",
            Unready::Stalled => "stalled",
            Unready::Camera => "camera",
            Unready::Outputs => "outputs",
            Unready::Deaf => "deaf",
            Unready::Bus => "bus",
        }
    }
}

/// Whether a runtime is ready, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// `None` where it is ready.
    pub unready: Option<Unready>,
    /// One line for people; where it is ready, what is not well all the same.
    pub message: String,
}

impl Readiness {
    /// Not ready, for this reason.
    #[must_use]
    pub fn not(unready: Unready, message: impl Into<String>) -> Self {
        Self {
            unready: Some(unready),
            message: message.into(),
        }
    }

    /// Tells whether it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.unready.is_none()
    }

    /// Judges a runtime by its last status, at the monotonic time `now`.
    #[must_use]
    pub fn of(figures: &StatusFigures, now: Duration) -> Self {
        let snapshot = &figures.snapshot;
        let age = now.saturating_sub(figures.made);
        if let Some(fault) = &snapshot.fault {
            return Self::not(Unready::Fault, fault);
        }
        if age >= STALLED_AFTER {
            let (age, limit) = (age.as_secs_f64(), STALLED_AFTER.as_secs_f64());
            let text = format!(
                "the last status is {age:.0} s old, but one is made every second; from {limit:.0} s on the runtime stands still"
            );
            return Self::not(Unready::Stalled, text);
        }
        of_bus(figures)
            .or_else(|| of_cameras(snapshot))
            .or_else(|| of_outputs(snapshot))
            .unwrap_or_else(|| Self {
                unready: None,
                message: figures
                    .status
                    .entries
                    .first()
                    .map_or(String::new(), |whole| whole.message.clone()),
            })
    }
}

fn of_bus(figures: &StatusFigures) -> Option<Readiness> {
    if figures.bus_fails {
        return Some(Readiness::not(Unready::Bus, "the bus fails"));
    }
    let entries = figures.status.entries.iter();
    let mut connections = entries.filter(|entry| entry.name == "connections");
    let said = connections.next();
    if let Some(entry) = said.filter(|entry| entry.health >= Health::Error) {
        return Some(Readiness::not(Unready::Bus, &entry.message));
    }
    let (named, connected) = (figures.bus.named, figures.bus.connected);
    (named > 0 && connected == 0).then(|| {
        let message = said.map_or("", |entry| entry.message.as_str());
        let message = match message {
            "" => format!("connected to 0 of {named}"),
            message => message.to_owned(),
        };
        Readiness::not(Unready::Deaf, message)
    })
}

/// Not ready where no camera gives anything; one of several is enough.
fn of_cameras(snapshot: &Snapshot) -> Option<Readiness> {
    let silent = |camera: &CameraSnapshot| camera.health >= Health::Error;
    let first = snapshot.cameras.first()?;
    if snapshot.cameras.iter().all(silent) {
        let message = format!("camera {}: {}", first.camera, first.message);
        return Some(Readiness::not(Unready::Camera, message));
    }
    let mut counts = snapshot.cameras.iter().map(|camera| &camera.counts);
    if counts.clone().all(|counts| counts.arrived == 0) {
        let message = format!("camera {}: {}", first.camera, first.message);
        return Some(Readiness::not(Unready::Camera, message));
    }
    counts.all(|counts| counts.processed == 0).then(|| {
        let message = "no frame was computed yet";
        Readiness::not(Unready::Starting, message)
    })
}

/// Not ready where nothing comes out that somebody listens to.
fn of_outputs(snapshot: &Snapshot) -> Option<Readiness> {
    let asked = || {
        snapshot
            .targets
            .iter()
            .filter(|target| is_asked_for(target))
    };
    let first = asked().next()?;
    let nothing = |target: &TargetSnapshot| target.gives_nothing || target.health >= Health::Error;
    asked().all(nothing).then(|| {
        let message = format!("nothing comes out: {}: {}", first.key, first.message);
        Readiness::not(Unready::Outputs, message)
    })
}

/// Tells whether somebody listens to a target, or another one reads it, as far as its
/// newest frame tells.
#[must_use]
pub fn is_asked_for(target: &TargetSnapshot) -> bool {
    !target.ended && !matches!(target.latest, None | Some(Outcome::NoSubscriber))
}

#[cfg(test)]
#[path = "readiness_tests.rs"]
mod tests;
