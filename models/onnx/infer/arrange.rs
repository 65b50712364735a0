//! Rules of what lays the elements of tensors out anew.

use super::step::{Made, NO_CONSTANT, Step, axis, length, length_of, lump, one, surest, wanted};
use super::{Fact, Length, Number, Sure, product};

pub(super) fn reshape(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let (dtype, elements) = (fact.dtype, fact.elements);
    let own = step.ints("shape").filter(|shape| !shape.is_empty());
    let target: Vec<Option<Number>> = match (own, step.input(1)) {
        (Some(shape), _) => {
            let number = |&value: &i64| {
                Some(Number {
                    value: value as f64,
                    sure: Sure::Exact,
                })
            };
            shape.iter().map(number).collect()
        }
        (None, Some(fact)) => match (&fact.numbers, fact.shape.as_deref()) {
            (Some(numbers), _) => numbers.to_vec(),
            (None, Some([axes])) if axes.value <= 64 => vec![None; axes.value as usize],
            _ => return lump(dtype, elements),
        },
        (None, None) => return lump(dtype, elements),
    };
    let keep = !step.flag("allowzero", false);
    let mut open = None;
    let mut made: Vec<Length> = Vec::new();
    for (place, number) in target.iter().enumerate() {
        let copied = fact
            .shape
            .as_ref()
            .and_then(|shape| shape.get(place))
            .copied();
        made.push(match number {
            Some(n) if n.value == 0.0 && keep => copied.unwrap_or(Length::at_most(elements)),
            Some(n) if n.value < 0.0 => {
                open = Some(place);
                Length::exact(1)
            }
            Some(n) => length_of(*n),
            None => Length::at_most(elements),
        });
    }
    if let Some(place) = open {
        let others = product(&made).max(1);
        let sure = surest(&made).max(fact.shape.as_deref().map_or(Sure::AtMost, surest));
        // Where only bounds of the others are known, they may be 1.
        let value = match surest(&made) {
            Sure::AtMost => elements,
            _ => elements.div_ceil(others),
        };
        made[place] = Length { value, sure };
    }
    let mut made = Fact::of(dtype, made);
    if target.contains(&None) || fact.shape.is_none() || open.is_some() {
        made.elements = elements;
    }
    one(made)
}

pub(super) fn flatten(step: &Step<'_>) -> Made {
    let shape = step.shape(0)?;
    let place = step.int("axis").unwrap_or(1);
    let place = match place {
        place if place == i64::try_from(shape.len()).unwrap_or(0) => shape.len(),
        place => axis(place, shape.len()).unwrap_or(0),
    };
    let lump = |part: &[Length]| Length {
        value: product(part),
        sure: surest(part),
    };
    one(Fact::of(
        step.dtype(0),
        vec![lump(&shape[..place]), lump(&shape[place..])],
    ))
}

/// Axes from the attribute of older versions, or from an input.
fn axes(step: &Step<'_>, index: usize, rank: usize) -> Option<Vec<usize>> {
    let given = match step.ints("axes") {
        Some(axes) => axes.to_vec(),
        None => step.integers(index)?,
    };
    given.into_iter().map(|a| axis(a, rank)).collect()
}

pub(super) fn squeeze(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let Some(shape) = &fact.shape else {
        return lump(fact.dtype, fact.elements);
    };
    let stated = step.ints("axes").is_some() || step.input(1).is_some();
    let gone: Vec<usize> = match stated {
        true => match axes(step, 1, shape.len()) {
            Some(gone) => gone,
            None => return lump(fact.dtype, fact.elements),
        },
        false => (0..shape.len())
            .filter(|&axis| shape[axis].value == 1)
            .collect(),
    };
    let kept = shape
        .iter()
        .enumerate()
        .filter(|(axis, _)| !gone.contains(axis));
    let mut made = Fact::of(fact.dtype, kept.map(|(_, length)| *length).collect());
    made.elements = made.elements.min(fact.elements);
    one(made)
}

pub(super) fn unsqueeze(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let Some(shape) = &fact.shape else {
        return lump(fact.dtype, fact.elements);
    };
    let count = step.ints("axes").map(<[i64]>::len);
    let count = count.or_else(|| step.numbers(1).map(|numbers| numbers.len()));
    let rank = shape.len() + count.unwrap_or(0);
    let Some(new) = axes(step, 1, rank) else {
        return lump(fact.dtype, fact.elements);
    };
    let mut old = shape.iter();
    let mut made = Vec::new();
    for axis in 0..rank {
        match new.contains(&axis) {
            true => made.push(Length::exact(1)),
            false => made.extend(old.next().copied()),
        }
    }
    let mut made = Fact::of(fact.dtype, made);
    made.elements = fact.elements;
    one(made)
}

