//! WITH what Concert computes: model cards and their store, surgery on ONNX
//! graphs, the [`Engine`] boundary, input contracts and preprocessing.
//!
//! Nothing here names ONNX Runtime, zenoh, a camera or a clock.

pub mod card;
pub mod contract;
pub mod dataset;
pub mod digest;
pub mod engine;
pub mod fake;
pub mod fit;
pub mod geometric;
pub mod geometry;
mod give_way;
pub mod image;
pub mod image_file;
pub mod measure;
pub mod onnx;
pub mod own;
pub mod pair;
pub mod preprocess;
pub mod pull;
pub mod quality;
mod resample;
pub mod store;
pub mod tensor;
pub mod whole_file;

pub use engine::{
    Engine, EngineError, Network, NetworkFile, Placement, Slot, Terminator, View, Wiring,
};
pub use geometry::{Affine2, Intrinsics};
pub use image::{Image, ImageError, PixelFormat};
pub use tensor::{DType, TensorSpec};
