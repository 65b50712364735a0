//! Rules of what makes a tensor smaller, or picks from it.

use super::super::elem;
use super::step::{Made, Step, axis, length_of, lump, one};
use super::{Fact, Length, product};

/// `Reduce…`: axes of an attribute, or of an input from `since` on.
pub(super) fn over_axes(step: &Step<'_>, since: i64) -> Made {
    let fact = step.want(0)?;
    let axes = match step.ints("axes") {
        Some(axes) => Some(axes.to_vec()),
        None if step.opset >= since && step.input(1).is_some() => {
            let Some(axes) = step.integers(1) else {
                return lump(fact.dtype, fact.elements);
            };
            Some(axes).filter(|axes| !axes.is_empty())
        }
        None => None,
    };
    if axes.is_none() && step.flag("noop_with_empty_axes", false) {
        return one(fact.typed(fact.dtype));
    }
    let shape = step.shape(0)?;
    let gone: Vec<usize> = match axes {
        None => (0..shape.len()).collect(),
        Some(axes) => (axes.iter())
            .filter_map(|&a| axis(a, shape.len()))
            .collect(),
    };
    one(Fact::of(fact.dtype, without(step, shape, &gone)))
}

fn without(step: &Step<'_>, shape: &[Length], gone: &[usize]) -> Vec<Length> {
    let keep = step.flag("keepdims", true);
    let axes = shape.iter().enumerate();
    let kept = axes.filter_map(|(axis, length)| match gone.contains(&axis) {
        true => keep.then_some(Length::exact(1)),
        false => Some(*length),
    });
    kept.collect()
}

pub(super) fn arg(step: &Step<'_>) -> Made {
    let shape = step.shape(0)?;
    let place = axis(step.int("axis").unwrap_or(0), shape.len());
    let gone: Vec<usize> = place.into_iter().collect();
    one(Fact::of(elem::I64, without(step, shape, &gone)))
}

pub(super) fn top_k(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    let place = axis(step.int("axis").unwrap_or(-1), shape.len());
    let place = place.ok_or("a result, as it has no such axis")?;
    let own = step.int("k").and_then(|k| u64::try_from(k).ok());
    let wanted = own.map(Length::exact);
    let wanted = wanted.or_else(|| step.number(1).map(length_of));
    shape[place] = match wanted {
        Some(k) => k,
        None => Length::at_most(shape[place].value),
    };
    let made = Fact::of(step.dtype(0), shape);
    let indices = made.typed(elem::I64);
    Ok(vec![made, indices])
}

pub(super) fn non_zero(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let most = Length::at_most(fact.elements);
    match fact.rank() {
        Some(rank) => one(Fact::of(elem::I64, vec![Length::exact(rank as u64), most])),
        None => Err("a result, as the rank of input 0 is not known".to_owned()),
    }
}

pub(super) fn compress(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let Some(place) = step.int("axis") else {
        return one(Fact::of(fact.dtype, vec![Length::at_most(fact.elements)]));
    };
    let mut shape = step.shape(0)?.to_vec();
    if let Some(place) = axis(place, shape.len()) {
        shape[place] = Length::at_most(shape[place].value);
    }
    one(Fact::of(fact.dtype, shape))
}

pub(super) fn unique(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    let list = || Fact::of(elem::I64, vec![Length::at_most(fact.elements)]);
    let mut made = match step.int("axis") {
        None => vec![Fact::of(fact.dtype, vec![Length::at_most(fact.elements)])],
        Some(_) => compress(step)?,
    };
    made.extend([list(), list(), list()]);
    Ok(made)
}

/// Boxes `[batch, boxes, 4]` and scores `[batch, classes, boxes]`.
pub(super) fn non_max_suppression(step: &Step<'_>) -> Made {
    let (boxes, scores) = (step.shape(0)?, step.shape(1)?);
    let ([_, count, _], [batch, classes, _]) = (boxes, scores) else {
        return Err("a result, as boxes and scores have not 3 axes".to_owned());
    };
    let most = match step.number(2) {
        Some(most) => length_of(most).value.min(count.value),
        None => count.value,
    };
    let rows = product(&[*batch, *classes]).saturating_mul(most);
    one(Fact::of(
        elem::I64,
        vec![Length::at_most(rows), Length::exact(3)],
    ))
}

pub(super) fn one_hot(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    let depth = step
        .number(1)
        .ok_or("a result, as its depth is no constant")?;
    let place = step.int("axis").unwrap_or(-1);
    let place = axis(place, shape.len() + 1).ok_or("a result, as it has no such axis")?;
    shape.insert(place, length_of(depth));
    one(Fact::of(step.dtype(2), shape))
}

/// Classifiers and regressors of ai.onnx.ml: a row of scores per row.
pub(super) fn scores(step: &Step<'_>) -> Made {
    let listed = [
        "classlabels_ints",
        "classlabels_int64s",
        "classlabels_strings",
        "coefficients",
        "intercepts",
    ];
    let of = |name: &&str| {
        let attribute = step.attribute(name);
        attribute.map_or(0, |a| a.ints.len().max(a.floats.len()).max(a.strings.len()))
    };
    let columns = listed.iter().map(of).max().unwrap_or(0);
    let targets = ["n_targets", "targets"]
        .iter()
        .filter_map(|name| step.int(name));
    let targets = targets
        .filter_map(|n| u64::try_from(n).ok())
        .max()
        .unwrap_or(1);
    let columns = (columns as u64).max(targets).max(2);
    let rows = match step.shape(0)? {
        [] | [_] => Length::exact(1),
        [rows, ..] => *rows,
    };
    let scores = Fact::lump(elem::F32, rows.value.saturating_mul(columns));
    let labels = Fact::of(elem::I64, vec![rows]);
    Ok(match step.node.op_type().contains("Classifier") {
        true => vec![labels, scores],
        false => vec![scores],
    })
}
