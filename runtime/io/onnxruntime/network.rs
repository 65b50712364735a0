//! A loaded network, wired to slots.
#![expect(
    unsafe_code,
    reason = "runs through ONNX Runtime's C interface, so that a run allocates nothing of ours"
)]

use std::collections::{BTreeMap, HashSet};
use std::ffi::{CString, c_char};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use concert_models::{EngineError, Network, Placement, Slot, Terminator, View, Wiring};
use ort::AsPointer;
use ort::session::{RunOptions, Session};
use ort::sys::OrtValue;
use ort::value::{Outlet, ValueType};

use super::session::LoadedSession;
use super::slot::{Side, SlotMemory, element_type};
use super::{lock, lock_alone, share, words};

/// One network of one engine. Holds its slots' memory, so that it may outlive
/// the engine.
pub(super) struct OrtNetwork {
    name: String,
    session: Arc<LoadedSession>,
    stop: Arc<Stop>,
    turns: Vec<Turn>,
    shared: bool,
}

impl OrtNetwork {
    /// Wires `session` to `slots`, once per entry of `wirings`.
    pub(super) fn wire(
        name: &str,
        session: Arc<LoadedSession>,
        slots: &[Arc<SlotMemory>],
        wirings: &[Wiring],
    ) -> Result<Self, EngineError> {
        let turns = {
            let locked = lock(&session.session);
            let wire = |wiring| Turn::new(name, &locked, session.side, slots, wiring);
            wirings.iter().map(wire).collect::<Result<Vec<_>, _>>()?
        };
        let options = RunOptions::new().map_err(|error| EngineError::Run {
            network: name.to_owned(),
            reason: words(error),
        })?;
        Ok(Self {
            name: name.to_owned(),
            session,
            stop: Arc::new(Stop {
                options,
                asked: AtomicBool::new(false),
            }),
            turns,
            shared: false,
        })
    }

    /// Notes whether the session was in use already.
    pub(super) fn with_shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }
}

impl Network for OrtNetwork {
    fn run(&mut self, turn: usize) -> Result<(), EngineError> {
        let count = self.turns.len();
        let Some(turn) = self.turns.get(turn) else {
            return Err(EngineError::Run {
                network: self.name.clone(),
                reason: format!("it has {count} wirings, and number {turn} was asked for"),
            });
        };
        if turn.used.iter().any(|used| View::holds(used.slot.lock())) {
            return Err(EngineError::Run {
                network: self.name.clone(),
                reason: "this thread still holds a view of one of its slots".to_owned(),
            });
        }
        let session = lock(&self.session.session);
        let side = self.session.side;
        let (name, stop) = (&self.name, &self.stop);
        while_locked(&turn.used, &mut || {
            for slot in &turn.reads {
                slot.make_ready_on(side)?;
            }
            turn.run(&session, &stop.options).map_err(|error| {
                let network = name.clone();
                if stop.asked.load(Ordering::Acquire) {
                    return EngineError::Terminated { network };
                }
                EngineError::Run {
                    network,
                    reason: words(error),
                }
            })?;
            for slot in &turn.writes {
                slot.note_written_on(side);
            }
            Ok(())
        })
    }

    fn placement(&self) -> &Placement {
        &self.session.placement
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn terminator(&self) -> Arc<dyn Terminator> {
        Arc::clone(&self.stop) as Arc<dyn Terminator>
    }
}

/// The long-lived options of a network's runs, which carry the stop flag.
struct Stop {
    options: RunOptions,
    asked: AtomicBool,
}

impl Terminator for Stop {
    fn terminate(&self) {
        self.asked.store(true, Ordering::Release);
        if let Err(error) = self.options.terminate() {
            tracing::error!(error = words(error), "cannot end a run");
        }
    }

