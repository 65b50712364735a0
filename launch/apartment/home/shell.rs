//! Walls, floors, ceilings, skirting, doors and windows.

mod door;
mod room;
mod window;

use door::build_door;
use glam::{Vec2, Vec3};
use room::build_room;
use window::build_window;

use super::palette::Palette;
use super::plan::FloorPlan;
use crate::dice::Dice;
use crate::light::WindowLight;
use crate::scene::Scene;

/// One inner wall: origin at its low end seen in the plan, direction along it,
/// outward direction through it. Sides: west, east, south, north.
struct WallFrame {
    origin: Vec3,
    along: Vec3,
    out: Vec3,
    length: f32,
}

fn wall_frame(plan: &FloorPlan, room: usize, side: usize) -> WallFrame {
    let (low, high) = (plan.rooms[room].low, plan.rooms[room].high);
    let (origin, along, out) = match side {
        0 => (low, Vec3::Y, Vec3::NEG_X),
        1 => (Vec3::new(high.x, low.y, 0.0), Vec3::Y, Vec3::X),
        2 => (low, Vec3::X, Vec3::NEG_Y),
        _ => (Vec3::new(low.x, high.y, 0.0), Vec3::X, Vec3::Y),
    };
    let length = if side < 2 {
        high.y - low.y
    } else {
        high.x - low.x
    };
    WallFrame {
        origin,
        along,
        out,
        length,
    }
}

/// Builds everything that does not move, and returns the windows as lights.
pub(crate) fn build(
    scene: &mut Scene,
    plan: &FloorPlan,
    palette: &Palette,
    dice: &mut Dice,
    colour: f32,
) -> Vec<WindowLight> {
    for room in 0..plan.rooms.len() {
        build_room(scene, plan, palette, room, dice, colour);
    }
    for door in &plan.doors {
        build_door(scene, plan, palette, door, dice);
    }
    plan.windows
        .iter()
        .map(|window| build_window(scene, plan, palette, window, dice))
        .collect()
}

/// Doors and windows of one wall as holes (along the wall, height).
fn holes(plan: &FloorPlan, room: usize, side: usize) -> Vec<(Vec2, Vec2)> {
    let frame = wall_frame(plan, room, side);
    let mut holes = Vec::new();
    for door in plan.doors.iter().filter(|d| d.rooms.contains(&room)) {
        let through = if door.along_x { Vec3::Y } else { Vec3::X };
        let offset = Vec3::new(door.centre.x, door.centre.y, 0.0) - frame.origin;
        let here = through.dot(frame.out).abs() > 0.5
            && (offset.dot(frame.out) - door.depth / 2.0).abs() < 0.02;
        if here {
            let middle = offset.dot(frame.along);
            holes.push((
                Vec2::new(middle - door.width / 2.0, -1.0),
                Vec2::new(middle + door.width / 2.0, door.height),
            ));
        }
    }
    for window in plan
        .windows
        .iter()
        .filter(|w| w.room == room && w.side == side)
    {
        holes.push((
            Vec2::new(window.from, window.sill),
            Vec2::new(window.from + window.width, window.top),
        ));
    }
    holes
}
