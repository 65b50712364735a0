//! The live table, and pictures in half blocks.

mod colours;
mod panel;
mod screen;
mod table;
mod view;
mod window;

pub use colours::Colours;
pub use panel::{Curve, CurveLine, Panel};
pub use screen::{Screen, Style};
pub use table::{plain_line, table, wrap};
pub use view::{View, draw};
pub use window::width_of_stdout;
