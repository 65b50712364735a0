//! Rules of layers that slide over an image, and of those that go along a sequence.

use super::super::elem;
use super::step::{Made, Step, length, one, surest};
use super::{Fact, Length, product};

/// Where the image's axes lie: after batch and channels, or between them.
fn last_channel(step: &Step<'_>) -> bool {
    step.flag("channels_last", false)
        || matches!(
            step.node.op_type(),
            "NhwcMaxPool" | "NhwcFusedConv" | "NhwcConv"
        )
}

/// An image with its channels in second place, and whether they came last.
fn image(step: &Step<'_>, index: usize) -> Result<(Vec<Length>, bool), String> {
    let mut shape = step.shape(index)?.to_vec();
    if shape.len() < 2 {
        return Err(format!("a result, as input {index} has fewer than 2 axes"));
    }
    let last = last_channel(step);
    if last && let Some(channels) = shape.pop() {
        shape.insert(1, channels);
    }
    Ok((shape, last))
}

fn laid_out(mut shape: Vec<Length>, last: bool, dtype: i32) -> Fact {
    if last {
        let channels = shape.remove(1);
        shape.push(channels);
    }
    Fact::of(dtype, shape)
}

/// Attributes of a window that slides: one number per axis of the image.
struct Window {
    kernel: Vec<Length>,
    strides: Vec<f64>,
    dilations: Vec<f64>,
    begin: Vec<f64>,
    end: Vec<f64>,
    auto: String,
    ceil: bool,
}

impl Window {
    fn of(step: &Step<'_>, kernel: Vec<Length>) -> Self {
        let axes = kernel.len();
        let list = |name: &str, default: i64, from: usize| -> Vec<f64> {
            let given = step.ints(name).unwrap_or_default();
            let at = |axis: usize| given.get(from + axis).copied().unwrap_or(default) as f64;
            (0..axes).map(at).collect()
        };
        Self {
            strides: list("strides", 1, 0),
            dilations: list("dilations", 1, 0),
            begin: list("pads", 0, 0),
            end: list("pads", 0, axes),
            auto: step.text("auto_pad").to_owned(),
            ceil: step.flag("ceil_mode", false),
            kernel,
        }
    }

    fn slid(&self, axis: usize, over: Length) -> Length {
        let (input, stride) = (over.value as f64, self.strides[axis].max(1.0));
        let sure = over.sure.max(self.kernel[axis].sure);
        if self.auto.starts_with("SAME") {
            return length((input / stride).ceil(), sure);
        }
        let pads = match self.auto.as_str() {
            "VALID" => 0.0,
            _ => self.begin[axis] + self.end[axis],
        };
        let reach = self.dilations[axis] * (self.kernel[axis].value as f64 - 1.0) + 1.0;
        let steps = (input + pads - reach) / stride;
        let mut steps = if self.ceil {
            steps.ceil()
        } else {
            steps.floor()
        };
        // A last window that begins on the padding behind the image is left out.
        if self.ceil && steps * stride >= input + self.begin[axis] {
            steps -= 1.0;
        }
        length(steps + 1.0, sure)
    }

    fn spread(&self, axis: usize, over: Length, more: f64) -> Length {
        let (input, stride) = (over.value as f64, self.strides[axis].max(1.0));
        let sure = over.sure.max(self.kernel[axis].sure);
        if self.auto.starts_with("SAME") {
            return length(input * stride, sure);
        }
        let reach = self.dilations[axis] * (self.kernel[axis].value as f64 - 1.0) + 1.0;
        let pads = self.begin[axis] + self.end[axis];
        length(stride * (input - 1.0) + more + reach - pads, sure)
    }
}

/// The kernel: an attribute, or the last axes of the weights.
fn kernel(step: &Step<'_>, weights: Option<&[Length]>, axes: usize) -> Result<Vec<Length>, String> {
    let given = step.ints("kernel_shape").filter(|given| !given.is_empty());
    let kernel: Vec<Length> = match (given, weights) {
        (_, Some(weights)) if weights.len() >= 2 => weights[2..].to_vec(),
        (Some(given), _) => given
            .iter()
            .map(|&k| length(k as f64, super::Sure::Exact))
            .collect(),
        _ => return Err("a result, as its kernel has no size".to_owned()),
    };
    match kernel.len() == axes {
        true => Ok(kernel),
        false => Err(format!(
            "a result, as its kernel has {} axes and its input {axes}",
            kernel.len()
        )),
    }
}

/// A convolution of input 0 with the weights of input `weights`.
pub(super) fn conv(step: &Step<'_>, weights: usize, dtype: i32) -> Made {
    let (mut shape, last) = image(step, 0)?;
    let mut weights = step.shape(weights)?.to_vec();
    if step.node.op_type() == "NhwcFusedConv"
        && weights.len() > 2
        && step.flag("weights_channels_last", false)
    {
        let channels = weights.pop();
        weights.insert(1, channels.unwrap_or(Length::exact(1)));
    }
    let window = Window::of(step, kernel(step, Some(&weights[..]), shape.len() - 2)?);
    shape[1] = weights[0];
    for axis in 0..shape.len() - 2 {
        shape[axis + 2] = window.slid(axis, shape[axis + 2]);
    }
    one(laid_out(shape, last, dtype))
}

