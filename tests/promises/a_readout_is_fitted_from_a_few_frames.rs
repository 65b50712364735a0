//! `concert fit` teaches a new readout from a few labelled frames of a real
//! corridor: it beats the best constant on frames that come later, the same
//! network from pixels and an untrained encoder, and is served as any other.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{program, shared_data};
use serde_json::Value;

/// A folder with some frames of the corridor, linked.
fn frames(folder: &Path, numbers: impl Iterator<Item = usize>) -> Option<PathBuf> {
    let corridor = shared_data("corridor")?.canonicalize().expect("a path");
    fs::create_dir_all(folder).expect("a folder");
    let link = |name: &str| {
        std::os::unix::fs::symlink(corridor.join(name), folder.join(name)).expect("a link");
    };
    link("camera-intrinsics.txt");
    for number in numbers {
        link(&format!("frame-{number:06}.color.jpg"));
        link(&format!("frame-{number:06}.depth.png"));
    }
    Some(folder.to_owned())
}

fn json(arguments: &[&str]) -> Value {
    let output = program::run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    program::parsed(&output)
}

/// Arguments that fit a target.
fn fit<'a>(
    (data, out): (&'a Path, &'a Path),
    (target, sources): (&'a str, &'a str),
    more: &[&'a str],
) -> Vec<&'a str> {
    let mut arguments = vec!["fit", "--data", text(data), "--out", text(out)];
    arguments.extend(["--target", target, "--sources", sources]);
    arguments.extend(more);
    arguments
}

/// What `evaluate` says of a readout or a policy, with models from here, too.
fn evaluated(data: &Path, what: [&str; 2], models: &Path) -> Value {
    let mut arguments = vec!["evaluate", "--json", "--data", text(data)];
    arguments.extend(what);
    arguments.extend(["--models", text(models), "--models", "models"]);
    json(&arguments)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in utf-8")
}

#[test]
fn fourteen_frames_beat_the_constant_the_pixels_and_an_untrained_encoder() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..70).step_by(5)) else {
        return;
    };
    let later = frames(&root.join("later"), (75..110).step_by(5)).expect("as above");
    let out = root.join("models");
    let task = ("depth_zbuffer", "efficientnet_lite0");
    let few = ["--variant", "few", "--steps", "120", "--views", "3"];
    let mut arguments = fit((&train, &out), task, &few);
    arguments.extend(["--gain", "--json"]);
    let fitted = json(&arguments);
    let number = |at: &str| fitted.pointer(at).and_then(Value::as_f64).expect(at);
    assert!(number("/seconds") > 0.0);
    assert!(number("/quality/abs_rel") < number("/quality/constant"));
    for baseline in ["pixels", "random"] {
        let gain = number(&format!("/gain/{baseline}/gain"));
        assert!(gain > 0.5, "won on {gain} of the frames against {baseline}");
        let error = number(&format!("/gain/{baseline}/error"));
        assert!(number("/quality/held_out") < error, "{baseline}: {error}");
    }
    let readout = PathBuf::from(fitted["readout"].as_str().expect("a path"));
    assert!(readout.is_file() && Path::new(fitted["card"].as_str().expect("a path")).is_file());
    let alone = evaluated(&later, ["--readout", text(&readout)], &out);
    let (error, constant) = (&alone["abs_rel"], &alone["constant"]["abs_rel"]);
    let (error, constant) = (
        error.as_f64().expect("a number"),
        constant.as_f64().expect("one"),
    );
    assert!(
        error < 0.5 * constant,
        "{error}, the best constant {constant}"
    );

    // The same through the pipeline that serves it.
    let policy = root.join("few.toml");
    let served = "name = \"few\"\nsupervision_budget = 1\nmax_order = 1\n\n[[transfer]]\n\
                  target = \"depth_zbuffer\"\nsources = [\"efficientnet_lite0\"]\n\
                  readout = \"few\"\n";
    fs::write(&policy, served).expect("a file");
    let whole = evaluated(&later, ["--policy", text(&policy)], &out);
    let through = whole["abs_rel"].as_f64().expect("a number");
    assert!((through - error).abs() < 1e-6, "{through} but {error}");
}

