//! Budgets that robots have: milliseconds per frame, memory, energy.
//!
//! An encoder runs as often as the most frequent of the targets that read it,
//! and a readout has a cost of its own, so costs depend on who uses what. Both
//! are put back into "a transfer needs its sources": an encoder at a higher
//! rate is a further source that the more frequent targets need as well, and a
//! readout that costs more than the cheapest of its target is one, too.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::profile::{Load, Profile};
use crate::solve::fault::{ProblemError, ProblemFault};
use crate::solve::instance::{Client, Limit, Options, State};
use crate::solve::model::Model;

/// Rate at which a camera sends frames where the problem does not say, Hz.
pub const DEFAULT_CAMERA_HZ: f64 = 30.0;

/// A device, and what it can spare.
#[derive(Debug, Clone)]
pub struct Device {
    /// Costs of networks on it.
    pub profile: Profile,
    /// Budgets that they may take; where nothing is said here, the problem's own
    /// [`device_budgets`](crate::solve::Problem::device_budgets) hold.
    pub budgets: DeviceBudgets,
}

/// Budgets of a device for all networks together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceBudgets {
    /// Most time per camera frame on average, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub frame_millis: Option<f64>,
    /// Most memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub memory_bytes: Option<f64>,
    /// Most energy per camera frame on average, mJ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub frame_millijoules: Option<f64>,
}

impl DeviceBudgets {
    /// These budgets, and `others` where these say nothing.
    #[must_use]
    pub fn or(self, others: DeviceBudgets) -> DeviceBudgets {
        DeviceBudgets {
            frame_millis: self.frame_millis.or(others.frame_millis),
            memory_bytes: self.memory_bytes.or(others.memory_bytes),
            frame_millijoules: self.frame_millijoules.or(others.frame_millijoules),
        }
    }

    /// Tells whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == DeviceBudgets::default()
    }

    /// The first budget that is no finite number above 0, by its name.
    pub(crate) fn not_positive(&self) -> Option<(&'static str, f64)> {
        let budgets = [
            ("frame_millis", self.frame_millis),
            ("memory_bytes", self.memory_bytes),
            ("frame_millijoules", self.frame_millijoules),
        ];
        let mut given = budgets
            .into_iter()
            .filter_map(|(name, budget)| Some((name, budget?)));
        given.find(|(_, budget)| !(budget.is_finite() && *budget > 0.0))
    }
}

/// Usage of a device by a policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Mean time of all networks per camera frame, ms: each encoder as often as
    /// the most frequent target that reads it, each readout as often as its
    /// target.
    pub frame_millis: f64,
    /// Memory that the networks hold, in bytes.
    pub memory_bytes: f64,
    /// Mean energy per camera frame, mJ; where the profile knows it.
    pub frame_millijoules: Option<f64>,
}

/// Something that networks take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Time,
    Memory,
    Energy,
}

pub(crate) const RESOURCES: [Resource; 3] = [Resource::Time, Resource::Memory, Resource::Energy];

impl Resource {
    /// What a network takes that runs on a `share` of the frames.
    fn of(self, load: &Load, share: f64) -> f64 {
        match self {
            Resource::Time => load.millis * share,
            Resource::Memory => load.memory_bytes as f64,
            Resource::Energy => load.millijoules.unwrap_or(0.0) * share,
        }
    }

    /// What running on a further share of the frames takes.
    fn of_more(self, load: &Load, share: f64) -> f64 {
        match self {
            Resource::Memory => 0.0,
            _ => self.of(load, share),
        }
    }

    fn budget(self, budgets: &DeviceBudgets) -> Option<f64> {
        match self {
            Resource::Time => budgets.frame_millis,
            Resource::Memory => budgets.memory_bytes,
            Resource::Energy => budgets.frame_millijoules,
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Resource::Time => "ms per frame",
            Resource::Memory => "bytes",
            Resource::Energy => "mJ per frame",
        }
    }
}

/// What each source of the instance takes of a resource, as a root, and what
/// all targets take that are no roots.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) resource: Resource,
    pub(crate) costs: Vec<f64>,
    pub(crate) transfers: f64,
    pub(crate) budget: Option<f64>,
}

