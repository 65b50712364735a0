//! A hundred thousand transfers from a hundred sources are answered with a
//! proof, or at the time limit with the best that was found and the gap.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use concert_policies::affinity::{Completeness, TableBuilder, TransferRow, TransferTable};
use concert_policies::solve::{Answer, Problem, SolveStatus, solve};

const SOURCES: usize = 100;
const TARGETS: usize = 40;
const TRANSFERS_PER_TARGET: usize = 2500;

/// Numbers from 0 to 1, the same everywhere (SplitMix64, Steele et al. 2014).
struct Dice(u64);

impl Dice {
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.draw() * limit as f64) as usize
    }
}

/// A table as measuring gives it: every first order, then sets of up to four
/// that are as good as their best source and a little. `noise` is the share of
/// a transfer's worth that follows from nothing.
fn table(noise: f64) -> TransferTable {
    let mut dice = Dice(7);
    let skill: Vec<f64> = (0..SOURCES).map(|_| dice.draw()).collect();
    let mut table = TableBuilder::new("large");
    for target in 0..TARGETS {
        let fit: Vec<f64> = (0..SOURCES)
            .map(|source| skill[source] * 0.3 + dice.draw() * 0.7)
            .collect();
        let mut sets: BTreeSet<Vec<usize>> = (0..SOURCES).map(|source| vec![source]).collect();
        while sets.len() < TRANSFERS_PER_TARGET {
            let order = 2 + dice.below(3);
            let set: BTreeSet<usize> = (0..order).map(|_| dice.below(SOURCES)).collect();
            sets.insert(set.into_iter().collect());
        }
        let worth = |set: &Vec<usize>, dice: &mut Dice| {
            let best = set.iter().map(|&s| fit[s]).fold(0.0, f64::max);
            let sum: f64 = set.iter().map(|&s| fit[s]).sum();
            (1.0 - noise) * (best + 0.1 * (sum - best)) + noise * dice.draw()
        };
        for set in &sets {
            let row = TransferRow {
                target: format!("target_{target}"),
                sources: set
                    .iter()
                    .map(|source| format!("source_{source}"))
                    .collect(),
                affinity: None,
                win_vs_task: None,
                win_vs_pixels: Some(worth(set, &mut dice) / 1.5),
            };
            table.push(&row, None).expect("a row");
        }
    }
    table.finish(Completeness::Partial).expect("a table")
}

fn problem(budget: usize) -> Problem {
    let list = |kind: &str, count| {
        let names: Vec<_> = (0..count).map(|n| format!("\"{kind}_{n}\"")).collect();
        names.join(", ")
    };
    let text = format!(
        "target_only = [{}]\nsource_only = [{}]\nbudget = {budget}\nvalue = \"win_vs_pixels\"\n",
        list("target", TARGETS),
        list("source", SOURCES)
    );
    Problem::parse(&text, "large").expect("a problem")
}

/// Time that passes by a millisecond whenever somebody looks: the same way is
/// taken on every machine.
fn solved(table: &TransferTable, budget: usize, limit_looks: u64) -> Answer {
    let looks = Cell::new(0);
    let elapsed = || {
        looks.set(looks.get() + 1);
        Duration::from_millis(looks.get())
    };
    let limit = Duration::from_millis(limit_looks);
    solve(&problem(budget), table, limit, &elapsed).expect("an answer")
}

/// What is claimed holds: sources within the budget, and their sum.
fn assert_true(answer: &Answer, table: &TransferTable, budget: usize) {
    assert!(answer.sources_used.len() <= budget);
    assert_eq!(answer.transfers.len(), TARGETS);
    let of = |target: &str, sources: &[String]| {
        let mut rows = table.rows();
        let row = rows.find(|row| row.target == target && row.sources == sources);
        row.and_then(|row| row.win_vs_pixels).expect("a row")
    };
    let transfers = answer.transfers.iter();
    let sum: f64 = transfers.map(|t| of(&t.target, &t.sources)).sum();
    let objective = answer.objective.expect("an objective");
    let (bound, gap) = (answer.bound.expect("a bound"), answer.gap.expect("a gap"));
    assert!((sum - objective).abs() < 1e-9, "{sum} {objective}");
    assert!(bound >= objective - 1e-9 && (bound - objective - gap).abs() < 1e-9);
    for transfer in &answer.transfers {
        assert!(
            transfer
                .sources
                .iter()
                .all(|s| answer.sources_used.contains(s))
        );
    }
}

#[test]
fn a_hundred_thousand_transfers_end_with_a_proof_or_with_the_gap() {
    let table = table(0.1);
    assert_eq!(table.len(), SOURCES.max(TRANSFERS_PER_TARGET) * TARGETS);
    let answer = solved(&table, 8, 3000);
    assert_true(&answer, &table, 8);
    println!(
        "budget 8: {} with a gap of {:?} after {} nodes",
        answer.status.name(),
        answer.gap,
        answer.nodes
    );
    match answer.status {
        SolveStatus::Optimal => assert_eq!(answer.gap, Some(0.0)),
        SolveStatus::Feasible => {
            let share = answer.gap.expect("a gap") / answer.objective.expect("a number");
            assert!((0.0..0.2).contains(&share), "{share}");
        }
        other => panic!("{other:?}: {:?}", answer.reason),
    }
    // Where everything is affordable, the proof is short.
    let everything = solved(&table, SOURCES, 30_000);
    assert_true(&everything, &table, SOURCES);
    assert_eq!(everything.status, SolveStatus::Optimal);
    assert!(everything.objective > answer.objective);
}

#[test]
fn a_limit_that_is_over_at_once_still_answers_or_says_that_it_cannot() {
    let table = table(0.5);
    let answer = solved(&table, 3, 1);
    match answer.status {
        SolveStatus::Unknown => assert!(answer.reason.is_some() && answer.transfers.is_empty()),
        _ => assert_true(&answer, &table, 3),
    }
}
