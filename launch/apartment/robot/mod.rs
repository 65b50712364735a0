//! A robot in the home: where it can go, how it drives, how it sees.

mod drive;
mod occupancy;
mod tour;

pub use drive::{DriveCommand, DriveReport, Robot, RobotConfig, WheelOdometry};
pub use occupancy::Occupancy;
pub use tour::{Guidance, Tour};
