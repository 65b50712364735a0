//! `concert measure` turns a folder of labelled frames into a table and into
//! policies that are served; it goes on where it was stopped, in parts as well
//! as in one piece, and what cannot be measured is refused.

use crate::common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::common::program::run;
use serde_json::Value;

const SOURCES: &str = "efficientnet_lite0,xfeat";
const TARGETS: &str = "depth_zbuffer,normal";

/// Frames of two small homes.
fn homes(folder: &Path) -> PathBuf {
    let data = folder.join("homes");
    let output = run(&[
        "apartment",
        "--write",
        text(&data),
        "--seeds",
        "1..3",
        "--frames",
        "15",
        "--size",
        "160x120",
        "--light",
        "flat",
    ]);
    assert!(output.status.success(), "{output:?}");
    data
}

fn text(path: &Path) -> &str {
    path.to_str().expect("utf-8")
}

/// Runs `concert measure --json`: exit code, its one object, standard error.
fn measure(arguments: &[&str]) -> (Option<i32>, Value, String) {
    let mut all = vec!["measure", "--json"];
    all.extend(arguments);
    let output = run(&all);
    let stdout = String::from_utf8(output.stdout).expect("utf-8");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_str(&stdout).expect("JSON");
    (output.status.code(), value, errors)
}

fn arguments<'a>(data: &'a Path, out: &'a Path) -> Vec<&'a str> {
    vec![
        "--data",
        text(data),
        "--out",
        text(out),
        "--sources",
        SOURCES,
        "--targets",
        TARGETS,
        "--kind",
        "convolutional",
        "--steps",
        "6",
    ]
}

fn done(arguments: &[&str]) -> Value {
    let (code, value, errors) = measure(arguments);
    assert_eq!(code, Some(0), "{errors}");
    value
}

fn refused(arguments: &[&str], words: &[&str]) {
    let (code, value, errors) = measure(arguments);
    assert_eq!(code, Some(2), "{arguments:?}: {value} {errors}");
    for word in words {
        assert!(
            errors.contains(word),
            "`{word}` does not stand in: {errors}"
        );
    }
}

fn table(out: &Path) -> String {
    fs::read_to_string(out.join("affinities.csv")).expect("a table")
}

