//! WHAT to compute: the task dictionary, transfers and policies.
//!
//! A **policy** says which source encoders a robot runs and which readouts turn
//! their representations into which target tasks. This crate knows names, rules
//! and their order of importance; it knows no ONNX, no camera and no bus.
//!
//! * [`Task`]: one entry of the dictionary, with unit, range and ROS message.
//! * [`Transfer`]: sources to one target.
//! * [`Policy`]: the transfers of a robot, most important first, checked.
//! * [`affinity`]: tables of measured transfers; [`mod@solve`]: the policy to choose.
//! * [`profile`]: what networks cost on one device.
//! * [`PolicyHash`]: the identity of a policy, carried by every output.
//!
//! ```
//! use concert_policies::{Policy, Task};
//!
//! let text = r#"
//! name = "desk"
//! supervision_budget = 1
//!
//! [[transfer]]
//! target = "keypoints2d"
//! sources = ["xfeat"]
//!
//! [[transfer]]
//! target = "point_matching"
//! sources = ["xfeat"]
//! "#;
//! let policy = Policy::parse(text, "desk.toml")?;
//! assert_eq!(policy.encoders(), ["xfeat"]);
//! assert_eq!(Some(policy.transfers()[1].target()), Task::find("point_matching"));
//!
//! let refused = Policy::parse(&text.replace("= 1", "= 0"), "desk.toml");
//! assert!(refused.is_err());
//! # Ok::<(), concert_policies::PolicyError>(())
//! ```

pub mod affinity;
mod canonical;
mod dictionary;
pub mod document;
pub mod explain;
mod fault;
mod hash;
mod order;
mod parse;
mod policy;
pub mod profile;
mod raw;
#[cfg(test)]
#[path = "../tests/common/skip.rs"]
mod skip;
pub mod solve;
mod summary;
mod task;
mod transfer;

pub use fault::{PolicyError, PolicyFault};
pub use hash::PolicyHash;
pub use policy::{
    MAX_NAME_BYTES, MAX_POLICY_BYTES, MAX_RATE_HZ, MAX_READOUT_NAME_BYTES, MAX_SUPERVISION_BUDGET,
    MAX_TRANSFERS, Policy,
};
pub use summary::{PolicySummary, TransferSummary};
pub use task::{OutOfRange, OutputKind, Role, Task, ValueRange};
pub use transfer::{Input, Transfer, readout_inputs};
