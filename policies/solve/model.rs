//! A problem and a table of transfers, as numbers for the search.

mod names;

use std::collections::HashMap;

use crate::affinity::TransferTable;
use crate::solve::device::{Device, Taken};
use crate::solve::fault::{ProblemError, ProblemFault};
use crate::solve::instance::{COST_TOLERANCE, Client, Instance, Options, State};
use crate::solve::problem::{Convention, Problem, TransferValue, Transform};

use names::{Names, Role};

/// Least coefficient in the authors' own service.
const MIN_SERVICE: f64 = 1e-5;

/// A problem with its names resolved, and what the numbers of its
/// [`Instance`] mean.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    pub(crate) table: &'a TransferTable,
    pub(crate) problem: &'a Problem,
    /// Names of the sources, as the table spells them.
    pub(crate) sources: Vec<String>,
    /// Cost of each source as a root.
    pub(crate) costs: Vec<f64>,
    /// The wanted tasks, in the order of the problem.
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) instance: Instance,
    /// Cost of all wanted tasks together as transfers.
    pub(crate) transfer_costs: f64,
    /// Part of the objective beside roots and transfers.
    pub(crate) constant: f64,
    /// Resources that the instance takes of a device, if it is to run on one.
    pub(crate) taken: Vec<Taken>,
    /// Notes for the user on how the problem was read.
    pub(crate) notes: Vec<String>,
}

/// A wanted task.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// As the table spells it.
    pub(crate) name: String,
    pub(crate) importance: f64,
    pub(crate) transfer_cost: f64,
    /// Most outputs per second, if that is limited.
    pub(crate) rate_hz: Option<f64>,
    /// Its own network in the table: row and value.
    pub(crate) own: Option<(usize, f64)>,
    /// Row and value of each of its client's options.
    pub(crate) rows: Vec<(usize, f64)>,
    /// Set if the table has any transfer to it.
    pub(crate) is_in_table: bool,
}

impl<'a> Model<'a> {
    /// # Errors
    /// Names that neither the table nor the dictionary knows, tasks in two
    /// roles, costs of what is no source, a table without the value asked for.
    pub(crate) fn new(
        problem: &'a Problem,
        table: &'a TransferTable,
    ) -> Result<Model<'a>, ProblemError> {
        let names = Names { problem, table };
        let roles = names.roles()?;
        let value = problem.value;
        if table
            .raw_rows()
            .iter()
            .all(|row| number(row, value).is_none())
        {
            let table = table.origin().to_owned();
            let value = value.column();
            return names.fail(None, ProblemFault::NoValues { value, table });
        }
        let price = names.numbers("cost", &problem.cost)?;
        let transfer_price = names.numbers("transfer_cost", &problem.transfer_cost)?;
        let importance = names.numbers("importance", &problem.importance)?;
        let rates = names.numbers("rate_hz", &problem.rate_hz)?;
        let of = |list: &HashMap<String, f64>, name: &str, default| {
            list.get(name).copied().unwrap_or(default)
        };
        let is_source = |(_, role): &&(String, Role)| *role != Role::TargetOnly;
        let sources: Vec<_> = roles.iter().filter(is_source).collect();
        let states = names.states(&sources)?;
        let costs: Vec<_> = (sources.iter())
            .map(|(name, _)| of(&price, name, 1.0))
            .collect();
        let places = sources.iter().enumerate();
        let places = places.filter_map(|(place, (name, _))| Some((table.place(name)?, place)));
        let mut by_target = HashMap::<u32, Vec<usize>>::new();
        for (at, row) in table.raw_rows().iter().enumerate() {
            by_target.entry(row.target).or_default().push(at);
        }
        let builder = Builder {
            problem,
            table,
            by_target,
            places: places.collect(),
            states: &states,
        };
        let mut wanted = Vec::new();
        let mut clients = Vec::new();
        for (name, role) in roles.iter().filter(|(_, role)| *role != Role::SourceOnly) {
            let importance = of(&importance, name, 1.0);
            let transfer_cost = of(&transfer_price, name, 0.0);
            let root = (*role == Role::Target)
                .then(|| sources.iter().position(|(source, _)| source == name))
                .flatten();
            let (mut task, options) = builder.wanted(name, importance, transfer_cost);
            task.rate_hz = rates.get(name).copied();
            wanted.push(task);
            clients.push(Client { root, options });
        }
        let idle = MIN_SERVICE * f64::from(u8::from(problem.convention == Convention::Service));
        let rewards = (sources.iter()).map(|(name, _)| idle * of(&importance, name, 1.0));
        let target_only = problem.target_only.len() as f64;
        let mut model = Model {
            table,
            problem,
            sources: sources.iter().map(|(name, _)| name.clone()).collect(),
            instance: Instance {
                costs: costs.clone(),
                rewards: rewards.collect(),
                budget: problem.budget,
                clients,
                states,
                limits: Vec::new(),
            },
            costs,
            wanted,
            transfer_costs: 0.0,
            constant: idle * target_only,
            taken: Vec::new(),
            notes: Vec::new(),
        };
        model.settle();
        Ok(model)
    }

    /// The same, on a device where one is given.
    ///
    /// # Errors
    /// As [`Model::new`], a required source that its profile does not know, and
    /// budgets of a device where none is given.
    pub(crate) fn on(
        problem: &'a Problem,
        table: &'a TransferTable,
        device: Option<&Device>,
    ) -> Result<Model<'a>, ProblemError> {
        let mut model = Model::new(problem, table)?;
        match device {
            Some(device) => model.put_on(device)?,
            None if problem.device.is_empty() => {}
            None => {
                let fault = ProblemFault::NoProfile;
                return Err(ProblemError::new(problem.origin(), None, fault));
            }
        }
        Ok(model)
    }

    /// Settles what follows for sources from the clients that they are.
    fn settle(&mut self) {
        let instance = &mut self.instance;
        for (client, wanted) in instance.clients.iter().zip(&self.wanted) {
            self.transfer_costs += wanted.transfer_cost;
            let Some(root) = client.root else { continue };
            // A client that is its own root saves its transfer cost.
            instance.costs[root] -= wanted.transfer_cost;
            match wanted.own {
                Some((_, value)) => instance.rewards[root] = value * wanted.importance,
                // Without a value of its own it cannot be its own root.
                None => {
                    instance.rewards[root] = 0.0;
                    if instance.states[root] == State::Free {
                        instance.states[root] = State::Out;
                    }
                }
            }
        }
        instance.budget -= self.transfer_costs;
        if instance.costs.iter().all(|cost| cost.fract() == 0.0) {
            // Whole costs cannot use a part.
            instance.budget = (instance.budget + COST_TOLERANCE).floor();
        }
        if self.problem.ignores_transform() {
            let value = self.problem.value.column();
            self.notes.push(format!(
                "transform = \"sqrt\" is for affinities: {value} is summed as it is"
            ));
        }
    }
}

