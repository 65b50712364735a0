//! Pieces of furniture as meshes. Each stands on z = 0 with its back at y = 0,
//! its front towards +y, and x = 0 in the middle of its width. Metres.

mod bath;
mod kitchen;
mod lamps;
mod plants;
mod seating;
mod small;
mod storage;
mod tables;
mod tableware;

use glam::Vec3;

use crate::shape::Model;

pub(crate) use bath::{basin, bath_mirror, bathtub, toilet, towel_rail};
pub(crate) use kitchen::{base_units, fridge, hob_and_oven, hood, sink, wall_units};
pub(crate) use lamps::{ceiling_lamp, floor_lamp, table_lamp};
pub(crate) use plants::plant;
pub(crate) use seating::{armchair, bed, chair, office_chair, sofa, stool};
pub(crate) use small::{book_lying, book_row, carton, cushion, framed, laptop, shoe};
pub(crate) use storage::{bookcase, chest, radiator, television, tv_stand, wardrobe};
pub(crate) use tables::{coffee_table, desk, dining_table, night_table};
pub(crate) use tableware::{
    bottle, bowl, can, cup, fruit, glazed_bowl, glazed_cup, kettle, toaster, vase,
};

/// `Vec3::new`, shorter: furniture is made of numbers.
pub(crate) fn v(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3::new(x, y, z)
}

/// An empty model whose light is computed as finely as small things need it.
fn small_model() -> Model {
    let mut m = Model::new();
    m.light_spacing = 0.05;
    m
}
