//! The place where a graph's last layer ends and the decoding of its numbers begins.

use super::constants::attribute;
use super::{Reader, Value, constants};
use crate::fit::kernels::Grid;
use crate::fit::objective::Objective;
use concert_models::onnx::proto::NodeProto;

/// The tensor whose numbers the objective decodes.
///
/// # Errors
/// A graph that ends otherwise than the objective's decoding.
pub(super) fn find<'a>(
    reader: &Reader<'a>,
    objective: &Objective,
    grid: Grid,
) -> Result<&'a str, String> {
    let output = reader.graph.output.first();
    let output = output.and_then(|output| output.name.as_deref());
    let mut at = Place {
        reader,
        name: reader.root(output.unwrap_or_default()),
    };
    if grid.cells() == 1 {
        at = at.skip(&["Reshape", "Flatten", "Squeeze"]);
    }
    let end = match *objective {
        Objective::LogDepth => at.skip(&["Clip"]).logarithm(),
        Objective::Normal => at.before(&["Div", "LpNormalization"]),
        Objective::Edge { .. } | Objective::Unit => at.before(&["Sigmoid"]),
        Objective::Compressed { scale } => at.before_scaling(scale),
        Objective::Classes { .. } => Some(at.before(&["Softmax"]).unwrap_or(at)),
        // Two layers, which `heads` finds.
        Objective::Boxes { .. } => None,
    };
    let end = end.ok_or_else(|| {
        format!(
            "its output is not decoded as {} is",
            match objective {
                Objective::LogDepth => "the logarithm of a depth",
                Objective::Normal => "a direction",
                Objective::Compressed { .. } => "a compressed number",
                Objective::Boxes { .. } => "boxes of `concert fit`",
                _ => "a probability",
            }
        )
    })?;
    Ok(end.name)
}

/// A tensor of the graph.
#[derive(Clone, Copy)]
struct Place<'r, 'a> {
    reader: &'r Reader<'a>,
    name: &'a str,
}

impl<'r, 'a> Place<'r, 'a> {
    fn maker(self) -> Option<&'a NodeProto> {
        self.reader.makers.get(self.name).copied()
    }

    fn input(self, node: &'a NodeProto, at: usize) -> Option<Self> {
        let name = node.input.get(at)?;
        let name = self.reader.root(name);
        Some(Self { name, ..self })
    }

    /// The input of the node of one of these kinds that made this; `None` where another
    /// did.
    fn before(self, kinds: &[&str]) -> Option<Self> {
        let maker = self.maker()?;
        let known = kinds.contains(&maker.op_type());
        known.then(|| self.input(maker, 0)).flatten()
    }

    /// The tensor before nodes of these kinds, if there are some.
    fn skip(self, kinds: &[&str]) -> Self {
        self.before(kinds).map_or(self, |input| input.skip(kinds))
    }

    fn number(self) -> Option<f32> {
        if let Some(Value::Constant(constant)) = self.reader.values.get(self.name) {
            return constant.values.first().copied();
        }
        let maker = self.maker().filter(|maker| maker.op_type() == "Constant")?;
        constants::from_node(maker)?.values.first().copied()
    }

    /// The logarithm of what is a power of e, times the focal length's share.
    fn logarithm(self) -> Option<Self> {
        let maker = self.maker()?;
        if maker.op_type() == "Exp" {
            return Some(self.input(maker, 0)?.skip(&["Clip"]));
        }
        if maker.op_type() != "Mul" {
            return None;
        }
        let sides = [self.input(maker, 0)?, self.input(maker, 1)?];
        let power = |side: &Self| side.skip(&["Clip"]).before(&["Exp"]);
        let (at, log) = (0..2).find_map(|at| Some((at, power(&sides[at])?)))?;
        sides[1 - at]
            .is_of_the_camera()
            .then(|| log.skip(&["Clip"]))
    }

    /// True where it is made of an input that is no level, and of constants.
    fn is_of_the_camera(self) -> bool {
        match self.maker() {
            _ if self.number().is_some() => true,
            None => !self.reader.values.contains_key(self.name),
            Some(node) => {
                let plain = ["Mul", "Div", "Reshape", "Unsqueeze", "Cast"];
                let inputs = (0..node.input.len()).filter_map(|at| self.input(node, at));
                plain.contains(&node.op_type()) && inputs.into_iter().all(Self::is_of_the_camera)
            }
        }
    }

    /// The tensor that is clipped and then multiplied by the scale.
    fn before_scaling(self, scale: f32) -> Option<Self> {
        let maker = self.maker().filter(|maker| maker.op_type() == "Mul")?;
        let sides = [self.input(maker, 0)?, self.input(maker, 1)?];
        let at = (0..2).find(|at| sides[*at].number() == Some(scale))?;
        let held = sides[1 - at];
        let clips = held
            .maker()
            .is_some_and(|maker| maker.op_type() == "Clip" || attribute(maker, "max").is_some());
        clips.then(|| held.skip(&["Clip"]))
    }
}
