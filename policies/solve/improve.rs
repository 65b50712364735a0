//! Better roots by small changes: where the search begins.

use crate::solve::instance::{Instance, State};
use crate::solve::search::Clock;

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
