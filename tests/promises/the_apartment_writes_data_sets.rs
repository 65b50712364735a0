//! `concert apartment --write` and `--view`: what they write is whole, said,
//! the same every time, and absurd wishes are refused before anything runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::program::{Running, run};
use serde_json::Value;

fn json_of(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout.trim().lines().count(), 1, "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

fn refused(arguments: &[&str], words: &[&str]) {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{word} does not stand in: {text}");
    }
}

/// Every file below a folder, by its path within.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Homes of which the first draw of at least one is none.
const REDRAWN: &str = "4..10";

const QUICK: [&str; 4] = ["--size", "64x48", "--light", "flat"];

#[test]
fn a_data_set_is_what_its_report_says_and_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let into = folder.path().join(name);
        let into = into.to_str().unwrap();
        let mut arguments = vec![
            "apartment",
            "--write",
            into,
            "--frames",
            "5",
            "--seeds",
            "3..=4",
        ];
        arguments.extend(QUICK);
        arguments.extend(["--json", "--views", "tour", "--jpeg", "--fov", "60..70"]);
        (json_of(&arguments), tree(Path::new(into)))
    };
    let ((report, one), (_, two)) = (write("one"), write("two"));
    assert!(one == two, "two runs differ");
    assert_eq!(
        (report["frames"].as_u64(), report["homes"].as_u64()),
        (Some(5), Some(2))
    );
    assert_eq!(report["complete"], true);
    let bytes: usize = one.values().map(Vec::len).sum();
    assert_eq!(report["bytes"].as_u64(), Some(bytes as u64));
    assert!(report["classes"]["wall"]["objects"].as_u64() > Some(1));
    assert!(one.contains_key(Path::new("seed-000004/frame-000002.color.jpg")));
    let index: Value = serde_json::from_slice(&one[Path::new("dataset.json")]).unwrap();
    let focal = index["sequences"][0]["camera"]["fx"].as_f64().unwrap();
    let degrees = 2.0 * (32.0 / focal).atan().to_degrees();
    assert!((60.0..=70.0).contains(&degrees), "{degrees}");
}

#[test]
fn a_folder_that_holds_frames_already_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    let mut arguments = vec!["apartment", "--write", into, "--frames", "1"];
    arguments.extend(QUICK);
    arguments.push("--json");
    json_of(&arguments);
    let before = tree(folder.path());
    refused(&arguments, &["dataset.json", "a folder of its own"]);
    assert!(tree(folder.path()) == before);
}

