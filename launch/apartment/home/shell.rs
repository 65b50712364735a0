//! Walls, floors, ceilings, skirting, doors and windows.

use glam::{Vec2, Vec3};

use super::palette::Palette;
use super::plan::{Door, OUTER_WALL, Plan, RoomKind, WALL, Window};
use crate::class::Class;
use crate::dice::Dice;
use crate::light::WindowLight;
use crate::material::MaterialId;
use crate::pose::Pose;
use crate::scene::Scene;
use crate::shape::Model;

/// One inner wall: origin at its low end seen in the plan, direction along it,
/// outward direction through it. Sides: west, east, south, north.
struct WallFrame {
    origin: Vec3,
    along: Vec3,
    out: Vec3,
    length: f32,
}

fn wall_frame(plan: &Plan, room: usize, side: usize) -> WallFrame {
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
    plan: &Plan,
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
fn holes(plan: &Plan, room: usize, side: usize) -> Vec<(Vec2, Vec2)> {
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

fn build_room(
    scene: &mut Scene,
    plan: &Plan,
    palette: &Palette,
    room: usize,
    dice: &mut Dice,
    colour: f32,
) {
    let data = &plan.rooms[room];
    let kind = data.kind;
    let (size, height) = (data.size(), data.high.z);
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
        let (origin, along) = if frame.along.cross(Vec3::Z).dot(frame.out) < 0.0 {
            (frame.origin, frame.along)
        } else {
            (frame.origin + frame.along * frame.length, -frame.along)
        };
        let flipped: Vec<(Vec2, Vec2)> = if along == frame.along {
            holes.clone()
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
        if kind == RoomKind::Bathroom {
            let tiled = dice.pick(&[height, 2.1, 1.4]).min(height);
            let cut = |low: f32, high: f32| -> Vec<(Vec2, Vec2)> {
                flipped
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
                palette.bath_tiles,
                origin,
                along * frame.length,
                Vec3::Z * tiled,
                &cut(0.0, tiled),
            );
            if tiled < height {
                walls.pierced(
                    material,
                    origin + Vec3::Z * tiled,
                    along * frame.length,
                    Vec3::Z * (height - tiled),
                    &cut(tiled, height),
                );
            }
        } else {
            walls.pierced(
                material,
                origin,
                along * frame.length,
                Vec3::Z * height,
                &flipped,
            );
            skirting(&mut walls, palette.skirting, &frame, &holes);
        }
    }
    scene.add(Class::Wall, walls, Pose::IDENTITY, room);
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
    let index = scene.add(Class::Floor, floor, Pose::IDENTITY, room);
    scene.objects[index].shared = true;
    let mut ceiling = Model::new();
    ceiling.light_spacing = 0.2;
    ceiling.rectangle(
        palette.ceiling,
        Vec3::new(data.low.x, data.high.y, height),
        Vec3::X * size.x,
        Vec3::NEG_Y * size.y,
    );
    scene.add(Class::Ceiling, ceiling, Pose::IDENTITY, room);
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

fn build_door(scene: &mut Scene, plan: &Plan, palette: &Palette, door: &Door, dice: &mut Dice) {
    // In the door's own frame x runs along the wall and y through it.
    let yaw = if door.along_x {
        0.0
    } else {
        std::f32::consts::FRAC_PI_2
    };
    let pose = Pose::upright(Vec3::new(door.centre.x, door.centre.y, 0.0), yaw);
    let (half, deep, height) = (door.width / 2.0, door.depth / 2.0 + 0.002, door.height);
    let mut frame = Model::new();
    let lining = palette.frame;
    for side in [-1.0, 1.0] {
        let x = (side * half, side * (half - 0.02));
        frame.block(
            lining,
            Vec3::new(f32::min(x.0, x.1), -deep, 0.0),
            Vec3::new(f32::max(x.0, x.1), deep, height),
        );
        for face in [-1.0, 1.0] {
            let y = (face * deep, face * (deep + 0.015));
            let (y0, y1) = (f32::min(y.0, y.1), f32::max(y.0, y.1));
            let x = (side * half, side * (half + 0.065));
            frame.block(
                lining,
                Vec3::new(f32::min(x.0, x.1), y0, 0.0),
                Vec3::new(f32::max(x.0, x.1), y1, height + 0.065),
            );
            frame.block(
                lining,
                Vec3::new(-half, y0, height),
                Vec3::new(half, y1, height + 0.065),
            );
        }
    }
    frame.block(
        lining,
        Vec3::new(-half + 0.02, -deep, height - 0.02),
        Vec3::new(half - 0.02, deep, height),
    );
    let index = scene.add(Class::DoorFrame, frame, pose, door.rooms[1]);
    scene.objects[index].shared = true;
    let Some(open) = door.open else { return };
    // The leaf turns about a hinge on the face of room 1, into that room.
    let towards = plan.rooms[door.rooms[1]].middle() - door.centre;
    let inwards = pose.rotation.inverse() * Vec3::new(towards.x, towards.y, 0.0);
    let face = if inwards.y >= 0.0 { 1.0 } else { -1.0 };
    let hinge = if dice.chance(0.5) { 1.0 } else { -1.0 };
    let leaf = leaf(palette, door.width - 0.05, height - 0.03, dice.int(0, 2));
    let hinge_point = pose.point(Vec3::new(
        hinge * (half - 0.025),
        face * (deep - 0.022),
        0.008,
    ));
    // Shut, the leaf's x axis points from the hinge across the opening.
    let shut = if hinge > 0.0 {
        std::f32::consts::PI
    } else {
        0.0
    };
    let swing = open * face * -hinge;
    let leaf_pose = Pose::upright(hinge_point, yaw + shut + swing);
    let index = scene.add(Class::Door, leaf, leaf_pose, door.rooms[1]);
    scene.objects[index].shared = true;
}

/// A leaf that hangs at x = 0: plain, with panels, or with a window.
fn leaf(palette: &Palette, width: f32, height: f32, style: u32) -> Model {
    let mut model = Model::new();
    model.board(
        palette.door,
        Vec3::new(0.0, -0.02, 0.0),
        Vec3::new(width, 0.02, height),
    );
    if style > 0 {
        let panels: &[(f32, f32)] = if style == 1 {
            &[(0.12, 0.45), (0.52, 0.93)]
        } else {
            &[(0.1, 0.33), (0.38, 0.62), (0.67, 0.93)]
        };
        for (low, high) in panels {
            for y in [-1.0, 1.0] {
                let (x0, x1) = (width * 0.17, width * 0.83);
                let (z0, z1) = (height * low, height * high);
                let t = 0.018;
                let face = (
                    f32::min(0.018 * y, 0.028 * y),
                    f32::max(0.018 * y, 0.028 * y),
                );
                for (a, b) in [
                    ((x0, z0), (x1, z0 + t)),
                    ((x0, z1 - t), (x1, z1)),
                    ((x0, z0 + t), (x0 + t, z1 - t)),
                    ((x1 - t, z0 + t), (x1, z1 - t)),
                ] {
                    model.block(
                        palette.door,
                        Vec3::new(a.0, face.0, a.1),
                        Vec3::new(b.0, face.1, b.1),
                    );
                }
            }
        }
    }
    for y in [-1.0, 1.0] {
        let x = width - 0.07;
        model.bar(
            palette.chrome,
            Vec3::new(x, 0.0, 1.05),
            Vec3::new(x, y * 0.065, 1.05),
            0.009,
            8,
        );
        model.bar(
            palette.chrome,
            Vec3::new(x + 0.01, y * 0.06, 1.05),
            Vec3::new(x - 0.12, y * 0.06, 1.05),
            0.009,
            8,
        );
        model.block(
            palette.chrome,
            Vec3::new(x - 0.02, f32::min(0.02 * y, 0.026 * y), 0.95),
            Vec3::new(x + 0.02, f32::max(0.02 * y, 0.026 * y), 1.12),
        );
    }
    model
}

fn build_window(
    scene: &mut Scene,
    plan: &Plan,
    palette: &Palette,
    window: &Window,
    dice: &mut Dice,
) -> WindowLight {
    let frame = wall_frame(plan, window.room, window.side);
    let corner = frame.origin + frame.along * window.from + Vec3::Z * window.sill;
    let (width, height) = (window.width, window.top - window.sill);
    // Model frame: x along the wall, y outwards, z up; origin at the sill's low end.
    let basis = glam::Affine3A::from_mat3_translation(
        glam::Mat3::from_cols(frame.along, frame.out, Vec3::Z),
        corner,
    );
    let mut model = Model::new();
    let deep = OUTER_WALL - WALL;
    model.at(basis, |m| {
        // Reveals, open towards the room.
        let f = palette.frame;
        m.block(
            f,
            Vec3::new(-0.01, 0.0, -0.01),
            Vec3::new(0.012, deep, height + 0.01),
        );
        m.block(
            f,
            Vec3::new(width - 0.012, 0.0, -0.01),
            Vec3::new(width + 0.01, deep, height + 0.01),
        );
        m.block(
            f,
            Vec3::new(0.0, 0.0, height - 0.012),
            Vec3::new(width, deep, height + 0.01),
        );
        m.block(f, Vec3::new(0.0, 0.0, -0.01), Vec3::new(width, deep, 0.012));
        if window.sill > 0.5 {
            m.board(
                palette.white,
                Vec3::new(-0.05, -0.14, -0.03),
                Vec3::new(width + 0.05, 0.01, 0.004),
            );
        }
        let (y0, y1) = (deep - 0.07, deep);
        let wings = if width > 1.15 { 2 } else { 1 };
        for wing in 0..wings {
            let (x0, x1) = (
                width * wing as f32 / wings as f32,
                width * (wing + 1) as f32 / wings as f32,
            );
            let bar = 0.06;
            m.block(f, Vec3::new(x0, y0, 0.0), Vec3::new(x0 + bar, y1, height));
            m.block(f, Vec3::new(x1 - bar, y0, 0.0), Vec3::new(x1, y1, height));
            m.block(
                f,
                Vec3::new(x0 + bar, y0, 0.0),
                Vec3::new(x1 - bar, y1, bar),
            );
            m.block(
                f,
                Vec3::new(x0 + bar, y0, height - bar),
                Vec3::new(x1 - bar, y1, height),
            );
            let handle = if wing == 0 { x1 - 0.03 } else { x0 + 0.03 };
            m.bar(
                palette.steel,
                Vec3::new(handle, y0 - 0.03, height * 0.5),
                Vec3::new(handle, y0 - 0.03, height * 0.5 - 0.11),
                0.009,
                6,
            );
        }
    });
    let class = Class::Window;
    let mut pane = Model::new();
    let y = frame.out * (deep - 0.03);
    pane.rectangle(
        palette.pane,
        corner + y,
        frame.along * width,
        Vec3::Z * height,
    );
    scene.add(class, model, Pose::IDENTITY, window.room);
    scene.add(class, pane, Pose::IDENTITY, window.room);
    if plan.rooms[window.room].kind != RoomKind::Bathroom
        && plan.rooms[window.room].kind != RoomKind::Kitchen
        && dice.chance(0.75)
    {
        curtains(scene, palette, window, &frame, dice);
    }
    WindowLight {
        corner: corner + y,
        edge: frame.along * width,
        height,
        inwards: -frame.out,
    }
}

fn curtains(
    scene: &mut Scene,
    palette: &Palette,
    window: &Window,
    frame: &WallFrame,
    dice: &mut Dice,
) {
    let rail = window.top + 0.1;
    let hang = if window.sill < 0.5 || dice.chance(0.6) {
        rail - 0.03
    } else {
        rail - window.sill + 0.15
    };
    let inwards = -frame.out;
    let base = frame.origin + inwards * 0.09 + Vec3::Z * rail;
    let mut model = Model::new();
    let (from, to) = (
        (window.from - 0.28).max(0.02),
        (window.from + window.width + 0.28).min(frame.length - 0.02),
    );
    model.bar(
        palette.steel,
        base + frame.along * from,
        base + frame.along * to,
        0.012,
        8,
    );
    let share = dice.range(0.14, 0.3) * window.width;
    for (start, wide) in [(from + 0.02, share + 0.2), (to - share - 0.22, share + 0.2)] {
        let top = base + frame.along * start;
        model.drape(
            palette.curtain,
            top,
            frame.along * wide,
            hang,
            inwards,
            (wide * 9.0, 0.032),
        );
    }
    scene.add(Class::Curtain, model, Pose::IDENTITY, window.room);
}
