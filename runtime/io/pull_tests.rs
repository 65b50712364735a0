use super::*;
use concert_models::card::Card;
use concert_models::onnx::GraphBuilder;
use concert_models::store::Store;
use std::fs;
use std::time::Duration;

/// A published network: two steps, of which the card wants the first.
fn published() -> Vec<u8> {
    GraphBuilder::new("whole")
        .input("image", &[1, 3, 8, 8])
        .node("Relu", &["image"], &["inside"], &[])
        .node("Neg", &["inside"], &["end"], &[])
        .output("end", &[1, 3, 8, 8])
        .build_bytes()
}

/// The card of `network`, cut from `published` inside the package `wheel`.
fn card(wheel: &[u8], published: &[u8], network: &[u8]) -> EncoderCard {
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
package_sha256 = "{}"
file = "some_package/net.onnx"
file_sha256 = "{}"
file_size_bytes = {}
taps = [{{ tensor = "inside", level = "inside" }}]
"#,
        sha256_hex(network),
        network.len(),
        sha256_hex(wheel),
        sha256_hex(published),
        published.len()
    );
    match Card::parse(&text, "pulled.toml").unwrap() {
        Card::Encoder(card) => card,
        other => panic!("a {}", other.kind()),
    }
}

const INSIDE: &str = "some_package/net.onnx";

/// The card all of whose hashes hold.
fn true_card() -> EncoderCard {
    true_card_in(&packed(INSIDE, &published()))
}

/// As [`true_card`], in another package.
fn true_card_in(wheel: &[u8]) -> EncoderCard {
    let published = published();
    let draft = card(wheel, &published, b"draft");
    let network = cut_for(&draft, draft.pull.as_ref().unwrap(), &published).unwrap();
    card(wheel, &published, &network)
}

/// A wheel with one file.
fn packed(file: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file(file, options).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap().into_inner()
}

fn wheel(folder: &Path, file: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join("some_package-1.2.3-py3-none-any.whl");
    fs::write(&path, packed(file, bytes)).unwrap();
    path
}

fn install(card: &EncoderCard, wheel: &Path, models: &Path) -> Result<PathBuf, PullError> {
    install_wheel(card, wheel, models, &mut |_| {})
}

#[test]
fn a_wheel_becomes_the_network_that_the_card_describes() {
    let (folder, card) = (tempfile::tempdir().unwrap(), true_card());
    let wheel = wheel(folder.path(), INSIDE, &published());
    let models = folder.path().join("models");
    let path = install(&card, &wheel, &models).unwrap();
    assert_eq!(path, models.join("encoders/pulled.onnx"));
    fs::write(models.join("encoders/pulled.toml"), card.to_toml()).unwrap();
    let encoder = Store::new(vec![models]).encoder("pulled").unwrap();
    let network = concert_models::onnx::describe(&encoder.file.bytes).unwrap();
    let text = format!("{network:?}");
    assert!(text.contains("first") && !text.contains("Neg"), "{text}");
}

#[test]
fn what_does_not_hold_its_hashes_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    let refusal = |card: &EncoderCard, file: &str, bytes: &[u8]| {
        let wheel = wheel(folder.path(), file, bytes);
        install(card, &wheel, &models).unwrap_err().to_string()
    };
    // The hash of the package holds, and what is in it differs.
    let refused_inside =
        |file: &str, bytes: &[u8]| refusal(&true_card_in(&packed(file, bytes)), file, bytes);
    let elsewhere = refused_inside("other/net.onnx", &published());
    assert!(
        elsewhere.ends_with("holds no some_package/net.onnx; its networks are: other/net.onnx")
    );
    let mut altered = published();
    altered.push(0);
    assert!(refused_inside(INSIDE, &altered).contains("but its card says"));
    altered.pop();
    altered[20] ^= 1;
    assert!(refused_inside(INSIDE, &altered).contains("some_package/net.onnx has sha256"));
    // Nor is another index's package opened, whatever is in it.
    let card = true_card();
    assert!(refusal(&card, INSIDE, &altered).contains(".whl has sha256"));
    fs::write(folder.path().join("no.whl"), "no archive").unwrap();
    let error = install(&card, &folder.path().join("no.whl"), &models).unwrap_err();
    assert!(error.to_string().contains("no.whl has sha256"), "{error}");
    let wrong_cut = self::card(
        &packed(INSIDE, &published()),
        &published(),
        b"another network",
    );
    let error = refusal(&wrong_cut, INSIDE, &published());
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

