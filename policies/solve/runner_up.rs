//! The second best: what another set of sources would be worth.
//!
//! Compared are sets of roots none of which is idle when every target takes its
//! best. Another set either lacks a used source of the answer, or has a root
//! more; a further root that is wanted as a target changes the sum, one that is
//! source-only can only tie with the answer, which was the best.

use crate::solve::instance::{Instance, State};
use crate::solve::relaxation::{Prices, Relaxation};
use crate::solve::search::{Clock, Search};

/// Objectives closer than this are equal.
pub(crate) const EQUAL: f64 = 1e-9;

/// The answer whose runner-up is looked for.
pub(crate) struct Best<'a> {
    pub(crate) instance: &'a Instance,
    /// How many sources are compared: the first ones.
    pub(crate) sources: usize,
    pub(crate) roots: &'a [bool],
    pub(crate) used: &'a [bool],
    pub(crate) worth: f64,
    pub(crate) prices: &'a Prices,
}

/// What was found beside the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunnerUp {
    pub(crate) worth: f64,
    pub(crate) roots: Option<Vec<bool>>,
    /// Whether nothing beside the answer is worth more.
    pub(crate) proved: bool,
    /// Nothing beside the answer is worth more than this.
    pub(crate) bound: f64,
    pub(crate) nodes: u64,
}

impl RunnerUp {
    /// Nothing was looked for.
    pub(crate) fn unknown() -> Self {
        RunnerUp {
            worth: f64::NEG_INFINITY,
            roots: None,
            proved: false,
            bound: f64::INFINITY,
            nodes: 0,
        }
    }
}

impl Best<'_> {
    pub(crate) fn runner_up(&self, clock: &Clock<'_>) -> RunnerUp {
        // Values are not negative, so that anything feasible is worth more.
        let mut found = RunnerUp {
            worth: -1.0,
            roots: None,
            proved: true,
            bound: f64::NEG_INFINITY,
            nodes: 0,
        };
        if let Some(roots) = self.tie(clock) {
            found.worth = self.worth;
            found.bound = self.worth;
            found.roots = Some(roots);
            return found;
        }
        found.proved = !clock.is_over();
        self.exchange(&mut found, clock);
        let mut parts = self.parts(found.worth);
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (bound, states) in parts {
            if bound <= found.worth {
                continue;
            }
            let search = Search::new(self.instance, found.worth, found.roots.take());
            let part = search.with_prices(self.prices.clone()).run(states, clock);
            found.proved &= part.complete;
            found.bound = found.bound.max(part.bound);
            found.nodes += part.nodes;
            found.worth = part.worth;
            found.roots = part.roots;
        }
        found.bound = found.bound.max(found.worth);
        found
    }

    /// Parts of the search space that hold every other set, each with a bound.
    fn parts(&self, floor: f64) -> Vec<(f64, Vec<State>)> {
        let instance = self.instance;
        let mut relaxation = Relaxation::new(instance);
        let is_client = |source: usize| instance.clients.iter().any(|c| c.root == Some(source));
        let free = (0..self.sources).filter(|&at| instance.states[at] == State::Free);
        let mut parts = Vec::new();
        for source in free {
            let state = match self.used[source] {
                true => State::Out,
                false if is_client(source) => State::In,
                false => continue,
            };
            let mut states = instance.states.clone();
            states[source] = state;
            if relaxation.propagate(&mut states).is_err() {
                continue;
            }
            let prices = self.prices.clone();
            if let Ok(bound) = relaxation.bound(&states, prices, floor, 1) {
                parts.push((bound.value, states));
            }
        }
        parts
    }

    /// A good start: one used source less, or another instead of it, or one
    /// target more.
    fn exchange(&self, found: &mut RunnerUp, clock: &Clock<'_>) {
        let free = |&at: &usize| self.instance.states[at] == State::Free;
        let sources: Vec<_> = (0..self.sources).filter(free).collect();
        let mut offer = |roots: Vec<bool>| {
            if let Some(worth) = self.instance.worth(&roots)
                && worth > found.worth
                && self.instance.used(&roots)[..self.sources] != self.used[..self.sources]
            {
                found.worth = worth;
                found.roots = Some(roots);
            }
        };
        for &out in &sources {
            if clock.is_over() {
                return;
            }
            let mut roots = self.roots.to_vec();
            roots[out] = !roots[out];
            offer(roots.clone());
            if !self.used[out] {
                continue;
            }
            for &other in sources.iter().filter(|&&other| !self.roots[other]) {
                let mut roots = roots.clone();
                roots[other] = true;
                offer(roots);
            }
        }
    }

    /// Roots worth the same whose used sources differ only by ties among the
    /// transfers of single targets.
    fn tie(&self, clock: &Clock<'_>) -> Option<Vec<bool>> {
        let instance = self.instance;
        for client in &instance.clients {
            if client.root.is_some_and(|root| self.roots[root]) {
                continue;
            }
            let best = client.options.value(client.best(self.roots)?);
            let others = client.options.iter();
            let close = others.filter(|(value, _)| (value - best).abs() <= EQUAL);
            for (value, sources) in close {
                let is_used = |&source: &u16| {
                    let source = source as usize;
                    source >= self.sources || self.used[source]
                };
                if sources.iter().all(is_used) {
                    continue;
                }
                let mut roots = self.roots.to_vec();
                for &source in sources {
                    roots[source as usize] = true;
                }
                if instance.worth(&roots).is_none() {
                    // Idle roots that earn something may have to make room.
                    roots = self.roots_with(sources, clock);
                }
                let best = client.best(&roots).map(|best| client.options.value(best));
                let regret = (best.unwrap_or(value) - value).max(0.0);
                let worth = instance.worth(&roots);
                if worth.is_some_and(|worth| worth - regret >= self.worth - EQUAL) {
                    return Some(roots);
                }
            }
        }
        None
    }

    /// The best roots among which these sources are; none at all where
    /// those do not come close to the answer.
    fn roots_with(&self, sources: &[u16], clock: &Clock<'_>) -> Vec<bool> {
        let floor = self.worth - 2.0 * EQUAL;
        let none = || vec![false; self.roots.len()];
        let idle = |source: usize| !self.used[source] && self.roots[source];
        if !(0..self.sources).any(idle) {
            return none();
        }
        let mut states = self.instance.states.clone();
        for &source in sources {
            states[source as usize] = State::In;
        }
        let search = Search::new(self.instance, floor, None).with_prices(self.prices.clone());
        search.run(states, clock).roots.unwrap_or_else(none)
    }
}
