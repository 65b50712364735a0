//! Representations of one frame: preprocessing once per contract, encoders once
//! per frame.

use super::Lane;
use super::state::Progress;
use crate::step::Step;

impl Lane {
    /// Makes sure that this frame's representation exists; false where it cannot.
    pub(super) fn encode(&mut self, index: usize, step: &mut Step<'_>) -> bool {
        if self.encoders[index].made != Progress::NotTried {
            return self.encoders[index].made == Progress::Made;
        }
        let stage = &step.plan.encoders[index];
        let may_run = self.encoders[index]
            .network
            .failures
            .may_run(step.clock.monotonic());
        let prepared = may_run.then(|| self.preprocess(stage.contract, step));
        let made = match prepared {
            None => false,
            Some(Err(reason)) => {
                let now = step.clock.monotonic();
                self.encoders[index].network.note_failure(now, reason);
                false
            }
            Some(Ok(())) => self.run_encoder(index, step),
        };
        self.encoders[index].made = if made {
            Progress::Made
        } else {
            Progress::Missing
        };
        made
    }

    /// Runs an encoder into the next turn of its ring; whether it did.
    fn run_encoder(&mut self, index: usize, step: &mut Step<'_>) -> bool {
        let source = &step.plan.encoders[index].source;
        let _span = tracing::debug_span!("encode", source = %source).entered();
        let lane = &mut self.encoders[index];
        let turn = lane.ring.begin();
        let taken = lane.network.run(turn, step);
        if taken.is_some() {
            lane.ring.commit(turn, step.frame.stamp);
            lane.network.note_success();
        }
        self.report.encode[index] = taken;
        taken.is_some()
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
