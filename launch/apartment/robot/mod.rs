//! A robot in the home: where it can go, how it drives, how it sees.

mod drive;
mod gripper;
mod occupancy;
mod tour;

pub use drive::{DriveCommand, DriveReport, HURTING_SPEED, Robot, RobotConfig, WheelOdometry};
pub use gripper::{Gripper, Release};
pub use occupancy::Occupancy;
pub use tour::{Guidance, Tour};
