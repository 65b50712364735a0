//! A fitted readout as plain ONNX, and back.
//!
//! What scales the levels is folded into the first convolutions, so that the
//! file holds convolutions, sums, rectifiers and interpolations, and nothing of
//! how it was fitted. Weights keep their names: a later fit can begin with them.

mod boxes;
mod read_back;

use super::model::Model;
use super::net::{Net, NodeId, Operator, POSITIONS, Weights, position_basis};
use super::objective::boxes::rows;
use super::objective::{COMPRESSED, Decoding, LOG_METRES, METRES, TANH};
use super::representations::{Arrangement, RepresentationLayout};
use crate::dataset::BOX_NUMBERS;
use concert_models::onnx::{Attr, GraphBuilder};
pub(crate) use read_back::weights_of;

/// Name of the ONNX output.
pub(crate) const OUTPUT: &str = "output";
/// Name of the ONNX input that takes the focal length.
pub(crate) const FOCAL: &str = "focal";

/// Writes the graph.
struct Writer<'a> {
    model: &'a Model,
    layout: &'a RepresentationLayout,
    graph: GraphBuilder,
    /// Per node: the tensor that holds its sum so far.
    tensors: Vec<Option<String>>,
    made: usize,
}

/// The ONNX file of a model; `reference_focal_px` where its output is metric.
pub(crate) fn onnx(
    model: &Model,
    layout: &RepresentationLayout,
    name: &str,
    reference_focal_px: Option<f64>,
) -> Vec<u8> {
    let mut writer = Writer {
        model,
        layout,
        graph: GraphBuilder::new(name),
        tensors: vec![None; model.net.nodes.len()],
        made: 0,
    };
    writer.inputs();
    for operator in &model.net.operators {
        writer.operator(operator);
    }
    writer.decode(reference_focal_px);
    writer.graph.build_bytes()
}

/// Shape of the output of a model.
pub(crate) fn output_shape(model: &Model) -> Vec<usize> {
    let node = model.net.nodes[model.net.output];
    if let Decoding::Boxes(classes) = model.decoding {
        return vec![1, rows(classes, node.grid), BOX_NUMBERS];
    }
    match node.grid.cells() {
        1 => vec![1, node.channels],
        _ => vec![1, node.channels, node.grid.height, node.grid.width],
    }
}

