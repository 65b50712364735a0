//! The boundary to whatever runs networks.
//!
//! Shapes are fixed when a plan is made. A network's inputs and outputs are
//! wired once to tensor [`Slot`]s that the engine owns, and afterwards only
//! run: that is what IO binding, device-resident representations and CUDA
//! graphs need, and it keeps the hot path free of allocation.
//!
//! The real side is `runtime::io::onnxruntime`; the public fake is
//! [`crate::fake::FakeEngine`].

use std::cell::Cell;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, RwLock, RwLockReadGuard};

use crate::tensor::TensorSpec;

/// Handle of a tensor that one [`Engine`] owns. Copies name the same memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// Slots that a network reads and writes, by the names of its ONNX inputs and
/// outputs. A slot that one network writes and another reads is how a
/// representation reaches its readouts without a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wiring {
    /// ONNX input name and the slot it reads, one entry per input.
    pub inputs: Vec<(String, Slot)>,
    /// ONNX output name and the slot it writes, one entry per wanted output.
    pub outputs: Vec<(String, Slot)>,
}

/// One network, ready to be handed to an engine: bytes that were checked
/// against their card (size, sha256) and by the graph check before.
#[derive(Debug, Clone)]
pub struct NetworkFile {
    /// Name, as in the card.
    pub name: String,
    /// File that the bytes came from, for messages.
    pub path: PathBuf,
    /// SHA-256 of `bytes`, 64 hexadecimal digits.
    pub sha256: String,
    /// The ONNX model itself; self-contained, no external data.
    pub bytes: Arc<[u8]>,
}

/// Providers on which the nodes of a loaded network really run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Placement {
    /// The provider that the network was loaded with (`cpu`, `cuda`, `tensorrt`).
    pub provider: String,
    /// Nodes per provider, as the engine reports them after loading; empty
    /// where the engine cannot tell.
    pub nodes: Vec<(String, usize)>,
}

/// Runs networks on tensors that it owns.
pub trait Engine: Send {
    /// Describes what runs, with its version and provider chain, for people.
    fn describe(&self) -> String;

    /// Another engine on the same device, with slots of its own, that shares
    /// the networks which this one and its other siblings have loaded; for a
    /// pipeline that is prepared beside a running one.
    fn sibling(&self) -> Box<dyn Engine>;

    /// Allocates a tensor, filled with zeros.
    ///
    /// # Errors
    /// [`EngineError::OutOfMemory`] where the device has no room.
    fn slot(&mut self, spec: &TensorSpec) -> Result<Slot, EngineError>;

    /// Lets `write` fill the slot's bytes (row-major, native endian). On a CPU
    /// this is the memory that networks read; on a GPU it is pinned memory and
    /// the only copy follows.
    ///
    /// # Errors
    /// [`EngineError::Device`] where the copy to the device fails.
    fn fill(&mut self, slot: Slot, write: &mut dyn FnMut(&mut [u8])) -> Result<(), EngineError>;

    /// The slot's bytes. On a CPU plain memory; on a GPU a copy to the host.
    /// No network that writes the slot runs while the [`View`] lives.
    ///
    /// # Errors
    /// [`EngineError::Device`] where the copy from the device fails.
    fn view(&mut self, slot: Slot) -> Result<View<'_>, EngineError>;

    /// Loads a network (or shares one that is loaded already: same hash, same
    /// provider) and wires it once per entry of `wirings`. Several wirings are
    /// turns of a ring over time.
    ///
    /// # Errors
    /// Names or shapes that do not fit, a provider that fails, an engine error.
    fn load(
        &mut self,
        file: &NetworkFile,
        wirings: &[Wiring],
    ) -> Result<Box<dyn Network>, EngineError>;

    /// Number of networks that are worth running at the same time, from as many
    /// threads; 1 where they would only wait for each other.
    fn side_by_side(&self) -> usize {
        1
    }

    /// As [`load`](Self::load), for a network that usually runs while others do,
    /// `count` in all: it takes its share of the threads, not all of them.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    fn load_beside(
        &mut self,
        file: &NetworkFile,
        wirings: &[Wiring],
        _count: usize,
    ) -> Result<Box<dyn Network>, EngineError> {
        self.load(file, wirings)
    }

    /// What begins to load networks from several threads at once, where the engine
    /// can do that: [`load`](Self::load) of the same file then finds it loaded.
    fn preloader(&self) -> Option<Arc<dyn Preloader>> {
        None
    }
}

/// Loads networks of an [`Engine`] before they are wired, from any thread.
pub trait Preloader: Send + Sync {
    /// Loads a network as far as that goes without slots, for the next
    /// [`Engine::load`] of the same file, or [`Engine::load_beside`] where `count`
    /// is not 1. What fails here fails there, too, which says why.
    fn preload(&self, file: &NetworkFile, count: usize);
}

