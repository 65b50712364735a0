//! Tensors of a network that are worth reading as levels.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{TapCandidate, TensorInfo, told, value};
use crate::onnx::infer::Facts;
use crate::onnx::names;
use crate::onnx::proto::{GraphProto, NodeProto, TensorProto, ValueInfoProto};

/// Operators that end what is laid out over the image.
const POOLING: [&str; 4] = [
    "GlobalAveragePool",
    "GlobalMaxPool",
    "ReduceMean",
    "Flatten",
];

/// Places where a block ends. Where everything computed from the inputs passes
/// through one tensor: it is read more than once (a skip begins), the next such
/// tensor is larger or pools this one, or there is no next one. Elsewhere, as in
/// networks whose branches run side by side: a tensor laid out over the image that
/// is read more than once, or from which a smaller image is made.
pub(super) fn taps(graph: &GraphProto, facts: &Facts<'_>) -> Vec<TapCandidate> {
    let values: HashMap<&str, &ValueInfoProto> = (graph.value_info.iter())
        .chain(&graph.output)
        .map(|info| (info.name(), info))
        .collect();
    let narrow = bottlenecks(graph);
    let size = |node: &NodeProto| {
        let name = node.output.first()?.as_str();
        facts.get(name).map(|fact| fact.elements)
    };
    let mut ends: BTreeMap<usize, bool> = stages(graph, facts)
        .into_iter()
        .map(|i| (i, false))
        .collect();
    for (place, &(index, readers)) in narrow.iter().enumerate() {
        let node = &graph.node[index];
        let next = narrow.get(place + 1).map(|&(next, _)| &graph.node[next]);
        let is_end = next.is_none_or(|next| {
            let grows = size(node).zip(size(next)).is_some_and(|(a, b)| a < b);
            grows || POOLING.contains(&next.op_type())
        });
        if is_end || readers > 1 || ends.contains_key(&index) {
            ends.insert(index, true);
        }
    }
    let taps = ends.into_iter();
    taps.map(|(index, narrow)| candidate(&graph.node[index], index, narrow, &values, facts))
        .collect()
}

/// Nodes whose output is laid out over the image, and is read more than once or
/// made into a smaller image.
fn stages(graph: &GraphProto, facts: &Facts<'_>) -> Vec<usize> {
    // Cells of an image, and whether there is more than one.
    let cells = |name: &str| {
        let shape = facts
            .get(name)
            .filter(|fact| !fact.constant)?
            .shape
            .as_ref()?;
        let cells = shape.get(2..).filter(|_| shape.len() == 4)?;
        let cells: u64 = cells.iter().map(|length| length.value).product();
        (cells > 1).then_some(cells)
    };
    let mut readers: HashMap<&str, (usize, bool)> = HashMap::new();
    for node in &graph.node {
        let made = node.output.first().and_then(|name| cells(name));
        // What pools the whole image only weighs channels.
        let Some(made) = made else { continue };
        for name in names::reads(node) {
            let reader = readers.entry(name).or_default();
            reader.0 += 1;
            reader.1 |= cells(name).is_some_and(|read| made < read);
        }
    }
    let outputs: HashSet<&str> = graph.output.iter().map(ValueInfoProto::name).collect();
    let ends = |node: &NodeProto| {
        let name = node.output.first().map_or("", String::as_str);
        let (count, shrinks) = readers.get(name).copied().unwrap_or_default();
        cells(name).is_some() && (count > 1 || shrinks || outputs.contains(name))
    };
    let nodes = graph.node.iter().enumerate();
    nodes
        .filter(|(_, node)| ends(node))
        .map(|(index, _)| index)
        .collect()
}

fn candidate(
    node: &NodeProto,
    index: usize,
    narrow: bool,
    values: &HashMap<&str, &ValueInfoProto>,
    facts: &Facts<'_>,
) -> TapCandidate {
    let name = node.output.first().map_or("", String::as_str);
    let unstated = || TensorInfo {
        name: name.to_owned(),
        dtype: None,
        shape: None,
    };
    let stated = values.get(name).map_or_else(unstated, |info| value(info));
    TapCandidate {
        narrow,
        value: told(stated, facts.get(name)),
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
