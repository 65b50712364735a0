//! Potted plants.

use super::{small_model, v};
use crate::dice::Dice;
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

/// A potted plant about `height` high.
pub(crate) fn plant(palette: &Palette, dice: &mut Dice, height: f32) -> Model {
    let mut m = small_model();
    let pot = dice.pick(&palette.clay);
    let leaf = dice.pick(&palette.leaves);
    let (r, h) = (height * dice.range(0.13, 0.18) + 0.02, height * 0.26 + 0.02);
    pot_with_soil(&mut m, palette, pot, (r, h));
    let sizes = Sizes { height, r, h };
    let style = dice.int(0, 2);
    let count = if style == 1 {
        14
    } else {
        (16.0 + height * 16.0) as u32
    };
    for i in 0..count {
        let angle = i as f32 * 2.399_963 + dice.range(-0.3, 0.3);
        let share = i as f32 / count as f32;
        let way = angle.sin_cos();
        match style {
            0 => bush_leaf(&mut m, leaf, dice, &sizes, way, share),
            1 => sword(&mut m, leaf, dice, &sizes, way),
            _ => frond(&mut m, leaf, dice, &sizes, way),
        }
    }
    m
}

/// Measures of a plant and its pot, m.
struct Sizes {
    /// Height of both together.
    height: f32,
    /// Radius of the pot.
    r: f32,
    /// Height of the pot.
    h: f32,
}

fn pot_with_soil(m: &mut Model, palette: &Palette, pot: MaterialId, (r, h): (f32, f32)) {
    m.turned(
        pot,
        v(0.0, 0.0, 0.0),
        &[
            (0.0, 0.0),
            (r * 0.72, 0.0),
            (r * 0.95, h * 0.86),
            (r * 1.05, h * 0.86),
            (r * 1.05, h),
            (r * 0.92, h),
            (r * 0.9, h * 0.9),
        ],
        28,
    );
    m.turned(
        palette.soil,
        v(0.0, 0.0, h * 0.9),
        &[(r * 0.92, 0.0), (0.0, 0.0)],
        24,
    );
}

/// A leaf of a bush on its stalk; `share` of the way up.
fn bush_leaf(
    m: &mut Model,
    leaf: MaterialId,
    dice: &mut Dice,
    sizes: &Sizes,
    (sin, cos): (f32, f32),
    share: f32,
) {
    let &Sizes { height, h, .. } = sizes;
    let rest = height - h;
    let z = h + rest * (0.15 + 0.75 * share);
    let spread = rest * dice.range(0.25, 0.42) * (1.0 - 0.45 * share);
    let root = v(cos * spread * 0.35, sin * spread * 0.35, z);
    m.bar(
        leaf,
        v(0.0, 0.0, h * 0.9 + rest * 0.5 * share),
        root,
        0.004 + height * 0.002,
        5,
    );
    m.leaf(
        leaf,
        root,
        v(cos * spread, sin * spread, rest * dice.range(0.0, 0.2)),
        spread * 0.65,
        rest * dice.range(0.02, 0.18),
    );
}

/// An upright sword.
fn sword(m: &mut Model, leaf: MaterialId, dice: &mut Dice, sizes: &Sizes, (sin, cos): (f32, f32)) {
    let &Sizes { height, r, h } = sizes;
    let rest = height - h;
    let lean = rest * dice.range(0.05, 0.25);
    m.leaf(
        leaf,
        v(cos * r * 0.4, sin * r * 0.4, h * 0.9),
        v(cos * lean, sin * lean, rest * dice.range(0.6, 1.0)),
        0.03 + height * 0.05,
        0.0,
    );
}

/// An arching frond of a palm.
fn frond(m: &mut Model, leaf: MaterialId, dice: &mut Dice, sizes: &Sizes, (sin, cos): (f32, f32)) {
    let &Sizes { height, h, .. } = sizes;
    let rest = height - h;
    let reach = rest * dice.range(0.45, 0.7);
    let rise = rest * dice.range(0.55, 1.1);
    m.leaf(
        leaf,
        v(cos * 0.01, sin * 0.01, h * 0.9),
        v(cos * reach, sin * reach, rise),
        0.03 + height * 0.06,
        rise * dice.range(0.3, 0.6),
    );
}
