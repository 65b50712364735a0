//! `concert evaluate` says what a readout is worth: a readout that is constant
//! is exactly as good as the constant predictor, and what cannot be compared is
//! refused.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{program, repository, shared_data};
use concert_models::card::Card;
use concert_models::digest::sha256_hex;
use concert_models::onnx::GraphBuilder;
use serde_json::Value;

const SOURCE: &str = "efficientnet_lite0";

/// A readout in `root/readouts` that says the same values whatever it reads.
fn constant_readout(root: &Path, target: &str, values: &[f32], pin: Option<&str>) -> PathBuf {
    let encoder = repository().join(format!("models/encoders/{SOURCE}.toml"));
    let text = fs::read_to_string(&encoder).expect("the encoder's card");
    let Ok(Card::Encoder(encoder)) = Card::parse(&text, "card") else {
        panic!("not an encoder's card");
    };
    let level = &encoder.levels.last().expect("a level");
    let (height, width) = (56, 72);
    let plane: Vec<f32> = (values.iter())
        .flat_map(|value| std::iter::repeat_n(*value, height * width))
        .collect();
    let shape = [1, values.len(), height, width];
    let bytes = GraphBuilder::new("constant")
        .input("level", &level.shape)
        .initializer_f32("zero", &[1], &[0.0])
        .initializer_f32("constant", &shape, &plane)
        .node("GlobalAveragePool", &["level"], &["mean"], &[])
        .initializer_i64("axes", &[1], &[1])
        .node("ReduceSum", &["mean", "axes"], &["sum"], &[])
        .node("Mul", &["sum", "zero"], &["nothing"], &[])
        .node("Add", &["nothing", "constant"], &["out"], &[])
        .output("out", &shape)
        .build_bytes();
    let name = format!("{target}_from_{SOURCE}@constant");
    let folder = root.join("readouts");
    fs::create_dir_all(&folder).expect("a folder");
    let input = text.split("[input]").nth(1).expect("an input");
    let input: Vec<_> = (input.lines().skip(1).take_while(|line| !line.is_empty())).collect();
    let mut card = String::new();
    write!(
        card,
        "kind = \"readout\"\nname = \"{name}\"\ntarget = \"{target}\"\n\
         sha256 = \"{}\"\nsize_bytes = {}\n\n[provenance]\nweights = \"none\"\nlicence = \
         \"Apache-2.0\"\ntrained_on = \"nothing\"\n\n[[encoder]]\nsource = \"{SOURCE}\"\nsha256 = \
         \"{}\"\ninput = {{ {} }}\n\n[[read]]\ntensor = \"level\"\nsource = \"{SOURCE}\"\nlevel = \
         \"{}\"\nframes_back = 0\n\n[output]\ntensor = \"out\"\nshape = {shape:?}\n",
        sha256_hex(&bytes),
        bytes.len(),
        pin.unwrap_or(&encoder.origin.sha256),
        input.join(", "),
        level.name,
    )
    .expect("text");
    let path = folder.join(format!("{name}.onnx"));
    fs::write(&path, bytes).expect("written");
    fs::write(path.with_extension("toml"), card).expect("written");
    path
}

