//! What a robot publishes is recorded as it is, replayed to the last bit, read by
//! software that is not ours, and whole up to its last chunk whatever happens to the
//! recorder (F25, F26, F33).
#![cfg(unix)]

use crate::common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use concert_runtime::io::recording::{RecordingContents, RecordingEnd};
use concert_runtime::io::thread;
use serde_json::{Value, json};

use crate::common::program::{Running, free_endpoint, parsed, run, written};

const PREFIX: &str = "recorded/perception";
/// In which whatever is waited for must have happened.
const LIMIT: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(50);

/// A robot in a home; its camera's image is published once a second unless somebody
/// asks for more.
fn robot(folder: &Path, policy: &str, endpoint: &str) -> Running {
    let launch = format!(
        "policy = \"{policy}\"\n\
         [[camera]]\nname = \"front\"\nkind = \"apartment\"\nseed = 7\n\
         width = 320\nheight = 240\nrate_hz = 15\nantialias = false\n\
         [publish]\nprefix = \"{PREFIX}\"\n[publish.image]\nrate_hz = 1\n"
    );
    let launch = written(folder, "robot.toml", &launch);
    Running::logging_to(
        &folder.join("robot.log"),
        &["serve", &launch, "--json", "--listen", endpoint],
    )
}

fn recorder(endpoint: &str, file: &Path, more: &[&str]) -> Running {
    let mut arguments = vec!["record", text(file), "--json", "--connect", endpoint];
    arguments.extend(["--prefix", PREFIX]);
    arguments.extend(more);
    Running::start(&arguments)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn until(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..LIMIT.as_millis() / LOOK.as_millis() {
        if happened() {
            return;
        }
        thread::sleep(LOOK);
    }
    panic!("not within {LIMIT:?}: {what}");
}

/// A recording of the policy `home` from the first frame that somebody listened to,
/// and what the recorder said of it. Made once.
fn home() -> &'static (PathBuf, Value) {
    static MADE: OnceLock<(PathBuf, Value)> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recording");
        std::fs::create_dir_all(&folder).expect("a folder");
        let (endpoint, file) = (free_endpoint(), folder.join("home.mcap"));
        let _ = std::fs::remove_file(&file);
        let robot = robot(&folder, "home", &endpoint);
        let recording = recorder(&endpoint, &file, &["--max-bytes", "12M"]);
        let (code, stdout, stderr) = recording.ended(LIMIT);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        let report: Value = serde_json::from_str(&stdout).expect("one JSON object");
        let (code, _, _) = robot.terminate();
        assert_eq!(code, Some(0));
        (file, report)
    })
}

fn replay(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[&["replay"], arguments, &["--json"]].concat());
    (output.status.code(), parsed(&output))
}

