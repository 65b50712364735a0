//! The definitions of our messages and services as ROS 2 has them (`ros2msg`), so that a file
//! with them is read by whoever knows none of them.

use super::message::Message;
use super::std_msgs::StringMessage;

/// Full name and definition of every message, those that others hold included, and of
/// the two halves of every service.
#[rustfmt::skip]
const DEFINITIONS: [(&str, &str); 57] = [
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
    ("service_msgs/msg/ServiceEventInfo",
     "uint8 REQUEST_SENT=0\nuint8 REQUEST_RECEIVED=1\nuint8 RESPONSE_SENT=2\n\
      uint8 RESPONSE_RECEIVED=3\nuint8 event_type\nbuiltin_interfaces/Time stamp\n\
      char[16] client_gid\nint64 sequence_number\n"),
    ("rcl_interfaces/msg/ParameterValue",
     "uint8 type\nbool bool_value\nint64 integer_value\nfloat64 double_value\n\
      string string_value\nbyte[] byte_array_value\nbool[] bool_array_value\n\
      int64[] integer_array_value\nfloat64[] double_array_value\n\
      string[] string_array_value\n"),
    ("rcl_interfaces/msg/Parameter",
     "string name\nrcl_interfaces/ParameterValue value\n"),
    ("rcl_interfaces/msg/SetParametersResult", "bool successful\nstring reason\n"),
    ("rcl_interfaces/msg/ListParametersResult", "string[] names\nstring[] prefixes\n"),
    ("rcl_interfaces/msg/FloatingPointRange",
     "float64 from_value\nfloat64 to_value\nfloat64 step\n"),
    ("rcl_interfaces/msg/IntegerRange", "int64 from_value\nint64 to_value\nuint64 step\n"),
    ("rcl_interfaces/msg/ParameterDescriptor",
     "string name\nuint8 type\nstring description\nstring additional_constraints\n\
      bool read_only false\nbool dynamic_typing false\n\
      rcl_interfaces/FloatingPointRange[<=1] floating_point_range\n\
      rcl_interfaces/IntegerRange[<=1] integer_range\n"),
    ("rcl_interfaces/srv/SetParameters_Request", "rcl_interfaces/Parameter[] parameters\n"),
    ("rcl_interfaces/srv/SetParameters_Response",
     "rcl_interfaces/SetParametersResult[] results\n"),
    ("rcl_interfaces/srv/SetParametersAtomically_Request",
     "rcl_interfaces/Parameter[] parameters\n"),
    ("rcl_interfaces/srv/SetParametersAtomically_Response",
     "rcl_interfaces/SetParametersResult result\n"),
    ("rcl_interfaces/srv/GetParameters_Request", "string[] names\n"),
    ("rcl_interfaces/srv/GetParameters_Response", "rcl_interfaces/ParameterValue[] values\n"),
    ("rcl_interfaces/srv/GetParameterTypes_Request", "string[] names\n"),
    ("rcl_interfaces/srv/GetParameterTypes_Response", "uint8[] types\n"),
    ("rcl_interfaces/srv/ListParameters_Request",
     "uint64 DEPTH_RECURSIVE=0\nstring[] prefixes\nuint64 depth\n"),
    ("rcl_interfaces/srv/ListParameters_Response",
     "rcl_interfaces/ListParametersResult result\n"),
    ("rcl_interfaces/srv/DescribeParameters_Request", "string[] names\n"),
    ("rcl_interfaces/srv/DescribeParameters_Response",
     "rcl_interfaces/ParameterDescriptor[] descriptors\n"),
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

/// Type (`float64[36]`, `std_msgs/Header`) and name of each field of a message;
/// constants and default values are left out. `None` for a type that is not known here.
#[cfg(feature = "zenoh")]
pub(super) fn fields_of(
    message_type: &str,
) -> Option<impl Iterator<Item = (&'static str, &'static str)>> {
    let fields = of(message_type)?.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (kind, name) = (words.next()?, words.next()?);
        (!name.contains('=')).then_some((kind, name))
    });
    Some(fields)
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