impl Taken {
    /// What these roots take, and everybody's transfers.
    pub(crate) fn of(&self, roots: &[bool]) -> f64 {
        let costs = self.costs.iter().zip(roots);
        let roots = costs.filter(|(_, root)| **root).map(|(cost, _)| cost);
        roots.sum::<f64>() + self.transfers
    }

    /// The limit that this makes of the instance, in steps of an average cost.
    pub(crate) fn limit(&self) -> Option<Limit> {
        let positive = self.costs.iter().filter(|cost| **cost > 0.0);
        let (sum, count) =
            positive.fold((0.0, 0.0), |(sum, count), cost| (sum + cost, count + 1.0));
        let unit = if sum > 0.0 { sum / count } else { 1.0 };
        Some(Limit {
            costs: self.costs.iter().map(|cost| cost / unit).collect(),
            budget: (self.budget? - self.transfers) / unit,
        })
    }
}

impl Model<'_> {
    /// Puts the device's budgets into the instance.
    ///
    /// # Errors
    /// A required source that the profile does not know.
    pub(crate) fn put_on(&mut self, device: &Device) -> Result<(), ProblemError> {
        let mut build = self.expansion(device)?;
        for place in 0..self.wanted.len() {
            self.expand_client(place, &mut build);
        }
        let (extra, instance) = (build.items.len(), &mut self.instance);
        instance.costs.extend(std::iter::repeat_n(0.0, extra));
        instance.rewards.extend(std::iter::repeat_n(0.0, extra));
        instance
            .states
            .extend(std::iter::repeat_n(State::Free, extra));
        for (index, taken) in build.taken.iter_mut().enumerate() {
            taken
                .costs
                .extend(build.items.iter().map(|item| item[index]));
        }
        instance.limits = build.taken.iter().filter_map(Taken::limit).collect();
        self.taken = build.taken;
        Ok(())
    }

    /// What the sources take themselves, before any transfer.
    fn expansion<'d>(&mut self, device: &'d Device) -> Result<Expansion<'d>, ProblemError> {
        let camera_hz = self.problem.camera_hz.unwrap_or(DEFAULT_CAMERA_HZ);
        let shares: Vec<_> = (self.wanted.iter())
            .map(|wanted| {
                wanted
                    .rate_hz
                    .map_or(1.0, |rate| (rate / camera_hz).min(1.0))
            })
            .collect();
        let mut levels = shares.clone();
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        let mut base = vec![levels[0]; self.sources.len()];
        for (client, share) in self.instance.clients.iter().zip(&shares) {
            if let Some(root) = client.root {
                base[root] = *share;
            }
        }
        let mut missing = Vec::new();
        let mut loads = Vec::new();
        for (place, source) in self.sources.iter().enumerate() {
            let load = device.profile.encoder(source);
            if load.is_none() {
                if self.instance.states[place] == State::In {
                    let (name, origin) = (source.clone(), self.problem.origin());
                    let fault = ProblemFault::NotProfiled { name };
                    return Err(ProblemError::new(origin, None, fault));
                }
                self.instance.states[place] = State::Out;
                missing.push(source.as_str());
            }
            loads.push(load);
        }
        if !missing.is_empty() {
            let missing = missing.join(", ");
            self.notes
                .push(format!("not in the profile, so not available: {missing}"));
        }
        let budgets = device.budgets.or(self.problem.device);
        let taken = RESOURCES.map(|resource| {
            let cost = |(load, share): (&Option<Load>, &f64)| {
                load.as_ref().map_or(0.0, |load| resource.of(load, *share))
            };
            Taken {
                resource,
                costs: loads.iter().zip(&base).map(cost).collect(),
                transfers: 0.0,
                budget: resource.budget(&budgets),
            }
        });
        Ok(Expansion {
            profile: &device.profile,
            shares,
            levels,
            base,
            loads,
            taken: taken.into(),
            items: Vec::new(),
            first: self.sources.len(),
            rates: BTreeMap::new(),
        })
    }

    /// Gives the options of one client what they need beside their sources.
    fn expand_client(&mut self, place: usize, build: &mut Expansion<'_>) {
        let share = build.shares[place];
        let (wanted, client) = (&mut self.wanted[place], &mut self.instance.clients[place]);
        let own = client.root.and_then(|root| {
            let name = &self.sources[root];
            Some((root, build.profile.readout(&wanted.name, &[name])?))
        });
        if let (Some(root), None) = (client.root, own)
            && self.instance.states[root] == State::Free
        {
            // Its own network cannot be priced.
            self.instance.states[root] = State::Out;
        }
        let readouts: Vec<_> = (client.options.iter())
            .map(|(_, sources)| {
                let known = sources
                    .iter()
                    .all(|&source| build.loads[source as usize].is_some());
                let names: Vec<_> = sources.iter().map(|&s| &self.sources[s as usize]).collect();
                build
                    .profile
                    .readout(&wanted.name, &names)
                    .filter(|_| known)
            })
            .collect();
        let takes = |load: &Load| RESOURCES.map(|resource| resource.of(load, share));
        let known = readouts.iter().flatten().map(takes);
        let least = known.reduce(|a, b| [0, 1, 2].map(|index| a[index].min(b[index])));
        let least = least.unwrap_or_default();
        for (index, taken) in build.taken.iter_mut().enumerate() {
            taken.transfers += least[index];
            if let Some((root, load)) = own {
                taken.costs[root] += takes(&load)[index] - least[index];
            }
        }
        let mut options = Vec::new();
        let mut rows = Vec::new();
        let mut priced = BTreeMap::new();
        for (at, (value, sources)) in client.options.iter().enumerate() {
            let Some(load) = &readouts[at] else { continue };
            let mut needs = sources.to_vec();
            for &source in sources {
                build.rates_up_to(source, share, &mut needs);
            }
            let all = takes(load);
            let more = [0, 1, 2].map(|index| all[index] - least[index]);
            if more.iter().any(|more| *more > 1e-12) {
                let key = more.map(f64::to_bits);
                needs.push(*priced.entry(key).or_insert_with(|| build.add(more)));
            }
            options.push((value, needs));
            rows.push(wanted.rows[at]);
        }
        wanted.rows = rows;
        let options = options.iter().map(|(value, needs)| (*value, &needs[..]));
        *client = Client {
            root: client.root,
            options: Options::new(options),
        };
    }
}

