//! The engine that runs networks.

use std::io;
use std::num::NonZeroUsize;
use std::thread::JoinHandle;
use std::time::Duration;

use concert_models::{Engine, EngineError};
use concert_runtime::io::library::{
    Library, LibraryProgress, LibraryRequest, cache_folder, find_or_fetch,
};
use concert_runtime::io::onnxruntime::{Environment, OptimisedCache, OrtEngine};
use concert_runtime::io::thread;

use crate::cli::Global;
use crate::launch_file::{LaunchFile, Provider};
use crate::report::Failure;

/// An engine, and what its providers refused so far.
pub(crate) struct EngineChoice {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) refusals: Box<dyn Fn() -> Vec<String> + Send>,
}

/// An engine that starts on a thread of its own while its networks are read: only
/// where the library is at hand, as nothing is fetched for what may be refused yet.
pub(crate) struct StartingEngine(Option<JoinHandle<Option<Started>>>);

/// An engine, and which libraries were passed over.
type Started = (EngineChoice, Vec<LibraryProgress>);

impl StartingEngine {
    /// Begins to start it.
    ///
    /// # Errors
    /// Where the system refuses a thread.
    pub(crate) fn begin(launch: &LaunchFile, global: &Global) -> io::Result<Self> {
        let (providers, threads) = (launch.providers().to_vec(), launch.threads());
        let request = request(&providers, global, true);
        let start = move || {
            // Why it fails is said when it is tried again.
            let mut passed_over = Vec::new();
            let library = find_or_fetch(&request, &mut |one| passed_over.push(one)).ok()?;
            let engine = EngineChoice::of(&library, &providers, threads).ok()?;
            Some((engine, passed_over))
        };
        thread::spawn("engine", start).map(|thread| Self(Some(thread)))
    }

    /// The engine, where it could be started.
    pub(crate) fn finish(mut self) -> Option<EngineChoice> {
        let (engine, passed_over) = self.join()?;
        for library in passed_over {
            tracing::warn!("{library}");
        }
        Some(engine)
    }

    fn join(&mut self) -> Option<Started> {
        self.0.take()?.join().ok().flatten()
    }
}

/// A process must not end while the library is being loaded.
impl Drop for StartingEngine {
    fn drop(&mut self) {
        drop(self.join());
    }
}

impl EngineChoice {
    /// Finds (or fetches) ONNX Runtime and starts it with a provider chain.
    pub(crate) fn start(
        providers: &[Provider],
        threads: Option<usize>,
        global: &Global,
    ) -> Result<Self, Failure> {
        let library = library(providers, global)?;
        Ok(Self::of(&library, providers, threads)?)
    }

    /// Another engine in the process of a launch file's own, with other providers.
    ///
    /// # Errors
    /// An engine that cannot be had.
    pub(crate) fn beside(
        launch: &LaunchFile,
        providers: &[Provider],
        global: &Global,
    ) -> Result<Box<dyn Engine>, Failure> {
        // The process has one library: the launch file's.
        let library = library(launch.providers(), global)?;
        let choice = Self::of(&library, providers, launch.threads())?;
        Ok(choice.engine)
    }

    fn of(
        library: &Library,
        providers: &[Provider],
        threads: Option<usize>,
    ) -> Result<Self, EngineError> {
        let threads = threads.and_then(NonZeroUsize::new);
        let environment = Environment::start(library, threads)?;
        // Without a folder, every start optimises anew.
        let folder = cache_folder().map(|folder| folder.join("optimised")).ok();
        let cache = folder.and_then(|folder| OptimisedCache::new(folder, library));
        let engine = OrtEngine::with_cache(&environment, providers, cache)?;
        let sibling = engine.sibling();
        let refusals = move || sibling.refusals().iter().map(ToString::to_string).collect();
        Ok(Self {
            engine: Box::new(engine),
            refusals: Box::new(refusals),
        })
    }
}

fn request(providers: &[Provider], global: &Global, offline: bool) -> LibraryRequest {
    LibraryRequest {
        explicit: global.onnxruntime.clone(),
        gpu: providers.iter().any(|provider| *provider != Provider::Cpu),
        offline,
    }
}

/// Finds the library, and shows on a terminal what takes time.
fn library(providers: &[Provider], global: &Global) -> Result<Library, Failure> {
    let request = request(providers, global, false);
    let mut spinner: Option<indicatif::ProgressBar> = None;
    let found = find_or_fetch(&request, &mut |progress| {
        if matches!(progress, LibraryProgress::Skipped { .. }) {
            tracing::warn!("{progress}");
            return;
        }
        tracing::info!("{progress}");
        // Draws to standard error, and only where that is a terminal.
        let spinner = spinner.get_or_insert_with(indicatif::ProgressBar::new_spinner);
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner.set_message(progress.to_string());
    });
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    Ok(found?)
}
