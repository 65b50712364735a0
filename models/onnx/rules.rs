//! The rules of a decoded model: names, order, shapes, data, operator sets.

use std::collections::{HashMap, HashSet};

use super::check::{CheckError, CheckLimits};
use super::names::{domain, node_label, subgraphs};
use super::proto::{
    DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, TypeValue,
    ValueInfoProto,
};
use super::{elem, infer};

/// Newest operator sets of the two other domains that are allowed.
const OTHER_DOMAINS: [(&str, i64); 2] = [("ai.onnx.ml", 5), ("com.microsoft", 1)];

/// Checks a model's envelope and its graph.
pub(super) fn model(
    model: &ModelProto,
    graph: &GraphProto,
    limits: &CheckLimits,
) -> Result<(), CheckError> {
    let found = model.ir_version();
    if !limits.ir_versions.contains(&found) {
        return Err(CheckError::IrVersion {
            found,
            supported: limits.ir_versions.clone(),
        });
    }
    let imported = opsets(model, limits)?;
    let rules = Rules { limits, imported };
    if graph.output.is_empty() {
        return Err(CheckError::Missing {
            subject: "graph".to_owned(),
            what: "output",
        });
    }
    rules.graph(graph, None)
}

/// The imported domains, each within its range and only once.
fn opsets<'a>(
    model: &'a ModelProto,
    limits: &CheckLimits,
) -> Result<HashMap<&'a str, i64>, CheckError> {
    let mut imported = HashMap::new();
    for import in &model.opset_import {
        let (name, found) = (domain(import.domain()), import.version());
        let supported = match OTHER_DOMAINS.iter().find(|other| other.0 == name) {
            _ if name == "ai.onnx" => limits.opsets.clone(),
            Some(other) => 1..=other.1,
            // Exporters import domains that no node uses; nodes are held to
            // the allowed domains one by one.
            None => continue,
        };
        if !supported.contains(&found) {
            return Err(CheckError::Opset {
                domain: name.to_owned(),
                found,
                supported,
            });
        }
        // The default domain has two spellings, and joined files keep both.
        if let Some(first) = imported.insert(name, found)
            && first != found
        {
            return Err(CheckError::OpsetTwice {
                domain: name.to_owned(),
                first,
                second: found,
            });
        }
    }
    if !imported.contains_key("ai.onnx") {
        return Err(CheckError::Missing {
            subject: "model".to_owned(),
            what: "opset import of ai.onnx",
        });
    }
    Ok(imported)
}

struct Rules<'a> {
    limits: &'a CheckLimits,
    imported: HashMap<&'a str, i64>,
}

/// What a graph sees: its own values made before node `before`, and those of
/// the graphs around it.
struct Scope<'a> {
    makers: &'a HashMap<&'a str, Maker>,
    before: usize,
    around: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    fn sees(&self, value: &str) -> bool {
        let own = match self.makers.get(value) {
            Some(&Maker::Node(writer)) => writer < self.before,
            Some(_) => true,
            None => false,
        };
        own || self.around.is_some_and(|around| around.sees(value))
    }
}

/// Who makes a value: an input, an initialiser, or the node of an index.
#[derive(Clone, Copy)]
enum Maker {
    Input,
    Initialiser,
    Node(usize),
}

