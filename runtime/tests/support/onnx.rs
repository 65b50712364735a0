//! ONNX files of a few nodes, written byte by byte, so that these tests depend
//! on nothing but the format (onnx.proto3) and ONNX Runtime itself.

use std::path::PathBuf;
use std::sync::Arc;

use concert_models::NetworkFile;
use sha2::{Digest, Sha256};

/// A node: operator, inputs, outputs.
pub(crate) type Node<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);
/// A tensor at the edge of the graph: name and shape, single precision.
pub(crate) type Edge<'a> = (&'a str, &'a [i64]);

/// A network of `nodes` between `inputs` and `outputs`.
pub(crate) fn network(
    name: &str,
    nodes: &[Node<'_>],
    inputs: &[Edge<'_>],
    outputs: &[Edge<'_>],
) -> NetworkFile {
    let mut graph = Vec::new();
    for (operator, read, written) in nodes {
        let mut node = Vec::new();
        read.iter()
            .for_each(|name| bytes(&mut node, 1, name.as_bytes()));
        written
            .iter()
            .for_each(|name| bytes(&mut node, 2, name.as_bytes()));
        bytes(&mut node, 4, operator.as_bytes());
        bytes(&mut graph, 1, &node);
    }
    bytes(&mut graph, 2, name.as_bytes());
    inputs
        .iter()
        .for_each(|edge| bytes(&mut graph, 11, &value_info(edge)));
    outputs
        .iter()
        .for_each(|edge| bytes(&mut graph, 12, &value_info(edge)));
    let mut opset = Vec::new();
    number(&mut opset, 2, 17);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    bytes(&mut model, 7, &graph);
    bytes(&mut model, 8, &opset);
    file(name, model)
}

/// `contents` as a network, whatever they are.
pub(crate) fn file(name: &str, contents: Vec<u8>) -> NetworkFile {
    let hash = Sha256::digest(&contents);
    NetworkFile {
        name: name.to_owned(),
        path: PathBuf::from(format!("{name}.onnx")),
        sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes: Arc::from(contents),
    }
}

fn value_info((name, shape): &Edge<'_>) -> Vec<u8> {
    let mut dimensions = Vec::new();
    for &length in *shape {
        let mut dimension = Vec::new();
        match u64::try_from(length) {
            Ok(length) => number(&mut dimension, 1, length),
            Err(_) => bytes(&mut dimension, 2, b"open"),
        }
        bytes(&mut dimensions, 1, &dimension);
    }
    let (mut tensor, mut kind, mut info) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, 1);
    bytes(&mut tensor, 2, &dimensions);
    bytes(&mut kind, 1, &tensor);
    bytes(&mut info, 1, name.as_bytes());
    bytes(&mut info, 2, &kind);
    info
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
