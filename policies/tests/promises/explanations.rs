//! What dropping an output saves, and why a policy was chosen.

use std::time::Duration;

use concert_policies::Policy;
use concert_policies::affinity::{Completeness, TableBuilder, TransferRow, TransferTable};
use concert_policies::explain::{Evidence, ExplainedOutput, Explanation, explain};
use concert_policies::profile::Profile;
use concert_policies::solve::{Problem, SolveStatus};

const PROFILE: &str = "\
device = 'a board'
[typical_readout]
millis = 2.5
[[encoder]]
source = 'home_multi'
millis = 20
memory_bytes = 20000000
[[encoder]]
source = 'xfeat'
millis = 30
memory_bytes = 5000000
[[readout]]
target = 'depth_zbuffer'
sources = ['home_multi']
millis = 1
memory_bytes = 100
[[readout]]
target = 'normal'
sources = ['home_multi']
millis = 2
memory_bytes = 200
[[readout]]
target = 'segment_semantic'
sources = ['home_multi']
millis = 3
memory_bytes = 300
[[readout]]
target = 'odometry'
sources = ['xfeat']
inputs = ['depth_zbuffer']
millis = 4
[[readout]]
target = 'room_layout'
inputs = ['depth_zbuffer', 'normal']
millis = 6
";

fn explained(policy: &Policy, evidence: &Evidence<'_>) -> Explanation {
    explain(policy, evidence, Duration::MAX, &|| Duration::ZERO).expect("an explanation")
}

fn output<'e>(explanation: &'e Explanation, target: &str) -> &'e ExplainedOutput {
    let mut outputs = explanation.outputs.iter();
    outputs
        .find(|output| output.target == target)
        .expect("an output")
}

fn saved(explanation: &Explanation, target: &str) -> f64 {
    let saved = output(explanation, target).saved_by_dropping;
    saved.expect("a cost").frame_millis
}

fn on_board(policy: &Policy) -> Explanation {
    let profile = Profile::parse(PROFILE, "profile").expect("a profile");
    let evidence = Evidence {
        profile: Some(&profile),
        ..Evidence::default()
    };
    explained(policy, &evidence)
}

#[test]
fn a_shared_encoder_is_saved_only_where_nobody_else_reads_it() {
    let explanation = on_board(&Policy::shipped("apartment").expect("a policy"));
    // Its encoder stays for two others.
    assert_eq!(saved(&explanation, "segment_semantic"), 3.0);
    // The only reader of its encoder.
    assert_eq!(saved(&explanation, "odometry"), 34.0);
    let odometry = output(&explanation, "odometry").saved_by_dropping;
    assert_eq!(odometry.expect("a cost").memory_bytes, 5_000_000);
    // 10 a second of 30.
    assert!((saved(&explanation, "room_layout") - 2.0).abs() < 1e-9);
    let total = explanation.cost.expect("a cost").frame_millis;
    // Boxes were not measured, and cost what a readout does.
    let boxes = 2.5;
    assert!((total - (20.0 + 30.0 + 1.0 + 2.0 + 3.0 + 4.0 + 2.0 + boxes)).abs() < 1e-9);
}

#[test]
fn what_another_output_reads_stays_and_saves_nothing() {
    let explanation = on_board(&Policy::shipped("apartment").expect("a policy"));
    let depth = output(&explanation, "depth_zbuffer");
    assert_eq!(saved(&explanation, "depth_zbuffer"), 0.0);
    assert_eq!(depth.needed_by, ["odometry", "room_layout"]);
    // With odometry goes its encoder as well.
    let all = depth.saved_with_dependents.expect("a cost").frame_millis;
    assert!((all - (1.0 + 34.0 + 2.0)).abs() < 1e-9, "{all}");
    // The room needs normals 10 times a second; every frame of them is saved but those.
    assert!((saved(&explanation, "normal") - 2.0 * (1.0 - 1.0 / 3.0)).abs() < 1e-9);
    assert_eq!(output(&explanation, "odometry").saved_with_dependents, None);
}

