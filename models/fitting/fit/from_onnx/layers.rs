//! The layers of a graph, one operator after another, as operators of the net.

use std::collections::HashSet;

use super::super::kernels::Grid;
use super::super::net::{NodeId, Operator};
use super::constants::{self, attribute};
use super::{Reader, Value, describe, no_counterpart};
use concert_models::onnx::proto::NodeProto;
use concert_models::rng::Rng;

impl<'a> Reader<'a> {
    pub(super) fn add_convolution(
        &mut self,
        node: &'a NodeProto,
        output: &'a str,
    ) -> Result<NodeId, String> {
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
    pub(super) fn add_layer(
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
    pub(super) fn rectifier(&self, node: &'a NodeProto) -> Result<f32, String> {
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
    pub(super) fn add_rectifier(
        &mut self,
        node: &'a NodeProto,
        most: f32,
    ) -> Result<NodeId, String> {
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

    pub(super) fn add_sum(&mut self, node: &'a NodeProto) -> Result<NodeId, String> {
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

    pub(super) fn add_resampling(&mut self, node: &'a NodeProto) -> Result<NodeId, String> {
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

    pub(super) fn add_mean(&mut self, node: &'a NodeProto) -> Result<NodeId, String> {
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

    pub(super) fn concatenate(&self, node: &'a NodeProto) -> Result<Value, String> {
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