impl Rules<'_> {
    fn graph(&self, graph: &GraphProto, around: Option<&Scope<'_>>) -> Result<(), CheckError> {
        self.count(graph.input.len(), "inputs of a graph")?;
        self.count(graph.output.len(), "outputs of a graph")?;
        for tensor in &graph.initializer {
            self.tensor(tensor.name(), tensor)?;
        }
        for info in (graph.input.iter())
            .chain(&graph.output)
            .chain(&graph.value_info)
        {
            self.value_info(info)?;
        }
        let makers = makers(graph)?;
        self.nodes(graph, &makers, around)?;
        for output in &graph.output {
            let outside = around.is_some_and(|around| around.sees(output.name()));
            if !outside && !makers.contains_key(output.name()) {
                return Err(CheckError::Dangling {
                    reader: "graph output".to_owned(),
                    value: output.name().to_owned(),
                });
            }
        }
        Ok(())
    }

    fn count(&self, found: usize, what: &'static str) -> Result<(), CheckError> {
        let limit = self.limits.max_inputs;
        if found > limit {
            return Err(CheckError::TooMany { what, found, limit });
        }
        Ok(())
    }

    /// Every node reads only what is made before it; its subgraphs too.
    fn nodes(
        &self,
        graph: &GraphProto,
        makers: &HashMap<&str, Maker>,
        around: Option<&Scope<'_>>,
    ) -> Result<(), CheckError> {
        for (index, node) in graph.node.iter().enumerate() {
            self.operator(index, node)?;
            for value in node.input.iter().filter(|value| !value.is_empty()) {
                match makers.get(value.as_str()) {
                    Some(&Maker::Node(writer)) if writer >= index => {
                        return Err(CheckError::NotSorted {
                            reader: node_label(index, node),
                            value: value.clone(),
                            writer: node_label(writer, &graph.node[writer]),
                        });
                    }
                    None if !around.is_some_and(|around| around.sees(value)) => {
                        return Err(CheckError::Dangling {
                            reader: node_label(index, node),
                            value: value.clone(),
                        });
                    }
                    _ => {}
                }
            }
            for attribute in &node.attribute {
                for tensor in attribute.tensors() {
                    let name = format!("{}.{}", node_label(index, node), attribute.name());
                    self.tensor(&name, tensor)?;
                }
            }
            let scope = Scope {
                makers,
                before: index,
                around,
            };
            for inner in subgraphs(node) {
                self.graph(inner, Some(&scope))?;
            }
        }
        Ok(())
    }

    fn operator(&self, index: usize, node: &NodeProto) -> Result<(), CheckError> {
        if node.op_type().is_empty() {
            return Err(CheckError::Missing {
                subject: node_label(index, node),
                what: "operator",
            });
        }
        let domain = domain(node.domain());
        if domain != "ai.onnx" && !OTHER_DOMAINS.iter().any(|other| other.0 == domain) {
            return Err(CheckError::Domain {
                subject: node_label(index, node),
                domain: domain.to_owned(),
            });
        }
        if !self.imported.contains_key(domain) {
            return Err(CheckError::NotImported {
                node: node_label(index, node),
                domain: domain.to_owned(),
            });
        }
        if !infer::is_allowed(domain, node.op_type()) {
            return Err(CheckError::Operator {
                node: node_label(index, node),
                domain: domain.to_owned(),
            });
        }
        if node.op_type() == "Loop" && !self.limits.allow_loops {
            return Err(CheckError::Loop {
                node: node_label(index, node),
            });
        }
        Ok(())
    }

    fn value_info(&self, info: &ValueInfoProto) -> Result<(), CheckError> {
        if info.name().is_empty() {
            return Err(CheckError::Missing {
                subject: "an input, output or value".to_owned(),
                what: "name",
            });
        }
        info.type_
            .as_ref()
            .map_or(Ok(()), |type_| self.type_(info.name(), type_))
    }

    fn type_(&self, name: &str, type_: &TypeProto) -> Result<(), CheckError> {
        let inner = match type_.value.as_ref() {
            Some(TypeValue::Tensor(tensor)) => {
                self.element_type(name, tensor.elem_type())?;
                let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
                // An open axis counts as 1: its length is not known here. Some
                // exporters write it as -1.
                let fixed: Vec<i64> = dims
                    .map(|dim| match dim.value {
                        Some(DimensionValue::TensorInfo(length)) if length != -1 => length,
                        _ => 1,
                    })
                    .collect();
                self.elements(name, &fixed)?;
                None
            }
            Some(TypeValue::Sequence(inner) | TypeValue::Optional(inner)) => {
                inner.elem_type.as_deref()
            }
            Some(TypeValue::Map(map)) => map.value_type.as_deref(),
            None => None,
        };
        inner.map_or(Ok(()), |inner| self.type_(name, inner))
    }

    fn element_type(&self, name: &str, code: i32) -> Result<&'static str, CheckError> {
        elem::name(code).ok_or_else(|| CheckError::ElementType {
            tensor: name.to_owned(),
            code,
            rule: "element types are 1 to 26",
        })
    }

    /// Number of elements, within rank, sign and bound.
    fn elements(&self, name: &str, shape: &[i64]) -> Result<u64, CheckError> {
        let limits = self.limits;
        if shape.len() > limits.max_rank {
            return Err(CheckError::TooMany {
                what: "axes of one tensor",
                found: shape.len(),
                limit: limits.max_rank,
            });
        }
        let mut elements = 1u64;
        let mut saturated = 1u64;
        for (axis, &length) in shape.iter().enumerate() {
            let Ok(length) = u64::try_from(length) else {
                return Err(CheckError::NegativeAxis {
                    tensor: name.to_owned(),
                    axis,
                    length,
                });
            };
            elements = elements.saturating_mul(length);
            // An empty axis must not hide others that overflow.
            saturated = saturated.saturating_mul(length.max(1));
        }
        if saturated > limits.max_elements {
            return Err(CheckError::TooLarge {
                tensor: name.to_owned(),
                shape: shape.to_vec(),
                limit: limits.max_elements,
            });
        }
        Ok(elements)
    }

    /// A stored tensor holds exactly what its shape and type need.
    fn tensor(&self, name: &str, tensor: &TensorProto) -> Result<(), CheckError> {
        let code = tensor.data_type();
        let dtype = self.element_type(name, code)?;
        let elements = self.elements(name, &tensor.dims)?;
        let length = |expected, found, unit| CheckError::DataLength {
            tensor: name.to_owned(),
            dtype,
            shape: tensor.dims.clone(),
            expected,
            found,
            unit,
        };
        let (entries, found) = elem::typed_entries(tensor, elements).unwrap_or((0, 0));
        let typed = tensor.float_data.len()
            + tensor.int32_data.len()
            + tensor.string_data.len()
            + tensor.int64_data.len()
            + tensor.double_data.len()
            + tensor.uint64_data.len();
        match &tensor.raw_data {
            Some(_) if code == elem::STRING => Err(CheckError::ElementType {
                tensor: name.to_owned(),
                code,
                rule: "strings do not stand in raw data",
            }),
            Some(raw) if !raw.is_empty() || typed == 0 => {
                let bits = elem::bits(code).unwrap_or(0);
                let bytes = elements.saturating_mul(bits).div_ceil(8);
                match raw.len() {
                    found if found as u64 != bytes => Err(length(bytes, found, "bytes")),
                    _ if typed != 0 => Err(length(0, typed, "entries beside its raw data")),
                    _ => Ok(()),
                }
            }
            _ if found as u64 != entries => Err(length(entries, found, "entries")),
            _ if typed != found => Err(length(entries, typed, "entries in one field")),
            _ => Ok(()),
        }
    }
}

