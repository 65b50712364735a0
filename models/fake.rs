//! The public fake of the [`Engine`] boundary: networks are Rust closures.
//!
//! It keeps the promises of a real engine (names and shapes are checked when a
//! network is wired, outputs appear only when a run succeeds, a terminated
//! network refuses to run until it is rearmed) and behaves like a device with
//! its own memory: [`Engine::view`] is a copy to the host. After a network is
//! loaded, running it does not allocate.

mod loaded;
mod network;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::{Engine, EngineError, Network, NetworkFile, Placement, Slot, View, Wiring};
use crate::tensor::{DType, TensorSpec};

use loaded::{LoadedFake, Turn, scratch};
use network::Behaviour;
pub use network::{FakeCompute, FakeCounts, FakeNetwork};

/// Most inputs, and most outputs, of one fake network.
pub const MAX_FAKE_TENSORS: usize = 16;

/// An [`Engine`] that runs [`FakeNetwork`]s, found by [`NetworkFile::name`].
///
/// Siblings share the registered networks and the device's memory.
#[derive(Default)]
pub struct FakeEngine {
    networks: Arc<Mutex<HashMap<String, Registered>>>,
    slots: Vec<FakeSlot>,
    device: Arc<FakeDevice>,
    /// 0 and 1 both mean that networks run one after the other.
    side_by_side: usize,
}

struct Registered {
    network: FakeNetwork,
    counts: FakeCounts,
    /// One more than the networks that are loaded from it now.
    in_use: Arc<()>,
}

/// The memory that an engine and its siblings take their slots from.
#[derive(Default)]
struct FakeDevice {
    used_bytes: AtomicUsize,
    limit_bytes: Option<usize>,
}

impl FakeDevice {
    fn take(&self, bytes: usize) -> bool {
        let limit = self.limit_bytes.unwrap_or(usize::MAX);
        let more = |used: usize| used.checked_add(bytes).filter(|&used| used <= limit);
        let order = Ordering::SeqCst;
        self.used_bytes.fetch_update(order, order, more).is_ok()
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        let own = self.slots.iter().map(|slot| slot.size_bytes).sum();
        self.device.used_bytes.fetch_sub(own, Ordering::SeqCst);
    }
}

/// Memory on the "device", and the copy of it that views show.
struct FakeSlot {
    spec: TensorSpec,
    size_bytes: usize,
    device: Memory,
    host: Vec<f32>,
}

