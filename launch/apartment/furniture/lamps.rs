//! Lamps on the floor, on tables and under the ceiling.

use glam::Vec2;

use super::{small_model, v};
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

/// A floor lamp with its bulb at z = 1.5; `shade` glows if it is on.
pub(crate) fn floor_lamp(palette: &Palette, shade: MaterialId) -> Model {
    let mut m = small_model();
    m.cylinder(palette.black, v(0.0, 0.0, 0.0), 0.14, 0.02, 24);
    m.bar(
        palette.black,
        v(0.0, 0.0, 0.02),
        v(0.0, 0.0, 1.45),
        0.011,
        10,
    );
    m.lathe(
        shade,
        v(0.0, 0.0, 1.38),
        &[(0.2, 0.0), (0.14, 0.27)],
        28,
        Vec2::ONE,
    );
    m
}

/// A table lamp with its bulb at z = 0.36.
pub(crate) fn table_lamp(palette: &Palette, base: MaterialId, shade: MaterialId) -> Model {
    let mut m = small_model();
    m.lathe(
        base,
        v(0.0, 0.0, 0.0),
        &[
            (0.0, 0.0),
            (0.06, 0.0),
            (0.065, 0.03),
            (0.045, 0.1),
            (0.02, 0.2),
            (0.012, 0.26),
        ],
        20,
        Vec2::ONE,
    );
    m.bar(
        palette.steel,
        v(0.0, 0.0, 0.25),
        v(0.0, 0.0, 0.34),
        0.006,
        8,
    );
    m.lathe(
        shade,
        v(0.0, 0.0, 0.28),
        &[(0.12, 0.0), (0.08, 0.16)],
        24,
        Vec2::ONE,
    );
    m
}

/// A lamp hanging from z = 0 down by `drop`: a ball, a shade or a flat disc.
pub(crate) fn ceiling_lamp(palette: &Palette, shade: MaterialId, style: u32, drop: f32) -> Model {
    let mut m = small_model();
    match style {
        0 => {
            m.bar(
                palette.black,
                v(0.0, 0.0, -drop + 0.1),
                v(0.0, 0.0, 0.0),
                0.004,
                6,
            );
            m.ball(shade, v(0.0, 0.0, -drop), 0.14, 24);
        }
        1 => {
            m.bar(
                palette.black,
                v(0.0, 0.0, -drop + 0.1),
                v(0.0, 0.0, 0.0),
                0.004,
                6,
            );
            m.lathe(
                shade,
                v(0.0, 0.0, -drop - 0.08),
                &[(0.23, 0.0), (0.18, 0.13), (0.05, 0.2)],
                28,
                Vec2::ONE,
            );
        }
        _ => {
            m.turned(
                shade,
                v(0.0, 0.0, -0.09),
                &[
                    (0.0, 0.0),
                    (0.19, 0.0),
                    (0.21, 0.02),
                    (0.21, 0.09),
                    (0.0, 0.09),
                ],
                28,
            );
        }
    }
    m
}
