//! Camera images that a node of ROS 2 publishes.

use std::sync::Arc;

use super::{ZenohCamera, ZenohCameraOptions};
use crate::clock::Clock;
use crate::io::zenoh::error::ZenohError;
use crate::io::zenoh::ros2::RosNode;
use crate::io::zenoh::sessions::Sessions;
use crate::wire::Message;
use crate::wire::ros2::{EntityKind, Qos, RosTopic, heard_topic_key};
use crate::wire::sensor_msgs::{CameraInfo, CompressedImage, Image};

/// End of the name of a topic whose images are compressed, as `image_transport` has it.
const COMPRESSED: [&str; 2] = ["/compressed", "/compressedDepth"];

impl ZenohCamera {
    /// Begins to listen, as `node`; the keys of the options are whole names of topics
    /// (`/camera/image_raw`). Every type and hash is heard, so that what does not fit
    /// is refused and counted, not passed over in silence.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_topics(
        sessions: impl Into<Sessions>,
        node: &RosNode,
        mut options: ZenohCameraOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ZenohError> {
        let sessions = sessions.into();
        let images = [Some(&options.key), options.depth_key.as_ref()];
        let images = images.map(|topic| topic.map(|topic| (topic, image_type(topic))));
        let info = options.camera_info_key.as_ref();
        let info = info.map(|topic| (topic, CameraInfo::TYPE));
        let mut seen = Vec::new();
        for (topic, message_type) in images.into_iter().chain([info]).flatten() {
            let topic = RosTopic {
                name: topic.clone(),
                message_type,
                qos: Qos::SENSOR_DATA,
            };
            let place = node.topic(EntityKind::Subscriber, &topic)?;
            seen.push(sessions.declare(move |session| Ok(Box::new(place.declare(session)?)))?);
        }
        let domain_id = node.name().domain_id;
        options.key = heard_topic_key(domain_id, &options.key);
        let beside = [&mut options.depth_key, &mut options.camera_info_key];
        for topic in beside.into_iter().flatten() {
            *topic = heard_topic_key(domain_id, topic);
        }
        let mut camera = Self::open(sessions, options, clock)?;
        camera.declared.extend(seen);
        Ok(camera)
    }
}

/// The type that a subscriber of a topic says it hears.
fn image_type(topic: &str) -> &'static str {
    match COMPRESSED.iter().any(|end| topic.ends_with(end)) {
        true => CompressedImage::TYPE,
        false => Image::TYPE,
    }
}
