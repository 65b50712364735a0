//! Rules of what is computed element by element, and of products.

use super::super::elem;
use super::step::{Made, Step, axis, lump, one};
use super::{Fact, Length, Sure, product};

/// As large as the first input, with its type.
pub(super) fn same(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    one(fact.typed(fact.dtype))
}

/// As large as the first input, with a type of its own.
pub(super) fn same_of(step: &Step<'_>, dtype: i32) -> Made {
    one(step.want(0)?.typed(dtype))
}

/// Normalisation that also gives statistics.
pub(super) fn normalised(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    Ok(vec![fact.typed(fact.dtype)])
}

/// Several inputs stretched over each other.
pub(super) fn broadcast(step: &Step<'_>, over: &[usize], dtype: i32) -> Made {
    let facts = over.iter().filter_map(|&index| step.input(index));
    one(stretched(facts, dtype))
}

/// All inputs stretched over each other.
pub(super) fn broadcast_all(step: &Step<'_>) -> Made {
    one(stretched(
        step.inputs.iter().copied().flatten(),
        step.dtype(0),
    ))
}

fn stretched<'f>(facts: impl Iterator<Item = &'f Fact>, dtype: i32) -> Fact {
    let mut made: Option<Fact> = None;
    for fact in facts {
        made = Some(match made {
            None => fact.typed(dtype),
            Some(made) => pair(&made, fact, dtype),
        });
    }
    made.unwrap_or_else(|| Fact::lump(dtype, 1))
}

fn pair(a: &Fact, b: &Fact, dtype: i32) -> Fact {
    if let (Some(x), Some(y)) = (&a.shape, &b.shape) {
        let shape = shapes(x, y);
        let mut fact = Fact::of(dtype, shape);
        if b.elements == 1 {
            fact.elements = fact.elements.min(a.elements);
        } else if a.elements == 1 {
            fact.elements = fact.elements.min(b.elements);
        }
        return fact;
    }
    match (a.elements, b.elements) {
        (_, 1) => a.typed(dtype),
        (1, _) => b.typed(dtype),
        (a, b) => Fact::lump(dtype, a.saturating_mul(b)),
    }
}

/// Two shapes, stretched over each other.
pub(super) fn shapes(a: &[Length], b: &[Length]) -> Vec<Length> {
    let rank = a.len().max(b.len());
    let at = |shape: &[Length], axis: usize| {
        let place = (axis + shape.len()).checked_sub(rank);
        place.map_or(Length::exact(1), |place| shape[place])
    };
    (0..rank)
        .map(|axis| lengths(at(a, axis), at(b, axis)))
        .collect()
}

fn lengths(a: Length, b: Length) -> Length {
    match (a.fixed(), b.fixed()) {
        (Some(1), _) => b,
        (_, Some(1)) => a,
        (Some(_), None) => a,
        (None, Some(_)) => b,
        _ => Length {
            value: a.value.max(b.value),
            sure: a.sure.max(b.sure),
        },
    }
}

/// `MatMul` and its like, of inputs `a` and `b`, turned where asked.
pub(super) fn product_of(step: &Step<'_>, a: usize, b: usize, dtype: i32) -> Made {
    let turned = |shape: &[Length], turn: bool| {
        let mut shape = shape.to_vec();
        let rank = shape.len();
        if turn && rank >= 2 {
            shape.swap(rank - 1, rank - 2);
        }
        shape
    };
    let turn = |name: &str| step.flag(name, false);
    let x = turned(step.shape(a)?, turn("transA"));
    let y = turned(step.shape(b)?, turn("transB"));
    let (Some((&columns, _)), Some(_)) = (y.split_last(), x.split_last()) else {
        return Err("a result, as an input has no axes".to_owned());
    };
    let mut shape = shapes(
        &x[..x.len().saturating_sub(2)],
        &y[..y.len().saturating_sub(2)],
    );
    if x.len() >= 2 {
        shape.push(x[x.len() - 2]);
    }
    if y.len() >= 2 {
        shape.push(columns);
    }
    one(Fact::of(dtype, shape))
}

