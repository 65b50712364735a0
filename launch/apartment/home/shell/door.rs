//! A door: its frame and its leaf.

use glam::Vec3;

use crate::class::Class;
use crate::dice::Dice;
use crate::home::palette::Palette;
use crate::home::plan::{Door, FloorPlan};
use crate::pose::CameraPose;
use crate::scene::Scene;
use crate::shape::Model;

pub(super) fn build_door(
    scene: &mut Scene,
    plan: &FloorPlan,
    palette: &Palette,
    door: &Door,
    dice: &mut Dice,
) {
    // In the door's own frame x runs along the wall and y through it.
    let yaw = if door.along_x {
        0.0
    } else {
        std::f32::consts::FRAC_PI_2
    };
    let pose = CameraPose::upright(Vec3::new(door.centre.x, door.centre.y, 0.0), yaw);
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
    let leaf_pose = CameraPose::upright(hinge_point, yaw + shut + swing);
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
