//! A bad problem is refused with its place and both quantities; one that
//! nothing solves is answered with what would.

use std::time::Duration;

use concert_policies::affinity::{Completeness, TransferTable};
use concert_policies::solve::{Answer, Problem, SolveStatus, solve};

const TABLE: &str = "\
target,sources,affinity,win_vs_task,win_vs_pixels
rgb2sfnorm,self,0.5,0.5,0.9
rgb2sfnorm,edge2d,0.2,0.1,0.6
rgb2sfnorm,edge2d+denoise,0.3,0.2,0.7
edge2d,self,0.6,0.5,0.8
edge2d,rgb2sfnorm,0.4,0.1,0.2
room_layout,rgb2sfnorm+denoise,1,,
jigsaw,edge2d,1,,
";

fn answered(problem: &str) -> Result<Answer, String> {
    let table = TransferTable::from_csv(TABLE, "t.csv", Completeness::Whole).expect("a table");
    let problem = Problem::parse(problem, "p.toml").map_err(|error| error.to_string())?;
    solve(&problem, &table, Duration::MAX, &|| Duration::ZERO).map_err(|error| error.to_string())
}

fn assert_refused(problem: &str, error: &str) {
    assert_eq!(answered(problem).unwrap_err(), error, "{problem}");
}

#[test]
fn each_broken_rule_has_its_own_text() {
    for (problem, error) in [
        (
            "targets = ['normal']\nbudget = 0",
            "p.toml:2:10: budget is 0, but must be a finite number above 0",
        ),
        (
            "targets = ['normal']\nbudget = -1.5",
            "p.toml:2:10: budget is -1.5, but must be a finite number above 0",
        ),
        (
            "targets = ['normal']\nbudget = nan",
            "p.toml:2:10: budget is NaN, but must be a finite number above 0",
        ),
        (
            "targets = ['normal']\nbudget = inf",
            "p.toml:2:10: budget is inf, but must be a finite number above 0",
        ),
        (
            "targets = ['normal']\nbudget = 1\nmax_order = 0",
            "p.toml:3:13: max_order is 0, but must be at least 1",
        ),
        (
            "targets = ['normal']\nbudget = 1\n[device]\nmemory_bytes = 0",
            "p.toml:3:1: device.memory_bytes is 0, but must be a finite number above 0",
        ),
        (
            "targets = ['normal']\nbudget = 1\n[device]\nframe_millis = 5",
            "p.toml: `[device]` limits what networks take of a device, but no profile says what they cost: measure it with `concert profile`",
        ),
        (
            "targets = ['normal']\nbudget = 1\n[cost]\nedge2d = -1",
            "p.toml:4:1: cost of `edge2d` is -1, but must be a finite number of at least 0",
        ),
        (
            "targets = ['normal']\nbudget = 1\n[transfer_cost]\nnormal = nan",
            "p.toml:4:1: transfer_cost of `normal` is NaN, but must be a finite number of at least 0",
        ),
        (
            "targets = ['normal']\nbudget = 1\n[importance]\nnormal = -2",
            "p.toml:4:1: importance of `normal` is -2, but must be a finite number of at least 0",
        ),
        (
            "targets = []\nbudget = 1",
            "p.toml: problem has no targets, but needs at least 1 in `targets` or `target_only`",
        ),
        (
            "targets = ['rgb2sfnrm']\nbudget = 1",
            "p.toml:1:12: task `rgb2sfnrm` of `targets` is neither in the table of transfers t.csv nor in the task dictionary; did you mean `rgb2sfnorm`?",
        ),
        (
            "targets = ['normal', 'Nromal']\nbudget = 1",
            "p.toml:1:22: task `Nromal` of `targets` is neither in the table of transfers t.csv nor in the task dictionary; did you mean `rgb2sfnorm`?",
        ),
        (
            "targets = ['gravity']\nbudget = 1",
            "p.toml:1:12: task `gravity` of `targets` is neither in the table of transfers t.csv nor in the task dictionary",
        ),
        (
            "targets = ['self']\nbudget = 1",
            "p.toml:1:12: `self` stands for a target's own network and cannot be listed in `targets`",
        ),
        (
            "targets = ['normal']\nsource_only = ['Normals']\nbudget = 1",
            "p.toml:2:16: task `rgb2sfnorm` is in `targets` and in `source_only`, but a task has one role",
        ),
        (
            "targets = ['normal']\ntarget_only = ['rgb2sfnorm']\nbudget = 1",
            "p.toml:2:16: task `rgb2sfnorm` is in `targets` and in `target_only`, but a task has one role",
        ),
        (
            "targets = ['normal', 'rgb2sfnorm']\nbudget = 1",
            "p.toml:1:22: `targets` names task `rgb2sfnorm` twice",
        ),
        (
            "targets = ['normal']\nbudget = 1\nrequired = ['edge2d']",
            "p.toml:3:13: `required` names `edge2d`, which is not a source of this problem: sources are the tasks of `targets` and `source_only`",
        ),
        (
            "targets = ['normal']\nsource_only = ['edge2d']\nbudget = 1\nrequired = ['edge2d']\nforbidden = ['edge2d']",
            "p.toml:4:13: source `edge2d` is both forbidden and required",
        ),
        (
            "targets = ['normal']\nbudget = 1\n[cost]\nnormal = 1\nrgb2sfnorm = 2",
            "p.toml:5:1: `cost` names task `rgb2sfnorm` twice",
        ),
    ] {
        assert_refused(problem, error);
    }
}