/// `MatMulNBits`: the second input is packed, its shape stands in attributes.
pub(super) fn packed_product(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    let columns = step.int("N").and_then(|n| u64::try_from(n).ok());
    let columns = columns.ok_or("a result, as N is missing")?;
    if let Some(last) = shape.last_mut() {
        *last = Length::exact(columns);
    }
    one(Fact::of(step.dtype(0), shape))
}

/// `Einsum`: every letter is a length.
pub(super) fn einsum(step: &Step<'_>) -> Made {
    let equation: String = (step.text("equation").chars())
        .filter(|c| !c.is_whitespace())
        .collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs.to_owned(), Some(output.to_owned())),
        None => (equation, None),
    };
    let mut known: Vec<(char, Length)> = Vec::new();
    let mut others = 1u64;
    for (index, letters) in inputs.split(',').enumerate() {
        let shape = step.shape(index)?;
        let named = letters.chars().filter(|c| c.is_alphabetic()).count();
        let hidden = shape.len().saturating_sub(named);
        let dots = letters.find("...").map_or(usize::MAX, |place| place);
        let mut at = 0;
        for (place, letter) in letters.char_indices() {
            if place == dots {
                others = others.max(product(
                    &shape[at.min(shape.len())..(at + hidden).min(shape.len())],
                ));
                at += hidden;
            }
            if !letter.is_alphabetic() {
                continue;
            }
            let length = shape
                .get(at)
                .copied()
                .ok_or("a result, as its equation has more letters than axes")?;
            at += 1;
            match known.iter_mut().find(|(other, _)| *other == letter) {
                Some((_, other)) if other.value < length.value => *other = length,
                Some(_) => {}
                None => known.push((letter, length)),
            }
        }
    }
    let dtype = step.dtype(0);
    let Some(output) = output else {
        // Every letter that stands once, in some order.
        let all: Vec<Length> = known.iter().map(|(_, length)| *length).collect();
        return lump(dtype, product(&all).saturating_mul(others));
    };
    let letters = output.chars().filter(|c| c.is_alphabetic());
    let find = |letter| {
        known
            .iter()
            .find(|(other, _)| *other == letter)
            .map(|(_, length)| *length)
    };
    let shape: Option<Vec<Length>> = letters.map(find).collect();
    let shape = shape.ok_or("a result, as its equation names an unknown letter")?;
    if output.contains("...") {
        return lump(dtype, product(&shape).saturating_mul(others));
    }
    one(Fact::of(dtype, shape))
}

/// Values from tables: type by the second or third input.
pub(super) fn quantised(step: &Step<'_>) -> Made {
    let named = step
        .int("output_dtype")
        .and_then(|code| i32::try_from(code).ok());
    let dtype = match (named, step.input(2)) {
        (Some(code), _) if code != 0 => code,
        (_, Some(zero)) => zero.dtype,
        _ => elem::U8,
    };
    same_of(step, dtype)
}

pub(super) fn dequantised(step: &Step<'_>) -> Made {
    let named = step
        .int("output_dtype")
        .and_then(|code| i32::try_from(code).ok());
    let dtype = named.filter(|&code| code != 0).unwrap_or(step.dtype(1));
    same_of(step, dtype)
}

pub(super) fn quantised_dynamically(step: &Step<'_>) -> Made {
    let fact = step.want(0)?;
    Ok(vec![
        fact.typed(elem::U8),
        Fact::of(fact.dtype, Vec::new()),
        Fact::of(elem::U8, Vec::new()),
    ])
}