/// Runs `concert evaluate --json`: exit code, its one object, standard error.
fn evaluate(arguments: &[&str]) -> (Option<i32>, Value, String) {
    let mut all = vec!["evaluate", "--json"];
    all.extend(arguments);
    let output = program::run(&all);
    let text = String::from_utf8(output.stdout).expect("utf-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    let value = serde_json::from_str(&text).expect("JSON");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), value, errors)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("utf-8")
}

/// A folder of layout "frames": a step in depth that moves from frame to frame.
fn rooms(folder: &Path, frames: usize) {
    let (width, height) = (64u32, 48u32);
    fs::write(
        folder.join("camera-intrinsics.txt"),
        "60 0 31.5\n0 60 23.5\n0 0 1\n",
    )
    .expect("written");
    for frame in 0..frames {
        let edge = 20 + 4 * frame as u32;
        let depth = image::ImageBuffer::from_fn(width, height, |u, v| match (u, v) {
            (0, 0) => image::Luma([0u16]),
            (u, _) if u < edge => image::Luma([1000]),
            _ => image::Luma([2500]),
        });
        let colour = image::RgbImage::from_fn(width, height, |u, _| match u < edge {
            true => image::Rgb([200, 120, 40]),
            false => image::Rgb([40, 60, 90]),
        });
        depth
            .save(folder.join(format!("frame-{frame:06}.depth.png")))
            .expect("written");
        colour
            .save(folder.join(format!("frame-{frame:06}.color.png")))
            .expect("written");
    }
}

#[test]
fn a_constant_readout_is_measured_as_by_hand() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("rooms");
    fs::create_dir(&data).expect("a folder");
    rooms(&data, 2);
    let readout = constant_readout(folder.path(), "depth_zbuffer", &[2.0], None);
    let table = folder.path().join("table.csv");
    let sheet = folder.path().join("sheet.png");
    let (code, json, errors) = evaluate(&[
        "--data",
        text(&data),
        "--readout",
        text(&readout),
        "--table",
        text(&table),
        "--sheet",
        text(&sheet),
    ]);
    assert_eq!(code, Some(0), "{errors}");
    // Per frame: near pixels are off by 1/1, far ones by 0.5/2.5; one is unknown.
    let of_frame = |edge: f64| {
        let (near, far) = (edge * 48.0 - 1.0, (64.0 - edge) * 48.0);
        (near * 1.0 + far * 0.2) / (near + far)
    };
    let want = (of_frame(20.0) + of_frame(24.0)) / 2.0;
    let got = json["abs_rel"].as_f64().expect("abs_rel");
    assert!((got - want).abs() < 1e-5, "{got}, but by hand it is {want}");
    assert_eq!(
        (&json["frames"], &json["target"]),
        (&2.into(), &"depth_zbuffer".into())
    );
    // 2.5 / 2 is not below 1.25, so nothing is near.
    assert_eq!(json["delta_1"], 0.0);
    // Fewer pixels are near, but an error counts by 1 / depth.
    assert_eq!(json["constant"]["values"][0], 1.0);
    let of_near = |edge: f64| (64.0 - edge) * 48.0 * 0.6 / (64.0 * 48.0 - 1.0);
    let want = (of_near(20.0) + of_near(24.0)) / 2.0;
    let got = json["constant"]["abs_rel"].as_f64().expect("abs_rel");
    assert!((got - want).abs() < 1e-5, "{got}, but by hand it is {want}");
    assert!(json["median_scaled"]["abs_rel"].is_f64());
    let lines = fs::read_to_string(&table).expect("the table");
    assert_eq!(lines.lines().count(), 3);
    assert!(
        lines.starts_with("frame,depth_zbuffer.abs_rel,depth_zbuffer.rmse"),
        "{lines}"
    );
    let picture = image::open(&sheet).expect("the sheet");
    assert!(picture.width() > 4 * 240 && picture.height() > 2 * 150);
}

#[test]
fn a_damaged_frame_costs_that_frame_named_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("rooms");
    fs::create_dir(&data).expect("a folder");
    rooms(&data, 6);
    let readout = constant_readout(folder.path(), "depth_zbuffer", &[2.0], None);
    let damage = |frame: usize| {
        let path = data.join(format!("frame-{frame:06}.depth.png"));
        fs::write(path, b"\x89PNG\r\n\x1a\nrest").expect("written");
    };
    let run = || evaluate(&["--data", text(&data), "--readout", text(&readout)]);
    damage(3);
    let (code, json, errors) = run();
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(
        (&json["frames"], &json["damaged_frames"]),
        (&5.into(), &1.into())
    );
    assert!(errors.contains("frame-000003 is left out: "), "{errors}");
    damage(0);
    damage(5);
    let (code, json, _) = run();
    let error = json["error"].as_str().unwrap_or_default();
    assert_eq!(code, Some(2), "{json}");
    assert!(
        error.contains("3 of 6 frames cannot be read, but at most 2 may be left out"),
        "{error}"
    );
}

#[test]
fn a_readout_that_says_the_best_constant_is_exactly_as_good_as_the_constant_predictor() {
    let Some(corridor) = shared_data("corridor") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let frames = ["--skip", "75", "--every", "6"];
    for (target, start) in [
        ("depth_zbuffer", vec![3.0f32]),
        ("normal", vec![0.0, 0.0, -1.0]),
        ("reshading", vec![0.5]),
    ] {
        let mut values = start;
        for round in 0..2 {
            let readout = constant_readout(folder.path(), target, &values, None);
            let mut arguments = vec!["--data", text(&corridor), "--readout", text(&readout)];
            arguments.extend(frames);
            let (code, json, errors) = evaluate(&arguments);
            assert_eq!(code, Some(0), "{target}: {errors}");
            let constant = json["constant"].as_object().expect("an object");
            let best = constant["values"].as_array().expect("values");
            values = best
                .iter()
                .map(|value| value.as_f64().unwrap_or(f64::NAN) as f32)
                .collect();
            if round == 0 {
                continue;
            }
            for (name, want) in constant {
                // The constant covers every pixel by definition, as this readout does.
                let (Some(want), Some(got)) = (want.as_f64(), json[name].as_f64()) else {
                    continue;
                };
                assert!(
                    (got - want).abs() < 1e-6,
                    "{target} {name}: {got}, constant {want}"
                );
            }
        }
    }
}

