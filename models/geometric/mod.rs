//! Geometric readouts: targets that are computed, not learnt.
//!
//! Pure computation: views of levels and outputs in, numbers out. A card of
//! kind `geometric` names the [`Method`]; the runtime gives it a [`Scene`] for
//! every frame.
//!
//! The minimal solvers (`five_point`, `pnp`) are our own. The published pages of
//! kornia-3d (0.1.14 was read) offer five points and EPnP in a RANSAC; EPnP there
//! computes in `f32`, gives one pose of a sample, where
//! three points give all that are possible. It was not tried here, and should
//! be once it has three points in `f64`.

mod five_point;
mod keypoints;
mod matching;
mod method;
pub mod odometry;
mod pnp;
mod polynomial;
mod ransac;
pub mod room_layout;
mod scene;
mod two_view;

pub use method::{Method, MethodError, ReadRole};
pub use scene::{ASSUMED_FOCAL_WIDTHS, Geometric, OutputFlags, Scene, SceneView, Unable};
