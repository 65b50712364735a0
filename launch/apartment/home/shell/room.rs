//! Walls with their holes, floor and ceiling of a room.

use glam::{Vec2, Vec3};

use super::{WallFrame, holes, wall_frame};
use crate::class::Class;
use crate::dice::Dice;
use crate::home::palette::Palette;
use crate::home::plan::{FloorPlan, RoomKind};
use crate::material::MaterialId;
use crate::pose::CameraPose;
use crate::scene::Scene;
use crate::shape::Model;

pub(super) fn build_room(
    scene: &mut Scene,
    plan: &FloorPlan,
    palette: &Palette,
    room: usize,
    dice: &mut Dice,
    colour: f32,
) {
    build_walls(scene, plan, palette, room, dice, colour);
    build_floor(scene, plan, palette, room);
    build_ceiling(scene, plan, palette, room);
}

fn build_walls(
    scene: &mut Scene,
    plan: &FloorPlan,
    palette: &Palette,
    room: usize,
    dice: &mut Dice,
    colour: f32,
) {
    let data = &plan.rooms[room];
    let (kind, height) = (data.kind, data.high.z);
    let plain = Palette::wall(scene, dice, colour);
    let accent = if dice.chance(0.3) {
        Palette::wall(scene, dice, (colour + 0.3).min(1.0))
    } else {
        plain
    };
    let accent_side = dice.int(0, 3) as usize;
    let mut walls = Model::new();
    for side in 0..4 {
        let frame = wall_frame(plan, room, side);
        let material = if side == accent_side { accent } else { plain };
        let holes = holes(plan, room, side);
        let sheet = Sheet::new(&frame, &holes, height);
        if kind == RoomKind::Bathroom {
            let tiled = dice.pick(&[height, 2.1, 1.4]).min(height);
            sheet.tiled(&mut walls, palette.bath_tiles, material, tiled);
        } else {
            sheet.plain(&mut walls, material);
            skirting(&mut walls, palette.skirting, &frame, &holes);
        }
    }
    scene.add(Class::Wall, walls, CameraPose::IDENTITY, room);
}

/// One wall seen from its room: corner, way along and holes so turned that it
/// faces inwards.
struct Sheet {
    origin: Vec3,
    along: Vec3,
    length: f32,
    height: f32,
    holes: Vec<(Vec2, Vec2)>,
}

impl Sheet {
    fn new(frame: &WallFrame, holes: &[(Vec2, Vec2)], height: f32) -> Self {
        let (origin, along) = if frame.along.cross(Vec3::Z).dot(frame.out) < 0.0 {
            (frame.origin, frame.along)
        } else {
            (frame.origin + frame.along * frame.length, -frame.along)
        };
        let turned: Vec<(Vec2, Vec2)> = if along == frame.along {
            holes.to_vec()
        } else {
            holes
                .iter()
                .map(|(l, h)| {
                    (
                        Vec2::new(frame.length - h.x, l.y),
                        Vec2::new(frame.length - l.x, h.y),
                    )
                })
                .collect()
        };
        Self {
            origin,
            along,
            length: frame.length,
            height,
            holes: turned,
        }
    }

    /// One material from the floor to the ceiling.
    fn plain(&self, walls: &mut Model, material: MaterialId) {
        walls.pierced(
            material,
            self.origin,
            self.along * self.length,
            Vec3::Z * self.height,
            &self.holes,
        );
    }

    /// Tiles up to a height, another material above them.
    fn tiled(&self, walls: &mut Model, tiles: MaterialId, above: MaterialId, tiled: f32) {
        let cut = |low: f32, high: f32| -> Vec<(Vec2, Vec2)> {
            self.holes
                .iter()
                .map(|(l, h)| {
                    (
                        Vec2::new(l.x, l.y - low),
                        Vec2::new(h.x, h.y.min(high) - low),
                    )
                })
                .collect()
        };
        walls.pierced(
            tiles,
            self.origin,
            self.along * self.length,
            Vec3::Z * tiled,
            &cut(0.0, tiled),
        );
        if tiled < self.height {
            walls.pierced(
                above,
                self.origin + Vec3::Z * tiled,
                self.along * self.length,
                Vec3::Z * (self.height - tiled),
                &cut(tiled, self.height),
            );
        }
    }
}

fn build_floor(scene: &mut Scene, plan: &FloorPlan, palette: &Palette, room: usize) {
    let data = &plan.rooms[room];
    let (kind, size) = (data.kind, data.size());
    let mut floor = Model::new();
    floor.light_spacing = 0.085;
    let material = match kind {
        RoomKind::Bathroom => palette.bath_floor,
        RoomKind::Kitchen => palette.kitchen_floor,
        _ => palette.floor,
    };
    floor.rectangle(material, data.low, Vec3::X * size.x, Vec3::Y * size.y);
    for door in plan.doors.iter().filter(|d| d.rooms[0] == room) {
        let (half, deep) = (door.width / 2.0, door.depth / 2.0);
        let middle = Vec3::new(door.centre.x, door.centre.y, 0.0);
        let (x, y) = if door.along_x {
            (half, deep)
        } else {
            (deep, half)
        };
        floor.rectangle(
            material,
            middle - Vec3::new(x, y, 0.0),
            Vec3::X * (2.0 * x),
            Vec3::Y * (2.0 * y),
        );
    }
    let index = scene.add(Class::Floor, floor, CameraPose::IDENTITY, room);
    scene.objects[index].shared = true;
}

fn build_ceiling(scene: &mut Scene, plan: &FloorPlan, palette: &Palette, room: usize) {
    let data = &plan.rooms[room];
    let (size, height) = (data.size(), data.high.z);
    let mut ceiling = Model::new();
    ceiling.light_spacing = 0.2;
    ceiling.rectangle(
        palette.ceiling,
        Vec3::new(data.low.x, data.high.y, height),
        Vec3::X * size.x,
        Vec3::NEG_Y * size.y,
    );
    scene.add(Class::Ceiling, ceiling, CameraPose::IDENTITY, room);
}

/// Skirting boards between the holes that reach the floor.
fn skirting(model: &mut Model, material: MaterialId, frame: &WallFrame, holes: &[(Vec2, Vec2)]) {
    let mut doors: Vec<(f32, f32)> = holes
        .iter()
        .filter(|h| h.0.y < 0.05)
        .map(|h| (h.0.x - 0.065, h.1.x + 0.065))
        .collect();
    doors.sort_by(|a, b| a.0.total_cmp(&b.0));
    doors.push((frame.length, frame.length));
    let mut from = 0.0;
    for (start, end) in doors {
        if start - from > 0.02 {
            let a = frame.origin + frame.along * from;
            let b = frame.origin + frame.along * start - frame.out * 0.014 + Vec3::Z * 0.075;
            model.block(material, a.min(b), a.max(b));
        }
        from = end;
    }
}
