//! A failure is never silent: what cannot be written to standard output is said
//! on standard error, what cannot be drawn is named with its reason, and no name
//! from elsewhere steers the terminal that it is shown on.
#![cfg(unix)]

use crate::common;

use std::fs::File;
use std::process::Output;

use crate::common::program::{concert, parsed, run, written};

/// Runs with standard output on a full disk: exit code, standard error.
fn with_full_output(arguments: &[&str]) -> (Option<i32>, String) {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux");
    let output = concert(arguments).stdout(full).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn a_report_that_is_lost_is_said() {
    for arguments in [
        &["check", "first_light", "--json"][..],
        &["check", "first_light"],
        &["models", "list"],
        &["schema", "launch"],
        &["tasks"],
        &["policies", "--json"],
        &["--help"],
        &["solve", "--help"],
        &["--version"],
    ] {
        let (code, said) = with_full_output(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        let word = "cannot write to standard output: No space left on device";
        assert!(said.contains(word), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    // What was refused stays refused, and is said beside.
    let (code, said) = with_full_output(&["check", "/nowhere.toml", "--json"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot write to standard output"), "{said}");
}

#[test]
fn a_reader_that_left_is_not_spoken_to() {
    for arguments in [&["models", "list"][..], &["--help"], &["tasks", "--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = concert(arguments).stdout(writer).output().expect("runs");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn a_log_that_is_lost_costs_the_log_alone() {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux");
    let arguments = ["check", "first_light", "--json", "-vvv"];
    let output = concert(&arguments).stderr(full).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(parsed(&output)["files"].as_array().map(Vec::len), Some(1));
}

/// Everything that a command says, on both streams.
fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    let text = streams.map(|stream| String::from_utf8_lossy(stream).into_owned());
    text.concat()
}

#[test]
fn names_from_elsewhere_do_not_steer_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let evil = "exe.\u{202e}gnp\u{9b}2J\u{1b}[2J\u{2066}\u{7}";
    // As TOML escapes them.
    let policy = format!(
        "name = \"a\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"{}\"\nsources = [\"xfeat\"]\n",
        "exe.\\u202egnp\\u009b2J\\u001b[2J\\u2066"
    );
    let policy = written(folder.path(), "policy.toml", &policy);
    let missing = folder.path().join(evil);
    let missing = missing.to_str().expect("UTF-8");
    std::fs::create_dir(missing).expect("a folder of that name");
    for arguments in [
        &["check", &policy][..],
        &["check", &policy, "--json"],
        &["check", missing],
        &["check", missing, "--json"],
        &["serve", missing],
        &["evaluate", "--data", missing, "--policy", "home"],
        &["draw", "--image", missing, "--out", missing],
        &["models", "list", "--models", missing],
        &["models", "list", "--models", missing, "--json"],
        &["solve", "--problem", missing, "--transfers", missing],
        &["swap", missing],
        &["watch", evil],
        &[evil],
        &["schema", evil, "--json"],
    ] {
        let output = run(arguments);
        let text = said(&output);
        assert!(!text.is_empty(), "{arguments:?}");
        let steers = |letter: char| concert::steers(letter) && letter != '\n';
        let found: Vec<_> = text.chars().filter(|&letter| steers(letter)).collect();
        assert!(found.is_empty(), "{arguments:?}: {found:?} in {text:?}");
    }
}

#[test]
fn an_output_without_a_picture_is_named_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = "name = \"matches\"\nsupervision_budget = 1\n[[transfer]]\n\
                  target = \"point_matching\"\nsources = [\"xfeat\"]\n";
    let policy = written(folder.path(), "matches.toml", policy);
    let photographs = common::repository().join("launch/photographs");
    let image = photographs.join("coffee.jpg");
    let image = image.to_str().expect("UTF-8");
    let out = folder.path().join("out");
    let out = out.to_str().expect("UTF-8");
    let draw = ["draw", "--json", "--policy", &policy, "--out", out];
    // Of one image there are no matches: no picture at all.
    let alone = run(&[&draw[..], &["--image", image]].concat());
    assert_eq!(alone.status.code(), Some(1), "{alone:?}");
    let missing = parsed(&alone)["missing"].clone();
    assert_eq!(missing[0]["target"], "point_matching", "{missing}");
    let reason = missing[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("more images"), "{reason}");
    // Of two there are, and a folder stands for its images.
    let pair = folder.path().join("pair");
    std::fs::create_dir(&pair).expect("a folder");
    for name in ["1.jpg", "2.jpg"] {
        std::fs::copy(image, pair.join(name)).expect("copied");
    }
    let pair = pair.to_str().expect("UTF-8");
    let both = run(&[&draw[..], &["--image", pair]].concat());
    assert_eq!(both.status.code(), Some(0), "{both:?}");
    let both = parsed(&both);
    assert_eq!(both["pictures"].as_array().map(Vec::len), Some(1), "{both}");
    assert_eq!(both["missing"].as_array().map(Vec::len), Some(1), "{both}");
    let text = said(
        &concert(&[&draw[..1], &draw[2..], &["--image", image]].concat())
            .stdout(std::process::Stdio::piped())
            .output()
            .expect("runs"),
    );
    assert!(text.contains("no picture of point_matching for"), "{text}");
}
