//! A tensor before it has memory: an element type and a fixed shape.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DType {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// Unsigned bytes (8-bit quantised representations, class maps, pixels).
    U8,
    /// Signed bytes.
    I8,
    /// 32-bit signed integers.
    I32,
    /// 64-bit signed integers (indices).
    I64,
}

impl DType {
    /// Size of one element in bytes.
    #[must_use]
    pub fn size_bytes(self) -> usize {
        match self {
            DType::U8 | DType::I8 => 1,
            DType::F16 => 2,
            DType::F32 | DType::I32 => 4,
            DType::I64 => 8,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::U8 => "u8",
            DType::I8 => "i8",
            DType::I32 => "i32",
            DType::I64 => "i64",
        })
    }
}

/// Element type and fixed shape of one tensor; row-major, innermost axis last.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorSpec {
    /// Element type.
    pub dtype: DType,
    /// Length of every axis, outermost first.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// A single-precision tensor of `shape`.
    #[must_use]
    pub fn f32(shape: &[usize]) -> Self {
        Self {
            dtype: DType::F32,
            shape: shape.to_vec(),
        }
    }

    /// Number of elements, or `None` where it does not fit `usize`.
    #[must_use]
    pub fn elements(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |n, &axis| n.checked_mul(axis))
    }

    /// Size in bytes, or `None` where it does not fit `usize`.
    #[must_use]
    pub fn size_bytes(&self) -> Option<usize> {
        self.elements()?.checked_mul(self.dtype.size_bytes())
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.shape)
    }
}
