//! Content of an ONNX file, for people and for `--json`.

mod taps;

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::check::{CheckError, CheckLimits, Checked, check};
use super::infer::{Fact, Length};
use super::proto::{DimensionValue, GraphProto, TensorProto, ValueInfoProto};
use super::{elem, infer, names};

use taps::taps;

/// Length of an axis, as the file states it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Dim {
    /// A fixed length.
    Fixed(i64),
    /// A symbol (`batch`).
    Symbol(String),
    /// Nothing is stated.
    Unknown,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(length) => write!(f, "{length}"),
            Dim::Symbol(symbol) => f.write_str(symbol),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// An input, an output or a tensor between, as the file states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    /// Name of the tensor.
    pub name: String,
    /// Element type (`f32`), where it is stated.
    pub dtype: Option<&'static str>,
    /// Length of every axis, outermost first, where it is stated.
    pub shape: Option<Vec<Dim>>,
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.dtype.unwrap_or("?"))?;
        match &self.shape {
            None => f.write_str(" [..]"),
            Some(shape) => {
                let axes: Vec<String> = shape.iter().map(Dim::to_string).collect();
                write!(f, " [{}]", axes.join(", "))
            }
        }
    }
}

/// A tensor at which a network may well be cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TapCandidate {
    /// Set if all that is computed later depends on it alone.
    pub narrow: bool,
    /// The tensor.
    #[serde(flatten)]
    pub value: TensorInfo,
    /// Operator that makes it.
    pub operator: String,
    /// Nodes up to and including that one.
    pub nodes_before: usize,
}

/// Domain and version of an operator set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opset {
    /// Domain, `ai.onnx` for the default one.
    pub domain: String,
    /// Version.
    pub version: i64,
}

/// Content of an ONNX file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Name of the graph.
    pub name: String,
    /// Version of the file format.
    pub ir_version: i64,
    /// Operator sets.
    pub opsets: Vec<Opset>,
    /// Program that wrote the file, with its version.
    pub producer: String,
    /// Inputs that a caller must give.
    pub inputs: Vec<TensorInfo>,
    /// Outputs.
    pub outputs: Vec<TensorInfo>,
    /// Number of nodes, those of subgraphs included.
    pub nodes: usize,
    /// Number of nodes per operator.
    pub operators: BTreeMap<String, usize>,
    /// Elements of all stored tensors of the outer graph, initialisers and
    /// constants.
    pub parameters: u64,
    /// Size of the file in bytes.
    pub file_bytes: usize,
    /// Tensors at which the network may well be cut, in the order of its nodes.
    pub taps: Vec<TapCandidate>,
}

/// Checks a file within the default limits and describes it.
///
/// # Errors
/// What [`check`] refuses.
pub fn describe(bytes: &[u8]) -> Result<Description, CheckError> {
    Ok(Description::of(&check(bytes, &CheckLimits::default())?))
}

impl Description {
    /// Describes a model that was checked before.
    #[must_use]
    pub fn of(model: &Checked) -> Self {
        Self::at(model, &[])
    }

