//! What is not a policy file is refused with its path.

use std::path::Path;

use concert_policies::Policy;
use concert_policies::affinity::{Completeness, TransferTable};

#[test]
fn a_missing_file_is_refused_with_its_path() {
    let error = Policy::read("no/such/policy.toml").unwrap_err().to_string();
    assert!(
        error.starts_with("no/such/policy.toml: cannot read the policy: "),
        "{error}"
    );
}

#[test]
fn a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Policy::read(folder.path()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{}: not a regular file", folder.path().display())
    );
}

#[cfg(unix)]
#[test]
fn a_device_without_end_is_refused() {
    let error = Policy::read("/dev/zero").unwrap_err().to_string();
    assert_eq!(error, "/dev/zero: not a regular file");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    std::fs::write(&path, b"name = \"\xff\"\n").unwrap();
    let error = Policy::read(&path).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: policy is not utf-8 text from byte 8 on",
            path.display()
        )
    );
}

#[test]
fn an_empty_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    std::fs::write(&path, b"").unwrap();
    let error = Policy::read(&path).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{}:1:1: missing field `name`", path.display())
    );
}

#[test]
fn the_authors_pickles_become_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let [pickle, table] = ["affinities.pkl", "table.csv"].map(|name| folder.path().join(name));
    let make = "import pickle, sys; table = {'self__normal': 0.75, 'edge2d__reshade__normal': 0.25}; \
                pickle.dump(table, open(sys.argv[1], 'wb'), protocol=2)";
    let python = |args: &[&std::ffi::OsStr]| {
        let output = std::process::Command::new("python3").args(args).output();
        let output = output.ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        Some(output.stdout)
    };
    if python(&["-c".as_ref(), make.as_ref(), pickle.as_ref()]).is_none() {
        crate::skip::skip(format_args!("there is no python3"));
        return;
    }
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/export/taskonomy_transfers.py");
    let text = python(&[script.as_ref(), "--affinities".as_ref(), pickle.as_ref()]);
    std::fs::write(&table, text.expect("python3")).expect("written");
    let table = TransferTable::read(&table, Completeness::Whole).expect("a table");
    let rows: Vec<_> = table
        .rows()
        .map(|row| (row.sources.join("+"), row.affinity))
        .collect();
    let want = [("edge2d+reshade", 0.25), ("self", 0.75)];
    assert_eq!(
        rows,
        want.map(|(sources, affinity)| (sources.to_owned(), Some(affinity)))
    );
}
