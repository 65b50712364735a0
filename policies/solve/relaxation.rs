//! Upper bounds, from a Lagrangian relaxation.
//!
//! With `y_i` for source *i* being a root and `x_e` for option *e* being
//! chosen, a client's options must satisfy, for each source *i*,
//! `Σ_{e ∋ i} x_e ≤ y_i`: the strong form of "a transfer needs all of its
//! sources", because a client chooses at most one option. Each of these rows
//! gets a price `u ≥ 0`. What is left separates: every client takes the option
//! that is worth most after paying the prices of its sources, and the roots are
//! a knapsack in which a source is worth the prices that are paid for it. For
//! any prices that is an upper bound. Further budgets get prices as well, which
//! every root pays. The best prices, found by subgradient steps, give the bound
//! of the linear relaxation.

mod evaluate;

use crate::solve::instance::{COST_TOLERANCE, Instance, State};

/// One price per client and source, then one per further budget.
pub(crate) type Prices = Vec<f64>;

/// Result of a relaxation at a node of the search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bound {
    /// No solution here is worth more.
    pub(crate) value: f64,
    /// Gain of the decision that the bound prefers for each source: positive
    /// for a root, else negative. Deciding otherwise costs at least as much.
    pub(crate) gains: Vec<f64>,
    /// Share of late steps in which each source was a root, from 0 to 1.
    pub(crate) shares: Vec<f64>,
    /// The prices that give the bound.
    pub(crate) prices: Prices,
}

/// Memory for relaxations of one instance.
#[derive(Debug)]
pub(crate) struct Relaxation<'a> {
    instance: &'a Instance,
    /// Options that may still matter, by client; places in the instance's.
    kept: Vec<Vec<u32>>,
    /// Prices as a client pays them: 0 for a root, infinite for no root.
    paid: Vec<f64>,
    /// Prices of the further budgets.
    of_limits: Vec<f64>,
    best_option: Vec<usize>,
    gains: Vec<f64>,
    roots: Vec<f64>,
    queue: Vec<(f64, f64, usize)>,
}

/// The relaxation has no solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Infeasible;

impl<'a> Relaxation<'a> {
    pub(crate) fn new(instance: &'a Instance) -> Self {
        let (clients, sources) = (instance.clients.len(), instance.sources());
        let all = |options: usize| (0..options as u32).collect();
        Relaxation {
            instance,
            kept: (instance.clients.iter())
                .map(|client| all(client.options.len()))
                .collect(),
            paid: vec![0.0; clients * sources],
            of_limits: vec![0.0; instance.limits.len()],
            best_option: vec![0; clients],
            gains: vec![0.0; sources],
            roots: vec![0.0; sources],
            queue: Vec::new(),
        }
    }

    /// Prices to begin with.
    pub(crate) fn no_prices(&self) -> Prices {
        vec![0.0; self.paid.len() + self.instance.limits.len()]
    }

    /// Forgets the options that no solution worth more than `floor` uses, given
    /// a bound and its prices.
    pub(crate) fn forget_options(&mut self, states: &[State], bound: &Bound, floor: f64) {
        self.pay(states, &bound.prices);
        let sources = self.instance.sources();
        for (place, client) in self.instance.clients.iter().enumerate() {
            if client.root.is_some_and(|root| states[root] == State::In) {
                continue;
            }
            let paid = &self.paid[place * sources..][..sources];
            let worth = |option: u32| {
                let members = client.options.sources(option as usize).iter();
                let price: f64 = members.map(|&source| paid[source as usize]).sum();
                client.options.value(option as usize) - price
            };
            let kept = &mut self.kept[place];
            let best = kept.iter().map(|&option| worth(option));
            let best = best.fold(f64::NEG_INFINITY, f64::max);
            kept.retain(|&option| bound.value - (best - worth(option)) > floor);
        }
    }

    /// Bounds the solutions that agree with `states` from above, beginning with
    /// `prices`, in at most so many `steps`; ends early below `floor`.
    ///
    /// # Errors
    /// Where no solution agrees with `states`, or none that `forget_options` left.
    pub(crate) fn bound(
        &mut self,
        states: &[State],
        prices: Prices,
        floor: f64,
        steps: usize,
    ) -> Result<Bound, Infeasible> {
        let mut prices = prices;
        let mut best = Bound {
            value: f64::INFINITY,
            gains: Vec::new(),
            shares: vec![0.0; self.instance.sources()],
            prices: Prices::new(),
        };
        let mut stride = 1.0;
        let mut stale = 0;
        for step in 0..steps.max(1) {
            self.pay(states, &prices);
            let value = self.evaluate(states)?;
            for (share, root) in best.shares.iter_mut().zip(&self.roots) {
                let weight = if step == 0 { 1.0 } else { 0.15 };
                *share += weight * (root - *share);
            }
            if value < best.value - 1e-15 * value.abs() {
                // Worth another long stride only where it moved at all.
                let much = best.value - value > 1e-4 * (best.value - floor).abs();
                stale = if much { 0 } else { stale + 1 };
                best.value = value;
                best.gains.clone_from(&self.gains);
                best.prices.clone_from(&prices);
            } else {
                stale += 1;
            }
            if best.value <= floor || step + 1 == steps {
                break;
            }
            if stale >= 4 {
                stale = 0;
                stride *= 0.5;
                if stride < 1e-3 {
                    break;
                }
                prices.clone_from(&best.prices);
                self.pay(states, &prices);
                self.evaluate(states)?;
            }
            if !self.step(states, &mut prices, stride * (value - floor).max(1e-12)) {
                break;
            }
        }
        Ok(best)
    }

