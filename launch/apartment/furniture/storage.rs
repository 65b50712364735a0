//! Shelves, wardrobes, chests, and what stands along walls.

use super::v;
use crate::dice::Dice;
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

/// An open bookcase; returns the heights of its boards too.
pub(crate) fn bookcase(
    wood: MaterialId,
    width: f32,
    height: f32,
    depth: f32,
    boards: usize,
    back: bool,
) -> (Model, Vec<f32>) {
    let mut m = Model::new();
    let t = 0.022;
    for side in [-1.0, 1.0] {
        let (a, b) = (side * (width / 2.0 - t), side * width / 2.0);
        m.board(
            wood,
            v(f32::min(a, b), 0.0, 0.0),
            v(f32::max(a, b), depth, height),
        );
    }
    let mut tops = Vec::new();
    for board in 0..=boards {
        let z = 0.06 + (height - 0.06 - t) * board as f32 / boards as f32;
        m.board(
            wood,
            v(-width / 2.0 + t, 0.005, z),
            v(width / 2.0 - t, depth - 0.004, z + t),
        );
        tops.push(z + t);
    }
    m.block(
        wood,
        v(-width / 2.0 + t, 0.02, 0.0),
        v(width / 2.0 - t, depth - 0.02, 0.06),
    );
    if back {
        m.block(
            wood,
            v(-width / 2.0 + t, 0.0, 0.06),
            v(width / 2.0 - t, 0.006, height - t),
        );
    }
    (m, tops)
}

/// A wardrobe with two to four doors.
pub(crate) fn wardrobe(palette: &Palette, dice: &mut Dice, width: f32, height: f32) -> Model {
    let mut m = Model::new();
    let depth = 0.6;
    let wood = if dice.chance(0.4) {
        palette.white
    } else {
        dice.pick(&palette.woods)
    };
    let doors = (width / 0.5).round().max(2.0) as usize;
    let mirrored = dice.chance(0.3);
    m.block(
        wood,
        v(-width / 2.0, 0.0, 0.08),
        v(width / 2.0, depth - 0.022, height),
    );
    m.block(
        palette.plinth,
        v(-width / 2.0 + 0.03, 0.02, 0.0),
        v(width / 2.0 - 0.03, depth - 0.06, 0.08),
    );
    for door in 0..doors {
        let share = width / doors as f32;
        let x0 = -width / 2.0 + share * door as f32;
        m.board(
            wood,
            v(x0 + 0.002, depth - 0.02, 0.085),
            v(x0 + share - 0.002, depth, height - 0.004),
        );
        if mirrored && door == doors / 2 {
            let y = depth + 0.001;
            m.picture(
                palette.mirror,
                v(x0 + share - 0.05, y, 0.2),
                v(0.1 - share, 0.0, 0.0),
                v(0.0, 0.0, height - 0.35),
            );
        }
        let x = if door % 2 == 0 {
            x0 + share - 0.045
        } else {
            x0 + 0.045
        };
        m.bar(
            palette.steel,
            v(x, depth + 0.025, 0.95),
            v(x, depth + 0.025, 1.2),
            0.007,
            8,
        );
        for z in [0.97, 1.18] {
            m.bar(
                palette.steel,
                v(x, depth - 0.005, z),
                v(x, depth + 0.025, z),
                0.006,
                6,
            );
        }
    }
    m
}

/// A chest of drawers.
pub(crate) fn chest(
    palette: &Palette,
    wood: MaterialId,
    width: f32,
    height: f32,
    rows: usize,
) -> Model {
    let mut m = Model::new();
    let depth = 0.45;
    let columns = if width > 0.9 { 2 } else { 1 };
    m.block(
        wood,
        v(-width / 2.0, 0.0, 0.1),
        v(width / 2.0, depth - 0.02, height - 0.02),
    );
    m.board(
        wood,
        v(-width / 2.0 - 0.01, 0.0, height - 0.022),
        v(width / 2.0 + 0.01, depth + 0.012, height),
    );
    for x in [-width / 2.0 + 0.05, width / 2.0 - 0.05] {
        for y in [0.05, depth - 0.07] {
            m.taper(wood, v(x, y, 0.0), v(x, y, 0.11), (0.016, 0.025), 8);
        }
    }
    let (cell_w, cell_h) = (width / columns as f32, (height - 0.13) / rows as f32);
    for row in 0..rows {
        for column in 0..columns {
            let (x, z) = (
                -width / 2.0 + cell_w * column as f32,
                0.105 + cell_h * row as f32,
            );
            m.board(
                wood,
                v(x + 0.006, depth - 0.02, z + 0.004),
                v(x + cell_w - 0.006, depth, z + cell_h - 0.004),
            );
            for side in [0.3, 0.7] {
                m.ball(
                    palette.steel,
                    v(x + cell_w * side, depth + 0.012, z + cell_h * 0.55),
                    0.014,
                    10,
                );
            }
        }
    }
    m
}

