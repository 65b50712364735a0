//! Promises of the surgery, on graphs that the tests write themselves.

use proptest::prelude::*;
use prost::Message as _;

use super::build::tensor;
use super::proto::{AttributeProto, ModelProto};
use super::*;
use crate::tensor::{DType, TensorSpec};

/// Two blocks with a skip between them, then a classifier:
/// x → Conv → a → Relu → b; b + Relu(b) → c → GlobalAveragePool → d.
fn network() -> GraphBuilder {
    let batch = || Dim::Symbol("batch".to_owned());
    let image = |channels| [batch(), Dim::Fixed(channels), Dim::Fixed(8), Dim::Fixed(8)];
    GraphBuilder::new("network")
        .input_dims("x", DType::F32, &image(3))
        .initializer_f32("w", &[4, 3, 1, 1], &[0.5; 12])
        .initializer_f32("unused", &[2], &[1.0, 2.0])
        .node("Conv", &["x", "w"], &["a"], &[])
        .node("Relu", &["a"], &["b"], &[])
        .node("Relu", &["b"], &["b2"], &[])
        .node("Add", &["b", "b2"], &["c"], &[])
        .node("GlobalAveragePool", &["c"], &["d"], &[])
        .output_dims("b", DType::F32, &image(4))
        .output_dims(
            "d",
            DType::F32,
            &[batch(), Dim::Fixed(4), Dim::Fixed(1), Dim::Fixed(1)],
        )
}

fn readout() -> GraphBuilder {
    GraphBuilder::new("readout")
        .input("level", &[1, 4, 8, 8])
        .initializer_f32("w", &[2, 4, 1, 1], &[0.25; 8])
        .node("Conv", &["level", "w"], &["y"], &[])
        .output("y", &[1, 2, 8, 8])
}

/// A graph with a branch inside a branch, `depth` deep.
fn nested(depth: usize) -> GraphBuilder {
    let mut inner = GraphBuilder::new("leaf")
        .node("Identity", &["x"], &["leaf"], &[])
        .output("leaf", &[1])
        .build_graph();
    for level in 1..depth {
        let name = format!("branch{level}");
        inner = GraphBuilder::new("branch")
            .node("If", &["flag"], &[&name], &branches(inner))
            .output(&name, &[1])
            .build_graph();
    }
    GraphBuilder::new("nested")
        .input("x", &[1])
        .input("flag", &[1])
        .node("If", &["flag"], &["y"], &branches(inner))
        .output("y", &[1])
}

fn branches(inner: proto::GraphProto) -> [(&'static str, Attr); 1] {
    [("then_branch", Attr::Graph(inner))]
}

fn checked(bytes: &[u8]) -> Checked {
    check(bytes, &CheckLimits::default()).expect("the graph is sound")
}

fn refusal(bytes: &[u8]) -> String {
    check(bytes, &CheckLimits::default())
        .expect_err("the graph is refused")
        .to_string()
}

fn refused(builder: GraphBuilder) -> String {
    refusal(&builder.build_bytes())
}

fn fixed(name: &str, shape: &[usize]) -> Vec<(String, Vec<usize>)> {
    vec![(name.to_owned(), shape.to_vec())]
}

/// Appends a field with a length to protobuf bytes.
fn field(into: &mut Vec<u8>, number: u32, body: &[u8]) {
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, into);
    prost::encoding::encode_varint(body.len() as u64, into);
    into.extend_from_slice(body);
}

/// A model whose graph has one more field.
fn with_graph_field(number: u32, body: &[u8]) -> Vec<u8> {
    let mut model = network().build_model();
    let mut graph = model.graph.take().unwrap().encode_to_vec();
    field(&mut graph, number, body);
    let mut bytes = model.encode_to_vec();
    field(&mut bytes, 7, &graph);
    bytes
}

// check

#[test]
fn a_sound_network_decodes_to_what_was_written() {
    let model = network().metadata("task", "test").build_model();
    assert_eq!(checked(&model.encode_to_vec()).into_model(), model);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = network().build_bytes();
    for length in 0..bytes.len() {
        let cut = check(&bytes[..length], &CheckLimits::default());
        assert!(cut.is_err(), "{length} of {} bytes pass", bytes.len());
    }
}

