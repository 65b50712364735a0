//! From a network to an encoder: keep what the taps need, name their levels.

mod error;

use std::collections::{HashMap, HashSet};

use prost::Message as _;

use super::check::{CheckLimits, Checked};
use super::names::node_label;
use super::proto::{
    DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
};
use super::{elem, infer, names};
use crate::tensor::TensorSpec;

pub use error::CutError;

/// A tensor inside a network that becomes a named output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tap {
    /// Name of the tensor in the network.
    pub tensor: String,
    /// Name of the output that it becomes.
    pub level: String,
    /// Element type and shape, where the network does not state them.
    pub spec: Option<TensorSpec>,
}

impl Tap {
    /// A tap whose type and shape are those that the network states.
    #[must_use]
    pub fn new(tensor: &str, level: &str) -> Self {
        Self {
            tensor: tensor.to_owned(),
            level: level.to_owned(),
            spec: None,
        }
    }

    /// The same tap, declared as `spec` where the network states nothing.
    #[must_use]
    pub fn with_spec(self, spec: TensorSpec) -> Self {
        Self {
            spec: Some(spec),
            ..self
        }
    }
}

/// Cuts a network at `taps`: keeps the nodes, initialisers and inputs that they
/// need, in their order, and makes the taps the outputs, under their levels'
/// names and in the order given.
///
/// `fixed_inputs` gives inputs their shapes; a symbol that stands there is
/// replaced by its length wherever else it stands. An output is declared as
/// the network states it, else as the tap's spec says, else as its nodes tell;
/// lengths that depend on an open axis or on data stay open.
/// Producer, operator sets and metadata stay. The result depends on nothing
/// but the arguments.
///
/// # Errors
/// Taps, levels or shapes that do not fit the network.
pub fn cut(
    model: &Checked,
    taps: &[Tap],
    fixed_inputs: &[(String, Vec<usize>)],
) -> Result<Vec<u8>, CutError> {
    let whole = model.graph();
    check_levels(taps)?;
    check_tensors(whole, taps)?;
    let bound = bind_inputs(whole, fixed_inputs)?;

    let mut graph = reachable(whole, taps);
    if model.envelope().ir_version() >= 4 {
        names::drop_initialised_inputs(&mut graph);
    }
    graph.output = taps.iter().map(|tap| declare(whole, tap)).collect();
    for input in &mut graph.input {
        let given = fixed_inputs.iter().find(|(name, _)| name == input.name());
        if let Some((_, shape)) = given {
            fix_shape(input, shape);
        }
    }
    names::for_each_dimension(&mut graph, &|dim| {
        if let DimensionValue::Param(symbol) = dim
            && let Some(&length) = bound.get(symbol.as_str())
        {
            *dim = DimensionValue::TensorInfo(length);
        }
    });
    name_levels(&mut graph, taps)?;
    complete(model.envelope(), &mut graph, fixed_inputs);
    let cut = ModelProto {
        graph: Some(graph),
        ..model.envelope().clone()
    };
    Ok(cut.encode_to_vec())
}

/// Gives outputs the type and the lengths that they do not state, as far as the
/// graph tells: tools that check first refuse an output without them.
fn complete(envelope: &ModelProto, graph: &mut GraphProto, fixed: &[(String, Vec<usize>)]) {
    let inferred: Vec<Option<TypeProto>> = {
        // What was checked has bounds; a graph without is left as it is.
        let facts = infer::infer(envelope, graph, fixed, &CheckLimits::default());
        let facts = facts.unwrap_or_default();
        let type_of = |output: &ValueInfoProto| infer::type_of(facts.get(output.name())?);
        graph.output.iter().map(type_of).collect()
    };
    for (output, inferred) in graph.output.iter_mut().zip(inferred) {
        let Some(inferred) = inferred else { continue };
        if output.dims().is_none() {
            output.type_ = Some(inferred);
            continue;
        }
        let told = ValueInfoProto {
            type_: Some(inferred),
            ..ValueInfoProto::default()
        };
        let lengths = told.dims().unwrap_or_default();
        let dims = output.dims_mut().filter(|dims| dims.len() == lengths.len());
        for (dim, told) in dims.into_iter().flatten().zip(lengths) {
            let open = !matches!(dim.value, Some(DimensionValue::TensorInfo(0..)));
            if open && told.value.is_some() {
                dim.value.clone_from(&told.value);
            }
        }
    }
}

