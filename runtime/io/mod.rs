//! Everything that touches the world, each behind the boundary it implements.

pub mod board;
pub mod cameras;
pub mod clock;
pub mod exit;
#[cfg(feature = "onnxruntime")]
pub mod library;
#[cfg(feature = "onnxruntime")]
pub mod onnxruntime;
pub(crate) mod own_thread;
#[cfg(feature = "onnxruntime")]
pub mod pip;
#[cfg(feature = "onnxruntime")]
pub mod pull;
#[cfg(feature = "recording")]
pub mod recording;
pub mod run;
pub mod service_manager;
pub mod system_files;
pub mod thermal;
pub mod thread;
pub mod watchdog;
pub mod yield_point;
#[cfg(feature = "zenoh")]
pub mod zenoh;
