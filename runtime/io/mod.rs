//! Everything that touches the world, each behind the boundary it implements.

pub mod clock;
pub mod thread;
