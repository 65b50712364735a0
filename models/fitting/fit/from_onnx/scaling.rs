//! The scale of a net's inputs, folded into the weights that read them.

use super::super::convolutional::Scaling;
use super::super::export::scaled_input;
use super::super::net::{Net, NodeId, Operator};
use super::Start;

/// Lets the net expect inputs of this scale, where it can be folded in: what
/// reads them must be whole convolutions of 1×1, of them or of their means.
pub(super) fn fold_scaling(net: Net, mut weights: Vec<f32>, scaling: &Scaling) -> Start {
    let mut scaling = scaling.clone();
    let narrow = |operator: &&Operator, from: NodeId| match operator {
        Operator::Convolution { weights, .. } => weights.shape[2] == 1,
        Operator::Mean { to, .. } => {
            let after = readers(&net, *to).collect::<Vec<_>>();
            let all = after.iter().all(|operator| {
                matches!(operator, Operator::Convolution { weights, .. } if weights.shape[2] == 1)
            });
            from != *to && all
        }
        _ => false,
    };
    for (id, node) in net.nodes.iter().enumerate() {
        let Some(input) = node.input else {
            continue;
        };
        if !readers(&net, id).all(|operator| narrow(&operator, id)) {
            scaling.channels[input].fill([0.0, 1.0]);
        }
    }
    for operator in &net.operators {
        let Operator::Convolution {
            from,
            weights: kernel,
            bias: Some(bias),
            ..
        } = operator
        else {
            continue;
        };
        let Some(input) = scaled_input(&net, *from) else {
            continue;
        };
        if kernel.shape[2] != 1 {
            continue;
        }
        for output in 0..kernel.shape[0] {
            let mut moved = 0.0;
            let start = kernel.start + output * kernel.shape[1];
            let row = &mut weights[start..start + kernel.shape[1]];
            for (weight, [mean, scale]) in row.iter_mut().zip(&scaling.channels[input]) {
                moved += f64::from(*weight) * f64::from(*mean);
                *weight /= scale;
            }
            let shift = &mut weights[bias.start + output];
            *shift = (f64::from(*shift) + moved) as f32;
        }
    }
    Start {
        net,
        weights,
        scaling,
    }
}

/// The operators that read a node, its own rectifier included.
pub(crate) fn readers(net: &Net, node: NodeId) -> impl Iterator<Item = &Operator> {
    net.operators.iter().filter(move |operator| match operator {
        Operator::Convolution { from, .. }
        | Operator::Depthwise { from, .. }
        | Operator::Resize { from, .. }
        | Operator::Mean { from, .. }
        | Operator::Add { from, .. } => *from == node,
        Operator::Relu { at, .. } => *at == node,
    })
}