pub(super) fn transpose(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let Some(shape) = &fact.shape else {
        return lump(fact.dtype, fact.elements);
    };
    let made: Option<Vec<Length>> = match step.ints("perm").filter(|perm| !perm.is_empty()) {
        Some(perm) => (perm.iter())
            .map(|&a| axis(a, shape.len()).map(|axis| shape[axis]))
            .collect(),
        None => Some(shape.iter().rev().copied().collect()),
    };
    let made = made.ok_or("a result, as it names an axis that is not there")?;
    let mut made = Fact::of(fact.dtype, made);
    made.elements = made.elements.min(fact.elements);
    one(made)
}

pub(super) fn expand(step: &Step<'_>) -> Made {
    let numbers = step.sizes(1)?;
    // There -1 keeps an axis, as 1 does.
    let target = |n: Number| {
        length_of(Number {
            value: n.value.max(1.0),
            ..n
        })
    };
    let target: Vec<Length> = numbers.into_iter().map(target).collect();
    let fact = step.want(0)?;
    match &fact.shape {
        Some(shape) => one(Fact::of(
            fact.dtype,
            super::arithmetic::shapes(shape, &target),
        )),
        None => lump(fact.dtype, fact.elements.saturating_mul(product(&target))),
    }
}

pub(super) fn tile(step: &Step<'_>) -> Made {
    let repeats = wanted(step, 1)?;
    let times = |(length, times): (&Length, &Length)| Length {
        value: length.value.saturating_mul(times.value),
        sure: length.sure.max(times.sure),
    };
    let shape = step.shape(0)?.iter().zip(&repeats);
    one(Fact::of(step.dtype(0), shape.map(times).collect()))
}

/// Joins the inputs `from`, `from + stride`, … along an axis.
pub(super) fn concat(step: &Step<'_>, from: usize, stride: usize) -> Made {
    let parts = || (from..step.inputs.len()).step_by(stride);
    let elements = parts().filter_map(|index| step.input(index));
    let elements = elements.fold(0u64, |sum, fact| sum.saturating_add(fact.elements));
    let dtype = step.dtype(from);
    let mut made: Option<Vec<Length>> = None;
    for index in parts() {
        let Some(shape) = step.input(index).and_then(|fact| fact.shape.as_ref()) else {
            return lump(dtype, elements);
        };
        let place = axis(step.int("axis").unwrap_or(0), shape.len());
        let place = place.ok_or("a result, as it has no such axis")?;
        made = Some(match made {
            None => shape.clone(),
            Some(mut made) if made.len() == shape.len() => {
                for (axis, length) in made.iter_mut().enumerate() {
                    if axis == place {
                        length.value = length.value.saturating_add(shape[axis].value);
                        length.sure = length.sure.max(shape[axis].sure);
                    } else if shape[axis].sure < length.sure {
                        *length = shape[axis];
                    }
                }
                made
            }
            Some(_) => return Err("a result, as its inputs have different ranks".to_owned()),
        });
    }
    match made {
        Some(shape) => one(Fact::of(dtype, shape)),
        None => Err("a result, as it has no inputs".to_owned()),
    }
}

pub(super) fn split(step: &Step<'_>) -> Made {
    let shape = step.shape(0)?;
    let place = axis(step.int("axis").unwrap_or(0), shape.len());
    let place = place.ok_or("a result, as it has no such axis")?;
    let count = step.node.output.len();
    let own = step.ints("split").filter(|own| !own.is_empty());
    let sizes: Vec<Length> = match (own, step.input(1)) {
        (Some(own), _) => own
            .iter()
            .map(|&size| length(size as f64, Sure::Exact))
            .collect(),
        (None, Some(_)) => match step.numbers(1) {
            Some(numbers) => numbers.into_iter().map(length_of).collect(),
            None => vec![Length::at_most(shape[place].value); count],
        },
        (None, None) => {
            let (whole, parts) = (shape[place].value, count.max(1) as u64);
            let each = whole.div_ceil(parts);
            let sure = shape[place].sure;
            let part = |index: u64| Length {
                value: each.min(whole.saturating_sub(each * index)),
                sure,
            };
            (0..parts).map(part).collect()
        }
    };
    let part = |size: Length| {
        let mut shape = shape.to_vec();
        shape[place] = size;
        Fact::of(step.dtype(0), shape)
    };
    Ok(sizes.into_iter().take(count).map(part).collect())
}

