//! A bus that also keeps the newest output of every key, for the live table.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use concert_runtime::wire::keys;
use concert_runtime::{Bus, BusError, BusFigures, CameraImage, Output, Status, StatusEntry};

/// The newest output of every key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Newest(Arc<Mutex<BTreeMap<String, Output>>>);

impl Newest {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Output>> {
        // Every value is whole between statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest output of a key below the prefix.
    #[must_use]
    pub(crate) fn get(&self, key: &str) -> Option<Output> {
        self.lock().get(key).cloned()
    }
}

/// Outputs that a [`LiveView`] counts as subscribed to, whoever else listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ForcedSubscriptions {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those of these targets, of every camera.
    Of(Vec<&'static str>),
}

impl ForcedSubscriptions {
    /// Tells whether the output of this key below the prefix is listened to.
    fn includes(&self, key: &str) -> bool {
        match self {
            ForcedSubscriptions::None => false,
            // The table has the camera's image without the bus.
            ForcedSubscriptions::All => !keys::is_image(key) && key != keys::EVERY_IMAGE,
            ForcedSubscriptions::Of(targets) => targets.contains(&keys::target(key)),
        }
    }
}

/// A bus whose outputs are also kept for the live table.
pub(crate) struct LiveView {
    bus: Option<Box<dyn Bus>>,
    newest: Newest,
    forced: ForcedSubscriptions,
}

impl LiveView {
    /// A view of `bus`; without one, outputs go to the table alone. What is
    /// `forced` counts as subscribed to, and is computed.
    #[must_use]
    pub(crate) fn new(bus: Option<Box<dyn Bus>>, forced: ForcedSubscriptions) -> (Self, Newest) {
        let newest = Newest::default();
        let view = Self {
            bus,
            newest: newest.clone(),
            forced,
        };
        (view, newest)
    }
}

impl Bus for LiveView {
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

    fn figures(&self) -> BusFigures {
        let bus = self.bus.as_ref();
        bus.map_or(BusFigures::default(), |bus| bus.figures())
    }

    fn has_subscriber(&self, key: &str) -> Option<bool> {
        if self.forced.includes(key) {
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