/// One tensor, shared with the networks wired to it; f32 for the alignment.
type Memory = Arc<Mutex<Vec<f32>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code of a test runs while a lock is held, so nothing can be half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeEngine {
    /// An engine without networks.
    pub fn new() -> Self {
        Self::default()
    }

    /// An engine whose slots, and those of its siblings, may take `limit` bytes
    /// together.
    pub fn with_memory_limit(limit: usize) -> Self {
        let mut engine = Self::default();
        engine.device = Arc::new(FakeDevice {
            limit_bytes: Some(limit),
            ..FakeDevice::default()
        });
        engine
    }

    /// An engine for which so many networks are worth running at the same time.
    pub fn with_side_by_side(count: usize) -> Self {
        let mut engine = Self::default();
        engine.side_by_side = count;
        engine
    }

    /// Makes a sibling as [`Engine::sibling`] does; networks registered in either
    /// can be loaded by both.
    #[must_use]
    pub fn sibling(&self) -> Self {
        FakeEngine {
            networks: Arc::clone(&self.networks),
            slots: Vec::new(),
            device: Arc::clone(&self.device),
            side_by_side: self.side_by_side,
        }
    }

    /// Makes `network` loadable under `name`, in place of any earlier one
    /// (networks already loaded stay as they are).
    pub fn register(&mut self, name: &str, network: FakeNetwork) -> FakeCounts {
        let counts = FakeCounts::default();
        let registered = Registered {
            network,
            counts: counts.clone(),
            in_use: Arc::default(),
        };
        lock(&self.networks).insert(name.to_owned(), registered);
        counts
    }

    /// The bytes of all slots of this engine and its siblings together.
    pub fn used_bytes(&self) -> usize {
        self.device.used_bytes.load(Ordering::SeqCst)
    }

    fn slot_index(&self, slot: Slot) -> Result<usize, EngineError> {
        if slot.0 < self.slots.len() {
            return Ok(slot.0);
        }
        let reason = format!(
            "slot {} is not of this engine, which has {}",
            slot.0,
            self.slots.len()
        );
        Err(EngineError::Device { reason })
    }

    fn wire(
        &self,
        name: &str,
        network: &FakeNetwork,
        wiring: &Wiring,
    ) -> Result<Turn, EngineError> {
        let inputs = self.wire_side(name, "input", &network.inputs, &wiring.inputs)?;
        let outputs = self.wire_side(name, "output", &network.outputs, &wiring.outputs)?;
        if let Some((unwired, _)) = (network.inputs.iter())
            .find(|(name, _)| !wiring.inputs.iter().any(|(wired, _)| wired == name))
        {
            let reason = format!("input {unwired} is wired to no slot");
            return Err(load_error(name, reason));
        }
        Ok(Turn { inputs, outputs })
    }

    fn wire_side(
        &self,
        network: &str,
        direction: &'static str,
        declared: &[(String, TensorSpec)],
        wired: &[(String, Slot)],
    ) -> Result<Vec<(usize, Memory)>, EngineError> {
        let wire = |(tensor, slot): &(String, Slot)| {
            let slot = &self.slots[self.slot_index(*slot)?];
            let place = declared.iter().position(|(name, _)| name == tensor);
            let place = place.ok_or_else(|| EngineError::NoSuchTensor {
                network: network.to_owned(),
                direction,
                tensor: tensor.clone(),
                available: (declared.iter().map(|(name, _)| name.as_str()))
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
            if declared[place].1 != slot.spec {
                return Err(EngineError::ShapeMismatch {
                    network: network.to_owned(),
                    direction,
                    tensor: tensor.clone(),
                    network_spec: declared[place].1.to_string(),
                    slot_spec: slot.spec.to_string(),
                });
            }
            Ok((place, Arc::clone(&slot.device)))
        };
        wired.iter().map(wire).collect()
    }
}

fn load_error(network: &str, reason: String) -> EngineError {
    EngineError::Load {
        network: network.to_owned(),
        providers: "fake".to_owned(),
        reason,
    }
}

impl Engine for FakeEngine {
    fn describe(&self) -> String {
        "fake engine".to_owned()
    }

    fn sibling(&self) -> Box<dyn Engine> {
        Box::new(FakeEngine::sibling(self))
    }

    fn side_by_side(&self) -> usize {
        self.side_by_side.max(1)
    }

    fn slot(&mut self, spec: &TensorSpec) -> Result<Slot, EngineError> {
        let out_of_memory = || EngineError::OutOfMemory {
            spec: spec.to_string(),
        };
        let size_bytes = spec.size_bytes().ok_or_else(out_of_memory)?;
        if !self.device.take(size_bytes) {
            return Err(out_of_memory());
        }
        let words = size_bytes.div_ceil(DType::F32.size_bytes());
        self.slots.push(FakeSlot {
            spec: spec.clone(),
            size_bytes,
            device: Arc::new(Mutex::new(vec![0.0; words])),
            host: vec![0.0; words],
        });
        Ok(Slot(self.slots.len() - 1))
    }

    fn fill(&mut self, slot: Slot, write: &mut dyn FnMut(&mut [u8])) -> Result<(), EngineError> {
        let index = self.slot_index(slot)?;
        let slot = &mut self.slots[index];
        // Written outside the lock, so that a panicking `write` leaves the device as it was.
        slot.host.copy_from_slice(&lock(&slot.device));
        write(&mut bytemuck::cast_slice_mut(&mut slot.host)[..slot.size_bytes]);
        lock(&slot.device).copy_from_slice(&slot.host);
        Ok(())
    }

    fn view(&mut self, slot: Slot) -> Result<View<'_>, EngineError> {
        let index = self.slot_index(slot)?;
        let slot = &mut self.slots[index];
        slot.host.copy_from_slice(&lock(&slot.device));
        let bytes = &bytemuck::cast_slice(&slot.host)[..slot.size_bytes];
        Ok(View::of(bytes))
    }

    fn load(
        &mut self,
        file: &NetworkFile,
        wirings: &[Wiring],
    ) -> Result<Box<dyn Network>, EngineError> {
        let networks = lock(&self.networks);
        let Some(registered) = networks.get(&file.name) else {
            let mut known: Vec<_> = networks.keys().map(String::as_str).collect();
            known.sort_unstable();
            let reason = format!("it is not registered; registered are {}", known.join(", "));
            return Err(load_error(&file.name, reason));
        };
        let network = &registered.network;
        if let Behaviour::RefuseToLoad(reason) = &network.behaviour {
            return Err(load_error(&file.name, reason.clone()));
        }
        let tensors = network.inputs.len().max(network.outputs.len());
        if tensors > MAX_FAKE_TENSORS {
            let reason = format!("{tensors} tensors, but at most {MAX_FAKE_TENSORS} are allowed");
            return Err(load_error(&file.name, reason));
        }
        let turns = (wirings.iter())
            .map(|wiring| self.wire(&file.name, network, wiring))
            .collect::<Result<Vec<_>, _>>()?;
        registered.counts.loads.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(LoadedFake {
            name: file.name.clone(),
            inputs: scratch(&network.inputs),
            outputs: scratch(&network.outputs),
            behaviour: network.behaviour.clone(),
            counts: registered.counts.clone(),
            turns,
            shared: Arc::strong_count(&registered.in_use) > 1,
            _in_use: Arc::clone(&registered.in_use),
            placement: Placement {
                provider: "fake".to_owned(),
                nodes: vec![("fake".to_owned(), 1)],
            },
            stop: Arc::default(),
        }))
    }
}

