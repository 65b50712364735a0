//! Reasons why nothing serves every target, and what would.

use crate::solve::answer::Unservable;
use crate::solve::device::Taken;
use crate::solve::instance::{Client, Instance, Options, State};
use crate::solve::model::Model;
use crate::solve::search::{Clock, Found, Search};

/// The cheapest roots that serve every client, whatever the budget; ends as
/// soon as some are found that `within` affords.
pub(crate) fn cheapest(instance: &Instance, within: f64, clock: &Clock<'_>) -> Found {
    let free = cheapest_instance(instance);
    let all: Vec<_> = (free.states.iter())
        .map(|state| *state != State::Out)
        .collect();
    // All roots together serve everyone, if anything does.
    let worth = free.worth(&all);
    let floor = worth.unwrap_or_else(|| -free.scale() - 1.0);
    let known = worth.map(|_| all);
    let search = Search::new(&free, floor, known).until(-within);
    search.run(free.states.clone(), clock)
}

/// The least of a resource that serves every client, whatever else it takes.
pub(crate) fn least(instance: &Instance, taken: &Taken, clock: &Clock<'_>) -> Option<f64> {
    let alone = Instance {
        costs: taken.costs.clone(),
        limits: Vec::new(),
        ..instance.clone()
    };
    let found = cheapest(&alone, f64::NEG_INFINITY, clock);
    let known = found.complete && found.roots.is_some();
    known.then_some(taken.transfers - found.worth)
}

/// The same problem, asking for the least cost instead of the greatest value.
fn cheapest_instance(instance: &Instance) -> Instance {
    let clients = instance.clients.iter().map(|client| Client {
        root: client.root,
        options: Options::new(client.options.iter().map(|(_, sources)| (0.0, sources))),
    });
    Instance {
        rewards: instance.costs.iter().map(|cost| -cost).collect(),
        budget: f64::INFINITY,
        clients: clients.collect(),
        ..instance.clone()
    }
}

impl Model<'_> {
    /// The targets that no roots serve, whatever they cost.
    pub(crate) fn never_served(&self) -> Vec<Unservable> {
        let allowed = |source: usize| self.instance.states[source] != State::Out;
        let clients = self.instance.clients.iter().zip(&self.wanted);
        let mut unservable = Vec::new();
        for (client, wanted) in clients {
            let served = client.options.len() > 0 || client.root.is_some_and(allowed);
            let is_required = client
                .root
                .is_some_and(|r| self.instance.states[r] == State::In);
            if served && !(is_required && wanted.own.is_none()) {
                continue;
            }
            let value = self.problem.value().column();
            let reason = if !wanted.is_in_table {
                "the table has no transfer to it".to_owned()
            } else if is_required {
                format!(
                    "it is required as a root, but the table has no `self` row of it with {value}"
                )
            } else {
                let own = match (client.root, wanted.own) {
                    (None, _) => "it is target-only, so it cannot be its own root",
                    (Some(_), None) => "the table has no `self` row of it with a value",
                    (Some(_), Some(_)) => "its own network is forbidden",
                };
                format!(
                    "no transfer to it has only sources that are available, {}{value}; {own}",
                    self.order_text()
                )
            };
            unservable.push(Unservable {
                target: wanted.name.clone(),
                smallest_budget: None,
                reason,
            });
        }
        unservable
    }

    fn order_text(&self) -> String {
        match self.problem.max_order() {
            Some(most) => format!("order at most {most} and a known "),
            None => "and a known ".to_owned(),
        }
    }

    /// The targets that the budget does not serve, even each alone beside the
    /// required sources; where each alone could be served, the ones that are
    /// left over when as many as possible are.
    pub(crate) fn over_budget(&self, clock: &Clock<'_>) -> Vec<Unservable> {
        let alone = self.instance.clients.iter().zip(&self.wanted).enumerate();
        let dear = alone.filter_map(|(place, (_, wanted))| {
            let least = self.least_budget(place)?;
            (least > self.problem.budget() + 1e-9).then(|| Unservable {
                target: wanted.name.clone(),
                smallest_budget: Some(least),
                reason: format!(
                    "it alone, with the required sources, costs at least {least}, but budget is {}",
                    self.problem.budget()
                ),
            })
        });
        let dear: Vec<_> = dear.collect();
        if !dear.is_empty() {
            return dear;
        }
        let left = self.left_over(clock).into_iter().map(|place| Unservable {
            target: self.wanted[place].name.clone(),
            smallest_budget: self.least_budget(place),
            reason: format!(
                "it is left over where a budget of {} serves as many targets as it can",
                self.problem.budget()
            ),
        });
        left.collect()
    }

    /// What one target and the required sources cost at least.
    fn least_budget(&self, place: usize) -> Option<f64> {
        let states = &self.instance.states;
        let required: f64 = (states.iter().zip(&self.costs))
            .filter(|(state, _)| **state == State::In)
            .map(|(_, cost)| cost)
            .sum();
        let price = |source: usize| match states[source] {
            State::In => 0.0,
            // What is no source but stands for a rate or a readout costs nothing.
            State::Free => self.costs.get(source).copied().unwrap_or(0.0),
            State::Out => f64::INFINITY,
        };
        let client = &self.instance.clients[place];
        let own = client.root.map(price);
        let transfer = self.wanted[place].transfer_cost;
        let transfers = client.options.iter().map(|(_, sources)| {
            let sources = sources.iter().map(|&source| price(source as usize));
            transfer + sources.sum::<f64>()
        });
        let least = own
            .into_iter()
            .chain(transfers)
            .fold(f64::INFINITY, f64::min);
        least.is_finite().then_some(required + least)
    }

    /// The targets that are not served where as many as possible are.
    fn left_over(&self, clock: &Clock<'_>) -> Vec<usize> {
        let nothing: [u16; 0] = [];
        let clients = self.instance.clients.iter().map(|client| {
            let served = client.options.iter().map(|(_, sources)| (1.0, sources));
            let options = served.chain([(0.0, nothing.as_slice())]);
            let root = client.root;
            Client {
                root,
                options: Options::new(options),
            }
        });
        let is_root = |source| self.instance.clients.iter().any(|c| c.root == Some(source));
        let rewards =
            (0..self.instance.sources()).map(|source| f64::from(u8::from(is_root(source))));
        let most = Instance {
            rewards: rewards.collect(),
            clients: clients.collect(),
            ..self.instance.clone()
        };
        let search = Search::new(&most, -1.0, None);
        let none = vec![false; self.instance.sources()];
        let roots = search.run(most.states.clone(), clock).roots.unwrap_or(none);
        let served = |client: &Client| {
            client.root.is_some_and(|root| roots[root])
                || client
                    .best(&roots)
                    .is_some_and(|best| client.options.value(best) > 0.5)
        };
        let clients = most.clients.iter().enumerate();
        let left = clients.filter(|(_, client)| !served(client));
        left.map(|(place, _)| place).collect()
    }
}
