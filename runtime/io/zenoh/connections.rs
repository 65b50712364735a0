//! Connections of a bus in the status.

use std::time::Duration;

use super::outward::{Link, WayState};
use super::pool::PayloadPool;
use crate::clock::Clock;
use crate::health::Health;
use crate::io::clock::SystemClock;
use crate::status::StatusEntry;

/// Longest silence after the start of somebody who was named.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tells of connections as time goes by.
pub(super) struct Connections {
    clock: SystemClock,
}

impl Connections {
    pub(super) fn begin() -> Self {
        Self {
            clock: SystemClock::start(),
        }
    }

    /// The entry: with another runtime of the same name it is an error, without
    /// somebody whom the launch file names a warning.
    pub(super) fn entry(
        &self,
        ways: &[WayState],
        rival: Option<&str>,
        pool: &PayloadPool,
    ) -> StatusEntry {
        let named: Vec<_> = ways.iter().filter(|way| way.is_named).collect();
        let up = named.iter().filter(|way| way.link == Link::Up).count();
        let connected = format!("{up} of {}", named.len());
        let missing = named.iter().find(|way| way.link != Link::Up);
        let (health, message) = match (rival, missing) {
            (Some(token), _) => (
                Health::Error,
                format!("another runtime publishes under this prefix (its token is {token})"),
            ),
            (None, Some(way)) if self.clock.monotonic() >= PATIENCE => {
                let why = match &way.link {
                    Link::Down(reason) => reason.as_str(),
                    _ => "no answer yet",
                };
                let message = format!("connected to {connected}: {}: {why}", way.endpoint);
                (Health::Warn, message)
            }
            _ => (Health::Ok, String::new()),
        };
        let mut values = vec![("connected".to_owned(), connected)];
        values.extend(ways.iter().map(|way| {
            let link = match &way.link {
                Link::Unknown => "not tried yet",
                Link::Up => "connected",
                Link::Down(reason) => reason,
            };
            (way.endpoint.clone(), link.to_owned())
        }));
        let counts = [
            ("shared_memory_fallbacks", pool.fallbacks),
            ("shared_memory_renewals", pool.renewals),
            ("messages_too_long", super::too_long::count()),
        ];
        values.extend(counts.map(|(name, count)| (name.to_owned(), count.to_string())));
        StatusEntry {
            name: "connections".to_owned(),
            health,
            message,
            values,
        }
    }
}
