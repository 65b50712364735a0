//! The kitchen: base units under a counter, wall units, fridge, sink, hob.

use super::v;
use crate::dice::Dice;
use crate::home::Palette;
use crate::shape::Model;

/// Depth of base units, m.
const DEPTH: f32 = 0.58;

/// Base units and the counter above them, 0.9 m high, from x = 0 to `width`.
/// Returns (cabinets, counter).
pub(crate) fn base_units(
    palette: &Palette,
    dice: &mut Dice,
    width: f32,
    sink_at: Option<f32>,
) -> (Model, Model) {
    let mut m = Model::new();
    let units = (width / 0.6).round().max(1.0) as usize;
    let share = width / units as f32;
    m.block(
        palette.plinth,
        v(0.0, 0.0, 0.0),
        v(width, DEPTH - 0.07, 0.1),
    );
    m.block(
        palette.cupboard,
        v(0.0, 0.0, 0.1),
        v(width, DEPTH - 0.02, 0.86),
    );
    let bars = dice.chance(0.7);
    for unit in 0..units {
        let (x0, x1) = (
            share * unit as f32 + 0.002,
            share * (unit + 1) as f32 - 0.002,
        );
        let drawers = dice.int(0, 2);
        let splits: &[f32] = match drawers {
            0 => &[0.105, 0.855],
            1 => &[0.105, 0.7, 0.855],
            _ => &[0.105, 0.4, 0.66, 0.855],
        };
        for (index, pair) in splits.windows(2).enumerate() {
            m.board(
                palette.cupboard,
                v(x0, DEPTH - 0.02, pair[0]),
                v(x1, DEPTH, pair[1] - 0.004),
            );
            let door = index == 0 && drawers < 2;
            let (x, z) = if door {
                (x1 - 0.04, pair[1] - 0.08)
            } else {
                ((x0 + x1) / 2.0, pair[1] - 0.05)
            };
            if !bars {
                m.ball(palette.steel, v(x, DEPTH + 0.014, z), 0.014, 10);
            } else if door {
                m.bar(
                    palette.steel,
                    v(x, DEPTH + 0.026, z),
                    v(x, DEPTH + 0.026, z - 0.16),
                    0.006,
                    8,
                );
            } else {
                m.bar(
                    palette.steel,
                    v(x - 0.08, DEPTH + 0.026, z),
                    v(x + 0.08, DEPTH + 0.026, z),
                    0.006,
                    8,
                );
            }
        }
    }
    let mut top = Model::new();
    let (z0, z1, front) = (0.86, 0.9, DEPTH + 0.025);
    match sink_at {
        None => top.board(palette.counter, v(0.0, 0.0, z0), v(width, front, z1)),
        Some(x) => {
            // A hole for the basin.
            let (a, b, y0, y1) = (x - 0.24, x + 0.24, 0.1, 0.48);
            top.block(palette.counter, v(0.0, 0.0, z0), v(a, front, z1));
            top.block(palette.counter, v(b, 0.0, z0), v(width, front, z1));
            top.block(palette.counter, v(a, 0.0, z0), v(b, y0, z1));
            top.block(palette.counter, v(a, y1, z0), v(b, front, z1));
        }
    }
    (m, top)
}

/// A steel basin with a tap, in the hole that [`base_units`] leaves at x = 0.
pub(crate) fn sink(palette: &Palette) -> Model {
    let mut m = Model::new();
    let s = palette.steel;
    let (a, b, y0, y1, z0, z1) = (-0.24, 0.24, 0.1, 0.48, 0.865, 0.903);
    m.rectangle(s, v(a, y0, z0), v(b - a, 0.0, 0.0), v(0.0, y1 - y0, 0.0));
    m.rectangle(s, v(a, y0, z0), v(0.0, y1 - y0, 0.0), v(0.0, 0.0, z1 - z0));
    m.rectangle(s, v(b, y1, z0), v(0.0, y0 - y1, 0.0), v(0.0, 0.0, z1 - z0));
    m.rectangle(s, v(b, y0, z0), v(a - b, 0.0, 0.0), v(0.0, 0.0, z1 - z0));
    m.rectangle(s, v(a, y1, z0), v(b - a, 0.0, 0.0), v(0.0, 0.0, z1 - z0));
    for (p, q) in [
        ((a - 0.02, y0 - 0.02), (b + 0.02, y0)),
        ((a - 0.02, y1), (b + 0.02, y1 + 0.02)),
        ((a - 0.02, y0), (a, y1)),
        ((b, y0), (b + 0.02, y1)),
    ] {
        m.block(s, v(p.0, p.1, 0.9), v(q.0, q.1, 0.904));
    }
    m.cylinder(palette.black, v(0.0, 0.29, z0), 0.03, 0.003, 12);
    tap(&mut m, palette, 0.05, 0.9);
    m
}

/// A tap at (0, `y`) on a top at height `z`.
pub(crate) fn tap(m: &mut Model, palette: &Palette, y: f32, z: f32) {
    let c = palette.chrome;
    m.cylinder(c, v(0.0, y, z), 0.022, 0.04, 12);
    m.bar(c, v(0.0, y, z + 0.03), v(0.0, y, z + 0.22), 0.012, 10);
    m.bar(
        c,
        v(0.0, y, z + 0.215),
        v(0.0, y + 0.14, z + 0.23),
        0.011,
        10,
    );
    m.bar(
        c,
        v(0.0, y + 0.14, z + 0.235),
        v(0.0, y + 0.14, z + 0.19),
        0.011,
        10,
    );
    m.bar(c, v(0.02, y, z + 0.06), v(0.08, y, z + 0.09), 0.007, 8);
}

