//! What the runtime says about itself, once a second and whenever its health
//! changes.

use serde::Serialize;

use crate::time::Timestamp;

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

/// The state of one thing: a camera, a target, the bus, the whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusEntry {
    /// `concert`, `camera/front`, `target/front/depth_zbuffer`, `bus`, `encoder/xfeat`.
    pub name: String,
    /// How well it is.
    pub health: Health,
    /// One line for people.
    pub message: String,
    /// Figures by name, in a fixed order.
    pub values: Vec<(String, String)>,
}

/// Everything the runtime says about itself at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// When it was made.
    #[serde(serialize_with = "as_nanos")]
    pub stamp: Timestamp,
    /// The whole first, then cameras, encoders, targets, the bus.
    pub entries: Vec<StatusEntry>,
}

fn as_nanos<S: serde::Serializer>(stamp: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(stamp.nanos())
}
