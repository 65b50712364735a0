//! Small things: what stands on tables, shelves and floors.

use glam::{Affine3A, Quat, Vec2};

use super::v;
use crate::dice::Dice;
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

fn small() -> Model {
    let mut m = Model::new();
    m.light_spacing = 0.05;
    m
}

/// A can of soda: 66 mm wide, 115 mm high.
pub(crate) fn can(palette: &Palette, dice: &mut Dice) -> Model {
    let mut m = small();
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
    let mut m = small();
    let glaze = if dice.chance(0.45) {
        palette.porcelain
    } else {
        dice.pick(&palette.paints)
    };
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
    let mut m = small();
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
    let mut m = small();
    let glaze = if dice.chance(0.5) {
        dice.pick(&palette.paints)
    } else {
        palette.porcelain
    };
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
    let mut m = small();
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
    let mut m = small();
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
    let mut m = small();
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
    let mut m = small();
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

/// A potted plant about `height` high.
pub(crate) fn plant(palette: &Palette, dice: &mut Dice, height: f32) -> Model {
    let mut m = small();
    let pot = dice.pick(&palette.clay);
    let leaf = dice.pick(&palette.leaves);
    let (r, h) = (height * dice.range(0.13, 0.18) + 0.02, height * 0.26 + 0.02);
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
    let style = dice.int(0, 2);
    let count = if style == 1 {
        14
    } else {
        (16.0 + height * 16.0) as u32
    };
    for i in 0..count {
        let angle = i as f32 * 2.399_963 + dice.range(-0.3, 0.3);
        let share = i as f32 / count as f32;
        let (sin, cos) = angle.sin_cos();
        let rest = height - h;
        match style {
            0 => {
                // A bush of stalked leaves.
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
            1 => {
                // Upright swords.
                let lean = rest * dice.range(0.05, 0.25);
                m.leaf(
                    leaf,
                    v(cos * r * 0.4, sin * r * 0.4, h * 0.9),
                    v(cos * lean, sin * lean, rest * dice.range(0.6, 1.0)),
                    0.03 + height * 0.05,
                    0.0,
                );
            }
            _ => {
                // A palm: arching fronds.
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
        }
    }
    m
}

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
    let mut m = small();
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
    let mut m = small();
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
    let mut m = small();
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
    let mut m = small();
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
    let mut m = small();
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

/// A floor lamp with its bulb at z = 1.5; `shade` glows if it is on.
pub(crate) fn floor_lamp(palette: &Palette, shade: MaterialId) -> Model {
    let mut m = small();
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
    let mut m = small();
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
    let mut m = small();
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
