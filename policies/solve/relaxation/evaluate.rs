//! The bound for given prices: the best option of every client, and a knapsack
//! of roots.

use super::{Infeasible, Relaxation};
use crate::solve::instance::{COST_TOLERANCE, Options, State};

impl Relaxation<'_> {
    /// The bound for the prices that are paid.
    pub(super) fn evaluate(&mut self, states: &[State]) -> Result<f64, Infeasible> {
        let instance = self.instance;
        let sources = instance.sources();
        self.gains.copy_from_slice(&instance.rewards);
        let mut sum = 0.0;
        let mut left = instance.budget + COST_TOLERANCE;
        for (source, state) in states.iter().enumerate() {
            if *state == State::In {
                sum += instance.rewards[source];
                left -= instance.costs[source];
            }
        }
        for (limit, &price) in instance.limits.iter().zip(&self.of_limits) {
            sum += price * (limit.budget + COST_TOLERANCE);
            for ((gain, state), cost) in self.gains.iter_mut().zip(states).zip(&limit.costs) {
                match state {
                    State::In => sum -= price * cost,
                    State::Free => *gain -= price * cost,
                    State::Out => {}
                }
            }
        }
        for (place, client) in instance.clients.iter().enumerate() {
            if client.root.is_some_and(|root| states[root] == State::In) {
                continue;
            }
            let paid = &self.paid[place * sources..][..sources];
            let (option, value) = best_option(&client.options, &self.kept[place], paid);
            if value == f64::NEG_INFINITY {
                return Err(Infeasible);
            }
            self.best_option[place] = option;
            sum += value;
            if let Some(root) = client.root {
                self.gains[root] -= value;
            }
            for (gain, (paid, state)) in self.gains.iter_mut().zip(paid.iter().zip(states)) {
                if *state == State::Free {
                    *gain += paid;
                }
            }
        }
        Ok(sum + self.knapsack(states, left)?)
    }

    /// Chooses roots among the undecided sources: a fractional knapsack. Leaves
    /// in `gains` what is gained by each decision beyond the price of its cost.
    fn knapsack(&mut self, states: &[State], mut left: f64) -> Result<f64, Infeasible> {
        self.queue.clear();
        let mut sum = 0.0;
        for (source, state) in states.iter().enumerate() {
            self.roots[source] = f64::from(u8::from(*state == State::In));
            if *state != State::Free {
                continue;
            }
            let (gain, cost) = (self.gains[source], self.instance.costs[source]);
            // What pays for others is a root first; taking that back costs.
            let (gain, cost) = if cost < 0.0 {
                self.roots[source] = 1.0;
                sum += gain;
                left -= cost;
                (-gain, -cost)
            } else {
                (gain, cost)
            };
            if gain > 0.0 {
                let ratio = if cost > 1e-12 {
                    gain / cost
                } else {
                    f64::INFINITY
                };
                self.queue.push((ratio, cost, source));
            }
        }
        if left < 0.0 {
            return Err(Infeasible);
        }
        self.queue
            .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
        let mut price = 0.0;
        for &(ratio, cost, source) in &self.queue {
            let gain = self.gains[source].abs();
            let share = if cost <= left { 1.0 } else { left / cost };
            left -= share * cost;
            sum += share * gain;
            let root = &mut self.roots[source];
            *root = (*root - share).abs();
            if share < 1.0 {
                price = ratio;
                break;
            }
        }
        for (gain, cost) in self.gains.iter_mut().zip(&self.instance.costs) {
            *gain -= price * cost;
        }
        Ok(sum)
    }
}

/// The option that is worth most after its price, and that worth; negative
/// infinity where none is left.
fn best_option(options: &Options, kept: &[u32], paid: &[f64]) -> (usize, f64) {
    let mut best = (0, f64::NEG_INFINITY);
    for &option in kept {
        let option = option as usize;
        let value = options.value(option);
        // Options stand in descending order of value, and prices are not negative.
        if value <= best.1 {
            break;
        }
        let members = options.sources(option).iter();
        let price: f64 = members.map(|&source| paid[source as usize]).sum();
        if value - price > best.1 {
            best = (option, value - price);
        }
    }
    best
}
