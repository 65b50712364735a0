use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::solve::improve::improve;
use crate::solve::infeasible::cheapest;
use crate::solve::instance::{Client, Limit, Options};
use crate::solve::runner_up::{Best, EQUAL, RunnerUp};

/// A random problem: up to 9 sources, up to 8 clients, some of which may be
/// their own roots, options of order 1 to 4.
fn instance(values: BoxedStrategy<f64>) -> impl Strategy<Value = Instance> {
    let shape = (1usize..=9, 1usize..=8);
    shape.prop_flat_map(move |(sources, clients)| {
        let option = (
            values.clone(),
            prop::collection::btree_set(0..sources as u16, 1..=4),
        );
        let client = (
            any::<bool>(),
            prop::collection::vec(option, 0..10),
            values.clone(),
        );
        let cost = prop_oneof![
            4 => Just(1.0),
            2 => (0u32..6).prop_map(|quarters| f64::from(quarters) * 0.25),
            2 => 0.0..3.0f64,
            1 => Just(0.0),
            1 => -1.0..0.0f64,
        ];
        let state =
            prop_oneof![8 => Just(State::Free), 1 => Just(State::In), 1 => Just(State::Out)];
        (
            prop::collection::vec(cost, sources),
            prop::collection::vec(client, clients),
            prop::collection::vec(state, sources),
            prop_oneof![(0u32..9).prop_map(f64::from), 0.0..8.0f64],
            prop_oneof![3 => Just(0.0), 1 => Just(1e-5)],
            prop::collection::vec(
                (prop::collection::vec(-0.3..2.0f64, sources), 0.0..8.0f64),
                0..3,
            ),
        )
            .prop_map(|(costs, clients, states, budget, idle, limits)| {
                let mut instance = assemble(costs, clients, states, budget, idle);
                for (costs, budget) in limits {
                    let costs = saved_by_clients(costs, &instance.clients);
                    instance.limits.push(Limit { costs, budget });
                }
                instance
            })
    })
}

type RawClient = (bool, Vec<(f64, std::collections::BTreeSet<u16>)>, f64);

fn assemble(
    costs: Vec<f64>,
    raw: Vec<RawClient>,
    mut states: Vec<State>,
    budget: f64,
    idle: f64,
) -> Instance {
    let mut rewards = vec![idle; costs.len()];
    let mut clients = Vec::new();
    for (place, (is_source, options, own)) in raw.into_iter().enumerate() {
        let root = (is_source && place < costs.len()).then_some(place);
        let mut options: Vec<_> = (options.into_iter())
            .map(|(value, sources)| (value, sources.into_iter().collect::<Vec<_>>()))
            .filter(|(_, sources)| !root.is_some_and(|root| sources.contains(&(root as u16))))
            .filter(|(_, sources)| sources.iter().all(|&s| states[s as usize] != State::Out))
            .collect();
        options.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.len().cmp(&b.1.len())));
        if let Some(root) = root {
            rewards[root] = own;
        }
        let options = Options::new(
            options
                .iter()
                .map(|(value, sources)| (*value, &sources[..])),
        );
        clients.push(Client { root, options });
    }
    let costs = saved_by_clients(costs, &clients);
    for (state, reward) in states.iter_mut().zip(&rewards) {
        if *reward < 0.0 {
            *state = State::Out;
        }
    }
    Instance {
        costs,
        rewards,
        budget,
        clients,
        states,
        limits: Vec::new(),
    }
}

/// A negative cost is a transfer cost that a root saves: only clients have them.
fn saved_by_clients(mut costs: Vec<f64>, clients: &[Client]) -> Vec<f64> {
    for (source, cost) in costs.iter_mut().enumerate() {
        let is_client = clients.iter().any(|client| client.root == Some(source));
        if *cost < 0.0 && !is_client {
            *cost = -*cost;
        }
    }
    costs
}

/// Every set of roots that the states allow.
fn all_roots(instance: &Instance) -> impl Iterator<Item = Vec<bool>> + '_ {
    let sources = instance.sources();
    (0u32..1 << sources)
        .map(move |bits| {
            (0..sources)
                .map(|source| bits >> source & 1 == 1)
                .collect::<Vec<_>>()
        })
        .filter(|roots| {
            instance
                .states
                .iter()
                .zip(roots)
                .all(|(state, root)| match state {
                    State::Free => true,
                    State::In => *root,
                    State::Out => !*root,
                })
        })
}

