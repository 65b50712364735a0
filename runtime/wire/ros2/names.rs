//! Names of topics and types, and the keys that are made of them.

/// Greatest domain: ROS 2 has them from 0 to this.
pub const MAX_DOMAIN_ID: u32 = 232;

/// Longest name of a topic, a service, a namespace or a node, bytes.
const MAX_NAME_BYTES: usize = 247;

/// Tells what is wrong with the name of a topic, a service or a namespace, as the end
/// of a sentence; the `/` that it begins with may be left out.
#[must_use]
pub fn ros_name_fault(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix('/').unwrap_or(name);
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Some("must have from 1 to 247 bytes as a ROS 2 name");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    for part in name.split('/') {
        if part.is_empty() {
            return Some("may neither end with `/` nor contain `//` as a ROS 2 name");
        }
        if !part.bytes().all(allowed) {
            return Some("may have letters, digits, `_` and `/` alone as a ROS 2 name");
        }
        if part.starts_with(|first: char| first.is_ascii_digit()) {
            return Some("may not have a part that begins with a digit as a ROS 2 name");
        }
    }
    None
}

/// The type as keys have it: `sensor_msgs/msg/Image` is `sensor_msgs::msg::dds_::Image_`.
/// `None` for what is no full name of a type.
#[must_use]
pub fn dds_type(message_type: &str) -> Option<String> {
    let mut parts = message_type.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(package), Some(kind @ ("msg" | "srv")), Some(name), None) => {
            Some(format!("{package}::{kind}::dds_::{name}_"))
        }
        _ => None,
    }
}

/// Key of a topic or a service; `dds_type` as [`dds_type`] gives it.
#[must_use]
pub fn topic_key(domain_id: u32, topic: &str, dds_type: &str, hash: &str) -> String {
    let topic = topic.strip_prefix('/').unwrap_or(topic);
    format!("{domain_id}/{topic}/{dds_type}/{hash}")
}

/// Key expression of a topic, whatever its type and of whichever distribution.
#[must_use]
pub fn heard_topic_key(domain_id: u32, topic: &str) -> String {
    topic_key(domain_id, topic, "*", "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_ros_takes() {
        for good in ["/camera/image_raw", "tf", "/robot/perception/_x1"] {
            assert_eq!(ros_name_fault(good), None, "{good}");
        }
        for bad in [
            "", "/", "//a", "/a/", "/a//b", "/a-b", "/1a", "/a/2", "/a.b", "/a/*",
        ] {
            assert!(ros_name_fault(bad).is_some(), "{bad}");
        }
        assert!(ros_name_fault(&"a".repeat(248)).is_some());
    }

    #[test]
    fn keys_have_domain_topic_type_and_hash() {
        let of = dds_type("sensor_msgs/msg/Image").expect("a type");
        let key = topic_key(7, "/camera/image_raw", &of, "RIHS01_ab");
        assert_eq!(
            key,
            "7/camera/image_raw/sensor_msgs::msg::dds_::Image_/RIHS01_ab"
        );
        assert_eq!(heard_topic_key(0, "/tf"), "0/tf/*/*");
        for bad in ["Image", "sensor_msgs/Image", "a/msg/b/c", "a/action/B"] {
            assert_eq!(dds_type(bad), None, "{bad}");
        }
    }
}