impl Writer<'_> {
    fn graph(&mut self, change: impl FnOnce(GraphBuilder) -> GraphBuilder) {
        let graph = std::mem::replace(&mut self.graph, GraphBuilder::new(""));
        self.graph = change(graph);
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Attr)]) -> String {
        self.made += 1;
        let name = format!("{}_{}", operator.to_lowercase(), self.made);
        self.graph(|graph| graph.node(operator, inputs, &[&name], attributes));
        name
    }

    fn floats(&mut self, name: &str, shape: &[usize], data: &[f32]) -> String {
        self.graph(|graph| graph.initializer_f32(name, shape, data));
        name.to_owned()
    }

    fn scalar(&mut self, value: f32) -> String {
        self.made += 1;
        let name = format!("number_{}", self.made);
        self.floats(&name, &[], &[value])
    }

    fn integers(&mut self, data: &[usize]) -> String {
        self.made += 1;
        let name = format!("numbers_{}", self.made);
        let data: Vec<i64> = data.iter().map(|&x| x as i64).collect();
        self.graph(|graph| graph.initializer_i64(&name, &[data.len()], &data));
        name
    }

    /// Every level that is read, and what of it goes into the net.
    fn inputs(&mut self) {
        let layout = self.layout;
        for (read, shape) in &layout.reads {
            self.graph(|graph| graph.input(&read.tensor, shape));
        }
        for (at, view) in layout.views.iter().enumerate() {
            let (read, shape) = &layout.reads[view.read];
            let tensor = read.tensor.as_str();
            let grid = view.grid;
            let planes = [1, view.channels, grid.height, grid.width];
            let taken = match view.arrangement {
                Arrangement::Planes => tensor.to_owned(),
                Arrangement::Vector => {
                    let shape = self.integers(&planes);
                    self.node("Reshape", &[tensor, &shape], &[])
                }
                Arrangement::FirstToken | Arrangement::Tokens { .. } => {
                    let (start, end) = match view.arrangement {
                        Arrangement::Tokens { skipped } => (skipped, shape[1]),
                        _ => (0, 1),
                    };
                    let (start, end) = (self.integers(&[start]), self.integers(&[end]));
                    let (axis, planes) = (self.integers(&[1]), self.integers(&planes));
                    let part = self.node("Slice", &[tensor, &start, &end, &axis], &[]);
                    let order = Attr::Ints(vec![0, 2, 1]);
                    let part = self.node("Transpose", &[&part], &[("perm", order)]);
                    self.node("Reshape", &[&part, &planes], &[])
                }
            };
            let node = self.model.net.nodes.iter();
            let node = node.clone().position(|node| node.input == Some(at));
            self.tensors[node.expect("every view is an input")] = Some(taken);
        }
    }

    fn tensor(&self, node: NodeId) -> String {
        self.tensors[node]
            .clone()
            .expect("written before it is read")
    }

    /// Adds a tensor to what a node holds.
    fn add(&mut self, to: NodeId, tensor: String) {
        let sum = match self.tensors[to].take() {
            None => tensor,
            Some(before) => self.node("Add", &[&before, &tensor], &[]),
        };
        self.tensors[to] = Some(sum);
    }

    fn operator(&mut self, operator: &Operator) {
        match operator {
            Operator::Convolution {
                from,
                to,
                weights,
                bias,
                position,
            } => self.convolution(*from, *to, weights, bias.as_ref(), position.as_ref()),
            Operator::Depthwise {
                from,
                to,
                weights,
                bias,
            } => {
                let input = self.tensor(*from);
                let values = |weights: &Weights| self.model.weights[weights.range()].to_vec();
                let (kernel, shift) = (values(weights), values(bias));
                let kernel = self.floats(&weights.name, &weights.shape, &kernel);
                let shift = self.floats(&bias.name, &bias.shape[..1], &shift);
                let attributes = [
                    ("group", Attr::Int(weights.shape[0] as i64)),
                    ("pads", Attr::Ints(vec![1; 4])),
                ];
                let out = self.node("Conv", &[&input, &kernel, &shift], &attributes);
                self.add(*to, out);
            }
            Operator::Resize { from, to } => {
                let node = self.model.net.nodes[*to];
                let from = self.tensor(*from);
                let sizes = [1, node.channels, node.grid.height, node.grid.width];
                let sizes = self.integers(&sizes);
                let text = |text: &str| Attr::Text(text.to_owned());
                let attributes = [
                    ("mode", text("linear")),
                    ("coordinate_transformation_mode", text("half_pixel")),
                ];
                let resized = self.node("Resize", &[&from, "", "", &sizes], &attributes);
                self.add(*to, resized);
            }
            Operator::Mean { from, to } => {
                let from = self.tensor(*from);
                let mean = self.node("GlobalAveragePool", &[&from], &[]);
                self.add(*to, mean);
            }
            Operator::Add { from, to } => {
                let from = self.tensor(*from);
                self.add(*to, from);
            }
            Operator::Relu { at, most } => {
                let before = self.tensor(*at);
                let after = match most.is_finite() {
                    true => self.clip(&before, 0.0, *most),
                    false => self.node("Relu", &[&before], &[]),
                };
                self.tensors[*at] = Some(after);
            }
        }
    }

    fn convolution(
        &mut self,
        from: NodeId,
        to: NodeId,
        weights: &Weights,
        bias: Option<&Weights>,
        position: Option<&Weights>,
    ) {
        let model = self.model;
        let folded = fold(model, from, weights, bias);
        let input = self.tensor(from);
        let kernel = self.floats(&weights.name, &weights.shape, &folded.kernel);
        let pads = (weights.shape[2] / 2) as i64;
        let pads = [("pads", Attr::Ints(vec![pads; 4]))];
        let bias_name = match bias {
            Some(bias) => bias.name.clone(),
            None => format!("{}.shift", weights.name),
        };
        let out = if bias.is_some() || folded.shifted {
            let shift = self.floats(&bias_name, &[weights.shape[0]], &folded.bias);
            self.node("Conv", &[&input, &kernel, &shift], &pads)
        } else {
            self.node("Conv", &[&input, &kernel], &pads)
        };
        self.add(to, out);
        if let Some(position) = position {
            let grid = model.net.nodes[to].grid;
            let (outputs, cells) = (position.shape[0], grid.cells());
            let values = &model.weights[position.range()];
            let factors = self.floats(&position.name, &[outputs, POSITIONS], values);
            let basis = format!("{}.basis", position.name);
            let basis = self.floats(&basis, &[POSITIONS, cells], &position_basis(grid));
            // Both are constant: an engine multiplies them once, when it loads.
            let product = self.node("MatMul", &[&factors, &basis], &[]);
            let shape = self.integers(&[1, outputs, grid.height, grid.width]);
            let planes = self.node("Reshape", &[&product, &shape], &[]);
            self.add(to, planes);
        }
    }

    /// Writes [`Decoding::decode`] as nodes; the two say the same.
    fn decode(&mut self, reference_focal_px: Option<f64>) {
        let model = self.model;
        let mut last = self.tensor(model.net.output);
        if model.grid().cells() == 1 {
            let shape = self.integers(&output_shape(model));
            last = self.node("Reshape", &[&last, &shape], &[]);
        }
        let last = match model.decoding {
            Decoding::Exponential => self.metres(&last, reference_focal_px),
            Decoding::Scores => last,
            Decoding::Boxes(classes) => self.boxes(&last, classes),
            Decoding::Sigmoid => self.node("Sigmoid", &[&last], &[]),
            Decoding::Clip => self.clip(&last, 0.0, 1.0),
            Decoding::Scaled(scale) => {
                let held = self.clip(&last, -COMPRESSED, COMPRESSED);
                let scale = self.scalar(scale);
                self.node("Mul", &[&held, &scale], &[])
            }
            Decoding::Expanded(scale) => {
                let held = self.clip(&last, -TANH, TANH);
                // atanh x = ln ((1 + x) / (1 - x)) / 2, where atanh is missing.
                let one = self.scalar(1.0);
                let above = self.node("Add", &[&one, &held], &[]);
                let below = self.node("Sub", &[&one, &held], &[]);
                let ratio = self.node("Div", &[&above, &below], &[]);
                let log = self.node("Log", &[&ratio], &[]);
                let scale = self.scalar(0.5 * scale);
                self.node("Mul", &[&log, &scale], &[])
            }
            Decoding::Unit3 => {
                let axes = [("axes", Attr::Ints(vec![1]))];
                let length = self.node("ReduceL2", &[&last], &axes);
                let least = self.scalar(1e-6);
                let length = self.node("Max", &[&length, &least], &[]);
                self.node("Div", &[&last, &length], &[])
            }
            Decoding::Softmax(sharpness) => {
                let sharpness = self.scalar(sharpness);
                let scores = self.node("Mul", &[&last, &sharpness], &[]);
                self.node("Softmax", &[&scores], &[("axis", Attr::Int(1))])
            }
        };
        let shape = output_shape(model);
        self.graph(|graph| {
            graph
                .node("Identity", &[&last], &[OUTPUT], &[])
                .output(OUTPUT, &shape)
        });
    }

    fn metres(&mut self, log: &str, reference_focal_px: Option<f64>) -> String {
        let held = self.clip(log, LOG_METRES.0, LOG_METRES.1);
        let mut metres = self.node("Exp", &[&held], &[]);
        if let Some(reference) = reference_focal_px {
            self.graph(|graph| graph.input(FOCAL, &[1, 1]));
            let one_over = self.scalar((1.0 / reference) as f32);
            let factor = self.node("Mul", &[FOCAL, &one_over], &[]);
            metres = self.node("Mul", &[&metres, &factor], &[]);
        }
        self.clip(&metres, METRES.0, METRES.1)
    }

    fn clip(&mut self, tensor: &str, least: f32, most: f32) -> String {
        let (least, most) = (self.scalar(least), self.scalar(most));
        self.node("Clip", &[tensor, &least, &most], &[])
    }
}

