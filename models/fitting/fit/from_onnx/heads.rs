//! Two last layers that read the same planes: heat maps of centres, and the boxes beside
//! them. The net has one layer for both.

use super::super::net::NodeId;
use super::constants::is_plain_convolution;
use super::{Reader, describe};
use crate::fit::objective::boxes::{BOX_PLANES, FIRST_LOGIT};
use concert_models::onnx::proto::NodeProto;
use concert_models::rng::Rng;

/// The last layers of a graph of boxes.
pub(super) struct Heads<'a> {
    /// Of the heat maps, one output per class.
    pub(super) heat: &'a NodeProto,
    /// Of offset and size.
    pub(super) boxes: &'a NodeProto,
}

impl<'a> Heads<'a> {
    /// The layer whose numbers become scores, and the one that stands behind it in the
    /// planes that scores are a slice of; both read the same.
    ///
    /// # Errors
    /// A graph that has no two such layers.
    pub(super) fn find(reader: &Reader<'a>) -> Result<Self, String> {
        let maker = |node: &'a NodeProto, at: usize| {
            let name = reader.root(node.input.get(at)?);
            reader.makers.get(name).copied()
        };
        let kind =
            |node: Option<&'a NodeProto>, kind: &str| node.filter(|node| node.op_type() == kind);
        let mut nodes = reader.graph.node.iter();
        let score = nodes.find(|node| node.op_type() == "Sigmoid");
        let slice = kind(score.and_then(|score| maker(score, 0)), "Slice");
        let planes = kind(slice.and_then(|slice| maker(slice, 0)), "Concat");
        let planes = planes.filter(|planes| planes.input.len() == 2);
        let layer = |at: usize| kind(planes.and_then(|planes| maker(planes, at)), "Conv");
        let (Some(heat), Some(boxes)) = (layer(0), layer(1)) else {
            return Err("its scores are no slice of heat maps and boxes of two layers".to_owned());
        };
        let input = |node: &'a NodeProto| node.input.first().map(|name| reader.root(name));
        match input(heat) == input(boxes) {
            true => Ok(Self { heat, boxes }),
            false => Err("its heat maps and boxes read different planes".to_owned()),
        }
    }

    /// The tensors that both layers make.
    pub(super) fn outputs(&self) -> Vec<&'a str> {
        let both = [self.heat, self.boxes].into_iter();
        both.filter_map(|node| node.output.first().map(String::as_str))
            .collect()
    }

    pub(super) fn has(&self, node: &NodeProto) -> bool {
        [self.heat, self.boxes]
            .iter()
            .any(|head| std::ptr::eq(*head, node))
    }
}

impl<'a> Reader<'a> {
    /// The one layer of `classes` heat maps and of boxes. A class that `known` gives a
    /// number begins as the graph's own of that number does; where no number is known
    /// and the graph has as many, each as its own; the others begin anew, with low
    /// scores everywhere.
    pub(super) fn add_heads(
        &mut self,
        heads: &Heads<'a>,
        classes: usize,
        known: &[Option<usize>],
    ) -> Result<NodeId, String> {
        let planes = self.plane(heads.heat, 0)?;
        let node = self.net.nodes[planes];
        let (of_graph, bias_of_graph) = self.head(heads.heat, node.channels)?;
        let is_same = known.iter().all(Option::is_none) && bias_of_graph.len() == classes;
        let mut rng = Rng::from_seed(1);
        let scale = 0.1 * (2.0 / node.channels as f32).sqrt();
        let (mut kernel, mut bias) = (Vec::new(), Vec::new());
        for class in 0..classes {
            let own = if is_same {
                Some(class)
            } else {
                known.get(class).copied().flatten()
            };
            match own.and_then(|own| Some((own, bias_of_graph.get(own)?))) {
                Some((own, first)) => {
                    let weights = &of_graph[own * node.channels..][..node.channels];
                    kernel.extend_from_slice(weights);
                    bias.push(*first);
                }
                None => {
                    kernel.extend((0..node.channels).map(|_| scale * rng.normal()));
                    bias.push(FIRST_LOGIT);
                }
            }
        }
        let (of_boxes, bias_of_boxes) = self.head(heads.boxes, node.channels)?;
        if bias_of_boxes.len() != BOX_PLANES {
            return Err(format!(
                "{} has {} outputs, but a box has {BOX_PLANES} numbers",
                describe(heads.boxes),
                bias_of_boxes.len()
            ));
        }
        kernel.extend(of_boxes);
        bias.extend(bias_of_boxes);
        let to = self.net.node(classes + BOX_PLANES, node.grid);
        self.add_layer("output", (&[planes], to), 1, &kernel, &bias);
        Ok(to)
    }

    /// Kernel and biases of a layer of 1×1.
    fn head(&self, node: &'a NodeProto, channels: usize) -> Result<(Vec<f32>, Vec<f32>), String> {
        let kernel = self.constant(node, 1)?;
        let [outputs, inputs, 1, 1] = kernel.dims[..] else {
            return Err(format!("{} is no layer of 1×1", describe(node)));
        };
        let mut bias = vec![0.0; outputs];
        if Self::has(node, 2) {
            bias.clone_from(&self.constant(node, 2)?.values);
        }
        if inputs != channels || bias.len() != outputs || !is_plain_convolution(node, 1) {
            return Err(format!("{} is no plain layer", describe(node)));
        }
        Ok((kernel.values.clone(), bias))
    }

    /// The number of classes of the heat maps.
    pub(super) fn classes_of(&self, heads: &Heads<'a>) -> Option<usize> {
        let kernel = heads.heat.input.get(1)?;
        let maker = self.makers.get(self.root(kernel));
        let stored = maker.and_then(|cast| cast.input.first()).unwrap_or(kernel);
        let mut tensors = self.graph.initializer.iter();
        let tensor = tensors.find(|tensor| tensor.name() == self.root(stored))?;
        usize::try_from(*tensor.dims.first()?).ok()
    }
}
