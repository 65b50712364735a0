//! What an ONNX file holds, for people and for `--json`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::check::{CheckError, CheckLimits, Checked, check};
use super::elem;
use super::names;
use super::proto::{DimensionValue, GraphProto, NodeProto, TensorProto, ValueInfoProto};

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
pub struct Value {
    /// Name of the tensor.
    pub name: String,
    /// Element type (`f32`), where it is stated.
    pub dtype: Option<&'static str>,
    /// Length of every axis, outermost first, where it is stated.
    pub shape: Option<Vec<Dim>>,
}

impl fmt::Display for Value {
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
    /// The tensor.
    #[serde(flatten)]
    pub value: Value,
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

/// What an ONNX file holds.
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
    pub inputs: Vec<Value>,
    /// Outputs.
    pub outputs: Vec<Value>,
    /// Number of nodes, those of subgraphs included.
    pub nodes: usize,
    /// Number of nodes per operator.
    pub operators: BTreeMap<String, usize>,
    /// Elements of all stored tensors of the outer graph.
    pub parameters: u64,
    /// Size of the file in bytes.
    pub file_bytes: usize,
    /// Where the network may well be cut, in the order of its nodes.
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
        let (envelope, graph) = (model.envelope(), model.graph());
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
            outputs: graph.output.iter().map(value).collect(),
            nodes: operators.values().sum(),
            operators,
            parameters: graph.initializer.iter().map(elements).sum(),
            file_bytes: model.file_bytes(),
            taps: taps(graph),
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
pub(super) fn value(info: &ValueInfoProto) -> Value {
    let dim = |dim: &super::proto::DimensionProto| match &dim.value {
        Some(DimensionValue::Value(length)) => Dim::Fixed(*length),
        Some(DimensionValue::Param(symbol)) if !symbol.is_empty() => Dim::Symbol(symbol.clone()),
        _ => Dim::Unknown,
    };
    Value {
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

/// Operators that end what is laid out over the image.
const POOLING: [&str; 4] = [
    "GlobalAveragePool",
    "GlobalMaxPool",
    "ReduceMean",
    "Flatten",
];

/// Places where everything computed from the inputs passes through one tensor,
/// and where a block ends: the tensor is read more than once (a skip begins),
/// the next such tensor is larger or pools this one, or there is no next one.
fn taps(graph: &GraphProto) -> Vec<TapCandidate> {
    let values: HashMap<&str, &ValueInfoProto> = (graph.value_info.iter())
        .chain(&graph.output)
        .map(|info| (info.name(), info))
        .collect();
    let narrow = bottlenecks(graph);
    let size = |node: &NodeProto| {
        let shape = value(values.get(node.output.first()?.as_str())?).shape?;
        Some(shape.iter().fold(1i64, |n, dim| match dim {
            Dim::Fixed(length) => n.saturating_mul(*length),
            _ => n,
        }))
    };
    let mut taps = Vec::new();
    for (place, &(index, readers)) in narrow.iter().enumerate() {
        let node = &graph.node[index];
        let next = narrow.get(place + 1).map(|&(next, _)| &graph.node[next]);
        let ends = next.is_none_or(|next| {
            let grows = size(node).zip(size(next)).is_some_and(|(a, b)| a < b);
            grows || POOLING.contains(&next.op_type())
        });
        if ends || readers > 1 {
            taps.push(candidate(node, index, &values));
        }
    }
    taps
}

fn candidate(
    node: &NodeProto,
    index: usize,
    values: &HashMap<&str, &ValueInfoProto>,
) -> TapCandidate {
    let name = node.output.first().map_or("", String::as_str);
    let unstated = || Value {
        name: name.to_owned(),
        dtype: None,
        shape: None,
    };
    TapCandidate {
        value: values.get(name).map_or_else(unstated, |info| value(info)),
        operator: node.op_type().to_owned(),
        nodes_before: index + 1,
    }
}

/// Nodes after which one computed tensor alone is still to be read, with the
/// number of its readers. Constants do not count.
fn bottlenecks(graph: &GraphProto) -> Vec<(usize, usize)> {
    let reads: Vec<Vec<&str>> = graph.node.iter().map(names::reads).collect();
    let mut last_read: HashMap<&str, usize> = HashMap::new();
    let mut readers: HashMap<&str, usize> = HashMap::new();
    for (index, reads) in reads.iter().enumerate() {
        for &name in reads {
            last_read.insert(name, index);
            *readers.entry(name).or_default() += 1;
        }
    }
    // The caller's reading of an output does not keep it alive: that would hide
    // every place after it.
    let outputs: HashSet<&str> = graph.output.iter().map(ValueInfoProto::name).collect();
    let stored: HashSet<&str> = graph.initializer.iter().map(TensorProto::name).collect();
    let inputs = graph.input.iter().map(ValueInfoProto::name);
    let mut live: HashSet<&str> = inputs
        .filter(|name| !stored.contains(name) && last_read.contains_key(name))
        .collect();
    let mut computed: HashSet<&str> = live.clone();
    let mut narrow = Vec::new();
    for (index, node) in graph.node.iter().enumerate() {
        let depends = reads[index].iter().any(|name| computed.contains(name));
        for name in &reads[index] {
            if last_read.get(name) == Some(&index) {
                live.remove(name);
            }
        }
        if !depends {
            continue;
        }
        let made = node.output.iter().map(String::as_str);
        computed.extend(made.clone());
        live.extend(made.filter(|name| last_read.contains_key(name)));
        let first = node.output.first().map_or("", String::as_str);
        let ends = live.is_empty() && outputs.contains(first);
        if ends || live.len() == 1 && live.contains(first) {
            narrow.push((index, readers.get(first).copied().unwrap_or(0)));
        }
    }
    narrow
}