/// A low board under a television.
pub(crate) fn tv_stand(palette: &Palette, dice: &mut Dice, width: f32) -> Model {
    let mut m = Model::new();
    let wood = dice.pick(&palette.woods);
    let (d, h) = (0.42, 0.46);
    m.board(wood, v(-width / 2.0, 0.0, h - 0.025), v(width / 2.0, d, h));
    m.board(wood, v(-width / 2.0, 0.0, 0.1), v(width / 2.0, d, 0.125));
    let parts = 3;
    for part in 0..=parts {
        let x = -width / 2.0 + (width - 0.02) * part as f32 / parts as f32;
        m.block(wood, v(x, 0.005, 0.12), v(x + 0.02, d - 0.01, h - 0.02));
    }
    m.block(
        wood,
        v(-width / 2.0, 0.0, 0.12),
        v(width / 2.0, 0.008, h - 0.02),
    );
    for part in [0, 2] {
        let x0 = -width / 2.0 + width * part as f32 / parts as f32;
        m.board(
            palette.cupboard,
            v(x0 + 0.015, d - 0.018, 0.13),
            v(x0 + width / parts as f32 - 0.015, d, h - 0.03),
        );
    }
    m.block(palette.black, v(-0.17, 0.08, 0.126), v(0.17, 0.34, 0.19));
    for x in [-width / 2.0 + 0.08, width / 2.0 - 0.08] {
        for y in [0.06, d - 0.06] {
            m.taper(wood, v(x, y, 0.0), v(x, y, 0.11), (0.014, 0.022), 8);
        }
    }
    m
}

/// A television on a foot.
pub(crate) fn television(palette: &Palette, width: f32) -> Model {
    let mut m = Model::new();
    let height = width * 0.58;
    m.rounded(
        palette.black,
        v(-width / 2.0, 0.1, 0.06),
        v(width / 2.0, 0.135, 0.06 + height),
        0.006,
        1,
    );
    m.picture(
        palette.screen,
        v(width / 2.0 - 0.012, 0.1358, 0.075),
        v(0.024 - width, 0.0, 0.0),
        v(0.0, 0.0, height - 0.03),
    );
    m.rounded(
        palette.black,
        v(-width * 0.2, 0.0, 0.0),
        v(width * 0.2, 0.22, 0.012),
        0.005,
        1,
    );
    m.block(palette.black, v(-0.04, 0.09, 0.01), v(0.04, 0.115, 0.1));
    m
}

/// A flat radiator with ribs.
pub(crate) fn radiator(palette: &Palette, width: f32, height: f32) -> Model {
    let mut m = Model::new();
    let ribs = (width / 0.055) as usize;
    for rib in 0..ribs {
        let x = -width / 2.0 + (rib as f32 + 0.5) * width / ribs as f32;
        m.rounded(
            palette.white,
            v(x - 0.022, 0.03, 0.12),
            v(x + 0.022, 0.1, 0.12 + height),
            0.014,
            1,
        );
    }
    m.bar(
        palette.white,
        v(-width / 2.0, 0.065, 0.16),
        v(width / 2.0, 0.065, 0.16),
        0.02,
        8,
    );
    m.bar(
        palette.white,
        v(-width / 2.0, 0.065, 0.08 + height),
        v(width / 2.0, 0.065, 0.08 + height),
        0.02,
        8,
    );
    m.cylinder(
        palette.chrome,
        v(width / 2.0 + 0.04, 0.065, 0.13),
        0.02,
        0.09,
        10,
    );
    m.bar(
        palette.white,
        v(width / 2.0 + 0.04, 0.065, 0.0),
        v(width / 2.0 + 0.04, 0.065, 0.16),
        0.009,
        8,
    );
    m
}
