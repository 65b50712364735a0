//! A robot in the home: where it can go, how it drives, how it sees.

mod occupancy;

pub use occupancy::Occupancy;
