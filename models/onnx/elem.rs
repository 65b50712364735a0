//! Element types by their ONNX numbers (`TensorProto.DataType`).

use super::proto::TensorProto;
use crate::tensor::DType;

/// Number of the string element type, the only one without a fixed size.
pub(super) const STRING: i32 = 8;
/// Numbers of the types that operators give of themselves.
pub(super) const F32: i32 = 1;
pub(super) const U8: i32 = 2;
pub(super) const I32: i32 = 6;
pub(super) const I64: i32 = 7;
pub(super) const BOOL: i32 = 9;

/// Numbers and names in Concert's spelling, and bits per element.
const TYPES: [(i32, &str, u64); 26] = [
    (1, "f32", 32),
    (2, "u8", 8),
    (3, "i8", 8),
    (4, "u16", 16),
    (5, "i16", 16),
    (6, "i32", 32),
    (7, "i64", 64),
    (STRING, "string", 0),
    (9, "bool", 8),
    (10, "f16", 16),
    (11, "f64", 64),
    (12, "u32", 32),
    (13, "u64", 64),
    (14, "complex64", 64),
    (15, "complex128", 128),
    (16, "bf16", 16),
    (17, "f8e4m3fn", 8),
    (18, "f8e4m3fnuz", 8),
    (19, "f8e5m2", 8),
    (20, "f8e5m2fnuz", 8),
    (21, "u4", 4),
    (22, "i4", 4),
    (23, "f4e2m1", 4),
    (24, "f8e8m0", 8),
    (25, "u2", 2),
    (26, "i2", 2),
];

/// Name of an element type, or `None` for an unknown number.
pub(super) fn name(code: i32) -> Option<&'static str> {
    TYPES.iter().find(|t| t.0 == code).map(|t| t.1)
}

/// Bits per element; 0 for strings, `None` for an unknown number.
pub(super) fn bits(code: i32) -> Option<u64> {
    TYPES.iter().find(|t| t.0 == code).map(|t| t.2)
}

/// Number of one of Concert's element types.
pub(super) fn code(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::F16 => 10,
    }
}

/// How many entries the typed field of `elements` elements has, and how many
/// this tensor has there; `None` for an unknown type.
pub(super) fn typed_entries(tensor: &TensorProto, elements: u64) -> Option<(u64, usize)> {
    Some(match tensor.data_type() {
        1 => (elements, tensor.float_data.len()),
        14 => (elements.checked_mul(2)?, tensor.float_data.len()),
        2..=6 | 9 | 10 | 16..=20 | 24 => (elements, tensor.int32_data.len()),
        21..=23 => (elements.div_ceil(2), tensor.int32_data.len()),
        25 | 26 => (elements.div_ceil(4), tensor.int32_data.len()),
        7 => (elements, tensor.int64_data.len()),
        STRING => (elements, tensor.string_data.len()),
        11 => (elements, tensor.double_data.len()),
        15 => (elements.checked_mul(2)?, tensor.double_data.len()),
        12 | 13 => (elements, tensor.uint64_data.len()),
        _ => return None,
    })
}

/// Whether it is a type of whole numbers.
pub(super) fn is_integer(code: i32) -> bool {
    matches!(code, 2..=7 | BOOL | 12 | 13 | 21 | 22 | 25 | 26)
}

/// The first values, at most `limit`, of a tensor of a common type.
pub(super) fn numbers(tensor: &TensorProto, limit: usize) -> Option<Vec<f64>> {
    fn words<const N: usize>(raw: &[u8], limit: usize, read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        let words = raw.as_chunks::<N>().0.iter().take(limit);
        words.map(|&word| read(word)).collect()
    }
    let raw = tensor.raw_data.as_deref().filter(|raw| !raw.is_empty());
    let ints = || tensor.int32_data.iter().take(limit).map(|&v| v.into());
    Some(match (tensor.data_type(), raw) {
        (F32, None) => (tensor.float_data.iter().take(limit))
            .map(|&v| v.into())
            .collect(),
        (F32, Some(raw)) => words(raw, limit, |word| f32::from_le_bytes(word).into()),
        (11, None) => tensor.double_data.iter().copied().take(limit).collect(),
        (11, Some(raw)) => words(raw, limit, f64::from_le_bytes),
        (I64, None) => (tensor.int64_data.iter().take(limit))
            .map(|&v| v as f64)
            .collect(),
        (I64, Some(raw)) => words(raw, limit, |word| i64::from_le_bytes(word) as f64),
        (I32, None) => ints().collect(),
        (I32, Some(raw)) => words(raw, limit, |word| i32::from_le_bytes(word).into()),
        (U8 | BOOL, None) => ints().collect(),
        (U8 | BOOL, Some(raw)) => words(raw, limit, |[byte]| byte.into()),
        (10, Some(raw)) => words(raw, limit, |word| half::f16::from_le_bytes(word).into()),
        _ => return None,
    })
}

/// The first values, at most `limit`, of an integer tensor (i64 or i32);
/// `None` where it is none, or its bytes are no whole numbers.
#[must_use]
pub fn integers(tensor: &TensorProto, limit: usize) -> Option<Vec<i64>> {
    let is_integer = matches!(tensor.data_type(), I64 | I32);
    let numbers = is_integer.then(|| numbers(tensor, limit)).flatten()?;
    // Sizes and places in a network are far below 2^53.
    Some(numbers.into_iter().map(|number| number as i64).collect())
}
