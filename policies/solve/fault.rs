//! Refusals of a problem.

use crate::document::{ReadFault, Refused};

/// A refused problem: the file, the place in it where one is known, and why.
pub type ProblemError = Refused<ProblemFault>;

/// The rule that a refused problem breaks, with the quantities on both sides.
///
/// Texts from the file are shortened and their control characters escaped
/// before they come in here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's text says what its fields are
pub enum ProblemFault {
    #[error(transparent)]
    File(#[from] ReadFault),
    /// Words of the TOML reader: syntax, unknown keys, missing keys, types.
    #[error("{0}")]
    Toml(String),
    #[error("problem has no targets, but needs at least 1 in `targets` or `target_only`")]
    NoTargets,
    #[error("problem names {tasks} tasks, but at most {limit} are allowed")]
    TooManyTasks { tasks: usize, limit: usize },
    #[error("budget is {budget}, but must be a finite number above 0")]
    Budget { budget: f64 },
    #[error("max_order is {max_order}, but must be at least 1")]
    MaxOrder { max_order: i64 },
    #[error("{table} of `{name}` is {value}, but must be a finite number of at least 0")]
    Negative {
        table: &'static str,
        name: String,
        value: f64,
    },
    #[error("task `{name}` of `{list}` is neither in the table of transfers {table} nor in the task dictionary{}", meant(.suggestion))]
    UnknownTask {
        list: &'static str,
        name: String,
        table: String,
        suggestion: Option<String>,
    },
    #[error("`{name}` stands for a target's own network and cannot be listed in `{list}`")]
    SelfTask { list: &'static str, name: String },
    #[error("`{list}` names task `{name}` twice")]
    DuplicateTask { list: &'static str, name: String },
    #[error("task `{name}` is in `{first}` and in `{second}`, but a task has one role")]
    TwoRoles {
        name: String,
        first: &'static str,
        second: &'static str,
    },
    #[error(
        "`{list}` names `{name}`, which is not a source of this problem: sources are the tasks of `targets` and `source_only`"
    )]
    NotASource { list: &'static str, name: String },
    #[error("source `{name}` is both forbidden and required")]
    ForbiddenAndRequired { name: String },
    #[error("source `{name}` is required, but the profile has no encoder of that name")]
    NotProfiled { name: String },
    #[error(
        "`[device]` limits what networks take of a device, but no profile says what they cost: measure it with `concert profile`"
    )]
    NoProfile,
    #[error("{key} is {value}, but must be a finite number above 0")]
    NotPositive { key: String, value: f64 },
    #[error("value is `{value}`, but the table of transfers {table} has no {value} at all")]
    NoValues { value: &'static str, table: String },
}

/// The end of a sentence that offers what was probably meant.
fn meant(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}
