//! The state that the learning thread shares with those who ask: who learns
//! what, what serves, and the right to exchange it.

mod answer;
mod target_state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use concert_fitting::fit::{CurvePoint, FitNotes, FittedReadout, WatchedErrors};
use concert_runtime::{Clock, Control, LearningSnapshot};
use target_state::{TargetState, thin};

use super::folder::{Folder, Record};
use super::target::Subject;
use crate::assemble::SharedSwapper;
use crate::draw::{Switch, WatchedPoint};

/// Shared by the learning thread and the one that answers.
pub(crate) struct LearningState {
    control: Control,
    swapper: SharedSwapper,
    folder: Folder,
    clock: Arc<dyn Clock>,
    began: Duration,
    targets: Mutex<TargetStates>,
}

/// The course of learning of a target.
pub(crate) struct History {
    pub(crate) target: &'static str,
    pub(crate) points: Vec<CurvePoint>,
    pub(crate) watched: Vec<WatchedPoint>,
    pub(crate) switches: Vec<Switch>,
}

struct TargetStates {
    all: Vec<TargetState>,
    /// Epoch of the swapper when it was last looked at.
    epoch: u64,
}

impl LearningState {
    pub(crate) fn new<'a>(
        (control, swapper, clock): (Control, SharedSwapper, Arc<dyn Clock>),
        folder: Folder,
        subjects: impl Iterator<Item = &'a Subject>,
    ) -> Self {
        let states = subjects.map(|subject| {
            let stem = subject.stem();
            let first = subject.readout(subject.first.as_deref());
            TargetState {
                serving: subject.first.clone(),
                rests: None,
                figures: LearningSnapshot {
                    target: subject.task.name.to_owned(),
                    serving: first.clone(),
                    first,
                    verdict: "nothing was judged yet".to_owned(),
                    ..LearningSnapshot::default()
                },
                points: Vec::new(),
                watched: Vec::new(),
                switches: Vec::new(),
                frame_fault: String::new(),
                disk_fault: String::new(),
                next: folder.next_number(&stem),
                subject: subject.clone(),
            }
        });
        let targets = TargetStates {
            all: states.collect(),
            epoch: lock(&swapper).epoch,
        };
        let state = Self {
            control,
            swapper,
            folder,
            began: clock.monotonic(),
            clock,
            targets: Mutex::new(targets),
        };
        state.tell(&state.targets());
        state
    }

    fn targets(&self) -> MutexGuard<'_, TargetStates> {
        lock(&self.targets)
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The readout that served when the last process ended, where the first one is
    /// still the same.
    pub(crate) fn recall(&self, at: usize) -> Option<Record> {
        let targets = self.targets();
        let target = &targets.all[at];
        let stem = target.subject.stem();
        match self.folder.kept_record(&stem) {
            Ok(record) => record.filter(|record| record.first == target.figures.first),
            Err(error) => {
                tracing::warn!("what served before is not known: {error:#}");
                None
            }
        }
    }

    /// Takes note of a policy that somebody else put into place; targets whose
    /// first readout is another now, in place of those before.
    pub(crate) fn follow(&self) -> Vec<(usize, Subject)> {
        let mut targets = self.targets();
        let (policy, epoch) = {
            let swapper = lock(&self.swapper);
            if swapper.epoch == targets.epoch {
                return Vec::new();
            }
            (swapper.policy.clone(), swapper.epoch)
        };
        targets.epoch = epoch;
        let mut changed = Vec::new();
        let seconds = self.seconds();
        for (at, target) in targets.all.iter_mut().enumerate() {
            let before = target.serving.clone();
            if target.follow(&policy) {
                changed.push((at, target.subject.clone()));
            }
            if target.serving != before {
                target.note_switch(seconds, "somebody else swapped the policy");
            }
        }
        self.tell(&targets);
        changed
    }

    /// The variant that serves a target, and whether it is learnt now.
    pub(crate) fn status(&self, at: usize) -> (Option<String>, bool) {
        let targets = self.targets();
        let target = &targets.all[at];
        let learns = !target.figures.paused && target.rests.is_none();
        (target.serving.clone(), learns)
    }

    /// Says that the thread that learns is gone: what serves goes on.
    pub(crate) fn note_panic(&self) {
        let mut targets = self.targets();
        for target in &mut targets.all {
            target.rest("learning ended with a fault of its own".to_owned());
            target
                .figures
                .last_fault
                .clone_from(&target.figures.verdict);
        }
        self.tell(&targets);
    }

    /// Changes the figures of a target, and tells them.
    pub(crate) fn note(&self, at: usize, change: impl FnOnce(&mut LearningSnapshot)) {
        let mut targets = self.targets();
        change(&mut targets.all[at].figures);
        self.tell(&targets);
    }

    /// A frame could not be used, or (empty) one could again.
    pub(crate) fn note_frame_fault(&self, at: usize, fault: &str) {
        let mut targets = self.targets();
        let target = &mut targets.all[at];
        if fault.is_empty() && target.frame_fault.is_empty() {
            return;
        }
        if !fault.is_empty() {
            target.figures.unusable += 1;
            // Said less and less often, counted always.
            let count = target.figures.unusable;
            if target.frame_fault != fault && count.is_power_of_two() {
                let target = target.subject.task.name;
                tracing::warn!(count, "{target} is not learnt from a frame: {fault}");
            }
        }
        fault.clone_into(&mut target.frame_fault);
        target.tell_fault();
        self.tell(&targets);
    }

    /// Notes a point of the curve and what it means.
    pub(crate) fn note_point(&self, at: usize, point: CurvePoint, verdict: String) {
        let mut targets = self.targets();
        let target = &mut targets.all[at];
        let figures = &mut target.figures;
        figures.measure = point.measure.to_owned();
        figures.candidate_error = Some(point.candidate);
        figures.served_error = Some(point.served);
        figures.first_error = Some(point.first);
        figures.constant_error = Some(point.constant);
        figures.verdict = verdict;
        thin(&mut target.points, |point| point.exchanged);
        target.points.push(point);
        self.tell(&targets);
    }

    /// Notes errors on the last frames while something learnt serves.
    pub(crate) fn note_watched(&self, at: usize, errors: WatchedErrors) {
        let seconds = self.seconds();
        let mut targets = self.targets();
        let target = &mut targets.all[at];
        thin(&mut target.watched, |_| false);
        target.watched.push(WatchedPoint {
            seconds,
            served: errors.served,
            first: errors.first,
        });
    }

    /// Lets the first readout serve again where `serving`, which got worse than
    /// that, still serves.
    pub(crate) fn take_back(&self, at: usize, serving: Option<&str>, errors: WatchedErrors) {
        let (now, learns) = self.status(at);
        if !learns || now.as_deref() != serving {
            return;
        }
        let mut targets = self.targets();
        let first = targets.all[at].subject.first.clone();
        let why = format!(
            "taken back: {:.4} on the last frames, where the first readout has {:.4}",
            errors.served, errors.first
        );
        if self.put(&mut targets, at, first, &why) {
            let target = &mut targets.all[at];
            target.figures.exchanges += 1;
            target.figures.taken_back += 1;
            tracing::info!("{} {why}", target.subject.readout(serving));
            target.figures.verdict = why;
            self.remember(target);
        }
        self.tell(&targets);
    }

    /// Since learning began, s.
    fn seconds(&self) -> f64 {
        let now = self.clock.monotonic();
        now.saturating_sub(self.began).as_secs_f64()
    }

    /// Keeps statistics; what fails is counted, and said once.
    pub(crate) fn keep(&self, at: usize, bytes: &[u8]) {
        let stem = self.targets().all[at].subject.stem();
        // Not under the lock: the disk may be slow.
        let kept = self.folder.keep_statistics(&stem, bytes);
        self.targets().all[at].note_written(kept);
        self.tell(&self.targets());
    }

    /// Lets a learnt readout take over; whether it did.
    pub(crate) fn exchange(&self, at: usize, readout: &FittedReadout, mut notes: FitNotes) -> bool {
        if !self.status(at).1 {
            return false;
        }
        // Only this thread takes numbers.
        let variant = Folder::variant(self.targets().all[at].next);
        notes.variant = Some(variant.clone());
        // Not under the lock: the disk may be slow.
        let saved = readout.save(self.folder.path(), &notes);
        let mut targets = self.targets();
        let target = &mut targets.all[at];
        let written = saved.is_ok();
        target.note_written(saved.map(|_| ()).map_err(Into::into));
        let learns = !target.figures.paused && target.rests.is_none();
        let done =
            written && learns && self.put(&mut targets, at, Some(variant), "learnt, and better");
        if done {
            let target = &mut targets.all[at];
            target.next += 1;
            target.figures.exchanges += 1;
            self.remember(target);
        }
        self.tell(&targets);
        done
    }

    /// Lets the readout that was there first serve again; whether it does.
    pub(crate) fn return_to_first(&self, at: usize) -> bool {
        let mut targets = self.targets();
        let target = &targets.all[at];
        if target.figures.paused || target.rests.is_some() {
            return false;
        }
        let first = target.subject.first.clone();
        let done = self.put(&mut targets, at, first, "the first readout is better");
        if done {
            targets.all[at].figures.exchanges += 1;
            self.remember(&mut targets.all[at]);
        }
        self.tell(&targets);
        done
    }

    /// Puts what served before a restart into place again.
    pub(crate) fn take_up(&self, at: usize, record: &Record) {
        let mut targets = self.targets();
        targets.all[at].figures.paused = record.paused;
        if let Some(variant) = record.serving.clone()
            && self.put(
                &mut targets,
                at,
                Some(variant),
                "it served when the last process ended",
            )
        {
            targets.all[at].figures.exchanges += 1;
        }
        self.tell(&targets);
    }

    /// Exchanges the readout of a target in the policy that runs.
    fn put(
        &self,
        targets: &mut TargetStates,
        at: usize,
        variant: Option<String>,
        why: &str,
    ) -> bool {
        let target = &mut targets.all[at];
        let mut swapper = lock(&self.swapper);
        if swapper.epoch != targets.epoch {
            // Somebody swapped just now: that comes first.
            return false;
        }
        let policy = swapper
            .policy
            .with_variant(target.subject.task, variant.as_deref());
        let swapped = policy.map_err(anyhow::Error::from).and_then(|policy| {
            let text = policy.to_toml();
            swapper.try_swap(policy, &text)
        });
        targets.epoch = swapper.epoch;
        match swapped {
            Ok(_) => {
                target.figures.serving = target.subject.readout(variant.as_deref());
                tracing::info!("{} serves", target.figures.serving);
                target.serving = variant;
                target.note_switch(self.seconds(), why);
                true
            }
            Err(error) => {
                target.figures.refused_exchanges += 1;
                let readout = target.subject.readout(variant.as_deref());
                tracing::warn!("{readout} was not taken: {error:#}");
                false
            }
        }
    }

    /// Keeps which readout serves, and deletes those that nobody asks for.
    fn remember(&self, target: &mut TargetState) {
        let stem = target.subject.stem();
        let learnt = target.serving != target.subject.first;
        let record = Record {
            first: target.figures.first.clone(),
            serving: target.serving.clone().filter(|_| learnt),
            paused: target.figures.paused,
        };
        target.note_written(self.folder.keep_record(&stem, &record));
        let before = Folder::variant(target.next.saturating_sub(2));
        let kept: Vec<&str> = [&target.serving, &target.subject.first]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([before.as_str()])
            .collect();
        self.folder.prune(&stem, &kept);
    }

    fn tell(&self, targets: &TargetStates) {
        let figures = targets.all.iter().map(|target| target.figures.clone());
        self.control.tell_learning(figures.collect());
    }

    /// The course of learning until now, per target.
    pub(crate) fn histories(&self) -> Vec<History> {
        let targets = self.targets();
        let states = targets.all.iter();
        states
            .map(|target| History {
                target: target.subject.task.name,
                points: target.points.clone(),
                watched: target.watched.clone(),
                switches: target.switches.clone(),
            })
            .collect()
    }
}

/// Every value is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
