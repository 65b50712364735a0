//! `concert fit` teaches a new readout from a few labelled frames of a real
//! corridor: it beats the best constant on frames that come later, the same
//! network from pixels and an untrained encoder, and is served as any other.
#![cfg(feature = "onnxruntime")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{program, shared_data};
use serde_json::Value;

/// A folder with some frames of the corridor, linked.
fn frames(folder: &Path, numbers: impl Iterator<Item = usize>) -> Option<PathBuf> {
    let corridor = shared_data("corridor")?.canonicalize().expect("a path");
    fs::create_dir_all(folder).expect("a folder");
    let link = |name: &str| {
        std::os::unix::fs::symlink(corridor.join(name), folder.join(name)).expect("a link");
    };
    link("camera-intrinsics.txt");
    for number in numbers {
        link(&format!("frame-{number:06}.color.jpg"));
        link(&format!("frame-{number:06}.depth.png"));
    }
    Some(folder.to_owned())
}

fn json(arguments: &[&str]) -> Value {
    let output = program::run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    program::parsed(&output)
}

/// Arguments that fit a target.
fn fit<'a>(
    (data, out): (&'a Path, &'a Path),
    (target, sources): (&'a str, &'a str),
    more: &[&'a str],
) -> Vec<&'a str> {
    let mut arguments = vec!["fit", "--data", text(data), "--out", text(out)];
    arguments.extend(["--target", target, "--sources", sources]);
    arguments.extend(more);
    arguments
}

/// What `evaluate` says of a readout or a policy, with models from here, too.
fn evaluated(data: &Path, what: [&str; 2], models: &Path) -> Value {
    let mut arguments = vec!["evaluate", "--json", "--data", text(data)];
    arguments.extend(what);
    arguments.extend(["--models", text(models), "--models", "models"]);
    json(&arguments)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in utf-8")
}

#[test]
fn fourteen_frames_beat_the_constant_the_pixels_and_an_untrained_encoder() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..70).step_by(5)) else {
        return;
    };
    let later = frames(&root.join("later"), (75..110).step_by(5)).expect("as above");
    let out = root.join("models");
    let task = ("depth_zbuffer", "efficientnet_lite0");
    let few = ["--variant", "few", "--steps", "120", "--views", "3"];
    let mut arguments = fit((&train, &out), task, &few);
    arguments.extend(["--gain", "--json"]);
    let fitted = json(&arguments);
    let number = |at: &str| fitted.pointer(at).and_then(Value::as_f64).expect(at);
    assert!(number("/seconds") > 0.0);
    assert!(number("/quality/abs_rel") < number("/quality/constant"));
    for baseline in ["pixels", "random"] {
        let gain = number(&format!("/gain/{baseline}/gain"));
        assert!(gain > 0.5, "won on {gain} of the frames against {baseline}");
        let error = number(&format!("/gain/{baseline}/error"));
        assert!(number("/quality/held_out") < error, "{baseline}: {error}");
    }
    let readout = PathBuf::from(fitted["readout"].as_str().expect("a path"));
    assert!(readout.is_file() && Path::new(fitted["card"].as_str().expect("a path")).is_file());
    let alone = evaluated(&later, ["--readout", text(&readout)], &out);
    let (error, constant) = (&alone["abs_rel"], &alone["constant"]["abs_rel"]);
    let (error, constant) = (
        error.as_f64().expect("a number"),
        constant.as_f64().expect("one"),
    );
    assert!(
        error < 0.5 * constant,
        "{error}, the best constant {constant}"
    );

    // The same through the pipeline that serves it.
    let policy = root.join("few.toml");
    let served = "name = \"few\"\nsupervision_budget = 1\nmax_order = 1\n\n[[transfer]]\n\
                  target = \"depth_zbuffer\"\nsources = [\"efficientnet_lite0\"]\n\
                  readout = \"few\"\n";
    fs::write(&policy, served).expect("a file");
    let whole = evaluated(&later, ["--policy", text(&policy)], &out);
    let through = whole["abs_rel"].as_f64().expect("a number");
    assert!((through - error).abs() < 1e-6, "{through} but {error}");
}

#[test]
fn labels_that_follow_from_depth_are_fitted_also_from_two_sources() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..40).step_by(5)) else {
        return;
    };
    let out = root.join("models");
    let fits = [
        ("normal", "efficientnet_lite0,xfeat"),
        ("edge_occlusion", "xfeat"),
        ("reshading", "efficientnet_lite0"),
        ("curvature", "efficientnet_lite0"),
    ];
    for (target, sources) in fits {
        let closed_form = ["--kind", "ridge", "--json"];
        let fitted = json(&fit((&train, &out), (target, sources), &closed_form));
        let name = format!("{target}_from_{}", sources.replace(',', "+"));
        assert_eq!(fitted["name"], name.as_str());
        assert!(fitted["lambda"].as_f64().expect("a strength") > 0.0);
        let card = fitted["card"].as_str().expect("a path");
        let checked = program::run(&["models", "check", card]);
        assert!(checked.status.success(), "{target}: {checked:?}");
    }
}

#[test]
fn what_frames_lack_is_said() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..30).step_by(5)) else {
        return;
    };
    fs::remove_file(train.join("frame-000005.depth.png")).expect("a link");
    let halved = train.join("frame-000010.color.jpg");
    let picture = image::open(&halved).expect("a picture");
    fs::remove_file(&halved).expect("a link");
    let small = picture.thumbnail(picture.width() / 2, picture.height() / 2);
    small.save(&halved).expect("a picture");
    let task = ("depth_zbuffer", "efficientnet_lite0");
    let mut arguments = fit((&train, root), task, &["--kind", "ridge"]);
    let said = program::run(&arguments);
    let said = String::from_utf8_lossy(&said.stdout);
    for line in [
        "1 of 6 frames have no label, or no known value in it: they teach nothing",
        "1 of 5 frames have depth of another size than their picture",
    ] {
        assert!(said.contains(line), "{said}");
    }
    arguments.push("--json");
    let fitted = json(&arguments);
    assert_eq!(fitted["unlabelled_frames"], 1);
    assert_eq!(fitted["rescaled_frames"], 1);
    assert_eq!(fitted["uncalibrated_frames"], 0);
}

#[test]
fn a_full_disk_and_an_unknown_source_are_refused_and_leave_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..15).step_by(5)) else {
        return;
    };
    // A file where a folder must be made stands for what cannot be written.
    let blocked = root.join("blocked");
    fs::write(&blocked, "a file").expect("a file");
    let refused = |sources: &str, out: &Path| {
        let closed_form = ["--kind", "ridge", "--quiet"];
        let arguments = fit((&train, out), ("depth_zbuffer", sources), &closed_form);
        let output = program::run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let (code, said) = refused("efficientnet_lite0", &blocked);
    assert!(
        matches!(code, Some(1 | 2)) && said.contains("blocked"),
        "{code:?}: {said}"
    );
    let out = root.join("models");
    let (code, said) = refused("efficientnet_lite", &out);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("did you mean efficientnet_lite0"), "{said}");
    assert!(!out.exists());
}
