//! The thread that learns.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use concert_fitting::fit::{
    CurvePoint, FitError, FitNotes, FittedReadout, FrameUse, Refit, Verdict, compute_on_this_thread,
};
use concert_models::card::FitData;
use concert_models::store::Store;
use concert_runtime::{Clock, Control, Observation, ObservationRequest};

use super::state::LearningState;
use super::target::{LearnedTarget, Looked};
use super::watcher::Lookout;
use crate::launch_file::LearnEntry;

/// Time to wait for a frame before looking for the end.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Least time between two times that statistics are kept; they take some tens
/// of megabytes.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// The thread's own.
pub(crate) struct Worker {
    state: Arc<LearningState>,
    lookout: Arc<Lookout>,
    control: Control,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    entry: LearnEntry,
    store: Store,
    targets: Vec<LearnedTarget>,
    /// For cards.
    cameras: String,
    began: Duration,
    kept: Duration,
}

type Means = (
    Arc<LearningState>,
    Arc<Lookout>,
    Control,
    Arc<dyn Clock>,
    Arc<AtomicBool>,
);

impl Worker {
    pub(crate) fn new(
        (state, lookout, control, clock, stop): Means,
        entry: LearnEntry,
        store: Store,
        targets: Vec<LearnedTarget>,
        cameras: String,
    ) -> Self {
        let began = clock.monotonic();
        Self {
            state,
            lookout,
            control,
            clock,
            stop,
            entry,
            store,
            targets,
            cameras,
            began,
            kept: began,
        }
    }

