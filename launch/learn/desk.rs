//! What the learning thread shares with those who ask how it goes: who learns
//! what, what serves, and the right to exchange it.

mod answer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use concert_fitting::fit::{CurvePoint, FitNotes, FittedReadout, WatchedErrors};
use concert_policies::Policy;
use concert_runtime::{Clock, Control, LearningSnapshot};

use super::folder::{Folder, Record};
use super::pupil::Subject;
use crate::assemble::SharedSwapper;
use crate::draw::{Switch, WatchedPoint};

/// Most points of a curve; past them, every other one is dropped.
const MAX_POINTS: usize = 4096;

/// Shared by the learning thread and the one that answers.
pub(crate) struct Desk {
    control: Control,
    swapper: SharedSwapper,
    folder: Folder,
    clock: Arc<dyn Clock>,
    began: Duration,
    board: Mutex<Board>,
}

/// What happened to a target.
pub(crate) struct History {
    pub(crate) target: &'static str,
    pub(crate) points: Vec<CurvePoint>,
    pub(crate) watched: Vec<WatchedPoint>,
    pub(crate) switches: Vec<Switch>,
}

struct Board {
    lines: Vec<Line>,
    /// Of the swapper, when it was last looked at.
    epoch: u64,
}

/// One target that is learnt.
struct Line {
    subject: Subject,
    /// The variant that serves.
    serving: Option<String>,
    /// Why nothing is learnt of it, where the policy that runs does not allow.
    rests: Option<String>,
    figures: LearningSnapshot,
    points: Vec<CurvePoint>,
    watched: Vec<WatchedPoint>,
    switches: Vec<Switch>,
    frame_fault: String,
    disk_fault: String,
    next: u64,
}

