//! Rules of signals: windows, spectra, grids.

use super::super::elem;
use super::step::{Made, NO_CONSTANT, Step, axis, length, length_of, one, wanted};
use super::{Fact, Length};

/// `HannWindow` and its like, and `MelWeightMatrix`: as many numbers as asked for.
pub(super) fn window(step: &Step<'_>, asked: &[usize]) -> Made {
    let mut shape = Vec::new();
    for &index in asked {
        shape.push(length_of(step.number(index).ok_or(NO_CONSTANT)?));
    }
    let dtype = step
        .int("output_datatype")
        .and_then(|code| i32::try_from(code).ok());
    one(Fact::of(dtype.unwrap_or(elem::F32), shape))
}

pub(super) fn mel_weights(step: &Step<'_>) -> Made {
    let mut made = window(step, &[1, 0])?;
    if let Some([bins, ..]) = made[0].shape.as_deref_mut() {
        bins.value = bins.value / 2 + 1;
    }
    let shape = made[0].shape.take().unwrap_or_default();
    one(Fact::of(made[0].dtype, shape))
}

/// `AffineGrid`: places for every element of an image of the given size.
pub(super) fn affine_grid(step: &Step<'_>) -> Made {
    let size = wanted(step, 1)?;
    let [batch, _, image @ ..] = &size[..] else {
        return Err("a result, as its size has fewer than 2 axes".to_owned());
    };
    let coordinates = Length::exact(image.len() as u64);
    one(Fact::of(
        step.dtype(0),
        [&[*batch], image, &[coordinates]].concat(),
    ))
}

/// `DFT`: the transformed axis as long as asked for; two numbers each.
pub(super) fn dft(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    let place = match (step.int("axis"), step.input(2)) {
        (Some(place), _) => place,
        (None, Some(_)) => step
            .integers(2)
            .and_then(|axes| axes.first().copied())
            .ok_or(NO_CONSTANT)?,
        (None, None) => {
            if step.opset < 20 {
                1
            } else {
                -2
            }
        }
    };
    let place = axis(place, shape.len()).ok_or("a result, as it has no such axis")?;
    if step.input(1).is_some() {
        shape[place] = length_of(step.number(1).ok_or(NO_CONSTANT)?);
    }
    if step.flag("onesided", false) && !step.flag("inverse", false) {
        shape[place].value = shape[place].value / 2 + 1;
    }
    if let Some(last) = shape.last_mut() {
        *last = Length::exact(2);
    }
    one(Fact::of(step.dtype(0), shape))
}

pub(super) fn stft(step: &Step<'_>) -> Made {
    let signal = step.shape(0)?;
    let hop = step.number(1).ok_or(NO_CONSTANT)?;
    let frame = match step.input(3) {
        Some(_) => length_of(step.number(3).ok_or(NO_CONSTANT)?),
        None => *step
            .shape(2)?
            .first()
            .ok_or("a result, as its window has no axes")?,
    };
    let [batch, whole, ..] = signal else {
        return Err("a result, as its input has fewer than 2 axes".to_owned());
    };
    let count = (whole.value as f64 - frame.value as f64) / hop.value.max(1.0);
    let frames = length(
        count.floor() + 1.0,
        whole.sure.max(frame.sure).max(hop.sure),
    );
    let bins = Length {
        value: frame.value / if step.flag("onesided", true) { 2 } else { 1 } + 1,
        ..frame
    };
    one(Fact::of(
        step.dtype(0),
        vec![*batch, frames, bins, Length::exact(2)],
    ))
}
