//! Networks made of closures, and how often they ran.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::tensor::TensorSpec;

/// Computation of a fake network: inputs and outputs by name, in the order in
/// which they were declared, all row-major f32. Outputs keep what they held
/// before until the closure writes them. `Err` is a failing node, a panic
/// passes through [`Network::run`](crate::engine::Network::run).
pub type FakeCompute =
    dyn Fn(&[(&str, &[f32])], &mut [(&str, &mut [f32])]) -> Result<(), String> + Send + Sync;

/// A network made of a closure and the tensors that it declares.
#[derive(Clone)]
pub struct FakeNetwork {
    pub(super) inputs: Vec<(String, TensorSpec)>,
    pub(super) outputs: Vec<(String, TensorSpec)>,
    pub(super) behaviour: Behaviour,
}

#[derive(Clone)]
pub(super) enum Behaviour {
    Compute(Arc<FakeCompute>),
    RefuseToLoad(String),
    HangUntilTerminated {
        /// Runs that do not hang, and compute nothing.
        after: u64,
    },
}

impl FakeNetwork {
    /// A network of f32 `inputs` and `outputs`, each a name and a shape.
    pub fn new(
        inputs: &[(&str, &[usize])],
        outputs: &[(&str, &[usize])],
        compute: impl Fn(&[(&str, &[f32])], &mut [(&str, &mut [f32])]) -> Result<(), String>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::with(inputs, outputs, Behaviour::Compute(Arc::new(compute)))
    }

    /// A network whose loading fails with `reason` as the engine's own words.
    pub fn refusing_to_load(reason: &str) -> Self {
        Self::with(&[], &[], Behaviour::RefuseToLoad(reason.to_owned()))
    }

    /// A network whose every run lasts until its [`Terminator`](crate::engine::Terminator) is used.
    pub fn hanging(inputs: &[(&str, &[usize])], outputs: &[(&str, &[usize])]) -> Self {
        Self::hanging_after(inputs, outputs, 0)
    }

    /// As [`hanging`](Self::hanging), but its first `runs` compute nothing and end.
    pub fn hanging_after(
        inputs: &[(&str, &[usize])],
        outputs: &[(&str, &[usize])],
        runs: u64,
    ) -> Self {
        let behaviour = Behaviour::HangUntilTerminated { after: runs };
        Self::with(inputs, outputs, behaviour)
    }

    fn with(
        inputs: &[(&str, &[usize])],
        outputs: &[(&str, &[usize])],
        behaviour: Behaviour,
    ) -> Self {
        let specs = |tensors: &[(&str, &[usize])]| {
            let spec =
                |(name, shape): &(&str, &[usize])| ((*name).to_owned(), TensorSpec::f32(shape));
            tensors.iter().map(spec).collect()
        };
        FakeNetwork {
            inputs: specs(inputs),
            outputs: specs(outputs),
            behaviour,
        }
    }
}

impl fmt::Debug for FakeNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeNetwork")
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}

/// Counts of how often a registered network was loaded and run, over all its
/// wirings; clones count together, so a test keeps one while the engine moves away.
#[derive(Debug, Clone, Default)]
pub struct FakeCounts {
    pub(super) loads: Arc<AtomicU64>,
    pub(super) runs: Arc<AtomicU64>,
}

impl FakeCounts {
    /// Number of successful [`Engine::load`](crate::engine::Engine::load) calls.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    /// Number of runs begun, whether they succeeded or not.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }
}