impl Desk {
    pub(crate) fn new<'a>(
        (control, swapper, clock): (Control, SharedSwapper, Arc<dyn Clock>),
        folder: Folder,
        subjects: impl Iterator<Item = &'a Subject>,
    ) -> Self {
        let lines = subjects.map(|subject| {
            let stem = subject.stem();
            let first = subject.readout(subject.first.as_deref());
            Line {
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
        let board = Board {
            lines: lines.collect(),
            epoch: locked(&swapper).epoch,
        };
        let desk = Self {
            control,
            swapper,
            folder,
            began: clock.monotonic(),
            clock,
            board: Mutex::new(board),
        };
        desk.tell(&desk.board());
        desk
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        locked(&self.board)
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What served when the last process ended, where the first readout is
    /// still the same.
    pub(crate) fn remembered(&self, at: usize) -> Option<Record> {
        let board = self.board();
        let line = &board.lines[at];
        let stem = line.subject.stem();
        match self.folder.kept_record(&stem) {
            Ok(record) => record.filter(|record| record.first == line.figures.first),
            Err(error) => {
                tracing::warn!("what served before is not known: {error:#}");
                None
            }
        }
    }

    /// Takes note of a policy that somebody else put into place; targets whose
    /// first readout is another now, in place of those before.
    pub(crate) fn follow(&self) -> Vec<(usize, Subject)> {
        let mut board = self.board();
        let (policy, epoch) = {
            let swapper = locked(&self.swapper);
            if swapper.epoch == board.epoch {
                return Vec::new();
            }
            (swapper.policy.clone(), swapper.epoch)
        };
        board.epoch = epoch;
        let mut changed = Vec::new();
        let seconds = self.seconds();
        for (at, line) in board.lines.iter_mut().enumerate() {
            let before = line.serving.clone();
            if line.follow(&policy) {
                changed.push((at, line.subject.clone()));
            }
            if line.serving != before {
                line.switched(seconds, "somebody else swapped the policy");
            }
        }
        self.tell(&board);
        changed
    }

    /// The variant that serves a target, and whether it is learnt now.
    pub(crate) fn state(&self, at: usize) -> (Option<String>, bool) {
        let board = self.board();
        let line = &board.lines[at];
        let learns = !line.figures.paused && line.rests.is_none();
        (line.serving.clone(), learns)
    }

    /// Says that the thread that learns is gone: what serves goes on.
    pub(crate) fn note_fall(&self) {
        let mut board = self.board();
        for line in &mut board.lines {
            line.rest("learning ended with a fault of its own".to_owned());
            line.figures.last_fault.clone_from(&line.figures.verdict);
        }
        self.tell(&board);
    }

    /// Changes the figures of a target, and tells them.
    pub(crate) fn note(&self, at: usize, change: impl FnOnce(&mut LearningSnapshot)) {
        let mut board = self.board();
        change(&mut board.lines[at].figures);
        self.tell(&board);
    }

    /// A frame could not be used, or (empty) one could again.
    pub(crate) fn note_frame_fault(&self, at: usize, fault: &str) {
        let mut board = self.board();
        let line = &mut board.lines[at];
        if fault.is_empty() && line.frame_fault.is_empty() {
            return;
        }
        if !fault.is_empty() {
            line.figures.unusable += 1;
            // Said less and less often, counted always.
            let count = line.figures.unusable;
            if line.frame_fault != fault && count.is_power_of_two() {
                let target = line.subject.task.name;
                tracing::warn!(count, "{target} is not learnt from a frame: {fault}");
            }
        }
        fault.clone_into(&mut line.frame_fault);
        line.tell_fault();
        self.tell(&board);
    }

    /// Notes a point of the curve and what it means.
    pub(crate) fn note_point(&self, at: usize, point: CurvePoint, verdict: String) {
        let mut board = self.board();
        let line = &mut board.lines[at];
        let figures = &mut line.figures;
        figures.measure = point.measure.to_owned();
        figures.candidate_error = Some(point.candidate);
        figures.served_error = Some(point.served);
        figures.first_error = Some(point.first);
        figures.constant_error = Some(point.constant);
        figures.verdict = verdict;
        thin(&mut line.points, |point| point.exchanged);
        line.points.push(point);
        self.tell(&board);
    }

    /// Notes errors on the last frames while something learnt serves.
    pub(crate) fn note_watched(&self, at: usize, errors: WatchedErrors) {
        let seconds = self.seconds();
        let mut board = self.board();
        let line = &mut board.lines[at];
        thin(&mut line.watched, |_| false);
        line.watched.push(WatchedPoint {
            seconds,
            served: errors.served,
            first: errors.first,
        });
    }

    /// Lets the first readout serve again where `serving`, which got worse than
    /// that, still serves.
    pub(crate) fn take_back(&self, at: usize, serving: Option<&str>, errors: WatchedErrors) {
        let (now, learns) = self.state(at);
        if !learns || now.as_deref() != serving {
            return;
        }
        let mut board = self.board();
        let first = board.lines[at].subject.first.clone();
        let why = format!(
            "taken back: {:.4} on the last frames, where the first readout has {:.4}",
            errors.served, errors.first
        );
        if self.put(&mut board, at, first, &why) {
            let line = &mut board.lines[at];
            line.figures.exchanges += 1;
            line.figures.taken_back += 1;
            tracing::info!("{} {why}", line.subject.readout(serving));
            line.figures.verdict = why;
            self.remember(line);
        }
        self.tell(&board);
    }

    /// Since learning began, s.
    fn seconds(&self) -> f64 {
        let now = self.clock.monotonic();
        now.saturating_sub(self.began).as_secs_f64()
    }

    /// Keeps statistics; what fails is counted, and said once.
    pub(crate) fn keep(&self, at: usize, bytes: &[u8]) {
        let stem = self.board().lines[at].subject.stem();
        // Not under the lock: the disk may be slow.
        let kept = self.folder.keep_statistics(&stem, bytes);
        self.board().lines[at].note_written(kept);
        self.tell(&self.board());
    }

    /// Lets a learnt readout take over; whether it did.
    pub(crate) fn exchange(&self, at: usize, readout: &FittedReadout, mut notes: FitNotes) -> bool {
        if !self.state(at).1 {
            return false;
        }
        // Only this thread takes numbers.
        let variant = Folder::variant(self.board().lines[at].next);
        notes.variant = Some(variant.clone());
        // Not under the lock: the disk may be slow.
        let saved = readout.save(self.folder.path(), &notes);
        let mut board = self.board();
        let line = &mut board.lines[at];
        let written = saved.is_ok();
        line.note_written(saved.map(|_| ()).map_err(Into::into));
        let learns = !line.figures.paused && line.rests.is_none();
        let done =
            written && learns && self.put(&mut board, at, Some(variant), "learnt, and better");
        if done {
            let line = &mut board.lines[at];
            line.next += 1;
            line.figures.exchanges += 1;
            self.remember(line);
        }
        self.tell(&board);
        done
    }

    /// Lets the readout that was there first serve again; whether it does.
    pub(crate) fn return_to_first(&self, at: usize) -> bool {
        let mut board = self.board();
        let line = &board.lines[at];
        if line.figures.paused || line.rests.is_some() {
            return false;
        }
        let first = line.subject.first.clone();
        let done = self.put(&mut board, at, first, "the first readout is better");
        if done {
            board.lines[at].figures.exchanges += 1;
            self.remember(&mut board.lines[at]);
        }
        self.tell(&board);
        done
    }

    /// Puts what served before a restart into place again.
    pub(crate) fn take_up(&self, at: usize, record: &Record) {
        let mut board = self.board();
        board.lines[at].figures.paused = record.paused;
        if let Some(variant) = record.serving.clone()
            && self.put(
                &mut board,
                at,
                Some(variant),
                "it served when the last process ended",
            )
        {
            board.lines[at].figures.exchanges += 1;
        }
        self.tell(&board);
    }

    /// Exchanges the readout of a target in the policy that runs.
    fn put(&self, board: &mut Board, at: usize, variant: Option<String>, why: &str) -> bool {
        let line = &mut board.lines[at];
        let mut swapper = locked(&self.swapper);
        if swapper.epoch != board.epoch {
            // Somebody swapped just now: that comes first.
            return false;
        }
        let policy = swapper
            .policy
            .with_variant(line.subject.task, variant.as_deref());
        let swapped = policy.map_err(anyhow::Error::from).and_then(|policy| {
            let text = policy.to_toml();
            swapper.try_swap(policy, &text)
        });
        board.epoch = swapper.epoch;
        match swapped {
            Ok(_) => {
                line.figures.serving = line.subject.readout(variant.as_deref());
                tracing::info!("{} serves", line.figures.serving);
                line.serving = variant;
                line.switched(self.seconds(), why);
                true
            }
            Err(error) => {
                line.figures.refused_exchanges += 1;
                let readout = line.subject.readout(variant.as_deref());
                tracing::warn!("{readout} was not taken: {error:#}");
                false
            }
        }
    }

    /// Keeps which readout serves, and deletes those that nobody asks for.
    fn remember(&self, line: &mut Line) {
        let stem = line.subject.stem();
        let learnt = line.serving != line.subject.first;
        let record = Record {
            first: line.figures.first.clone(),
            serving: line.serving.clone().filter(|_| learnt),
            paused: line.figures.paused,
        };
        line.note_written(self.folder.keep_record(&stem, &record));
        let before = Folder::variant(line.next.saturating_sub(2));
        let kept: Vec<&str> = [&line.serving, &line.subject.first]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([before.as_str()])
            .collect();
        self.folder.prune(&stem, &kept);
    }

    fn tell(&self, board: &Board) {
        let figures = board.lines.iter().map(|line| line.figures.clone());
        self.control.tell_learning(figures.collect());
    }

    /// What happened until now.
    pub(crate) fn histories(&self) -> Vec<History> {
        let board = self.board();
        let lines = board.lines.iter();
        lines
            .map(|line| History {
                target: line.subject.task.name,
                points: line.points.clone(),
                watched: line.watched.clone(),
                switches: line.switches.clone(),
            })
            .collect()
    }
}

/// Drops every other entry but those `kept`, where there are too many.
fn thin<T>(entries: &mut Vec<T>, kept: impl Fn(&T) -> bool) {
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

impl Line {
    /// Notes that another readout serves.
    fn switched(&mut self, seconds: f64, why: &str) {
        thin(&mut self.switches, |_| false);
        self.switches.push(Switch {
            seconds,
            serving: self.figures.serving.clone(),
            why: why.to_owned(),
        });
    }

    /// Follows a policy of somebody else; whether there is another first
    /// readout now.
    fn follow(&mut self, policy: &Policy) -> bool {
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

    fn rest(&mut self, reason: String) {
        tracing::info!("learning {} rests: {reason}", self.subject.task.name);
        self.figures.verdict.clone_from(&reason);
        self.rests = Some(reason);
    }

    /// Counts a file that could not be written, and says so once.
    fn note_written(&mut self, written: anyhow::Result<()>) {
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

    fn tell_fault(&mut self) {
        let faults = [&self.disk_fault, &self.frame_fault];
        let fault = faults.into_iter().find(|fault| !fault.is_empty());
        self.figures.last_fault = fault.cloned().unwrap_or_default();
    }
}

/// Every value is whole between statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
