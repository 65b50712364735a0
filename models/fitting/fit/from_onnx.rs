//! The net of a readout that was built elsewhere, by the structure of its
//! graph: what it computes up to its last layer, with its weights, so that a
//! fit can go on from there.
//!
//! Known are convolutions of 1×1 and 3×3 (whole, or a channel by itself),
//! rectifiers up to any number, sums, linear interpolation, means over the frame
//! and their concatenation. Everything else is refused by name: a net that
//! computes something else is no start.

mod constants;
mod tail;

use std::collections::{HashMap, HashSet};

use super::convolutional::Scaling;
use super::kernels::Grid;
use super::net::{Net, NodeId, Operator};
use super::objective::Objective;
use super::representations::{Arrangement, RepresentationLayout};
use concert_models::card::{Read, ReadFrom};
use concert_models::onnx::Checked;
use concert_models::onnx::proto::{GraphProto, NodeProto};
use concert_models::rng::Rng;
use constants::{Constant, attribute, constant};

/// A net, its weights, and how it wants its inputs scaled.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) net: Net,
    pub(crate) weights: Vec<f32>,
    pub(crate) scaling: Scaling,
}

/// What is read back.
pub(crate) struct Source<'a> {
    pub(crate) network: &'a Checked,
    /// The card's.
    pub(crate) reads: &'a [Read],
    pub(crate) layout: &'a RepresentationLayout,
    pub(crate) objective: Objective,
    /// The output's grid.
    pub(crate) grid: Grid,
}

impl Source<'_> {
    /// The net of the graph, for inputs of this scale where it can be folded
    /// into the weights. Where classes are others, the last layer begins anew.
    ///
    /// # Errors
    /// Which part of the graph has no counterpart, in words.
    pub(crate) fn start(&self, scaling: &Scaling) -> Result<Start, String> {
        let graph = self.network.graph();
        let mut reader = Reader::new(graph, self.objective.channels());
        reader.add_inputs(self.reads, self.layout)?;
        let tail = tail::find(&reader, &self.objective, self.grid)?;
        reader.last = Some(tail);
        for node in reader.nodes_before(tail) {
            reader.add_node(node)?;
        }
        let output = match reader.values.get(tail) {
            Some(Value::Plane(node)) => *node,
            _ => return Err(format!("its last layer {tail} is no plane of numbers")),
        };
        reader.net.output = output;
        let found = reader.net.nodes[output];
        let expected = (self.objective.channels(), self.grid);
        if (found.channels, found.grid) != expected {
            let (channels, grid) = expected;
            return Err(format!(
                "its output is [{}, {}, {}], but must be [{channels}, {}, {}]",
                found.channels, found.grid.height, found.grid.width, grid.height, grid.width
            ));
        }
        if reader.net.nodes[output].input.is_some() {
            return Err("it has no layer".to_owned());
        }
        let Reader { net, weights, .. } = reader;
        Ok(fold_scaling(net, weights, scaling))
    }
}

/// What a tensor of the graph is.
#[derive(Debug, Clone)]
enum Value {
    /// A node of the net.
    Plane(NodeId),
    /// Nodes, one after another along the channels.
    Planes(Vec<NodeId>),
    Constant(Constant),
}