/// A convolution that takes its input as the encoder gives it.
struct Folded {
    kernel: Vec<f32>,
    bias: Vec<f32>,
    /// True where scaling has made a bias.
    shifted: bool,
}

/// Folds the scale of an input, or of the mean of one, into a convolution.
fn fold(model: &Model, from: NodeId, weights: &Weights, bias: Option<&Weights>) -> Folded {
    let mut kernel = model.weights[weights.range()].to_vec();
    let mut shift = match bias {
        Some(bias) => model.weights[bias.range()].to_vec(),
        None => vec![0.0; weights.shape[0]],
    };
    let Some(input) = scaled_input(&model.net, from) else {
        return Folded {
            kernel,
            bias: shift,
            shifted: false,
        };
    };
    let channels = &model.scaling.channels[input];
    let inputs = weights.shape[1];
    for (row, shift) in kernel.chunks_exact_mut(inputs).zip(&mut shift) {
        let mut moved = 0.0;
        for (weight, [mean, scale]) in row.iter_mut().zip(channels) {
            *weight *= scale;
            moved += f64::from(*weight) * f64::from(*mean);
        }
        *shift = (f64::from(*shift) - moved) as f32;
    }
    Folded {
        kernel,
        bias: shift,
        shifted: true,
    }
}

/// The input that a node is, or is the mean of.
pub(crate) fn scaled_input(net: &Net, node: NodeId) -> Option<usize> {
    if let Some(input) = net.nodes[node].input {
        return Some(input);
    }
    let mean_of = |operator: &Operator| match operator {
        Operator::Mean { from, to } if *to == node => net.nodes[*from].input,
        _ => None,
    };
    net.operators.iter().find_map(mean_of)
}