    /// Prices as they are paid: none for a root, infinite for what is no root.
    fn pay(&mut self, states: &[State], prices: &[f64]) {
        let (paid, of_limits) = prices.split_at(self.paid.len());
        self.paid.copy_from_slice(paid);
        self.of_limits.copy_from_slice(of_limits);
        let sources = self.instance.sources();
        for (source, state) in states.iter().enumerate() {
            let fixed = match state {
                State::Free => continue,
                State::In => 0.0,
                State::Out => f64::INFINITY,
            };
            for paid in self.paid[source..].iter_mut().step_by(sources) {
                *paid = fixed;
            }
        }
    }

    /// Decides what has only one way left: a client without any option is its
    /// own root, and what cannot be afforded is no root.
    ///
    /// # Errors
    /// Where a client has no way left, or the roots cost too much.
    pub(crate) fn propagate(&self, states: &mut [State]) -> Result<(), Infeasible> {
        loop {
            let mut changed = false;
            for (place, client) in self.instance.clients.iter().enumerate() {
                let own = client.root.map_or(State::Out, |root| states[root]);
                if own == State::In || self.has_option(place, states) {
                    continue;
                }
                match client.root {
                    Some(root) if own == State::Free => states[root] = State::In,
                    _ => return Err(Infeasible),
                }
                changed = true;
            }
            changed |= self.drop_unaffordable(states)?;
            if !changed {
                return Ok(());
            }
        }
    }

    fn has_option(&self, place: usize, states: &[State]) -> bool {
        let options = &self.instance.clients[place].options;
        self.kept[place].iter().any(|&option| {
            let mut sources = options.sources(option as usize).iter();
            sources.all(|&source| states[source as usize] != State::Out)
        })
    }

    fn drop_unaffordable(&self, states: &mut [State]) -> Result<bool, Infeasible> {
        let mut changed = false;
        for (costs, budget) in self.instance.budgets() {
            // What is cheaper than nothing can pay for the rest.
            let least = states.iter().zip(costs).map(|(state, cost)| match state {
                State::In => *cost,
                State::Free => cost.min(0.0),
                State::Out => 0.0,
            });
            let left = budget + COST_TOLERANCE - least.sum::<f64>();
            if left < 0.0 {
                return Err(Infeasible);
            }
            for (state, &cost) in states.iter_mut().zip(costs) {
                if *state == State::Free && cost > left.max(0.0) {
                    *state = State::Out;
                    changed = true;
                }
            }
        }
        Ok(changed)
    }

    /// Moves the prices against the subgradient: dearer where an option wants a
    /// source that is no root, cheaper where a root is not wanted. `distance`
    /// is how far the bound should come down. Whether anything can move.
    fn step(&self, states: &[State], prices: &mut [f64], distance: f64) -> bool {
        let mut norm = 0.0;
        self.each_slope(states, |at, slope| {
            if slope < 0.0 || prices[at] > 0.0 {
                norm += slope * slope;
            }
        });
        if norm < 1e-18 {
            return false;
        }
        let length = distance / norm;
        self.each_slope(states, |at, slope| {
            prices[at] = (prices[at] - length * slope).max(0.0);
        });
        true
    }

    /// The slope of the bound in each price that can matter, where it is not 0.
    fn each_slope(&self, states: &[State], mut visit: impl FnMut(usize, f64)) {
        let sources = self.instance.sources();
        for (place, client) in self.instance.clients.iter().enumerate() {
            let served = match client.root {
                Some(root) => 1.0 - self.roots[root],
                None => 1.0,
            };
            if client.root.is_some_and(|root| states[root] == State::In) {
                continue;
            }
            let wanted = client.options.sources(self.best_option[place]);
            for (source, state) in states.iter().enumerate() {
                if *state != State::Free {
                    continue;
                }
                let wants = if wanted.contains(&(source as u16)) {
                    served
                } else {
                    0.0
                };
                let slope = self.roots[source] - wants;
                if slope != 0.0 {
                    visit(place * sources + source, slope);
                }
            }
        }
        for (index, limit) in self.instance.limits.iter().enumerate() {
            let taken = limit.costs.iter().zip(&self.roots);
            let taken: f64 = taken.map(|(cost, root)| cost * root).sum();
            visit(self.paid.len() + index, limit.budget - taken);
        }
    }
}