/// Wall units from x = 0 to `width`, between 1.42 m and 2.1 m.
pub(crate) fn wall_units(palette: &Palette, width: f32) -> Model {
    let mut m = Model::new();
    let units = (width / 0.5).round().max(1.0) as usize;
    let share = width / units as f32;
    m.block(palette.cupboard, v(0.0, 0.0, 1.42), v(width, 0.31, 2.1));
    for unit in 0..units {
        let (x0, x1) = (
            share * unit as f32 + 0.002,
            share * (unit + 1) as f32 - 0.002,
        );
        m.board(palette.cupboard, v(x0, 0.31, 1.415), v(x1, 0.33, 2.1));
        let x = if unit % 2 == 0 { x1 - 0.04 } else { x0 + 0.04 };
        m.bar(palette.steel, v(x, 0.355, 1.46), v(x, 0.355, 1.6), 0.006, 8);
    }
    m
}

/// A fridge-freezer, 0.6 m wide.
pub(crate) fn fridge(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = Model::new();
    let height = dice.range(1.6, 2.0);
    let split = if dice.chance(0.7) {
        dice.range(0.55, 0.75)
    } else {
        height - dice.range(0.45, 0.55)
    };
    let f = palette.fridge;
    m.rounded(f, v(-0.3, 0.02, 0.04), v(0.3, 0.58, height), 0.008, 1);
    m.block(palette.black, v(-0.28, 0.04, 0.0), v(0.28, 0.56, 0.05));
    for (z0, z1) in [(0.06, split - 0.006), (split + 0.006, height)] {
        m.rounded(f, v(-0.3, 0.585, z0), v(0.3, 0.65, z1), 0.012, 2);
        let (a, b) = if z0 < 0.1 {
            (z1 - 0.42, z1 - 0.06)
        } else {
            (z0 + 0.06, z0 + 0.42)
        };
        m.bar(
            palette.chrome,
            v(0.25, 0.69, a),
            v(0.25, 0.69, b),
            0.009,
            10,
        );
        for z in [a + 0.02, b - 0.02] {
            m.bar(
                palette.chrome,
                v(0.25, 0.645, z),
                v(0.25, 0.69, z),
                0.008,
                8,
            );
        }
    }
    // Notes and magnets.
    for _ in 0..dice.int(0, 5) {
        let (x, z) = (
            dice.range(-0.22, 0.12),
            dice.range(split + 0.2, height - 0.25),
        );
        let (w, h) = (dice.range(0.05, 0.11), dice.range(0.06, 0.14));
        let paper = if dice.chance(0.5) {
            palette.paper
        } else {
            dice.pick(&palette.paints)
        };
        m.picture(paper, v(x + w, 0.652, z), v(-w, 0.0, 0.0), v(0.0, 0.0, h));
        m.block(
            dice.pick(&palette.paints),
            v(x + w / 2.0 - 0.012, 0.65, z + h - 0.02),
            v(x + w / 2.0 + 0.012, 0.659, z + h),
        );
    }
    m
}

/// A hob in the counter at x = 0 and an oven under it.
pub(crate) fn hob_and_oven(palette: &Palette) -> Model {
    let mut m = Model::new();
    m.block(palette.screen, v(-0.29, 0.06, 0.898), v(0.29, 0.56, 0.907));
    for (x, y, r) in [
        (-0.14, 0.18, 0.09),
        (0.14, 0.18, 0.075),
        (-0.14, 0.43, 0.075),
        (0.14, 0.43, 0.1),
    ] {
        m.cylinder(palette.steel, v(x, y, 0.907), r, 0.0015, 24);
        m.cylinder(palette.black, v(x, y, 0.9085), r - 0.006, 0.0008, 24);
    }
    let y = DEPTH + 0.002;
    m.board(
        palette.steel,
        v(-0.297, y - 0.02, 0.74),
        v(0.297, y + 0.012, 0.855),
    );
    m.board(
        palette.screen,
        v(-0.297, y - 0.02, 0.2),
        v(0.297, y + 0.014, 0.735),
    );
    m.block(
        palette.steel,
        v(-0.297, y - 0.02, 0.105),
        v(0.297, y + 0.01, 0.195),
    );
    m.bar(
        palette.chrome,
        v(-0.25, y + 0.045, 0.69),
        v(0.25, y + 0.045, 0.69),
        0.01,
        10,
    );
    for x in [-0.24, 0.24] {
        m.bar(
            palette.chrome,
            v(x, y, 0.69),
            v(x, y + 0.045, 0.69),
            0.008,
            8,
        );
    }
    for i in 0..5 {
        let x = -0.22 + i as f32 * 0.11;
        m.bar(
            palette.black,
            v(x, y + 0.01, 0.8),
            v(x, y + 0.035, 0.8),
            0.018,
            12,
        );
    }
    m
}

/// An extractor hood over the hob at x = 0.
pub(crate) fn hood(palette: &Palette, ceiling: f32) -> Model {
    let mut m = Model::new();
    m.board(palette.steel, v(-0.3, 0.0, 1.55), v(0.3, 0.45, 1.62));
    m.block(palette.steel, v(-0.13, 0.0, 1.62), v(0.13, 0.24, ceiling));
    m
}