fn enumerated(instance: &Instance) -> Option<(f64, Vec<bool>)> {
    let worths = all_roots(instance).filter_map(|roots| Some((instance.worth(&roots)?, roots)));
    worths.max_by(|a, b| a.0.total_cmp(&b.0))
}

fn clock() -> Clock<'static> {
    Clock::new(&|| Duration::ZERO, Duration::MAX)
}

/// As the solver does: the cheapest first, then better ones, then the search.
fn searched(instance: &Instance) -> Option<Found> {
    let cheap = cheapest(instance, instance.budget, &clock());
    let roots = cheap
        .roots
        .filter(|roots| instance.affords(instance.cost(roots)))?;
    let start = improve(instance, roots, &clock());
    let worth = instance
        .worth(&start)
        .expect("improved roots serve everyone");
    let found = Search::new(instance, worth, Some(start));
    Some(found.run(instance.states.clone(), &clock()))
}

fn runner_up(instance: &Instance, found: &Found) -> (Vec<bool>, RunnerUp) {
    let mut roots = found.roots.clone().expect("roots");
    let used = instance.used(&roots);
    for (source, root) in roots.iter_mut().enumerate() {
        *root &=
            used[source] || instance.states[source] == State::In || instance.rewards[source] > 0.0;
    }
    let best = Best {
        instance,
        sources: instance.sources(),
        roots: &roots,
        used: &used,
        worth: found.worth,
        prices: &found.prices,
    };
    let second = best.runner_up(&clock());
    (used, second)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_search_finds_what_enumeration_finds(
        instance in instance((0.0..1.0f64).boxed()),
    ) {
        let found = searched(&instance);
        match (enumerated(&instance), found) {
            (None, None) => {}
            (Some((best, _)), Some(found)) => {
                prop_assert!((best - found.worth).abs() < 1e-11, "{best} {}", found.worth);
                prop_assert!(found.complete);
                let roots = found.roots.expect("roots");
                prop_assert_eq!(instance.worth(&roots), Some(found.worth));
            }
            (best, found) => prop_assert!(false, "{best:?} {found:?}"),
        }
    }

    #[test]
    fn ties_without_number_are_searched_as_well(
        instance in instance((0u32..3).prop_map(f64::from).boxed()),
    ) {
        let found = searched(&instance).map(|found| found.worth);
        let best = enumerated(&instance).map(|(best, _)| best);
        prop_assert_eq!(best.is_some(), found.is_some());
        if let (Some(best), Some(found)) = (best, found) {
            prop_assert!((best - found).abs() < 1e-9);
        }
    }

    #[test]
    fn the_runner_up_is_the_best_of_other_used_sources(
        instance in instance((0.0..1.0f64).boxed()),
    ) {
        let Some(found) = searched(&instance) else { return Ok(()) };
        let (used, second) = runner_up(&instance, &found);
        let others = all_roots(&instance).filter(|roots| instance.used(roots) != used);
        let best = others.filter_map(|roots| instance.worth(&roots)).max_by(f64::total_cmp);
        prop_assert!(second.proved);
        match best {
            None => prop_assert!(second.roots.is_none()),
            Some(best) => {
                prop_assert!((best - second.worth).abs() < 1e-11, "{best} {}", second.worth);
                let roots = second.roots.expect("roots");
                prop_assert!(instance.used(&roots) != used);
            }
        }
    }

    #[test]
    fn a_tie_is_never_called_unique(
        instance in instance((0u32..3).prop_map(f64::from).boxed()),
    ) {
        let Some(found) = searched(&instance) else { return Ok(()) };
        let (used, second) = runner_up(&instance, &found);
        let others = all_roots(&instance).filter(|roots| instance.used(roots) != used);
        let best = others.filter_map(|roots| instance.worth(&roots)).max_by(f64::total_cmp);
        let is_tied = best.is_some_and(|best| best >= found.worth - EQUAL);
        if is_tied {
            prop_assert!(second.worth >= found.worth - EQUAL);
        }
    }

    #[test]
    fn the_cheapest_roots_are_what_enumeration_finds(
        instance in instance((0.0..1.0f64).boxed()),
    ) {
        let free = Instance { budget: f64::INFINITY, ..instance.clone() };
        let costs = all_roots(&free).filter(|roots| free.worth(roots).is_some());
        let least = costs.map(|roots| free.cost(&roots)).min_by(f64::total_cmp);
        let found = cheapest(&instance, f64::NEG_INFINITY, &clock());
        match least {
            None => prop_assert!(found.roots.is_none()),
            Some(least) => prop_assert!((least + found.worth).abs() < 1e-9, "{least} {}", found.worth),
        }
    }
}
