//! Light: the sky and sun outside, lamps inside, and what they do to the home.

mod bake;
mod outside;
mod probe;

pub(crate) use bake::{Lamp, Quality, WindowLight, bake, bake_object};
pub(crate) use outside::Outside;
pub(crate) use probe::Probe;
