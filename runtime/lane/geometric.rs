//! Geometric readouts in a lane: views in, numbers and flags out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use concert_models::geometric::{OutputFlags, Scene, SceneView, Unable};
use concert_models::{Affine2, EngineError, Slot, Terminator};

use super::Lane;
use super::condition::ReadoutCondition;
use super::runner::GeometricState;
use crate::counts::Outcome;
use crate::plan::{InputOrigin, Plan};
use crate::ring::Ring;
use crate::step::Step;

/// Relative error of a readout whose card says nothing of it.
const UNMEASURED: f64 = 0.3;

impl Lane {
    /// Runs a geometric readout on this frame, into its output buffer.
    pub(super) fn read_geometric(
        &mut self,
        index: usize,
        step: &mut Step<'_>,
    ) -> Result<(), Outcome> {
        let stage = &step.plan.readouts[index];
        let _span = tracing::debug_span!("read", target = stage.task.name).entered();
        let started = step.clock.monotonic();
        if let Err(error) = self.copy_reads(index, step) {
            return Err(self.fail(index, step, error.to_string()));
        }
        let estimated = self.estimate(index, step);
        let read = step.clock.monotonic().saturating_sub(started);
        self.report.read[index] = Some(read);
        self.readouts[index].network.cost.note(read);
        match estimated {
            Err(panic) => Err(self.fail(index, step, panic)),
            Ok(Err(Unable::Warming(reason))) => {
                self.readouts[index].condition = ReadoutCondition::Warming(reason);
                Err(Outcome::Warming)
            }
            Ok(Err(Unable::Lost(reason))) => {
                self.readouts[index].condition = ReadoutCondition::Lost(reason);
                Err(Outcome::Lost)
            }
            Ok(Err(Unable::Unusable(reason))) => Err(self.fail(index, step, reason)),
            Ok(Ok(flags)) => self.accept(index, step, read, flags),
        }
    }

    fn fail(&mut self, index: usize, step: &Step<'_>, reason: String) -> Outcome {
        let now = step.clock.monotonic();
        self.readouts[index].network.note_failure(now, reason);
        Outcome::Failed
    }

    /// Checks an estimate, and lets other readouts read it.
    fn accept(
        &mut self,
        index: usize,
        step: &mut Step<'_>,
        read: Duration,
        flags: OutputFlags,
    ) -> Result<(), Outcome> {
        self.note_frame(index, step, read);
        self.readouts[index].output.flags = flags;
        self.check(index, step)?;
        let lane = &mut self.readouts[index];
        let values = &lane.output.values;
        let filled = step.engine.fill(lane.slot, &mut |bytes| {
            for (bytes, value) in bytes.chunks_exact_mut(4).zip(values) {
                bytes.copy_from_slice(&value.to_ne_bytes());
            }
        });
        if let Err(error) = filled {
            return Err(self.fail(index, step, error.to_string()));
        }
        self.readouts[index].network.note_success();
        Ok(())
    }

    fn copy_reads(&mut self, index: usize, step: &mut Step<'_>) -> Result<(), EngineError> {
        for read in 0..step.plan.readouts[index].reads.len() {
            let from = step.plan.readouts[index].reads[read].from;
            let Some(slot) = self.slot_of(from, step.plan) else {
                continue;
            };
            let bytes = step.engine.view(slot)?;
            if let Some(lane) = self.readouts[index].network.geometric() {
                let copy = &mut lane.copies[read];
                copy.resize(bytes.len() / 4, 0.0);
                bytemuck::cast_slice_mut(copy).copy_from_slice(&bytes);
            }
        }
        Ok(())
    }

    /// Slot of what is read; `None` for what lies in the frame.
    fn slot_of(&self, from: InputOrigin, plan: &Plan) -> Option<Slot> {
        match from {
            InputOrigin::Level {
                encoder,
                level,
                frames_back,
            } => {
                let lane = &self.encoders[encoder];
                let turns = plan.encoders[encoder].turns;
                let turn = Ring::turn_back(lane.ring.current(), frames_back, turns);
                Some(lane.levels[turn][level])
            }
            InputOrigin::Readout(input) => Some(self.readouts[input].slot),
            InputOrigin::Camera(input) => Some(self.camera[input].slot),
            InputOrigin::FrameDepth => None,
        }
    }

