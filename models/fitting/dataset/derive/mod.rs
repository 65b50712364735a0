//! Labels that follow from depth and the camera's intrinsics.

mod edges;
mod fit;
mod pyramid;
mod rays;
mod room_in_view;
mod surface;

pub(super) use edges::edges;
pub(super) use rays::Rays;
pub(super) use room_in_view::room_in_view;
pub(super) use surface::{Surface, shading};

#[cfg(test)]
mod tests;
