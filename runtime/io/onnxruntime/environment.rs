//! The one ONNX Runtime environment of this process.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use concert_models::EngineError;
use ort::environment::GlobalThreadPoolOptions;
use ort::logging::LogLevel;

use super::{lock, telemetry, words};
use crate::execution::Spinning;
use crate::io::library::Library;

/// ONNX Runtime, loaded and started: one thread pool for every network, whose
/// threads sleep when there is nothing to do unless something else was chosen, and
/// no telemetry (the [variable]
/// that switches it off is there before the library is loaded). Copies are the
/// same environment. It lives until the process ends.
///
/// [variable]: super::TELEMETRY_VARIABLE
#[derive(Debug, Clone)]
pub struct Environment(Arc<Started>);

#[derive(Debug)]
struct Started {
    ort: ort::environment::Environment,
    library: Library,
    threads: NonZeroUsize,
    spinning: Spinning,
}

/// ONNX Runtime allows one environment per process and cannot start another
/// after the first was released, so the first is kept.
static STARTED: Mutex<Option<Environment>> = Mutex::new(None);

impl Environment {
    /// Loads `library` and starts its thread pool: `threads` in all, the
    /// calling one included, or one per physical core, none of which spins. A
    /// second call with the same arguments returns the same environment.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] where the library does not load or is too
    /// old, where its telemetry is not switched off, or where this process started another one before.
    pub fn start(library: &Library, threads: Option<NonZeroUsize>) -> Result<Self, EngineError> {
        Self::start_spinning(library, threads, Spinning::Off)
    }

    /// As [`start`](Self::start), with threads that do this while they have nothing
    /// to do. The library lets its one pool spin or not; threads that spin for a
    /// stated time are each network's own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_spinning(
        library: &Library,
        threads: Option<NonZeroUsize>,
        spinning: Spinning,
    ) -> Result<Self, EngineError> {
        let threads = threads.unwrap_or_else(Self::usual_threads);
        let mut started = lock(&STARTED);
        if let Some(environment) = &*started {
            return environment.clone().same_as(library, (threads, spinning));
        }
        // `ort` panics where a function of the library is missing.
        let ort = catch_unwind(AssertUnwindSafe(|| start_ort(library, (threads, spinning))))
            .unwrap_or_else(|_| Err("it lacks a function that this program needs".to_owned()))
            .map_err(|reason| EngineError::Unavailable {
                reason: format!(
                    "onnxruntime {} ({}) cannot be started: {reason}",
                    library.version,
                    library.path.display()
                ),
            })?;
        let environment = Self(Arc::new(Started {
            ort,
            library: library.clone(),
            threads,
            spinning,
        }));
        *started = Some(environment.clone());
        Ok(environment)
    }

    /// The environment of this process, where one was started.
    #[must_use]
    pub fn running() -> Option<Self> {
        lock(&STARTED).clone()
    }

    /// The library that runs.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// Threads of the pool, the calling one included.
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        self.0.threads
    }

    /// What a thread does that has nothing to do.
    #[must_use]
    pub fn spinning(&self) -> Spinning {
        self.0.spinning
    }

    /// Threads where nobody says how many: one per physical core that this process
    /// may use; hyper-threads share the units that matrix products need.
    #[must_use]
    pub fn usual_threads() -> NonZeroUsize {
        physical_cores()
    }

    /// The environment itself, for benches that compare with bare sessions.
    #[must_use]
    pub fn ort(&self) -> &ort::environment::Environment {
        &self.0.ort
    }

    fn same_as(
        self,
        library: &Library,
        (threads, spinning): (NonZeroUsize, Spinning),
    ) -> Result<Self, EngineError> {
        let same_pool = (self.threads(), self.spinning()) == (threads, spinning);
        if self.library().path == library.path && same_pool {
            return Ok(self);
        }
        Err(EngineError::Unavailable {
            reason: format!(
                "this process runs onnxruntime {} with {} threads already, spinning {}, so {} with {threads}, spinning {spinning}, cannot be started",
                self.library().path.display(),
                self.threads(),
                self.spinning(),
                library.path.display()
            ),
        })
    }
}

fn start_ort(
    library: &Library,
    (threads, spinning): (NonZeroUsize, Spinning),
) -> Result<ort::environment::Environment, String> {
    // Where each network has threads of its own, the pool has nothing to do.
    let (pool_threads, spins) = match spinning {
        Spinning::Off => (threads, false),
        Spinning::On => (threads, true),
        Spinning::Micros(_) => (NonZeroUsize::MIN, false),
    };
    telemetry::must_be_off()?;
    let builder = ort::init_from(&library.path).map_err(|error| error.to_string())?;
    let pool = GlobalThreadPoolOptions::default()
        .with_intra_threads(pool_threads.get())
        .and_then(|pool| pool.with_inter_threads(1))
        .and_then(|pool| pool.with_spin_control(spins))
        .map_err(words)?;
    let environment = builder
        .with_name("concert")
        .with_telemetry(false)
        .with_global_thread_pool(pool)
        .build()
        .map_err(words)?;
    // `ort` asks for every message and filters afterwards; the formatting
    // alone would cost more than a small network.
    environment.set_log_level(LogLevel::Warning);
    Ok(environment)
}

/// Physical cores that this process may use.
fn physical_cores() -> NonZeroUsize {
    let logical = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let cores: BTreeSet<String> = (0..)
        .map_while(|cpu| {
            let topology = format!("/sys/devices/system/cpu/cpu{cpu}/topology");
            fs::read_to_string(format!("{topology}/thread_siblings_list")).ok()
        })
        .collect();
    NonZeroUsize::new(cores.len()).map_or(logical, |cores| cores.min(logical))
}
