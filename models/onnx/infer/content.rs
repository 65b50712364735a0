//! The numbers in small tensors, followed through what exporters compute shapes
//! with.

use super::step::Step;
use super::{Fact, MAX_NUMBERS, Number, Sure};
use crate::onnx::elem;

type Numbers = Vec<Option<Number>>;

/// Gives the one output of a rule its numbers, where they can be told.
pub(super) fn follow(step: &Step<'_>, made: &mut Fact) {
    if made.elements > MAX_NUMBERS as u64 || made.numbers.is_some() {
        return;
    }
    let numbers = followed(step, made);
    // An empty list counts as one element, so that it hides no other length.
    let fits = |n: &Numbers| n.is_empty() || n.len() as u64 == made.elements;
    if let Some(numbers) = numbers.filter(fits) {
        made.numbers = Some(numbers.into());
    }
}

fn followed(step: &Step<'_>, made: &Fact) -> Option<Numbers> {
    let of = |index: usize| Some(step.input(index)?.numbers.as_ref()?.to_vec());
    let flat = |index: usize| {
        step.input(index)
            .is_some_and(|fact| fact.rank().is_some_and(|rank| rank <= 1))
    };
    match step.node.op_type() {
        "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" => of(0),
        "Cast" | "CastLike" => Some(each(&of(0)?, whole(made.dtype))),
        "Concat" if (0..step.inputs.len()).all(flat) => {
            let parts = (0..step.inputs.len()).map(of);
            Some(parts.collect::<Option<Vec<_>>>()?.concat())
        }
        "Gather" if flat(0) => gathered(&of(0)?, &of(1)?),
        "Slice" if flat(0) => sliced(step, &of(0)?),
        "Expand" | "Tile" if of(0)?.len() == 1 => {
            let count = usize::try_from(made.elements).ok()?;
            Some(vec![of(0)?[0]; count])
        }
        "Neg" => Some(each(&of(0)?, |v| -v).into_iter().map(definite).collect()),
        "Abs" => Some(each(&of(0)?, f64::abs)),
        "Floor" => Some(each(&of(0)?, f64::floor)),
        "Ceil" => Some(each(&of(0)?, f64::ceil)),
        "Round" => Some(each(&of(0)?, f64::round_ties_even)),
        "Sqrt" => Some(each(&of(0)?, f64::sqrt)),
        "Relu" => Some(each(&of(0)?, |v| v.max(0.0))),
        "Reciprocal" => Some(
            each(&of(0)?, |v| 1.0 / v)
                .into_iter()
                .map(definite)
                .collect(),
        ),
        "Clip" => clipped(step, &of(0)?),
        "Not" => Some(
            each(&of(0)?, |v| f64::from(v == 0.0))
                .into_iter()
                .map(definite)
                .collect(),
        ),
        "Where" => chosen(&of(0).unwrap_or_else(|| vec![None]), &of(1)?, &of(2)?),
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" => reduced(step, &of(0)?, made),
        "Max" | "Min" | "Sum" => {
            let mut parts = (0..step.inputs.len()).map(of);
            let first = parts.next()??;
            parts.try_fold(first, |sum, part| two(step, &sum, &part?))
        }
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "And" | "Or" | "Equal" | "Greater"
        | "GreaterOrEqual" | "Less" | "LessOrEqual" => two(step, &of(0)?, &of(1)?),
        _ => None,
    }
}

/// What only a bound is known of cannot be turned around: then nothing is known.
fn definite(number: Option<Number>) -> Option<Number> {
    number.filter(|number| number.sure != Sure::AtMost)
}

fn each(numbers: &[Option<Number>], change: impl Fn(f64) -> f64) -> Numbers {
    let changed = |number: &Option<Number>| {
        number.map(|number| Number {
            value: change(number.value),
            ..number
        })
    };
    numbers.iter().map(changed).collect()
}

/// Integers lose what is behind the point.
fn whole(dtype: i32) -> impl Fn(f64) -> f64 {
    move |value| match dtype {
        elem::BOOL => f64::from(value != 0.0),
        dtype if elem::is_integer(dtype) => value.trunc(),
        _ => value,
    }
}

fn gathered(data: &[Option<Number>], indices: &[Option<Number>]) -> Option<Numbers> {
    let pick = |index: &Option<Number>| {
        let index = definite(*index)?.value as i64;
        let place = super::step::axis(index, data.len())?;
        data[place]
    };
    Some(indices.iter().map(pick).collect())
}

fn sliced(step: &Step<'_>, data: &[Option<Number>]) -> Option<Numbers> {
    let given = |index: usize, name: &str| {
        let own = step.ints(name).filter(|_| step.opset < 10);
        own.map(<[i64]>::to_vec).or_else(|| step.integers(index))
    };
    let length = i64::try_from(data.len()).ok()?;
    let (start, end) = (*given(1, "starts")?.first()?, *given(2, "ends")?.first()?);
    let stride = match step.input(4) {
        Some(_) => *step.integers(4)?.first()?,
        None => 1,
    };
    let at = |place: i64| {
        if place < 0 {
            place.saturating_add(length)
        } else {
            place
        }
    };
    let mut taken = Vec::new();
    if stride > 0 {
        let (mut place, end) = (at(start).clamp(0, length), at(end).clamp(0, length));
        while place < end {
            taken.push(data[usize::try_from(place).ok()?]);
            place = place.saturating_add(stride);
        }
    } else if stride < 0 {
        let (mut place, end) = (
            at(start).clamp(-1, length - 1),
            at(end).clamp(-1, length - 1),
        );
        while place > end {
            taken.push(data[usize::try_from(place).ok()?]);
            place = place.saturating_add(stride);
        }
    }
    Some(taken)
}

