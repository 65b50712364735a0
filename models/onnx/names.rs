//! Names of values in a graph: who makes them, who reads them, renaming.

use std::collections::HashSet;

use super::proto::{DimensionValue, GraphProto, NodeProto, TypeValue, ValueInfoProto};

/// A node in words: its place, operator and name.
pub(super) fn node_label(index: usize, node: &NodeProto) -> String {
    match node.name() {
        "" => format!("node {index} ({})", node.op_type()),
        name => format!("node {index} ({}, `{name}`)", node.op_type()),
    }
}

/// The operator set's name, with the default one spelt out.
pub(super) fn domain(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

/// The subgraphs of a node.
pub(super) fn subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|a| a.subgraphs())
}

/// Values that a graph makes itself: inputs, initialisers, outputs of nodes.
pub(super) fn made(graph: &GraphProto) -> impl Iterator<Item = &str> {
    let inputs = graph.input.iter().map(ValueInfoProto::name);
    let stored = graph.initializer.iter().map(|t| t.name());
    let computed = graph
        .node
        .iter()
        .flat_map(|n| &n.output)
        .map(String::as_str);
    inputs
        .chain(stored)
        .chain(computed)
        .filter(|name| !name.is_empty())
}

/// Values that a node reads, those that its subgraphs read from outside
/// included.
pub(super) fn reads(node: &NodeProto) -> Vec<&str> {
    let mut reads: Vec<&str> = node
        .input
        .iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    for graph in subgraphs(node) {
        free(graph, &mut reads);
    }
    reads
}

/// Adds what a subgraph reads and does not make.
fn free<'a>(graph: &'a GraphProto, into: &mut Vec<&'a str>) {
    let made: HashSet<&str> = made(graph).collect();
    let outputs = graph.output.iter().map(ValueInfoProto::name);
    let nodes = graph.node.iter().flat_map(reads);
    into.extend(
        nodes
            .chain(outputs)
            .filter(|name| !name.is_empty() && !made.contains(name)),
    );
}

/// Every name of a value that stands anywhere, subgraphs included.
pub(super) fn all<'a>(graph: &'a GraphProto, into: &mut HashSet<&'a str>) {
    into.extend(made(graph));
    for node in &graph.node {
        into.extend(node.input.iter().map(String::as_str));
        for inner in subgraphs(node) {
            all(inner, into);
        }
    }
}

/// Renames every value everywhere, subgraphs included. As one name becomes one
/// name wherever it stands, scopes keep their meaning.
pub(super) fn rename(graph: &mut GraphProto, to: &dyn Fn(&str) -> String) {
    let apply = |name: &mut String| {
        if !name.is_empty() {
            *name = to(name);
        }
    };
    for info in (graph.input.iter_mut())
        .chain(&mut graph.output)
        .chain(&mut graph.value_info)
    {
        info.name.as_mut().map(apply);
    }
    for tensor in &mut graph.initializer {
        tensor.name.as_mut().map(apply);
    }
    for node in &mut graph.node {
        node.input
            .iter_mut()
            .chain(&mut node.output)
            .for_each(apply);
        for attribute in &mut node.attribute {
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                rename(inner, to);
            }
        }
    }
}

/// Applies `change` to every symbol of a shape in this graph and its subgraphs.
pub(super) fn for_each_dimension(graph: &mut GraphProto, change: &dyn Fn(&mut DimensionValue)) {
    for info in (graph.input.iter_mut())
        .chain(&mut graph.output)
        .chain(&mut graph.value_info)
    {
        if let Some(TypeValue::Tensor(tensor)) = info.type_.as_mut().and_then(|t| t.value.as_mut())
        {
            let dims = tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim);
            dims.filter_map(|dim| dim.value.as_mut()).for_each(change);
        }
    }
    for attribute in graph.node.iter_mut().flat_map(|n| &mut n.attribute) {
        for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            for_each_dimension(inner, change);
        }
    }
}

/// Makes constants of inputs that only give a default to an initialiser, as
/// older files (ir version 3) had to list them.
pub(super) fn drop_initialised_inputs(graph: &mut GraphProto) {
    let stored: HashSet<&str> = graph.initializer.iter().map(|t| t.name()).collect();
    graph.input.retain(|input| !stored.contains(input.name()));
}

/// Longest name that is compared for likeness.
const MAX_COMPARED: usize = 100;

/// The at most three names most like `wanted`, as an ending for a message.
pub(super) fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    if wanted.len() > MAX_COMPARED {
        return String::new();
    }
    let lower = wanted.to_ascii_lowercase();
    let mut scored: Vec<(bool, usize, &str)> = names
        .filter(|name| name.len() <= MAX_COMPARED)
        .map(|name| {
            let other = name.to_ascii_lowercase();
            let within = other.contains(&lower) || lower.contains(&other);
            (!within, strsim::osa_distance(&lower, &other), name)
        })
        .collect();
    scored.sort_unstable();
    scored.dedup();
    let nearest: Vec<String> = (scored.iter().take(3))
        .map(|(_, _, name)| format!("`{name}`"))
        .collect();
    if nearest.is_empty() {
        return String::new();
    }
    format!("; near: {}", nearest.join(", "))
}
