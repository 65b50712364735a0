//! A robot that sees only what Concert publishes does what it is asked, or says
//! that it did not.

use serde_json::Value;

use crate::common::program::{parsed, run};

/// Runs an errand; its exit code and what it says.
fn errand(args: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[&["fetch-soda", "--json", "--quiet"], args].concat());
    (output.status.code(), parsed(&output))
}

/// That errands are done is tried in simulated time (`launch/fetch_soda/trial.rs`);
/// here it is three processes that meet, on a computer that others use, too.
#[test]
fn who_sees_the_truth_drives_and_what_it_says_of_the_errand_is_so() {
    let (code, run) = errand(&["--perception", "truth", "--seed", "403", "--seconds", "60"]);
    let is_done = run["success"] == true;
    assert_eq!(code, Some(if is_done { 0 } else { 1 }), "{run}");
    let releases = run["hand"]["releases"].as_array().expect("a list");
    let is_handed_over = releases.iter().any(|one| {
        one["class"] == "can" && one["metres_from_start"].as_f64().is_some_and(|m| m < 0.8)
    });
    assert_eq!(is_done, is_handed_over, "{run}");
    assert!(run["path_m"].as_f64().is_some_and(|way| way > 1.0), "{run}");
    assert!(
        run["perceived_hz"].as_f64().is_some_and(|rate| rate > 1.0),
        "{run}"
    );
}

#[test]
fn who_is_blind_fails_and_stands_still() {
    let (code, run) = errand(&["--perception", "blind", "--seed", "403", "--seconds", "20"]);
    assert_eq!(
        (code, &run["success"]),
        (Some(1), &Value::Bool(false)),
        "{run}"
    );
    assert_eq!(run["hurting_bumps"], 0);
    assert!(run["hand"]["grasps"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn what_is_no_errand_is_refused_before_anything_starts() {
    let (code, run) = errand(&["--errand", "sing a song"]);
    assert_eq!(code, Some(2));
    let error = run["error"].as_str().unwrap_or_default();
    assert!(error.contains("`sing a song` is no errand"), "{run}");
}

/// Whether it then finds one is tried elsewhere; here it is taught and sees by what it was
/// taught.
#[test]
fn what_no_readout_knows_is_taught_to_the_running_server() {
    let line = [
        "--errand",
        "bring the red mug",
        "--seed",
        "403",
        "--seconds",
        "40",
    ];
    let (_, run) = errand(&line);
    let taught = &run["taught"];
    assert_eq!(taught["class"], "red cup", "{run}");
    assert_eq!(taught["frames"], 20);
    assert_eq!(taught["readout"], "object_detection_from_home_multi@taught");
    let served = run["perceived"]["policy_hash"].as_str();
    assert_eq!(taught["policy_hash"].as_str(), served, "{run}");
    assert!(served.is_some(), "{run}");
}