fn clipped(step: &Step<'_>, data: &[Option<Number>]) -> Option<Numbers> {
    let bound = |index: usize, name: &str| match step.input(index) {
        Some(_) => step.number(index).map(|number| number.value),
        None => Some(
            step.attribute(name)
                .and_then(|a| a.f)
                .map_or(f64::NAN, f64::from),
        ),
    };
    // A bound that is not there is NaN, which `max` and `min` pass over.
    let (low, high) = (bound(1, "min")?, bound(2, "max")?);
    Some(each(data, |value| value.max(low).min(high)))
}

fn chosen(
    which: &[Option<Number>],
    yes: &[Option<Number>],
    no: &[Option<Number>],
) -> Option<Numbers> {
    let count = which.len().max(yes.len()).max(no.len());
    let at = |numbers: &[Option<Number>], place: usize| match numbers.len() {
        1 => Some(numbers[0]),
        length if length == count => Some(numbers[place]),
        _ => None,
    };
    let pick = |place: usize| {
        let (which, yes, no) = (at(which, place)?, at(yes, place)?, at(no, place)?);
        Some(match definite(which) {
            Some(which) if which.value != 0.0 => yes,
            Some(_) => no,
            None => larger(yes, no),
        })
    };
    (0..count).map(pick).collect()
}

/// Data chooses one of two: no more than the larger.
fn larger(a: Option<Number>, b: Option<Number>) -> Option<Number> {
    let value = a?.value.max(b?.value);
    let sure = Sure::AtMost;
    Some(Number { value, sure })
}

fn reduced(step: &Step<'_>, data: &[Option<Number>], made: &Fact) -> Option<Numbers> {
    if made.elements != 1 {
        return None;
    }
    let all: Option<Vec<Number>> = data.iter().copied().collect();
    let all = all?;
    let values = all.iter().map(|number| number.value);
    let value = match step.node.op_type() {
        "ReduceProd" => values.product(),
        "ReduceSum" => values.sum(),
        "ReduceMax" => values.fold(f64::NEG_INFINITY, f64::max),
        _ => values.fold(f64::INFINITY, f64::min),
    };
    let sure = all.iter().map(|number| number.sure).max();
    let sure = sure.unwrap_or(Sure::Exact);
    Some(vec![Some(Number { value, sure })])
}

/// Two lists of one length, or one of them a single number.
fn two(step: &Step<'_>, a: &[Option<Number>], b: &[Option<Number>]) -> Option<Numbers> {
    let count = a.len().max(b.len());
    let at = |numbers: &[Option<Number>], place: usize| match numbers.len() {
        1 => Some(numbers[0]),
        length if length == count => Some(numbers[place]),
        _ => None,
    };
    let integer = elem::is_integer(step.dtype(0));
    let both = |place: usize| {
        let (a, b) = (at(a, place)?, at(b, place)?);
        let computed = a
            .zip(b)
            .and_then(|(a, b)| of_two(step.node.op_type(), a, b, integer));
        Some(computed)
    };
    (0..count).map(both).collect()
}

fn of_two(operator: &str, a: Number, b: Number, integer: bool) -> Option<Number> {
    let sure = a.sure.max(b.sure);
    let bounds = sure == Sure::AtMost;
    let (x, y) = (a.value, b.value);
    let told = |told: bool| (!bounds).then(|| f64::from(told));
    let value = match operator {
        "Add" | "Sum" => Some(x + y),
        "Mul" => Some(x * y),
        "Max" => Some(x.max(y)),
        "Min" => Some(x.min(y)),
        // Lengths are from 0 on: without what is taken off they are no smaller.
        "Sub" if b.sure == Sure::AtMost => Some(x),
        "Sub" => Some(x - y),
        "Div" if b.sure == Sure::AtMost => Some(x),
        "Div" if integer => (y != 0.0).then(|| (x / y).trunc()),
        "Div" => Some(x / y),
        "Mod" if bounds => Some(x.abs().max(y.abs())),
        "Mod" => (y != 0.0).then(|| x - y * (x / y).floor()),
        "Pow" if bounds => None,
        "Pow" => Some(x.powf(y)),
        "Equal" => told(x == y),
        "Greater" => told(x > y),
        "GreaterOrEqual" => told(x >= y),
        "Less" => told(x < y),
        "LessOrEqual" => told(x <= y),
        "And" => told(x != 0.0 && y != 0.0),
        "Or" => told(x != 0.0 || y != 0.0),
        _ => None,
    };
    let value = value.filter(|value| value.is_finite())?;
    Some(Number { value, sure })
}

/// A shape as the numbers that the operator `Shape` gives.
pub(super) fn of_shape(shape: &[super::Length]) -> Numbers {
    let number = |length: &super::Length| {
        Some(Number {
            value: length.value as f64,
            sure: length.sure,
        })
    };
    shape.iter().map(number).collect()
}
