//! Materials, drawn one after the other.

use glam::Vec3;

use crate::dice::Dice;
use crate::material::{Kind, Material, MaterialId, hsv, srgb};
use crate::scene::Scene;
use crate::texture::{self, Parquet, Texture, Tiling};

/// A palette while it is drawn. Dice are thrown, and materials added, in the
/// order of the calls: it must stay, or every seed gives another home.
pub(super) struct Mixer<'a> {
    pub(super) scene: &'a mut Scene,
    pub(super) dice: &'a mut Dice,
    /// 0 plain to 1 wild.
    pub(super) colour: f32,
}

impl Mixer<'_> {
    pub(super) fn add(&mut self, material: Material) -> MaterialId {
        self.scene.material(material)
    }

    pub(super) fn grey(&mut self, value: f32) -> MaterialId {
        self.add(Material::matt(Vec3::splat(value)))
    }

    pub(super) fn lacquer(&mut self, value: f32, rough: f32) -> MaterialId {
        self.add(Material::matt(Vec3::splat(value)).rough(rough))
    }

    pub(super) fn metal(&mut self, value: f32, rough: f32) -> MaterialId {
        self.add(Material::matt(Vec3::splat(value)).metal(rough))
    }

    pub(super) fn kind(&mut self, kind: Kind, value: f32) -> MaterialId {
        self.add(Material {
            kind,
            ..Material::matt(Vec3::splat(value))
        })
    }

    pub(super) fn textured(&mut self, texture: Texture, rough: f32) -> MaterialId {
        let texture = self.scene.texture(texture);
        self.add(Material::matt(Vec3::ONE).rough(rough).textured(texture))
    }

    /// White with some chance, else a wood's colour.
    pub(super) fn white_or_wood(&mut self, chance: f32, rough: f32) -> MaterialId {
        let colour = if self.dice.chance(chance) {
            Vec3::splat(0.8)
        } else {
            wood_tint(self.dice)
        };
        self.add(Material::matt(colour).rough(rough))
    }

    pub(super) fn fridge(&mut self) -> MaterialId {
        match self.dice.int(0, 4) {
            0..=1 => self.metal(0.55, 0.42),
            2..=3 => self.lacquer(0.84, 0.25),
            _ => {
                let colour = hsv(self.dice.unit(), 0.35, 0.8);
                self.add(Material::matt(colour).rough(0.2))
            }
        }
    }

    /// Colour of the fronts of the kitchen.
    pub(super) fn front(&mut self) -> Vec3 {
        let (dice, colour) = (&mut *self.dice, self.colour);
        if dice.chance(0.5 - 0.2 * colour) {
            Vec3::splat(dice.range(0.75, 0.86))
        } else {
            hsv(
                dice.unit(),
                dice.range(0.05, 0.2 + 0.4 * colour),
                dice.range(0.3, 0.85),
            )
        }
    }

    pub(super) fn clay(&mut self) -> Vec<MaterialId> {
        let colours = [
            srgb(176, 96, 62),
            srgb(225, 222, 214),
            srgb(70, 74, 78),
            hsv(self.dice.unit(), 0.35, 0.7),
        ];
        let clay = colours.map(|c| self.add(Material::matt(c).rough(0.55)));
        clay.to_vec()
    }

    pub(super) fn paints(&mut self) -> Vec<MaterialId> {
        let hue = self.dice.unit();
        let paint = |i: i32| {
            let c = hsv(
                hue + i as f32 * 0.1,
                self.dice.range(0.2, 0.75),
                self.dice.range(0.4, 0.95),
            );
            self.add(Material::matt(c).rough(0.3))
        };
        (0..10).map(paint).collect()
    }

    pub(super) fn glasses(&mut self) -> Vec<MaterialId> {
        let colours = [
            srgb(38, 78, 40),
            srgb(98, 52, 18),
            srgb(186, 208, 206),
            srgb(60, 96, 130),
            srgb(22, 34, 24),
        ];
        let glasses = colours.map(|c| self.add(Material::matt(c).rough(0.06)));
        glasses.to_vec()
    }

    pub(super) fn wood(&mut self) -> MaterialId {
        let grain = texture::grain(wood_tint(self.dice), self.dice.bits());
        let rough = self.dice.range(0.4, 0.7);
        self.textured(grain, rough)
    }

    pub(super) fn counter(&mut self, wood: MaterialId) -> MaterialId {
        let dice = &mut *self.dice;
        let base = match dice.int(0, 2) {
            0 => Vec3::splat(dice.range(0.05, 0.2)),
            1 => Vec3::splat(dice.range(0.55, 0.8)),
            _ => hsv(0.09, dice.range(0.1, 0.3), dice.range(0.5, 0.75)),
        };
        if dice.chance(0.35) {
            return wood;
        }
        let stone = texture::stone(dice, base);
        self.textured(stone, 0.25)
    }

    pub(super) fn cupboard(&mut self, wood: MaterialId, front: Vec3) -> MaterialId {
        if self.dice.chance(0.3) {
            return wood;
        }
        let rough = self.dice.range(0.25, 0.6);
        self.add(Material::matt(front).rough(rough))
    }

    pub(super) fn wall_tiles(&mut self) -> MaterialId {
        let tiles = Tiling::draw_wall(self.dice).paint();
        self.textured(tiles, 0.2)
    }

    pub(super) fn floor_tiles(&mut self, rough: f32) -> MaterialId {
        let tiles = Tiling::draw_floor(self.dice).paint();
        self.textured(tiles, rough)
    }

    pub(super) fn parquet(&mut self) -> MaterialId {
        let parquet = Parquet::draw(self.dice).paint();
        let rough = self.dice.range(0.35, 0.6);
        self.textured(parquet, rough)
    }

    pub(super) fn kitchen_floor(&mut self, floor: MaterialId) -> MaterialId {
        match self.dice.chance(0.6) {
            true => self.floor_tiles(0.35),
            false => floor,
        }
    }

    pub(super) fn cloth_colour(&mut self) -> Vec3 {
        hsv(
            self.dice.unit(),
            self.dice.range(0.03, 0.1 + 0.42 * self.colour),
            self.dice.range(0.25, 0.85),
        )
    }

    pub(super) fn fabric(&mut self) -> MaterialId {
        let (c, t) = (self.cloth_colour(), self.cloth_colour());
        let fabric = texture::fabric(c, t, self.dice.bits());
        self.textured(fabric, 1.0)
    }

    pub(super) fn cloth(&mut self) -> MaterialId {
        let (c, t) = (self.cloth_colour(), self.cloth_colour());
        let n = self.dice.pick(&[0, 0, 4, 8]);
        let knit = texture::knit(c, t, n, self.dice.bits());
        self.textured(knit, 1.0)
    }

    pub(super) fn sheets(&mut self) -> MaterialId {
        let sheet = hsv(
            self.dice.unit(),
            self.dice.range(0.0, 0.3 * self.colour),
            self.dice.range(0.8, 0.95),
        );
        let knit = texture::knit(sheet, sheet, 0, self.dice.bits());
        self.textured(knit, 1.0)
    }

    pub(super) fn curtain(&mut self) -> MaterialId {
        let colour = hsv(
            self.dice.unit(),
            self.dice.range(0.0, 0.1 + 0.4 * self.colour),
            self.dice.range(0.55, 0.92),
        );
        let fabric = texture::fabric(colour, colour, self.dice.bits());
        let texture = self.scene.texture(fabric);
        self.add(Material::matt(Vec3::ONE).textured(texture).both_sides())
    }

    pub(super) fn leaf(&mut self) -> MaterialId {
        let green = hsv(
            self.dice.range(0.22, 0.38),
            self.dice.range(0.45, 0.75),
            self.dice.range(0.3, 0.55),
        );
        let leaf = texture::leaf(green, self.dice.bits());
        let texture = self.scene.texture(leaf);
        let leaf = Material::matt(Vec3::ONE).rough(0.55);
        self.add(leaf.textured(texture).both_sides().yielding())
    }

    pub(super) fn label(&mut self) -> MaterialId {
        let label = texture::label(self.dice);
        self.textured(label, 0.3)
    }

    pub(super) fn spines(&mut self) -> Vec<MaterialId> {
        let spine = self.scene.texture(texture::spines(self.dice));
        let spine = |_| {
            let c = hsv(
                self.dice.unit(),
                self.dice.range(0.1, 0.8),
                self.dice.range(0.25, 0.95),
            );
            self.add(Material::matt(c * 1.3).rough(0.5).textured(spine))
        };
        (0..14).map(spine).collect()
    }

    /// So many of one kind, one after the other.
    pub(super) fn several(
        &mut self,
        count: usize,
        draw: impl Fn(&mut Self) -> MaterialId,
    ) -> Vec<MaterialId> {
        (0..count).map(|_| draw(self)).collect()
    }
}

fn wood_tint(dice: &mut Dice) -> Vec3 {
    match dice.int(0, 4) {
        0 => hsv(
            dice.range(0.08, 0.1),
            dice.range(0.25, 0.4),
            dice.range(0.78, 0.88),
        ),
        1 => hsv(
            dice.range(0.07, 0.09),
            dice.range(0.42, 0.58),
            dice.range(0.62, 0.75),
        ),
        2 => hsv(
            dice.range(0.05, 0.07),
            dice.range(0.5, 0.65),
            dice.range(0.4, 0.52),
        ),
        3 => hsv(
            dice.range(0.03, 0.06),
            dice.range(0.45, 0.6),
            dice.range(0.26, 0.36),
        ),
        _ => hsv(0.09, dice.range(0.02, 0.08), dice.range(0.8, 0.93)),
    }
}
