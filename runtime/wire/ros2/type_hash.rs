//! The hash of a type's definition, RIHS01 (REP-2011): SHA-256 of the definition and of
//! all that it holds, as JSON in the form of REP-2016. Names, types and order of the
//! fields count; constants, default values and comments do not.

use std::collections::BTreeMap;
use std::fmt::Write;

use concert_models::digest::sha256_hex;

use crate::wire::definitions::fields_of;

/// Added to the number of a type where there are several of it.
const ARRAY: u32 = 48;
const BOUNDED_SEQUENCE: u32 = 96;
const UNBOUNDED_SEQUENCE: u32 = 144;
/// Number of a type that is itself a message.
const NESTED: u32 = 1;
/// Of what a service tells about its calls, which no `.srv` file says.
const EVENT_INFO: &str = "service_msgs/msg/ServiceEventInfo";

/// The hash of a message's type; `None` for a type that is not known here.
#[must_use]
pub fn type_hash(message_type: &str) -> Option<String> {
    let mut described = Described::default();
    described.add(message_type)?;
    described.hash(message_type)
}

/// The hash of a service's type: of its request, its answer, and the event that ROS 2
/// adds. `None` for a type that is not known here.
#[must_use]
pub fn service_hash(service_type: &str) -> Option<String> {
    let part = |name: &str| format!("{service_type}_{name}");
    let (request, response, event) = (part("Request"), part("Response"), part("Event"));
    let mut described = Described::default();
    for held in [&request, &response, EVENT_INFO] {
        described.add(held)?;
    }
    let one_at_most = |name: &str, held: &str| field(name, NESTED + BOUNDED_SEQUENCE, 1, held);
    let fields = [
        field("info", NESTED, 0, EVENT_INFO),
        one_at_most("request", &request),
        one_at_most("response", &response),
    ];
    described.put(&event, &fields);
    let fields = [
        field("request_message", NESTED, 0, &request),
        field("response_message", NESTED, 0, &response),
        field("event_message", NESTED, 0, &event),
    ];
    described.put(service_type, &fields);
    described.hash(service_type)
}

/// Types by name, each as JSON.
#[derive(Default)]
struct Described(BTreeMap<String, String>);

impl Described {
    /// Describes a type and all that it holds.
    fn add(&mut self, message_type: &str) -> Option<()> {
        if self.0.contains_key(message_type) {
            return Some(());
        }
        let mut fields = Vec::new();
        for (kind, name) in fields_of(message_type)? {
            let (number, capacity, held) = described(kind)?;
            fields.push(field(name, number, capacity, &held));
            if !held.is_empty() {
                self.add(&held)?;
            }
        }
        self.put(message_type, &fields);
        Some(())
    }

    fn put(&mut self, message_type: &str, fields: &[String]) {
        let fields = fields.join(", ");
        let json = format!("{{\"type_name\": \"{message_type}\", \"fields\": [{fields}]}}");
        self.0.insert(message_type.to_owned(), json);
    }

    fn hash(mut self, message_type: &str) -> Option<String> {
        let own = self.0.remove(message_type)?;
        let held: Vec<&str> = self.0.values().map(String::as_str).collect();
        let json = format!(
            "{{\"type_description\": {own}, \"referenced_type_descriptions\": [{}]}}",
            held.join(", ")
        );
        Some(format!("RIHS01_{}", sha256_hex(json.as_bytes())))
    }
}

fn field(name: &str, number: u32, capacity: u32, held: &str) -> String {
    let mut json = format!("{{\"name\": \"{name}\", \"type\": {{\"type_id\": {number}, ");
    // Writing to a `String` cannot fail.
    let _ = write!(
        json,
        "\"capacity\": {capacity}, \"string_capacity\": 0, \"nested_type_name\": \"{held}\"}}}}"
    );
    json
}

/// Number, capacity and held message of a field's type, as `float64[36]`.
fn described(kind: &str) -> Option<(u32, u32, String)> {
    let (base, several) = match kind.split_once('[') {
        None => (kind, None),
        Some((base, rest)) => (base, Some(rest.strip_suffix(']')?)),
    };
    let (number, held) = match base.split_once('/') {
        Some((package, name)) => (NESTED, format!("{package}/msg/{name}")),
        None => (primitive(base)?, String::new()),
    };
    let (offset, capacity) = match several {
        None => (0, 0),
        Some("") => (UNBOUNDED_SEQUENCE, 0),
        Some(count) => match count.strip_prefix("<=") {
            Some(most) => (BOUNDED_SEQUENCE, most.parse().ok()?),
            None => (ARRAY, count.parse().ok()?),
        },
    };
    Some((number + offset, capacity, held))
}

