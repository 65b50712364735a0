//! Better roots by small changes: where the search begins.

use crate::solve::instance::{Client, Instance, State};
use crate::solve::search::Clock;

/// Affordable roots that serve every client, found by adding one source after
/// another, each time the one that serves most further clients (then: best) for
/// its cost; `None` where that leads nowhere, which proves nothing.
pub(crate) fn greedy(instance: &Instance, clock: &Clock<'_>) -> Option<Vec<bool>> {
    let required = instance.states.iter().map(|state| *state == State::In);
    let mut roots: Vec<bool> = required.collect();
    // One more client served counts more than all values together.
    let scale = 2.0 * instance.scale();
    let score = |roots: &[bool]| {
        let best = |client: &Client| match client.root.is_some_and(|root| roots[root]) {
            true => Some(0.0),
            false => client.best(roots).map(|best| client.options.value(best)),
        };
        let served = instance.clients.iter().filter_map(best);
        let rewards = instance.rewards.iter().zip(roots);
        let rewards: f64 = rewards.filter(|(_, root)| **root).map(|(r, _)| r).sum();
        served.map(|value| value + scale).sum::<f64>() + rewards
    };
    loop {
        let now = score(&roots);
        let mut best: Option<(f64, usize)> = None;
        for source in 0..roots.len() {
            if clock.is_over() {
                return instance.worth(&roots).map(|_| roots);
            }
            if roots[source] || instance.states[source] != State::Free {
                continue;
            }
            roots[source] = true;
            let rise = score(&roots) - now;
            let rate = rise / instance.costs[source].max(1e-9);
            if instance.fits(&roots) && rise > 0.0 && best.is_none_or(|(known, _)| rate > known) {
                best = Some((rate, source));
            }
            roots[source] = false;
        }
        match best {
            Some((_, source)) => roots[source] = true,
            None => return instance.worth(&roots).map(|_| roots),
        }
    }
}

/// Adds, drops and exchanges single sources as long as that is worth more.
/// Ends early when the clock is over. `roots` must be affordable and serve
/// every client.
pub(crate) fn improve(instance: &Instance, mut roots: Vec<bool>, clock: &Clock<'_>) -> Vec<bool> {
    let Some(mut worth) = instance.worth(&roots) else {
        return roots;
    };
    let margin = 1e-12 * instance.scale();
    loop {
        let mut best: Option<(f64, Vec<usize>)> = None;
        for change in changes(instance, &roots) {
            if clock.is_over() {
                break;
            }
            toggle(&mut roots, &change);
            let changed = instance.worth(&roots);
            toggle(&mut roots, &change);
            let least = best.as_ref().map_or(worth + margin, |(worth, _)| *worth);
            if let Some(changed) = changed.filter(|changed| *changed > least) {
                best = Some((changed, change));
            }
        }
        let Some((better, change)) = best else {
            return roots;
        };
        toggle(&mut roots, &change);
        worth = better;
    }
}

/// One source more, one less, or one for another.
fn changes(instance: &Instance, roots: &[bool]) -> Vec<Vec<usize>> {
    let free = |&source: &usize| instance.states[source] == State::Free;
    let sources: Vec<_> = (0..roots.len()).filter(free).collect();
    let (inside, outside): (Vec<_>, Vec<_>) = sources.iter().partition(|&&source| roots[source]);
    let single = sources.iter().map(|&source| vec![source]);
    let pairs = inside
        .iter()
        .flat_map(|&&a| outside.iter().map(move |&&b| vec![a, b]));
    single.chain(pairs).collect()
}

fn toggle(roots: &mut [bool], change: &[usize]) {
    for &source in change {
        roots[source] = !roots[source];
    }
}
