//! What holds for every policy, tried on random ones.

use concert_policies::{Input, Policy, Task};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

/// A random policy without cycles, as text in one of many spellings.
#[derive(Debug, Clone)]
struct Written {
    text: String,
    /// The same with other comments, key order, order of sources and spellings.
    respelt: String,
}

prop_compose! {
    fn transfer_parts()(
        sources in subsequence(vec!["xfeat", "dinov2_small", "denoise", "normal", "a1"], 1..=4),
        rate in proptest::option::of(prop_oneof![
            (1u32..=1000).prop_map(f64::from),
            1e-3..1000.0f64,
        ]),
        variant in proptest::option::of("[a-z0-9_]{1,8}"),
        inputs in proptest::collection::vec(any::<Index>(), 0..3),
        camera_depth in any::<bool>(),
        spelling in any::<Index>(),
    ) -> (Vec<&'static str>, Option<f64>, Option<String>, Vec<Index>, bool, Index) {
        (sources, rate, variant, inputs, camera_depth, spelling)
    }
}

prop_compose! {
    fn written()(
        targets in subsequence(
            Task::all().iter().filter(|t| t.can_be_target()).collect::<Vec<_>>(), 1..12,
        ).prop_shuffle(),
        parts in proptest::collection::vec(transfer_parts(), 12),
        needs_first in any::<bool>(),
        description in proptest::option::of(".{0,40}"),
    ) -> Written {
        let description = description.map(|d| {
            format!("description = {}\n", toml::Value::String(d))
        }).unwrap_or_default();
        let head = "name = \"p-1\"\nsupervision_budget = 5\n";
        let mut text = format!("{head}max_order = 5\n{description}");
        let mut respelt = String::from("# other\nsupervision_budget=5\nname='p-1'\n");
        for (place, target) in targets.iter().enumerate() {
            let (sources, rate, variant, inputs, depth, spelling) = &parts[place];
            // Inputs point one way only, so that there is no cycle.
            let pool = if needs_first { &targets[..place] } else { &targets[place + 1..] };
            let mut inputs: Vec<&str> = inputs.iter().filter(|_| !pool.is_empty())
                .map(|i| i.get(pool).name).collect();
            inputs.sort_unstable();
            inputs.dedup();
            inputs.extend(depth.then_some("camera.depth"));
            let spellings: Vec<_> = target.spellings().collect();
            let rate = rate.map(|r| format!("rate_hz = {r:?}\n")).unwrap_or_default();
            let variant = variant.as_ref()
                .map(|v| format!("readout = \"{v}\"\n")).unwrap_or_default();
            text += &format!(
                "[[transfer]]\ntarget = \"{}\"\nsources = {sources:?}\n{rate}{variant}inputs = \
                 {inputs:?}\n", target.name,
            );
            let reversed: Vec<_> = sources.iter().rev()
                .map(|s| if *s == "denoise" { "Denoising" } else { s }).collect();
            inputs.reverse();
            respelt += &format!(
                "[[transfer]] # {place}\ninputs = {inputs:?}\n{variant}{rate}sources = \
                 {reversed:?}\ntarget = \"{}\"\n",
                spelling.get(&spellings),
            );
        }
        Written { text, respelt }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = Policy::parse(&text, "f");
    }

    #[test]
    fn no_damage_to_a_policy_makes_the_parser_panic(
        policy in written(), at in any::<Index>(), length in 0usize..20, piece in "\\PC{0,8}",
    ) {
        let chars: Vec<_> = policy.text.chars().collect();
        let start = at.index(chars.len());
        let end = (start + length).min(chars.len());
        let damaged: String = chars[..start].iter().copied()
            .chain(piece.chars()).chain(chars[end..].iter().copied()).collect();
        if let Err(error) = Policy::parse(&damaged, "f") {
            prop_assert!(error.to_string().starts_with("f:"));
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn the_canonical_text_reads_back_as_the_same_policy(written in written()) {
        let policy = Policy::parse(&written.text, "f").unwrap();
        let again = Policy::parse(&policy.to_toml(), "f").unwrap();
        prop_assert_eq!(&again, &policy);
        prop_assert_eq!(again.hash(), policy.hash());
        prop_assert_eq!(again.to_toml(), policy.to_toml());
    }

    #[test]
    fn spelling_order_of_keys_and_comments_do_not_change_the_hash(written in written()) {
        let policy = Policy::parse(&written.text, "f").unwrap();
        let respelt = Policy::parse(&written.respelt, "f").unwrap();
        prop_assert_eq!(respelt.hash(), policy.hash());
        prop_assert_eq!(respelt.transfers(), policy.transfers());
    }

    #[test]
    fn encoders_are_the_union_of_the_sources(written in written()) {
        let policy = Policy::parse(&written.text, "f").unwrap();
        let encoders = policy.encoders();
        prop_assert!(encoders.is_sorted());
        prop_assert!(encoders.len() <= policy.supervision_budget());
        for transfer in policy.transfers() {
            prop_assert!(transfer.sources().is_sorted());
            prop_assert!(transfer.sources().iter().all(|s| encoders.contains(s)));
        }
        for encoder in encoders {
            prop_assert!(policy.transfers().iter().any(|t| t.sources().contains(encoder)));
        }
    }

    #[test]
    fn inputs_come_before_their_dependents(written in written()) {
        let policy = Policy::parse(&written.text, "f").unwrap();
        let order: Vec<_> = policy.evaluation_order().map(|t| t.target()).collect();
        let mut sorted = order.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), policy.transfers().len());
        for transfer in policy.evaluation_order() {
            let own = order.iter().position(|t| *t == transfer.target());
            for input in transfer.inputs() {
                if let Input::Target(task) = input {
                    prop_assert!(order.iter().position(|t| t == task) < own);
                    let dependents = policy.dependents(task);
                    prop_assert!(dependents.iter().any(|d| d.target() == transfer.target()));
                }
            }
        }
    }

    /// Nothing less important is evaluated before something more important that
    /// does not need it.
    #[test]
    fn evaluation_goes_by_effective_importance(written in written()) {
        let policy = Policy::parse(&written.text, "f").unwrap();
        let ranks: Vec<_> = policy.evaluation_order()
            .map(|t| policy.importance_rank(t.target()).unwrap()).collect();
        prop_assert!(ranks.is_sorted(), "{ranks:?}");
        for (own, transfer) in policy.transfers().iter().enumerate() {
            let first = policy.dependents(transfer.target()).first()
                .map(|d| policy.transfers().iter().position(|t| t == *d).unwrap());
            let expected = first.map_or(own, |first| first.min(own));
            prop_assert_eq!(policy.importance_rank(transfer.target()), Some(expected));
        }
    }
}