pub(super) fn slice(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let Some(shape) = &fact.shape else {
        return lump(fact.dtype, fact.elements);
    };
    let list = |name: &str, index: usize| match step.ints(name).filter(|_| step.opset < 10) {
        Some(own) => Some(own.iter().map(|&value| Some(value)).collect::<Vec<_>>()),
        None => {
            let numbers = step.input(index)?.numbers.as_ref()?;
            let sure = |n: &Option<Number>| n.filter(|n| n.sure != Sure::AtMost);
            Some(
                numbers
                    .iter()
                    .map(|n| sure(n).map(|n| n.value as i64))
                    .collect(),
            )
        }
    };
    let smaller = |place: usize| Length::at_most(shape[place].value);
    let given = step.ints("axes").is_some() || step.input(3).is_some();
    let starts = list("starts", 1);
    let places: Option<Vec<usize>> = match (given, &starts) {
        (true, _) => list("axes", 3)
            .and_then(|axes| axes.into_iter().map(|a| axis(a?, shape.len())).collect()),
        (false, Some(starts)) => Some((0..starts.len().min(shape.len())).collect()),
        (false, None) => None,
    };
    let (Some(places), Some(starts), Some(ends)) = (places, starts, list("ends", 2)) else {
        return one(Fact::of(
            fact.dtype,
            (0..shape.len()).map(smaller).collect(),
        ));
    };
    let steps = match step.input(4) {
        Some(_) => list("steps", 4).unwrap_or_default(),
        None => vec![Some(1); places.len()],
    };
    let mut made = shape.clone();
    for (index, &place) in places.iter().enumerate() {
        let at = |list: &[Option<i64>]| list.get(index).copied().flatten();
        made[place] = match (at(&starts), at(&ends), at(&steps)) {
            (Some(start), Some(end), Some(step))
                if step != 0 && shape[place].sure != Sure::AtMost =>
            {
                let value = taken(shape[place].value, start, end, step);
                // What an open axis gives is open, unless the part lies within.
                length(value as f64, shape[place].sure)
            }
            _ => smaller(place),
        };
    }
    one(Fact::of(fact.dtype, made))
}

/// Number of elements of `whole` that a slice takes.
fn taken(whole: u64, start: i64, end: i64, step: i64) -> u64 {
    let whole = i128::from(whole);
    let (start, end, step) = (i128::from(start), i128::from(end), i128::from(step));
    let at = |place: i128| if place < 0 { place + whole } else { place };
    let count = if step > 0 {
        let (start, end) = (at(start).clamp(0, whole), at(end).clamp(0, whole));
        (end - start + step - 1) / step
    } else {
        let (start, end) = (at(start).clamp(-1, whole - 1), at(end).clamp(-1, whole - 1));
        (start - end - step - 1) / -step
    };
    u64::try_from(count.max(0)).unwrap_or(0)
}

pub(super) fn gather(step: &Step<'_>) -> Made {
    let (data, indices) = (step.shape(0)?, step.shape(1)?);
    let place = axis(step.int("axis").unwrap_or(0), data.len());
    let place = place.ok_or("a result, as it has no such axis")?;
    let shape = [&data[..place], indices, &data[place + 1..]].concat();
    one(Fact::of(step.dtype(0), shape))
}

pub(super) fn gather_elements(step: &Step<'_>) -> Made {
    one(step.want(1)?.typed(step.dtype(0)))
}

pub(super) fn gather_nd(step: &Step<'_>) -> Made {
    let (data, indices) = (step.shape(0)?, step.shape(1)?);
    let batch = usize::try_from(step.int("batch_dims").unwrap_or(0)).unwrap_or(0);
    let Some((depth, kept)) = indices.split_last() else {
        return Err("a result, as its indices have no axes".to_owned());
    };
    let depth = depth.fixed().and_then(|depth| usize::try_from(depth).ok());
    let depth = depth.ok_or("a result, as how deep it looks is open")?;
    let rest = data.get(batch.saturating_add(depth)..).unwrap_or_default();
    one(Fact::of(step.dtype(0), [kept, rest].concat()))
}

pub(super) fn pad(step: &Step<'_>) -> Made {
    let shape = step.shape(0)?;
    let own = step.ints("pads").filter(|_| step.opset < 11);
    let pads: Vec<Number> = match own {
        Some(own) => (own.iter())
            .map(|&value| Number {
                value: value as f64,
                sure: Sure::Exact,
            })
            .collect(),
        None => step.numbers(1).ok_or(NO_CONSTANT)?,
    };
    let places: Vec<usize> = match step.input(3) {
        Some(_) => axes(step, 3, shape.len()).ok_or(NO_CONSTANT)?,
        None => (0..shape.len()).collect(),
    };
    let mut made = shape.to_vec();
    for (index, &place) in places.iter().enumerate() {
        let (Some(begin), Some(end)) = (pads.get(index), pads.get(index + places.len())) else {
            return Err(NO_CONSTANT.to_owned());
        };
        let value = shape[place].value as f64 + begin.value + end.value;
        let sure = shape[place].sure.max(begin.sure).max(end.sure);
        made[place] = length(value, sure);
    }
    one(Fact::of(step.dtype(0), made))
}

pub(super) fn center_crop_pad(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    let target = wanted(step, 1)?;
    let places: Vec<usize> = match step.ints("axes") {
        Some(axes) => (axes.iter())
            .filter_map(|&a| axis(a, shape.len()))
            .collect(),
        None => (0..shape.len()).collect(),
    };
    for (&place, size) in places.iter().zip(target) {
        shape[place] = size;
    }
    one(Fact::of(step.dtype(0), shape))
}

/// Sequences and optionals count as all that is in them.
pub(super) fn together(step: &Step<'_>) -> Made {
    lump(step.dtype(0), step.elements())
}

/// One tensor of a sequence.
pub(super) fn inside(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    lump(fact.dtype, fact.elements)
}