#[test]
fn external_data_is_refused_wherever_it_stands() {
    // A tensor named `w` with external_data, and one with data_location only.
    let mut entry = Vec::new();
    field(&mut entry, 1, b"location");
    field(&mut entry, 2, b"../../etc/passwd");
    let mut by_entry = Vec::new();
    field(&mut by_entry, 8, b"w2");
    field(&mut by_entry, 13, &entry);
    let mut by_location = Vec::new();
    field(&mut by_location, 8, b"w2");
    by_location.extend([14 << 3, 1]);
    for tensor in [by_entry, by_location] {
        // As an initialiser, as an attribute, and inside a branch.
        let mut attribute = Vec::new();
        field(&mut attribute, 5, &tensor);
        let mut node = Vec::new();
        field(&mut node, 5, &attribute);
        let mut graph = Vec::new();
        field(&mut graph, 1, &node);
        let mut branch = Vec::new();
        field(&mut branch, 6, &graph);
        let mut outer = Vec::new();
        field(&mut outer, 5, &branch);
        for (number, body) in [(5, &tensor), (1, &node), (1, &outer)] {
            let text = refusal(&with_graph_field(number, body));
            assert!(
                text.contains("tensor `w2`") && text.contains("self-contained"),
                "{text}"
            );
        }
    }
}

#[test]
fn what_would_be_lost_is_refused_by_name() {
    let text = refusal(&with_graph_field(15, b""));
    assert!(text.contains("sparse initialisers"), "{text}");
    let mut bytes = network().build_bytes();
    field(&mut bytes, 25, b"");
    assert!(refusal(&bytes).contains("functions"));
    let mut bytes = network().build_bytes();
    field(&mut bytes, 99, b"");
    assert!(refusal(&bytes).contains("field 99"));
}

#[test]
fn a_graph_of_100000_nodes_is_refused_at_the_limit() {
    let mut graph = Vec::new();
    for _ in 0..100_000 {
        field(&mut graph, 1, b"");
    }
    let mut bytes = Vec::new();
    field(&mut bytes, 7, &graph);
    assert_eq!(
        refusal(&bytes),
        "network has at least 20001 nodes, but at most 20000 are allowed"
    );
}

#[test]
fn entries_that_cost_little_on_the_wire_are_counted_before_they_cost_memory() {
    let node: Vec<u8> = [1 << 3 | 2, 0].repeat(3_000_000);
    let text = refusal(&with_graph_field(1, &node));
    assert!(text.contains("entries with a length"), "{text}");
    let mut numbers = Vec::new();
    field(&mut numbers, 7, &vec![0; 40 << 20]);
    let text = refusal(&with_graph_field(5, &numbers));
    assert!(text.contains("numbers outside raw data"), "{text}");
}

#[test]
fn subgraphs_nest_as_deep_as_allowed_and_no_deeper() {
    checked(&nested(4).build_bytes());
    assert_eq!(
        refused(nested(5)),
        "network nests subgraphs 5 deep, but at most 4 are allowed"
    );
}

#[test]
fn types_that_nest_without_end_are_refused() {
    let mut type_ = Vec::new();
    for _ in 0..5_000 {
        let mut sequence = Vec::new();
        field(&mut sequence, 1, &type_);
        type_ = Vec::new();
        field(&mut type_, 4, &sequence);
    }
    let mut info = Vec::new();
    field(&mut info, 1, b"deep");
    field(&mut info, 2, &type_);
    let text = refusal(&with_graph_field(13, &info));
    assert!(text.contains("nests messages"), "{text}");
}

#[test]
fn a_length_that_lies_is_refused_with_both_lengths() {
    let mut bytes = Vec::new();
    field(&mut bytes, 2, b"abc");
    bytes[1] = 100;
    assert_eq!(
        refusal(&bytes),
        "ModelProto at byte 2 declares 100 bytes, but 3 are left: the file is truncated or its lengths lie"
    );
    let huge = [
        7 << 3 | 2,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0x7f,
    ];
    assert!(refusal(&huge).contains("but 0 are left"));
}

#[test]
fn names_are_short_and_can_be_printed() {
    let text = refused(network().node(&"R".repeat(5_000), &["d"], &["e"], &[]));
    assert!(
        text.contains("5000 bytes in one name, but at most 4096"),
        "{text}"
    );
    let text = refused(network().node("Relu", &["d"], &["\u{1b}[2J"], &[]));
    assert!(text.contains("a name has no control characters"), "{text}");
}

