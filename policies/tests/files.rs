//! What is not a policy file is refused with its path.

use concert_policies::Policy;

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
