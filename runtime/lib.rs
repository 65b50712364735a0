//! HOW: from a frame to its outputs, in real time.
//!
//! Everything directly in this folder is plain computation; everything that
//! touches the world stands in [`io`].
//!
//! A frame through a plan, on the public fakes of engine and networks:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use concert_models::card::Level;
//! use concert_models::contract::{Channels, Fit, InputContract, Layout};
//! use concert_models::fake::{FakeEngine, FakeNetwork};
//! use concert_models::{Image, NetworkFile, PixelFormat, TensorSpec};
//! use concert_policies::Policy;
//! use concert_runtime::parts::{EncoderPart, Maker, NamedTensor, PartInput, ReadPart, ReadoutPart};
//! use concert_runtime::{
//!     Frame, LaneName, ManualClock, NoWatch, Outcome, Output, OutputSink, Pipeline, Plan, Timestamp,
//! };
//!
//! struct Print;
//!
//! impl OutputSink for Print {
//!     fn wants(&self, _target: usize) -> bool {
//!         true
//!     }
//!     fn deliver(&mut self, _target: usize, output: &mut Output) {
//!         println!("{}: {:?}", output.origin.key, output.values);
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // text → Policy → Plan → Pipeline: each is made only from the one before.
//! let policy = Policy::parse(
//!     "name = \"grey\"\nsupervision_budget = 1\n\
//!      [[transfer]]\ntarget = \"vanishing_point\"\nsources = [\"mean\"]",
//!     "grey.toml",
//! )?;
//! let encoder = EncoderPart {
//!     source: "mean".to_owned(),
//!     file: NetworkFile::fake("mean"),
//!     contract: InputContract::new(
//!         "image", 2, 2, Layout::Nchw, Channels::Grey, Fit::Stretch, &[0.0], &[255.0],
//!     )?,
//!     levels: vec![Level {
//!         name: "grey".to_owned(),
//!         tensor: "grey".to_owned(),
//!         shape: vec![1, 1],
//!         stride: None,
//!     }],
//! };
//! let readout = ReadoutPart {
//!     relative_error: None,
//!     maker: Maker::Network,
//!     file: NetworkFile::fake("vanishing_point_from_mean"),
//!     reads: vec![ReadPart {
//!         tensor: "grey".to_owned(),
//!         from: PartInput::Level {
//!             source: "mean".to_owned(),
//!             level: "grey".to_owned(),
//!             frames_back: 0,
//!         },
//!         optional: false,
//!     }],
//!     output: NamedTensor {
//!         tensor: "point".to_owned(),
//!         spec: TensorSpec::f32(&[1, 3]),
//!     },
//!     labels: Arc::from(Vec::new()),
//! };
//! let plan = Plan::make(
//!     &policy,
//!     &BTreeMap::from([("mean".to_owned(), encoder)]),
//!     &BTreeMap::from([("vanishing_point_from_mean".to_owned(), readout)]),
//! )?;
//!
//! let mut engine = FakeEngine::default();
//! let mean = FakeNetwork::new(&[("image", &[1, 1, 2, 2])], &[("grey", &[1, 1])], |i, o| {
//!     o[0].1[0] = i[0].1.iter().sum::<f32>() / 4.0;
//!     Ok(())
//! });
//! engine.register("mean", mean);
//! let point = FakeNetwork::new(&[("grey", &[1, 1])], &[("point", &[1, 3])], |i, o| {
//!     o[0].1.fill(i[0].1[0]);
//!     Ok(())
//! });
//! engine.register("vanishing_point_from_mean", point);
//! let camera = LaneName {
//!     camera: "front".to_owned(),
//!     in_keys: false,
//! };
//! let clock = Arc::new(ManualClock::at(Timestamp::default()));
//! let watch = Arc::new(NoWatch);
//! let mut pipeline = Pipeline::prepare(plan, Box::new(engine), &[camera], clock, watch, None)?;
//!
//! let frame = Frame {
//!     sequence: 0,
//!     stamp: Timestamp::default(),
//!     arrived: Duration::ZERO,
//!     frame_id: "front_optical".into(),
//!     image: Image::packed(4, 4, PixelFormat::Grey8, vec![51; 16])?,
//!     intrinsics: None,
//!     distorted: false,
//!     depth: None,
//! };
//! let report = pipeline.step(0, &frame, Duration::from_millis(33), &mut Print);
//! assert_eq!(report.outcomes, [Outcome::Delivered]);
//! # Ok(())
//! # }
//! ```

pub mod agreement;
pub mod bus;
pub mod calibration;
pub mod camera;
pub mod camera_image;
mod capture;
pub mod clock;
pub mod commands;
pub mod consistency;
mod control;
pub mod counts;
pub mod degradation;
mod diagnostics;
mod duty_cycle;
mod evidence;
mod exchange;
pub mod execution;
pub mod failures;
pub mod fake_camera;
pub mod frame;
mod generation;
pub mod health;
pub mod heat;
pub mod io;
mod lane;
pub mod learning;
pub mod mailbox;
pub mod observation;
pub mod observer;
pub mod outbox;
pub mod output;
pub mod parts;
mod perceive;
pub mod picture;
pub mod pipeline;
pub mod plan;
mod planned;
mod preparation;
mod publish;
pub mod rate;
pub mod readiness;
mod rendezvous;
pub mod ring;
mod shadow;
pub mod shadow_stats;
mod shared;
mod shedding;
#[cfg(test)]
#[path = "../tests/common/skip.rs"]
mod skip;
pub mod snapshot;
pub mod stats;
pub mod status;
mod status_figures;
pub mod step;
mod step_gaps;
pub mod swap;
pub mod time;
mod verdict;
pub mod wire;
mod wiring;

pub use bus::{Bus, BusError, BusFigures, MemoryBus};
pub use camera::{Camera, CameraLosses, Capture, Companions, FrameFault};
pub use camera_image::{CameraImage, ImageEncoding, ImagePublishing};
pub use clock::{Clock, ManualClock};
pub use control::{Control, SwapTerms};
pub use counts::{CameraCounts, Outcome, OutcomeCounts};
pub use degradation::{Chain, DegradationRules, DegradationSnapshot, FrameTally, Signs};
pub use execution::{EncoderOrder, ExecutionSettings, Spinning};
pub use fake_camera::ScriptedCamera;
pub use frame::Frame;
pub use health::Health;
pub use io::run::{RunSettings, Runtime};
pub use io::yield_point::YieldPoint;
pub use learning::LearningSnapshot;
pub use observation::{Observation, ObservationRequest, ObservedLevel};
pub use observer::Observer;
pub use output::{Hashes, Output, OutputOrigin, StageTimes};
pub use pipeline::{Pipeline, Preparer};
pub use plan::{Plan, PlanError};
pub use planned::{PartsError, Planned, plan_at_start, plan_from_store};
pub use readiness::{Readiness, Unready};
pub use snapshot::Snapshot;
pub use stats::Percentiles;
pub use status::{Status, StatusEntry};
pub use status_figures::StatusFigures;
pub use step::{LaneName, NoWatch, OutputSink, StepReport, TakenOver, Watch};
pub use swap::{SwapError, SwapReport};
pub use time::Timestamp;
