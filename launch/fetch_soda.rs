//! Fetching the soda: a robot that sees only what Concert publishes.
//!
//! An example to copy, not a planner to be proud of. One function is called ten
//! times a second with what was perceived since, and gives a velocity:
//!
//! ```text
//! outputs ──► senses ──► localiser   where am I: wheels, turned right by walls and pictures
//!                   ├──► grid        where can I drive: depth and the floor's classes
//!                   ├──► close       what stood before me lately: depth
//!                   ├──► landmarks   what was seen where: boxes and classes, with depth
//!                   └──► behaviour   survey, explore, approach, grasp, return, hand over
//!                            └─► planner (ways over the grid) ─► driver ─► Twist
//! ```
//!
//! Only `bus.rs` knows zenoh, only `sheet.rs` draws, and nothing here knows a
//! clock or the simulator, so that a test (`trial.rs`) runs whole errands in
//! simulated time. Frames (REP-103, REP-105): `map` has
//! its origin where the robot started, x where it looked; `base` is the robot's,
//! x ahead, y left, z up. Metres, radians.

pub(crate) mod behaviour;
pub(crate) mod bus;
mod close;
mod driver;
pub(crate) mod errand;
mod grid;
mod landmarks;
mod localiser;
pub(crate) mod place;
mod planner;
mod reader;
mod senses;
pub(crate) mod sheet;
#[cfg(test)]
mod trial;
