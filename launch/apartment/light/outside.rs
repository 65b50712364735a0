//! The world that is seen through the windows, and what of it shines in.

use glam::{Vec2, Vec3};

use crate::dice::{Dice, hash_unit};
use crate::texture::{fractal, smooth};

/// Sky, sun and the neighbourhood, all infinitely far away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outside {
    /// Unit vector towards the sun.
    pub(crate) sun: Vec3,
    /// Irradiance of the sun on a surface that faces it.
    pub(crate) sunlight: Vec3,
    /// Mean radiance of the sky.
    pub(crate) skylight: Vec3,
    /// Radiance by direction: equal steps of azimuth and elevation.
    map: Vec<Vec3>,
    blurred: Vec<Vec3>,
}

const WIDTH: usize = 512;
const HEIGHT: usize = 128;
const SMALL: (usize, usize) = (32, 8);
/// Elevations covered by the map, rad.
const REACH: f32 = 1.2;

impl Outside {
    /// Draws a day (or a night: `daylight` 0) outside.
    pub(crate) fn draw(dice: &mut Dice, daylight: f32, sunny: bool) -> Self {
        let elevation = dice.range(0.3, 0.9);
        let azimuth = dice.range(0.0, std::f32::consts::TAU);
        let sun = Vec3::new(
            azimuth.cos() * elevation.cos(),
            azimuth.sin() * elevation.cos(),
            elevation.sin(),
        );
        let warm = smooth(0.8, 0.25, elevation);
        let overcast = dice.unit();
        let skylight = Vec3::new(0.82, 0.93, 1.12).lerp(Vec3::new(1.0, 1.0, 1.02), overcast)
            * (9.0 * daylight + 0.02);
        let sunlight = if sunny {
            Vec3::new(1.0, 0.93, 0.82).lerp(Vec3::new(1.0, 0.72, 0.45), warm) * (55.0 * daylight)
        } else {
            Vec3::ZERO
        };
        let salt = dice.bits();
        let urban = dice.chance(0.5);
        let mut outside = Self {
            sun,
            sunlight,
            skylight,
            map: Vec::new(),
            blurred: Vec::new(),
        };
        outside.map = (0..WIDTH * HEIGHT)
            .map(|i| {
                outside.paint(
                    (i % WIDTH) as f32 / WIDTH as f32,
                    ((i / WIDTH) as f32 / HEIGHT as f32 * 2.0 - 1.0) * REACH,
                    salt,
                    urban,
                )
            })
            .collect();
        let (across, down) = (WIDTH / SMALL.0, HEIGHT / SMALL.1);
        outside.blurred = (0..SMALL.0 * SMALL.1)
            .map(|i| {
                let (x, y) = (i % SMALL.0 * across, i / SMALL.0 * down);
                let sum: Vec3 = (0..across * down)
                    .map(|k| outside.map[(y + k / across) * WIDTH + x + k % across])
                    .sum();
                sum / (across * down) as f32
            })
            .collect();
        outside
    }

    /// The view at `turn` (0..1 of azimuth) and elevation (rad).
    fn paint(&self, turn: f32, elevation: f32, salt: u32, urban: bool) -> Vec3 {
        let night = 0.15 + self.skylight.y * 0.1;
        let cloud = smooth(
            0.45,
            0.7,
            fractal(turn, elevation * 0.5 + 0.5, (8, 8), 4, salt),
        );
        let sky = self.skylight * (0.75 + 0.5 * smooth(0.9, 0.0, elevation));
        let mut colour = sky.lerp(
            Vec3::splat(self.skylight.y * 1.25),
            0.7 * cloud * smooth(0.0, 0.3, elevation),
        );
        let trees = 0.05 + 0.16 * fractal(turn, 0.3, (24, 1), 4, salt ^ 7);
        if elevation < trees {
            let leaf = fractal(turn, elevation * 3.0 + 4.0, (160, 40), 3, salt);
            colour = Vec3::new(0.12, 0.2, 0.06) * self.skylight.y * (0.35 + 0.9 * leaf);
        }
        if urban {
            let house = (turn * 26.0).floor();
            let height = 0.04 + 0.3 * hash_unit(house as i32, 5, salt);
            if elevation < height {
                let tone = 0.25 + 0.35 * hash_unit(house as i32, 6, salt);
                let (x, y) = ((turn * 26.0).fract() * 6.0, (elevation + 2.0) * 22.0);
                let window = (x.fract() - 0.5).abs() < 0.26 && (y.fract() - 0.5).abs() < 0.3;
                let lit = hash_unit(x as i32 + house as i32 * 9, y as i32, salt) > 0.72;
                let wall = Vec3::new(1.0, 0.86, 0.74) * tone * self.skylight.y * 0.55;
                colour = match (window, lit && night < 0.5) {
                    (true, true) => Vec3::new(1.0, 0.75, 0.4) * 0.9,
                    (true, false) => wall * 0.35,
                    _ => wall,
                };
            }
        }
        if elevation < -0.12 {
            let grass = 0.6 + 0.5 * fractal(turn, elevation + 2.0, (64, 32), 2, salt);
            colour = Vec3::new(0.2, 0.21, 0.14) * self.skylight.y * grass;
        }
        colour
    }

    /// What is seen in this direction, sharp.
    pub(crate) fn view(&self, direction: Vec3) -> Vec3 {
        let place = angles(direction) * Vec2::new(WIDTH as f32, HEIGHT as f32);
        lookup(&self.map, (WIDTH, HEIGHT), place)
    }

    /// The same, blurred: for light, not for looking.
    pub(crate) fn glow(&self, direction: Vec3) -> Vec3 {
        let place = angles(direction) * Vec2::new(SMALL.0 as f32, SMALL.1 as f32);
        lookup(&self.blurred, SMALL, place)
    }
}

/// Azimuth and elevation as 0..1 each.
fn angles(direction: Vec3) -> Vec2 {
    let turn = direction.y.atan2(direction.x) / std::f32::consts::TAU;
    let elevation = direction.z.atan2(direction.x.hypot(direction.y));
    Vec2::new(
        turn.rem_euclid(1.0),
        (elevation / REACH * 0.5 + 0.5).clamp(0.0, 1.0),
    )
}

fn lookup(map: &[Vec3], (width, height): (usize, usize), place: Vec2) -> Vec3 {
    if map.is_empty() {
        return Vec3::ZERO;
    }
    let x = place.x as usize % width;
    let y = (place.y as usize).min(height - 1);
    let (x1, y1) = ((x + 1) % width, (y + 1).min(height - 1));
    let (px, py) = (place.x.fract(), place.y.fract());
    let top = map[y * width + x].lerp(map[y * width + x1], px);
    top.lerp(map[y1 * width + x].lerp(map[y1 * width + x1], px), py)
}