    /// Learns until it is told to stop, and keeps what was learnt.
    pub(crate) fn run(mut self) {
        let way = Rc::new(RefCell::new(self.control.yield_point()));
        let (between, stop) = (Rc::clone(&way), Arc::clone(&self.stop));
        let give_way = move || {
            // What is kept at the end is waited for: also on a busy computer it
            // must come soon.
            match stop.load(Ordering::SeqCst) {
                true => between.borrow_mut().hurry(),
                false => between.borrow_mut().between(),
            }
        };
        if let Err(error) = compute_on_this_thread(give_way) {
            tracing::warn!("learning may take time from others: {error}");
        }
        for at in 0..self.targets.len() {
            self.begin(at);
        }
        let lookout = Arc::clone(&self.lookout);
        while !self.is_stopping() {
            self.follow();
            let observation = lookout.next(LOOK_EVERY);
            way.borrow_mut().begin();
            if let Some(observation) = observation {
                self.look(&observation);
                lookout.recycle(observation);
            }
            for at in 0..self.targets.len() {
                let target = &self.targets[at];
                let due = self.clock.monotonic() >= target.due && target.learner.is_ripe();
                if due && !self.is_stopping() && self.refit(at) {
                    self.targets[at].due = self.clock.monotonic() + self.entry.refit_every;
                }
            }
        }
        // Somebody waits for what is kept at the end.
        way.borrow_mut().hurry();
        for at in 0..self.targets.len() {
            self.keep(at);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Goes on where the last process ended.
    fn begin(&mut self, at: usize) {
        let target = &mut self.targets[at];
        target.resume(self.state.folder());
        let (learnt, held_out) = (
            target.learner.frames_learnt(),
            target.learner.frames_held_out(),
        );
        self.state.note(at, |figures| {
            figures.learnt = learnt;
            figures.held_out = held_out;
        });
        if let Some(record) = self.state.recall(at) {
            self.state.take_up(at, &record);
        }
        target.due = self.began + self.entry.refit_every;
    }

    /// Begins anew where somebody put another readout first.
    fn follow(&mut self) {
        for (at, subject) in self.state.follow() {
            match LearnedTarget::first(&self.store, subject, self.entry.rules) {
                Ok(mut target) => {
                    if let Some(bytes) = self.targets[at].learner.to_bytes() {
                        // Its own, of a moment ago.
                        target.learner.resume(&bytes).unwrap_or_else(|error| {
                            tracing::warn!("learning begins anew: {error}");
                        });
                    }
                    target.due = self.targets[at].due;
                    self.lookout.begin_anew(at, &mut target);
                    self.targets[at] = target;
                }
                Err(error) => tracing::warn!("learning goes on against what was first: {error:#}"),
            }
        }
        for at in 0..self.targets.len() {
            let (serving, _) = self.state.status(at);
            let target = &mut self.targets[at];
            if target.serving != serving
                && let Err(error) = target.serve(&self.store, serving.as_deref())
            {
                tracing::warn!("what serves cannot be judged: {error:#}");
                target.serving = serving;
            }
        }
    }

    fn look(&mut self, observation: &Observation) {
        for at in 0..self.targets.len() {
            if self.state.status(at).1 {
                self.look_at(at, observation);
            }
        }
    }

    fn look_at(&mut self, at: usize, observation: &Observation) {
        let target = &mut self.targets[at];
        let looked = target.look(observation);
        let learner = &target.learner;
        let fault = match &looked {
            Looked::Unusable(reason) => reason.as_str(),
            Looked::Taken(FrameUse::Unlabelled) => {
                "no label of this target is known anywhere in it"
            }
            _ => "",
        };
        self.state.note_frame_fault(at, fault);
        self.state.note(at, |figures| {
            figures.observed += 1;
            figures.without_depth += u64::from(matches!(looked, Looked::WithoutDepth));
            figures.learnt = learner.frames_learnt();
            figures.held_out = learner.frames_held_out();
            figures.blocks = learner.blocks();
        });
    }

    /// Refits a target; whether there were frames enough.
    fn refit(&mut self, at: usize) -> bool {
        self.follow();
        if !self.state.status(at).1 {
            return true;
        }
        let began = self.clock.monotonic();
        let stop = Arc::clone(&self.stop);
        let mut go_on = || !stop.load(Ordering::SeqCst);
        let learner = &mut self.targets[at].learner;
        let now = began.saturating_sub(self.began);
        let refit = match learner.refit(now, &mut go_on) {
            Ok(refit) => refit,
            Err(FitError::Stopped) => return true,
            Err(error) => {
                tracing::warn!("{} was not refitted: {error}", learner.target().name);
                return true;
            }
        };
        let seconds = (self.clock.monotonic().saturating_sub(began)).as_secs_f64();
        let judged = refit.point.is_some();
        let enough = !matches!(refit.verdict, Verdict::TooFewFrames { .. });
        self.state
            .note(at, |figures| figures.refits += u64::from(judged));
        self.conclude(at, refit, seconds);
        if self.clock.monotonic().saturating_sub(self.kept) >= KEEP_EVERY {
            self.kept = self.clock.monotonic();
            for at in 0..self.targets.len() {
                self.keep(at);
            }
        }
        enough
    }

    /// Does what a refit found.
    fn conclude(&mut self, at: usize, refit: Refit, seconds: f64) {
        let target = self.targets[at].learner.target().name;
        let Some(mut point) = refit.point else {
            let words = describe_verdict(&refit.verdict, None);
            self.state.note(at, |figures| figures.verdict = words);
            return;
        };
        let mut stays = None;
        match refit.verdict {
            Verdict::Better => {
                stays =
                    (refit.readout.as_ref()).and_then(|readout| self.reason_against(at, readout));
                if let (Some(readout), None) = (&refit.readout, &stays)
                    && self.state.exchange(at, readout, self.notes(at, seconds))
                {
                    point.exchanged = true;
                    self.targets[at].learner.adopt(readout);
                    self.targets[at].serving = self.state.status(at).0;
                }
            }
            // The learner is told with the next look at the state.
            Verdict::FirstIsBetter => point.exchanged = self.state.return_to_first(at),
            _ => {}
        }
        self.state
            .note(at, |figures| figures.refit_seconds = Some(seconds));
        let words = stays.unwrap_or_else(|| describe_verdict(&refit.verdict, Some(&point)));
        tracing::info!("{target}, refitted in {seconds:.1} s: {words}");
        self.state.note_point(at, point, words);
    }

    /// The reason for which a new readout does not take over, though it was better on held-out
    /// frames: the robot went on while it was made.
    fn reason_against(&self, at: usize, readout: &FittedReadout) -> Option<String> {
        let target = &self.targets[at];
        if target.serving != self.state.status(at).0 {
            return Some("better than what served, but that was exchanged meanwhile".to_owned());
        }
        let newest = self.lookout.newest(at);
        let errors = target.learner.errors_on_newest(readout, &newest);
        let stays = format!(
            "better on held-out frames, but not where the camera is now: {:.4} against {:.4} \
             served and {:.4} first, on the last {} frames",
            errors.candidate, errors.served, errors.first, errors.frames
        );
        (!errors.allow()).then_some(stays)
    }

    fn notes(&self, at: usize, seconds: f64) -> FitNotes {
        let learner = &self.targets[at].learner;
        let frames = usize::try_from(learner.frames_learnt()).unwrap_or(usize::MAX);
        let data = FitData::new(self.cameras.clone(), learner.digest(), frames);
        let seconds = (seconds * 100.0).round() / 100.0;
        let mut notes = FitNotes::new(None, seconds, 1, vec![data]);
        notes.fitted_by = "concert serve --learn".to_owned();
        notes.held_out = "the most recent ones when it took over".to_owned();
        notes
    }

    fn keep(&self, at: usize) {
        if let Some(bytes) = self.targets[at].learner.to_bytes() {
            self.state.keep(at, &bytes);
        }
    }
}

/// All levels that any target is learnt from.
pub(super) fn request(targets: &[LearnedTarget], min_interval: Duration) -> ObservationRequest {
    let mut levels: Vec<(String, String)> = Vec::new();
    for target in targets {
        for (source, level) in target.learner.layout().levels() {
            let level = (source.to_owned(), level.to_owned());
            if !levels.contains(&level) {
                levels.push(level);
            }
        }
    }
    ObservationRequest {
        camera: None,
        levels,
        // Frames without depth are to be counted.
        needs_depth: false,
        min_interval,
    }
}

/// A verdict with both quantities.
fn describe_verdict(verdict: &Verdict, point: Option<&CurvePoint>) -> String {
    let both = point.map_or(String::new(), |point| {
        format!(
            "{} {:.4} ({}) against {:.4} served, {:.4} first, {:.4} constant, on {} frames; on \
             the newest {:.4} against {:.4}",
            point.measure,
            point.candidate,
            point.kind,
            point.served,
            point.first,
            point.constant,
            point.judged,
            point.candidate_ahead,
            point.served_ahead
        )
    });
    match verdict {
        Verdict::TooFewFrames {
            learnt,
            least_learnt,
            held_out,
            least_held_out,
        } => format!(
            "too few frames: {learnt} learnt of at least {least_learnt}, {held_out} held out of \
             at least {least_held_out}"
        ),
        Verdict::Better if point.is_some_and(|point| !point.exchanged) => {
            format!("better, but not exchanged: {both}")
        }
        Verdict::Better => format!("better: {both}"),
        Verdict::FirstIsBetter => format!("the first readout is better than what served: {both}"),
        Verdict::NoCandidate => "no readout could be made of what was learnt".to_owned(),
        _ => format!("not better: {both}"),
    }
}
