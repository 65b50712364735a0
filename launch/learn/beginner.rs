//! A readout that begins from nothing beside the one that serves, for all to
//! see: it learns from the camera's depth, is drawn beside it, and is compared
//! with it on the same held-out frames. It never takes over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use concert_fitting::fit::{CurvePoint, FitError, LearnRules, compute_on_this_thread};
use concert_models::store::Store;
use concert_policies::{OutputKind, Policy, Task};
use concert_runtime::io::thread;
use concert_runtime::{Clock, Control, Observation, ObservationRequest};
use serde_json::{Value, json};

use super::target::{LearnedTarget, Looked, Subject};
use crate::draw::{Canvas, Legend, map_of};
use crate::launch_file::{LaunchFile, LearnEntry};
use crate::live::Aside;
use crate::terminal::{Curve, CurveLine, Panel};

/// Time to wait for a frame before looking for the end.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Least time between two frames that are looked at.
const INTERVAL: Duration = Duration::from_millis(150);
/// Least time between two refits: the curve is to be seen while it falls.
const REFIT_EVERY: Duration = Duration::from_secs(2);
/// Within this share of the error of what serves, it has caught up.
pub(crate) const NEAR: f64 = 1.2;

/// Short blocks, so that there is something to judge soon, and ridge regression
/// alone: descent would begin with the readout that serves.
fn rules() -> LearnRules {
    LearnRules {
        block: Duration::from_secs(1),
        block_frames: 3,
        held_out: 24,
        reservoir: 16,
        steps: 0,
        ..LearnRules::default()
    }
}

/// A readout that begins from nothing, ready to learn.
pub(crate) struct Beginner {
    target: LearnedTarget,
}

/// One that learns.
pub(crate) struct Beginning {
    state: Arc<Mutex<BeginnerState>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// The part that others look at.
struct BeginnerState {
    target: &'static Task,
    began: Duration,
    learnt: u64,
    points: Vec<CurvePoint>,
    picture: Option<(Canvas, Legend)>,
    /// The reason for which nothing is learnt any more, or nothing of the last frame.
    fault: String,
}

impl Beginner {
    /// The first output of a policy that can be learnt from a camera's depth;
    /// `None` where there is none, or no camera with depth.
    ///
    /// # Errors
    /// A readout or an encoder that is missing, or that nothing can be compared
    /// with.
    pub(crate) fn of(
        launch: &LaunchFile,
        policy: &Policy,
        store: &Store,
    ) -> anyhow::Result<Option<Self>> {
        let mut cameras = launch.cameras().iter();
        if !cameras.any(|camera| camera.kind().source().carries_depth(launch)) {
            return Ok(None);
        }
        let targets = policy.transfers().iter().map(|transfer| transfer.target());
        let mut targets = targets.filter(|task| LearnEntry::TARGETS.contains(&task.name));
        let Some(task) = targets.find(|task| matches!(task.output, OutputKind::Dense { .. }))
        else {
            return Ok(None);
        };
        let subject = Subject::of(policy, task)?;
        let target = LearnedTarget::first(store, subject, rules())?;
        Ok(Some(Self { target }))
    }

