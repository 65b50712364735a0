//! Odometry's covariances are of the size of its errors: on tours of simulated
//! homes, whose poses are exact, with depth from the camera, from a readout, and
//! without.

use crate::common;

use std::fs;
use std::path::Path;

use crate::common::program;
use serde_json::Value;

const READ_OUT: &str = r#"
[[transfer]]
target = "depth_zbuffer"
sources = ["efficientnet_lite0"]
"#;

/// Writes a sharp tour of a home into `folder/tour`.
fn write_tour(folder: &Path, seed: &str, frames: &str) {
    let tour = folder.join("tour");
    let tour = tour.to_str().expect("UTF-8");
    let written = program::run(&[
        "apartment",
        "--write",
        tour,
        "--views",
        "tour",
        "--seeds",
        seed,
        "--frames",
        frames,
        "--size",
        "320x240",
        "--shutter",
        "0",
        "--light",
        "draft",
    ]);
    let errors = String::from_utf8_lossy(&written.stderr);
    assert!(written.status.success(), "{errors}");
}

/// What `evaluate` says of odometry with depth from `input`, if from anywhere.
fn measures(folder: &Path, input: Option<&str>, more: &str) -> Value {
    measures_on(folder, (input, more), "2")
}

/// As [`measures`], on so many threads.
fn measures_on(folder: &Path, (input, more): (Option<&str>, &str), threads: &str) -> Value {
    let policy = folder.join(format!("{}.toml", input.unwrap_or("alone")));
    let inputs = input.map_or(String::new(), |input| format!("inputs = [\"{input}\"]"));
    let text = format!(
        "name = \"honest\"\nsupervision_budget = 2\n[[transfer]]\ntarget = \"odometry\"\n\
         sources = [\"xfeat\"]\n{inputs}\n{more}"
    );
    fs::write(&policy, text).expect("a policy");
    let data = folder.join("tour");
    let paths = [data, policy].map(|path| path.to_str().expect("UTF-8").to_owned());
    let output = program::run(&[
        "evaluate",
        "--data",
        &paths[0],
        "--policy",
        &paths[1],
        "--json",
        "--threads",
        threads,
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    match told.pointer("/targets/odometry") {
        Some(of_odometry) => of_odometry.clone(),
        None => told,
    }
}

#[test]
fn errors_on_a_simulated_tour_are_of_the_size_that_covariances_say() {
    let folder = tempfile::tempdir().expect("a folder");
    write_tour(folder.path(), "11", "40");
    // A covariance ten times too small is outside, and for a readout's depth one that
    // is ten times too large. A simulated camera's depth is exact, which odometry
    // cannot know: it says what a real one's is worth (below, on real ones), while
    // steps are off by less than a millimetre.
    let of_each = [
        ("camera.depth", "", 0.0..=5.0),
        ("depth_zbuffer", READ_OUT, 0.1..=3.0),
    ];
    for (input, more, honest) in of_each {
        let told = measures(folder.path(), Some(input), more);
        let value = |name: &str| told[name].as_f64().expect(name);
        let (nees, tracked) = (value("nees_median"), value("tracked"));
        println!(
            "{input}: nees {:.2}, median {nees:.2}; worst step off by {:.2} degrees; tracked {tracked:.2}",
            value("nees"),
            value("rpe_deg_worst"),
        );
        assert!(honest.contains(&nees), "{input}: median nees {nees}");
        assert!(tracked > 0.7, "{input}: tracked {tracked}");
    }
}

/// On two threads its encoders run side by side, and it beside the readout that
/// follows it; on one, everything in turn.
#[test]
fn the_same_comes_of_it_on_one_thread_and_beside_others() {
    let folder = tempfile::tempdir().expect("a folder");
    write_tour(folder.path(), "12", "16");
    let follows = format!(
        "{READ_OUT}[[transfer]]\ntarget = \"normal\"\nsources = [\"efficientnet_lite0\"]\n"
    );
    let with = (Some("depth_zbuffer"), follows.as_str());
    let [in_turn, beside] = ["1", "2"].map(|threads| measures_on(folder.path(), with, threads));
    assert!(in_turn["tracked"].as_f64() > Some(0.3), "{in_turn}");
    assert_eq!(in_turn, beside);
}

/// Covariances used to be too small by four to six times where depth is not quite
/// registered to the image.
#[test]
fn errors_on_real_recordings_with_depth_are_of_the_size_that_covariances_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("depth.toml");
    let text = "name = \"honest\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"odometry\"\n\
                sources = [\"xfeat\"]\ninputs = [\"camera.depth\"]\n";
    fs::write(&policy, text).expect("a policy");
    let policy = policy.to_str().expect("UTF-8");
    for (name, every, worst_m) in [
        ("rooms/hall_tum_fr3_structure", "1", 0.02),
        ("rooms/hall_tum_fr3_structure", "3", 0.03),
        ("redwood_rgbd", "1", 0.008),
    ] {
        let Some(data) = common::shared_data(name) else {
            return;
        };
        let data = data.to_str().expect("UTF-8");
        let output = program::run(&[
            "evaluate", "--data", data, "--policy", policy, "--every", every, "--json",
        ]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let told = &told["targets"]["odometry"];
        let value = |name: &str| told[name].as_f64().expect(name);
        let (nees, worst) = (value("nees_median"), value("rpe_m_worst"));
        println!("{name}, every {every}: nees {nees:.2}, worst step off by {worst:.4} m");
        assert!(told["outcomes"].get("lost").is_none(), "{name}: {told}");
        assert!((0.1..9.0).contains(&nees), "{name}: median nees {nees}");
        assert!(worst < worst_m, "{name}: a step is off by {worst} m");
    }
}

/// A wrong motion of the first frames used to be learnt as depths, which then
/// confirmed it: steps were wrong by four degrees, and said to be good to a third
/// of one.
#[test]
fn without_depth_no_step_is_told_that_is_wrong_by_more_than_three_degrees() {
    for seed in ["33", "36"] {
        let folder = tempfile::tempdir().expect("a folder");
        write_tour(folder.path(), seed, "50");
        let told = measures(folder.path(), None, "");
        let value = |name: &str| told[name].as_f64().expect(name);
        let (worst, tracked) = (value("rpe_deg_worst"), value("tracked"));
        let (median, most) = (value("nees_turn_median"), value("nees_turn_p99"));
        println!(
            "seed {seed}: worst step off by {worst:.2} degrees; nees of turns {median:.2} in the \
             median, {most:.1} at most; tracked {tracked:.2}"
        );
        assert!(worst < 3.0, "seed {seed}: a step is off by {worst} degrees");
        assert!((0.1..2.5).contains(&median), "seed {seed}: nees {median}");
        assert!(most < 30.0, "seed {seed}: nees up to {most}");
        assert!(tracked > 0.6, "seed {seed}: tracked {tracked}");
    }
}
