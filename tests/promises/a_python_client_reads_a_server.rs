//! The client for Python, installed from its wheel, gives a server frames, reads every
//! kind of output as arrays, and asks it for policies; its examples write pictures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use concert_runtime::io::thread;
use serde_json::Value;

use crate::common::program::{Running, free_endpoint, written};
use crate::common::skip::skip;
use crate::common::{python_packages, repository};

const PREFIX: &str = "read/perception";

/// The wheel, made of a copy of its folder, and installed in another; `None`, said
/// aloud, where pip cannot have what it needs for that.
fn installed(folder: &Path) -> Option<PathBuf> {
    let copy = folder.join("source");
    let sources = repository().join("launch/python");
    std::fs::create_dir_all(copy.join("concert_client")).expect("a folder");
    for name in ["pyproject.toml", "README.md"] {
        std::fs::copy(sources.join(name), copy.join(name)).expect("a copy");
    }
    for entry in std::fs::read_dir(sources.join("concert_client")).expect("the package") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let name = path.file_name().expect("a name");
            std::fs::copy(&path, copy.join("concert_client").join(name)).expect("a copy");
        }
    }
    let pip = |arguments: &[&str]| -> Output {
        let mut pip = Command::new("python3");
        pip.args(["-I", "-m", "pip", "--disable-pip-version-check"]);
        pip.args(arguments).current_dir(folder);
        pip.output().expect("python3")
    };
    let made = pip(&[
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        "wheel",
        "./source",
    ]);
    if !made.status.success() {
        let error = String::from_utf8_lossy(&made.stderr);
        // What it builds with is fetched; what is wrong with us is no reason to skip.
        assert!(
            error.contains("No matching distribution found for setuptools"),
            "{error}"
        );
        skip(format_args!("pip makes no wheel: {error}"));
        return None;
    }
    let wheel = "./wheel/concert_client-0.1.0-py3-none-any.whl";
    assert!(folder.join(wheel).is_file(), "{made:?}");
    let done = pip(&[
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        "installed",
        wheel,
    ]);
    assert!(done.status.success(), "{done:?}");
    let installed = folder.join("installed");
    assert!(installed.join("concert_client/py.typed").is_file());
    Some(installed)
}

#[test]
fn frames_go_in_and_every_kind_of_output_comes_out_as_an_array() {
    let folder = tempfile::tempdir().expect("a folder");
    let packages = python_packages(&["eclipse-zenoh==1.10.2", "rosbags==0.11.9", "numpy"]);
    let (Some(packages), Some(client)) = (packages, installed(folder.path())) else {
        return;
    };
    let endpoint = free_endpoint();
    let launch = format!(
        "policy = \"home\"\n[[camera]]\nname = \"front\"\nkind = \"zenoh\"\n\
         key = \"robot/image\"\ncamera_info_key = \"robot/image/camera_info\"\n\
         depth_key = \"robot/image/depth\"\n[zenoh]\nlisten = [\"{endpoint}\"]\n\
         connect = []\n[publish]\nprefix = \"{PREFIX}\"\nimage = {{ enabled = true }}\n"
    );
    let launch = written(folder.path(), "own_frames.toml", &launch);
    let server = Running::start(&["serve", &launch, "--json"]);
    let path = std::env::join_paths([&client, &packages]).expect("a path");
    let python = |script: &str| {
        let mut python = Command::new("python3");
        python.arg(repository().join(script));
        python
            .env("PYTHONPATH", &path)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        python.current_dir(folder.path());
        python
    };
    let policy = repository().join("policies/shipped/first_light.toml");
    let mut client = python("tests/read_with_the_client.py");
    client
        .args([&endpoint, PREFIX])
        .arg(&policy)
        .arg(folder.path());
    let mut own = python("launch/python/examples/own_frames.py");
    own.args(["--connect", &endpoint, "--prefix", PREFIX]);
    until_it_answers(&mut own);
    assert_eq!(picture(&folder.path().join("own.png")), (640, 240));
    let found = until_it_answers(&mut client);
    let found: Value = serde_json::from_slice(&found).expect("one JSON object");
    let outputs = found["outputs"].as_object().expect("outputs");
    assert_eq!(outputs.len(), 8, "{found}");
    let refused = found["refused"].as_str().expect("a reason");
    assert!(refused.contains("serve --transfers"), "{refused}");
    assert_eq!(found["swap"]["status"], "swapped", "{found}");
    for name in ["depth_picture", "keypoints_on_image"] {
        picture(&folder.path().join(format!("{name}.png")));
    }
    let (code, _, stderr) = server.terminate();
    assert_eq!(code, Some(0), "{stderr}");
}

/// Size of a picture in which not all is alike.
fn picture(path: &Path) -> (u32, u32) {
    let picture = image::open(path).expect("a PNG").into_rgb8();
    let mut pixels = picture.pixels();
    let first = pixels.next().expect("a pixel");
    assert!(pixels.any(|pixel| pixel != first), "{}", path.display());
    picture.dimensions()
}

/// Runs a client until the server answers; what it said.
fn until_it_answers(client: &mut Command) -> Vec<u8> {
    let mut error = String::new();
    for _ in 0..30 {
        let output = client.output().expect("python3");
        if output.status.success() {
            return output.stdout;
        }
        error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("nobody answers at tcp/127.0.0.1"), "{error}");
        thread::sleep(std::time::Duration::from_secs(1));
    }
    panic!("{error}");
}
