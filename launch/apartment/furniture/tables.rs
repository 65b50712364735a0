//! Tables and desks.

use super::v;
use crate::dice::Dice;
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

/// A dining table, 0.75 m high, centred on x, from y = 0 to `depth`; round if `round`.
pub(crate) fn dining_table(
    palette: &Palette,
    width: f32,
    depth: f32,
    round: bool,
    wood: MaterialId,
) -> Model {
    let mut m = Model::new();
    let h = 0.75;
    if round {
        let r = depth / 2.0;
        let middle = v(0.0, r, 0.0);
        m.turned(
            wood,
            middle,
            &[
                (0.0, h - 0.03),
                (r - 0.02, h - 0.03),
                (r, h - 0.015),
                (r, h - 0.004),
                (r - 0.006, h),
                (0.0, h),
            ],
            40,
        );
        let foot = [
            (0.05, h - 0.03),
            (0.045, 0.4),
            (0.06, 0.12),
            (0.24, 0.03),
            (0.25, 0.0),
        ];
        let foot: Vec<(f32, f32)> = foot.iter().rev().copied().collect();
        m.lathe(palette.black, middle, &foot, 20, glam::Vec2::ONE);
        return m;
    }
    m.board(
        wood,
        v(-width / 2.0, 0.0, h - 0.035),
        v(width / 2.0, depth, h),
    );
    let inset = 0.06;
    for x in [-1.0, 1.0] {
        for y in [inset, depth - inset] {
            m.taper(
                wood,
                v(x * (width / 2.0 - inset), y, 0.0),
                v(x * (width / 2.0 - inset), y, h - 0.03),
                (0.022, 0.034),
                12,
            );
        }
        let apron = x * (width / 2.0 - inset);
        m.block(
            wood,
            v(apron - 0.012, inset, h - 0.12),
            v(apron + 0.012, depth - inset, h - 0.03),
        );
    }
    for y in [inset, depth - inset] {
        m.block(
            wood,
            v(-width / 2.0 + inset, y - 0.012, h - 0.12),
            v(width / 2.0 - inset, y + 0.012, h - 0.03),
        );
    }
    m
}

/// A low table before a sofa.
pub(crate) fn coffee_table(palette: &Palette, dice: &mut Dice, width: f32, depth: f32) -> Model {
    let mut m = Model::new();
    let h = 0.42;
    let wood = dice.pick(&palette.woods);
    let legs = if dice.chance(0.5) {
        palette.black
    } else {
        wood
    };
    m.board(
        wood,
        v(-width / 2.0, 0.0, h - 0.035),
        v(width / 2.0, depth, h),
    );
    if dice.chance(0.5) {
        m.board(
            wood,
            v(-width / 2.0 + 0.06, 0.05, 0.14),
            v(width / 2.0 - 0.06, depth - 0.05, 0.16),
        );
    }
    for x in [-width / 2.0 + 0.06, width / 2.0 - 0.06] {
        for y in [0.06, depth - 0.06] {
            m.bar(legs, v(x, y, 0.0), v(x, y, h - 0.03), 0.018, 10);
        }
    }
    m
}

/// A desk with a drawer block.
pub(crate) fn desk(palette: &Palette, dice: &mut Dice, width: f32, depth: f32) -> Model {
    let mut m = Model::new();
    let h = 0.74;
    let wood = dice.pick(&palette.woods);
    let body = if dice.chance(0.5) {
        palette.white
    } else {
        wood
    };
    m.board(
        wood,
        v(-width / 2.0, 0.0, h - 0.03),
        v(width / 2.0, depth, h),
    );
    let x = width / 2.0 - 0.42;
    m.block(
        body,
        v(x, 0.02, 0.05),
        v(width / 2.0 - 0.02, depth - 0.06, h - 0.03),
    );
    for drawer in 0..3 {
        let z = 0.06 + drawer as f32 * 0.215;
        m.board(
            body,
            v(x + 0.005, depth - 0.06, z),
            v(width / 2.0 - 0.025, depth - 0.04, z + 0.205),
        );
        m.bar(
            palette.steel,
            v(x + 0.13, depth - 0.025, z + 0.15),
            v(x + 0.27, depth - 0.025, z + 0.15),
            0.006,
            6,
        );
    }
    for y in [0.04, depth - 0.04] {
        m.block(
            palette.black,
            v(-width / 2.0 + 0.02, y - 0.02, 0.0),
            v(-width / 2.0 + 0.06, y + 0.02, h - 0.03),
        );
    }
    m
}

/// A table beside a bed.
pub(crate) fn night_table(palette: &Palette, wood: MaterialId) -> Model {
    let mut m = Model::new();
    m.board(wood, v(-0.22, 0.0, 0.48), v(0.22, 0.38, 0.5));
    m.block(wood, v(-0.21, 0.01, 0.14), v(0.21, 0.36, 0.48));
    for drawer in 0..2 {
        let z = 0.15 + drawer as f32 * 0.165;
        m.board(wood, v(-0.205, 0.36, z), v(0.205, 0.378, z + 0.155));
        m.ball(palette.steel, v(0.0, 0.39, z + 0.09), 0.014, 8);
    }
    for x in [-0.18, 0.18] {
        for y in [0.04, 0.33] {
            m.bar(wood, v(x, y, 0.0), v(x, y, 0.15), 0.015, 8);
        }
    }
    m
}
