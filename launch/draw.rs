//! Pictures of outputs: points and matches on the photograph, maps in colour,
//! class names in letters. The same output always makes the same picture.

mod boxes;
mod canvas;
mod colour;
#[cfg(feature = "fitting")]
mod curve;
mod front;
mod geometry;
mod legend;
mod map;
mod message;
mod output;
mod policy_graph;
mod svg;

#[cfg(feature = "fitting")]
pub(crate) use boxes::{DrawnBox, LEAST_SCORE, draw_boxes};
pub(crate) use canvas::Canvas;
pub(crate) use canvas::write_png;
pub(crate) use colour::{Rgb, label_colour, turbo};
#[cfg(feature = "fitting")]
pub(crate) use curve::{Curve, Switch, WatchedPoint, curve_picture};
pub(crate) use front::front_picture;
pub(crate) use geometry::{camera_of, room_edges};
pub(crate) use legend::Legend;
#[cfg(feature = "fitting")]
pub(crate) use legend::class_name;
#[cfg(feature = "view")]
pub(crate) use map::bulk;
pub(crate) use map::map_of;
pub(crate) use message::{About, note_of_message, picture_of_message};
pub(crate) use output::{note_of, on_photograph, picture_of};
pub(crate) use policy_graph::policy_picture;
#[cfg(feature = "apartment")]
pub(crate) use svg::escaped;
