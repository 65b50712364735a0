use std::fs;
use std::path::{Path, PathBuf};

use concert_policies::Task;

use super::*;

/// Real data beside the repository, where it is there.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(name);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn task(name: &str) -> &'static Task {
    Task::find(name).unwrap()
}

#[test]
fn real_sequences_open_and_read() {
    for (name, frames) in [("corridor", 110), ("rgbd_house", 5), ("redwood_rgbd", 5)] {
        let Some(path) = real(name) else { continue };
        let data = DataSet::open(&path).unwrap();
        let sequence = &data.sequences()[0];
        assert_eq!((data.sequences().len(), sequence.len()), (1, frames));
        let example = sequence.read(frames / 2).unwrap();
        let camera = example.intrinsics.unwrap();
        assert_eq!((camera.width, camera.height), (640, 480));
        let normals = Label::of(task("normal"), &example).unwrap().unwrap();
        let edges = Label::of(task("edge_occlusion"), &example)
            .unwrap()
            .unwrap();
        let known = example.depth.as_ref().unwrap();
        let share = known.metres.iter().filter(|z| !z.is_nan()).count() as f64 / 307_200.0;
        println!("{name}: depth {share:.3}, normals {:.3}", normals.known());
        assert!(
            normals.known() > 0.85 * share,
            "{name}: {}",
            normals.known()
        );
        assert!(edges.values.contains(&1.0));
    }
    if let Some(path) = real("tum_fr2_desk") {
        let data = DataSet::open(&path).unwrap();
        let sequence = &data.sequences()[0];
        assert_eq!(sequence.len(), 20);
        let (a, b) = (sequence.read(0).unwrap(), sequence.read(1).unwrap());
        let moved = relative_pose(&a, &b).unwrap();
        assert!((0.001..0.2).contains(&moved.translation.vector.norm()));
        assert!(Label::of(task("normal"), &a).unwrap().is_none());
    }
}

#[test]
fn an_empty_folder_is_refused_with_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let error = DataSet::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("has no data set among its 1 entries"),
        "{error}"
    );
}