#[test]
fn a_constant_shape_of_a_million_axes_is_refused_by_its_rank() {
    let long = network()
        .initializer_i64("shape", &[1 << 20], &vec![1; 1 << 20])
        .node("Expand", &["d", "shape"], &["e"], &[]);
    assert!(refused(long).contains("a result of 1048576 axes"));
}

#[test]
fn shapes_are_held_to_sign_and_size() {
    let shape = |axis: i64| {
        network().output_dims("a", DType::F32, &[Dim::Fixed(axis), Dim::Fixed(1 << 40)])
    };
    assert!(refused(shape(-2)).contains("axis 0 of `a` is -2"));
    // Some exporters write an open axis as -1.
    assert!(refused(shape(-1)).contains("at most 268435456"));
    let open = GraphBuilder::new("open")
        .input_dims("x", DType::F32, &[Dim::Fixed(-1), Dim::Fixed(3)])
        .node("Relu", &["x"], &["y"], &[])
        .output_dims("y", DType::F32, &[Dim::Fixed(-1), Dim::Fixed(3)]);
    let described = Description::of(&checked(&open.build_bytes()));
    assert_eq!(described.inputs[0].to_string(), "x f32 [?, 3]");
    let text = refused(shape(1 << 40));
    assert!(text.contains("`a`") && text.contains("268435456"), "{text}");
    // An axis of 0 does not hide one of 2^40.
    assert!(refused(shape(0)).contains("at most 268435456"));
    assert!(refused(network().output("a", &[1; 17])).contains("at least 17 axes"));
}

#[test]
fn what_a_constant_shape_makes_is_held_to_the_same_size() {
    let by_initialiser = network()
        .initializer_i64("shape", &[2], &[1 << 20, 1 << 20])
        .node("ConstantOfShape", &["shape"], &["big"], &[]);
    assert!(refused(by_initialiser).contains("node 5 (ConstantOfShape)"));
    let spec = TensorSpec {
        dtype: DType::I64,
        shape: vec![1],
    };
    let shape = Attr::Tensor(tensor("", &spec, (1i64 << 40).to_le_bytes().to_vec()));
    let by_constant = network()
        .node("Constant", &[], &["shape"], &[("value", shape)])
        .node("Expand", &["d", "shape"], &["big"], &[]);
    assert!(refused(by_constant).contains("node 6 (Expand)"));
}

#[test]
fn data_that_does_not_fill_its_shape_is_refused_with_both_lengths() {
    let spec = TensorSpec::f32(&[2, 3]);
    assert_eq!(
        refused(network().initializer("short", &spec, vec![0; 23])),
        "tensor `short` of f32 and shape [2, 3] needs 24 bytes, but has 23"
    );
    let mut model = network().build_model();
    let weights = &mut model.graph.as_mut().unwrap().initializer[0];
    weights.raw_data = None;
    weights.float_data = vec![0.5; 11];
    assert_eq!(
        refusal(&model.encode_to_vec()),
        "tensor `w` of f32 and shape [4, 3, 1, 1] needs 12 entries, but has 11"
    );
    model.graph.as_mut().unwrap().initializer[0]
        .float_data
        .push(0.5);
    checked(&model.encode_to_vec());
}

#[test]
fn data_in_attributes_is_checked_as_well() {
    let short = Attr::Tensor(tensor("", &TensorSpec::f32(&[4]), vec![0; 4]));
    let text = refused(network().node("Constant", &[], &["k"], &[("value", short)]));
    assert!(text.contains("needs 16 bytes, but has 4"), "{text}");
}

#[test]
fn versions_and_domains_outside_the_range_are_refused_with_the_range() {
    for sound in [network().opset(7), network().opset(25).ir_version(13)] {
        checked(&sound.build_bytes());
    }
    for beyond in [6, 26] {
        let text = refused(network().opset(beyond));
        assert!(
            text.starts_with(&format!("opset of `ai.onnx` is {beyond}, but 7 to 25")),
            "{text}"
        );
        assert!(text.contains("exporters can be told"), "{text}");
    }
    assert_eq!(
        refused(network().ir_version(99)),
        "ir version is 99, but 3 to 13 are supported"
    );
    // Both spellings of the default domain, as joined files have them.
    checked(&network().import("ai.onnx", 17).build_bytes());
    assert_eq!(
        refused(network().import("ai.onnx", 16)),
        "opset of `ai.onnx` is imported twice, as 17 and 16"
    );
    let custom = network()
        .import("evil", 1)
        .node_of("evil", "Run", &["d"], &["e"], &[]);
    assert!(refused(custom).contains("node 5 (Run) is of domain `evil`"));
    let missing = network().node_of("com.microsoft", "Gelu", &["d"], &["e"], &[]);
    assert!(refused(missing).contains("does not import"));
}

