//! WITH what Concert computes: model cards and their store, surgery on ONNX
//! graphs, the [`Engine`] boundary, input contracts and preprocessing.
//!
//! Nothing here names ONNX Runtime, zenoh, a camera or a clock.

pub mod engine;
pub mod tensor;

pub use engine::{Engine, EngineError, Network, Placement, Slot, Wiring};
pub use tensor::{DType, TensorSpec};