/// Reads a graph node by node.
struct Reader<'a> {
    graph: &'a GraphProto,
    /// The node that makes each tensor.
    makers: HashMap<&'a str, &'a NodeProto>,
    /// The tensor that each renamed one is.
    roots: HashMap<&'a str, &'a str>,
    /// How often each tensor is read, what is renamed counted as itself.
    uses: HashMap<&'a str, usize>,
    values: HashMap<&'a str, Value>,
    net: Net,
    weights: Vec<f32>,
    /// Channels that the output must have, and the tensor that it is.
    channels: usize,
    last: Option<&'a str>,
    layers: usize,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a GraphProto, channels: usize) -> Self {
        let mut reader = Self {
            graph,
            makers: HashMap::new(),
            roots: HashMap::new(),
            uses: HashMap::new(),
            values: HashMap::new(),
            net: Net::default(),
            weights: Vec::new(),
            channels,
            last: None,
            layers: 0,
        };
        for tensor in &graph.initializer {
            if let (Some(name), Some(constant)) = (tensor.name.as_deref(), constant(tensor)) {
                reader.values.insert(name, Value::Constant(constant));
            }
        }
        for node in &graph.node {
            for output in &node.output {
                reader.makers.insert(output, node);
            }
            if let ("Identity" | "Dropout", [input, ..], [output, ..]) =
                (node.op_type(), &node.input[..], &node.output[..])
            {
                let root = reader.root(input);
                reader.roots.insert(output, root);
                continue;
            }
            for input in &node.input {
                *reader.uses.entry(reader.root(input)).or_default() += 1;
            }
        }
        reader
    }

    fn root(&self, name: &'a str) -> &'a str {
        self.roots.get(name).copied().unwrap_or(name)
    }

    /// Every view becomes an input, whether the graph reads it or not.
    fn add_inputs(
        &mut self,
        reads: &'a [Read],
        layout: &RepresentationLayout,
    ) -> Result<(), String> {
        let nodes: Vec<NodeId> = (layout.views.iter())
            .map(|view| self.net.input(view.channels, view.grid))
            .collect();
        for read in reads {
            let ReadFrom::Level {
                source,
                level,
                frames_back,
            } = &read.from
            else {
                continue;
            };
            if *frames_back > 0 {
                return Err(format!("it reads {source} {frames_back} frames back"));
            }
            let of_level = |(own, _): &(Read, Vec<usize>)| match &own.from {
                ReadFrom::Level {
                    source: from,
                    level: name,
                    ..
                } => (from, name) == (source, level),
                _ => false,
            };
            let at = layout.reads.iter().position(of_level);
            let at = at.ok_or_else(|| format!("it reads {source} {level}, which is not there"))?;
            let plain = |view: &super::representations::View| {
                view.read == at
                    && matches!(view.arrangement, Arrangement::Planes | Arrangement::Vector)
            };
            let view = layout.views.iter().position(plain);
            let view = view.ok_or_else(|| format!("level {level} of {source} is of tokens"))?;
            self.values.insert(&read.tensor, Value::Plane(nodes[view]));
        }
        Ok(())
    }

    /// The nodes that `tail` needs, in the graph's order, which is one in which
    /// they can be computed.
    fn nodes_before(&self, tail: &'a str) -> Vec<&'a NodeProto> {
        let mut wanted = HashSet::from([tail]);
        let mut needed: Vec<&NodeProto> = Vec::new();
        for node in self.graph.node.iter().rev() {
            let makes = |name: &String| wanted.contains(name.as_str());
            if node.output.iter().any(makes) {
                wanted.extend(node.input.iter().map(String::as_str));
                needed.push(node);
            }
        }
        needed.reverse();
        needed
    }

    fn add_node(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let Some(output) = node.output.first() else {
            return Ok(());
        };
        let value = match node.op_type() {
            "Identity" | "Dropout" => return Ok(()),
            "Constant" => {
                Value::Constant(constants::from_node(node).ok_or_else(|| no_counterpart(node))?)
            }
            // Weights that are stored in half precision.
            "Cast" => Value::Constant(self.constant(node, 0)?.clone()),
            "Conv" => Value::Plane(self.add_convolution(node, output)?),
            "Relu" => Value::Plane(self.add_rectifier(node, f32::INFINITY)?),
            "Clip" => {
                let most = self.rectifier(node)?;
                Value::Plane(self.add_rectifier(node, most)?)
            }
            "Add" => Value::Plane(self.add_sum(node)?),
            "Resize" => Value::Plane(self.add_resampling(node)?),
            "GlobalAveragePool" | "ReduceMean" => Value::Plane(self.add_mean(node)?),
            "Concat" => self.concatenate(node)?,
            _ => return Err(no_counterpart(node)),
        };
        self.values.insert(output, value);
        Ok(())
    }

    fn value(&self, node: &'a NodeProto, at: usize) -> Result<&Value, String> {
        let name = node.input.get(at).map_or("", String::as_str);
        let found = self.values.get(self.root(name));
        found.ok_or_else(|| format!("{} reads {name:?}, which is not known", describe(node)))
    }

    fn plane(&self, node: &'a NodeProto, at: usize) -> Result<NodeId, String> {
        match self.value(node, at)? {
            Value::Plane(plane) => Ok(*plane),
            _ => Err(format!(
                "input {at} of {} is no plane of numbers",
                describe(node)
            )),
        }
    }

    fn constant(&self, node: &'a NodeProto, at: usize) -> Result<&Constant, String> {
        match self.value(node, at)? {
            Value::Constant(constant) => Ok(constant),
            _ => Err(format!("input {at} of {} is not constant", describe(node))),
        }
    }

    /// Whether there is an input; those that are left out have no name.
    fn has(node: &NodeProto, at: usize) -> bool {
        node.input.get(at).is_some_and(|name| !name.is_empty())
    }

    fn add_convolution(&mut self, node: &'a NodeProto, output: &'a str) -> Result<NodeId, String> {
        let planes = match self.value(node, 0)? {
            Value::Plane(plane) => vec![*plane],
            Value::Planes(planes) => planes.clone(),
            Value::Constant(_) => return Err(no_counterpart(node)),
        };
        let kernel = self.constant(node, 1)?;
        let [outputs, inputs, height, width] = kernel.dims[..] else {
            return Err(no_counterpart(node));
        };
        let mut bias = vec![0.0; outputs];
        if Self::has(node, 2) {
            bias.clone_from(&self.constant(node, 2)?.values);
        }
        let kernel = kernel.values.clone();
        let channels = |node: &NodeId| self.net.nodes[*node].channels;
        let all: usize = planes.iter().map(channels).sum();
        let groups = attribute(node, "group").and_then(|a| a.i).unwrap_or(1) as usize;
        let plain = constants::is_plain_convolution(node, height)
            && height == width
            && (height == 1 || height == 3)
            && bias.len() == outputs;
        let grid = self.net.nodes[planes[0]].grid;
        let name = format!("layer{}", self.layers);
        self.layers += 1;
        if plain && groups == 1 && inputs == all {
            if Some(output) == self.last && outputs != self.channels {
                return self.add_class_layer(&planes, grid);
            }
            let to = self.net.node(outputs, grid);
            self.add_layer(&name, (&planes, to), height, &kernel, &bias);
            return Ok(to);
        }
        let depthwise = groups == all && outputs == all && inputs == 1 && height == 3;
        if plain && depthwise && planes.len() == 1 {
            let to = self.net.node(outputs, grid);
            self.net.depthwise(&name, planes[0], to);
            self.write_weights(&name, &kernel, &bias);
            return Ok(to);
        }
        Err(format!(
            "{} of {inputs} of {all} channels with a kernel of {height}×{width} is neither whole nor \
             by channel, of 1×1 or 3×3",
            describe(node)
        ))
    }

    /// A convolution of planes that lie one after another along the channels.
    fn add_layer(
        &mut self,
        name: &str,
        (planes, to): (&[NodeId], NodeId),
        side: usize,
        kernel: &[f32],
        bias: &[f32],
    ) {
        let (outputs, taps) = (bias.len(), side * side);
        let all = kernel.len() / outputs;
        let mut start = 0;
        for (at, plane) in planes.iter().enumerate() {
            let name = match at {
                0 => name.to_owned(),
                _ => format!("{name}.part{at}"),
            };
            let length = self.net.nodes[*plane].channels * taps;
            let rows = kernel.chunks_exact(all);
            let part: Vec<f32> = rows
                .flat_map(|row| &row[start..start + length])
                .copied()
                .collect();
            let zeros = vec![0.0; outputs];
            self.net.placeless_convolution(&name, *plane, to, side);
            self.write_weights(&name, &part, if at == 0 { bias } else { &zeros });
            start += length;
        }
    }

    /// A last layer of other classes, which begins near 0.
    fn add_class_layer(&mut self, planes: &[NodeId], grid: Grid) -> Result<NodeId, String> {
        let to = self.net.node(self.channels, grid);
        let inputs: usize = planes
            .iter()
            .map(|node| self.net.nodes[*node].channels)
            .sum();
        let mut rng = Rng::from_seed(1);
        let scale = 0.1 * (2.0 / inputs as f32).sqrt();
        let kernel: Vec<f32> = (0..inputs * self.channels)
            .map(|_| scale * rng.normal())
            .collect();
        let bias = vec![0.0; self.channels];
        self.add_layer("classes", (planes, to), 1, &kernel, &bias);
        Ok(to)
    }

    /// Writes the weights of the layer that was added last.
    fn write_weights(&mut self, name: &str, kernel: &[f32], bias: &[f32]) {
        self.weights.resize(self.net.weights, 0.0);
        for (suffix, values) in [("weight", kernel), ("bias", bias)] {
            let name = format!("{name}.{suffix}");
            let block = self.net.blocks().find(|block| block.name == name);
            let range = block.expect("it was added just now").range();
            self.weights[range].copy_from_slice(values);
        }
    }

    /// The upper end of a clip that is a rectifier.
    fn rectifier(&self, node: &'a NodeProto) -> Result<f32, String> {
        let bound = |at: usize, name: &str| -> Result<Option<f32>, String> {
            if Self::has(node, at) {
                return Ok(self.constant(node, at)?.values.first().copied());
            }
            Ok(attribute(node, name).and_then(|attribute| attribute.f))
        };
        match (bound(1, "min")?, bound(2, "max")?) {
            (Some(0.0), None) => Ok(f32::INFINITY),
            (Some(0.0), Some(most)) if most > 0.0 => Ok(most),
            (least, most) => Err(format!(
                "{} from {least:?} to {most:?} is no rectifier",
                describe(node)
            )),
        }
    }

    /// In place where nobody else reads what was before.
    fn add_rectifier(&mut self, node: &'a NodeProto, most: f32) -> Result<NodeId, String> {
        let before = self.plane(node, 0)?;
        let alone = self.uses.get(self.root(&node.input[0])) == Some(&1);
        let at = match alone && self.net.nodes[before].input.is_none() {
            true => before,
            false => self.add_copy(before),
        };
        match self.net.operators.last_mut() {
            // A rectifier of two parts, as some programs write it.
            Some(Operator::Relu {
                at: last,
                most: above,
            }) if *last == at => {
                *above = above.min(most);
            }
            _ => self.net.relu_up_to(at, most),
        }
        Ok(at)
    }

    fn add_copy(&mut self, from: NodeId) -> NodeId {
        let node = self.net.nodes[from];
        let to = self.net.node(node.channels, node.grid);
        self.net.add(from, to);
        to
    }

    fn add_sum(&mut self, node: &'a NodeProto) -> Result<NodeId, String> {
        let (a, b) = (self.plane(node, 0)?, self.plane(node, 1)?);
        let (first, second) = (self.net.nodes[a], self.net.nodes[b]);
        let (large, small, whole) = match first.grid.cells() >= second.grid.cells() {
            true => (a, b, first),
            false => (b, a, second),
        };
        let fits = first.channels == second.channels
            && [whole.grid, Grid::new(1, 1)].contains(&self.net.nodes[small].grid);
        if !fits {
            return Err(format!("{} of planes of different sizes", describe(node)));
        }
        let to = self.net.node(whole.channels, whole.grid);
        self.net.add(large, to);
        self.net.add(small, to);
        Ok(to)
    }

    fn add_resampling(&mut self, node: &'a NodeProto) -> Result<NodeId, String> {
        let from = self.plane(node, 0)?;
        let Grid { height, width } = self.net.nodes[from].grid;
        let linear = constants::is_half_pixel_linear(node);
        let to = if Self::has(node, 3) {
            let sizes = &self.constant(node, 3)?.integers;
            (sizes.len() == 4).then(|| Grid::new(sizes[2] as usize, sizes[3] as usize))
        } else if Self::has(node, 2) {
            let scales = &self.constant(node, 2)?.values;
            let scaled = |side: usize, scale: f32| {
                let to = side as f32 * scale;
                (to >= 1.0 && to.fract() == 0.0).then_some(to as usize)
            };
            let sides = |[_, _, y, x]: [f32; 4]| Some((scaled(height, y)?, scaled(width, x)?));
            let sides = <[f32; 4]>::try_from(&scales[..]).ok().and_then(sides);
            sides.map(|(height, width)| Grid::new(height, width))
        } else {
            None
        };
        let grid = to.filter(|to| linear && to.height > 1 && to.width > 1);
        let grid = grid.ok_or_else(|| {
            format!(
                "{} is not linear with centres of pixels at a half, to a constant size",
                describe(node)
            )
        })?;
        let to = self.net.node(self.net.nodes[from].channels, grid);
        self.net.resize(from, to);
        Ok(to)
    }

    fn add_mean(&mut self, node: &'a NodeProto) -> Result<NodeId, String> {
        let from = self.plane(node, 0)?;
        if node.op_type() == "ReduceMean" {
            let keeps = attribute(node, "keepdims").and_then(|a| a.i).unwrap_or(1) == 1;
            let axes = match Self::has(node, 1) {
                true => self.constant(node, 1)?.integers.clone(),
                false => attribute(node, "axes").map_or(Vec::new(), |a| a.ints.clone()),
            };
            let mut axes: Vec<i64> = axes.iter().map(|axis| axis.rem_euclid(4)).collect();
            axes.sort_unstable();
            if !keeps || axes != [2, 3] {
                return Err(format!("{} is not over the frame", describe(node)));
            }
        }
        let to = self
            .net
            .node(self.net.nodes[from].channels, Grid::new(1, 1));
        self.net.mean(from, to);
        Ok(to)
    }

    fn concatenate(&self, node: &'a NodeProto) -> Result<Value, String> {
        let axis = attribute(node, "axis").and_then(|a| a.i).unwrap_or(1);
        let mut all = Vec::new();
        for at in 0..node.input.len() {
            match self.value(node, at)? {
                Value::Plane(plane) => all.push(*plane),
                Value::Planes(planes) => all.extend(planes),
                Value::Constant(_) => return Err(no_counterpart(node)),
            }
        }
        let grids: HashSet<Grid> = all.iter().map(|at| self.net.nodes[*at].grid).collect();
        if ![1, -3].contains(&axis) || grids.len() != 1 {
            return Err(format!(
                "{} is not along channels of one grid",
                describe(node)
            ));
        }
        Ok(Value::Planes(all))
    }
}

/// Lets the net expect inputs of this scale, where it can be folded in: what
/// reads them must be whole convolutions of 1×1, of them or of their means.
fn fold_scaling(net: Net, mut weights: Vec<f32>, scaling: &Scaling) -> Start {
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
        let Some(input) = super::export::scaled_input(&net, *from) else {
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

/// What reads a node, its own rectifier included.
pub(super) fn readers(net: &Net, node: NodeId) -> impl Iterator<Item = &Operator> {
    net.operators.iter().filter(move |operator| match operator {
        Operator::Convolution { from, .. }
        | Operator::Depthwise { from, .. }
        | Operator::Resize { from, .. }
        | Operator::Mean { from, .. }
        | Operator::Add { from, .. } => *from == node,
        Operator::Relu { at, .. } => *at == node,
    })
}

fn describe(node: &NodeProto) -> String {
    let output = node.output.first().map_or("", String::as_str);
    let output: String = output.escape_default().take(60).collect();
    format!("its node {} ({output})", node.op_type())
}

fn no_counterpart(node: &NodeProto) -> String {
    format!("{} has no counterpart in a small network", describe(node))
}