#[test]
fn the_next_output_from_the_same_sources_costs_as_the_median_of_the_others() {
    let explanation = on_board(&Policy::shipped("apartment").expect("a policy"));
    let next = |target: &str| output(&explanation, target).next_from_same_sources;
    assert_eq!(next("depth_zbuffer").expect("a cost").frame_millis, 3.0);
    // Nothing else was measured there: a typical one.
    assert_eq!(next("odometry").expect("a cost").frame_millis, 2.5);
    assert_eq!(next("room_layout"), None);
}

#[test]
fn a_slower_reader_keeps_an_encoder_at_its_own_rate() {
    let text = "name = 'p'\nsupervision_budget = 1\n\
        [[transfer]]\ntarget = 'normal'\nsources = ['home_multi']\nrate_hz = 15\n\
        [[transfer]]\ntarget = 'depth_zbuffer'\nsources = ['home_multi']\n";
    let explanation = on_board(&Policy::parse(text, "p").expect("a policy"));
    // Without depth the encoder runs on every second frame.
    assert!((saved(&explanation, "depth_zbuffer") - (1.0 + 10.0)).abs() < 1e-9);
    assert!((saved(&explanation, "normal") - 1.0).abs() < 1e-9);
}

#[test]
fn every_shipped_policy_is_explained_without_any_evidence() {
    for name in Policy::shipped_names() {
        let policy = Policy::shipped(name).expect("a policy");
        let explanation = explained(&policy, &Evidence::default());
        assert_eq!(explanation.outputs.len(), policy.transfers().len());
        assert_eq!((explanation.cost, &explanation.why), (None, &None));
        assert_eq!(explanation.notes.len(), 3, "{:?}", explanation.notes);
        let readers = explanation
            .encoders
            .iter()
            .map(|encoder| encoder.read_by.len());
        assert!(readers.min() > Some(0));
    }
}

#[test]
fn a_profile_of_another_policy_is_refused_with_what_it_knows() {
    let policy = Policy::shipped("first_light").expect("a policy");
    let text = "device = 'a board'\n[[encoder]]\nsource = 'resnet'\nmillis = 1\n";
    let profile = Profile::parse(text, "profile").expect("a profile");
    let evidence = Evidence {
        profile: Some(&profile),
        ..Evidence::default()
    };
    let refused = explain(&policy, &evidence, Duration::MAX, &|| Duration::ZERO);
    assert_eq!(
        refused.expect_err("a refusal").to_string(),
        "policy first_light runs the encoder efficientnet_lite0, but the profile of `a board` \
         knows resnet: measure it with `concert profile --policy first_light`"
    );
}

fn table() -> TransferTable {
    let mut table = TableBuilder::new("table");
    for (target, sources, affinity, gain) in [
        ("normal", &["a"][..], 0.5, 0.9),
        ("normal", &["b"], 0.2, 0.6),
        ("normal", &["a", "b"], 0.3, 0.7),
        ("depth_zbuffer", &["a"], 0.1, 0.5),
        ("depth_zbuffer", &["b"], 0.9, 0.8),
    ] {
        let row = TransferRow {
            target: target.to_owned(),
            sources: sources.iter().map(|&source| source.to_owned()).collect(),
            affinity: Some(affinity),
            win_vs_task: None,
            win_vs_pixels: Some(gain),
        };
        table.push(&row, None).expect("a row");
    }
    table.finish(Completeness::Whole).expect("a table")
}

#[test]
fn the_best_policy_is_known_as_such_and_another_is_told_what_it_lacks() {
    let table = table();
    let problem = "target_only = ['normal', 'depth_zbuffer']\nsource_only = ['a', 'b']\n\
                   budget = 1\ntransform = 'identity'\n";
    let problem = Problem::parse(problem, "problem").expect("a problem");
    let policy = |source: &str| {
        let text = format!(
            "name = 'p'\nsupervision_budget = 1\n[[transfer]]\ntarget = 'normal'\nsources = ['{source}']\n\
             [[transfer]]\ntarget = 'depth_zbuffer'\nsources = ['{source}']\n"
        );
        Policy::parse(&text, "p").expect("a policy")
    };
    let evidence = Evidence {
        table: Some(&table),
        problem: Some(&problem),
        ..Evidence::default()
    };
    let best = explained(&policy("b"), &evidence);
    assert_eq!(output(&best, "normal").gain, Some(0.6));
    let why = best.why.expect("reasons");
    assert_eq!(
        (why.status, why.is_optimal),
        (SolveStatus::Optimal, Some(true))
    );
    assert!((why.objective.expect("a number") - 1.1).abs() < 1e-12);
    assert!((why.runner_up_objective.expect("a number") - 0.6).abs() < 1e-12);
    assert_eq!((why.unique, why.differences.len()), (Some(true), 0));
    let more = why.one_more.expect("more");
    assert!((more.rise - 0.3).abs() < 1e-12, "{more:?}");
    assert_eq!(
        (more.added, more.changed_targets),
        (vec!["a".to_owned()], vec!["normal".to_owned()])
    );

    let worse = explained(&policy("a"), &evidence).why.expect("reasons");
    assert_eq!(worse.is_optimal, Some(false));
    assert!((worse.policy_objective.expect("a number") - 0.6).abs() < 1e-12);
    assert_eq!(worse.differences.len(), 2, "{:?}", worse.differences);
}