fn number(row: &crate::affinity::Row, value: TransferValue) -> Option<f64> {
    match value {
        TransferValue::Affinity => row.affinity,
        TransferValue::WinVsTask => row.win_vs_task,
        TransferValue::WinVsPixels => row.win_vs_pixels,
    }
}

/// Looks transfers up in the table.
struct Builder<'a> {
    problem: &'a Problem,
    table: &'a TransferTable,
    /// Rows of the table, by target.
    by_target: HashMap<u32, Vec<usize>>,
    /// Places of the table's names among the sources.
    places: HashMap<u32, usize>,
    states: &'a [State],
}

impl Builder<'_> {
    /// A wanted task and its options: the admissible transfers, best first; of
    /// equals the one of lower order, then of lower name.
    fn wanted(&self, name: &str, importance: f64, transfer_cost: f64) -> (Wanted, Options) {
        let target = self.table.place(name);
        let rows = target.and_then(|target| self.by_target.get(&target));
        let mut own = None;
        let mut found = Vec::new();
        for &at in rows.into_iter().flatten() {
            let row = &self.table.raw_rows()[at];
            let Some(value) = number(row, self.problem.value) else {
                continue;
            };
            let value = self.coefficient(value);
            if self.table.is_self(row) {
                own = Some((at, value));
            } else if let Some(sources) = self.admissible(row) {
                found.push((at, value, sources));
            }
        }
        let names = |at: usize| {
            let sources = self.table.raw_rows()[at].sources.iter();
            sources.map(|&source| self.table.name(source))
        };
        found.sort_by(|a, b| {
            let value = b.1.total_cmp(&a.1);
            let order = a.2.len().cmp(&b.2.len());
            value.then(order).then_with(|| names(a.0).cmp(names(b.0)))
        });
        let options = found
            .iter()
            .map(|(_, value, sources)| (value * importance, &sources[..]));
        let options = Options::new(options);
        let task = Wanted {
            name: name.to_owned(),
            importance,
            transfer_cost,
            rate_hz: None,
            own,
            rows: found.iter().map(|&(at, value, _)| (at, value)).collect(),
            is_in_table: rows.is_some(),
        };
        (task, options)
    }

    fn coefficient(&self, number: f64) -> f64 {
        let value = match self.problem.transform() {
            Transform::Identity => number,
            Transform::Sqrt => number.sqrt(),
        };
        match self.problem.convention {
            Convention::Paper => value,
            Convention::Service => value.clamp(MIN_SERVICE, 1.0),
        }
    }

    /// The sources of a transfer, if all of them may be roots: not the target
    /// itself, no target's `self`, no task that is target-only or unused.
    fn admissible(&self, row: &crate::affinity::Row) -> Option<Vec<u16>> {
        let most = self.problem.max_order.unwrap_or(usize::MAX);
        if row.sources.len() > most || row.sources.contains(&row.target) {
            return None;
        }
        let place = |source: &u32| {
            let place = *self.places.get(source)?;
            (self.states[place] != State::Out).then_some(place as u16)
        };
        row.sources.iter().map(place).collect()
    }
}
