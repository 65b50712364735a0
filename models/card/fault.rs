//! Refusals of a card.

use concert_policies::document::{ReadFault, Refused};

use crate::contract::ContractError;

/// A refused card: the file, the place in it where one is known, and why.
pub type CardError = Refused<CardFault>;

/// The rule that a refused card breaks.
///
/// Texts from the file are shortened and escaped before they come in here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardFault {
    /// A file that cannot be read, or is longer than a card may be.
    #[error(transparent)]
    File(#[from] ReadFault),
    /// No TOML, or entries that are missing, unknown or of another type.
    #[error("{0}")]
    Toml(String),
    /// Numbers that are no input contract.
    #[error("{entry}.{error}")]
    Contract {
        /// The entry.
        entry: String,
        /// Rule of a contract that it breaks.
        error: ContractError,
    },
    /// A value that breaks its rule.
    #[error("{entry} is {value}, but {rule}")]
    Value {
        /// The entry.
        entry: String,
        /// Value that stands there.
        value: String,
        /// Rule that must hold.
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
        /// Words for what is wrong.
        message: String,
    },
    /// Two or more places that must agree.
    #[error("{entry} is `{value}`, but {other} make it `{expected}`")]
    Disagree {
        /// The entry.
        entry: String,
        /// Value that stands there.
        value: String,
        /// Entry that it must agree with.
        other: &'static str,
        /// Value that should stand there.
        expected: String,
    },
}
