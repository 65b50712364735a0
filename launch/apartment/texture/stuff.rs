//! Wood for furniture, plaster, cloth, stone, leaves, wallpaper.

use glam::{Vec2, Vec3};

use super::{Texture, fractal, smooth, value};
use crate::dice::{Dice, hash_unit};

/// Furniture wood with its grain along u; one metre.
pub(crate) fn grain(wood: Vec3, salt: u32) -> Texture {
    Texture::paint(256, Vec2::new(1.6, 0.8), move |u, v| {
        let bend = value(u * 3.0, v * 2.0, (3, 2), salt) * 0.35;
        let fine = fractal(u, v + bend * 0.3, (4, 64), 2, salt);
        let rings =
            ((v + bend) * 62.0 + 3.0 * fractal(u, v, (2, 4), 2, salt ^ 5)).sin() * 0.5 + 0.5;
        wood * (0.86 + 0.12 * fine + 0.08 * rings)
    })
}

/// Painted plaster or wood-chip paper: almost even.
pub(crate) fn plaster(salt: u32, coarse: bool) -> Texture {
    Texture::paint(256, Vec2::splat(1.3), move |u, v| {
        let cloud = fractal(u, v, (3, 3), 3, salt);
        let speck = value(u * 128.0, v * 128.0, (128, 128), salt);
        let rough = if coarse {
            0.10 * smooth(0.72, 0.95, speck)
        } else {
            0.03 * speck
        };
        Vec3::splat(0.93 + 0.05 * (cloud - 0.5) + rough - 0.03)
    })
}

/// Woven cloth in one colour with a second thread.
pub(crate) fn fabric(colour: Vec3, thread: Vec3, salt: u32) -> Texture {
    Texture::paint(256, Vec2::splat(0.4), move |u, v| {
        let (x, y) = (u * 64.0, v * 64.0);
        let over = ((x.floor() + y.floor()) as i32).rem_euclid(2) == 0;
        let bulge = if over {
            (x.fract() - 0.5).abs()
        } else {
            (y.fract() - 0.5).abs()
        };
        let tone = 0.72 + 0.5 * (0.5 - bulge) + 0.22 * (fractal(u, v, (16, 16), 3, salt) - 0.5);
        colour.lerp(thread, if over { 0.25 } else { 0.0 }) * tone
    })
}

/// Fluffy or knitted cloth, coarser than [`fabric`]: blankets, towels, rugs.
pub(crate) fn knit(colour: Vec3, second: Vec3, stripes: i32, salt: u32) -> Texture {
    Texture::paint(256, Vec2::splat(0.8), move |u, v| {
        let fuzz = fractal(u, v, (48, 48), 2, salt);
        let band = stripes > 0 && ((v * stripes as f32 * 2.0) as i32) % 2 == 1;
        (if band { second } else { colour }) * (0.68 + 0.5 * fuzz)
    })
}

/// Speckled or veined stone for counters; one metre.
pub(crate) fn stone(dice: &mut Dice, base: Vec3) -> Texture {
    let salt = dice.bits();
    let marble = dice.chance(0.4);
    let contrast = dice.range(0.15, 0.55);
    Texture::paint(256, Vec2::splat(1.0), move |u, v| {
        if marble {
            let warp = fractal(u, v, (3, 3), 4, salt);
            let vein = ((u + v) * 18.85 + warp * 14.0).sin().abs();
            base * (1.0 - contrast * (1.0 - smooth(0.0, 0.35, vein)) * warp) * (0.9 + 0.15 * warp)
        } else {
            let speck = hash_unit((u * 200.0) as i32, (v * 200.0) as i32, salt);
            let cloud = fractal(u, v, (6, 6), 3, salt);
            base * (0.85
                + 0.2 * cloud
                + contrast * (smooth(0.9, 1.0, speck) - smooth(0.85, 1.0, 1.0 - speck)))
        }
    })
}

/// A leaf with a lighter midrib; uv 0..1.
pub(crate) fn leaf(colour: Vec3, salt: u32) -> Texture {
    Texture::paint(64, Vec2::ONE, move |u, v| {
        let rib = (u - 0.5).abs();
        let side = (((v * 9.0 - rib * 6.0) * std::f32::consts::TAU).sin() * 0.5 + 0.5) * 0.12;
        colour
            * (0.75
                + side
                + 0.45 * (1.0 - smooth(0.0, 0.05, rib))
                + 0.2 * fractal(u, v, (4, 4), 2, salt))
    })
}

/// Wallpaper: stripes, dots, or a damask-like ornament on a ground.
pub(crate) fn wallpaper(dice: &mut Dice, ground: Vec3) -> Texture {
    let salt = dice.bits();
    let style = dice.int(0, 2);
    let figure = ground.lerp(
        if dice.chance(0.5) {
            Vec3::ONE
        } else {
            ground * 0.4
        },
        dice.range(0.15, 0.4),
    );
    let count = dice.int(3, 7) as f32;
    Texture::paint(256, Vec2::splat(0.9), move |u, v| {
        let (x, y) = (u * count, v * count);
        let shift = if (y.floor() as i32) % 2 == 0 {
            0.0
        } else {
            0.5
        };
        let (fx, fy) = ((x + shift).fract() - 0.5, y.fract() - 0.5);
        let amount = match style {
            0 => smooth(0.2, 0.22, (x.fract() - 0.5).abs()),
            1 => 1.0 - smooth(0.13, 0.16, fx.hypot(fy)),
            _ => {
                let angle = fy.atan2(fx);
                let petal = 0.2 + 0.13 * (angle * 4.0).cos() + 0.05 * (angle * 8.0).cos();
                let r = fx.hypot(fy);
                (1.0 - smooth(petal, petal + 0.03, r)) * smooth(0.05, 0.08, r)
            }
        };
        ground.lerp(figure, amount) * (0.95 + 0.08 * fractal(u, v, (16, 16), 2, salt))
    })
}
