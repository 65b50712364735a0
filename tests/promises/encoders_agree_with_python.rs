//! Our encoder outputs are those of the same ONNX file run by Python's
//! onnxruntime on the same image, to 1e-4.

use crate::common;

use std::process::Command;

use concert_models::Engine;
use concert_models::engine::Wiring;
use concert_models::image_file::{DecodeLimits, decode};
use concert_models::preprocess::Preprocessor;

/// Reads the picture and the card by itself, normalises, runs, compares.
const COMPARE: &str = r#"
import sys, json, numpy, onnxruntime, tomllib
from PIL import Image
card = tomllib.load(open(sys.argv[1], "rb")); model, picture, folder = sys.argv[2:5]
contract = card["input"]
pixels = numpy.asarray(Image.open(picture).convert("RGB"), numpy.float64)
assert pixels.shape[:2] == (contract["height"], contract["width"]), pixels.shape
tensor = (pixels - numpy.array(contract["mean"])) / numpy.array(contract["std"])
tensor = tensor.transpose(2, 0, 1)[None].astype(numpy.float32)
names = [level["tensor"] for level in card["level"]]
outputs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(names, {contract["tensor"]: tensor})
worst = {}
for level, ours in zip(card["level"], outputs):
    theirs = numpy.fromfile(f"{folder}/{level['name']}.f32", numpy.float32).reshape(level["shape"])
    assert list(ours.shape) == level["shape"], (ours.shape, level)
    worst[level["name"]] = float(numpy.abs(ours - theirs).max())
print(json.dumps(worst))
"#;

#[test]
fn the_same_picture_gives_the_same_representation() {
    let Some(packages) = common::python_packages(&["onnxruntime==1.31.1", "numpy", "pillow"])
    else {
        return;
    };
    let store = common::first_light::store();
    for source in ["efficientnet_lite0", "xfeat"] {
        let encoder = store.encoder(source).unwrap();
        let card = &encoder.card;
        let folder = tempfile::tempdir().unwrap();
        // A picture of the network's own size: nothing is resized on either side.
        let picture = folder.path().join("picture.png");
        let (width, height) = (card.input.width() as u32, card.input.height() as u32);
        let photograph =
            image::open(common::repository().join("launch/photographs/coffee.jpg")).unwrap();
        photograph
            .crop_imm(40, 30, width, height)
            .into_rgb8()
            .save(&picture)
            .unwrap();

        let mut engine = common::first_light::engine();
        let input = engine.slot(&card.input.spec()).unwrap();
        let levels: Vec<_> = card
            .levels
            .iter()
            .map(|level| (level, engine.slot(&level.spec()).unwrap()))
            .collect();
        let wiring = Wiring {
            inputs: vec![(card.input.tensor().to_owned(), input)],
            outputs: levels
                .iter()
                .map(|(level, slot)| (level.tensor.clone(), *slot))
                .collect(),
        };
        let mut network = engine.load(&encoder.file, &[wiring]).unwrap();
        let image = decode(&std::fs::read(&picture).unwrap(), &DecodeLimits::default()).unwrap();
        let mut preprocessor = Preprocessor::new(&card.input);
        engine
            .fill(input, &mut |bytes| preprocessor.run(&image, bytes).unwrap())
            .unwrap();
        network.run(0).unwrap();
        for (level, slot) in &levels {
            let path = folder.path().join(format!("{}.f32", level.name));
            std::fs::write(path, &engine.view(*slot).unwrap()[..]).unwrap();
        }

        let output = Command::new("python3")
            .env("PYTHONPATH", &packages)
            .args(["-c", COMPARE])
            .arg(common::repository().join(format!("models/encoders/{source}.toml")))
            .arg(&encoder.file.path)
            .args([&picture, folder.path()])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let worst: std::collections::BTreeMap<String, f64> = serde_json::from_str(&text).unwrap();
        assert_eq!(worst.len(), levels.len());
        for (level, difference) in worst {
            assert!(
                difference < 1e-4,
                "level {level} of {source} differs by {difference}"
            );
        }
    }
}
