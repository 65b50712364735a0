//! Outputs of one pipeline: everything whose size its plan decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bus::Bus;
use crate::outbox::Outbox;
use crate::output::{Output, OutputOrigin};
use crate::pipeline::Pipeline;
use crate::stats::Stats;

/// Outputs of one pipeline, and who listens to them. A swap puts another
/// generation in its place; outputs of both never share a buffer, so that none
/// carries the hashes of the other.
pub(crate) struct Generation {
    pub(crate) policy: String,
    pub(crate) policy_hash: String,
    /// The newest output per place: targets of the first camera in running
    /// order, then those of the next.
    pub(crate) outbox: Outbox,
    /// Origins of the outputs, per place.
    pub(crate) origins: Vec<Arc<OutputOrigin>>,
    /// Index into the targets of [`Stats`], per place.
    pub(crate) records: Vec<usize>,
    /// Index into the encoders of [`Stats`], per encoder of the plan.
    pub(crate) encoders: Vec<usize>,
    /// True where anybody listens, per place.
    wanted: Vec<AtomicBool>,
    targets_per_camera: usize,
}

impl Generation {
    /// The generation of `pipeline`; what is new in it gets a place in `stats`.
    pub(crate) fn of(pipeline: &Pipeline, stats: &mut Stats) -> Self {
        let plan = pipeline.plan();
        let lanes = 0..pipeline.lane_count();
        let buffers: Vec<Output> = lanes.flat_map(|camera| pipeline.buffers(camera)).collect();
        let origins: Vec<_> = buffers.iter().map(|b| Arc::clone(&b.origin)).collect();
        let targets_per_camera = plan.targets().count();
        let records = origins.iter().enumerate();
        let records = records
            .map(|(place, origin)| stats.admit_target(place / targets_per_camera.max(1), origin));
        Self {
            policy: plan.policy().to_owned(),
            policy_hash: plan.policy_hash().to_owned(),
            records: records.collect(),
            encoders: plan.sources().map(|s| stats.admit_encoder(s)).collect(),
            wanted: origins.iter().map(|_| AtomicBool::new(true)).collect(),
            outbox: Outbox::new(buffers),
            origins,
            targets_per_camera,
        }
    }

    /// The place of a target of a camera.
    pub(crate) fn place(&self, camera: usize, target: usize) -> usize {
        camera * self.targets_per_camera + target
    }

    /// The records of the targets of `camera`, in running order.
    pub(crate) fn records_of(&self, camera: usize) -> &[usize] {
        let first = self.place(camera, 0);
        &self.records[first..first + self.targets_per_camera]
    }

    pub(crate) fn is_wanted(&self, place: usize) -> bool {
        self.wanted[place].load(Ordering::Relaxed)
    }

    /// Asks `bus` who listens.
    pub(crate) fn look_who_listens(&self, bus: &dyn Bus) {
        for (wanted, origin) in self.wanted.iter().zip(&self.origins) {
            let listened = bus.has_subscriber(&origin.key).unwrap_or(true);
            wanted.store(listened, Ordering::Relaxed);
        }
    }

    pub(crate) fn keys(&self) -> Vec<Arc<str>> {
        let keys = self.origins.iter().map(|origin| Arc::clone(&origin.key));
        keys.collect()
    }
}
