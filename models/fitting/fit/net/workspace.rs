//! A frame's way through a net, forward and back.

use super::super::kernels::{self, Grid, Resampling};
use super::{Net, Node, NodeId, Operator, POSITIONS};
use concert_models::give_way::give_way;

/// Memory for one frame's way through a net, forward and back.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// One per node.
    values: Vec<Vec<f32>>,
    /// One per node; empty for inputs.
    gradients: Vec<Vec<f32>>,
    /// One per operator that resizes.
    resamplings: Vec<Option<Resampling>>,
    /// Per node: its basis functions of the position, where they are used.
    positions: Vec<Vec<f32>>,
    scratch: kernels::Scratch,
}

impl Workspace {
    pub(crate) fn new(net: &Net) -> Self {
        let gradients = |node: &Node| match node.input {
            Some(_) => Vec::new(),
            None => vec![0.0; node.len()],
        };
        let mut positions = vec![Vec::new(); net.nodes.len()];
        let mut resamplings = Vec::new();
        for operator in &net.operators {
            let mut resampling = None;
            match operator {
                Operator::Resize { from, to } => {
                    let (from, to) = (net.nodes[*from].grid, net.nodes[*to].grid);
                    resampling = Some(Resampling::new(from, to));
                }
                Operator::Convolution {
                    to,
                    position: Some(_),
                    ..
                } => positions[*to] = position_basis(net.nodes[*to].grid),
                _ => {}
            }
            resamplings.push(resampling);
        }
        Self {
            values: net.nodes.iter().map(|node| vec![0.0; node.len()]).collect(),
            gradients: net.nodes.iter().map(gradients).collect(),
            resamplings,
            positions,
            scratch: kernels::Scratch::default(),
        }
    }

    /// The node that an input fills.
    pub(crate) fn input(&mut self, net: &Net, input: usize) -> &mut [f32] {
        let at = net.nodes.iter().position(|node| node.input == Some(input));
        &mut self.values[at.expect("the net has this input")]
    }

    /// The output after [`forward`](Self::forward).
    pub(crate) fn output(&self, net: &Net) -> &[f32] {
        &self.values[net.output]
    }

    /// Output, and the memory for its gradient.
    pub(crate) fn output_and_gradient(&mut self, net: &Net) -> (&[f32], &mut [f32]) {
        (&self.values[net.output], &mut self.gradients[net.output])
    }

    /// From the inputs to the output.
    pub(crate) fn forward(&mut self, net: &Net, weights: &[f32]) {
        for (node, values) in net.nodes.iter().zip(&mut self.values) {
            if node.input.is_none() {
                values.fill(0.0);
            }
        }
        for (index, operator) in net.operators.iter().enumerate() {
            give_way();
            match operator {
                Operator::Convolution {
                    from,
                    to,
                    weights: kernel,
                    bias,
                    position,
                } => {
                    let (from, out) = pair(&mut self.values, *from, *to);
                    let grid = net.nodes[*to].grid;
                    let shape = (kernel.shape[0], kernel.shape[1], kernel.shape[2]);
                    let w = &weights[kernel.range()];
                    kernels::convolve(from, w, shape, grid, out, &mut self.scratch);
                    if let Some(bias) = bias {
                        kernels::add_bias(&weights[bias.range()], out);
                    }
                    if let Some(position) = position {
                        let (w, basis) = (&weights[position.range()], &self.positions[*to]);
                        let shape = (kernel.shape[0], POSITIONS, 1);
                        kernels::convolve(basis, w, shape, grid, out, &mut self.scratch);
                    }
                }
                Operator::Depthwise {
                    from,
                    to,
                    weights: kernel,
                    bias,
                } => {
                    let (from, out) = pair(&mut self.values, *from, *to);
                    let grid = net.nodes[*to].grid;
                    let w = &weights[kernel.range()];
                    kernels::depthwise(from, w, grid, out, &mut self.scratch);
                    kernels::add_bias(&weights[bias.range()], out);
                }
                Operator::Resize { from, to } => {
                    let (from, out) = pair(&mut self.values, *from, *to);
                    let resampling = self.resamplings[index].as_ref();
                    let resampling = resampling.expect("made above");
                    resampling.apply(from, out, &mut self.scratch.wide);
                }
                Operator::Mean { from, to } => {
                    let (from, out) = pair(&mut self.values, *from, *to);
                    kernels::add_mean(from, out);
                }
                Operator::Add { from, to } => {
                    let (from, out) = pair(&mut self.values, *from, *to);
                    kernels::add_spread(from, out);
                }
                Operator::Relu { at, most } => {
                    for value in &mut self.values[*at] {
                        *value = value.max(0.0).min(*most);
                    }
                }
            }
        }
    }

