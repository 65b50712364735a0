//! Chairs, sofas, beds.

use super::v;
use crate::dice::Dice;
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

/// A dining chair of one of three makes; seat 0.46 m high. `style` and `wood`
/// are shared by the chairs around one table.
pub(crate) fn chair(palette: &Palette, style: u32, wood: MaterialId, seat: MaterialId) -> Model {
    let mut m = Model::new();
    let size = (0.43, 0.44, 0.45);
    let legs = if style == 2 { palette.black } else { wood };
    chair_legs(&mut m, size, legs, style == 0);
    match style {
        0 => barred_chair(&mut m, size, wood, seat),
        1 => padded_chair(&mut m, size, seat),
        _ => shell_chair(&mut m, size, wood, palette.black),
    }
    m
}

/// Four legs of a seat of width, depth and height, m; the back ones go on up
/// where they carry the back.
fn chair_legs(m: &mut Model, (w, d, h): (f32, f32, f32), legs: MaterialId, carry_back: bool) {
    for x in [-1.0, 1.0] {
        m.taper(
            legs,
            v(x * (w / 2.0 - 0.02), d - 0.01, 0.0),
            v(x * (w / 2.0 - 0.05), d - 0.05, h - 0.02),
            (0.013, 0.02),
            8,
        );
        let back = if carry_back {
            v(x * (w / 2.0 - 0.04), -0.03, 0.88)
        } else {
            v(x * (w / 2.0 - 0.04), 0.04, h)
        };
        m.taper(
            legs,
            v(x * (w / 2.0 - 0.02), -0.02, 0.0),
            v(x * (w / 2.0 - 0.04), 0.03, h),
            (0.014, 0.02),
            8,
        );
        if carry_back {
            m.taper(
                legs,
                v(x * (w / 2.0 - 0.04), 0.03, h),
                back,
                (0.02, 0.014),
                8,
            );
        }
    }
}

/// A flat seat and a back of bars.
fn barred_chair(m: &mut Model, (w, d, h): (f32, f32, f32), wood: MaterialId, seat: MaterialId) {
    m.rounded(
        seat,
        v(-w / 2.0, 0.0, h - 0.02),
        v(w / 2.0, d, h + 0.02),
        0.015,
        2,
    );
    for z in [0.58, 0.69, 0.8] {
        m.board(
            wood,
            v(-w / 2.0 + 0.04, -0.025 + (0.8 - z) * 0.1, z),
            v(w / 2.0 - 0.04, -0.005 + (0.8 - z) * 0.1, z + 0.055),
        );
    }
}

/// A padded seat and back.
fn padded_chair(m: &mut Model, (w, d, h): (f32, f32, f32), seat: MaterialId) {
    m.cushion(
        seat,
        v(-w / 2.0, 0.0, h - 0.03),
        v(w / 2.0, d, h + 0.05),
        0.035,
    );
    m.cushion(
        seat,
        v(-w / 2.0, -0.05, h + 0.02),
        v(w / 2.0, 0.02, 0.86),
        0.03,
    );
}

/// A bent seat and back, held by two bars.
fn shell_chair(m: &mut Model, (w, d, h): (f32, f32, f32), wood: MaterialId, bars: MaterialId) {
    m.cushion(
        wood,
        v(-w / 2.0, 0.0, h - 0.01),
        v(w / 2.0, d, h + 0.025),
        0.016,
    );
    m.cushion(
        wood,
        v(-w / 2.0 + 0.01, -0.03, h + 0.14),
        v(w / 2.0 - 0.01, 0.0, 0.82),
        0.014,
    );
    for x in [-0.14, 0.14] {
        m.bar(bars, v(x, 0.03, h), v(x, -0.012, 0.7), 0.009, 8);
    }
}

