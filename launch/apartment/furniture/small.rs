//! Small things that are no tableware: books, boxes, cushions, pictures.

use glam::{Affine3A, Quat, Vec2};

use super::{small_model, v};
use crate::dice::Dice;
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

/// One standing book: (thickness, height, depth) with its spine towards +y.
pub(crate) fn book_row(palette: &Palette, dice: &mut Dice, (t, h, d): (f32, f32, f32)) -> Model {
    let mut m = Model::new();
    m.light_spacing = 0.3;
    let cover = dice.pick(&palette.spines);
    let column = dice.int(0, 15) as f32 / 16.0;
    let x = t / 2.0;
    m.rectangle(cover, v(-x, 0.0, 0.0), v(0.0, 0.0, h), v(0.0, d, 0.0));
    m.rectangle(cover, v(x, 0.0, 0.0), v(0.0, d, 0.0), v(0.0, 0.0, h));
    m.rectangle(
        palette.paper,
        v(-x, 0.0, h - 0.004),
        v(t, 0.0, 0.0),
        v(0.0, d, 0.0),
    );
    m.sheet(cover, (&[0.0, 1.0], &[0.0, 1.0]), (2, 2), |s, tt| {
        crate::shape::Sample {
            position: v(x - s * t, d, tt * h),
            normal: v(0.0, 1.0, 0.0),
            uv: Vec2::new(column + s * 0.999 / 16.0, 1.0 - tt),
            curvature: [0.0; 2],
        }
    });
    m
}

/// A book lying flat.
pub(crate) fn book_lying(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = small_model();
    let (w, d, t) = (
        dice.range(0.12, 0.17),
        dice.range(0.18, 0.24),
        dice.range(0.012, 0.035),
    );
    let cover = dice.pick(&palette.paints);
    m.block(
        cover,
        v(-w / 2.0, -d / 2.0, 0.0),
        v(w / 2.0, d / 2.0, 0.002),
    );
    m.block(
        palette.paper,
        v(-w / 2.0 + 0.003, -d / 2.0 + 0.003, 0.002),
        v(w / 2.0 - 0.003, d / 2.0 - 0.003, t - 0.002),
    );
    m.block(
        cover,
        v(-w / 2.0, -d / 2.0, t - 0.002),
        v(w / 2.0, d / 2.0, t),
    );
    m
}

/// A closed or taped cardboard box.
pub(crate) fn carton(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = small_model();
    let (w, d, h) = (
        dice.range(0.22, 0.45),
        dice.range(0.2, 0.35),
        dice.range(0.15, 0.32),
    );
    m.block(
        palette.cardboard,
        v(-w / 2.0, -d / 2.0, 0.0),
        v(w / 2.0, d / 2.0, h),
    );
    m.picture(
        palette.paper,
        v(-w * 0.1, -d / 2.0 - 0.001, h * 0.3),
        v(w * 0.3, 0.0, 0.0),
        v(0.0, 0.0, h * 0.3),
    );
    m.block(
        palette.clay[1],
        v(-w / 2.0 - 0.001, -0.025, h * 0.7),
        v(w / 2.0 + 0.001, 0.025, h + 0.001),
    );
    m
}

/// A cushion on a sofa, leaning back.
pub(crate) fn cushion(cloth: MaterialId, size: f32) -> Model {
    let mut m = small_model();
    m.at(Affine3A::from_rotation_x(-0.3), |c| {
        c.cushion(
            cloth,
            v(-size / 2.0, -0.07, 0.0),
            v(size / 2.0, 0.07, size),
            0.065,
        );
    });
    m
}

/// An open laptop, its screen towards +y.
pub(crate) fn laptop(palette: &Palette) -> Model {
    let mut m = small_model();
    m.rounded(
        palette.aluminium,
        v(-0.16, -0.11, 0.0),
        v(0.16, 0.11, 0.016),
        0.005,
        1,
    );
    m.block(
        palette.black,
        v(-0.14, -0.09, 0.0155),
        v(0.14, 0.02, 0.0168),
    );
    let lid = Affine3A::from_rotation_translation(Quat::from_rotation_x(0.3), v(0.0, -0.11, 0.014));
    m.at(lid, |l| {
        l.block(palette.aluminium, v(-0.16, -0.006, 0.0), v(0.16, 0.0, 0.21));
        l.picture(
            palette.screen,
            v(0.152, 0.0005, 0.01),
            v(-0.304, 0.0, 0.0),
            v(0.0, 0.0, 0.192),
        );
    });
    m
}

/// A shoe.
pub(crate) fn shoe(palette: &Palette, colour: MaterialId) -> Model {
    let mut m = small_model();
    m.rounded(
        palette.white,
        v(-0.045, -0.14, 0.0),
        v(0.045, 0.14, 0.025),
        0.012,
        1,
    );
    m.rounded(colour, v(-0.042, -0.135, 0.02), v(0.042, 0.0, 0.1), 0.03, 2);
    m.rounded(
        colour,
        v(-0.042, -0.02, 0.02),
        v(0.042, 0.135, 0.065),
        0.022,
        2,
    );
    m
}

/// A framed picture, `w` × `h`, hanging with its middle at z = 0 on y = 0.
pub(crate) fn framed(frame: MaterialId, art: MaterialId, w: f32, h: f32) -> Model {
    let mut m = Model::new();
    let t = 0.022;
    let (x, z) = (w / 2.0, h / 2.0);
    for (a, b) in [
        ((-x, -z), (x, -z + t)),
        ((-x, z - t), (x, z)),
        ((-x, -z + t), (-x + t, z - t)),
        ((x - t, -z + t), (x, z - t)),
    ] {
        m.block(frame, v(a.0, 0.0, a.1), v(b.0, 0.025, b.1));
    }
    m.picture(
        art,
        v(x - t, 0.012, -z + t),
        v(2.0 * t - w, 0.0, 0.0),
        v(0.0, 0.0, h - 2.0 * t),
    );
    m
}
