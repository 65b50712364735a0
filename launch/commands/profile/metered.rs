//! An engine that notes what loading each network took.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use concert_models::{Engine, EngineError, Network, NetworkFile, Slot, TensorSpec, View, Wiring};
use concert_runtime::Clock;
use concert_runtime::io::board::resident_bytes;

/// What loading one network took.
#[derive(Debug, Clone)]
pub(super) struct Loading {
    /// Hash of the network.
    pub(super) sha256: String,
    /// From its bytes to a network that is ready.
    pub(super) took: Duration,
    /// Memory that it holds, in bytes.
    pub(super) bytes: u64,
}

/// What was loaded so far, with every engine of one device.
pub(super) type Loadings = Arc<Mutex<Vec<Loading>>>;

/// An engine whose networks are timed while they are loaded.
pub(super) struct MeteredEngine {
    pub(super) inner: Box<dyn Engine>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) loadings: Loadings,
}

impl Engine for MeteredEngine {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn sibling(&self) -> Box<dyn Engine> {
        Box::new(Self {
            inner: self.inner.sibling(),
            clock: Arc::clone(&self.clock),
            loadings: Arc::clone(&self.loadings),
        })
    }

    fn slot(&mut self, spec: &TensorSpec) -> Result<Slot, EngineError> {
        self.inner.slot(spec)
    }

    fn fill(&mut self, slot: Slot, write: &mut dyn FnMut(&mut [u8])) -> Result<(), EngineError> {
        self.inner.fill(slot, write)
    }

    fn view(&mut self, slot: Slot) -> Result<View<'_>, EngineError> {
        self.inner.view(slot)
    }

    /// Also runs the network once: many reserve their memory only then.
    fn load(
        &mut self,
        file: &NetworkFile,
        wirings: &[Wiring],
    ) -> Result<Box<dyn Network>, EngineError> {
        let before = resident_bytes().unwrap_or(0);
        let begin = self.clock.monotonic();
        let mut network = self.inner.load(file, wirings)?;
        let took = self.clock.monotonic().saturating_sub(begin);
        if network.is_shared() {
            return Ok(network);
        }
        network.run(0)?;
        let growth = resident_bytes().unwrap_or(0).saturating_sub(before);
        // Its weights are in memory, also where they took the place of
        // something that was freed before.
        let size = file.bytes.len() as u64;
        let loading = Loading {
            sha256: file.sha256.clone(),
            took,
            bytes: growth.max(size) + size,
        };
        let mut loadings = self.loadings.lock().unwrap_or_else(PoisonError::into_inner);
        loadings.push(loading);
        Ok(network)
    }
}
