//! Cups, bowls and bottles, fruit, and small appliances of the kitchen.

use glam::Vec2;

use super::{small_model, v};
use crate::dice::Dice;
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

/// A can of soda: 66 mm wide, 115 mm high.
pub(crate) fn can(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = small_model();
    let label = dice.pick(&palette.labels);
    m.lathe(
        label,
        v(0.0, 0.0, 0.008),
        &[(0.033, 0.0), (0.033, 0.094)],
        24,
        Vec2::ONE,
    );
    let a = palette.aluminium;
    m.turned(
        a,
        v(0.0, 0.0, 0.0),
        &[(0.0, 0.004), (0.022, 0.0), (0.027, 0.0), (0.033, 0.008)],
        24,
    );
    m.turned(
        a,
        v(0.0, 0.0, 0.102),
        &[
            (0.033, 0.0),
            (0.028, 0.009),
            (0.0285, 0.013),
            (0.026, 0.013),
            (0.025, 0.009),
            (0.0, 0.009),
        ],
        24,
    );
    m
}

/// A cup with a handle.
pub(crate) fn cup(palette: &Palette, dice: &mut Dice) -> Model {
    let glaze = if dice.chance(0.45) {
        palette.porcelain
    } else {
        dice.pick(&palette.paints)
    };
    glazed_cup(glaze, dice)
}

/// A cup with a handle, of a certain glaze.
pub(crate) fn glazed_cup(glaze: MaterialId, dice: &mut Dice) -> Model {
    let mut m = small_model();
    let (r, h) = (dice.range(0.037, 0.044), dice.range(0.075, 0.1));
    m.lathe(
        glaze,
        v(0.0, 0.0, 0.0),
        &[
            (0.0, 0.0),
            (r * 0.72, 0.001),
            (r * 0.88, 0.012),
            (r, h * 0.5),
            (r, h),
        ],
        24,
        Vec2::ONE,
    );
    m.lathe(
        glaze,
        v(0.0, 0.0, 0.0),
        &[
            (r, h),
            (r - 0.004, h),
            (r - 0.005, h * 0.5),
            (r * 0.7, 0.008),
            (0.0, 0.007),
        ],
        24,
        Vec2::ONE,
    );
    let points: Vec<_> = (0..=6)
        .map(|i| {
            let angle = (i as f32 / 6.0 - 0.5) * std::f32::consts::PI;
            v(
                r - 0.004 + angle.cos() * 0.026,
                0.0,
                h * 0.52 + angle.sin() * h * 0.3,
            )
        })
        .collect();
    for pair in points.windows(2) {
        m.bar(glaze, pair[0], pair[1], 0.005, 8);
    }
    m
}

/// A bottle: wine, beer or water.
pub(crate) fn bottle(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = small_model();
    let glass = dice.pick(&palette.glasses);
    let (r, h) = (dice.range(0.031, 0.041), dice.range(0.22, 0.32));
    let shape = [
        (0.0, 0.0),
        (0.9, 0.0),
        (1.0, 0.03),
        (1.0, 0.3),
        (1.0, 0.56),
        (0.9, 0.66),
        (0.5, 0.76),
        (0.38, 0.84),
        (0.37, 0.95),
        (0.42, 0.96),
        (0.42, 0.99),
    ];
    let profile: Vec<(f32, f32)> = shape.iter().map(|(x, z)| (x * r, z * h)).collect();
    m.lathe(glass, v(0.0, 0.0, 0.0), &profile, 20, Vec2::ONE);
    m.cylinder(
        dice.pick(&palette.paints),
        v(0.0, 0.0, h * 0.95),
        r * 0.44,
        h * 0.055,
        16,
    );
    let label = dice.pick(&palette.labels);
    m.lathe(
        label,
        v(0.0, 0.0, h * 0.18),
        &[(r + 0.0006, 0.0), (r + 0.0006, h * 0.3)],
        20,
        Vec2::ONE,
    );
    m
}

