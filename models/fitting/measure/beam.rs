//! The sets of sources that are tried together.

/// Number of sources, the best alone, of which sets are made.
pub const MAX_PARTNERS: usize = 5;

/// The sets of order 2 to `max_order`, given the sources of one target, the
/// best alone first. Order k of at most 5: all sets of k of the 5 best. Beyond:
/// the k best, one set per order (Zamir et al., CVPR 2018, section 3.2).
#[must_use]
pub fn higher_order<S: Clone + Ord>(ranked: &[S], max_order: usize) -> Vec<Vec<S>> {
    let mut all = Vec::new();
    for order in 2..=max_order.min(ranked.len()) {
        let mut sets = match order {
            0..=MAX_PARTNERS => subsets(&ranked[..ranked.len().min(MAX_PARTNERS)], order),
            _ => vec![ranked[..order].to_vec()],
        };
        sets.iter_mut().for_each(|set| set.sort());
        all.extend(sets);
    }
    all
}

/// All sets of `order` of these, in the order of the places in which they stand.
fn subsets<S: Clone>(of: &[S], order: usize) -> Vec<Vec<S>> {
    if order == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in of.iter().enumerate() {
        for rest in subsets(&of[at + 1..], order - 1) {
            let mut set = vec![first.clone()];
            set.extend(rest);
            all.push(set);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_order_five_all_sets_of_the_five_best_are_tried_and_beyond_the_best() {
        let ranked = ["g", "f", "e", "d", "c", "b", "a"];
        let of_order = |order: usize| {
            let all = higher_order(&ranked, 7);
            all.into_iter()
                .filter(|set| set.len() == order)
                .collect::<Vec<_>>()
        };
        let counts: Vec<_> = (1..=7).map(|order| of_order(order).len()).collect();
        assert_eq!(counts, [0, 10, 10, 5, 1, 1, 1]);
        assert_eq!(of_order(2)[0], ["f", "g"]);
        assert_eq!(of_order(5)[0], ["c", "d", "e", "f", "g"]);
        assert_eq!(of_order(6)[0], ["b", "c", "d", "e", "f", "g"]);
        assert!(of_order(2).iter().flatten().all(|source| *source >= "c"));
    }

    #[test]
    fn one_source_has_no_partner_and_order_one_no_set() {
        assert!(higher_order(&["a"], 4).is_empty());
        assert!(higher_order(&["a", "b"], 1).is_empty());
        assert_eq!(higher_order(&["b", "a"], 9), [["a", "b"]]);
    }
}
