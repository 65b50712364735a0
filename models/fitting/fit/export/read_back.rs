//! The weights of an exported readout, read back.

use super::super::FitError;
use super::super::convolutional::Scaling;
use super::super::net::{Net, Operator, POSITIONS};
use super::scaled_input;
use concert_models::onnx::Checked;

/// The weights of a readout that was exported from a net of this structure, as
/// they are for inputs scaled by `scaling`. Where `last` has weights to begin
/// with, the last layer may be of another shape (other classes), and is then
/// taken from them.
///
/// # Errors
/// A weight that is missing or of another shape.
pub(crate) fn weights_of(
    network: &Checked,
    readout: &str,
    net: &Net,
    scaling: &Scaling,
    last: Option<&[f32]>,
) -> Result<Vec<f32>, FitError> {
    let mut all = last.map_or_else(|| vec![0.0; net.weights], <[f32]>::to_vec);
    for operator in &net.operators {
        let Operator::Convolution {
            from,
            weights,
            bias,
            position,
            ..
        } = operator
        else {
            continue;
        };
        let mut kernel = match read_weights(network, readout, &weights.name, &weights.shape) {
            Err(_) if last.is_some() && weights.name == "output.weight" => continue,
            read => read?,
        };
        let shape = [weights.shape[0]];
        let input = scaled_input(net, *from);
        let bias_name = match (bias, input) {
            (Some(bias), _) => Some(bias.name.clone()),
            (None, Some(_)) => Some(format!("{}.shift", weights.name)),
            (None, None) => None,
        };
        let mut shift = match bias_name {
            Some(name) => read_weights(network, readout, &name, &shape)?,
            None => vec![0.0; weights.shape[0]],
        };
        if let Some(input) = input {
            let channels = &scaling.channels[input];
            for (row, shift) in kernel.chunks_exact_mut(weights.shape[1]).zip(&mut shift) {
                let mut moved = 0.0;
                for (weight, [mean, scale]) in row.iter_mut().zip(channels) {
                    moved += f64::from(*weight) * f64::from(*mean);
                    *weight /= scale;
                }
                *shift = (f64::from(*shift) + moved) as f32;
            }
        }
        all[weights.range()].copy_from_slice(&kernel);
        if let Some(bias) = bias {
            all[bias.range()].copy_from_slice(&shift);
        }
        if let Some(position) = position {
            let shape = [position.shape[0], POSITIONS];
            let values = read_weights(network, readout, &position.name, &shape)?;
            all[position.range()].copy_from_slice(&values);
        }
    }
    Ok(all)
}

fn read_weights(
    network: &Checked,
    readout: &str,
    name: &str,
    shape: &[usize],
) -> Result<Vec<f32>, FitError> {
    let refuse = |found: String| FitError::OtherStructure {
        readout: readout.to_owned(),
        tensor: name.to_owned(),
        expected: shape.to_vec(),
        found,
    };
    let mut tensors = network.graph().initializer.iter();
    let tensor = tensors
        .find(|tensor| tensor.name.as_deref() == Some(name))
        .ok_or_else(|| refuse("no such weights".to_owned()))?;
    let same = tensor.dims.len() == shape.len()
        && tensor.dims.iter().zip(shape).all(|(&a, &b)| a == b as i64);
    let raw = tensor.raw_data.as_deref().unwrap_or_default();
    let count: usize = shape.iter().product();
    if !same || raw.len() != count * size_of::<f32>() {
        return Err(refuse(format!("{:?}", tensor.dims)));
    }
    let words = raw.as_chunks::<4>().0.iter();
    let values: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).collect();
    if !values.iter().all(|value| value.is_finite()) {
        return Err(refuse("a number that is not finite".to_owned()));
    }
    Ok(values)
}
