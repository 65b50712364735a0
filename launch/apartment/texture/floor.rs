//! Floors and wall tiles.

use glam::{Vec2, Vec3};

use super::{Texture, fractal, smooth, value};
use crate::dice::{Dice, hash_unit};
use crate::material::hsv;

/// Wooden planks laid along u.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parquet {
    /// Colour of the wood, linear.
    pub(crate) wood: Vec3,
    /// Planks across the texture.
    pub(crate) rows: i32,
    /// Planks along the texture.
    pub(crate) columns: i32,
    /// How much planks differ, 0..1.
    pub(crate) variety: f32,
    /// Herringbone instead of rows.
    pub(crate) zigzag: bool,
    pub(crate) salt: u32,
}

impl Parquet {
    /// Draws a floor.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let wood = match dice.int(0, 4) {
            0 => hsv(
                dice.range(0.07, 0.09),
                dice.range(0.3, 0.42),
                dice.range(0.72, 0.84),
            ),
            1 => hsv(
                dice.range(0.06, 0.085),
                dice.range(0.45, 0.58),
                dice.range(0.55, 0.68),
            ),
            2 => hsv(
                dice.range(0.04, 0.06),
                dice.range(0.45, 0.6),
                dice.range(0.34, 0.46),
            ),
            3 => hsv(
                dice.range(0.08, 0.1),
                dice.range(0.12, 0.2),
                dice.range(0.62, 0.78),
            ),
            _ => hsv(
                dice.range(0.055, 0.075),
                dice.range(0.5, 0.62),
                dice.range(0.62, 0.72),
            ),
        };
        Self {
            wood,
            rows: dice.pick(&[12, 14, 16, 20]),
            columns: dice.pick(&[2, 3]),
            variety: dice.range(0.4, 1.0),
            zigzag: dice.chance(0.2),
            salt: dice.bits(),
        }
    }

    /// A texture of 2.4 m.
    pub(crate) fn paint(self) -> Texture {
        Texture::paint(512, Vec2::splat(2.4), move |u, v| self.colour(u, v))
    }

    fn colour(&self, u: f32, v: f32) -> Vec3 {
        let (plank, along, across, size) = if self.zigzag {
            self.zigzag_plank(u, v)
        } else {
            self.row_plank(u, v)
        };
        let tone = hash_unit(plank.0, plank.1, self.salt);
        let hue = hash_unit(plank.0, plank.1, self.salt ^ 0x55);
        let shift = tone * 37.0;
        let fibre = fractal(along * 0.9 + shift, across + shift, (3, 28), 3, self.salt);
        let rings = (across * 16.0
            + 5.0
                * value(
                    along * 4.0 + shift,
                    across * 2.0 + shift,
                    (64, 64),
                    self.salt,
                ))
        .sin();
        let mut colour = self.wood * (1.0 + self.variety * (0.42 * (tone - 0.5)));
        colour *= Vec3::ONE + Vec3::new(0.09, 0.0, -0.12) * ((hue - 0.5) * self.variety);
        colour *= 0.86 + 0.2 * fibre + 0.035 * rings;
        let edge = |x: f32, width: f32| smooth(0.0, 0.0035, x.min(1.0 - x) * width);
        let gap = edge(along, size.x).min(edge(across, size.y));
        colour * (0.45 + 0.55 * gap)
    }

    /// (plank, 0..1 along, 0..1 across, size in m) of a point.
    fn row_plank(&self, u: f32, v: f32) -> ((i32, i32), f32, f32, Vec2) {
        let y = v * self.rows as f32;
        let row = y.floor() as i32;
        let x = u * self.columns as f32 + hash_unit(row, 7, self.salt);
        let column = (x.floor() as i32).rem_euclid(self.columns);
        let size = Vec2::new(2.4 / self.columns as f32, 2.4 / self.rows as f32);
        ((column, row), x.fract(), y - row as f32, size)
    }

    /// Herringbone of planks 1 × 4 in a lattice that repeats every 8 cells.
    fn zigzag_plank(&self, u: f32, v: f32) -> ((i32, i32), f32, f32, Vec2) {
        let cells = 24.0;
        let (x, y) = (u * cells, v * cells);
        let (cx, cy) = (x.floor() as i32, y.floor() as i32);
        let phase = (cx - cy).rem_euclid(8);
        let size = Vec2::new(0.4, 0.1);
        let wrap = |i: i32| i.rem_euclid(24);
        if phase < 4 {
            (
                (wrap(cx - phase), wrap(cy)),
                (x - (cx - phase) as f32) / 4.0,
                y - cy as f32,
                size,
            )
        } else {
            let down = 7 - phase;
            (
                (wrap(cx) + 100, wrap(cy - down)),
                (y - (cy - down) as f32) / 4.0,
                x - cx as f32,
                size,
            )
        }
    }
}

