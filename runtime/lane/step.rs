//! One frame's way through a lane: which targets are computed, and in what order.

use std::time::Duration;

use super::Lane;
use super::condition::ReadoutCondition;
use super::geometric::Reading;
use super::state::Progress;
use crate::counts::Outcome;
use crate::plan::Plan;
use crate::shedding::Admission;
use crate::step::{OutputSink, Step, StepReport};

impl Lane {
    /// Takes one frame through the plan, most important target first.
    pub(crate) fn step(&mut self, step: &mut Step<'_>, sink: &mut dyn OutputSink) -> &StepReport {
        let started = step.clock.monotonic();
        self.begin(step, sink);
        self.report.wait = started.saturating_sub(step.frame.arrived);
        for index in 0..self.readouts.len() {
            // What it reads must be there; what else is there leaves at once.
            let inputs = &step.plan.readouts[index].inputs;
            self.finish_begun(&|begun| inputs.contains(&begun), step, sink);
            if let Some(outcome) = self.target(index, step, sink) {
                self.report.outcomes[index] = outcome;
            }
        }
        self.finish_begun(&|_| true, step, sink);
        self.report.total = step.clock.monotonic().saturating_sub(started);
        let took = self.report.wait + self.report.total;
        self.report.late = step.time_limit.is_some_and(|limit| took > limit)
            || self.report.outcomes.contains(&Outcome::Shed);
        &self.report
    }

    /// Which targets are due now, and which are needed by those.
    fn begin(&mut self, step: &Step<'_>, sink: &dyn OutputSink) {
        self.images
            .iter_mut()
            .for_each(|lane| lane.made = Progress::NotTried);
        self.encoders
            .iter_mut()
            .for_each(|lane| lane.made = Progress::NotTried);
        self.camera
            .iter_mut()
            .for_each(|lane| lane.made = Progress::NotTried);
        self.report.preprocess.fill(None);
        self.report.encode.fill(None);
        self.report.read.fill(None);
        for (index, lane) in self.readouts.iter_mut().enumerate() {
            lane.made = Progress::NotTried;
            lane.attempted = false;
            lane.wanted = sink.wants(index);
            lane.due = lane.wanted && lane.rate.is_due(step.frame.arrived, step.interval);
            lane.needed = lane.due;
        }
        for index in (0..self.readouts.len()).rev() {
            if self.readouts[index].needed {
                for &input in &step.plan.readouts[index].inputs {
                    self.readouts[input].needed = true;
                }
            }
        }
    }

    /// Takes one target as far as it comes on this frame; `None` where it goes on
    /// beside those that follow.
    fn target(
        &mut self,
        index: usize,
        step: &mut Step<'_>,
        sink: &mut dyn OutputSink,
    ) -> Option<Outcome> {
        let lane = &mut self.readouts[index];
        match (lane.needed, lane.wanted) {
            (false, true) => return Some(Outcome::NotDue),
            (false, false) => {
                lane.condition = ReadoutCondition::Well;
                return Some(Outcome::NoSubscriber);
            }
            (true, _) => {}
        }
        match self.compute(index, step) {
            Ok(Reading::Begun) => None,
            Ok(Reading::Done) => Some(self.conclude(index, Ok(()), step, sink)),
            Err(outcome) => Some(self.conclude(index, Err(outcome), step, sink)),
        }
    }

    /// Finishes the readouts that go on beside others: those that are done, and
    /// those that `waits` says are waited for.
    fn finish_begun(
        &mut self,
        waits: &dyn Fn(usize) -> bool,
        step: &mut Step<'_>,
        sink: &mut dyn OutputSink,
    ) {
        for index in 0..self.readouts.len() {
            let network = &mut self.readouts[index].network;
            if !network.is_begun() {
                continue;
            }
            if let Some(estimation) = network.finish_estimation(waits(index)) {
                let read = self.note_estimation(index, estimation, step);
                self.report.outcomes[index] = self.conclude(index, read, step, sink);
            }
        }
    }

    /// Delivers the output of a target that was read, if it is due.
    fn conclude(
        &mut self,
        index: usize,
        read: Result<(), Outcome>,
        step: &Step<'_>,
        sink: &mut dyn OutputSink,
    ) -> Outcome {
        let lane = &mut self.readouts[index];
        if lane.due && lane.attempted {
            // An attempt that fails takes its turn, too.
            lane.rate.take(step.frame.arrived);
        }
        if let Err(outcome) = read {
            lane.made = Progress::Missing;
            return outcome;
        }
        lane.made = Progress::Made;
        if !lane.due {
            return Outcome::Internal;
        }
        lane.output.sequence = lane.sequence;
        lane.sequence += 1;
        sink.deliver(index, &mut lane.output);
        Outcome::Delivered
    }

