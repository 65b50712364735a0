//! Check that a file is an ONNX model that may be handed on.

mod error;

use std::ops::RangeInclusive;

use prost::Message as _;

use super::proto::{GraphProto, ModelProto};
use super::{infer, rules, wire};

pub use error::CheckError;

/// Limits that [`check`] allows.
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
    /// Set if `Loop` may stand in a graph, where a constant says how often it
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

/// Checks as [`check`] does, for inputs of the given names and shapes: what a graph
/// makes of them is told exactly. Open axes of other inputs count as 1 (the first)
/// and 224.
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