/// When each transfer was written.
fn written(out: &Path) -> Vec<(PathBuf, SystemTime)> {
    let entries = fs::read_dir(out.join("transfers")).expect("transfers");
    let mut all: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let modified = entry.metadata().and_then(|data| data.modified());
            (entry.path(), modified.expect("a time"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_folder_of_frames_becomes_a_policy_that_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = homes(folder.path());
    let out = folder.path().join("measured");
    let measured = done(&arguments(&data, &out));
    the_rows_are_right(&measured);
    nothing_is_done_twice(&data, &out);
    damage_is_found(&data, &out);
    shards_make_the_same_table(folder.path(), &data, &out);
    the_table_is_solved_again(&measured, &out);
    the_policies_are_served(&out);
    other_settings_are_refused(&data, &out);
}

fn the_rows_are_right(measured: &Value) {
    assert_eq!(measured["held_out_frames"], 6);
    assert_eq!(measured["frames"], 9);
    for target in measured["targets"].as_array().expect("targets") {
        let rows = target["transfers"].as_array().expect("rows");
        let mut sources: Vec<String> = rows.iter().map(|row| row["sources"].to_string()).collect();
        sources.sort();
        let expected = [
            r#"["efficientnet_lite0","xfeat"]"#,
            r#"["efficientnet_lite0"]"#,
            r#"["pixels"]"#,
            r#"["random"]"#,
            r#"["xfeat"]"#,
        ];
        assert_eq!(sources, expected);
        let sum: f64 = rows.iter().filter_map(|row| row["affinity"].as_f64()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        let pixels = rows.iter().find(|row| row["sources"][0] == "pixels");
        assert_eq!(pixels.expect("a row")["gain"], 0.5);
        assert!(rows.iter().all(|row| row["quality"].is_null()));
        assert!(target["estimate_rank_correlation"].is_f64(), "{target}");
    }
    for policy in measured["policies"].as_array().expect("policies") {
        let used = policy["answer"]["sources_used"].to_string();
        assert!(
            !used.contains("random") && !used.contains("pixels"),
            "{used}"
        );
        assert_eq!(policy["answer"]["status"], "optimal");
    }
}

fn nothing_is_done_twice(data: &Path, out: &Path) {
    let (before, table_before) = (written(out), table(out));
    done(&arguments(data, out));
    assert_eq!(written(out), before);
    assert_eq!(table(out), table_before);
    // What is lost is done again, and comes out the same; the rest is kept.
    let lost = out.join("transfers/normal_from_xfeat.json");
    fs::remove_file(&lost).expect("removed");
    done(&arguments(data, out));
    assert_eq!(table(out), table_before);
    let changed = written(out);
    let changed = changed.iter().filter(|one| !before.contains(one));
    assert_eq!(changed.map(|(path, _)| path).collect::<Vec<_>>(), [&lost]);
}

fn damage_is_found(data: &Path, out: &Path) {
    let table_before = table(out);
    let representations = fs::read_dir(out.join("representations")).expect("a folder");
    let mut folders: Vec<_> = representations
        .map(|entry| entry.expect("one").path())
        .collect();
    folders.sort();
    let cached = folders[0].join("000001.f16");
    let mut bytes = fs::read(&cached).expect("a representation");
    bytes[1000] ^= 4;
    fs::write(&cached, &bytes).expect("written");
    let record = out.join("transfers/depth_zbuffer_from_pixels.json");
    let changed = fs::read_to_string(&record)
        .expect("a record")
        .replacen("0.", "1.", 1);
    fs::write(&record, changed).expect("written");
    let (code, _, errors) = measure(&arguments(data, out));
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("000001.f16 is damaged"), "{errors}");
    assert!(
        errors.contains("depth_zbuffer_from_pixels.json is damaged"),
        "{errors}"
    );
    assert_eq!(table(out), table_before);
}

fn shards_make_the_same_table(folder: &Path, data: &Path, out: &Path) {
    let parts = [folder.join("part1"), folder.join("part2")];
    for (part, shard) in parts.iter().zip(["1/2", "2/2"]) {
        let mut arguments = arguments(data, part);
        arguments.extend(["--shard", shard]);
        done(&arguments);
    }
    let merged = folder.join("merged");
    let both = [
        "--merge",
        text(&parts[0]),
        "--merge",
        text(&parts[1]),
        "--out",
        text(&merged),
    ];
    refused(
        &["--merge", text(&parts[0]), "--out", text(&merged)],
        &[
            "normal: 4 of 4 transfers are not measured",
            "a shard is missing",
        ],
    );
    done(&both);
    assert_eq!(table(&merged), table(out));
    let other = folder.join("other");
    let mut different = arguments(data, &other);
    different.extend(["--shard", "2/2", "--seed", "7"]);
    done(&different);
    refused(
        &[
            "--merge",
            text(&parts[0]),
            "--merge",
            text(&other),
            "--out",
            text(&merged),
        ],
        &["seed 7, but 1 is wanted", "same settings"],
    );
    let readouts = fs::read_dir(parts[0].join("models/readouts")).expect("a folder");
    let mut networks = readouts.map(|entry| entry.expect("one").path());
    let network = networks.find(|path| path.extension().is_some_and(|end| end == "onnx"));
    fs::write(network.expect("a readout"), "of somebody else").expect("written");
    let fresh = folder.join("fresh");
    refused(
        &["--merge", text(&parts[0]), "--out", text(&fresh)],
        &["is damaged", "changed after it was measured"],
    );
}

fn the_table_is_solved_again(measured: &Value, out: &Path) {
    let (csv, problem) = (out.join("affinities.csv"), out.join("problem.toml"));
    let output = run(&[
        "solve",
        "--json",
        "--transfers",
        text(&csv),
        "--problem",
        text(&problem),
    ]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let chosen = &measured["policies"][1]["answer"];
    assert_eq!(answer["transfers"], chosen["transfers"]);
    assert_eq!(answer["objective"], chosen["objective"]);
}

fn the_policies_are_served(out: &Path) {
    for k in 1..=3 {
        let policy = out.join(format!("policy_k{k}.toml"));
        let output = run(&[
            "serve",
            text(&policy),
            "--frames",
            "2",
            "--json",
            "--listen",
            &common::program::free_endpoint(),
        ]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "k = {k}: {errors}");
    }
}

fn other_settings_are_refused(data: &Path, out: &Path) {
    let mut other = arguments(data, out);
    *other.last_mut().expect("steps") = "7";
    refused(&other, &["steps 6, but 7 is wanted", "--out"]);
    let mut fewer = arguments(data, out);
    fewer.extend(["--frames", "4"]);
    refused(&fewer, &["frames to fit on: 9 frames", "4 frames"]);
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_encoded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, out) = (homes(folder.path()), folder.path().join("out"));
    let with = |sources: &str, targets: &str, more: &[&str], words: &[&str]| {
        let mut arguments = vec!["--data", text(&data), "--out", text(&out)];
        arguments.extend(["--sources", sources, "--targets", targets]);
        arguments.extend(more);
        refused(&arguments, words);
        assert!(!out.exists(), "{arguments:?}");
    };
    with("efficientnet_lite", TARGETS, &[], &["efficientnet_lite0"]);
    with("pixels,random", TARGETS, &[], &["at least 1 source"]);
    with("xfeat,xfeat", TARGETS, &[], &["xfeat is given twice"]);
    with("xfeat", "normal,normal", &[], &["normal is given twice"]);
    with("xfeat", "class_object", &[], &["class_object has no label"]);
    with("xfeat", "odometry", &[], &["odometry is not fitted"]);
    with(
        "xfeat",
        TARGETS,
        &["--shard", "3/3"],
        &["there are 2 targets"],
    );
    with(
        "xfeat",
        TARGETS,
        &["--frames", "1"],
        &["1 frames to fit on", "at least 2"],
    );
    with("xfeat", TARGETS, &["--test-frames", "1"], &["1 held out"]);
    with(
        "xfeat",
        TARGETS,
        &["--test-data", text(&data)],
        &["those that are fitted on"],
    );
    let nowhere = folder.path().join("nowhere");
    with(
        "xfeat",
        TARGETS,
        &["--test-data", text(&nowhere)],
        &["nowhere"],
    );
    let output = run(&[
        "measure",
        "--data",
        text(&data),
        "--out",
        text(&out),
        "--sources",
        "xfeat",
        "--targets",
        "normals_",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean"));
}
