//! Surgery on ONNX graphs, over the protobuf types and nothing else.
//!
//! [`check()`] refuses a file in bounded time and memory before any other code
//! sees it and is the only maker of a [`Checked`] model; [`cut()`] turns a
//! network into an encoder with named levels; [`merge()`] joins encoders and
//! readouts into one graph; [`describe()`] tells what a file holds;
//! [`GraphBuilder`] writes small graphs.

pub mod build;
pub mod check;
pub mod cut;
pub mod describe;
mod elem;
mod infer;
pub mod merge;
mod names;
pub mod proto;
mod rules;
mod wire;

pub use build::{Attr, GraphBuilder};
pub use check::{CheckError, CheckLimits, Checked, check, check_for};
pub use cut::{CutError, Tap, cut};
pub use describe::{Description, Dim, describe};
pub use elem::integers;
pub use merge::{Connection, MergeError, Part, merge};

#[cfg(test)]
mod size_tests;
#[cfg(test)]
mod tests;
