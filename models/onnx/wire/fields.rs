//! The messages of `onnx.proto` that Concert carries, field by field.

/// Messages of `onnx.proto` that Concert carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    Model,
    Opset,
    Entry,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    ElementType,
    MapType,
    Shape,
    Dimension,
}

/// Form of a field on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One varint.
    Varint,
    /// Any number of varints, each alone or packed.
    Varints,
    /// Any number of little-endian words of so many bytes, alone or packed.
    Words(usize),
    /// Text or bytes.
    Bytes,
    /// A name: short, and fit to be printed.
    Name,
    /// A message.
    Sub(Message),
    /// Data outside the file, in any form.
    External,
    /// `TensorProto.data_location`: 0 is inside the file.
    Location,
    /// Known, and not carried.
    Refused(&'static str),
}

impl Message {
    pub(super) fn name(self) -> &'static str {
        match self {
            Message::Model => "ModelProto",
            Message::Opset => "OperatorSetIdProto",
            Message::Entry => "StringStringEntryProto",
            Message::Graph => "GraphProto",
            Message::Node => "NodeProto",
            Message::Attribute => "AttributeProto",
            Message::Tensor => "TensorProto",
            Message::ValueInfo => "ValueInfoProto",
            Message::Type => "TypeProto",
            Message::TensorType => "TypeProto.Tensor",
            Message::ElementType => "TypeProto.Sequence",
            Message::MapType => "TypeProto.Map",
            Message::Shape => "TensorShapeProto",
            Message::Dimension => "TensorShapeProto.Dimension",
        }
    }

    /// Kind of field `number`, `None` where `onnx.proto` has no such field.
    pub(super) fn field(self, number: u32) -> Option<Kind> {
        use Kind::*;
        Some(match (self, number) {
            (Message::Model, 1 | 5) => Varint,
            (Message::Model, 2 | 3 | 4 | 6) => Bytes,
            (Message::Model, 7) => Sub(Message::Graph),
            (Message::Model, 8) => Sub(Message::Opset),
            (Message::Model, 14) => Sub(Message::Entry),
            (Message::Model, 20) => Refused("training graphs"),
            (Message::Model, 25) => Refused("functions"),
            (Message::Model, 26) => Refused("device configurations"),
            (Message::Opset, 1) => Name,
            (Message::Opset, 2) => Varint,
            (Message::Entry, 1 | 2) => Bytes,
            (Message::Graph, 1) => Sub(Message::Node),
            (Message::Graph, 2) => Name,
            (Message::Graph, 10) => Bytes,
            (Message::Graph, 5) => Sub(Message::Tensor),
            (Message::Graph, 11..=13) => Sub(Message::ValueInfo),
            (Message::Graph, 14) => Refused("quantisation annotations"),
            (Message::Graph, 15) => Refused("sparse initialisers"),
            (Message::Graph, 16) => Sub(Message::Entry),
            (Message::Node, 1 | 2 | 3 | 4 | 7 | 8) => Name,
            (Message::Node, 6) => Bytes,
            (Message::Node, 5) => Sub(Message::Attribute),
            (Message::Node, 9) => Sub(Message::Entry),
            (Message::Node, 10) => Refused("device configurations"),
            (Message::Attribute, 1) => Name,
            (Message::Attribute, 4 | 9 | 13) => Bytes,
            (Message::Attribute, 2 | 7) => Words(4),
            (Message::Attribute, 3 | 20) => Varint,
            (Message::Attribute, 5 | 10) => Sub(Message::Tensor),
            (Message::Attribute, 6 | 11) => Sub(Message::Graph),
            (Message::Attribute, 8) => Varints,
            (Message::Attribute, 14 | 15) => Sub(Message::Type),
            (Message::Attribute, 21) => Refused("attributes of functions"),
            (Message::Attribute, 22 | 23) => Refused("sparse tensors"),
            (Message::Tensor, 1 | 5 | 7 | 11) => Varints,
            (Message::Tensor, 2) => Varint,
            (Message::Tensor, 3) => Refused("tensors in segments"),
            (Message::Tensor, 4) => Words(4),
            (Message::Tensor, 8) => Name,
            (Message::Tensor, 6 | 9 | 12) => Bytes,
            (Message::Tensor, 10) => Words(8),
            (Message::Tensor, 13) => External,
            (Message::Tensor, 14) => Location,
            (Message::Tensor, 16) => Sub(Message::Entry),
            (Message::ValueInfo, 1) => Name,
            (Message::ValueInfo, 3) => Bytes,
            (Message::ValueInfo, 2) => Sub(Message::Type),
            (Message::ValueInfo, 4) => Sub(Message::Entry),
            (Message::Type, 1) => Sub(Message::TensorType),
            (Message::Type, 4 | 9) => Sub(Message::ElementType),
            (Message::Type, 5) => Sub(Message::MapType),
            (Message::Type, 6) => Bytes,
            (Message::Type, 7) => Refused("opaque types"),
            (Message::Type, 8) => Refused("sparse tensors"),
            (Message::TensorType, 1) => Varint,
            (Message::TensorType, 2) => Sub(Message::Shape),
            (Message::ElementType, 1) => Sub(Message::Type),
            (Message::MapType, 1) => Varint,
            (Message::MapType, 2) => Sub(Message::Type),
            (Message::Shape, 1) => Sub(Message::Dimension),
            (Message::Dimension, 1) => Varint,
            (Message::Dimension, 2 | 3) => Name,
            _ => return None,
        })
    }
}