impl NetworkFile {
    /// A network without bytes, for a [`FakeEngine`] to find by `name`.
    pub fn fake(name: &str) -> Self {
        NetworkFile {
            name: name.to_owned(),
            path: format!("{name}.onnx").into(),
            sha256: crate::digest::sha256_hex(name.as_bytes()),
            bytes: Arc::from([]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn doubling() -> FakeNetwork {
        FakeNetwork::new(&[("x", &[1, 3])], &[("y", &[1, 3])], |inputs, outputs| {
            for (out, value) in outputs[0].1.iter_mut().zip(inputs[0].1) {
                *out = value * 2.0;
            }
            Ok(())
        })
    }

    fn wiring(x: Slot, y: Slot) -> Wiring {
        Wiring {
            inputs: vec![("x".into(), x)],
            outputs: vec![("y".into(), y)],
        }
    }

    fn floats(engine: &mut FakeEngine, slot: Slot) -> Vec<f32> {
        bytemuck::cast_slice(&engine.view(slot).unwrap()).to_vec()
    }

    fn set(engine: &mut FakeEngine, slot: Slot, values: &[f32]) {
        engine
            .fill(slot, &mut |bytes| {
                bytes.copy_from_slice(bytemuck::cast_slice(values));
            })
            .unwrap();
    }

    /// An engine with `network` loaded between two slots.
    fn loaded(network: FakeNetwork) -> (FakeEngine, Box<dyn Network>, FakeCounts, Slot, Slot) {
        let mut engine = FakeEngine::new();
        let counts = engine.register("net", network);
        let x = engine.slot(&TensorSpec::f32(&[1, 3])).unwrap();
        let y = engine.slot(&TensorSpec::f32(&[1, 3])).unwrap();
        let file = NetworkFile::fake("net");
        let network = engine.load(&file, &[wiring(x, y)]).unwrap();
        (engine, network, counts, x, y)
    }

    #[test]
    fn a_network_reads_and_writes_the_slots_it_is_wired_to_and_counts_its_runs() {
        let (mut engine, mut network, counts, x, y) = loaded(doubling());
        set(&mut engine, x, &[1.0, 2.0, -3.0]);
        network.run(0).unwrap();
        assert_eq!(floats(&mut engine, y), [2.0, 4.0, -6.0]);
        assert_eq!((counts.loads(), counts.runs()), (1, 1));
    }

    #[test]
    fn one_slot_may_be_input_and_output_at_once() {
        let mut engine = FakeEngine::new();
        engine.register("net", doubling());
        let x = engine.slot(&TensorSpec::f32(&[1, 3])).unwrap();
        let file = NetworkFile::fake("net");
        let mut network = engine.load(&file, &[wiring(x, x)]).unwrap();
        set(&mut engine, x, &[1.0, 2.0, 3.0]);
        network.run(0).unwrap();
        network.run(0).unwrap();
        assert_eq!(floats(&mut engine, x), [4.0, 8.0, 12.0]);
    }

    #[test]
    fn turns_of_a_ring_write_their_own_slots() {
        let mut engine = FakeEngine::new();
        engine.register("net", doubling());
        let [x, a, b] = [0; 3].map(|_| engine.slot(&TensorSpec::f32(&[1, 3])).unwrap());
        let file = NetworkFile::fake("net");
        let wirings = [wiring(x, a), wiring(x, b)];
        let mut network = engine.load(&file, &wirings).unwrap();
        set(&mut engine, x, &[1.0, 1.0, 1.0]);
        network.run(1).unwrap();
        assert_eq!(floats(&mut engine, a), [0.0; 3]);
        assert_eq!(floats(&mut engine, b), [2.0; 3]);
        let error = network.run(2).unwrap_err().to_string();
        assert!(
            error.contains("turn 2") && error.contains("2 were wired"),
            "{error}"
        );
    }

    #[test]
    fn a_failing_or_panicking_run_leaves_its_outputs_as_they_were() {
        let failing = FakeNetwork::new(&[("x", &[1, 3])], &[("y", &[1, 3])], |inputs, outputs| {
            outputs[0].1.fill(9.0);
            assert!(inputs[0].1[0] < 2.0, "a fake panic");
            if inputs[0].1[0] > 0.0 {
                return Err("node 7 broke".into());
            }
            Ok(())
        });
        let (mut engine, mut network, counts, x, y) = loaded(failing);
        set(&mut engine, x, &[1.0, 0.0, 0.0]);
        let error = network.run(0).unwrap_err().to_string();
        assert_eq!(error, "network net failed: node 7 broke");
        set(&mut engine, x, &[3.0, 0.0, 0.0]);
        assert!(catch_unwind(AssertUnwindSafe(|| network.run(0))).is_err());
        assert_eq!(floats(&mut engine, y), [0.0; 3]);
        set(&mut engine, x, &[0.0; 3]);
        network.run(0).unwrap();
        assert_eq!(floats(&mut engine, y), [9.0; 3]);
        assert_eq!(counts.runs(), 3);
    }

    #[test]
    fn a_hanging_run_ends_when_terminated_and_the_network_runs_again_after_rearming() {
        let hanging = FakeNetwork::hanging(&[("x", &[1, 3])], &[("y", &[1, 3])]);
        let (_engine, mut network, _counts, _x, _y) = loaded(hanging);
        let terminator = network.terminator();
        std::thread::scope(|scope| {
            let run = scope.spawn(|| network.run(0));
            terminator.terminate();
            let error = run.join().unwrap().unwrap_err();
            assert!(matches!(error, EngineError::Terminated { .. }), "{error}");
        });

        let (mut engine, mut network, _counts, x, y) = loaded(doubling());
        set(&mut engine, x, &[1.0; 3]);
        network.terminator().terminate();
        assert!(network.run(0).is_err());
        network.terminator().rearm();
        network.run(0).unwrap();
        assert_eq!(floats(&mut engine, y), [2.0; 3]);
    }

    #[test]
    fn wrong_names_shapes_and_slots_are_refused_with_both_sides() {
        let mut engine = FakeEngine::new();
        engine.register("net", doubling());
        engine.register("broken", FakeNetwork::refusing_to_load("no such opset"));
        let x = engine.slot(&TensorSpec::f32(&[1, 3])).unwrap();
        let wide = engine.slot(&TensorSpec::f32(&[1, 4])).unwrap();
        let mut refusal = |name: &str, wiring: Wiring| {
            let file = NetworkFile::fake(name);
            engine.load(&file, &[wiring]).err().unwrap().to_string()
        };
        let shape = refusal("net", wiring(x, wide));
        assert!(
            shape.contains("f32 [1, 3]") && shape.contains("f32 [1, 4]"),
            "{shape}"
        );
        let mut misnamed = wiring(x, x);
        misnamed.inputs[0].0 = "z".into();
        let name = refusal("net", misnamed);
        assert_eq!(name, "network net has no input named z; it has x");
        let unwired = refusal("net", Wiring::default());
        assert!(unwired.contains("input x is wired to no slot"), "{unwired}");
        let foreign = refusal("net", wiring(x, Slot(7)));
        assert!(
            foreign.contains("slot 7") && foreign.contains("has 2"),
            "{foreign}"
        );
        assert!(refusal("broken", wiring(x, x)).contains("no such opset"));
        assert!(refusal("nit", wiring(x, x)).contains("registered are broken, net"));
    }

    #[test]
    fn slots_beyond_the_memory_limit_are_refused_and_take_nothing() {
        let mut engine = FakeEngine::with_memory_limit(16);
        engine.slot(&TensorSpec::f32(&[3])).unwrap();
        assert!(matches!(
            engine.slot(&TensorSpec::f32(&[2])),
            Err(EngineError::OutOfMemory { .. })
        ));
        assert!(engine.slot(&TensorSpec::f32(&[usize::MAX, 2])).is_err());
        engine.slot(&TensorSpec::f32(&[1])).unwrap();
        assert_eq!(engine.used_bytes(), 16);
    }
}
