//! Materials that surfaces are made of.

use glam::Vec3;

/// Index of a material of the scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaterialId(pub(crate) u16);

/// How light leaves a surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Diffuse with a dielectric or metallic sheen.
    Opaque,
    /// Glass towards the outside: shows the sky, lets light in.
    Pane,
    /// A perfect mirror with a slight tint.
    Mirror,
}

/// A material. Colours are linear, reflectances 0..1.
#[derive(Clone, Debug)]
pub(crate) struct Material {
    /// Diffuse reflectance, multiplied with the texture.
    pub(crate) tint: Vec3,
    /// Texture of the scene, if any.
    pub(crate) texture: Option<u16>,
    /// 0 mirror-like, 1 matt.
    pub(crate) roughness: f32,
    /// 0 dielectric, 1 metal.
    pub(crate) metallic: f32,
    /// Own radiance.
    pub(crate) emission: Vec3,
    pub(crate) kind: Kind,
    /// Seen from both sides (cloth, leaves, paper).
    pub(crate) two_sided: bool,
    /// Gives way where a robot touches it (leaves).
    pub(crate) yields: bool,
}

impl Material {
    /// A matt paint.
    pub(crate) fn matt(tint: Vec3) -> Self {
        Self {
            tint,
            texture: None,
            roughness: 0.9,
            metallic: 0.0,
            emission: Vec3::ZERO,
            kind: Kind::Opaque,
            two_sided: false,
            yields: false,
        }
    }

    /// The same with another roughness.
    pub(crate) fn rough(mut self, roughness: f32) -> Self {
        self.roughness = roughness;
        self
    }

    /// The same with a texture.
    pub(crate) fn textured(mut self, texture: u16) -> Self {
        self.texture = Some(texture);
        self
    }

    /// The same as a metal.
    pub(crate) fn metal(mut self, roughness: f32) -> Self {
        self.metallic = 1.0;
        self.roughness = roughness;
        self
    }

    /// The same, glowing.
    pub(crate) fn glowing(mut self, emission: Vec3) -> Self {
        self.emission = emission;
        self
    }

    /// The same, giving way where it is touched.
    pub(crate) fn yielding(mut self) -> Self {
        self.yields = true;
        self
    }

    /// The same, seen from both sides.
    pub(crate) fn both_sides(mut self) -> Self {
        self.two_sided = true;
        self
    }
}

/// A linear colour from sRGB bytes.
pub(crate) fn srgb(r: u8, g: u8, b: u8) -> Vec3 {
    Vec3::new(linear(r), linear(g), linear(b))
}

/// IEC 61966-2-1, byte to linear.
pub(crate) fn linear(byte: u8) -> f32 {
    let c = f32::from(byte) / 255.0;
    if c <= 0.04045 {
        c / 12.92
    } else {
        ((c + 0.055) / 1.055).powf(2.4)
    }
}

/// IEC 61966-2-1, linear to encoded 0..1.
pub(crate) fn encoded(value: f32) -> f32 {
    if value <= 0.003_130_8 {
        value * 12.92
    } else {
        1.055 * value.powf(1.0 / 2.4) - 0.055
    }
}

/// A linear colour from hue (turns), saturation and value of sRGB.
pub(crate) fn hsv(hue: f32, saturation: f32, value: f32) -> Vec3 {
    let channel = |n: f32| {
        let k = (n + hue * 6.0).rem_euclid(6.0);
        let c = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
        linear((c.clamp(0.0, 1.0) * 255.0) as u8)
    };
    Vec3::new(channel(5.0), channel(3.0), channel(1.0))
}

/// Rec. 709 luminance.
pub(crate) fn luminance(colour: Vec3) -> f32 {
    colour.dot(Vec3::new(0.2126, 0.7152, 0.0722))
}
