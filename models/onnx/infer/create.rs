//! Rules of what makes tensors of constants, sizes and chance.

use super::super::elem;
use super::step::{Made, NO_CONSTANT, Step, length, lump, one, surest, wanted};
use super::{Fact, Number, Sure, content, stored};

pub(super) fn constant(step: &Step<'_>) -> Made {
    if let Some(tensor) = step.tensor("value") {
        return one(stored(tensor));
    }
    let exact = |value: f64| {
        let sure = Sure::Exact;
        Some(Number { value, sure })
    };
    for attribute in &step.node.attribute {
        let scalar = |dtype, value: Option<f64>| {
            let numbers = value.map(|value| vec![exact(value)]);
            Fact::of(dtype, Vec::new()).with_numbers(numbers)
        };
        let list =
            |dtype, values: Vec<f64>| Fact::list(dtype, values.into_iter().map(exact).collect());
        let fact = match attribute.name() {
            "value_int" => scalar(elem::I64, attribute.i.map(|i| i as f64)),
            "value_float" => scalar(elem::F32, attribute.f.map(f64::from)),
            "value_ints" => list(
                elem::I64,
                attribute.ints.iter().map(|&i| i as f64).collect(),
            ),
            "value_floats" => list(
                elem::F32,
                attribute.floats.iter().map(|&f| f64::from(f)).collect(),
            ),
            "value_string" => Fact::of(elem::STRING, Vec::new()),
            "value_strings" => Fact::lump(elem::STRING, attribute.strings.len() as u64),
            _ => continue,
        };
        return one(fact);
    }
    Err("a result, as it has no value".to_owned())
}

pub(super) fn shape(step: &Step<'_>) -> Made {
    let Some(shape) = &step.want(0)?.shape else {
        return lump(elem::I64, 16);
    };
    let rank = shape.len();
    let at = |name: &str, default: usize| {
        let rank = i64::try_from(rank).unwrap_or(i64::MAX);
        step.int(name).map_or(default, |place| {
            let place = if place < 0 {
                place.saturating_add(rank)
            } else {
                place
            };
            usize::try_from(place.clamp(0, rank)).unwrap_or(default)
        })
    };
    let (start, end) = (at("start", 0), at("end", rank));
    let part = shape.get(start..end).unwrap_or_default();
    one(Fact::list(elem::I64, content::of_shape(part)))
}

pub(super) fn size(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let sure = fact.shape.as_deref().map_or(Sure::AtMost, surest);
    let number = Number {
        value: fact.elements as f64,
        sure,
    };
    one(Fact::of(elem::I64, Vec::new()).with_numbers(Some(vec![Some(number)])))
}

pub(super) fn constant_of_shape(step: &Step<'_>) -> Made {
    let value = step.tensor("value");
    let dtype = value.map_or(elem::F32, |value| value.data_type());
    let fact = Fact::of(dtype, wanted(step, 0)?);
    let number = match value {
        Some(value) => stored(value)
            .numbers
            .and_then(|numbers| numbers.first().copied().flatten()),
        None => Some(Number {
            value: 0.0,
            sure: Sure::Exact,
        }),
    };
    let count = usize::try_from(fact.elements).unwrap_or(usize::MAX);
    let certain = fact
        .shape
        .as_deref()
        .is_some_and(|shape| surest(shape) != Sure::AtMost);
    let small = certain && count <= super::MAX_NUMBERS;
    one(match small {
        true => fact.with_numbers(Some(vec![number; count])),
        false => fact,
    })
}

pub(super) fn random(step: &Step<'_>) -> Made {
    let shape = step.ints("shape").unwrap_or_default();
    let shape = shape.iter().map(|&axis| length(axis as f64, Sure::Exact));
    let dtype = step.int("dtype").and_then(|code| i32::try_from(code).ok());
    one(Fact::of(dtype.unwrap_or(elem::F32), shape.collect()))
}

/// Like the first input, of the type that an attribute names.
pub(super) fn like(step: &Step<'_>, default: i32) -> Made {
    let dtype = step.int("dtype").and_then(|code| i32::try_from(code).ok());
    one(step.want(0)?.typed(dtype.unwrap_or(default)))
}

pub(super) fn multinomial(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = length(step.int("sample_size").unwrap_or(1) as f64, Sure::Exact);
    }
    let dtype = step.int("dtype").and_then(|code| i32::try_from(code).ok());
    one(Fact::of(dtype.unwrap_or(elem::I32), shape))
}

pub(super) fn range(step: &Step<'_>) -> Made {
    let number = |index: usize| step.number(index).ok_or(NO_CONSTANT);
    let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
    if start.sure == Sure::AtMost || delta.sure == Sure::AtMost || delta.value == 0.0 {
        return Err(NO_CONSTANT.to_owned());
    }
    let sure = start.sure.max(limit.sure).max(delta.sure);
    let count = length(((limit.value - start.value) / delta.value).ceil(), sure);
    let fact = Fact::of(step.dtype(0), vec![count]);
    if sure == Sure::AtMost || count.value > super::MAX_NUMBERS as u64 {
        return one(fact);
    }
    let at = |place: u64| {
        let value = start.value + delta.value * place as f64;
        Some(Number { value, sure })
    };
    one(fact.with_numbers(Some((0..count.value).map(at).collect())))
}

pub(super) fn scalar(dtype: i32) -> Made {
    one(Fact::of(dtype, Vec::new()))
}
