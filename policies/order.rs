//! Order of evaluation: importance, and what needs what.

use crate::policy::Policy;
use crate::task::Task;
use crate::transfer::{Input, Transfer};

impl Policy {
    /// The transfers in the order in which to evaluate them: inputs before
    /// their dependents, otherwise most important first. What a more important
    /// transfer needs comes just before it.
    pub fn evaluation_order(&self) -> impl ExactSizeIterator<Item = &Transfer> {
        self.evaluation_order.iter().map(|&i| &self.transfers[i])
    }

    /// Rank of a target's effective importance, 0 for the greatest: its own
    /// place among the transfers or, where that is more important, the place of
    /// the most important target that needs it. `None` for no target.
    pub fn importance_rank(&self, target: &Task) -> Option<usize> {
        let own = self.transfers.iter().position(|t| t.target == target)?;
        let needed = needing(&self.transfers, own);
        Some(needed.into_iter().chain([own]).min().unwrap_or(own))
    }

    /// The transfers that cannot be evaluated without this target, directly or
    /// through others, most important first.
    pub fn dependents(&self, target: &Task) -> Vec<&Transfer> {
        match self.transfers.iter().position(|t| t.target == target) {
            Some(own) => needing(&self.transfers, own)
                .into_iter()
                .map(|i| &self.transfers[i])
                .collect(),
            None => Vec::new(),
        }
    }
}

/// Places of the targets that one transfer reads, most important first.
pub(crate) fn needs(transfers: &[Transfer], of: usize) -> Vec<usize> {
    let inputs = &transfers[of].inputs;
    (0..transfers.len())
        .filter(|&i| inputs.contains(&Input::Target(transfers[i].target)))
        .collect()
}

/// Places of the transfers that need one, directly or not, in ascending order.
fn needing(transfers: &[Transfer], needed: usize) -> Vec<usize> {
    let mut found = vec![false; transfers.len()];
    let mut open = vec![needed];
    while let Some(current) = open.pop() {
        for i in 0..transfers.len() {
            if !found[i]
                && transfers[i]
                    .inputs
                    .contains(&Input::Target(transfers[current].target))
            {
                found[i] = true;
                open.push(i);
            }
        }
    }
    (0..transfers.len()).filter(|&i| found[i]).collect()
}

/// Places in order of evaluation.
///
/// # Errors
/// A cycle, as places; the first stands again at the end.
pub(crate) fn evaluation_order(transfers: &[Transfer]) -> Result<Vec<usize>, Vec<usize>> {
    let mut order = Vec::with_capacity(transfers.len());
    let mut path = Vec::new();
    for place in 0..transfers.len() {
        visit(transfers, place, &mut path, &mut order)?;
    }
    Ok(order)
}

/// Appends what `place` needs, then `place`. Goes no deeper than there are
/// targets, and those are distinct tasks of the dictionary.
fn visit(
    transfers: &[Transfer],
    place: usize,
    path: &mut Vec<usize>,
    order: &mut Vec<usize>,
) -> Result<(), Vec<usize>> {
    if order.contains(&place) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|&on_path| on_path == place) {
        return Err(path[start..].iter().copied().chain([place]).collect());
    }
    path.push(place);
    for needed in needs(transfers, place) {
        visit(transfers, needed, path, order)?;
    }
    path.pop();
    order.push(place);
    Ok(())
}
