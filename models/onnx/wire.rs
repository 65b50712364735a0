//! A walk over the protobuf wire format before anything is decoded.
//!
//! Decoding allocates per entry, and an entry may cost two bytes on the wire
//! and hundreds in memory; this walk allocates nothing, stops at the first
//! limit that is passed, and knows every message that Concert carries. After
//! it, decoding costs at most a small multiple of the limits and the file.

mod fields;

use super::check::{CheckError, CheckLimits};

use fields::{Kind, Message};

/// Deepest nesting of messages; below the decoder's own limit of 100.
const MAX_MESSAGE_DEPTH: usize = 64;

/// Longest name; exporters write paths of modules, a few hundred bytes at most.
const MAX_NAME_BYTES: usize = 4096;

/// Walks a whole `ModelProto`.
///
/// # Errors
/// The first broken rule, in file order.
pub(super) fn walk(file: &[u8], limits: &CheckLimits) -> Result<(), CheckError> {
    let mut walk = Walk {
        file,
        limits,
        nodes: 0,
        tensors: 0,
        attributes: 0,
        messages: 0,
        texts: 0,
        scalars: 0,
    };
    walk.message(Message::Model, 0, file.len(), 0, 0)
}

struct Walk<'a> {
    file: &'a [u8],
    limits: &'a CheckLimits,
    nodes: usize,
    tensors: usize,
    attributes: usize,
    messages: usize,
    texts: usize,
    scalars: usize,
}

/// Adds one to a counter and holds it to its limit.
fn count(counter: &mut usize, limit: usize, what: &'static str) -> Result<(), CheckError> {
    *counter += 1;
    if *counter > limit {
        return Err(CheckError::TooMany {
            what,
            found: *counter,
            limit,
        });
    }
    Ok(())
}

