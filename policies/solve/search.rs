//! Branch and bound over the roots.
//!
//! Depth first; at each node a bound by [`Relaxation`], sources whose other
//! decision could not lead to anything better are decided, and the most
//! undecided one of the rest is branched on. The search takes the same way
//! whenever it is run: nothing in it depends on time but when it ends.

use std::rc::Rc;
use std::time::Duration;

use crate::solve::instance::{Instance, State};
use crate::solve::relaxation::{Bound, Infeasible, Prices, Relaxation};

/// Steps of the relaxation at the first node, and at every other.
const ROOT_STEPS: usize = 400;
const NODE_STEPS: usize = 40;

/// When to stop: a limit and a clock.
pub(crate) struct Clock<'a> {
    elapsed: &'a dyn Fn() -> Duration,
    limit: Duration,
}

impl<'a> Clock<'a> {
    pub(crate) fn new(elapsed: &'a dyn Fn() -> Duration, limit: Duration) -> Self {
        Clock { elapsed, limit }
    }

    pub(crate) fn is_over(&self) -> bool {
        (self.elapsed)() >= self.limit
    }

    pub(crate) fn elapsed(&self) -> Duration {
        (self.elapsed)()
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// The best roots, if they are worth more than the floor that was given.
    pub(crate) roots: Option<Vec<bool>>,
    /// What they are worth; the floor where there are none.
    pub(crate) worth: f64,
    /// No solution is worth more; equal to `worth` up to rounding where the
    /// search came to its end.
    pub(crate) bound: f64,
    /// Nodes that were bounded.
    pub(crate) nodes: u64,
    /// Whether the search came to its end.
    pub(crate) complete: bool,
    /// Prices of the first node, to begin others with.
    pub(crate) prices: Prices,
}

struct Node {
    states: Vec<State>,
    prices: Rc<Prices>,
    bound: f64,
}

/// A search of one instance, or of a part of it.
pub(crate) struct Search<'a> {
    instance: &'a Instance,
    relaxation: Relaxation<'a>,
    tolerance: f64,
    found: Found,
    open: Vec<Node>,
    /// Ends as soon as something is worth so much.
    enough: f64,
}

impl<'a> Search<'a> {
    /// Looks for roots worth more than `floor`, which must be finite; `known`
    /// are roots that are worth that, if there are any.
    pub(crate) fn new(instance: &'a Instance, floor: f64, known: Option<Vec<bool>>) -> Self {
        let relaxation = Relaxation::new(instance);
        let found = Found {
            roots: known,
            worth: floor,
            bound: f64::INFINITY,
            nodes: 0,
            complete: false,
            prices: relaxation.no_prices(),
        };
        Search {
            instance,
            tolerance: 1e-13 * instance.scale(),
            relaxation,
            found,
            open: Vec::new(),
            enough: f64::INFINITY,
        }
    }

    /// Ends as soon as something is worth `enough`.
    pub(crate) fn until(mut self, enough: f64) -> Self {
        self.enough = enough;
        self
    }

    /// Begins with these prices.
    pub(crate) fn with_prices(mut self, prices: Prices) -> Self {
        self.found.prices = prices;
        self
    }

    /// Searches what agrees with `states`.
    pub(crate) fn run(mut self, states: Vec<State>, clock: &Clock<'_>) -> Found {
        let first = Node {
            states,
            prices: Rc::new(self.found.prices.clone()),
            bound: f64::INFINITY,
        };
        self.open.push(first);
        while let Some(node) = self.open.pop() {
            if node.bound <= self.floor() {
                continue;
            }
            let is_enough = self.found.roots.is_some() && self.found.worth >= self.enough;
            if is_enough || clock.is_over() {
                self.open.push(node);
                break;
            }
            self.visit(node);
        }
        let open = self.open.iter().map(|node| node.bound);
        self.found.complete = self.open.iter().all(|node| node.bound <= self.floor());
        self.found.bound = open.fold(self.found.worth, f64::max);
        self.found
    }

    /// What a node must exceed to matter.
    fn floor(&self) -> f64 {
        self.found.worth + self.tolerance
    }

    fn visit(&mut self, node: Node) {
        let is_first = self.found.nodes == 0;
        self.found.nodes += 1;
        let mut states = node.states;
        let Ok(bound) = self.bound(&mut states, &node.prices, is_first) else {
            return;
        };
        if is_first {
            self.found.prices.clone_from(&bound.prices);
        }
        self.try_roots(&states, &bound);
        if is_first {
            let floor = self.floor();
            self.relaxation.forget_options(&states, &bound, floor);
        }
        if bound.value <= self.floor() || self.decide(&mut states, &bound).is_err() {
            return;
        }
        let undecided = (0..states.len()).filter(|&source| states[source] == State::Free);
        let doubt = |source: &usize| (bound.shares[*source] - 0.5).abs();
        let Some(branch) = undecided.min_by(|a, b| doubt(a).total_cmp(&doubt(b))) else {
            self.try_complete(&states);
            return;
        };
        let prices = Rc::new(bound.prices);
        let likely_root = bound.shares[branch] >= 0.5;
        for root in [!likely_root, likely_root] {
            let mut states = states.clone();
            states[branch] = if root { State::In } else { State::Out };
            self.open.push(Node {
                states,
                prices: Rc::clone(&prices),
                bound: bound.value,
            });
        }
    }

    fn bound(
        &mut self,
        states: &mut [State],
        prices: &Prices,
        is_first: bool,
    ) -> Result<Bound, Infeasible> {
        self.relaxation.propagate(states)?;
        let steps = if is_first { ROOT_STEPS } else { NODE_STEPS };
        let floor = self.floor();
        self.relaxation.bound(states, prices.clone(), floor, steps)
    }

    /// Decides the sources whose other decision leads to nothing better.
    fn decide(&self, states: &mut [State], bound: &Bound) -> Result<(), Infeasible> {
        for (state, gain) in states.iter_mut().zip(&bound.gains) {
            if *state == State::Free && bound.value - gain.abs() <= self.floor() {
                *state = if *gain > 0.0 { State::In } else { State::Out };
            }
        }
        self.relaxation.propagate(states)
    }

    /// Every source is decided.
    fn try_complete(&mut self, states: &[State]) {
        let roots = states.iter().map(|state| *state == State::In).collect();
        self.offer(roots);
    }

    /// Makes roots of what the relaxation likes best, as far as can be afforded.
    fn try_roots(&mut self, states: &[State], bound: &Bound) {
        let mut roots: Vec<_> = states.iter().map(|state| *state == State::In).collect();
        let mut free: Vec<_> = (0..states.len())
            .filter(|&source| states[source] == State::Free)
            .collect();
        free.sort_by(|&a, &b| bound.gains[b].total_cmp(&bound.gains[a]));
        for source in free {
            let saves = self.instance.costs[source] < 0.0;
            if bound.gains[source] > 0.0 || bound.shares[source] > 0.5 || saves {
                roots[source] = true;
                roots[source] = self.instance.fits(&roots);
            }
        }
        self.offer(roots);
    }

    fn offer(&mut self, roots: Vec<bool>) {
        if let Some(worth) = self.instance.worth(&roots)
            && worth > self.floor()
        {
            self.found.worth = worth;
            self.found.roots = Some(roots);
        }
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
