//! `concert profile` measures what `concert solve` and `concert explain` read.

use crate::common::program::{parsed, run, written};
use concert_policies::Policy;
use concert_policies::profile::Profile;
use serde_json::Value;

const TABLE: &str = "\
target,order,sources,affinity,win_vs_task,win_vs_pixels
keypoints2d,1,xfeat,0.9,,0.9
keypoints2d,1,efficientnet_lite0,0.1,,0.2
class_object,1,efficientnet_lite0,0.8,,0.8
class_object,1,xfeat,0.2,,0.1
";
const PROBLEM: &str = "\
target_only = ['keypoints2d', 'class_object']
source_only = ['xfeat', 'efficientnet_lite0']
budget = 2
transform = 'identity'
";

#[test]
fn a_measured_profile_prices_a_choice_and_a_policy() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("here.toml").display().to_string();
    let output = run(&[
        "profile",
        "--policy",
        "first_light",
        "--runs",
        "6",
        "--size",
        "320x240",
        "--out",
        &out,
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json = parsed(&output);
    let profile = Profile::read(&out).unwrap();
    let policy = Policy::shipped("first_light").unwrap();
    for source in policy.encoders() {
        let load = profile.encoder(source).expect("measured");
        assert!(load.millis > 0.0 && load.p99_millis >= Some(load.millis));
        assert!(load.memory_bytes > 1_000_000, "{load:?}");
    }
    for encoder in profile.encoders() {
        let part = encoder.preprocess_millis.expect("measured");
        assert!(part > 0.0 && part < encoder.load.millis);
    }
    assert_eq!(profile.readouts().len(), policy.transfers().len());
    assert_eq!(json["readouts"].as_array().map(Vec::len), Some(3));
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "nothing is left beside the profile");

    let table = written(folder.path(), "table.csv", TABLE);
    let problem = written(folder.path(), "problem.toml", PROBLEM);
    let solve = |budget: &str| {
        run(&[
            "solve",
            "--json",
            "--transfers",
            &table,
            "--problem",
            &problem,
            "--profile",
            &out,
            "--frame-budget",
            budget,
        ])
    };
    let ample = parsed(&solve("60s"));
    assert_eq!(
        ample["sources_used"].as_array().map(Vec::len),
        Some(2),
        "{ample}"
    );
    // Half of what that takes affords one of the two encoders at most.
    let half = ample["usage"]["frame_millis"].as_f64().unwrap() * 0.9;
    let tight = solve(&format!("{half}ms"));
    let tight = parsed(&tight);
    assert_eq!(
        tight["sources_used"].as_array().map(Vec::len),
        Some(1),
        "{tight}"
    );
    assert!(tight["usage"]["frame_millis"].as_f64().unwrap() <= half);
    assert_eq!(solve("0.001ms").status.code(), Some(1));

    let picture = folder.path().join("graph.svg").display().to_string();
    let explained = run(&[
        "explain",
        "first_light",
        "--json",
        "--profile",
        &out,
        "--transfers",
        &table,
        "--problem",
        &problem,
        "--picture",
        &picture,
    ]);
    assert_eq!(explained.status.code(), Some(0), "{explained:?}");
    let explained = parsed(&explained);
    let output = |target: &str| {
        let outputs = explained["outputs"].as_array().unwrap();
        outputs
            .iter()
            .find(|o| o["target"] == target)
            .unwrap()
            .clone()
    };
    let saved = |target: &str| {
        output(target)["saved_by_dropping"]["frame_millis"]
            .as_f64()
            .unwrap()
    };
    // The classes are the only output that reads their encoder.
    let own = output("class_object")["readout_cost"]["frame_millis"]
        .as_f64()
        .unwrap();
    assert!(saved("class_object") > own);
    assert_eq!(output("keypoints2d")["gain"], 0.9);
    assert_eq!(explained["why"]["status"], "optimal");
    assert!(
        std::fs::read_to_string(&picture)
            .unwrap()
            .starts_with("<svg")
    );

    // Another policy of the same encoders, whose readouts were not measured.
    let other = run(&["explain", "apartment_k2", "--profile", &out]);
    let stderr = String::from_utf8_lossy(&other.stderr);
    assert_eq!(other.status.code(), Some(0), "{stderr}");
}

#[test]
fn what_cannot_be_measured_or_explained_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let other = "device = 'a board'\n[[encoder]]\nsource = 'resnet'\nmillis = 1\n";
    let other = written(folder.path(), "other.toml", other);
    let table = written(folder.path(), "table.csv", "target,order,sources\n");
    for (args, words) in [
        (
            &["profile", "--encoders", "no_such_encoder"][..],
            "no_such_encoder",
        ),
        (
            &["profile", "--readouts", "depth_from_nothing"],
            "depth_from_nothing",
        ),
        (&["profile", "--policy", "no_such_policy"], "no_such_policy"),
        (&["profile", "--runs", "0"], "--runs"),
        (&["profile", "--size", "9x9"], "WIDTHxHEIGHT"),
        (&["profile", "--out", "/nowhere/at/all.toml"], "/nowhere/at"),
        (&["explain", "no_such_policy"], "no_such_policy"),
        (&["explain", "first_light", "--picture", "a.png"], ".svg"),
        (&["explain", "first_light", "--profile", &other], "resnet"),
        (
            &["explain", "first_light", "--transfers", &table],
            "table.csv",
        ),
        (
            &["explain", "first_light", "--problem", &table],
            "--transfers",
        ),
    ] {
        let output = run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
}

#[test]
fn the_shipped_policies_are_explained_and_drawn_with_nothing_measured() {
    let folder = tempfile::tempdir().unwrap();
    for name in Policy::shipped_names() {
        let picture = folder.path().join(format!("{name}.svg"));
        let picture = picture.display().to_string();
        let output = run(&["explain", name, "--picture", &picture, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let json = parsed(&output);
        assert_eq!(json["policy"], name);
        assert_eq!(json["cost"], Value::Null);
        let drawn = std::fs::read_to_string(&picture).unwrap();
        for output in json["outputs"].as_array().unwrap() {
            assert!(drawn.contains(output["target"].as_str().unwrap()));
        }
    }
}
