//! F11: a model file that is changed under a running server is refused by its
//! hash when a swap reads it; what was loaded before goes on.

use crate::common;

use std::fs;
use std::path::Path;

use crate::common::program::{Running, free_endpoint, parsed, run, until_answered, written};
use serde_json::Value;

const POINTS: &str = "name = \"points\"\nsupervision_budget = 1\n\
                      [[transfer]]\ntarget = \"keypoints2d\"\nsources = [\"xfeat\"]\n";
const MATCHES: &str = "[[transfer]]\ntarget = \"point_matching\"\nsources = [\"xfeat\"]\n";

/// A folder of models of our own: one encoder and its two readouts.
fn models(folder: &Path) {
    for (kind, names) in [
        ("encoders", &["xfeat"][..]),
        (
            "readouts",
            &["keypoints2d_from_xfeat", "point_matching_from_xfeat"],
        ),
    ] {
        let to = folder.join(kind);
        fs::create_dir_all(&to).expect("a folder");
        for name in names {
            for ending in ["onnx", "toml", "LICENSE.txt"] {
                let name = format!("{name}.{ending}");
                let from = common::repository().join("models").join(kind).join(&name);
                fs::copy(from, to.join(name)).expect("copied");
            }
        }
    }
}

#[test]
fn it_is_refused_by_its_hash_and_the_old_policy_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("models_of_our_own");
    models(&own);
    let points = written(folder.path(), "points.toml", POINTS);
    let both = written(folder.path(), "both.toml", &(POINTS.to_owned() + MATCHES));
    let (endpoint, prefix) = (free_endpoint(), "changed/perception");
    let own = own.to_str().expect("UTF-8");
    let server = Running::start(&[
        "serve", &points, "--models", own, "--json", "--listen", &endpoint, "--prefix", prefix,
    ]);
    let ask = |policy: &str| {
        let output = run(&[
            "swap",
            policy,
            "--connect",
            &endpoint,
            "--prefix",
            prefix,
            "--json",
        ]);
        let answer = parsed(&output);
        (output, answer)
    };
    // It stands, and takes policies.
    let (_, answer) = until_answered(|| ask(&points));
    assert_ne!(answer["status"], "refused", "{answer}");

    let changed = Path::new(own).join("readouts/point_matching_from_xfeat.onnx");
    let mut bytes = fs::read(&changed).expect("a network");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&changed, &bytes).expect("written");
    let (output, answer) = ask(&both);
    assert_eq!(output.status.code(), Some(1), "{answer}");
    let error = answer["error"].as_str().expect("a reason");
    assert!(error.contains("point_matching_from_xfeat"), "{error}");
    assert!(error.contains("sha256"), "{error}");
    // Cut short, also the one that runs.
    fs::write(&changed, &bytes[..middle]).expect("written");
    let in_use = Path::new(own).join("readouts/keypoints2d_from_xfeat.onnx");
    fs::write(in_use, b"").expect("written");
    let (_, answer) = ask(&both);
    assert_eq!(answer["status"], "refused", "{answer}");

    let (code, stdout, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(figures["figures"]["policy"], "points");
}