    /// From the output's gradient, which the caller has written, to the gradients of
    /// all weights; they are added to `sums`.
    pub(crate) fn backward(&mut self, net: &Net, weights: &[f32], sums: &mut [f32]) {
        for (id, gradients) in self.gradients.iter_mut().enumerate() {
            if id != net.output {
                gradients.fill(0.0);
            }
        }
        for (index, operator) in net.operators.iter().enumerate().rev() {
            give_way();
            match operator {
                Operator::Convolution {
                    from,
                    to,
                    weights: kernel,
                    bias,
                    position,
                } => {
                    let values = &self.values[*from];
                    let (gradient, out) = pair(&mut self.gradients, *from, *to);
                    let grid = net.nodes[*to].grid;
                    let shape = (kernel.shape[0], kernel.shape[1], kernel.shape[2]);
                    let scratch = &mut self.scratch;
                    let dw = &mut sums[kernel.range()];
                    kernels::convolve_weights_back(values, out, shape, grid, dw, scratch);
                    if !gradient.is_empty() {
                        let w = &weights[kernel.range()];
                        kernels::convolve_back(out, w, shape, grid, gradient, scratch);
                    }
                    if let Some(bias) = bias {
                        kernels::add_bias_back(out, &mut sums[bias.range()]);
                    }
                    if let Some(position) = position {
                        let shape = (kernel.shape[0], POSITIONS, 1);
                        let (basis, dw) = (&self.positions[*to], &mut sums[position.range()]);
                        kernels::convolve_weights_back(basis, out, shape, grid, dw, scratch);
                    }
                }
                Operator::Depthwise {
                    from,
                    to,
                    weights: kernel,
                    bias,
                } => {
                    let values = &self.values[*from];
                    let (gradient, out) = pair(&mut self.gradients, *from, *to);
                    let grid = net.nodes[*to].grid;
                    let scratch = &mut self.scratch;
                    let dw = &mut sums[kernel.range()];
                    kernels::depthwise_weights_back(values, out, grid, dw, scratch);
                    if !gradient.is_empty() {
                        let w = &weights[kernel.range()];
                        kernels::depthwise_back(out, w, grid, gradient, scratch);
                    }
                    kernels::add_bias_back(out, &mut sums[bias.range()]);
                }
                Operator::Resize { from, to } => {
                    let (gradient, out) = pair(&mut self.gradients, *from, *to);
                    if !gradient.is_empty() {
                        let resampling = self.resamplings[index].as_ref();
                        let resampling = resampling.expect("made above");
                        resampling.apply_back(out, gradient, &mut self.scratch.wide);
                    }
                }
                Operator::Mean { from, to } => {
                    let (gradient, out) = pair(&mut self.gradients, *from, *to);
                    kernels::add_mean_back(out, gradient);
                }
                Operator::Add { from, to } => {
                    let (gradient, out) = pair(&mut self.gradients, *from, *to);
                    kernels::add_spread_back(out, gradient);
                }
                Operator::Relu { at, most } => {
                    for (gradient, value) in self.gradients[*at].iter_mut().zip(&self.values[*at]) {
                        if *value <= 0.0 || value >= most {
                            *gradient = 0.0;
                        }
                    }
                }
            }
        }
    }
}