#[test]
fn values_are_made_once_and_before_they_are_read() {
    assert_eq!(
        refused(network().node("Relu", &["c"], &["a"], &[])),
        "value `a` is made twice, by node 0 (Conv) and by node 5 (Relu)"
    );
    assert!(refused(network().output("b", &[1])).contains("by another graph output"));
    assert_eq!(
        refused(network().node("Relu", &["nowhere"], &["e"], &[])),
        "node 5 (Relu) reads `nowhere`, which nothing makes"
    );
    assert!(refused(network().output("nowhere", &[1])).contains("graph output reads"));
    let cycle = network()
        .node("Relu", &["f"], &["e"], &[])
        .node("Relu", &["e"], &["f"], &[]);
    assert_eq!(
        refused(cycle),
        "node 5 (Relu) reads `f`, which node 6 (Relu) makes later: nodes must be sorted and free of cycles"
    );
}

#[test]
fn a_branch_sees_only_what_was_made_before_it() {
    let inner = || {
        GraphBuilder::new("inner")
            .node("Relu", &["late"], &["in"], &[])
            .output("in", &[1])
            .build_graph()
    };
    let late = network()
        .node("If", &["d"], &["e"], &branches(inner()))
        .node("Relu", &["d"], &["late"], &[]);
    assert!(refused(late).contains("reads `late`, which nothing makes"));
    let early = network().node("Relu", &["d"], &["late"], &[]).node(
        "If",
        &["d"],
        &["e"],
        &branches(inner()),
    );
    checked(&early.build_bytes());
}

#[test]
fn loops_pass_only_where_they_are_allowed() {
    let limits = CheckLimits {
        allow_loops: true,
        ..CheckLimits::default()
    };
    let looped = |trips: &str, step: &str, operands: &[&str]| {
        let body = GraphBuilder::new("body")
            .input("i", &[])
            .input("on", &[])
            .input("state", &[1, 4, 1, 1])
            .node("Identity", &["on"], &["still"], &[])
            .node(step, operands, &["next"], &[("axis", Attr::Int(0))])
            .output("still", &[])
            .output("next", &[1, 4, 1, 1])
            .build_graph();
        network()
            .initializer_i64("three", &[], &[3])
            .node(
                "Loop",
                &[trips, "", "d"],
                &["e"],
                &[("body", Attr::Graph(body))],
            )
            .build_bytes()
    };
    let bytes = looped("three", "Relu", &["state"]);
    assert!(refusal(&bytes).contains("node 5 (Loop) is a Loop"));
    check(&bytes, &limits).unwrap();
    // Not even there without an end, or with a state that grows.
    let refused = |bytes: &[u8]| check(bytes, &limits).unwrap_err().to_string();
    let endless = refused(&looped("", "Relu", &["state"]));
    assert!(
        endless.contains("no bound for how often its body runs"),
        "{endless}"
    );
    let grows = refused(&looped("three", "Concat", &["state", "state"]));
    assert!(
        grows.contains("no bound for a state, which grows"),
        "{grows}"
    );
}

#[test]
fn limits_on_the_file_and_its_inputs_are_those_of_the_caller() {
    let limits = CheckLimits {
        max_file_bytes: 10,
        ..CheckLimits::default()
    };
    let bytes = network().build_bytes();
    let error = check(&bytes, &limits).unwrap_err().to_string();
    assert!(error.ends_with("but at most 10 are allowed"), "{error}");
    let mut many = network();
    for index in 0..1_000 {
        many = many.input(&format!("in{index}"), &[1]);
    }
    assert!(refused(many).contains("1001 inputs of a graph"));
}

// cut

