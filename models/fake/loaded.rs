//! A fake network that is loaded and wired.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::network::{Behaviour, FakeCounts};
use super::{MAX_FAKE_TENSORS, Memory, load_error, lock};
use crate::engine::{EngineError, Network, Placement, Terminator};
use crate::tensor::TensorSpec;

pub(super) fn scratch(declared: &[(String, TensorSpec)]) -> Vec<(String, Vec<f32>)> {
    let tensor = |(name, spec): &(String, TensorSpec)| {
        (name.clone(), vec![0.0; spec.elements().unwrap_or(0)])
    };
    declared.iter().map(tensor).collect()
}

/// One wiring: place among the declared tensors, and memory.
pub(super) struct Turn {
    pub(super) inputs: Vec<(usize, Memory)>,
    pub(super) outputs: Vec<(usize, Memory)>,
}

pub(super) struct LoadedFake {
    pub(super) name: String,
    pub(super) inputs: Vec<(String, Vec<f32>)>,
    pub(super) outputs: Vec<(String, Vec<f32>)>,
    pub(super) behaviour: Behaviour,
    pub(super) counts: FakeCounts,
    pub(super) turns: Vec<Turn>,
    pub(super) shared: bool,
    pub(super) _in_use: Arc<()>,
    pub(super) placement: Placement,
    pub(super) stop: Arc<StopFlag>,
}

#[derive(Default)]
pub(super) struct StopFlag {
    pub(super) stopped: Mutex<bool>,
    pub(super) changed: Condvar,
}

impl Terminator for StopFlag {
    fn terminate(&self) {
        *lock(&self.stopped) = true;
        self.changed.notify_all();
    }

    fn rearm(&self) {
        *lock(&self.stopped) = false;
    }
}

impl LoadedFake {
    fn compute(&mut self) -> Result<(), EngineError> {
        let compute = match &self.behaviour {
            Behaviour::Compute(compute) => compute,
            Behaviour::HangUntilTerminated { after } if self.counts.runs() <= *after => {
                return Ok(());
            }
            Behaviour::HangUntilTerminated { .. } => {
                let stopped = lock(&self.stop.stopped);
                let ended = self.stop.changed.wait_while(stopped, |stopped| !*stopped);
                drop(ended.unwrap_or_else(PoisonError::into_inner));
                return Ok(());
            }
            Behaviour::RefuseToLoad(reason) => return Err(load_error(&self.name, reason.clone())),
        };
        let mut inputs: [(&str, &[f32]); MAX_FAKE_TENSORS] = [("", &[]); MAX_FAKE_TENSORS];
        for (view, (name, values)) in inputs.iter_mut().zip(&self.inputs) {
            *view = (name, values);
        }
        let mut outputs: [(&str, &mut [f32]); MAX_FAKE_TENSORS] =
            std::array::from_fn(|_| ("", &mut [] as &mut [f32]));
        let wanted = self.outputs.len();
        for (view, (name, values)) in outputs.iter_mut().zip(&mut self.outputs) {
            *view = (name, values);
        }
        compute(&inputs[..self.inputs.len()], &mut outputs[..wanted]).map_err(|reason| {
            EngineError::Run {
                network: self.name.clone(),
                reason,
            }
        })
    }

    fn check_not_stopped(&self) -> Result<(), EngineError> {
        if *lock(&self.stop.stopped) {
            let network = self.name.clone();
            return Err(EngineError::Terminated { network });
        }
        Ok(())
    }
}

impl Network for LoadedFake {
    fn run(&mut self, turn: usize) -> Result<(), EngineError> {
        self.counts.runs.fetch_add(1, Ordering::SeqCst);
        self.check_not_stopped()?;
        let turns = self.turns.len();
        let wired = self.turns.get(turn).ok_or_else(|| EngineError::Run {
            network: self.name.clone(),
            reason: format!("turn {turn} was asked for, but {turns} were wired"),
        })?;
        for (place, memory) in &wired.inputs {
            self.inputs[*place].1.copy_from_slice(&lock(memory));
        }
        for (place, memory) in &wired.outputs {
            self.outputs[*place].1.copy_from_slice(&lock(memory));
        }
        self.compute()?;
        self.check_not_stopped()?;
        for (place, memory) in &self.turns[turn].outputs {
            lock(memory).copy_from_slice(&self.outputs[*place].1);
        }
        Ok(())
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn terminator(&self) -> Arc<dyn Terminator> {
        Arc::clone(&self.stop) as Arc<dyn Terminator>
    }
}
