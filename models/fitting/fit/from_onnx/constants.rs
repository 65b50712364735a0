//! Constant tensors and attributes of a graph.

use half::f16;

use concert_models::onnx::proto::{AttributeProto, NodeProto, TensorProto};

/// Most numbers of a constant that is read; weights of a readout have fewer.
const MAX_NUMBERS: usize = 16 << 20;

/// A constant tensor; of integers, both lists are filled.
#[derive(Debug, Clone, Default)]
pub(super) struct Constant {
    pub(super) dims: Vec<usize>,
    pub(super) values: Vec<f32>,
    pub(super) integers: Vec<i64>,
}

/// A tensor of f32, f16, i64 or i32, with as many numbers as its shape says, all
/// finite.
pub(super) fn constant(tensor: &TensorProto) -> Option<Constant> {
    let dims: Vec<usize> = (tensor.dims.iter())
        .map(|dim| usize::try_from(*dim).ok())
        .collect::<Option<_>>()?;
    let count = (dims.iter()).try_fold(1usize, |all, dim| all.checked_mul(*dim))?;
    if count > MAX_NUMBERS {
        return None;
    }
    let raw = tensor.raw_data.as_deref().filter(|raw| !raw.is_empty());
    let mut integers = Vec::new();
    let values: Vec<f32> = match (tensor.data_type(), raw) {
        (1, None) => tensor.float_data.clone(),
        (1, Some(raw)) => {
            let words = raw.as_chunks::<4>().0.iter();
            words.map(|word| f32::from_le_bytes(*word)).collect()
        }
        (10, None) => {
            let words = tensor.int32_data.iter();
            words
                .map(|word| f16::from_bits(*word as u16).to_f32())
                .collect()
        }
        (10, Some(raw)) => {
            let words = raw.as_chunks::<2>().0.iter();
            words
                .map(|word| f16::from_le_bytes(*word).to_f32())
                .collect()
        }
        (6 | 7, _) => {
            integers = concert_models::onnx::integers(tensor, count)?;
            integers.iter().map(|integer| *integer as f32).collect()
        }
        _ => return None,
    };
    let sound = values.len() == count && values.iter().all(|value| value.is_finite());
    sound.then_some(Constant {
        dims,
        values,
        integers,
    })
}

/// The constant of a node `Constant`.
pub(super) fn from_node(node: &NodeProto) -> Option<Constant> {
    if let Some(tensor) = attribute(node, "value").and_then(|attribute| attribute.t.as_ref()) {
        return constant(tensor);
    }
    let number = attribute(node, "value_float").and_then(|attribute| attribute.f);
    let numbers = attribute(node, "value_floats").map(|attribute| attribute.floats.clone());
    let integer = attribute(node, "value_int").and_then(|attribute| attribute.i);
    let integers = attribute(node, "value_ints").map(|attribute| attribute.ints.clone());
    let (dims, values, integers) = match (number, numbers, integer, integers) {
        (Some(number), ..) => (vec![], vec![number], vec![]),
        (_, Some(numbers), ..) => (vec![numbers.len()], numbers, vec![]),
        (.., Some(integer), _) => (vec![], vec![integer as f32], vec![integer]),
        (.., Some(integers)) => {
            let values = integers.iter().map(|integer| *integer as f32).collect();
            (vec![integers.len()], values, integers)
        }
        _ => return None,
    };
    values
        .iter()
        .all(|value| value.is_finite())
        .then_some(Constant {
            dims,
            values,
            integers,
        })
}

/// The attribute of this name.
pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    let mut all = node.attribute.iter();
    all.find(|attribute| attribute.name.as_deref() == Some(name))
}

fn text<'a>(node: &'a NodeProto, name: &str) -> Option<&'a str> {
    let bytes = attribute(node, name)?.s.as_deref()?;
    std::str::from_utf8(bytes).ok()
}

/// True where the output of a convolution has the size of its input, with zeros
/// beyond the border.
pub(super) fn is_plain_convolution(node: &NodeProto, side: usize) -> bool {
    let ones = |name: &str| attribute(node, name).is_none_or(|a| a.ints.iter().all(|x| *x == 1));
    let around = (side / 2) as i64;
    let pads = attribute(node, "pads").map_or(&[][..], |a| &a.ints[..]);
    let padded = match text(node, "auto_pad").unwrap_or("NOTSET") {
        "NOTSET" if pads.is_empty() => around == 0,
        "NOTSET" => pads.iter().all(|pad| *pad == around),
        "SAME_UPPER" | "SAME_LOWER" => true,
        "VALID" => around == 0,
        _ => false,
    };
    padded && ones("strides") && ones("dilations")
}

/// True where a `Resize` is what [`Resampling`](super::super::kernels::Resampling)
/// does.
pub(super) fn is_half_pixel_linear(node: &NodeProto) -> bool {
    let centres = text(node, "coordinate_transformation_mode").unwrap_or("half_pixel");
    let blurs = attribute(node, "antialias").and_then(|a| a.i).unwrap_or(0) != 0;
    let is_linear = text(node, "mode") == Some("linear");
    let partial = attribute(node, "axes").is_some();
    let policy = text(node, "keep_aspect_ratio_policy").unwrap_or("stretch") == "stretch";
    // The two differ for outputs of one pixel alone.
    let half = ["half_pixel", "pytorch_half_pixel"].contains(&centres);
    is_linear && half && policy && !blurs && !partial
}