#[test]
fn a_cut_keeps_only_what_its_taps_need() {
    let model = checked(&network().metadata("task", "test").build_bytes());
    let taps = [Tap::new("b", "level")];
    let bytes = cut(&model, &taps, &fixed("x", &[1, 3, 8, 8])).unwrap();
    let cut = checked(&bytes);
    let described = Description::of(&cut);
    assert_eq!(described.nodes, 2);
    assert_eq!(described.parameters, 12);
    assert_eq!(described.inputs[0].to_string(), "x f32 [1, 3, 8, 8]");
    assert_eq!(described.outputs.len(), 1);
    assert_eq!(described.outputs[0].to_string(), "level f32 [1, 4, 8, 8]");
    assert_eq!(
        cut.envelope().metadata_props,
        model.envelope().metadata_props
    );
}

#[test]
fn a_tap_that_is_read_further_on_keeps_its_readers() {
    let model = checked(&network().build_bytes());
    let taps = [Tap::new("b", "shallow"), Tap::new("c", "deep")];
    let cut = checked(&cut(&model, &taps, &[]).unwrap());
    let add = cut.graph().node.last().unwrap();
    assert_eq!(add.input, ["shallow", "b2"]);
    assert_eq!(add.output, ["deep"]);
}

#[test]
fn levels_may_swap_the_names_of_their_tensors() {
    let model = checked(&network().build_bytes());
    let taps = [Tap::new("b", "c"), Tap::new("c", "b")];
    let cut = checked(&cut(&model, &taps, &[]).unwrap());
    assert_eq!(cut.graph().node.last().unwrap().input, ["c", "b2"]);
}

#[test]
fn inputs_and_tensors_tapped_twice_get_a_copy() {
    let model = checked(&network().build_bytes());
    let taps = [
        Tap::new("x", "image"),
        Tap::new("a", "first"),
        Tap::new("a", "second"),
    ];
    let cut = checked(&cut(&model, &taps, &[]).unwrap());
    let copies: Vec<_> = (cut.graph().node.iter())
        .filter(|node| node.op_type() == "Identity")
        .map(|node| (node.input[0].as_str(), node.output[0].as_str()))
        .collect();
    assert_eq!(copies, [("x", "image"), ("first", "second")]);
}

#[test]
fn a_tensor_that_the_network_does_not_state_is_declared_as_the_tap_says() {
    let model = checked(&network().build_bytes());
    let tap = Tap::new("c", "deep");
    let declared = |tap: &Tap| {
        let bytes = cut(&model, std::slice::from_ref(tap), &[]).unwrap();
        Description::of(&checked(&bytes)).outputs[0].to_string()
    };
    // Its nodes tell what they can: the batch is open.
    assert_eq!(declared(&tap), "deep f32 [?, 4, 8, 8]");
    let tap = tap.with_spec(TensorSpec::f32(&[1, 4, 8, 8]));
    assert_eq!(declared(&tap), "deep f32 [1, 4, 8, 8]");
    // A shape for the input tells the rest.
    let tap = Tap::new("c", "deep");
    let bytes = cut(&model, &[tap], &fixed("x", &[1, 3, 8, 8])).unwrap();
    let told = Description::of(&checked(&bytes)).outputs[0].to_string();
    assert_eq!(told, "deep f32 [1, 4, 8, 8]");
}

#[test]
fn a_branch_keeps_what_it_reads_from_outside() {
    let bytes = nested(2).node("Relu", &["y"], &["z"], &[]).build_bytes();
    let model = checked(&bytes);
    let cut = checked(&cut(&model, &[Tap::new("y", "level")], &[]).unwrap());
    let inputs: Vec<_> = cut.graph().input.iter().map(|i| i.name()).collect();
    assert_eq!(inputs, ["x", "flag"]);
}

#[test]
fn cuts_that_do_not_fit_are_refused_with_both_sides() {
    let model = checked(&network().build_bytes());
    let text = |taps: &[Tap], fixed: &[(String, Vec<usize>)]| {
        cut(&model, taps, fixed).unwrap_err().to_string()
    };
    let tap = [Tap::new("b", "level")];
    assert!(text(&[], &[]).contains("0 taps"));
    assert_eq!(
        text(&[Tap::new("b3", "level")], &[]),
        "tensor `b3` is not among the 8 of the network; near: `b`, `b2`, `a`"
    );
    assert!(text(&[Tap::new("w", "level")], &[]).contains("is an initialiser"));
    assert!(text(&[Tap::new("b", "")], &[]).contains("empty level name"));
    let twice = [Tap::new("a", "level"), Tap::new("b", "level")];
    assert!(text(&twice, &[]).contains("by 2 taps, `a` and `b`"));
    assert!(text(&[Tap::new("b", "a")], &[]).contains("another value that is kept"));
    assert_eq!(
        text(&tap, &fixed("y", &[1])),
        "input `y` is not among the 1 of the network; near: `x`"
    );
    assert_eq!(
        text(&tap, &fixed("x", &[1])),
        "input `x` has 4 axes, but 1 lengths are given"
    );
    assert_eq!(
        text(&tap, &fixed("x", &[1, 4, 8, 8])),
        "axis 1 of input `x` is 3, but 4 is given"
    );
    assert!(text(&tap, &fixed("x", &[0, 3, 8, 8])).contains("at least 1"));
}

