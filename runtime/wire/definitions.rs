//! The definitions of our messages as ROS 2 has them (`ros2msg`), so that a file
//! with them is read by whoever knows none of them.

use super::message::Message;
use super::std_msgs::StringMessage;

/// Full name and definition of every message, those that others hold included.
#[rustfmt::skip]
const DEFINITIONS: [(&str, &str); 37] = [
    ("builtin_interfaces/msg/Time", "int32 sec\nuint32 nanosec\n"),
    ("std_msgs/msg/Header", "builtin_interfaces/Time stamp\nstring frame_id\n"),
    ("std_msgs/msg/Bool", "bool data\n"),
    (StringMessage::TYPE, "string data\n"),
    ("std_msgs/msg/MultiArrayDimension", "string label\nuint32 size\nuint32 stride\n"),
    ("std_msgs/msg/MultiArrayLayout", "std_msgs/MultiArrayDimension[] dim\nuint32 data_offset\n"),
    ("std_msgs/msg/Float32MultiArray", "std_msgs/MultiArrayLayout layout\nfloat32[] data\n"),
    ("geometry_msgs/msg/Point", "float64 x\nfloat64 y\nfloat64 z\n"),
    ("geometry_msgs/msg/Vector3", "float64 x\nfloat64 y\nfloat64 z\n"),
    ("geometry_msgs/msg/Quaternion", "float64 x 0\nfloat64 y 0\nfloat64 z 0\nfloat64 w 1\n"),
    ("geometry_msgs/msg/Pose",
     "geometry_msgs/Point position\ngeometry_msgs/Quaternion orientation\n"),
    ("geometry_msgs/msg/PoseWithCovariance", "geometry_msgs/Pose pose\nfloat64[36] covariance\n"),
    ("geometry_msgs/msg/Twist", "geometry_msgs/Vector3 linear\ngeometry_msgs/Vector3 angular\n"),
    ("geometry_msgs/msg/TwistWithCovariance",
     "geometry_msgs/Twist twist\nfloat64[36] covariance\n"),
    ("geometry_msgs/msg/Transform",
     "geometry_msgs/Vector3 translation\ngeometry_msgs/Quaternion rotation\n"),
    ("geometry_msgs/msg/TransformStamped",
     "std_msgs/Header header\nstring child_frame_id\ngeometry_msgs/Transform transform\n"),
    ("tf2_msgs/msg/TFMessage", "geometry_msgs/TransformStamped[] transforms\n"),
    ("nav_msgs/msg/Odometry",
     "std_msgs/Header header\nstring child_frame_id\ngeometry_msgs/PoseWithCovariance pose\n\
      geometry_msgs/TwistWithCovariance twist\n"),
    ("sensor_msgs/msg/Image",
     "std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\n\
      uint8 is_bigendian\nuint32 step\nuint8[] data\n"),
    ("sensor_msgs/msg/CompressedImage",
     "std_msgs/Header header\nstring format\nuint8[] data\n"),
    ("sensor_msgs/msg/RegionOfInterest",
     "uint32 x_offset\nuint32 y_offset\nuint32 height\nuint32 width\nbool do_rectify\n"),
    ("sensor_msgs/msg/CameraInfo",
     "std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\n\
      float64[] d\nfloat64[9] k\nfloat64[9] r\nfloat64[12] p\nuint32 binning_x\n\
      uint32 binning_y\nsensor_msgs/RegionOfInterest roi\n"),
    ("sensor_msgs/msg/PointField",
     "uint8 INT8=1\nuint8 UINT8=2\nuint8 INT16=3\nuint8 UINT16=4\nuint8 INT32=5\n\
      uint8 UINT32=6\nuint8 FLOAT32=7\nuint8 FLOAT64=8\nstring name\nuint32 offset\n\
      uint8 datatype\nuint32 count\n"),
    ("sensor_msgs/msg/PointCloud2",
     "std_msgs/Header header\nuint32 height\nuint32 width\nsensor_msgs/PointField[] fields\n\
      bool is_bigendian\nuint32 point_step\nuint32 row_step\nuint8[] data\nbool is_dense\n"),
    ("vision_msgs/msg/ObjectHypothesis", "string class_id\nfloat64 score\n"),
    ("vision_msgs/msg/ObjectHypothesisWithPose",
     "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n"),
    ("vision_msgs/msg/Classification",
     "std_msgs/Header header\nvision_msgs/ObjectHypothesis[] results\n"),
    ("vision_msgs/msg/Point2D", "float64 x\nfloat64 y\n"),
    ("vision_msgs/msg/Pose2D", "vision_msgs/Point2D position\nfloat64 theta\n"),
    ("vision_msgs/msg/BoundingBox2D",
     "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n"),
    ("vision_msgs/msg/Detection2D",
     "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n\
      vision_msgs/BoundingBox2D bbox\nstring id\n"),
    ("vision_msgs/msg/Detection2DArray",
     "std_msgs/Header header\nvision_msgs/Detection2D[] detections\n"),
    ("vision_msgs/msg/BoundingBox3D",
     "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size\n"),
    ("vision_msgs/msg/BoundingBox3DArray",
     "std_msgs/Header header\nvision_msgs/BoundingBox3D[] boxes\n"),
    ("diagnostic_msgs/msg/KeyValue", "string key\nstring value\n"),
    ("diagnostic_msgs/msg/DiagnosticStatus",
     "byte OK=0\nbyte WARN=1\nbyte ERROR=2\nbyte STALE=3\nbyte level\nstring name\n\
      string message\nstring hardware_id\ndiagnostic_msgs/KeyValue[] values\n"),
    ("diagnostic_msgs/msg/DiagnosticArray",
     "std_msgs/Header header\ndiagnostic_msgs/DiagnosticStatus[] status\n"),
];

/// Between a definition and the next one that it needs.
const SEPARATOR: &str =
    "================================================================================\n";

/// The definition of a message and of all that it holds, as a `ros2msg` schema has
/// them: `None` for a type that is not known here.
#[must_use]
pub fn definition(message_type: &str) -> Option<String> {
    let mut text = of(message_type)?.to_owned();
    let mut written = vec![message_type.to_owned()];
    let mut next = 0;
    while next < written.len() {
        for held in held_by(of(&written[next])?) {
            if !written.contains(&held) {
                let (package, name) = held.split_once("/msg/")?;
                text += &format!("{SEPARATOR}MSG: {package}/{name}\n{}", of(&held)?);
                written.push(held);
            }
        }
        next += 1;
    }
    Some(text)
}

fn of(message_type: &str) -> Option<&'static str> {
    let mut all = DEFINITIONS.iter();
    Some(all.find(|(name, _)| *name == message_type)?.1)
}

/// Full names of the messages that the fields of a definition are.
fn held_by(definition: &str) -> impl Iterator<Item = String> {
    definition.lines().filter_map(|line| {
        let field = line.split(' ').next()?;
        let (package, name) = field.split_once('/')?;
        let name = name.split('[').next()?;
        Some(format!("{package}/msg/{name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::AnyMessage;

    #[test]
    fn every_message_that_is_known_here_has_a_definition_with_all_that_it_holds() {
        for name in AnyMessage::TYPES {
            let text = definition(name).unwrap_or_else(|| panic!("{name} has none"));
            for part in text.split(SEPARATOR) {
                for held in held_by(part.trim_start_matches("MSG: ")) {
                    let said = format!("MSG: {}\n", held.replace("/msg/", "/"));
                    assert_eq!(text.matches(&said).count(), 1, "{name} holds {held}");
                }
            }
        }
        assert_eq!(definition("std_msgs/msg/Nothing"), None);
    }
}
