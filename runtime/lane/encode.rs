//! Representations of one frame: preprocessing once per contract, encoders once
//! per frame, those side by side that every frame needs.

use std::time::Duration;

use super::Lane;
use super::state::Progress;
use crate::shedding::Need;
use crate::step::Step;

impl Lane {
    /// Makes sure that this frame's representation exists; false where it cannot.
    pub(super) fn encode(&mut self, index: usize, step: &mut Step<'_>) -> bool {
        if self.encoders[index].made != Progress::NotTried {
            return self.encoders[index].made == Progress::Made;
        }
        self.begin_others(index, step);
        let made = self.prepare_encoder(index, step) && self.run_encoder(index, step);
        self.note_progress(index, made);
        self.finish_others(step);
        made
    }

    /// Begins the encoders that run beside this one, if it is one of those that
    /// run side by side, and others of them are needed.
    fn begin_others(&mut self, index: usize, step: &mut Step<'_>) {
        if !self.side_by_side.contains(&index) {
            return;
        }
        for place in 0..self.side_by_side.len() {
            let other = self.side_by_side[place];
            if other == index || !self.will_be_needed(other, step) {
                continue;
            }
            if !self.prepare_encoder(other, step) {
                self.note_progress(other, false);
                continue;
            }
            let lane = &mut self.encoders[other];
            let turn = lane.ring.begin();
            lane.network.begin(turn);
        }
    }

    fn finish_others(&mut self, step: &mut Step<'_>) {
        for place in 0..self.side_by_side.len() {
            let other = self.side_by_side[place];
            if let Some((turn, taken)) = self.encoders[other].network.finish(step) {
                let made = self.note_encoded(other, turn, taken, step);
                self.note_progress(other, made);
            }
        }
    }

    /// Tells whether an encoder is to run for a target that comes later on this
    /// frame, as far as can be told now.
    fn will_be_needed(&self, encoder: usize, step: &Step<'_>) -> bool {
        let now = step.clock.monotonic();
        let lane = &self.encoders[encoder];
        let mut readouts = 0..self.readouts.len();
        lane.made == Progress::NotTried
            && lane.network.failures.may_run(now)
            && readouts.any(|readout| {
                step.plan.readouts[readout].encoders.contains(&encoder)
                    && self.will_be_read(readout, step)
            })
    }

    /// Tells whether a target will be tried on this frame, as far as can be told now.
    fn will_be_read(&self, readout: usize, step: &Step<'_>) -> bool {
        let (stage, lane) = (&step.plan.readouts[readout], &self.readouts[readout]);
        let is_made = |&input: &usize| self.readouts[input].made != Progress::Missing;
        let has_time = |need: Need| need.fits() && !lane.shedding.is_given_up();
        lane.needed
            && lane.made == Progress::NotTried
            && lane.network.failures.may_run(step.clock.monotonic())
            && stage.inputs.iter().all(is_made)
            && (step.frame.depth.is_some() || !stage.reads_camera_depth(step.plan))
            && step
                .need(self.usual_cost(readout, step.plan))
                .is_none_or(has_time)
    }

    /// Makes sure that an encoder may run and finds its image; false where not.
    fn prepare_encoder(&mut self, index: usize, step: &mut Step<'_>) -> bool {
        let now = step.clock.monotonic();
        if !self.encoders[index].network.failures.may_run(now) {
            return false;
        }
        let prepared = self.preprocess(step.plan.encoders[index].contract, step);
        if let Err(reason) = prepared {
            let now = step.clock.monotonic();
            self.encoders[index].network.note_failure(now, reason);
            return false;
        }
        true
    }

    /// Runs an encoder into the next turn of its ring; whether it did.
    fn run_encoder(&mut self, index: usize, step: &mut Step<'_>) -> bool {
        let source = &step.plan.encoders[index].source;
        let _span = tracing::debug_span!("encode", source = %source).entered();
        let lane = &mut self.encoders[index];
        let turn = lane.ring.begin();
        let taken = lane.network.run(turn, step);
        self.note_encoded(index, turn, taken, step)
    }

    /// Notes that an encoder ran into a turn of its ring, or did not; whether it did.
    fn note_encoded(
        &mut self,
        index: usize,
        turn: usize,
        taken: Option<Duration>,
        step: &Step<'_>,
    ) -> bool {
        let lane = &mut self.encoders[index];
        if taken.is_some() {
            lane.ring.commit(turn, step.frame.stamp);
            lane.network.note_success();
        }
        self.report.encode[index] = taken;
        taken.is_some()
    }

    fn note_progress(&mut self, index: usize, made: bool) {
        self.encoders[index].made = match made {
            true => Progress::Made,
            false => Progress::Missing,
        };
    }

    /// Makes sure that the image is in the slot of this contract; else why not.
    fn preprocess(&mut self, index: usize, step: &mut Step<'_>) -> Result<(), String> {
        let lane = &mut self.images[index];
        match lane.made {
            Progress::Made => return Ok(()),
            Progress::Missing => return Err("this frame could not be preprocessed".to_owned()),
            Progress::NotTried => {}
        }
        let _span = tracing::debug_span!("preprocess").entered();
        let started = step.clock.monotonic();
        let mut written = Ok(());
        let preprocessor = &mut lane.preprocessor;
        let filled = step.engine.fill(lane.slot, &mut |bytes| {
            written = preprocessor.run(&step.frame.image, bytes);
        });
        let filled = filled.map_err(|error| error.to_string());
        let outcome = filled.and(written.map_err(|error| error.to_string()));
        let took = step.clock.monotonic().saturating_sub(started);
        lane.cost.note(took);
        lane.made = match outcome {
            Ok(()) => Progress::Made,
            Err(_) => Progress::Missing,
        };
        self.report.preprocess[index] = Some(took);
        outcome
    }
}
