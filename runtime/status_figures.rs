//! What the last status was made of, for who shows it elsewhere: metrics and
//! readiness say what the status said, and cost who computes nothing.

use std::time::Duration;

use crate::bus::BusFigures;
use crate::snapshot::Snapshot;
use crate::status::Status;

/// A status, and the figures behind it, of one moment.
#[derive(Debug, Clone)]
pub struct StatusFigures {
    /// The figures of the runtime.
    pub snapshot: Snapshot,
    /// The status as it was published, with the entries of the bus.
    pub status: Status,
    /// The figures of the bus.
    pub bus: BusFigures,
    /// True while the bus takes nothing.
    pub bus_fails: bool,
    /// Monotonic time at which it was made.
    pub made: Duration,
}
