//! The live table, and small pictures in half blocks.

mod blocks;
mod screen;
mod table;

pub use blocks::half_blocks;
pub use screen::{Screen, Style};
pub use table::{plain_line, table};
