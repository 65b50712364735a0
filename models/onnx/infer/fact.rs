//! Facts of a tensor: its element type, its shape and, where it is small, its
//! numbers.

use std::rc::Rc;

use crate::onnx::elem;
use crate::onnx::proto::{
    DimensionProto, DimensionValue, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    TypeValue, ValueInfoProto,
};

/// Length that an open axis counts as, where nobody says how long it is.
const OPEN: u64 = 224;
/// Elements that an input without a stated rank counts as.
const UNSTATED: u64 = 1 << 20;
/// Most numbers of a tensor that are followed.
pub(super) const MAX_NUMBERS: usize = 128;

/// Certainty of a number, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::onnx) enum Sure {
    /// It is this.
    Exact,
    /// It is this where the open axes are as long as they count.
    Nominal,
    /// It is from 0 to this; data decides.
    AtMost,
}

/// Length of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::onnx) struct Length {
    pub(in crate::onnx) value: u64,
    pub(in crate::onnx) sure: Sure,
}

/// One element of a small tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::onnx) struct Number {
    pub(in crate::onnx) value: f64,
    pub(in crate::onnx) sure: Sure,
}

/// Facts that are known of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::onnx) struct Fact {
    /// ONNX number of the element type; 0 where it is not known.
    pub(in crate::onnx) dtype: i32,
    /// Axes, outermost first; `None` where not even their number is known.
    pub(in crate::onnx) shape: Option<Vec<Length>>,
    /// Most elements that it may have.
    pub(in crate::onnx) elements: u64,
    /// All elements of a small one; `None` for those not known.
    pub(in crate::onnx) numbers: Option<Rc<[Option<Number>]>>,
    /// Made of constants alone: engines compute it while they load.
    pub(in crate::onnx) constant: bool,
}

impl Length {
    pub(in crate::onnx) fn exact(value: u64) -> Self {
        let sure = Sure::Exact;
        Self { value, sure }
    }

    pub(in crate::onnx) fn at_most(value: u64) -> Self {
        let sure = Sure::AtMost;
        Self { value, sure }
    }

    /// The length, where it is the same for all data and all open axes.
    pub(in crate::onnx) fn fixed(self) -> Option<u64> {
        (self.sure == Sure::Exact).then_some(self.value)
    }
}

/// Most elements of a shape; an empty axis must not hide others that overflow.
pub(in crate::onnx) fn product(shape: &[Length]) -> u64 {
    let lengths = shape.iter().map(|length| length.value.max(1));
    lengths.fold(1, u64::saturating_mul)
}

impl Fact {
    pub(in crate::onnx) fn of(dtype: i32, shape: Vec<Length>) -> Self {
        Self {
            dtype,
            elements: product(&shape),
            shape: Some(shape),
            numbers: None,
            constant: false,
        }
    }

    /// A fact of unknown rank.
    pub(in crate::onnx) fn lump(dtype: i32, elements: u64) -> Self {
        Self {
            dtype,
            shape: None,
            elements,
            numbers: None,
            constant: false,
        }
    }

    /// A list of numbers.
    pub(in crate::onnx) fn list(dtype: i32, numbers: Vec<Option<Number>>) -> Self {
        let length = Length::exact(numbers.len() as u64);
        Self::of(dtype, vec![length]).with_numbers(Some(numbers))
    }

    pub(in crate::onnx) fn with_numbers(mut self, numbers: Option<Vec<Option<Number>>>) -> Self {
        let numbers = numbers.filter(|numbers| numbers.len() <= MAX_NUMBERS);
        self.numbers = numbers.map(Rc::from);
        self
    }

    /// The same, of another element type, without its numbers.
    pub(in crate::onnx) fn typed(&self, dtype: i32) -> Self {
        Self {
            dtype,
            numbers: None,
            ..self.clone()
        }
    }

    pub(in crate::onnx) fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }
}

/// One of two; as large as the larger.
pub(in crate::onnx) fn either(a: &Fact, b: &Fact) -> Fact {
    let axis = |(a, b): (&Length, &Length)| match a == b {
        true => *a,
        false => Length::at_most(a.value.max(b.value)),
    };
    let shape = match (&a.shape, &b.shape) {
        (Some(a), Some(b)) if a.len() == b.len() => Some(a.iter().zip(b).map(axis).collect()),
        _ => None,
    };
    Fact {
        dtype: if a.dtype == b.dtype { a.dtype } else { 0 },
        shape,
        elements: a.elements.max(b.elements),
        numbers: a.numbers.clone().filter(|_| a.numbers == b.numbers),
        constant: false,
    }
}

/// An input, as the graph states it or as is given.
pub(in crate::onnx) fn stated(info: &ValueInfoProto, given: Option<&[usize]>) -> Fact {
    let dtype = info.tensor().map_or(0, |tensor| tensor.elem_type());
    if let Some(given) = given {
        let shape = given.iter().map(|&axis| Length::exact(axis as u64));
        return Fact::of(dtype, shape.collect());
    }
    let Some(dims) = info.dims() else {
        return Fact::lump(dtype, UNSTATED);
    };
    let shape = dims.iter().enumerate().map(|(axis, dim)| match dim.value {
        Some(DimensionValue::TensorInfo(length)) if length > 0 => {
            Length::exact(length.unsigned_abs())
        }
        _ => Length {
            value: nominal(axis),
            sure: Sure::Nominal,
        },
    });
    Fact::of(dtype, shape.collect())
}

/// Length that an open axis counts as.
fn nominal(axis: usize) -> u64 {
    if axis == 0 { 1 } else { OPEN }
}

/// A stored tensor, whose shape was checked before.
pub(in crate::onnx) fn stored(tensor: &TensorProto) -> Fact {
    let lengths = tensor.dims.iter();
    let lengths = lengths.map(|&axis| Length::exact(u64::try_from(axis).unwrap_or(0)));
    let fact = Fact::of(tensor.data_type(), lengths.collect());
    let small = fact.elements <= MAX_NUMBERS as u64;
    let numbers = small.then(|| elem::numbers(tensor, MAX_NUMBERS)).flatten();
    let exact = |value| {
        let sure = Sure::Exact;
        Some(Number { value, sure })
    };
    let numbers = numbers.map(|numbers| numbers.into_iter().map(exact).collect());
    Fact {
        constant: true,
        ..fact.with_numbers(numbers)
    }
}

/// A tensor type as the fact has it: fixed lengths, others open. `None` where the
/// element type or the rank is not known.
pub(in crate::onnx) fn type_of(fact: &Fact) -> Option<TypeProto> {
    let dim = |length: &Length| DimensionProto {
        value: (length.fixed())
            .and_then(|length| i64::try_from(length).ok())
            .map(DimensionValue::TensorInfo),
        denotation: None,
    };
    let shape = fact.shape.as_ref()?;
    let tensor = TensorTypeProto {
        elem_type: (fact.dtype != 0).then_some(fact.dtype),
        shape: Some(TensorShapeProto {
            dim: shape.iter().map(dim).collect(),
        }),
    };
    (fact.dtype != 0).then_some(TypeProto {
        value: Some(TypeValue::Tensor(tensor)),
        denotation: None,
    })
}
