//! Refusals of a policy.

use crate::document::{ReadFault, Refused};

/// A refused policy: the file, the place in it where one is known, and why.
pub type PolicyError = Refused<PolicyFault>;

/// The rule that a refused policy breaks, with the quantities on both sides.
///
/// Texts from the file are shortened and their control characters escaped
/// before they come in here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum PolicyFault {
    #[error(transparent)]
    File(#[from] ReadFault),
    #[error("policy has {transfers} transfers, but at most {limit} are allowed")]
    TooManyTransfers { transfers: usize, limit: usize },
    #[error("policy has no transfers, but needs at least 1")]
    NoTransfers,
    /// Words of the TOML reader: syntax, unknown keys, missing keys, types.
    #[error("{0}")]
    Toml(String),
    #[error("{subject} is {length} bytes long, but must have from 1 to {limit}")]
    NameLength {
        subject: String,
        length: usize,
        limit: usize,
    },
    #[error(
        "{subject} is `{name}`, but may contain only {allowed}, because it becomes part of a file name"
    )]
    UnsafeName {
        subject: String,
        name: String,
        allowed: &'static str,
    },
    #[error("description has {length} characters, but at most {limit} are allowed")]
    DescriptionLength { length: usize, limit: usize },
    #[error("{key} is {value}, but must be from 1 to {limit}")]
    CountOutOfRange {
        key: &'static str,
        value: i64,
        limit: usize,
    },
    #[error("target `{name}` is not a task of the dictionary{}", meant(.suggestion))]
    UnknownTask {
        name: String,
        suggestion: Option<&'static str>,
    },
    #[error("`{name}` cannot be a target, because it estimates nothing")]
    NotATarget { name: &'static str },
    #[error(
        "target `{target}` has 2 transfers (the first in line {first_line}), but at most 1 is allowed"
    )]
    DuplicateTarget {
        target: &'static str,
        first_line: usize,
    },
    #[error("transfer `{target}` has 0 sources and 0 inputs, but needs at least 1")]
    NoSources { target: &'static str },
    #[error("transfer `{target}` names source `{name}` twice")]
    DuplicateSource { target: &'static str, name: String },
    #[error("transfer `{target}` has order {order} ({}), but max_order is {max_order}", listed(.sources))]
    OrderAboveMax {
        target: &'static str,
        order: usize,
        sources: Vec<String>,
        max_order: usize,
    },
    #[error("policy needs {} source encoders ({}), but supervision_budget is {budget}", .encoders.len(), listed(.encoders))]
    OverBudget {
        encoders: Vec<String>,
        budget: usize,
    },
    #[error("rate_hz of transfer `{target}` is {rate_hz}, but must be above 0 and at most {limit}")]
    RateOutOfRange {
        target: &'static str,
        rate_hz: f64,
        limit: f64,
    },
    #[error("transfer `{target}` names input `{name}` twice")]
    DuplicateInput { target: &'static str, name: String },
    #[error("input `{name}` of transfer `{target}` is neither `camera.depth` nor a target of this policy ({}){}", listed(.targets), meant(.suggestion))]
    UnknownInput {
        target: &'static str,
        name: String,
        targets: Vec<&'static str>,
        suggestion: Option<&'static str>,
    },
    #[error("transfer `{target}` is its own input")]
    SelfInput { target: &'static str },
    #[error("inputs form a cycle: {}", .cycle.join(" needs "))]
    CyclicInputs { cycle: Vec<&'static str> },
    #[error(
        "readout of transfer `{target}` has a name of {length} bytes (TARGET_from_SOURCES@VARIANT), but a file name has room for {limit}"
    )]
    ReadoutNameLength {
        target: &'static str,
        length: usize,
        limit: usize,
    },
}

/// The end of a sentence that offers what was probably meant.
fn meant(suggestion: &Option<&'static str>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

/// Names with commas between; long lists are cut.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 30;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(", and {} more", names.len() - SHOWN));
    }
    text
}
