//! Small graphs, written by hand: for tests, benches and fitted readouts.

use prost::Message as _;

use super::cut::type_of;
use super::elem;
use super::proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, TypeValue, ValueInfoProto,
};
use crate::tensor::{DType, TensorSpec};

use super::describe::Dim;

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attr {
    /// A number.
    Int(i64),
    /// A number.
    Float(f32),
    /// Numbers.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f32>),
    /// Text.
    Text(String),
    /// A tensor, for `Constant`.
    Tensor(TensorProto),
    /// A branch or a loop body.
    Graph(GraphProto),
}

/// Builds a model, entry by entry, in the order given. It holds nothing to any
/// rule: that is what [`check`](super::check()) is for.
///
/// ```
/// use concert_models::onnx::{Attr, CheckLimits, GraphBuilder, check};
///
/// let bytes = GraphBuilder::new("edges")
///     .input("x", &[1, 1, 8, 8])
///     .initializer_f32("w", &[1, 1, 3, 3], &[0.0; 9])
///     .node("Conv", &["x", "w"], &["y"], &[("pads", Attr::Ints(vec![1; 4]))])
///     .output("y", &[1, 1, 8, 8])
///     .build_bytes();
/// assert!(check(&bytes, &CheckLimits::default()).is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GraphBuilder {
    model: ModelProto,
    graph: GraphProto,
}

impl GraphBuilder {
    /// An empty graph, of ir version 8 and operator set 17.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            model: ModelProto {
                ir_version: Some(8),
                producer_name: Some("concert".to_owned()),
                opset_import: vec![import("", 17)],
                ..ModelProto::default()
            },
            graph: GraphProto {
                name: Some(name.to_owned()),
                ..GraphProto::default()
            },
        }
    }

    /// Another version of the default operator set.
    #[must_use]
    pub fn opset(mut self, version: i64) -> Self {
        self.model.opset_import[0].version = Some(version);
        self
    }

    /// One more operator set.
    #[must_use]
    pub fn import(mut self, domain: &str, version: i64) -> Self {
        self.model.opset_import.push(import(domain, version));
        self
    }

    /// Another version of the file format.
    #[must_use]
    pub fn ir_version(mut self, version: i64) -> Self {
        self.model.ir_version = Some(version);
        self
    }

    /// One entry of metadata.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.model.metadata_props.push(StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        });
        self
    }

    /// A single-precision input.
    #[must_use]
    pub fn input(self, name: &str, shape: &[usize]) -> Self {
        self.input_of(name, &TensorSpec::f32(shape))
    }

    /// An input of any type.
    #[must_use]
    pub fn input_of(mut self, name: &str, spec: &TensorSpec) -> Self {
        self.graph.input.push(info(name, type_of(spec)));
        self
    }

    /// An input whose axes may be symbols.
    #[must_use]
    pub fn input_dims(mut self, name: &str, dtype: DType, dims: &[Dim]) -> Self {
        self.graph.input.push(info(name, symbolic(dtype, dims)));
        self
    }

    /// A single-precision output.
    #[must_use]
    pub fn output(self, name: &str, shape: &[usize]) -> Self {
        self.output_of(name, &TensorSpec::f32(shape))
    }

    /// An output of any type.
    #[must_use]
    pub fn output_of(mut self, name: &str, spec: &TensorSpec) -> Self {
        self.graph.output.push(info(name, type_of(spec)));
        self
    }

    /// An output whose axes may be symbols.
    #[must_use]
    pub fn output_dims(mut self, name: &str, dtype: DType, dims: &[Dim]) -> Self {
        self.graph.output.push(info(name, symbolic(dtype, dims)));
        self
    }

    /// States a single-precision tensor between input and output.
    #[must_use]
    pub fn value(mut self, name: &str, shape: &[usize]) -> Self {
        let type_ = type_of(&TensorSpec::f32(shape));
        self.graph.value_info.push(info(name, type_));
        self
    }

    /// A stored single-precision tensor.
    #[must_use]
    pub fn initializer_f32(self, name: &str, shape: &[usize], data: &[f32]) -> Self {
        let raw = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(name, &TensorSpec::f32(shape), raw)
    }

    /// A stored tensor of 64-bit integers, as operators take shapes and axes.
    #[must_use]
    pub fn initializer_i64(self, name: &str, shape: &[usize], data: &[i64]) -> Self {
        let spec = TensorSpec {
            dtype: DType::I64,
            shape: shape.to_vec(),
        };
        let raw = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(name, &spec, raw)
    }

    /// A stored tensor of any type, from little-endian bytes.
    #[must_use]
    pub fn initializer(mut self, name: &str, spec: &TensorSpec, raw: Vec<u8>) -> Self {
        self.graph.initializer.push(tensor(name, spec, raw));
        self
    }

    /// A node of the default operator set.
    #[must_use]
    pub fn node(
        self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attr)],
    ) -> Self {
        self.node_of("", operator, inputs, outputs, attributes)
    }

    /// A node of any domain.
    #[must_use]
    pub fn node_of(
        mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[(&str, Attr)],
    ) -> Self {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            op_type: Some(operator.to_owned()),
            domain: (!domain.is_empty()).then(|| domain.to_owned()),
            attribute: attributes.iter().map(attribute).collect(),
            ..NodeProto::default()
        });
        self
    }

    /// The graph alone, for [`Attr::Graph`].
    #[must_use]
    pub fn build_graph(self) -> GraphProto {
        self.graph
    }

    /// The model.
    #[must_use]
    pub fn build_model(self) -> ModelProto {
        ModelProto {
            graph: Some(self.graph),
            ..self.model
        }
    }

    /// The model as the bytes of an ONNX file.
    #[must_use]
    pub fn build_bytes(self) -> Vec<u8> {
        self.build_model().encode_to_vec()
    }
}