    fn rearm(&self) {
        if let Err(error) = self.options.unterminate() {
            tracing::error!(error = words(error), "cannot allow runs again");
        }
        self.asked.store(false, Ordering::Release);
    }
}

/// A slot that a run uses.
struct Used {
    slot: Arc<SlotMemory>,
    /// True where nobody else may use it meanwhile.
    alone: bool,
}

/// Does something while the locks of slots are held, which stand in an order
/// that is the same for everybody.
fn while_locked<T>(slots: &[Used], body: &mut dyn FnMut() -> T) -> T {
    match slots.split_first() {
        None => body(),
        Some((first, rest)) if first.alone => {
            let _alone = lock_alone(first.slot.lock());
            while_locked(rest, body)
        }
        Some((first, rest)) => {
            let _shared = share(first.slot.lock());
            while_locked(rest, body)
        }
    }
}

/// Every slot of a run once, in the order of their places in memory.
fn used(reads: &[Arc<SlotMemory>], writes: &[Arc<SlotMemory>], side: Side) -> Vec<Used> {
    let place = |slot: &Arc<SlotMemory>| Arc::as_ptr(slot).addr();
    let of = |slot: &Arc<SlotMemory>, alone| {
        let slot = Arc::clone(slot);
        (place(&slot), Used { slot, alone })
    };
    // What is read on a device may have to be copied there first.
    let reads = reads.iter().map(|slot| of(slot, side == Side::Device));
    let writes = writes.iter().map(|slot| of(slot, true));
    let each: BTreeMap<usize, Used> = reads.chain(writes).collect();
    each.into_values().collect()
}

/// One wiring: the arguments of a run, made once.
struct Turn {
    used: Vec<Used>,
    reads: Vec<Arc<SlotMemory>>,
    writes: Vec<Arc<SlotMemory>>,
    input_names: Names,
    inputs: Vec<*const OrtValue>,
    output_names: Names,
    outputs: Vec<*mut OrtValue>,
}

// SAFETY: the pointers point to values of the slots and strings that this
// struct holds; neither is bound to a thread.
unsafe impl Send for Turn {}

impl Turn {
    fn new(
        network: &str,
        session: &Session,
        side: Side,
        slots: &[Arc<SlotMemory>],
        wiring: &Wiring,
    ) -> Result<Self, EngineError> {
        check_wiring(network, session, wiring)?;
        let reads = resolve(network, "input", session.inputs(), slots, &wiring.inputs)?;
        let writes = resolve(network, "output", session.outputs(), slots, &wiring.outputs)?;
        let value = |slot: &Arc<SlotMemory>| slot.value(side, session);
        let inputs = reads.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        let outputs = writes.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            used: used(&reads, &writes, side),
            input_names: Names::new(network, &wiring.inputs)?,
            inputs: inputs
                .into_iter()
                .map(|value| value.as_ptr().cast_const())
                .collect(),
            output_names: Names::new(network, &wiring.outputs)?,
            outputs: outputs.into_iter().map(NonNull::as_ptr).collect(),
            reads,
            writes,
        })
    }

    fn run(&self, session: &Session, options: &RunOptions) -> ort::Result<()> {
        // SAFETY: names and values are as many as said and live as long as
        // `self`; the session is locked by the caller. Every output is given,
        // so ONNX Runtime writes into it and replaces none, and does not change
        // the array of outputs. No slot is read and written by the same run
        // (`check_wiring`), and their locks, which the caller holds, keep others
        // away.
        let status = unsafe {
            (ort::api().Run)(
                session.ptr().cast_mut(),
                options.ptr(),
                self.input_names.pointers.as_ptr(),
                self.inputs.as_ptr(),
                self.inputs.len(),
                self.output_names.pointers.as_ptr(),
                self.outputs.len(),
                self.outputs.as_ptr().cast_mut(),
            )
        };
        // SAFETY: the status was just returned, and is read once.
        unsafe { ort::Error::result_from_status(status) }
    }
}

/// Names as C wants them.
struct Names {
    pointers: Vec<*const c_char>,
    // What the pointers point to.
    _strings: Vec<CString>,
}

