//! Learning while serving: one thread of lowest priority looks at frames with
//! depth, makes readouts of what it saw, and lets the better one take over;
//! another watches what serves and takes back what got worse.
//!
//! `beginner` is a readout that begins from nothing beside what serves, to be
//! looked at; `state` is what that thread shares with those who ask (`concert learn`);
//! `folder` is what is kept on disk; `target` is one target; `worker` the
//! thread that learns, `watcher` the one that watches. What is computed is in `concert_fitting::fit`.

mod beginner;
mod curve_file;
mod folder;
mod state;
mod target;
#[cfg(test)]
mod tests;
mod watcher;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::anyhow;
use concert_models::store::Store;
use concert_policies::Policy;
use concert_runtime::io::thread;
use concert_runtime::{Clock, Control};
use serde_json::{Value, json};

use self::folder::Folder;
use self::state::LearningState;
use self::target::{LearnedTarget, Subject};
use self::watcher::{Lookout, Watcher};
use self::worker::Worker;
use crate::assemble::SharedSwapper;
use crate::launch_file::{CameraEntry, LaunchFile, LearnEntry};
use crate::report::{Failure, Refuse};

pub(crate) use beginner::{Beginner, Beginning};
pub(crate) use curve_file::check_place;

/// Everything that learning needs, checked, before anything runs.
pub(crate) struct Prepared {
    entry: LearnEntry,
    folder: Folder,
    store: Store,
    targets: Vec<LearnedTarget>,
    cameras: String,
}

/// Learning that goes on.
pub(crate) struct Learning {
    state: Arc<LearningState>,
    stop: Arc<AtomicBool>,
    threads: [JoinHandle<()>; 2],
}

impl Prepared {
    /// Checks that the launch file's targets can be learnt; `None` where it asks
    /// for nothing. `folders` are those in which models are looked for.
    ///
    /// # Errors
    /// Refuses where no camera carries depth, the policy has no such target, or
    /// the readout that serves it is no small network.
    pub(crate) fn new(
        launch: &LaunchFile,
        policy: &Policy,
        folders: &[PathBuf],
    ) -> Result<Option<Self>, Failure> {
        let Some(entry) = launch.learn() else {
            return Ok(None);
        };
        let cameras = cameras_with_depth(launch)?;
        let folder = Folder::new(folder_of(launch, entry)?);
        let mut all = vec![folder.path().to_owned()];
        all.extend(folders.iter().cloned());
        let store = Store::new(all);
        let target = |task| {
            let subject = Subject::of(policy, task)?;
            LearnedTarget::first(&store, subject, entry.rules)
        };
        let targets = entry.targets.iter().copied().map(target);
        let targets: anyhow::Result<Vec<LearnedTarget>> = targets.collect();
        Ok(Some(Self {
            entry: entry.clone(),
            targets: targets.or_refuse()?,
            folder,
            store,
            cameras,
        }))
    }

