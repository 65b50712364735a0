//! The materials of one home: drawn together so that they go together.

use glam::Vec3;

use crate::dice::Dice;
use crate::material::{Kind, Material, MaterialId, hsv, srgb};
use crate::scene::Scene;
use crate::texture::{self, Parquet, Tiling};

/// Materials that furniture is made of.
#[derive(Clone, Debug)]
pub(crate) struct Palette {
    pub(crate) white: MaterialId,
    pub(crate) ceiling: MaterialId,
    pub(crate) skirting: MaterialId,
    pub(crate) door: MaterialId,
    pub(crate) frame: MaterialId,
    pub(crate) pane: MaterialId,
    pub(crate) mirror: MaterialId,
    pub(crate) steel: MaterialId,
    pub(crate) chrome: MaterialId,
    pub(crate) black: MaterialId,
    pub(crate) screen: MaterialId,
    pub(crate) porcelain: MaterialId,
    pub(crate) fridge: MaterialId,
    pub(crate) counter: MaterialId,
    pub(crate) cupboard: MaterialId,
    pub(crate) plinth: MaterialId,
    pub(crate) splash: MaterialId,
    pub(crate) bath_tiles: MaterialId,
    pub(crate) bath_floor: MaterialId,
    pub(crate) kitchen_floor: MaterialId,
    pub(crate) floor: MaterialId,
    /// Woods from light to dark; the first is the home's main one.
    pub(crate) woods: Vec<MaterialId>,
    pub(crate) fabrics: Vec<MaterialId>,
    pub(crate) cloths: Vec<MaterialId>,
    pub(crate) curtain: MaterialId,
    pub(crate) sheets: MaterialId,
    pub(crate) leaves: Vec<MaterialId>,
    pub(crate) soil: MaterialId,
    pub(crate) clay: Vec<MaterialId>,
    pub(crate) paints: Vec<MaterialId>,
    pub(crate) glasses: Vec<MaterialId>,
    pub(crate) labels: Vec<MaterialId>,
    pub(crate) spines: Vec<MaterialId>,
    pub(crate) paper: MaterialId,
    pub(crate) cardboard: MaterialId,
    pub(crate) aluminium: MaterialId,
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

impl Palette {
    /// Draws the materials and adds them to the scene; `colour` is 0 plain to 1 wild.
    pub(crate) fn draw(scene: &mut Scene, dice: &mut Dice, colour: f32) -> Self {
        let mut paint = |m: Material| scene.material(m);
        let white = paint(Material::matt(Vec3::splat(0.82)).rough(0.5));
        let ceiling = paint(Material::matt(Vec3::splat(0.86)));
        let skirting = paint(
            Material::matt(if dice.chance(0.75) {
                Vec3::splat(0.8)
            } else {
                wood_tint(dice)
            })
            .rough(0.45),
        );
        let door = paint(
            Material::matt(if dice.chance(0.65) {
                Vec3::splat(0.8)
            } else {
                wood_tint(dice)
            })
            .rough(0.4),
        );
        let frame = paint(Material::matt(Vec3::splat(0.83)).rough(0.4));
        let pane = paint(Material {
            kind: Kind::Pane,
            ..Material::matt(Vec3::ONE)
        });
        let mirror = paint(Material {
            kind: Kind::Mirror,
            ..Material::matt(Vec3::splat(0.9))
        });
        let steel = paint(Material::matt(Vec3::splat(0.58)).metal(0.38));
        let chrome = paint(Material::matt(Vec3::splat(0.75)).metal(0.12));
        let black = paint(Material::matt(Vec3::splat(0.025)).rough(0.5));
        let screen = paint(Material::matt(Vec3::splat(0.012)).rough(0.08));
        let porcelain = paint(Material::matt(Vec3::splat(0.84)).rough(0.15));
        let fridge = match dice.int(0, 4) {
            0..=1 => paint(Material::matt(Vec3::splat(0.55)).metal(0.42)),
            2..=3 => paint(Material::matt(Vec3::splat(0.84)).rough(0.25)),
            _ => paint(Material::matt(hsv(dice.unit(), 0.35, 0.8)).rough(0.2)),
        };
        let front = if dice.chance(0.5 - 0.2 * colour) {
            Vec3::splat(dice.range(0.75, 0.86))
        } else {
            hsv(
                dice.unit(),
                dice.range(0.05, 0.2 + 0.4 * colour),
                dice.range(0.3, 0.85),
            )
        };
        let plinth = paint(Material::matt(front * 0.25));
        let aluminium = paint(Material::matt(Vec3::splat(0.8)).metal(0.28));
        let paper = paint(Material::matt(Vec3::splat(0.8)));
        let cardboard = paint(Material::matt(srgb(176, 140, 98)));
        let soil = paint(Material::matt(srgb(60, 44, 32)));
        let clay = [
            srgb(176, 96, 62),
            srgb(225, 222, 214),
            srgb(70, 74, 78),
            hsv(dice.unit(), 0.35, 0.7),
        ]
        .map(|c| paint(Material::matt(c).rough(0.55)))
        .to_vec();
        let hue = dice.unit();
        let paints = (0..10)
            .map(|i| {
                let c = hsv(
                    hue + i as f32 * 0.1,
                    dice.range(0.2, 0.75),
                    dice.range(0.4, 0.95),
                );
                paint(Material::matt(c).rough(0.3))
            })
            .collect();
        let glasses = [
            srgb(38, 78, 40),
            srgb(98, 52, 18),
            srgb(186, 208, 206),
            srgb(60, 96, 130),
            srgb(22, 34, 24),
        ]
        .map(|c| paint(Material::matt(c).rough(0.06)))
        .to_vec();
        let mut textured = |t, rough: f32, tint: Vec3| {
            let texture = scene.texture(t);
            scene.material(Material::matt(tint).rough(rough).textured(texture))
        };
        let woods = (0..3)
            .map(|_| {
                textured(
                    texture::grain(wood_tint(dice), dice.bits()),
                    dice.range(0.4, 0.7),
                    Vec3::ONE,
                )
            })
            .collect::<Vec<_>>();
        let counter_base = match dice.int(0, 2) {
            0 => Vec3::splat(dice.range(0.05, 0.2)),
            1 => Vec3::splat(dice.range(0.55, 0.8)),
            _ => hsv(0.09, dice.range(0.1, 0.3), dice.range(0.5, 0.75)),
        };
        let counter = if dice.chance(0.35) {
            woods[1]
        } else {
            textured(texture::stone(dice, counter_base), 0.25, Vec3::ONE)
        };
        let cupboard = if dice.chance(0.3) {
            woods[0]
        } else {
            scene.material(Material::matt(front).rough(dice.range(0.25, 0.6)))
        };
        let mut textured = |t, rough: f32, tint: Vec3| {
            let texture = scene.texture(t);
            scene.material(Material::matt(tint).rough(rough).textured(texture))
        };
        let splash = textured(Tiling::draw_wall(dice).paint(), 0.2, Vec3::ONE);
        let bath_tiles = textured(Tiling::draw_wall(dice).paint(), 0.2, Vec3::ONE);
        let bath_floor = textured(Tiling::draw_floor(dice).paint(), 0.3, Vec3::ONE);
        let floor = textured(
            Parquet::draw(dice).paint(),
            dice.range(0.35, 0.6),
            Vec3::ONE,
        );
        let kitchen_floor = if dice.chance(0.6) {
            textured(Tiling::draw_floor(dice).paint(), 0.35, Vec3::ONE)
        } else {
            floor
        };
        let cloth = |dice: &mut Dice| {
            hsv(
                dice.unit(),
                dice.range(0.03, 0.1 + 0.42 * colour),
                dice.range(0.25, 0.85),
            )
        };
        let fabrics = (0..5)
            .map(|_| {
                let (c, t) = (cloth(dice), cloth(dice));
                textured(texture::fabric(c, t, dice.bits()), 1.0, Vec3::ONE)
            })
            .collect();
        let cloths = (0..4)
            .map(|_| {
                let (c, t, n) = (cloth(dice), cloth(dice), dice.pick(&[0, 0, 4, 8]));
                textured(texture::knit(c, t, n, dice.bits()), 1.0, Vec3::ONE)
            })
            .collect();
        let sheet = hsv(
            dice.unit(),
            dice.range(0.0, 0.3 * colour),
            dice.range(0.8, 0.95),
        );
        let sheets = textured(texture::knit(sheet, sheet, 0, dice.bits()), 1.0, Vec3::ONE);
        let curtain_colour = hsv(
            dice.unit(),
            dice.range(0.0, 0.1 + 0.4 * colour),
            dice.range(0.55, 0.92),
        );
        let curtain_texture =
            scene.texture(texture::fabric(curtain_colour, curtain_colour, dice.bits()));
        let curtain = scene.material(
            Material::matt(Vec3::ONE)
                .textured(curtain_texture)
                .both_sides(),
        );
        let leaves = (0..3)
            .map(|_| {
                let green = hsv(
                    dice.range(0.22, 0.38),
                    dice.range(0.45, 0.75),
                    dice.range(0.3, 0.55),
                );
                let texture = scene.texture(texture::leaf(green, dice.bits()));
                scene.material(
                    Material::matt(Vec3::ONE)
                        .rough(0.55)
                        .textured(texture)
                        .both_sides(),
                )
            })
            .collect();
        let labels = (0..6)
            .map(|_| {
                let texture = scene.texture(texture::label(dice));
                scene.material(Material::matt(Vec3::ONE).rough(0.3).textured(texture))
            })
            .collect();
        let spine = scene.texture(texture::spines(dice));
        let spines = (0..14)
            .map(|_| {
                let c = hsv(dice.unit(), dice.range(0.1, 0.8), dice.range(0.25, 0.95));
                scene.material(Material::matt(c * 1.3).rough(0.5).textured(spine))
            })
            .collect();
        Self {
            white,
            ceiling,
            skirting,
            door,
            frame,
            pane,
            mirror,
            steel,
            chrome,
            black,
            screen,
            porcelain,
            fridge,
            counter,
            cupboard,
            plinth,
            splash,
            bath_tiles,
            bath_floor,
            kitchen_floor,
            floor,
            woods,
            fabrics,
            cloths,
            curtain,
            sheets,
            leaves,
            soil,
            clay,
            paints,
            glasses,
            labels,
            spines,
            paper,
            cardboard,
            aluminium,
        }
    }

    /// Walls of one room.
    pub(crate) fn wall(scene: &mut Scene, dice: &mut Dice, colour: f32) -> MaterialId {
        let tint = if dice.chance(0.55 - 0.25 * colour) {
            hsv(0.1, dice.range(0.0, 0.06), dice.range(0.88, 0.96))
        } else {
            hsv(
                dice.pick(&[0.02, 0.08, 0.1, 0.13, 0.3, 0.4, 0.5, 0.57, 0.62, 0.75]),
                dice.range(0.04, 0.08 + 0.2 * colour),
                dice.range(0.74, 0.94),
            )
        };
        if dice.chance(0.08 + 0.1 * colour) {
            let texture = scene.texture(texture::wallpaper(dice, tint));
            return scene.material(Material::matt(Vec3::ONE).textured(texture));
        }
        let texture = scene.texture(texture::plaster(dice.bits(), dice.chance(0.35)));
        scene.material(Material::matt(tint).textured(texture))
    }
}
