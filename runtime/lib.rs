//! HOW: from a frame to its outputs, in real time.
//!
//! Everything directly in this folder is plain computation; everything that
//! touches the world stands in [`io`].

pub mod agreement;
pub mod bus;
pub mod calibration;
pub mod camera;
pub mod camera_image;
mod capture;
pub mod clock;
pub mod commands;
pub mod consistency;
pub mod counts;
pub mod failures;
pub mod fake_camera;
pub mod frame;
mod generation;
mod health;
pub mod io;
mod lane;
pub mod learning;
pub mod mailbox;
pub mod observation;
pub mod outbox;
pub mod output;
pub mod parts;
mod pauses;
mod perceive;
pub mod picture;
pub mod pipeline;
pub mod plan;
mod preparation;
mod publish;
pub mod rate;
mod rendezvous;
pub mod ring;
pub mod shadow;
mod shared;
mod shedding;
#[cfg(test)]
#[path = "../tests/common/skip.rs"]
mod skip;
pub mod snapshot;
pub mod stats;
pub mod status;
pub mod swap;
pub mod time;
pub mod wire;
mod wiring;

pub use bus::{Bus, BusError, MemoryBus};
pub use camera::{Camera, CameraLosses, Capture, Companions, FrameFault};
pub use camera_image::{CameraImage, ImageEncoding, ImagePublishing};
pub use clock::{Clock, ManualClock};
pub use counts::{CameraCounts, Outcome, OutcomeCounts};
pub use fake_camera::ScriptedCamera;
pub use frame::Frame;
pub use io::give_way::GiveWay;
pub use io::run::{RunSettings, Runtime};
pub use learning::LearningSnapshot;
pub use observation::{Observation, ObservationRequest, ObservedLevel, Observer};
pub use output::{Hashes, Origin, Output, StageTimes};
pub use pipeline::{Audience, LaneName, NoWatch, Pipeline, Preparer, StepReport, TakenOver, Watch};
pub use plan::{Plan, PlanError};
pub use snapshot::Snapshot;
pub use stats::Percentiles;
pub use status::{Health, Status, StatusEntry};
pub use swap::{Control, SwapError, SwapReport};
pub use time::Timestamp;
