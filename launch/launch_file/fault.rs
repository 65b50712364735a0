//! Why a launch file was refused.

use std::fmt;

use concert_policies::Position;

/// A refused launch file: the file, the place in it where one is known, and why.
///
/// Displays as `FILE:LINE:COLUMN: fault`.
#[derive(Debug)]
pub struct LaunchError {
    origin: String,
    position: Option<Position>,
    fault: Box<LaunchFault>,
}

impl LaunchError {
    pub(super) fn new(origin: &str, position: Option<Position>, fault: LaunchFault) -> Self {
        Self {
            origin: origin.to_owned(),
            position,
            fault: Box::new(fault),
        }
    }

    /// Where in the text, unless the fault is about the whole file.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Which rule was broken.
    #[must_use]
    pub fn fault(&self) -> &LaunchFault {
        &self.fault
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.origin)?;
        if let Some(position) = self.position {
            write!(f, "{}:{}:", position.line, position.column)?;
        }
        write!(f, " {}", self.fault)
    }
}

impl std::error::Error for LaunchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}

/// The rule that a refused launch file breaks, with the quantities on both
/// sides. Texts from the file come in here shortened and escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum LaunchFault {
    #[error("cannot read the launch file: {0}")]
    Unreadable(#[source] std::io::Error),
    #[error("not a regular file")]
    NotAFile,
    #[error("launch file has {bytes} bytes, but at most {limit} are allowed")]
    TooLong { bytes: u64, limit: u64 },
    #[error("launch file is not utf-8 text from byte {valid_up_to} on")]
    NotText { valid_up_to: usize },
    /// What the TOML reader says: syntax, unknown keys, missing keys, types.
    #[error("{0}")]
    Toml(String),
    #[error("launch file has {count} {what}, but must have from {least} to {limit}")]
    Count {
        what: &'static str,
        count: usize,
        least: usize,
        limit: usize,
    },
    #[error("{key} is {value}, but must be from {least} to {limit}")]
    OutOfRange {
        key: String,
        value: i64,
        least: i64,
        limit: i64,
    },
    #[error("{key} is {value}, but must be above 0 and at most {limit}")]
    Rate { key: String, value: f64, limit: f64 },
    #[error("{subject} is {length} bytes long, but must have from 1 to {limit}")]
    Length {
        subject: String,
        length: usize,
        limit: usize,
    },
    #[error("{subject} is `{value}`, but {rule}")]
    Text {
        subject: String,
        value: String,
        rule: &'static str,
    },
    #[error("{subject} is `{value}`, but must be one of {known}")]
    Unknown {
        subject: String,
        value: String,
        known: String,
    },
    #[error("{what} `{value}` stands here twice, but may stand once")]
    Duplicate { what: &'static str, value: String },
    #[error("camera `{camera}` of kind {kind} has no key `{key}`; its own keys are {own}")]
    ForeignKey {
        camera: String,
        kind: &'static str,
        key: &'static str,
        own: String,
    },
    #[error("camera `{camera}` of kind {kind} needs the key `{key}`")]
    MissingKey {
        camera: String,
        kind: &'static str,
        key: &'static str,
    },
    #[error("camera `{camera}`: {fault}")]
    Intrinsics { camera: String, fault: String },
    #[error("style is `ros2`, which comes in a later version; `native` is what there is")]
    StyleComesLater,
    #[error("camera `{camera}` is of kind {kind}, which comes in a later version")]
    KindComesLater { camera: String, kind: String },
}

/// A piece of the file as an error may show it: on one line, at most 80
/// characters, control characters escaped.
pub(super) fn shown(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut shown = String::new();
    for c in text.chars().take(LIMIT) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    if text.chars().nth(LIMIT).is_some() {
        shown.push('…');
    }
    shown
}
