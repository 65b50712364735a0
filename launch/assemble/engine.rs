//! The engine that runs networks.

use concert_models::Engine;

use crate::cli::Global;
use crate::launch_file::Provider;
use crate::report::Failure;

/// An engine, and what its providers refused so far.
pub(crate) struct EngineChoice {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) refusals: Box<dyn Fn() -> Vec<String>>,
}

impl EngineChoice {
    /// Finds (or fetches) ONNX Runtime and starts it with a provider chain.
    pub(crate) fn start(
        providers: &[Provider],
        threads: Option<usize>,
        global: &Global,
    ) -> Result<Self, Failure> {
        use std::num::NonZeroUsize;

        use concert_runtime::io::onnxruntime as ort;

        let library = library(providers, global)?;
        let environment = ort::Environment::start(&library, threads.and_then(NonZeroUsize::new))?;
        let engine = ort::OrtEngine::new(&environment, providers)?;
        let sibling = engine.sibling();
        let refusals = move || sibling.refusals().iter().map(ToString::to_string).collect();
        Ok(Self {
            engine: Box::new(engine),
            refusals: Box::new(refusals),
        })
    }
}

/// Finds the library, and shows on a terminal what takes time.
fn library(
    providers: &[Provider],
    global: &Global,
) -> Result<concert_runtime::io::library::Library, Failure> {
    use std::time::Duration;

    use concert_runtime::io::library::{LibraryProgress, LibraryRequest, find_or_fetch};

    let request = LibraryRequest {
        explicit: global.onnxruntime.clone(),
        gpu: providers.iter().any(|provider| *provider != Provider::Cpu),
        offline: false,
    };
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
