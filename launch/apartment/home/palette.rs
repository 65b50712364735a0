//! The materials of one home: drawn together so that they go together.

mod mixer;

use glam::Vec3;
use mixer::Mixer;

use crate::dice::Dice;
use crate::material::{Kind, Material, MaterialId, hsv, srgb};
use crate::scene::Scene;
use crate::texture;

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

impl Palette {
    /// Draws the materials and adds them to the scene; `colour` is 0 plain to 1 wild.
    pub(crate) fn draw(scene: &mut Scene, dice: &mut Dice, colour: f32) -> Self {
        let mut m = Mixer {
            scene,
            dice,
            colour,
        };
        let white = m.lacquer(0.82, 0.5);
        let ceiling = m.grey(0.86);
        let skirting = m.white_or_wood(0.75, 0.45);
        let door = m.white_or_wood(0.65, 0.4);
        let frame = m.lacquer(0.83, 0.4);
        let pane = m.kind(Kind::Pane, 1.0);
        let mirror = m.kind(Kind::Mirror, 0.9);
        let steel = m.metal(0.58, 0.38);
        let chrome = m.metal(0.75, 0.12);
        let black = m.lacquer(0.025, 0.5);
        let screen = m.lacquer(0.012, 0.08);
        let porcelain = m.lacquer(0.84, 0.15);
        let fridge = m.fridge();
        let front = m.front();
        let plinth = m.add(Material::matt(front * 0.25));
        let aluminium = m.metal(0.8, 0.28);
        let paper = m.grey(0.8);
        let cardboard = m.add(Material::matt(srgb(176, 140, 98)));
        let soil = m.add(Material::matt(srgb(60, 44, 32)));
        let clay = m.clay();
        let paints = m.paints();
        let glasses = m.glasses();
        let woods = m.several(3, Mixer::wood);
        let counter = m.counter(woods[1]);
        let cupboard = m.cupboard(woods[0], front);
        let splash = m.wall_tiles();
        let bath_tiles = m.wall_tiles();
        let bath_floor = m.floor_tiles(0.3);
        let floor = m.parquet();
        Self {
            kitchen_floor: m.kitchen_floor(floor),
            fabrics: m.several(5, Mixer::fabric),
            cloths: m.several(4, Mixer::cloth),
            sheets: m.sheets(),
            curtain: m.curtain(),
            leaves: m.several(3, Mixer::leaf),
            labels: m.several(6, Mixer::label),
            spines: m.spines(),
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
            floor,
            woods,
            soil,
            clay,
            paints,
            glasses,
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
