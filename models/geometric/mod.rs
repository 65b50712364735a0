//! Geometric readouts: targets that are computed, not learnt.
//!
//! Pure computation: views of levels and outputs in, numbers out. A card of
//! kind `geometric` names the [`Method`]; the runtime gives it a [`Scene`] for
//! every frame.

mod dice;
mod five_point;
mod keypoints;
mod matching;
mod method;
pub mod odometry;
mod pnp;
mod polynomial;
pub mod room_layout;
mod scene;
mod two_view;

pub use method::{Method, MethodError, Role};
pub use scene::{ASSUMED_FOCAL_WIDTHS, Geometric, Remarks, Scene, Unable, View};