/// At least one level, each named and named once.
fn check_levels(taps: &[Tap]) -> Result<(), CutError> {
    if taps.is_empty() {
        return Err(CutError::NoTaps);
    }
    let mut levels: HashMap<&str, &Tap> = HashMap::new();
    for tap in taps {
        if tap.level.is_empty() {
            return Err(CutError::LevelUnnamed {
                tensor: tap.tensor.clone(),
            });
        }
        if let Some(first) = levels.insert(&tap.level, tap) {
            return Err(CutError::LevelTwice {
                level: tap.level.clone(),
                first: first.tensor.clone(),
                second: tap.tensor.clone(),
            });
        }
    }
    Ok(())
}

/// Every tap is of a tensor that an input or a node of the outer graph makes.
fn check_tensors(graph: &GraphProto, taps: &[Tap]) -> Result<(), CutError> {
    let made: HashSet<&str> = names::made(graph).collect();
    let stored: HashSet<&str> = graph.initializer.iter().map(TensorProto::name).collect();
    for Tap { tensor, .. } in taps {
        if stored.contains(tensor.as_str()) {
            return Err(CutError::Constant {
                tensor: tensor.clone(),
            });
        }
        if made.contains(tensor.as_str()) {
            continue;
        }
        let holder = graph.node.iter().enumerate().find(|(_, node)| {
            let mut inside = HashSet::new();
            names::subgraphs(node).for_each(|inner| names::all(inner, &mut inside));
            inside.contains(tensor.as_str())
        });
        return Err(match holder {
            Some((index, node)) => CutError::InsideSubgraph {
                tensor: tensor.clone(),
                node: node_label(index, node),
            },
            None => CutError::UnknownTensor {
                tensor: tensor.clone(),
                known: made.len(),
                near: names::near(tensor, made.iter().copied().filter(|n| !stored.contains(n))),
            },
        });
    }
    Ok(())
}

