//! Bodies of `If`, `Scan` and `Loop`.

use super::fact::{Fact, either, product};
use super::step::{self, Step};
use super::{Around, Facts, Walk};
use crate::onnx::check::CheckError;
use crate::onnx::names::node_label;
use crate::onnx::proto::{GraphProto, NodeProto, ValueInfoProto};
use crate::onnx::{elem, names};

impl Walk<'_> {
    /// Both branches may be taken.
    pub(super) fn branches(
        &mut self,
        node: &NodeProto,
        here: &Around<'_>,
        times: u64,
    ) -> Result<Vec<Fact>, CheckError> {
        let mut made: Vec<Fact> = Vec::new();
        for body in names::subgraphs(node) {
            let facts = self.graph(body, Facts::new(), Some(here), times)?;
            let of = outputs(body, &facts, here);
            made = match made.is_empty() {
                true => of,
                false => made.iter().zip(&of).map(|(a, b)| either(a, b)).collect(),
            };
        }
        Ok(made)
    }

    /// The body of a `Scan` runs once per element of the scanned axes.
    pub(super) fn scan(
        &mut self,
        index: usize,
        step: &Step<'_>,
        here: &Around<'_>,
        times: u64,
    ) -> Result<Vec<Fact>, CheckError> {
        let label = || node_label(index, step.node);
        let unbounded = |what: &str| CheckError::Unbounded {
            node: label(),
            what: what.to_owned(),
        };
        let body = names::subgraphs(step.node).next();
        let body = body.ok_or_else(|| unbounded("its body"))?;
        let scanned = step.int("num_scan_inputs").unwrap_or(0);
        let scanned = usize::try_from(scanned)
            .ok()
            .filter(|&n| n >= 1 && n <= step.inputs.len());
        let scanned = scanned.ok_or_else(|| unbounded("how often its body runs"))?;
        // Of version 8: lengths of sequences first, and a batch around all.
        let old = usize::from(self.opset < 9);
        let states = step.inputs.len().saturating_sub(scanned + old);
        let mut trips = 0;
        let mut bound = Facts::new();
        for (place, input) in body.input.iter().enumerate() {
            let fact = step.inputs.get(place + old).copied().flatten();
            let mut fact = fact
                .cloned()
                .ok_or_else(|| unbounded("one of its inputs"))?;
            fact.constant = false;
            fact.numbers = None;
            if place >= states {
                let axes = step.ints("scan_input_axes").unwrap_or_default();
                let axis = axes.get(place - states).copied().unwrap_or(0);
                let shape = fact.shape.as_mut();
                let shape = shape.ok_or_else(|| unbounded("the rank of what it scans"))?;
                if old == 1 && !shape.is_empty() {
                    shape.remove(0);
                }
                let axis = step::axis(axis, shape.len());
                let axis = axis.ok_or_else(|| unbounded("the axis that it scans"))?;
                trips = trips.max(shape.remove(axis).value);
                fact.elements = product(shape);
            }
            bound.insert(input.name(), fact);
        }
        let before: Vec<u64> = body
            .input
            .iter()
            .take(states)
            .map(|input| bound[input.name()].elements)
            .collect();
        let trips = trips.max(1);
        let facts = self.graph(body, bound, Some(here), times.saturating_mul(trips))?;
        let made = outputs(body, &facts, here);
        let grows = made
            .iter()
            .zip(&before)
            .any(|(made, before)| made.elements > *before);
        if grows {
            return Err(unbounded("a state, which grows whenever its body runs"));
        }
        let stacked = |(place, mut fact): (usize, Fact)| {
            if place >= states {
                fact.elements = fact.elements.saturating_mul(trips);
                fact.shape = None;
            }
            fact.numbers = None;
            fact
        };
        Ok(made.into_iter().enumerate().map(stacked).collect())
    }

    /// The body of a `Loop` runs as often as a constant says, where loops are
    /// allowed at all.
    pub(super) fn repeat(
        &mut self,
        index: usize,
        step: &Step<'_>,
        here: &Around<'_>,
        times: u64,
    ) -> Result<Vec<Fact>, CheckError> {
        let unbounded = |what: &str| CheckError::Unbounded {
            node: node_label(index, step.node),
            what: what.to_owned(),
        };
        let body = names::subgraphs(step.node).next();
        let body = body.ok_or_else(|| unbounded("its body"))?;
        let trips = step
            .number(0)
            .ok_or_else(|| unbounded("how often its body runs"))?;
        let trips = trips.value.clamp(1.0, 1e15) as u64;
        let mut bound = Facts::new();
        for (place, input) in body.input.iter().enumerate() {
            let mut fact = match place {
                0 => Fact::of(elem::I64, Vec::new()),
                1 => Fact::of(elem::BOOL, Vec::new()),
                _ => step
                    .input(place)
                    .cloned()
                    .ok_or_else(|| unbounded("one of its inputs"))?,
            };
            fact.constant = false;
            fact.numbers = None;
            bound.insert(input.name(), fact);
        }
        let before: Vec<u64> = body
            .input
            .iter()
            .skip(2)
            .map(|input| bound[input.name()].elements)
            .collect();
        let facts = self.graph(body, bound, Some(here), times.saturating_mul(trips))?;
        let made: Vec<Fact> = outputs(body, &facts, here).into_iter().skip(1).collect();
        if made
            .iter()
            .zip(&before)
            .any(|(made, before)| made.elements > *before)
        {
            return Err(unbounded("a state, which grows whenever its body runs"));
        }
        let stacked = |(place, mut fact): (usize, Fact)| {
            if place >= before.len() {
                fact.elements = fact.elements.saturating_mul(trips);
                fact.shape = None;
            }
            fact.numbers = None;
            fact
        };
        Ok(made.into_iter().enumerate().map(stacked).collect())
    }
}

fn outputs(body: &GraphProto, facts: &Facts<'_>, around: &Around<'_>) -> Vec<Fact> {
    let find = |output: &ValueInfoProto| {
        let name = output.name();
        let fact = facts.get(name).or_else(|| around.find(name));
        // The rules of a graph were held before: every output is made.
        fact.cloned().unwrap_or_else(|| Fact::lump(0, 0))
    };
    body.output.iter().map(find).collect()
}