/// The bytes of a slot, row-major, native endian, for as long as nothing may write
/// them: where networks write the very memory, it holds the slot's lock.
#[derive(Debug)]
pub struct View<'a> {
    bytes: &'a [u8],
    // Dropped with the view.
    _lock: Option<Held<'a>>,
}

/// A lock that this thread holds, and the one that it held before.
#[derive(Debug)]
struct Held<'a> {
    _guard: RwLockReadGuard<'a, ()>,
    lock: usize,
    before: usize,
}

thread_local! {
    /// Address of the lock that this thread holds through a view; 0 for none.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

impl<'a> View<'a> {
    /// View of memory that no network writes.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, _lock: None }
    }

    /// View of memory that networks write, and only while they hold `lock`, of
    /// which this is a `guard`.
    #[must_use]
    pub fn guarded(bytes: &'a [u8], lock: &'a RwLock<()>, guard: RwLockReadGuard<'a, ()>) -> Self {
        let lock = address(lock);
        let held = Held {
            _guard: guard,
            lock,
            before: HELD.replace(lock),
        };
        Self {
            bytes,
            _lock: Some(held),
        }
    }

    /// Tells whether this thread holds a view behind `lock`, so that waiting for it
    /// would never end.
    #[must_use]
    pub fn holds(lock: &RwLock<()>) -> bool {
        HELD.get() == address(lock)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if HELD.get() == self.lock {
            HELD.set(self.before);
        }
    }
}

fn address(lock: &RwLock<()>) -> usize {
    std::ptr::from_ref(lock).addr()
}

impl Deref for View<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

/// A loaded network, wired to slots of the engine that loaded it.
pub trait Network: Send {
    /// Runs once with wiring number `turn`, and returns when the outputs are
    /// complete (or queued in order, on a device).
    ///
    /// `&mut self` because a session is not to be run by two threads at once.
    ///
    /// # Errors
    /// [`EngineError::Run`] where a node fails, or where the calling thread still
    /// holds a [`View`] of one of its slots; [`EngineError::Terminated`] where the
    /// [`Terminator`] was used.
    fn run(&mut self, turn: usize) -> Result<(), EngineError>;

    /// Providers on which the nodes run.
    fn placement(&self) -> &Placement;

    /// Tells whether its weights were in memory already when it was loaded, in use
    /// by another network of the same hash; then it needs no first run to warm.
    fn is_shared(&self) -> bool;

    /// A handle with which another thread ends a run under way.
    fn terminator(&self) -> Arc<dyn Terminator>;
}

/// Ends a run under way, from another thread.
pub trait Terminator: Send + Sync {
    /// Asks the network to stop at its next node boundary.
    fn terminate(&self);
    /// Allows runs again after [`terminate`](Terminator::terminate).
    fn rearm(&self);
}

/// Refusal or failure of an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The network has no input or output of this name.
    #[error("network {network} has no {direction} named {tensor}; it has {available}")]
    NoSuchTensor {
        /// The network.
        network: String,
        /// `input` or `output`.
        direction: &'static str,
        /// The name asked for.
        tensor: String,
        /// The names there are.
        available: String,
    },
    /// A wired slot and the network disagree about a tensor.
    #[error(
        "{direction} {tensor} of network {network} is {network_spec}, but its slot is {slot_spec}"
    )]
    ShapeMismatch {
        /// The network.
        network: String,
        /// `input` or `output`.
        direction: &'static str,
        /// The tensor.
        tensor: String,
        /// Tensor as the network declares it.
        network_spec: String,
        /// Tensor as the slot was made.
        slot_spec: String,
    },
    /// An input without a slot, or slots that a run would read and write at once.
    #[error("network {network} is wired wrongly: {reason}")]
    WrongWiring {
        /// The network.
        network: String,
        /// Words for what is wrong.
        reason: String,
    },
    /// Every provider of the chain refused the network.
    #[error("network {network} could not be loaded on any of {providers}: {reason}")]
    Load {
        /// The network.
        network: String,
        /// The chain that was tried.
        providers: String,
        /// Words of each.
        reason: String,
    },
    /// A node failed.
    #[error("network {network} failed: {reason}")]
    Run {
        /// The network.
        network: String,
        /// The engine's own words.
        reason: String,
    },
    /// The run was ended by its [`Terminator`].
    #[error("network {network} was ended: it ran longer than its limit")]
    Terminated {
        /// The network.
        network: String,
    },
    /// No memory for a slot.
    #[error("no memory for a tensor {spec}")]
    OutOfMemory {
        /// Tensor that was asked for.
        spec: String,
    },
    /// The device failed outside a network.
    #[error("device failed: {reason}")]
    Device {
        /// The engine's own words.
        reason: String,
    },
    /// The engine itself could not be started.
    #[error("{reason}")]
    Unavailable {
        /// Reason, and what to do.
        reason: String,
    },
}
