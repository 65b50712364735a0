//! Everything that touches the world, each behind the boundary it implements.

pub mod clock;
pub mod run;
pub mod thread;
pub mod watchdog;
