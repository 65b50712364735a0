//! The state of one target that is learnt.

use concert_fitting::fit::CurvePoint;
use concert_policies::Policy;
use concert_runtime::LearningSnapshot;

use super::super::target::Subject;
use crate::draw::{Switch, WatchedPoint};

/// Most points of a curve; past them, every other one is dropped.
const MAX_POINTS: usize = 4096;

/// One target that is learnt.
pub(super) struct TargetState {
    pub(super) subject: Subject,
    /// The variant that serves.
    pub(super) serving: Option<String>,
    /// The reason for which nothing is learnt of it, where the policy does not allow.
    pub(super) rests: Option<String>,
    pub(super) figures: LearningSnapshot,
    pub(super) points: Vec<CurvePoint>,
    pub(super) watched: Vec<WatchedPoint>,
    pub(super) switches: Vec<Switch>,
    pub(super) frame_fault: String,
    pub(super) disk_fault: String,
    pub(super) next: u64,
}

impl TargetState {
    /// Notes that another readout serves.
    pub(super) fn note_switch(&mut self, seconds: f64, why: &str) {
        thin(&mut self.switches, |_| false);
        self.switches.push(Switch {
            seconds,
            serving: self.figures.serving.clone(),
            why: why.to_owned(),
        });
    }

    /// Follows a policy of somebody else; whether there is another first
    /// readout now.
    pub(super) fn follow(&mut self, policy: &Policy) -> bool {
        let subject = match Subject::of(policy, self.subject.task) {
            Ok(subject) if subject.sources == self.subject.sources => subject,
            Ok(subject) => {
                self.rest(format!(
                    "the policy that runs reads {} from {}, but it is learnt from {}",
                    subject.task.name,
                    subject.sources.join(", "),
                    self.subject.sources.join(", ")
                ));
                return false;
            }
            Err(reason) => {
                self.rest(reason.to_string());
                return false;
            }
        };
        self.rests = None;
        let same = subject.first == self.serving;
        self.serving.clone_from(&subject.first);
        self.figures.serving = subject.readout(subject.first.as_deref());
        if same {
            return false;
        }
        self.figures.first.clone_from(&self.figures.serving);
        self.subject = subject;
        true
    }

    pub(super) fn rest(&mut self, reason: String) {
        tracing::info!("learning {} rests: {reason}", self.subject.task.name);
        self.figures.verdict.clone_from(&reason);
        self.rests = Some(reason);
    }

    /// Counts a file that could not be written, and says so once.
    pub(super) fn note_written(&mut self, written: anyhow::Result<()>) {
        match written {
            Ok(()) => self.disk_fault.clear(),
            Err(error) => {
                self.figures.failed_writes += 1;
                if self.disk_fault.is_empty() {
                    let target = self.subject.task.name;
                    tracing::warn!("what is learnt of {target} cannot be kept: {error:#}");
                }
                self.disk_fault = format!("{error:#}");
            }
        }
        self.tell_fault();
    }

    pub(super) fn tell_fault(&mut self) {
        let faults = [&self.disk_fault, &self.frame_fault];
        let fault = faults.into_iter().find(|fault| !fault.is_empty());
        self.figures.last_fault = fault.cloned().unwrap_or_default();
    }
}

/// Drops every other entry but those `kept`, where there are too many.
pub(super) fn thin<T>(entries: &mut Vec<T>, kept: impl Fn(&T) -> bool) {
    if entries.len() < MAX_POINTS {
        return;
    }
    let mut number = 0;
    entries.retain(|entry| {
        number += 1;
        number % 2 == 1 || kept(entry)
    });
    entries.truncate(MAX_POINTS - 1);
}
