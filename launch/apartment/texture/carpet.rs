//! Carpets: a border around a field, over uv 0..1.

use glam::Vec2;

use super::{Texture, fractal, smooth};
use crate::dice::Dice;
use crate::material::hsv;

/// A carpet of some style, in colours drawn from `dice`.
pub(crate) fn carpet(dice: &mut Dice) -> Texture {
    let hue = dice.unit();
    let wild = dice.range(0.06, 0.5);
    let ground = hsv(hue, wild, dice.range(0.35, 0.8));
    let figure = hsv(
        hue + dice.pick(&[0.05, 0.08, 0.5, 0.92]),
        wild * 0.8,
        dice.range(0.45, 0.85),
    );
    let border = hsv(hue + dice.range(-0.08, 0.08), wild, dice.range(0.2, 0.6));
    let style = dice.int(0, 4);
    let count = dice.int(3, 7) as f32;
    let salt = dice.bits();
    Texture::paint(256, Vec2::ONE, move |u, v| {
        let edge = u.min(1.0 - u).min(v.min(1.0 - v));
        let field = match style {
            0 => persian(u, v),
            1 => stripes(v * count),
            2 => diamonds(u * count, v * count * 1.4),
            3 => smooth(0.42, 0.5, fractal(u, v, (4, 4), 3, salt)),
            _ => 0.0,
        };
        let mut colour = ground.lerp(figure, field);
        if style == 0 || style == 2 {
            let line = |at: f32, width: f32| 1.0 - smooth(width, width + 0.006, (edge - at).abs());
            colour = if edge < 0.085 { border } else { colour };
            let beads = ((u * 60.0).sin() * (v * 60.0).sin()).abs();
            let beads = if (0.03..0.07).contains(&edge) {
                smooth(0.45, 0.6, beads)
            } else {
                0.0
            };
            colour = colour.lerp(figure, line(0.09, 0.006).max(line(0.02, 0.004)).max(beads));
        }
        let fuzz = fractal(u, v, (90, 90), 1, salt) * 0.5 + fractal(u, v, (12, 12), 2, salt) * 0.5;
        colour * (0.7 + 0.5 * fuzz)
    })
}

fn persian(u: f32, v: f32) -> f32 {
    let (x, y) = (u - 0.5, (v - 0.5) * 0.8);
    let r = x.hypot(y);
    let angle = y.atan2(x);
    let rosette = 0.17 + 0.035 * (angle * 8.0).cos() + 0.015 * (angle * 16.0).cos();
    let medallion = 1.0 - smooth(rosette, rosette + 0.008, r);
    let ring = smooth(rosette - 0.05, rosette - 0.045, r);
    let tendril = ((u * 31.0).sin() + (v * 31.0).cos() + (u * 13.0 + v * 17.0).sin()) / 3.0;
    let vines = smooth(0.45, 0.55, tendril) * smooth(rosette + 0.02, rosette + 0.05, r);
    (medallion * (0.35 + 0.65 * ring)).max(vines)
}

fn stripes(y: f32) -> f32 {
    let broad = smooth(0.45, 0.5, (y.fract() - 0.5).abs() + 0.22);
    let narrow = smooth(0.4, 0.45, ((y * 3.0).fract() - 0.5).abs());
    broad * 0.7 + narrow * 0.3
}

fn diamonds(x: f32, y: f32) -> f32 {
    let d = (x.fract() - 0.5).abs() + (y.fract() - 0.5).abs();
    smooth(0.02, 0.05, (d - 0.38).abs()).min(1.0 - 0.6 * (1.0 - smooth(0.12, 0.15, d)))
}
