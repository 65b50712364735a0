//! Ridge regression (Hoerl and Kennard, 1970): one linear layer over all levels
//! in closed form, its strength chosen by blocks of time.

use ndarray::Array2;
use rayon::prelude::*;

use super::FitError;
use super::convolutional::Scaling;
use super::kernels::Grid;
use super::model::Model;
use super::net::{Net, Operator, POSITIONS};
use super::objective::Objective;
use super::representations::RepresentationLayout;
use super::statistics::{Statistics, Terms};
use super::training_set::{TrainingSample, TrainingSet};

/// Strengths that are tried.
const LAMBDAS: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];

/// The labels of a linear readout: classes become one plane each.
pub(crate) fn linear_label(objective: &Objective, label: &[f32]) -> Vec<f32> {
    let Objective::Classes { count } = *objective else {
        return label.to_vec();
    };
    let plane = |class: usize| {
        label.iter().map(move |label| match label.is_nan() {
            true => f32::NAN,
            false => f32::from(u8::from(*label as usize == class)),
        })
    };
    (0..count).flat_map(plane).collect()
}

/// Statistics of the samples of each block of time.
pub(crate) fn blocks(
    target: &str,
    layout: &RepresentationLayout,
    scaling: &Scaling,
    training_set: &TrainingSet,
    block_of: &(dyn Fn(usize) -> usize + Sync),
    count: usize,
    samples: &[&TrainingSample],
) -> Result<Vec<Statistics>, FitError> {
    let labels = training_set.objective.channels();
    let reference = training_set.reference_focal_px;
    let grid = training_set.grid;
    let empty = Statistics::new(target, layout, scaling, grid, labels, reference)?;
    let mut blocks = vec![empty; count];
    let both = (layout, scaling);
    blocks.par_iter_mut().enumerate().for_each(|(at, block)| {
        let mut terms = Terms::new(layout, grid);
        let mine = |(_, sample): &(usize, &&TrainingSample)| block_of(sample.frame) == at;
        for (number, sample) in samples.iter().enumerate().filter(mine) {
            let label = linear_label(&training_set.objective, &sample.label);
            let representation = &sample.representation;
            // Another phase per sample, so that in time every cell counts.
            terms.add(block, both, representation, &label, number * 7, 1.0);
        }
    });
    Ok(blocks)
}

/// The strength of least squared error on the blocks, each held out in turn.
/// `go_on` ends it by returning false.
pub(crate) fn choose_lambda(
    blocks: &[Statistics],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<f64, FitError> {
    let known: Vec<&Statistics> = blocks.iter().filter(|block| block.weight() > 0.0).collect();
    let mut all = blocks[0].clone();
    for block in &blocks[1..] {
        all.merge(block)?;
    }
    let error = |lambda: f64| -> Result<f64, FitError> {
        let held_out = known.par_iter().map(|block| {
            let mut rest = all.clone();
            rest.subtract(block)?;
            let weights = rest.solve(lambda);
            Ok(weights.map_or(f64::INFINITY, |weights| block.squared_error(&weights)))
        });
        // Collected first, so that the sum does not depend on who was faster.
        let errors = held_out.collect::<Result<Vec<f64>, FitError>>()?;
        Ok(errors.iter().sum())
    };
    let mut best = (f64::INFINITY, LAMBDAS[LAMBDAS.len() - 1]);
    // The error falls to its least and rises again: stop after the rise.
    for lambda in LAMBDAS.into_iter().rev() {
        if !go_on() {
            return Err(FitError::Stopped);
        }
        let found = error(lambda)?;
        if found < best.0 {
            best = (found, lambda);
        } else if found > 1.05 * best.0 {
            break;
        }
    }
    Ok(best.1)
}

/// The readout of these statistics.
///
/// # Errors
/// [`FitError::Singular`] where they have no solution.
pub(crate) fn model(
    layout: &RepresentationLayout,
    scaling: &Scaling,
    statistics: &Statistics,
    lambda: f64,
    (objective, grid): (Objective, Grid),
) -> Result<Model, FitError> {
    let solved = statistics.solve(lambda);
    let solved = solved.ok_or(FitError::Singular { lambda })?;
    let net = linear_net(layout, objective.channels(), grid);
    let weights = weights(&net, layout, &solved);
    Ok(Model {
        net,
        weights,
        scaling: scaling.clone(),
        objective,
        decoding: objective.linear_decoding(grid),
    })
}

/// Every level through a 1×1 convolution, interpolated, and summed.
pub(crate) fn linear_net(layout: &RepresentationLayout, channels: usize, grid: Grid) -> Net {
    let mut net = Net::default();
    let inputs: Vec<_> = (layout.views.iter())
        .map(|view| net.input(view.channels, view.grid))
        .collect();
    let out = net.node(channels, grid);
    net.output = out;
    // A constant and the position stand once, at the output.
    for (at, (input, view)) in inputs.into_iter().zip(&layout.views).enumerate() {
        let name = format!("linear{at}");
        let narrow = net.node(channels, view.grid);
        net.convolution(&name, input, narrow, 1, true);
        match (view.grid.cells(), view.grid == grid) {
            (_, true) | (1, _) => net.add(narrow, out),
            _ => net.resize(narrow, out),
        }
    }
    net
}

/// The solved terms in the order of the net's weights. The position's part goes
/// to a level of the output's grid where there is one, else to the finest.
fn weights(net: &Net, layout: &RepresentationLayout, solved: &Array2<f64>) -> Vec<f32> {
    let mut weights = vec![0.0; net.weights];
    let mut term = 0;
    let finest = (0..layout.views.len()).max_by_key(|at| layout.views[*at].grid.cells());
    let after: usize = layout.views.iter().map(|view| view.channels).sum();
    let kernels = net.operators.iter().filter_map(|operator| match operator {
        Operator::Convolution {
            weights,
            bias,
            position,
            ..
        } => Some((weights, bias, position)),
        _ => None,
    });
    for (at, (kernel, bias, position)) in kernels.enumerate() {
        let inputs = layout.views[at].channels;
        for output in 0..kernel.shape[0] {
            for input in 0..inputs {
                let place = kernel.start + output * inputs + input;
                weights[place] = solved[(term + input, output)] as f32;
            }
            if Some(at) == finest {
                if let Some(bias) = bias {
                    let constant = solved[(after + POSITIONS, output)];
                    weights[bias.start + output] = constant as f32;
                }
                if let Some(position) = position {
                    for k in 0..POSITIONS {
                        let place = position.start + output * POSITIONS + k;
                        weights[place] = solved[(after + k, output)] as f32;
                    }
                }
            }
        }
        term += inputs;
    }
    weights
}
