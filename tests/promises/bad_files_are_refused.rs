//! Files that cannot be meant are refused by the program itself: named, with
//! both quantities and the rule, in bounded time and memory (F10, F12, F13).

use crate::common;

use std::fs;
use std::path::Path;

use crate::common::program::run;

/// Exit code 2 and a text that contains all of `words`, without a panic.
fn refused(arguments: &[&str], words: &[&str]) {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("panicked"), "{text}");
    assert!(
        output.status.code() == Some(2),
        "{:?}: {text}",
        output.status
    );
    for word in words {
        assert!(text.contains(word), "{word} does not stand in: {text}");
    }
}

fn policy(folder: &Path, text: &str) -> String {
    let path = folder.join("policy.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const HEAD: &str = "name = \"bad\"\nsupervision_budget = 1\nmax_order = 1\n";

#[test]
fn policies_that_break_a_rule() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str]); 9] = [
        (
            "[[transfer]]\ntarget = \"deepth\"\nsources = [\"xfeat\"]\n",
            &["policy.toml", "deepth"],
        ),
        (
            "[[transfer]]\ntarget = \"depth_zbuffer\"\nsource = [\"xfeat\"]\n",
            &["policy.toml", "source"],
        ),
        (
            "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\n[[transfer]]\ntarget = \"rgb2sfnorm\"\nsources = [\"a\"]\n",
            &["normal"],
        ),
        (
            "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\", \"b\"]\n",
            &["2", "max_order", "1"],
        ),
        (
            "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\n[[transfer]]\ntarget = \"curvature\"\nsources = [\"b\"]\n",
            &["(a, b)", "supervision_budget", "1"],
        ),
        (
            "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\ninputs = [\"curvature\"]\n[[transfer]]\ntarget = \"curvature\"\nsources = [\"a\"]\ninputs = [\"normal\"]\n",
            &["curvature", "normal"],
        ),
        (
            "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\nrate_hz = -1\n",
            &["rate_hz", "-1"],
        ),
        (
            "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\nrate_hz = nan\n",
            &["rate_hz"],
        ),
        (
            "[[transfer]]\ntarget = \"normal\"\nsources = [\"../../etc/passwd\"]\n",
            &["policy.toml"],
        ),
    ];
    for (text, words) in cases {
        refused(
            &["check", &policy(folder.path(), &format!("{HEAD}{text}"))],
            words,
        );
    }
}

#[test]
fn a_million_transfers_and_a_hundred_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let transfer = "[[transfer]]\ntarget = \"normal\"\nsources = [\"a\"]\n";
    refused(
        &[
            "check",
            &policy(
                folder.path(),
                &(HEAD.to_owned() + &transfer.repeat(1_000_000)),
            ),
        ],
        &["policy.toml"],
    );
    let file = folder.path().join("large.toml");
    fs::File::create(&file).unwrap().set_len(100 << 20).unwrap();
    refused(&["check", file.to_str().unwrap()], &["large.toml"]);
}

/// A folder of models with one encoder, spoilt by `spoil`.
fn spoilt(spoil: impl Fn(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("encoders");
    fs::create_dir_all(&to).unwrap();
    for ending in ["onnx", "toml", "LICENSE.txt"] {
        let name = format!("xfeat.{ending}");
        fs::copy(
            common::repository().join("models/encoders").join(&name),
            to.join(&name),
        )
        .unwrap();
    }
    spoil(&to);
    folder
}

#[test]
fn networks_that_are_not_what_their_card_says() {
    type Spoilt<'a> = (&'a dyn Fn(&Path), &'a [&'a str]);
    let spoilt_files: [Spoilt<'_>; 3] = [
        (
            &|to| fs::remove_file(to.join("xfeat.onnx")).unwrap(),
            &["xfeat"],
        ),
        (
            &|to| {
                let bytes = fs::read(to.join("xfeat.onnx")).unwrap();
                fs::write(to.join("xfeat.onnx"), &bytes[..bytes.len() / 2]).unwrap();
            },
            &["xfeat", "bytes"],
        ),
        (
            &|to| {
                let mut bytes = fs::read(to.join("xfeat.onnx")).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(to.join("xfeat.onnx"), bytes).unwrap();
            },
            &["xfeat", "sha256"],
        ),
    ];
    for (spoil, words) in spoilt_files {
        let folder = spoilt(spoil);
        let card = folder.path().join("encoders/xfeat.toml");
        refused(&["models", "check", card.to_str().unwrap()], words);
    }
}

#[test]
fn a_truncated_network_and_one_with_external_data() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(common::repository().join("models/encoders/xfeat.onnx")).unwrap();
    let path = folder.path().join("half.onnx");
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    refused(&["models", "check", path.to_str().unwrap()], &["half.onnx"]);

    // ModelProto { ir_version: 8, graph: { initializer: { dims: 1, data_type:
    // FLOAT, name, external_data: [{ location }], data_location: EXTERNAL } } }
    let entry = [field(1, b"location"), field(2, b"../../etc/passwd")].concat();
    let tensor = [
        vec![0x08, 1, 0x10, 1],
        field(8, b"w"),
        field(13, &entry),
        vec![0x70, 1],
    ]
    .concat();
    let model = [vec![0x08, 8], field(7, &field(5, &tensor))].concat();
    let path = folder.path().join("outside.onnx");
    fs::write(&path, model).unwrap();
    refused(
        &["models", "check", path.to_str().unwrap()],
        &["outside.onnx", "another file"],
    );
}

/// A length-delimited protobuf field of a small message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len())
        .ok()
        .filter(|length| *length < 128)
        .unwrap();
    [&[(number << 3) | 2, length], bytes].concat()
}
