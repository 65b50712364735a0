//! The runtime's report on itself, once a second and whenever its health
//! changes.

use serde::Serialize;

use crate::health::Health;
use crate::time::Timestamp;

/// The state of one thing: a camera, a target, the bus, the whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusEntry {
    /// `concert`, `camera/front`, `target/front/depth_zbuffer`, `bus`, `encoder/xfeat`.
    pub name: String,
    /// Its health.
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

impl Status {
    /// Adds what the bus says of itself; the whole is no better than that.
    pub(crate) fn add(&mut self, entries: Vec<StatusEntry>) {
        for entry in entries {
            if let Some(whole) = self.entries.first_mut()
                && entry.health > whole.health
            {
                whole.health = entry.health;
                whole.message.clone_from(&entry.message);
            }
            self.entries.push(entry);
        }
    }
}
