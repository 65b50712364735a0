//! Policies on Taskonomy's published tables are the known optima.

use std::path::PathBuf;
use std::time::Duration;

use concert_policies::affinity::{Completeness, TransferTable};
use concert_policies::solve::{Answer, Problem, SolveStatus, front, solve};

/// The 22 targets of the published tables.
const TARGETS: &str = r#"targets = ["autoencoder", "class_1000", "class_places", "curvature",
    "denoise", "edge2d", "edge3d", "ego_motion", "fix_pose", "keypoint2d", "keypoint3d",
    "non_fixated_pose", "point_match", "reshade", "rgb2depth", "rgb2mist", "rgb2sfnorm",
    "room_layout", "segment25d", "segment2d", "segmentsemantic_rb",
    "vanishing_point_well_defined"]
source_only = ["colorization", "jigsaw", "impainting_whole", "random"]
"#;

/// The published table of this name, if it is on this machine.
fn table(name: &str) -> Option<TransferTable> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/taskonomy");
    let path = folder.join(name);
    if !path.exists() {
        crate::skip::skip(format_args!("there is no {}", path.display()));
        return None;
    }
    let table = TransferTable::read(path, Completeness::Whole);
    Some(table.expect("a published table"))
}

fn solved(table: &TransferTable, rest: &str) -> Answer {
    let problem = Problem::parse(&format!("{TARGETS}{rest}"), "problem").expect("a problem");
    let never = || Duration::ZERO;
    let answer = solve(&problem, table, Duration::MAX, &never).expect("an answer");
    assert_eq!(answer.status, SolveStatus::Optimal, "{answer:?}");
    answer
}

fn assert_close(got: Option<f64>, want: f64, within: f64) {
    let got = got.expect("a number");
    assert!((got - want).abs() < within, "{got} is not {want}");
}

#[test]
fn the_known_optima_of_the_16k_table_are_found_to_nine_digits() {
    let Some(table) = table("transfers_16k.csv") else {
        return;
    };
    let two = solved(&table, "budget = 2\nmax_order = 1\ntransform = 'sqrt'");
    assert_close(two.objective, 3.436_680_317_3, 1e-9);
    assert_eq!(two.sources, ["denoise", "rgb2sfnorm"]);
    let eight = solved(&table, "budget = 8\nmax_order = 4\ntransform = 'sqrt'");
    assert_close(eight.objective, 5.343_930_380_1, 1e-9);
    assert_close(eight.gain, 0.845, 5e-4);
    assert_close(eight.quality, 0.414, 5e-4);
    let all = solved(&table, "budget = 26\nmax_order = 4\ntransform = 'sqrt'");
    assert_close(all.objective, 5.955_890_680_5, 1e-9);
}

#[test]
fn the_two_transforms_choose_different_sources() {
    let Some(table) = table("transfers_16k.csv") else {
        return;
    };
    let plain = solved(&table, "budget = 2\nmax_order = 1\ntransform = 'identity'");
    assert_eq!(plain.sources, ["denoise", "edge2d"]);
}

#[test]
fn the_services_convention_adds_a_hundred_thousandth_per_affordable_idle_root() {
    let Some(table) = table("transfers_16k.csv") else {
        return;
    };
    let paper = solved(&table, "budget = 26\nmax_order = 4");
    let service = solved(&table, "budget = 26\nmax_order = 4\nconvention = 'service'");
    let idle: Vec<_> = ["colorization", "impainting_whole", "jigsaw", "random"].into();
    let added: Vec<_> = service
        .sources
        .iter()
        .filter(|source| idle.contains(&source.as_str()))
        .collect();
    assert_eq!(added.len(), 4);
    assert_close(
        service.objective,
        paper.objective.expect("a number") + 4e-5,
        1e-9,
    );
    assert_eq!(service.sources_used, paper.sources_used);
}

#[test]
fn published_affinities_sum_to_one_per_target() {
    for name in ["transfers_16k.csv", "transfers_1k.csv"] {
        let Some(table) = table(name) else { return };
        let mut sums = std::collections::BTreeMap::<String, f64>::new();
        for row in table.rows() {
            *sums.entry(row.target).or_default() += row.affinity.unwrap_or(0.0);
        }
        assert_eq!(sums.len(), 22);
        for (target, sum) in sums {
            assert!((sum - 1.0).abs() < 1e-12, "{target} {sum}");
        }
    }
}

/// Ranks of values, ties sharing their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let same = values.iter().filter(|other| *other == value).count();
        below as f64 + (same as f64 - 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f(a - mean_a, b - mean_b))
            .sum()
    };
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[test]
fn published_affinities_rank_transfers_as_their_win_rates_do() {
    // log(p_i / p_self) against the logit of the win rate over `self`.
    for name in ["transfers_16k.csv", "transfers_1k.csv"] {
        let Some(table) = table(name) else { return };
        let own: std::collections::BTreeMap<_, _> = (table.rows())
            .filter(|row| row.sources == ["self"])
            .map(|row| (row.target.clone(), row.affinity.expect("an affinity")))
            .collect();
        let (mut logs, mut logits) = (Vec::new(), Vec::new());
        for row in table.rows().filter(|row| row.sources != ["self"]) {
            let (Some(affinity), Some(win)) = (row.affinity, row.win_vs_task) else {
                continue;
            };
            let win = win.clamp(0.001, 0.999);
            logs.push((affinity / own[&row.target]).ln());
            logits.push((win / (1.0 - win)).ln());
        }
        let spearman = correlation(&ranks(&logs), &ranks(&logits));
        assert!((0.965..0.985).contains(&spearman), "{name}: {spearman}");
    }
}

#[test]
fn the_front_holds_the_optimum_of_every_budget() {
    let Some(table) = table("transfers_16k.csv") else {
        return;
    };
    let text = format!("{TARGETS}budget = 26\nmax_order = 2");
    let problem = Problem::parse(&text, "problem").expect("a problem");
    let front = front(&problem, &table, None, Duration::MAX, &|| Duration::ZERO).expect("a front");
    assert_eq!(front.status, SolveStatus::Optimal);
    let costs: Vec<_> = front.points.iter().map(|point| point.cost).collect();
    assert_eq!(costs[..4], [1.0, 2.0, 3.0, 4.0]);
    for pair in front.points.windows(2) {
        assert!(pair[0].cost < pair[1].cost && pair[0].objective < pair[1].objective);
    }
    for point in front.points.iter().step_by(5) {
        let rest = format!("budget = {}\nmax_order = 2", point.cost);
        assert_close(solved(&table, &rest).objective, point.objective, 1e-9);
        let greedy = point.greedy_objective.expect("greedy serves everyone");
        assert!(greedy <= point.objective + 1e-9);
    }
}