impl Names {
    fn new(network: &str, wired: &[(String, Slot)]) -> Result<Self, EngineError> {
        let strings = wired
            .iter()
            .map(|(name, _)| CString::new(name.as_str()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong(network, "a name holds a zero byte".to_owned()))?;
        Ok(Self {
            pointers: strings.iter().map(|name| name.as_ptr()).collect(),
            _strings: strings,
        })
    }
}

fn wrong(network: &str, reason: String) -> EngineError {
    EngineError::WrongWiring {
        network: network.to_owned(),
        reason,
    }
}

/// Every input wired once, at least one output, and no slot written that is
/// read or written by the same run.
fn check_wiring(network: &str, session: &Session, wiring: &Wiring) -> Result<(), EngineError> {
    for input in session.inputs() {
        let wired = wiring
            .inputs
            .iter()
            .filter(|(name, _)| name == input.name());
        match wired.count() {
            1 => {}
            0 => {
                return Err(wrong(
                    network,
                    format!("no slot for input {}", input.name()),
                ));
            }
            more => {
                let reason = format!("{more} slots for input {}", input.name());
                return Err(wrong(network, reason));
            }
        }
    }
    if wiring.outputs.is_empty() {
        return Err(wrong(network, "no slot for any output".to_owned()));
    }
    let mut taken: HashSet<Slot> = wiring.inputs.iter().map(|&(_, slot)| slot).collect();
    let mut names = HashSet::new();
    for (name, slot) in &wiring.outputs {
        if !names.insert(name) {
            return Err(wrong(network, format!("output {name} stands twice")));
        }
        if !taken.insert(*slot) {
            let reason = format!("output {name} would overwrite another of its tensors");
            return Err(wrong(network, reason));
        }
    }
    Ok(())
}

/// The memory of every wired slot, its name and shape checked against the
/// network's.
fn resolve(
    network: &str,
    direction: &'static str,
    outlets: &[Outlet],
    slots: &[Arc<SlotMemory>],
    wired: &[(String, Slot)],
) -> Result<Vec<Arc<SlotMemory>>, EngineError> {
    wired
        .iter()
        .map(|(name, slot)| {
            let outlet = outlets.iter().find(|outlet| outlet.name() == name);
            let outlet = outlet.ok_or_else(|| EngineError::NoSuchTensor {
                network: network.to_owned(),
                direction,
                tensor: name.clone(),
                available: available(outlets),
            })?;
            let memory = slots.get(slot.0).ok_or_else(|| {
                let count = slots.len();
                let reason = format!("{direction} {name} names slot {} of {count}", slot.0);
                wrong(network, reason)
            })?;
            if fits(outlet.dtype(), memory) {
                return Ok(Arc::clone(memory));
            }
            Err(EngineError::ShapeMismatch {
                network: network.to_owned(),
                direction,
                tensor: name.clone(),
                network_spec: describe(outlet.dtype()),
                slot_spec: memory.spec().to_string(),
            })
        })
        .collect()
}

fn available(outlets: &[Outlet]) -> String {
    let names: Vec<&str> = outlets.iter().map(Outlet::name).collect();
    names.join(", ")
}

/// Tells whether a slot has the declared element type and every declared axis.
fn fits(declared: &ValueType, slot: &SlotMemory) -> bool {
    let ValueType::Tensor { ty, shape, .. } = declared else {
        return false;
    };
    let spec = slot.spec();
    let same_axis = |(&declared, &axis): (&i64, &usize)| {
        declared < 0 || usize::try_from(declared).is_ok_and(|declared| declared == axis)
    };
    element_type(spec.dtype) == *ty
        && shape.len() == spec.shape.len()
        && shape.iter().zip(&spec.shape).all(same_axis)
}

/// A declared tensor in the words of `TensorSpec`, open axes as `?`.
fn describe(declared: &ValueType) -> String {
    let ValueType::Tensor { ty, shape, .. } = declared else {
        return declared.to_string();
    };
    let axis = |&length: &i64| match length {
        0.. => length.to_string(),
        _ => "?".to_owned(),
    };
    let axes: Vec<String> = shape.iter().map(axis).collect();
    format!("{ty} [{}]", axes.join(", "))
}
