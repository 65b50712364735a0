//! Pieces of furniture as meshes. Each stands on z = 0 with its back at y = 0,
//! its front towards +y, and x = 0 in the middle of its width. Metres.

mod bath;
mod kitchen;
mod seating;
mod small;
mod storage;
mod tables;

pub(crate) use bath::{basin, bath_mirror, bathtub, toilet, towel_rail};
pub(crate) use kitchen::{base_units, fridge, hob_and_oven, hood, sink, wall_units};
pub(crate) use seating::{armchair, bed, chair, office_chair, sofa, stool};
pub(crate) use small::{
    book_lying, book_row, bottle, bowl, can, carton, ceiling_lamp, cup, cushion, floor_lamp,
    framed, fruit, kettle, laptop, plant, shoe, table_lamp, toaster, vase,
};
pub(crate) use storage::{bookcase, chest, radiator, television, tv_stand, wardrobe};
pub(crate) use tables::{coffee_table, desk, dining_table, night_table};

use glam::Vec3;

/// `Vec3::new`, shorter: furniture is made of numbers.
pub(crate) fn v(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3::new(x, y, z)
}
