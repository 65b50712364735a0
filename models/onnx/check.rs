//! Is this file an ONNX model that may be handed on?

use std::ops::RangeInclusive;

use prost::Message as _;

use super::proto::{GraphProto, ModelProto};
use super::{infer, rules, wire};

/// What [`check`] allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLimits {
    /// Size of the whole file in bytes.
    pub max_file_bytes: usize,
    /// Nodes, those of subgraphs included.
    pub max_nodes: usize,
    /// Inputs of a graph, and outputs of a graph.
    pub max_inputs: usize,
    /// Tensors stored in the file: initialisers and attributes.
    pub max_tensors: usize,
    /// Attributes of all nodes together.
    pub max_attributes: usize,
    /// Protobuf messages of every kind; bounds what decoding allocates.
    pub max_messages: usize,
    /// Names, texts and other entries with a length; bounds allocation too.
    pub max_texts: usize,
    /// Numbers stored one by one rather than as raw bytes.
    pub max_scalars: usize,
    /// Graphs inside graphs: 0 allows none.
    pub max_subgraph_depth: usize,
    /// Axes of one tensor.
    pub max_rank: usize,
    /// Elements of one tensor, stored, declared or made.
    pub max_elements: u64,
    /// Elements of all tensors together that are made of constants alone: engines
    /// compute those while they load.
    pub max_folded_elements: u64,
    /// Elements of all tensors together that one run makes.
    pub max_made_elements: u64,
    /// Versions of the file format.
    pub ir_versions: RangeInclusive<i64>,
    /// Versions of the default operator set.
    pub opsets: RangeInclusive<i64>,
    /// Whether `Loop` may stand in a graph, where a constant says how often it
    /// runs at most.
    pub allow_loops: bool,
}

impl Default for CheckLimits {
    /// Generous for perception networks: 512 MiB, 20,000 nodes, and what
    /// ONNX Runtime 1.31 loads: opsets 7 to 25, file formats up to 13.
    fn default() -> Self {
        Self {
            max_file_bytes: 512 << 20,
            max_nodes: 20_000,
            max_inputs: 1_000,
            max_tensors: 50_000,
            max_attributes: 100_000,
            max_messages: 500_000,
            max_texts: 2_000_000,
            max_scalars: 32 << 20,
            max_subgraph_depth: 4,
            max_rank: 16,
            max_elements: 1 << 28,
            max_folded_elements: 1 << 31,
            max_made_elements: 1 << 34,
            ir_versions: 3..=13,
            opsets: 7..=25,
            allow_loops: false,
        }
    }
}

