//! Pictures on walls, labels on cans and bottles, spines of books.

use glam::{Vec2, Vec3};

use super::{Texture, fractal, smooth};
use crate::dice::{Dice, hash_unit};
use crate::material::hsv;

/// A picture over uv 0..1: landscape, abstract shapes, a sun, a plant, a mountain lake.
pub(crate) fn picture(dice: &mut Dice) -> Texture {
    let style = dice.int(0, 4);
    let salt = dice.bits();
    let hue = dice.unit();
    let palette: Vec<Vec3> = (0..6)
        .map(|i| {
            hsv(
                hue + i as f32 * dice.range(0.06, 0.2),
                dice.range(0.25, 0.75),
                dice.range(0.3, 0.95),
            )
        })
        .collect();
    let paper = hsv(0.11, dice.range(0.02, 0.12), dice.range(0.86, 0.97));
    let shapes: Vec<[f32; 5]> = (0..9)
        .map(|_| {
            [
                dice.unit(),
                dice.unit(),
                dice.range(0.05, 0.28),
                dice.range(-1.5, 1.5),
                dice.unit(),
            ]
        })
        .collect();
    let margin = if dice.chance(0.5) { 0.08 } else { 0.0 };
    Texture::paint(128, Vec2::ONE, move |u, v| {
        let edge = u.min(1.0 - u).min(v.min(1.0 - v));
        if edge < margin {
            return paper;
        }
        match style {
            0 => landscape(u, v, &palette, salt),
            1 => blocks(u, v, &palette, paper, &shapes),
            2 => sunset(u, v, &palette),
            3 => sprig(u, v, palette[0] * 0.6, paper),
            _ => rings(u, v, &palette, paper, &shapes),
        }
    })
}

fn landscape(u: f32, v: f32, palette: &[Vec3], salt: u32) -> Vec3 {
    let mut colour =
        Vec3::new(0.35, 0.55, 0.8).lerp(Vec3::new(0.9, 0.8, 0.68), smooth(0.0, 0.55, v));
    let cloud = fractal(u, v * 2.0, (4, 6), 4, salt);
    colour = colour.lerp(Vec3::splat(0.92), smooth(0.52, 0.75, cloud) * (1.0 - v));
    for layer in 0..4 {
        let depth = layer as f32 / 3.0;
        let ridge = 0.42
            + 0.14 * depth
            + 0.26
                * (1.0 - 0.6 * depth)
                * (fractal(u, 0.1 + depth, (3 + layer, 1), 4, salt ^ layer as u32) - 0.5);
        if v > ridge {
            let haze = Vec3::new(0.5, 0.6, 0.72).lerp(palette[layer as usize] * 0.35, depth);
            colour = haze * (0.85 + 0.3 * fractal(u, v, (16, 16), 2, salt));
        }
    }
    colour
}

fn blocks(u: f32, v: f32, palette: &[Vec3], paper: Vec3, shapes: &[[f32; 5]]) -> Vec3 {
    let mut colour = paper;
    for (index, [x, y, size, turn, kind]) in shapes.iter().enumerate() {
        let (dx, dy) = (u - x, v - y);
        let (sin, cos) = turn.sin_cos();
        let (rx, ry) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let inside = if *kind < 0.4 {
            rx.hypot(ry) < *size
        } else {
            rx.abs() < *size && ry.abs() < size * kind
        };
        if inside {
            colour = palette[index % palette.len()];
        }
    }
    colour
}

fn sunset(u: f32, v: f32, palette: &[Vec3]) -> Vec3 {
    let band = (v * 7.0).floor() / 7.0;
    let sky = palette[0].lerp(palette[3], band);
    let disc = (u - 0.5).hypot(v - 0.48);
    if disc < 0.22 && v < 0.62 {
        return palette[1].lerp(Vec3::new(0.95, 0.5, 0.2), 0.6);
    }
    if v > 0.62 {
        palette[4] * (0.35 + 0.2 * ((v * 60.0).sin() * 0.5 + 0.5))
    } else {
        sky
    }
}

