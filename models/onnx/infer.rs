//! How large every tensor of a graph becomes, told before anything runs.
//!
//! An engine makes what a graph asks for, while it loads (constants) and while it
//! runs; a file of a kilobyte can ask for terabytes. So shapes, and the numbers
//! that shapes are computed from, are followed through every node, as bounds: what
//! depends on data is as large as it can get. An operator that has no rule here is
//! not allowed, and one whose result has no bound is refused.
//!
//! Open axes of an input (`batch`, -1) count as [`nominal`]: as many as are given
//! where somebody knows, else 1 for the first and 224 for others.

mod arithmetic;
mod arrange;
mod content;
mod layers;
mod operators;
mod reduce;
mod step;

use std::collections::HashMap;
use std::rc::Rc;

use super::check::{CheckError, CheckLimits};
use super::elem;
use super::names::{self, node_label};
use super::proto::{
    DimensionValue, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, TypeValue,
    ValueInfoProto,
};

pub(super) use operators::is_allowed;
use step::Step;

/// Length that an open axis counts as, where nobody says how long it is.
const OPEN: u64 = 224;
/// Elements that an input without a stated rank counts as.
const UNSTATED: u64 = 1 << 20;
/// Most numbers of a tensor that are followed.
const MAX_NUMBERS: usize = 128;

/// How a number is known, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    /// It is this.
    Exact,
    /// It is this where the open axes are as long as they count.
    Nominal,
    /// It is from 0 to this; data decides.
    AtMost,
}

/// Length of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) value: u64,
    pub(super) sure: Sure,
}

/// One element of a small tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    pub(super) sure: Sure,
}

/// What is known of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    /// ONNX number of the element type; 0 where it is not known.
    pub(super) dtype: i32,
    /// Axes, outermost first; `None` where not even their number is known.
    pub(super) shape: Option<Vec<Length>>,
    /// Most elements that it may have.
    pub(super) elements: u64,
    /// All elements of a small one; `None` for those not known.
    pub(super) numbers: Option<Rc<[Option<Number>]>>,
    /// Made of constants alone: engines compute it while they load.
    pub(super) constant: bool,
}

/// Facts by the names of a graph's values.
pub(super) type Facts<'a> = HashMap<&'a str, Fact>;

impl Length {
    pub(super) fn exact(value: u64) -> Self {
        let sure = Sure::Exact;
        Self { value, sure }
    }

    pub(super) fn at_most(value: u64) -> Self {
        let sure = Sure::AtMost;
        Self { value, sure }
    }

    /// The length, where it is the same for all data and all open axes.
    pub(super) fn fixed(self) -> Option<u64> {
        (self.sure == Sure::Exact).then_some(self.value)
    }
}

/// Most elements of a shape; an empty axis must not hide others that overflow.
pub(super) fn product(shape: &[Length]) -> u64 {
    let lengths = shape.iter().map(|length| length.value.max(1));
    lengths.fold(1, u64::saturating_mul)
}

impl Fact {
    pub(super) fn of(dtype: i32, shape: Vec<Length>) -> Self {
        Self {
            dtype,
            elements: product(&shape),
            shape: Some(shape),
            numbers: None,
            constant: false,
        }
    }

    /// Of unknown rank.
    pub(super) fn lump(dtype: i32, elements: u64) -> Self {
        Self {
            dtype,
            shape: None,
            elements,
            numbers: None,
            constant: false,
        }
    }

    /// A list of numbers.
    pub(super) fn list(dtype: i32, numbers: Vec<Option<Number>>) -> Self {
        let length = Length::exact(numbers.len() as u64);
        Self::of(dtype, vec![length]).with_numbers(Some(numbers))
    }

    pub(super) fn with_numbers(mut self, numbers: Option<Vec<Option<Number>>>) -> Self {
        let numbers = numbers.filter(|numbers| numbers.len() <= MAX_NUMBERS);
        self.numbers = numbers.map(Rc::from);
        self
    }

    /// The same, of another element type, without its numbers.
    pub(super) fn typed(&self, dtype: i32) -> Self {
        Self {
            dtype,
            numbers: None,
            ..self.clone()
        }
    }

    pub(super) fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }
}

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
    /// Of these, what is made of constants alone.
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

    /// Both branches may be taken.
    fn branches(
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
    fn scan(
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
    fn repeat(
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

/// One of two; as large as the larger.
fn either(a: &Fact, b: &Fact) -> Fact {
    let axis = |(a, b): (&Length, &Length)| match a == b {
        true => *a,
        false => Length::at_most(a.value.max(b.value)),
    };
    let shape = match (&a.shape, &b.shape) {
        (Some(a), Some(b)) if a.len() == b.len() => Some(a.iter().zip(b).map(axis).collect()),
        _ => None,
    };
    Fact {
        dtype: if a.dtype == b.dtype { a.dtype } else { 0 },
        shape,
        elements: a.elements.max(b.elements),
        numbers: a.numbers.clone().filter(|_| a.numbers == b.numbers),
        constant: false,
    }
}

/// An input, as the graph states it or as is given.
fn stated(info: &ValueInfoProto, given: Option<&[usize]>) -> Fact {
    let dtype = info.tensor().map_or(0, |tensor| tensor.elem_type());
    if let Some(given) = given {
        let shape = given.iter().map(|&axis| Length::exact(axis as u64));
        return Fact::of(dtype, shape.collect());
    }
    let Some(dims) = info.dims() else {
        return Fact::lump(dtype, UNSTATED);
    };
    let shape = dims.iter().enumerate().map(|(axis, dim)| match dim.value {
        Some(DimensionValue::Value(length)) if length > 0 => Length::exact(length.unsigned_abs()),
        _ => Length {
            value: nominal(axis),
            sure: Sure::Nominal,
        },
    });
    Fact::of(dtype, shape.collect())
}

/// How long an open axis counts as.
fn nominal(axis: usize) -> u64 {
    if axis == 0 { 1 } else { OPEN }
}

/// A stored tensor, whose shape was checked before.
pub(super) fn stored(tensor: &TensorProto) -> Fact {
    let lengths = tensor.dims.iter();
    let lengths = lengths.map(|&axis| Length::exact(u64::try_from(axis).unwrap_or(0)));
    let fact = Fact::of(tensor.data_type(), lengths.collect());
    let small = fact.elements <= MAX_NUMBERS as u64;
    let numbers = small.then(|| elem::numbers(tensor, MAX_NUMBERS)).flatten();
    let exact = |value| {
        let sure = Sure::Exact;
        Some(Number { value, sure })
    };
    let numbers = numbers.map(|numbers| numbers.into_iter().map(exact).collect());
    Fact {
        constant: true,
        ..fact.with_numbers(numbers)
    }
}

/// A tensor type as the fact has it: fixed lengths, others open. `None` where the
/// element type or the rank is not known.
pub(super) fn type_of(fact: &Fact) -> Option<TypeProto> {
    use super::proto::{DimensionProto, TensorShapeProto, TensorTypeProto};
    let dim = |length: &Length| DimensionProto {
        value: (length.fixed())
            .and_then(|length| i64::try_from(length).ok())
            .map(DimensionValue::Value),
        denotation: None,
    };
    let shape = fact.shape.as_ref()?;
    let tensor = TensorTypeProto {
        elem_type: (fact.dtype != 0).then_some(fact.dtype),
        shape: Some(TensorShapeProto {
            dim: shape.iter().map(dim).collect(),
        }),
    };
    (fact.dtype != 0).then_some(TypeProto {
        value: Some(TypeValue::Tensor(tensor)),
        denotation: None,
    })
}
