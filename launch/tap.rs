//! Looks over the shoulder of a bus: keeps the newest output of every key, for
//! the live table.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use concert_runtime::wire::keys;
use concert_runtime::{Bus, BusError, CameraImage, Output, Status, StatusEntry};

/// The newest output of every key.
#[derive(Debug, Clone, Default)]
pub struct Newest(Arc<Mutex<BTreeMap<String, Output>>>);

impl Newest {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Output>> {
        // Every value is whole between statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest output of a key below the prefix.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Output> {
        self.lock().get(key).cloned()
    }
}

/// Which outputs a [`Tap`] counts as subscribed to, whoever else listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Ears {
    /// None.
    #[default]
    Closed,
    /// All.
    Open,
    /// Those of these targets, of every camera.
    For(Vec<&'static str>),
}

impl Ears {
    /// Whether the output of this key below the prefix is listened to.
    fn hear(&self, key: &str) -> bool {
        match self {
            Ears::Closed => false,
            // The table has the camera's image without the bus.
            Ears::Open => !keys::is_image(key),
            Ears::For(targets) => targets.contains(&keys::target(key)),
        }
    }
}

/// A bus whose outputs are also kept for the live table.
pub struct Tap {
    bus: Option<Box<dyn Bus>>,
    newest: Newest,
    ears: Ears,
}

impl Tap {
    /// A tap on `bus`; without one, outputs go to the table alone. What its
    /// `ears` hear counts as subscribed to, and is computed.
    #[must_use]
    pub fn new(bus: Option<Box<dyn Bus>>, ears: Ears) -> (Self, Newest) {
        let newest = Newest::default();
        let tap = Self {
            bus,
            newest: newest.clone(),
            ears,
        };
        (tap, newest)
    }
}

impl Bus for Tap {
    fn describe(&self) -> String {
        let bus = self.bus.as_ref().map(|bus| bus.describe());
        bus.unwrap_or_else(|| "nobody but this terminal".to_owned())
    }

    fn publish(&mut self, output: &Output) -> Result<(), BusError> {
        let mut newest = self.newest.lock();
        match newest.get_mut(&*output.origin.key) {
            // Reuses the buffer of the values.
            Some(kept) => kept.clone_from(output),
            None => drop(newest.insert(output.origin.key.to_string(), output.clone())),
        }
        drop(newest);
        match &mut self.bus {
            Some(bus) => bus.publish(output),
            None => Ok(()),
        }
    }

    fn publish_image(&mut self, image: &CameraImage) -> Result<(), BusError> {
        match &mut self.bus {
            Some(bus) => bus.publish_image(image),
            None => Ok(()),
        }
    }

    fn publish_status(&mut self, status: &Status) -> Result<(), BusError> {
        match &mut self.bus {
            Some(bus) => bus.publish_status(status),
            None => Ok(()),
        }
    }

    fn entries(&mut self) -> Vec<StatusEntry> {
        let bus = self.bus.as_mut();
        bus.map_or(Vec::new(), |bus| bus.entries())
    }

    fn has_subscriber(&self, key: &str) -> Option<bool> {
        if self.ears.hear(key) {
            return Some(true);
        }
        self.bus
            .as_ref()
            .map_or(Some(false), |bus| bus.has_subscriber(key))
    }

    fn announce(&mut self, keys: &[Arc<str>]) -> Result<(), BusError> {
        match &mut self.bus {
            Some(bus) => bus.announce(keys),
            None => Ok(()),
        }
    }

    fn withdraw(&mut self, keys: &[Arc<str>]) {
        let mut newest = self.newest.lock();
        newest.retain(|kept, _| !keys.iter().any(|key| **key == *kept.as_str()));
        drop(newest);
        if let Some(bus) = &mut self.bus {
            bus.withdraw(keys);
        }
    }

    fn close(&mut self, limit: Duration) {
        if let Some(bus) = &mut self.bus {
            bus.close(limit);
        }
    }
}