#[test]
fn a_cut_inside_a_branch_is_refused_by_its_node() {
    let model = checked(&nested(2).build_bytes());
    let error = cut(&model, &[Tap::new("leaf", "level")], &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("inside a subgraph of node 0 (If)"),
        "{error}"
    );
}

// merge

#[test]
fn a_merged_readout_reads_its_encoder() {
    let encoder = checked(&network().build_bytes());
    let encoder = cut(
        &encoder,
        &[Tap::new("b", "level")],
        &fixed("x", &[1, 3, 8, 8]),
    );
    let (encoder, readout) = (
        checked(&encoder.unwrap()),
        checked(&readout().build_bytes()),
    );
    let part = |prefix, model| Part { prefix, model };
    let parts = [
        part("e/", &encoder),
        part("r/", &readout),
        part("s/", &readout),
    ];
    let connect = |to| Connection {
        from: "e/",
        output: "level",
        to,
        input: "level",
    };
    let merged = merge(&parts, &[connect("r/"), connect("s/")]).unwrap();
    let described = describe(&merged).unwrap();
    assert_eq!(described.inputs.len(), 1);
    assert_eq!(described.inputs[0].name, "e/x");
    let outputs: Vec<_> = described.outputs.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(outputs, ["e/level", "r/y", "s/y"]);
    assert_eq!((described.nodes, described.parameters), (4, 28));
}

#[test]
fn merges_that_do_not_fit_are_refused_with_both_sides() {
    let encoder = checked(&network().build_bytes());
    let newer = checked(&network().opset(18).build_bytes());
    let readout = checked(&readout().build_bytes());
    let connection = Connection {
        from: "e/",
        output: "b",
        to: "r/",
        input: "level",
    };
    let text = |parts: &[(&str, &Checked)], connections: &[Connection<'_>]| {
        let parts: Vec<Part<'_>> = (parts.iter())
            .map(|&(prefix, model)| Part { prefix, model })
            .collect();
        merge(&parts, connections).unwrap_err().to_string()
    };
    let pair = [("e/", &encoder), ("r/", &readout)];
    assert_eq!(
        text(&[("e/", &newer), ("r/", &readout)], &[]),
        "opset of `ai.onnx` is 18 in `e/`, but 17 in `r/`: one graph has one version"
    );
    assert!(text(&[], &[]).contains("0 parts"));
    assert!(text(&[("e", &encoder), ("ee", &readout)], &[]).contains("not distinct"));
    let to = |input| Connection {
        input,
        ..connection
    };
    assert!(text(&pair, &[to("levels")]).contains("near: `level`"));
    assert!(text(&pair, &[connection, connection]).contains("connected twice"));
    let part = Connection {
        from: "f/",
        ..connection
    };
    assert!(text(&pair, &[part]).contains("names part `f/`, which is not among the 2"));
    let backward = [("r/", &readout), ("e/", &encoder)];
    assert!(text(&backward, &[connection]).contains("from part 1 to part 0"));
    let shape = Connection {
        output: "d",
        ..connection
    };
    let text = text(&pair, &[shape]);
    assert!(
        text.contains("d f32 [batch, 4, 1, 1] and level f32 [1, 4, 8, 8]"),
        "{text}"
    );
}

// describe

