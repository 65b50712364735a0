//! F25: a command that cannot write the whole of a file leaves the old one as
//! it was, says which file it is and why, and ends with exit code 1. A limit of
//! nothing on the size of files stands for a full disk.
#![cfg(unix)]

use crate::common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::program::{run, written};

const OLD: &[u8] = b"what stood there before, and is dear to somebody";

/// Runs `concert` where no file can grow.
fn on_a_full_disk(arguments: &[&str]) -> Output {
    // A process that ignores SIGXFSZ is told by `write` instead.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_concert")])
        .args(arguments)
        .current_dir(common::repository())
        .stdin(Stdio::null())
        .output()
        .expect("sh runs")
}

/// Writes the file once for real, so that a failure is the disk's, and then on
/// a full disk.
fn keeps_the_old(file: &Path, arguments: &[&str]) {
    let good = run(arguments);
    assert!(good.status.success(), "{arguments:?}: {good:?}");
    assert!(file.is_file(), "{arguments:?} writes {}", file.display());
    std::fs::write(file, OLD).expect("an old file");
    let full = on_a_full_disk(arguments);
    let said = String::from_utf8_lossy(&full.stderr);
    assert_eq!(full.status.code(), Some(1), "{arguments:?}: {full:?}");
    let kept = std::fs::read(file).expect("the old file");
    assert_eq!(kept, OLD, "{arguments:?}");
    let name = file.file_name().expect("a name").to_string_lossy();
    assert!(
        said.contains(&*name) && said.contains("too large"),
        "{said}"
    );
    let folder = file.parent().expect("a folder");
    let left = std::fs::read_dir(folder).expect("a folder").flatten();
    let parts = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".concert"));
    assert_eq!(parts.count(), 0, "{arguments:?} leaves parts");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn model(name: &str) -> PathBuf {
    common::repository().join("models/readouts").join(name)
}

#[test]
fn networks() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.onnx");
    let network = model("keypoints2d_from_xfeat.onnx");
    let cut = [
        "models",
        "cut",
        text(&network),
        "--tap",
        "keypoints=level",
        "--out",
        text(&out),
    ];
    keeps_the_old(&out, &cut);
    let policy = "name = \"points\"\nsupervision_budget = 1\n[[transfer]]\ntarget = \"keypoints2d\"\n\
                  sources = [\"xfeat\"]\n";
    let policy = written(folder.path(), "points.toml", policy);
    let merge = ["models", "merge", "--policy", &policy, "--out", text(&out)];
    keeps_the_old(&out, &merge);
}

#[test]
fn policies_and_pictures_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let affinities = common::repository().join("policies/shipped/affinities");
    let (table, problem) = (
        affinities.join("apartment.csv"),
        affinities.join("apartment_problem.toml"),
    );
    let solve = [
        "solve",
        "--transfers",
        text(&table),
        "--problem",
        text(&problem),
    ];
    let out = folder.path().join("policy.toml");
    keeps_the_old(&out, &[&solve[..], &["--out", text(&out)]].concat());
    let picture = folder.path().join("front.svg");
    let pareto = ["--pareto", "--picture", text(&picture)];
    keeps_the_old(&picture, &[&solve[..], &pareto].concat());
    let graph = folder.path().join("graph.svg");
    keeps_the_old(&graph, &["explain", "home", "--picture", text(&graph)]);
}

#[test]
fn pictures_of_a_home() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("home.png");
    let view = ["apartment", "--view", text(&out), "--seeds", "3"];
    let quick = ["--size", "32x24", "--light", "flat", "--quiet"];
    keeps_the_old(&out, &[&view[..], &quick].concat());
}

#[test]
fn drawings_sheets_and_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = "name = \"depths\"\nsupervision_budget = 1\n[[transfer]]\n\
                  target = \"depth_zbuffer\"\nsources = [\"efficientnet_lite0\"]\n";
    let policy = written(folder.path(), "depths.toml", policy);
    let photograph = common::repository().join("launch/photographs/coffee.jpg");
    let drawn = folder.path().join("coffee.depth_zbuffer.png");
    let draw = [
        "draw",
        "--policy",
        &policy,
        "--image",
        text(&photograph),
        "--out",
    ];
    keeps_the_old(&drawn, &[&draw[..], &[text(folder.path())]].concat());

    let homes = folder.path().join("homes");
    let home = [
        "apartment",
        "--write",
        text(&homes),
        "--seeds",
        "3",
        "--frames",
        "2",
    ];
    let quick = ["--size", "64x48", "--light", "flat", "--quiet"];
    let data = run(&[&home[..], &quick].concat());
    assert!(data.status.success(), "{data:?}");
    let readout = "depth_zbuffer_from_efficientnet_lite0";
    let evaluate = ["evaluate", "--data", text(&homes), "--readout", readout];
    for (name, argument) in [("sheet.png", "--sheet"), ("table.csv", "--table")] {
        let out = folder.path().join(name);
        keeps_the_old(&out, &[&evaluate[..], &[argument, text(&out)]].concat());
    }
}