#[test]
fn labels_that_follow_from_depth_are_fitted_also_from_two_sources() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..40).step_by(5)) else {
        return;
    };
    let out = root.join("models");
    let fits = [
        ("normal", "efficientnet_lite0,xfeat"),
        ("edge_occlusion", "xfeat"),
        ("reshading", "efficientnet_lite0"),
        ("curvature", "efficientnet_lite0"),
    ];
    for (target, sources) in fits {
        let closed_form = ["--kind", "ridge", "--json"];
        let fitted = json(&fit((&train, &out), (target, sources), &closed_form));
        // Both, or the one that is better alone.
        let kept: Vec<_> = (fitted["sources"].as_array().expect("a list").iter())
            .map(|source| source.as_str().expect("a name"))
            .collect();
        let name = format!("{target}_from_{}", kept.join("+"));
        assert_eq!(fitted["name"], name.as_str());
        let errors = fitted["compared"].as_object().expect("an object");
        let own = errors.get(&kept.join("+"));
        let least = errors.values().filter_map(Value::as_f64);
        let least = least.fold(f64::INFINITY, f64::min);
        assert!(
            own.is_none_or(|own| own.as_f64() == Some(least)),
            "{errors:?}"
        );
        assert_eq!(errors.len(), if sources.contains(',') { 3 } else { 0 });
        assert!(fitted["lambda"].as_f64().expect("a strength") > 0.0);
        let card = fitted["card"].as_str().expect("a path");
        let checked = program::run(&["models", "check", card]);
        assert!(checked.status.success(), "{target}: {checked:?}");
    }
}

#[test]
fn what_frames_lack_is_said() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..30).step_by(5)) else {
        return;
    };
    fs::remove_file(train.join("frame-000005.depth.png")).expect("a link");
    let halved = train.join("frame-000010.color.jpg");
    let picture = image::open(&halved).expect("a picture");
    fs::remove_file(&halved).expect("a link");
    let small = picture.thumbnail(picture.width() / 2, picture.height() / 2);
    small.save(&halved).expect("a picture");
    let task = ("depth_zbuffer", "efficientnet_lite0");
    let mut arguments = fit((&train, root), task, &["--kind", "ridge"]);
    let said = program::run(&arguments);
    let said = String::from_utf8_lossy(&said.stdout);
    for line in [
        "1 of 6 frames have no label, or no known value in it: they teach nothing",
        "1 of 5 frames have depth of another size than their picture",
    ] {
        assert!(said.contains(line), "{said}");
    }
    arguments.push("--json");
    let fitted = json(&arguments);
    assert_eq!(fitted["unlabelled_frames"], 1);
    assert_eq!(fitted["rescaled_frames"], 1);
    assert_eq!(fitted["uncalibrated_frames"], 0);
}

#[test]
fn a_full_disk_and_an_unknown_source_are_refused_and_leave_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..15).step_by(5)) else {
        return;
    };
    // A file where a folder must be made stands for what cannot be written.
    let blocked = root.join("blocked");
    fs::write(&blocked, "a file").expect("a file");
    let refused = |sources: &str, out: &Path| {
        let closed_form = ["--kind", "ridge", "--quiet"];
        let arguments = fit((&train, out), ("depth_zbuffer", sources), &closed_form);
        let output = program::run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let (code, said) = refused("efficientnet_lite0", &blocked);
    assert!(
        matches!(code, Some(1 | 2)) && said.contains("blocked"),
        "{code:?}: {said}"
    );
    let out = root.join("models");
    let (code, said) = refused("efficientnet_lite", &out);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("did you mean efficientnet_lite0"), "{said}");
    assert!(!out.exists());
}

