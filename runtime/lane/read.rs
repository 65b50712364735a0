//! The output of a readout that is a network: read, checked and described.

use std::time::Duration;

use concert_models::Affine2;

use super::Lane;
use super::condition::ReadoutCondition;
use crate::counts::Outcome;
use crate::output::StageTimes;
use crate::plan::Plan;
use crate::step::Step;

impl Lane {
    /// Runs a readout's network on this frame, into its output buffer.
    pub(super) fn read(&mut self, index: usize, step: &mut Step<'_>) -> Result<(), Outcome> {
        let stage = &step.plan.readouts[index];
        let _span = tracing::debug_span!("read", target = stage.task.name).entered();
        let turn = self.readout_turn(index, step.plan);
        let taken = self.readouts[index].network.run(turn, step);
        self.report.read[index] = taken;
        let Some(read) = taken else {
            return Err(Outcome::Failed);
        };
        self.note_frame(index, step, read);
        let lane = &mut self.readouts[index];
        let bytes = match step.engine.view(lane.slot) {
            Ok(bytes) => bytes,
            Err(error) => {
                lane.network
                    .note_failure(step.clock.monotonic(), error.to_string());
                return Err(Outcome::Failed);
            }
        };
        for (value, bytes) in lane.output.values.iter_mut().zip(bytes.chunks_exact(4)) {
            *value = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        drop(bytes);
        self.check(index, step)?;
        self.readouts[index].network.note_success();
        Ok(())
    }

    /// Withholds an output that is not fit to be published, and marks one in which
    /// nothing is known.
    pub(super) fn check(&mut self, index: usize, step: &Step<'_>) -> Result<(), Outcome> {
        let task = step.plan.readouts[index].task;
        let lane = &mut self.readouts[index];
        if let Err(fault) = task.check_values(&lane.output.values) {
            let now = step.clock.monotonic();
            lane.network
                .note_withheld(now, format!("withheld: {fault}"));
            return Err(Outcome::Withheld);
        }
        let values = &lane.output.values;
        let unknown = !values.is_empty() && values.iter().all(|value| value.is_nan());
        lane.output.unknown = unknown;
        lane.unknown = if unknown {
            lane.unknown.saturating_add(1)
        } else {
            0
        };
        if unknown {
            lane.condition = ReadoutCondition::Unknown(lane.unknown);
        }
        Ok(())
    }

    /// Which wiring fits the turns that the rings stand at.
    fn readout_turn(&self, index: usize, plan: &Plan) -> usize {
        let turns = plan.readouts[index].encoders.iter().map(|&encoder| {
            let ring = &self.encoders[encoder].ring;
            (ring.current(), ring.turns())
        });
        turns.fold(0, |number, (current, turns)| number * turns + current)
    }

    /// Times of the stages that an output needed; `read` is that of its readout.
    fn stage_times(&self, index: usize, step: &Step<'_>, read: Duration) -> StageTimes {
        let stage = &step.plan.readouts[index];
        let sum = |times: &[Option<Duration>], of: &dyn Fn(usize) -> bool| -> Duration {
            let these = times.iter().enumerate().filter(|(index, _)| of(*index));
            these.filter_map(|(_, time)| *time).sum()
        };
        let is_beside = |encoder: &usize| self.side_by_side.contains(encoder);
        let alone = |encoder: usize| stage.encoders.contains(&encoder) && !is_beside(&encoder);
        // Those that ran side by side took as long as the slowest.
        let beside = stage.encoders.iter().filter(|encoder| is_beside(encoder));
        let beside = beside
            .filter_map(|&encoder| self.report.encode[encoder])
            .max();
        let images = |contract: usize| {
            let mut encoders = stage.encoders.iter();
            encoders.any(|&encoder| step.plan.encoders[encoder].contract == contract)
        };
        StageTimes {
            wait: self.report.wait,
            preprocess: sum(&self.report.preprocess, &images),
            encode: sum(&self.report.encode, &alone) + beside.unwrap_or_default(),
            read,
        }
    }

    /// Writes what the frame says into the output buffer.
    pub(super) fn note_frame(&mut self, index: usize, step: &Step<'_>, read: Duration) {
        let stage = &step.plan.readouts[index];
        let frame = step.frame;
        let image_size = (frame.image.width(), frame.image.height());
        let first = stage
            .encoders
            .first()
            .map(|&first| &step.plan.encoders[first]);
        let contract = first.map(|first| &step.plan.contracts[first.contract]);
        let (image_from_input, input_size) = match contract {
            Some(contract) => (
                contract.image_from_input(image_size.0, image_size.1),
                (contract.width(), contract.height()),
            ),
            None => (Affine2::IDENTITY, image_size),
        };
        let furthest = stage
            .encoders
            .iter()
            .zip(&stage.furthest_back)
            .max_by_key(|(_, back)| **back);
        let previous = furthest.filter(|(_, back)| **back > 0);
        let previous_stamp =
            previous.and_then(|(&encoder, &back)| self.encoders[encoder].ring.stamp(back));
        let times = self.stage_times(index, step, read);
        let lane = &mut self.readouts[index];
        let image_from_output = (lane.image_from_output)(lane, image_from_input, input_size);
        lane.map = image_from_output;
        let output = &mut lane.output;
        output.frame_sequence = frame.sequence;
        output.stamp = frame.stamp;
        output.previous_stamp = previous_stamp;
        output.frame_id.clone_from(&frame.frame_id);
        output.image_size = image_size;
        output.image_from_output = image_from_output;
        output.intrinsics = frame.intrinsics;
        output.distorted = frame.distorted;
        output.picture = self.picture;
        output.arrived = frame.arrived;
        output.times = times;
    }
}
