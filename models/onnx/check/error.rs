//! Refusals of the graph check.

use std::ops::RangeInclusive;

/// Reason why a file was refused. Offsets are bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The file is larger than allowed.
    #[error("file has {bytes} bytes, but at most {limit} are allowed")]
    FileSize {
        /// Size of the file.
        bytes: usize,
        /// Size allowed.
        limit: usize,
    },
    /// A length prefix points past the end of what holds it.
    #[error(
        "{message} at byte {offset} declares {declared} bytes, but {available} are left: the file is truncated or its lengths lie"
    )]
    Truncated {
        /// Message that holds the entry.
        message: &'static str,
        /// Byte at which the entry begins.
        offset: usize,
        /// Length that is declared.
        declared: u64,
        /// Bytes left.
        available: usize,
    },
    /// The bytes are not protobuf as `onnx.proto` has it.
    #[error("{message} at byte {offset} is malformed: {rule}")]
    Malformed {
        /// Message that holds the entry.
        message: &'static str,
        /// Byte at which the entry begins.
        offset: usize,
        /// Rule that is broken.
        rule: &'static str,
    },
    /// A field that `onnx.proto` does not have.
    #[error("{message} at byte {offset} has field {field}, which onnx.proto does not know")]
    UnknownField {
        /// Message that holds the field.
        message: &'static str,
        /// Number of the field.
        field: u32,
        /// Byte at which the field begins.
        offset: usize,
    },
    /// Content that ONNX allows and Concert does not carry.
    #[error("{message} at byte {offset} has {what}, which are not supported")]
    NotCarried {
        /// Message that holds the content.
        message: &'static str,
        /// Name of what it is.
        what: &'static str,
        /// Byte at which it begins.
        offset: usize,
    },
    /// Data outside the file.
    #[error(
        "tensor `{tensor}` at byte {offset} keeps its data in another file: a network must be self-contained"
    )]
    ExternalData {
        /// Name of the tensor, where it stands before the reference.
        tensor: String,
        /// Byte at which the reference begins.
        offset: usize,
    },
    /// More of something than allowed; counting stopped there.
    #[error("network has at least {found} {what}, but at most {limit} are allowed")]
    TooMany {
        /// Name of what was counted.
        what: &'static str,
        /// Count when it was refused.
        found: usize,
        /// Count allowed.
        limit: usize,
    },
    /// Nested too deeply.
    #[error("network nests {what} {found} deep, but at most {limit} are allowed")]
    TooDeep {
        /// Name of what is nested.
        what: &'static str,
        /// Depth when it was refused.
        found: usize,
        /// Depth allowed.
        limit: usize,
    },
    /// Protobuf that does not decode (text that is not UTF-8).
    #[error("file does not decode as onnx.proto has it")]
    Decode(#[source] prost::DecodeError),
    /// Something that every model has is missing.
    #[error("{subject} has no {what}")]
    Missing {
        /// Name of what lacks it.
        subject: String,
        /// Name of what is missing.
        what: &'static str,
    },
    /// Version of the file format outside the range.
    #[error("ir version is {found}, but {} to {} are supported", supported.start(), supported.end())]
    IrVersion {
        /// Version of the file.
        found: i64,
        /// Versions supported.
        supported: RangeInclusive<i64>,
    },
    /// Version of an operator set outside the range.
    #[error(
        "opset of `{domain}` is {found}, but {} to {} are supported: exporters can be told which to write",
        supported.start(), supported.end()
    )]
    Opset {
        /// Domain of the operator set.
        domain: String,
        /// Version of the file.
        found: i64,
        /// Versions supported.
        supported: RangeInclusive<i64>,
    },
    /// A domain that is imported twice, in different versions.
    #[error("opset of `{domain}` is imported twice, as {first} and {second}")]
    OpsetTwice {
        /// Domain of the operator set.
        domain: String,
        /// Version first given.
        first: i64,
        /// Version given later.
        second: i64,
    },
    /// Operators of a domain that is not allowed.
    #[error(
        "{subject} is of domain `{domain}`, but only ai.onnx, ai.onnx.ml and com.microsoft are allowed"
    )]
    Domain {
        /// Node or import.
        subject: String,
        /// Its domain.
        domain: String,
    },
    /// An operator that is not among those that Concert knows.
    #[error(
        "{node} is of domain `{domain}`, whose operators are allowed by name, and this one is not"
    )]
    Operator {
        /// The node.
        node: String,
        /// Its domain.
        domain: String,
    },
    /// A node that makes as much as data says.
    #[error(
        "{node} has no bound for {what}: how large tensors become must be told before they are made"
    )]
    Unbounded {
        /// The node.
        node: String,
        /// Result that is not bounded, and why.
        what: String,
    },
    /// More elements in all than allowed.
    #[error("{node} brings what {when} makes to {made} elements, but at most {limit} are allowed")]
    TooMuch {
        /// The node where the limit was passed.
        node: String,
        /// Elements made up to it.
        made: u64,
        /// Elements allowed.
        limit: u64,
        /// A run, or loading.
        when: &'static str,
    },
    /// A node of a domain without an operator set.
    #[error("{node} is of domain `{domain}`, which the model does not import")]
    NotImported {
        /// The node.
        node: String,
        /// Its domain.
        domain: String,
    },
    /// One name for two values.
    #[error("value `{name}` is made twice, by {first} and by {second}")]
    MadeTwice {
        /// Name of the value.
        name: String,
        /// First maker.
        first: String,
        /// Second maker.
        second: String,
    },
    /// A node or output reads a value that nothing makes.
    #[error("{reader} reads `{value}`, which nothing makes")]
    Dangling {
        /// Node that reads.
        reader: String,
        /// Value that it reads.
        value: String,
    },
    /// A node reads a value of a later node: not sorted, or a cycle.
    #[error(
        "{reader} reads `{value}`, which {writer} makes later: nodes must be sorted and free of cycles"
    )]
    NotSorted {
        /// Node that reads.
        reader: String,
        /// Value that it reads.
        value: String,
        /// Node that makes it.
        writer: String,
    },
    /// A negative axis.
    #[error("axis {axis} of `{tensor}` is {length}, but a length is at least 0")]
    NegativeAxis {
        /// Name of the tensor or value.
        tensor: String,
        /// Number of the axis, from 0.
        axis: usize,
        /// Its length.
        length: i64,
    },
    /// More elements than allowed, or than can be counted.
    #[error("`{tensor}` has shape {shape:?}, but at most {limit} elements are allowed")]
    TooLarge {
        /// Name of the tensor or value.
        tensor: String,
        /// Its shape.
        shape: Vec<i64>,
        /// Elements allowed.
        limit: u64,
    },
    /// An element type that ONNX does not have, or that cannot stand there.
    #[error("`{tensor}` has element type {code}: {rule}")]
    ElementType {
        /// Name of the tensor or value.
        tensor: String,
        /// Number of the type.
        code: i32,
        /// Rule that is broken.
        rule: &'static str,
    },
    /// Data that does not fill its shape.
    #[error(
        "tensor `{tensor}` of {dtype} and shape {shape:?} needs {expected} {unit}, but has {found}"
    )]
    DataLength {
        /// Name of the tensor.
        tensor: String,
        /// Element type.
        dtype: &'static str,
        /// Shape.
        shape: Vec<i64>,
        /// Length that the shape needs.
        expected: u64,
        /// Length found.
        found: usize,
        /// Unit that is counted: bytes, or entries.
        unit: &'static str,
    },
    /// A node that need not end.
    #[error("{node} is a Loop, whose end depends on data: a network with a time limit has none")]
    Loop {
        /// The node.
        node: String,
    },
}
