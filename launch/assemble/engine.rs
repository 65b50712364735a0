//! The engine that runs networks.

use std::io;
use std::num::NonZeroUsize;
use std::thread::JoinHandle;
use std::time::Duration;

use concert_models::{Engine, EngineError};
use concert_runtime::io::library::{
    Library, LibraryProgress, LibraryRequest, cache_folder, find_or_fetch,
};
use concert_runtime::io::onnxruntime::{Environment, OptimisedCache, OrtEngine, Tuned};
use concert_runtime::io::thread;
use concert_runtime::{EncoderOrder, ExecutionSettings};

use crate::cli::Global;
use crate::launch_file::{LaunchFile, Provider};
use crate::report::Failure;

/// An engine, and what its providers refused so far.
pub(crate) struct EngineChoice {
    pub(crate) engine: Box<dyn Engine>,
    /// How encoders take turns on it.
    pub(crate) encoders: EncoderOrder,
    /// What was kept for the policy, where it is used.
    pub(crate) tuned: Option<Tuned>,
    pub(crate) refusals: Box<dyn Fn() -> Vec<String> + Send>,
}

/// An engine that starts on a thread of its own while its networks are read: only
/// where the library is at hand, as nothing is fetched for what may be refused yet.
pub(crate) struct StartingEngine(Option<JoinHandle<Option<Started>>>);

/// An engine, and which libraries were passed over.
type Started = (EngineChoice, Vec<LibraryProgress>);

impl StartingEngine {
    /// Begins to start it, with what was kept for the policy.
    ///
    /// # Errors
    /// Where the system refuses a thread.
    pub(crate) fn begin(
        launch: &LaunchFile,
        global: &Global,
        tuned: Option<Tuned>,
    ) -> io::Result<Self> {
        let (providers, threads) = (launch.providers().to_vec(), launch.threads());
        let request = request(&providers, global, true);
        let start = move || {
            // Why it fails is said when it is tried again.
            let mut passed_over = Vec::new();
            let library = find_or_fetch(&request, &mut |one| passed_over.push(one)).ok()?;
            let engine = EngineChoice::tuned(&library, &providers, threads, tuned).ok()?;
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
        Ok(Self::of(&library, providers, &usual(threads))?)
    }

    /// As [`start`](Self::start), with what was kept for the policy.
    pub(crate) fn start_tuned(
        launch: &LaunchFile,
        global: &Global,
        tuned: Option<Tuned>,
    ) -> Result<Self, Failure> {
        let library = library(launch.providers(), global)?;
        let threads = launch.threads();
        Ok(Self::tuned(&library, launch.providers(), threads, tuned)?)
    }

    /// As [`start`](Self::start), with these settings.
    #[cfg(feature = "apartment")]
    pub(crate) fn start_with(
        launch: &LaunchFile,
        global: &Global,
        settings: &ExecutionSettings,
    ) -> Result<Self, Failure> {
        let library = library(launch.providers(), global)?;
        Ok(Self::of(&library, launch.providers(), settings)?)
    }

    fn tuned(
        library: &Library,
        providers: &[Provider],
        threads: Option<usize>,
        tuned: Option<Tuned>,
    ) -> Result<Self, EngineError> {
        let fits = |tuned: &Tuned| match tuned.check_library(library) {
            Ok(()) => true,
            Err(reason) => {
                let name = &tuned.policy_name;
                tracing::warn!("what `concert tune` kept for {name} is not used: {reason}");
                false
            }
        };
        let tuned = tuned.filter(fits);
        let settings = tuned
            .as_ref()
            .map_or(usual(threads), |tuned| tuned.settings);
        let engine = Self::of(library, providers, &settings)?;
        Ok(Self { tuned, ..engine })
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
        // The process has one library and one pool: the launch file's.
        let environment = match Environment::running() {
            Some(environment) => environment,
            None => {
                let library = library(launch.providers(), global)?;
                Environment::start(&library, launch.threads().and_then(NonZeroUsize::new))?
            }
        };
        let engine = OrtEngine::with_cache(&environment, providers, cache(environment.library()))?;
        Ok(Box::new(engine))
    }

    fn of(
        library: &Library,
        providers: &[Provider],
        settings: &ExecutionSettings,
    ) -> Result<Self, EngineError> {
        let environment =
            Environment::start_spinning(library, settings.threads, settings.spinning)?;
        let engine = OrtEngine::with_cache(&environment, providers, cache(library))?;
        let sibling = engine.sibling();
        let refusals = move || sibling.refusals().iter().map(ToString::to_string).collect();
        Ok(Self {
            engine: Box::new(engine),
            encoders: settings.encoders.unwrap_or_default(),
            tuned: None,
            refusals: Box::new(refusals),
        })
    }
}

/// Where optimised networks are kept; without a folder, every start optimises anew.
fn cache(library: &Library) -> Option<OptimisedCache> {
    let folder = cache_folder().map(|folder| folder.join("optimised")).ok()?;
    OptimisedCache::new(folder, library)
}

/// The settings where nothing was chosen.
fn usual(threads: Option<usize>) -> ExecutionSettings {
    ExecutionSettings {
        threads: threads.and_then(NonZeroUsize::new),
        ..ExecutionSettings::default()
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
pub(crate) fn library(providers: &[Provider], global: &Global) -> Result<Library, Failure> {
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
