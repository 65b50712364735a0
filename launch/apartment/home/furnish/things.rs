//! Things upon furniture, walls, ceilings and floors: scattered, hung, lit.

use glam::{Vec2, Vec3};

use super::Furnisher;
use crate::class::Class;
use crate::furniture as f;
use crate::light::Lamp;
use crate::material::{Material, MaterialId};
use crate::pose::CameraPose;
use crate::shape::Model;

impl Furnisher<'_> {
    /// Scatters things over a surface: x and y ranges in the frame of `pose`, at height `z`.
    pub(crate) fn scatter(
        &mut self,
        room: usize,
        pose: CameraPose,
        (low, high): (Vec2, Vec2),
        z: f32,
        things: &[Class],
        most: u32,
    ) {
        let count = (self.clutter * most as f32 + self.dice.unit()) as u32;
        let mut placed: Vec<(Vec2, f32)> = Vec::new();
        for _ in 0..count {
            let class = self.dice.pick(things);
            let (model, radius) = self.thing(class);
            for _ in 0..8 {
                let at = Vec2::new(
                    self.dice.range(low.x + radius, high.x - radius),
                    self.dice.range(low.y + radius, high.y - radius),
                );
                let fits = high.x - low.x > 2.0 * radius && high.y - low.y > 2.0 * radius;
                if fits && placed.iter().all(|(p, r)| p.distance(at) > r + radius) {
                    placed.push((at, radius));
                    let yaw = self.dice.range(0.0, std::f32::consts::TAU);
                    if self.without.contains(&class) {
                        break;
                    }
                    self.put(class, model, room, pose, at.extend(z), yaw);
                    break;
                }
            }
        }
    }

    /// A small thing of a class, and its radius.
    fn thing(&mut self, class: Class) -> (Model, f32) {
        let (palette, dice) = (self.palette, &mut *self.dice);
        match class {
            Class::Can => (f::can(palette, dice), 0.04),
            Class::Cup => (f::cup(palette, dice), 0.06),
            Class::Bottle => (f::bottle(palette, dice), 0.045),
            Class::Bowl => (f::bowl(palette, dice, 0.13), 0.14),
            Class::Fruit => (f::fruit(palette, dice), 0.045),
            Class::Plant => {
                let height = dice.range(0.22, 0.42);
                (f::plant(palette, dice, height), 0.13)
            }
            Class::Box => (f::vase(palette, dice), 0.1),
            Class::Laptop => (f::laptop(palette), 0.2),
            _ => (f::book_lying(palette, dice), 0.15),
        }
    }

    /// A bookcase's contents: rows of books and a few other things.
    pub(crate) fn fill_shelf(
        &mut self,
        room: usize,
        pose: CameraPose,
        width: f32,
        depth: f32,
        tops: &[f32],
    ) {
        for pair in tops.windows(2) {
            let clear = pair[1] - pair[0] - 0.04;
            let (mut x, end) = (-width / 2.0 + 0.03, width / 2.0 - 0.03);
            let full = self.dice.range(0.35, 0.98);
            let stop = x + (end - x) * full;
            let tall = (clear * 0.95).min(0.3);
            while x < stop - 0.05 && !self.dice.chance(0.035) {
                let t = self.dice.range(0.018, 0.046);
                let h = tall * self.dice.range(0.68, 1.0);
                let d = (depth * 0.72).min(self.dice.range(0.15, 0.21));
                let model = f::book_row(self.palette, self.dice, (t, h, d));
                self.put(
                    Class::Book,
                    model,
                    room,
                    pose,
                    Vec3::new(x + t / 2.0, 0.03, pair[0]),
                    0.0,
                );
                x += t + 0.001;
            }
            if end - x > 0.22 && clear > 0.3 {
                let things = [
                    Class::Box,
                    Class::Plant,
                    Class::Bowl,
                    Class::Book,
                    Class::Cup,
                    Class::Bottle,
                ];
                let region = (Vec2::new(x + 0.01, 0.02), Vec2::new(end, depth - 0.01));
                self.scatter(room, pose, region, pair[0], &things, 2);
            }
        }
    }

    /// Hangs a picture on a free piece of wall.
    pub(crate) fn picture(&mut self, room: usize) {
        let (w, h) = self.dice.pick(&[
            (0.4, 0.5),
            (0.5, 0.7),
            (0.7, 0.5),
            (0.9, 0.6),
            (0.3, 0.4),
            (0.6, 0.6),
        ]);
        for _ in 0..20 {
            let side = self.dice.int(0, 3) as usize;
            let length = self.wall_length(room, side);
            if length < w + 0.5 {
                continue;
            }
            let along = self.dice.range(w / 2.0 + 0.2, length - w / 2.0 - 0.2);
            if self.hang(room, side, along, w).is_some() {
                let z = self.dice.range(1.45, 1.65);
                let texture = self.scene.texture(crate::texture::picture(self.dice));
                let art = self
                    .scene
                    .material(Material::matt(Vec3::ONE).rough(0.5).textured(texture));
                let frame = self.dice.pick(&[
                    self.palette.black,
                    self.palette.white,
                    self.palette.woods[0],
                    self.palette.woods[1],
                ]);
                let pose = self.wall_pose(room, side, along, 0.0);
                self.put(
                    Class::Poster,
                    f::framed(frame, art, w, h),
                    room,
                    pose,
                    Vec3::new(0.0, 0.0, z),
                    0.0,
                );
                return;
            }
        }
    }

    /// A lamp's shade, glowing if the lamp is on; and its light.
    pub(crate) fn shade(&mut self, on: bool) -> (MaterialId, Vec3) {
        let warmth = self.dice.range(0.0, 1.0);
        let light = Vec3::new(1.0, 0.9, 0.78).lerp(Vec3::new(1.0, 0.72, 0.42), warmth);
        let tint = Vec3::new(0.85, 0.8, 0.7).lerp(Vec3::splat(0.85), self.dice.unit());
        let mut material = Material::matt(tint).both_sides();
        if on {
            material = material.glowing(light * self.dice.range(2.2, 4.5));
        }
        (
            self.scene.material(material),
            if on { light } else { Vec3::ZERO },
        )
    }

    /// Adds a lamp's light.
    pub(crate) fn light(&mut self, position: Vec3, radius: f32, intensity: Vec3) {
        if intensity != Vec3::ZERO {
            self.lamps.push(Lamp {
                position,
                radius,
                intensity,
            });
        }
    }

    /// The lamp under the ceiling of a room.
    pub(crate) fn ceiling_light(&mut self, room: usize) {
        let data = self.room(room);
        let on = self.dice.chance(self.lamp_share);
        let (shade, light) = self.shade(on);
        let style = self.dice.int(0, 2);
        let drop = if style == 2 {
            0.06
        } else {
            self.dice.range(0.35, 0.55)
        };
        let model = f::ceiling_lamp(self.palette, shade, style, drop);
        let at = data.middle().extend(data.high.z);
        self.put(
            Class::Lamp,
            model,
            room,
            CameraPose::upright(at, 0.0),
            Vec3::ZERO,
            0.0,
        );
        let strength =
            self.dice.range(5.0, 9.0) * (data.size().element_product() / 14.0).clamp(0.5, 1.3);
        self.light(at - Vec3::Z * (drop + 0.03), 0.15, light * strength);
    }

    /// A carpet (flat, thin) with its middle at a point.
    pub(crate) fn carpet(&mut self, room: usize, centre: Vec2, size: Vec2, yaw: f32) {
        let texture = self.scene.texture(crate::texture::carpet(self.dice));
        let material = self
            .scene
            .material(Material::matt(Vec3::ONE).textured(texture));
        let mut model = Model::new();
        model.light_spacing = 0.085;
        let half = size / 2.0;
        let t = 0.009;
        model.picture(
            material,
            Vec3::new(-half.x, -half.y, t),
            Vec3::X * size.x,
            Vec3::Y * size.y,
        );
        let edge = [
            (Vec2::new(-half.x, -half.y), Vec3::X * size.x),
            (Vec2::new(half.x, -half.y), Vec3::Y * size.y),
            (Vec2::new(half.x, half.y), Vec3::NEG_X * size.x),
            (Vec2::new(-half.x, half.y), Vec3::NEG_Y * size.y),
        ];
        for (corner, along) in edge {
            model.picture(material, corner.extend(0.0), along, Vec3::Z * t);
        }
        self.put(
            Class::Carpet,
            model,
            room,
            CameraPose::upright(centre.extend(0.0), yaw),
            Vec3::ZERO,
            0.0,
        );
    }
}