    /// Everything up to a valid tensor in the readout's output buffer, or as far as
    /// that goes on this thread.
    fn compute(&mut self, index: usize, step: &mut Step<'_>) -> Result<Reading, Outcome> {
        let plan = step.plan;
        let stage = &plan.readouts[index];
        // What ran for its sake was an attempt, however far it comes.
        let mut inputs = stage.inputs.iter();
        let attempted = inputs.any(|&input| self.readouts[input].attempted);
        self.readouts[index].attempted = attempted;
        if !self.readouts[index]
            .network
            .failures
            .may_run(step.clock.monotonic())
        {
            return Err(Outcome::Failed);
        }
        let missing = |&&input: &&usize| self.readouts[input].made != Progress::Made;
        if let Some(&input) = stage.inputs.iter().find(missing) {
            // Inputs come first in running order.
            let outcome = self.report.outcomes[input];
            self.readouts[index].condition = ReadoutCondition::InputMissing(input, outcome);
            return Err(Outcome::InputMissing);
        }
        let admission = self.admit(index, step)?;
        self.readouts[index].attempted = true;
        if !self.read_camera(index, step)? {
            return Err(Outcome::InputMissing);
        }
        for &encoder in &stage.encoders {
            if !self.encode(encoder, step) {
                return Err(Outcome::InputMissing);
            }
        }
        self.admit_readout(index, step, admission)?;
        let mut backs = stage.encoders.iter().zip(&stage.furthest_back);
        let warm = |(&encoder, &back): (&usize, &usize)| {
            (0..=back).all(|back| self.encoders[encoder].ring.stamp(back).is_some())
        };
        if !backs.all(warm) {
            return Err(Outcome::Warming);
        }
        match self.readouts[index].network.is_geometric() {
            true => self.read_geometric(index, step),
            false => self.read(index, step).map(|()| Reading::Done),
        }
    }

    /// Sheds a target that has no time left: not begun unless what it usually
    /// takes fits.
    fn admit(&mut self, index: usize, step: &Step<'_>) -> Result<Admission, Outcome> {
        let Some(need) = step.need(self.usual_cost(index, step.plan)) else {
            return Ok(Admission::Fits);
        };
        let lane = &mut self.readouts[index];
        let admission = lane.shedding.admit(step.clock.monotonic(), &need);
        match admission {
            Admission::Shed => {
                lane.condition = ReadoutCondition::Shed(need);
                Err(Outcome::Shed)
            }
            admitted => Ok(admitted),
        }
    }

    /// Looks again after its encoders ran, which may have taken longer than usual.
    fn admit_readout(
        &mut self,
        index: usize,
        step: &Step<'_>,
        admission: Admission,
    ) -> Result<(), Outcome> {
        let lane = &mut self.readouts[index];
        match step.need(lane.network.cost.usual().unwrap_or_default()) {
            Some(need) if admission == Admission::Fits && !need.fits() => {
                lane.shedding.note_late(step.clock.monotonic());
                lane.condition = ReadoutCondition::Shed(need);
                Err(Outcome::Shed)
            }
            _ => Ok(()),
        }
    }

    /// Usual cost of a target, of what is not made for this frame yet.
    pub(super) fn usual_cost(&self, index: usize, plan: &Plan) -> Duration {
        let stage = &plan.readouts[index];
        let to_run = |&&encoder: &&usize| self.encoders[encoder].made == Progress::NotTried;
        let encoders = || stage.encoders.iter().filter(to_run);
        // Those that run side by side take as long as the slowest.
        let is_beside = |encoder: &usize| self.side_by_side.contains(encoder);
        let cost = |&encoder: &usize| self.encoders[encoder].network.cost;
        let beside = encoders().copied().filter(is_beside);
        let beside = beside.filter_map(|encoder| cost(&encoder).usual()).max();
        let costs = encoders().filter(|encoder| !is_beside(encoder)).map(cost);
        let images = self.images.iter().enumerate().filter(|(contract, image)| {
            let needs = |&encoder: &usize| plan.encoders[encoder].contract == *contract;
            image.made == Progress::NotTried && encoders().any(needs)
        });
        let costs = costs.chain(images.map(|(_, image)| image.cost));
        let costs = costs.chain([self.readouts[index].network.cost]);
        let alone: Duration = costs.filter_map(|cost| cost.usual()).sum();
        alone + beside.unwrap_or_default()
    }
}