#[test]
fn a_planted_link_in_the_place_of_the_folder_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let wheel = wheel(folder.path(), INSIDE, &published());
    let (models, elsewhere) = (
        folder.path().join("models"),
        folder.path().join("elsewhere"),
    );
    fs::create_dir(&models).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, models.join("encoders")).unwrap();
    let error = install(&true_card(), &wheel, &models).unwrap_err();
    assert!(error.to_string().contains("it is a link"), "{error}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

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
        let pip = pip::Pip {
            python: &program,
            limit,
            max_bytes: 1 << 20,
        };
        pull_with(&pip, &true_card(), &folder.join("models"), &mut |_| {})
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn pip_is_asked_for_the_pinned_wheel_and_its_wheel_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = wheel(folder.path(), INSIDE, &published());
        let asked = folder.path().join("asked");
        let script = format!(
            r#"echo "$@" > {asked}; pwd >> {asked}; ls -A >> {asked}
while [ "$1" != --dest ]; do shift; done; cp {wheel} "$2"; cat "$4" >> {asked}"#,
            asked = asked.display(),
            wheel = wheel.display()
        );
        run(folder.path(), &script, LONG).unwrap();
        let asked = fs::read_to_string(asked).unwrap();
        let [arguments, place, line] = &asked.lines().collect::<Vec<_>>()[..] else {
            panic!("the working folder is not empty: {asked}");
        };
        assert!(
            arguments.starts_with("-I -m pip download --require-hashes --no-deps --only-binary"),
            "{asked}"
        );
        assert!(place.ends_with("/empty"), "{asked}");
        let hash = sha256_hex(&fs::read(&wheel).unwrap());
        assert_eq!(*line, format!("some-package==1.2.3 --hash=sha256:{hash}"));
    }

    #[test]
    fn another_wheel_than_the_pinned_one_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let script = r#"while [ "$1" != --dest ]; do shift; done; echo no wheel > "$2/a.whl""#;
        let error = run(folder.path(), script, LONG).unwrap_err().to_string();
        assert!(error.contains("a.whl has sha256"), "{error}");
        // A link is not followed, even to the right one.
        let wheel = wheel(folder.path(), INSIDE, &published());
        let script = format!(
            r#"while [ "$1" != --dest ]; do shift; done; ln -s {} "$2""#,
            wheel.display()
        );
        let error = run(folder.path(), &script, LONG).unwrap_err().to_string();
        assert!(error.contains("it is a link"), "{error}");
    }

    #[test]
    fn variables_that_change_what_pip_does_are_not_handed_on() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let program = program(folder.path(), &format!("env > {}", seen.display()));
        // Variables may be set in a child alone.
        let this = std::env::current_exe().unwrap();
        let inner = std::process::Command::new(this)
            .args(["--exact", "--ignored", "--quiet"])
            .arg("io::pull::tests::with_a_program_in_pythons_place::asks_for_pip")
            .env("CONCERT_TEST_PYTHON", program)
            .env("PIP_REQUIREMENT", "/planted")
            .env("PIP_PYTHON", "/planted")
            .env("PIP_INDEX_URL", "https://mirror.invalid/simple")
            .output()
            .unwrap();
        assert!(inner.status.success(), "{inner:?}");
        let seen = fs::read_to_string(seen).unwrap();
        assert!(!seen.contains("/planted"), "{seen}");
        assert!(seen.contains("PIP_INDEX_URL=https://mirror.invalid/simple"));
    }

    #[test]
    #[ignore = "a part of the test before, with variables of its own"]
    fn asks_for_pip() {
        if let Some(python) = std::env::var_os("CONCERT_TEST_PYTHON") {
            pip::is_there(Path::new(&python)).unwrap();
        }
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
        let pip = pip::Pip {
            python: Path::new("/nonexistent/python"),
            limit: LONG,
            max_bytes: 1,
        };
        let models = folder.path().join("models");
        let error = pull_with(&pip, &true_card(), &models, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/python"), "{error}");
    }
}
