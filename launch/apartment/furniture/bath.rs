//! The bathroom.

use glam::Vec2;

use super::v;
use crate::home::Palette;
use crate::material::MaterialId;
use crate::shape::Model;

/// A toilet with its cistern.
pub(crate) fn toilet(palette: &Palette) -> Model {
    let mut m = Model::new();
    let p = palette.porcelain;
    m.rounded(p, v(-0.19, 0.0, 0.4), v(0.19, 0.18, 0.8), 0.03, 2);
    m.block(palette.chrome, v(-0.03, 0.06, 0.8), v(0.03, 0.12, 0.806));
    m.rounded(p, v(-0.11, 0.05, 0.0), v(0.11, 0.5, 0.3), 0.05, 2);
    let squash = glam::Affine3A::from_scale_rotation_translation(
        v(0.82, 1.12, 1.0),
        glam::Quat::IDENTITY,
        v(0.0, 0.4, 0.0),
    );
    m.at(squash, |b| {
        b.lathe(
            p,
            v(0.0, 0.0, 0.0),
            &[(0.1, 0.14), (0.15, 0.24), (0.2, 0.33), (0.22, 0.4)],
            28,
            Vec2::ONE,
        );
        b.turned(
            palette.white,
            v(0.0, 0.0, 0.4),
            &[
                (0.2, 0.0),
                (0.23, 0.0),
                (0.235, 0.02),
                (0.22, 0.04),
                (0.0, 0.045),
            ],
            28,
        );
    });
    m
}

/// A bathtub along x, `length` wide; its back at y = 0.
pub(crate) fn bathtub(palette: &Palette, length: f32) -> Model {
    let mut m = Model::new();
    let p = palette.porcelain;
    let (w, h, rim) = (0.72, 0.56, 0.07);
    let x = length / 2.0;
    m.rounded(p, v(-x, w - rim, 0.0), v(x, w, h), 0.02, 2);
    m.rounded(p, v(-x, 0.0, 0.0), v(x, rim, h), 0.02, 2);
    m.rounded(
        p,
        v(-x, rim * 0.5, 0.0),
        v(-x + rim, w - rim * 0.5, h),
        0.02,
        2,
    );
    m.rounded(
        p,
        v(x - rim, rim * 0.5, 0.0),
        v(x, w - rim * 0.5, h),
        0.02,
        2,
    );
    m.block(p, v(-x + 0.03, 0.03, 0.0), v(x - 0.03, w - 0.03, 0.14));
    m.bar(
        palette.chrome,
        v(0.0, 0.0, 0.75),
        v(0.0, 0.14, 0.75),
        0.016,
        10,
    );
    m.bar(
        palette.chrome,
        v(-0.1, 0.05, 0.75),
        v(0.1, 0.05, 0.75),
        0.022,
        10,
    );
    m.bar(
        palette.chrome,
        v(0.12, 0.03, 0.75),
        v(0.12, 0.03, 1.75),
        0.009,
        8,
    );
    m.cylinder(palette.chrome, v(0.12, 0.1, 1.7), 0.05, 0.03, 16);
    m
}

/// A basin on a cupboard.
pub(crate) fn basin(palette: &Palette, width: f32) -> Model {
    let mut m = Model::new();
    let x = width / 2.0;
    m.block(
        palette.cupboard,
        v(-x + 0.02, 0.0, 0.3),
        v(x - 0.02, 0.4, 0.78),
    );
    for side in [-1.0, 1.0] {
        let (a, b) = (side * 0.003, side * (x - 0.025));
        m.board(
            palette.cupboard,
            v(f32::min(a, b), 0.4, 0.31),
            v(f32::max(a, b), 0.418, 0.77),
        );
        m.bar(
            palette.steel,
            v(side * 0.04, 0.44, 0.6),
            v(side * 0.04, 0.44, 0.72),
            0.006,
            8,
        );
    }
    m.rounded(
        palette.porcelain,
        v(-x, 0.0, 0.78),
        v(x, 0.46, 0.86),
        0.02,
        2,
    );
    let profile = [(0.19, 0.04), (0.2, 0.045), (0.205, 0.02), (0.2, 0.0)];
    let profile: Vec<(f32, f32)> = profile.iter().rev().copied().collect();
    m.lathe(
        palette.porcelain,
        v(0.0, 0.25, 0.86),
        &profile,
        28,
        Vec2::ONE,
    );
    m.lathe(
        palette.porcelain,
        v(0.0, 0.25, 0.861),
        &[(0.19, 0.04), (0.17, 0.015), (0.06, 0.002), (0.0, 0.0)],
        28,
        Vec2::ONE,
    );
    super::kitchen::tap(&mut m, palette, 0.035, 0.86);
    m
}

/// A mirror on the wall over the basin.
pub(crate) fn bath_mirror(palette: &Palette, width: f32, height: f32) -> Model {
    let mut m = Model::new();
    m.block(
        palette.steel,
        v(-width / 2.0, 0.0, 1.15),
        v(width / 2.0, 0.02, 1.15 + height),
    );
    m.picture(
        palette.mirror,
        v(width / 2.0 - 0.01, 0.0205, 1.16),
        v(0.02 - width, 0.0, 0.0),
        v(0.0, 0.0, height - 0.02),
    );
    m
}

/// A towel on a rail.
pub(crate) fn towel_rail(palette: &Palette, cloth: MaterialId, drop: f32) -> Model {
    let mut m = Model::new();
    m.bar(
        palette.chrome,
        v(-0.3, 0.07, 1.3),
        v(0.3, 0.07, 1.3),
        0.01,
        8,
    );
    for x in [-0.29, 0.29] {
        m.bar(palette.chrome, v(x, 0.0, 1.3), v(x, 0.07, 1.3), 0.008, 8);
    }
    m.rounded(
        cloth,
        v(-0.22, 0.052, 1.32 - drop),
        v(0.2, 0.092, 1.32),
        0.012,
        2,
    );
    m
}
