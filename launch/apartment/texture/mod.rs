//! Procedural textures: small tiling images, made once per home.

mod carpet;
mod floor;
mod noise;
mod poster;
mod stuff;

use std::sync::OnceLock;

use glam::{Vec2, Vec3};

pub(crate) use carpet::carpet;
pub(crate) use floor::{Parquet, Tiling};
pub(crate) use noise::{fractal, value};
pub(crate) use poster::{label, picture, spines};
pub(crate) use stuff::{fabric, grain, knit, leaf, plaster, stone, wallpaper};

/// Colour at (u, v), linear, u and v in 0..1.
type Painter = Box<dyn Fn(f32, f32) -> Vec3 + Send + Sync>;

/// A square tiling image with its smaller copies (mip levels), painted when it
/// is first needed: labels alone need none.
pub(crate) struct Texture {
    size: usize,
    painter: Painter,
    painted: OnceLock<Painted>,
    /// Texture widths per unit of uv.
    scale: Vec2,
}

impl std::fmt::Debug for Texture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Texture").field("size", &self.size).finish()
    }
}

struct Painted {
    /// Largest first.
    levels: Vec<Level>,
    /// Mean reflectance.
    mean: Vec3,
}

struct Level {
    size: usize,
    texels: Vec<[u8; 4]>,
}

impl Texture {
    /// A texture of `size`² texels (a power of two) of `colour(u, v)` (linear,
    /// u and v in 0..1) that repeats every `metres` of uv.
    pub(crate) fn paint(
        size: usize,
        metres: Vec2,
        colour: impl Fn(f32, f32) -> Vec3 + Send + Sync + 'static,
    ) -> Self {
        debug_assert!(size.is_power_of_two());
        Self {
            size,
            painter: Box::new(colour),
            painted: OnceLock::new(),
            scale: Vec2::ONE / metres,
        }
    }

    /// Paints it now.
    pub(crate) fn prepare(&self) {
        self.painted();
    }

    /// Mean reflectance.
    pub(crate) fn mean(&self) -> Vec3 {
        self.painted().mean
    }

    fn painted(&self) -> &Painted {
        self.painted.get_or_init(|| {
            let step = 1.0 / self.size as f32;
            let place = |i: usize| (i as f32 + 0.5) * step;
            let mut image: Vec<Vec3> = (0..self.size * self.size)
                .map(|i| {
                    (self.painter)(place(i % self.size), place(i / self.size))
                        .clamp(Vec3::ZERO, Vec3::ONE)
                })
                .collect();
            let mut levels = vec![Level::encode(self.size, &image)];
            let mut width = self.size;
            while width > 1 {
                width /= 2;
                image = halve(&image, width);
                levels.push(Level::encode(width, &image));
            }
            Painted {
                levels,
                mean: image[0],
            }
        })
    }

    /// The reflectance at `uv`, averaged over a footprint of `width` units of uv.
    pub(crate) fn sample(&self, uv: Vec2, width: f32) -> Vec3 {
        let levels = &self.painted().levels;
        let point = uv * self.scale;
        let texels = width * self.scale.max_element() * self.size as f32;
        let top = levels.len() - 1;
        let level = texels.max(1.0).log2().min(top as f32);
        let fine = level as usize;
        let part = level - fine as f32;
        let colour = levels[fine].bilinear(point);
        if part < 0.1 || fine == top {
            colour
        } else {
            colour.lerp(levels[fine + 1].bilinear(point), part)
        }
    }
}

impl Level {
    /// Square roots of reflectances as bytes: near sRGB, and cheap to undo.
    fn encode(size: usize, image: &[Vec3]) -> Self {
        let byte = |v: f32| (v.max(0.0).sqrt() * 255.0 + 0.5) as u8;
        let texels = image
            .iter()
            .map(|c| [byte(c.x), byte(c.y), byte(c.z), 255])
            .collect();
        Self { size, texels }
    }

    /// Interpolated between square roots, which differs little from light itself.
    fn bilinear(&self, point: Vec2) -> Vec3 {
        let place = point * self.size as f32 - 0.5;
        let corner = place.floor();
        let part = place - corner;
        let mask = self.size - 1;
        let (x, y) = (corner.x as i32 as usize, corner.y as i32 as usize);
        let at = |x: usize, y: usize| {
            let [r, g, b, _] = self.texels[(y & mask) * self.size + (x & mask)];
            Vec3::new(f32::from(r), f32::from(g), f32::from(b))
        };
        let (right, below) = (x.wrapping_add(1), y.wrapping_add(1));
        let top = at(x, y).lerp(at(right, y), part.x);
        let bottom = at(x, below).lerp(at(right, below), part.x);
        let root = top.lerp(bottom, part.y) * (1.0 / 255.0);
        root * root
    }
}

fn halve(image: &[Vec3], width: usize) -> Vec<Vec3> {
    let wide = width * 2;
    (0..width * width)
        .map(|i| {
            let corner = (i / width) * 2 * wide + (i % width) * 2;
            (image[corner] + image[corner + 1] + image[corner + wide] + image[corner + wide + 1])
                * 0.25
        })
        .collect()
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(crate) fn smooth(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_footprint_sees_the_mean() {
        let checker = Texture::paint(64, Vec2::splat(2.0), |u, v| {
            Vec3::splat(if ((u * 8.0) as i32 + (v * 8.0) as i32) % 2 == 0 {
                0.8
            } else {
                0.2
            })
        });
        assert!((checker.mean().x - 0.5).abs() < 0.01);
        assert!((checker.sample(Vec2::new(0.3, 0.7), 50.0).x - 0.5).abs() < 0.01);
        assert!((checker.sample(Vec2::new(0.125, 0.125), 0.0).x - 0.8).abs() < 0.01);
    }
}
