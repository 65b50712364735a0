//! Outputs away and camera images in, over zenoh.
//!
//! Nothing here waits for a subscriber, and nothing but zenoh itself runs an
//! async runtime.

mod bus;
mod commands;
mod control;
mod depth;
mod frames;
mod pool;
mod publishers;
mod session;
mod subscriber;

pub use bus::{BusOptions, PolicyHandle, PolicyText, ZenohBus};
pub use commands::CommandListener;
pub use control::{RequestError, SwapHandler, SwapServer, request_learn, request_swap};
pub use frames::{ZenohCamera, ZenohCameraOptions};
pub use publishers::{Listeners, MessageOptions, MessagePublisher};
pub use session::{SessionOptions, ZenohError, close_session, open_session};
pub use subscriber::{KeyCounts, Received, Watcher};
pub use zenoh::Session;

use zenoh::sample::Sample;

/// Encoding of every message: `application/cdr;sensor_msgs/msg/Image`.
const CDR_ENCODING: &str = "application/cdr";

/// Name of the message type in a sample's encoding, if there is one.
fn message_type(sample: &Sample) -> Option<String> {
    let encoding = sample.encoding().to_string();
    let (media, schema) = encoding.split_once(';')?;
    (media == CDR_ENCODING && !schema.is_empty()).then(|| schema.to_owned())
}

#[cfg(test)]
mod control_tests;
#[cfg(test)]
mod tests;
