//! Under a device's budgets the best policy is the best of all policies, each
//! priced by what its networks take.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use concert_policies::affinity::{Completeness, TransferTable};
use concert_policies::profile::{EncoderLoad, Load, Profile, ReadoutLoad};
use concert_policies::solve::{Answer, Device, DeviceBudgets, Problem, SolveStatus, solve_on};
use proptest::prelude::*;

const TARGETS: [&str; 3] = ["normal", "edge_texture", "curvature"];
const SOURCES: [&str; 5] = ["normal", "edge_texture", "curvature", "xfeat", "dinov2"];

/// A transfer: target, sources, affinity, what its readout takes.
#[derive(Debug, Clone)]
struct Edge {
    target: usize,
    /// Places in `SOURCES`; its own for `self`.
    sources: BTreeSet<usize>,
    affinity: f64,
    load: Load,
}

#[derive(Debug, Clone)]
struct Case {
    edges: Vec<Edge>,
    encoders: Vec<Load>,
    rates: [f64; 3],
    count: usize,
    frame_millis: f64,
    memory_bytes: u64,
}

fn load() -> impl Strategy<Value = Load> {
    (0.0..10.0f64, 0u64..100).prop_map(|(millis, memory_bytes)| Load {
        millis,
        p99_millis: None,
        load_millis: None,
        memory_bytes,
        millijoules: None,
    })
}

prop_compose! {
    fn case()(
        raw in prop::collection::btree_map(
            (0usize..3, prop::collection::btree_set(0usize..5, 1..=2)),
            (0.01..0.1f64, load()),
            3..9,
        ),
        encoders in prop::collection::vec(load(), 5),
        rates in prop::array::uniform3(prop_oneof![Just(30.0), Just(10.0), Just(3.0)]),
        count in 1usize..5,
        frame_millis in 1.0..40.0f64,
        memory_bytes in 50u64..500,
    ) -> Case {
        let edges = raw.into_iter().map(|((target, sources), (affinity, load))| {
            // A transfer from the target itself stands for its own network.
            let own = sources.contains(&target);
            let sources = if own { [target].into() } else { sources };
            Edge { target, sources, affinity, load }
        });
        let mut seen = BTreeSet::new();
        let edges = edges.filter(|edge| seen.insert((edge.target, edge.sources.clone()))).collect();
        Case { edges, encoders, rates, count, frame_millis, memory_bytes }
    }
}

impl Case {
    fn names(&self, edge: &Edge) -> Vec<String> {
        edge.sources
            .iter()
            .map(|&source| SOURCES[source].to_owned())
            .collect()
    }

    fn is_own(edge: &Edge) -> bool {
        edge.sources.contains(&edge.target)
    }

    fn solved(&self) -> Answer {
        let rows = self.edges.iter().map(|edge| {
            let sources = match Case::is_own(edge) {
                true => "self".to_owned(),
                false => self.names(edge).join("+"),
            };
            format!("{},{sources},{}\n", TARGETS[edge.target], edge.affinity)
        });
        let text = format!("target,sources,affinity\n{}", rows.collect::<String>());
        let table = TransferTable::from_csv(&text, "t", Completeness::Partial).expect("a table");
        let rates = TARGETS.iter().zip(self.rates);
        let rates: String = rates
            .map(|(target, rate)| format!("{target} = {rate:?}\n"))
            .collect();
        let problem = format!(
            "targets = {TARGETS:?}\nsource_only = ['xfeat', 'efficientnet']\nbudget = {}\ntransform = 'identity'\n[rate_hz]\n{rates}",
            self.count
        );
        let problem = problem.replace("efficientnet", "dinov2");
        let problem = Problem::parse(&problem, "p").expect("a problem");
        let encoders = SOURCES
            .iter()
            .zip(&self.encoders)
            .map(|(source, load)| EncoderLoad {
                source: (*source).to_owned(),
                preprocess_millis: None,
                load: *load,
            });
        let readouts = self.edges.iter().map(|edge| ReadoutLoad {
            target: TARGETS[edge.target].to_owned(),
            sources: self.names(edge),
            inputs: Vec::new(),
            variant: None,
            load: edge.load,
        });
        let device = Device {
            profile: Profile::new("here", None, encoders.collect(), readouts.collect())
                .expect("a profile"),
            budgets: DeviceBudgets {
                frame_millis: Some(self.frame_millis),
                memory_bytes: Some(self.memory_bytes as f64),
                frame_millijoules: None,
            },
        };
        solve_on(&problem, &table, Some(&device), Duration::MAX, &|| {
            Duration::ZERO
        })
        .expect("an answer")
    }

    /// Whether the table names every source, which a problem must not invent.
    fn names_everything(&self) -> bool {
        let used: BTreeSet<_> = self
            .edges
            .iter()
            .filter(|edge| !Case::is_own(edge))
            .flat_map(|edge| edge.sources.iter().copied())
            .collect();
        [3, 4].iter().all(|source| used.contains(source))
    }

