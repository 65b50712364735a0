//! The engine: ONNX Runtime behind [`concert_models::Engine`].
//!
//! Nothing outside this folder names `ort`. One [`Environment`] per process
//! holds the library and its one thread pool; an [`OrtEngine`] holds slots and
//! loads networks over a chain of [`Provider`]s.

mod engine;
mod environment;
mod network;
mod session;
mod slot;
mod telemetry;
pub(crate) mod version;

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use engine::OrtEngine;
pub use environment::Environment;
/// For benches that compare with bare sessions.
#[doc(hidden)]
pub use ort;
pub(crate) use telemetry::must_be_off;
pub use telemetry::{TELEMETRY_VARIABLE, is_switched_off};

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
    /// Name in policies, status and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }

    /// Parses a chain such as `tensorrt,cuda,cpu`, most wanted first.
    ///
    /// # Errors
    /// An empty entry, an unknown name, or one that stands twice.
    pub fn parse_chain(text: &str) -> Result<Vec<Self>, ProviderError> {
        let mut chain = Vec::new();
        for name in text.split(',').map(str::trim) {
            let provider = name.parse()?;
            if chain.contains(&provider) {
                return Err(ProviderError::Twice(provider));
            }
            chain.push(provider);
        }
        Ok(chain)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Provider {
    type Err = ProviderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "tensorrt" => Ok(Self::TensorRt),
            "cuda" => Ok(Self::Cuda),
            "cpu" => Ok(Self::Cpu),
            _ => Err(ProviderError::Unknown(text.to_owned())),
        }
    }
}

/// A fault of a provider chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// No such provider.
    #[error("no provider is called {0:?}; there are tensorrt, cuda and cpu")]
    Unknown(String),
    /// The same provider twice.
    #[error("provider {0} stands twice in the chain")]
    Twice(Provider),
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

/// ONNX Runtime's words in an error, on one line.
fn words<R>(error: ort::Error<R>) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_read_in_order_and_refused_where_it_is_wrong() {
        assert_eq!(
            Provider::parse_chain("tensorrt, cuda,cpu"),
            Ok(vec![Provider::TensorRt, Provider::Cuda, Provider::Cpu])
        );
        assert_eq!(
            Provider::parse_chain("cuda,gpu").unwrap_err().to_string(),
            "no provider is called \"gpu\"; there are tensorrt, cuda and cpu"
        );
        assert_eq!(
            Provider::parse_chain("cpu,cpu"),
            Err(ProviderError::Twice(Provider::Cpu))
        );
        assert!(Provider::parse_chain("").is_err());
    }
}
