//! HOW: from a frame to its outputs, in real time.
//!
//! Everything directly in this folder is plain computation; everything that
//! touches the world stands in [`io`].

pub mod bus;
pub mod camera;
pub mod clock;
pub mod fake_camera;
pub mod frame;
pub mod io;
pub mod output;
pub mod status;
pub mod time;

pub use bus::{Bus, BusError, MemoryBus};
pub use camera::{Camera, Capture, FrameFault};
pub use clock::{Clock, ManualClock};
pub use fake_camera::ScriptedCamera;
pub use frame::Frame;
pub use output::{Hashes, Origin, Output, StageTimes};
pub use status::{Health, Status, StatusEntry};
pub use time::Timestamp;
