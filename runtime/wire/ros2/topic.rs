//! The topics of ROS 2 that stand for our keys.

use concert_policies::{OutputKind, Task};

use super::qos::Qos;
use crate::wire::diagnostic_msgs::DiagnosticArray;
use crate::wire::sensor_msgs::{CameraInfo, CompressedImage, Image};
use crate::wire::std_msgs::StringMessage;
use crate::wire::tf2_msgs::TfMessage;
use crate::wire::{Message, keys};

/// A topic of ROS 2 that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosTopic {
    /// `/robot/perception/normal`.
    pub name: String,
    /// Full name of its messages' type.
    pub message_type: &'static str,
    /// Quality of service.
    pub qos: Qos,
}

/// The topic of a key below a prefix: `/PREFIX/KEY`, but transforms at `/tf` and the
/// status at `/diagnostics`, where ROS 2 looks for them. A camera's image, if it is a
/// JPEG, is at `…/image/compressed`. `None` for a key whose messages have no type that
/// is known beforehand.
#[must_use]
pub fn topic_of(prefix: &str, key: &str, images_are_jpeg: bool) -> Option<RosTopic> {
    let below = |message_type, qos| RosTopic {
        name: format!("/{}", keys::below(prefix, key)),
        message_type,
        qos,
    };
    let sensor = |message_type| below(message_type, Qos::SENSOR_DATA);
    let named = |name: &str, topic: RosTopic| RosTopic {
        name: name.to_owned(),
        ..topic
    };
    if key.starts_with('@') {
        return None;
    }
    let last = keys::target(key);
    Some(match last {
        keys::STATUS => named("/diagnostics", below(DiagnosticArray::TYPE, Qos::RELIABLE)),
        keys::TRANSFORMS => named("/tf", below(TfMessage::TYPE, Qos::TRANSFORMS)),
        keys::CAMERA_INFO => sensor(CameraInfo::TYPE),
        _ if keys::is_provenance(key) => sensor(StringMessage::TYPE),
        _ if keys::is_image_depth(key) => sensor(Image::TYPE),
        keys::IMAGE if images_are_jpeg => {
            let topic = sensor(CompressedImage::TYPE);
            named(&format!("{}/compressed", topic.name), topic)
        }
        keys::IMAGE => sensor(Image::TYPE),
        target => sensor(Task::find(target)?.message_type()),
    })
}

/// Keys of all that may be published beside a key: intrinsics at its resolution, the pose
/// as transforms, where it came from.
#[must_use]
pub fn keys_beside(key: &str) -> Vec<String> {
    if !keys::is_output(key) && !keys::is_image(key) || key.starts_with('@') {
        return Vec::new();
    }
    let task = Task::find(keys::target(key));
    let is_dense = task.map_or(keys::is_image(key), |task| task.output.is_dense());
    let is_pose = task.is_some_and(|task| matches!(task.output, OutputKind::Odometry));
    let info = is_dense.then(|| keys::beside(key, keys::CAMERA_INFO));
    let transforms = is_pose.then(|| keys::beside(key, keys::TRANSFORMS));
    let beside = info.into_iter().chain(transforms);
    beside.chain([keys::provenance(key)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str) -> (String, &'static str) {
        let topic = topic_of("robot/perception", key, false).expect("a topic");
        (topic.name, topic.message_type)
    }

    #[test]
    fn every_key_is_a_topic_where_ros_looks_for_it() {
        for (key, name, message_type) in [
            (
                "normal",
                "/robot/perception/normal",
                "sensor_msgs/msg/Image",
            ),
            (
                "front/odometry",
                "/robot/perception/front/odometry",
                "nav_msgs/msg/Odometry",
            ),
            ("front/odometry/tf", "/tf", "tf2_msgs/msg/TFMessage"),
            (
                "status",
                "/diagnostics",
                "diagnostic_msgs/msg/DiagnosticArray",
            ),
            (
                "normal/camera_info",
                "/robot/perception/normal/camera_info",
                "sensor_msgs/msg/CameraInfo",
            ),
            ("image", "/robot/perception/image", "sensor_msgs/msg/Image"),
            (
                "front/image/depth",
                "/robot/perception/front/image/depth",
                "sensor_msgs/msg/Image",
            ),
            (
                "provenance/normal",
                "/robot/perception/provenance/normal",
                "std_msgs/msg/String",
            ),
        ] {
            assert_eq!(of(key), (name.to_owned(), message_type), "{key}");
        }
        let jpeg = topic_of("a", "front/image", true).expect("a topic");
        assert_eq!(jpeg.name, "/a/front/image/compressed");
        assert_eq!(jpeg.message_type, "sensor_msgs/msg/CompressedImage");
        assert_eq!(topic_of("a", keys::EVERY_IMAGE, false), None);
        assert_eq!(topic_of("a", "nonsense", false), None);
    }

    #[test]
    fn what_comes_beside_a_key_is_known_beforehand() {
        for (key, beside) in [
            ("normal", vec!["normal/camera_info", "provenance/normal"]),
            ("a/odometry", vec!["a/odometry/tf", "provenance/a/odometry"]),
            ("class_scene", vec!["provenance/class_scene"]),
            ("a/image", vec!["a/image/camera_info", "provenance/a/image"]),
            ("status", vec![]),
            (keys::EVERY_IMAGE, vec![]),
        ] {
            assert_eq!(keys_beside(key), beside, "{key}");
        }
    }

    #[test]
    fn every_target_has_a_topic_whose_type_has_a_hash() {
        for task in Task::all() {
            let topic = topic_of("a", task.name, false).expect(task.name);
            assert_eq!(topic.message_type, task.message_type());
            assert!(
                super::super::type_hash(topic.message_type).is_some(),
                "{}",
                task.name
            );
            assert_eq!(
                super::super::ros_name_fault(&topic.name),
                None,
                "{}",
                task.name
            );
        }
    }
}