    /// Begins to learn, with the lowest priority of ordinary threads.
    ///
    /// # Errors
    /// A thread that the system refuses.
    pub(crate) fn start(
        self,
        control: Control,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Beginning> {
        let state = Arc::new(Mutex::new(BeginnerState {
            target: self.target.subject().task,
            began: clock.monotonic(),
            learnt: 0,
            points: Vec::new(),
            picture: None,
            fault: String::new(),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let work = BeginnerWork {
            target: self.target,
            state: Arc::clone(&state),
            stop: Arc::clone(&stop),
            control,
            clock,
        };
        let thread = thread::spawn_low("beginner", move || work.run())?;
        Ok(Beginning {
            state,
            stop,
            thread,
        })
    }
}

/// The thread's own.
struct BeginnerWork {
    target: LearnedTarget,
    state: Arc<Mutex<BeginnerState>>,
    stop: Arc<AtomicBool>,
    control: Control,
    clock: Arc<dyn Clock>,
}

impl BeginnerWork {
    fn run(mut self) {
        // Nice, but not the last of all, as a learner beside a robot is: on a busy
        // computer there would be nothing to see.
        if let Err(error) = compute_on_this_thread(|| {}) {
            tracing::warn!("learning may take time from others: {error}");
        }
        let observer = self.control.observe(self.request());
        let mut due = Duration::ZERO;
        while !self.stop.load(Ordering::SeqCst) {
            let Some(observation) = observer.next(LOOK_EVERY) else {
                continue;
            };
            self.look(&observation);
            observer.recycle(observation);
            if self.target.learner.is_ripe() && self.clock.monotonic() >= due {
                self.refit();
                due = self.clock.monotonic() + REFIT_EVERY;
            }
        }
    }

    fn request(&self) -> ObservationRequest {
        let levels = self.target.learner.layout().levels();
        let levels = levels.map(|(source, level)| (source.to_owned(), level.to_owned()));
        ObservationRequest {
            camera: None,
            levels: levels.collect(),
            needs_depth: true,
            min_interval: INTERVAL,
        }
    }

    /// First what it says of the frame, then what is to be learnt from it.
    fn look(&mut self, observation: &Observation) {
        let task = self.target.subject().task;
        let said = self.target.predict(observation);
        let picture = said.and_then(|(values, [height, width])| {
            let channels = values.len() / (height * width).max(1);
            map_of(task, &values, &[1, channels, height, width], &[]).ok()
        });
        let looked = self.target.look(observation);
        let mut state = lock(&self.state);
        state.fault = match looked {
            Looked::Unusable(reason) => reason,
            _ => String::new(),
        };
        state.learnt = self.target.learner.frames_learnt();
        if picture.is_some() {
            state.picture = picture;
        }
    }

    fn refit(&mut self) {
        let stop = Arc::clone(&self.stop);
        let mut go_on = || !stop.load(Ordering::SeqCst);
        let began = lock(&self.state).began;
        let now = self.clock.monotonic().saturating_sub(began);
        match self.target.learner.refit(now, &mut go_on) {
            Ok(refit) => lock(&self.state).points.extend(refit.point),
            Err(FitError::Stopped) => {}
            Err(error) => lock(&self.state).fault = error.to_string(),
        }
    }
}

impl Beginning {
    /// Ends it; what came of it, for people and for `--json`. What it is at
    /// just then is of no use, and is not waited for.
    pub(crate) fn finish(self) -> (String, Value) {
        self.stop.store(true, Ordering::SeqCst);
        if self.thread.is_finished() && self.thread.join().is_err() {
            tracing::error!("learning ended with a panic; what was served is not affected");
        }
        let state = lock(&self.state);
        (state.line(), state.json())
    }
}

impl Aside for Beginning {
    /// In one line: how far it is from what serves.
    fn line(&self) -> String {
        lock(&self.state).line()
    }

    /// Pictures of its newest output, and of both errors over time.
    fn panels(&self) -> Vec<Panel> {
        let state = lock(&self.state);
        let picture = state
            .picture
            .clone()
            .map(|(canvas, legend)| Panel::Picture {
                name: format!("{} from nothing", state.target.name),
                canvas,
                legend,
            });
        let curve = (!state.points.is_empty()).then(|| Panel::Curve(state.curve()));
        picture.into_iter().chain(curve).collect()
    }

    /// The target that it learns.
    fn target(&self) -> &'static Task {
        lock(&self.state).target
    }
}

impl BeginnerState {
    /// The first moment at which it was near what serves.
    fn caught_up(&self) -> Option<&CurvePoint> {
        let near = |point: &&CurvePoint| point.candidate <= NEAR * point.first;
        self.points.iter().find(near)
    }

    fn line(&self) -> String {
        let name = self.target.name;
        let learnt = self.learnt;
        if !self.fault.is_empty() {
            return format!("{name} from nothing: {}", self.fault);
        }
        let Some(point) = self.points.last() else {
            return format!("{name} from nothing: {learnt} frames learnt, none judged yet");
        };
        let caught_up = self.caught_up().map_or(String::new(), |point| {
            format!(", within 20 % after {:.0} s", point.seconds)
        });
        format!(
            "{name} from nothing {} {} {:.3}, shipped {:.3}{caught_up}; {learnt} frames learnt",
            spark(self.points.iter().map(|point| point.candidate)),
            measure(point.measure),
            point.candidate,
            point.first,
        )
    }

    fn curve(&self) -> Curve {
        let line = |name: &str, colour, of: fn(&CurvePoint) -> f64| CurveLine {
            name: name.to_owned(),
            colour,
            points: (self.points.iter())
                .map(|point| (point.seconds, of(point)))
                .filter(|(_, error)| error.is_finite())
                .collect(),
        };
        let name = self.points.last().map_or("", |point| point.measure);
        Curve {
            name: format!("{}, held-out frames", measure(name)),
            lines: vec![
                line("shipped", [230, 140, 30], |point| point.first),
                line("from nothing", [60, 170, 240], |point| point.candidate),
                line("constant", [140, 140, 140], |point| point.constant),
            ],
        }
    }

    fn json(&self) -> Value {
        let curve = self.points.iter().map(|point| {
            json!({
                "seconds": point.seconds, "learnt": point.learnt, "judged": point.judged,
                "from_nothing": point.candidate, "shipped": point.first,
                "constant": point.constant,
            })
        });
        json!({
            "target": self.target.name,
            "measure": self.points.last().map(|point| point.measure),
            "learnt": self.learnt,
            "from_nothing": self.points.last().map(|point| point.candidate),
            "shipped": self.points.last().map(|point| point.first),
            "within_20_percent_after_seconds": self.caught_up().map(|point| point.seconds),
            "curve": curve.collect::<Vec<_>>(),
            "fault": self.fault,
        })
    }
}

/// As the field writes it.
fn measure(name: &str) -> &str {
    match name {
        "abs_rel" => "AbsRel",
        name => name,
    }
}

/// The last numbers as bars of a letter's width, from 0 to the greatest.
fn spark(values: impl Iterator<Item = f64>) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const MAX_BARS: usize = 10;
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let greatest = values.iter().copied().fold(0.0, f64::max);
    let every = values.len().div_ceil(MAX_BARS).max(1);
    let shown = values.iter().rev().step_by(every).collect::<Vec<_>>();
    let bar = |value: &&f64| {
        let share = if greatest > 0.0 {
            **value / greatest
        } else {
            0.0
        };
        BARS[((share * 8.0).ceil() as usize).clamp(1, 8) - 1]
    };
    shown.iter().rev().map(bar).collect()
}

/// Every value is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "beginner_tests.rs"]
mod tests;