/// An instance that is being extended by further sources.
struct Expansion<'d> {
    profile: &'d Profile,
    /// On which share of the frames each client is wanted.
    shares: Vec<f64>,
    /// The distinct shares, ascending.
    levels: Vec<f64>,
    /// On which share of the frames each source runs at least, as a root.
    base: Vec<f64>,
    loads: Vec<Option<Load>>,
    taken: Vec<Taken>,
    /// What each further source takes.
    items: Vec<[f64; 3]>,
    /// Number of the first further source.
    first: usize,
    /// The further sources that stand for encoders at higher rates.
    rates: BTreeMap<(u16, usize), u16>,
}

impl Expansion<'_> {
    fn add(&mut self, takes: [f64; 3]) -> u16 {
        self.items.push(takes);
        (self.first + self.items.len() - 1) as u16
    }

    /// The further sources that let a source run on this share of the frames.
    fn rates_up_to(&mut self, source: u16, share: f64, needs: &mut Vec<u16>) {
        let (base, load) = (self.base[source as usize], self.loads[source as usize]);
        let Some(load) = load else { return };
        for level in 1..self.levels.len() {
            let (below, here) = (self.levels[level - 1], self.levels[level]);
            if here <= base || here > share {
                continue;
            }
            let item = match self.rates.get(&(source, level)) {
                Some(item) => *item,
                None => {
                    let more = here - below.max(base);
                    let item = self.add(RESOURCES.map(|resource| resource.of_more(&load, more)));
                    self.rates.insert((source, level), item);
                    item
                }
            };
            needs.push(item);
        }
    }
}