pub(super) fn conv_transpose(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    let weights = step.shape(1)?;
    if shape.len() < 2 || weights.len() < 2 {
        return Err("a result, as an input has fewer than 2 axes".to_owned());
    }
    let window = Window::of(step, kernel(step, Some(weights), shape.len() - 2)?);
    let groups = step.int("group").unwrap_or(1).max(1).unsigned_abs();
    shape[1] = Length {
        value: weights[1].value.saturating_mul(groups),
        ..weights[1]
    };
    let axes = shape.len() - 2;
    let stated = step
        .ints("output_shape")
        .filter(|sizes| sizes.len() >= axes);
    let more = step.ints("output_padding").unwrap_or_default();
    for axis in 0..axes {
        shape[axis + 2] = match stated {
            Some(sizes) => length(sizes[sizes.len() - axes + axis] as f64, super::Sure::Exact),
            None => window.spread(
                axis,
                shape[axis + 2],
                more.get(axis).copied().unwrap_or(0) as f64,
            ),
        };
    }
    one(Fact::of(step.dtype(0), shape))
}

pub(super) fn pool(step: &Step<'_>) -> Made {
    let (mut shape, last) = image(step, 0)?;
    let window = Window::of(step, kernel(step, None, shape.len() - 2)?);
    for axis in 0..shape.len() - 2 {
        shape[axis + 2] = window.slid(axis, shape[axis + 2]);
    }
    let made = laid_out(shape, last, step.dtype(0));
    let indices = made.typed(elem::I64);
    Ok(vec![made, indices])
}

pub(super) fn global_pool(step: &Step<'_>) -> Made {
    let (mut shape, last) = image(step, 0)?;
    shape[2..].fill(Length::exact(1));
    one(laid_out(shape, last, step.dtype(0)))
}

pub(super) fn max_unpool(step: &Step<'_>) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    if let Some(sizes) = step.numbers(2) {
        let sizes = sizes.into_iter().map(super::step::length_of);
        return one(Fact::of(step.dtype(0), sizes.collect()));
    }
    if step.input(2).is_some() || shape.len() < 2 {
        return Err("a result, as its output_shape is no constant".to_owned());
    }
    let window = Window::of(step, kernel(step, None, shape.len() - 2)?);
    for axis in 0..shape.len() - 2 {
        shape[axis + 2] = window.spread(axis, shape[axis + 2], 0.0);
    }
    one(Fact::of(step.dtype(0), shape))
}

/// `RoiAlign` and `MaxRoiPool`: one small image per region.
pub(super) fn regions(step: &Step<'_>) -> Made {
    let (image, rois) = (step.shape(0)?, step.shape(1)?);
    let ([_, channels, _, _], [count, _]) = (image, rois) else {
        return Err("a result, as its inputs have not 4 and 2 axes".to_owned());
    };
    let size = |name: &str, place: usize| {
        let list = step
            .ints("pooled_shape")
            .and_then(|sizes| sizes.get(place).copied());
        let size = list.or_else(|| step.int(name)).unwrap_or(1);
        length(size as f64, super::Sure::Exact)
    };
    let shape = vec![
        *count,
        *channels,
        size("output_height", 0),
        size("output_width", 1),
    ];
    one(Fact::of(step.dtype(0), shape))
}

/// `GridSample`: the image's channels at the places of a grid.
pub(super) fn grid_sample(step: &Step<'_>) -> Made {
    let (image, grid) = (step.shape(0)?, step.shape(1)?);
    if image.len() < 3 || grid.len() != image.len() {
        return Err("a result, as image and grid have not the same axes".to_owned());
    }
    let mut shape = image[..2].to_vec();
    shape.extend(&grid[1..grid.len() - 1]);
    one(Fact::of(step.dtype(0), shape))
}

pub(super) fn col2im(step: &Step<'_>) -> Made {
    let shape = step.shape(0)?;
    let numbers = |index: usize| {
        step.numbers(index)
            .ok_or("a result, as its sizes are no constants")
    };
    let (image, block) = (numbers(1)?, numbers(2)?);
    let image: Vec<Length> = image.into_iter().map(super::step::length_of).collect();
    let block: Vec<Length> = block.into_iter().map(super::step::length_of).collect();
    let [batch, channels, _] = shape else {
        return Err("a result, as its input has not 3 axes".to_owned());
    };
    let channels = Length {
        value: channels.value / product(&block).max(1),
        sure: channels.sure.max(surest(&block)),
    };
    one(Fact::of(
        step.dtype(0),
        [vec![*batch, channels], image].concat(),
    ))
}