/// Why a file was refused. Offsets are bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The file is larger than allowed.
    #[error("file has {bytes} bytes, but at most {limit} are allowed")]
    FileSize {
        /// Size of the file.
        bytes: usize,
        /// Size allowed.
        limit: usize,
    },
    /// A length prefix points past the end of what holds it.
    #[error(
        "{message} at byte {offset} declares {declared} bytes, but {available} are left: the file is truncated or its lengths lie"
    )]
    Truncated {
        /// Message that holds the entry.
        message: &'static str,
        /// Where the entry begins.
        offset: usize,
        /// Length that is declared.
        declared: u64,
        /// Bytes left.
        available: usize,
    },
    /// The bytes are not protobuf as `onnx.proto` has it.
    #[error("{message} at byte {offset} is malformed: {rule}")]
    Malformed {
        /// Message that holds the entry.
        message: &'static str,
        /// Where the entry begins.
        offset: usize,
        /// Rule that is broken.
        rule: &'static str,
    },
    /// A field that `onnx.proto` does not have.
    #[error("{message} at byte {offset} has field {field}, which onnx.proto does not know")]
    UnknownField {
        /// Message that holds the field.
        message: &'static str,
        /// Number of the field.
        field: u32,
        /// Where the field begins.
        offset: usize,
    },
    /// Content that ONNX allows and Concert does not carry.
    #[error("{message} at byte {offset} has {what}, which are not supported")]
    NotCarried {
        /// Message that holds the content.
        message: &'static str,
        /// What it is.
        what: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// Data outside the file.
    #[error(
        "tensor `{tensor}` at byte {offset} keeps its data in another file: a network must be self-contained"
    )]
    ExternalData {
        /// Name of the tensor, where it stands before the reference.
        tensor: String,
        /// Where the reference begins.
        offset: usize,
    },
    /// More of something than allowed; counting stopped there.
    #[error("network has at least {found} {what}, but at most {limit} are allowed")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// Count when it was refused.
        found: usize,
        /// Count allowed.
        limit: usize,
    },
    /// Nested too deeply.
    #[error("network nests {what} {found} deep, but at most {limit} are allowed")]
    TooDeep {
        /// What is nested.
        what: &'static str,
        /// Depth when it was refused.
        found: usize,
        /// Depth allowed.
        limit: usize,
    },
    /// Protobuf that does not decode (text that is not UTF-8).
    #[error("file does not decode as onnx.proto has it")]
    Decode(#[source] prost::DecodeError),
    /// Something that every model has is missing.
    #[error("{subject} has no {what}")]
    Missing {
        /// What lacks it.
        subject: String,
        /// What is missing.
        what: &'static str,
    },
    /// Version of the file format outside the range.
    #[error("ir version is {found}, but {} to {} are supported", supported.start(), supported.end())]
    IrVersion {
        /// Version of the file.
        found: i64,
        /// Versions supported.
        supported: RangeInclusive<i64>,
    },
    /// Version of an operator set outside the range.
    #[error(
        "opset of `{domain}` is {found}, but {} to {} are supported: exporters can be told which to write",
        supported.start(), supported.end()
    )]
    Opset {
        /// Domain of the operator set.
        domain: String,
        /// Version of the file.
        found: i64,
        /// Versions supported.
        supported: RangeInclusive<i64>,
    },
    /// A domain that is imported twice, in different versions.
    #[error("opset of `{domain}` is imported twice, as {first} and {second}")]
    OpsetTwice {
        /// Domain of the operator set.
        domain: String,
        /// Version first given.
        first: i64,
        /// Version given later.
        second: i64,
    },
    /// Operators of a domain that is not allowed.
    #[error(
        "{subject} is of domain `{domain}`, but only ai.onnx, ai.onnx.ml and com.microsoft are allowed"
    )]
    Domain {
        /// Node or import.
        subject: String,
        /// Its domain.
        domain: String,
    },
    /// An operator that is not among those that Concert knows.
    #[error(
        "{node} is of domain `{domain}`, whose operators are allowed by name, and this one is not"
    )]
    Operator {
        /// The node.
        node: String,
        /// Its domain.
        domain: String,
    },
    /// A node that makes as much as data says.
    #[error(
        "{node} has no bound for {what}: how large tensors become must be told before they are made"
    )]
    Unbounded {
        /// The node.
        node: String,
        /// What is not bounded, and why.
        what: String,
    },
    /// More elements in all than allowed.
    #[error("{node} brings what {when} makes to {made} elements, but at most {limit} are allowed")]
    TooMuch {
        /// The node where the limit was passed.
        node: String,
        /// Elements made up to it.
        made: u64,
        /// Elements allowed.
        limit: u64,
        /// A run, or loading.
        when: &'static str,
    },
    /// A node of a domain without an operator set.
    #[error("{node} is of domain `{domain}`, which the model does not import")]
    NotImported {
        /// The node.
        node: String,
        /// Its domain.
        domain: String,
    },
    /// One name for two values.
    #[error("value `{name}` is made twice, by {first} and by {second}")]
    MadeTwice {
        /// Name of the value.
        name: String,
        /// First maker.
        first: String,
        /// Second maker.
        second: String,
    },
    /// A node or output reads a value that nothing makes.
    #[error("{reader} reads `{value}`, which nothing makes")]
    Dangling {
        /// Who reads.
        reader: String,
        /// What it reads.
        value: String,
    },
    /// A node reads a value of a later node: not sorted, or a cycle.
    #[error(
        "{reader} reads `{value}`, which {writer} makes later: nodes must be sorted and free of cycles"
    )]
    NotSorted {
        /// Who reads.
        reader: String,
        /// What it reads.
        value: String,
        /// Who makes it.
        writer: String,
    },
    /// A negative axis.
    #[error("axis {axis} of `{tensor}` is {length}, but a length is at least 0")]
    NegativeAxis {
        /// Name of the tensor or value.
        tensor: String,
        /// Which axis, from 0.
        axis: usize,
        /// Its length.
        length: i64,
    },
    /// More elements than allowed, or than can be counted.
    #[error("`{tensor}` has shape {shape:?}, but at most {limit} elements are allowed")]
    TooLarge {
        /// Name of the tensor or value.
        tensor: String,
        /// Its shape.
        shape: Vec<i64>,
        /// Elements allowed.
        limit: u64,
    },
    /// An element type that ONNX does not have, or that cannot stand there.
    #[error("`{tensor}` has element type {code}: {rule}")]
    ElementType {
        /// Name of the tensor or value.
        tensor: String,
        /// Number of the type.
        code: i32,
        /// Rule that is broken.
        rule: &'static str,
    },
    /// Data that does not fill its shape.
    #[error(
        "tensor `{tensor}` of {dtype} and shape {shape:?} needs {expected} {unit}, but has {found}"
    )]
    DataLength {
        /// Name of the tensor.
        tensor: String,
        /// Element type.
        dtype: &'static str,
        /// Shape.
        shape: Vec<i64>,
        /// Length that the shape needs.
        expected: u64,
        /// Length found.
        found: usize,
        /// What is counted: bytes, or entries.
        unit: &'static str,
    },
    /// A node that need not end.
    #[error("{node} is a Loop, whose end depends on data: a network with a time limit has none")]
    Loop {
        /// The node.
        node: String,
    },
}