    /// Time and memory of a policy.
    fn usage(&self, policy: &[&Edge]) -> (f64, f64) {
        let mut shares = BTreeMap::<usize, f64>::new();
        let (mut millis, mut bytes) = (0.0, 0.0);
        for edge in policy {
            let share = self.rates[edge.target] / 30.0;
            millis += edge.load.millis * share;
            bytes += edge.load.memory_bytes as f64;
            for &source in &edge.sources {
                let known = shares.entry(source).or_default();
                *known = known.max(share);
            }
        }
        for (source, share) in shares {
            millis += self.encoders[source].millis * share;
            bytes += self.encoders[source].memory_bytes as f64;
        }
        (millis, bytes)
    }

    /// The best of all policies: a target whose network another one reads is
    /// its own root.
    fn best(&self) -> Option<f64> {
        let of = |target: usize| self.edges.iter().filter(move |edge| edge.target == target);
        let mut best: Option<f64> = None;
        for a in of(0) {
            for b in of(1) {
                for c in of(2) {
                    let policy = [a, b, c];
                    let roots: BTreeSet<_> = policy
                        .iter()
                        .flat_map(|e| e.sources.iter().copied())
                        .collect();
                    let xor = policy
                        .iter()
                        .all(|e| Case::is_own(e) == roots.contains(&e.target));
                    let (millis, bytes) = self.usage(&policy);
                    let fits = roots.len() <= self.count
                        && millis <= self.frame_millis
                        && bytes <= self.memory_bytes as f64;
                    if xor && fits {
                        let worth = policy.iter().map(|edge| edge.affinity).sum::<f64>();
                        best = Some(best.map_or(worth, |best| best.max(worth)));
                    }
                }
            }
        }
        best
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_answer_is_the_best_of_all_policies_that_fit(case in case()) {
        prop_assume!(case.names_everything());
        let answer = case.solved();
        match case.best() {
            None => prop_assert_eq!(answer.status, SolveStatus::Infeasible),
            Some(best) => {
                prop_assert_eq!(answer.status, SolveStatus::Optimal);
                let objective = answer.objective.expect("an objective");
                prop_assert!((objective - best).abs() < 1e-9, "{objective} {best}");
                let usage = answer.usage.expect("what it takes");
                let chosen: Vec<_> = answer.transfers.iter().map(|transfer| {
                    case.edges.iter().find(|edge| {
                        let is_own = transfer.sources == ["self"];
                        let mut names = case.names(edge);
                        names.sort_unstable();
                        TARGETS[edge.target] == transfer.target
                            && (is_own && Case::is_own(edge) || names == transfer.sources)
                    }).expect("the transfer")
                }).collect();
                let (millis, bytes) = case.usage(&chosen);
                prop_assert!((usage.frame_millis - millis).abs() < 1e-9);
                prop_assert!((usage.memory_bytes - bytes).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn a_source_that_the_profile_does_not_know_is_not_available_and_said_so() {
    let table = "target,sources,affinity\nnormal,xfeat,0.6\nnormal,dinov2,0.4\n";
    let table = TransferTable::from_csv(table, "t", Completeness::Whole).expect("a table");
    let text = "target_only = ['normal']\nsource_only = ['xfeat', 'dinov2']\nbudget = 2\n";
    let problem = Problem::parse(text, "p").expect("a problem");
    let load = "millis = 5\nmemory_bytes = 10\n";
    let profile = format!(
        "device = 'here'\n[typical_readout]\nmillis = 1\n[[encoder]]\nsource = 'dinov2'\n{load}"
    );
    let mut device = Device {
        profile: Profile::parse(&profile, "profile").expect("a profile"),
        budgets: DeviceBudgets {
            frame_millis: Some(6.0),
            ..DeviceBudgets::default()
        },
    };
    let solve = |problem: &Problem, device: &Device| {
        solve_on(problem, &table, Some(device), Duration::MAX, &|| {
            Duration::ZERO
        })
    };
    let answer = solve(&problem, &device).expect("an answer");
    assert_eq!(answer.sources, ["dinov2"]);
    assert_eq!(
        answer.notes,
        ["not in the profile, so not available: xfeat"]
    );
    assert_eq!(answer.usage.map(|usage| usage.frame_millis), Some(6.0));
    device.budgets.frame_millis = Some(5.0);
    let answer = solve(&problem, &device).expect("an answer");
    assert_eq!(answer.status, SolveStatus::Infeasible);
    assert_eq!(
        answer.reason.as_deref(),
        Some(
            "the device's budgets are too small: 5 ms per frame are allowed, and serving every target takes at least 6.000"
        )
    );
    let required = Problem::parse(&format!("{text}required = ['xfeat']"), "p").expect("a problem");
    assert_eq!(
        solve(&required, &device).unwrap_err().to_string(),
        "p: source `xfeat` is required, but the profile has no encoder of that name"
    );
}
