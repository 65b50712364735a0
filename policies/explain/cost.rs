//! Cost of a policy, and what it would be with fewer outputs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::ExplainError;
use crate::policy::Policy;
use crate::profile::{Load, Profile};
use crate::solve::DEFAULT_CAMERA_HZ;
use crate::task::{OutputKind, Task};
use crate::transfer::Input;

/// Time, energy and memory that something takes of a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Mean time per camera frame, ms: what runs on every third frame counts a
    /// third.
    pub frame_millis: f64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
}

impl Cost {
    fn of(load: &Load, share: f64) -> Self {
        Self {
            frame_millis: load.millis * share,
            memory_bytes: load.memory_bytes,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            frame_millis: self.frame_millis + other.frame_millis,
            memory_bytes: self.memory_bytes + other.memory_bytes,
        }
    }

    fn less(self, other: Self) -> Self {
        let millis = self.frame_millis - other.frame_millis;
        Self {
            // Without the trace that rounding leaves where nothing is saved.
            frame_millis: (millis * 1e9).round() / 1e9,
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
        }
    }
}

/// The networks of a policy with what each takes.
pub(super) struct Costs<'a> {
    policy: &'a Policy,
    profile: &'a Profile,
    encoders: Vec<Load>,
    readouts: Vec<Load>,
    camera_hz: f64,
}

impl<'a> Costs<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        profile: &'a Profile,
        camera_hz: Option<f64>,
        notes: &mut Vec<String>,
    ) -> Result<Self, ExplainError> {
        let known = || {
            let known: Vec<_> = profile.encoders().iter().map(|e| &e.source[..]).collect();
            match known.is_empty() {
                true => "no encoder".to_owned(),
                false => known.join(", "),
            }
        };
        let not_profiled = |kind, name: String, known| ExplainError::NotProfiled {
            policy: policy.name().to_owned(),
            kind,
            name,
            device: profile.device().chars().take(80).collect(),
            known,
        };
        let mut encoders = Vec::new();
        for source in policy.encoders() {
            let load = profile.encoder(source);
            encoders.push(load.ok_or_else(|| not_profiled("encoder", source.clone(), known()))?);
        }
        let mut readouts = Vec::new();
        for transfer in policy.transfers() {
            let inputs: Vec<&str> = transfer.inputs().iter().map(|i| i.name()).collect();
            let sources: Vec<&str> = transfer.sources().iter().map(String::as_str).collect();
            let from = if sources.is_empty() { inputs } else { sources };
            let target = transfer.target().name;
            let name = transfer.readout_name();
            let load = match profile.measured_readout(target, &from) {
                Some(load) => load,
                None => {
                    let typical = profile.typical_readout();
                    let known = "none like it, and no typical one".to_owned();
                    let typical =
                        typical.ok_or_else(|| not_profiled("readout", name.clone(), known))?;
                    notes.push(format!(
                        "{name} was not measured: a typical readout stands in"
                    ));
                    typical
                }
            };
            readouts.push(load);
        }
        Ok(Self {
            policy,
            profile,
            encoders,
            readouts,
            camera_hz: camera_hz.unwrap_or(DEFAULT_CAMERA_HZ),
        })
    }

    /// On which share of the frames each readout runs while these outputs are
    /// published: as often as itself or whoever reads it.
    fn shares(&self, published: &[bool]) -> Vec<f64> {
        let transfers = self.policy.transfers();
        let own = |(transfer, published): (&crate::Transfer, &bool)| {
            let share = transfer
                .rate_hz()
                .map_or(1.0, |hz| (hz / self.camera_hz).min(1.0));
            if *published { share } else { 0.0 }
        };
        let mut shares: Vec<f64> = transfers.iter().zip(published).map(own).collect();
        let order: Vec<_> = self.policy.evaluation_order().collect();
        for reader in order.into_iter().rev() {
            let place = |target| transfers.iter().position(|t| t.target() == target);
            let Some(at) = place(reader.target()) else {
                continue;
            };
            for input in reader.inputs() {
                if let Input::Target(task) = input
                    && let Some(read) = place(task)
                {
                    shares[read] = shares[read].max(shares[at]);
                }
            }
        }
        shares
    }

    /// What these outputs take.
    fn cost(&self, published: &[bool]) -> Cost {
        let shares = self.shares(published);
        let mut cost = Cost::default();
        for (load, share) in self.readouts.iter().zip(&shares) {
            if *share > 0.0 {
                cost = cost.plus(Cost::of(load, *share));
            }
        }
        for (source, load) in self.policy.encoders().iter().zip(&self.encoders) {
            let share = self.share_of(source, &shares);
            if share > 0.0 {
                cost = cost.plus(Cost::of(load, share));
            }
        }
        cost
    }

    /// An encoder runs as often as the most frequent readout that reads it.
    fn share_of(&self, source: &String, shares: &[f64]) -> f64 {
        let readers = self.policy.transfers().iter().zip(shares);
        let readers = readers.filter(|(transfer, _)| transfer.sources().contains(source));
        readers.map(|(_, share)| *share).fold(0.0, f64::max)
    }

    fn everything(&self) -> Vec<bool> {
        vec![true; self.readouts.len()]
    }

    pub(super) fn total(&self) -> Cost {
        self.cost(&self.everything())
    }

    pub(super) fn encoder(&self, source: &String) -> Cost {
        let shares = self.shares(&self.everything());
        let at = self
            .policy
            .encoders()
            .iter()
            .position(|known| known == source);
        let share = self.share_of(source, &shares);
        at.map_or_else(Cost::default, |at| Cost::of(&self.encoders[at], share))
    }

    pub(super) fn readout(&self, place: usize) -> Cost {
        let shares = self.shares(&self.everything());
        Cost::of(&self.readouts[place], shares[place])
    }

    /// What is saved where these outputs are not published any more.
    pub(super) fn saved_without(&self, dropped: &[usize]) -> Cost {
        let mut published = self.everything();
        dropped.iter().for_each(|&place| published[place] = false);
        self.total().less(self.cost(&published))
    }

    /// What another output from the same sources would add, on every frame: the
    /// median of those like it that were measured.
    pub(super) fn next(&self, place: usize) -> Option<Cost> {
        let transfer = &self.policy.transfers()[place];
        let sources: BTreeSet<&str> = transfer.sources().iter().map(String::as_str).collect();
        if sources.is_empty() {
            return None;
        }
        let others = self.profile.readouts().iter().filter(|readout| {
            let same: BTreeSet<&str> = readout.sources.iter().map(String::as_str).collect();
            same == sources && readout.target != transfer.target().name
        });
        // Like is held against like: what a network says of pixels, not what
        // following the camera or the room costs.
        let is_geometric = |target: &str| {
            let kind = Task::find(target).map(|task| task.output);
            matches!(
                kind,
                Some(OutputKind::Odometry | OutputKind::RoomLayout | OutputKind::Vector { .. })
            )
        };
        let own = is_geometric(transfer.target().name);
        let like = others.filter(|readout| is_geometric(&readout.target) == own);
        let mut loads: Vec<Load> = like.map(|readout| readout.load).collect();
        loads.sort_by(|a, b| a.millis.total_cmp(&b.millis));
        let median = loads.get(loads.len() / 2).copied();
        let load = median.or(self.profile.typical_readout())?;
        Some(Cost::of(&load, 1.0))
    }
}