impl<'a> Walk<'a> {
    fn message(
        &mut self,
        message: Message,
        mut at: usize,
        end: usize,
        depth: usize,
        graphs: usize,
    ) -> Result<(), CheckError> {
        let graphs = graphs + usize::from(message == Message::Graph);
        self.enter(message, depth, graphs)?;
        let mut tensor_name: &'a [u8] = b"";
        let (mut seen_graph, mut rank) = (false, 0usize);
        while at < end {
            let start = at;
            let (number, wire) = self.key(message, &mut at, end)?;
            let kind = message.field(number).ok_or(CheckError::UnknownField {
                message: message.name(),
                field: number,
                offset: start,
            })?;
            if message == Message::Model && number == 7 && std::mem::replace(&mut seen_graph, true)
            {
                return Err(self.malformed(message, start, "a model has one graph"));
            }
            let value = at;
            self.field(message, kind, wire, &mut at, end)?;
            match kind {
                Kind::Sub(inner) => {
                    if inner == Message::Dimension {
                        count(&mut rank, self.limits.max_rank, "axes of one tensor")?;
                    }
                    let body = self.body_start(message, value, end)?;
                    self.message(inner, body, at, depth + 1, graphs)?;
                }
                Kind::Refused(what) => {
                    return Err(CheckError::NotCarried {
                        message: message.name(),
                        what,
                        offset: start,
                    });
                }
                Kind::External => return Err(external(tensor_name, start)),
                Kind::Location if self.file[value..at] != [0] => {
                    return Err(external(tensor_name, start));
                }
                Kind::Name => {
                    let name = self.name(message, value, at)?;
                    if message == Message::Tensor {
                        tensor_name = name;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Counts a message and holds nesting to its limits.
    fn enter(&mut self, message: Message, depth: usize, graphs: usize) -> Result<(), CheckError> {
        let limits = self.limits;
        count(&mut self.messages, limits.max_messages, "messages")?;
        match message {
            Message::Node => count(&mut self.nodes, limits.max_nodes, "nodes")?,
            Message::Tensor => count(&mut self.tensors, limits.max_tensors, "tensors")?,
            Message::Attribute => {
                count(&mut self.attributes, limits.max_attributes, "attributes")?;
            }
            _ => {}
        }
        let subgraphs = graphs.saturating_sub(1);
        if subgraphs > limits.max_subgraph_depth {
            return Err(CheckError::TooDeep {
                what: "subgraphs",
                found: subgraphs,
                limit: limits.max_subgraph_depth,
            });
        }
        if depth > MAX_MESSAGE_DEPTH {
            return Err(CheckError::TooDeep {
                what: "messages",
                found: depth,
                limit: MAX_MESSAGE_DEPTH,
            });
        }
        Ok(())
    }

    /// Reads a field's number and wire type.
    fn key(
        &mut self,
        message: Message,
        at: &mut usize,
        end: usize,
    ) -> Result<(u32, u8), CheckError> {
        let start = *at;
        let key = self.varint(message, at, end)?;
        match u32::try_from(key) {
            Ok(key) if key >> 3 != 0 => Ok((key >> 3, (key & 7) as u8)),
            _ => Err(self.malformed(message, start, "a field key is 1 to 2^29 - 1")),
        }
    }

    /// Moves past one field's value, held to the wire type of its kind.
    fn field(
        &mut self,
        message: Message,
        kind: Kind,
        wire: u8,
        at: &mut usize,
        end: usize,
    ) -> Result<(), CheckError> {
        let start = *at;
        match (kind, wire) {
            (Kind::Varint | Kind::Varints | Kind::Location, 0) => {
                self.scalar()?;
                self.varint(message, at, end)?;
            }
            (Kind::Words(4), 5) => {
                self.scalar()?;
                self.skip(message, at, end, 4)?;
            }
            (Kind::Words(8), 1) => {
                self.scalar()?;
                self.skip(message, at, end, 8)?;
            }
            (Kind::Varints | Kind::Words(_), 2) => self.packed(message, kind, at, end)?,
            (Kind::Bytes | Kind::Name | Kind::Sub(_) | Kind::External, 2) => {
                count(
                    &mut self.texts,
                    self.limits.max_texts,
                    "entries with a length",
                )?;
                let length = self.varint(message, at, end)?;
                self.skip(message, at, end, length)?;
            }
            (Kind::Refused(_), _) => {}
            _ => {
                return Err(self.malformed(
                    message,
                    start,
                    "a field has the wire type that onnx.proto gives it",
                ));
            }
        }
        Ok(())
    }

    /// Moves past packed numbers: varints are counted one by one, as each may
    /// grow eightfold; words take in memory what they take here.
    fn packed(
        &mut self,
        message: Message,
        kind: Kind,
        at: &mut usize,
        end: usize,
    ) -> Result<(), CheckError> {
        let start = *at;
        let length = self.varint(message, at, end)?;
        let mut element = *at;
        self.skip(message, at, end, length)?;
        if let Kind::Words(bytes) = kind {
            if length % bytes as u64 != 0 {
                let rule = "packed floats fill a whole number of elements";
                return Err(self.malformed(message, start, rule));
            }
            return Ok(());
        }
        while element < *at {
            self.scalar()?;
            self.varint(message, &mut element, *at)?;
        }
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), CheckError> {
        count(
            &mut self.scalars,
            self.limits.max_scalars,
            "numbers outside raw data",
        )
    }

    /// The name between a length prefix at `at` and `end`.
    fn name(&self, message: Message, at: usize, end: usize) -> Result<&'a [u8], CheckError> {
        let file: &'a [u8] = self.file;
        let name = &file[self.body_start(message, at, end)?..end];
        if name.len() > MAX_NAME_BYTES {
            return Err(CheckError::TooMany {
                what: "bytes in one name",
                found: name.len(),
                limit: MAX_NAME_BYTES,
            });
        }
        if name.iter().any(u8::is_ascii_control) {
            return Err(self.malformed(message, at, "a name has no control characters"));
        }
        Ok(name)
    }

    /// Byte at which the body after a length prefix at `at` begins.
    fn body_start(&self, message: Message, at: usize, end: usize) -> Result<usize, CheckError> {
        let mut body = at;
        self.varint(message, &mut body, end)?;
        Ok(body)
    }

    fn varint(&self, message: Message, at: &mut usize, end: usize) -> Result<u64, CheckError> {
        let start = *at;
        let mut value = 0u64;
        for (i, &byte) in self.file[start..end].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                *at = start + i + 1;
                return Ok(value);
            }
        }
        let rule = if end - start < 10 {
            "a number ends before its message does"
        } else {
            "a number has at most 10 bytes"
        };
        Err(self.malformed(message, start, rule))
    }

    fn skip(
        &self,
        message: Message,
        at: &mut usize,
        end: usize,
        length: u64,
    ) -> Result<(), CheckError> {
        let available = end - *at;
        match usize::try_from(length) {
            Ok(length) if length <= available => {
                *at += length;
                Ok(())
            }
            _ => Err(CheckError::Truncated {
                message: message.name(),
                offset: *at,
                declared: length,
                available,
            }),
        }
    }

    fn malformed(&self, message: Message, offset: usize, rule: &'static str) -> CheckError {
        CheckError::Malformed {
            message: message.name(),
            offset,
            rule,
        }
    }
}

fn external(name: &[u8], offset: usize) -> CheckError {
    CheckError::ExternalData {
        tensor: String::from_utf8_lossy(name).into_owned(),
        offset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message that a type of `proto.rs` decodes, or a field of which it is.
    fn message_of(name: &str) -> Message {
        match name {
            "ModelProto" => Message::Model,
            "OperatorSetIdProto" => Message::Opset,
            "StringStringEntryProto" => Message::Entry,
            "GraphProto" => Message::Graph,
            "NodeProto" => Message::Node,
            "AttributeProto" => Message::Attribute,
            "TensorProto" => Message::Tensor,
            "ValueInfoProto" => Message::ValueInfo,
            "TypeProto" | "TypeValue" => Message::Type,
            "TensorTypeProto" => Message::TensorType,
            "ElementTypeProto" => Message::ElementType,
            "MapTypeProto" => Message::MapType,
            "TensorShapeProto" => Message::Shape,
            "DimensionProto" | "DimensionValue" => Message::Dimension,
            other => panic!("{other} is decoded, but the walk knows no such message"),
        }
    }

    #[test]
    fn every_field_that_is_decoded_is_known_to_the_walk_and_carried() {
        let (mut name, mut fields) = ("", 0);
        for line in include_str!("proto.rs").lines() {
            let begins = ["pub struct ", "pub enum "];
            if let Some(rest) = begins.iter().find_map(|begin| line.strip_prefix(begin)) {
                name = rest.split([' ', '<']).next().unwrap_or_default();
            }
            let Some((_, tag)) = line.split_once(" tag = \"") else {
                continue;
            };
            let number = tag.split('"').next().and_then(|number| number.parse().ok());
            let number = number.expect("a tag is a number");
            let kind = message_of(name).field(number);
            let is_carried = kind.is_some_and(|kind| !matches!(kind, Kind::Refused(_)));
            assert!(is_carried, "field {number} of {name}");
            fields += 1;
        }
        assert!(fields >= 60, "{fields} fields of proto.rs were found");
    }
}
