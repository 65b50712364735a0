//! Geometric readouts in a lane: views in, numbers and flags out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use concert_models::geometric::{OutputFlags, Scene, SceneView, Unable};
use concert_models::{Affine2, EngineError, Slot};

use super::Lane;
use super::condition::ReadoutCondition;
use super::runner::GeometricState;
use crate::counts::Outcome;
use crate::frame::Frame;
use crate::plan::{InputOrigin, Plan};
use crate::ring::Ring;
use crate::step::Step;

/// Relative error of a readout whose card says nothing of it.
const UNMEASURED: f64 = 0.3;

/// How far a readout came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Its output is in its buffer.
    Done,
    /// It goes on beside the readouts that follow.
    Begun,
}

/// One estimate of a geometric readout, with everything that it takes, so that it
/// can be made on another thread.
pub(super) struct Estimation {
    plan: Arc<Plan>,
    readout: usize,
    frame: Frame,
    /// Per read, maps its cells to pixels of the camera image.
    image_from_pixel: Vec<Affine2>,
    pub(super) geometry: GeometricState,
    /// The numbers that are estimated.
    values: Vec<f32>,
    /// `Err` where the readout panicked.
    estimated: Result<Result<OutputFlags, Unable>, String>,
    pub(super) took: Duration,
}

impl Estimation {
    /// Lets the readout estimate.
    pub(super) fn run(&mut self) {
        let stage = &self.plan.readouts[self.readout];
        let frame = &self.frame;
        let depth = frame.depth.as_deref();
        let depth_shape = depth.map_or([0; 4], |depth| [1, 1, depth.height, depth.width]);
        let GeometricState { state, copies } = &mut self.geometry;
        let reads = stage
            .reads
            .iter()
            .zip(copies.iter())
            .zip(&self.image_from_pixel);
        let views = reads.map(|((read, copy), &image_from_pixel)| SceneView {
            role: &read.tensor,
            shape: match read.from {
                InputOrigin::FrameDepth => &depth_shape,
                from => shape_of(from, &self.plan),
            },
            values: match (read.from, depth) {
                (InputOrigin::FrameDepth, Some(depth)) => &depth.metres,
                _ => copy,
            },
            image_from_pixel,
            relative_error: match read.from {
                InputOrigin::Readout(input) => Some(error_of(input, &self.plan)),
                _ => None,
            },
        });
        let views: Vec<SceneView<'_>> = views.collect();
        let scene = Scene {
            stamp_nanos: frame.stamp.nanos(),
            image_size: (frame.image.width(), frame.image.height()),
            intrinsics: frame.intrinsics,
            views: &views,
        };
        let values = &mut self.values;
        let estimated = catch_unwind(AssertUnwindSafe(|| state.estimate(&scene, values)));
        self.estimated = estimated.map_err(|_| {
            state.forget();
            format!("readout {} panicked", stage.file.name)
        });
    }
}

impl Lane {
    /// Runs a geometric readout on this frame, into its output buffer; where it has
    /// a thread of its own, begins to.
    pub(super) fn read_geometric(
        &mut self,
        index: usize,
        step: &mut Step<'_>,
    ) -> Result<Reading, Outcome> {
        let stage = &step.plan.readouts[index];
        let _span = tracing::debug_span!("read", target = stage.task.name).entered();
        if let Err(error) = self.copy_reads(index, step) {
            return Err(self.fail(index, step, error.to_string()));
        }
        let Some(estimation) = self.estimation(index, step) else {
            let reason = format!("readout {} is not geometric", stage.file.name);
            return Err(self.fail(index, step, reason));
        };
        let network = &mut self.readouts[index].network;
        match network.begin_estimation(estimation, step) {
            None => Ok(Reading::Begun),
            Some(estimation) => {
                self.note_estimation(index, estimation, step)?;
                Ok(Reading::Done)
            }
        }
    }

    /// Takes the readout's state and buffer for one estimate.
    fn estimation(&mut self, index: usize, step: &Step<'_>) -> Option<Estimation> {
        let image = (step.frame.image.width(), step.frame.image.height());
        let reads = step.plan.readouts[index].reads.iter();
        let maps = reads.map(|read| self.image_from_view(read.from, step, image));
        let image_from_pixel = maps.collect();
        let lane = &mut self.readouts[index];
        Some(Estimation {
            plan: Arc::clone(step.plan),
            readout: index,
            frame: step.frame.clone(),
            image_from_pixel,
            geometry: lane.network.take_geometry()?,
            values: std::mem::take(&mut lane.output.values),
            estimated: Ok(Err(Unable::Warming(String::new()))),
            took: Duration::ZERO,
        })
    }

    /// Gives state and buffer back, and brings the estimate where it is read.
    pub(super) fn note_estimation(
        &mut self,
        index: usize,
        estimation: Estimation,
        step: &mut Step<'_>,
    ) -> Result<(), Outcome> {
        let lane = &mut self.readouts[index];
        lane.network.give_geometry(estimation.geometry);
        lane.output.values = estimation.values;
        let read = estimation.took;
        lane.network.cost.note(read);
        self.report.read[index] = Some(read);
        match estimation.estimated {
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
