//! WITH what Concert computes: model cards and their store, surgery on ONNX
//! graphs, the [`Engine`] boundary, input contracts and preprocessing.
//!
//! Nothing here names ONNX Runtime, zenoh, a camera or a clock.
//!
//! ```
//! use concert_models::contract::{Channels, Fit, InputContract, Layout};
//! use concert_models::preprocess::Preprocessor;
//! use concert_models::{Image, PixelFormat};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A network that wants 2 x 2 pixels, channel by channel, from -1 to 1.
//! let (mean, std) = ([127.5; 3], [127.5; 3]);
//! let contract =
//!     InputContract::new("image", 2, 2, Layout::Nchw, Channels::Rgb, Fit::Stretch, &mean, &std)?;
//! let white = vec![255; 4 * 4 * 3];
//! let image = Image::packed(4, 4, PixelFormat::Rgb8, white)?;
//!
//! let mut tensor = [0.0f32; 3 * 2 * 2];
//! Preprocessor::new(&contract).run(&image, bytemuck::cast_slice_mut(&mut tensor))?;
//! assert!(tensor.iter().all(|value| (value - 1.0).abs() < 1e-6));
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
mod allocations;
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
    Engine, EngineError, Network, NetworkFile, Placement, Preloader, Slot, Terminator, View, Wiring,
};
pub use geometry::{Affine2, Intrinsics};
pub use image::{Image, ImageError, PixelFormat};
pub use tensor::{DType, TensorSpec};