    /// Lets the readout estimate; `Err` where it panicked.
    fn estimate(
        &mut self,
        index: usize,
        step: &Step<'_>,
    ) -> Result<Result<OutputFlags, Unable>, String> {
        let stage = &step.plan.readouts[index];
        let frame = step.frame;
        let image_size = (frame.image.width(), frame.image.height());
        let depth = frame.depth.as_deref();
        let depth_shape = depth.map_or([0; 4], |depth| [1, 1, depth.height, depth.width]);
        let maps: Vec<Affine2> = (stage.reads.iter())
            .map(|read| self.image_from_view(read.from, step, image_size))
            .collect();
        let lane = &mut self.readouts[index];
        let values = &mut lane.output.values;
        let terminator: Arc<dyn Terminator> = Arc::clone(&lane.network.terminator);
        let name = lane.network.name.clone();
        let Some(GeometricState { state, copies }) = lane.network.geometric() else {
            return Err(format!("readout {name} is not geometric"));
        };
        let reads = stage.reads.iter().zip(copies.iter()).zip(&maps);
        let views = reads.map(|((read, copy), &image_from_pixel)| SceneView {
            role: &read.tensor,
            shape: match read.from {
                InputOrigin::FrameDepth => &depth_shape,
                from => shape_of(from, step.plan),
            },
            values: match (read.from, depth) {
                (InputOrigin::FrameDepth, Some(depth)) => &depth.metres,
                _ => copy,
            },
            image_from_pixel,
            relative_error: match read.from {
                InputOrigin::Readout(input) => Some(error_of(input, step.plan)),
                _ => None,
            },
        });
        let views: Vec<SceneView<'_>> = views.collect();
        let scene = Scene {
            stamp_nanos: frame.stamp.nanos(),
            image_size,
            intrinsics: frame.intrinsics,
            views: &views,
        };
        step.watch.begin(&name, &terminator);
        let estimated = catch_unwind(AssertUnwindSafe(|| state.estimate(&scene, values)));
        step.watch.end();
        estimated.map_err(|_| {
            state.forget();
            format!("readout {name} panicked")
        })
    }

    /// Maps a cell of what is read to a pixel of the camera image.
    fn image_from_view(
        &self,
        from: InputOrigin,
        step: &Step<'_>,
        image: (usize, usize),
    ) -> Affine2 {
        match from {
            InputOrigin::Level { encoder, .. } => {
                let stage = &step.plan.encoders[encoder];
                let contract = &step.plan.contracts[stage.contract];
                let image_from_input = contract.image_from_input(image.0, image.1);
                let shape = shape_of(from, step.plan);
                match *shape {
                    [_, _, height, width] => {
                        let input = (contract.width(), contract.height());
                        image_from_input.after(&Affine2::stretch((width, height), input))
                    }
                    _ => image_from_input,
                }
            }
            InputOrigin::Readout(input) => self.readouts[input].map,
            InputOrigin::FrameDepth | InputOrigin::Camera(_) => {
                let depth = step.frame.depth.as_deref();
                let size = depth.map_or(image, |depth| (depth.width, depth.height));
                Affine2::stretch(size, image)
            }
        }
    }
}

/// Relative error of what a readout makes, as its card says.
fn error_of(readout: usize, plan: &Plan) -> f64 {
    plan.readouts[readout].relative_error.unwrap_or(UNMEASURED)
}

fn shape_of(from: InputOrigin, plan: &Plan) -> &[usize] {
    match from {
        InputOrigin::Level { encoder, level, .. } => &plan.encoders[encoder].levels[level].shape,
        InputOrigin::Readout(input) => &plan.readouts[input].output.spec.shape,
        InputOrigin::Camera(_) | InputOrigin::FrameDepth => &[],
    }
}
