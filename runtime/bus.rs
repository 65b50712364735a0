//! The boundary to whatever carries outputs away.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::camera_image::CameraImage;
use crate::clock::lock;
use crate::output::Output;
use crate::status::{Status, StatusEntry};
use crate::wire::keys;

/// Carries outputs to whoever listens. Called by the publisher thread alone,
/// never by the perceive thread, since a bus may block.
pub trait Bus: Send {
    /// Describes itself for people.
    fn describe(&self) -> String;

    /// Hands one output over. Never waits for a subscriber to be ready.
    ///
    /// # Errors
    /// Where the bus refuses or has lost its session; the output is counted
    /// as lost and the next one is tried as if nothing had happened.
    fn publish(&mut self, output: &Output) -> Result<(), BusError>;

    /// Hands a camera's image over. Never waits for a subscriber to be ready.
    ///
    /// # Errors
    /// As [`Bus::publish`].
    fn publish_image(&mut self, image: &CameraImage) -> Result<(), BusError>;

    /// Hands the status over.
    ///
    /// # Errors
    /// As [`Bus::publish`].
    fn publish_status(&mut self, status: &Status) -> Result<(), BusError>;

    /// Entries of the bus itself in the status; none where it knows
    /// of nothing that could go wrong.
    fn entries(&mut self) -> Vec<StatusEntry> {
        Vec::new()
    }

    /// What it carried, and to whom it is connected; nothing where it does not know.
    fn figures(&self) -> BusFigures {
        BusFigures::default()
    }

    /// Tells whether anyone listens to the output of this key (below the prefix).
    /// `None` where the bus cannot tell; then it is computed.
    fn has_subscriber(&self, key: &str) -> Option<bool>;

    /// Makes ready for outputs of these keys (below the prefix), so that it is
    /// known who listens before the first one comes. Keys that it knows already
    /// stay as they are.
    ///
    /// # Errors
    /// The first key that cannot be declared.
    fn announce(&mut self, keys: &[Arc<str>]) -> Result<(), BusError>;

    /// No further output of these keys will come, unless they are announced
    /// again.
    fn withdraw(&mut self, keys: &[Arc<str>]);

    /// Says goodbye: withdraws liveliness and closes within `limit`.
    fn close(&mut self, limit: Duration);
}

/// Figures of a bus since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BusFigures {
    /// Messages that it took, of every kind.
    pub messages: u64,
    /// Their payloads, bytes.
    pub bytes: u64,
    /// Payloads that were copied because the shared memory was full.
    pub shared_memory_fallbacks: u64,
    /// Messages that were longer than what is put together at the other end.
    pub messages_too_long: u64,
    /// Endpoints that it is to be connected to, because somebody named them.
    pub named: usize,
    /// Those of them that answer.
    pub connected: usize,
}

/// Why a bus did not take a message.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct BusError {
    /// The key it was meant for.
    pub key: String,
    /// The bus's own words.
    pub reason: String,
}

/// A bus that keeps everything in memory, for tests and for replay.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    outputs: Vec<Output>,
    images: Vec<CameraImage>,
    statuses: Vec<Status>,
    announced: BTreeSet<String>,
    refused: BTreeSet<String>,
}

impl MemoryBus {
    /// An empty bus; clones share what they keep.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was published since the last call, oldest first.
    #[must_use]
    pub fn take_outputs(&self) -> Vec<Output> {
        std::mem::take(&mut lock(&self.kept).outputs)
    }

    /// Takes the cameras' images published since the last call, oldest first.
    #[must_use]
    pub fn take_images(&self) -> Vec<CameraImage> {
        std::mem::take(&mut lock(&self.kept).images)
    }

    /// Takes the statuses published since the last call, oldest first.
    #[must_use]
    pub fn take_statuses(&self) -> Vec<Status> {
        std::mem::take(&mut lock(&self.kept).statuses)
    }

    /// Keys that were announced and not withdrawn, in the order of the alphabet.
    #[must_use]
    pub fn announced_keys(&self) -> Vec<String> {
        lock(&self.kept).announced.iter().cloned().collect()
    }

    /// Refuses to have `key` announced from now on.
    pub fn refuse(&self, key: &str) {
        lock(&self.kept).refused.insert(key.to_owned());
    }
}

impl Bus for MemoryBus {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn publish(&mut self, output: &Output) -> Result<(), BusError> {
        lock(&self.kept).outputs.push(output.clone());
        Ok(())
    }

    fn publish_image(&mut self, image: &CameraImage) -> Result<(), BusError> {
        lock(&self.kept).images.push(image.clone());
        Ok(())
    }

    fn publish_status(&mut self, status: &Status) -> Result<(), BusError> {
        lock(&self.kept).statuses.push(status.clone());
        Ok(())
    }

    fn announce(&mut self, keys: &[Arc<str>]) -> Result<(), BusError> {
        let mut kept = lock(&self.kept);
        if let Some(key) = keys
            .iter()
            .find(|key| kept.refused.contains(&key.to_string()))
        {
            return Err(BusError {
                key: key.to_string(),
                reason: "refused by the test".to_owned(),
            });
        }
        for key in keys {
            kept.announced.insert(key.to_string());
        }
        Ok(())
    }

    fn withdraw(&mut self, keys: &[Arc<str>]) {
        let mut kept = lock(&self.kept);
        for key in keys {
            kept.announced.remove(&**key);
        }
    }

    fn has_subscriber(&self, key: &str) -> Option<bool> {
        Some(key != keys::EVERY_IMAGE)
    }

    fn close(&mut self, _limit: Duration) {}
}