/// The bytes of an ONNX file.
#[must_use]
pub fn bytes_of(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// A tensor from little-endian bytes.
#[must_use]
pub fn tensor(name: &str, spec: &TensorSpec, raw: Vec<u8>) -> TensorProto {
    let length = |&axis: &usize| i64::try_from(axis).unwrap_or(i64::MAX);
    TensorProto {
        dims: spec.shape.iter().map(length).collect(),
        data_type: Some(elem::code(spec.dtype)),
        name: Some(name.to_owned()),
        raw_data: Some(raw),
        ..TensorProto::default()
    }
}

fn import(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: Some(domain.to_owned()),
        version: Some(version),
    }
}

fn info(name: &str, type_: TypeProto) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.to_owned()),
        type_: Some(type_),
        ..ValueInfoProto::default()
    }
}

fn symbolic(dtype: DType, dims: &[Dim]) -> TypeProto {
    let dim = |dim: &Dim| DimensionProto {
        value: match dim {
            Dim::Fixed(length) => Some(DimensionValue::TensorInfo(*length)),
            Dim::Symbol(symbol) => Some(DimensionValue::Param(symbol.clone())),
            Dim::Unknown => None,
        },
        denotation: None,
    };
    TypeProto {
        value: Some(TypeValue::Tensor(TensorTypeProto {
            elem_type: Some(elem::code(dtype)),
            shape: Some(TensorShapeProto {
                dim: dims.iter().map(dim).collect(),
            }),
        })),
        denotation: None,
    }
}

fn attribute((name, value): &(&str, Attr)) -> AttributeProto {
    let mut attribute = AttributeProto {
        name: Some((*name).to_owned()),
        ..AttributeProto::default()
    };
    let type_ = match value {
        Attr::Int(i) => {
            attribute.i = Some(*i);
            AttributeProto::INT
        }
        Attr::Float(f) => {
            attribute.f = Some(*f);
            AttributeProto::FLOAT
        }
        Attr::Ints(ints) => {
            attribute.ints.clone_from(ints);
            AttributeProto::INTS
        }
        Attr::Floats(floats) => {
            attribute.floats.clone_from(floats);
            AttributeProto::FLOATS
        }
        Attr::Text(text) => {
            attribute.s = Some(text.clone().into_bytes());
            AttributeProto::STRING
        }
        Attr::Tensor(tensor) => {
            attribute.t = Some(tensor.clone());
            AttributeProto::TENSOR
        }
        Attr::Graph(graph) => {
            attribute.g = Some(graph.clone());
            AttributeProto::GRAPH
        }
    };
    attribute.type_ = Some(type_);
    attribute
}
