//! Another pipeline's lane goes on where this one's stopped.

use concert_models::{Engine, EngineError, Slot};

use super::Lane;
use super::state::Progress;
use crate::plan::{EncoderStage, Plan, ReadoutStage};
use crate::ring::Ring;
use crate::step::TakenOver;

/// The lane that a lane takes over from.
pub(crate) struct Before<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) engine: &'a mut dyn Engine,
    pub(crate) lane: &'a mut Lane,
}

impl Lane {
    pub(crate) fn count_from(&mut self, target: usize, sequence: u64) {
        self.readouts[target].sequence = sequence;
    }

    /// The slot of a level that was made in the last step; and the indices of
    /// encoder and level in the plan.
    pub(crate) fn made_level(
        &self,
        plan: &Plan,
        source: &str,
        level: &str,
    ) -> Option<(Slot, usize, usize)> {
        let of_source = |stage: &EncoderStage| stage.source == source;
        let stage = plan.encoders.iter().position(of_source)?;
        let levels = &plan.encoders[stage].levels;
        let level = levels.iter().position(|known| known.name == level)?;
        let lane = &self.encoders[stage];
        (lane.made == Progress::Made)
            .then(|| (lane.levels[lane.ring.current()][level], stage, level))
    }

    /// Goes on where the lane of the same camera in another pipeline stopped.
    pub(crate) fn take_over(
        &mut self,
        plan: &Plan,
        engine: &mut dyn Engine,
        before: &mut Before<'_>,
        taken: &mut TakenOver,
    ) {
        self.take_geometry(plan, before);
        for (stage, lane) in plan.readouts.iter().zip(&mut self.readouts) {
            let mut olds = before.plan.readouts.iter().zip(&before.lane.readouts);
            let Some((old_stage, old)) = olds.find(|(old, _)| old.task == stage.task) else {
                continue;
            };
            if stage.rate_hz == old_stage.rate_hz {
                lane.rate.clone_from(&old.rate);
            }
            if stage.file.sha256 == old_stage.file.sha256 {
                lane.network.failures.clone_from(&old.network.failures);
                lane.network.cost = old.network.cost;
                lane.shedding = old.shedding;
            }
        }
        for (index, stage) in plan.encoders.iter().enumerate() {
            let known =
                before.plan.encoders.iter().position(|old| {
                    old.file.sha256 == stage.file.sha256 && old.source == stage.source
                });
            let kept = known.is_some_and(|old| self.take_ring(plan, index, engine, before, old));
            if stage.turns > 1 {
                let camera = &self.name;
                let ring = format!("{camera}/{}", stage.source);
                let list = if kept {
                    &mut taken.kept
                } else {
                    &mut taken.warming
                };
                list.push(ring);
            }
        }
    }

    /// Geometric readouts of equal card and encoders keep their state.
    fn take_geometry(&mut self, plan: &Plan, before: &mut Before<'_>) {
        for (stage, lane) in plan.readouts.iter().zip(&mut self.readouts) {
            let mut olds = before.plan.readouts.iter().zip(&mut before.lane.readouts);
            let found = olds.find(|(old, _)| {
                old.file.sha256 == stage.file.sha256
                    && encoders(before.plan, old).eq(encoders(plan, stage))
            });
            if let (Some(new), Some(old)) = (
                lane.network.geometric(),
                found.and_then(|(_, old)| old.network.geometric()),
            ) {
                std::mem::swap(&mut new.state, &mut old.state);
            }
        }
    }

    /// Copies what the ring of an equal encoder holds; whether it is as warm as
    /// that was, as far as both look back.
    fn take_ring(
        &mut self,
        plan: &Plan,
        index: usize,
        engine: &mut dyn Engine,
        before: &mut Before<'_>,
        old: usize,
    ) -> bool {
        let (stage, old_stage) = (&plan.encoders[index], &before.plan.encoders[old]);
        let (lane, old_lane) = (&mut self.encoders[index], &before.lane.encoders[old]);
        let failures = &old_lane.network.failures;
        lane.network.failures.clone_from(failures);
        lane.network.cost = old_lane.network.cost;
        let contracts = (
            plan.contracts[stage.contract].key(),
            before.plan.contracts[old_stage.contract].key(),
        );
        let looked_back = plan.levels_looked_back_at(index);
        let places = looked_back.iter().map(|&level| {
            let mut olds = old_stage.levels.iter();
            let place = olds.position(|old| old.name == stage.levels[level].name);
            place.map(|place| (level, place))
        });
        let places: Option<Vec<(usize, usize)>> = places.collect();
        let (Some(places), true) = (places, contracts.0 == contracts.1) else {
            return false;
        };
        // The oldest first, so that the newest is current at the end. What is
        // not looked back at is not worth a copy: this frame's comes anew.
        let depth = (stage.turns - 1).min(old_stage.turns);
        for back in (0..depth).rev() {
            let Some(stamp) = old_lane.ring.stamp(back) else {
                continue;
            };
            let from = Ring::turn_back(old_lane.ring.current(), back, old_stage.turns);
            let to = lane.ring.begin();
            for &(level, place) in &places {
                let source = old_lane.levels[from][place];
                let target = lane.levels[to][level];
                if copy(before.engine, source, engine, target).is_err() {
                    lane.ring.clear();
                    return false;
                }
            }
            lane.ring.commit(to, stamp);
        }
        (0..stage.turns.saturating_sub(1)).all(|back| lane.ring.stamp(back).is_some())
    }
}

fn copy(
    from: &mut dyn Engine,
    source: Slot,
    to: &mut dyn Engine,
    target: Slot,
) -> Result<(), EngineError> {
    let bytes = from.view(source)?;
    to.fill(target, &mut |slot| slot.copy_from_slice(&bytes))
}

/// Hashes of the encoders that a readout reads.
fn encoders<'a>(plan: &'a Plan, stage: &'a ReadoutStage) -> impl Iterator<Item = &'a str> {
    let encoders = stage.encoders.iter();
    encoders.map(|&encoder| plan.encoders[encoder].file.sha256.as_str())
}