/// Ceramic tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiling {
    pub(crate) tile: Vec3,
    pub(crate) second: Vec3,
    pub(crate) grout: Vec3,
    /// Tiles across and down the texture.
    pub(crate) count: (i32, i32),
    /// Every second row is shifted by half a tile.
    pub(crate) brick: bool,
    /// Strength of marble veins.
    pub(crate) veins: f32,
    /// How much tiles differ.
    pub(crate) variety: f32,
    /// Metres covered by the texture.
    pub(crate) metres: f32,
    pub(crate) salt: u32,
}

impl Tiling {
    /// Floor tiles.
    pub(crate) fn draw_floor(dice: &mut Dice) -> Self {
        let tile = hsv(
            dice.range(0.05, 0.13),
            dice.range(0.02, 0.25),
            dice.range(0.4, 0.86),
        );
        let checker = dice.chance(0.15);
        let count = dice.pick(&[4, 6, 8]);
        Self {
            tile,
            second: if checker { tile * 0.25 } else { tile },
            grout: Vec3::splat(dice.range(0.2, 0.5)),
            count: (count, count),
            brick: !checker && dice.chance(0.25),
            veins: dice.range(0.0, 0.5),
            variety: dice.range(0.05, 0.25),
            metres: 2.4,
            salt: dice.bits(),
        }
    }

    /// Wall tiles: squares, metro bricks or small mosaic.
    pub(crate) fn draw_wall(dice: &mut Dice) -> Self {
        let tile = if dice.chance(0.55) {
            hsv(dice.unit(), dice.range(0.0, 0.06), dice.range(0.82, 0.93))
        } else {
            hsv(
                dice.range(0.08, 0.62),
                dice.range(0.15, 0.5),
                dice.range(0.45, 0.85),
            )
        };
        let style = dice.int(0, 2);
        Self {
            tile,
            second: tile * dice.range(0.85, 1.0),
            grout: Vec3::splat(dice.range(0.35, 0.65)),
            count: [(8, 16), (8, 8), (24, 24)][style as usize],
            brick: style == 0,
            veins: dice.range(0.0, 0.15),
            variety: if style == 2 {
                dice.range(0.2, 0.6)
            } else {
                dice.range(0.03, 0.12)
            },
            metres: 1.2,
            salt: dice.bits(),
        }
    }

    /// The texture.
    pub(crate) fn paint(self) -> Texture {
        Texture::paint(512, Vec2::splat(self.metres), move |u, v| self.colour(u, v))
    }

    fn colour(&self, u: f32, v: f32) -> Vec3 {
        let y = v * self.count.1 as f32;
        let row = y.floor() as i32;
        let x = u * self.count.0 as f32 + if self.brick && row % 2 == 1 { 0.5 } else { 0.0 };
        let column = (x.floor() as i32).rem_euclid(self.count.0);
        let (fx, fy) = (x.fract(), y - row as f32);
        let base = if (row + column) % 2 == 0 {
            self.tile
        } else {
            self.second
        };
        let tone = 1.0 + self.variety * (hash_unit(column, row, self.salt) - 0.5);
        let shift = hash_unit(column, row, self.salt ^ 9) * 13.0;
        let vein = (fractal(u + shift, v, (6, 6), 4, self.salt) - 0.5).abs();
        let vein = 1.0 - self.veins * (1.0 - smooth(0.0, 0.06, vein));
        let cloud = 0.95 + 0.1 * fractal(u, v, (8, 8), 3, self.salt ^ 3);
        let width = |f: f32, n: i32| f.min(1.0 - f) * self.metres / n as f32;
        let edge = width(fx, self.count.0).min(width(fy, self.count.1));
        let solid = smooth(0.0012, 0.0028, edge);
        let rim = 0.92 + 0.08 * smooth(0.002, 0.012, edge);
        self.grout.lerp(base * (tone * vein * cloud * rim), solid)
    }
}
