//! Promises of the check about what a network makes while it loads and runs.

use super::build::tensor;
use super::*;
use crate::tensor::{DType, TensorSpec};

/// `x` of `[1, 4]`, `y` its `Relu`; what a test adds stands beside them.
fn network() -> GraphBuilder {
    GraphBuilder::new("network")
        .input("x", &[1, 4])
        .node("Relu", &["x"], &["y"], &[])
        .output("y", &[1, 4])
}

fn refused(builder: GraphBuilder) -> String {
    let checked = check(&builder.build_bytes(), &CheckLimits::default());
    checked.expect_err("a refusal").to_string()
}

fn sound(builder: GraphBuilder) -> Checked {
    let bytes = builder.build_bytes();
    check(&bytes, &CheckLimits::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn floats(name: &str, shape: &[usize], values: &[f32]) -> proto::TensorProto {
    let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, &TensorSpec::f32(shape), raw)
}

const LARGE: i64 = 1 << 40;

#[test]
fn what_computed_shapes_make_is_bounded() {
    let large = || network().initializer_i64("large", &[1], &[LARGE]);
    let zeros = |builder: GraphBuilder, shape: &str| {
        refused(builder.node("ConstantOfShape", &[shape], &["big"], &[]))
    };
    let ints = [("value_ints", Attr::Ints(vec![1 << 20, 1 << 20]))];
    for text in [
        zeros(network().node("Constant", &[], &["s"], &ints), "s"),
        zeros(large().node("Identity", &["large"], &["s"], &[]), "s"),
        zeros(
            network()
                .initializer_i64("a", &[1], &[1 << 20])
                .node("Mul", &["a", "a"], &["s"], &[]),
            "s",
        ),
        zeros(
            network()
                .initializer_i64("a", &[2], &[1 << 20, 1 << 20])
                .node("ReduceProd", &["a"], &["s"], &[]),
            "s",
        ),
        zeros(
            network().initializer_i64("a", &[1], &[1 << 20]).node(
                "Concat",
                &["a", "a"],
                &["s"],
                &[("axis", Attr::Int(0))],
            ),
            "s",
        ),
    ] {
        assert!(text.contains("(ConstantOfShape)` has shape"), "{text}");
        assert!(text.contains("at most 268435456"), "{text}");
    }
}

#[test]
fn what_operators_stretch_is_bounded() {
    let large = || network().initializer_i64("large", &[2], &[1, LARGE]);
    let scales = |builder: GraphBuilder| {
        builder
            .initializer_f32("scales", &[4], &[1.0, 1.0, 1e6, 1e6])
            .initializer_f32("none", &[0], &[])
    };
    let image = || {
        GraphBuilder::new("image")
            .input("x", &[1, 1, 8, 8])
            .node("Relu", &["x"], &["y"], &[])
            .output("y", &[1, 1, 8, 8])
    };
    let scalar = |value: i64| network().initializer_i64("n", &[], &[value]);
    let weights = || image().initializer_f32("w", &[1, 1, 1, 1], &[1.0]);
    let cases = [
        ("Tile", large().node("Tile", &["x", "large"], &["z"], &[])),
        (
            "Expand",
            large().node("Expand", &["x", "large"], &["z"], &[]),
        ),
        (
            "Range",
            scalar(LARGE)
                .initializer_i64("zero", &[], &[0])
                .initializer_i64("one", &[], &[1])
                .node("Range", &["zero", "n", "one"], &["z"], &[]),
        ),
        (
            "OneHot",
            scalar(LARGE)
                .initializer_f32("values", &[2], &[0.0, 1.0])
                .node("OneHot", &["x", "n", "values"], &["z"], &[]),
        ),
        (
            "Pad",
            network()
                .initializer_i64("pads", &[4], &[0, 0, 0, LARGE])
                .node("Pad", &["x", "pads"], &["z"], &[]),
        ),
        (
            "Resize",
            scales(image()).node("Resize", &["x", "none", "scales"], &["z"], &[]),
        ),
        (
            "Upsample",
            scales(image())
                .opset(9)
                .node("Upsample", &["x", "scales"], &["z"], &[]),
        ),
        (
            "Conv",
            weights().node(
                "Conv",
                &["x", "w"],
                &["z"],
                &[("pads", Attr::Ints(vec![0, 0, LARGE, 0]))],
            ),
        ),
        (
            "ConvTranspose",
            weights().node(
                "ConvTranspose",
                &["x", "w"],
                &["z"],
                &[("strides", Attr::Ints(vec![LARGE, 1]))],
            ),
        ),
        (
            "RandomNormal",
            network().node(
                "RandomNormal",
                &[],
                &["z"],
                &[("shape", Attr::Ints(vec![LARGE]))],
            ),
        ),
        (
            "Mul",
            network()
                .initializer_f32("a", &[1 << 15, 1], &[1.0; 1 << 15])
                .initializer_f32("b", &[1, 1 << 15], &[1.0; 1 << 15])
                .node("Mul", &["a", "b"], &["z"], &[]),
        ),
        (
            "MatMul",
            network()
                .initializer_f32("a", &[1 << 15, 1], &[1.0; 1 << 15])
                .initializer_f32("b", &[1, 1 << 15], &[1.0; 1 << 15])
                .node("MatMul", &["a", "b"], &["z"], &[]),
        ),
        (
            "Gather",
            network()
                .initializer_f32("table", &[1, 1 << 15], &[1.0; 1 << 15])
                .initializer_i64("rows", &[1 << 15], &[0; 1 << 15])
                .node("Gather", &["table", "rows"], &["z"], &[]),
        ),
    ];
    for (operator, builder) in cases {
        let text = refused(builder);
        assert!(
            text.contains(&format!("({operator})` has shape")),
            "{operator}: {text}"
        );
    }
}

#[test]
fn doubling_is_refused_where_it_passes_the_limit() {
    let mut builder = network();
    for step in 0..40 {
        let from = if step == 0 {
            "x".to_owned()
        } else {
            format!("d{step}")
        };
        let to = format!("d{}", step + 1);
        builder = builder.node("Concat", &[&from, &from], &[&to], &[("axis", Attr::Int(0))]);
    }
    let text = refused(builder);
    assert!(text.contains("(Concat)"), "{text}");
    assert!(!text.contains("node 40"), "{text}");
}

#[test]
fn what_data_decides_is_bounded_or_refused() {
    let decided = |operator: &str, operands: &[&str]| {
        network()
            .node("ReduceSum", &["x"], &["sum"], &[("keepdims", Attr::Int(0))])
            .node("Cast", &["sum"], &["n"], &[("to", Attr::Int(7))])
            .initializer_i64("axis", &[1], &[0])
            .node("Unsqueeze", &["n", "axis"], &["s"], &[])
            .initializer_i64("zero", &[], &[0])
            .initializer_i64("one", &[], &[1])
            .initializer_f32("values", &[2], &[0.0, 1.0])
            .node(operator, operands, &["z"], &[])
    };
    for (operator, operands) in [
        ("ConstantOfShape", &["s"][..]),
        ("Expand", &["x", "s"]),
        ("Tile", &["x", "s"]),
        ("Range", &["zero", "n", "one"]),
        ("OneHot", &["x", "n", "values"]),
        ("Pad", &["x", "s"]),
    ] {
        let text = refused(decided(operator, operands));
        assert!(
            text.contains(&format!("({operator}) has no bound for")),
            "{text}"
        );
    }
    // These are no larger than what they pick from.
    sound(decided("Slice", &["x", "s", "s"]));
    sound(decided("TopK", &["x", "s"]));
    sound(network().node("NonZero", &["x"], &["places"], &[]));
    // Of two shapes that data chooses from, the larger is the bound.
    let chosen = |large: i64| {
        network()
            .initializer_f32("limit", &[1], &[0.5])
            .initializer_i64("a", &[2], &[600, large])
            .initializer_i64("b", &[2], &[8, 8])
            .node("Greater", &["x", "limit"], &["g"], &[])
            .node(
                "ReduceMax",
                &["g"],
                &["any"],
                &[("axes", Attr::Ints(vec![1]))],
            )
            .node("Where", &["any", "a", "b"], &["s"], &[])
            .node("ConstantOfShape", &["s"], &["z"], &[])
    };
    sound(chosen(600));
    assert!(refused(chosen(LARGE)).contains("(ConstantOfShape)` has shape"));
    // A bound on a length bounds what is made of it.
    sound(
        network()
            .node("NonZero", &["x"], &["places"], &[])
            .node("Shape", &["places"], &["s"], &[])
            .node("ConstantOfShape", &["s"], &["z"], &[]),
    );
}

#[test]
fn constants_that_are_computed_while_loading_count_together() {
    let mut builder = network().initializer_i64("s", &[2], &[1 << 14, 1 << 14]);
    for index in 0..9 {
        builder = builder.node("ConstantOfShape", &["s"], &[&format!("c{index}")], &[]);
    }
    let text = refused(builder);
    assert!(
        text.contains("node 9 (ConstantOfShape) brings what loading"),
        "{text}"
    );
    assert!(
        text.contains("2415919104") && text.contains("2147483648"),
        "{text}"
    );
}

/// A `Scan` of `x` whose body is `operator` over state and slice.
fn scan(length: usize, operator: &str, operands: &[&str]) -> GraphBuilder {
    let body = GraphBuilder::new("body")
        .input("state", &[1, 4])
        .input("slice", &[1, 4])
        .node(operator, operands, &["next"], &[("axis", Attr::Int(0))])
        .initializer_i64("wide", &[2], &[1, 1 << 16])
        .node("Tile", &["slice", "wide"], &["row"], &[])
        .output("next", &[1, 4])
        .output("row", &[1, 1 << 18])
        .build_graph();
    let attributes = [
        ("body", Attr::Graph(body)),
        ("num_scan_inputs", Attr::Int(1)),
    ];
    GraphBuilder::new("scan")
        .input("start", &[1, 4])
        .input("x", &[length, 1, 4])
        .node("Scan", &["start", "x"], &["end", "rows"], &attributes)
        .output("end", &[1, 4])
}

#[test]
fn a_scan_is_as_large_as_its_body_times_its_length() {
    sound(scan(100, "Add", &["state", "slice"]));
    let text = refused(scan(10_000, "Add", &["state", "slice"]));
    assert!(text.contains("(Scan)"), "{text}");
    let text = refused(scan(100, "Concat", &["state", "slice"]));
    assert!(text.contains("no bound for a state, which grows"), "{text}");
}

#[test]
fn operators_are_allowed_by_name() {
    let microsoft = |operator: &str| {
        network()
            .import("com.microsoft", 1)
            .node_of("com.microsoft", operator, &["x"], &["z"], &[])
    };
    sound(microsoft("Gelu"));
    for operator in [
        "EPContext",
        "BeamSearch",
        "GreedySearch",
        "Sampling",
        "WhisperBeamSearch",
        "Tokenizer",
        "Snpe",
    ] {
        let text = refused(microsoft(operator));
        assert!(
            text.contains(&format!("({operator}) is of domain `com.microsoft`")),
            "{text}"
        );
        assert!(text.contains("allowed by name"), "{text}");
    }
    for operator in ["SequenceMap", "ImageDecoder", "RegexFullMatch", "Custom"] {
        let text = refused(network().node(operator, &["x"], &["z"], &[]));
        assert!(
            text.contains(&format!("({operator}) is of domain `ai.onnx`")),
            "{text}"
        );
    }
}

/// How exporters write a transformer of an open image size: everything is computed
/// from `Shape`.
fn exported() -> GraphBuilder {
    let open = |name: &str| Dim::Symbol(name.to_owned());
    let at = |index: i64| format!("at{index}");
    let mut builder = GraphBuilder::new("exported")
        .input_dims(
            "image",
            DType::F32,
            &[open("batch"), Dim::Fixed(3), open("height"), open("width")],
        )
        .initializer_f32("w", &[8, 3, 14, 14], &[0.0; 8 * 3 * 14 * 14])
        .initializer_f32("class", &[1, 1, 8], &[0.0; 8])
        .initializer_i64("minus", &[1], &[-1])
        .initializer_i64("channels", &[1], &[8])
        .initializer_i64("axis", &[1], &[0])
        .initializer_i64("one", &[1], &[1])
        .initializer_i64("two", &[1], &[2])
        .initializer_f32("half", &[1], &[0.5]);
    for index in 0..4 {
        builder = builder.initializer_i64(&at(index), &[], &[index]);
    }
    builder
        .node(
            "Conv",
            &["image", "w"],
            &["patches"],
            &[("strides", Attr::Ints(vec![14, 14]))],
        )
        .node("Shape", &["patches"], &["shape"], &[])
        .node("Gather", &["shape", "at0"], &["batch"], &[])
        .node("Gather", &["shape", "at2"], &["rows"], &[])
        .node("Gather", &["shape", "at3"], &["columns"], &[])
        .node("Mul", &["rows", "columns"], &["cells"], &[])
        .node("Unsqueeze", &["batch", "axis"], &["batch1"], &[])
        .node("Unsqueeze", &["cells", "axis"], &["cells1"], &[])
        .node(
            "Concat",
            &["batch1", "channels", "cells1"],
            &["flat"],
            &[("axis", Attr::Int(0))],
        )
        .node("Reshape", &["patches", "flat"], &["tokens"], &[])
        .node(
            "Transpose",
            &["tokens"],
            &["turned"],
            &[("perm", Attr::Ints(vec![0, 2, 1]))],
        )
        .node(
            "Concat",
            &["batch1", "one", "channels"],
            &["first"],
            &[("axis", Attr::Int(0))],
        )
        .node("Expand", &["class", "first"], &["classes"], &[])
        .node(
            "Concat",
            &["classes", "turned"],
            &["all"],
            &[("axis", Attr::Int(1))],
        )
        // Back to a map of half the size, by a scale that is computed.
        .node("Slice", &["all", "one", "cellsend", "one"], &["rest"], &[])
        .initializer_i64("cellsend", &[1], &[i64::MAX])
        .node("Cast", &["rows"], &["rowsf"], &[("to", Attr::Int(1))])
        .node("Mul", &["rowsf", "half"], &["halff"], &[])
        .node("Floor", &["halff"], &["floor"], &[])
        .node("Cast", &["floor"], &["side"], &[("to", Attr::Int(7))])
        .node("Slice", &["shape", "axis", "two"], &["keep"], &[])
        .node(
            "Concat",
            &["keep", "side", "side"],
            &["sizes"],
            &[("axis", Attr::Int(0))],
        )
        .node("Resize", &["patches", "", "", "sizes"], &["small"], &[])
        .output_dims(
            "all",
            DType::F32,
            &[open("batch"), open("tokens"), Dim::Fixed(8)],
        )
        .output_dims(
            "small",
            DType::F32,
            &[open("batch"), Dim::Fixed(8), open("h"), open("w")],
        )
}

#[test]
fn shapes_that_are_computed_from_the_input_are_followed() {
    let network = sound(exported());
    let shape = [("image".to_owned(), vec![1, 3, 224, 224])];
    let described = Description::at(&network, &shape);
    let shapes: Vec<_> = described.outputs.iter().map(ToString::to_string).collect();
    assert_eq!(shapes, ["all f32 [1, 257, 8]", "small f32 [1, 8, 8, 8]"]);
    // An image too large for what is made of it.
    let shape = [("image".to_owned(), vec![1, 3, 100_000, 100_000])];
    let bytes = exported().build_bytes();
    let error = check_for(&bytes, &CheckLimits::default(), &shape).unwrap_err();
    assert!(error.to_string().contains("(Conv)"), "{error}");
}

#[test]
fn a_pyramid_names_its_levels_though_nothing_passes_through_one_tensor() {
    let stride = |builder: GraphBuilder, from: &str, to: &str| {
        let attributes = [("strides", Attr::Ints(vec![2, 2]))];
        builder.node("Conv", &[from, "w"], &[to], &attributes)
    };
    let mut builder = GraphBuilder::new("pyramid")
        .input("image", &[1, 1, 32, 32])
        .initializer_f32("w", &[1, 1, 1, 1], &[1.0]);
    for (from, to) in [("image", "c1"), ("c1", "c2"), ("c2", "c3")] {
        builder = stride(builder, from, to);
    }
    let builder = builder
        .node("Conv", &["c1", "w"], &["l1"], &[])
        .node("Conv", &["c2", "w"], &["l2"], &[])
        .node("Conv", &["c3", "w"], &["l3"], &[])
        .output("l1", &[1, 1, 16, 16])
        .output("l2", &[1, 1, 8, 8])
        .output("l3", &[1, 1, 4, 4]);
    let described = Description::of(&sound(builder));
    let taps: Vec<_> = (described.taps.iter())
        .map(|tap| tap.value.to_string())
        .collect();
    for wanted in [
        "c1 f32 [1, 1, 16, 16]",
        "c2 f32 [1, 1, 8, 8]",
        "l2 f32 [1, 1, 8, 8]",
        "l3 f32 [1, 1, 4, 4]",
    ] {
        assert!(taps.iter().any(|tap| tap == wanted), "{wanted}: {taps:?}");
    }
}

#[test]
fn constants_that_are_nodes_count_as_parameters() {
    let value = [("value", Attr::Tensor(floats("", &[3], &[1.0, 2.0, 3.0])))];
    let described = Description::of(&sound(network().node("Constant", &[], &["c"], &value)));
    assert_eq!(described.parameters, 3);
}

#[test]
fn a_check_of_many_nodes_with_numbers_ends_soon() {
    let mut builder = network().initializer_i64("n0", &[128], &[1; 128]);
    for step in 0..10_000 {
        let (from, to) = (format!("n{step}"), format!("n{}", step + 1));
        builder = builder.node("Add", &[&from, &from], &[&to], &[]);
    }
    // 2^10000 is no number any more; nothing is made of it.
    sound(builder);
}

/// Networks of the ONNX project's own tests (`onnx/backend/test/data` of PyPI
/// `onnx`), where a folder with them is named: their outputs have the shapes that
/// they state.
#[test]
fn shapes_of_published_test_networks_are_told_right() {
    let Some(folder) = std::env::var_os("CONCERT_ONNX_TESTS") else {
        crate::skip::cannot(format_args!("CONCERT_ONNX_TESTS names no folder"));
        return;
    };
    let (mut seen, mut refusals, mut wrong) = (0, Vec::new(), Vec::new());
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|ending| ending != "onnx") {
                continue;
            }
            seen += 1;
            let name = path
                .parent()
                .unwrap()
                .file_name()
                .unwrap()
                .display()
                .to_string();
            let bytes = std::fs::read(&path).unwrap();
            let model = match check(&bytes, &CheckLimits::default()) {
                Ok(model) => model,
                Err(error) => {
                    refusals.push(format!("{name}: {error}"));
                    continue;
                }
            };
            let facts = infer::infer(
                model.envelope(),
                model.graph(),
                &[],
                &CheckLimits::default(),
            )
            .unwrap();
            for output in &model.graph().output {
                let stated = describe::value(output);
                let fact = &facts[output.name()];
                let dtype = output.tensor().map_or(0, |tensor| tensor.elem_type());
                if fact.dtype != 0 && dtype != 0 && fact.dtype != dtype {
                    wrong.push(format!("{name} {stated}: type {}", fact.dtype));
                }
                let (Some(dims), Some(shape)) = (&stated.shape, &fact.shape) else {
                    continue;
                };
                let agree = dims.len() == shape.len()
                    && dims
                        .iter()
                        .zip(shape)
                        .all(|(dim, length)| match (dim, length.sure) {
                            (Dim::Fixed(stated), infer::Sure::Exact) => {
                                *stated as u64 == length.value
                            }
                            (Dim::Fixed(stated), _) => *stated as u64 <= length.value,
                            _ => true,
                        });
                if !agree {
                    wrong.push(format!("{name} {stated}: {shape:?}"));
                }
            }
        }
    }
    println!(
        "{seen} networks, {} refused:\n{}",
        refusals.len(),
        refusals.join("\n")
    );
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