    /// Describes as [`of`](Self::of) does, with the shapes that these inputs shall
    /// have; shapes that follow from them are told.
    #[must_use]
    pub fn at(model: &Checked, inputs: &[(String, Vec<usize>)]) -> Self {
        let (envelope, graph) = (model.envelope(), model.graph());
        let facts = infer::infer(envelope, graph, inputs, &CheckLimits::default());
        let facts = facts.unwrap_or_default();
        let known = |info: &ValueInfoProto| told(value(info), facts.get(info.name()));
        let stored: HashSet<&str> = graph.initializer.iter().map(TensorProto::name).collect();
        let given = graph.input.iter().filter(|i| !stored.contains(i.name()));
        let mut operators = BTreeMap::new();
        count_operators(graph, &mut operators);
        let opset = |import: &super::proto::OperatorSetIdProto| Opset {
            domain: names::domain(import.domain()).to_owned(),
            version: import.version(),
        };
        let producer = format!(
            "{} {}",
            envelope.producer_name(),
            envelope.producer_version()
        );
        Description {
            name: graph.name().to_owned(),
            ir_version: envelope.ir_version(),
            opsets: envelope.opset_import.iter().map(opset).collect(),
            producer: producer.trim().to_owned(),
            inputs: given.map(value).collect(),
            outputs: graph.output.iter().map(known).collect(),
            nodes: operators.values().sum(),
            operators,
            parameters: stored_elements(graph),
            file_bytes: model.file_bytes(),
            taps: taps(graph, &facts),
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opsets: Vec<String> = (self.opsets.iter())
            .map(|opset| format!("{} {}", opset.domain, opset.version))
            .collect();
        writeln!(f, "graph       {}", self.name)?;
        writeln!(f, "producer    {}", self.producer)?;
        writeln!(
            f,
            "format      ir {}, opset {}",
            self.ir_version,
            opsets.join(", ")
        )?;
        let megabytes = self.file_bytes as f64 / 1e6;
        writeln!(
            f,
            "size        {megabytes:.2} MB, {} parameters",
            self.parameters
        )?;
        for (what, values) in [("input", &self.inputs), ("output", &self.outputs)] {
            for value in values {
                writeln!(f, "{what:<11} {value}")?;
            }
        }
        let mut operators: Vec<_> = self.operators.iter().collect();
        operators.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let operators: Vec<String> = (operators.iter())
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        writeln!(f, "nodes       {}: {}", self.nodes, operators.join(", "))?;
        for tap in &self.taps {
            writeln!(
                f,
                "tap         {} ({}, after {} nodes)",
                tap.value, tap.operator, tap.nodes_before
            )?;
        }
        Ok(())
    }
}

/// An input, output or value info in Concert's words.
pub(super) fn value(info: &ValueInfoProto) -> TensorInfo {
    let dim = |dim: &super::proto::DimensionProto| match &dim.value {
        Some(DimensionValue::TensorInfo(length)) if *length >= 0 => Dim::Fixed(*length),
        Some(DimensionValue::Param(symbol)) if !symbol.is_empty() => Dim::Symbol(symbol.clone()),
        _ => Dim::Unknown,
    };
    TensorInfo {
        name: info.name().to_owned(),
        dtype: info.tensor().and_then(|t| elem::name(t.elem_type())),
        shape: info.dims().map(|dims| dims.iter().map(dim).collect()),
    }
}

fn elements(tensor: &TensorProto) -> u64 {
    let lengths = tensor
        .dims
        .iter()
        .map(|&axis| u64::try_from(axis).unwrap_or(0));
    lengths.fold(1, u64::saturating_mul)
}

fn count_operators(graph: &GraphProto, operators: &mut BTreeMap<String, usize>) {
    for node in &graph.node {
        *operators.entry(node.op_type().to_owned()).or_default() += 1;
        for inner in names::subgraphs(node) {
            count_operators(inner, operators);
        }
    }
}

/// Elements of initialisers and of what nodes of the operator `Constant` hold.
fn stored_elements(graph: &GraphProto) -> u64 {
    let constants = graph
        .node
        .iter()
        .filter(|node| node.op_type() == "Constant");
    let constants = constants.flat_map(|node| node.attribute.iter().flat_map(|a| a.tensors()));
    let counts = graph.initializer.iter().chain(constants).map(elements);
    counts.fold(0, u64::saturating_add)
}

/// Value that the file states, or that its nodes tell where it states nothing.
fn told(stated: TensorInfo, fact: Option<&Fact>) -> TensorInfo {
    let Some(fact) = fact else { return stated };
    let fixed = |length: &Length| {
        let length = length.fixed().and_then(|length| i64::try_from(length).ok());
        length.map_or(Dim::Unknown, Dim::Fixed)
    };
    let inferred = fact.shape.as_ref();
    let inferred: Option<Vec<Dim>> = inferred.map(|shape| shape.iter().map(fixed).collect());
    let shape = match (stated.shape, inferred) {
        (Some(stated), Some(inferred)) if stated.len() == inferred.len() => {
            let dims = stated.into_iter().zip(inferred);
            let better = |(stated, inferred): (Dim, Dim)| match (&stated, &inferred) {
                (Dim::Fixed(_), _) | (_, Dim::Unknown) => stated,
                _ => inferred,
            };
            Some(dims.map(better).collect())
        }
        (stated, inferred) => stated.or(inferred),
    };
    TensorInfo {
        dtype: stated.dtype.or_else(|| elem::name(fact.dtype)),
        shape,
        ..stated
    }
}
