//! NEW readouts from a robot's own frames: data sets, how good an output is,
//! fitting, and measuring which representation serves which task.
//!
//! The runtime does not need any of it: a robot that only serves a policy is
//! built without this crate (feature `fitting` of the program).
//!
//! # A readout from a few frames
//!
//! An encoder's levels come from the runtime or from [`fit::Encoders`]; here they
//! are random numbers, and depth is what the first of them says. Ridge regression
//! learns it frame by frame:
//!
//! ```
//! use concert_fitting::dataset::{Label, LabelKind};
//! use concert_fitting::fit::{LinearFit, RepresentationLayout};
//! use concert_models::card::Card;
//! use concert_models::rng::Rng;
//! use concert_policies::Task;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"
//! kind = "encoder"
//! name = "tiny"
//! sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
//! size_bytes = 3
//!
//! [provenance]
//! weights = "none"
//! licence = "Apache-2.0"
//! trained_on = "nothing"
//!
//! [input]
//! tensor = "image"
//! width = 32
//! height = 32
//! layout = "nchw"
//! channels = "rgb"
//! fit = "stretch"
//! mean = [127.0, 127.0, 127.0]
//! std = [128.0, 128.0, 128.0]
//!
//! [[level]]
//! name = "fine"
//! tensor = "fine"
//! shape = [1, 2, 8, 8]
//! stride = 4
//! "#;
//! let Card::Encoder(card) = Card::parse(text, "tiny.toml")? else {
//!     unreachable!("the card is an encoder's");
//! };
//! let layout = RepresentationLayout::of(&[&card])?;
//!
//! // Twelve frames: a level of two channels, and depth in metres per cell.
//! let mut rng = Rng::from_seed(1);
//! let mut frames = Vec::new();
//! let mut labels = Vec::new();
//! for _ in 0..12 {
//!     let level: Vec<f32> = (0..2 * 64).map(|_| rng.normal()).collect();
//!     let metres = level[..64].iter().map(|x| (0.3 * x).exp());
//!     labels.push(Label {
//!         channels: 1,
//!         width: 8,
//!         height: 8,
//!         values: metres.collect(),
//!         kind: LabelKind::Depth,
//!     });
//!     frames.push(layout.represent(&[&level])?);
//! }
//!
//! let depth = Task::find("depth_zbuffer").expect("a task of the dictionary");
//! let mut fit = LinearFit::new(depth, &layout, None, &frames)?;
//! let mut statistics = fit.statistics()?;
//! for (frame, label) in frames.iter().zip(&labels).skip(1) {
//!     fit.add(&mut statistics, frame, label, None, 1.0);
//! }
//! let readout = fit.readout(&statistics, 1e-4)?;
//!
//! // The first frame was not learnt from. `readout.onnx` is the network.
//! let error = fit.error(&readout.predict(&frames[0], None), &labels[0]);
//! assert!(error < 0.02, "{error}");
//! # Ok(())
//! # }
//! ```

pub mod dataset;
pub mod fit;
pub mod measure;
pub mod quality;
#[cfg(test)]
#[path = "../../tests/common/skip.rs"]
mod skip;