/// A model that [`check`] let through: the only way to get one, so nothing
/// later looks again.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    model: ModelProto,
    graph: GraphProto,
    file_bytes: usize,
}

impl Checked {
    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &GraphProto {
        &self.graph
    }

    /// Everything of the model but its graph, which is `None` here.
    #[must_use]
    pub fn envelope(&self) -> &ModelProto {
        &self.model
    }

    /// Size of the file in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> usize {
        self.file_bytes
    }

    /// The whole model.
    #[must_use]
    pub fn into_model(self) -> ModelProto {
        ModelProto {
            graph: Some(self.graph),
            ..self.model
        }
    }
}

/// Checks a whole ONNX file and decodes it.
///
/// First a walk over the wire format that allocates nothing and stops at the
/// first limit passed; then decoding, whose memory is bounded by what the walk
/// counted; then the rules of a graph (names, order, shapes, data lengths,
/// operators); then the size of every tensor that a run makes. Takes at most a few times the file's size in memory.
///
/// # Errors
/// The first rule that is broken.
pub fn check(bytes: &[u8], limits: &CheckLimits) -> Result<Checked, CheckError> {
    check_for(bytes, limits, &[])
}

/// As [`check`], for inputs of the given names and shapes: what a graph makes of
/// them is told exactly. Open axes of other inputs count as 1 (the first) and 224.
///
/// # Errors
/// As [`check`].
pub fn check_for(
    bytes: &[u8],
    limits: &CheckLimits,
    inputs: &[(String, Vec<usize>)],
) -> Result<Checked, CheckError> {
    if bytes.len() > limits.max_file_bytes {
        return Err(CheckError::FileSize {
            bytes: bytes.len(),
            limit: limits.max_file_bytes,
        });
    }
    wire::walk(bytes, limits)?;
    let mut model = ModelProto::decode(bytes).map_err(CheckError::Decode)?;
    let graph = model.graph.take().ok_or_else(|| CheckError::Missing {
        subject: "model".to_owned(),
        what: "graph",
    })?;
    rules::model(&model, &graph, limits)?;
    infer::infer(&model, &graph, inputs, limits)?;
    Ok(Checked {
        model,
        graph,
        file_bytes: bytes.len(),
    })
}