/// Holds the given shapes to the inputs, and says what each symbol becomes.
fn bind_inputs<'a>(
    graph: &'a GraphProto,
    fixed: &[(String, Vec<usize>)],
) -> Result<HashMap<&'a str, i64>, CutError> {
    let mut bound = HashMap::new();
    for (name, shape) in fixed {
        let Some(input) = graph.input.iter().find(|input| input.name() == name) else {
            return Err(CutError::UnknownInput {
                input: name.clone(),
                known: graph.input.len(),
                near: names::near(name, graph.input.iter().map(ValueInfoProto::name)),
            });
        };
        let dims = input.dims();
        if let Some(dims) = dims.filter(|dims| dims.len() != shape.len()) {
            return Err(CutError::InputRank {
                input: name.clone(),
                found: dims.len(),
                given: shape.len(),
            });
        }
        for (axis, &given) in shape.iter().enumerate() {
            let wrong = |found: String| CutError::InputLength {
                input: name.clone(),
                axis,
                found,
                given,
            };
            let length = i64::try_from(given).map_err(|_| wrong("at most 2^63 - 1".to_owned()))?;
            if length == 0 {
                return Err(wrong("at least 1".to_owned()));
            }
            match dims.and_then(|dims| dims[axis].value.as_ref()) {
                // Some exporters write an unknown length as 0 or -1.
                Some(&DimensionValue::TensorInfo(found)) if found > 0 && found != length => {
                    return Err(wrong(found.to_string()));
                }
                Some(DimensionValue::Param(symbol)) if !symbol.is_empty() => {
                    match bound.insert(symbol.as_str(), length) {
                        Some(first) if first != length => {
                            return Err(CutError::SymbolTwice {
                                symbol: symbol.clone(),
                                first,
                                second: length,
                            });
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
    Ok(bound)
}

/// The part of a graph that the taps need; without outputs.
fn reachable(whole: &GraphProto, taps: &[Tap]) -> GraphProto {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in whole.node.iter().enumerate() {
        makers.extend(node.output.iter().map(|name| (name.as_str(), index)));
    }
    let mut wanted: HashSet<&str> = HashSet::new();
    let mut keep = vec![false; whole.node.len()];
    let mut open: Vec<&str> = taps.iter().map(|tap| tap.tensor.as_str()).collect();
    while let Some(name) = open.pop() {
        if !wanted.insert(name) {
            continue;
        }
        if let Some(&index) = makers.get(name)
            && !std::mem::replace(&mut keep[index], true)
        {
            open.extend(names::reads(&whole.node[index]));
        }
    }
    let kept = |info: &&ValueInfoProto| {
        wanted.contains(info.name()) || makers.get(info.name()).is_some_and(|&index| keep[index])
    };
    let nodes = whole.node.iter().zip(&keep);
    let stored = whole.initializer.iter();
    GraphProto {
        node: nodes
            .filter(|(_, keep)| **keep)
            .map(|(n, _)| n.clone())
            .collect(),
        name: whole.name.clone(),
        initializer: stored
            .filter(|t| wanted.contains(t.name()))
            .cloned()
            .collect(),
        doc_string: whole.doc_string.clone(),
        input: whole.input.iter().filter(kept).cloned().collect(),
        output: Vec::new(),
        value_info: whole.value_info.iter().filter(kept).cloned().collect(),
        metadata_props: whole.metadata_props.clone(),
    }
}

/// An output as the network states it, else as the tap does, else by name.
fn declare(whole: &GraphProto, tap: &Tap) -> ValueInfoProto {
    let stated = (whole.output.iter())
        .chain(&whole.value_info)
        .chain(&whole.input)
        .find(|info| info.name() == tap.tensor);
    let type_ = stated.and_then(|info| info.type_.clone());
    let given = tap.spec.as_ref().map(type_of);
    let shaped = stated.is_some_and(|info| info.dims().is_some());
    ValueInfoProto {
        name: Some(tap.tensor.clone()),
        type_: if shaped { type_ } else { given.or(type_) },
        ..ValueInfoProto::default()
    }
}

/// A tensor type of fixed shape.
pub(super) fn type_of(spec: &TensorSpec) -> TypeProto {
    TypeProto {
        value: Some(TypeValue::Tensor(TensorTypeProto {
            elem_type: Some(elem::code(spec.dtype)),
            shape: Some(shape_of(&spec.shape)),
        })),
        denotation: None,
    }
}

fn shape_of(shape: &[usize]) -> TensorShapeProto {
    let dim = |&length: &usize| DimensionProto {
        value: Some(DimensionValue::TensorInfo(
            i64::try_from(length).unwrap_or(i64::MAX),
        )),
        denotation: None,
    };
    TensorShapeProto {
        dim: shape.iter().map(dim).collect(),
    }
}

fn fix_shape(input: &mut ValueInfoProto, shape: &[usize]) {
    if let Some(TypeValue::Tensor(tensor)) = input.type_.as_mut().and_then(|t| t.value.as_mut()) {
        tensor.shape = Some(shape_of(shape));
    }
}

/// Renames the taps' tensors to their levels. A tensor that is an input, or has
/// a level already, gets an `Identity` instead.
fn name_levels(graph: &mut GraphProto, taps: &[Tap]) -> Result<(), CutError> {
    let inputs: HashSet<&str> = graph.input.iter().map(ValueInfoProto::name).collect();
    let mut renamed: HashMap<&str, &str> = HashMap::new();
    let mut copied: Vec<&Tap> = Vec::new();
    for tap in taps {
        let own = tap.tensor == tap.level;
        if inputs.contains(tap.tensor.as_str()) || renamed.contains_key(tap.tensor.as_str()) {
            if !own {
                copied.push(tap);
            }
        } else {
            renamed.insert(&tap.tensor, &tap.level);
        }
    }
    let mut present = HashSet::new();
    names::all(graph, &mut present);
    for tap in taps {
        let freed = renamed.contains_key(tap.level.as_str());
        let own_input = tap.level == tap.tensor && inputs.contains(tap.tensor.as_str());
        if present.contains(tap.level.as_str()) && !freed && !own_input {
            return Err(CutError::LevelTaken {
                level: tap.level.clone(),
                tensor: tap.tensor.clone(),
            });
        }
    }
    names::rename(graph, &|name| {
        (*renamed.get(name).unwrap_or(&name)).to_owned()
    });
    for tap in copied {
        let source = renamed.get(tap.tensor.as_str());
        let node = NodeProto {
            input: vec![(*source.unwrap_or(&tap.tensor.as_str())).to_owned()],
            output: vec![tap.level.clone()],
            name: Some(format!("level/{}", tap.level)),
            op_type: Some("Identity".to_owned()),
            ..NodeProto::default()
        };
        graph.node.push(node);
    }
    for (output, tap) in graph.output.iter_mut().zip(taps) {
        output.name = Some(tap.level.clone());
    }
    let outputs: HashSet<&str> = graph.output.iter().map(ValueInfoProto::name).collect();
    let mut infos = std::mem::take(&mut graph.value_info);
    infos.retain(|info| !outputs.contains(info.name()));
    graph.value_info = infos;
    Ok(())
}
