//! Why a policy was refused.

use std::fmt;
use std::ops::Range;

/// A refused policy: the file, the place in it where one is known, and why.
///
/// Displays as `FILE:LINE:COLUMN: fault`.
#[derive(Debug)]
pub struct PolicyError {
    origin: String,
    position: Option<Position>,
    fault: Box<PolicyFault>,
}

impl PolicyError {
    pub(crate) fn new(origin: &str, position: Option<Position>, fault: PolicyFault) -> Self {
        PolicyError {
            origin: origin.to_owned(),
            position,
            fault: Box::new(fault),
        }
    }

    /// The file, or what the caller gave in its place.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where in the text, unless the fault is about the whole file.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Which rule was broken.
    pub fn fault(&self) -> &PolicyFault {
        &self.fault
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.origin)?;
        if let Some(position) = self.position {
            write!(f, "{}:{}:", position.line, position.column)?;
        }
        write!(f, " {}", self.fault)
    }
}

impl std::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}

/// A place in a text; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Character in the line.
    pub column: usize,
}

impl Position {
    /// The place where a span of bytes begins.
    pub fn of(text: &str, span: &Range<usize>) -> Position {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// The rule that a refused policy breaks, with the quantities on both sides.
///
/// Texts from the file are shortened and their control characters escaped
/// before they come in here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum PolicyFault {
    #[error("cannot read the policy: {0}")]
    Unreadable(#[source] std::io::Error),
    #[error("not a regular file")]
    NotAFile,
    #[error("policy has {bytes} bytes, but at most {limit} are allowed")]
    TooLong { bytes: u64, limit: u64 },
    #[error("policy is not utf-8 text from byte {valid_up_to} on")]
    NotText { valid_up_to: usize },
    #[error("policy has {transfers} transfers, but at most {limit} are allowed")]
    TooManyTransfers { transfers: usize, limit: usize },
    #[error("policy has no transfers, but needs at least 1")]
    NoTransfers,
    /// What the TOML reader says: syntax, unknown keys, missing keys, types.
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

/// A piece of the file as an error may show it: on one line, at most `limit`
/// characters, control characters escaped.
pub(crate) fn shown(text: &str, limit: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(limit)
        .flat_map(|c| {
            let escape = c.is_control();
            let escaped = escape.then(|| c.escape_default());
            let plain = (!escape).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    shown
}