#[test]
fn unknown_keys_and_words_are_refused_with_their_place() {
    let error = answered("targets = ['normal']\nbudget = 1\nmaximum_order = 2").unwrap_err();
    assert!(
        error.starts_with("p.toml:3:1: unknown field `maximum_order`"),
        "{error}"
    );
    let error = answered("targets = ['normal']\nbudget = 1\nvalue = 'loss'").unwrap_err();
    assert!(
        error.starts_with("p.toml:3:9: unknown variant `loss`"),
        "{error}"
    );
    let error = answered("targets = ['normal']").unwrap_err();
    assert!(error.contains("missing field `budget`"), "{error}");
    let error = answered(&format!("budget = 1\ntargets = [{}]", "'a', ".repeat(300))).unwrap_err();
    assert_eq!(
        error,
        "p.toml: problem names 300 tasks, but at most 256 are allowed"
    );
    let error = answered(&"#".repeat(300_000)).unwrap_err();
    assert_eq!(
        error,
        "p.toml: problem has 300000 bytes, but at most 262144 are allowed"
    );
}

#[test]
fn a_value_that_the_table_does_not_have_is_refused() {
    let table = TransferTable::from_csv(
        "target,sources,affinity\nnormal,self,1\n",
        "t",
        Completeness::Whole,
    );
    let problem = Problem::parse(
        "targets = ['normal']\nbudget = 1\nvalue = 'win_vs_task'",
        "p",
    );
    let error = solve(&problem.unwrap(), &table.unwrap(), Duration::MAX, &|| {
        Duration::ZERO
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "p: value is `win_vs_task`, but the table of transfers t has no win_vs_task at all"
    );
}

#[test]
fn a_target_that_nothing_serves_is_named_with_the_reason() {
    for (problem, target, reason) in [
        (
            "targets = ['room_layout']\nbudget = 9",
            "room_layout",
            "no transfer to it has only sources that are available, and a known affinity; the table has no `self` row of it with a value",
        ),
        (
            "target_only = ['normal']\nbudget = 9",
            "rgb2sfnorm",
            "no transfer to it has only sources that are available, and a known affinity; it is target-only, so it cannot be its own root",
        ),
        (
            "targets = ['normal']\nforbidden = ['normal']\nbudget = 9",
            "rgb2sfnorm",
            "no transfer to it has only sources that are available, and a known affinity; its own network is forbidden",
        ),
        (
            "targets = ['normal', 'class_scene']\nbudget = 9",
            "class_scene",
            "the table has no transfer to it",
        ),
        (
            "targets = ['jigsaw', 'edge2d']\nrequired = ['jigsaw']\nbudget = 9",
            "jigsaw",
            "it is required as a root, but the table has no `self` row of it with affinity",
        ),
    ] {
        let answer = answered(problem).expect("an answer");
        assert_eq!(answer.status, SolveStatus::Infeasible);
        assert_eq!(answer.unservable.len(), 1, "{answer:?}");
        assert_eq!(answer.unservable[0].target, target);
        assert_eq!(answer.unservable[0].reason, reason);
        assert_eq!(answer.smallest_budget, None);
        assert_eq!(answer.objective, None);
        assert!(answer.transfers.is_empty());
    }
}

#[test]
fn a_budget_that_is_too_small_is_answered_with_the_smallest_that_is_not() {
    // Room layout needs both of its sources.
    let text = "targets = ['room_layout', 'normal']\nsource_only = ['denoise']\nbudget = 1\n";
    let answer = answered(text).expect("an answer");
    assert_eq!(answer.status, SolveStatus::Infeasible);
    assert_eq!(answer.smallest_budget, Some(2.0));
    assert_eq!(answer.unservable[0].target, "room_layout");
    assert_eq!(answer.unservable[0].smallest_budget, Some(2.0));
    let enough = answered(&text.replace("budget = 1", "budget = 2")).expect("an answer");
    assert_eq!(enough.status, SolveStatus::Optimal);
    assert_eq!(enough.sources_used, ["denoise", "rgb2sfnorm"]);
}

#[test]
fn targets_that_fit_alone_but_not_together_are_named() {
    let text = "targets = ['normal', 'jigsaw', 'edge2d']\nbudget = 1.2\n[transfer_cost]\nnormal = 0.2\njigsaw = 0.1\n";
    let answer = answered(text).expect("an answer");
    assert_eq!(answer.status, SolveStatus::Infeasible);
    assert!(
        (answer.smallest_budget.unwrap() - 1.3).abs() < 1e-12,
        "{answer:?}"
    );
    assert!(!answer.unservable.is_empty());
}

#[test]
fn transfer_costs_are_paid_by_targets_that_are_no_roots() {
    let text = |budget| {
        format!(
            "targets = ['normal', 'edge2d']\nbudget = {budget}\ntransform = 'identity'\n[transfer_cost]\nnormal = 0.5\nedge2d = 0.25\n"
        )
    };
    let exact = answered(&text(1.25)).expect("an answer");
    assert_eq!(exact.sources, ["rgb2sfnorm"]);
    assert_eq!(exact.cost, Some(1.25));
    assert!((exact.objective.unwrap() - 0.9).abs() < 1e-12);
    let more = answered(&text(2.0)).expect("an answer");
    assert_eq!(more.sources, ["edge2d", "rgb2sfnorm"]);
    assert_eq!(more.transfers[0].sources, ["self"]);
    assert_eq!(more.cost, Some(2.0));
    assert_eq!(
        answered(&text(1.2)).expect("an answer").status,
        SolveStatus::Infeasible
    );
}

#[test]
fn importance_weighs_the_sum_and_not_the_values() {
    let text = "targets = ['normal', 'edge2d']\nbudget = 1\ntransform = 'identity'\n[importance]\nedge2d = 10\n";
    let answer = answered(text).expect("an answer");
    assert_eq!(answer.sources, ["edge2d"]);
    assert!((answer.objective.unwrap() - 6.2).abs() < 1e-12);
    assert_eq!(answer.transfers[1].value, 0.6);
    assert_eq!(answer.gain, Some((0.6 + 0.8) / 2.0));
    let policy = answer.to_policy("p", None).expect("a policy");
    assert_eq!(policy.transfers()[0].target().name, "edge_texture");
    assert!(policy.transfers()[0].is_root());
    assert_eq!(policy.transfers()[1].sources(), ["edge_texture"]);
}

#[test]
fn a_win_rate_the_table_lacks_for_one_target_has_no_mean() {
    let text = "targets = ['room_layout', 'normal']\nsource_only = ['denoise']\nbudget = 2\n";
    let answer = answered(text).expect("an answer");
    assert_eq!((answer.gain, answer.quality), (None, None));
}

#[test]
fn required_sources_are_roots_though_nobody_needs_them() {
    let text =
        "targets = ['edge2d']\nsource_only = ['denoise']\nbudget = 2\nrequired = ['denoise']\n";
    let answer = answered(text).expect("an answer");
    assert_eq!(answer.sources, ["denoise", "edge2d"]);
    assert_eq!(answer.sources_used, ["edge2d"]);
    assert_eq!(answer.unique, Some(true));
}

#[test]
fn a_search_that_is_cut_short_answers_the_best_found_and_the_gap() {
    let calls = std::cell::Cell::new(0u32);
    // Time passes by being asked for: the search is cut after a few looks.
    let elapsed = || {
        calls.set(calls.get() + 1);
        Duration::from_millis(calls.get().into())
    };
    let table = TransferTable::from_csv(TABLE, "t.csv", Completeness::Whole).expect("a table");
    let text = "targets = ['normal', 'edge2d']\nsource_only = ['denoise']\nbudget = 2\n";
    let problem = Problem::parse(text, "p.toml").expect("a problem");
    let best = solve(&problem, &table, Duration::MAX, &|| Duration::ZERO).expect("an answer");
    let mut statuses = Vec::new();
    for limit in 2..60 {
        calls.set(0);
        let limit = Duration::from_millis(limit);
        let answer = solve(&problem, &table, limit, &elapsed).expect("an answer");
        statuses.push(answer.status);
        if let (Some(objective), Some(bound)) = (answer.objective, answer.bound) {
            assert!(objective <= best.objective.unwrap() + 1e-12);
            assert!(bound >= best.objective.unwrap() - 1e-12, "{answer:?}");
            assert!((answer.gap.unwrap() - (bound - objective)).abs() < 1e-12);
        }
        assert_ne!(answer.status, SolveStatus::Infeasible);
    }
    assert!(statuses.contains(&SolveStatus::Optimal), "{statuses:?}");
    assert!(
        statuses
            .iter()
            .any(|status| *status != SolveStatus::Optimal),
        "{statuses:?}"
    );
}