#[test]
fn the_recorded_policy_computes_every_output_again_to_the_last_bit() {
    let (file, report) = home();
    assert_eq!(
        (&report["ended"], &report["refused"]),
        (&json!("bytes"), &json!(0))
    );
    let length = std::fs::metadata(file).expect("a file").len();
    assert!((8_000_000..12_000_000).contains(&length), "{length}");
    let (code, replayed) = replay(&[text(file), "--exact"]);
    assert_eq!(code, Some(0), "{replayed}");
    let frames = &replayed["frames"];
    let images = report["keys"]["image"]["messages"]
        .as_u64()
        .expect("a count");
    assert!(images >= 10, "{report}");
    assert_eq!(frames["replayed"], images);
    assert_eq!(
        frames["missing"], 0,
        "images of a launch file's 1 Hz: {replayed}"
    );
    for one in replayed["outputs"].as_array().expect("outputs") {
        let compared = one["compared"].as_u64().expect("a count");
        assert!(compared > 0 && one["identical"] == compared, "{one}");
        // The last ones may have been cut off beside their image.
        assert_eq!(one["only_recorded"], 0, "{one}");
    }
    let keys: Vec<_> = replayed["outputs"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(keys.len(), 9, "{replayed}");
    let policy = &report["policies"][0];
    assert_eq!(&replayed["policy"]["hash"], policy);
}

#[test]
fn another_policy_is_told_apart_output_by_output() {
    let (file, _) = home();
    let folder = tempfile::tempdir().expect("a folder");
    let policy = "name = \"other\"\nsupervision_budget = 2\n\
                  [[transfer]]\ntarget = \"depth_zbuffer\"\nsources = [\"efficientnet_lite0\"]\n\
                  [[transfer]]\ntarget = \"keypoints2d\"\nsources = [\"xfeat\"]\n";
    let policy = written(folder.path(), "other.toml", policy);
    let out = folder.path().join("other.mcap");
    let (code, replayed) = replay(&[text(file), "--policy", &policy, "--out", text(&out)]);
    assert_eq!(
        (code, &replayed["exact"]),
        (Some(0), &json!(false)),
        "{replayed}"
    );
    assert_eq!(replayed["policy"]["recorded"], false);
    let of = |key: &str| {
        let mut outputs = replayed["outputs"].as_array().into_iter().flatten();
        outputs
            .find(|one| one["key"] == key)
            .expect("an output")
            .clone()
    };
    let (depth, points) = (of("depth_zbuffer"), of("keypoints2d"));
    assert_eq!(
        (&depth["identical"], &depth["unit"]),
        (&json!(0), &json!("m"))
    );
    assert!(
        depth["largest"].as_f64() > Some(0.05) && depth["parts_at_ns"].is_i64(),
        "{depth}"
    );
    assert_eq!(points["identical"], points["compared"], "{points}");
    // What is written is a recording itself, of outputs alone.
    let contents = RecordingContents::read(&out).expect("is read");
    let written = contents.topic("depth_zbuffer").expect("a topic");
    assert_eq!(json!(written.messages), depth["compared"]);
    let (code, refused) = replay(&[text(file), "--policy", &policy, "--exact"]);
    assert_eq!((code, refused["exact"].clone()), (Some(1), json!(false)));
}

#[test]
fn a_recording_is_a_camera_every_image_of_which_is_seen() {
    let (file, report) = home();
    let served = run(&[
        "serve",
        "first_light",
        "--json",
        "--camera",
        text(file),
        "--listen",
        &free_endpoint(),
        "--frames",
        "100000",
    ]);
    assert_eq!(served.status.code(), Some(0), "{served:?}");
    let figures = &parsed(&served)["figures"];
    let camera = &figures["cameras"][0]["counts"];
    assert!(camera.is_object(), "{figures}");
    assert_eq!(
        camera["arrived"], report["keys"]["image"]["messages"],
        "{figures}"
    );
    assert_eq!(camera["processed"], camera["arrived"], "{figures}");
}

#[test]
fn software_that_is_not_ours_reads_every_message() {
    let packages = [
        "mcap==1.6.0",
        "mcap-ros2-support==0.6.0",
        "rosbags==0.11.9",
        "numpy",
    ];
    let Some(packages) = common::python_packages(&packages) else {
        return;
    };
    let (file, _) = home();
    let read = Command::new("python3")
        .env("PYTHONPATH", &packages)
        .arg(common::repository().join("tests/read_recording.py"))
        .arg(file)
        .output()
        .expect("python3");
    assert!(read.status.success(), "{read:?}");
    let read = parsed(&read);
    let contents = RecordingContents::read(file).expect("is read");
    let counts = contents.topics.iter();
    let counts: serde_json::Map<_, _> = counts
        .map(|(name, topic)| (name.clone(), json!([topic.message_type, topic.messages])))
        .collect();
    for reader in ["mcap_ros2", "rosbags"] {
        assert_eq!(read[reader], json!(counts), "{reader}");
    }
    let depth = &read["depth"];
    assert!(depth["pixels"].as_u64() > Some(1000), "{depth}");
    assert_eq!(depth["mcap_ros2"], depth["rosbags"]);
    assert_eq!(
        depth["policy"],
        *contents.policies[0].get("hash").expect("a hash")
    );
}

#[test]
fn f26_a_killed_recorder_leaves_what_came_before_its_last_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let (endpoint, file) = (free_endpoint(), folder.path().join("killed.mcap"));
    let robot = robot(folder.path(), "first_light", &endpoint);
    let recording = recorder(&endpoint, &file, &[]);
    // Images are recorded from the first moment on, while a busy computer is still at
    // its first output.
    let holds_outputs = || {
        let contents = RecordingContents::read(&file).ok();
        let topic = contents.and_then(|it| it.topic("class_object").cloned());
        topic.is_some_and(|class| class.messages > 3)
    };
    until("it holds outputs", holds_outputs);
    let killed = Command::new("kill")
        .args(["-KILL", &recording.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
    drop(recording);
    let contents = RecordingContents::read(&file).expect("is read");
    assert!(
        matches!(contents.end, RecordingEnd::Cut { .. }),
        "{:?}",
        contents.end
    );
    let (code, replayed) = replay(&[text(&file), "--exact"]);
    assert_eq!(
        (code, &replayed["whole"]),
        (Some(0), &json!(false)),
        "{replayed}"
    );
    assert!(
        replayed["frames"]["replayed"].as_u64() > Some(3),
        "{replayed}"
    );
    assert_eq!(robot.terminate().0, Some(0));
}

#[test]
fn f25_a_full_disk_ends_the_recording_aloud_and_perception_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (endpoint, file) = (free_endpoint(), folder.path().join("full.mcap"));
    let robot = robot(folder.path(), "first_light", &endpoint);
    // A process that ignores SIGXFSZ is told by `write` instead. 512 or 1024 bytes each.
    let script = "trap '' XFSZ; ulimit -f 24000; exec \"$0\" \"$@\"";
    let ended = Command::new("sh")
        .args([
            "-c",
            script,
            env!("CARGO_BIN_EXE_concert"),
            "record",
            text(&file),
        ])
        .args([
            "--json",
            "--connect",
            &endpoint,
            "--prefix",
            PREFIX,
            "--seconds",
            "600",
        ])
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.contains("full.mcap: the recording ended: File too large"),
        "{said}"
    );
    let report = parsed(&ended);
    assert_eq!(report["ended"], "failed", "{report}");
    let (code, replayed) = replay(&[text(&file), "--exact"]);
    assert_eq!(
        (code, &replayed["whole"]),
        (Some(0), &json!(false)),
        "{replayed}"
    );
    // The robot still serves whoever listens.
    let watched = run(&[
        "watch",
        PREFIX,
        "--connect",
        &endpoint,
        "--frames",
        "3",
        "--json",
    ]);
    assert_eq!(watched.status.code(), Some(0), "{watched:?}");
    assert_eq!(robot.terminate().0, Some(0));
}