/// Who makes each value of one graph; each is made once.
fn makers(graph: &GraphProto) -> Result<HashMap<&str, Maker>, CheckError> {
    let mut makers: HashMap<&str, Maker> = HashMap::new();
    let label = |maker: Maker| match maker {
        Maker::Input => "a graph input".to_owned(),
        Maker::Initialiser => "an initialiser".to_owned(),
        Maker::Node(index) => node_label(index, &graph.node[index]),
    };
    let inputs = graph.input.iter().map(|v| (v.name(), Maker::Input));
    let stored = graph
        .initializer
        .iter()
        .map(|t| (t.name(), Maker::Initialiser));
    let computed = graph.node.iter().enumerate().flat_map(|(index, node)| {
        let outputs = node.output.iter().filter(|name| !name.is_empty());
        outputs.map(move |name| (name.as_str(), Maker::Node(index)))
    });
    for (name, maker) in inputs.chain(stored).chain(computed) {
        match (makers.insert(name, maker), maker) {
            // Older files list every initialiser among the inputs as well.
            (None, _) | (Some(Maker::Input), Maker::Initialiser) => {}
            (Some(first), second) => {
                return Err(CheckError::MadeTwice {
                    name: name.to_owned(),
                    first: label(first),
                    second: label(second),
                });
            }
        }
    }
    let mut outputs = HashSet::new();
    for output in &graph.output {
        if !outputs.insert(output.name()) {
            return Err(CheckError::MadeTwice {
                name: output.name().to_owned(),
                first: "a graph output".to_owned(),
                second: "another graph output".to_owned(),
            });
        }
    }
    Ok(makers)
}