#[test]
fn absurd_wishes_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("never");
    let into = into.to_str().unwrap();
    let cases: [(&[&str], &[&str]); 16] = [
        (&["--seeds", "9..3"], &["9..3", "no seed in it"]),
        (&["--seeds", "many"], &["many", "whole numbers"]),
        (
            &["--seeds", "0..50", "--frames", "7"],
            &["number of frames is 7", "one per seed"],
        ),
        (&["--frames", "0"], &["--frames"]),
        (&["--frames", "1000001"], &["1000001", "1000000"]),
        (&["--size", "9000x9000"], &["width is 9000", "4096"]),
        (&["--size", "0x240"], &["width is 0"]),
        (&["--fov", "500"], &["field_of_view"]),
        (&["--fov", "70..60"], &["upside down"]),
        (&["--fov", "nan"], &["finite"]),
        (&["--height", "30"], &["camera_height is 30..30"]),
        (&["--tilt", "-90"], &["camera_tilt"]),
        (&["--noise", "9"], &["noise is 9"]),
        (&["--sun", "2"], &["sun is 2..2"]),
        (&["--jpeg", "0"], &["--jpeg"]),
        (&["--views", "tour", "--spacing", "nan"], &["tour spacing"]),
    ];
    for (wish, words) in cases {
        let mut arguments = vec!["apartment", "--write", into];
        arguments.extend(wish);
        refused(&arguments, words);
        assert!(!Path::new(into).exists(), "{wish:?}");
    }
    refused(&["apartment"], &["--write", "--drive", "--view"]);
    refused(
        &["apartment", "--drive", "--view"],
        &["cannot be used with"],
    );
    refused(&["apartment", "--view", "a.jpg"], &["a.jpg", ".png"]);
    refused(
        &["apartment", "--view", "a.png", "--seeds", "0..65"],
        &["65", "64"],
    );
    refused(
        &["apartment", "--drive", "--seeds", "1..3"],
        &["2 homes", "1"],
    );
    refused(
        &["apartment", "--drive", "--rate", "0"],
        &["--rate", "1 to 1000"],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_writing_with_the_file_and_keeps_whole_frames() {
    let folder = tempfile::tempdir().unwrap();
    let sequence = folder.path().join("seed-000003");
    fs::create_dir(&sequence).unwrap();
    std::os::unix::fs::symlink("/dev/full", sequence.join("frame-000002.normal.png")).unwrap();
    let into = folder.path().to_str().unwrap();
    let mut arguments = vec![
        "apartment",
        "--write",
        into,
        "--seeds",
        "3",
        "--frames",
        "9",
    ];
    arguments.extend(QUICK);
    let output = run(&arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("frame-000002.normal.png: cannot write after 2 whole frames"),
        "{text}"
    );
    assert!(text.contains("No space left"), "{text}");
    let files = tree(folder.path());
    assert!(
        !files
            .keys()
            .any(|name| name.to_string_lossy().contains("frame-000002"))
    );
    let index: Value = serde_json::from_slice(&files[Path::new("dataset.json")]).unwrap();
    assert_eq!(
        (index["frames"].as_u64(), index["complete"].as_bool()),
        (Some(2), Some(false))
    );
}

#[test]
fn a_stop_keeps_what_is_whole_and_says_that_it_is_not_all() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    let mut arguments = vec!["apartment", "--write", into, "--frames", "900000", "--json"];
    arguments.extend(QUICK);
    let running = Running::start(&arguments);
    let third = folder.path().join("seed-000007/frame-000003.layout.json");
    for _ in 0..3000 {
        if third.exists() {
            break;
        }
        concert_runtime::io::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (code, stdout, stderr) = running.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let frames = report["frames"].as_u64().unwrap();
    assert!((4..900_000).contains(&frames), "{report}");
    assert_eq!(report["complete"], false);
    let files = tree(folder.path());
    assert_eq!(
        files.len() as u64,
        frames * 10 + 2,
        "no half frame stays behind"
    );
    let index: Value = serde_json::from_slice(&files[Path::new("dataset.json")]).unwrap();
    assert_eq!(
        (index["frames"].as_u64(), index["complete"].as_bool()),
        (Some(frames), Some(false))
    );
}

#[test]
fn redrawn_homes_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("homes");
    let into = into.to_str().unwrap();
    let mut arguments = vec![
        "apartment",
        "--write",
        into,
        "--frames",
        "8",
        "--seeds",
        REDRAWN,
    ];
    arguments.extend(QUICK);
    arguments.push("--json");
    let output = run(&arguments);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let redrawn = report["redrawn"].as_array().unwrap();
    assert!(!redrawn.is_empty());
    let stderr = String::from_utf8_lossy(&output.stderr);
    for one in redrawn {
        let said = format!("seed {} was drawn again", one["seed"]);
        assert!(stderr.contains(&said), "{said} does not stand in: {stderr}");
        assert!(!one["reasons"].as_array().unwrap().is_empty());
    }
}

#[test]
fn one_home_is_shown_with_its_labels_and_several_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    for (seeds, width, height) in [("4", 3 * 64, 2 * 48), ("2..7", 4 * 64, 2 * 48)] {
        let file = folder.path().join(format!("{width}.png"));
        let file = file.to_str().unwrap();
        let mut arguments = vec!["apartment", "--view", file, "--seeds", seeds, "--json"];
        arguments.extend(QUICK);
        let report = json_of(&arguments);
        assert_eq!(
            (report["width"].as_u64(), report["height"].as_u64()),
            (Some(width), Some(height))
        );
        let sheet = image::open(file).unwrap().into_rgb8();
        assert_eq!(
            (u64::from(sheet.width()), u64::from(sheet.height())),
            (width, height)
        );
        // Every tile shows something: many colours, but for the edges' two.
        for tile in 0..width / 64 * 2 {
            let (x, y) = (tile % (width / 64) * 64, tile / (width / 64) * 48);
            let tile = image::imageops::crop_imm(&sheet, x as u32, y as u32, 64, 48).to_image();
            let colours: std::collections::BTreeSet<_> = tile.pixels().map(|p| p.0).collect();
            let blank = seeds == "2..7" && (x, y) >= (64, 48);
            assert!(blank || colours.len() >= 2, "a tile of one colour");
        }
    }
}
