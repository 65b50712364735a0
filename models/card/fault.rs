//! Why a card was refused.

use std::ops::Range;

use crate::contract::ContractError;

/// A refused card: the file, the place in it where one is known, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", self.place())]
pub struct CardError {
    origin: String,
    position: Option<(usize, usize)>,
    #[source]
    fault: Box<CardFault>,
}

impl CardError {
    pub(super) fn new(
        origin: &str,
        text: &str,
        span: Option<Range<usize>>,
        fault: CardFault,
    ) -> Self {
        let position = span.and_then(|span| {
            let before = text.get(..span.start)?;
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let line = before.matches('\n').count() + 1;
            Some((line, before[line_start..].chars().count() + 1))
        });
        CardError {
            origin: origin.to_owned(),
            position,
            fault: Box::new(fault),
        }
    }

    /// The file, or what the caller gave in its place.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Line and column, both from 1, unless the fault is about the whole file.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position
    }

    /// Which rule was broken.
    pub fn fault(&self) -> &CardFault {
        &self.fault
    }

    fn place(&self) -> String {
        match self.position {
            Some((line, column)) => format!("{}:{line}:{column}", self.origin),
            None => self.origin.clone(),
        }
    }
}

/// The rule that a refused card breaks.
///
/// Texts from the file are shortened and escaped before they come in here.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CardFault {
    /// Longer than a card may be.
    #[error("card takes {bytes} bytes, but at most {limit} are allowed")]
    TooLong {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// No TOML, or entries that are missing, unknown or of another type.
    #[error("{0}")]
    Toml(String),
    /// Numbers that are no input contract.
    #[error("{entry}.{error}")]
    Contract {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        error: ContractError,
    },
    /// A value that breaks its rule.
    #[error("{entry} is {value}, but {rule}")]
    Value {
        /// The entry.
        entry: String,
        /// What stands there.
        value: String,
        /// What must hold.
        rule: String,
    },
    /// The same name twice.
    #[error("{entry} `{name}` is given twice, but must be unique")]
    Duplicate {
        /// The entry.
        entry: String,
        /// The name.
        name: String,
    },
    /// A name that stands for nothing.
    #[error("{entry} is `{name}`, but there is only {known}")]
    Unknown {
        /// The entry.
        entry: String,
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A geometric method or its parameters.
    #[error("{message}")]
    Method {
        /// What is wrong.
        message: String,
    },
    /// Two or more places that must agree.
    #[error("{entry} is `{value}`, but {other} make it `{expected}`")]
    Disagree {
        /// The entry.
        entry: String,
        /// What stands there.
        value: String,
        /// What it must agree with.
        other: &'static str,
        /// What should stand there.
        expected: String,
    },
}

/// A text of the file, short and on one line.
pub(crate) fn shown(text: &str, limit: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(limit)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    shown
}
