//! A small convolutional network with gradients: as much as a readout needs.
//!
//! Nodes are planes of numbers `[channels, height, width]` of one frame; every
//! operator adds to the node that it writes, so that sums need no operator of
//! their own. All weights lie in one vector, which is what the optimiser and
//! the file format see.

mod workspace;

use super::kernels::Grid;
use concert_models::rng::Rng;
pub(crate) use workspace::{Workspace, position_basis};

/// Basis functions of the position in the frame: u, v, u², v², uv, with u and v
/// from -1 to 1.
pub(crate) const POSITIONS: usize = 5;

/// Index of a node.
pub(crate) type NodeId = usize;

/// A block of weights within the vector of all weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Weights {
    /// Name in the exported file.
    pub(crate) name: String,
    /// First index.
    pub(crate) start: usize,
    /// Outputs, inputs, and kernel height and width.
    pub(crate) shape: [usize; 4],
}

impl Weights {
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.shape.iter().product::<usize>()
    }
}

/// One operator; it adds its result to the node `to`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operator {
    /// Convolution with a kernel of 1 or 3 and zeros beyond the border; a bias,
    /// and a part that depends on the position alone.
    Convolution {
        from: NodeId,
        to: NodeId,
        weights: Weights,
        bias: Option<Weights>,
        position: Option<Weights>,
    },
    /// Convolution of each channel with a 3×3 kernel of its own and zeros
    /// beyond the border; a bias.
    Depthwise {
        from: NodeId,
        to: NodeId,
        weights: Weights,
        bias: Weights,
    },
    /// Linear interpolation to the size of `to`.
    Resize { from: NodeId, to: NodeId },
    /// Mean over the frame.
    Mean { from: NodeId, to: NodeId },
    /// Sum; a `from` of one cell is spread over the frame.
    Add { from: NodeId, to: NodeId },
    /// Numbers below 0 become 0 and those above `most` (6, or infinity) that,
    /// in place, after all that writes the node.
    Relu { at: NodeId, most: f32 },
}

/// A node's size, and whether it is filled from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) channels: usize,
    pub(crate) grid: Grid,
    /// The input that fills it, where one does.
    pub(crate) input: Option<usize>,
}

impl Node {
    pub(crate) fn len(&self) -> usize {
        self.channels * self.grid.cells()
    }
}

/// The structure of a network; its weights are kept apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Net {
    pub(crate) nodes: Vec<Node>,
    pub(crate) operators: Vec<Operator>,
    /// The node that is read out.
    pub(crate) output: NodeId,
    /// Number of weights.
    pub(crate) weights: usize,
    /// The numbers that set the scale of each block of initial weights: start, length and
    /// number of terms in one sum.
    init: Vec<(std::ops::Range<usize>, usize)>,
    inputs: usize,
}

impl Net {
    /// A node that is filled from outside; inputs are numbered as added.
    pub(crate) fn input(&mut self, channels: usize, grid: Grid) -> NodeId {
        let input = Some(self.inputs);
        self.inputs += 1;
        self.push(channels, grid, input)
    }

    /// A node that operators write.
    pub(crate) fn node(&mut self, channels: usize, grid: Grid) -> NodeId {
        self.push(channels, grid, None)
    }

    fn push(&mut self, channels: usize, grid: Grid, input: Option<usize>) -> NodeId {
        self.nodes.push(Node {
            channels,
            grid,
            input,
        });
        self.nodes.len() - 1
    }

    fn take(&mut self, name: String, shape: [usize; 4]) -> Weights {
        let start = self.weights;
        self.weights += shape.iter().product::<usize>();
        Weights { name, start, shape }
    }

    /// A convolution; `kernel` is 1 or 3. `bias` also gives it weights for the
    /// position.
    pub(crate) fn convolution(
        &mut self,
        name: &str,
        from: NodeId,
        to: NodeId,
        kernel: usize,
        bias: bool,
    ) {
        let (inputs, outputs) = (self.nodes[from].channels, self.nodes[to].channels);
        let weights = self.take(format!("{name}.weight"), [outputs, inputs, kernel, kernel]);
        self.init.push((weights.range(), inputs * kernel * kernel));
        let bias = bias.then(|| self.take(format!("{name}.bias"), [outputs, 1, 1, 1]));
        let spread = bias.is_some() && self.nodes[to].grid.cells() > 1;
        let position =
            spread.then(|| self.take(format!("{name}.position"), [outputs, POSITIONS, 1, 1]));
        self.operators.push(Operator::Convolution {
            from,
            to,
            weights,
            bias,
            position,
        });
    }

    /// A convolution with a bias, the same everywhere in the frame.
    pub(crate) fn placeless_convolution(
        &mut self,
        name: &str,
        from: NodeId,
        to: NodeId,
        kernel: usize,
    ) {
        self.convolution(name, from, to, kernel, false);
        let outputs = self.nodes[to].channels;
        let own = self.take(format!("{name}.bias"), [outputs, 1, 1, 1]);
        if let Some(Operator::Convolution { bias, .. }) = self.operators.last_mut() {
            *bias = Some(own);
        }
    }

    /// A convolution of each channel by itself, 3×3.
    pub(crate) fn depthwise(&mut self, name: &str, from: NodeId, to: NodeId) {
        let channels = self.nodes[from].channels;
        let weights = self.take(format!("{name}.weight"), [channels, 1, 3, 3]);
        self.init.push((weights.range(), 9));
        let bias = self.take(format!("{name}.bias"), [channels, 1, 1, 1]);
        self.operators.push(Operator::Depthwise {
            from,
            to,
            weights,
            bias,
        });
    }

    /// Linear interpolation.
    pub(crate) fn resize(&mut self, from: NodeId, to: NodeId) {
        self.operators.push(Operator::Resize { from, to });
    }

    /// Mean over the frame.
    pub(crate) fn mean(&mut self, from: NodeId, to: NodeId) {
        self.operators.push(Operator::Mean { from, to });
    }

    /// Sum.
    pub(crate) fn add(&mut self, from: NodeId, to: NodeId) {
        self.operators.push(Operator::Add { from, to });
    }

    /// Rectifier.
    pub(crate) fn relu(&mut self, at: NodeId) {
        self.relu_up_to(at, f32::INFINITY);
    }

    /// Rectifier that holds numbers to at most `most`.
    pub(crate) fn relu_up_to(&mut self, at: NodeId, most: f32) {
        self.operators.push(Operator::Relu { at, most });
    }

    /// Initial weights: normal, of variance 2 / terms (He et al., 2015); biases
    /// and positions 0.
    pub(crate) fn initial_weights(&self, rng: &mut Rng) -> Vec<f32> {
        let mut weights = vec![0.0; self.weights];
        for (range, terms) in &self.init {
            let scale = (2.0 / *terms as f32).sqrt();
            for weight in &mut weights[range.clone()] {
                *weight = rng.normal() * scale;
            }
        }
        weights
    }

    /// Every block of weights, in order.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Weights> {
        self.operators
            .iter()
            .flat_map(|operator| match operator {
                Operator::Convolution {
                    weights,
                    bias,
                    position,
                    ..
                } => [Some(weights), bias.as_ref(), position.as_ref()],
                Operator::Depthwise { weights, bias, .. } => [Some(weights), Some(bias), None],
                _ => [None, None, None],
            })
            .flatten()
    }
}