/// `Attention` of the default domain: queries, keys, values, and what was before.
pub(super) fn attention(step: &Step<'_>) -> Made {
    let (query, key, value) = (step.shape(0)?, step.shape(1)?, step.shape(2)?);
    let dtype = step.dtype(0);
    let count = |name: &str| {
        step.int(name)
            .and_then(|n| u64::try_from(n).ok())
            .filter(|&n| n > 0)
    };
    let past = |index: usize| match step.shape(index) {
        Ok([_, _, length, _]) => *length,
        _ => Length::exact(0),
    };
    let (before, heads) = (past(4), count("q_num_heads"));
    let sum = |a: Length, b: Length| Length {
        value: a.value.saturating_add(b.value),
        sure: a.sure.max(b.sure),
    };
    let (mut output, batch, queries, keys, heads_of_query) = match (query, key, value) {
        ([batch, heads, rows, _], [_, _, keys, _], [.., width]) if value.len() == 4 => {
            let keys = sum(*keys, before);
            (
                vec![*batch, *heads, *rows, *width],
                *batch,
                *rows,
                keys,
                heads.value,
            )
        }
        ([batch, rows, _], [_, keys, _], [_, _, width]) => {
            let heads = heads.ok_or("a result, as q_num_heads is missing")?;
            let own = count("kv_num_heads").unwrap_or(heads).max(1);
            let width = Length {
                value: (width.value / own).saturating_mul(heads),
                sure: width.sure,
            };
            (
                vec![*batch, *rows, width],
                *batch,
                *rows,
                sum(*keys, before),
                heads,
            )
        }
        _ => return Err("a result, as its inputs have neither 3 nor 4 axes".to_owned()),
    };
    let scores = Fact::of(
        dtype,
        vec![batch, Length::exact(heads_of_query), queries, keys],
    );
    let grown = |index: usize| {
        let fact = step.input(index);
        let elements = fact.map_or(0, |fact| fact.elements);
        let past = step.input(index + 3).map_or(0, |fact| fact.elements);
        Fact::lump(dtype, elements.saturating_add(past))
    };
    if let Some(first) = output.first_mut() {
        *first = batch;
    }
    Ok(vec![Fact::of(dtype, output), grown(1), grown(2), scores])
}

/// `Attention`, `QAttention` and `MultiHeadAttention` of com.microsoft. The scores
/// are kept inside, so they are held to the limit as an output is.
pub(super) fn fused_attention(step: &Step<'_>) -> Made {
    let dtype = if step.node.op_type() == "QAttention" {
        step.dtype(3)
    } else {
        step.dtype(0)
    };
    let [batch, rows, width] = *step.shape(0)? else {
        return Err("a result, as its first input has not 3 axes".to_owned());
    };
    let heads = step
        .int("num_heads")
        .and_then(|n| u64::try_from(n).ok())
        .filter(|&n| n > 0);
    let heads = Length::exact(heads.ok_or("a result, as num_heads is missing")?);
    let separate = step.node.op_type() == "MultiHeadAttention";
    let (keys, wide) = match (
        separate,
        step.input(2).and_then(|fact| fact.shape.as_deref()),
    ) {
        (true, Some([_, keys, wide])) => (*keys, *wide),
        (true, Some([_, heads, keys, size])) => {
            let value = heads.value.saturating_mul(size.value);
            (
                *keys,
                Length {
                    value,
                    sure: Sure::AtMost,
                },
            )
        }
        (true, _) => (rows, width),
        (false, _) => {
            let [_, all] = *step.shape(1)? else {
                return Err("a result, as its weights have not 2 axes".to_owned());
            };
            let third = Length {
                value: all.value / 3,
                sure: all.sure,
            };
            let own = step.ints("qkv_hidden_sizes").and_then(|sizes| sizes.get(2));
            let own = own.and_then(|&size| u64::try_from(size).ok());
            (rows, own.map_or(third, Length::exact))
        }
    };
    let past = step
        .inputs
        .iter()
        .skip(4)
        .flatten()
        .map(|fact| fact.elements);
    let past = past.fold(0u64, u64::saturating_add);
    let kept = product(&[batch, keys, wide])
        .saturating_mul(2)
        .saturating_add(past);
    let made = Fact::of(dtype, vec![batch, rows, wide]);
    let scores = product(&[batch, heads, rows, keys]);
    let kept = Fact::lump(dtype, kept);
    Ok(vec![made, kept.clone(), kept, Fact::lump(dtype, scores)])
}

/// The middle axis (`axis`, or the last) halved.
pub(super) fn halved(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    if let Some(last) = axis(-1, shape.len()) {
        shape[last].value = shape[last].value.div_ceil(2);
    }
    one(Fact::of(step.dtype(0), shape))
}
