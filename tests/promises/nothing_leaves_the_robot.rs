//! The promise that Concert sends and keeps nothing about the machine.

use crate::common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::program::{concert, written};

/// Variables that make ONNX Runtime take this machine for a build server, where it
/// keeps quiet by itself; and the one that switches it off.
const QUIET: [&str; 17] = [
    "ORT_DISABLE_TELEMETRY",
    "DO_NOT_TRACK",
    "CI",
    "TF_BUILD",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "CIRCLECI",
    "TRAVIS",
    "JENKINS_URL",
    "CODEBUILD_BUILD_ID",
    "BUILDKITE",
    "TEAMCITY_VERSION",
    "APPVEYOR",
    "BITBUCKET_BUILD_NUMBER",
    "BUILD_ID",
    "BUILD_NUMBER",
    "CONTINUOUS_INTEGRATION",
];

/// The cache with the library, which the test's own home does not have.
fn cache() -> PathBuf {
    // Fetches the library where it is not there yet.
    drop(common::first_light::engine());
    concert_runtime::io::library::cache_folder().expect("a cache folder")
}

/// As a robot's user: a home of its own, and none of the variables above.
fn as_on_a_robot(command: &mut Command, home: &Path, cache: &Path) -> Output {
    for name in QUIET {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("XDG_") {
            command.env_remove(name);
        }
    }
    command.env("HOME", home).env("CONCERT_CACHE", cache);
    command.output().expect("it runs")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_below(&entry.path())),
            _ => files.push(entry.path()),
        }
    }
    files
}

fn picture(folder: &Path) -> String {
    let path = folder.join("grey.png");
    image::RgbImage::from_pixel(64, 48, image::Rgb([90; 3]))
        .save(&path)
        .expect("a picture");
    path.display().to_string()
}

#[test]
fn running_networks_leaves_nothing_in_the_users_home() {
    let (home, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (cache, image) = (cache(), picture(work.path()));
    let out = work.path().join("out").display().to_string();
    let draw = [
        "draw",
        "--policy",
        "first_light",
        "--image",
        &image,
        "--out",
        &out,
    ];
    let output = as_on_a_robot(&mut concert(&draw), home.path(), &cache);
    assert!(output.status.success(), "{output:?}");
    let output = as_on_a_robot(&mut concert(&["doctor"]), home.path(), &cache);
    assert!(!output.stdout.is_empty(), "{output:?}");
    assert_eq!(files_below(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn serving_asks_for_no_name_and_leaves_nothing() {
    if Command::new("strace").arg("--version").output().is_err() {
        crate::common::skip::cannot(format_args!("there is no strace to watch with"));
        return;
    }
    let (home, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (cache, image) = (cache(), picture(work.path()));
    let launch = format!(
        r#"policy = "first_light"

[[camera]]
name = "front"
kind = "images"
paths = ["{image}"]
rate_hz = 20

[zenoh]
listen = ["{}"]
connect = []
"#,
        common::program::free_endpoint()
    );
    let launch = written(work.path(), "launch.toml", &launch);
    let trace = work.path().join("trace");
    let mut command = Command::new("strace");
    command
        .current_dir(common::repository())
        .args(["-f", "-qq", "-s", "200"])
        .args(["-e", "trace=connect,sendto,sendmsg,sendmmsg"])
        .arg("-o")
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_concert"))
        .args(["serve", &launch, "--frames", "20", "--json"]);
    let output = as_on_a_robot(&mut command, home.path(), &cache);
    let calls = std::fs::read_to_string(&trace).unwrap_or_default();
    if calls.is_empty() && !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        crate::common::skip::cannot(format_args!("strace may not watch here: {said}"));
        return;
    }
    assert!(output.status.success(), "{output:?}");
    let asks = |line: &&str| line.contains("htons(53)") || line.contains("microsoft");
    assert_eq!(calls.lines().find(asks), None);
    assert_eq!(files_below(home.path()), Vec::<PathBuf>::new());
}
