//! One node, as its rule sees it.

use super::super::proto::{AttributeProto, NodeProto, TensorProto};
use super::{Fact, Length, MAX_NUMBERS, Number, Sure};

/// A node and what is known of its inputs.
pub(super) struct Step<'s> {
    pub(super) node: &'s NodeProto,
    /// Version of the default operator set.
    pub(super) opset: i64,
    /// `None` for an input that is left out.
    pub(super) inputs: Vec<Option<&'s Fact>>,
}

/// Result of a rule: the outputs, or what of them has no bound.
pub(super) type Made = Result<Vec<Fact>, String>;

impl<'s> Step<'s> {
    pub(super) fn attribute(&self, name: &str) -> Option<&'s AttributeProto> {
        self.node.attribute.iter().find(|a| a.name() == name)
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).and_then(|a| a.i)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name).map_or(default, |value| value != 0)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'s [i64]> {
        self.attribute(name).map(|a| &a.ints[..])
    }

    pub(super) fn text(&self, name: &str) -> &'s str {
        let text = self.attribute(name).and_then(|a| a.s.as_deref());
        std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&'s TensorProto> {
        self.attribute(name).and_then(|a| a.t.as_ref())
    }

    pub(super) fn input(&self, index: usize) -> Option<&'s Fact> {
        self.inputs.get(index).copied().flatten()
    }

    pub(super) fn want(&self, index: usize) -> Result<&'s Fact, String> {
        self.input(index)
            .ok_or_else(|| format!("a result, as input {index} is missing"))
    }

    /// The axes of an input.
    pub(super) fn shape(&self, index: usize) -> Result<&'s [Length], String> {
        let shape = self.want(index)?.shape.as_deref();
        shape.ok_or_else(|| format!("a result, as the rank of input {index} is not known"))
    }

    /// All numbers of a small input.
    pub(super) fn numbers(&self, index: usize) -> Option<Vec<Number>> {
        let numbers = self.input(index)?.numbers.as_ref()?;
        numbers.iter().copied().collect()
    }

    /// Numbers that sizes are made of.
    pub(super) fn sizes(&self, index: usize) -> Result<Vec<Number>, String> {
        if let Some([axes]) = self.input(index).and_then(|fact| fact.shape.as_deref())
            && axes.value > MAX_NUMBERS as u64
        {
            return Err(format!("a result of {} axes", axes.value));
        }
        let numbers = self.numbers(index);
        numbers.ok_or_else(|| "a result, as its sizes are no constants".to_owned())
    }

    /// The one number of an input.
    pub(super) fn number(&self, index: usize) -> Option<Number> {
        self.numbers(index)?.first().copied()
    }

    /// As [`numbers`](Self::numbers), as integers of which all are sure.
    pub(super) fn integers(&self, index: usize) -> Option<Vec<i64>> {
        let numbers = self.numbers(index)?;
        let integer = |n: Number| (n.sure != Sure::AtMost).then_some(n.value as i64);
        numbers.into_iter().map(integer).collect()
    }

    pub(super) fn dtype(&self, index: usize) -> i32 {
        self.input(index).map_or(0, |fact| fact.dtype)
    }

    /// Elements of all inputs together.
    pub(super) fn elements(&self) -> u64 {
        let inputs = self.inputs.iter().flatten();
        inputs.fold(1, |sum, fact| sum.saturating_add(fact.elements))
    }

    /// Tells whether its result differs from run to run, so that nothing folds it.
    pub(super) fn is_random(&self) -> bool {
        self.node.op_type().starts_with("Random") || self.node.op_type() == "Multinomial"
    }
}

/// Place of an axis that may count from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let signed = i64::try_from(rank).ok()?;
    let axis = if axis < 0 {
        axis.checked_add(signed)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// A length computed from others: never negative, and never 0 for what only an
/// open axis makes so.
pub(super) fn length(value: f64, sure: Sure) -> Length {
    let least = if sure == Sure::Exact { 0.0 } else { 1.0 };
    // The conversion saturates; NaN becomes 0.
    let value = value.max(least) as u64;
    Length { value, sure }
}

/// As a length, from a number.
pub(super) fn length_of(number: Number) -> Length {
    length(number.value, number.sure)
}

pub(super) fn surest(lengths: &[Length]) -> Sure {
    let sure = lengths.iter().map(|length| length.sure);
    sure.max().unwrap_or(Sure::Exact)
}

/// The last resort of a rule: a tensor of unknown shape, no larger than so.
pub(super) fn lump(dtype: i32, elements: u64) -> Made {
    Ok(vec![Fact::lump(dtype, elements)])
}

pub(super) fn one(fact: Fact) -> Made {
    Ok(vec![fact])
}

/// Said of what is made of sizes that data decides.
pub(super) const NO_CONSTANT: &str = "a result, as its sizes are no constants";

/// A shape that an input gives, each length a constant.
pub(super) fn wanted(step: &Step<'_>, index: usize) -> Result<Vec<Length>, String> {
    let numbers = step.sizes(index)?;
    Ok(numbers.into_iter().map(length_of).collect())
}