/// A readout of depth as other programs build them: narrowed levels, a
/// convolution channel by channel with a way past it, rectifiers up to 6, one
/// number for the whole frame, weights in half precision.
fn other_form(models: &Path, kernel: &[f32]) -> String {
    use concert_models::onnx::{Attr, GraphBuilder};
    let name = "depth_zbuffer_from_efficientnet_lite0";
    let shipped = fs::read_to_string(format!("models/readouts/{name}.toml")).expect("a card");
    let mut card: toml::Table = shipped.parse().expect("a card");
    let levels = [("stride32", [1, 320, 7, 9]), ("stride16", [1, 112, 14, 18])];
    let mut dice = 1u64;
    let mut even = |count: usize, size: f32| -> Vec<f32> {
        let mut draw = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((dice >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * size
        };
        (0..count).map(|_| draw()).collect()
    };
    // Of numbers from 2^-14 to 2, cut to the ten bits that half precision has.
    let halves = |values: Vec<f32>| -> Vec<u8> {
        let half = |x: f32| {
            let bits = x.to_bits();
            let exponent = ((bits >> 23) & 0xff) as i32 - 112;
            let sign = (bits >> 16) & 0x8000;
            let small = exponent <= 0;
            let rest = ((exponent as u32) << 10) | ((bits >> 13) & 0x3ff);
            (if small { sign } else { sign | rest }) as u16
        };
        values
            .into_iter()
            .flat_map(|x| half(x).to_le_bytes())
            .collect()
    };
    let spec = |shape: &[usize]| concert_models::TensorSpec {
        dtype: concert_models::DType::F16,
        shape: shape.to_vec(),
    };
    let ints = |values: Vec<i64>| Attr::Ints(values);
    let text = |value: &str| Attr::Text(value.to_owned());
    let mut graph = GraphBuilder::new(name);
    for (level, shape) in levels {
        graph = graph.input(&format!("in_{level}"), &shape);
    }
    let resize = [
        ("mode", text("linear")),
        ("coordinate_transformation_mode", text("half_pixel")),
    ];
    let bytes = graph
        .input("focal", &[1, 1])
        .initializer("a_half", &spec(&[8, 320, 1, 1]), halves(even(8 * 320, 0.1)))
        .node("Cast", &["a_half"], &["a"], &[("to", Attr::Int(1))])
        .initializer_f32("b", &[8, 112, 1, 1], &even(8 * 112, 0.1))
        .initializer_f32("b_bias", &[8], &even(8, 1.0))
        .initializer_f32("d", &[8, 1, 3, 3], kernel)
        .initializer_f32("d_bias", &[8], &even(8, 1.0))
        .initializer_f32("g", &[8, 432, 1, 1], &even(8 * 432, 0.1))
        .initializer_f32("h", &[1, 8, 1, 1], &even(8, 0.2))
        .initializer_f32("o", &[1, 8, 1, 1], &even(8, 0.2))
        .initializer_f32("o_bias", &[1], &[0.6])
        .initializer_f32("least", &[], &[0.0])
        .initializer_f32("most", &[], &[6.0])
        .initializer_f32("low", &[], &[-2.9])
        .initializer_f32("high", &[], &[4.6])
        .initializer_f32("per_px", &[], &[1.0 / 200.0])
        .initializer_f32("twice", &[4], &[1.0, 1.0, 2.0, 2.0])
        .initializer_i64("size", &[4], &[1, 8, 56, 72])
        .node("Conv", &["in_stride32", "a"], &["coarse"], &[])
        .node("Resize", &["coarse", "", "twice"], &["wide"], &resize)
        .node("Conv", &["in_stride16", "b", "b_bias"], &["side"], &[])
        .node("Add", &["wide", "side"], &["sum"], &[])
        .node(
            "Conv",
            &["sum", "d", "d_bias"],
            &["seen"],
            &[("group", Attr::Int(8)), ("pads", ints(vec![1; 4]))],
        )
        .node("Relu", &["seen"], &["above"], &[])
        .node("Clip", &["above", "least", "most"], &["between"], &[])
        .node("Add", &["sum", "between"], &["past"], &[])
        .node("Resize", &["past", "", "", "size"], &["fine"], &resize)
        .node("Conv", &["fine", "o", "o_bias"], &["places"], &[])
        .node(
            "ReduceMean",
            &["in_stride16"],
            &["m16"],
            &[("axes", ints(vec![2, 3]))],
        )
        .node("GlobalAveragePool", &["in_stride32"], &["m32"], &[])
        .node(
            "Concat",
            &["m16", "m32"],
            &["means"],
            &[("axis", Attr::Int(1))],
        )
        .node("Conv", &["means", "g"], &["hidden"], &[])
        .node("Clip", &["hidden", "least", "most"], &["held"], &[])
        .node("Conv", &["held", "h"], &["whole"], &[])
        .node("Add", &["places", "whole"], &["log"], &[])
        .node("Clip", &["log", "low", "high"], &["sane"], &[])
        .node("Exp", &["sane"], &["metres"], &[])
        .node("Mul", &["focal", "per_px"], &["share"], &[])
        .node("Mul", &["metres", "share"], &["out"], &[])
        .output("out", &[1, 1, 56, 72])
        .build_bytes();
    let read = |tensor: &str, level: &str| -> toml::Value {
        let text = format!(
            "tensor = \"{tensor}\"\nsource = \"efficientnet_lite0\"\nlevel = \"{level}\"\n"
        );
        toml::Value::Table(text.parse().expect("a table"))
    };
    let focal = "tensor = \"focal\"\ncamera = \"focal_px\"\n";
    let reads = vec![
        read("in_stride32", "stride32"),
        read("in_stride16", "stride16"),
        toml::Value::Table(focal.parse().expect("a table")),
    ];
    card.remove("quality");
    card.insert("read".to_owned(), reads.into());
    let set = |card: &mut toml::Table, table: &str, key: &str, value: toml::Value| {
        let table = card[table].as_table_mut().expect("a table");
        table.insert(key.to_owned(), value);
    };
    set(&mut card, "output", "tensor", "out".into());
    set(&mut card, "fit", "reference_focal_px", 200.0.into());
    let provenance = card["provenance"].as_table_mut().expect("a table");
    provenance.remove("licence_file");
    write_readout(models, &bytes, card);
    name.to_owned()
}

/// The net that is made of such a file was held to what ONNX Runtime computes,
/// to 1e-4, before it was begun with, and the result again.
#[test]
fn a_fit_begins_with_a_readout_of_another_form_and_says_where_it_cannot() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let Some(train) = frames(&root.join("train"), (0..40).step_by(5)) else {
        return;
    };
    let (models, out) = (root.join("other"), root.join("out"));
    let name = other_form(&models, &[0.1; 72]);
    let task = ("depth_zbuffer", "efficientnet_lite0");
    let more = ["--models", text(&models), "--models", "models", "--json"];
    let mut few = vec!["--kind", "convolutional", "--steps", "60", "--views", "2"];
    few.extend(more);
    let fitted = json(&fit((&train, &out), task, &few));
    assert_eq!(fitted["warm_start"], name.as_str(), "{fitted}");
    assert!(fitted["warm_start_share"].as_f64().expect("a share") > 0.0);
    assert!(fitted["not_begun"].is_null(), "{fitted}");
    let card = fs::read_to_string(fitted["card"].as_str().expect("a path")).expect("a card");
    assert!(card.contains("share = "), "{card}");
    // What was written is of that form too, and is begun with again.
    let again = root.join("again");
    let more = ["--models", text(&out), "--models", "models", "--json"];
    let mut few = vec!["--kind", "convolutional", "--steps", "20", "--views", "1"];
    few.extend(more);
    let second = json(&fit((&train, &again), task, &few));
    assert_eq!(second["warm_start"], name.as_str(), "{second}");
    // One that no net computes is said, and not begun with.
    let file = models.join(format!("readouts/{name}.onnx"));
    let other = rewritten(&fs::read(&file).expect("the file"));
    let place = models.join(format!("readouts/{name}.toml"));
    let card = fs::read_to_string(&place).expect("a card");
    write_readout(&models, &other, card.parse().expect("a card"));
    let mut few = vec!["--steps", "20", "--views", "1"];
    few.extend(["--models", text(&models), "--models", "models", "--json"]);
    let third = json(&fit((&train, &out), task, &few));
    assert!(third["warm_start"].is_null(), "{third}");
    let reason = third["not_begun"].as_str().expect("a reason");
    assert!(reason.contains("has no counterpart"), "{reason}");
}

/// Writes a readout with its card, the hash and size of which are set.
fn write_readout(models: &Path, bytes: &[u8], mut card: toml::Table) {
    let name = card["name"].as_str().expect("a name").to_owned();
    let sha256 = concert_models::digest::sha256_hex(bytes);
    card.insert("sha256".to_owned(), sha256.into());
    card.insert("size_bytes".to_owned(), (bytes.len() as i64).into());
    let folder = models.join("readouts");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(format!("{name}.onnx")), bytes).expect("a file");
    fs::write(folder.join(format!("{name}.toml")), card.to_string()).expect("a file");
}

/// The same graph with a rectifier that no small network here has.
fn rewritten(bytes: &[u8]) -> Vec<u8> {
    let limits = concert_models::onnx::CheckLimits::default();
    let checked = concert_models::onnx::check(bytes, &limits).expect("a graph");
    let mut model = checked.into_model();
    let graph = model.graph.as_mut().expect("a graph");
    let relu = graph.node.iter_mut().find(|node| node.op_type() == "Relu");
    relu.expect("a rectifier").op_type = Some("Softplus".to_owned());
    concert_models::onnx::build::bytes_of(&model)
}