/// One entry to read (or to add gradients to) and one written, of two nodes.
fn pair(all: &mut [Vec<f32>], from: NodeId, to: NodeId) -> (&mut [f32], &mut [f32]) {
    let [from, to] = (all.get_disjoint_mut([from, to])).expect("an operator joins two nodes");
    (from, to)
}

/// The basis functions of the position, `[POSITIONS, height, width]`.
pub(crate) fn position_basis(grid: Grid) -> Vec<f32> {
    let centre = |at: usize, count: usize| (2 * at + 1) as f32 / count as f32 - 1.0;
    let mut basis = vec![0.0; POSITIONS * grid.cells()];
    for y in 0..grid.height {
        for x in 0..grid.width {
            let (u, v) = (centre(x, grid.width), centre(y, grid.height));
            for (k, value) in [u, v, u * u, v * v, u * v].into_iter().enumerate() {
                basis[k * grid.cells() + y * grid.width + x] = value;
            }
        }
    }
    basis
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_models::rng::Rng;

    /// Every operator once, with sums and several readers of one node.
    fn every_operator() -> Net {
        let coarse = Grid::new(3, 4);
        let fine = Grid::new(6, 8);
        let mut net = Net::default();
        let a = net.input(5, coarse);
        let b = net.input(3, fine);
        let global = net.node(5, Grid::new(1, 1));
        net.mean(a, global);
        let wide = net.node(4, Grid::new(1, 1));
        net.convolution("global", global, wide, 1, true);
        let low = net.node(4, coarse);
        net.convolution("low", a, low, 1, true);
        net.add(wide, low);
        net.relu(low);
        let deeper = net.node(4, coarse);
        net.add(low, deeper);
        net.convolution("deeper", low, deeper, 3, true);
        let high = net.node(4, fine);
        net.resize(deeper, high);
        net.convolution("high", b, high, 1, false);
        net.relu(high);
        let apart = net.node(4, fine);
        net.depthwise("apart", high, apart);
        net.relu_up_to(apart, 0.8);
        let both = net.node(4, fine);
        net.add(high, both);
        net.add(apart, both);
        net.output = net.node(2, fine);
        net.convolution("out", both, net.output, 3, true);
        net
    }

    #[test]
    fn gradients_are_those_of_small_steps() {
        let net = every_operator();
        let mut rng = Rng::from_seed(3);
        let mut weights = net.initial_weights(&mut rng);
        weights.iter_mut().for_each(|w| *w += 0.1 * rng.normal());
        let mut space = Workspace::new(&net);
        for input in 0..2 {
            let values = space.input(&net, input);
            values.iter_mut().for_each(|value| *value = rng.normal());
        }
        let wanted: Vec<f32> = (0..net.nodes[net.output].len())
            .map(|_| rng.normal())
            .collect();
        let loss = |space: &mut Workspace, weights: &[f32]| {
            space.forward(&net, weights);
            let out = space.output(&net).iter().zip(&wanted);
            out.map(|(a, b)| f64::from(a * b)).sum::<f64>()
        };
        loss(&mut space, &weights);
        let mut sums = vec![0.0; net.weights];
        space.output_and_gradient(&net).1.copy_from_slice(&wanted);
        space.backward(&net, &weights, &mut sums);
        let step = 2e-3;
        let mut compared = 0;
        for at in (0..net.weights).step_by(3) {
            let kept = weights[at];
            weights[at] = kept + step;
            let above = loss(&mut space, &weights);
            weights[at] = kept - step;
            let below = loss(&mut space, &weights);
            weights[at] = kept;
            let gradient = (above - below) / f64::from(2.0 * step);
            // A rectifier that a step passes has two gradients; few do.
            if (gradient - f64::from(sums[at])).abs() < 0.02 * (1.0 + gradient.abs()) {
                compared += 1;
            }
        }
        let all = net.weights.div_ceil(3);
        assert!(compared * 100 >= all * 97, "{compared} of {all} agree");
    }
}