/// A stool, 0.6 m.
pub(crate) fn stool(palette: &Palette, wood: MaterialId) -> Model {
    let mut m = Model::new();
    m.turned(
        wood,
        v(0.0, 0.16, 0.57),
        &[
            (0.0, 0.0),
            (0.15, 0.0),
            (0.16, 0.015),
            (0.15, 0.035),
            (0.0, 0.035),
        ],
        20,
    );
    for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
        m.taper(
            palette.black,
            v(x * 0.15, 0.16 + y * 0.15, 0.0),
            v(x * 0.09, 0.16 + y * 0.09, 0.58),
            (0.011, 0.014),
            8,
        );
    }
    m
}

/// A swivel chair for a desk.
pub(crate) fn office_chair(palette: &Palette, cloth: MaterialId) -> Model {
    let mut m = Model::new();
    for i in 0..5 {
        let (sin, cos) = (i as f32 * std::f32::consts::TAU / 5.0).sin_cos();
        m.taper(
            palette.black,
            v(0.0, 0.25, 0.09),
            v(cos * 0.3, 0.25 + sin * 0.3, 0.06),
            (0.028, 0.018),
            8,
        );
        m.ball(palette.black, v(cos * 0.3, 0.25 + sin * 0.3, 0.03), 0.03, 8);
    }
    m.bar(
        palette.chrome,
        v(0.0, 0.25, 0.08),
        v(0.0, 0.25, 0.44),
        0.026,
        10,
    );
    m.cushion(cloth, v(-0.24, 0.02, 0.43), v(0.24, 0.5, 0.51), 0.038);
    m.bar(
        palette.black,
        v(0.0, 0.1, 0.45),
        v(0.0, -0.02, 0.72),
        0.02,
        8,
    );
    m.cushion(cloth, v(-0.22, -0.05, 0.58), v(0.22, 0.02, 1.05), 0.032);
    for x in [-0.27, 0.27] {
        m.bar(palette.black, v(x, 0.2, 0.46), v(x, 0.2, 0.66), 0.014, 8);
        m.rounded(
            palette.black,
            v(x - 0.03, 0.1, 0.66),
            v(x + 0.03, 0.34, 0.69),
            0.012,
            1,
        );
    }
    m
}

/// A sofa of `width`, with arms, seat and back cushions.
pub(crate) fn sofa(palette: &Palette, dice: &mut Dice, width: f32, cloth: MaterialId) -> Model {
    let mut m = Model::new();
    let depth = dice.range(0.82, 0.95);
    let arm = dice.range(0.11, 0.2);
    let (arm_height, back_height) = (dice.range(0.54, 0.64), dice.range(0.72, 0.86));
    let legs = dice.range(0.05, 0.14);
    for x in [-width / 2.0 + 0.1, width / 2.0 - 0.1] {
        for y in [0.1, depth - 0.1] {
            m.taper(
                palette.woods[1],
                v(x, y, 0.0),
                v(x, y, legs + 0.02),
                (0.018, 0.028),
                8,
            );
        }
    }
    m.cushion(
        cloth,
        v(-width / 2.0 + arm * 0.8, 0.05, legs),
        v(width / 2.0 - arm * 0.8, depth - 0.03, legs + 0.2),
        0.03,
    );
    m.cushion(
        cloth,
        v(-width / 2.0 + arm * 0.5, 0.0, legs),
        v(width / 2.0 - arm * 0.5, 0.2, back_height),
        0.06,
    );
    for side in [-1.0, 1.0] {
        let (a, b) = (side * (width / 2.0 - arm), side * width / 2.0);
        m.cushion(
            cloth,
            v(f32::min(a, b), 0.02, legs),
            v(f32::max(a, b), depth, arm_height),
            0.05,
        );
    }
    let seats = if width > 1.8 { 3 } else { 2 };
    let inner = width - 2.0 * arm;
    for seat in 0..seats {
        let x0 = -inner / 2.0 + inner * seat as f32 / seats as f32;
        let x1 = x0 + inner / seats as f32;
        m.cushion(
            cloth,
            v(x0 + 0.004, 0.17, legs + 0.19),
            v(x1 - 0.004, depth + 0.01, 0.45),
            0.05,
        );
        m.cushion(
            cloth,
            v(x0 + 0.006, 0.14, 0.43),
            v(x1 - 0.006, 0.31, back_height + 0.06),
            0.065,
        );
    }
    m
}

