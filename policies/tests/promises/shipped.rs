//! The policies that ship with Concert are good ones.

use concert_policies::Policy;

#[test]
fn every_shipped_policy_parses_and_is_named_as_its_file() {
    for name in Policy::shipped_names() {
        let path = format!("{}/shipped/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let read = Policy::read(path).unwrap();
        assert_eq!(read.name(), name);
        assert_eq!(Policy::shipped(name).unwrap(), read);
    }
}

#[test]
fn every_file_among_the_shipped_policies_is_shipped() {
    let folder = format!("{}/shipped", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut names: Vec<_> = Policy::shipped_names().collect();
    names.sort_unstable();
    assert_eq!(files, names);
}

#[test]
fn first_light_runs_two_encoders_for_three_targets() {
    let policy = Policy::shipped("first_light").unwrap();
    assert_eq!(policy.encoders(), ["efficientnet_lite0", "xfeat"]);
    let readouts: Vec<_> = policy
        .transfers()
        .iter()
        .map(|t| t.readout_name())
        .collect();
    assert_eq!(
        readouts,
        [
            "keypoints2d_from_xfeat",
            "point_matching_from_xfeat",
            "class_object_from_efficientnet_lite0"
        ]
    );
}
