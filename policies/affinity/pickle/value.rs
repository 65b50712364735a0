//! What a pickle of numbers puts on its stack.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A name that a pickle may use, and all that it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `_codecs.encode`: text to bytes, of which only `latin1` is known.
    Encode,
    /// `numpy.dtype`.
    Dtype,
    /// numpy's `scalar`: a dtype and its bytes to a number.
    Scalar,
    /// numpy's `_reconstruct`: an empty array, to be built.
    Reconstruct,
    /// `numpy.ndarray`, which is only handed to `_reconstruct`.
    Ndarray,
    /// `collections.OrderedDict`.
    OrderedDict,
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Global> {
        let is_multiarray = matches!(module, "numpy.core.multiarray" | "numpy._core.multiarray");
        match (module, name) {
            ("_codecs", "encode") => Some(Global::Encode),
            ("numpy", "dtype") => Some(Global::Dtype),
            ("numpy", "ndarray") => Some(Global::Ndarray),
            ("collections", "OrderedDict") => Some(Global::OrderedDict),
            (_, "scalar") if is_multiarray => Some(Global::Scalar),
            (_, "_reconstruct") if is_multiarray => Some(Global::Reconstruct),
            _ => None,
        }
    }
}

/// A number's type: how many bytes, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dtype {
    /// 4 or 8.
    pub(super) bytes: usize,
    pub(super) big_endian: bool,
}

impl Dtype {
    pub(super) fn find(code: &str) -> Option<Dtype> {
        let (big_endian, code) = match code.as_bytes().first()? {
            b'>' => (true, &code[1..]),
            b'<' | b'=' | b'|' => (false, &code[1..]),
            _ => (false, code),
        };
        let bytes = match code {
            "f8" => 8,
            "f4" => 4,
            _ => return None,
        };
        Some(Dtype { bytes, big_endian })
    }

    /// The number of these bytes, if there are as many as it needs.
    pub(super) fn number(self, bytes: &[u8]) -> Option<f64> {
        match (self.bytes, self.big_endian) {
            (8, false) => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
            (8, true) => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
            (_, false) => Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
            (_, true) => Some(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        }
    }
}

/// Names and numbers, as a dictionary under construction.
pub(super) type Numbers = Rc<RefCell<Vec<(Rc<str>, f64)>>>;

/// Something on the stack. Copies share what is still being built, as Python's
/// names of one object do.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Mark,
    None,
    Bool,
    Int(i64),
    Number(f64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    /// With how deep it is nested.
    Tuple(Rc<[Value]>, usize),
    Global(Global),
    Dtype(Rc<Cell<Dtype>>),
    /// An array of one number; unknown until it is built.
    Array(Rc<Cell<Option<f64>>>),
    Dict(Numbers),
}

impl Value {
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Value::Mark => "a mark",
            Value::None => "None",
            Value::Bool => "a truth value",
            Value::Int(_) | Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Bytes(_) => "bytes",
            Value::Tuple(..) => "a tuple",
            Value::Global(_) => "a function or class",
            Value::Dtype(_) => "a numpy dtype",
            Value::Array(_) => "a numpy array",
            Value::Dict(_) => "a dictionary",
        }
    }

    /// As the value of a name in the dictionary.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Int(number) => Some(*number as f64),
            Value::Array(number) => number.get(),
            _ => None,
        }
    }

    pub(super) fn depth(&self) -> usize {
        match self {
            Value::Tuple(_, depth) => *depth,
            _ => 0,
        }
    }
}
