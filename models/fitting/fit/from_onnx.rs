//! The net of a readout that was built elsewhere, by the structure of its
//! graph: what it computes up to its last layer, with its weights, so that a
//! fit can go on from there.
//!
//! Known are convolutions of 1×1 and 3×3 (whole, or a channel by itself),
//! rectifiers up to any number, sums, linear interpolation, means over the frame
//! and their concatenation; of boxes, one layer of heat maps and one of boxes at the
//! end. Everything else is refused by name: a net that computes something else is no
//! start.

mod constants;
mod heads;
mod layers;
mod scaling;
mod tail;

use std::collections::{HashMap, HashSet};

use super::convolutional::Scaling;
use super::kernels::Grid;
use super::net::{Net, NodeId};
use super::objective::Objective;
use super::representations::{Arrangement, RepresentationLayout};
use concert_models::card::{Read, ReadFrom};
use concert_models::onnx::Checked;
use concert_models::onnx::proto::{GraphProto, NodeProto};
use constants::{Constant, constant};
use heads::Heads;
use scaling::fold_scaling;
pub(crate) use scaling::readers;

/// A net, its weights, and how it wants its inputs scaled.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) net: Net,
    pub(crate) weights: Vec<f32>,
    pub(crate) scaling: Scaling,
}

/// A graph that is read back, and what is known of it.
pub(crate) struct GraphReadout<'a> {
    pub(crate) network: &'a Checked,
    /// The card's.
    pub(crate) reads: &'a [Read],
    pub(crate) layout: &'a RepresentationLayout,
    pub(crate) objective: Objective,
    /// For every class the graph's own that it begins with, of a target that has some.
    pub(crate) classes: Option<Vec<Option<usize>>>,
    /// The output's grid.
    pub(crate) grid: Grid,
}

impl GraphReadout<'_> {
    /// The net of the graph, for inputs of this scale where it can be folded
    /// into the weights. Where classes are others, the last layer begins anew, but for
    /// boxes of classes that the graph knows.
    ///
    /// # Errors
    /// Which part of the graph has no counterpart, in words.
    pub(crate) fn start(&self, scaling: &Scaling) -> Result<Start, String> {
        let graph = self.network.graph();
        let mut reader = Reader::new(graph, self.objective.channels());
        reader.add_inputs(self.reads, self.layout)?;
        let output = match self.objective {
            Objective::Boxes { classes } => {
                let known = self.classes.as_deref().unwrap_or_default();
                let heads = Heads::find(&reader)?;
                for node in reader.nodes_before(&heads.outputs()) {
                    if !heads.has(node) {
                        reader.add_node(node)?;
                    }
                }
                reader.add_heads(&heads, classes, known)?
            }
            _ => {
                let tail = tail::find(&reader, &self.objective, self.grid)?;
                reader.last = Some(tail);
                for node in reader.nodes_before(&[tail]) {
                    reader.add_node(node)?;
                }
                match reader.values.get(tail) {
                    Some(Value::Plane(node)) => *node,
                    _ => return Err(format!("its last layer {tail} is no plane of numbers")),
                }
            }
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

/// The number of classes whose centres a graph of boxes finds, where it is of this form.
pub(crate) fn classes_of_boxes(graph: &GraphProto) -> Option<usize> {
    let reader = Reader::new(graph, 0);
    reader.classes_of(&Heads::find(&reader).ok()?)
}

/// The counterpart of a tensor of the graph.
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
    /// Number of readers of each tensor, what is renamed counted as itself.
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

    /// The nodes that these tensors need, in the graph's order, which is one in which
    /// they can be computed.
    fn nodes_before(&self, tails: &[&'a str]) -> Vec<&'a NodeProto> {
        let mut wanted: HashSet<&str> = tails.iter().copied().collect();
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

    /// True where there is an input; those that are left out have no name.
    fn has(node: &NodeProto, at: usize) -> bool {
        node.input.get(at).is_some_and(|name| !name.is_empty())
    }
}

fn describe(node: &NodeProto) -> String {
    let output = node.output.first().map_or("", String::as_str);
    let output: String = output.escape_default().take(60).collect();
    format!("its node {} ({output})", node.op_type())
}

fn no_counterpart(node: &NodeProto) -> String {
    format!("{} has no counterpart in a small network", describe(node))
}
