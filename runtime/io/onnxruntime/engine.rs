//! The engine: slots, and networks loaded over a chain of providers.
#![expect(unsafe_code, reason = "hands out the bytes of slots")]

use std::sync::Arc;

use concert_models::{
    Engine, EngineError, Network, NetworkFile, Preloader, Slot, TensorSpec, View, Wiring,
};

use super::network::OrtNetwork;
use super::session::{Sessions, Threads};
use super::slot::{Side, SlotMemory};
use super::{Environment, OptimisedCache, Provider, Refusal, lock_alone, share};
use crate::execution::Spinning;

/// [`Engine`] over ONNX Runtime.
///
/// Slots lie in the processor's memory, 64-byte aligned; networks read and
/// write them in place. A slot that a network on a GPU reads or writes has a
/// second copy there, and contents cross over only when the other side asks
/// for them: a representation stays on the GPU between encoder and readouts.
///
/// Every slot has a lock: networks run at the same time where none writes what
/// another reads or writes, and one that does waits. What [`view`](Engine::view)
/// returns is the slot itself, and shares its lock: a network that uses the slot
/// waits for it, and one that is run by the thread that holds it is refused.
pub struct OrtEngine {
    environment: Environment,
    chain: Arc<[Provider]>,
    sessions: Arc<Sessions>,
    slots: Vec<Arc<SlotMemory>>,
}

impl OrtEngine {
    /// An engine that tries `providers` in order for every network, strictly:
    /// a provider that cannot be had counts as a [`Refusal`], and a network
    /// that none takes is an error.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] where the chain is empty.
    pub fn new(environment: &Environment, providers: &[Provider]) -> Result<Self, EngineError> {
        Self::with_cache(environment, providers, None)
    }

    /// As [`new`](Self::new), with a cache of what the library makes of networks:
    /// what lies there is used, and what is [preloaded](Preloader) is laid there.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_cache(
        environment: &Environment,
        providers: &[Provider],
        cache: Option<OptimisedCache>,
    ) -> Result<Self, EngineError> {
        if providers.is_empty() {
            return Err(EngineError::Unavailable {
                reason: "the provider chain is empty; name at least cpu".to_owned(),
            });
        }
        Ok(Self {
            environment: environment.clone(),
            chain: providers.into(),
            sessions: Arc::new(Sessions::new(environment.clone(), cache)),
            slots: Vec::new(),
        })
    }

    /// Another engine with slots of its own, which shares the networks that
    /// this one and its other siblings have loaded.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self {
            environment: self.environment.clone(),
            chain: Arc::clone(&self.chain),
            sessions: Arc::clone(&self.sessions),
            slots: Vec::new(),
        }
    }

    /// Providers that did not take a network so far, in this engine and its
    /// siblings, each with its reason.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        self.sessions.refusals()
    }

    fn is_on_processor(&self) -> bool {
        *self.chain == [Provider::Cpu]
    }

    fn load_with(
        &mut self,
        file: &NetworkFile,
        wirings: &[Wiring],
        threads: Threads,
    ) -> Result<Box<dyn Network>, EngineError> {
        if wirings.is_empty() {
            return Err(EngineError::WrongWiring {
                network: file.name.clone(),
                reason: "there is none".to_owned(),
            });
        }
        let (session, shared) = self.sessions.load(file, &self.chain, threads)?;
        let network = OrtNetwork::wire(&file.name, session, &self.slots, wirings)?;
        Ok(Box::new(network.with_shared(shared)))
    }

    fn memory(&self, slot: Slot) -> Result<&Arc<SlotMemory>, EngineError> {
        self.slots.get(slot.0).ok_or_else(|| EngineError::Device {
            reason: format!(
                "slot {} was asked for, but this engine has {}",
                slot.0,
                self.slots.len()
            ),
        })
    }
}

impl Engine for OrtEngine {
    fn describe(&self) -> String {
        let library = self.environment.library();
        let chain: Vec<&str> = self.chain.iter().map(|provider| provider.name()).collect();
        let mut text = format!(
            "onnxruntime {} ({}, {}), {} threads{}, providers {}",
            library.version,
            library.origin,
            library.path.display(),
            self.environment.threads(),
            match self.environment.spinning() {
                Spinning::Off => String::new(),
                spinning => format!(" spinning {spinning}"),
            },
            chain.join(", ")
        );
        for (index, refusal) in self.refusals().iter().enumerate() {
            text += if index == 0 { "; " } else { ", " };
            text += &refusal.to_string();
        }
        text
    }

    fn sibling(&self) -> Box<dyn Engine> {
        Box::new(OrtEngine::sibling(self))
    }

    fn slot(&mut self, spec: &TensorSpec) -> Result<Slot, EngineError> {
        let slot = Slot(self.slots.len());
        self.slots.push(Arc::new(SlotMemory::new(spec)?));
        Ok(slot)
    }

    fn fill(&mut self, slot: Slot, write: &mut dyn FnMut(&mut [u8])) -> Result<(), EngineError> {
        let memory = self.memory(slot)?;
        let _alone = lock_alone(memory.lock());
        memory.make_ready_on(Side::Host)?;
        // SAFETY: the lock is held alone, so nobody else touches the bytes.
        write(unsafe { memory.host().bytes_mut() });
        memory.note_written_on(Side::Host);
        memory.make_ready_on(Side::Device)
    }

    fn view(&mut self, slot: Slot) -> Result<View<'_>, EngineError> {
        let memory = self.memory(slot)?;
        {
            let _alone = lock_alone(memory.lock());
            memory.make_ready_on(Side::Host)?;
        }
        let shared = share(memory.lock());
        // SAFETY: the memory lives as long as the engine that is borrowed. The
        // view gives the bytes out no longer than it lives, and shares the lock
        // so long, which who writes them needs alone.
        let bytes = unsafe { memory.host().bytes() };
        Ok(View::guarded(bytes, memory.lock(), shared))
    }

    fn load(
        &mut self,
        file: &NetworkFile,
        wirings: &[Wiring],
    ) -> Result<Box<dyn Network>, EngineError> {
        self.load_with(file, wirings, Threads::All)
    }

    /// As many as there are threads; devices run one after the other.
    fn side_by_side(&self) -> usize {
        match self.is_on_processor() {
            true => self.environment.threads().get(),
            false => 1,
        }
    }

    fn load_beside(
        &mut self,
        file: &NetworkFile,
        wirings: &[Wiring],
        count: usize,
    ) -> Result<Box<dyn Network>, EngineError> {
        let threads = Threads::of_share(self.environment.threads(), count);
        self.load_with(file, wirings, threads)
    }

    /// Devices load one network after the other.
    fn preloader(&self) -> Option<Arc<dyn Preloader>> {
        let sessions = || Arc::clone(&self.sessions) as Arc<dyn Preloader>;
        self.is_on_processor().then(sessions)
    }
}