    /// Folders in which models are looked for, what is learnt first.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        self.store.roots().to_vec()
    }

    /// Targets that are to be computed whoever listens.
    pub(crate) fn targets(&self) -> Vec<&'static str> {
        let targets = self.entry.targets.iter();
        targets.map(|task| task.name).collect()
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// A thread that the system refuses.
    pub(crate) fn start(
        mut self,
        control: Control,
        swapper: SharedSwapper,
        clock: Arc<dyn Clock>,
    ) -> Result<Learning, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let subjects = self.targets.iter().map(LearnedTarget::subject);
        let (watch_guard, guard) = (control.clone(), control.clone());
        let means = (control.clone(), swapper, Arc::clone(&clock));
        let state = Arc::new(LearningState::new(means, self.folder, subjects));
        let request = worker::request(&self.targets, self.entry.interval);
        let lookout = Lookout::new(control.observe(request), &mut self.targets);
        let lookout = Arc::new(lookout);
        let watcher = Watcher {
            lookout: Arc::clone(&lookout),
            state: Arc::clone(&state),
            clock: Arc::clone(&clock),
            stop: Arc::clone(&stop),
            store: Store::new(self.store.roots().to_vec()),
        };
        let worker = Worker::new(
            (
                Arc::clone(&state),
                lookout,
                control,
                clock,
                Arc::clone(&stop),
            ),
            self.entry,
            self.store,
            self.targets,
            self.cameras,
        );
        let (learn_panic, watch_panic) = (
            PanicGuard(Arc::clone(&state)),
            PanicGuard(Arc::clone(&state)),
        );
        let watches = thread::spawn("watch", move || {
            watch_guard.guard("watch", || {
                let _guard = watch_panic;
                watcher.run();
            });
        })?;
        let learns = thread::spawn("learn", move || {
            guard.guard("learn", || {
                let _guard = learn_panic;
                worker.run();
            });
        })?;
        let threads = [watches, learns];
        Ok(Learning {
            state,
            stop,
            threads,
        })
    }
}

/// Tells of a panic of a thread that nobody waits for.
struct PanicGuard(Arc<LearningState>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.note_panic();
        }
    }
}

impl Learning {
    /// Answers what `concert learn` asks.
    pub(crate) fn answerer(&self) -> impl Fn(&str, bool) -> Value + Send + 'static {
        let state = Arc::clone(&self.state);
        move |ask, allowed| state.answer(ask, allowed)
    }

    /// Ends learning and keeps what was learnt; what came of it, for `--json`.
    /// Draws the curve at `picture`.
    pub(crate) fn finish(self, picture: Option<&Path>) -> (Value, anyhow::Result<()>) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            // A panic of it has ended the runtime, and was said.
            let _ = thread.join();
        }
        let drawn = match picture {
            Some(path) => curve_file::write(path, &self.state.histories()),
            None => Ok(()),
        };
        let histories = self.state.histories();
        let targets: Vec<_> = (histories.iter())
            .map(|history| {
                json!({
                    "target": history.target,
                    "curve": history.points,
                    "switches": history.switches,
                })
            })
            .collect();
        let folder = self.state.folder().path().to_owned();
        (json!({ "folder": folder, "targets": targets }), drawn)
    }
}

/// The cameras that carry depth, for cards.
fn cameras_with_depth(launch: &LaunchFile) -> Result<String, Failure> {
    let cameras = launch.cameras().iter();
    let with: Vec<_> = cameras
        .filter(|camera| camera.kind().source().carries_depth(launch))
        .map(CameraEntry::name)
        .collect();
    if !with.is_empty() {
        return Ok(format!("camera {}", with.join(", ")));
    }
    let kinds = launch.cameras().iter();
    let kinds = kinds.map(|camera| format!("{} of kind {}", camera.name(), camera.kind().name()));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    Err(Failure::refused(anyhow!(
        "{}: learning needs at least 1 camera with depth, but there is 0 among {kinds}: kind \
         zenoh with depth_key, kind images with NAME.depth.png beside NAME.color.png, or kind \
         apartment",
        launch.origin()
    )))
}

/// The folder in which learning keeps its files.
fn folder_of(launch: &LaunchFile, entry: &LearnEntry) -> Result<PathBuf, Failure> {
    if let Some(folder) = &entry.folder {
        let folder = launch.resolve(folder);
        return Ok(std::path::absolute(&folder).unwrap_or(folder));
    }
    let models = Store::user_folder();
    let data = models.as_deref().and_then(Path::parent);
    // One per prefix: servers beside each other have prefixes of their own.
    let name = launch.publish().prefix.replace('/', "--");
    let folder = data.map(|data| data.join("learnt").join(name));
    folder.ok_or_else(|| {
        Failure::refused(anyhow!(
            "no data folder of the user is known: say where with --learn-folder DIR"
        ))
    })
}
