//! Outputs away and camera images in, over zenoh.
//!
//! Nothing here waits for a subscriber, and nothing but zenoh itself runs an
//! async runtime.

mod arrivals;
mod bus;
mod calibrations;
mod commands;
mod connections;
mod control;
mod depth;
mod endpoint;
mod error;
mod frames;
mod messages;
mod name;
mod outward;
mod pool;
mod publishers;
mod ros2;
mod said;
mod session;
mod sessions;
mod style;
mod subscriber;
mod tls;
mod too_long;

pub use arrivals::{Arrival, Arrivals};
pub use bus::{BusOptions, PolicyHandle, PolicyText, ZenohBus};
pub use commands::CommandListener;
pub use control::{
    Admission, ControlRequest, ControlService, Handler, MAX_ASKED_PROBLEM_BYTES, RequestError,
    request,
};
pub use error::ZenohError;
pub use frames::{ZenohCamera, ZenohCameraOptions};
pub use messages::{HeardMessage, MessageStream};
pub use publishers::{Listeners, MessageOptions, MessagePublisher};
pub use ros2::{ParameterServer, ReadParameters, RosNode, SetParameters};
pub use session::{SessionOptions, check_session, close_session, open_session};
pub use sessions::{Reached, Sessions};
pub use style::Style;
pub use subscriber::{KeyCounts, Received, Watcher};
pub use tls::TlsOptions;
pub use too_long::{TRACE_TARGET, note_trace};
/// For benches that compare with zenoh alone.
#[doc(hidden)]
pub use zenoh as raw_zenoh;
pub use zenoh::Session;

use zenoh::sample::Sample;

/// Encoding of every message: `application/cdr;sensor_msgs/msg/Image`.
const CDR_ENCODING: &str = "application/cdr";

/// Name of a sample's message type: that in its encoding, else that in its key,
/// where `rmw_zenoh` puts it. `None` where neither says it, as of
/// `zenoh-bridge-ros2dds`.
fn message_type(sample: &Sample) -> Option<String> {
    let encoding = sample.encoding().to_string();
    let schema = encoding
        .split_once(';')
        .filter(|(media, _)| *media == CDR_ENCODING);
    let named = schema.map(|(_, schema)| schema.to_owned());
    (named.filter(|schema| !schema.is_empty())).or_else(|| type_in_key(sample.key_expr().as_str()))
}

/// The type that `rmw_zenoh` writes into a key:
/// `0/camera/image_raw/sensor_msgs::msg::dds_::Image_/RIHS01_…`.
fn type_in_key(key: &str) -> Option<String> {
    key.split('/').find_map(|part| {
        let (package, name) = part.split_once("::msg::dds_::")?;
        Some(format!("{package}/msg/{}", name.strip_suffix('_')?))
    })
}

#[cfg(test)]
mod key_tests {
    #[test]
    fn the_type_of_a_topic_stands_in_the_key_that_rmw_zenoh_gives_it() {
        let of = super::type_in_key;
        let key = "0/camera/image_raw/sensor_msgs::msg::dds_::Image_/RIHS01_d31d41";
        assert_eq!(of(key).as_deref(), Some("sensor_msgs/msg/Image"));
        assert_eq!(of("camera/image_raw"), None);
        assert_eq!(of("0/x/sensor_msgs::msg::dds_::Image/h"), None);
    }
}

#[cfg(test)]
mod control_tests;
#[cfg(test)]
mod ros2_parameter_tests;
#[cfg(test)]
mod ros2_tests;
#[cfg(test)]
mod router_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