fn primitive(name: &str) -> Option<u32> {
    Some(match name {
        "int8" => 2,
        // A `char` of a `.msg` file is one byte.
        "uint8" | "char" => 3,
        "int16" => 4,
        "uint16" => 5,
        "int32" => 6,
        "uint32" => 7,
        "int64" => 8,
        "uint64" => 9,
        "float32" => 10,
        "float64" => 11,
        "bool" => 15,
        "byte" => 16,
        "string" => 17,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As ROS 2 Jazzy itself has them, by `rosbags` and the crate `natnet_zenoh`.
    #[test]
    fn hashes_are_those_of_ros_itself() {
        for (name, hash) in [
            (
                "std_msgs/msg/String",
                "df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18",
            ),
            (
                "std_msgs/msg/Header",
                "f49fb3ae2cf070f793645ff749683ac6b06203e41c891e17701b1cb597ce6a01",
            ),
            (
                "std_msgs/msg/Float32MultiArray",
                "0599f6f85b4bfca379873a0b4375a0aca022156bd2d7021275d116ed1fa8bfe0",
            ),
            (
                "sensor_msgs/msg/Image",
                "d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47",
            ),
            (
                "sensor_msgs/msg/CompressedImage",
                "15640771531571185e2efc8a100baf923961a4d15d5569652e6cb6691e8e371a",
            ),
            (
                "sensor_msgs/msg/CameraInfo",
                "b3dfd68ff46c9d56c80fd3bd4ed22c7a4ddce8c8348f2f59c299e73118e7e275",
            ),
            (
                "sensor_msgs/msg/PointCloud2",
                "9198cabf7da3796ae6fe19c4cb3bdd3525492988c70522628af5daa124bae2b5",
            ),
            (
                "diagnostic_msgs/msg/DiagnosticArray",
                "5a8a36efb05fb25070fa0fb3810290c0e6cd4862b54a8fb975a1ee8dc55a333e",
            ),
            (
                "geometry_msgs/msg/Twist",
                "9c45bf16fe0983d80e3cfe750d6835843d265a9a6c46bd2e609fcddde6fb8d2a",
            ),
            (
                "nav_msgs/msg/Odometry",
                "3cc97dc7fb7502f8714462c526d369e35b603cfc34d946e3f2eda2766dfec6e0",
            ),
            (
                "tf2_msgs/msg/TFMessage",
                "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
            ),
            (
                "rcl_interfaces/msg/ParameterDescriptor",
                "52175dbfda6c51153101d33d2a9da05743f66f02d5ab2ca9ec4709b46b73d704",
            ),
        ] {
            assert_eq!(type_hash(name), Some(format!("RIHS01_{hash}")), "{name}");
        }
        assert_eq!(type_hash("std_msgs/msg/Nothing"), None);
    }

    /// As ROS 2 Jazzy itself has them, by the crate `natnet_zenoh`.
    #[test]
    fn hashes_of_services_are_those_of_ros_itself() {
        for (name, hash) in [
            (
                "SetParameters",
                "56eed9a67e169f9cb6c1f987bc88f868c14a8fc9f743a263bc734c154015d7e0",
            ),
            (
                "SetParametersAtomically",
                "0e192ef259c07fc3c07a13191d27002222e65e00ccec653ca05e856f79285fcd",
            ),
            (
                "GetParameters",
                "bf9803d5c74cf989a5de3e0c2e99444599a627c7ff75f97b8c05b01003675cbc",
            ),
            (
                "GetParameterTypes",
                "da199c878688b3e530bdfe3ca8f74cb9fa0c303101e980a9e8f260e25e1c80ca",
            ),
            (
                "ListParameters",
                "3e6062bfbb27bfb8730d4cef2558221f51a11646d78e7bb30a1e83afac3aad9d",
            ),
            (
                "DescribeParameters",
                "845b484d71eb0673dae682f2e3ba3c4851a65a3dcfb97bddd82c5b57e91e4cff",
            ),
        ] {
            let service = format!("rcl_interfaces/srv/{name}");
            assert_eq!(
                service_hash(&service),
                Some(format!("RIHS01_{hash}")),
                "{name}"
            );
        }
    }
}
