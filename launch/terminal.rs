//! The live table, and pictures in half blocks.

mod colours;
mod panel;
mod screen;
mod table;
mod view;
mod window;

pub(crate) use colours::Colours;
pub(crate) use panel::{Curve, CurveLine, Panel};
pub(crate) use screen::{Screen, Style};
pub(crate) use table::{plain_line, table, wrap};
pub(crate) use view::View;
pub(crate) use window::width_of_stdout;
