//! How well something is.

use serde::Serialize;

/// How well something is; ordered from best to worst, with the numbers of
/// `diagnostic_msgs/DiagnosticStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// All well.
    Ok = 0,
    /// Working, with losses or not yet warm.
    Warn = 1,
    /// Not working.
    Error = 2,
    /// Nothing arrives any more.
    Stale = 3,
}

/// How well something is, and why, in one line (empty where all is well).
pub(crate) type Verdict = (Health, String);