/// A bowl.
pub(crate) fn bowl(palette: &Palette, dice: &mut Dice, r: f32) -> Model {
    let glaze = if dice.chance(0.5) {
        dice.pick(&palette.paints)
    } else {
        palette.porcelain
    };
    glazed_bowl(glaze, r)
}

/// A bowl of a certain glaze.
pub(crate) fn glazed_bowl(glaze: MaterialId, r: f32) -> Model {
    let mut m = small_model();
    let h = r * 0.55;
    m.lathe(
        glaze,
        v(0.0, 0.0, 0.0),
        &[
            (0.0, 0.0),
            (r * 0.45, 0.0),
            (r * 0.75, h * 0.35),
            (r * 0.93, h * 0.7),
            (r, h),
        ],
        28,
        Vec2::ONE,
    );
    m.lathe(
        glaze,
        v(0.0, 0.0, 0.0),
        &[
            (r, h),
            (r * 0.95, h),
            (r * 0.86, h * 0.65),
            (r * 0.65, h * 0.33),
            (0.0, h * 0.12),
        ],
        28,
        Vec2::ONE,
    );
    m
}

/// A fruit.
pub(crate) fn fruit(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = small_model();
    let r = dice.range(0.032, 0.042);
    m.ellipsoid(
        dice.pick(&palette.paints),
        v(0.0, 0.0, r * 0.92),
        v(r, r, r * 0.92),
        18,
    );
    m.bar(
        palette.soil,
        v(0.0, 0.0, r * 1.7),
        v(0.004, 0.0, r * 2.1),
        0.002,
        5,
    );
    m
}

/// A kettle.
pub(crate) fn kettle(palette: &Palette) -> Model {
    let mut m = small_model();
    m.lathe(
        palette.steel,
        v(0.0, 0.0, 0.0),
        &[
            (0.0, 0.0),
            (0.085, 0.0),
            (0.085, 0.02),
            (0.08, 0.1),
            (0.062, 0.19),
            (0.05, 0.21),
            (0.0, 0.22),
        ],
        24,
        Vec2::ONE,
    );
    m.bar(
        palette.black,
        v(-0.06, 0.0, 0.2),
        v(-0.13, 0.0, 0.17),
        0.012,
        8,
    );
    m.bar(
        palette.black,
        v(-0.13, 0.0, 0.175),
        v(-0.12, 0.0, 0.05),
        0.012,
        8,
    );
    m.taper(
        palette.steel,
        v(0.06, 0.0, 0.16),
        v(0.11, 0.0, 0.2),
        (0.02, 0.012),
        8,
    );
    m
}

/// A toaster.
pub(crate) fn toaster(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = small_model();
    let body = if dice.chance(0.5) {
        palette.steel
    } else {
        dice.pick(&palette.paints)
    };
    m.rounded(body, v(-0.14, -0.08, 0.01), v(0.14, 0.08, 0.19), 0.035, 2);
    for y in [-0.03, 0.03] {
        m.block(
            palette.black,
            v(-0.1, y - 0.012, 0.185),
            v(0.1, y + 0.012, 0.1915),
        );
    }
    m.block(palette.black, v(0.138, -0.015, 0.1), v(0.165, 0.015, 0.12));
    m
}

/// A vase.
pub(crate) fn vase(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = small_model();
    let (r, h) = (dice.range(0.05, 0.09), dice.range(0.16, 0.32));
    let glaze = dice.pick(&palette.clay);
    let profile: Vec<(f32, f32)> = (0..=9)
        .map(|i| {
            let t = i as f32 / 9.0;
            (r * (0.55 + 0.45 * (t * 3.6 + 0.3).sin()), h * t)
        })
        .collect();
    m.lathe(glaze, v(0.0, 0.0, 0.0), &profile, 24, Vec2::ONE);
    m.turned(
        palette.soil,
        v(0.0, 0.0, h * 0.9),
        &[(r * 0.6, 0.0), (0.0, 0.0)],
        16,
    );
    m
}