#[test]
fn f33_a_black_box_writes_what_was_before_and_a_signal_closes_a_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let (endpoint, base) = (free_endpoint(), folder.path().join("incident.mcap"));
    let robot = robot(folder.path(), "first_light", &endpoint);
    let drive = folder.path().join("drive.mcap");
    let recording = recorder(&endpoint, &drive, &[]);
    let more = ["--black-box", "30", "--after", "1"];
    let black_box = recorder(&endpoint, &base, &more);
    until("the recording grows", || {
        std::fs::metadata(&drive).is_ok_and(|about| about.len() > 1_000_000)
    });
    // A robot on a busy computer may have incidents of its own, which then are the first.
    let asked_for = || {
        let all = (1..=9).map(|number| folder.path().join(format!("incident_00{number}.mcap")));
        all.filter(|file| file.exists()).find(|file| {
            RecordingContents::read(file).is_ok_and(|file| file.about["trigger"] == "SIGUSR1")
        })
    };
    until("a capsule is written", || {
        let asked = Command::new("kill")
            .args(["-USR1", &black_box.id().to_string()])
            .status();
        assert!(asked.expect("kill").success());
        asked_for().is_some()
    });
    let capsule = asked_for().expect("a capsule");
    let (code, stdout, stderr) = black_box.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("one JSON object");
    let files = report["files"].as_array().expect("files");
    let mut triggers = files.iter().map(|file| &file["trigger"]);
    assert!(triggers.any(|trigger| trigger == "SIGUSR1"), "{report}");
    let (code, stdout, _) = recording.terminate();
    assert_eq!(code, Some(0), "{stdout}");
    for file in [&capsule, &drive] {
        let contents = RecordingContents::read(file).expect("is read");
        assert_eq!(contents.end, RecordingEnd::Whole);
        assert!(!contents.policies.is_empty(), "{file:?} says its policy");
    }
    let contents = RecordingContents::read(&capsule).expect("is read");
    assert_eq!(contents.about["trigger"], "SIGUSR1");
    // One file explains the incident: by its own policy, or another.
    let (code, replayed) = replay(&[text(&capsule)]);
    assert!(
        code == Some(0) && replayed["frames"]["replayed"].as_u64() > Some(1),
        "{replayed}"
    );
    assert_eq!(robot.terminate().0, Some(0));
}

#[test]
fn what_cannot_be_replayed_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |arguments: &[&str]| {
        let (code, answer) = replay(arguments);
        assert_eq!(code, Some(2), "{answer}");
        answer["error"].as_str().expect("a reason").to_owned()
    };
    let (file, _) = home();
    let none = written(folder.path(), "none.mcap", "not a recording at all");
    assert!(refused(&[&none]).contains("none.mcap: is no MCAP file"));
    assert!(refused(&["nowhere.mcap"]).starts_with("nowhere.mcap: No such file"));
    let error = refused(&[text(file), "--readout", "reshading@other"]);
    assert!(
        error.contains("reshading is no target of policy home, which has odometry"),
        "{error}"
    );
    let error = refused(&[text(file), "--readout", "keypoints2d@gone"]);
    assert!(error.contains("keypoints2d_from_xfeat@gone"), "{error}");
    let error = refused(&[text(file), "--topic", "/nothing"]);
    assert!(
        error.contains("has no images at /nothing; it has them at /recorded"),
        "{error}"
    );
}
