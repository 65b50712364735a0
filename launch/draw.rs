//! Pictures of outputs: points and matches on the photograph, maps in colour,
//! class names in letters. The same output always makes the same picture.

mod canvas;
mod colour;
mod curve;
mod front;
mod geometry;
mod legend;
mod message;
mod output;
mod policy_graph;
mod svg;

pub use canvas::Canvas;
pub(crate) use canvas::write_png;
pub use colour::{Rgb, label_colour, turbo};
pub use curve::{Curve, Switch, WatchedPoint, curve_picture};
pub use front::front_picture;
pub use geometry::{camera_of, room_edges};
pub use legend::{ClassShare, Legend};
pub use message::{About, note_of_message, picture_of_message};
pub use output::{DrawError, map_of, note_of, on_photograph, picture_of};
pub use policy_graph::policy_picture;
pub use svg::{Anchor, Svg};
