//! ROS 2 over zenoh: nodes that other nodes see.

mod node;
mod parameter_server;

pub use node::RosNode;
pub(super) use node::{RosEnd, RosPlace};
pub use parameter_server::{ParameterServer, ReadParameters, SetParameters};
