//! Several networks as one graph.

use std::collections::{HashMap, HashSet};
use std::fmt;

use prost::Message as _;

use super::check::Checked;
use super::describe::value;
use super::names;
use super::proto::{
    DimensionValue, GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto,
    ValueInfoProto,
};

/// One network of a merge and what its names begin with afterwards.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Put before every name, for example `efficientnet_lite0/`.
    pub prefix: &'a str,
    /// The network.
    pub model: &'a Checked,
}

/// An output of one part that another part reads, by their prefixes and by the
/// names that they had alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection<'a> {
    /// Prefix of the part that makes the tensor.
    pub from: &'a str,
    /// Its output.
    pub output: &'a str,
    /// Prefix of the part that reads it.
    pub to: &'a str,
    /// Its input.
    pub input: &'a str,
}

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}{}` to `{}{}`",
            self.from, self.output, self.to, self.input
        )
    }
}

/// Reason why networks cannot be merged so.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeError {
    /// Nothing to merge.
    #[error("merge has 0 parts, but at least 1 is needed")]
    NoParts,
    /// Names would not stay apart.
    #[error("prefixes `{first}` and `{second}` are not distinct: none may begin with another")]
    Prefixes {
        /// One prefix.
        first: String,
        /// Another.
        second: String,
    },
    /// Operator sets of different versions.
    #[error(
        "opset of `{domain}` is {first_version} in `{first}`, but {second_version} in `{second}`: one graph has one version"
    )]
    Opsets {
        /// Domain of the operator set.
        domain: String,
        /// Prefix of one part.
        first: String,
        /// Its version.
        first_version: i64,
        /// Prefix of another.
        second: String,
        /// Its version.
        second_version: i64,
    },
    /// A connection to a part that is not there.
    #[error("connection {connection} names part `{prefix}`, which is not among the {known}{near}")]
    UnknownPart {
        /// The connection.
        connection: String,
        /// Prefix that is not there.
        prefix: String,
        /// Number of parts.
        known: usize,
        /// Prefixes like it, as an ending of the message.
        near: String,
    },
    /// A connection to an input or output that is not there.
    #[error("connection {connection} names {what} `{name}`, which is not among the {known}{near}")]
    UnknownValue {
        /// The connection.
        connection: String,
        /// Input or output.
        what: &'static str,
        /// Name that is not there.
        name: String,
        /// Number of those that there are.
        known: usize,
        /// Names like it, as an ending of the message.
        near: String,
    },
    /// An input connected twice.
    #[error("input `{input}` is connected twice, by {first} and by {second}")]
    InputTwice {
        /// Name of the input, with its prefix.
        input: String,
        /// One connection.
        first: String,
        /// Another.
        second: String,
    },
    /// A part that reads from itself or from one that stands later.
    #[error(
        "connection {connection} goes from part {from} to part {to}: a part reads only parts before it"
    )]
    Order {
        /// The connection.
        connection: String,
        /// Place of the part that makes the tensor.
        from: usize,
        /// Place of the part that reads it.
        to: usize,
    },
    /// Two ends of a connection that do not fit.
    #[error("connection {connection} joins {output} and {input}: both ends are alike")]
    Mismatch {
        /// The connection.
        connection: String,
        /// Type and shape of the output.
        output: String,
        /// Type and shape of the input.
        input: String,
    },
}

/// Joins networks into one graph: prefixes all names, unites nodes and
/// initialisers in the order of the parts, and lets connected inputs read the
/// outputs that they are connected to.
///
/// Inputs that are not connected stay inputs; all outputs stay outputs, under
/// their prefixed names (cut the result to keep fewer). Every part keeps the
/// nodes that it had, so that results are those of separate networks, bit for
/// bit.
///
/// # Errors
/// Operator sets that differ, prefixes that are not distinct, connections whose
/// ends do not exist, do not fit, or go backward.
pub fn merge(parts: &[Part<'_>], connections: &[Connection<'_>]) -> Result<Vec<u8>, MergeError> {
    check_prefixes(parts)?;
    let opset_import = unite_opsets(parts)?;
    let bound = bind(parts, connections)?;
    let mut graph = GraphProto {
        name: Some("merged".to_owned()),
        ..GraphProto::default()
    };
    let mut metadata_props = Vec::new();
    let ir_versions = parts.iter().map(|part| part.model.envelope().ir_version());
    let ir_version = ir_versions.max().unwrap_or_default();
    for part in parts {
        add(&mut graph, part, &bound, ir_version);
        metadata_props.extend(prefixed_metadata(
            part.prefix,
            &part.model.envelope().metadata_props,
        ));
    }
    let merged = ModelProto {
        ir_version: Some(ir_version),
        producer_name: Some("concert".to_owned()),
        graph: Some(graph),
        opset_import,
        metadata_props,
        ..ModelProto::default()
    };
    Ok(merged.encode_to_vec())
}

fn check_prefixes(parts: &[Part<'_>]) -> Result<(), MergeError> {
    if parts.is_empty() {
        return Err(MergeError::NoParts);
    }
    for (index, first) in parts.iter().enumerate() {
        for second in &parts[index + 1..] {
            let (a, b) = (first.prefix, second.prefix);
            if a.starts_with(b) || b.starts_with(a) {
                return Err(MergeError::Prefixes {
                    first: a.to_owned(),
                    second: b.to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// The operator sets of all parts, each in one version.
fn unite_opsets(parts: &[Part<'_>]) -> Result<Vec<OperatorSetIdProto>, MergeError> {
    let mut united: Vec<(&OperatorSetIdProto, &str)> = Vec::new();
    for part in parts {
        for import in &part.model.envelope().opset_import {
            let name = names::domain(import.domain());
            let known = (united.iter()).find(|(other, _)| names::domain(other.domain()) == name);
            match known {
                None => united.push((import, part.prefix)),
                Some((other, first)) if other.version() != import.version() => {
                    return Err(MergeError::Opsets {
                        domain: name.to_owned(),
                        first: (*first).to_owned(),
                        first_version: other.version(),
                        second: part.prefix.to_owned(),
                        second_version: import.version(),
                    });
                }
                Some(_) => {}
            }
        }
    }
    Ok(united
        .into_iter()
        .map(|(import, _)| import.clone())
        .collect())
}

/// Inputs that are connected (part's place, name) and what they read instead.
type Bound<'a> = HashMap<(&'a str, &'a str), String>;

fn bind<'a>(
    parts: &[Part<'_>],
    connections: &'a [Connection<'a>],
) -> Result<Bound<'a>, MergeError> {
    let mut seen: HashMap<(&str, &str), &Connection<'_>> = HashMap::new();
    let mut bound = HashMap::new();
    for connection in connections {
        let from = find_part(parts, connection, connection.from)?;
        let to = find_part(parts, connection, connection.to)?;
        if from >= to {
            return Err(MergeError::Order {
                connection: connection.to_string(),
                from,
                to,
            });
        }
        let (from, to) = (parts[from].model.graph(), parts[to].model.graph());
        let output = find_value(&from.output, connection, "output", connection.output)?;
        let input = find_value(&to.input, connection, "input", connection.input)?;
        if !fits(output, input) {
            return Err(MergeError::Mismatch {
                connection: connection.to_string(),
                output: value(output).to_string(),
                input: value(input).to_string(),
            });
        }
        let end = (connection.to, connection.input);
        if let Some(first) = seen.insert(end, connection) {
            return Err(MergeError::InputTwice {
                input: format!("{}{}", connection.to, connection.input),
                first: first.to_string(),
                second: connection.to_string(),
            });
        }
        bound.insert(end, format!("{}{}", connection.from, connection.output));
    }
    Ok(bound)
}

fn find_part(
    parts: &[Part<'_>],
    connection: &Connection<'_>,
    prefix: &str,
) -> Result<usize, MergeError> {
    let place = parts.iter().position(|part| part.prefix == prefix);
    place.ok_or_else(|| MergeError::UnknownPart {
        connection: connection.to_string(),
        prefix: prefix.to_owned(),
        known: parts.len(),
        near: names::near(prefix, parts.iter().map(|part| part.prefix)),
    })
}

fn find_value<'a>(
    values: &'a [ValueInfoProto],
    connection: &Connection<'_>,
    what: &'static str,
    name: &str,
) -> Result<&'a ValueInfoProto, MergeError> {
    let found = values.iter().find(|info| info.name() == name);
    found.ok_or_else(|| MergeError::UnknownValue {
        connection: connection.to_string(),
        what,
        name: name.to_owned(),
        known: values.len(),
        near: names::near(name, values.iter().map(ValueInfoProto::name)),
    })
}

/// Whether what both ends state agrees; a symbol agrees with any length.
fn fits(output: &ValueInfoProto, input: &ValueInfoProto) -> bool {
    if let (Some(made), Some(read)) = (output.tensor(), input.tensor())
        && made.elem_type() != read.elem_type()
    {
        return false;
    }
    let (Some(made), Some(read)) = (output.dims(), input.dims()) else {
        return true;
    };
    made.len() == read.len()
        && made
            .iter()
            .zip(read)
            .all(|(a, b)| match (&a.value, &b.value) {
                (Some(DimensionValue::TensorInfo(a)), Some(DimensionValue::TensorInfo(b))) => {
                    // -1 is an open axis.
                    a == b || *a < 0 || *b < 0
                }
                _ => true,
            })
}

/// Adds one part, renamed.
fn add(graph: &mut GraphProto, part: &Part<'_>, bound: &Bound<'_>, ir_version: i64) {
    let prefix = part.prefix;
    let mut own = part.model.graph().clone();
    own.input
        .retain(|input| !bound.contains_key(&(prefix, input.name())));
    let connected: HashSet<&str> = (bound.keys())
        .filter(|(to, _)| *to == prefix)
        .map(|(_, input)| *input)
        .collect();
    // A connected input that had a default keeps only the connection.
    own.initializer.retain(|t| !connected.contains(t.name()));
    own.value_info.retain(|v| !connected.contains(v.name()));
    names::rename(&mut own, &|name| match bound.get(&(prefix, name)) {
        Some(source) => source.clone(),
        None => format!("{prefix}{name}"),
    });
    // A part that passes an input through names the part before; it has that
    // output already.
    let declared: HashSet<String> = (graph.output.iter())
        .map(|output| output.name().to_owned())
        .collect();
    own.output
        .retain(|output| !declared.contains(output.name()));
    names::for_each_dimension(&mut own, &|dim| {
        if let DimensionValue::Param(symbol) = dim {
            symbol.insert_str(0, prefix);
        }
    });
    for node in &mut own.node {
        if let Some(name) = node.name.as_mut().filter(|name| !name.is_empty()) {
            name.insert_str(0, prefix);
        }
    }
    if ir_version >= 4 {
        names::drop_initialised_inputs(&mut own);
    }
    graph.node.extend(own.node);
    graph.initializer.extend(own.initializer);
    graph.input.extend(own.input);
    graph.output.extend(own.output);
    graph.value_info.extend(own.value_info);
    (graph.metadata_props).extend(prefixed_metadata(prefix, &own.metadata_props));
}

fn prefixed_metadata(
    prefix: &str,
    entries: &[StringStringEntryProto],
) -> impl Iterator<Item = StringStringEntryProto> {
    entries.iter().map(move |entry| StringStringEntryProto {
        key: Some(format!("{prefix}{}", entry.key())),
        value: entry.value.clone(),
    })
}
