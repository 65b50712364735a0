//! WITH what Concert computes: model cards and their store, surgery on ONNX
//! graphs, the [`Engine`] boundary, input contracts and preprocessing.
//!
//! Nothing here names ONNX Runtime, zenoh, a camera or a clock.

pub mod card;
pub mod contract;
pub mod digest;
pub mod engine;
pub mod fake;
pub mod geometric;
pub mod geometry;
pub mod give_way;
pub mod image;
pub mod image_file;
pub mod onnx;
pub mod own;
pub mod pair;
pub mod preprocess;
mod resample;
pub mod rng;
#[cfg(test)]
#[path = "../tests/common/skip.rs"]
mod skip;
pub mod store;
pub mod tensor;

pub use engine::{
    Engine, EngineError, Network, NetworkFile, Placement, Slot, Terminator, View, Wiring,
};
pub use geometry::{Affine2, Intrinsics};
pub use image::{Image, ImageError, PixelFormat};
pub use tensor::{DType, TensorSpec};
