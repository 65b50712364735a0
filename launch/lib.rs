//! WHERE Concert runs: launch files, the command line, pictures and tables.

pub mod draw;
pub mod launch_file;
pub mod meter;
pub mod overrides;
pub mod rules;
pub mod terminal;

pub use launch_file::{LaunchError, LaunchFault, LaunchFile};
pub use overrides::Overrides;
