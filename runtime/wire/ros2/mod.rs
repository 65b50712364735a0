//! The formats of ROS 2 over zenoh, as its middleware `rmw_zenoh_cpp` has them:
//! plain computation, no bus.
//!
//! | what | form |
//! |---|---|
//! | key of a topic | `DOMAIN/TOPIC/PACKAGE::msg::dds_::TYPE_/HASH` ([`topic_key`]) |
//! | key of a service | `DOMAIN/SERVICE/PACKAGE::srv::dds_::TYPE_/HASH` |
//! | liveliness token of a node, a publisher, … | `@ros2_lv/DOMAIN/SESSION/…` ([`Entity::token`]) |
//! | attachment of a message, a request, an answer | 33 bytes ([`RosAttachment`]) |
//! | payload | the same CDR as without ROS 2 |
//!
//! The hash is that of the type's definition (RIHS01, REP-2011 and REP-2016); Humble
//! knows none and writes `TypeHashNotSupported`. A subscriber of one form hears
//! nothing of a publisher of the other, and nobody is told.

mod attachment;
mod distro;
mod entity;
mod names;
mod parameters;
mod qos;
mod topic;
mod type_hash;

pub use attachment::{RosAttachment, RosAttachmentError};
pub use distro::Distro;
pub use entity::{Entity, EntityKind, RosNodeName, gid_of};
pub use names::{MAX_DOMAIN_ID, dds_type, heard_topic_key, ros_name_fault, topic_key};
pub use parameters::{
    Parameter, ParameterRequest, ParameterResult, ParameterService, ParameterState, ParameterValue,
};
pub use qos::Qos;
pub use topic::{RosTopic, keys_beside, topic_of};
pub use type_hash::{service_hash, type_hash};