pub(super) fn depth_to_space(step: &Step<'_>) -> Made {
    blocks(
        step,
        |channels, block| channels / (block * block).max(1),
        u64::saturating_mul,
    )
}

pub(super) fn space_to_depth(step: &Step<'_>) -> Made {
    blocks(
        step,
        |channels, block| channels.saturating_mul(block.saturating_mul(block)),
        |side, block| side / block.max(1),
    )
}

fn blocks(
    step: &Step<'_>,
    channels: impl Fn(u64, u64) -> u64,
    side: impl Fn(u64, u64) -> u64,
) -> Made {
    let mut shape = step.shape(0)?.to_vec();
    let block = step
        .int("blocksize")
        .unwrap_or(1)
        .clamp(1, 1 << 30)
        .unsigned_abs();
    if shape.len() != 4 {
        return Err("a result, as its input has not 4 axes".to_owned());
    }
    shape[1].value = channels(shape[1].value, block);
    shape[2].value = side(shape[2].value, block);
    shape[3].value = side(shape[3].value, block);
    one(Fact::of(step.dtype(0), shape))
}

/// `RNN`, `GRU`, `LSTM`: hidden states of every step, of both directions.
pub(super) fn recurrent(step: &Step<'_>) -> Made {
    let [first, second, _] = *step.shape(0)? else {
        return Err("a result, as its input has not 3 axes".to_owned());
    };
    let ([directions, _, _], [_, _, hidden]) = (step.shape(1)?, step.shape(2)?) else {
        return Err("a result, as its weights have not 3 axes".to_owned());
    };
    let dtype = step.dtype(0);
    if step.int("layout").unwrap_or(0) == 1 {
        let state = vec![first, *directions, *hidden];
        let all = vec![first, second, *directions, *hidden];
        let state = Fact::of(dtype, state);
        return Ok(vec![Fact::of(dtype, all), state.clone(), state]);
    }
    let state = Fact::of(dtype, vec![*directions, second, *hidden]);
    let all = vec![first, *directions, second, *hidden];
    Ok(vec![Fact::of(dtype, all), state.clone(), state])
}

/// `Resize` and `Upsample`.
pub(super) fn resize(step: &Step<'_>) -> Made {
    let shape = step.shape(0)?;
    let no_constant = || "a result, as its sizes are no constants".to_owned();
    let upsample = step.node.op_type() == "Upsample";
    let axes: Vec<usize> = match step.ints("axes") {
        Some(axes) => (axes.iter())
            .filter_map(|&a| super::step::axis(a, shape.len()))
            .collect(),
        None => (0..shape.len()).collect(),
    };
    let mut made = shape.to_vec();
    let given = |index: usize| {
        step.input(index).is_some_and(|fact| {
            fact.elements > 0
                && fact
                    .shape
                    .as_ref()
                    .is_none_or(|shape| shape.iter().all(|length| length.value > 0))
        })
    };
    if !upsample && step.opset >= 11 && given(3) {
        let sizes = step.numbers(3).ok_or_else(no_constant)?;
        let whole = match step.text("keep_aspect_ratio_policy") {
            "" | "stretch" => None,
            _ => Some(()),
        };
        let ratio =
            |(&axis, size): (&usize, &super::Number)| size.value / shape[axis].value.max(1) as f64;
        let largest = axes.iter().zip(&sizes).map(ratio).fold(0.0, f64::max);
        for (&axis, size) in axes.iter().zip(&sizes) {
            made[axis] = match whole {
                None => super::step::length_of(*size),
                Some(()) => length(
                    (shape[axis].value as f64 * largest).ceil(),
                    super::Sure::AtMost,
                ),
            };
        }
        return one(Fact::of(step.dtype(0), made));
    }
    let stated = step.attribute("scales").map(|a| a.floats.clone());
    let index = if upsample || step.opset < 11 { 1 } else { 2 };
    let scales: Vec<super::Number> = match stated.filter(|scales| !scales.is_empty()) {
        Some(scales) => scales
            .into_iter()
            .map(|scale| super::Number {
                value: f64::from(scale),
                sure: super::Sure::Exact,
            })
            .collect(),
        None => step.numbers(index).ok_or_else(no_constant)?,
    };
    let crop = step.text("coordinate_transformation_mode") == "tf_crop_and_resize";
    let region = match crop {
        true => step.numbers(1).ok_or_else(no_constant)?,
        false => Vec::new(),
    };
    for (place, (&axis, scale)) in axes.iter().zip(&scales).enumerate() {
        let part = match (region.get(place), region.get(place + axes.len())) {
            (Some(start), Some(end)) => (end.value - start.value).abs(),
            _ => 1.0,
        };
        let sure = shape[axis].sure.max(scale.sure);
        // The epsilon undoes what dividing and multiplying again loses.
        let grown = shape[axis].value as f64 * part * scale.value;
        made[axis] = length((grown + 1e-4).floor(), sure);
    }
    one(Fact::of(step.dtype(0), made))
}