fn sprig(u: f32, v: f32, green: Vec3, paper: Vec3) -> Vec3 {
    let stem = (u - 0.5 - 0.05 * (v * 4.0).sin()).abs();
    let mut ink = 1.0 - smooth(0.004, 0.010, stem);
    for leaf in 0..9 {
        let y = 0.15 + leaf as f32 * 0.08;
        let side = if leaf % 2 == 0 { 1.0 } else { -1.0 };
        let (dx, dy) = ((u - 0.5) * side - 0.13, v - y + 0.06);
        let along = (dx * 0.85 - dy * 0.5) / 0.14;
        let across = (dx * 0.5 + dy * 0.85) / 0.04;
        ink = f32::max(ink, 1.0 - smooth(0.8, 1.0, along * along + across * across));
    }
    if (0.1..0.92).contains(&v) {
        paper.lerp(green, ink)
    } else {
        paper
    }
}

fn rings(u: f32, v: f32, palette: &[Vec3], paper: Vec3, shapes: &[[f32; 5]]) -> Vec3 {
    let mut colour = paper;
    for (index, [x, y, size, _, _]) in shapes.iter().take(4).enumerate() {
        let r = (u - x).hypot(v - y) / (size + 0.1);
        if r < 1.0 {
            colour = palette[(index + (r * 5.0) as usize) % palette.len()];
        }
    }
    colour
}

/// A printed label around a can or bottle: bands, a mark, lines of small print.
pub(crate) fn label(dice: &mut Dice) -> Texture {
    let hue = dice.unit();
    let ground = hsv(hue, dice.range(0.5, 0.95), dice.range(0.45, 0.9));
    let mark = if dice.chance(0.6) {
        Vec3::splat(0.88)
    } else {
        hsv(hue + 0.5, 0.7, 0.9)
    };
    let style = dice.int(0, 2);
    let salt = dice.bits();
    Texture::paint(128, Vec2::ONE, move |u, v| {
        if !(0.06..0.94).contains(&v) {
            return Vec3::splat(0.55);
        }
        // The mark stands twice around.
        let x = (u * 2.0).fract();
        let wave = (x * std::f32::consts::TAU).sin();
        let inked = match style {
            0 => (v - 0.5 - 0.16 * wave).abs() < 0.09,
            1 => {
                ((x - 0.5) * 1.9).hypot(v - 0.45) < 0.25 && ((x - 0.5) * 1.9).hypot(v - 0.45) > 0.14
            }
            _ => {
                (0.3..0.62).contains(&v)
                    && hash_unit((x * 9.0) as i32, (v * 12.0) as i32, salt) > 0.35
                    && (0.2..0.8).contains(&x)
            }
        };
        let print = (0.76..0.88).contains(&v)
            && (v * 40.0).fract() < 0.5
            && hash_unit((u * 60.0) as i32, (v * 40.0) as i32, salt) > 0.3;
        let band = (0.06..0.12).contains(&v) || (0.9..0.94).contains(&v);
        if inked || print || band { mark } else { ground }
    })
}

/// Sixteen columns of book spines, lettering and bands, to be tinted; uv 0..1.
pub(crate) fn spines(dice: &mut Dice) -> Texture {
    let salt = dice.bits();
    Texture::paint(256, Vec2::ONE, move |u, v| {
        let column = (u * 16.0) as i32;
        let x = (u * 16.0).fract();
        let title = hash_unit(column, 1, salt);
        let light = hash_unit(column, 2, salt) > 0.35;
        let ink = if light {
            Vec3::splat(0.95)
        } else {
            Vec3::splat(0.12)
        };
        let lettered = (0.2 + title * 0.1..0.62 + title * 0.15).contains(&v)
            && (0.3..0.7).contains(&x)
            && hash_unit((v * 46.0) as i32, column, salt) > 0.25
            && (x * 9.0 + (v * 130.0).sin()).sin() > -0.4;
        let band = hash_unit(column, 3, salt) > 0.5
            && ((v - 0.1).abs() < 0.012 || (v - 0.9).abs() < 0.012);
        let logo = (v - 0.82).abs() < 0.03 && (x - 0.5).abs() < 0.22;
        let wear = 0.62 + 0.14 * fractal(u, v, (32, 8), 2, salt);
        if lettered || band || logo {
            ink
        } else {
            Vec3::splat(wear) * (0.75 + 0.5 * (1.0 - (x - 0.5).abs() * 1.4))
        }
    })
}
