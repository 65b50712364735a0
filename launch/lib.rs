//! WHERE Concert runs: launch files, the command line, pictures and tables.

pub mod launch_file;
pub mod overrides;
pub mod rules;

pub use launch_file::{LaunchError, LaunchFault, LaunchFile};
pub use overrides::Overrides;
