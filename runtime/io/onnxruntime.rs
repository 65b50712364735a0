//! The engine: ONNX Runtime behind [`concert_models::Engine`].
//!
//! Nothing outside this folder names `ort`. One [`Environment`] per process
//! holds the library and its one thread pool; an [`OrtEngine`] holds slots and
//! loads networks over a chain of [`Provider`]s.

mod engine;
mod environment;
mod network;
mod optimised;
mod session;
mod slot;
mod telemetry;
mod tuned;
pub(crate) mod version;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use engine::OrtEngine;
pub use environment::Environment;
pub use optimised::OptimisedCache;
/// For benches that compare with bare sessions.
#[doc(hidden)]
pub use ort;
pub(crate) use telemetry::must_be_off;
pub use telemetry::{TELEMETRY_VARIABLE, is_switched_off};
pub use tuned::{Tuned, TunedFolder, TunedFor, TunedWith};

/// An execution provider of ONNX Runtime: where networks may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// NVIDIA TensorRT, with CUDA for the nodes it does not take.
    TensorRt,
    /// NVIDIA CUDA.
    Cuda,
    /// The processor.
    Cpu,
}

impl Provider {
    /// Every provider, fastest first.
    pub const ALL: [Provider; 3] = [Provider::TensorRt, Provider::Cuda, Provider::Cpu];

    /// Name in launch files, status and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A provider of the chain that did not take a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The network.
    pub network: String,
    /// The provider.
    pub provider: Provider,
    /// Its own words.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} refused {}: {}",
            self.provider, self.network, self.reason
        )
    }
}

/// Locks; what a panicking thread left behind is used as it is, because every
/// critical section here leaves its data whole.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shares a lock, as [`lock`] does.
fn share(lock: &RwLock<()>) -> RwLockReadGuard<'_, ()> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a lock alone, as [`lock`] does.
fn lock_alone(lock: &RwLock<()>) -> RwLockWriteGuard<'_, ()> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// ONNX Runtime's words in an error, on one line.
fn words<R>(error: ort::Error<R>) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