#[test]
fn a_policy_of_several_targets_keeps_the_names_that_do_not_clash() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let data = root.join("rooms");
    fs::create_dir(&data).expect("a folder");
    rooms(&data, 2);
    constant_readout(root, "depth_zbuffer", &[2.0], None);
    constant_readout(root, "normal", &[0.0, 0.0, -1.0], None);
    let policy = root.join("two.toml");
    let transfer = |target: &str| {
        format!(
            "[[transfer]]\ntarget = \"{target}\"\nsources = [\"{SOURCE}\"]\nreadout = \"constant\"\n"
        )
    };
    let head = "name = \"two\"\nsupervision_budget = 1\n";
    // Each at its own rate, which is no reason to leave out frames.
    let text_of = format!(
        "{head}{}rate_hz = 1\n{}",
        transfer("depth_zbuffer"),
        transfer("normal")
    );
    fs::write(&policy, text_of).expect("written");
    let (code, json, errors) = evaluate(&["--data", text(&data), "--policy", text(&policy)]);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(
        (&json["policy"], &json["frames"]),
        (&"two".into(), &2.into())
    );
    assert_eq!(json["targets"]["depth_zbuffer"]["outcomes"]["delivered"], 2);
    for (target, name) in [("depth_zbuffer", "abs_rel"), ("normal", "mean_deg")] {
        assert!(json[name].is_f64());
        assert_eq!(json[name], json["targets"][target][name]);
        assert_eq!(
            json["constant"][name],
            json["targets"][target]["constant"][name]
        );
    }
    // Two walls straight ahead: the constant that looks at the camera is right.
    assert!(
        json["mean_deg"].as_f64().is_some_and(|deg| deg < 1.0),
        "{}",
        json["mean_deg"]
    );
    assert!(json.get("coverage").is_none(), "both have one");
    assert!(json.get("target").is_none());
}

#[test]
fn odometry_is_measured_against_motion_capture() {
    let Some(desk) = shared_data("tum_fr2_desk") else {
        return;
    };
    let (code, json, errors) = evaluate(&[
        "--data",
        text(&desk),
        "--readout",
        "odometry_from_xfeat",
        "--intrinsics",
        "520.9,521.0,325.1,249.7,640,480",
        "--delta",
        "5",
    ]);
    assert_eq!(code, Some(0), "{errors}");
    println!("{json}");
    let of = |object: &Value, name: &str| object[name].as_f64().expect("a number");
    assert!(of(&json, "tracked") > 0.5);
    // A camera that stands still is wrong by the whole turn and step.
    let constant = &json["constant"];
    assert!(of(&json, "rpe_deg_median") < 0.5 * of(constant, "rpe_deg_median"));
    assert!(of(&json, "direction_deg_median") < 30.0);
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let data = root.join("rooms");
    fs::create_dir(&data).expect("a folder");
    rooms(&data, 2);
    let readout = constant_readout(root, "depth_zbuffer", &[2.0], None);
    let refused = |arguments: &[&str], parts: &[&str]| {
        let (code, json, errors) = evaluate(arguments);
        assert_eq!(code, Some(2), "{errors}");
        let message = json["error"].as_str().expect("an error");
        for part in parts {
            assert!(message.contains(part), "{message}: {part}");
        }
    };
    let zeros = "0".repeat(64);
    let other = constant_readout(&root.join("other"), "depth_zbuffer", &[2.0], Some(&zeros));
    refused(
        &["--data", text(&data), "--readout", text(&other)],
        &[
            "was made for encoder efficientnet_lite0 with sha256 0000",
            "but the one at hand has",
        ],
    );
    let classes = constant_readout(&root.join("classes"), "segment_semantic", &[0.0, 1.0], None);
    refused(
        &["--data", text(&data), "--readout", text(&classes)],
        &[
            "has nothing to compare with in 2 frames",
            "segment_semantic: no frame has a label",
        ],
    );
    refused(
        &[
            "--data",
            text(&root.join("readouts")),
            "--readout",
            text(&readout),
        ],
        &["has no data set among its 2 entries"],
    );
    refused(
        &[
            "--data",
            text(&data),
            "--readout",
            text(&readout),
            "--skip",
            "2",
        ],
        &["no frame is left of 2"],
    );
    let millimetres = root.join("metres");
    fs::create_dir(&millimetres).expect("a folder");
    rooms(&millimetres, 1);
    let depth = image::ImageBuffer::from_pixel(64, 48, image::Luma([2u16]));
    depth
        .save(millimetres.join("frame-000000.depth.png"))
        .expect("written");
    refused(
        &["--data", text(&millimetres), "--readout", text(&readout)],
        &["median depth of 0.002 m", "times 1000 it would be 2 m"],
    );
}