/// An armchair.
pub(crate) fn armchair(palette: &Palette, dice: &mut Dice, cloth: MaterialId) -> Model {
    let mut m = Model::new();
    let (w, d, legs) = (dice.range(0.7, 0.82), 0.78, 0.16);
    for x in [-w / 2.0 + 0.08, w / 2.0 - 0.08] {
        m.taper(
            palette.woods[0],
            v(x, 0.08, 0.0),
            v(x * 0.9, 0.12, legs),
            (0.014, 0.025),
            8,
        );
        m.taper(
            palette.woods[0],
            v(x, d - 0.06, 0.0),
            v(x * 0.9, d - 0.1, legs),
            (0.014, 0.025),
            8,
        );
    }
    m.cushion(
        cloth,
        v(-w / 2.0 + 0.06, 0.06, legs),
        v(w / 2.0 - 0.06, d, 0.44),
        0.06,
    );
    m.cushion(
        cloth,
        v(-w / 2.0 + 0.04, 0.0, legs + 0.05),
        v(w / 2.0 - 0.04, 0.2, 0.9),
        0.08,
    );
    for side in [-1.0, 1.0] {
        let (a, b) = (side * (w / 2.0 - 0.1), side * w / 2.0);
        m.cushion(
            cloth,
            v(f32::min(a, b), 0.05, legs),
            v(f32::max(a, b), d - 0.05, 0.6),
            0.045,
        );
    }
    m
}

/// A bed: frame, mattress, duvet, pillows; its head at y = 0.
pub(crate) fn bed(palette: &Palette, dice: &mut Dice, width: f32) -> Model {
    let mut m = Model::new();
    let length = 2.08;
    let wood = dice.pick(&palette.woods);
    let frame = if dice.chance(0.4) {
        palette.fabrics[3]
    } else {
        wood
    };
    let head = dice.range(0.85, 1.1);
    m.rounded(
        frame,
        v(-width / 2.0, 0.0, 0.05),
        v(width / 2.0, 0.06, head),
        0.02,
        2,
    );
    for side in [-1.0, 1.0] {
        let (a, b) = (side * (width / 2.0 - 0.035), side * width / 2.0);
        m.board(
            frame,
            v(f32::min(a, b), 0.05, 0.17),
            v(f32::max(a, b), length, 0.36),
        );
        m.block(
            frame,
            v(f32::min(a, b), length - 0.07, 0.0),
            v(f32::max(a, b), length, 0.2),
        );
        m.block(
            frame,
            v(f32::min(a, b), 0.05, 0.0),
            v(f32::max(a, b), 0.12, 0.2),
        );
    }
    m.board(
        frame,
        v(-width / 2.0, length, 0.17),
        v(width / 2.0, length + 0.035, 0.4),
    );
    m.cushion(
        palette.sheets,
        v(-width / 2.0 + 0.03, 0.06, 0.26),
        v(width / 2.0 - 0.03, length, 0.5),
        0.06,
    );
    let cover = dice.pick(&palette.cloths);
    m.cushion(
        cover,
        v(-width / 2.0 - 0.02, 0.62, 0.3),
        v(width / 2.0 + 0.02, length + 0.02, 0.58),
        0.07,
    );
    m.cushion(
        palette.sheets,
        v(-width / 2.0, 0.55, 0.48),
        v(width / 2.0, 0.85, 0.605),
        0.06,
    );
    let pillows = if width > 1.2 { 2 } else { 1 };
    for pillow in 0..pillows {
        let share = width / pillows as f32;
        let x = -width / 2.0 + share * (pillow as f32 + 0.5);
        let tilt = glam::Affine3A::from_rotation_translation(
            glam::Quat::from_rotation_x(0.35),
            v(x, 0.12, 0.5),
        );
        m.at(tilt, |p| {
            p.cushion(
                palette.sheets,
                v(-share * 0.42, 0.0, 0.0),
                v(share * 0.42, 0.42, 0.14),
                0.068,
            );
        });
    }
    m
}
