//! NEW readouts from a robot's own frames: data sets, how good an output is,
//! fitting, and measuring which representation serves which task.
//!
//! The runtime does not need any of it: a robot that only serves a policy is
//! built without this crate (feature `fitting` of the program).

pub mod dataset;
pub mod fit;
pub mod measure;
pub mod quality;
#[cfg(test)]
#[path = "../../tests/common/skip.rs"]
mod skip;