#[test]
fn a_description_counts_and_names_what_is_there() {
    let described = describe(&network().build_bytes()).unwrap();
    assert_eq!(described.inputs[0].to_string(), "x f32 [batch, 3, 8, 8]");
    assert_eq!(described.nodes, 5);
    assert_eq!(described.operators["Relu"], 2);
    assert_eq!(described.parameters, 14);
    // `b` starts a skip, `c` is pooled, `d` is the last.
    let taps: Vec<_> = (described.taps.iter())
        .map(|t| t.value.name.as_str())
        .collect();
    assert_eq!(taps, ["b", "c", "d"]);
    let text = described.to_string();
    assert!(text.contains("ir 8, opset ai.onnx 17"), "{text}");
    assert!(
        serde_json::to_string(&described)
            .unwrap()
            .contains("\"batch\"")
    );
}

// properties

/// A chain of `Relu`s and `Add`s of earlier values, and its tensors' names.
fn chain(links: &[Option<usize>]) -> GraphBuilder {
    let mut builder = GraphBuilder::new("chain").input("t0", &[1, 2]);
    for (index, skip) in links.iter().enumerate() {
        let (from, to) = (format!("t{index}"), format!("t{}", index + 1));
        builder = match skip {
            None => builder.node("Relu", &[&from], &[&to], &[]),
            Some(skip) => {
                let (skip, weight) = (format!("t{}", skip % (index + 1)), format!("w{index}"));
                let sum = format!("s{index}");
                builder
                    .initializer_f32(&weight, &[2], &[1.0, 2.0])
                    .node("Add", &[&skip, &weight], &[&sum], &[])
                    .node("Add", &[&from, &sum], &[&to], &[])
            }
        };
    }
    let last = format!("t{}", links.len());
    builder.output(&last, &[1, 2])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = check(&bytes, &CheckLimits::default());
    }

    #[test]
    fn mutated_models_never_panic_and_what_passes_can_be_cut(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        deep in any::<bool>(),
    ) {
        let mut bytes = if deep { nested(3).build_bytes() } else { network().build_bytes() };
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(model) = check(&bytes, &CheckLimits::default()) {
            let described = Description::of(&model);
            let _ = described.to_string();
            for output in &described.outputs {
                let _ = cut(&model, &[Tap::new(&output.name, "level")], &[]);
            }
            let part = Part { prefix: "p/", model: &model };
            prop_assert!(merge(&[part], &[]).is_ok());
        }
    }

    #[test]
    fn a_cut_passes_the_check_and_never_grows(
        links in proptest::collection::vec(proptest::option::of(0usize..20), 1..20),
        tap in any::<prop::sample::Index>(),
    ) {
        let whole = checked(&chain(&links).build_bytes());
        let depth = 1 + tap.index(links.len());
        let bytes = cut(&whole, &[Tap::new(&format!("t{depth}"), "level")], &[]).unwrap();
        let again = cut(&whole, &[Tap::new(&format!("t{depth}"), "level")], &[]).unwrap();
        prop_assert_eq!(&bytes, &again);
        let (before, after) = (Description::of(&whole), Description::of(&checked(&bytes)));
        // Links before the tap are all needed: the chain passes through them.
        let skips = links[..depth].iter().flatten().count();
        prop_assert_eq!(after.nodes, depth + skips);
        prop_assert_eq!(after.parameters, 2 * skips as u64);
        prop_assert!(after.nodes <= before.nodes && after.parameters <= before.parameters);
        prop_assert_eq!(after.outputs[0].name.as_str(), "level");
        // A cut at its own level changes nothing.
        let once_more = cut(&checked(&bytes), &[Tap::new("level", "level")], &[]).unwrap();
        prop_assert_eq!(bytes, once_more);
    }

    #[test]
    fn numbers_keep_their_bits(ints in proptest::collection::vec(any::<i64>(), 0..5), f in any::<f32>()) {
        let attributes = [("ints", Attr::Ints(ints)), ("f", Attr::Float(f))];
        let model = network().node("Identity", &["d"], &["e"], &attributes).build_model();
        let bytes = model.encode_to_vec();
        let back = checked(&bytes).into_model();
        prop_assert_eq!(back.encode_to_vec(), bytes);
    }
}

#[test]
fn zero_survives_where_a_default_would_be_lost() {
    let model = network()
        .node("Identity", &["d"], &["e"], &[("axis", Attr::Int(0))])
        .build_model();
    let back: ModelProto = ModelProto::decode(&model.encode_to_vec()[..]).unwrap();
    let attribute: &AttributeProto = &back.graph.as_ref().unwrap().node[5].attribute[0];
    assert_eq!(attribute.i, Some(0));
}
