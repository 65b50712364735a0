//! Sizes that the tensors of a graph reach, told before anything runs.
//!
//! An engine makes what a graph asks for, while it loads (constants) and while it
//! runs; a file of a kilobyte can ask for terabytes. So shapes, and the numbers
//! that shapes are computed from, are followed through every node, as bounds: what
//! depends on data is as large as it can get. An operator that has no rule here is
//! not allowed, and one whose result has no bound is refused.
//!
//! Open axes of an input (`batch`, -1) count as nominal: as many as are given
//! where somebody knows, else 1 for the first and 224 for others.

mod arithmetic;
mod arrange;
mod bodies;
mod content;
mod create;
mod fact;
mod layers;
mod operators;
mod reduce;
mod signal;
mod step;

use std::collections::HashMap;

use super::check::{CheckError, CheckLimits};
use super::names::{self, node_label};
use super::proto::{GraphProto, ModelProto, NodeProto};

pub(super) use fact::{Fact, Length, Number, Sure, product, stored, type_of};
use fact::{MAX_NUMBERS, stated};
pub(super) use operators::is_allowed;
use step::Step;

/// Facts by the names of a graph's values.
pub(super) type Facts<'a> = HashMap<&'a str, Fact>;

/// Infers a whole graph. `given` says how long the axes of inputs are.
///
/// # Errors
/// The first tensor that may become larger than `limits` allow or has no bound.
pub(super) fn infer<'a>(
    envelope: &ModelProto,
    graph: &'a GraphProto,
    given: &[(String, Vec<usize>)],
    limits: &CheckLimits,
) -> Result<Facts<'a>, CheckError> {
    let imports = envelope.opset_import.iter();
    let versions = imports.filter(|import| names::domain(import.domain()) == "ai.onnx");
    let mut walk = Walk {
        opset: versions.map(|import| import.version()).max().unwrap_or(0),
        limits,
        made: 0,
        folded: 0,
    };
    let mut facts = Facts::new();
    for input in &graph.input {
        let given = given.iter().find(|(name, _)| name == input.name());
        facts.insert(
            input.name(),
            stated(input, given.map(|(_, shape)| &shape[..])),
        );
    }
    walk.graph(graph, facts, None, 1)
}

/// Facts of what encloses a body.
struct Around<'s> {
    facts: &'s HashMap<&'s str, Fact>,
    around: Option<&'s Around<'s>>,
}

impl<'s> Around<'s> {
    fn find(&self, name: &str) -> Option<&'s Fact> {
        let further = || self.around.and_then(|around| around.find(name));
        self.facts.get(name).or_else(further)
    }
}

struct Walk<'l> {
    opset: i64,
    limits: &'l CheckLimits,
    /// Elements made so far, by one run of the graph.
    made: u64,
    /// Those of them that are made of constants alone.
    folded: u64,
}

impl Walk<'_> {
    /// A graph whose inputs are known; it runs `times` times.
    fn graph<'a>(
        &mut self,
        graph: &'a GraphProto,
        mut facts: Facts<'a>,
        around: Option<&Around<'_>>,
        times: u64,
    ) -> Result<Facts<'a>, CheckError> {
        for tensor in &graph.initializer {
            facts.insert(tensor.name(), stored(tensor));
        }
        for (index, node) in graph.node.iter().enumerate() {
            let made = {
                let here = Around {
                    facts: &facts,
                    around,
                };
                let inputs = node.input.iter().map(|name| here.find(name)).collect();
                let step = Step {
                    node,
                    opset: self.opset,
                    inputs,
                };
                self.node(index, &step, &here, times)?
            };
            let mut made = made.into_iter();
            for name in node.output.iter() {
                if let Some(fact) = made.next()
                    && !name.is_empty()
                {
                    facts.insert(name, fact);
                }
            }
        }
        Ok(facts)
    }

    fn node(
        &mut self,
        index: usize,
        step: &Step<'_>,
        here: &Around<'_>,
        times: u64,
    ) -> Result<Vec<Fact>, CheckError> {
        let node = step.node;
        let unbounded = |what: String| CheckError::Unbounded {
            node: node_label(index, node),
            what,
        };
        let mut made = match node.op_type() {
            "If" => self.branches(node, here, times)?,
            "Scan" => self.scan(index, step, here, times)?,
            "Loop" => self.repeat(index, step, here, times)?,
            _ => operators::apply(step).map_err(unbounded)?,
        };
        // A graph that reads from outside is not of constants alone.
        let closed = names::subgraphs(node).next().is_none();
        let constant =
            closed && !step.is_random() && step.inputs.iter().flatten().all(|fact| fact.constant);
        // What a rule says nothing of is no larger than what it speaks of.
        let largest = made.iter().map(|fact| fact.elements).max();
        let largest = largest.unwrap_or_else(|| step.elements());
        made.resize_with(made.len().max(node.output.len()), || Fact::lump(0, largest));
        for fact in &mut made {
            fact.constant = constant;
            self.hold(index, node, fact, times)?;
        }
        Ok(made)
    }

    /// Holds one tensor, and all together, to the limits.
    fn hold(
        &mut self,
        index: usize,
        node: &NodeProto,
        fact: &Fact,
        times: u64,
    ) -> Result<(), CheckError> {
        let limits = self.limits;
        let rank = fact.rank().unwrap_or(0);
        if rank > limits.max_rank {
            return Err(CheckError::TooMany {
                what: "axes of one tensor",
                found: rank,
                limit: limits.max_rank,
            });
        }
        if fact.elements > limits.max_elements {
            let lengths = fact.shape.iter().flatten();
            let lengths = lengths.map(|length| i64::try_from(length.value).unwrap_or(i64::MAX));
            let lump = || vec![i64::try_from(fact.elements).unwrap_or(i64::MAX)];
            return Err(CheckError::TooLarge {
                tensor: node_label(index, node),
                shape: match &fact.shape {
                    Some(shape) if product(shape) == fact.elements => lengths.collect(),
                    _ => lump(),
                },
                limit: limits.max_elements,
            });
        }
        // Views of a tensor cost nothing.
        if matches!(
            node.op_type(),
            "Identity" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten"
        ) {
            return Ok(());
        }
        let elements = fact.elements.saturating_mul(times);
        self.made = self.made.saturating_add(elements);
        let mut sums = vec![(self.made, limits.max_made_elements, "a run")];
        if fact.constant {
            self.folded = self.folded.saturating_add(elements);
            sums.push((
                self.folded,
                limits.max_folded_elements,
                "loading, of constants alone",
            ));
        }
        match sums.into_iter().find(|(made, limit, _)| made > limit) {
            None => Ok(()),
            Some((made, limit, when)) => Err(CheckError::TooMuch {
                node: node_label(index, node),
                made,
                limit,
                when,
            }),
        }
    }
}
