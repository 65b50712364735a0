//! Health: one scale for everything that can be well or not.

use serde::Serialize;

/// The state of health of something; ordered from best to worst, with the numbers of
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

/// A health and its reason, in one line (empty where all is well).
pub(crate) type Verdict = (Health, String);