#[test]
fn a_policy_over_the_budget_is_never_called_the_best() {
    let table = table();
    let problem = "target_only = ['normal', 'depth_zbuffer']\nsource_only = ['a', 'b']\n\
                   budget = 1\ntransform = 'identity'\n";
    let problem = Problem::parse(problem, "problem").expect("a problem");
    let text = "name = 'p'\nsupervision_budget = 2\n[[transfer]]\ntarget = 'normal'\nsources = ['a']\n\
                [[transfer]]\ntarget = 'depth_zbuffer'\nsources = ['b']\n";
    let policy = Policy::parse(text, "p").expect("a policy");
    let evidence = Evidence {
        table: Some(&table),
        problem: Some(&problem),
        ..Evidence::default()
    };
    let why = explained(&policy, &evidence).why.expect("reasons");
    assert!(why.policy_objective > why.objective);
    assert_eq!(why.is_optimal, Some(false));
}

#[test]
fn the_best_is_the_best_within_what_the_problem_takes_of_the_device() {
    let mut table = TableBuilder::new("table");
    for (source, affinity) in [("home_multi", 0.3), ("xfeat", 0.7)] {
        let row = TransferRow {
            target: "normal".to_owned(),
            sources: vec![source.to_owned()],
            affinity: Some(affinity),
            win_vs_task: None,
            win_vs_pixels: None,
        };
        table.push(&row, None).expect("a row");
    }
    let table = table.finish(Completeness::Whole).expect("a table");
    let profile = Profile::parse(PROFILE, "profile").expect("a profile");
    let policy = |source: &str| {
        let text = format!(
            "name = 'p'\nsupervision_budget = 1\n[[transfer]]\ntarget = 'normal'\nsources = ['{source}']\n"
        );
        Policy::parse(&text, "p").expect("a policy")
    };
    let why = |source: &str, device: &str| {
        let problem = format!(
            "target_only = ['normal']\nsource_only = ['xfeat', 'home_multi']\nbudget = 1\n{device}"
        );
        let problem = Problem::parse(&problem, "problem").expect("a problem");
        let evidence = Evidence {
            table: Some(&table),
            problem: Some(&problem),
            profile: Some(&profile),
            ..Evidence::default()
        };
        explained(&policy(source), &evidence).why.expect("reasons")
    };
    assert_eq!(why("xfeat", "").is_optimal, Some(true));
    // xfeat takes 30 ms, and the readout 2.5.
    let device = "[device]\nframe_millis = 25\n";
    let why_xfeat = why("xfeat", device);
    assert_eq!(why_xfeat.is_optimal, Some(false));
    assert_eq!(why_xfeat.sources_used, ["home_multi"]);
    assert_eq!(why("home_multi", device).is_optimal, Some(true));
    let small = why("xfeat", "[device]\nmemory_bytes = 6e6\n");
    assert_eq!(small.is_optimal, Some(true));
    assert_eq!(small.one_more.map(|more| more.rise), Some(0.0));
    // What a policy takes of energy is not known, so it is not called the best.
    let energy = "[device]\nframe_millijoules = 1\nframe_millis = 25\n";
    assert_eq!(why("home_multi", energy).is_optimal, None);
    assert_eq!(why("xfeat", energy).is_optimal, Some(false));
}
