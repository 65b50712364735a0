//! Odometry's covariances are of the size of its errors: on a tour of a simulated
//! home, whose poses are exact, with depth from the camera and from a readout.
#![cfg(feature = "onnxruntime")]

mod common;

use std::fs;
use std::path::Path;

use common::program;
use serde_json::Value;

const READ_OUT: &str = r#"
[[transfer]]
target = "depth_zbuffer"
sources = ["efficientnet_lite0"]
"#;

/// What `evaluate` says of odometry with depth from `input`.
fn measures(folder: &Path, input: &str, more: &str) -> Value {
    let policy = folder.join(format!("{input}.toml"));
    let text = format!(
        "name = \"honest\"\nsupervision_budget = 2\n[[transfer]]\ntarget = \"odometry\"\n\
         sources = [\"xfeat\"]\ninputs = [\"{input}\"]\n{more}"
    );
    fs::write(&policy, text).expect("a policy");
    let data = folder.join("tour");
    let paths = [data, policy].map(|path| path.to_str().expect("UTF-8").to_owned());
    let output = program::run(&[
        "evaluate", "--data", &paths[0], "--policy", &paths[1], "--json",
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
    let tour = folder.path().join("tour");
    let tour = tour.to_str().expect("UTF-8");
    let written = program::run(&[
        "apartment",
        "--write",
        tour,
        "--views",
        "tour",
        "--seeds",
        "11",
        "--frames",
        "40",
        "--size",
        "320x240",
        "--shutter",
        "0",
        "--light",
        "draft",
    ]);
    let errors = String::from_utf8_lossy(&written.stderr);
    assert!(written.status.success(), "{errors}");
    // A covariance ten times too large or too small is outside.
    let of_each = [
        ("camera.depth", "", 0.3..=5.0),
        ("depth_zbuffer", READ_OUT, 0.1..=3.0),
    ];
    for (input, more, honest) in of_each {
        let told = measures(folder.path(), input, more);
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
