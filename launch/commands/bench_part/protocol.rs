//! What `concert bench` and its receiver say to each other: JSON, one object a
//! line.

use std::time::Duration;

use concert_runtime::io::zenoh::Arrival;
use serde::{Deserialize, Serialize};

/// A line to the receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// What does your clock read?
    Clock,
    /// Listen to these keys and to no others from now on.
    Listen(Vec<String>),
}

/// A line of the receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// Its clock reads so many nanoseconds since the computer started.
    Clock(u64),
    /// It listens to what it was asked to.
    Listens,
    /// An output came.
    Output(Received),
    /// So many outputs in all came faster than they were noted.
    Lost(u64),
}

/// An output as the receiver noted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    /// Key below the prefix.
    pub(crate) key: String,
    /// When it came, ns since the computer started.
    pub(crate) at_ns: u64,
    /// Stamp of its frame, ns since the Unix epoch.
    pub(crate) stamp_ns: i64,
    /// Counts the outputs of its key.
    pub(crate) sequence: u64,
    /// Bytes of the payload.
    pub(crate) bytes: usize,
    /// From the frame's arrival at the server to the start of its plan, µs.
    pub(crate) wait_us: u64,
    /// Preprocessing that it needed, µs.
    pub(crate) preprocess_us: u64,
}

impl Received {
    /// `None` for what is no output of a runtime.
    pub(super) fn of(arrival: Arrival) -> Option<Self> {
        let attachment = arrival.attachment?;
        Some(Self {
            key: arrival.key,
            at_ns: nanos(arrival.at),
            stamp_ns: attachment.stamp_ns,
            sequence: attachment.sequence,
            bytes: arrival.bytes,
            wait_us: attachment.times_us.wait,
            preprocess_us: attachment.times_us.preprocess,
        })
    }

    /// When it came, since the computer started.
    pub(crate) fn at(&self) -> Duration {
        Duration::from_nanos(self.at_ns)
    }
}

/// Whole nanoseconds.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
